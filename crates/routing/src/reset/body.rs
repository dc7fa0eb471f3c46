//! What error bodies say of limits.

use mirk_model::Timestamp;
use serde_json::Value;

use super::{Reach, value};
use crate::errors::{Said, Why};

/// The kind of limit, where the body is more exact than the status.
pub(super) fn why(said: &Said, otherwise: Why) -> Why {
    let is_daily =
        said.message.contains("per-day") || quotas(said).any(|quota| quota.contains("PerDay"));
    if is_daily && otherwise == Why::RateLimited {
        Why::QuotaSpent
    } else {
        otherwise
    }
}

/// What the limit holds back, where the body is more exact than the status: Google's quotas that
/// are per model, OpenRouter's for its free models and those of the providers behind it.
pub(super) fn reach(said: &Said, otherwise: Reach) -> Reach {
    let mut quotas = quotas(said).peekable();
    let is_per_model = quotas.peek().is_some() && quotas.all(|quota| quota.contains("PerModel"));
    let metadata = said.error.get("metadata");
    let is_behind = metadata.is_some_and(|metadata| {
        let has = |field| metadata.get(field).is_some_and(|value| !value.is_null());
        has("provider_name") || has("provider_code")
    });
    if is_per_model || is_behind || said.message.contains("free-models-per-") {
        Reach::Model
    } else {
        otherwise
    }
}

fn quotas(said: &Said) -> impl Iterator<Item = &str> {
    said.details()
        .filter_map(|detail| detail.get("violations")?.as_array())
        .flatten()
        .take(32)
        .filter_map(|violation| violation.get("quotaId")?.as_str())
}

/// `usage_limit_reached`: `resets_in_seconds`, which no clock can spoil, or `resets_at`.
pub(super) fn quota_reset(said: &Said, now: Timestamp) -> Option<Timestamp> {
    let number = |field| said.error.get(field).and_then(written);
    let wait = number("resets_in_seconds").and_then(|seconds| value::wait(&seconds));
    wait.map(|wait| now.plus_micros(wait))
        .or_else(|| value::moment(&number("resets_at")?, now))
}

/// Google's `RetryInfo`: `"retryDelay": "36.4s"`.
pub(super) fn retry_info(said: &Said, now: Timestamp) -> Option<Timestamp> {
    let delay = said
        .details()
        .find_map(|detail| detail.get("retryDelay")?.as_str())?;
    value::wait(delay).map(|wait| now.plus_micros(wait))
}

/// OpenRouter repeats its headers in the body: `metadata.headers["X-RateLimit-Reset"]`, an epoch
/// in milliseconds.
pub(super) fn header_copy(said: &Said, now: Timestamp) -> Option<Timestamp> {
    let headers = said.error.get("metadata")?.get("headers")?.as_object()?;
    let (_, reset) = headers
        .iter()
        .take(32)
        .find(|(name, _)| name.eq_ignore_ascii_case("x-ratelimit-reset"))?;
    value::moment(&written(reset)?, now)
}

/// `… try again in 6m0s.`, `… retry in 36.4s.`, `… retry after 26 seconds.`
pub(super) fn in_words(said: &Said, now: Timestamp) -> Option<Timestamp> {
    let after = ["try again in ", "retry in ", "retry after "]
        .iter()
        .find_map(|words| said.message.split_once(words))?;
    let mut words = after.1.split_ascii_whitespace();
    let first = words.next()?.trim_end_matches(['.', ',', ')']);
    let factor = match words.next().map(|unit| unit.trim_end_matches(['.', ','])) {
        Some("minutes" | "minute") => 60,
        Some("hours" | "hour") => 3_600,
        _ => 1,
    };
    let wait = value::wait(first)?.saturating_mul(factor);
    Some(now.plus_micros(wait))
}

/// A number or a text, as text.
fn written(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}
