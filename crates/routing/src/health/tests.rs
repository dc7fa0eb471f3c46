//! What rests, for how long, and who sees it.

mod properties;

use std::{sync::atomic::Ordering, thread};

use super::*;
use crate::{
    backoff::LONGEST,
    errors::{self, Answer, Blame, Fault, Onward, Verdict},
    reset::Limit,
    window::{Unit, Window},
};

const START: Timestamp = Timestamp::from_micros(1_772_323_200_000_000);

fn at(millis: i64) -> Timestamp {
    START.plus_micros(millis * 1_000)
}

fn place(tenant: u8, credential: u8) -> Place {
    Place {
        tenant: TenantId::from_bytes([tenant; 16]),
        provider: ProviderId::from_bytes([9; 16]),
        credential: Some(CredentialId::from_bytes([credential; 16])),
    }
}

fn verdict(blame: Blame, why: Why) -> Verdict {
    Verdict {
        why,
        blame,
        onward: Onward::Any,
        again: false,
    }
}

const RATE: Verdict = Verdict {
    why: Why::RateLimited,
    blame: Blame::Credential,
    onward: Onward::Any,
    again: false,
};

fn limit(millis: i64, reach: Reach) -> Limit {
    Limit {
        until: at(millis),
        reach,
        why: Why::RateLimited,
        remaining: None,
    }
}

/// Everything on one credential that rests at `now`, asked in every way there is.
fn rests(health: &Health, place: Place, model: &str, now: Timestamp) -> Option<Rest> {
    let looked = health.look(place, model, now);
    let target = health.target(place, model);
    assert_eq!(looked.standing, target.look(now).standing);
    let begun = target.begin(now);
    assert_eq!(begun.is_ok(), looked.is_usable());
    match looked.standing {
        Standing::Parked(rest) => Some(rest),
        _ => None,
    }
}

#[test]
fn a_quota_error_parks_the_credential_with_all_its_models_until_it_is_over() {
    let health = Health::new();
    let flight = health.target(place(1, 1), "a").begin(at(0)).unwrap();
    let limit = limit(3_600_000, Reach::Credential);
    flight.fail(&RATE, Some(&limit), (at(0), 1));
    for model in ["a", "b", "never asked for"] {
        let rest = rests(&health, place(1, 1), model, at(3_599_999)).unwrap();
        assert_eq!((rest.until, rest.reach), (at(3_600_000), Reach::Credential));
        assert_eq!(rests(&health, place(1, 1), model, at(3_600_000)), None);
    }
    assert_eq!(
        rests(&health, place(1, 2), "a", at(0)),
        None,
        "another credential"
    );
}

#[test]
fn a_model_error_parks_the_model_only_and_a_clients_error_nothing() {
    let health = Health::new();
    let flight = health.target(place(1, 1), "a").begin(at(0)).unwrap();
    flight.fail(&verdict(Blame::Model, Why::ModelMissing), None, (at(0), 1));
    assert!(rests(&health, place(1, 1), "a", at(1)).is_some());
    assert_eq!(rests(&health, place(1, 1), "b", at(1)), None);
    for _ in 0..100 {
        let flight = health.target(place(1, 1), "b").begin(at(1)).unwrap();
        flight.fail(&verdict(Blame::Client, Why::BadRequest), None, (at(1), 1));
    }
    assert_eq!(
        health.look(place(1, 1), "b", at(2)).standing,
        Standing::Ready
    );
}

#[test]
fn tenants_never_see_each_others_health() {
    let health = Health::new();
    for _ in 0..10 {
        if let Ok(flight) = health.target(place(1, 1), "a").begin(at(0)) {
            flight.fail(&read_fault(), None, (at(0), 1));
        }
    }
    let flight = health.target(place(1, 1), "b").begin(at(0)).unwrap();
    flight.fail(&RATE, Some(&limit(9_000, Reach::Credential)), (at(0), 1));
    assert!(!health.look(place(1, 1), "a", at(1)).is_usable());
    // The same provider and, against all odds, the same credential id.
    assert_eq!(health.look(place(2, 1), "a", at(1)), Look::UNKNOWN);
    let kept = health.export(at(1));
    assert!(kept.iter().all(|row| row.place == place(1, 1)));
}

fn read_fault() -> Verdict {
    errors::read_fault(Fault::Refused, false)
}

#[test]
fn guesses_double_and_a_success_begins_anew() {
    let health = Health::new();
    let target = health.target(place(1, 1), "a");
    let mut now = at(0);
    let mut rests = Vec::new();
    for _ in 0..4 {
        // Many requests that fail together count once.
        let flights: Vec<_> = (0..20).map(|_| target.begin(now).unwrap()).collect();
        for flight in flights {
            flight.fail(&RATE, None, (now, 5));
        }
        let until = target.look(now).until().unwrap();
        rests.push((until.as_micros() - now.as_micros()) / 1_000);
        now = until;
    }
    assert!(rests.windows(2).all(|pair| pair[1] > pair[0]), "{rests:?}");
    assert!((12_000..=16_000).contains(&rests[3]), "{rests:?}");
    target.begin(now).unwrap().succeed(now);
    target.begin(now).unwrap().fail(&RATE, None, (now, 5));
    let until = target.look(now).until().unwrap();
    assert_eq!((until.as_micros() - now.as_micros()) / 1_000, rests[0]);
}

#[test]
fn what_was_sent_before_a_limit_and_ends_well_does_not_shorten_the_next_rest() {
    let health = Health::new();
    let target = health.target(place(1, 1), "a");
    let stream = target.begin(at(0)).unwrap();
    target.begin(at(0)).unwrap().fail(&RATE, None, (at(0), 5));
    let first = target.look(at(0)).until().unwrap();
    stream.succeed(first);
    target.begin(first).unwrap().fail(&RATE, None, (first, 5));
    let second = target.look(first).until().unwrap();
    let micros = |from: Timestamp, to: Timestamp| to.as_micros() - from.as_micros();
    assert!(micros(first, second) > micros(at(0), first));
}

#[test]
fn a_rest_ends_within_a_second_of_the_announced_reset_and_not_before() {
    for (header, seconds) in [("7", 7), ("3600", 3600), ("1", 1)] {
        let health = Health::new();
        let target = health.target(place(1, 1), "a");
        let headers = [("retry-after", header.as_bytes())];
        let answer = Answer {
            status: 429,
            headers: &headers,
            body: b"",
        };
        let (verdict, limit) = errors::read(&answer, at(0), 3);
        let flight = target.begin(at(0)).unwrap();
        flight.fail(&verdict, limit.as_ref(), (at(0), 3));
        for millis in (0..seconds * 1_000).step_by(50) {
            assert!(target.begin(at(millis)).is_err());
        }
        assert!(target.begin(at(seconds * 1_000 + 1_000)).is_ok());
    }
}

#[test]
fn a_rest_is_never_made_shorter() {
    let health = Health::new();
    let target = health.target(place(1, 1), "a");
    let flights: Vec<_> = (0..3).map(|_| target.begin(at(0)).unwrap()).collect();
    for (flight, until) in flights.into_iter().zip([60_000, 90_000, 5_000]) {
        flight.fail(&RATE, Some(&limit(until, Reach::Credential)), (at(0), 1));
    }
    assert_eq!(target.look(at(1)).until(), Some(at(90_000)));
}

#[test]
fn failures_open_the_circuit_and_one_probe_closes_it() {
    let health = Health::new();
    let target = health.target(place(1, 1), "a");
    for _ in 0..5 {
        target
            .begin(at(0))
            .unwrap()
            .fail(&read_fault(), None, (at(0), 1));
    }
    let Standing::Open { until } = target.look(at(1)).standing else {
        panic!("open");
    };
    assert!(target.begin(at(1)).is_err());
    assert_eq!(
        health.look(place(1, 1), "b", at(1)).standing,
        Standing::Ready
    );
    assert_eq!(target.look(until).standing, Standing::Probe);
    let probe = target.begin(until).unwrap();
    assert!(probe.is_probe());
    assert!(target.begin(until).is_err(), "one at a time");
    assert!(!target.look(until).is_usable());
    drop(probe);
    assert_eq!(target.look(until).standing, Standing::Probe, "given back");
    target.begin(until).unwrap().succeed(until);
    assert_eq!(target.look(until).standing, Standing::Ready);
}

#[test]
fn what_is_under_way_is_counted_and_given_back_also_in_a_panic() {
    let health = Arc::new(Health::new());
    let one = health.target(place(1, 1), "a").begin(at(0)).unwrap();
    let two = health.target(place(1, 1), "b").begin(at(0)).unwrap();
    let look = health.look(place(1, 1), "a", at(0));
    assert_eq!((look.in_flight, look.account_in_flight), (1, 2));
    two.succeed(at(1));
    drop(one);
    let shared = Arc::clone(&health);
    let ended = thread::spawn(move || {
        let _flight = shared.target(place(1, 1), "a").begin(at(0)).unwrap();
        std::panic::resume_unwind(Box::new(()));
    })
    .join();
    assert!(ended.is_err());
    let look = health.look(place(1, 1), "a", at(0));
    assert_eq!((look.in_flight, look.account_in_flight), (0, 0));
}

#[test]
fn latency_and_success_follow_what_happens_and_old_failures_fade() {
    let health = Health::new();
    let target = health.target(place(1, 1), "a");
    assert_eq!(target.look(at(0)).latency, None);
    for _ in 0..50 {
        let flight = target.begin(at(0)).unwrap();
        flight.first_byte(at(200));
        flight.succeed(at(300));
    }
    let look = target.look(at(300));
    assert_eq!(
        (look.latency, look.success, look.samples),
        (Some(200_000), 1_000_000, 50)
    );
    for _ in 0..50 {
        let flight = target.begin(at(0)).unwrap();
        flight.first_byte(at(800));
    }
    let slower = target.look(at(300)).latency.unwrap();
    assert!((790_000..=800_000).contains(&slower), "{slower}");
    for _ in 0..3 {
        target
            .begin(at(300))
            .unwrap()
            .fail(&read_fault(), None, (at(300), 1));
    }
    let after = target.look(at(300)).success;
    assert!((700_000..750_000).contains(&after), "{after}");
    let later = target.look(at(300 + 600_000)).success;
    assert!((900_000..1_000_000).contains(&later), "{later}");
    assert_eq!(target.look(at(1_000_000_000)).success, 1_000_000);
}

#[test]
fn a_restart_changes_nothing_that_matters() {
    let health = Health::new();
    let flight = health.target(place(1, 1), "a").begin(at(0)).unwrap();
    flight.first_byte(at(40));
    flight.fail(&RATE, Some(&limit(60_000, Reach::Credential)), (at(50), 1));
    let flight = health.target(place(2, 1), "a").begin(at(0)).unwrap();
    flight.fail(&verdict(Blame::Model, Why::ModelMissing), None, (at(50), 1));
    for _ in 0..5 {
        let flight = health.target(place(3, 1), "a").begin(at(0)).unwrap();
        flight.fail(&read_fault(), None, (at(50), 1));
    }
    let rows = health.export(at(50));
    let again = Health::new();
    again.import(&rows, at(50));
    for tenant in 1..=4 {
        for model in ["a", "b"] {
            for now in [at(51), at(30_000), at(60_001), at(9_999_999)] {
                let place = place(tenant, 1);
                assert_eq!(
                    again.look(place, model, now),
                    health.look(place, model, now)
                );
            }
        }
    }
    let sorted = |mut rows: Vec<HealthRow>| {
        rows.sort_by_key(|row| (row.place, row.model.clone()));
        rows
    };
    assert_eq!(sorted(again.export(at(50))), sorted(rows));
}

#[test]
fn a_row_from_elsewhere_cannot_park_forever() {
    let never = Timestamp::from_micros(i64::MAX);
    let row = HealthRow {
        place: place(1, 1),
        model: None,
        rest: Some((never, Why::QuotaSpent)),
        level: u32::MAX,
        open: Some((never, u32::MAX)),
        latency: u64::MAX,
        success: u32::MAX,
        samples: u32::MAX,
        last: never,
    };
    let model = HealthRow {
        model: Some(Arc::from("a")),
        ..row.clone()
    };
    let health = Health::new();
    health.import(&[row, model], at(0));
    let target = health.target(place(1, 1), "a");
    let over = START.plus_micros(LONGEST);
    assert!(!target.look(at(0)).is_usable());
    let flight = target.begin(over).unwrap();
    flight.first_byte(over);
    flight.fail(&RATE, None, (over, 1));
    let rest = target.look(over).until().unwrap();
    assert!(rest.as_micros() - over.as_micros() <= 300_000_000);
}

#[test]
fn a_credential_that_was_replaced_begins_anew() {
    let health = Health::new();
    let flight = health.target(place(1, 1), "a").begin(at(0)).unwrap();
    flight.fail(
        &verdict(Blame::Credential, Why::Unauthorized),
        None,
        (at(0), 1),
    );
    assert!(!health.look(place(1, 1), "a", at(1)).is_usable());
    health.forget(place(1, 1));
    assert_eq!(health.look(place(1, 1), "a", at(1)), Look::UNKNOWN);
    let _flight = health.target(place(1, 1), "a").begin(at(0)).unwrap();
    health.forget_tenant(place(1, 1).tenant);
    assert_eq!(health.look(place(1, 1), "a", at(1)), Look::UNKNOWN);
}

#[test]
fn names_of_models_cannot_fill_the_memory_nor_free_what_rests() {
    let health = Health::new();
    let flight = health.target(place(1, 1), "parked").begin(at(0)).unwrap();
    flight.fail(&verdict(Blame::Model, Why::ModelMissing), None, (at(0), 1));
    let busy = health.target(place(1, 1), "busy").begin(at(0)).unwrap();
    for name in 0..5_000 {
        let target = health.target(place(1, 1), &format!("m{name}"));
        target.begin(at(1)).unwrap().succeed(at(2));
    }
    let kept = health.export(at(2)).len();
    assert!(kept <= MOST_MODELS, "{kept}");
    assert!(!health.look(place(1, 1), "parked", at(2)).is_usable());
    assert_eq!(health.look(place(1, 1), "busy", at(2)).in_flight, 1);
    drop(busy);
}

#[test]
fn a_quota_window_within_its_margin_holds_the_credential_back() {
    let health = Health::new();
    let account = health.account(place(1, 1));
    let window = |used| Window {
        name: Arc::from("5h"),
        unit: Unit::Share,
        used,
        limit: Some(1_000_000),
        reset: Some(at(60_000)),
        read_at: at(0),
    };
    account.learn(&[window(990_000)], 20_000, at(0));
    let rest = rests(&health, place(1, 1), "a", at(1)).unwrap();
    assert_eq!((rest.until, rest.why), (at(60_000), Why::Margin));
    assert_eq!(rests(&health, place(1, 1), "a", at(60_000)), None);
    account.learn(&[window(100_000)], 20_000, at(1));
    assert_eq!(rests(&health, place(1, 1), "a", at(2)), None);
    assert_eq!(account.windows(), [window(100_000)]);
}

#[test]
fn a_usage_endpoint_is_asked_once_a_minute_at_most() {
    let account = Health::new().account(place(1, 1));
    let yes = (0..600_000)
        .step_by(100)
        .filter(|millis| account.may_poll(at(*millis)))
        .count();
    assert_eq!(yes, 10);
}

#[test]
fn many_threads_leave_nothing_behind() {
    let health = Health::new();
    thread::scope(|scope| {
        for thread in 0..8_u64 {
            let health = &health;
            scope.spawn(move || {
                for round in 0..2_000_u64 {
                    let now = at(i64::try_from(round).unwrap() * 10);
                    let target = health.target(place(1, 1), "a");
                    let Ok(flight) = target.begin(now) else {
                        continue;
                    };
                    match (round + thread) % 4 {
                        0 => flight.succeed(now),
                        1 => flight.fail(&read_fault(), None, (now, round)),
                        2 => flight.fail(&RATE, None, (now, round)),
                        _ => drop(flight),
                    }
                }
            });
        }
    });
    let account = health.account(place(1, 1));
    assert_eq!(account.in_flight.load(Ordering::Relaxed), 0);
    let late = at(100_000_000);
    let target = health.target(place(1, 1), "a");
    assert!(target.look(late).is_usable());
    target.begin(late).unwrap().succeed(late);
    assert_eq!(target.look(late).standing, Standing::Ready);
}
