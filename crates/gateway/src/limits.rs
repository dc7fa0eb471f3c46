//! What one key may use: rates as one atomic word each, exact under any race.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

const NANOS_PER_MINUTE: u64 = 60_000_000_000;

/// A rate per minute with a burst of one minute's worth (GCRA): the word is the moment, in
/// nanoseconds, at which the bucket would be empty again.
///
/// Source: ITU-T I.371, the generic cell rate algorithm.
#[derive(Debug, Default)]
pub(crate) struct Rate(AtomicU64);

impl Rate {
    /// Takes `count` of `per_minute` at `now`, or says how long to wait. More than a whole
    /// minute's worth counts as a whole minute's worth, so that it can pass at all.
    pub(crate) fn take(&self, count: u64, per_minute: u32, now: u64) -> Result<(), Duration> {
        let cost = cost(count, per_minute);
        let taken = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |empty_at| {
                let next = empty_at.max(now).saturating_add(cost);
                (next <= now.saturating_add(NANOS_PER_MINUTE)).then_some(next)
            });
        taken.map(|_previous| ()).map_err(|empty_at| {
            let next = empty_at.max(now).saturating_add(cost);
            Duration::from_nanos(next.saturating_sub(now.saturating_add(NANOS_PER_MINUTE)))
        })
    }

    /// Corrects an earlier `take` of `taken` to what was really used.
    pub(crate) fn settle(&self, taken: u64, used: u64, per_minute: u32) {
        let (taken, used) = (cost(taken, per_minute), cost(used, per_minute));
        // Always `Some`, so it always succeeds.
        let _previous = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |empty_at| {
                Some(empty_at.saturating_sub(taken).saturating_add(used))
            });
    }
}

fn cost(count: u64, per_minute: u32) -> u64 {
    let per_minute = u64::from(per_minute.max(1));
    let nanos = u128::from(count.min(per_minute)) * u128::from(NANOS_PER_MINUTE);
    u64::try_from(nanos.div_ceil(u128::from(per_minute))).unwrap_or(NANOS_PER_MINUTE)
}

/// The living part of a key: its counters, and whether it still lives. Survives changes of the
/// directory; shared by everything that the key has under way.
#[derive(Debug, Default)]
pub(crate) struct KeyLife {
    pub(crate) requests: Rate,
    pub(crate) tokens: Rate,
    under_way: AtomicU32,
    is_revoked: AtomicBool,
    revoked: Arc<Notify>,
}

impl KeyLife {
    /// Takes one place of `most`, if one is free.
    pub(crate) fn enter(self: &Arc<Self>, most: Option<u32>) -> Option<Place> {
        let most = most.unwrap_or(u32::MAX);
        let entered = self
            .under_way
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                (count < most).then(|| count.saturating_add(1))
            });
        entered.is_ok().then(|| Place(Arc::clone(self)))
    }

    /// Ends everything that the key has under way.
    pub(crate) fn revoke(&self) {
        self.is_revoked.store(true, Ordering::Release);
        self.revoked.notify_waiters();
    }

    /// Whether the key was revoked, expired or removed.
    pub(crate) fn is_revoked(&self) -> bool {
        self.is_revoked.load(Ordering::Acquire)
    }

    /// Completes at the next [`KeyLife::revoke`]; look at [`KeyLife::is_revoked`] after the
    /// first poll, as a revocation before it is not seen.
    pub(crate) fn revocation(&self) -> tokio::sync::futures::OwnedNotified {
        Arc::clone(&self.revoked).notified_owned()
    }
}

/// One request under way; leaves on drop.
#[derive(Debug)]
pub(crate) struct Place(Arc<KeyLife>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_grants_exactly_its_minute_and_then_one_at_a_time() {
        let rate = Rate::default();
        let granted = (0..10).filter(|_| rate.take(1, 5, 1_000).is_ok()).count();
        assert_eq!(granted, 5);
        let wait = rate.take(1, 5, 1_000).unwrap_err();
        assert_eq!(wait, Duration::from_secs(12));
        let later = 1_000 + NANOS_PER_MINUTE / 5;
        assert!(rate.take(1, 5, later).is_ok());
        assert!(rate.take(1, 5, later).is_err());
    }

    #[test]
    fn a_rate_under_races_never_grants_more() {
        let rate = Arc::new(Rate::default());
        let granted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..100).filter(|_| rate.take(1, 50, 5).is_ok()).count()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(granted, 50);
    }

    #[test]
    fn settling_gives_back_what_was_not_used() {
        let rate = Rate::default();
        rate.take(80, 100, 0).unwrap();
        assert!(rate.take(30, 100, 0).is_err());
        rate.settle(80, 10, 100);
        assert!(rate.take(90, 100, 0).is_ok());
        assert!(rate.take(1, 100, 0).is_err());
    }

    #[test]
    fn places_are_counted_and_given_back() {
        let life = Arc::new(KeyLife::default());
        let first = life.enter(Some(1));
        assert!(first.is_some());
        assert!(life.enter(Some(1)).is_none());
        drop(first);
        assert!(life.enter(Some(1)).is_some());
    }
}
