//! A plan being carried out: what is tried next, given what came of what was tried.

use mirk_model::Timestamp;

use super::{Attempt, MOST_ATTEMPTS, Plan};
use crate::errors::{Blame, Onward, Verdict};

/// How long to wait before the same target is tried again, in microseconds.
const PAUSE: i64 = 500_000;

/// One step of a walk.
#[derive(Clone, Debug)]
pub struct Step {
    /// What to try. [`crate::health::Target::begin`] has the last word.
    pub attempt: Attempt,
    /// How long to wait before, in microseconds: only before the same target is tried again.
    pub pause: i64,
    /// How many tries were made before this one.
    pub number: u32,
}

/// A plan being carried out.
///
/// Ask [`Walk::next`], begin the target it gives, and tell [`Walk::failed`] what came of it. What
/// could not begin needs no telling: it rests, or another request probes it.
#[derive(Debug)]
pub struct Walk {
    plan: Plan,
    used: [bool; MOST_ATTEMPTS],
    /// The attempt that was given last.
    last: Option<usize>,
    tries: u32,
    /// What is left of the retries.
    retries: u32,
    /// Attempts whose provider failed: the others of that provider come last.
    failed: Vec<usize>,
    /// Only models that take more than this many tokens are left.
    larger_than: Option<u64>,
    /// The last attempt may be tried once more when nothing else is left.
    again: Option<usize>,
    has_repeated: bool,
    is_over: bool,
}

impl Walk {
    pub(super) const fn new(plan: Plan) -> Self {
        Self {
            retries: plan.budget.retries,
            plan,
            used: [false; MOST_ATTEMPTS],
            last: None,
            tries: 0,
            failed: Vec::new(),
            larger_than: None,
            again: None,
            has_repeated: false,
            is_over: false,
        }
    }

    /// The plan.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What to try next, at `now`. Absent when the budget is used up, the deadline is over or
    /// nothing is left that can be used.
    pub fn next(&mut self, now: Timestamp) -> Option<Step> {
        if self.is_over || now >= self.plan.deadline {
            return None;
        }
        let mut second = None;
        let mut found = None;
        for (at, attempt) in self.plan.attempts.iter().enumerate() {
            if self.used.get(at) != Some(&false) || !self.is_open_to(attempt, now) {
                continue;
            }
            if self.has_failed(attempt) {
                second = second.or(Some(at));
            } else {
                found = Some(at);
                break;
            }
        }
        let (at, pause) = match found.or(second) {
            Some(at) => (at, 0),
            None => (self.repeated(now)?, PAUSE),
        };
        let attempt = self.plan.attempts.get(at)?.clone();
        if let Some(used) = self.used.get_mut(at) {
            *used = true;
        }
        self.last = Some(at);
        let number = self.tries;
        self.tries = self.tries.saturating_add(1);
        Some(Step {
            attempt,
            pause,
            number,
        })
    }

    /// The attempt that was given last failed, as `verdict` says.
    pub fn failed(&mut self, verdict: &Verdict) {
        self.again = None;
        let Some(last) = self.last else {
            return;
        };
        match verdict.onward {
            Onward::Never => self.is_over = true,
            Onward::Larger => {
                let context = self.plan.attempts.get(last);
                let context = context.and_then(|attempt| attempt.offer.known.context);
                self.larger_than = Some(self.larger_than.max(context).unwrap_or(0));
            }
            Onward::Any => {}
        }
        // Who refuses a credential or a model did no work for it, and rests from now on.
        if matches!(verdict.blame, Blame::Credential | Blame::Model) {
            return;
        }
        if verdict.blame == Blame::Provider {
            self.failed.push(last);
        }
        self.again = verdict.again.then_some(last);
        match self.retries.checked_sub(1) {
            Some(left) => self.retries = left,
            None => self.is_over = true,
        }
    }

    /// When it makes sense to ask again, after nothing was left: the first moment that anything of
    /// the plan, or what rested when it was made, can be used.
    pub fn retry_at(&self, now: Timestamp) -> Option<Timestamp> {
        let looks = self.plan.attempts.iter();
        let looks = looks.filter_map(|attempt| attempt.target.look(now).until());
        looks
            .chain(self.plan.resting)
            .min()
            .map(|until| until.max(now))
    }

    fn is_open_to(&self, attempt: &Attempt, now: Timestamp) -> bool {
        let context = attempt.offer.known.context;
        let is_large = self
            .larger_than
            .is_none_or(|least| context.is_some_and(|context| context > least));
        is_large && attempt.target.look(now).is_usable()
    }

    fn has_failed(&self, attempt: &Attempt) -> bool {
        let provider = attempt.offer.provider();
        let mut failed = self.failed.iter();
        failed.any(|at| {
            let one = self.plan.attempts.get(*at);
            one.is_some_and(|one| one.offer.provider() == provider)
        })
    }

    fn repeated(&mut self, now: Timestamp) -> Option<usize> {
        let at = self.again.take().filter(|_| !self.has_repeated)?;
        self.has_repeated = true;
        let attempt = self.plan.attempts.get(at)?;
        let ends = now.plus_micros(PAUSE) < self.plan.deadline;
        (ends && self.is_open_to(attempt, now)).then_some(at)
    }
}
