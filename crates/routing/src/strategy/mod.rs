//! In which order equals are tried: the credentials of one provider, or the members of a route.
//!
//! Turns are kept as strides: each item has a mark that grows by `1/weight` when it is chosen, and
//! the lowest mark is next. Whatever could not be chosen is pulled up to the others, so that one
//! that comes back gets its share of what follows and not of what it missed.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// How much a mark grows for an item of weight one.
const STRIDE: u64 = 1 << 24;

/// The heaviest weight.
pub const MOST_WEIGHT: u32 = 1_000;

/// How many turns one can be ahead of the others by being used out of turn.
const MOST_AHEAD: u64 = 16;

/// The most items that one wheel turns.
pub const MOST_SLOTS: usize = 4_096;

/// How equals take turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Each in turn: of those that can be used all the time, no two differ by more than one.
    #[default]
    RoundRobin,
    /// In turn by weight, smoothly: a weight of three is not three in a row.
    Weighted,
    /// The one with the least under way.
    LeastUsed,
    /// The first until it can not be used; for a route, the order it was written in.
    FillFirst,
    /// Two by chance, and of these the one that answers sooner.
    PowerOfTwo,
    /// The cheapest for this request; those that cost the same in turn.
    LowestCost,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 6] = [
        Self::RoundRobin,
        Self::Weighted,
        Self::LeastUsed,
        Self::FillFirst,
        Self::PowerOfTwo,
        Self::LowestCost,
    ];

    /// Its name in settings and explanations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::Weighted => "weighted",
            Self::LeastUsed => "least-used",
            Self::FillFirst => "fill-first",
            Self::PowerOfTwo => "power-of-two",
            Self::LowestCost => "lowest-cost",
        }
    }

    /// The strategy of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// One of several equals, as far as their order depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// Where it stands in the list that was written.
    pub(crate) at: usize,
    /// Its place on the wheel.
    pub(crate) slot: usize,
    pub(crate) weight: u32,
    /// A lower one goes first, whatever the strategy.
    pub(crate) priority: i32,
    pub(crate) in_flight: u32,
    /// Average microseconds to the first byte, where known.
    pub(crate) latency: Option<u64>,
    /// What the request costs there in nano-dollars, where known.
    pub(crate) cost: Option<u64>,
}

/// Whose turn it is. One for each pool, shared by all requests.
#[derive(Debug, Default)]
pub(crate) struct Wheel(Mutex<Marks>);

#[derive(Debug, Default)]
struct Marks {
    /// By slot; what is not there yet stands at the floor.
    marks: Vec<u64>,
    /// Nothing is behind this.
    floor: u64,
}

impl Marks {
    fn of(&self, slot: usize) -> u64 {
        self.marks.get(slot).copied().unwrap_or(self.floor)
    }

    /// Pulls up whatever is behind `floor`.
    fn pull(&mut self, floor: u64) {
        self.floor = self.floor.max(floor);
        for mark in &mut self.marks {
            *mark = (*mark).max(floor);
        }
    }

    /// Moves `slot` on by a turn, to `most` at most.
    fn advance(&mut self, slot: usize, weight: u32, most: u64) {
        if slot >= MOST_SLOTS {
            return;
        }
        if slot >= self.marks.len() {
            self.marks.resize(slot + 1, self.floor);
        }
        if let Some(own) = self.marks.get_mut(slot) {
            let stride = STRIDE / u64::from(weight.clamp(1, MOST_WEIGHT));
            *own = own.saturating_add(stride).min(most);
        }
    }
}

impl Wheel {
    /// Puts `items` in the order of `strategy`. With `takes`, the first has had its turn.
    pub(crate) fn arrange(
        &self,
        strategy: Strategy,
        items: &mut [Item],
        (seed, takes): (u64, bool),
    ) {
        if items.len() < 2 {
            if takes {
                self.take_turns(strategy, items, takes);
            }
            return;
        }
        match strategy {
            Strategy::FillFirst => items.sort_unstable_by_key(|item| (item.priority, item.at)),
            Strategy::PowerOfTwo => two_choices(items, seed),
            Strategy::RoundRobin
            | Strategy::Weighted
            | Strategy::LeastUsed
            | Strategy::LowestCost => self.take_turns(strategy, items, takes),
        }
    }

    fn take_turns(&self, strategy: Strategy, items: &mut [Item], takes: bool) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        items.sort_unstable_by_key(|item| {
            let used = if strategy == Strategy::LeastUsed {
                item.in_flight
            } else {
                0
            };
            let cost = if strategy == Strategy::LowestCost {
                item.cost.unwrap_or(u64::MAX)
            } else {
                0
            };
            (item.priority, cost, used, marks.of(item.slot), item.at)
        });
        if takes && let Some(first) = items.first() {
            let mark = marks.of(first.slot);
            marks.pull(mark);
            marks.advance(first.slot, weight(strategy, first), u64::MAX);
        }
    }

    /// Says that `slot` was used though nobody asked whose turn it was. It waits for the others
    /// to catch up, for [`MOST_AHEAD`] turns at most.
    pub(crate) fn charge(&self, slot: usize, weight: u32) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let most = marks.floor.saturating_add(MOST_AHEAD * STRIDE);
        // Nobody is pulled up: that would take the others' claim on the next turns.
        marks.advance(slot, weight, most);
    }
}

const fn weight(strategy: Strategy, item: &Item) -> u32 {
    if matches!(strategy, Strategy::Weighted) {
        item.weight
    } else {
        1
    }
}

/// The better of two by chance first, then the rest by how soon they are likely to answer.
fn two_choices(items: &mut [Item], seed: u64) {
    let best = items.iter().map(|item| item.priority).min().unwrap_or(0);
    let known = items.iter().filter_map(|item| item.latency).min();
    // What nobody has tried is taken to be as fast as the fastest, so that it is tried.
    let wait = |item: &Item| {
        let latency = item.latency.or(known).unwrap_or(1);
        latency.saturating_mul(u64::from(item.in_flight).saturating_add(1))
    };
    items.sort_unstable_by_key(|item| (item.priority, wait(item), item.at));
    let equals = items
        .iter()
        .take_while(|item| item.priority == best)
        .count();
    let one = draw(seed, equals);
    // Another than `one`, each as likely.
    let step = 1 + draw(mix(seed), equals.saturating_sub(1));
    let other = (one + step) % equals.max(1);
    let at = |index: usize| items.get(index).map(wait);
    let chosen = if at(other) < at(one) { other } else { one };
    // Of two that are as fast, the first drawn stays: no place in the list is better than another.
    if let Some(front) = items.get_mut(..=chosen) {
        front.rotate_right(1);
    }
}

/// A number below `count`, from `seed`; 0 when there is none.
pub(crate) fn draw(seed: u64, count: usize) -> usize {
    let count = u128::try_from(count).unwrap_or(0);
    usize::try_from((u128::from(mix(seed)) * count) >> 64).unwrap_or(0)
}

/// Spreads a seed (`SplitMix64`'s finish).
pub(crate) const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
