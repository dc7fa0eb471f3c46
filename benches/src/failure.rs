//! What can stop a run: the machine refused something, or a program did not do what it is started for.

use std::io;

/// Why the bench cannot go on. A missed gate is not a failure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The operating system refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, as a phrase.
        doing: &'static str,
        /// The refusal.
        source: io::Error,
    },
    /// A program of the set-up did not behave.
    #[error("{0}")]
    Setup(String),
    /// Interrupted from outside.
    #[error("interrupted")]
    Interrupted,
}

/// Names the act an I/O result belongs to.
pub(crate) trait Doing<T> {
    /// The result with the phrase `doing` put before its error.
    fn doing(self, doing: &'static str) -> Result<T, Failure>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, Failure> {
        self.map_err(|source| Failure::Io { doing, source })
    }
}
