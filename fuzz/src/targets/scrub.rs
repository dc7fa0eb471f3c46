//! The mask over what looks like a credential.

use std::borrow::Cow;

use mirk_dialect::scrub::{REDACTED, scrub as scrubbed};
use serde::de::IgnoredAny;

use crate::chance::Chance;

/// Prefixes that no plain text keeps with so much behind them, and how much that is.
const SHAPES: &[(&[u8], usize)] = &[
    (b"sk-", 4),
    (b"AIza", 4),
    (b"mrk_", 4),
    (b"gsk_", 4),
    (b"xai-", 4),
    (b"pplx-", 4),
    (b"AKIA", 12),
    (b"eyJ", 20),
];

/// Asserts that no credential's shape and no live credential is left, that masking twice is masking once, that
/// what is copied differs, and that JSON stays JSON.
pub(super) fn scrub(data: &[u8]) {
    let once = scrubbed(data, None);
    if matches!(once, Cow::Owned(_)) {
        assert!(&*once != data, "copied and not changed");
    }
    assert!(
        *scrubbed(&once, None) == *once,
        "masking is not done at once"
    );
    assert!(!has_shape(&once), "a credential's shape is left");
    if serde_json::from_slice::<IgnoredAny>(data).is_ok() && std::str::from_utf8(data).is_ok() {
        assert!(
            serde_json::from_slice::<IgnoredAny>(&once).is_ok(),
            "broke JSON"
        );
    }
    live(data);
}

/// Whether a shape begins at a word's start with enough behind it.
fn has_shape(text: &[u8]) -> bool {
    let mut before = b' ';
    text.iter().enumerate().any(|(at, byte)| {
        let is_start = !before.is_ascii_alphanumeric();
        before = *byte;
        is_start && SHAPES.iter().any(|shape| is_shape(text.get(at..), *shape))
    })
}

fn is_shape(rest: Option<&[u8]>, (prefix, shortest): (&[u8], usize)) -> bool {
    let after = rest.and_then(|rest| rest.strip_prefix(prefix));
    after.is_some_and(|after| {
        let head = after.get(..shortest);
        head.is_some_and(|head| head.iter().all(u8::is_ascii_alphanumeric))
    })
}

/// A part of the text is the credential that was sent.
fn live(data: &[u8]) {
    let mut chance = Chance::of(data);
    let at = chance.below(data.len() + 1);
    let length = 8 + chance.below(40);
    let Some(live) = data.get(at..at + length) else {
        return;
    };
    // A live credential that the mask itself holds, or that its edges make, is left by definition.
    let is_odd = REDACTED
        .as_bytes()
        .windows(3)
        .any(|part| live.windows(3).any(|it| it == part));
    let masked = scrubbed(data, Some(live));
    if !is_odd && data.len() < 4096 && live.iter().all(u8::is_ascii_alphanumeric) {
        let is_left = masked.windows(live.len()).any(|window| window == live);
        assert!(!is_left, "the live credential is left");
    }
}
