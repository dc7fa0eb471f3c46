//! Queries and batches: reads and transactions as values.

use std::time::Duration;

use mirk_model::AuditEntry;

use super::{DbError, Value, check_order};

/// A read: one statement and its values.
#[derive(Clone, Debug)]
pub struct Query {
    pub(crate) sql: &'static str,
    pub(crate) values: Vec<Value>,
    pub(crate) patience: Duration,
}

/// How long a read may take, and how long one that walks over much may.
const PATIENCE: Duration = Duration::from_secs(2);
const LONG_PATIENCE: Duration = Duration::from_mins(1);

impl Query {
    /// The query `sql` with `values` for `$1…$n`, which are numbered in order of first appearance.
    pub fn new(sql: &'static str, values: Vec<Value>) -> Self {
        check_order(sql);
        Self {
            sql,
            values,
            patience: PATIENCE,
        }
    }

    /// The same, for a read that walks over much: it may take a minute instead of two seconds.
    #[must_use]
    pub fn unhurried(mut self) -> Self {
        self.patience = LONG_PATIENCE;
        self
    }
}

/// How many rows a statement has to touch, and what it means when it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Any,
    Exactly { rows: u64, otherwise: DbError },
}

/// One write.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(crate) sql: &'static str,
    pub(crate) values: Vec<Value>,
    pub(crate) expect: Expect,
}

/// Something that the directory keeps in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    /// API keys.
    Keys,
    /// Providers.
    Providers,
    /// Credentials.
    Credentials,
    /// Routes.
    Routes,
}

/// A set of nouns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touched(u8);

impl Touched {
    /// All nouns.
    pub const ALL: Self = Self(0b1111);

    /// The set with `noun` in it.
    #[must_use]
    pub const fn with(self, noun: Noun) -> Self {
        Self(self.0 | 1 << noun as u8)
    }

    /// What is in either set.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `noun` is in the set.
    pub const fn has(self, noun: Noun) -> bool {
        self.0 & (1 << noun as u8) != 0
    }

    /// Whether nothing is.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What a batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Rows that each statement touched, in order.
    pub rows: Vec<u64>,
}

/// A transaction: statements that are applied in order, all or none, and the audit entries that
/// say so, which are chained in the same transaction.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) statements: Vec<Statement>,
    pub(crate) audit: Vec<AuditEntry>,
    pub(crate) touched: Touched,
    pub(crate) wipes: bool,
}

impl Batch {
    /// A batch that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the statement `sql` with `values` for `$1…$n`, which are numbered in order of first
    /// appearance.
    #[must_use]
    pub fn run(mut self, sql: &'static str, values: Vec<Value>) -> Self {
        check_order(sql);
        self.statements.push(Statement {
            sql,
            values,
            expect: Expect::Any,
        });
        self
    }

    /// The latest statement has to touch exactly `rows` rows; otherwise the batch fails with
    /// [`DbError::Conflict`].
    #[must_use]
    pub fn expect_rows(self, rows: u64) -> Self {
        self.expect(rows, DbError::Conflict)
    }

    /// The latest statement has to touch exactly one row; otherwise the batch fails with
    /// [`DbError::Limit`].
    #[must_use]
    pub fn within_limit(self) -> Self {
        self.expect(1, DbError::Limit)
    }

    fn expect(mut self, rows: u64, otherwise: DbError) -> Self {
        if let Some(statement) = self.statements.last_mut() {
            statement.expect = Expect::Exactly { rows, otherwise };
        }
        self
    }

    /// Adds an audit entry.
    #[must_use]
    pub fn audit(mut self, entry: AuditEntry) -> Self {
        self.audit.push(entry);
        self
    }

    /// Says that the directory's `noun` changes.
    #[must_use]
    pub fn touch(mut self, noun: Noun) -> Self {
        self.touched = self.touched.with(noun);
        self
    }

    /// Says that a secret is removed: its old bytes leave the write-ahead log before the answer,
    /// unless a reader is in the way.
    #[must_use]
    pub fn wipe(mut self) -> Self {
        self.wipes = true;
        self
    }

    /// This batch and then `other`, as one transaction.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.statements.extend(other.statements);
        self.audit.extend(other.audit);
        self.touched = self.touched.and(other.touched);
        self.wipes |= other.wipes;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::values;

    #[test]
    fn joined_batches_keep_order_expectations_and_touches() {
        let batch = Batch::new()
            .run("DELETE FROM a WHERE b = $1", values![1_i64])
            .expect_rows(1)
            .touch(Noun::Keys)
            .and(
                Batch::new()
                    .run("DELETE FROM c", values![])
                    .touch(Noun::Routes)
                    .wipe(),
            );
        let texts: Vec<_> = batch.statements.iter().map(|each| each.sql).collect();
        assert_eq!(texts, ["DELETE FROM a WHERE b = $1", "DELETE FROM c"]);
        assert_eq!(batch.statements[1].expect, Expect::Any);
        assert!(batch.touched.has(Noun::Keys) && batch.touched.has(Noun::Routes));
        assert!(!batch.touched.has(Noun::Providers) && batch.wipes);
    }
}
