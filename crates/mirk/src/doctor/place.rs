//! The data folder: whose it is, who can look into it, what it is on.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

use super::Finding;

/// Free space below which the disk is full soon, and below which it is as good as full.
const LITTLE: u64 = 500_000_000;
const NONE: u64 = 20_000_000;

/// The most faults of files that are named.
const MOST_SHOWN: usize = 5;

/// The most files of the data folder that are looked at.
const MOST_FILES: usize = 10_000;

/// Whether there is an installation in the folder.
pub fn is_installed(data_dir: &Path) -> bool {
    fs::metadata(data_dir.join("db").join("data.sqlite")).is_ok()
}

/// Everything about the data folder. Has to run before anything opens it: opening corrects modes.
pub fn examine(data_dir: &Path) -> Vec<Finding> {
    let mut findings = vec![folder(data_dir)];
    if !is_installed(data_dir) {
        let remedy = "start with `mirk up`";
        let mut none = Finding::ok("installation", "there is none in the data folder yet");
        remedy.clone_into(&mut none.remedy);
        findings.push(none);
    }
    if data_dir.is_dir() {
        findings.push(files(data_dir));
        findings.extend(volatile(data_dir));
        findings.extend(space(data_dir));
    }
    findings
}

fn folder(path: &Path) -> Finding {
    const CHECK: &str = "data folder";
    let shown = path.display();
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Finding::ok(CHECK, format!("{shown} is not there yet"));
    };
    if metadata.is_symlink() {
        return Finding::bad(
            CHECK,
            format!("{shown} is a symbolic link"),
            "name the folder itself with --data-dir",
        );
    }
    if !metadata.is_dir() {
        return Finding::bad(
            CHECK,
            format!("{shown} is not a folder"),
            "name a folder with --data-dir",
        );
    }
    if metadata.uid() != geteuid().as_raw() {
        let remedy = "run Mirk as its owner, or `chown -R` it to the user that runs Mirk";
        return Finding::bad(CHECK, format!("{shown} belongs to somebody else"), remedy);
    }
    if metadata.mode() & 0o077 != 0 {
        let what = format!(
            "{shown} is open to others (mode {:03o})",
            metadata.mode() & 0o777
        );
        return Finding::bad(CHECK, what, format!("chmod 700 {shown}"));
    }
    Finding::ok(CHECK, format!("{shown} is yours alone"))
}

/// Every file and folder below `folder`, links included and not followed, up to a bound.
pub(super) fn everything_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&next) else {
            continue;
        };
        for entry in entries.flatten() {
            if found.len() >= MOST_FILES {
                return found;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found
}

fn files(folder: &Path) -> Finding {
    const CHECK: &str = "file modes";
    let own = geteuid().as_raw();
    let mut open = Vec::new();
    for path in everything_below(folder) {
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        let fault = if metadata.is_symlink() {
            "is a symbolic link"
        } else if metadata.uid() != own {
            "belongs to somebody else"
        } else if metadata.mode() & 0o077 != 0 {
            "is open to others"
        } else {
            continue;
        };
        open.push(format!(
            "{} {fault}",
            path.strip_prefix(folder).unwrap_or(&path).display()
        ));
    }
    if open.is_empty() {
        return Finding::ok(CHECK, "every file in the data folder is yours alone");
    }
    let more = open.len().saturating_sub(MOST_SHOWN);
    open.truncate(MOST_SHOWN);
    if more > 0 {
        open.push(format!("and {more} more"));
    }
    let what = open.join("; ");
    let remedy = format!("chmod -R go= {}, and remove links", folder.display());
    Finding::bad(CHECK, what, remedy)
}

#[cfg(target_os = "linux")]
fn volatile(folder: &Path) -> Option<Finding> {
    const TMPFS: rustix::fs::FsWord = 0x0102_1994;
    const RAMFS: rustix::fs::FsWord = 0x8584_58f6;
    let kind = rustix::fs::statfs(folder).ok()?.f_type;
    let remedy = "keep the data folder on a disk";
    let what = "the data folder is in memory: everything is lost when the machine restarts";
    [TMPFS, RAMFS]
        .contains(&kind)
        .then(|| Finding::warn("file system", what, remedy))
}

#[cfg(not(target_os = "linux"))]
fn volatile(_folder: &Path) -> Option<Finding> {
    None
}

fn space(folder: &Path) -> Option<Finding> {
    let volume = rustix::fs::statvfs(folder).ok()?;
    Some(room(volume.f_bavail.saturating_mul(volume.f_frsize)))
}

fn room(bytes: u64) -> Finding {
    let what = format!("{} MB are free", bytes / 1_000_000);
    let remedy = "make room: without any, Mirk takes no requests that it could not account for";
    match bytes {
        0..NONE => Finding::bad("disk", what, remedy),
        NONE..LITTLE => Finding::warn("disk", what, remedy),
        LITTLE.. => Finding::ok("disk", what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_disk_with_little_room_is_warned_of_and_a_full_one_is_bad() {
        assert_eq!(room(1).verdict, Verdict::Bad);
        assert_eq!(room(499_999_999).verdict, Verdict::Warn);
        assert_eq!(room(500_000_000).verdict, Verdict::Ok);
    }
}
