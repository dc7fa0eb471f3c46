//! Provider credentials, sealed: the store never sees what is in them.

use mirk_model::{CredentialId, CredentialKind, CredentialRow, ProviderId, TenantId};

use super::readable;
use crate::db::{Batch, DbError, Fetch, Fields, Noun, Query, values};

const ALL: &str = "
    SELECT id, tenant, provider, label, origin, sealed, fingerprint, generation, enabled,
           created_at, row_mac, kind, needs_login, expires_day
      FROM credential
     ORDER BY created_at, id";

const INSERT: &str = "
    INSERT INTO credential (
           id, tenant, provider, label, origin, sealed, fingerprint, generation, enabled,
           created_at, row_mac, kind, needs_login, expires_day)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

/// Guarded by the row's MAC, which changes with every field, so that no change gets lost.
const UPDATE: &str = "
    UPDATE credential
       SET label = $1, origin = $2, sealed = $3, fingerprint = $4, generation = $5,
           enabled = $6, row_mac = $7, kind = $8, needs_login = $9, expires_day = $10
     WHERE tenant = $11 AND id = $12 AND row_mac = $13";

const REMOVE: &str = "
    DELETE FROM credential
     WHERE tenant = $1 AND id = $2";

const REMOVE_OF_PROVIDER: &str = "
    DELETE FROM credential
     WHERE tenant = $1 AND provider = $2";

/// Every readable credential, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn all(reader: &dyn Fetch) -> Result<Vec<CredentialRow>, DbError> {
    readable(reader, &Query::new(ALL, values![]), read)
}

fn read(fields: &mut Fields) -> Result<CredentialRow, DbError> {
    Ok(CredentialRow {
        id: CredentialId::from_bytes(fields.array()?),
        tenant: TenantId::from_bytes(fields.array()?),
        provider: ProviderId::from_bytes(fields.array()?),
        label: fields.text()?,
        origin: fields.text()?,
        sealed: fields.bytes()?,
        fingerprint: fields.text()?,
        generation: fields.int()?,
        enabled: fields.flag()?,
        created_at: fields.time()?,
        row_mac: fields.array()?,
        kind: CredentialKind::by_name(&fields.text()?).ok_or(DbError::Malformed)?,
        needs_login: fields.flag()?,
        expires_day: fields.optional_int()?,
    })
}

/// Adds a credential. Fails with [`DbError::Constraint`] when its provider is not the tenant's or
/// has one of that label.
pub fn insert(row: &CredentialRow) -> Batch {
    Batch::new()
        .run(
            INSERT,
            values![
                row.id.as_bytes(),
                row.tenant.as_bytes(),
                row.provider.as_bytes(),
                row.label.as_str(),
                row.origin.as_str(),
                row.sealed.as_slice(),
                row.fingerprint.as_str(),
                row.generation,
                row.enabled,
                row.created_at,
                &row.row_mac,
                row.kind.name(),
                row.needs_login,
                row.expires_day,
            ],
        )
        .expect_rows(1)
        .touch(Noun::Credentials)
}

/// Writes `row` over the row whose MAC is `before`. Fails with [`DbError::Conflict`] when that is
/// not there any more.
pub fn update(row: &CredentialRow, before: &[u8; 32]) -> Batch {
    Batch::new()
        .run(
            UPDATE,
            values![
                row.label.as_str(),
                row.origin.as_str(),
                row.sealed.as_slice(),
                row.fingerprint.as_str(),
                row.generation,
                row.enabled,
                &row.row_mac,
                row.kind.name(),
                row.needs_login,
                row.expires_day,
                row.tenant.as_bytes(),
                row.id.as_bytes(),
                before,
            ],
        )
        .expect_rows(1)
        .touch(Noun::Credentials)
        .wipe()
}

/// Removes a credential, also from the write-ahead log.
pub fn remove(tenant: TenantId, id: CredentialId) -> Batch {
    Batch::new()
        .run(REMOVE, values![tenant.as_bytes(), id.as_bytes()])
        .expect_rows(1)
        .touch(Noun::Credentials)
        .wipe()
}

/// Removes all credentials of a provider, also from the write-ahead log.
pub fn remove_of_provider(tenant: TenantId, provider: ProviderId) -> Batch {
    Batch::new()
        .run(
            REMOVE_OF_PROVIDER,
            values![tenant.as_bytes(), provider.as_bytes()],
        )
        .touch(Noun::Credentials)
        .wipe()
}
