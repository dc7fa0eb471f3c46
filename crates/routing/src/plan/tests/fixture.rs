//! Small fleets for the tests of planning.

use std::sync::Arc;

use mirk_model::{CredentialId, Operation, ProviderId, TenantId, Timestamp};
use mirk_provider::kind;

use crate::{
    candidate::{CredentialSpec, Fleet, FleetSpec, ModelSpec, ProviderSpec, Routing, native},
    chain::RouteSpec,
    errors::{Blame, Onward, Verdict, Why},
    fit::Need,
    health::{Health, Target},
    plan::{Budget, Request, Rules},
    reset::{Limit, Reach},
    strategy::Strategy,
};

pub(super) const TENANT: TenantId = TenantId::from_bytes([1; 16]);
pub(super) const NOW: Timestamp = Timestamp::from_micros(1_772_323_200_000_000);

pub(super) fn at(millis: i64) -> Timestamp {
    NOW.plus_micros(millis * 1_000)
}

pub(super) fn routing() -> Routing {
    Routing::new(Arc::new(Health::new()), (3, 4))
}

/// A provider that speaks OpenAI's dialect, with `credentials` credentials.
pub(super) fn provider(name: &str, models: &[&str], credentials: u8) -> ProviderSpec {
    let kind = kind::by_name("openai-compatible").unwrap();
    let id = name.bytes().fold(0_u8, u8::wrapping_add);
    let credential = |number: u8| {
        let mut bytes = [id; 16];
        bytes[0] = number;
        CredentialSpec::plain(Some(CredentialId::from_bytes(bytes)), TENANT)
    };
    ProviderSpec {
        id: ProviderId::from_bytes([id; 16]),
        name: Arc::from(name),
        kind,
        is_local: false,
        is_enabled: true,
        is_open: models.is_empty(),
        spoken: native(kind),
        models: models.iter().map(|name| ModelSpec::named(name)).collect(),
        credentials: (0..credentials).map(credential).collect(),
        strategy: Strategy::RoundRobin,
    }
}

pub(super) fn fleet(
    routing: &Routing,
    providers: Vec<ProviderSpec>,
    routes: Vec<RouteSpec>,
) -> Fleet {
    let spec = FleetSpec {
        providers,
        routes,
        profiles: Vec::new(),
    };
    routing.fleet(TENANT, spec)
}

pub(super) fn request<'a>(name: &'a str, rules: &'a Rules) -> Request<'a> {
    Request {
        name,
        over: None,
        need: Need::of(Operation::Chat),
        rules,
        is_local_only: false,
        conversation: None,
        intent: None,
        budget: Budget::default(),
        now: NOW,
        seed: 7,
    }
}

/// Makes the credential of `target` rest until `until`.
pub(super) fn park(target: &Arc<Target>, until: Timestamp) {
    let limit = Limit {
        until,
        reach: Reach::Credential,
        why: Why::RateLimited,
        remaining: None,
    };
    let flight = target.begin(NOW).unwrap();
    flight.fail(
        &verdict(Blame::Credential, Onward::Any),
        Some(&limit),
        (NOW, 1),
    );
}

pub(super) fn verdict(blame: Blame, onward: Onward) -> Verdict {
    Verdict {
        why: Why::RateLimited,
        blame,
        onward,
        again: false,
    }
}
