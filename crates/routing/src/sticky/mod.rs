//! Which conversation went where, so that a provider's prompt cache stays warm.
//!
//! Invariant: of a conversation only a keyed hash is kept, in memory, for an hour after its latest
//! request, and each tenant has a table of its own.

mod siphash;

use std::{
    collections::HashMap,
    fmt,
    hash::Hasher,
    sync::{Mutex, PoisonError},
};

use mirk_model::{TenantId, Timestamp};

use siphash::SipHasher;

/// For how long a conversation is remembered after its latest request, in microseconds: the
/// longest that a provider keeps a prompt cache.
pub const KEPT_FOR: i64 = 3_600_000_000;

/// Half of how many conversations one tenant's table remembers at most.
pub const MOST_OF_HALF: usize = 16_384;

/// Makes fingerprints. The key is random and lives as long as the process.
#[derive(Clone)]
pub struct Fingerprints {
    key: (u64, u64),
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Fingerprints")
    }
}

/// A conversation, as a keyed hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Fingerprint")
    }
}

impl Fingerprints {
    /// Fingerprints under `key`.
    pub const fn new(key: (u64, u64)) -> Self {
        Self { key }
    }

    /// The conversation of `tenant` that `parts` tell from others: a session header, or
    /// `prompt_cache_key`, or the system prompt, the tools and the first message. Where one part
    /// ends and the next begins counts.
    pub fn of(&self, tenant: TenantId, parts: &[&[u8]]) -> Fingerprint {
        let mut hasher = SipHasher::new(self.key);
        hasher.write(tenant.as_bytes());
        for part in parts {
            hasher.write(&part.len().to_le_bytes());
            hasher.write(part);
        }
        Fingerprint(hasher.finish())
    }
}

/// Where a conversation went: a credential and a model, each as a number that tells it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    /// The credential.
    pub(crate) lane: u64,
    /// The model at its provider.
    pub(crate) offer: u64,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    pin: Pin,
    until: Timestamp,
}

/// One tenant's conversations, in two halves: when the younger is full, the older goes and the
/// younger takes its place. What is used moves to the younger.
#[derive(Debug, Default)]
pub(crate) struct Sticky(Mutex<[HashMap<u64, Kept>; 2]>);

impl Sticky {
    /// Where the conversation went, if that is remembered at `now`. With `touches`, it is
    /// remembered for longer.
    pub(crate) fn find(&self, key: u64, now: Timestamp, touches: bool) -> Option<Pin> {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *halves;
        let kept = young.get(&key).or_else(|| old.get(&key)).copied()?;
        if now >= kept.until {
            young.remove(&key);
            old.remove(&key);
            return None;
        }
        if touches {
            put(&mut halves, key, kept.pin, now);
        }
        Some(kept.pin)
    }

    /// Remembers where the conversation went.
    pub(crate) fn keep(&self, key: u64, pin: Pin, now: Timestamp) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        put(&mut halves, key, pin, now);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.iter().map(HashMap::len).sum()
    }
}

fn put([young, old]: &mut [HashMap<u64, Kept>; 2], key: u64, pin: Pin, now: Timestamp) {
    if young.len() >= MOST_OF_HALF && !young.contains_key(&key) {
        *old = std::mem::take(young);
    }
    let until = now.plus_micros(KEPT_FOR);
    young.insert(key, Kept { pin, until });
}

/// The conversation under the name it was asked for by: the same text asked of two models is two
/// conversations, each with a cache of its own.
pub(crate) fn key(conversation: Fingerprint, name: &str) -> u64 {
    let mut hasher = SipHasher::new((conversation.0, 0));
    hasher.write(name.as_bytes());
    hasher.finish()
}

/// Up to how many requests under way no credential is crowded, however idle the others are: so
/// few starve nobody, and a cold cache costs more.
const NEVER_CROWDED: u32 = 3;

/// Whether a credential has so much under way that a conversation must not hold on to it: more
/// than 1.25 times the average of `lanes` credentials with `all` under way, and one.
pub(crate) const fn is_crowded(own: u32, all: u64, lanes: u64) -> bool {
    own > NEVER_CROWDED && 4 * (own as u64) * lanes > 5 * all + 4 * lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(lane: u64) -> Pin {
        Pin { lane, offer: 7 }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_conversation_is_remembered_for_an_hour_after_its_latest_request() {
        let sticky = Sticky::default();
        sticky.keep(1, pin(3), at(0));
        assert_eq!(sticky.find(1, at(3_000), true), Some(pin(3)));
        assert_eq!(sticky.find(1, at(6_000), false), Some(pin(3)));
        assert_eq!(sticky.find(1, at(6_600), false), None);
    }

    #[test]
    fn the_table_is_bounded_and_keeps_what_is_used() {
        let sticky = Sticky::default();
        sticky.keep(u64::MAX, pin(1), at(0));
        for key in 0..200_000 {
            sticky.keep(key, pin(0), at(1));
            if key % 1_000 == 0 {
                sticky.find(u64::MAX, at(1), true);
            }
        }
        assert!(sticky.len() <= 2 * MOST_OF_HALF);
        assert_eq!(sticky.find(u64::MAX, at(2), false), Some(pin(1)));
        assert_eq!(sticky.find(5, at(2), false), None);
    }

    #[test]
    fn fingerprints_tell_tenants_parts_and_keys_apart() {
        let make = Fingerprints::new((1, 2));
        let (one, two) = (TenantId::from_bytes([1; 16]), TenantId::from_bytes([2; 16]));
        let own = make.of(one, &[b"ab", b"c"]);
        assert_eq!(own, make.of(one, &[b"ab", b"c"]));
        assert_ne!(own, make.of(two, &[b"ab", b"c"]));
        assert_ne!(own, make.of(one, &[b"a", b"bc"]));
        assert_ne!(own, Fingerprints::new((1, 3)).of(one, &[b"ab", b"c"]));
        assert_eq!(format!("{own:?} {make:?}"), "Fingerprint Fingerprints");
    }

    #[test]
    fn crowded_is_above_five_quarters_of_the_average_and_one() {
        assert!(!is_crowded(1, 1, 50));
        assert!(!is_crowded(3, 3, 50));
        assert!(is_crowded(4, 4, 50));
        assert!(!is_crowded(6, 16, 4));
        assert!(is_crowded(7, 16, 4));
        assert!(!is_crowded(500, 500, 1));
    }
}
