//! Two read-only connections, handed out one caller at a time.

use std::{
    path::Path,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mirk_model::Clock;
use rusqlite::Connection;

use super::connection::{convert, open_reader};
use crate::db::{DbError, Fetch, Query, Row};

const READERS: usize = 2;

/// How long a read waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Steps of SQLite's machine between two looks at the clock: some tens of microseconds.
const STEPS: i32 = 4_000;

struct Reader {
    connection: Connection,
    /// When the read under way has to end, on the monotonic clock; read by the progress handler.
    until: Arc<AtomicU64>,
}

#[derive(Default)]
struct Idle {
    readers: Vec<Reader>,
    is_closed: bool,
}

pub(super) struct Readers {
    idle: Mutex<Idle>,
    returned: Condvar,
    clock: Arc<dyn Clock>,
}

impl Readers {
    pub(super) fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, DbError> {
        let mut idle = Idle::default();
        for _ in 0..READERS {
            idle.readers.push(open_timed(path, clock.clone())?);
        }
        Ok(Self {
            idle: Mutex::new(idle),
            returned: Condvar::new(),
            clock,
        })
    }

    pub(super) fn fetch(&self, query: &Query) -> Result<Vec<Row>, DbError> {
        let reader = self.take()?;
        let patience = u64::try_from(query.patience.as_nanos()).unwrap_or(u64::MAX);
        let until = self.clock.mono().saturating_add(patience);
        reader.until.store(until, Ordering::Relaxed);
        let result = reader.connection.fetch(query);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !idle.is_closed {
            idle.readers.push(reader);
        }
        drop(idle);
        self.returned.notify_one();
        result
    }

    fn take(&self) -> Result<Reader, DbError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut idle, _) = self
            .returned
            .wait_timeout_while(idle, PATIENCE, |idle| {
                idle.readers.is_empty() && !idle.is_closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        if idle.is_closed {
            return Err(DbError::Closed);
        }
        idle.readers.pop().ok_or(DbError::Busy)
    }

    /// Ends reading. A read under way keeps its connection until it is done.
    pub(super) fn close(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.is_closed = true;
        idle.readers.clear();
        drop(idle);
        self.returned.notify_all();
    }
}

fn open_timed(path: &Path, clock: Arc<dyn Clock>) -> Result<Reader, DbError> {
    let mut connection = open_reader(path)?;
    let until = Arc::new(AtomicU64::new(u64::MAX));
    let seen = until.clone();
    connection
        .progress_handler(
            STEPS,
            Some(move || clock.mono() > seen.load(Ordering::Relaxed)),
        )
        .map_err(convert)?;
    Ok(Reader { connection, until })
}
