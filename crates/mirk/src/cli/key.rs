//! `mirk key`: the keys that clients use.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Failure, Invocation,
    door::Door,
    out::{Out, cell, rows},
};

#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Make a key; it is shown once
    #[command(
        after_help = "Example:\n  mirk key create --label laptop --models 'claude-*' --rpm 60"
    )]
    Create(Create),
    /// List keys
    List,
    /// Replace a key by a new one with the same rights; the old one is dead at once
    Rotate { kid: String },
    /// Revoke a key; when this ends well it is dead
    #[command(after_help = "Example:\n  mirk key revoke 7Qk2nX04pLwZ")]
    Revoke { kid: String },
    /// Set a key's limits; those not named are lifted
    Limits {
        kid: String,
        #[command(flatten)]
        limits: Limits,
    },
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// What to call it
    #[arg(long)]
    label: String,
    /// What it may do: chat, embeddings, models, usage, mcp
    #[arg(long, value_name = "SCOPE,…")]
    scope: Option<String>,
    /// Models it may use, with * for any run of characters
    #[arg(long, value_name = "GLOB,…", value_delimiter = ',')]
    models: Vec<String>,
    #[command(flatten)]
    limits: Limits,
    /// Not valid before this moment, like 2026-12-01T00:00:00Z
    #[arg(long, value_name = "RFC3339")]
    not_before: Option<String>,
    /// Not valid from this moment on
    #[arg(long, value_name = "RFC3339")]
    expires: Option<String>,
}

#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Limits {
    /// Requests a minute
    #[arg(long, value_name = "N")]
    rpm: Option<u32>,
    /// Tokens a minute, input and output together
    #[arg(long, value_name = "N")]
    tpm: Option<u32>,
    /// Requests under way at once
    #[arg(long, value_name = "N")]
    concurrency: Option<u32>,
    /// Successful calls in its whole life
    #[arg(long, value_name = "N")]
    lifetime_calls: Option<u64>,
    /// Successful calls in one UTC day
    #[arg(long, value_name = "N")]
    daily_calls: Option<u64>,
}

impl Limits {
    fn put_into(&self, input: &mut Value) {
        let Some(fields) = input.as_object_mut() else {
            return;
        };
        for (name, value) in [
            ("rpm", self.rpm.map(u64::from)),
            ("tpm", self.tpm.map(u64::from)),
            ("concurrency", self.concurrency.map(u64::from)),
            ("lifetime_calls", self.lifetime_calls),
            ("daily_calls", self.daily_calls),
        ] {
            fields.insert(name.to_owned(), value.map_or(Value::Null, Value::from));
        }
    }
}

impl Key {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let out = invocation.out;
        let mut door = Door::open(invocation, false)?;
        match self {
            Self::Create(create) => {
                let made = door.perform("key.create", create.input())?;
                out.result(&made, fresh)
            }
            Self::Rotate { kid } => {
                let made = door.perform("key.rotate", json!({"kid": kid}))?;
                out.result(&made, fresh)
            }
            Self::List => {
                let list = door.perform("key.list", json!({}))?;
                out.result(&list, table)
            }
            Self::Revoke { kid } => {
                let revoked = door.perform("key.revoke", json!({"kid": kid}))?;
                out.result(&revoked, |out, key| {
                    format!(
                        "{} {} is revoked; requests with it are refused from now on.",
                        out.good("✓"),
                        cell(key, "kid")
                    )
                })
            }
            Self::Limits { kid, limits } => {
                let mut input = json!({"kid": kid});
                limits.put_into(&mut input);
                let key = door.perform("key.limits", input)?;
                out.result(&key, |out, key| table(out, &json!({"keys": [key]})))
            }
        }
    }
}

impl Create {
    fn input(&self) -> Value {
        let mut input = json!({
            "label": self.label,
            "scopes": self.scope,
            "models": self.models,
            "not_before": self.not_before,
            "expires": self.expires,
        });
        self.limits.put_into(&mut input);
        input
    }
}

fn fresh(out: Out, key: &Value) -> String {
    format!(
        "{}\n\n  {}\n\n{}",
        "Here is the key. It is shown this once; Mirk keeps only a MAC of it.",
        out.strong(&cell(key, "key")),
        out.faint("Whoever has it can use your quota. If it leaks: mirk key revoke ")
            + &cell(key, "kid"),
    )
}

fn table(out: Out, list: &Value) -> String {
    let keys = rows(list, "keys");
    if keys.is_empty() {
        return "There is no key yet. Make one with `mirk key create --label NAME`.".to_owned();
    }
    let lines: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            let limits = ["rpm", "tpm", "concurrency", "lifetime_calls", "daily_calls"];
            let set: Vec<_> = limits
                .iter()
                .filter(|name| key.get(**name).is_some_and(|value| !value.is_null()))
                .map(|name| format!("{name} {}", cell(key, name)))
                .collect();
            vec![
                cell(key, "kid"),
                cell(key, "label"),
                cell(key, "state"),
                cell(key, "scopes"),
                cell(key, "models"),
                if set.is_empty() {
                    "-".to_owned()
                } else {
                    set.join(", ")
                },
                cell(key, "created_at").chars().take(10).collect(),
            ]
        })
        .collect();
    out.table(
        &[
            "KID", "LABEL", "STATE", "SCOPES", "MODELS", "LIMITS", "CREATED",
        ],
        &lines,
    )
}
