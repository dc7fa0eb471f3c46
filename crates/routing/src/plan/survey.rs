//! The first half of a decision: every candidate looked at once, with what speaks against it.

use std::sync::Arc;

use mirk_model::Timestamp;

use super::{MOST_ATTEMPTS, Refusal, Request, Stickiness};
use crate::{
    candidate::{Lead, Offer},
    chain::{Group, Node},
    fit::{self, Misfit},
    health::{Look, Standing},
    profile::{self, Facts, Scores},
    sticky::{Pin, is_crowded},
    strategy::Strategy,
};

/// Why a model is passed over, whatever its credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// The key may not use it.
    NotAllowed,
    /// It is on the key's deny list, or not on its allow list.
    Denied,
    /// It would leave the operator's own machines.
    NotLocal,
    /// Its price is not known.
    Unpriced,
    /// The profile's lists leave it out.
    OutOfProfile,
    /// It can not do the request.
    Misfit(Misfit),
}

impl Passed {
    /// Its stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed_for_key",
            Self::Denied => "denied_for_key",
            Self::NotLocal => "not_local",
            Self::Unpriced => "price_unknown",
            Self::OutOfProfile => "out_of_profile",
            Self::Misfit(misfit) => misfit.code(),
        }
    }

    /// The feature that it is about.
    pub const fn feature(self) -> Option<&'static str> {
        match self {
            Self::Misfit(misfit) => match misfit.feature() {
                Some(feature) => Some(feature.code()),
                None => None,
            },
            _ => None,
        }
    }

    /// The same in plain words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotAllowed => "this key may not use the model",
            Self::Denied => "this key's lists leave the model out",
            Self::NotLocal => "the model does not run on the operator's own machines",
            Self::Unpriced => "the price of the model is not known, and a money limit needs one",
            Self::OutOfProfile => "the profile leaves the model out",
            Self::Misfit(misfit) => match misfit {
                Misfit::Operation => "the provider can not be asked this way",
                Misfit::Lacks(_) => "the model can not do something that the request needs",
                Misfit::Refused(_) => "the model lately refused something that the request needs",
                Misfit::Context => "the request is longer than the model's context",
                Misfit::RefusedLength => "the model lately refused a shorter request as too long",
                Misfit::Output => "the request asks for more output than the model gives",
            },
        }
    }
}

/// One credential of a surveyed model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Which lane of the offer.
    pub(crate) lane: usize,
    pub(crate) look: Look,
    pub(crate) is_enabled: bool,
}

impl Seen {
    pub(crate) const fn is_usable(&self) -> bool {
        self.is_enabled && self.look.is_usable()
    }
}

/// One surveyed model.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) offer: Arc<Offer>,
    pub(crate) passed: Option<Passed>,
    /// Whether what speaks against it is not certain, and nothing else is left.
    pub(crate) is_readmitted: bool,
    /// Its credentials, as a range of [`Survey::seen`].
    pub(crate) seen: (usize, usize),
    pub(crate) usable: usize,
    pub(crate) in_flight: u32,
    /// The fastest of its usable credentials.
    pub(crate) latency: Option<u64>,
    pub(crate) cost: Option<u64>,
    pub(crate) parts: Option<Scores>,
    pub(crate) score: i64,
}

impl Entry {
    pub(crate) const fn is_in(&self) -> bool {
        self.passed.is_none() || self.is_readmitted
    }

    pub(crate) const fn is_usable(&self) -> bool {
        self.is_in() && self.usable > 0
    }

    /// Whether the choice falls on it though something uncertain speaks against it.
    fn is_soft(&self) -> bool {
        matches!(self.passed, Some(Passed::Misfit(misfit)) if misfit.is_soft())
    }
}

/// Every candidate, in the order of writing.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) entries: Vec<Entry>,
    pub(crate) seen: Vec<Seen>,
}

/// What is the same for all candidates of one request.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent rules about one request"
)]
struct Bar<'a> {
    request: &'a Request<'a>,
    is_local_only: bool,
    is_priced_only: bool,
    /// Whether the key's filter lets every target of the name through.
    is_name_allowed: bool,
    /// Whether candidates that are out by their profile are left out of the survey.
    is_brief: bool,
}

impl Survey {
    /// Surveys what `lead` leads to. With `is_brief`, what its profile leaves out is not noted.
    pub(crate) fn of(lead: &Lead, (request, name): (&Request<'_>, &str), is_brief: bool) -> Self {
        let rules = request.rules;
        let mut bar = Bar {
            request,
            is_local_only: rules.is_local_only || request.is_local_only,
            is_priced_only: rules.is_priced_only,
            is_name_allowed: rules.models.allows(name),
            is_brief,
        };
        let mut survey = Self::default();
        match lead {
            Lead::Offer(offer) => survey.reserve(1, offer.lanes().len()),
            Lead::Route(route) => survey.reserve(route.leaves, MOST_ATTEMPTS),
            Lead::Profile(ranked) => survey.reserve(ranked.offers.len(), MOST_ATTEMPTS),
        }
        match lead {
            Lead::Offer(offer) => survey.add(offer, &bar, true),
            Lead::Route(route) => route.each(&mut |offer| survey.add(offer, &bar, true)),
            Lead::Profile(ranked) => {
                let profile = &ranked.profile;
                bar.is_local_only |= profile.is_local_only;
                bar.is_priced_only |= profile.is_priced_only;
                for (offer, favourite, passes) in &ranked.offers {
                    survey.add(offer, &bar, *passes);
                    if let Some(entry) = survey.entries.last_mut()
                        && Arc::ptr_eq(&entry.offer, offer)
                    {
                        let facts = facts(entry, &survey.seen, request);
                        let parts = profile::parts(&facts, *favourite, request.intent);
                        entry.score = profile.sum(&parts);
                        entry.parts = Some(parts);
                    }
                }
            }
        }
        survey
    }

    fn reserve(&mut self, offers: usize, lanes: usize) {
        self.entries.reserve(offers);
        self.seen.reserve(lanes.max(offers));
    }

    fn add(&mut self, offer: &Arc<Offer>, bar: &Bar<'_>, passes: bool) {
        if bar.is_brief && !passes {
            return;
        }
        let request = bar.request;
        let against = passed(offer, bar, passes);
        let start = self.seen.len();
        let mut entry = Entry {
            offer: Arc::clone(offer),
            passed: against,
            is_readmitted: false,
            seen: (start, start),
            usable: 0,
            in_flight: 0,
            latency: None,
            cost: None,
            parts: None,
            score: 0,
        };
        if against.is_none() || entry.is_soft() {
            entry.cost = offer.cost(&request.need);
            for (at, settings) in offer.lanes().iter().enumerate() {
                let look = match offer.target(at) {
                    Some(target) if settings.is_enabled => target.look(request.now),
                    Some(_) | None => Look::UNKNOWN,
                };
                let seen = Seen {
                    lane: at,
                    look,
                    is_enabled: settings.is_enabled,
                };
                entry.count(&seen);
                self.seen.push(seen);
            }
            entry.seen.1 = self.seen.len();
        }
        self.entries.push(entry);
    }

    /// The credentials of `entry`.
    pub(crate) fn seen(&self, entry: &Entry) -> &[Seen] {
        let (start, end) = entry.seen;
        self.seen.get(start..end).unwrap_or_default()
    }

    /// Where nothing is left that certainly can do the request, takes back in what may.
    pub(crate) fn readmit_soft(&mut self) {
        if self.entries.iter().any(Entry::is_in) {
            return;
        }
        for entry in &mut self.entries {
            entry.is_readmitted = entry.is_soft();
        }
    }

    /// Whether there is anything to plan with.
    pub(crate) fn has_usable(&self) -> bool {
        self.entries.iter().any(Entry::is_usable)
    }

    /// When the first of what rests may be used again.
    pub(crate) fn resting(&self) -> Option<Timestamp> {
        self.earliest().map(|(until, _)| until)
    }

    fn earliest(&self) -> Option<(Timestamp, Standing)> {
        let seen = self
            .entries
            .iter()
            .filter(|entry| entry.is_in())
            .flat_map(|entry| self.seen(entry))
            .filter(|seen| seen.is_enabled);
        seen.filter_map(|seen| Some((seen.look.until()?, seen.look.standing)))
            .min_by_key(|(until, _)| *until)
    }

    /// Why there is nothing to plan with: first what time mends, then what the operator can.
    pub(crate) fn refusal(&self, now: Timestamp) -> Refusal {
        if let Some((until, standing)) = self.earliest() {
            let why = match standing {
                Standing::Parked(rest) => Some(rest.why),
                Standing::Ready | Standing::Probe | Standing::Open { .. } => None,
            };
            let until = until.max(now);
            return Refusal::Parked { until, why };
        }
        if self.entries.iter().any(Entry::is_in) {
            return Refusal::NoCredential;
        }
        let mut passed = self.entries.iter().filter_map(|entry| entry.passed);
        let misfit = passed.clone().find_map(|passed| match passed {
            Passed::Misfit(misfit) => Some(misfit),
            _ => None,
        });
        match (misfit, passed.next()) {
            (Some(misfit), _) => Refusal::Misfit(misfit),
            (None, Some(passed)) => Refusal::Forbidden(passed),
            (None, None) => Refusal::Nothing,
        }
    }

    /// Where the conversation goes that went to `pin`: an entry and one of its lanes.
    pub(crate) fn pinned(
        &self,
        lead: &Lead,
        pin: Option<Pin>,
    ) -> (Option<(usize, usize)>, Stickiness) {
        let Some(pin) = pin else {
            return (None, Stickiness::New);
        };
        let found = self
            .entries
            .iter()
            .position(|entry| entry.offer.id == pin.offer && entry.is_usable());
        let place = found.and_then(|at| {
            let entry = self.entries.get(at)?;
            let mut lanes = self.seen(entry).iter().filter(|seen| seen.is_usable());
            let seen = lanes.find(|seen| {
                let lane = entry.offer.lanes().get(seen.lane);
                lane.is_some_and(|lane| lane.id == pin.lane)
            })?;
            Some((at, entry, seen))
        });
        let Some((at, entry, seen)) = place else {
            return (None, Stickiness::Moved);
        };
        if let Lead::Route(route) = lead
            && !self.may_hold(route, (0, at))
        {
            return (None, Stickiness::Moved);
        }
        let usable = || self.seen(entry).iter().filter(|seen| seen.is_usable());
        let all = usable()
            .map(|seen| u64::from(seen.look.account_in_flight))
            .sum();
        let lanes = u64::try_from(usable().count()).unwrap_or(u64::MAX);
        if is_crowded(seen.look.account_in_flight, all, lanes) {
            return (None, Stickiness::Crowded);
        }
        (Some((at, seen.lane)), Stickiness::Kept)
    }

    /// Whether a conversation may hold on to the entry `at` of `route`, whose entries begin at
    /// `start`: not where an order says that something better can be used again.
    fn may_hold(&self, route: &Group<Arc<Offer>>, (start, at): (usize, usize)) -> bool {
        let (mut from, mut cheapest) = (start, u64::MAX);
        let mut is_any_before = false;
        let mut held = None;
        for member in &route.members {
            let end = from + member.node.leaves();
            let here = self.entries.get(from..end).unwrap_or_default();
            let costs = here.iter().filter(|entry| entry.is_usable());
            let cost = costs.map(|entry| rank(entry.cost)).min();
            if (from..end).contains(&at) {
                held = Some((&member.node, from, cost.unwrap_or(u64::MAX), is_any_before));
            }
            is_any_before |= cost.is_some();
            cheapest = cheapest.min(cost.unwrap_or(u64::MAX));
            from = end;
        }
        let Some((node, from, cost, has_better_before)) = held else {
            return false;
        };
        let is_best = match route.strategy {
            Strategy::FillFirst => !has_better_before,
            Strategy::LowestCost => cost <= cheapest,
            _ => true,
        };
        is_best
            && match node {
                Node::Leaf(_) => true,
                Node::Group(group) => self.may_hold(group, (from, at)),
            }
    }

    /// Counts a turn of the lane that a conversation held on to.
    pub(crate) fn charge(&self, entry: usize, lane: usize) {
        let Some(entry) = self.entries.get(entry) else {
            return;
        };
        let provider = &entry.offer.provider;
        let weight = match provider.strategy {
            Strategy::Weighted => provider.lanes.get(lane).map_or(1, |lane| lane.weight),
            _ => 1,
        };
        provider.wheel.charge(lane, weight);
    }
}

impl Entry {
    fn count(&mut self, seen: &Seen) {
        if !seen.is_usable() {
            return;
        }
        self.usable += 1;
        self.in_flight = self.in_flight.saturating_add(seen.look.in_flight);
        self.latency = match (self.latency, seen.look.latency) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

fn rank(cost: Option<u64>) -> u64 {
    cost.unwrap_or(u64::MAX)
}

fn passed(offer: &Offer, bar: &Bar<'_>, passes: bool) -> Option<Passed> {
    let rules = bar.request.rules;
    if bar.is_local_only && !offer.is_local {
        return Some(Passed::NotLocal);
    }
    if !bar.is_name_allowed && !rules.models.allows(&offer.full) {
        return Some(Passed::NotAllowed);
    }
    if !rules.lists.pass(&offer.full) {
        return Some(Passed::Denied);
    }
    if !passes {
        return Some(Passed::OutOfProfile);
    }
    let need = &bar.request.need;
    if bar.is_priced_only && offer.price(need.input).is_none() {
        return Some(Passed::Unpriced);
    }
    let about = (offer.provider.spoken, &offer.known);
    fit::judge(need, about, offer.refused(), bar.request.now)
        .err()
        .map(Passed::Misfit)
}

fn facts(entry: &Entry, seen: &[Seen], request: &Request<'_>) -> Facts {
    let (start, end) = entry.seen;
    let seen = seen.get(start..end).unwrap_or_default();
    let usable = seen.iter().filter(|seen| seen.is_usable());
    let offer = &entry.offer;
    Facts {
        said: offer.said,
        latency: entry.latency,
        success: usable.map(|seen| seen.look.success).max().unwrap_or(0),
        cost: entry.cost,
        output_price: offer.price(request.need.input).map(|price| price.output),
        is_local: offer.is_local,
        context: offer.known.context,
    }
}
