//! The data folder: made with the right modes, checked before it is trusted, locked while it is
//! used, and watched.
//!
//! Invariant: nothing here follows a symbolic link at or below the data folder.

use std::{
    fs::DirBuilder,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::DirBuilderExt,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, RawMode, Stat},
    io::Errno,
};

const FOLDER: Mode = Mode::RWXU;
const FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// The file with everything in it, and the folder that holds it.
const DB_FOLDER: &str = "db";
const DB_FILE: &str = "data.sqlite";
const LOCK_FILE: &str = "mirk.lock";
const BACKUPS: &str = "backups";

/// Why the data folder cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Another process uses it.
    #[error("another process is using the data folder")]
    Locked,
    /// It is not there, and was not to be made.
    #[error("there is no data in the data folder")]
    Missing,
    /// A link, of the wrong kind, owned by somebody else, or open to everybody.
    #[error("the data folder is not safe: {0}")]
    Unsafe(&'static str),
    /// It cannot be written.
    #[error("the data folder cannot be written")]
    ReadOnly,
    /// The disk is full.
    #[error("there is no space left for the data folder")]
    Full,
    /// The system refused something else; its error number.
    #[error("the data folder cannot be used (error {0})")]
    Io(i32),
}

impl From<Errno> for PlaceError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::Missing,
            Errno::LOOP | Errno::NOTDIR | Errno::MLINK => {
                Self::Unsafe("it, or something in it, is a link or of the wrong kind")
            }
            Errno::ROFS | Errno::ACCESS | Errno::PERM => Self::ReadOnly,
            Errno::NOSPC | Errno::DQUOT => Self::Full,
            Errno::WOULDBLOCK => Self::Locked,
            other => Self::Io(other.raw_os_error()),
        }
    }
}

/// A locked data folder. The lock ends with it, or with the process.
#[derive(Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    db: PathBuf,
    identity: (u64, u64),
    _lock: OwnedFd,
}

impl Place {
    /// Opens and locks the folder at `path`; `is_new_welcome` makes what is missing.
    pub(crate) fn open(path: &Path, is_new_welcome: bool) -> Result<Self, PlaceError> {
        let (parent, name) = split(path, is_new_welcome)?;
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let outside = rustix::fs::open(&parent, flags, Mode::empty())?;
        let name_bytes = Path::new(&name);
        let folder = open_folder(outside.as_fd(), name_bytes, is_new_welcome)?;
        let lock = lock(folder.as_fd())?;
        let inside = open_folder(folder.as_fd(), Path::new(DB_FOLDER), is_new_welcome)?;
        open_folder(folder.as_fd(), Path::new(BACKUPS), true)?;
        let identity = settle_file(inside.as_fd(), is_new_welcome)?;
        let folder = parent.join(name);
        let place = Self {
            db: folder.join(DB_FOLDER).join(DB_FILE),
            folder,
            identity,
            _lock: lock,
        };
        // Between the checks above and now, somebody may have moved a folder away.
        if place.is_there() {
            Ok(place)
        } else {
            Err(PlaceError::Unsafe("it changed while it was opened"))
        }
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The database's file.
    pub(crate) fn db(&self) -> &Path {
        &self.db
    }

    /// The folder for backups.
    pub(crate) fn backups(&self) -> PathBuf {
        self.folder.join(BACKUPS)
    }

    /// Whether the database's file is still the one that was opened.
    pub(crate) fn is_there(&self) -> bool {
        match rustix::fs::lstat(&self.db) {
            Ok(stat) => identity(&stat) == self.identity,
            Err(errno) => errno != Errno::NOENT && errno != Errno::NOTDIR,
        }
    }
}

/// The folder's parent, without links, and the folder's name.
fn split(path: &Path, is_new_welcome: bool) -> Result<(PathBuf, std::ffi::OsString), PlaceError> {
    let name = path
        .file_name()
        .ok_or(PlaceError::Unsafe("its path has no name at the end"))?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    if is_new_welcome {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER.bits())
            .create(parent)
            .map_err(system)?;
    }
    let parent = parent.canonicalize().map_err(system)?;
    Ok((parent, name.to_owned()))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn system(error: std::io::Error) -> PlaceError {
    Errno::from_io_error(&error).map_or(PlaceError::Io(0), Into::into)
}

fn open_folder(
    parent: BorrowedFd<'_>,
    name: &Path,
    is_new_welcome: bool,
) -> Result<OwnedFd, PlaceError> {
    if is_new_welcome {
        match rustix::fs::mkdirat(parent, name, FOLDER) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&folder)?;
    check(&stat)?;
    tighten(folder.as_fd(), &stat, FOLDER)?;
    Ok(folder)
}

fn open_file(folder: BorrowedFd<'_>, name: &str, extra: OFlags) -> Result<OwnedFd, PlaceError> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | extra;
    let file = rustix::fs::openat(folder, name, flags, FILE)?;
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(PlaceError::Unsafe("something in it is not a file"));
    }
    check(&stat)?;
    tighten(file.as_fd(), &stat, FILE)?;
    Ok(file)
}

fn check(stat: &Stat) -> Result<(), PlaceError> {
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Err(PlaceError::Unsafe("somebody else owns it"));
    }
    if Mode::from_raw_mode(stat.st_mode).contains(Mode::WOTH) {
        return Err(PlaceError::Unsafe("everybody may write to it"));
    }
    Ok(())
}

/// Takes away what only the owner should have; the umask never decides.
fn tighten(handle: BorrowedFd<'_>, stat: &Stat, mode: Mode) -> Result<(), PlaceError> {
    if stat.st_mode & 0o7777 != RawMode::from(mode.bits()) {
        rustix::fs::fchmod(handle, mode)?;
    }
    Ok(())
}

fn lock(folder: BorrowedFd<'_>) -> Result<OwnedFd, PlaceError> {
    let lock = open_file(folder, LOCK_FILE, OFlags::CREATE)?;
    rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    Ok(lock)
}

/// Makes or checks the database's file and says which file it is. The handle is closed before
/// SQLite opens the file: closing one later would end SQLite's own locks.
fn settle_file(folder: BorrowedFd<'_>, is_new_welcome: bool) -> Result<(u64, u64), PlaceError> {
    let extra = if is_new_welcome {
        OFlags::CREATE
    } else {
        OFlags::empty()
    };
    let file = open_file(folder, DB_FILE, extra)?;
    for suffix in ["-wal", "-shm"] {
        let name = format!("{DB_FILE}{suffix}");
        match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                check(&stat)?;
            }
            Ok(_) => return Err(PlaceError::Unsafe("something in it is not a file")),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    rustix::fs::fsync(folder)?;
    Ok(identity(&rustix::fs::fstat(&file)?))
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}
