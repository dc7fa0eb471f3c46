//! The plan for a request: which credential at which provider with which model, in which order.
//!
//! One function decides, for routing and for explaining alike: `decide` surveys every candidate,
//! then puts in order those that can be used. An `Explanation` is written from
//! what it surveyed.
//!
//! Invariant: what is parked, forbidden or of another owner is never part of a plan.

mod ask;
mod order;
mod survey;
mod walk;

use std::sync::Arc;

use mirk_model::Timestamp;

pub use ask::{Budget, Request, Rules};
pub use survey::Passed;
pub(crate) use survey::{Entry, Seen, Survey};
pub use walk::{Step, Walk};

use crate::{
    candidate::{Fleet, Lane, Lead, Memory, NameError, Offer},
    errors::Why,
    fit::Misfit,
    health::Target,
    name::{Asked, DEFAULT_PROFILE},
    sticky::{self, Pin},
};

/// The most attempts that a plan holds. How many are made, [`Budget`] says.
pub const MOST_ATTEMPTS: usize = 32;

/// One try: a model at a provider with one credential.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The model at its provider.
    pub offer: Arc<Offer>,
    /// The credential.
    pub lane: Arc<Lane>,
    /// Its health; whoever dispatches begins here.
    pub target: Arc<Target>,
}

/// What became of the conversation's wish to go where it went before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stickiness {
    /// The request belongs to no conversation, or to a new one.
    New,
    /// It goes where it went before.
    Kept,
    /// Where it went before has too much under way; it will go back.
    Crowded,
    /// Where it went before can not be used, or something better can; it stays where it goes now.
    Moved,
}

impl Stickiness {
    /// Its stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Kept => "kept",
            Self::Crowded => "crowded",
            Self::Moved => "moved",
        }
    }
}

/// Where a request may go, in order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The attempts; at least one.
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) budget: Budget,
    pub(crate) deadline: Timestamp,
    /// When the first of what rests may be used again.
    pub(crate) resting: Option<Timestamp>,
    conversation: Option<u64>,
    stickiness: Stickiness,
    memory: Arc<Memory>,
}

impl Plan {
    /// The attempts, in order; at least one.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// What became of the conversation's wish to go where it went before.
    pub const fn stickiness(&self) -> Stickiness {
        self.stickiness
    }

    /// By when the first byte must have come.
    pub const fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// The attempts one after the other, as their results demand.
    pub fn walk(self) -> Walk {
        Walk::new(self)
    }

    /// Remembers that the conversation was answered by `attempt`.
    pub fn keep(&self, attempt: &Attempt, now: Timestamp) {
        if let Some(key) = self.conversation
            && self.stickiness != Stickiness::Crowded
        {
            let pin = Pin {
                lane: attempt.lane.id,
                offer: attempt.offer.id,
            };
            self.memory.sticky.keep(key, pin, now);
        }
    }
}

/// Why there is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The name leads nowhere.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The profile has no model to choose from.
    #[error("no model is listed that this profile could choose from")]
    Nothing,
    /// Whoever asks may not use what the name leads to.
    #[error("none of the models that this name leads to may be used: {}", .0.words())]
    Forbidden(Passed),
    /// No model that the name leads to can do the request.
    #[error("none of the models that this name leads to can do this request: {}", Passed::Misfit(*.0).words())]
    Misfit(Misfit),
    /// There is no credential that may be used.
    #[error("no usable credential is stored for what this name leads to")]
    NoCredential,
    /// Everything that could do it rests.
    #[error("everything that could do this request rests at present")]
    Parked {
        /// When the first may be used again.
        until: Timestamp,
        /// Why that one rests; absent for an open circuit.
        why: Option<Why>,
    },
}

impl Refusal {
    /// Its stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Name(error) => error.code(),
            Self::Nothing => "nothing_to_choose",
            Self::Forbidden(passed) => passed.code(),
            Self::Misfit(misfit) => misfit.code(),
            Self::NoCredential => "no_credential",
            Self::Parked { .. } => "all_resting",
        }
    }
}

/// What was decided, with everything that it was decided from.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) lead: Lead,
    pub(crate) survey: Survey,
    pub(crate) outcome: Result<Plan, Refusal>,
}

impl Fleet {
    /// Plans `request`. The turn of what comes first counts as taken.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn plan(&self, request: &Request<'_>) -> Result<Plan, Refusal> {
        self.decide(request, true)?.outcome
    }

    /// The name that `request` goes by, and where it leads.
    fn led<'a>(&self, request: &Request<'a>) -> Result<(&'a str, Lead), NameError> {
        let asked = match request.over {
            Some(name) if self.profile(name).is_ok() => Asked::Profile(name),
            Some(name) => Asked::read(name),
            None => Asked::read(request.name),
        };
        let default = request.rules.default.as_deref().unwrap_or(DEFAULT_PROFILE);
        let name = request.over.unwrap_or(request.name);
        let lead = match asked {
            Asked::Profile(profile) => self.profile(profile)?,
            Asked::Name(name) => self.lead(name, request.need.operation)?,
            // A key's default may be a route or a model as well.
            Asked::Auto => match self.profile(default) {
                Ok(lead) => lead,
                Err(_) => self.lead(default, request.need.operation)?,
            },
        };
        Ok((name, lead))
    }

    /// Decides; with `takes`, turns count as taken and conversations as used.
    pub(crate) fn decide(&self, request: &Request<'_>, takes: bool) -> Result<Decision, Refusal> {
        let (name, lead) = self.led(request)?;
        let mut survey = Survey::of(&lead, (request, name), takes);
        survey.readmit_soft();
        if !survey.has_usable() {
            let refusal = survey.refusal(request.now);
            return Ok(Decision {
                lead,
                survey,
                outcome: Err(refusal),
            });
        }
        let conversation = request
            .conversation
            .map(|conversation| sticky::key(conversation, name));
        let pin = conversation.and_then(|key| self.memory.sticky.find(key, request.now, takes));
        let (place, stickiness) = survey.pinned(&lead, pin);
        let draw = (request.seed, takes && place.is_none());
        let attempts = order::attempts(&survey, &lead, place, draw);
        if takes && let Some((entry, lane)) = place {
            survey.charge(entry, lane);
        }
        let plan = Plan {
            attempts,
            budget: request.budget,
            deadline: request.now.plus_micros(request.budget.deadline),
            resting: survey.resting(),
            conversation,
            stickiness,
            memory: Arc::clone(&self.memory),
        };
        Ok(Decision {
            lead,
            survey,
            outcome: Ok(plan),
        })
    }
}

#[cfg(test)]
mod tests;
