//! `mirk provider`: where requests may go.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Failure, Invocation,
    door::Door,
    exit::code,
    out::{Out, cell, rows},
    secret,
};

#[derive(Debug, Subcommand)]
pub(super) enum Provider {
    /// Add a provider, with its first credential
    #[command(after_help = "Examples:\n  \
        mirk provider add anthropic --kind anthropic --secret env:ANTHROPIC_API_KEY\n  \
        mirk provider add local --kind ollama\n  \
        mirk provider add lab --kind openai-compatible --base-url https://llm.example/v1 --secret file:/run/lab.key --models a,b")]
    Add(Add),
    /// List providers
    List,
    /// See whether a provider can be reached and takes its credentials
    Test { name: String },
    /// Remove a provider and its credentials
    Remove {
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Let requests go to a provider
    Enable { name: String },
    /// Let no request go to a provider
    Disable { name: String },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The name that its models are asked for with: NAME/MODEL
    name: String,
    /// openai, anthropic, gemini, openrouter, ollama, llamacpp, openai-compatible or anthropic-compatible
    #[arg(long)]
    kind: String,
    /// Where it is, when that is not the usual place
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Where its credential is: env:NAME, file:/path, keyring:service/name or stdin
    #[arg(long, value_name = "REFERENCE")]
    secret: Option<String>,
    /// Its credential follows, with `mirk credential add` or `mirk credential import`
    #[arg(long, conflicts_with = "secret")]
    without_secret: bool,
    /// What to call the credential
    #[arg(long, default_value = "first")]
    label: String,
    /// The models it serves; without a list it may be asked for any
    #[arg(long, value_name = "MODEL,…", value_delimiter = ',')]
    models: Vec<String>,
    /// Send the credential there even though it looks like another provider's
    #[arg(long)]
    accept_mismatch: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Provider {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let out = invocation.out;
        match self {
            Self::Add(add) => add.run(invocation),
            Self::List => {
                let list = Door::open(invocation, false)?.perform("provider.list", json!({}))?;
                out.result(&list, table)
            }
            Self::Test { name } => {
                let tested = Door::open(invocation, false)?
                    .perform("provider.test", json!({"name": name}))?;
                let is_good = tested.get("ok").is_some_and(|ok| *ok == Value::Bool(true));
                out.result(&tested, verdicts)?;
                Ok(if is_good { 0 } else { code::FAILED })
            }
            Self::Remove { name, yes } => {
                confirm(
                    yes,
                    &format!("Remove the provider {name} and all its credentials?"),
                )?;
                let removed = Door::open(invocation, false)?
                    .perform("provider.remove", json!({"name": name}))?;
                out.result(&removed, |out, value| {
                    format!("{} {} is removed.", out.good("✓"), cell(value, "name"))
                })
            }
            Self::Enable { name } => {
                let value = Door::open(invocation, false)?
                    .perform("provider.enable", json!({"name": name}))?;
                out.result(&value, |out, value| {
                    format!("{} {} is enabled.", out.good("✓"), cell(value, "name"))
                })
            }
            Self::Disable { name } => {
                let value = Door::open(invocation, false)?
                    .perform("provider.disable", json!({"name": name}))?;
                out.result(&value, |out, value| {
                    format!("{} {} is disabled.", out.good("✓"), cell(value, "name"))
                })
            }
        }
    }
}

/// Asks before something is lost; without a terminal only `--yes` answers.
pub(super) fn confirm(is_agreed: bool, question: &str) -> Result<(), Failure> {
    if is_agreed {
        return Ok(());
    }
    match crate::prompt::confirm(question) {
        Ok(Some(true)) => Ok(()),
        Ok(Some(false)) => Err(Failure::new(
            code::FAILED,
            "declined",
            "nothing was changed",
        )),
        Ok(None) => Err(Failure::usage(
            "there is no terminal to ask on; repeat with --yes",
        )),
        Err(error) => Err(Failure::io("asking", &error)),
    }
}

impl Add {
    fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let secret = self
            .secret
            .as_deref()
            .map(|text| secret::fetch(invocation, text))
            .transpose()?;
        // The first provider may be added before anything else: that makes the installation.
        let mut door = Door::open(invocation, true)?;
        let added = door.perform(
            "provider.add",
            json!({
                "name": self.name,
                "kind": self.kind,
                "base_url": self.base_url,
                "models": self.models,
                "secret": secret.as_ref().map(|secret| secret.expose().as_str()),
                "label": self.label,
                "accept_mismatch": self.accept_mismatch,
                "without_secret": self.without_secret,
            }),
        )?;
        invocation.out.result(&added, |out, value| {
            let credential = match value.get("fingerprint").and_then(Value::as_str) {
                Some(fingerprint) => {
                    format!("; its credential is sealed (fingerprint {fingerprint})")
                }
                None => String::new(),
            };
            format!(
                "{} {} is added at {}{credential}.\n{}",
                out.good("✓"),
                cell(value, "name"),
                cell(value, "base_url"),
                out.faint(&format!(
                    "Check it with: mirk provider test {}",
                    cell(value, "name")
                )),
            )
        })
    }
}

fn table(out: Out, list: &Value) -> String {
    let providers = rows(list, "providers");
    if providers.is_empty() {
        return "There is no provider yet. Add one with `mirk provider add NAME --kind KIND --secret env:NAME`.".to_owned();
    }
    let lines: Vec<Vec<String>> = providers
        .iter()
        .map(|provider| {
            let enabled = provider
                .get("enabled")
                .is_some_and(|enabled| *enabled == Value::Bool(true));
            vec![
                cell(provider, "name"),
                cell(provider, "kind"),
                cell(provider, "base_url"),
                if enabled { "enabled" } else { "disabled" }.to_owned(),
                cell(provider, "credentials"),
                cell(provider, "models"),
            ]
        })
        .collect();
    out.table(
        &["NAME", "KIND", "BASE URL", "STATE", "CREDENTIALS", "MODELS"],
        &lines,
    )
}

fn verdicts(out: Out, tested: &Value) -> String {
    let lines: Vec<_> = rows(tested, "results")
        .iter()
        .map(|result| {
            let mark = if result
                .get("verdict")
                .is_some_and(|verdict| verdict == "good")
            {
                out.good("✓")
            } else {
                out.bad("✗")
            };
            let credential = result.get("credential").and_then(Value::as_str);
            let with = credential
                .map(|label| format!(" with credential {label}"))
                .unwrap_or_default();
            format!(
                "{mark} {}{with}: {}",
                cell(tested, "name"),
                cell(result, "words")
            )
        })
        .collect();
    lines.join("\n")
}
