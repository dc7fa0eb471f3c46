//! Whether the machine is otherwise idle; figures taken beside a compiler are not figures.

use std::fs;
use std::time::Duration;

use tokio::time::sleep;

use crate::stats::{real, share};

/// How long the machine is watched.
const WATCH: Duration = Duration::from_secs(1);
/// Above this share of all cores something else is at work.
const QUIET_LIMIT: f64 = 0.05;

/// A sentence for the reader when other programs, or other guests of the host, use the machine now.
///
/// To be asked while nothing is being measured.
pub(crate) async fn disturbance(when: &str) -> Option<String> {
    let before = CoreTimes::now()?;
    sleep(WATCH).await;
    let busy = before.busy_until(CoreTimes::now()?)?;
    let percent = busy * 100.0;
    (busy > QUIET_LIMIT).then(|| {
        format!("{when} the rounds other work kept the machine {percent:.0} % busy: trust ratios at most")
    })
}

/// All cores' times since boot, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CoreTimes {
    idle: u64,
    all: u64,
}

impl CoreTimes {
    fn now() -> Option<Self> {
        Self::of_stat(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal; what follows
    /// (guest times) is in user already.
    fn of_stat(stat: &str) -> Option<Self> {
        let fields = stat.lines().next()?.strip_prefix("cpu ")?;
        let times: Option<Vec<u64>> = fields
            .split_whitespace()
            .take(8)
            .map(|field| field.parse().ok())
            .collect();
        let times = times?;
        Some(Self {
            idle: times.get(3)? + times.get(4)?,
            all: times.iter().sum(),
        })
    }

    /// Share of the time between two readings in which a core was at work.
    fn busy_until(self, later: Self) -> Option<f64> {
        let idle = share(
            real(later.idle.saturating_sub(self.idle)),
            real(later.all.saturating_sub(self.all)),
        );
        idle.map(|idle| 1.0 - idle)
    }
}

#[cfg(test)]
mod tests {
    use super::CoreTimes;

    #[test]
    fn time_taken_by_the_host_counts_as_work() {
        let before = CoreTimes::of_stat("cpu  10 0 10 70 10 0 0 0 0 0\ncpu0 1\n").unwrap();
        let after = CoreTimes::of_stat("cpu  10 0 10 140 10 0 0 30 0 0\n").unwrap();
        assert_eq!(before, CoreTimes { idle: 80, all: 100 });
        let busy = before.busy_until(after).unwrap();
        assert!((busy - 0.3).abs() < 1e-9, "{busy}");
    }

    #[test]
    fn a_file_of_another_shape_tells_nothing() {
        assert_eq!(CoreTimes::of_stat("intr 1 2 3\n"), None);
    }
}
