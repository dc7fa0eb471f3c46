//! The second half of a decision: what can be used, in order.

use std::{cmp::Reverse, sync::Arc};

use super::{Attempt, Entry, MOST_ATTEMPTS, Survey};
use crate::{
    candidate::{Lead, Offer},
    chain::{Group, Node},
    strategy::{Item, mix},
};

/// A seed, and whether turns count as taken.
type Draw = (u64, bool);

/// The attempts: first `place` (an entry and a lane) where a conversation holds on to it, then the
/// rest by profile or route, then by the turns of each provider's credentials.
pub(super) fn attempts(
    survey: &Survey,
    lead: &Lead,
    place: Option<(usize, usize)>,
    draw: Draw,
) -> Vec<Attempt> {
    let mut order = Vec::with_capacity(survey.entries.len());
    match lead {
        Lead::Offer(_) => order.push(0),
        Lead::Route(route) => route_order(survey, (route, 0), &mut order, draw),
        Lead::Profile(_) => {
            let usable = survey.entries.iter().enumerate();
            let usable = usable.filter(|(_, entry)| entry.is_usable());
            order.extend(usable.map(|(at, _)| at));
            order.sort_by_key(|at| Reverse(survey.entries.get(*at).map(|entry| entry.score)));
        }
    }
    let mut attempts = Vec::with_capacity(MOST_ATTEMPTS.min(survey.seen.len()));
    if let Some((entry, lane)) = place
        && let Some(entry) = survey.entries.get(entry)
    {
        attempts.extend(attempt(entry, lane));
    }
    let mut items = Vec::new();
    let mut is_first = place.is_none();
    for at in order {
        let Some(entry) = survey.entries.get(at) else {
            continue;
        };
        lanes(survey, entry, &mut items);
        let provider = &entry.offer.provider;
        let takes = draw.1 && std::mem::take(&mut is_first);
        let draw = (mix(draw.0 ^ entry.offer.id), takes);
        provider.wheel.arrange(provider.strategy, &mut items, draw);
        for item in &items {
            if attempts.len() >= MOST_ATTEMPTS {
                return attempts;
            }
            if let Some(next) = attempt(entry, item.slot)
                && !attempts
                    .iter()
                    .any(|one| Arc::ptr_eq(&one.target, &next.target))
            {
                attempts.push(next);
            }
        }
    }
    attempts
}

fn attempt(entry: &Entry, lane: usize) -> Option<Attempt> {
    let offer = &entry.offer;
    Some(Attempt {
        target: Arc::clone(offer.target(lane)?),
        lane: Arc::clone(offer.lanes().get(lane)?),
        offer: Arc::clone(offer),
    })
}

/// The usable lanes of `entry`.
fn lanes(survey: &Survey, entry: &Entry, items: &mut Vec<Item>) {
    items.clear();
    let usable = survey.seen(entry).iter().filter(|seen| seen.is_usable());
    items.extend(usable.filter_map(|seen| {
        let lane = entry.offer.lanes().get(seen.lane)?;
        Some(Item {
            at: seen.lane,
            slot: seen.lane,
            weight: lane.weight,
            priority: lane.priority,
            in_flight: seen.look.account_in_flight,
            latency: seen.look.latency,
            cost: entry.cost.map(|cost| lane.pays(cost)),
        })
    }));
}

/// The usable entries of `route`, whose entries begin at `start`, in its order.
fn route_order(
    survey: &Survey,
    (route, start): (&Group<Arc<Offer>>, usize),
    order: &mut Vec<usize>,
    draw: Draw,
) {
    let mut items = Vec::with_capacity(route.members.len());
    let mut starts = Vec::with_capacity(route.members.len());
    let mut from = start;
    for (at, member) in route.members.iter().enumerate() {
        let end = from + member.node.leaves();
        let here = survey.entries.get(from..end).unwrap_or_default();
        items.extend(item(here, (at, member.weight)));
        starts.push(from);
        from = end;
    }
    route.wheel.arrange(route.strategy, &mut items, draw);
    let mut is_first = true;
    for item in &items {
        let takes = draw.1 && std::mem::take(&mut is_first);
        let (Some(member), Some(from)) = (route.members.get(item.at), starts.get(item.at)) else {
            continue;
        };
        match &member.node {
            Node::Leaf(_) => order.push(*from),
            Node::Group(group) => {
                let draw = (mix(draw.0), takes);
                route_order(survey, (group, *from), order, draw);
            }
        }
    }
}

/// A member of a route as one of several equals; absent when nothing of it can be used.
fn item(entries: &[Entry], (at, weight): (usize, u32)) -> Option<Item> {
    let usable = || entries.iter().filter(|entry| entry.is_usable());
    usable().next()?;
    Some(Item {
        at,
        slot: at,
        weight,
        priority: 0,
        in_flight: usable()
            .map(|entry| entry.in_flight)
            .fold(0, u32::saturating_add),
        latency: usable().filter_map(|entry| entry.latency).min(),
        cost: usable().filter_map(|entry| entry.cost).min(),
    })
}
