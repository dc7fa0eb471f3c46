//! The upstreams: what they would answer at a moment, by a script.

use mirk_model::Timestamp;

pub(crate) const PROVIDERS: usize = 10;
pub(crate) const CREDENTIALS: usize = 5;

/// Requests that one credential may make in one window.
const QUOTA: u32 = 150;
/// The length of a window, in microseconds.
const WINDOW: i64 = 60_000_000;
/// One act of the script, in microseconds.
const ACT: i64 = 600_000_000;

/// What an upstream answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    Well,
    /// 429, with the second at which it may be asked again.
    Limited(Timestamp),
    /// 503.
    Down,
    /// The connection is refused.
    Refused,
}

/// One credential's use of its window.
#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    window: i64,
    used: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Upstreams {
    meters: [[Meter; CREDENTIALS]; PROVIDERS],
}

fn script(now: Timestamp) -> (usize, i64) {
    let act = now.as_micros().div_euclid(ACT);
    let second = now.as_micros().rem_euclid(ACT) / 1_000_000;
    (usize::try_from(act).unwrap(), second)
}

impl Upstreams {
    /// Whether the provider does not answer at all: in every act one does not for two minutes,
    /// and another one, beside it, for one.
    pub(crate) fn is_down(provider: usize, now: Timestamp) -> bool {
        let (act, second) = script(now);
        let first = act * 7 % PROVIDERS;
        let other = (act * 3 + 1) % PROVIDERS;
        provider == first && (100..220).contains(&second)
            || provider == other && (150..210).contains(&second)
    }

    /// Whether the provider fails every third request: after an outage, for a minute.
    pub(crate) fn is_shaky(provider: usize, now: Timestamp) -> bool {
        let (act, second) = script(now);
        provider == act * 7 % PROVIDERS && (220..280).contains(&second)
    }

    /// Microseconds to the first byte: one provider in each act is twenty times as slow for a
    /// while.
    pub(crate) fn latency(provider: usize, now: Timestamp, chance: u64) -> i64 {
        let (act, second) = script(now);
        let slow = provider == (act * 7 + 5) % PROVIDERS && (300..420).contains(&second);
        let usual = 100_000 + 40_000 * i64::try_from(provider).unwrap();
        let spread = i64::try_from(chance % 100_000).unwrap();
        (usual + spread) * if slow { 20 } else { 1 }
    }

    /// Whether a request there would be answered well.
    pub(crate) fn is_healthy(&self, provider: usize, credential: usize, now: Timestamp) -> bool {
        let meter = self.meters[provider][credential];
        let is_spent = meter.window == window(now) && meter.used >= QUOTA;
        !Self::is_down(provider, now) && !Self::is_shaky(provider, now) && !is_spent
    }

    /// Asks. The time of a 429's end is told in whole seconds, as providers do.
    pub(crate) fn ask(
        &mut self,
        (provider, credential): (usize, usize),
        now: Timestamp,
        chance: u64,
    ) -> Answered {
        if Self::is_down(provider, now) {
            return if provider.is_multiple_of(2) {
                Answered::Down
            } else {
                Answered::Refused
            };
        }
        if Self::is_shaky(provider, now) && chance.is_multiple_of(3) {
            return Answered::Down;
        }
        let meter = &mut self.meters[provider][credential];
        if meter.window != window(now) {
            *meter = Meter {
                window: window(now),
                used: 0,
            };
        }
        if meter.used >= QUOTA {
            let end = (window(now) + 1) * WINDOW;
            return Answered::Limited(Timestamp::from_micros(end));
        }
        meter.used += 1;
        Answered::Well
    }
}

fn window(now: Timestamp) -> i64 {
    now.as_micros().div_euclid(WINDOW)
}
