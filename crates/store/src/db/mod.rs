//! The seam: what a database must be able to do for the books.
//!
//! A transaction is a value ([`Batch`]), never a handle that somebody holds, so that one slow
//! caller cannot park the only writer. Drivers are behind this door; books are in front of it.

mod batch;
mod error;
mod value;

use std::fmt;

pub use batch::{Applied, Batch, Noun, Query, Statement, Touched};
pub use error::DbError;
pub use value::{Fields, Row, Value};

pub(crate) use batch::Expect;
pub(crate) use value::{Cell, values};

/// What is called with the result of a batch, on the writer's thread: it must be quick and must
/// not wait for the store.
pub type Answer = Box<dyn FnOnce(Result<Applied, DbError>) + Send>;

/// Reads.
pub trait Fetch {
    /// All rows of `query`.
    ///
    /// # Errors
    /// When the database cannot be read, or is too busy or too slow to be.
    fn fetch(&self, query: &Query) -> Result<Vec<Row>, DbError>;
}

/// A database.
pub trait Db: Fetch + Send + Sync + fmt::Debug {
    /// Applies all of `batch` or nothing, and comes back when that is durable. Blocks.
    ///
    /// # Errors
    /// When nothing of it was applied, and why.
    fn apply(&self, batch: Batch) -> Result<Applied, DbError>;

    /// Applies all of `batch` or nothing, and tells `then` when that is durable.
    fn apply_then(&self, batch: Batch, then: Answer);

    /// Brings the schema up to the last of `steps`, each step all or nothing. Blocks.
    ///
    /// # Errors
    /// [`DbError::SchemaNewer`] when the database is ahead of `steps`, [`DbError::SchemaForeign`]
    /// when it went another way; both leave it as it was.
    fn migrate(&self, steps: &[Migration]) -> Result<(), DbError>;
}

/// One step of the schema. Once released, its text never changes.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Counts from one, without gaps.
    pub version: i64,
    /// The statements, with `{{int}}`, `{{bytes}}`, `{{table}}` and `{{clustered}}` for what the
    /// databases say differently.
    pub sql: &'static str,
}

impl Migration {
    /// Tells apart steps of the same version with different texts. Guards against mistakes, not
    /// against forgery: FNV-1a, 64 bits.
    pub fn checksum(&self) -> i64 {
        let hash = self
            .sql
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        i64::from_be_bytes(hash.to_be_bytes())
    }
}

/// Says in debug builds when `$1…$n` are not numbered in order of first appearance: SQLite reads
/// `$2` as a name, not as a number, so the order is what it binds by.
pub(crate) fn check_order(sql: &str) {
    if cfg!(debug_assertions) {
        let mut seen = 0;
        for part in sql.split('$').skip(1) {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            let number: usize = digits.parse().unwrap_or(0);
            debug_assert!(
                number > 0 && number <= seen + 1,
                "placeholders out of order in {sql}"
            );
            seen = seen.max(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_in_order_of_first_appearance_pass() {
        check_order("SELECT $1, $2, $1, $3");
        check_order("SELECT 1");
    }

    #[test]
    #[should_panic(expected = "placeholders out of order")]
    fn placeholders_out_of_order_are_caught() {
        check_order("SELECT $2, $1");
    }

    #[test]
    fn one_changed_letter_changes_the_checksum() {
        let step = |sql| Migration { version: 1, sql }.checksum();
        assert_ne!(
            step("CREATE TABLE a (b TEXT)"),
            step("CREATE TABLE a (c TEXT)")
        );
    }
}
