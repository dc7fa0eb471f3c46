//! Opening the store: the folder, a look at the file before anything writes to it, a backup before
//! the schema changes, then the writer.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use mirk_model::Clock;

use crate::{
    Store, Watch,
    db::{Db, DbError, Migration, Touched},
    drivers::{
        Witness,
        sqlite::{Sqlite, backup_name},
    },
    ledger_writer::Ledger,
    place::{Place, PlaceError},
};

/// Where the anchors are when nobody says otherwise. A place on another volume is better.
const ANCHOR_FILE: &str = "audit.anchor";

/// Every step of the schema.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        sql: include_str!("migrations/0001_first.sql"),
    },
    Migration {
        version: 2,
        sql: include_str!("migrations/0002_oauth.sql"),
    },
];

/// How to open the store.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The data folder.
    pub data_dir: PathBuf,
    /// Whether to make the folder and the database when they are not there.
    pub create: bool,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// The file for anchors of the audit chain, if not the one in the data folder.
    pub anchors: Option<PathBuf>,
}

/// Why the store did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("another process is using the data folder")]
    Locked,
    /// There is none, and none was to be made.
    #[error("there is no data in the data folder")]
    Missing,
    /// The data folder cannot be used.
    #[error(transparent)]
    Place(PlaceError),
    /// The database was written by a newer version; it was not changed.
    #[error("the database was written by a newer version; nothing was changed")]
    SchemaNewer,
    /// The database is damaged; it was not changed.
    #[error("the database is damaged; restore a backup")]
    Corrupt,
    /// The database cannot be used.
    #[error(transparent)]
    Db(DbError),
}

impl From<PlaceError> for OpenError {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Locked => Self::Locked,
            PlaceError::Missing => Self::Missing,
            other => Self::Place(other),
        }
    }
}

impl From<DbError> for OpenError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::SchemaNewer => Self::SchemaNewer,
            DbError::Corrupt => Self::Corrupt,
            other => Self::Db(other),
        }
    }
}

pub(crate) fn open(options: &OpenOptions) -> Result<Store, OpenError> {
    open_with(options, MIGRATIONS)
}

pub(crate) fn open_with(options: &OpenOptions, steps: &[Migration]) -> Result<Store, OpenError> {
    let place = Place::open(&options.data_dir, options.create)?;
    let applied = Sqlite::inspect(place.db(), steps)?;
    if applied > 0 && applied < steps.len() {
        let name = backup_name(applied, options.clock.now());
        Sqlite::copy_closed(place.db(), &place.backups().join(name))?;
    }
    let db = place.db().to_owned();
    let anchors = options
        .anchors
        .clone()
        .unwrap_or_else(|| place.folder().join(ANCHOR_FILE));
    let watch = Arc::new(Watch::new(place, options.clock.clone(), anchors));
    let sqlite = Sqlite::open(db, options.clock.clone(), watch.clone())?;
    sqlite.migrate(steps)?;
    watch.committed(Touched::ALL, &sqlite)?;
    let is_gone: Arc<AtomicBool> = watch.is_gone.clone();
    let ledger = Ledger {
        queue: watch.queue.clone(),
        wake: sqlite.waker(),
        is_gone,
    };
    Ok(Store {
        sqlite,
        ledger,
        watch,
    })
}
