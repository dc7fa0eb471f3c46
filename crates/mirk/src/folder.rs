//! Folders that only their owner can look into.

use std::{fs, io, os::unix::fs::DirBuilderExt, path::Path};

/// Creates the folder and what is missing above it, each for the owner alone. An existing
/// folder is left as it is.
///
/// # Errors
/// When it cannot be created.
pub fn ensure_private(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}
