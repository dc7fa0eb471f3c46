//! What is known of every target at present: what rests and why, how fast and how reliable it is,
//! how much is under way, whether its circuit is open.
//!
//! Keyed (tenant, provider, credential, model): nothing of one tenant is ever seen by another,
//! and no tenant can push out what is known about another's. Bounded: each credential keeps a
//! bounded number of models, each tenant a bounded number of credentials.
//!
//! A planner holds on to [`Target`]s (they live in an `Arc`) and asks each for its [`Look`], which
//! reads atomics only. Right before dispatch, [`Target::begin`] decides for good.

mod account;
mod average;
mod park;
mod row;
mod target;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use mirk_model::{CredentialId, ProviderId, TenantId, Timestamp};

use crate::{errors::Why, reset::Reach};

pub use account::Account;
pub use row::HealthRow;
pub use target::{Flight, Target};

/// The most models kept for one credential.
pub const MOST_MODELS: usize = 512;

/// The most credentials kept for one tenant.
pub const MOST_ACCOUNTS: usize = 4096;

/// Whose credential at which provider. A provider that is asked without one has no credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The owner.
    pub tenant: TenantId,
    /// The provider.
    pub provider: ProviderId,
    /// The credential.
    pub credential: Option<CredentialId>,
}

/// Whether a target can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Ready,
    /// Its circuit is half open and nothing probes it: one request may.
    Probe,
    /// It rests.
    Parked(Rest),
    /// Its circuit is open, or another request probes it.
    Open {
        /// Not before this moment.
        until: Timestamp,
    },
}

/// Until when something rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// The first moment that it may be used again.
    pub until: Timestamp,
    /// Why it rests.
    pub why: Why,
    /// Whether the whole credential rests or this model only.
    pub reach: Reach,
}

/// A target at one moment, for planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether it can be used.
    pub standing: Standing,
    /// Average time to the first byte, in microseconds, recent ones weighing more; absent before
    /// the first.
    pub latency: Option<u64>,
    /// How much of what was asked of it lately succeeded, in millionths; what was long ago fades
    /// towards all.
    pub success: u32,
    /// How many results that rests on.
    pub samples: u32,
    /// Requests under way at this target.
    pub in_flight: u32,
    /// Requests under way at all models of the credential.
    pub account_in_flight: u32,
}

impl Look {
    /// What is assumed of a target that nothing is known about.
    pub const UNKNOWN: Self = Self {
        standing: Standing::Ready,
        latency: None,
        success: 1_000_000,
        samples: 0,
        in_flight: 0,
        account_in_flight: 0,
    };

    /// Whether a request may go there now.
    pub const fn is_usable(&self) -> bool {
        matches!(self.standing, Standing::Ready | Standing::Probe)
    }

    /// When it may be used again; absent when it can be used now.
    pub const fn until(&self) -> Option<Timestamp> {
        match self.standing {
            Standing::Ready | Standing::Probe => None,
            Standing::Parked(Rest { until, .. }) | Standing::Open { until } => Some(until),
        }
    }
}

type Accounts = HashMap<(ProviderId, Option<CredentialId>), Arc<Account>>;

/// The health of everything. One for the process, shared by `Arc`.
#[derive(Debug, Default)]
pub struct Health {
    tenants: RwLock<HashMap<TenantId, Arc<RwLock<Accounts>>>>,
}

impl Health {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The account at `place`, made if it is not there yet.
    pub fn account(&self, place: Place) -> Arc<Account> {
        let accounts = self.accounts(place.tenant);
        let key = (place.provider, place.credential);
        if let Some(found) = read(&accounts).get(&key) {
            return Arc::clone(found);
        }
        let mut accounts = write(&accounts);
        if accounts.len() >= MOST_ACCOUNTS && !accounts.contains_key(&key) {
            forget_idle(&mut accounts, MOST_ACCOUNTS, |account| account.touched());
        }
        let made = accounts
            .entry(key)
            .or_insert_with(|| Arc::new(Account::new(place)));
        Arc::clone(made)
    }

    /// The target `model` at `place`, made if it is not there yet.
    pub fn target(&self, place: Place, model: &str) -> Arc<Target> {
        self.account(place).target(model)
    }

    /// The target `model` at `place` at `now`; remembers nothing new.
    pub fn look(&self, place: Place, model: &str, now: Timestamp) -> Look {
        let found = read(&self.tenants).get(&place.tenant).and_then(|accounts| {
            read(accounts)
                .get(&(place.provider, place.credential))
                .cloned()
        });
        found.map_or(Look::UNKNOWN, |account| account.look(model, now))
    }

    /// Forgets the account at `place`: it was removed, or its secret was replaced and so deserves
    /// a new beginning. What is under way there ends without being counted.
    pub fn forget(&self, place: Place) {
        let accounts = read(&self.tenants).get(&place.tenant).cloned();
        if let Some(accounts) = accounts {
            write(&accounts).remove(&(place.provider, place.credential));
        }
    }

    /// Forgets a tenant that was removed.
    pub fn forget_tenant(&self, tenant: TenantId) {
        write(&self.tenants).remove(&tenant);
    }

    /// Everything worth keeping over a restart, as plain rows.
    pub fn export(&self, now: Timestamp) -> Vec<HealthRow> {
        let tenants: Vec<_> = read(&self.tenants).values().cloned().collect();
        let accounts: Vec<Arc<Account>> = tenants
            .iter()
            .flat_map(|accounts| read(accounts).values().cloned().collect::<Vec<_>>())
            .collect();
        accounts
            .iter()
            .flat_map(|account| account.export(now))
            .collect()
    }

    /// Takes back what [`Health::export`] gave. A row from the future, or one that would rest for
    /// longer than anything may, is held to the bounds.
    pub fn import(&self, rows: &[HealthRow], now: Timestamp) {
        for row in rows {
            self.account(row.place).import(row, now);
        }
    }

    fn accounts(&self, tenant: TenantId) -> Arc<RwLock<Accounts>> {
        if let Some(found) = read(&self.tenants).get(&tenant) {
            return Arc::clone(found);
        }
        Arc::clone(write(&self.tenants).entry(tenant).or_default())
    }
}

/// Makes room in a full map: an eighth of it goes, first what was not used for longest.
/// `touched` is absent for what must stay.
fn forget_idle<K: Clone + Eq + std::hash::Hash, V>(
    map: &mut HashMap<K, V>,
    most: usize,
    touched: impl Fn(&V) -> Option<i64>,
) {
    let mut idle: Vec<(i64, K)> = map
        .iter()
        .filter_map(|(key, value)| Some((touched(value)?, key.clone())))
        .collect();
    idle.sort_unstable_by_key(|(touched, _)| *touched);
    for (_, key) in idle.iter().take((most / 8).max(1)) {
        map.remove(key);
    }
}

// A panic elsewhere leaves these maps whole: every change to them is a single insert or remove.
fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
