//! Why the database did not do what it was asked.

use std::time::Duration;

use mirk_model::{Kind, Problem};

/// Why a read or a batch failed. Says nothing about SQL, paths or values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// Somebody else holds the database, or more is waiting than the bounds allow.
    #[error("the database is busy")]
    Busy,
    /// No space left.
    #[error("there is no space left for the database")]
    Full,
    /// The file or its folder cannot be written.
    #[error("the database cannot be written")]
    ReadOnly,
    /// The file is damaged.
    #[error("the database is damaged")]
    Corrupt,
    /// The schema is newer than this program.
    #[error("the database was written by a newer version")]
    SchemaNewer,
    /// The schema is not one that this program knows.
    #[error("the database has a schema that this version does not know")]
    SchemaForeign,
    /// A rule of the schema would be broken.
    #[error("the change breaks a rule of the database")]
    Constraint,
    /// The row is not, or no longer, what the change expects.
    #[error("the row is not what the change expects")]
    Conflict,
    /// A count is used up.
    #[error("a count is used up")]
    Limit,
    /// The data folder is not there any more.
    #[error("the data folder is gone")]
    Gone,
    /// The disk failed.
    #[error("the disk failed")]
    Io,
    /// Audit entries cannot be chained before the vault is attached.
    #[error("the audit chain has no key yet")]
    NoMac,
    /// A stored value is not of the form that it should be.
    #[error("a stored value is malformed")]
    Malformed,
    /// The read took too long.
    #[error("the read took too long")]
    Timeout,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// A mistake in Mirk: a statement and its values do not fit. The number is the driver's code.
    #[error("a statement is wrong (code {0})")]
    Misuse(i32),
}

/// How soon a new try can help when the disk or the lock is in the way.
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        let (kind, public) = match error {
            DbError::Conflict | DbError::Constraint => (
                Kind::Conflict,
                "the change conflicts with what is stored; read it again and retry",
            ),
            DbError::Limit => (Kind::Limit, "the limit for this is reached"),
            DbError::Malformed | DbError::NoMac | DbError::Misuse(_) => {
                (Kind::Internal, "something broke inside")
            }
            DbError::Busy
            | DbError::Full
            | DbError::ReadOnly
            | DbError::Corrupt
            | DbError::SchemaNewer
            | DbError::SchemaForeign
            | DbError::Gone
            | DbError::Io
            | DbError::Timeout
            | DbError::Closed => (
                Kind::StorageUnavailable,
                "the change could not be stored; nothing of it was kept",
            ),
        };
        let mut problem = Self::new(kind, public);
        if kind == Kind::StorageUnavailable {
            problem.retry_after = Some(RETRY_AFTER);
        }
        problem
    }
}
