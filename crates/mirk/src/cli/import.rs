//! `mirk credential import`: what another program keeps, taken over by the rules of each kind.
//!
//! Keys are copied into the vault. Tokens of accounts stay where they are, and Mirk keeps a
//! pointer: a second program that renews a token logs the first one out.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Failure, Invocation, credential,
    door::Door,
    exit::code,
    out::{Out, cell, rows},
};
use crate::openclaw::{FileError, Home, Profile, Spot, Stored};

#[derive(Debug, Subcommand)]
pub(super) enum Import {
    /// Take over what OpenClaw keeps: keys are sealed, tokens of accounts are read where they are
    #[command(
        name = "openclaw",
        after_help = "Examples:\n  \
        mirk credential import openclaw --dry-run\n  \
        mirk credential import openclaw --profile openai:work --provider openai\n\n\
        Reads agents/*/agent/auth-profiles.json below ~/.openclaw or OPENCLAW_STATE_DIR, and writes nothing there. \
        The files must be yours alone. A token of an account is never renewed by Mirk: it is read again when it may \
        have changed, and OpenClaw renews it."
    )]
    OpenClaw(OpenClaw),
}

#[derive(Debug, Args)]
pub(super) struct OpenClaw {
    /// Only this profile
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The provider in Mirk that they are for, when its kind does not say
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Only this agent's profiles
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// What to call the credential; for one profile
    #[arg(long, requires = "profile")]
    label: Option<String>,
    /// Say what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
    /// The providers' terms on tokens of accounts are read and accepted
    #[arg(long)]
    accept_terms: bool,
}

/// What is done with one profile.
enum Plan {
    /// Its key is sealed for this provider.
    Seal(String),
    /// A pointer to it is kept for this provider.
    Point(String),
    /// Left out, and why.
    Leave(String),
}

/// A profile, where it was found, and what is done with it.
struct Found {
    spot: Spot,
    profile: Profile,
    label: String,
    plan: Plan,
}

impl Import {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        match self {
            Self::OpenClaw(import) => import.run(invocation),
        }
    }
}

impl OpenClaw {
    fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let profiles = self.profiles(invocation)?;
        let mut door = Door::open(invocation, false)?;
        let providers = door.perform("provider.list", json!({}))?;
        // Those that are stored already are not passed by: whoever imports twice is told so.
        let mut labels = BTreeSet::new();
        let mut all = Vec::new();
        for (spot, profile) in profiles {
            let plan = self.plan(&profile, &providers);
            let label = match &self.label {
                Some(label) => label.clone(),
                None => label(&profile.name, &mut labels),
            };
            all.push(Found {
                spot,
                profile,
                label,
                plan,
            });
        }
        let mut results = Vec::new();
        for found in &all {
            results.push(if self.dry_run {
                found.shown(None)
            } else {
                self.take(&mut door, found)?
            });
        }
        let is_whole = results
            .iter()
            .all(|result| cell(result, "result") != "failed");
        let report = json!({"dry_run": self.dry_run, "profiles": results});
        invocation.out.result(&report, table)?;
        Ok(if is_whole { 0 } else { code::FAILED })
    }

    /// The profiles that are meant, from every agent's file.
    fn profiles(&self, invocation: &Invocation) -> Result<Vec<(Spot, Profile)>, Failure> {
        let environment = &invocation.sources.environment;
        let variable = |name: &str| environment.get(name).map(String::as_str);
        let home = Home::of(variable("OPENCLAW_STATE_DIR"), variable("HOME"))
            .ok_or_else(|| Failure::usage("neither OPENCLAW_STATE_DIR nor HOME is set"))?;
        let spots = home
            .spots(self.agent.as_deref())
            .map_err(|error| refused("OpenClaw's folder", error))?;
        let mut found = Vec::new();
        for spot in spots {
            let profiles = match spot.profiles() {
                Ok(profiles) => profiles,
                // An agent without credentials, or one whose credentials are in the database.
                Err(FileError::Missing) => continue,
                Err(error) => {
                    let what = format!("the file of OpenClaw's agent {}", spot.agent());
                    return Err(refused(&what, error));
                }
            };
            let wanted = profiles.into_iter().filter(|profile| {
                self.profile
                    .as_ref()
                    .is_none_or(|name| *name == profile.name)
            });
            found.extend(wanted.map(|profile| (spot.clone(), profile)));
        }
        if found.is_empty() {
            let words = "OpenClaw keeps no such profile in an auth-profiles.json; newer versions keep them in a \
                         database, which is not read";
            return Err(Failure::new(code::FAILED, "not_found", words));
        }
        Ok(found)
    }

    fn plan(&self, profile: &Profile, providers: &Value) -> Plan {
        match &profile.stored {
            Stored::Elsewhere => {
                let words =
                    "it is kept elsewhere; give Mirk the same reference with `mirk credential add`";
                return Plan::Leave(words.to_owned());
            }
            Stored::Unknown => return Plan::Leave("it is of a kind that is not known".to_owned()),
            Stored::Key(_) | Stored::Token { .. } | Stored::OAuth { .. } => {}
        }
        match self.provider_of(profile, providers) {
            Err(words) => Plan::Leave(words),
            Ok(name) if matches!(profile.stored, Stored::Key(_)) => Plan::Seal(name),
            Ok(name) => Plan::Point(name),
        }
    }

    /// The one provider in Mirk that the profile is for.
    fn provider_of(&self, profile: &Profile, providers: &Value) -> Result<String, String> {
        if let Some(name) = &self.provider {
            return Ok(name.clone());
        }
        let kind = match profile.provider.as_str() {
            "openai-codex" => "openai",
            "google" => "gemini",
            other => other,
        };
        let fitting: Vec<String> = rows(providers, "providers")
            .iter()
            .filter(|row| cell(row, "kind") == kind)
            .map(|row| cell(row, "name"))
            .collect();
        match fitting.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(
                "Mirk has no provider of this kind; add one, or name one with --provider"
                    .to_owned(),
            ),
            _ => Err(
                "Mirk has more than one provider of this kind; name one with --provider".to_owned(),
            ),
        }
    }

    fn take(&self, door: &mut Door, found: &Found) -> Result<Value, Failure> {
        let input = match (&found.plan, &found.profile.stored) {
            (Plan::Seal(provider), Stored::Key(key)) => json!({
                "provider": provider, "label": found.label, "secret": key.expose().as_str(),
            }),
            (Plan::Point(provider), _) => {
                let accepts = self.accept_terms || credential::accept(door, provider)?;
                if !accepts {
                    let words = "a token of an account is kept only with --accept-terms; the provider's terms are \
                                 shown by `mirk credential add --oauth`";
                    return Ok(found.shown(Some(("left out", words.to_owned()))));
                }
                let pointer = json!({
                    "file": found.spot.file().display().to_string(), "profile": found.profile.name,
                });
                json!({
                    "provider": provider, "label": found.label, "pointer": pointer, "accept_terms": true,
                })
            }
            _ => return Ok(found.shown(None)),
        };
        Ok(match door.perform("credential.add", input) {
            Ok(added) => {
                let words = format!("fingerprint {}", cell(&added, "fingerprint"));
                found.shown(Some(("done", words)))
            }
            Err(failure) => found.shown(Some(("failed", failure.words))),
        })
    }
}

impl Found {
    /// One line of the report. Holds no secret.
    fn shown(&self, outcome: Option<(&str, String)>) -> Value {
        let (plan, provider, why) = match &self.plan {
            Plan::Seal(provider) => ("seal its key", provider.as_str(), ""),
            Plan::Point(provider) => ("point at it", provider.as_str(), ""),
            Plan::Leave(why) => ("leave it", "", why.as_str()),
        };
        let (result, words) = outcome.unwrap_or((
            if matches!(self.plan, Plan::Leave(_)) {
                "left out"
            } else {
                "would be done"
            },
            why.to_owned(),
        ));
        json!({
            "agent": self.spot.agent(), "profile": self.profile.name, "kind": self.profile.stored.kind(),
            "plan": plan, "provider": provider, "label": self.label, "result": result, "words": words,
        })
    }
}

/// A label that no other profile of this run has: what stands behind the profile's colon, without what could be a mail
/// address.
fn label(profile: &str, labels: &mut BTreeSet<String>) -> String {
    let end = profile.split_once(':').map_or(profile, |(_, end)| end);
    let is_plain = |text: &str| {
        let is_clean = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        (1..=32).contains(&text.len()) && is_clean
    };
    let base = if is_plain(end) {
        format!("openclaw-{end}")
    } else {
        "openclaw".to_owned()
    };
    let numbered = (2..).map(|number| format!("{base}-{number}"));
    let free = std::iter::once(base.clone())
        .chain(numbered)
        .find(|label| !labels.contains(label));
    let label = free.unwrap_or(base);
    labels.insert(label.clone());
    label
}

fn refused(what: &str, error: FileError) -> Failure {
    let code = match error {
        FileError::Owner | FileError::Mode | FileError::Link => code::PERMISSION,
        FileError::Missing | FileError::Unreadable => code::IO,
        FileError::Malformed => code::DATA,
    };
    Failure::new(code, "openclaw", format!("{what} is not read: {error}"))
}

fn table(out: Out, report: &Value) -> String {
    let lines: Vec<Vec<String>> = rows(report, "profiles")
        .iter()
        .map(|row| {
            let keys = [
                "profile", "kind", "plan", "provider", "label", "result", "words",
            ];
            keys.iter().map(|key| cell(row, key)).collect()
        })
        .collect();
    let head = ["PROFILE", "KIND", "PLAN", "FOR", "LABEL", "RESULT", ""];
    out.table(&head, &lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_free_and_hold_no_mail_address() {
        let mut labels = BTreeSet::from(["openclaw-work".to_owned()]);
        assert_eq!(label("openai:work", &mut labels), "openclaw-work-2");
        assert_eq!(label("openai:me@example.org", &mut labels), "openclaw");
        assert_eq!(label("plain", &mut labels), "openclaw-plain");
        assert_eq!(label("openai:me@example.org", &mut labels), "openclaw-2");
    }
}
