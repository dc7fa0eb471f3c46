//! The canary sweep: plants markers, drives traffic through Mirk, and searches every byte that is
//! kept, shown or sent elsewhere for them, in every encoding it knows.
//!
//! Invariant: a report names classes, places and encodings, never a marker.

mod child;
mod digest;
mod encode;
mod ground;
mod inflate;
#[cfg(feature = "leaky")]
pub mod leaks;
#[cfg(feature = "leaky")]
mod leaky_door;
mod live;
mod markers;
mod places;
mod private;
mod refused;
mod report;
mod search;
mod traffic;
mod wire;

use std::path::Path;

use ground::Ground;
pub use live::{Place, sweep as live};
pub use markers::{Marker, Markers};
use places::Hunt;
pub use private::{Options, sweep as private};
pub use report::{Finding, Report};

/// Why a sweep could not be done. A sweep that could not plant or look says nothing.
#[derive(Debug, thiserror::Error)]
#[error("the sweep stopped at {step}: {words}")]
pub struct SweepError {
    step: &'static str,
    words: String,
}

impl SweepError {
    pub(crate) fn new(step: &'static str, words: impl Into<String>) -> Self {
        Self {
            step,
            words: words.into(),
        }
    }
}

/// An error at `step`, in the error's own words; of the system's errors only the kind.
fn at<E: std::fmt::Display>(step: &'static str) -> impl FnOnce(E) -> SweepError {
    move |error| SweepError {
        step,
        words: error.to_string(),
    }
}

/// Searches one folder for texts, each with the name of its class.
///
/// # Errors
/// When the folder cannot be read.
pub fn quick(folder: &Path, texts: &[(&'static str, String)]) -> Result<Report, SweepError> {
    search(
        folder,
        &texts
            .iter()
            .map(|(class, text)| Marker::secret(class, text))
            .collect(),
        &[],
    )
}

/// Searches one folder, and further texts by name, for markers.
///
/// # Errors
/// When the folder cannot be read.
pub fn search(
    folder: &Path,
    markers: &Markers,
    texts: &[(&str, &[u8])],
) -> Result<Report, SweepError> {
    std::fs::read_dir(folder)
        .map_err(|error| SweepError::new("the data folder", error.kind().to_string()))?;
    let mut hunt = Hunt::new(markers);
    hunt.folder("data", folder);
    for (name, bytes) in texts {
        hunt.bytes(Ground::Kept, name, bytes);
    }
    Ok(hunt.finish())
}
