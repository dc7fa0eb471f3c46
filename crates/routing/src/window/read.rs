//! Reading quota windows: from a documented usage endpoint, and from what answers carry anyway.

use std::sync::Arc;

use mirk_model::Timestamp;
use serde_json::Value;

use super::{MOST_WINDOWS, Unit, Window};
use crate::reset::{self, decimal};

/// The most of an answer that is read.
const MOST_BODY: usize = 64 * 1024;

/// OpenRouter's `GET /api/v1/key`: the credit limit of the key itself, with its reset at the next
/// UTC midnight, Monday or first of the month. Nothing when the key has no limit, or the answer is
/// not of this shape.
pub fn openrouter_key(body: &[u8], now: Timestamp) -> Option<Window> {
    if body.len() > MOST_BODY {
        return None;
    }
    let answer: Value = serde_json::from_slice(body).ok()?;
    let data = answer.get("data")?;
    let limit = credit(data.get("limit")?)?;
    let left = credit(data.get("limit_remaining")?)?;
    let reset = data.get("limit_reset").and_then(Value::as_str);
    Some(Window {
        name: Arc::from("credit"),
        unit: Unit::Credit,
        used: limit.saturating_sub(left),
        limit: Some(limit),
        reset: reset.and_then(|every| next(every, now)),
        read_at: now,
    })
}

/// The windows that Anthropic's answers carry: `anthropic-ratelimit-unified-5h-utilization` and
/// `-reset`. A window for some models only (`7d_oi`) is not the credential's and is left out.
pub fn response_headers(headers: &[(&str, &[u8])], now: Timestamp) -> Vec<Window> {
    let text = |wanted: &str| {
        let found = headers.iter().find(|(name, _)| *name == wanted)?;
        std::str::from_utf8(found.1).ok()
    };
    headers
        .iter()
        .filter_map(|(name, _)| {
            let window = name
                .strip_prefix("anthropic-ratelimit-unified-")?
                .strip_suffix("-utilization")?;
            let is_plain = window.starts_with(|c: char| c.is_ascii_digit())
                && window.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let used = decimal(text(name)?.trim())?;
            let reset = text(&format!("anthropic-ratelimit-unified-{window}-reset"));
            is_plain.then(|| Window {
                name: Arc::from(window),
                unit: Unit::Share,
                used: u64::try_from(used).unwrap_or(0),
                limit: Some(1_000_000),
                reset: reset.and_then(|reset| reset::moment(reset, now)),
                read_at: now,
            })
        })
        .take(MOST_WINDOWS)
        .collect()
}

/// Credit in millionths: negative is none, absent is no number.
fn credit(value: &Value) -> Option<u64> {
    let credit = value.as_f64()?.clamp(0.0, 1e12) * 1e6;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=10^18 just above, where f64 to u64 only drops a fraction"
    )]
    let whole = credit.round() as u64;
    Some(whole)
}

/// The next time that something which resets so often does.
fn next(every: &str, now: Timestamp) -> Option<Timestamp> {
    let today = now.day();
    let day = match every {
        "daily" => today.saturating_add(1),
        // 1970-01-01 was a Thursday, so days that are 4 modulo 7 are Mondays.
        "weekly" => today.saturating_add(7 - (today - 4).rem_euclid(7)),
        "monthly" => (1..=31)
            .map(|ahead| today.saturating_add(ahead))
            .find(|day| is_first(*day))?,
        _ => return None,
    };
    Some(Timestamp::from_day(day))
}

/// Whether the day is the first of a month.
fn is_first(day: i64) -> bool {
    Timestamp::from_day(day).to_string().get(8..10) == Some("01")
}
