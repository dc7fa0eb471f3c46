//! Why a request would go where it would go: every candidate, what spoke for and against it, and
//! its place in the plan.
//!
//! Written from what `Fleet::decide` surveyed, which is what routing uses; an explanation can not
//! disagree with it. Explaining takes no turn and touches no conversation.

use std::{collections::HashSet, sync::Arc};

use mirk_model::Timestamp;
use serde::Serialize;

use crate::{
    candidate::{Fleet, Lead},
    health::{Look, Standing},
    plan::{Decision, Entry, Plan, Refusal, Request, Seen},
    profile::{Part, Profile},
    reset::Reach,
};

/// What one candidate is worth in one respect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScorePart {
    /// In which respect.
    pub part: &'static str,
    /// How much, 0 to 1000.
    pub value: i32,
    /// How much that counts in the profile.
    pub weight: i32,
}

/// One candidate: a model at a provider, and one credential where it came to that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// `provider/model`.
    pub model: String,
    /// The credential's id; absent for a provider that is asked without one, and where the model
    /// is passed over whatever the credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// Its place in the plan, counted from 1; absent when it is passed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<usize>,
    /// Why it is taken or passed over: a stable name.
    pub reason: &'static str,
    /// The same in plain words.
    pub words: &'static str,
    /// The feature that the reason is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature: Option<&'static str>,
    /// When it may be used again, as RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Its score in the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<i64>,
    /// What the score is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ScorePart>,
    /// Average milliseconds to the first byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// How much of what was asked lately succeeded, in millionths.
    pub success: u32,
    /// Requests under way there.
    pub in_flight: u32,
    /// What the request is estimated to cost there, in nano-dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_nanos: Option<u64>,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// A stable name.
    pub code: &'static str,
    /// The same in plain words.
    pub words: String,
    /// When it makes sense to ask again, as RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<String>,
}

/// Why a request would go where it would go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The name that counts: what a header says in place of the request's.
    pub asked: String,
    /// What it leads to: `model`, `route` or `profile`.
    pub leads_to: &'static str,
    /// The name of that.
    pub name: String,
    /// How its members are ordered: a strategy, or `score`.
    pub order: &'static str,
    /// What became of the conversation's wish to go where it went before.
    pub conversation: &'static str,
    /// How many retries may follow the first try.
    pub retries: u32,
    /// Those in the plan by their place, then the others in the order of writing.
    pub candidates: Vec<Candidate>,
    /// Why there is no plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

impl Fleet {
    /// Explains what [`Fleet::plan`] would do with `request`.
    pub fn explain(&self, request: &Request<'_>) -> Explanation {
        let asked = request.over.unwrap_or(request.name).to_owned();
        match self.decide(request, false) {
            Ok(decision) => written(asked, request, &decision),
            Err(refusal) => Explanation {
                name: asked.clone(),
                asked,
                leads_to: "nothing",
                order: "none",
                conversation: "new",
                retries: request.budget.retries,
                candidates: Vec::new(),
                refused: Some(refused(&refusal)),
            },
        }
    }
}

fn written(asked: String, request: &Request<'_>, decision: &Decision) -> Explanation {
    let (leads_to, name, order, profile) = match &decision.lead {
        Lead::Offer(offer) => {
            let order = offer.provider.strategy.name();
            ("model", &offer.full, order, None)
        }
        Lead::Route(route) => ("route", &route.name, route.strategy.name(), None),
        Lead::Profile(ranked) => {
            let profile = &ranked.profile;
            ("profile", &profile.name, "score", Some(profile))
        }
    };
    let plan = decision.outcome.as_ref().ok();
    let mut candidates = Vec::with_capacity(decision.survey.seen.len());
    // A route may lead to the same model twice: the first time counts.
    let mut told = HashSet::with_capacity(decision.survey.entries.len());
    for entry in &decision.survey.entries {
        if !told.insert(entry.offer.id) {
            continue;
        }
        let seen = decision.survey.seen(entry);
        if seen.is_empty() {
            candidates.push(of_model(entry, profile));
        }
        for seen in seen {
            candidates.push(of_lane(entry, seen, (plan, profile)));
        }
    }
    candidates.sort_by_key(|one| one.place.unwrap_or(usize::MAX));
    Explanation {
        asked,
        leads_to,
        name: name.to_string(),
        order,
        conversation: plan.map_or("new", |plan| plan.stickiness().code()),
        retries: request.budget.retries,
        candidates,
        refused: decision.outcome.as_ref().err().map(refused),
    }
}

fn refused(refusal: &Refusal) -> Refused {
    let retry_at = match refusal {
        Refusal::Parked { until, .. } => Some(until.to_string()),
        _ => None,
    };
    Refused {
        code: refusal.code(),
        words: refusal.to_string(),
        retry_at,
    }
}

/// A model that it did not come to a credential for.
fn of_model(entry: &Entry, profile: Option<&Profile>) -> Candidate {
    let (reason, words) = entry.passed.map_or(
        ("no_credential", "no credential is stored for the provider"),
        |passed| (passed.code(), passed.words()),
    );
    candidate(entry, profile, (reason, words))
}

fn of_lane(
    entry: &Entry,
    seen: &Seen,
    (plan, profile): (Option<&Plan>, Option<&Profile>),
) -> Candidate {
    let target = entry.offer.target(seen.lane);
    let place = plan.zip(target).and_then(|(plan, target)| {
        let mut attempts = plan.attempts().iter();
        attempts.position(|attempt| Arc::ptr_eq(&attempt.target, target))
    });
    let lane = entry.offer.lanes().get(seen.lane);
    let mut one = candidate(entry, profile, reason(entry, seen, place));
    one.credential = lane
        .and_then(|lane| lane.credential())
        .map(|id| id.to_string());
    one.place = place.map(|at| at + 1);
    one.until = seen.look.until().map(|until: Timestamp| until.to_string());
    one.latency_ms = seen.look.latency.map(|micros| micros / 1_000);
    one.success = seen.look.success;
    one.in_flight = seen.look.in_flight;
    one.cost_nanos = entry
        .cost
        .map(|cost| lane.map_or(cost, |lane| lane.pays(cost)));
    one
}

fn candidate(
    entry: &Entry,
    profile: Option<&Profile>,
    (reason, words): (&'static str, &'static str),
) -> Candidate {
    let scored = entry.parts.zip(profile);
    let parts = scored.map(|(parts, profile)| {
        let weighed = Part::ALL.iter().zip(parts).zip(profile.weights);
        weighed
            .filter(|(_, weight)| *weight != 0)
            .map(|((part, value), weight)| ScorePart {
                part: part.code(),
                value,
                weight,
            })
            .collect()
    });
    Candidate {
        model: entry.offer.full.to_string(),
        credential: None,
        place: None,
        reason,
        words,
        feature: entry.passed.and_then(super::plan::Passed::feature),
        until: None,
        score: scored.map(|_| entry.score),
        parts: parts.unwrap_or_default(),
        latency_ms: entry.latency.map(|micros| micros / 1_000),
        success: Look::UNKNOWN.success,
        in_flight: entry.in_flight,
        cost_nanos: entry.cost,
    }
}

/// A stable name and plain words for what became of one credential of a model.
fn reason(entry: &Entry, seen: &Seen, place: Option<usize>) -> (&'static str, &'static str) {
    if let Some(passed) = entry.passed
        && !entry.is_readmitted
    {
        return (passed.code(), passed.words());
    }
    if !seen.is_enabled {
        return ("credential_disabled", "the credential is disabled");
    }
    match (seen.look.standing, place) {
        (Standing::Parked(rest), _) => match rest.reach {
            Reach::Credential => (rest.why.code(), "the credential rests"),
            Reach::Model => (rest.why.code(), "the model rests on this credential"),
        },
        (Standing::Open { .. }, _) => ("circuit_open", "it failed too often and is left alone"),
        (_, None) => ("beyond_limit", "enough others go before it"),
        (_, Some(_)) if entry.is_readmitted => (
            "last_resort",
            "something may speak against it, but nothing else is left",
        ),
        (Standing::Probe, Some(_)) => ("probe", "it failed before; this request would probe it"),
        (Standing::Ready, Some(0)) => ("first", "it is first in order"),
        (Standing::Ready, Some(_)) => ("fallback", "it is tried when those before it fail"),
    }
}
