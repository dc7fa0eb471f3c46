//! Routes: model aliases and where they lead.

use mirk_model::{RouteId, RouteRow, TenantId};

use super::readable;
use crate::db::{Batch, DbError, Fetch, Fields, Noun, Query, values};

const ALL: &str = "
    SELECT id, tenant, alias, targets, created_at, row_mac
      FROM route
     ORDER BY alias, id";

const SET: &str = "
    INSERT INTO route (id, tenant, alias, targets, created_at, row_mac)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant, alias)
    DO UPDATE SET id = excluded.id, targets = excluded.targets,
           created_at = excluded.created_at, row_mac = excluded.row_mac";

const REMOVE: &str = "
    DELETE FROM route
     WHERE tenant = $1 AND alias = $2";

/// Every readable route, by alias.
///
/// # Errors
/// When the database cannot be read.
pub fn all(reader: &dyn Fetch) -> Result<Vec<RouteRow>, DbError> {
    readable(reader, &Query::new(ALL, values![]), read)
}

fn read(fields: &mut Fields) -> Result<RouteRow, DbError> {
    Ok(RouteRow {
        id: RouteId::from_bytes(fields.array()?),
        tenant: TenantId::from_bytes(fields.array()?),
        alias: fields.text()?,
        targets: fields.list()?,
        created_at: fields.time()?,
        row_mac: fields.array()?,
    })
}

/// Sets what the alias of `row` leads to; the latest wins.
pub fn set(row: &RouteRow) -> Batch {
    Batch::new()
        .run(
            SET,
            values![
                row.id.as_bytes(),
                row.tenant.as_bytes(),
                row.alias.as_str(),
                row.targets.as_slice(),
                row.created_at,
                &row.row_mac,
            ],
        )
        .expect_rows(1)
        .touch(Noun::Routes)
}

/// Removes an alias. Fails with [`DbError::Conflict`] when there is none of that name.
pub fn remove(tenant: TenantId, alias: &str) -> Batch {
    Batch::new()
        .run(REMOVE, values![tenant.as_bytes(), alias])
        .expect_rows(1)
        .touch(Noun::Routes)
}
