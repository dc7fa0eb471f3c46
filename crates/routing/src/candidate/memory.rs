//! What outlives a fleet: whose turn it is, what models refused, which conversation went where.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use mirk_model::{ProviderId, TenantId, Timestamp};

use super::{Fleet, FleetSpec};
use crate::{
    fit::{Kept, Refused},
    health::Health,
    sticky::{Fingerprint, Fingerprints, Sticky},
    strategy::Wheel,
};

/// The most models of one tenant whose refusals are remembered.
const MOST_REFUSED: usize = 4_096;

/// What one model at a provider refused lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// Whose provider.
    pub tenant: TenantId,
    /// The provider.
    pub provider: ProviderId,
    /// The model's name there.
    pub model: Arc<str>,
    /// What it refused.
    pub kept: Kept,
}

/// Everything that routing remembers, of all tenants, each apart. One for the process.
#[derive(Debug)]
pub struct Routing {
    health: Arc<Health>,
    fingerprints: Fingerprints,
    tenants: RwLock<HashMap<TenantId, Arc<Memory>>>,
}

impl Routing {
    /// Remembers nothing yet. `key` is random and never kept.
    pub fn new(health: Arc<Health>, key: (u64, u64)) -> Self {
        Self {
            health,
            fingerprints: Fingerprints::new(key),
            tenants: RwLock::default(),
        }
    }

    /// The health of everything.
    pub const fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// The conversation of `tenant` that `parts` tell from others; see [`Fingerprints::of`].
    pub fn conversation(&self, tenant: TenantId, parts: &[&[u8]]) -> Fingerprint {
        self.fingerprints.of(tenant, parts)
    }

    /// A fleet for `tenant`, which finds what earlier ones remembered.
    pub fn fleet(&self, tenant: TenantId, spec: FleetSpec) -> Fleet {
        Fleet::build(tenant, spec, (self.memory(tenant), &self.health))
    }

    /// What models refused lately, as plain rows for a store. Whose turn it is and which
    /// conversation went where is not worth keeping, and the key of fingerprints never is.
    pub fn export(&self, now: Timestamp) -> Vec<RefusedRow> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let rows = tenants.iter().flat_map(|(tenant, memory)| {
            let refused = memory
                .refused
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let rows = refused
                .iter()
                .map(|((provider, model), refused)| RefusedRow {
                    tenant: *tenant,
                    provider: *provider,
                    model: Arc::clone(model),
                    kept: refused.kept(now),
                });
            rows.collect::<Vec<_>>()
        });
        rows.filter(|row| row.kept != Kept::default()).collect()
    }

    /// Takes back what [`Routing::export`] gave, before the first fleet is made.
    pub fn import(&self, rows: &[RefusedRow], now: Timestamp) {
        for row in rows {
            let memory = self.memory(row.tenant);
            let refused = memory.make_refused(row.provider, &row.model);
            refused.restore(&row.kept, now);
        }
    }

    /// Forgets a tenant that was removed.
    pub fn forget_tenant(&self, tenant: TenantId) {
        self.health.forget_tenant(tenant);
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        tenants.remove(&tenant);
    }

    fn memory(&self, tenant: TenantId) -> Arc<Memory> {
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tenants.entry(tenant).or_default())
    }
}

type Refusals = HashMap<(ProviderId, Arc<str>), Arc<Refused>>;
type Wheels<K> = Mutex<HashMap<K, Arc<Wheel>>>;

/// What is remembered of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) sticky: Sticky,
    providers: Wheels<ProviderId>,
    routes: Wheels<Arc<str>>,
    refused: Mutex<Refusals>,
}

impl Memory {
    pub(super) fn provider_wheel(&self, id: ProviderId) -> Arc<Wheel> {
        let mut wheels = self
            .providers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(wheels.entry(id).or_default())
    }

    pub(super) fn route_wheel(&self, name: &Arc<str>) -> Arc<Wheel> {
        let mut wheels = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(wheels.entry(Arc::clone(name)).or_default())
    }

    pub(super) fn refused(&self, id: ProviderId, model: &Arc<str>) -> Option<Arc<Refused>> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.get(&(id, Arc::clone(model))).cloned()
    }

    pub(super) fn make_refused(&self, id: ProviderId, model: &Arc<str>) -> Arc<Refused> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() >= MOST_REFUSED {
            // Worth one refused request each: not worth keeping an order for.
            refused.clear();
        }
        let key = (id, Arc::clone(model));
        Arc::clone(refused.entry(key).or_default())
    }

    /// Forgets the wheels of what is gone: nobody but this table holds them.
    pub(super) fn tidy(&self) {
        let mut wheels = self
            .providers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        wheels.retain(|_, wheel| Arc::strong_count(wheel) > 1);
        drop(wheels);
        let mut wheels = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        wheels.retain(|_, wheel| Arc::strong_count(wheel) > 1);
    }
}
