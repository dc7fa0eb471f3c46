//! The audit log: read and checked.

use mirk_model::{Kind, Problem};
use mirk_store::books::audit::{AuditRow, after, latest};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Nothing;
use crate::Act;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    /// Only events after this number, oldest first; absent gives the latest, newest first.
    after: Option<i64>,
    #[serde(default = "page")]
    limit: u32,
}

const fn page() -> u32 {
    100
}

pub(crate) fn list(act: &Act<'_>, input: List) -> Result<Value, Problem> {
    if !(1..=10_000).contains(&input.limit) {
        return Err(Problem::new(Kind::Invalid, "must be 1 to 10000").about("limit"));
    }
    let store = &*act.control.store;
    let rows = match input.after {
        Some(seq) => after(store, seq, input.limit)?,
        None => latest(store, None, input.limit)?,
    };
    Ok(json!({"events": rows.iter().map(shown).collect::<Vec<_>>()}))
}

fn shown(row: &AuditRow) -> Value {
    json!({
        "seq": row.seq,
        "at": row.at.to_string(),
        "actor": row.actor,
        "action": row.action,
        "object": row.object,
        "result": row.result,
        "details": row.details,
    })
}

pub(crate) fn verify(act: &Act<'_>, _: Nothing) -> Result<Value, Problem> {
    let verdict = act.control.store.verify_audit()?;
    Ok(json!({
        "ok": verdict.is_whole(),
        "rows": verdict.rows,
        "first_bad": verdict.first_bad,
        "truncated": verdict.is_truncated,
    }))
}
