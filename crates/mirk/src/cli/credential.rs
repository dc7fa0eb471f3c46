//! `mirk credential`: the providers' secrets, sealed.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Failure, Invocation,
    door::Door,
    out::{Out, cell, rows},
    provider::confirm,
    secret,
};

#[derive(Debug, Subcommand)]
pub(super) enum Credential {
    /// Keep another credential for a provider
    #[command(
        after_help = "Example:\n  mirk credential add --provider openai --label team --secret env:TEAM_KEY"
    )]
    Add(Add),
    /// List credentials by label and fingerprint
    List,
    /// Remove a credential
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The provider's name
    #[arg(long)]
    provider: String,
    /// What to call it
    #[arg(long)]
    label: String,
    /// Where it is: env:NAME, file:/path, keyring:service/name or stdin
    #[arg(long, value_name = "REFERENCE")]
    secret: String,
    /// Send it there even though it looks like another provider's
    #[arg(long)]
    accept_mismatch: bool,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The provider's name
    #[arg(long)]
    provider: String,
    /// The credential's label
    #[arg(long)]
    label: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Credential {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let out = invocation.out;
        match self {
            Self::Add(add) => {
                let secret = secret::fetch(invocation, &add.secret)?;
                let input = json!({
                    "provider": add.provider,
                    "label": add.label,
                    "secret": secret.expose().as_str(),
                    "accept_mismatch": add.accept_mismatch,
                });
                let added = Door::open(invocation, false)?.perform("credential.add", input)?;
                out.result(&added, |out, value| {
                    format!(
                        "{} {} is sealed for {} (fingerprint {}).",
                        out.good("✓"),
                        cell(value, "label"),
                        cell(value, "origin"),
                        cell(value, "fingerprint")
                    )
                })
            }
            Self::List => {
                let list = Door::open(invocation, false)?.perform("credential.list", json!({}))?;
                out.result(&list, table)
            }
            Self::Remove(remove) => {
                confirm(
                    remove.yes,
                    &format!(
                        "Remove the credential {} of {}?",
                        remove.label, remove.provider
                    ),
                )?;
                let input = json!({"provider": remove.provider, "label": remove.label});
                let removed = Door::open(invocation, false)?.perform("credential.remove", input)?;
                out.result(&removed, |out, value| {
                    format!("{} {} is removed.", out.good("✓"), cell(value, "label"))
                })
            }
        }
    }
}

fn table(out: Out, list: &Value) -> String {
    let credentials = rows(list, "credentials");
    if credentials.is_empty() {
        return "There is no credential yet. Add one with `mirk credential add`.".to_owned();
    }
    let lines: Vec<Vec<String>> = credentials
        .iter()
        .map(|row| {
            ["provider", "label", "fingerprint", "origin"]
                .iter()
                .map(|key| cell(row, key))
                .collect()
        })
        .collect();
    out.table(&["PROVIDER", "LABEL", "FINGERPRINT", "ONLY FOR"], &lines)
}
