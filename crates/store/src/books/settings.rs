//! Settings that are changed while running: names and values. Never a secret.

use super::{every, first};
use crate::db::{Batch, DbError, Fetch, Fields, Query, values};

const ALL: &str = "
    SELECT name, value
      FROM setting
     ORDER BY name";

const GET: &str = "
    SELECT value
      FROM setting
     WHERE name = $1";

const SET: &str = "
    INSERT INTO setting (name, value)
    VALUES ($1, $2)
    ON CONFLICT (name)
    DO UPDATE SET value = excluded.value";

const REMOVE: &str = "
    DELETE FROM setting
     WHERE name = $1";

/// All settings, by name.
///
/// # Errors
/// When the database cannot be read.
pub fn all(reader: &dyn Fetch) -> Result<Vec<(String, String)>, DbError> {
    every(
        reader,
        &Query::new(ALL, values![]),
        |fields: &mut Fields| Ok((fields.text()?, fields.text()?)),
    )
}

/// The value of `name`.
///
/// # Errors
/// When the database cannot be read.
pub fn get(reader: &dyn Fetch, name: &str) -> Result<Option<String>, DbError> {
    first(reader, &Query::new(GET, values![name]), Fields::text)
}

/// Sets `name` to `value`.
pub fn set(name: &str, value: &str) -> Batch {
    Batch::new().run(SET, values![name, value]).expect_rows(1)
}

/// Removes `name`, whether or not it is there.
pub fn remove(name: &str) -> Batch {
    Batch::new().run(REMOVE, values![name])
}
