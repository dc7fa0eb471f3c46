//! The installation: one row, written when the store is first set up.

use mirk_model::{InstallId, Timestamp};

use super::first;
use crate::db::{Batch, DbError, Fetch, Fields, Query, values};

const GET: &str = "
    SELECT id, created_at
      FROM install
     WHERE one = 1";

const CREATE: &str = "
    INSERT INTO install (one, id, created_at)
    VALUES (1, $1, $2)";

/// The installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Install {
    /// Salt of the key hierarchy.
    pub id: InstallId,
    /// Created at.
    pub created_at: Timestamp,
}

/// The installation, if it is set up.
///
/// # Errors
/// When the database cannot be read.
pub fn get(reader: &dyn Fetch) -> Result<Option<Install>, DbError> {
    first(reader, &Query::new(GET, values![]), read)
}

fn read(fields: &mut Fields) -> Result<Install, DbError> {
    Ok(Install {
        id: InstallId::from_bytes(fields.array()?),
        created_at: fields.time()?,
    })
}

/// Writes it. Fails with [`DbError::Constraint`] when there is one.
pub fn create(install: &Install) -> Batch {
    Batch::new()
        .run(CREATE, values![install.id.as_bytes(), install.created_at])
        .expect_rows(1)
}
