//! One file per noun: its SQL, written once, and functions over it. Reads take a reader; writes
//! give a [`Batch`](crate::Batch), so that whoever decides the change adds the audit entry.

pub mod accounts;
pub mod audit;
pub mod credentials;
pub mod install;
pub mod keyring;
pub mod keys;
pub mod ledger;
pub mod providers;
pub mod routes;
pub mod settings;
pub mod tenants;

use crate::db::{DbError, Fetch, Fields, Query, Row};

/// All rows of `query` that can be read as `T`. A row that cannot was written by something else:
/// it is left out here, as one whose MAC does not verify is left out later.
fn readable<T>(
    reader: &dyn Fetch,
    query: &Query,
    read: fn(&mut Fields) -> Result<T, DbError>,
) -> Result<Vec<T>, DbError> {
    let rows = reader.fetch(query)?;
    Ok(rows
        .into_iter()
        .filter_map(|row| read(&mut row.into_fields()).ok())
        .collect())
}

/// All rows of `query`, each of which has to be readable.
fn every<T>(
    reader: &dyn Fetch,
    query: &Query,
    read: fn(&mut Fields) -> Result<T, DbError>,
) -> Result<Vec<T>, DbError> {
    reader
        .fetch(query)?
        .into_iter()
        .map(|row| read(&mut row.into_fields()))
        .collect()
}

/// The only row of `query`, if there is one.
fn first<T>(
    reader: &dyn Fetch,
    query: &Query,
    read: fn(&mut Fields) -> Result<T, DbError>,
) -> Result<Option<T>, DbError> {
    let row: Option<Row> = reader.fetch(query)?.into_iter().next();
    row.map(|row| read(&mut row.into_fields())).transpose()
}
