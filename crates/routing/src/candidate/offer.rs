//! A model at a provider, and the credentials it can be asked with.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, OnceLock},
};

use mirk_model::{CredentialId, Price, ProviderId, Timestamp, Usage};
use mirk_provider::catalog::{Catalog, Entry, Pricing};

use super::{CredentialSpec, Memory, ModelSpec, Provider};
use crate::{
    fit::{Feature, Features, Known, Need, Refused},
    health::{Account, Target},
    name::is_cloud,
    profile::Said,
};

/// Output tokens that a request is taken to cost, at most, when models are compared.
const TYPICAL_OUTPUT: u64 = 1_000;

/// One credential of a provider.
#[derive(Debug)]
pub struct Lane {
    pub(crate) id: u64,
    pub(crate) weight: u32,
    pub(crate) priority: i32,
    pub(crate) is_enabled: bool,
    price_share: u32,
    account: Arc<Account>,
}

impl Lane {
    pub(super) fn new(spec: &CredentialSpec, account: Arc<Account>) -> Self {
        let id = spec.id.map_or(0, |id| {
            let mut hasher = DefaultHasher::new();
            id.hash(&mut hasher);
            hasher.finish()
        });
        Self {
            id,
            weight: spec.weight,
            priority: spec.priority,
            is_enabled: spec.is_enabled,
            price_share: spec.price_share,
            account,
        }
    }

    /// The credential; absent for a provider that is asked without one.
    pub fn credential(&self) -> Option<CredentialId> {
        self.account.place().credential
    }

    /// Its health, over all models.
    pub const fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// What this credential pays of `cost`.
    pub(crate) fn pays(&self, cost: u64) -> u64 {
        let paid = u128::from(cost) * u128::from(self.price_share) / 1_000_000;
        u64::try_from(paid).unwrap_or(u64::MAX)
    }
}

/// What a model costs.
#[derive(Clone, Copy, Debug)]
enum Cost {
    /// Nothing per token.
    Free,
    Fixed(Price),
    Listed(&'static Entry),
    Unknown,
}

/// A model at a provider.
#[derive(Debug)]
pub struct Offer {
    pub(crate) provider: Arc<Provider>,
    pub(crate) model: Arc<str>,
    pub(crate) full: Arc<str>,
    /// Tells it from others, across fleets.
    pub(crate) id: u64,
    pub(crate) is_local: bool,
    pub(crate) known: Known,
    pub(crate) said: Said,
    cost: Cost,
    memory: Arc<Memory>,
    refused: OnceLock<Arc<Refused>>,
    /// For each lane, found when first looked at.
    targets: Vec<OnceLock<Arc<Target>>>,
}

impl Offer {
    pub(super) fn new(provider: &Arc<Provider>, spec: &ModelSpec, memory: &Arc<Memory>) -> Self {
        let model = Arc::clone(&spec.name);
        let full: Arc<str> = Arc::from(format!("{}/{model}", provider.name));
        let entry = mirk_provider::catalog::find(provider.kind.name, &model);
        let in_cloud = is_cloud(&model);
        let cost = match Catalog::embedded().pricing(provider.kind.name, &model) {
            _ if spec.price.is_some() => spec.price.map_or(Cost::Unknown, Cost::Fixed),
            Pricing::Local if !in_cloud => Cost::Free,
            Pricing::Known(entry) => Cost::Listed(entry),
            Pricing::Local | Pricing::Unknown => Cost::Unknown,
        };
        let mut hasher = DefaultHasher::new();
        (provider.id, &model).hash(&mut hasher);
        let refused = OnceLock::new();
        if let Some(known) = memory.refused(provider.id, &model) {
            // A lock that was made a line above is empty.
            refused.get_or_init(|| known);
        }
        Self {
            id: hasher.finish(),
            is_local: provider.is_local && !in_cloud,
            known: spec.known.or(listed(entry)),
            said: Said::by(&model),
            cost,
            memory: Arc::clone(memory),
            refused,
            targets: provider.lanes.iter().map(|_| OnceLock::new()).collect(),
            provider: Arc::clone(provider),
            model,
            full,
        }
    }

    /// The provider's id.
    pub fn provider(&self) -> ProviderId {
        self.provider.id
    }

    /// The provider's name.
    pub fn provider_name(&self) -> &Arc<str> {
        &self.provider.name
    }

    /// The model's name at the provider.
    pub const fn model(&self) -> &Arc<str> {
        &self.model
    }

    /// `provider/model`.
    pub const fn full_name(&self) -> &Arc<str> {
        &self.full
    }

    /// Whether it runs on the operator's own machines. A name that says `:cloud` never does.
    pub const fn is_local(&self) -> bool {
        self.is_local
    }

    /// What is known of it.
    pub const fn known(&self) -> &Known {
        &self.known
    }

    /// Remembers that it refused `feature`, so that for a day requests with it go elsewhere where
    /// they can.
    pub fn refuses(&self, feature: Feature, now: Timestamp) {
        self.refusals().feature(feature, now);
    }

    /// Remembers that a request of `input` estimated tokens was too long for it.
    pub fn refuses_length(&self, input: u64, now: Timestamp) {
        self.refusals().length(input, now);
    }

    fn refusals(&self) -> &Refused {
        self.refused
            .get_or_init(|| self.memory.make_refused(self.provider.id, &self.model))
    }

    pub(crate) fn refused(&self) -> Option<&Refused> {
        self.refused.get().map(|refused| &**refused)
    }

    pub(crate) fn lanes(&self) -> &[Arc<Lane>] {
        &self.provider.lanes
    }

    /// Its target on the lane at `index`.
    pub(crate) fn target(&self, index: usize) -> Option<&Arc<Target>> {
        let lane = self.provider.lanes.get(index)?;
        let target = self.targets.get(index)?;
        Some(target.get_or_init(|| lane.account.target(&self.model)))
    }

    /// What `need` costs here at the list price, in nano-dollars, where that is known.
    pub(crate) fn cost(&self, need: &Need) -> Option<u64> {
        let usage = Usage {
            input: need.input,
            output: need.output.unwrap_or(TYPICAL_OUTPUT).min(TYPICAL_OUTPUT),
            ..Usage::default()
        };
        let cost = self.price(need.input)?.cost(&usage);
        Some(u64::try_from(cost.as_nanos()).unwrap_or(0))
    }

    /// The price per token of a request with `input` input tokens.
    pub(crate) fn price(&self, input: u64) -> Option<Price> {
        match self.cost {
            Cost::Free => Some(Price::default()),
            Cost::Fixed(price) => Some(price),
            Cost::Listed(entry) => entry.price_for(input),
            Cost::Unknown => None,
        }
    }
}

/// What the catalogue says. That it names no rate for images says nothing about images.
fn listed(entry: Option<&Entry>) -> Known {
    let Some(entry) = entry else {
        return Known::default();
    };
    let features = entry
        .modalities
        .iter()
        .filter_map(|name| Feature::by_code(name));
    let takes =
        |feature: &Feature| matches!(feature, Feature::Image | Feature::Audio | Feature::Video);
    Known {
        context: entry.context,
        output: None,
        can: features.filter(takes).collect(),
        lacks: Features::NONE,
    }
}
