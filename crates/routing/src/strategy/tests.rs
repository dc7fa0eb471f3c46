//! Fairness of every strategy over many turns, also while some can not be used.

use proptest::prelude::*;

use super::{Item, Strategy, Wheel, mix};

fn item(at: usize) -> Item {
    Item {
        at,
        slot: at,
        weight: 1,
        priority: 0,
        in_flight: 0,
        latency: None,
        cost: None,
    }
}

/// How often each of `items` came first in `turns` turns.
fn counts(strategy: Strategy, items: &[Item], turns: u64) -> Vec<u64> {
    let wheel = Wheel::default();
    let mut counts = vec![0; items.len()];
    for turn in 0..turns {
        let mut order = items.to_vec();
        wheel.arrange(strategy, &mut order, (mix(turn), true));
        counts[order[0].at] += 1;
    }
    counts
}

fn spread(counts: &[u64]) -> u64 {
    counts.iter().max().unwrap() - counts.iter().min().unwrap()
}

#[test]
fn round_robin_counts_differ_by_at_most_one() {
    let items: Vec<_> = (0..7).map(item).collect();
    assert!(spread(&counts(Strategy::RoundRobin, &items, 100_000)) <= 1);
}

#[test]
fn least_used_and_lowest_cost_take_turns_among_equals() {
    let mut items: Vec<_> = (0..5).map(item).collect();
    for strategy in [Strategy::LeastUsed, Strategy::LowestCost] {
        assert!(spread(&counts(strategy, &items, 100_000)) <= 1);
    }
    items[0].in_flight = 1;
    items[1].cost = Some(5);
    let used = counts(Strategy::LeastUsed, &items, 100_000);
    assert_eq!(used[0], 0);
    assert!(spread(&used[1..]) <= 1);
    assert_eq!(counts(Strategy::LowestCost, &items, 100_000)[1], 100_000);
}

#[test]
fn weights_are_kept_to_within_one_turn_each_and_smoothly() {
    let mut items: Vec<_> = (0..3).map(item).collect();
    (items[0].weight, items[1].weight, items[2].weight) = (5, 1, 4);
    let counts = counts(Strategy::Weighted, &items, 100_000);
    for (count, wanted) in counts.iter().zip([50_000_u64, 10_000, 40_000]) {
        assert!(count.abs_diff(wanted) <= 2, "{counts:?}");
    }
    let wheel = Wheel::default();
    let firsts: Vec<usize> = (0..10)
        .map(|_| {
            let mut order = items.clone();
            wheel.arrange(Strategy::Weighted, &mut order, (0, true));
            order[0].at
        })
        .collect();
    assert!(
        !firsts.windows(3).any(|three| three == [0, 0, 0]),
        "{firsts:?}"
    );
}

#[test]
fn fill_first_keeps_to_priority_and_then_to_the_written_order() {
    let mut items: Vec<_> = (0..3).map(item).collect();
    assert_eq!(counts(Strategy::FillFirst, &items, 100_000)[0], 100_000);
    items[2].priority = -1;
    assert_eq!(counts(Strategy::FillFirst, &items, 100_000)[2], 100_000);
}

#[test]
fn power_of_two_prefers_the_fast_and_starves_nobody_but_the_slowest() {
    let mut items: Vec<_> = (0..10).map(item).collect();
    let even = counts(Strategy::PowerOfTwo, &items, 100_000);
    assert!(
        even.iter().all(|count| (9_000..11_000).contains(count)),
        "{even:?}"
    );
    for (at, item) in items.iter_mut().enumerate() {
        item.latency = Some(1_000 + at as u64);
    }
    // Ten equally likely pairs of places: the fastest wins 9 of 45, the next 8, the last none.
    let counts = counts(Strategy::PowerOfTwo, &items, 100_000);
    for (at, count) in counts.iter().enumerate() {
        let wanted = (9 - at as u64) * 100_000 / 45;
        assert!(count.abs_diff(wanted) < 1_000, "{counts:?}");
    }
    items.truncate(2);
    items[0].in_flight = 5;
    assert_eq!(
        self::counts(Strategy::PowerOfTwo, &items, 1_000),
        [0, 1_000]
    );
}

#[test]
fn every_strategy_has_one_name() {
    for strategy in Strategy::ALL {
        assert_eq!(Strategy::by_name(strategy.name()), Some(strategy));
    }
    assert_eq!(Strategy::by_name("random"), None);
}

proptest! {
    /// Items come and go at random; those that never go are served equally often, to within one,
    /// and one that comes back gets no more than its share from then on.
    #[test]
    fn round_robin_is_fair_to_those_that_stay_while_others_come_and_go(
        steps in prop::collection::vec((0_u8..64, 1_usize..40), 1..60),
    ) {
        let wheel = Wheel::default();
        // Six that come and go, three that stay.
        let mut counts = [0_u64; 9];
        for (present, turns) in steps {
            let before = counts;
            let usable: Vec<_> = (0..9)
                .filter(|at| *at >= 6 || present & (1 << at) != 0)
                .map(item)
                .collect();
            for _ in 0..turns {
                let mut order = usable.clone();
                wheel.arrange(Strategy::RoundRobin, &mut order, (0, true));
                counts[order[0].at] += 1;
            }
            let most = turns.div_ceil(usable.len()) as u64 + 1;
            for item in &usable {
                prop_assert!(counts[item.at] - before[item.at] <= most);
            }
        }
        prop_assert!(spread(&counts[6..]) <= 1);
    }

    /// One that was alone for long and those that come back take turns at once: its latest turn
    /// alone counts, those before do not.
    #[test]
    fn nobody_pays_for_having_been_alone(alone in 0_usize..9, turns in 1_usize..5_000) {
        let wheel = Wheel::default();
        for _ in 0..turns {
            wheel.arrange(Strategy::RoundRobin, &mut [item(alone)], (0, true));
        }
        let mut counts = [0_u64; 9];
        counts[alone] = 1;
        for _ in 0..90 {
            let mut order: Vec<_> = (0..9).map(item).collect();
            wheel.arrange(Strategy::RoundRobin, &mut order, (0, true));
            counts[order[0].at] += 1;
        }
        prop_assert!(spread(&counts) <= 1, "{counts:?}");
    }

    /// No strategy loses, doubles or panics on anything.
    #[test]
    fn an_order_has_every_item_once(
        raw in prop::collection::vec(
            (0_usize..9_000, 0_u32..2_000, -3_i32..3, 0_u32..9, prop::option::of(0_u64..9), prop::option::of(0_u64..9)),
            0..40,
        ),
        seed in any::<u64>(),
    ) {
        let items: Vec<_> = raw
            .into_iter()
            .enumerate()
            .map(|(at, (slot, weight, priority, in_flight, latency, cost))| Item {
                at, slot, weight, priority, in_flight, latency, cost,
            })
            .collect();
        for strategy in Strategy::ALL {
            let mut order = items.clone();
            Wheel::default().arrange(strategy, &mut order, (seed, true));
            let mut again = items.clone();
            Wheel::default().arrange(strategy, &mut again, (seed, true));
            prop_assert_eq!(&order, &again);
            if let Some(first) = order.first() {
                prop_assert!(items.iter().all(|item| item.priority >= first.priority));
            }
            order.sort_by_key(|item| item.at);
            prop_assert_eq!(&order, &items);
        }
    }
}
