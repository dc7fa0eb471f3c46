//! How long to rest when a provider does not say: doubling, with jitter that a seed decides.

use mirk_model::Timestamp;

use crate::errors::Why;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// The longest that anything rests, announced or not: a quota window of a week.
pub const LONGEST: i64 = 7 * 24 * HOUR;

/// The first rest after `why` and the longest, in microseconds. Choices of this file, near those
/// of the systems it was compared with; a provider that says when it resets is believed instead.
pub const fn bounds(why: Why) -> (i64, i64) {
    match why {
        Why::RateLimited => (2 * SECOND, 5 * MINUTE),
        Why::QuotaSpent | Why::Margin => (5 * MINUTE, HOUR),
        Why::Unpaid => (10 * MINUTE, 6 * HOUR),
        Why::Unauthorized | Why::Forbidden => (MINUTE, 30 * MINUTE),
        Why::ModelMissing => (5 * MINUTE, 12 * HOUR),
        _ => (SECOND, MINUTE),
    }
}

/// The rest after the `level`th failure in a row, counted from 1, in microseconds: between three
/// quarters and the whole of `first · 2^(level − 1)`, never more than `most`.
pub fn rest((first, most): (i64, i64), level: u32, seed: u64) -> i64 {
    let doublings = level.saturating_sub(1).min(40);
    let whole = first.saturating_mul(1_i64 << doublings).clamp(1, most);
    whole - below(seed ^ u64::from(level), whole / 4)
}

/// `moment` and a little more, below a second: so that not everything that waits for one reset
/// comes in the same instant.
pub fn after_reset(moment: Timestamp, seed: u64) -> Timestamp {
    moment.plus_micros(100_000 + below(seed, 800_000))
}

/// A number from 0 to below `bound`, or 0; the same for the same seed.
fn below(seed: u64, bound: i64) -> i64 {
    u64::try_from(bound)
        .ok()
        .and_then(|bound| mix(seed).checked_rem(bound))
        .and_then(|drawn| i64::try_from(drawn).ok())
        .unwrap_or(0)
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014), which spreads neighbouring seeds.
const fn mix(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rest_doubles_until_it_is_longest() {
        let rests: Vec<_> = (1..12)
            .map(|level| rest((SECOND, MINUTE), level, 7))
            .collect();
        for (at, rest) in rests.iter().enumerate() {
            let whole = (SECOND << at).min(MINUTE);
            assert!((whole * 3 / 4..=whole).contains(rest), "{at}: {rest}");
        }
    }

    #[test]
    fn the_same_seed_rests_as_long_and_another_does_not() {
        let bounds = bounds(Why::RateLimited);
        assert_eq!(rest(bounds, 3, 1), rest(bounds, 3, 1));
        assert_ne!(rest(bounds, 3, 1), rest(bounds, 3, 2));
    }

    proptest! {
        #[test]
        fn every_rest_is_within_its_bounds(level: u32, seed: u64) {
            for why in Why::ALL {
                let (first, most) = bounds(*why);
                let rest = rest((first, most), level, seed);
                prop_assert!(rest >= first * 3 / 4 && rest <= most && most <= LONGEST);
            }
        }

        #[test]
        fn the_jitter_after_a_reset_is_below_a_second(seed: u64) {
            let moment = Timestamp::from_micros(0);
            let late = after_reset(moment, seed).as_micros();
            prop_assert!((100_000..900_000).contains(&late));
        }
    }
}
