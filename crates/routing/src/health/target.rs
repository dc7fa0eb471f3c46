//! One model on one credential, and what is under way there.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering},
};

use mirk_model::Timestamp;

use super::{Account, HealthRow, Look, Place, Rest, Standing, average::Averages, park::Park};
use crate::{
    backoff::LONGEST,
    breaker::{Admission, Breaker},
    errors::{Blame, Verdict, Why},
    reset::{Limit, Reach},
};

/// While another request probes, how soon to look again, in microseconds.
const WHILE_PROBING: i64 = 1_000_000;

/// One model on one credential.
#[derive(Debug)]
pub struct Target {
    account: Arc<Account>,
    model: Arc<str>,
    park: Park,
    averages: Averages,
    in_flight: AtomicU32,
    touched: AtomicI64,
    breaker: Mutex<Breaker>,
    /// What the breaker says, for reading without its lock.
    half_open_at: AtomicI64,
    is_probing: AtomicBool,
}

impl Target {
    pub(super) fn new(account: Arc<Account>, model: Arc<str>) -> Self {
        Self {
            account,
            model,
            park: Park::new(),
            averages: Averages::new(),
            in_flight: AtomicU32::new(0),
            touched: AtomicI64::new(i64::MIN),
            breaker: Mutex::new(Breaker::default()),
            half_open_at: AtomicI64::new(i64::MIN),
            is_probing: AtomicBool::new(false),
        }
    }

    /// The credential it is on.
    pub const fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// The model's name at the provider.
    pub const fn model(&self) -> &Arc<str> {
        &self.model
    }

    /// How it is at `now`. Takes no lock.
    pub fn look(&self, now: Timestamp) -> Look {
        Look {
            standing: self.standing(now),
            latency: self.averages.latency(),
            success: self.averages.success(now),
            samples: self.averages.samples(),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            account_in_flight: self.account.in_flight(),
        }
    }

    fn standing(&self, now: Timestamp) -> Standing {
        if let Some(rest) = self.rest(now) {
            return Standing::Parked(rest);
        }
        match self.half_open_at.load(Ordering::Relaxed) {
            i64::MIN => Standing::Ready,
            until if now.as_micros() < until => Standing::Open {
                until: Timestamp::from_micros(until),
            },
            _ if self.is_probing.load(Ordering::Relaxed) => Standing::Open {
                until: now.plus_micros(WHILE_PROBING),
            },
            _ => Standing::Probe,
        }
    }

    /// The longer of its own rest and its credential's.
    fn rest(&self, now: Timestamp) -> Option<Rest> {
        let own = self.park.at(now).map(|(until, why)| Rest {
            until,
            why,
            reach: Reach::Model,
        });
        own.into_iter()
            .chain(self.account.rest(now))
            .max_by_key(|rest| rest.until)
    }

    /// Begins a request, right before it is sent: whatever a plan said before, nothing goes to a
    /// parked target.
    ///
    /// # Errors
    ///
    /// Until when to wait, where the target rests, its circuit is open or another request probes
    /// it.
    pub fn begin(self: &Arc<Self>, now: Timestamp) -> Result<Flight, Rest> {
        if let Some(rest) = self.rest(now) {
            return Err(rest);
        }
        let mut breaker = self.lock();
        let is_probe = match breaker.admit(now) {
            Admission::Pass => false,
            Admission::Probe => true,
            Admission::No(until) => {
                return Err(Rest {
                    until,
                    why: Why::ServerError,
                    reach: Reach::Model,
                });
            }
        };
        self.publish(&breaker);
        drop(breaker);
        self.touched.store(now.as_micros(), Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.account.in_flight.fetch_add(1, Ordering::Relaxed);
        Ok(Flight {
            target: Arc::clone(self),
            began: now,
            is_probe,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, breaker: &Breaker) {
        let until = breaker
            .opened()
            .map_or(i64::MIN, |(until, _)| until.as_micros());
        self.is_probing
            .store(breaker.is_probing(), Ordering::Relaxed);
        self.half_open_at.store(until, Ordering::Relaxed);
    }

    fn with_breaker(&self, change: impl FnOnce(&mut Breaker)) {
        let mut breaker = self.lock();
        change(&mut breaker);
        self.publish(&breaker);
    }

    /// When it was last used, or will be usable again; absent while requests are under way.
    pub(super) fn touched(&self) -> Option<i64> {
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let rests = self.park.at(Timestamp::from_micros(i64::MIN));
        let rests = rests.map_or(i64::MIN, |(until, _)| until.as_micros());
        Some(self.touched.load(Ordering::Relaxed).max(rests))
    }

    pub(super) fn export(&self, place: Place, now: Timestamp) -> Option<HealthRow> {
        let (latency, success, samples, last) = self.averages.kept();
        let row = HealthRow {
            place,
            model: Some(Arc::clone(&self.model)),
            rest: self.park.at(now),
            level: self.park.level(),
            open: self.lock().opened(),
            latency,
            success,
            samples,
            last,
        };
        let says_something =
            samples > 0 || latency > 0 || row.level > 0 || row.rest.is_some() || row.open.is_some();
        says_something.then_some(row)
    }

    pub(super) fn import(&self, row: &HealthRow, now: Timestamp) {
        self.park.restore(row.rest, row.level, now);
        let kept = (row.latency, row.success, row.samples, row.last);
        self.averages.restore(kept, now);
        self.touched
            .store(row.last.min(now).as_micros(), Ordering::Relaxed);
        let latest = now.plus_micros(LONGEST);
        let open = row.open.map(|(until, level)| (until.min(latest), level));
        self.with_breaker(|breaker| *breaker = Breaker::restored(open));
    }
}

/// One request under way. Dropping it without a result gives back its place in the counts, and
/// the probe if it was one, and says nothing about the target: that is right for a request that
/// the client gave up or that another target overtook.
#[derive(Debug)]
pub struct Flight {
    target: Arc<Target>,
    began: Timestamp,
    is_probe: bool,
}

impl Flight {
    /// The target it went to.
    pub const fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Whether it is the one request that finds out whether a target is back.
    pub const fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// The first byte of the answer came.
    pub fn first_byte(&self, now: Timestamp) {
        let took = now.as_micros().saturating_sub(self.began.as_micros());
        self.target.averages.first_byte(took.max(1).cast_unsigned());
    }

    /// It was answered as it should be.
    pub fn succeed(mut self, now: Timestamp) {
        self.target.averages.ended(true, now);
        self.target.park.answered(self.began);
        self.target.account.park.answered(self.began);
        self.answered(now);
    }

    /// It failed: whatever `verdict` blames rests, until `limit` says or for as long as failures
    /// in a row make it. `seed` decides the jitter.
    pub fn fail(mut self, verdict: &Verdict, limit: Option<&Limit>, (now, seed): (Timestamp, u64)) {
        let announced = limit.map(|limit| limit.until);
        match verdict.blame {
            // Whoever finds fault with a request is there and works.
            Blame::Client => self.answered(now),
            Blame::Nobody => {}
            Blame::Credential => {
                let park = &self.target.account.park;
                park.rest(verdict.why, announced, (now, seed));
                self.answered(now);
            }
            Blame::Model => {
                let park = &self.target.park;
                park.rest(verdict.why, announced, (now, seed));
                self.answered(now);
            }
            Blame::Provider => {
                if announced.is_some() {
                    let park = &self.target.park;
                    park.rest(verdict.why, announced, (now, seed));
                }
                self.target.averages.ended(false, now);
                let is_probe = std::mem::take(&mut self.is_probe);
                self.target
                    .with_breaker(|breaker| breaker.failed(now, is_probe, seed));
            }
        }
    }

    fn answered(&mut self, now: Timestamp) {
        let is_probe = std::mem::take(&mut self.is_probe);
        self.target
            .with_breaker(|breaker| breaker.answered(now, is_probe));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.target.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.target
            .account
            .in_flight
            .fetch_sub(1, Ordering::Relaxed);
        if self.is_probe {
            self.target.with_breaker(Breaker::release);
        }
    }
}
