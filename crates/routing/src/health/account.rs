//! One credential: its own rest, its quota windows and its models.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
};

use mirk_model::Timestamp;

use super::{
    HealthRow, Look, MOST_MODELS, Place, Rest, Standing, Target, forget_idle, park::Park, read,
    write,
};
use crate::{
    errors::Why,
    reset::Reach,
    window::{self, Window},
};

/// How often a usage endpoint is asked, in microseconds, at most.
const POLL_EVERY: i64 = 60_000_000;

/// One credential of one tenant at one provider.
#[derive(Debug)]
pub struct Account {
    place: Place,
    pub(super) park: Park,
    pub(super) in_flight: AtomicU32,
    /// Until when the safety margin of a quota window holds it back.
    spent_until: AtomicI64,
    polled_at: AtomicI64,
    windows: Mutex<Vec<Window>>,
    models: RwLock<HashMap<Arc<str>, Arc<Target>>>,
}

impl Account {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            park: Park::new(),
            in_flight: AtomicU32::new(0),
            spent_until: AtomicI64::new(i64::MIN),
            polled_at: AtomicI64::new(i64::MIN),
            windows: Mutex::new(Vec::new()),
            models: RwLock::default(),
        }
    }

    /// Where it is and whose.
    pub const fn place(&self) -> Place {
        self.place
    }

    /// Its target `model`, made if it is not there yet.
    pub fn target(self: &Arc<Self>, model: &str) -> Arc<Target> {
        if let Some(found) = read(&self.models).get(model) {
            return Arc::clone(found);
        }
        let mut models = write(&self.models);
        if models.len() >= MOST_MODELS && !models.contains_key(model) {
            forget_idle(&mut models, MOST_MODELS, |target| target.touched());
        }
        let name: Arc<str> = Arc::from(model);
        let made = models
            .entry(Arc::clone(&name))
            .or_insert_with(|| Arc::new(Target::new(Arc::clone(self), name)));
        Arc::clone(made)
    }

    /// Its rest at `now`, whatever the reason.
    pub fn rest(&self, now: Timestamp) -> Option<Rest> {
        let parked = self.park.at(now);
        let spent = Timestamp::from_micros(self.spent_until.load(Ordering::Relaxed));
        let spent = (now < spent).then_some((spent, Why::Margin));
        let (until, why) = match (parked, spent) {
            (Some(parked), Some(spent)) if spent.0 > parked.0 => spent,
            (parked, spent) => parked.or(spent)?,
        };
        Some(Rest {
            until,
            why,
            reach: Reach::Credential,
        })
    }

    /// Requests under way at all its models.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Whether its usage endpoint may be asked now; whoever is told yes asks it. At most one yes
    /// a minute.
    pub fn may_poll(&self, now: Timestamp) -> bool {
        let last = self.polled_at.load(Ordering::Relaxed);
        let is_due = now.as_micros().saturating_sub(last) >= POLL_EVERY || now.as_micros() < last;
        is_due
            && self
                .polled_at
                .compare_exchange(last, now.as_micros(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Takes what was read of its quota windows, each replacing the one of the same name.
    /// `margin` is how much of each window, in millionths, is left alone.
    pub fn learn(&self, read: &[Window], margin: u32, now: Timestamp) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        window::merge(&mut windows, read, now);
        let spent = windows
            .iter()
            .filter_map(|window| window.held_until(margin, now))
            .max();
        let spent = spent.map_or(i64::MIN, Timestamp::as_micros);
        self.spent_until.store(spent, Ordering::Relaxed);
    }

    /// Its quota windows as last read, for showing.
    pub fn windows(&self) -> Vec<Window> {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.clone()
    }

    pub(super) fn look(&self, model: &str, now: Timestamp) -> Look {
        if let Some(target) = read(&self.models).get(model) {
            return target.look(now);
        }
        Look {
            standing: self.rest(now).map_or(Standing::Ready, Standing::Parked),
            account_in_flight: self.in_flight(),
            ..Look::UNKNOWN
        }
    }

    /// When it was last used; absent while requests are under way.
    pub(super) fn touched(&self) -> Option<i64> {
        if self.in_flight() > 0 {
            return None;
        }
        // A rest counts as use until its end, so that it outlives what is merely known.
        let rests = self.park.at(Timestamp::from_micros(i64::MIN));
        let rests = rests.map_or(i64::MIN, |(until, _)| until.as_micros());
        let models = read(&self.models);
        let used = models.values().filter_map(|target| target.touched()).max();
        Some(used.unwrap_or(i64::MIN).max(rests))
    }

    pub(super) fn export(&self, now: Timestamp) -> Vec<HealthRow> {
        let rest = self.park.at(now);
        let level = self.park.level();
        let own = HealthRow {
            place: self.place,
            model: None,
            rest,
            level,
            open: None,
            latency: 0,
            success: 1_000_000,
            samples: 0,
            last: now,
        };
        let own = (rest.is_some() || level > 0).then_some(own);
        let models = read(&self.models);
        let targets = models
            .values()
            .filter_map(|target| target.export(self.place, now));
        own.into_iter().chain(targets).collect()
    }

    pub(super) fn import(self: &Arc<Self>, row: &HealthRow, now: Timestamp) {
        match &row.model {
            None => self.park.restore(row.rest, row.level, now),
            Some(model) => self.target(model).import(row, now),
        }
    }
}
