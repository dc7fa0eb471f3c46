//! A circuit breaker: after failures in a row, or when most of what was tried failed, a target is
//! left alone for a while; then one request at a time may probe whether it is back.

use mirk_model::Timestamp;

use crate::backoff;

/// Failures in a row that open the circuit.
const MOST_IN_A_ROW: u32 = 5;

/// How many results the failure rate needs before it means anything.
const FEWEST_RESULTS: u32 = 20;

/// Half the time over which the failure rate is taken, in microseconds.
const HALF_WINDOW: i64 = 30_000_000;

/// The first time that a circuit stays open, and the longest, in microseconds.
const OPEN: (i64, i64) = (5_000_000, 300_000_000);

/// How soon to look again while another request probes, in microseconds.
const WHILE_PROBING: i64 = 1_000_000;

/// Whether a request may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The circuit is closed.
    Pass,
    /// It is half open, and this request is the one that probes. Its result, or
    /// [`Breaker::release`], must be told.
    Probe,
    /// Not before this moment.
    No(Timestamp),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    results: u32,
    failures: u32,
}

/// The state of one circuit. Not synchronized: whoever holds it does that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    in_a_row: u32,
    /// How often it opened without closing between.
    level: u32,
    /// When it becomes half open; absent while closed.
    half_open_at: Option<Timestamp>,
    is_probing: bool,
    now: Tally,
    before: Tally,
    turned_at: Timestamp,
}

impl Breaker {
    /// A breaker as it was when [`Breaker::opened`] said this.
    pub fn restored(opened: Option<(Timestamp, u32)>) -> Self {
        Self {
            half_open_at: opened.map(|(until, _)| until),
            level: opened.map_or(0, |(_, level)| level),
            ..Self::default()
        }
    }

    /// Until when it is open at least, and how often it opened; absent while closed.
    pub const fn opened(&self) -> Option<(Timestamp, u32)> {
        match self.half_open_at {
            Some(until) => Some((until, self.level)),
            None => None,
        }
    }

    /// Whether a request probes at present.
    pub const fn is_probing(&self) -> bool {
        self.is_probing
    }

    /// Whether a request may pass at `now`; takes the one probe when that is what it gets.
    pub fn admit(&mut self, now: Timestamp) -> Admission {
        match self.half_open_at {
            None => Admission::Pass,
            Some(until) if now < until => Admission::No(until),
            Some(_) if self.is_probing => Admission::No(now.plus_micros(WHILE_PROBING)),
            Some(_) => {
                self.is_probing = true;
                Admission::Probe
            }
        }
    }

    /// The provider answered as it should. What was sent before the circuit opened says nothing
    /// about now, so an open circuit listens to its probe only.
    pub fn answered(&mut self, now: Timestamp, is_probe: bool) {
        if self.half_open_at.is_some() {
            if is_probe {
                *self = Self {
                    turned_at: now,
                    ..Self::default()
                };
            }
            return;
        }
        self.in_a_row = 0;
        self.count(now, 0);
    }

    /// The provider failed.
    pub fn failed(&mut self, now: Timestamp, is_probe: bool, seed: u64) {
        if self.half_open_at.is_some() {
            if is_probe {
                self.open(now, seed);
            }
            return;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.count(now, 1);
        let results = self.now.results + self.before.results;
        let failures = self.now.failures + self.before.failures;
        let is_mostly_failing = results >= FEWEST_RESULTS && failures >= results.div_ceil(2);
        if self.in_a_row >= MOST_IN_A_ROW || is_mostly_failing {
            self.open(now, seed);
        }
    }

    /// The probe ended without a result: another request may probe.
    pub const fn release(&mut self) {
        self.is_probing = false;
    }

    fn open(&mut self, now: Timestamp, seed: u64) {
        self.level = self.level.saturating_add(1);
        self.half_open_at = Some(now.plus_micros(backoff::rest(OPEN, self.level, seed)));
        self.is_probing = false;
    }

    fn count(&mut self, now: Timestamp, failures: u32) {
        let age = now.as_micros().saturating_sub(self.turned_at.as_micros());
        if !(0..HALF_WINDOW).contains(&age) {
            let is_recent = (0..2 * HALF_WINDOW).contains(&age);
            self.before = if is_recent {
                self.now
            } else {
                Tally::default()
            };
            self.now = Tally::default();
            self.turned_at = now;
        }
        // A tally that is full weighs as much as one that goes on counting.
        if self.now.results < u32::MAX / 4 {
            self.now.results += 1;
            self.now.failures += failures;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + millis * 1_000)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..MOST_IN_A_ROW {
            assert_eq!(breaker.admit(at(0)), Admission::Pass);
            breaker.failed(at(0), false, 1);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_does_not() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            for _ in 0..4 {
                breaker.failed(at(0), false, 1);
            }
            breaker.answered(at(0), false);
        }
        assert_eq!(breaker.opened(), None);
        assert!(matches!(opened().admit(at(1)), Admission::No(until) if until > at(3_000)));
    }

    #[test]
    fn every_second_request_failing_opens_it() {
        let mut breaker = Breaker::default();
        let mut tried = 0;
        while breaker.opened().is_none() && tried < 100 {
            breaker.answered(at(tried), false);
            breaker.failed(at(tried), false, 1);
            tried += 1;
        }
        assert_eq!(tried, 10);
    }

    #[test]
    fn failures_of_long_ago_do_not_count() {
        let mut breaker = Breaker::default();
        for hour in 0..60 {
            breaker.answered(at(hour * 3_600_000), false);
            breaker.failed(at(hour * 3_600_000), false, 1);
        }
        assert_eq!(breaker.opened(), None);
    }

    #[test]
    fn one_probe_at_a_time_and_its_success_closes_it() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(at(6_000)), Admission::Probe);
        assert!(matches!(breaker.admit(at(6_000)), Admission::No(_)));
        breaker.release();
        assert_eq!(breaker.admit(at(6_001)), Admission::Probe);
        breaker.answered(at(6_002), false);
        assert!(breaker.opened().is_some(), "an old request is no probe");
        breaker.answered(at(6_002), true);
        assert_eq!(breaker.admit(at(6_003)), Admission::Pass);
    }

    #[test]
    fn a_failed_probe_opens_it_for_longer() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(at(6_000)), Admission::Probe);
        breaker.failed(at(6_000), false, 1);
        assert!(breaker.is_probing(), "an old request is no probe");
        breaker.failed(at(6_000), true, 1);
        let Admission::No(until) = breaker.admit(at(6_001)) else {
            panic!("open again");
        };
        assert!(until >= at(6_000 + 7_500), "{until}");
        assert_eq!(breaker.opened(), Some((until, 2)));
        assert_eq!(
            Breaker::restored(breaker.opened()).opened(),
            breaker.opened()
        );
    }
}
