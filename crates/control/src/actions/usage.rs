//! Usage: what was used and what it cost, summed up.

use mirk_model::{Kid, Kind, Problem};
use mirk_store::books::ledger::{By, Filter, Total, totals};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Act;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// How long the latest rows are waited for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Show {
    /// How many days back, today included.
    #[serde(default = "month")]
    days: u32,
    /// `day`, `provider`, `model` or `key`.
    #[serde(default = "by_day")]
    by: String,
    kid: Option<String>,
}

const fn month() -> u32 {
    30
}

fn by_day() -> String {
    "day".to_owned()
}

pub(crate) fn show(act: &Act<'_>, input: Show) -> Result<Value, Problem> {
    let by = match input.by.as_str() {
        "day" => By::Day,
        "provider" => By::Provider,
        "model" => By::Model,
        "key" => By::Key,
        _ => {
            return Err(
                Problem::new(Kind::Invalid, "must be day, provider, model or key").about("by"),
            );
        }
    };
    if !(1..=3_660).contains(&input.days) {
        return Err(Problem::new(Kind::Invalid, "must be 1 to 3660").about("days"));
    }
    let kid = input.kid.as_deref().map(|kid| {
        Kid::parse(kid.as_bytes())
            .ok_or_else(|| Problem::new(Kind::NotFound, "there is no such key").about("kid"))
    });
    act.control.store.flush(PATIENCE)?;
    let now = act.control.clock.now();
    let today = mirk_model::Timestamp::from_day(now.day());
    let back = i64::from(input.days)
        .saturating_sub(1)
        .saturating_mul(MICROS_PER_DAY);
    let filter = Filter {
        tenant: act.control.tenant,
        kid: kid.transpose()?,
        from: today.plus_micros(back.saturating_neg()),
        until: now.plus_micros(MICROS_PER_DAY),
    };
    let rows = totals(&*act.control.store, &filter, by)?;
    Ok(json!({
        "by": input.by,
        "days": input.days,
        "requests": rows.iter().map(|row| row.exchanges).sum::<u64>(),
        "usage": rows.iter().map(shown).collect::<Vec<_>>(),
    }))
}

fn shown(row: &Total) -> Value {
    json!({
        "group": row.group,
        "requests": row.exchanges,
        "succeeded": row.succeeded,
        "unpriced": row.exchanges.saturating_sub(row.priced),
        "input_tokens": row.usage.input,
        "cached_tokens": row.usage.cached,
        "cache_write_tokens": row.usage.cache_write,
        "output_tokens": row.usage.output,
        "reasoning_tokens": row.usage.reasoning,
        "cost_nano_usd": row.cost.as_nanos(),
        "cost": row.cost.to_string(),
    })
}
