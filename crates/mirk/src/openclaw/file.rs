//! Opening OpenClaw's files: each step from its folder down by hand, so that no link leads out.

use std::{ffi::OsStr, fs::File, io::Read, path::Path};

use rustix::{
    fs::{Dir, FileType, Mode, OFlags, Stat, fstat, open, openat},
    io::Errno,
};
use zeroize::Zeroizing;

/// The file's name.
pub(super) const NAME: &str = "auth-profiles.json";
/// The most that is read.
const MOST_BYTES: usize = 1024 * 1024;
/// The most agents that are looked at.
const MOST_AGENTS: usize = 256;

/// Why a file is not read. Never holds a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is not there.
    #[error("there is no such file")]
    Missing,
    /// It, or a folder on the way, is somebody else's.
    #[error("it is not yours")]
    Owner,
    /// Others can read or change it, or change a folder on the way.
    #[error(
        "others can read or change it; run `chmod 600` on the file and `chmod go-w` on its folders"
    )]
    Mode,
    /// It, or a folder on the way, is a link.
    #[error("it is a link, or reached by one")]
    Link,
    /// It is not a file of OpenClaw's.
    #[error("it is not one of OpenClaw's")]
    Malformed,
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable,
}

impl From<Errno> for FileError {
    fn from(error: Errno) -> Self {
        match error {
            Errno::NOENT => Self::Missing,
            Errno::LOOP | Errno::NOTDIR | Errno::MLINK => Self::Link,
            _ => Self::Unreadable,
        }
    }
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// OpenClaw's folder. Its own name may be a link: where it leads is its owner's.
fn state(path: &Path) -> Result<File, FileError> {
    let folder = File::from(open(path, FOLDER, Mode::empty())?);
    check(&fstat(&folder)?, FileType::Directory)?;
    Ok(folder)
}

fn below(folder: &File, name: &OsStr) -> Result<File, FileError> {
    let folder = File::from(openat(
        folder,
        name,
        FOLDER | OFlags::NOFOLLOW,
        Mode::empty(),
    )?);
    check(&fstat(&folder)?, FileType::Directory)?;
    Ok(folder)
}

/// This user's, and nobody else's to change; a file nobody else's to read either.
fn check(stat: &Stat, kind: FileType) -> Result<(), FileError> {
    if FileType::from_raw_mode(stat.st_mode) != kind {
        return Err(FileError::Malformed);
    }
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Err(FileError::Owner);
    }
    let closed = if kind == FileType::Directory {
        0o022
    } else {
        0o077
    };
    if stat.st_mode & closed != 0 {
        return Err(FileError::Mode);
    }
    Ok(())
}

/// The agents' names, in order.
pub(super) fn agents(path: &Path) -> Result<Vec<String>, FileError> {
    let agents = below(&state(path)?, OsStr::new("agents"))?;
    let mut names = Vec::new();
    for entry in Dir::read_from(&agents)? {
        let entry = entry?;
        let is_plain = |name: &&str| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
                && !name.starts_with('.')
        };
        if let Some(name) = entry.file_name().to_str().ok().filter(is_plain) {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    names.truncate(MOST_AGENTS);
    Ok(names)
}

/// An agent's file, whole.
pub(super) fn read(path: &Path, agent: &str) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let mut folder = state(path)?;
    for name in ["agents", agent, "agent"] {
        folder = below(&folder, OsStr::new(name))?;
    }
    // A pipe is not waited for.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(openat(&folder, NAME, flags, Mode::empty())?);
    check(&fstat(&file)?, FileType::RegularFile)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let most = u64::try_from(MOST_BYTES + 1).unwrap_or(u64::MAX);
    file.take(most)
        .read_to_end(&mut bytes)
        .map_err(|_unreadable| FileError::Unreadable)?;
    if bytes.len() > MOST_BYTES {
        return Err(FileError::Malformed);
    }
    Ok(bytes)
}
