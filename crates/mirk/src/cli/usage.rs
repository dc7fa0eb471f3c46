//! `mirk usage`: what was used and what it cost.

use clap::Args;
use serde_json::{Value, json};

use super::{
    Failure, Invocation,
    door::Door,
    out::{Out, cell, rows},
};

/// See what was used and what it cost.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mirk usage --by model --days 7\n  mirk usage --json")]
pub(super) struct Usage {
    /// Sum up by day, provider, model or key
    #[arg(long, default_value = "day")]
    by: String,
    /// How many days back, today included
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Only of this key
    #[arg(long)]
    kid: Option<String>,
}

impl Usage {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let input = json!({"by": self.by, "days": self.days, "kid": self.kid});
        let usage = Door::open(invocation, false)?.perform("usage.show", input)?;
        invocation.out.result(&usage, table)
    }
}

fn table(out: Out, usage: &Value) -> String {
    let groups = rows(usage, "usage");
    if groups.is_empty() {
        return "Nothing was used yet. Point a client here and come back.".to_owned();
    }
    let lines: Vec<Vec<String>> = groups
        .iter()
        .map(|group| {
            let unpriced = group
                .get("unpriced")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            let cost = cell(group, "cost");
            vec![
                cell(group, "group"),
                cell(group, "requests"),
                cell(group, "succeeded"),
                cell(group, "input_tokens"),
                cell(group, "cached_tokens"),
                cell(group, "output_tokens"),
                if unpriced == 0 {
                    cost
                } else {
                    format!("{cost} + {unpriced} unpriced")
                },
            ]
        })
        .collect();
    let head = cell(usage, "by").to_uppercase();
    out.table(
        &[&head, "REQUESTS", "OK", "INPUT", "CACHED", "OUTPUT", "COST"],
        &lines,
    )
}
