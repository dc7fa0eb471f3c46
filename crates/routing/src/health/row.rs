//! Health as plain rows, so that a store can keep it over a restart.

use std::sync::Arc;

use mirk_model::Timestamp;

use super::Place;
use crate::errors::Why;

/// What is kept of one credential, or of one model on it. Holds no text of any request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthRow {
    /// Whose credential at which provider.
    pub place: Place,
    /// The model; absent for the credential itself.
    pub model: Option<Arc<str>>,
    /// Until when it rests and why.
    pub rest: Option<(Timestamp, Why)>,
    /// How many rests in a row were guessed.
    pub level: u32,
    /// Until when its circuit is open at least, and how often that opened.
    pub open: Option<(Timestamp, u32)>,
    /// Average microseconds to the first byte; 0 for none.
    pub latency: u64,
    /// Successes, in millionths, at `last`.
    pub success: u32,
    /// How many results there were.
    pub samples: u32,
    /// When the last result came.
    pub last: Timestamp,
}
