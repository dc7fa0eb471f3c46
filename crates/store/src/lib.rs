//! What survives a restart: the `Db` seam, migrations, books, ledger, counters and directory.
//!
//! Invariant: the store never sees plaintext, only sealed bytes and MACs; and it tells nobody of a
//! change that is not durable.

mod anchor;
pub mod books;
mod chain;
pub mod counters;
mod db;
mod directory;
mod drivers;
mod ledger_writer;
mod open;
mod place;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use mirk_model::{AuditEntry, Clock, Exchange, Kid, Mac};

pub use anchor::Anchor;
pub use chain::{Link, Verdict, verify};
pub use db::{
    Answer, Applied, Batch, Db, DbError, Fetch, Fields, Migration, Noun, Query, Row, Statement,
    Touched, Value,
};
pub use directory::{Directory, OnChange};
pub use ledger_writer::Ledger;
pub use open::{MIGRATIONS, OpenError, OpenOptions};
pub use place::PlaceError;

use crate::{
    anchor::Anchors,
    books::audit,
    directory::Directories,
    drivers::{Witness, sqlite::Sqlite},
    ledger_writer::LedgerQueue,
    place::Place,
};

/// How long [`Store::close`] waits for ledger rows when the disk does not take them.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// The open store. Dropping it closes it.
pub struct Store {
    sqlite: Sqlite,
    ledger: Ledger,
    watch: Arc<Watch>,
}

impl Store {
    /// Opens the store in a data folder, locks the folder, and brings the schema up to date.
    ///
    /// # Errors
    /// When the folder is not safe to use or in use, or the database is damaged or newer than this
    /// program. Nothing is changed then.
    pub fn open(options: &OpenOptions) -> Result<Self, OpenError> {
        open::open(options)
    }

    /// Gives the store the vault's MACs. Audit entries before this are refused; a second call
    /// changes nothing and says `false`.
    pub fn attach(&self, mac: Arc<dyn Mac>) -> bool {
        self.watch.mac.set(mac).is_ok()
    }

    /// The current snapshot of keys, providers, credentials and routes.
    pub fn directory(&self) -> Arc<Directory> {
        self.watch.directories.current()
    }

    /// Calls `hook` with every later snapshot, on the writer's thread, after the change is durable
    /// and before its caller is answered. A hook must not wait for the store.
    pub fn on_change(&self, hook: OnChange) {
        self.watch.directories.on_change(hook);
    }

    /// Puts a key out of force in memory, at once and until the store is opened again: for a
    /// revocation that cannot be made durable now.
    pub fn block_key(&self, kid: Kid) {
        self.watch.directories.block(kid);
    }

    /// The door to the ledger, for the data path.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Waits until the ledger rows that wait now are durable, at most for `patience`.
    ///
    /// # Errors
    /// When they are not; they stay queued.
    pub fn flush(&self, patience: Duration) -> Result<(), DbError> {
        self.sqlite.flush(patience)
    }

    /// Whether the latest write succeeded and the data folder is still there. [`DbError::Gone`] and
    /// [`DbError::Io`] do not heal; the others are tried again every half second.
    ///
    /// # Errors
    /// What is wrong.
    pub fn health(&self) -> Result<(), DbError> {
        *self
            .watch
            .health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Walks along the audit chain and its anchors.
    ///
    /// # Errors
    /// When the database cannot be read, or no MAC is attached.
    pub fn verify_audit(&self) -> Result<Verdict, DbError> {
        let mac = self.watch.mac.get().ok_or(DbError::NoMac)?;
        verify(self, mac.as_ref(), self.watch.anchors.path())
    }

    /// Writes a consistent, checked copy of the database to `to`, a file that is not there yet.
    /// Writes and reads go on meanwhile.
    ///
    /// # Errors
    /// When the copy could not be made; then there is none.
    pub fn backup(&self, to: &Path) -> Result<(), DbError> {
        self.sqlite.copy(to)
    }

    /// The data folder, without links.
    pub fn data_dir(&self) -> &Path {
        self.watch.place.folder()
    }

    /// Where the anchors of the audit chain are.
    pub fn anchors(&self) -> &Path {
        self.watch.anchors.path()
    }

    /// Makes durable what waits, folds the write-ahead log into the file, and stops. Later writes
    /// are refused. A second call does nothing.
    ///
    /// # Errors
    /// When something that waited could not be made durable.
    pub fn close(&self) -> Result<(), DbError> {
        let flushed = match self.sqlite.flush(CLOSE_PATIENCE) {
            Err(DbError::Closed) => return Ok(()),
            flushed => flushed,
        };
        self.sqlite.close();
        flushed
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Store")
            .field("ledger", &self.ledger)
            .finish_non_exhaustive()
    }
}

impl Fetch for Store {
    fn fetch(&self, query: &Query) -> Result<Vec<Row>, DbError> {
        if self.watch.is_gone.load(Ordering::Relaxed) {
            return Err(DbError::Gone);
        }
        self.sqlite.fetch(query)
    }
}

impl Db for Store {
    fn apply(&self, batch: Batch) -> Result<Applied, DbError> {
        self.sqlite.apply(batch)
    }

    fn apply_then(&self, batch: Batch, then: Answer) {
        self.sqlite.apply_then(batch, then);
    }

    fn migrate(&self, steps: &[Migration]) -> Result<(), DbError> {
        self.sqlite.migrate(steps)
    }
}

/// What the writer reports to, and what callers look at.
struct Watch {
    place: Place,
    clock: Arc<dyn Clock>,
    mac: OnceLock<Arc<dyn Mac>>,
    directories: Directories,
    queue: Arc<LedgerQueue>,
    anchors: Anchors,
    health: Mutex<Result<(), DbError>>,
    is_gone: Arc<AtomicBool>,
}

impl Watch {
    fn new(place: Place, clock: Arc<dyn Clock>, anchors: PathBuf) -> Self {
        Self {
            place,
            clock,
            mac: OnceLock::new(),
            directories: Directories::default(),
            queue: Arc::default(),
            anchors: Anchors::new(anchors),
            health: Mutex::new(Ok(())),
            is_gone: Arc::default(),
        }
    }
}

impl Witness for Watch {
    fn is_in_place(&self) -> bool {
        !self.is_gone.load(Ordering::Relaxed) && self.place.is_there()
    }

    fn head(&self, reader: &dyn Fetch) -> Result<Link, DbError> {
        audit::head(reader)
    }

    fn chain(&self, head: &Link, entry: &AuditEntry) -> Result<(Statement, Link), DbError> {
        let mac = self.mac.get().ok_or(DbError::NoMac)?;
        Ok(chain::append(mac.as_ref(), head, entry))
    }

    fn chained(&self, head: Link) {
        self.anchors.chained(head);
    }

    fn committed(&self, touched: Touched, reader: &dyn Fetch) -> Result<(), DbError> {
        self.directories.reload(touched, reader)
    }

    fn take_ledger(&self, into: &mut Vec<Exchange>, most: usize) -> bool {
        self.queue.take(into, most)
    }

    fn settled_ledger(&self, rows: usize) {
        self.queue.settle(rows);
    }

    fn anchor(&self, is_closing: bool) -> Option<Statement> {
        match self.anchors.tick(self.clock.now(), is_closing) {
            Ok(anchor) => anchor.as_ref().map(audit::add_anchor),
            Err(error) => {
                self.health(Err(error));
                None
            }
        }
    }

    fn health(&self, state: Result<(), DbError>) {
        if state == Err(DbError::Gone) {
            self.is_gone.store(true, Ordering::Relaxed);
        }
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if *health != Err(DbError::Gone) {
            *health = state;
        }
    }
}
