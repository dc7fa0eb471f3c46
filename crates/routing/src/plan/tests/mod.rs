//! What plans hold, in which order, and what they never hold.

mod fixture;
mod properties;

use mirk_model::{CredentialId, Operation, Price, TenantId};

use fixture::{NOW, TENANT, at, fleet, park, provider, request, routing, verdict};

use super::{Passed, Refusal, Rules, Stickiness};
use crate::{
    candidate::{CredentialSpec, Fleet, NameError},
    chain::RouteSpec,
    errors::{Blame, Onward},
    fit::{Feature, Features, Known, Misfit},
    name::Lists,
    plan::Request,
    strategy::Strategy,
};

/// Every attempt as `provider/model#credential`, in order.
fn planned(fleet: &Fleet, request: &Request<'_>) -> Result<Vec<String>, Refusal> {
    let plan = fleet.plan(request)?;
    let shown = plan.attempts().iter().map(|attempt| {
        let credential = attempt.lane.credential().unwrap();
        format!("{}#{}", attempt.offer.full_name(), credential.as_bytes()[0])
    });
    Ok(shown.collect())
}

fn names(fleet: &Fleet, name: &str) -> Result<Vec<String>, Refusal> {
    planned(fleet, &request(name, &Rules::default()))
}

#[test]
fn names_lead_where_they_say() {
    let mut off = provider("off", &["m"], 1);
    off.is_enabled = false;
    let providers = vec![
        provider("a", &["x", "both", "org/deep"], 1),
        provider("b", &["y", "both"], 1),
        provider("open", &[], 1),
        off,
    ];
    let routes = vec![
        RouteSpec::in_order("alias", &["b/y", "a/x"]),
        RouteSpec::in_order("nested", &["gone/z", "alias", "*/both"]),
        RouteSpec::in_order("claude-*", &["open/anthropic/claude-*"]),
        RouteSpec::in_order("empty", &["gone/z", "off/m"]),
        RouteSpec::in_order("a/x2", &["a/x"]),
    ];
    let fleet = fleet(&routing(), providers, routes);
    for (name, leads) in [
        ("a/x", &["a/x#0"][..]),
        ("a/org/deep", &["a/org/deep#0"]),
        ("x", &["a/x#0"]),
        ("open/any/thing", &["open/any/thing#0"]),
        ("unheard-of", &["open/unheard-of#0"]),
        ("alias", &["b/y#0", "a/x#0"]),
        ("nested", &["b/y#0", "a/x#0", "a/both#0", "b/both#0"]),
        ("claude-opus", &["open/anthropic/claude-opus#0"]),
        ("a/x2", &["a/x#0"]),
    ] {
        assert_eq!(names(&fleet, name).unwrap(), leads, "{name}");
    }
    for (name, error) in [
        ("a/none", NameError::NotListed),
        ("off/m", NameError::Disabled),
        ("empty", NameError::EmptyRoute),
        ("both", NameError::Ambiguous),
        ("who/knows", NameError::Unknown),
        ("mirk/none", NameError::NoProfile),
    ] {
        assert_eq!(names(&fleet, name), Err(Refusal::Name(error)), "{name}");
    }
    let nothing = fixture::fleet(&routing(), Vec::new(), Vec::new());
    assert_eq!(
        names(&nothing, "x"),
        Err(Refusal::Name(NameError::NoProvider))
    );
}

#[test]
fn a_header_goes_before_the_body_and_auto_is_the_keys_default() {
    let providers = vec![provider("a", &["x"], 1), provider("b", &["y-mini"], 1)];
    let fleet = fleet(&routing(), providers, Vec::new());
    let rules = Rules {
        default: Some("b/y-mini".into()),
        ..Rules::default()
    };
    let mut asked = request("auto", &rules);
    assert_eq!(planned(&fleet, &asked).unwrap(), ["b/y-mini#0"]);
    asked.over = Some("a/x");
    assert_eq!(planned(&fleet, &asked).unwrap(), ["a/x#0"]);
    asked.over = Some("fast");
    assert_eq!(planned(&fleet, &asked).unwrap(), ["b/y-mini#0", "a/x#0"]);
    asked.over = Some("mirk/best");
    assert_eq!(planned(&fleet, &asked).unwrap(), ["a/x#0", "b/y-mini#0"]);
}

#[test]
fn local_only_never_leaves_the_house() {
    let mut near = provider("near", &["llama", "glm:cloud", "gpt-oss:120b-cloud"], 1);
    near.is_local = true;
    let far = provider("far", &["llama2"], 1);
    let all = RouteSpec::in_order("all", &["far/llama2", "near/*"]);
    let fleet = fleet(&routing(), vec![near, far], vec![all]);
    let strict = Rules {
        is_local_only: true,
        ..Rules::default()
    };
    for name in ["mirk/local-only", "all", "near/llama"] {
        assert_eq!(
            planned(&fleet, &request(name, &strict)).unwrap(),
            ["near/llama#0"]
        );
    }
    let free = Rules::default();
    assert_eq!(names(&fleet, "mirk/local-only").unwrap(), ["near/llama#0"]);
    assert_eq!(
        names(&fleet, "mirk/local-first").unwrap()[0],
        "near/llama#0"
    );
    assert_eq!(names(&fleet, "mirk/local-first").unwrap().len(), 4);
    let mut once = request("near/glm:cloud", &free);
    assert!(planned(&fleet, &once).is_ok());
    once.is_local_only = true;
    assert_eq!(
        planned(&fleet, &once),
        Err(Refusal::Forbidden(Passed::NotLocal))
    );
}

#[test]
fn a_key_gets_only_what_its_rules_let_through() {
    let route = RouteSpec::in_order("mix", &["a/x", "b/y"]);
    let providers = vec![provider("a", &["x"], 1), provider("b", &["y"], 1)];
    let fleet = fleet(&routing(), providers, vec![route]);
    let only = |globs: &[&str]| Rules {
        models: mirk_model::ModelFilter::new(globs.iter().map(ToString::to_string).collect()),
        ..Rules::default()
    };
    let by_name = only(&["mix"]);
    assert_eq!(planned(&fleet, &request("mix", &by_name)).unwrap().len(), 2);
    let by_target = only(&["b/*"]);
    assert_eq!(
        planned(&fleet, &request("mix", &by_target)).unwrap(),
        ["b/y#0"]
    );
    assert_eq!(
        planned(&fleet, &request("auto", &by_target)).unwrap(),
        ["b/y#0"]
    );
    assert_eq!(
        planned(&fleet, &request("a/x", &by_target)),
        Err(Refusal::Forbidden(Passed::NotAllowed))
    );
    let denied = Rules {
        lists: Lists::new(Vec::new(), vec!["a/*".into()]),
        ..only(&["mix"])
    };
    assert_eq!(
        planned(&fleet, &request("mix", &denied)).unwrap(),
        ["b/y#0"]
    );
    let priced = Rules {
        is_priced_only: true,
        ..Rules::default()
    };
    assert_eq!(
        planned(&fleet, &request("mix", &priced)),
        Err(Refusal::Forbidden(Passed::Unpriced))
    );
}

#[test]
fn nobodys_credential_serves_another() {
    let mut shared = provider("a", &["x"], 2);
    let other = TenantId::from_bytes([2; 16]);
    shared.credentials[0].owner = other;
    shared.credentials.push(CredentialSpec::plain(
        Some(CredentialId::from_bytes([9; 16])),
        other,
    ));
    let fleet = fleet(&routing(), vec![shared], Vec::new());
    assert_eq!(names(&fleet, "a/x").unwrap(), ["a/x#1"]);
    let none = fixture::fleet(&routing(), vec![provider("a", &["x"], 0)], Vec::new());
    assert_eq!(names(&none, "a/x"), Err(Refusal::NoCredential));
}

#[test]
fn what_can_not_do_a_request_is_passed_over_and_what_may_is_a_last_resort() {
    let mut small = provider("small", &["m"], 1);
    small.models[0].known.context = Some(1_000);
    let mut blind = provider("blind", &["m"], 1);
    blind.models[0].known.lacks = Features::NONE.with(Feature::Image);
    let routes = vec![
        RouteSpec::in_order("r", &["small/m", "blind/m", "big/m"]),
        RouteSpec::in_order("two", &["blind/m", "small/m"]),
    ];
    let fleet = fleet(
        &routing(),
        vec![small, blind, provider("big", &["m"], 1)],
        routes,
    );
    let rules = Rules::default();
    let mut asked = request("r", &rules);
    asked.need.input = 5_000;
    assert_eq!(planned(&fleet, &asked).unwrap(), ["blind/m#0", "big/m#0"]);
    asked.need.features = Features::NONE.with(Feature::Image);
    assert_eq!(planned(&fleet, &asked).unwrap(), ["big/m#0"]);
    // Tokens are estimated: where nothing else is left, the upstream decides.
    asked.name = "two";
    assert_eq!(planned(&fleet, &asked).unwrap(), ["small/m#0"]);
    asked.name = "blind/m";
    assert_eq!(
        planned(&fleet, &asked),
        Err(Refusal::Misfit(Misfit::Lacks(Feature::Image)))
    );
    asked.need.operation = Operation::Generate;
    assert_eq!(
        planned(&fleet, &asked),
        Err(Refusal::Misfit(Misfit::Operation))
    );
}

#[test]
fn what_a_model_refused_goes_elsewhere_also_in_the_next_fleet() {
    let routing = routing();
    let make = || {
        let providers = vec![provider("a", &["x"], 1), provider("b", &["y"], 1)];
        let route = RouteSpec::in_order("r", &["a/x", "b/y"]);
        fleet(&routing, providers, vec![route])
    };
    let first = make();
    let rules = Rules::default();
    let mut asked = request("r", &rules);
    asked.need.features = Features::NONE.with(Feature::Audio);
    let plan = first.plan(&asked).unwrap();
    plan.attempts()[0].offer.refuses(Feature::Audio, NOW);
    assert_eq!(planned(&first, &asked).unwrap(), ["b/y#0"]);
    assert_eq!(planned(&make(), &asked).unwrap(), ["b/y#0"]);
    asked.name = "a/x";
    assert_eq!(planned(&make(), &asked).unwrap(), ["a/x#0"]);
}

#[test]
fn what_rests_is_not_in_the_plan_and_when_all_rest_the_earliest_end_is_told() {
    let routing = routing();
    let fleet = fleet(&routing, vec![provider("a", &["x"], 2)], Vec::new());
    let rules = Rules::default();
    let asked = request("a/x", &rules);
    let plan = fleet.plan(&asked).unwrap();
    park(&plan.attempts()[0].target, at(60_000));
    let left = fleet.plan(&asked).unwrap();
    assert_eq!(left.attempts().len(), 1);
    park(&left.attempts()[0].target, at(30_000));
    let Err(Refusal::Parked { until, why }) = fleet.plan(&asked) else {
        panic!("something was planned");
    };
    assert_eq!(until, at(30_000));
    assert_eq!(why, Some(crate::errors::Why::RateLimited));
    let later = Request {
        now: at(30_000),
        ..asked
    };
    assert_eq!(fleet.plan(&later).unwrap().attempts().len(), 1);
    let walk = fleet.plan(&later).unwrap().walk();
    assert_eq!(walk.retry_at(at(30_000)), Some(at(60_000)));
}

#[test]
fn conversations_stay_where_they_were_while_they_can() {
    let routing = routing();
    let fleet = fleet(&routing, vec![provider("a", &["x"], 4)], Vec::new());
    let rules = Rules::default();
    let mut asked = request("a/x", &rules);
    asked.conversation = Some(routing.conversation(TENANT, &[b"hello"]));
    let plan = fleet.plan(&asked).unwrap();
    assert_eq!(plan.stickiness(), Stickiness::New);
    let home = plan.attempts()[0].clone();
    plan.keep(&home, NOW);
    for _ in 0..10 {
        let plan = fleet.plan(&asked).unwrap();
        assert_eq!(plan.stickiness(), Stickiness::Kept);
        assert!(std::sync::Arc::ptr_eq(
            &plan.attempts()[0].target,
            &home.target
        ));
    }
    let busy: Vec<_> = (0..4).map(|_| home.target.begin(NOW).unwrap()).collect();
    let crowded = fleet.plan(&asked).unwrap();
    assert_eq!(crowded.stickiness(), Stickiness::Crowded);
    crowded.keep(&crowded.attempts()[0].clone(), NOW);
    drop(busy);
    assert_eq!(fleet.plan(&asked).unwrap().stickiness(), Stickiness::Kept);
    park(&home.target, at(60_000));
    let moved = fleet.plan(&asked).unwrap();
    assert_eq!(moved.stickiness(), Stickiness::Moved);
    moved.keep(&moved.attempts()[0].clone(), NOW);
    assert_eq!(fleet.plan(&asked).unwrap().stickiness(), Stickiness::Kept);
}

#[test]
fn a_conversation_goes_back_up_an_ordered_chain_but_not_across_a_rotating_one() {
    for (strategy, stickiness) in [
        (Strategy::FillFirst, Stickiness::Moved),
        (Strategy::RoundRobin, Stickiness::Kept),
    ] {
        let routing = routing();
        let mut route = RouteSpec::in_order("r", &["a/x", "b/y"]);
        route.strategy = strategy;
        let providers = vec![provider("a", &["x"], 1), provider("b", &["y"], 1)];
        let fleet = fleet(&routing, providers, vec![route]);
        let rules = Rules::default();
        let mut asked = request("r", &rules);
        asked.conversation = Some(routing.conversation(TENANT, &[b"hello"]));
        let plan = fleet.plan(&asked).unwrap();
        plan.keep(&plan.attempts()[1].clone(), NOW);
        assert_eq!(fleet.plan(&asked).unwrap().stickiness(), stickiness);
    }
}

#[test]
fn the_lowest_cost_goes_first_and_a_subscription_costs_nothing() {
    let priced = |name: &str, output: u64| {
        let mut one = provider(name, &["m"], 2);
        one.models[0].price = Some(Price {
            input: 1,
            cached: 1,
            cache_write: 1,
            output,
        });
        one
    };
    let mut dear = priced("dear", 9_000_000);
    dear.strategy = Strategy::LowestCost;
    dear.credentials[1].price_share = 0;
    let mut route = RouteSpec::in_order("r", &["dear/m", "unknown/m", "cheap/m"]);
    route.strategy = Strategy::LowestCost;
    let providers = vec![dear, provider("unknown", &["m"], 1), priced("cheap", 1_000)];
    let fleet = fleet(&routing(), providers, vec![route]);
    let order = names(&fleet, "r").unwrap();
    assert_eq!(
        order[..2]
            .iter()
            .filter(|one| one.starts_with("cheap"))
            .count(),
        2
    );
    assert_eq!(order[2..], ["dear/m#1", "dear/m#0", "unknown/m#0"]);
}

#[test]
fn routes_nest_and_each_level_takes_turns() {
    let mut inner = RouteSpec::in_order("inner", &["a/x", "b/y"]);
    inner.strategy = Strategy::RoundRobin;
    let mut outer = RouteSpec::in_order("outer", &["inner", "c/z"]);
    outer.strategy = Strategy::RoundRobin;
    let providers = ["a/x", "b/y", "c/z"].map(|name| {
        let (name, model) = name.split_once('/').unwrap();
        provider(name, &[model], 1)
    });
    let fleet = fleet(&routing(), providers.to_vec(), vec![inner, outer]);
    let firsts: Vec<String> = (0..4)
        .map(|_| names(&fleet, "outer").unwrap()[0].clone())
        .collect();
    assert_eq!(firsts, ["a/x#0", "c/z#0", "b/y#0", "c/z#0"]);
}

#[test]
fn a_walk_leaves_a_failing_provider_and_pays_for_work_only() {
    let routing = routing();
    let route = RouteSpec::in_order("r", &["a/x", "b/y", "c/z"]);
    let providers = vec![
        provider("a", &["x"], 5),
        provider("b", &["y"], 2),
        provider("c", &["z"], 1),
    ];
    let fleet = fleet(&routing, providers, vec![route]);
    let rules = Rules::default();
    let walked = |results: &[(Blame, Onward)]| {
        let mut walk = fleet.plan(&request("r", &rules)).unwrap().walk();
        let mut names = Vec::new();
        let mut results = results.iter();
        while let Some(step) = walk.next(NOW) {
            names.push(step.attempt.offer.provider_name().to_string());
            let Some((blame, onward)) = results.next() else {
                break;
            };
            walk.failed(&verdict(*blame, *onward));
        }
        names.join("")
    };
    let down = (Blame::Provider, Onward::Any);
    let spent = (Blame::Credential, Onward::Any);
    assert_eq!(walked(&[down, down, down]), "abc");
    assert_eq!(walked(&[spent; 7]), "aaaaabbc");
    assert_eq!(walked(&[spent, spent, down, spent, down]), "aaabbc");
    assert_eq!(walked(&[(Blame::Client, Onward::Never)]), "a");
    assert_eq!(walked(&[(Blame::Client, Onward::Larger)]), "a");
}

#[test]
fn a_walk_ends_at_its_deadline_and_repeats_a_lone_target_once() {
    let routing = routing();
    let fleet = fleet(&routing, vec![provider("a", &["x"], 1)], Vec::new());
    let rules = Rules::default();
    let plan = || fleet.plan(&request("a/x", &rules)).unwrap();
    let mut late = plan().walk();
    assert!(late.next(at(120_000)).is_none());
    let mut walk = plan().walk();
    let mut busy = verdict(Blame::Provider, Onward::Any);
    busy.again = true;
    let pauses: Vec<i64> = std::iter::from_fn(|| {
        let step = walk.next(NOW)?;
        walk.failed(&busy);
        Some(step.pause)
    })
    .collect();
    assert_eq!(pauses, [0, 500_000]);
}

#[test]
fn only_a_larger_model_follows_one_that_was_too_small() {
    let routing = routing();
    let sized = |name: &str, context| {
        let mut one = provider(name, &["m"], 1);
        one.models[0].known = Known {
            context,
            ..Known::default()
        };
        one
    };
    let providers = vec![
        sized("a", Some(8_000)),
        sized("b", Some(8_000)),
        sized("c", None),
        sized("d", Some(9_000)),
    ];
    let route = RouteSpec::in_order("r", &["a/m", "b/m", "c/m", "d/m"]);
    let fleet = fleet(&routing, providers, vec![route]);
    let rules = Rules::default();
    let mut walk = fleet.plan(&request("r", &rules)).unwrap().walk();
    assert_eq!(&**walk.next(NOW).unwrap().attempt.offer.full_name(), "a/m");
    walk.failed(&verdict(Blame::Client, Onward::Larger));
    assert_eq!(&**walk.next(NOW).unwrap().attempt.offer.full_name(), "d/m");
}

#[test]
fn an_explanation_tells_every_candidate_and_changes_nothing() {
    let routing = routing();
    let mut blind = provider("blind", &["m"], 1);
    blind.models[0].known.lacks = Features::NONE.with(Feature::Image);
    let providers = vec![provider("a", &["x"], 3), blind, provider("none", &["n"], 0)];
    let fleet = fleet(&routing, providers, Vec::new());
    let rules = Rules::default();
    let mut asked = request("mirk/best", &rules);
    asked.need.features = Features::NONE.with(Feature::Image);
    let plan = fleet.plan(&asked).unwrap();
    park(&plan.attempts()[0].target, at(60_000));
    let told = fleet.explain(&asked);
    assert_eq!(fleet.explain(&asked), told);
    assert_eq!((told.leads_to, told.order), ("profile", "score"));
    let reasons: Vec<_> = told
        .candidates
        .iter()
        .map(|one| (one.model.as_str(), one.place, one.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            ("a/x", Some(1), "first"),
            ("a/x", Some(2), "fallback"),
            ("a/x", None, "rate_limited"),
            ("blind/m", None, "feature_missing"),
            ("none/n", None, "no_credential"),
        ]
    );
    assert_eq!(told.candidates[3].feature, Some("image"));
    assert!(
        told.candidates[0]
            .parts
            .iter()
            .any(|part| part.part == "strength")
    );
    let json = serde_json::to_value(&told).unwrap();
    assert_eq!(json["candidates"][2]["until"], at(60_000).to_string());
    let twice = RouteSpec::in_order("twice", &["a/x", "a/*"]);
    let doubled = fixture::fleet(&routing, vec![provider("a", &["x"], 3)], vec![twice]);
    assert_eq!(
        doubled.explain(&request("twice", &rules)).candidates.len(),
        3
    );
    let lost = fleet.explain(&request("nowhere/x", &rules));
    assert_eq!(lost.refused.unwrap().code, "model_unknown");
}
