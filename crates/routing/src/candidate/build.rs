//! Making a fleet from its specs.

use std::{
    cell::Cell,
    collections::HashMap,
    sync::{Arc, Mutex},
};

use mirk_model::{ModelFilter, TenantId};

use super::{Fleet, FleetSpec, Lane, Memory, Offer, Provider, ProviderSpec, Ranked};
use crate::{
    chain::{Builder, Group, MOST_LEAVES},
    health::{Health, Place},
    profile::Profile,
    strategy::MOST_SLOTS,
};

/// The most models that a profile chooses from.
const MOST_RANKED: usize = 1_024;

impl Fleet {
    pub(super) fn build(
        tenant: TenantId,
        spec: FleetSpec,
        (memory, health): (Arc<Memory>, &Health),
    ) -> Self {
        let mut listed: Vec<Arc<Offer>> = Vec::new();
        let mut providers = Vec::with_capacity(spec.providers.len());
        for one in &spec.providers {
            let provider = Arc::new(provider(tenant, one, (&memory, health)));
            for model in &one.models {
                listed.push(Arc::new(Offer::new(&provider, model, &memory)));
            }
            providers.push(provider);
        }
        let offers: HashMap<_, _> = listed
            .iter()
            .map(|offer| (Arc::clone(&offer.full), Arc::clone(offer)))
            .collect();
        let enabled: Vec<Arc<Offer>> = listed
            .into_iter()
            .filter(|offer| offer.provider.is_enabled)
            .collect();
        let mut bare: HashMap<Arc<str>, Vec<Arc<Offer>>> = HashMap::new();
        for offer in &enabled {
            let same = bare.entry(Arc::clone(&offer.model)).or_default();
            same.push(Arc::clone(offer));
        }
        let mut fleet = Self {
            tenant,
            memory,
            providers,
            offers,
            bare,
            routes: HashMap::new(),
            starred: Vec::new(),
            profiles: profiles(spec.profiles, &enabled),
            extra: Mutex::default(),
        };
        fleet.routes = fleet.grouped(&spec.routes, &enabled);
        fleet.starred = spec
            .routes
            .iter()
            .filter(|route| route.name.contains('*'))
            .filter_map(|route| {
                let target = route.members.first()?.name.clone();
                Some((Arc::clone(&route.name), target))
            })
            .collect();
        fleet.memory.tidy();
        fleet
    }

    fn grouped(
        &self,
        specs: &[crate::chain::RouteSpec],
        enabled: &[Arc<Offer>],
    ) -> HashMap<Arc<str>, Arc<Group<Arc<Offer>>>> {
        let leaves = |name: &str| -> Vec<Arc<Offer>> {
            if !name.contains('*') {
                return self.addressed(name).into_iter().collect();
            }
            let glob = ModelFilter::new(vec![name.to_owned()]);
            let found = enabled.iter().filter(|offer| glob.allows(&offer.full));
            found.take(MOST_LEAVES).cloned().collect()
        };
        let plain = specs.iter().filter(|spec| !spec.name.contains('*'));
        plain
            .map(|spec| {
                let builder = Builder {
                    specs,
                    leaves: &leaves,
                    wheel: &|name| self.memory.route_wheel(name),
                    steps: Cell::new(0),
                };
                let group = builder.build(spec, &mut Vec::new());
                (Arc::clone(&spec.name), Arc::new(group))
            })
            .collect()
    }
}

fn provider(
    tenant: TenantId,
    spec: &ProviderSpec,
    (memory, health): (&Memory, &Health),
) -> Provider {
    let lanes = spec
        .credentials
        .iter()
        // Nobody's credential ever serves another.
        .filter(|credential| credential.owner == tenant)
        .take(MOST_SLOTS)
        .map(|credential| {
            let place = Place {
                tenant,
                provider: spec.id,
                credential: credential.id,
            };
            Arc::new(Lane::new(credential, health.account(place)))
        })
        .collect();
    Provider {
        id: spec.id,
        name: Arc::clone(&spec.name),
        kind: spec.kind,
        is_local: spec.is_local,
        is_enabled: spec.is_enabled,
        is_open: spec.is_open,
        spoken: spec.spoken,
        strategy: spec.strategy,
        wheel: memory.provider_wheel(spec.id),
        lanes,
        has_list: !spec.models.is_empty(),
    }
}

fn profiles(own: Vec<Profile>, enabled: &[Arc<Offer>]) -> HashMap<Arc<str>, Arc<Ranked>> {
    let all = Profile::built_in().into_iter().chain(own);
    all.map(|profile| {
        let offers = enabled.iter().map(|offer| {
            let passes = profile.lists.pass(&offer.full);
            (Arc::clone(offer), profile.favourite(&offer.full), passes)
        });
        let offers = offers.take(MOST_RANKED).collect();
        let name = Arc::clone(&profile.name);
        (name, Arc::new(Ranked { profile, offers }))
    })
    .collect()
}
