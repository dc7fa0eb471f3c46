//! The machine: who runs Mirk, its clock, its swap, its core dumps.

use std::fs;

use mirk_model::{Clock, Timestamp};
use rustix::process::{Resource, geteuid, getrlimit};

use super::Finding;

/// Everything about the machine.
pub fn examine(clock: &dyn Clock) -> Vec<Finding> {
    let core = getrlimit(Resource::Core).current;
    vec![
        user(geteuid().is_root()),
        time(clock.now()),
        swap(),
        core_dumps(core),
    ]
}

fn user(is_root: bool) -> Finding {
    if is_root {
        let remedy = "run Mirk as a user of its own (systemd: DynamicUser=yes)";
        return Finding::warn("user", "this is root", remedy);
    }
    Finding::ok("user", "not root")
}

fn time(now: Timestamp) -> Finding {
    /// 2026-01-01 and 2101-01-01, in microseconds.
    const SANE: std::ops::Range<i64> = 1_767_225_600_000_000..4_133_980_800_000_000;
    if SANE.contains(&now.as_micros()) {
        return Finding::ok("clock", format!("{now}"));
    }
    let what = format!("the clock says {now}, which cannot be");
    Finding::bad(
        "clock",
        what,
        "set the clock (timedatectl set-ntp true): keys expire by it",
    )
}

fn swap() -> Finding {
    let Ok(table) = fs::read_to_string("/proc/swaps") else {
        return Finding::ok("swap", "this system does not say what it swaps to");
    };
    let open = plain_swaps(&table, |name| {
        let uuid = fs::read_to_string(format!("/sys/block/{name}/dm/uuid"));
        uuid.is_ok_and(|uuid| uuid.starts_with("CRYPT-"))
    });
    if open == 0 {
        return Finding::ok("swap", "none, in memory, or encrypted");
    }
    let remedy = "encrypt the swap or turn it off (swapoff -a): memory with opened secrets can be written there";
    Finding::warn(
        "swap",
        format!("{open} swap areas are not encrypted"),
        remedy,
    )
}

/// How many swap areas are on a disk and not encrypted. The table is that of `/proc/swaps`.
fn plain_swaps(table: &str, is_encrypted: impl Fn(&str) -> bool) -> usize {
    let names = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next());
    names
        .filter(|path| !path.starts_with("/dev/zram"))
        .filter(|path| !path.strip_prefix("/dev/").is_some_and(&is_encrypted))
        .count()
}

fn core_dumps(limit: Option<u64>) -> Finding {
    if limit == Some(0) {
        return Finding::ok("core dumps", "off");
    }
    let remedy =
        "start Mirk with `ulimit -c 0` (systemd: LimitCORE=0): a crash can write memory to a file";
    Finding::warn("core dumps", "are on in this session", remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_clock_before_2026_or_after_2100_is_bad() {
        for (text, verdict) in [
            ("2025-12-31T23:59:59Z", Verdict::Bad),
            ("2026-01-01T00:00:00Z", Verdict::Ok),
            ("2100-12-31T23:59:59Z", Verdict::Ok),
            ("2101-01-01T00:00:00Z", Verdict::Bad),
        ] {
            assert_eq!(
                time(Timestamp::parse(text).unwrap()).verdict,
                verdict,
                "{text}"
            );
        }
    }

    #[test]
    fn only_swap_on_a_disk_in_the_clear_counts() {
        let table = "Filename Type Size Used Priority\n/dev/zram0 partition 1 0 100\n\
                     /dev/dm-1 partition 1 0 -2\n/swapfile file 1 0 -3\n";
        assert_eq!(plain_swaps(table, |name| name == "dm-1"), 1);
        assert_eq!(plain_swaps(table, |_| false), 2);
        assert_eq!(plain_swaps("Filename\n", |_| false), 0);
    }

    #[test]
    fn core_dumps_and_root_are_warned_of() {
        assert_eq!(core_dumps(Some(0)).verdict, Verdict::Ok);
        assert_eq!(core_dumps(None).verdict, Verdict::Warn);
        assert_eq!(user(true).verdict, Verdict::Warn);
        assert_eq!(user(false).verdict, Verdict::Ok);
    }
}
