//! Ledger rows on their way to disk: a bounded queue that never makes a request wait.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use mirk_model::Exchange;

/// Rows from which on no new work should be admitted.
const FULL: usize = 65_536;

/// Rows that the queue takes in all: what was admitted before it was full still finds a place.
const MOST: usize = 2 * FULL;

/// Rows after which the writer is told at once instead of after 50 ms.
const MANY: usize = 4_096;

/// When the writer should come for the rows that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// It knows of them.
    No,
    /// When some more had time to gather.
    Soon,
    /// At once.
    Now,
}

/// The queue. Rows stay in it until they are durable.
#[derive(Debug, Default)]
pub(crate) struct LedgerQueue {
    waiting: Mutex<Vec<Exchange>>,
    /// Rows that are not durable: those that wait, and those in the writer's hand.
    pending: AtomicUsize,
}

impl LedgerQueue {
    /// Adds a row and says what the writer needs to be told; `None` when there is no place.
    pub(crate) fn push(&self, exchange: Exchange) -> Option<Wake> {
        if self.pending.fetch_add(1, Ordering::Relaxed) >= MOST {
            self.pending.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(exchange);
        Some(match waiting.len() {
            1 => Wake::Soon,
            MANY => Wake::Now,
            _ => Wake::No,
        })
    }

    pub(crate) fn is_full(&self) -> bool {
        self.pending.load(Ordering::Relaxed) >= FULL
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Moves rows, oldest first, to the end of `into`, up to `most` of them in all, and says
    /// whether some are left.
    pub(crate) fn take(&self, into: &mut Vec<Exchange>, most: usize) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let room = most.saturating_sub(into.len()).min(waiting.len());
        into.extend(waiting.drain(..room));
        !waiting.is_empty()
    }

    /// `rows` of the rows that were taken are durable.
    pub(crate) fn settle(&self, rows: usize) {
        self.pending.fetch_sub(rows, Ordering::Relaxed);
    }
}

/// A door to the queue, for the data path. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    pub(crate) queue: Arc<LedgerQueue>,
    pub(crate) wake: Arc<dyn Fn(Wake) + Send + Sync>,
    pub(crate) is_gone: Arc<std::sync::atomic::AtomicBool>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Ledger")
            .field("pending", &self.queue.pending())
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// Queues a row; within 50 ms it is on its way to disk. Never blocks. Says `false` when the
    /// row had to be dropped, which happens only to callers that ignore [`Ledger::is_full`].
    pub fn push(&self, exchange: Exchange) -> bool {
        match self.queue.push(exchange) {
            Some(Wake::No) => true,
            Some(wake) => {
                (self.wake)(wake);
                true
            }
            None => false,
        }
    }

    /// Whether new requests must be refused because their rows could not be kept.
    pub fn is_full(&self) -> bool {
        self.queue.is_full() || self.is_gone.load(Ordering::Relaxed)
    }

    /// Rows that are not durable yet.
    pub fn pending(&self) -> usize {
        self.queue.pending()
    }
}
