//! What the mock has seen: requests, wrong credentials, streams left before their end.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::clock;

/// Counters shared by all connections of the mock.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    requests: AtomicU64,
    auth_mismatch: AtomicU64,
    abandoned: AtomicU64,
    abandoned_at_ns: AtomicU64,
}

/// One reading of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CountsRead {
    /// Completion requests that arrived.
    pub(crate) requests: u64,
    /// Those of them whose credential was not the expected one.
    pub(crate) auth_mismatch: u64,
    /// Streams whose reader left before the end.
    pub(crate) abandoned: u64,
    /// When the last of these was noticed; monotonic ns.
    pub(crate) abandoned_at_ns: u64,
}

impl Counts {
    /// Counts a completion request.
    pub(crate) fn request(&self, is_expected: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if !is_expected {
            self.auth_mismatch.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a stream whose reader has gone, as of now.
    pub(crate) fn abandon(&self) {
        self.abandoned_at_ns
            .store(clock::now_ns(), Ordering::Relaxed);
        self.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    /// The counters as the control endpoint tells them.
    pub(crate) fn to_json(&self) -> Bytes {
        let tree = json!({
            "requests": self.requests.load(Ordering::Relaxed),
            "auth_mismatch": self.auth_mismatch.load(Ordering::Relaxed),
            "abandoned": self.abandoned.load(Ordering::Relaxed),
            "abandoned_at_ns": self.abandoned_at_ns.load(Ordering::Relaxed),
        });
        Bytes::from(tree.to_string())
    }
}

impl CountsRead {
    /// Reads what the control endpoint told.
    pub(crate) fn of_json(bytes: &[u8]) -> Option<Self> {
        let tree: Value = serde_json::from_slice(bytes).ok()?;
        let count = |name: &str| tree.get(name)?.as_u64();
        Some(Self {
            requests: count("requests")?,
            auth_mismatch: count("auth_mismatch")?,
            abandoned: count("abandoned")?,
            abandoned_at_ns: count("abandoned_at_ns")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, CountsRead};

    #[test]
    fn what_is_told_is_what_was_counted() {
        let counts = Counts::default();
        counts.request(true);
        counts.request(false);
        counts.abandon();
        let read = CountsRead::of_json(&counts.to_json()).unwrap();
        assert_eq!(
            (read.requests, read.auth_mismatch, read.abandoned),
            (2, 1, 1)
        );
        assert!(read.abandoned_at_ns > 0);
    }
}
