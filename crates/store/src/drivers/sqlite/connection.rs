//! One SQLite connection: its settings, its values, its errors.

use std::{path::Path, time::Duration};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, Statement as Prepared, ToSql,
    config::DbConfig,
    limits::Limit,
    types::{ToSqlOutput, ValueRef},
};

use crate::db::{DbError, Fetch, Query, Row, Value};

/// How long a statement waits for a lock that another program holds.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// Set on every connection. `secure_delete` overwrites what is deleted; nothing is trusted that
/// the file says about itself; temporary tables never reach the disk; pages are not mapped, so a
/// failing disk is an error and not a signal.
const SETTINGS: &str = "
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA foreign_keys = ON;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA mmap_size = 0;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -8192;";

/// Far above anything that Mirk stores, far below what could hurt.
const LIMITS: [(Limit, i32); 9] = [
    (Limit::SQLITE_LIMIT_LENGTH, 16 << 20),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 64 << 10),
    (Limit::SQLITE_LIMIT_COLUMN, 64),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 64),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 8),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 16),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 256),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 4),
];

/// Every statement of every book fits.
const PREPARED: usize = 128;

/// Opens the file at `path`, which has to be there, for writing.
pub(super) fn open_writer(path: &Path) -> Result<Connection, DbError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(convert)?;
    if mode == "wal" {
        Ok(connection)
    } else {
        Err(DbError::ReadOnly)
    }
}

/// Opens the file at `path`, which has to be there, for reading.
pub(super) fn open_reader(path: &Path) -> Result<Connection, DbError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection
        .execute_batch("PRAGMA query_only = ON")
        .map_err(convert)?;
    Ok(connection)
}

/// Opens the file at `path` to copy it: as for reading, but the copy may be attached.
pub(super) fn open_source(path: &Path) -> Result<Connection, DbError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection
        .set_limit(Limit::SQLITE_LIMIT_ATTACHED, 1)
        .map_err(convert)?;
    Ok(connection)
}

fn open(path: &Path, access: OpenFlags) -> Result<Connection, DbError> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags).map_err(convert)?;
    connection.busy_timeout(BUSY).map_err(convert)?;
    for (config, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    ] {
        connection.set_db_config(config, on).map_err(convert)?;
    }
    for (limit, most) in LIMITS {
        connection.set_limit(limit, most).map_err(convert)?;
    }
    connection.execute_batch(SETTINGS).map_err(convert)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    Ok(connection)
}

/// A value that is bound without being copied first.
#[derive(Clone, Copy)]
pub(super) struct Bound<'a>(pub(super) ValueRef<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

impl<'a> From<&'a Value> for Bound<'a> {
    fn from(value: &'a Value) -> Self {
        Self(match value {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        })
    }
}

fn bind(prepared: &mut Prepared<'_>, values: &[Value]) -> Result<(), DbError> {
    if prepared.parameter_count() != values.len() {
        return Err(DbError::Misuse(rusqlite::ffi::SQLITE_RANGE));
    }
    for (index, value) in values.iter().enumerate() {
        prepared
            .raw_bind_parameter(index + 1, Bound::from(value))
            .map_err(convert)?;
    }
    Ok(())
}

/// Runs one write and says how many rows it touched.
pub(super) fn execute(
    connection: &Connection,
    sql: &str,
    values: &[Value],
) -> Result<u64, DbError> {
    let mut prepared = connection.prepare_cached(sql).map_err(convert)?;
    bind(&mut prepared, values)?;
    let rows = prepared.raw_execute().map_err(convert)?;
    Ok(u64::try_from(rows).unwrap_or(u64::MAX))
}

impl Fetch for Connection {
    fn fetch(&self, query: &Query) -> Result<Vec<Row>, DbError> {
        let mut prepared = self.prepare_cached(query.sql).map_err(convert)?;
        bind(&mut prepared, &query.values)?;
        let columns = prepared.column_count();
        let mut found = prepared.raw_query();
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(convert)? {
            let mut values = Vec::with_capacity(columns);
            for column in 0..columns {
                values.push(owned(row.get_ref(column).map_err(convert)?)?);
            }
            rows.push(Row::new(values));
        }
        Ok(rows)
    }
}

fn owned(value: ValueRef<'_>) -> Result<Value, DbError> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Int(number)),
        ValueRef::Text(text) => String::from_utf8(text.to_vec())
            .map(Value::Text)
            .or(Err(DbError::Malformed)),
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
        ValueRef::Real(_) => Err(DbError::Malformed),
    }
}

/// SQLite's error in our words; its own text, which may quote SQL and paths, is dropped.
#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
pub(super) fn convert(error: rusqlite::Error) -> DbError {
    let rusqlite::Error::SqliteFailure(failure, _) = error else {
        return DbError::Misuse(0);
    };
    match failure.code {
        // The log's index could not grow.
        _ if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => DbError::Full,
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed => DbError::Busy,
        ErrorCode::DiskFull => DbError::Full,
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => DbError::ReadOnly,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => DbError::Corrupt,
        ErrorCode::ConstraintViolation | ErrorCode::TooBig => DbError::Constraint,
        ErrorCode::OperationInterrupted => DbError::Timeout,
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => DbError::Io,
        _ => DbError::Misuse(failure.extended_code),
    }
}
