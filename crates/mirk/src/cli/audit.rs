//! `mirk audit`: who changed what.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Failure, Invocation,
    door::Door,
    exit::code,
    out::{Out, cell, rows},
};

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// List events, newest first
    List {
        /// Only events after this number, oldest first
        #[arg(long, value_name = "SEQ")]
        after: Option<i64>,
        /// How many
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Check that no event was changed, removed or added; exits with 65 when one was
    Verify,
}

impl Audit {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let out = invocation.out;
        let mut door = Door::open(invocation, false)?;
        match self {
            Self::List { after, limit } => {
                let list = door.perform("audit.list", json!({"after": after, "limit": limit}))?;
                out.result(&list, table)
            }
            Self::Verify => {
                let verdict = door.perform("audit.verify", json!({}))?;
                let is_whole = verdict.get("ok").is_some_and(|ok| *ok == Value::Bool(true));
                out.result(&verdict, words)?;
                Ok(if is_whole { 0 } else { code::DATA })
            }
        }
    }
}

fn table(out: Out, list: &Value) -> String {
    let lines: Vec<Vec<String>> = rows(list, "events")
        .iter()
        .map(|event| {
            [
                "seq", "at", "actor", "action", "object", "result", "details",
            ]
            .iter()
            .map(|key| cell(event, key))
            .collect()
        })
        .collect();
    out.table(
        &["SEQ", "WHEN", "WHO", "WHAT", "TO WHAT", "RESULT", "DETAILS"],
        &lines,
    )
}

fn words(out: Out, verdict: &Value) -> String {
    let rows = cell(verdict, "rows");
    match verdict.get("first_bad").and_then(Value::as_i64) {
        Some(seq) => format!(
            "{} event {seq} was changed, removed or added by somebody else.",
            out.bad("✗")
        ),
        None if verdict
            .get("truncated")
            .is_some_and(|cut| *cut == Value::Bool(true)) =>
        {
            format!(
                "{} events behind number {rows} are missing: an anchor knows of them.",
                out.bad("✗")
            )
        }
        None => format!("{} {rows} events, each as it was written.", out.good("✓")),
    }
}
