//! `mirk route`: other names for models.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Failure, Invocation,
    door::Door,
    out::{Out, cell, rows},
};

#[derive(Debug, Subcommand)]
pub(super) enum Route {
    /// Let a name lead to a model, and to others when that one fails
    #[command(
        after_help = "Example:\n  mirk route set fast --to openai/gpt-5-mini,gemini/gemini-3-flash"
    )]
    Set {
        /// The name that clients ask for
        alias: String,
        /// Where it leads, in order
        #[arg(
            long,
            value_name = "PROVIDER/MODEL,…",
            value_delimiter = ',',
            required = true
        )]
        to: Vec<String>,
    },
    /// List routes
    List,
    /// Remove a route
    Remove { alias: String },
}

impl Route {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let out = invocation.out;
        let mut door = Door::open(invocation, false)?;
        match self {
            Self::Set { alias, to } => {
                let set = door.perform("route.set", json!({"alias": alias, "targets": to}))?;
                out.result(&set, |out, route| {
                    format!(
                        "{} {} leads to {}.",
                        out.good("✓"),
                        cell(route, "alias"),
                        cell(route, "targets")
                    )
                })
            }
            Self::List => {
                let list = door.perform("route.list", json!({}))?;
                out.result(&list, table)
            }
            Self::Remove { alias } => {
                let removed = door.perform("route.remove", json!({"alias": alias}))?;
                out.result(&removed, |out, route| {
                    format!("{} {} is removed.", out.good("✓"), cell(route, "alias"))
                })
            }
        }
    }
}

fn table(out: Out, list: &Value) -> String {
    let routes = rows(list, "routes");
    if routes.is_empty() {
        return "There is no route yet. Make one with `mirk route set NAME --to PROVIDER/MODEL`."
            .to_owned();
    }
    let lines: Vec<Vec<String>> = routes
        .iter()
        .map(|route| vec![cell(route, "alias"), cell(route, "targets")])
        .collect();
    out.table(&["NAME", "LEADS TO"], &lines)
}
