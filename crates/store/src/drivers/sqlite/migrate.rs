//! The schema of a SQLite file: what it is, and how it gets to be the newest.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path};

use mirk_model::Timestamp;
use rusqlite::Connection;

use super::connection::{convert, execute, open_source};
use crate::db::{DbError, Fetch, Migration, Query, values};

const VERSIONS: &str = "
    SELECT version, checksum
      FROM migration
     ORDER BY version";

const IS_THERE: &str = "
    SELECT COUNT(*)
      FROM sqlite_schema
     WHERE type = 'table' AND name = 'migration'";

const CREATE: &str = "
    CREATE TABLE migration (
        version     INTEGER PRIMARY KEY,
        checksum    INTEGER NOT NULL,
        at          INTEGER NOT NULL
    ) STRICT";

const RECORD: &str = "
    INSERT INTO migration (version, checksum, at)
    VALUES ($1, $2, $3)";

/// What SQLite says for the tokens of the portable schema.
const TOKENS: [(&str, &str); 4] = [
    ("{{int}}", "INTEGER"),
    ("{{bytes}}", "BLOB"),
    ("{{table}}", "STRICT"),
    ("{{clustered}}", "STRICT, WITHOUT ROWID"),
];

/// How many of `steps` the file has. Reads only.
pub(super) fn inspect(connection: &Connection, steps: &[Migration]) -> Result<usize, DbError> {
    let is_there = connection
        .fetch(&Query::new(IS_THERE, values![]))?
        .into_iter()
        .next()
        .ok_or(DbError::Malformed)?
        .into_fields()
        .flag()?;
    if !is_there {
        return Ok(0);
    }
    let rows = connection.fetch(&Query::new(VERSIONS, values![]))?;
    let applied = rows.len();
    for (index, row) in rows.into_iter().enumerate() {
        let mut fields = row.into_fields();
        let (version, checksum) = (fields.int()?, fields.int()?);
        let Some(step) = steps.get(index) else {
            return Err(DbError::SchemaNewer);
        };
        if step.version != version || step.checksum() != checksum {
            return Err(DbError::SchemaForeign);
        }
    }
    Ok(applied)
}

/// Whether SQLite finds the file in order.
pub(super) fn check(connection: &Connection) -> Result<(), DbError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(convert)?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(DbError::Corrupt)
    }
}

/// Applies what is missing of `steps`, each in a transaction of its own.
pub(super) fn migrate(
    connection: &Connection,
    steps: &[Migration],
    now: Timestamp,
) -> Result<(), DbError> {
    for step in steps.iter().skip(inspect(connection, steps)?) {
        connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(convert)?;
        let done = apply(connection, step, now)
            .and_then(|()| connection.execute_batch("COMMIT").map_err(convert));
        if done.is_err() && !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK").map_err(convert)?;
        }
        done?;
    }
    Ok(())
}

fn apply(connection: &Connection, step: &Migration, now: Timestamp) -> Result<(), DbError> {
    if step.version == 1 {
        connection.execute_batch(CREATE).map_err(convert)?;
    }
    let mut sql = step.sql.to_owned();
    for (token, text) in TOKENS {
        sql = sql.replace(token, text);
    }
    connection.execute_batch(&sql).map_err(convert)?;
    execute(
        connection,
        RECORD,
        &[step.version.into(), step.checksum().into(), now.into()],
    )?;
    Ok(())
}

/// Writes a consistent copy of the file at `from` to `to`, which must not be there yet, and checks
/// it. Only the owner can read it.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), DbError> {
    let target = to.to_str().ok_or(DbError::Io)?;
    // Made here first, because SQLite would make it with the mode that the umask leaves.
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .or(Err(DbError::Io))?;
    let copied = open_source(from)
        .and_then(|source| execute(&source, "VACUUM INTO $1", &[target.into()]))
        .and_then(|_| file.sync_all().or(Err(DbError::Io)))
        .and_then(|()| check(&open_source(to)?));
    if copied.is_err() {
        // Half a copy is worse than none.
        std::fs::remove_file(to).or(Err(DbError::Io))?;
    }
    copied
}
