//! Tenants: whoever owns keys, providers, credentials and routes.

use mirk_model::{TenantId, Timestamp};

use super::every;
use crate::db::{Batch, DbError, Fetch, Fields, Query, values};

const ALL: &str = "
    SELECT id, name, created_at
      FROM tenant
     ORDER BY created_at, id";

const INSERT: &str = "
    INSERT INTO tenant (id, name, created_at)
    VALUES ($1, $2, $3)";

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Id.
    pub id: TenantId,
    /// What it is called.
    pub name: String,
    /// Created at.
    pub created_at: Timestamp,
}

/// All tenants, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn all(reader: &dyn Fetch) -> Result<Vec<Tenant>, DbError> {
    every(reader, &Query::new(ALL, values![]), read)
}

fn read(fields: &mut Fields) -> Result<Tenant, DbError> {
    Ok(Tenant {
        id: TenantId::from_bytes(fields.array()?),
        name: fields.text()?,
        created_at: fields.time()?,
    })
}

/// Adds a tenant.
pub fn insert(tenant: &Tenant) -> Batch {
    Batch::new()
        .run(
            INSERT,
            values![
                tenant.id.as_bytes(),
                tenant.name.as_str(),
                tenant.created_at
            ],
        )
        .expect_rows(1)
}
