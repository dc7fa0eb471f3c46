//! Wrapped keys, and which kind of root source unwraps them.

use mirk_model::{DekId, KeyringRow, TenantId, Timestamp};

use super::{every, first};
use crate::db::{Batch, DbError, Fetch, Fields, Query, values};

const ALL: &str = "
    SELECT id, purpose, version, tenant, wrapped, created_at
      FROM keyring
     ORDER BY created_at, id";

const INSERT: &str = "
    INSERT INTO keyring (id, purpose, version, tenant, wrapped, created_at)
    VALUES ($1, $2, $3, $4, $5, $6)";

const REWRAP: &str = "
    UPDATE keyring
       SET wrapped = $1
     WHERE id = $2 AND wrapped = $3";

const REMOVE: &str = "
    DELETE FROM keyring
     WHERE id = $1";

const ROOT_SOURCE: &str = "
    SELECT root_source
      FROM keyring_meta
     WHERE one = 1";

const SET_ROOT_SOURCE: &str = "
    INSERT INTO keyring_meta (one, root_source, changed_at)
    VALUES (1, $1, $2)
    ON CONFLICT (one)
    DO UPDATE SET root_source = excluded.root_source, changed_at = excluded.changed_at";

/// All keys, oldest first. One unreadable key fails the read: the hierarchy is whole or unusable.
///
/// # Errors
/// When the database cannot be read.
pub fn all(reader: &dyn Fetch) -> Result<Vec<KeyringRow>, DbError> {
    every(reader, &Query::new(ALL, values![]), read)
}

fn read(fields: &mut Fields) -> Result<KeyringRow, DbError> {
    Ok(KeyringRow {
        id: DekId::from_bytes(fields.array()?),
        purpose: fields.text()?,
        version: fields.count()?,
        tenant: fields
            .optional_bytes()?
            .map(|bytes| bytes.try_into().or(Err(DbError::Malformed)))
            .transpose()?
            .map(TenantId::from_bytes),
        wrapped: fields.bytes()?,
        created_at: fields.time()?,
    })
}

/// Adds a key. Fails with [`DbError::Constraint`] when its version exists.
pub fn insert(row: &KeyringRow) -> Batch {
    Batch::new()
        .run(
            INSERT,
            values![
                row.id.as_bytes(),
                row.purpose.as_str(),
                row.version,
                row.tenant.as_ref().map(TenantId::as_bytes),
                row.wrapped.as_slice(),
                row.created_at,
            ],
        )
        .expect_rows(1)
}

/// Replaces the wrapping `from` by that of `row`.
pub fn rewrap(row: &KeyringRow, from: &[u8]) -> Batch {
    Batch::new()
        .run(
            REWRAP,
            values![row.wrapped.as_slice(), row.id.as_bytes(), from],
        )
        .expect_rows(1)
        .wipe()
}

/// Removes a key, and with it whatever only it can open.
pub fn remove(id: DekId) -> Batch {
    Batch::new()
        .run(REMOVE, values![id.as_bytes()])
        .expect_rows(1)
        .wipe()
}

/// The scheme of the root source in use, such as `file`; never where it is.
///
/// # Errors
/// When the database cannot be read.
pub fn root_source(reader: &dyn Fetch) -> Result<Option<String>, DbError> {
    first(reader, &Query::new(ROOT_SOURCE, values![]), Fields::text)
}

/// Notes the scheme of the root source in use.
pub fn set_root_source(scheme: &str, now: Timestamp) -> Batch {
    Batch::new()
        .run(SET_ROOT_SOURCE, values![scheme, now])
        .expect_rows(1)
}
