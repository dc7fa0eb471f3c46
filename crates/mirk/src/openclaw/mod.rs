//! OpenClaw's stored credentials, read where OpenClaw keeps them and never written.
//!
//! Source: the legacy JSON store `agents/<agent>/agent/auth-profiles.json` below `~/.openclaw`, or
//! below the folder in `OPENCLAW_STATE_DIR`. Newer versions moved to a database, which is not read:
//! that the file is not there is normal.
//!
//! Invariant: only files of this user that nobody else can read or change, reached without a
//! link below OpenClaw's folder.

mod file;
mod profile;

use std::path::{Path, PathBuf};

use mirk_gateway::{Pointed, PointedError, Pointers};
use mirk_vault::Pointer;

pub use file::FileError;
pub use profile::{Profile, Stored};

/// OpenClaw's folder, and the agents that have a file in it.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

/// One agent's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    state: PathBuf,
    agent: String,
}

impl Home {
    /// OpenClaw's folder by the values of `OPENCLAW_STATE_DIR` and `HOME`.
    pub fn of(state_dir: Option<&str>, home: Option<&str>) -> Option<Self> {
        let given = state_dir.filter(|path| !path.is_empty()).map(PathBuf::from);
        let usual = || {
            home.filter(|path| !path.is_empty())
                .map(|home| Path::new(home).join(".openclaw"))
        };
        given.or_else(usual).map(Self)
    }

    /// The files of all agents, or of one, by the agents' names.
    ///
    /// # Errors
    /// When OpenClaw's folder is not its owner's alone, or cannot be read.
    pub fn spots(&self, agent: Option<&str>) -> Result<Vec<Spot>, FileError> {
        let agents = file::agents(&self.0)?;
        let wanted = agents
            .into_iter()
            .filter(|name| agent.is_none_or(|agent| agent == name));
        let spots = wanted.map(|agent| Spot {
            state: self.0.clone(),
            agent,
        });
        Ok(spots.collect())
    }
}

impl Spot {
    /// The spot that a file's path names.
    fn of_file(path: &Path) -> Option<Self> {
        let folder = path.parent()?.parent()?;
        let agents = folder.parent()?;
        let spot = Self {
            state: agents.parent()?.to_owned(),
            agent: folder.file_name()?.to_str()?.to_owned(),
        };
        (spot.file() == path).then_some(spot)
    }

    /// The agent's name.
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// The file's path.
    pub fn file(&self) -> PathBuf {
        let agents = self.state.join("agents");
        agents.join(&self.agent).join("agent").join(file::NAME)
    }

    /// The profiles in the file, by name.
    ///
    /// # Errors
    /// When the file is not its owner's alone, cannot be read, or is not OpenClaw's.
    pub fn profiles(&self) -> Result<Vec<Profile>, FileError> {
        profile::read(&file::read(&self.state, &self.agent)?).ok_or(FileError::Malformed)
    }
}

/// Reads tokens that OpenClaw keeps.
#[derive(Clone, Copy, Debug)]
pub struct OpenClaw;

impl Pointers for OpenClaw {
    fn read(&self, pointer: &Pointer) -> Result<Pointed, PointedError> {
        let spot = Spot::of_file(Path::new(&pointer.file)).ok_or(PointedError::Unreadable)?;
        let profiles = spot.profiles().map_err(|error| match error {
            FileError::Owner | FileError::Mode | FileError::Link => PointedError::Open,
            FileError::Missing | FileError::Malformed | FileError::Unreadable => {
                PointedError::Unreadable
            }
        })?;
        let named = profiles
            .into_iter()
            .find(|profile| profile.name == pointer.profile);
        match named.ok_or(PointedError::Gone)?.stored {
            Stored::Token { access, expires_at } | Stored::OAuth { access, expires_at } => {
                Ok(Pointed { access, expires_at })
            }
            Stored::Key(_) | Stored::Elsewhere | Stored::Unknown => Err(PointedError::Gone),
        }
    }
}

#[cfg(test)]
mod tests;
