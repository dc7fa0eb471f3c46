//! A world of 10 providers with 50 credentials, with outages, quotas, resets and slowness by a
//! script and a clock that only the script moves. Everything that routing decides runs through
//! its public door, the way a gateway uses it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test outside the crate, in functions that are not tests themselves"
)]

#[path = "world/traffic.rs"]
mod traffic;
#[path = "world/upstreams.rs"]
mod upstreams;

use traffic::World;

fn check(requests: u64) {
    let mut world = World::new();
    world.run(requests);
    let seen = &world.seen;
    assert_eq!(seen.arrived, requests);
    assert_eq!(seen.served + seen.failed, requests);
    assert_eq!(seen.failed_beside_healthy, 0, "{seen:?}");
    assert_eq!(seen.dispatched_to_parked, 0, "{seen:?}");
    assert_eq!(seen.late_cooldowns, 0, "{seen:?}");
    // A circuit stays open for a while after a provider is back; those that name this provider
    // alone wait for its probe.
    assert!(seen.failed_beside_open < requests / 2_000, "{seen:?}");
    // The script is one in which all of this happens.
    assert!(seen.limited > requests / 2_000, "{seen:?}");
    assert!(seen.broken > requests / 2_000, "{seen:?}");
    assert!(seen.failed > 0 && seen.failed < requests / 20, "{seen:?}");
    assert!(seen.could_stick > requests / 4, "{seen:?}");
    assert!(seen.stuck * 100 >= seen.could_stick * 95, "{seen:?}");
    for provider in 0..upstreams::PROVIDERS {
        let counts = world.used_of(provider);
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    }
}

#[test]
fn a_hundred_thousand_requests_find_whatever_is_healthy() {
    check(100_000);
}

#[test]
fn heavy_a_million_requests_find_whatever_is_healthy() {
    check(1_000_000);
}
