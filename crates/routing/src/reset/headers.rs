//! What headers say of limits.

use mirk_model::Timestamp;

use super::{Announced, Reach, value};
use crate::errors::Why;

/// The most headers that are looked at.
const MOST_HEADERS: usize = 256;

type Headers<'a> = [(&'a str, &'a [u8])];

const UNIFIED: &str = "anthropic-ratelimit-unified-";

fn texts<'a>(headers: &'a Headers<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    headers
        .iter()
        .take(MOST_HEADERS)
        .filter_map(|(name, value)| Some((*name, std::str::from_utf8(value).ok()?)))
}

fn text<'a>(headers: &'a Headers<'a>, wanted: &str) -> Option<&'a str> {
    texts(headers)
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value)
}

/// `Retry-After-Ms`, or `Retry-After` in seconds or as a date.
pub(super) fn retry_after(headers: &Headers<'_>, now: Timestamp) -> Option<Timestamp> {
    let millis = text(headers, "retry-after-ms").and_then(|millis| value::decimal(millis.trim()));
    if let Some(millis) = millis {
        return Some(now.plus_micros(millis.max(0) / 1_000));
    }
    let after = text(headers, "retry-after")?.trim();
    value::wait(after)
        .map(|wait| now.plus_micros(wait))
        .or_else(|| value::http_date(after))
        .or_else(|| Timestamp::parse(after))
}

/// The latest reset among Anthropic's windows that rejected: they hold all at once. A window with
/// a suffix (`7d_oi`) is about some models only. `overage` and `fallback` are no windows.
pub(super) fn unified(headers: &Headers<'_>, now: Timestamp) -> Option<Announced> {
    let windows = texts(headers).filter_map(|(name, status)| {
        let window = name.strip_prefix(UNIFIED)?.strip_suffix("-status")?;
        let is_window = window.starts_with(|c: char| c.is_ascii_digit());
        (is_window && status.trim() == "rejected").then_some(window)
    });
    let announced = windows.filter_map(|window| {
        let reset = text(headers, &format!("{UNIFIED}{window}-reset"))?;
        let reach = if window.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Reach::Credential
        } else {
            Reach::Model
        };
        Some((value::moment(reset, now)?, reach))
    });
    let announced: Vec<_> = announced.collect();
    let is_everything = announced
        .iter()
        .any(|(_, reach)| *reach == Reach::Credential);
    let reach = if is_everything {
        Reach::Credential
    } else {
        Reach::Model
    };
    let latest = announced
        .into_iter()
        .filter(|(_, its)| *its == reach)
        .max_by_key(|(at, _)| *at);
    let (at, reach) = latest.or_else(|| overall(headers, now))?;
    Some(Announced {
        at,
        reach,
        why: Why::QuotaSpent,
    })
}

fn overall(headers: &Headers<'_>, now: Timestamp) -> Option<(Timestamp, Reach)> {
    let status = text(headers, "anthropic-ratelimit-unified-status")?;
    let reset = text(headers, "anthropic-ratelimit-unified-reset")?;
    (status.trim() == "rejected")
        .then(|| value::moment(reset, now))
        .flatten()
        .map(|at| (at, Reach::Credential))
}

/// A counter of the families `x-ratelimit-reset-…`, `anthropic-ratelimit-…-reset` and
/// `ratelimit-reset`: its reset, and what it has left.
fn counters<'a>(headers: &'a Headers<'a>) -> impl Iterator<Item = (&'a str, Option<u64>)> {
    texts(headers).filter_map(|(name, reset)| {
        let is_counter = name.starts_with("x-ratelimit-reset")
            || name.starts_with("ratelimit-reset")
            || name.starts_with("anthropic-ratelimit-")
                && name.ends_with("-reset")
                && !name.starts_with(UNIFIED);
        let left = || text(headers, &name.replacen("reset", "remaining", 1));
        is_counter.then(|| (reset, left().and_then(|left| left.trim().parse().ok())))
    })
}

/// The latest reset of the counters that have nothing left, or of all when none says so.
pub(super) fn buckets(headers: &Headers<'_>, now: Timestamp) -> Option<Timestamp> {
    let latest = |is_empty: bool| {
        counters(headers)
            .filter(|(_, left)| !is_empty || *left == Some(0))
            .filter_map(|(reset, _)| value::moment(reset, now))
            .max()
    };
    latest(true).or_else(|| latest(false))
}

/// The least that any counter has left.
pub(super) fn remaining(headers: &Headers<'_>) -> Option<u64> {
    counters(headers).filter_map(|(_, left)| left).min()
}
