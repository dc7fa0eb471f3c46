//! A temporary folder, private to this user and gone when the run ends, however it ends.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::clock;
use crate::failure::{Doing, Failure};

/// The folder; removed with all it holds on drop.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A new folder (0700) under the system's folder for temporary files.
    pub(crate) fn create() -> Result<Self, Failure> {
        let name = format!("mirk-bench-{}-{}", std::process::id(), clock::now_ns());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .doing("creating a temporary folder")?;
        Ok(Self { path })
    }

    /// The folder's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A new folder (0700) inside.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.path.join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .doing("creating a temporary folder")?;
        Ok(path)
    }

    /// A new file (0600) inside `folder` with these bytes.
    pub(crate) fn file(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
        let path = folder.join(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .doing("creating a temporary file")?;
        file.write_all(bytes).doing("writing a temporary file")?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nobody is left to tell, and what remains lies in the folder for temporary files.
        drop(fs::remove_dir_all(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use super::Scratch;

    #[test]
    fn the_folder_and_what_it_holds_are_gone_after_the_run() {
        let scratch = Scratch::create().unwrap();
        let path = scratch.path().to_owned();
        let inner = scratch.folder("inner").unwrap();
        Scratch::file(&inner, "file", b"bytes").unwrap();
        assert!(inner.join("file").exists());
        drop(scratch);
        assert!(!path.exists());
    }
}
