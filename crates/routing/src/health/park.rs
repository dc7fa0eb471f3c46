//! One rest: until when, why, and how many were guessed in a row.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, AtomicU8, Ordering},
};

use mirk_model::Timestamp;

use crate::{
    backoff::{self, LONGEST},
    errors::Why,
};

/// What rests, readable without a lock.
#[derive(Debug)]
pub(super) struct Park {
    until: AtomicI64,
    why: AtomicU8,
    /// Held while the fields above change together.
    level: Mutex<u32>,
}

impl Park {
    pub(super) const fn new() -> Self {
        Self {
            until: AtomicI64::new(i64::MIN),
            why: AtomicU8::new(0),
            level: Mutex::new(0),
        }
    }

    /// Until when it rests and why, if it does at `now`.
    pub(super) fn at(&self, now: Timestamp) -> Option<(Timestamp, Why)> {
        let until = self.until.load(Ordering::Acquire);
        let why = Why::ALL.get(usize::from(self.why.load(Ordering::Relaxed)));
        (now.as_micros() < until).then(|| {
            let why = why.copied().unwrap_or(Why::RateLimited);
            (Timestamp::from_micros(until), why)
        })
    }

    /// Rests until `announced`, or for as long as the failures in a row make it. A rest is never
    /// made shorter, and failures of what was sent before it began do not make it longer.
    pub(super) fn rest(
        &self,
        why: Why,
        announced: Option<Timestamp>,
        (now, seed): (Timestamp, u64),
    ) {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let until = match announced {
            Some(until) => until,
            None if self.at(now).is_some() => return,
            None => {
                *level = level.saturating_add(1);
                now.plus_micros(backoff::rest(backoff::bounds(why), *level, seed))
            }
        };
        self.set(until.min(now.plus_micros(LONGEST + 1_000_000)), why);
    }

    /// Counts from the start again, because what was sent at `began` succeeded. What was sent
    /// before the latest rest says nothing: a long stream may end well long after a limit began.
    pub(super) fn answered(&self, began: Timestamp) {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        if began.as_micros() >= self.until.load(Ordering::Relaxed) {
            *level = 0;
        }
    }

    /// How many rests in a row were guessed.
    pub(super) fn level(&self) -> u32 {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes back what was kept.
    pub(super) fn restore(&self, rest: Option<(Timestamp, Why)>, level: u32, now: Timestamp) {
        let mut held = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        *held = level;
        if let Some((until, why)) = rest {
            self.set(until.min(now.plus_micros(LONGEST)), why);
        }
    }

    fn set(&self, until: Timestamp, why: Why) {
        if until.as_micros() <= self.until.load(Ordering::Relaxed) {
            return;
        }
        let at = Why::ALL.iter().position(|known| *known == why);
        let at = at.and_then(|at| u8::try_from(at).ok()).unwrap_or(0);
        self.why.store(at, Ordering::Relaxed);
        self.until.store(until.as_micros(), Ordering::Release);
    }
}
