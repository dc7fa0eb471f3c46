//! The monotonic clock as a number, the same for every process of the machine.
//!
//! A delta carries the mock's reading of it and the load generator subtracts its own, so an `Instant`,
//! which hides its number, will not do.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since boot.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let whole = u64::try_from(now.tv_sec).unwrap_or(0);
    let rest = u64::try_from(now.tv_nsec).unwrap_or(0);
    whole * 1_000_000_000 + rest
}
