//! Providers.

use mirk_model::{ProviderId, ProviderRow, TenantId};

use super::readable;
use crate::db::{Batch, DbError, Fetch, Fields, Noun, Query, values};

const ALL: &str = "
    SELECT id, tenant, name, kind, base_url, models, enabled, created_at, version, row_mac
      FROM provider
     ORDER BY name, id";

const INSERT: &str = "
    INSERT INTO provider (
           id, tenant, name, kind, base_url, models, enabled, created_at, version, row_mac)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

const UPDATE: &str = "
    UPDATE provider
       SET name = $1, kind = $2, base_url = $3, models = $4, enabled = $5, version = $6,
           row_mac = $7
     WHERE tenant = $8 AND id = $9 AND version = $10";

const REMOVE: &str = "
    DELETE FROM provider
     WHERE tenant = $1 AND id = $2";

/// Every readable provider, by name.
///
/// # Errors
/// When the database cannot be read.
pub fn all(reader: &dyn Fetch) -> Result<Vec<ProviderRow>, DbError> {
    readable(reader, &Query::new(ALL, values![]), read)
}

fn read(fields: &mut Fields) -> Result<ProviderRow, DbError> {
    Ok(ProviderRow {
        id: ProviderId::from_bytes(fields.array()?),
        tenant: TenantId::from_bytes(fields.array()?),
        name: fields.text()?,
        kind: fields.text()?,
        base_url: fields.text()?,
        models: fields.list()?,
        enabled: fields.flag()?,
        created_at: fields.time()?,
        version: fields.int()?,
        row_mac: fields.array()?,
    })
}

/// Adds a provider. Fails with [`DbError::Constraint`] when its tenant has one of that name.
pub fn insert(row: &ProviderRow) -> Batch {
    Batch::new()
        .run(
            INSERT,
            values![
                row.id.as_bytes(),
                row.tenant.as_bytes(),
                row.name.as_str(),
                row.kind.as_str(),
                row.base_url.as_str(),
                row.models.as_slice(),
                row.enabled,
                row.created_at,
                row.version,
                &row.row_mac,
            ],
        )
        .expect_rows(1)
        .touch(Noun::Providers)
}

/// Writes `row` over the row of the version before: `row.version - 1`. Fails with
/// [`DbError::Conflict`] when the row has another version by now.
pub fn update(row: &ProviderRow) -> Batch {
    let before: i64 = row.version.saturating_sub(1);
    Batch::new()
        .run(
            UPDATE,
            values![
                row.name.as_str(),
                row.kind.as_str(),
                row.base_url.as_str(),
                row.models.as_slice(),
                row.enabled,
                row.version,
                &row.row_mac,
                row.tenant.as_bytes(),
                row.id.as_bytes(),
                before,
            ],
        )
        .expect_rows(1)
        .touch(Noun::Providers)
}

/// Removes a provider. Fails with [`DbError::Constraint`] while it has credentials.
pub fn remove(tenant: TenantId, id: ProviderId) -> Batch {
    Batch::new()
        .run(REMOVE, values![tenant.as_bytes(), id.as_bytes()])
        .expect_rows(1)
        .touch(Noun::Providers)
}
