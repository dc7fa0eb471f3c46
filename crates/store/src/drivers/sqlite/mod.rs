//! SQLite: one file, one writer thread that commits in groups, two readers.

mod connection;
mod inbox;
mod migrate;
mod readers;
mod writer;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, SyncSender},
    },
    thread::JoinHandle,
    time::Duration,
};

use mirk_model::{Clock, Timestamp};

use self::{
    inbox::{Inbox, Job},
    readers::Readers,
};
use super::Witness;
use crate::{
    db::{Answer, Applied, Batch, Db, DbError, Fetch, Migration, Query, Row},
    ledger_writer::Wake,
};

/// A database in one file.
pub(crate) struct Sqlite {
    path: PathBuf,
    readers: Readers,
    inbox: Arc<Inbox>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Sqlite {
    /// Looks at the file at `path` without writing: is it in order, and is its schema one of
    /// `steps`? Says how many of the steps it has.
    pub(crate) fn inspect(path: &Path, steps: &[Migration]) -> Result<usize, DbError> {
        let reader = connection::open_reader(path)?;
        let applied = migrate::inspect(&reader, steps)?;
        migrate::check(&reader)?;
        Ok(applied)
    }

    /// Opens the file at `path`, which has to be there, and starts the writer.
    pub(crate) fn open(
        path: PathBuf,
        clock: Arc<dyn Clock>,
        witness: Arc<dyn Witness>,
    ) -> Result<Self, DbError> {
        let writer = connection::open_writer(&path)?;
        let readers = Readers::open(&path, clock.clone())?;
        let inbox = Arc::new(Inbox::default());
        let thread = writer::start(writer, inbox.clone(), witness, clock)?;
        Ok(Self {
            path,
            readers,
            inbox,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Writes a consistent, checked copy to `to`, which must not be there yet. Blocks neither
    /// readers nor the writer.
    pub(crate) fn copy(&self, to: &Path) -> Result<(), DbError> {
        migrate::copy(&self.path, to)
    }

    /// Writes a copy of the file at `path` to `to`, before anything opened it for writing.
    pub(crate) fn copy_closed(path: &Path, to: &Path) -> Result<(), DbError> {
        migrate::copy(path, to)
    }

    /// Tells the writer that ledger rows wait: it takes them within 50 ms.
    pub(crate) fn waker(&self) -> Arc<dyn Fn(Wake) + Send + Sync> {
        let inbox = self.inbox.clone();
        Arc::new(move |wake| inbox.ledger_due(wake))
    }

    /// Waits until the ledger rows that wait now are durable, at most for `patience`.
    pub(crate) fn flush(&self, patience: Duration) -> Result<(), DbError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.inbox
            .push(Job::Flush(Box::new(move |result| tell(&sender, result))));
        receiver.recv_timeout(patience).or(Err(DbError::Busy))?
    }

    /// Finishes what waits, folds the write-ahead log into the file, and stops the writer.
    pub(crate) fn close(&self) {
        self.readers.close();
        self.inbox.close();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A writer that panicked has answered everybody already.
            drop(thread.join());
        }
    }

    fn wait<T: Send + 'static>(
        &self,
        job: impl FnOnce(Box<dyn FnOnce(Result<T, DbError>) + Send>) -> Job,
    ) -> Result<T, DbError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.inbox
            .push(job(Box::new(move |result| tell(&sender, result))));
        receiver.recv().or(Err(DbError::Closed))?
    }
}

/// Answers one caller. Whoever waited too long is gone, and that is no failure here.
fn tell<T>(sender: &SyncSender<Result<T, DbError>>, result: Result<T, DbError>) {
    match sender.try_send(result) {
        Ok(()) | Err(_) => {}
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

impl Fetch for Sqlite {
    fn fetch(&self, query: &Query) -> Result<Vec<Row>, DbError> {
        self.readers.fetch(query)
    }
}

impl Db for Sqlite {
    fn apply(&self, batch: Batch) -> Result<Applied, DbError> {
        self.wait(|answer| Job::Apply(batch, answer))
    }

    fn apply_then(&self, batch: Batch, then: Answer) {
        self.inbox.push(Job::Apply(batch, then));
    }

    fn migrate(&self, steps: &[Migration]) -> Result<(), DbError> {
        let steps = steps.to_vec();
        self.wait(|answer| Job::Migrate(steps, answer))
    }
}

/// Names a backup after the schema that it holds and the moment it was made.
pub(crate) fn backup_name(applied: usize, now: Timestamp) -> String {
    format!("schema-{applied}-{}.sqlite", now.as_micros())
}
