//! A program under measurement: started on its own core, read through `/proc`, ended by its own id.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::failure::{Doing, Failure};

/// `USER_HZ`: the unit of the times in `/proc/PID/stat`, fixed at 100 for user space on Linux.
const TICK_NS: u64 = 10_000_000;
/// How long a program may take to end by itself before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to start and where.
#[derive(Debug, Default)]
pub(crate) struct Launch {
    /// The program, by path or by name.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Settings added to the environment it inherits.
    pub(crate) environment: Vec<(String, String)>,
    /// The core it is held to, where `taskset` is present.
    pub(crate) core: Option<usize>,
    /// Where its stderr goes; nowhere without.
    pub(crate) log: Option<PathBuf>,
}

impl Launch {
    /// The command, without its standard streams.
    pub(crate) fn command(&self) -> Command {
        let mut command = match self.core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(core.to_string()).arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(k, v)| (k, v)));
        command.kill_on_drop(true);
        command
    }
}

/// A running program; killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pid: u32,
    // Held open: the mock ends when it sees its stdin end, so it cannot outlive this process.
    _stdin: Option<ChildStdin>,
}

impl Running {
    /// Starts the program. `taskset` replaces itself with it, so the id is the program's own.
    pub(crate) fn start(launch: &Launch) -> Result<(Self, Option<ChildStdout>), Failure> {
        let stderr = match &launch.log {
            Some(path) => Stdio::from(fs::File::create(path).doing("creating a log file")?),
            None => Stdio::null(),
        };
        let mut command = launch.command();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut child = command.spawn().doing("starting a program")?;
        let pid = child
            .id()
            .ok_or_else(|| Failure::Setup("a program ended at once".into()))?;
        let stdout = child.stdout.take();
        let stdin = child.stdin.take();
        Ok((
            Self {
                child,
                pid,
                _stdin: stdin,
            },
            stdout,
        ))
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it: asked first, killed when it does not listen.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            // It may have ended already; then there is nothing to signal and the wait returns.
            kill_process(pid, Signal::TERM).ok();
        }
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            self.child.kill().await.doing("ending a program")?;
        }
        Ok(())
    }

    /// CPU time used so far, for a later [`CpuReading::until`].
    pub(crate) fn cpu(&self) -> CpuReading {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        CpuReading {
            ticks: stat_ticks(&stat).unwrap_or(0),
            threads: thread_times(self.pid),
        }
    }

    /// Resident memory in kB (`VmRSS`).
    pub(crate) fn resident_kb(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

/// One reading of a program's CPU time.
///
/// `/proc/PID/stat` counts threads that have ended too, but only in steps of 10 ms; `schedstat` is exact
/// but forgets ended threads. A difference uses the exact one unless it has plainly lost a thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct CpuReading {
    ticks: u64,
    threads: BTreeMap<String, u64>,
}

impl CpuReading {
    /// Nanoseconds of CPU between this reading and the later one.
    pub(crate) fn until(&self, later: &Self) -> u64 {
        let exact: u64 = later
            .threads
            .iter()
            .map(|(thread, spent)| {
                spent.saturating_sub(self.threads.get(thread).copied().unwrap_or(0))
            })
            .sum();
        let coarse = later.ticks.saturating_sub(self.ticks) * TICK_NS;
        if later.threads.is_empty() {
            coarse
        } else {
            exact.max(coarse.saturating_sub(TICK_NS))
        }
    }
}

/// utime + stime of a `/proc/PID/stat` line: fields 14 and 15, counted after the name's last parenthesis.
fn stat_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn thread_times(pid: u32) -> BTreeMap<String, u64> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return BTreeMap::new();
    };
    threads
        .flatten()
        .filter_map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            let spent = text.split_whitespace().next()?.parse().ok()?;
            Some((thread.file_name().to_string_lossy().into_owned(), spent))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{CpuReading, stat_ticks};

    #[test]
    fn a_name_with_a_parenthesis_does_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 31 11 0 0 20 0 4 0 100 1 2";
        assert_eq!(stat_ticks(stat), Some(42));
    }

    #[test]
    fn a_thread_that_ended_is_still_counted() {
        let before = CpuReading {
            ticks: 10,
            threads: [("1".into(), 0), ("2".into(), 90_000_000)].into(),
        };
        let after = CpuReading {
            ticks: 40,
            threads: [("1".into(), 5_000_000)].into(),
        };
        assert_eq!(before.until(&after), 290_000_000);
    }

    #[test]
    fn the_exact_time_wins_while_no_thread_is_lost() {
        let before = CpuReading {
            ticks: 10,
            threads: [("1".into(), 1_000_000)].into(),
        };
        let after = CpuReading {
            ticks: 11,
            threads: [("1".into(), 9_500_000)].into(),
        };
        assert_eq!(before.until(&after), 8_500_000);
    }
}
