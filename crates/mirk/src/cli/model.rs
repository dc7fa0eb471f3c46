//! `mirk model`: what can be asked for.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Failure, Invocation,
    door::Door,
    out::{Out, cell, rows},
};

#[derive(Debug, Subcommand)]
pub(super) enum Model {
    /// List the models that can be asked for, with their prices
    List,
}

impl Model {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let Self::List = self;
        let list = Door::open(invocation, false)?.perform("model.list", json!({}))?;
        invocation.out.result(&list, table)
    }
}

fn table(out: Out, list: &Value) -> String {
    let models = rows(list, "models");
    if models.is_empty() {
        return "There is no provider yet. Add one with `mirk provider add`.".to_owned();
    }
    let lines: Vec<Vec<String>> = models
        .iter()
        .map(|model| {
            let price = match model.get("price") {
                Some(price) if price.is_object() => {
                    format!("{} / {}", dollars(price, "input"), dollars(price, "output"))
                }
                _ => "unpriced".to_owned(),
            };
            let leads_to = cell(model, "leads_to");
            let price = if leads_to == "-" {
                price
            } else {
                format!("→ {leads_to}")
            };
            vec![cell(model, "model"), cell(model, "context"), price]
        })
        .collect();
    out.table(
        &["MODEL", "CONTEXT", "USD PER MILLION TOKENS IN / OUT"],
        &lines,
    )
}

/// Pico-dollars a token are micro-dollars a million.
fn dollars(price: &Value, key: &str) -> String {
    let micros = price.get(key).and_then(Value::as_u64).unwrap_or_default();
    format!("{}.{:02}", micros / 1_000_000, micros % 1_000_000 / 10_000)
}
