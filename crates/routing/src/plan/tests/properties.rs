//! What holds for every fleet, every request and every state of health.

use std::{collections::HashMap, sync::Arc};

use mirk_model::{ModelFilter, Operation};
use proptest::prelude::*;

use super::fixture::{NOW, TENANT, at, park, provider, request, routing};
use crate::{
    candidate::{Fleet, ProviderSpec, Routing},
    chain::RouteSpec,
    fit::{Feature, Features},
    name::{Lists, is_cloud},
    plan::{MOST_ATTEMPTS, Rules},
    strategy::Strategy,
};

const MODELS: [&str; 5] = ["m", "n", "m:cloud", "big", "n-mini"];
const PROVIDERS: [&str; 4] = ["a", "b", "c", "d"];

prop_compose! {
    fn providers()(
        raw in prop::collection::vec(
            (
                prop::sample::subsequence(MODELS.to_vec(), 0..=5),
                0_u8..4,
                any::<[bool; 4]>(),
                0_usize..6,
                prop::option::of(0_u64..2_000),
            ),
            0..=4,
        ),
    ) -> Vec<ProviderSpec> {
        raw.into_iter()
            .zip(PROVIDERS)
            .map(|((models, credentials, [local, enabled, foreign, blind], strategy, context), name)| {
                let mut one = provider(name, &models, credentials);
                one.is_local = local;
                one.is_enabled = enabled;
                one.strategy = Strategy::ALL[strategy];
                for model in &mut one.models {
                    model.known.context = context;
                    if blind {
                        model.known.lacks = Features::NONE.with(Feature::Image);
                    }
                }
                if let (true, Some(first)) = (foreign, one.credentials.first_mut()) {
                    first.owner = mirk_model::TenantId::from_bytes([2; 16]);
                }
                one
            })
            .collect()
    }
}

prop_compose! {
    fn routes()(
        raw in prop::collection::vec(
            (prop::collection::vec(any::<prop::sample::Index>(), 0..5), 0_usize..6),
            0..4,
        ),
    ) -> Vec<RouteSpec> {
        let members = ["a/m", "b/n", "c/*", "*/m*", "r0", "r1", "r2", "d/big"];
        raw.into_iter()
            .enumerate()
            .map(|(at, (chosen, strategy))| {
                let chosen: Vec<&str> = chosen.iter().map(|one| *one.get(&members)).collect();
                let mut route = RouteSpec::in_order(&format!("r{at}"), &chosen);
                route.strategy = Strategy::ALL[strategy];
                route
            })
            .collect()
    }
}

const NAMES: [&str; 12] = [
    "a/m",
    "b/n",
    "m",
    "n",
    "r0",
    "r1",
    "r2",
    "auto",
    "mirk/fast",
    "mirk/local-only",
    "what",
    "c/m:cloud",
];

fn rules() -> impl Strategy_<Value = Rules> {
    let globs =
        || prop::collection::vec(prop::sample::select(vec!["a/*", "*m", "r0", "b/n"]), 0..2);
    let owned = |globs: Vec<&str>| globs.into_iter().map(str::to_owned).collect::<Vec<_>>();
    (
        globs(),
        globs(),
        globs(),
        any::<bool>(),
        prop::option::of(prop::sample::select(NAMES.to_vec())),
    )
        .prop_map(move |(models, allow, deny, local, default)| Rules {
            models: ModelFilter::new(owned(models)),
            lists: Lists::new(owned(allow), owned(deny)),
            default: default.map(Arc::from),
            is_local_only: local,
            is_priced_only: false,
        })
}

use proptest::strategy::Strategy as Strategy_;

fn make(routing: &Routing, providers: &[ProviderSpec], routes: &[RouteSpec]) -> Fleet {
    super::fixture::fleet(routing, providers.to_vec(), routes.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Every request gets a plan or a refusal; a plan holds nothing that is forbidden, parked,
    /// disabled, doubled or another owner's; the explanation tells the same.
    #[test]
    fn plans_are_total_and_never_hold_what_is_forbidden(
        (providers, routes) in (providers(), routes()),
        rules in rules(),
        name in prop::sample::select(NAMES.to_vec()),
        (seed, parks, input, image, local) in
            (any::<u64>(), prop::collection::vec(any::<prop::sample::Index>(), 0..6), 0_u64..3_000, any::<bool>(), any::<bool>()),
    ) {
        let routing = routing();
        let fleet = make(&routing, &providers, &routes);
        let free = Rules::default();
        for index in parks {
            for name in NAMES {
                if let Ok(plan) = fleet.plan(&request(name, &free)) {
                    let target = &index.get(plan.attempts()).target;
                    park(target, at(60_000));
                    break;
                }
            }
        }
        let mut asked = request(name, &rules);
        asked.seed = seed;
        asked.need.input = input;
        asked.is_local_only = local;
        asked.conversation = Some(routing.conversation(TENANT, &[&seed.to_le_bytes()]));
        if image {
            asked.need.features = Features::NONE.with(Feature::Image);
        }
        let told = fleet.explain(&asked);
        let planned = fleet.plan(&asked);
        prop_assert_eq!(planned.is_err(), told.refused.is_some());
        let Ok(plan) = planned else { return Ok(()) };
        prop_assert!((1..=MOST_ATTEMPTS).contains(&plan.attempts().len()));
        let placed: Vec<&str> = told.candidates.iter()
            .filter(|one| one.place.is_some())
            .map(|one| one.model.as_str())
            .collect();
        let names: Vec<&str> = plan.attempts().iter()
            .map(|attempt| &**attempt.offer.full_name())
            .collect();
        prop_assert_eq!(placed, names);
        let mut targets = Vec::new();
        for attempt in plan.attempts() {
            let offer = &attempt.offer;
            let full = &**offer.full_name();
            let spec = providers.iter().find(|one| one.name == *offer.provider_name()).unwrap();
            prop_assert!(spec.is_enabled);
            prop_assert_eq!(attempt.target.account().place().tenant, TENANT);
            let owner = spec.credentials.iter().find(|one| one.id == attempt.lane.credential());
            prop_assert_eq!(owner.unwrap().owner, TENANT);
            prop_assert!(attempt.target.look(NOW).is_usable());
            prop_assert!(attempt.target.begin(NOW).is_ok());
            let strict = local || rules.is_local_only || name == "mirk/local-only";
            prop_assert!(!strict || spec.is_local && !is_cloud(offer.model()));
            prop_assert!(rules.models.allows(name) || rules.models.allows(full));
            prop_assert!(rules.lists.pass(full));
            prop_assert!(spec.spoken.has(Operation::Chat));
            prop_assert!(!image || !offer.known().lacks.has(Feature::Image));
            targets.push(Arc::as_ptr(&attempt.target));
        }
        targets.sort_unstable();
        targets.dedup();
        prop_assert_eq!(targets.len(), plan.attempts().len());
    }

    /// Two fleets in the same state give the same plans for the same seeds.
    #[test]
    fn the_same_seed_gives_the_same_plan(
        (providers, routes) in (providers(), routes()),
        name in prop::sample::select(NAMES.to_vec()),
        seeds in prop::collection::vec(any::<u64>(), 1..20),
    ) {
        let shown = || {
            let routing = routing();
            let fleet = make(&routing, &providers, &routes);
            let rules = Rules::default();
            seeds.iter().map(|seed| {
                let mut asked = request(name, &rules);
                asked.seed = *seed;
                asked.conversation = Some(routing.conversation(TENANT, &[&[(*seed % 3) as u8]]));
                let plan = fleet.plan(&asked);
                plan.map(|plan| {
                    plan.keep(&plan.attempts()[0].clone(), NOW);
                    let attempts = plan.attempts().iter();
                    attempts.map(|one| (one.offer.full_name().to_string(), one.lane.credential())).collect::<Vec<_>>()
                })
            }).collect::<Vec<_>>()
        };
        prop_assert_eq!(shown(), shown());
    }
}

/// How often each credential came first in 100,000 plans.
fn firsts(strategy: Strategy, change: impl Fn(&mut ProviderSpec)) -> Vec<u64> {
    let mut pool = provider("a", &["m"], 7);
    pool.strategy = strategy;
    change(&mut pool);
    let routing = routing();
    let fleet = super::fixture::fleet(&routing, vec![pool], Vec::new());
    let rules = Rules::default();
    let mut counts: HashMap<_, u64> = HashMap::new();
    for seed in 0..100_000 {
        let mut asked = request("a/m", &rules);
        asked.seed = seed;
        let plan = fleet.plan(&asked).unwrap();
        *counts
            .entry(plan.attempts()[0].lane.credential())
            .or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable();
    counts.into_iter().map(|(_, count)| count).collect()
}

#[test]
fn every_strategy_is_fair_over_a_hundred_thousand_plans() {
    for strategy in [
        Strategy::RoundRobin,
        Strategy::LeastUsed,
        Strategy::LowestCost,
    ] {
        let counts = firsts(strategy, |_| {});
        assert_eq!(counts.len(), 7);
        assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
    }
    let weighted = firsts(Strategy::Weighted, |pool| {
        for (at, credential) in pool.credentials.iter_mut().enumerate() {
            credential.weight = u32::try_from(at).unwrap() + 1;
        }
    });
    for (at, count) in weighted.iter().enumerate() {
        let wanted = 100_000 * (1 + at as u64) / 28;
        assert!(count.abs_diff(wanted) <= 3, "{weighted:?}");
    }
    let chance = firsts(Strategy::PowerOfTwo, |_| {});
    assert_eq!(chance.len(), 7);
    assert!(
        chance.iter().all(|count| (13_300..15_300).contains(count)),
        "{chance:?}"
    );
    assert_eq!(firsts(Strategy::FillFirst, |_| {}), [100_000]);
}

#[test]
fn what_was_learned_survives_a_restart_and_not_a_day() {
    let providers = [provider("a", &["x"], 1), provider("b", &["x"], 1)];
    let routes = [RouteSpec::in_order("r", &["a/x", "b/x"])];
    let rules = Rules::default();
    let mut asked = request("r", &rules);
    asked.need.features = Features::NONE.with(Feature::Tools);
    asked.need.input = 9_000;
    let old = routing();
    let plan = make(&old, &providers, &routes).plan(&asked).unwrap();
    plan.attempts()[0].offer.refuses(Feature::Tools, NOW);
    plan.attempts()[1].offer.refuses_length(10_000, NOW);
    let rows = old.export(NOW);
    assert_eq!(rows.len(), 2);
    let new = routing();
    new.import(&rows, NOW);
    assert_eq!(new.export(NOW).len(), 2);
    let fleet = make(&new, &providers, &routes);
    let first = |asked: &crate::plan::Request<'_>| {
        let plan = fleet.plan(asked).unwrap();
        plan.attempts()[0].offer.full_name().to_string()
    };
    assert_eq!(first(&asked), "b/x");
    asked.now = NOW.plus_micros(crate::fit::REMEMBERED_FOR);
    assert_eq!(first(&asked), "a/x");
    assert!(new.export(asked.now).is_empty());
}
