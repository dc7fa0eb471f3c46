//! `mirk config`: the settings, checked and shown.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{Failure, Invocation};

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Check the settings of every source; exits with 78 when one cannot be used
    Check,
    /// Show every setting, its value, and where that came from
    Show,
}

impl Config {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let settings = invocation.settings()?;
        match self {
            Self::Check => invocation.out.result(&json!({"ok": true}), |out, _| {
                format!("{} Every setting can be used.", out.good("✓"))
            }),
            Self::Show => {
                let rows = settings.rows();
                let value: Map<String, Value> = rows
                    .iter()
                    .map(|(path, text, origin)| {
                        (
                            (*path).to_owned(),
                            json!({"value": text, "from": origin.to_string()}),
                        )
                    })
                    .collect();
                invocation.out.result(&Value::Object(value), |out, _| {
                    let lines: Vec<Vec<String>> = rows
                        .iter()
                        .map(|(path, text, origin)| {
                            let text = if text.is_empty() { "-" } else { text };
                            vec![(*path).to_owned(), text.to_owned(), origin.to_string()]
                        })
                        .collect();
                    out.table(&["SETTING", "VALUE", "FROM"], &lines)
                })
            }
        }
    }
}
