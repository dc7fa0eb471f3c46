//! What a tenant has: providers, credentials and models, as plain specs and as a fleet that plans
//! are made from.
//!
//! Invariant: a credential of another owner than the fleet's tenant never becomes part of it.
//! A fleet never changes; a new one replaces it and finds what the old one remembered.

mod build;
mod memory;
mod offer;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use mirk_model::{CredentialId, Operation, Price, ProviderId, TenantId};
use mirk_provider::kind::Facts as KindFacts;

pub(crate) use memory::Memory;
pub use memory::{RefusedRow, Routing};
pub use offer::{Lane, Offer};

use crate::{
    chain::{Group, RouteSpec},
    fit::{Known, Operations},
    name,
    profile::Profile,
    strategy::{Strategy, Wheel},
};

/// The most models beyond the listed ones that a fleet remembers.
const MOST_EXTRA: usize = 1_024;

/// A provider as it is configured.
#[derive(Clone, Debug)]
pub struct ProviderSpec {
    /// Id.
    pub id: ProviderId,
    /// The name that models are addressed with.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: &'static KindFacts,
    /// Whether its address is one of the operator's own machines.
    pub is_local: bool,
    /// Whether requests may go there.
    pub is_enabled: bool,
    /// Whether it may have models that are not in the list.
    pub is_open: bool,
    /// What it can be asked, natively or by translation.
    pub spoken: Operations,
    /// The models that it lists, in their order.
    pub models: Vec<ModelSpec>,
    /// Its credentials, in their order. A provider that is asked without one has one without id.
    pub credentials: Vec<CredentialSpec>,
    /// How its credentials take turns.
    pub strategy: Strategy,
}

/// A model that a provider lists.
#[derive(Clone, Debug, Default)]
pub struct ModelSpec {
    /// Its name at the provider.
    pub name: Arc<str>,
    /// What the operator, the provider or a traits table says of it. What the compiled-in
    /// catalogue knows is added.
    pub known: Known,
    /// Its price where the operator says one; else the catalogue's.
    pub price: Option<Price>,
}

impl ModelSpec {
    /// A model of which nothing but the name is said.
    pub fn named(name: &str) -> Self {
        Self {
            name: Arc::from(name),
            ..Self::default()
        }
    }
}

/// A credential as it is configured.
#[derive(Clone, Copy, Debug)]
pub struct CredentialSpec {
    /// Id; absent for a provider that is asked without a credential.
    pub id: Option<CredentialId>,
    /// Its one owner.
    pub owner: TenantId,
    /// Its share of the turns, 1 to 1000, for the strategy that has weights.
    pub weight: u32,
    /// A lower one goes first, whatever the strategy.
    pub priority: i32,
    /// Whether it may be used.
    pub is_enabled: bool,
    /// How much of the list price it pays, in millionths: 0 for a subscription.
    pub price_share: u32,
}

impl CredentialSpec {
    /// A credential with no wishes.
    pub const fn plain(id: Option<CredentialId>, owner: TenantId) -> Self {
        Self {
            id,
            owner,
            weight: 1,
            priority: 0,
            is_enabled: true,
            price_share: 1_000_000,
        }
    }
}

/// What the operations of a kind are natively.
pub fn native(kind: &KindFacts) -> Operations {
    kind.paths.iter().map(|(operation, _)| *operation).collect()
}

/// Everything that a fleet is made from.
#[derive(Clone, Debug, Default)]
pub struct FleetSpec {
    /// Providers, in the order that lists show.
    pub providers: Vec<ProviderSpec>,
    /// Aliases and chains.
    pub routes: Vec<RouteSpec>,
    /// Profiles beside the built-in ones, or in their place.
    pub profiles: Vec<Profile>,
}

/// A provider in a fleet.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one provider"
)]
pub(crate) struct Provider {
    pub(crate) id: ProviderId,
    pub(crate) name: Arc<str>,
    pub(crate) kind: &'static KindFacts,
    pub(crate) is_local: bool,
    pub(crate) is_enabled: bool,
    pub(crate) is_open: bool,
    pub(crate) spoken: Operations,
    pub(crate) strategy: Strategy,
    pub(crate) wheel: Arc<Wheel>,
    pub(crate) lanes: Vec<Arc<Lane>>,
    /// Whether it lists any model.
    pub(crate) has_list: bool,
}

/// A profile with the models it chooses from.
#[derive(Debug)]
pub(crate) struct Ranked {
    pub(crate) profile: Profile,
    /// Each with what being a favourite is worth, and whether the profile's lists pass it.
    pub(crate) offers: Vec<(Arc<Offer>, i32, bool)>,
}

/// Where a name leads.
#[derive(Clone, Debug)]
pub(crate) enum Lead {
    Offer(Arc<Offer>),
    Route(Arc<Group<Arc<Offer>>>),
    Profile(Arc<Ranked>),
}

/// Why a name leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NameError {
    /// Nothing is configured.
    #[error("no provider is set up yet")]
    NoProvider,
    /// There is no profile of this name.
    #[error("there is no such profile")]
    NoProfile,
    /// The provider of the name is disabled.
    #[error("this provider is disabled")]
    Disabled,
    /// The provider of the name has a list without the model.
    #[error("this provider does not list this model")]
    NotListed,
    /// The route leads to nothing that is there.
    #[error("none of the targets of this route is there and enabled")]
    EmptyRoute,
    /// No provider has it.
    #[error("no provider has this model")]
    Unknown,
    /// More than one provider may have it.
    #[error("more than one provider may have this model; ask for it as provider/model")]
    Ambiguous,
}

impl NameError {
    /// Its stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoProvider => "no_provider",
            Self::NoProfile => "no_such_profile",
            Self::Disabled => "provider_disabled",
            Self::NotListed => "model_not_listed",
            Self::EmptyRoute => "route_empty",
            Self::Unknown => "model_unknown",
            Self::Ambiguous => "model_ambiguous",
        }
    }
}

/// A tenant's providers, models and routes, ready to plan with.
#[derive(Debug)]
pub struct Fleet {
    tenant: TenantId,
    pub(crate) memory: Arc<Memory>,
    providers: Vec<Arc<Provider>>,
    /// Every listed model, by `provider/model`.
    offers: HashMap<Arc<str>, Arc<Offer>>,
    /// Every listed model of an enabled provider, by its bare name.
    bare: HashMap<Arc<str>, Vec<Arc<Offer>>>,
    routes: HashMap<Arc<str>, Arc<Group<Arc<Offer>>>>,
    /// Routes with a star in their name, and the target that the star goes to.
    starred: Vec<(Arc<str>, String)>,
    profiles: HashMap<Arc<str>, Arc<Ranked>>,
    /// Models that providers do not list and were asked for.
    extra: Mutex<HashMap<Arc<str>, Arc<Offer>>>,
}

impl Fleet {
    /// Whose it is.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Whether the profile of this name scores by what a request is about.
    pub fn uses_intent(&self, profile: &str) -> bool {
        self.profiles
            .get(profile)
            .is_some_and(|ranked| ranked.profile.uses_intent())
    }

    /// The names of all routes and profiles, sorted.
    pub fn names(&self) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        let sorted = |names: &mut dyn Iterator<Item = &Arc<str>>| {
            let mut names: Vec<Arc<str>> = names.cloned().collect();
            names.sort_unstable();
            names
        };
        (
            sorted(&mut self.routes.keys()),
            sorted(&mut self.profiles.keys()),
        )
    }

    pub(crate) fn profile(&self, name: &str) -> Result<Lead, NameError> {
        let found = self.profiles.get(name).ok_or(NameError::NoProfile)?;
        Ok(Lead::Profile(Arc::clone(found)))
    }

    /// Where `name` leads: a route, then `provider/model`, then a route with a star, then a bare
    /// name that exactly one provider has.
    pub(crate) fn lead(&self, name: &str, operation: Operation) -> Result<Lead, NameError> {
        if self.providers.is_empty() {
            return Err(NameError::NoProvider);
        }
        if let Some(route) = self.routes.get(name) {
            if route.leaves == 0 {
                return Err(NameError::EmptyRoute);
            }
            return Ok(Lead::Route(Arc::clone(route)));
        }
        if let Some(offer) = self.addressed(name) {
            return Ok(Lead::Offer(offer));
        }
        for (glob, target) in &self.starred {
            if let Some(target) = name::rewrite(glob, target, name) {
                let offer = self.addressed(&target).ok_or(NameError::EmptyRoute)?;
                return Ok(Lead::Offer(offer));
            }
        }
        let provider = name.split_once('/').map(|(provider, _)| provider);
        match self
            .providers
            .iter()
            .find(|one| Some(&*one.name) == provider)
        {
            Some(found) if found.is_enabled => Err(NameError::NotListed),
            Some(_) => Err(NameError::Disabled),
            None => self.by_bare_name(name, operation).map(Lead::Offer),
        }
    }

    /// Reads `provider/model`; the model's own name may hold slashes.
    fn addressed(&self, name: &str) -> Option<Arc<Offer>> {
        if let Some(offer) = self.offers.get(name) {
            return offer.provider.is_enabled.then(|| Arc::clone(offer));
        }
        let (provider, model) = name.split_once('/')?;
        let provider = self
            .providers
            .iter()
            .find(|one| *one.name == *provider && one.is_enabled && one.is_open)?;
        (!model.is_empty()).then(|| self.extra(provider, model, name))
    }

    /// Those that list it; else, of those that speak the operation and have no list, those whose
    /// kind is known to have it; else, unless the name has a slash and so may have been meant for
    /// a provider that is not there, any of them.
    fn by_bare_name(&self, name: &str, operation: Operation) -> Result<Arc<Offer>, NameError> {
        match self.bare.get(name).map(Vec::as_slice) {
            Some([only]) => return Ok(Arc::clone(only)),
            Some([_, ..]) => return Err(NameError::Ambiguous),
            Some([]) | None => {}
        }
        let unlisted = || {
            self.providers.iter().filter(|one| {
                one.is_enabled && one.is_open && !one.has_list && one.spoken.has(operation)
            })
        };
        let known: Vec<_> = unlisted()
            .filter(|one| mirk_provider::catalog::find(one.kind.name, name).is_some())
            .collect();
        let any: Vec<_> = unlisted().filter(|_| !name.contains('/')).collect();
        let rank = if known.is_empty() { any } else { known };
        match rank.as_slice() {
            [only] => Ok(self.extra(only, name, &format!("{}/{name}", only.name))),
            [] => Err(NameError::Unknown),
            [_, ..] => Err(NameError::Ambiguous),
        }
    }

    /// A model that the provider does not list.
    fn extra(&self, provider: &Arc<Provider>, model: &str, full: &str) -> Arc<Offer> {
        let mut extra = self.extra.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = extra.get(full) {
            return Arc::clone(found);
        }
        if extra.len() >= MOST_EXTRA {
            // Names that nobody lists are guesses; what is in use comes back with its next request.
            extra.clear();
        }
        let offer = Offer::new(provider, &ModelSpec::named(model), &self.memory);
        let offer = Arc::new(offer);
        extra.insert(Arc::clone(&offer.full), Arc::clone(&offer));
        offer
    }
}
