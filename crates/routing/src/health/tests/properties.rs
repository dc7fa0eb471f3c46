//! Whatever happens in whatever order.

use proptest::prelude::*;

use super::*;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Answer(u8, u8, u16, Option<u32>),
    Fault(u8, u8),
    Succeed(u8, u8),
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let status = proptest::sample::select(vec![400_u16, 401, 402, 404, 413, 429, 500, 503, 529]);
    let wait = proptest::option::of(0..7_200_u32);
    prop_oneof![
        (1..3_u8, 0..3_u8, status, wait).prop_map(|(t, m, s, w)| Step::Answer(t, m, s, w)),
        (1..3_u8, 0..3_u8).prop_map(|(t, m)| Step::Fault(t, m)),
        (1..3_u8, 0..3_u8).prop_map(|(t, m)| Step::Succeed(t, m)),
        (0..600_000_u32).prop_map(Step::Wait),
    ]
}

fn run(health: &Health, steps: &[Step], tenants: impl Fn(u8) -> bool) -> Timestamp {
    let mut now = at(0);
    for (seed, step) in (0..).zip(steps) {
        let target = |tenant: u8, model: u8| {
            let target = health.target(place(tenant, 1), &format!("m{model}"));
            let is_usable = target.look(now).is_usable();
            let begun = target.begin(now);
            assert_eq!(begun.is_ok(), is_usable, "a plan and a dispatch agree");
            begun.ok()
        };
        match step {
            Step::Wait(millis) => now = now.plus_micros(i64::from(*millis) * 1_000),
            Step::Answer(tenant, model, status, wait) if tenants(*tenant) => {
                let Some(flight) = target(*tenant, *model) else {
                    continue;
                };
                let wait = wait.map(|wait| wait.to_string());
                let header = wait.as_deref().map(|wait| ("retry-after", wait.as_bytes()));
                let answer = Answer {
                    status: *status,
                    headers: header.as_slice(),
                    body: b"",
                };
                let (verdict, limit) = errors::read(&answer, now, seed);
                flight.fail(&verdict, limit.as_ref(), (now, seed));
            }
            Step::Fault(tenant, model) if tenants(*tenant) => {
                if let Some(flight) = target(*tenant, *model) {
                    flight.fail(&read_fault(), None, (now, seed));
                }
            }
            Step::Succeed(tenant, model) if tenants(*tenant) => {
                if let Some(flight) = target(*tenant, *model) {
                    flight.succeed(now);
                }
            }
            _ => {}
        }
    }
    now
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn one_tenants_health_is_the_same_whatever_another_does(
        steps in proptest::collection::vec(step(), 0..120),
    ) {
        let (both, alone) = (Health::new(), Health::new());
        let now = run(&both, &steps, |_| true);
        run(&alone, &steps, |tenant| tenant == 1);
        for model in ["m0", "m1", "m2"] {
            prop_assert_eq!(both.look(place(1, 1), model, now), alone.look(place(1, 1), model, now));
        }
    }

    #[test]
    fn everything_can_be_used_again_after_a_week(
        steps in proptest::collection::vec(step(), 0..120),
    ) {
        let health = Health::new();
        let now = run(&health, &steps, |_| true).plus_micros(LONGEST + 1_000_000);
        for model in ["m0", "m1", "m2"] {
            prop_assert!(health.look(place(1, 1), model, now).is_usable());
        }
    }

    #[test]
    fn a_restart_at_any_time_changes_no_standing(
        steps in proptest::collection::vec(step(), 0..120),
    ) {
        let health = Health::new();
        let now = run(&health, &steps, |_| true);
        let again = Health::new();
        again.import(&health.export(now), now);
        for tenant in 1..3 {
            for model in ["m0", "m1", "m2"] {
                let place = place(tenant, 1);
                prop_assert_eq!(again.look(place, model, now), health.look(place, model, now));
            }
        }
    }
}
