//! Averages in which recent results weigh more, readable without a lock.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use mirk_model::Timestamp;

/// The weight of one new time to the first byte: a fifth.
const LATENCY_WEIGHT: i64 = 5;

/// The weight of one new result: a tenth.
const SUCCESS_WEIGHT: i64 = 10;

/// All of it, in millionths.
const WHOLE: u32 = 1_000_000;

/// How long until a past failure weighs half, in microseconds.
const HALF_LIFE: i64 = 300_000_000;

/// Latency and success of one target. Two results at the same moment may count as one: that
/// changes an average by little, and needs no lock.
#[derive(Debug)]
pub(super) struct Averages {
    /// Microseconds; 0 before the first.
    latency: AtomicU64,
    success: AtomicU32,
    samples: AtomicU32,
    last: AtomicI64,
}

impl Averages {
    pub(super) const fn new() -> Self {
        Self {
            latency: AtomicU64::new(0),
            success: AtomicU32::new(WHOLE),
            samples: AtomicU32::new(0),
            last: AtomicI64::new(0),
        }
    }

    /// Average microseconds to the first byte.
    pub(super) fn latency(&self) -> Option<u64> {
        Some(self.latency.load(Ordering::Relaxed)).filter(|latency| *latency > 0)
    }

    /// Successes, in millionths, as of `now`.
    pub(super) fn success(&self, now: Timestamp) -> u32 {
        let success = self.success.load(Ordering::Relaxed).min(WHOLE);
        let age = now
            .as_micros()
            .saturating_sub(self.last.load(Ordering::Relaxed));
        let halvings = u32::try_from(age / HALF_LIFE).unwrap_or(if age < 0 { 0 } else { 31 });
        WHOLE - ((WHOLE - success) >> halvings.min(31))
    }

    /// How many results the success rests on.
    pub(super) fn samples(&self) -> u32 {
        self.samples.load(Ordering::Relaxed)
    }

    /// A first byte came after so many microseconds.
    pub(super) fn first_byte(&self, micros: u64) {
        let new = micros.clamp(1, 3_600_000_000);
        let averaged = match self.latency.load(Ordering::Relaxed) {
            0 => new,
            old => {
                let (old, new) = (old.cast_signed(), new.cast_signed());
                let moved = old.saturating_add(new.saturating_sub(old) / LATENCY_WEIGHT);
                moved.max(1).cast_unsigned()
            }
        };
        self.latency.store(averaged, Ordering::Relaxed);
    }

    /// A request ended.
    pub(super) fn ended(&self, is_success: bool, now: Timestamp) {
        let old = i64::from(self.success(now));
        let new = if is_success { i64::from(WHOLE) } else { 0 };
        let moved = old + (new - old) / SUCCESS_WEIGHT;
        self.success
            .store(u32::try_from(moved).unwrap_or(WHOLE), Ordering::Relaxed);
        self.last.store(now.as_micros(), Ordering::Relaxed);
        let samples = self.samples();
        self.samples
            .store(samples.saturating_add(1), Ordering::Relaxed);
    }

    /// Latency, success, samples and the moment of the last result, for keeping.
    pub(super) fn kept(&self) -> (u64, u32, u32, Timestamp) {
        (
            self.latency.load(Ordering::Relaxed),
            self.success.load(Ordering::Relaxed),
            self.samples(),
            Timestamp::from_micros(self.last.load(Ordering::Relaxed)),
        )
    }

    /// Takes back what was kept.
    pub(super) fn restore(&self, kept: (u64, u32, u32, Timestamp), now: Timestamp) {
        let (latency, success, samples, last) = kept;
        self.latency
            .store(latency.min(3_600_000_000), Ordering::Relaxed);
        self.success.store(success.min(WHOLE), Ordering::Relaxed);
        self.samples.store(samples, Ordering::Relaxed);
        self.last
            .store(last.min(now).as_micros(), Ordering::Relaxed);
    }
}
