//! The clocks: the one place that reads them.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How long this thread has worked. What waits for a busy machine does not count.
pub(crate) fn worked() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let whole = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::from_secs(whole) + Duration::from_nanos(u64::try_from(now.tv_nsec).unwrap_or(0))
}

/// A moment to measure from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since(Instant);

impl Since {
    /// Now.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long an input takes is what is measured here"
    )]
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// How long ago it was.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// How long ago it was, in nanoseconds.
    pub(crate) fn nanos(self) -> u64 {
        u64::try_from(self.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
