//! Who is connected, without remembering an address: a keyed hash, and a seat for each connection.
//!
//! Invariant: an address goes into [`PeerHasher::hash`] and no further; nothing prints it.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher as _,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A client's address under a key that lives as long as the process. Equal for equal addresses,
/// and for all IPv6 addresses of one /64, which one host can have at will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerHash(u64);

impl PeerHash {
    /// The hash, for a table that is keyed by it.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Makes [`PeerHash`]es, by `SipHash` under the random key of a [`RandomState`].
#[derive(Clone, Debug, Default)]
pub struct PeerHasher(RandomState);

impl PeerHasher {
    /// With the key in `state`.
    pub const fn new(state: RandomState) -> Self {
        Self(state)
    }

    /// Hashes an address.
    pub fn hash(&self, address: IpAddr) -> PeerHash {
        let address = match address.to_canonical() {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            // Global addresses do not begin with 64 zero bits; the one that does is `::1`.
            IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or(u64::MAX),
        };
        PeerHash(self.0.hash_one(address))
    }

    /// For a peer without an address (a unix socket).
    pub fn local(&self) -> PeerHash {
        PeerHash(self.0.hash_one("local"))
    }

    /// A token for one connection that no client can guess.
    pub(super) fn token(&self, count: u64) -> u64 {
        self.0.hash_one((count, "token"))
    }
}

/// How many connections there are, in all and for each peer.
#[derive(Debug)]
pub struct Seats {
    total: usize,
    per_peer: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    peers: HashMap<PeerHash, usize>,
}

/// A connection's seat, given back on drop.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    peer: PeerHash,
}

impl Seats {
    /// `total` seats, at most `per_peer` for one peer.
    pub fn new(total: usize, per_peer: usize) -> Self {
        Self {
            total,
            per_peer,
            taken: Mutex::default(),
        }
    }

    /// Takes a seat for `peer`; `None` when there is none left for it.
    pub fn take(self: &Arc<Self>, peer: PeerHash) -> Option<Seat> {
        let mut taken = self.lock();
        if taken.total >= self.total {
            return None;
        }
        let count = taken.peers.entry(peer).or_default();
        if *count >= self.per_peer {
            return None;
        }
        *count += 1;
        taken.total += 1;
        Some(Seat {
            seats: Arc::clone(self),
            peer,
        })
    }

    /// How many seats are taken.
    pub fn taken(&self) -> usize {
        self.lock().total
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Whose it is.
    pub const fn peer(&self) -> PeerHash {
        self.peer
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        taken.total = taken.total.saturating_sub(1);
        if let Some(count) = taken.peers.get_mut(&self.peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.peers.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_is_one_peer() {
        let hasher = PeerHasher::default();
        let hash = |text: &str| hasher.hash(text.parse().unwrap());
        assert_eq!(hash("2001:db8::1"), hash("2001:db8::ffff:1"));
        assert_ne!(hash("2001:db8::1"), hash("2001:db8:0:1::1"));
        assert_eq!(hash("192.0.2.1"), hash("::ffff:192.0.2.1"));
        assert_ne!(hash("192.0.2.1"), hash("192.0.2.2"));
        assert_ne!(
            PeerHasher::default().hash("192.0.2.1".parse().unwrap()),
            hash("192.0.2.1")
        );
    }

    #[test]
    fn seats_run_out_for_a_peer_and_for_all_and_come_back() {
        let hasher = PeerHasher::default();
        let one = hasher.hash("192.0.2.1".parse().unwrap());
        let two = hasher.hash("192.0.2.2".parse().unwrap());
        let seats = Arc::new(Seats::new(3, 2));
        let first = seats.take(one).unwrap();
        let second = seats.take(one).unwrap();
        assert!(seats.take(one).is_none());
        let third = seats.take(two).unwrap();
        assert!(seats.take(two).is_none());
        drop(first);
        assert!(seats.take(one).is_some());
        drop((second, third));
        assert_eq!(seats.taken(), 0);
        assert!(seats.lock().peers.is_empty());
    }
}
