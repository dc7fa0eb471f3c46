//! What reached the simulated provider: a bounded ring of requests, and the running counts.
//!
//! Invariant: never more than [`MAX_REQUESTS`] requests nor [`MAX_BYTES`] bytes are held.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Ended, Recorded};

/// The most requests the ring holds.
const MAX_REQUESTS: usize = 4096;
/// The most bytes of headers and bodies the ring holds.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// The end of one answer, shared between its record and the body that sends it.
#[derive(Debug, Default)]
pub(super) struct EndCell(AtomicU8);

impl EndCell {
    fn set(&self, ended: Ended) {
        let code = match ended {
            Ended::Running => 0,
            Ended::Whole => 1,
            Ended::Cut => 2,
            Ended::Cancelled => 3,
        };
        self.0.store(code, Ordering::Release);
    }

    fn get(&self) -> Ended {
        match self.0.load(Ordering::Acquire) {
            0 => Ended::Running,
            1 => Ended::Whole,
            2 => Ended::Cut,
            _ => Ended::Cancelled,
        }
    }
}

#[derive(Debug)]
struct Entry {
    recorded: Recorded,
    end: Arc<EndCell>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Entry>,
    bytes: usize,
}

/// The requests received, newest at the back.
#[derive(Debug, Default)]
pub(super) struct Records(Mutex<Ring>);

impl Records {
    /// Keeps a request, and drops the oldest while a bound is passed.
    pub(super) fn push(&self, recorded: Recorded, end: Arc<EndCell>) {
        let bytes = weigh(&recorded);
        let mut ring = self.lock();
        ring.bytes = ring.bytes.saturating_add(bytes);
        ring.entries.push_back(Entry {
            recorded,
            end,
            bytes,
        });
        while ring.entries.len() > MAX_REQUESTS || ring.bytes > MAX_BYTES {
            let Some(oldest) = ring.entries.pop_front() else {
                break;
            };
            ring.bytes = ring.bytes.saturating_sub(oldest.bytes);
        }
    }

    /// Every request held, oldest first, each with how its answer stands now.
    pub(super) fn all(&self) -> Vec<Recorded> {
        let ring = self.lock();
        ring.entries
            .iter()
            .map(|entry| Recorded {
                ended: entry.end.get(),
                ..entry.recorded.clone()
            })
            .collect()
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        *self.lock() = Ring::default();
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weigh(recorded: &Recorded) -> usize {
    let headers: usize = recorded
        .headers
        .iter()
        .map(|(name, value)| name.len().saturating_add(value.len()))
        .sum();
    recorded
        .body
        .len()
        .saturating_add(recorded.target.len())
        .saturating_add(headers)
}

/// Counts since the start, and what is running now.
#[derive(Debug, Default)]
pub(super) struct Tally {
    live: AtomicUsize,
    cancelled: AtomicUsize,
    requests: AtomicUsize,
    connections: AtomicUsize,
}

impl Tally {
    /// Answers being prepared or sent.
    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::Acquire)
    }

    /// Answers whose client left early.
    pub(super) fn cancelled(&self) -> usize {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Requests received, those of `/_sim/` not counted.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Acquire)
    }

    /// Connections accepted.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }

    /// Counts one more connection.
    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::AcqRel);
    }
}

/// One answer under way. Dropped before [`Turn::end`], it counts as cancelled by its client.
#[derive(Debug)]
pub(super) struct Turn {
    tally: Arc<Tally>,
    end: Arc<EndCell>,
    is_over: bool,
}

impl Turn {
    /// Starts counting an answer.
    pub(super) fn begin(tally: &Arc<Tally>) -> Self {
        tally.requests.fetch_add(1, Ordering::AcqRel);
        tally.live.fetch_add(1, Ordering::AcqRel);
        Self {
            tally: Arc::clone(tally),
            end: Arc::default(),
            is_over: false,
        }
    }

    /// An answer that counts nowhere: those about the simulated provider itself.
    pub(super) fn aside() -> Self {
        Self {
            tally: Arc::default(),
            end: Arc::default(),
            is_over: true,
        }
    }

    /// The cell the record of this request reads.
    pub(super) fn end_cell(&self) -> Arc<EndCell> {
        Arc::clone(&self.end)
    }

    /// Says how the answer ended. Only the first word counts.
    pub(super) fn end(&mut self, ended: Ended) {
        if self.is_over {
            return;
        }
        self.is_over = true;
        self.end.set(ended);
        self.tally.live.fetch_sub(1, Ordering::AcqRel);
        if ended == Ended::Cancelled {
            self.tally.cancelled.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.end(Ended::Cancelled);
    }
}
