//! The one thread that writes. Whatever waits when it looks becomes one transaction and one sync;
//! a batch that fails is rolled back alone; nobody is told before it is durable.
//!
//! Invariant: the directory is swapped after the commit and before the answer.

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use mirk_model::{Clock, Exchange};
use rusqlite::{Connection, types::ValueRef};

use super::{
    connection::{BUSY, Bound, convert, execute},
    inbox::{Done, Inbox, Job, Round},
    migrate,
};
use crate::{
    books::ledger,
    chain::Link,
    db::{Answer, Applied, Batch, Cell, DbError, Expect, Statement, Touched},
    drivers::Witness,
    ledger_writer::Wake,
};

/// Ledger rows in one transaction, so that a batch beside them does not wait long.
const MOST_ROWS: usize = 4_096;

/// How long folding the log waits for readers.
const FOLD_PATIENCE: Duration = Duration::from_millis(200);

/// Touches one page without changing it, to see whether the disk takes writes again.
const PROBE: &str = "
    UPDATE migration
       SET at = at
     WHERE version = 1";

type Waiting = (Batch, Answer);

struct Writer {
    connection: Connection,
    inbox: Arc<Inbox>,
    witness: Arc<dyn Witness>,
    clock: Arc<dyn Clock>,
    /// The chain's head as of the transaction under way; read from the file when unknown.
    head: Option<Link>,
    rows: Vec<Exchange>,
    has_failed: bool,
    is_wipe_due: bool,
}

/// Starts the thread.
pub(super) fn start(
    connection: Connection,
    inbox: Arc<Inbox>,
    witness: Arc<dyn Witness>,
    clock: Arc<dyn Clock>,
) -> Result<JoinHandle<()>, DbError> {
    let mut writer = Writer {
        connection,
        inbox,
        witness,
        clock,
        head: None,
        rows: Vec::new(),
        has_failed: false,
        is_wipe_due: false,
    };
    std::thread::Builder::new()
        .name("mirk-store".to_owned())
        .spawn(move || {
            let _refusal = RefuseOnExit(writer.inbox.clone(), writer.witness.clone());
            writer.work();
        })
        .or(Err(DbError::Io))
}

/// Nobody waits for a thread that is gone, however it went.
struct RefuseOnExit(Arc<Inbox>, Arc<dyn Witness>);

impl Drop for RefuseOnExit {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.1.health(Err(DbError::Closed));
        }
        self.0.close();
        self.0.refuse_all(DbError::Closed);
    }
}

impl Writer {
    fn work(&mut self) {
        loop {
            match self.inbox.next(self.has_failed) {
                Round::Work(jobs) => self.round(jobs),
                Round::Idle => self.look_around(),
                Round::Close => break,
            }
        }
        self.has_failed |= self.drain().is_err();
        if let Some(anchor) = self.witness.anchor(true) {
            self.append(anchor);
        }
        self.fold();
    }

    fn round(&mut self, jobs: Vec<Job>) {
        let mut group = Vec::with_capacity(jobs.len());
        let mut flushes: Vec<Done> = Vec::new();
        for job in jobs {
            match job {
                Job::Apply(batch, answer) => group.push((batch, answer)),
                Job::Flush(done) => flushes.push(done),
                Job::Migrate(steps, done) => {
                    done(migrate::migrate(&self.connection, &steps, self.clock.now()));
                }
            }
        }
        let mut result = self.commit(group);
        if !flushes.is_empty() && result.is_ok() {
            result = self.drain();
        }
        for done in flushes {
            done(result);
        }
    }

    /// Makes durable all ledger rows that wait.
    fn drain(&mut self) -> Result<(), DbError> {
        loop {
            self.commit(Vec::new())?;
            if !self.witness.take_ledger(&mut self.rows, MOST_ROWS) && self.rows.is_empty() {
                return Ok(());
            }
        }
    }

    fn look_around(&mut self) {
        if !self.witness.is_in_place() {
            self.witness.health(Err(DbError::Gone));
            return;
        }
        if self.has_failed {
            self.append(Statement {
                sql: PROBE,
                values: Vec::new(),
                expect: Expect::Any,
            });
        }
        if self.is_wipe_due {
            self.fold();
        }
        if let Some(anchor) = self.witness.anchor(false) {
            self.append(anchor);
        }
    }

    /// Runs a statement of the store's own. How it went shows in the health.
    fn append(&mut self, statement: Statement) {
        let batch = Batch {
            statements: vec![statement],
            ..Batch::default()
        };
        let group: Vec<Waiting> = vec![(batch, Box::new(|_| ()))];
        self.has_failed |= self.commit(group).is_err();
    }

    /// One transaction: the group and the ledger rows that wait. Then the directory, then the
    /// answers.
    fn commit(&mut self, group: Vec<Waiting>) -> Result<(), DbError> {
        if self.witness.take_ledger(&mut self.rows, MOST_ROWS) {
            self.inbox.ledger_due(Wake::Now);
        }
        if group.is_empty() && self.rows.is_empty() {
            return Ok(());
        }
        match self.transact(&group) {
            Ok(results) => {
                self.has_failed = false;
                self.witness.settled_ledger(self.rows.len());
                self.rows.clear();
                self.witness.health(Ok(()));
                self.publish(group, results);
                Ok(())
            }
            Err(error) => {
                self.has_failed = true;
                self.head = None;
                self.undo("ROLLBACK");
                self.witness.health(Err(error));
                if error == DbError::Busy {
                    // They waited along, and whoever comes after the answers waits anew.
                    self.inbox.refuse_all(error);
                }
                for (_, answer) in group {
                    answer(Err(error));
                }
                Err(error)
            }
        }
    }

    /// The result of each batch of a durable group; an error when nothing of the group is durable.
    fn transact(&mut self, group: &[Waiting]) -> Result<Vec<Result<Applied, DbError>>, DbError> {
        if !self.witness.is_in_place() {
            return Err(DbError::Gone);
        }
        execute(&self.connection, "BEGIN IMMEDIATE", &[])?;
        let mut results = Vec::with_capacity(group.len());
        for (batch, _) in group {
            results.push(self.attempt(batch)?);
        }
        self.write_ledger()?;
        if self.rows.is_empty() && results.iter().all(Result::is_err) {
            execute(&self.connection, "ROLLBACK", &[])?;
        } else {
            execute(&self.connection, "COMMIT", &[])?;
        }
        Ok(results)
    }

    /// One batch in a savepoint. The outer error means that the whole transaction is lost.
    fn attempt(&mut self, batch: &Batch) -> Result<Result<Applied, DbError>, DbError> {
        let head = self.head;
        execute(&self.connection, "SAVEPOINT batch", &[])?;
        let result = self.apply(batch);
        if let Err(error) = result {
            if !is_own_fault(error) || self.connection.is_autocommit() {
                return Err(error);
            }
            self.head = head;
            execute(&self.connection, "ROLLBACK TO batch", &[])?;
        }
        execute(&self.connection, "RELEASE batch", &[])?;
        Ok(result)
    }

    fn apply(&mut self, batch: &Batch) -> Result<Applied, DbError> {
        let mut applied = Applied::default();
        for statement in &batch.statements {
            applied.rows.push(self.run(statement)?);
        }
        for entry in &batch.audit {
            let head = match self.head {
                Some(head) => head,
                None => self.witness.head(&self.connection)?,
            };
            let (statement, head) = self.witness.chain(&head, entry)?;
            self.run(&statement)?;
            self.head = Some(head);
        }
        Ok(applied)
    }

    fn run(&self, statement: &Statement) -> Result<u64, DbError> {
        let touched = execute(&self.connection, statement.sql, &statement.values)?;
        match statement.expect {
            Expect::Exactly { rows, otherwise } if rows != touched => Err(otherwise),
            Expect::Exactly { .. } | Expect::Any => Ok(touched),
        }
    }

    fn write_ledger(&self) -> Result<(), DbError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut insert = self
            .connection
            .prepare_cached(ledger::INSERT)
            .map_err(convert)?;
        for exchange in &self.rows {
            let request = exchange.request.as_bytes();
            for (index, cell) in ledger::cells(exchange, request).into_iter().enumerate() {
                insert
                    .raw_bind_parameter(index + 1, bound(cell))
                    .map_err(convert)?;
            }
            insert.raw_execute().map_err(convert)?;
        }
        Ok(())
    }

    fn publish(&mut self, group: Vec<Waiting>, results: Vec<Result<Applied, DbError>>) {
        let mut touched = Touched::default();
        let mut has_chained = false;
        for ((batch, _), _) in group
            .iter()
            .zip(&results)
            .filter(|(_, result)| result.is_ok())
        {
            touched = touched.and(batch.touched);
            has_chained |= !batch.audit.is_empty();
            self.is_wipe_due |= batch.wipes;
        }
        if let (true, Some(head)) = (has_chained, self.head) {
            self.witness.chained(head);
        }
        let mut published = Ok(());
        if !touched.is_empty() {
            published = self.witness.committed(touched, &self.connection);
        }
        if self.is_wipe_due {
            self.fold();
        }
        for ((batch, answer), result) in group.into_iter().zip(results) {
            // Durable, but not in force yet: that is not a success either.
            match published {
                Err(error) if result.is_ok() && !batch.touched.is_empty() => answer(Err(error)),
                Ok(()) | Err(_) => answer(result),
            }
        }
    }

    /// Folds the write-ahead log into the file and cuts it, so that deleted secrets are in neither.
    fn fold(&mut self) {
        let fold = || -> Result<bool, rusqlite::Error> {
            self.connection.busy_timeout(FOLD_PATIENCE)?;
            let is_busy =
                self.connection
                    .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            Ok(is_busy)
        };
        let is_done = matches!(fold(), Ok(false));
        self.is_wipe_due &= !is_done;
        if self.connection.busy_timeout(BUSY).is_err() {
            self.has_failed = true;
        }
    }

    fn undo(&self, sql: &str) {
        if !self.connection.is_autocommit() && self.connection.execute_batch(sql).is_err() {
            self.witness.health(Err(DbError::Io));
        }
    }
}

/// Whether the batch is wrong, and not the disk or the database under it.
const fn is_own_fault(error: DbError) -> bool {
    match error {
        DbError::Constraint
        | DbError::Conflict
        | DbError::Limit
        | DbError::NoMac
        | DbError::Malformed
        | DbError::Misuse(_) => true,
        DbError::Busy
        | DbError::Full
        | DbError::ReadOnly
        | DbError::Corrupt
        | DbError::SchemaNewer
        | DbError::SchemaForeign
        | DbError::Gone
        | DbError::Io
        | DbError::Timeout
        | DbError::Closed => false,
    }
}

const fn bound(cell: Cell<'_>) -> Bound<'_> {
    Bound(match cell {
        Cell::Null => ValueRef::Null,
        Cell::Int(number) => ValueRef::Integer(number),
        Cell::Text(text) => ValueRef::Text(text.as_bytes()),
        Cell::Bytes(bytes) => ValueRef::Blob(bytes),
    })
}
