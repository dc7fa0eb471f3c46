//! Quota windows: how much of a plan or a credit is used, and when it begins anew.

mod read;

use std::sync::Arc;

use mirk_model::Timestamp;

pub use read::{openrouter_key, response_headers};

/// The most windows kept for one credential.
pub const MOST_WINDOWS: usize = 16;

/// For how long what was read holds a credential back when it has no reset, in microseconds:
/// after that it may be wrong, and one request finds out.
const FRESH: i64 = 300_000_000;

/// One quota window of one credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// What the provider calls it: `5h`, `7d`, `credit`.
    pub name: Arc<str>,
    /// What `used` and `limit` count.
    pub unit: Unit,
    /// How much is used.
    pub used: u64,
    /// How much there is; absent for no limit.
    pub limit: Option<u64>,
    /// When it begins anew; absent when unknown or never.
    pub reset: Option<Timestamp>,
    /// When this was read.
    pub read_at: Timestamp,
}

/// What a window counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Millionths of the provider's credit (OpenRouter's is a US dollar).
    Credit,
    /// Millionths of the whole window.
    Share,
}

impl Window {
    /// What is left, in millionths of the limit; absent for no limit. A limit of nothing has
    /// nothing left.
    pub fn left(&self) -> Option<u32> {
        let limit = self.limit?;
        let left = u128::from(limit.saturating_sub(self.used)) * 1_000_000;
        let share = left.checked_div(u128::from(limit)).unwrap_or(0);
        Some(u32::try_from(share).unwrap_or(1_000_000))
    }

    /// Whether the credential may be used at `now` when `margin` millionths of the window are to
    /// be left alone.
    pub fn may_use(&self, margin: u32, now: Timestamp) -> bool {
        self.held_until(margin, now).is_none()
    }

    /// Until when the credential is held back, if it is at `now`: to the window's reset, or for
    /// as long as what was read is fresh.
    pub fn held_until(&self, margin: u32, now: Timestamp) -> Option<Timestamp> {
        let is_spent = self.left()? <= margin;
        let longest = now.plus_micros(crate::backoff::LONGEST);
        let until = self
            .reset
            .unwrap_or_else(|| self.read_at.plus_micros(FRESH))
            .min(longest);
        (is_spent && now < until).then_some(until)
    }
}

/// Puts `read` in the place of the windows of the same names, and drops those that have begun
/// anew since they were read.
pub(crate) fn merge(kept: &mut Vec<Window>, read: &[Window], now: Timestamp) {
    kept.retain(|window| {
        let is_over = window.reset.is_some_and(|reset| reset <= now);
        !is_over && !read.iter().any(|new| new.name == window.name)
    });
    let room = MOST_WINDOWS.saturating_sub(kept.len());
    kept.extend(read.iter().take(room).cloned());
}

#[cfg(test)]
mod tests;
