//! Databases behind the seam. One so far; a driver knows SQL's dialect and how to be durable, and
//! nothing about keys, credentials or the ledger.

pub(crate) mod sqlite;

use crate::{
    chain::Link,
    db::{DbError, Fetch, Statement, Touched},
};
use mirk_model::{AuditEntry, Exchange};

/// What a driver's writer asks of the store while it works. All calls are on the writer's thread.
pub(crate) trait Witness: Send + Sync {
    /// Whether the data folder is still the one that was opened.
    fn is_in_place(&self) -> bool;

    /// The head of the audit chain, from the database.
    fn head(&self, reader: &dyn Fetch) -> Result<Link, DbError>;

    /// The statement that appends `entry` behind `head`, and the new head.
    fn chain(&self, head: &Link, entry: &AuditEntry) -> Result<(Statement, Link), DbError>;

    /// The chain's durable head is `head` now.
    fn chained(&self, head: Link);

    /// A group that touches `touched` is durable; nobody has been told yet.
    fn committed(&self, touched: Touched, reader: &dyn Fetch) -> Result<(), DbError>;

    /// Moves waiting ledger rows to the end of `into`, up to `most` of them in all, and says
    /// whether some are left.
    fn take_ledger(&self, into: &mut Vec<Exchange>, most: usize) -> bool;

    /// So many of the ledger rows that were taken are durable.
    fn settled_ledger(&self, rows: usize);

    /// Writes the chain's head down if it is time, and gives the statement that notes it.
    fn anchor(&self, is_closing: bool) -> Option<Statement>;

    /// The writer failed for good, or recovered.
    fn health(&self, state: Result<(), DbError>);
}
