//! `mirk credential`: the providers' secrets, sealed.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Failure, Invocation,
    door::Door,
    import::Import,
    out::{Out, cell, rows},
    provider::confirm,
    secret,
};

#[derive(Debug, Subcommand)]
pub(super) enum Credential {
    /// Keep another credential for a provider
    #[command(after_help = "Examples:\n  \
        mirk credential add --provider openai --label team --secret env:TEAM_KEY\n  \
        mirk credential add --provider lab --label me --oauth --secret file:/run/tokens.json\n\n\
        With --oauth the secret is a token alone, or JSON: {\"access\": \"…\", \"refresh\": \"…\", \"expires_at\": SECONDS, \
        \"token_endpoint\": \"https://…\", \"client_id\": \"…\", \"scopes\": \"…\", \"request\": \"form\" or \"json\"}. Mirk \
        renews it there and keeps each new refresh token before the new access token is used.")]
    Add(Add),
    /// Take over what another program keeps
    #[command(subcommand)]
    Import(Import),
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
    /// It is an account's tokens and not a key
    #[arg(long)]
    oauth: bool,
    /// With --oauth: the provider's terms on tokens of accounts are read and accepted
    #[arg(long, requires = "oauth")]
    accept_terms: bool,
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
            Self::Add(add) => add.run(invocation),
            Self::Import(import) => import.run(invocation),
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

impl Add {
    fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let secret = secret::fetch(invocation, &self.secret)?;
        let mut door = Door::open(invocation, false)?;
        let accepts = self.oauth && (self.accept_terms || accept(&mut door, &self.provider)?);
        let input = json!({
            "provider": self.provider,
            "label": self.label,
            "secret": secret.expose().as_str(),
            "accept_mismatch": self.accept_mismatch,
            "oauth": self.oauth,
            "accept_terms": accepts,
        });
        let added = door.perform("credential.add", input)?;
        invocation.out.result(&added, |out, value| {
            format!(
                "{} {} is sealed for {} (fingerprint {}).",
                out.good("✓"),
                cell(value, "label"),
                cell(value, "origin"),
                cell(value, "fingerprint")
            )
        })
    }
}

/// Shows the provider's terms on tokens of accounts and asks. Without a terminal nobody is asked,
/// and the action says what the terms are and how to accept them.
pub(super) fn accept(door: &mut Door, provider: &str) -> Result<bool, Failure> {
    let list = door.perform("provider.list", json!({}))?;
    let row = rows(&list, "providers")
        .iter()
        .find(|row| cell(row, "name") == provider);
    let kind = row.map(|row| cell(row, "kind")).unwrap_or_default();
    let question = format!(
        "{}\nKeep this token for its owner alone, on these terms?",
        mirk_control::terms(&kind)
    );
    let answer = crate::prompt::confirm(&question);
    let answer = answer.map_err(|error| Failure::io("asking", &error))?;
    Ok(answer.unwrap_or(false))
}

fn table(out: Out, list: &Value) -> String {
    let credentials = rows(list, "credentials");
    if credentials.is_empty() {
        return "There is no credential yet. Add one with `mirk credential add`.".to_owned();
    }
    let lines: Vec<Vec<String>> = credentials
        .iter()
        .map(|row| {
            let keys = [
                "provider",
                "label",
                "kind",
                "state",
                "expires_on",
                "fingerprint",
                "origin",
            ];
            keys.iter().map(|key| cell(row, key)).collect()
        })
        .collect();
    let head = [
        "PROVIDER",
        "LABEL",
        "KIND",
        "STATE",
        "EXPIRES",
        "FINGERPRINT",
        "ONLY FOR",
    ];
    out.table(&head, &lines)
}
