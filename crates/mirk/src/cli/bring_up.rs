//! `mirk up` and `mirk serve`: a running server, the first time with everything a newcomer needs.

use std::sync::Arc;

use clap::Args;
use mirk_control::Actor;
use mirk_model::Kind;
use mirk_provider::kind::{Facts, KINDS};
use mirk_store::{Db, books::accounts};
use serde_json::{Value, json};

use super::{Failure, Invocation, exit::code, out::cell};
use crate::{
    boot,
    config::Settings,
    serve::{
        run::{Running, ServeError},
        socket::Office,
    },
};

/// Start Mirk; the first time, set it up and print a key.
#[derive(Debug, Args)]
#[command(
    after_help = "The first time it makes the data folder, a root key outside of it and one key for your client, and asks \
    whether to take over provider keys that it finds in the environment.\n\n\
    Examples:\n  mirk up\n  mirk up --listen 127.0.0.1:9000 --yes --json"
)]
pub(super) struct Up {
    #[command(flatten)]
    serving: Serving,
    /// Take over the provider keys that are found, without asking
    #[arg(long)]
    yes: bool,
}

/// Start Mirk, for service managers.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  mirk serve --listen 127.0.0.1:8790")]
pub(super) struct Serve {
    #[command(flatten)]
    serving: Serving,
}

#[derive(Debug, Args)]
struct Serving {
    /// Address and port to listen on [env: MIRK_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where the root key is: file:…, env:…, keyring:…, credential:…, passphrase: [env: MIRK_ROOT_KEY]
    #[arg(long, value_name = "REFERENCE")]
    root_key: Option<String>,
    /// Run although you are root
    #[arg(long)]
    allow_root: bool,
}

impl Serving {
    fn settings(&self, invocation: &mut Invocation) -> Result<Settings, Failure> {
        for (path, text) in [("listen", &self.listen), ("root_key", &self.root_key)] {
            invocation
                .sources
                .flags
                .extend(text.clone().map(|text| (path, text)));
        }
        let settings = invocation.settings()?;
        if rustix::process::geteuid().is_root() && !self.allow_root {
            invocation.out.remark(
                "mirk: running as root; a user of its own would be better (see `mirk doctor`)",
            );
        }
        Ok(settings)
    }
}

impl Serve {
    pub(super) fn run(self, invocation: &mut Invocation) -> Result<u8, Failure> {
        let settings = self.serving.settings(invocation)?;
        let installation = boot::open(&settings, &invocation.sources, false)?;
        serve(invocation, &settings, installation, |running| {
            Ok(ready(running, &json!({})))
        })
    }
}

impl Up {
    pub(super) fn run(self, invocation: &mut Invocation) -> Result<u8, Failure> {
        let settings = self.serving.settings(invocation)?;
        let installation = boot::open(&settings, &invocation.sources, true)?;
        let remark = installation.remark.clone();
        let is_bare = installation.store.directory().keys.is_empty();
        let environment = std::mem::take(&mut invocation.sources.environment);
        let out = invocation.out;
        serve(invocation, &settings, installation, move |running| {
            if !is_bare {
                return Ok(ready(running, &json!({})));
            }
            if let Some(remark) = &remark {
                out.remark(remark);
            }
            let first = first_run(&running.office)?;
            take_over(out, &running.office, &environment, self.yes)?;
            Ok(ready(running, &first))
        })
    }
}

/// Runs the server on a runtime of its own, and prints the ready line once it listens.
fn serve(
    invocation: &Invocation,
    settings: &Settings,
    installation: boot::Installation,
    prepare: impl FnOnce(&Running) -> Result<Value, Failure>,
) -> Result<u8, Failure> {
    let runtime = super::door::server_runtime()?;
    let running = {
        let _entered = runtime.enter();
        Running::start(settings, installation)?
    };
    // Before the first request, and off the runtime: actions block.
    let ready = prepare(&running)?;
    invocation.out.result(&ready, welcome)?;
    runtime.block_on(running.run())?;
    Ok(0)
}

fn ready(running: &Running, first: &Value) -> Value {
    let mut ready = json!({
        "event": "ready",
        "url": format!("http://{}", running.address),
        "pid": std::process::id(),
    });
    if let (Some(fields), Some(first)) = (ready.as_object_mut(), first.as_object()) {
        for (name, value) in first {
            let value = match value.as_str() {
                Some(path) if name == "setup_url" => {
                    Value::from(format!("http://{}{path}", running.address))
                }
                _ => value.clone(),
            };
            fields.insert(name.clone(), value);
        }
    }
    ready
}

/// The first key, and the link to set up an owner.
fn first_run(office: &Arc<Office>) -> Result<Value, Failure> {
    let control = &office.control;
    let made = control.perform(&Actor::system(), "key.create", json!({"label": "first"}))?;
    let mut token = [0; 32];
    control.entropy.fill(&mut token);
    let token = data_encoding::BASE64URL_NOPAD.encode(&token);
    let mac = control.vault.session_mac(token.as_bytes());
    let batch = accounts::forget_setups().and(accounts::insert_setup(&mac, control.clock.now()));
    control
        .store
        .apply(batch)
        .map_err(mirk_model::Problem::from)?;
    Ok(json!({"key": made.get("key"), "setup_url": format!("/setup/{token}")}))
}

/// Offers the provider keys of the environment, and a local Ollama.
fn take_over(
    out: super::Out,
    office: &Arc<Office>,
    environment: &std::collections::BTreeMap<String, String>,
    is_agreed: bool,
) -> Result<(), Failure> {
    for facts in KINDS {
        let secret = facts
            .variable
            .and_then(|name| environment.get(name))
            .filter(|secret| !secret.is_empty());
        let (found, input) = match (secret, facts.variable) {
            (Some(secret), Some(variable)) => {
                let input = json!({"name": facts.name, "kind": facts.name, "secret": secret, "label": "first"});
                (
                    format!("{variable} is set: a key for {}", facts.title),
                    input,
                )
            }
            _ if facts.name == "ollama" && is_there(office, facts)? => {
                let input = json!({"name": facts.name, "kind": facts.name});
                (
                    format!(
                        "{} answers at {}",
                        facts.title,
                        facts.base_url.unwrap_or_default()
                    ),
                    input,
                )
            }
            _ => continue,
        };
        let question = format!("{found}. Add it as provider `{}`?", facts.name);
        let is_agreed = is_agreed || crate::prompt::confirm(&question).ok().flatten() == Some(true);
        if !is_agreed {
            out.remark(&format!(
                "{found}; it was left alone. Add it later with `mirk provider add`."
            ));
            continue;
        }
        match office
            .control
            .perform(&Actor::system(), "provider.add", input)
        {
            Ok(added) => out.remark(&format!("{found}; added as `{}`.", cell(&added, "name"))),
            Err(problem) if problem.kind == Kind::Conflict => {}
            Err(problem) => out.remark(&format!("{found}, but it could not be added: {problem}")),
        }
    }
    Ok(())
}

/// Whether a local provider answers at its usual place.
fn is_there(office: &Arc<Office>, facts: &Facts) -> Result<bool, Failure> {
    let Some(Ok(base)) = facts.base_url.map(mirk_provider::address::BaseUrl::parse) else {
        return Ok(false);
    };
    let runtime = super::door::runtime()?;
    let verdict = runtime.block_on(mirk_gateway::probe(&office.egress, facts, &base, None));
    Ok(verdict == mirk_gateway::Probe::Good)
}

fn welcome(out: super::Out, ready: &Value) -> String {
    let url = cell(ready, "url");
    let mut text = format!("{} Mirk listens on {}\n", out.good("✓"), out.strong(&url));
    if let Some(key) = ready.get("key").and_then(Value::as_str) {
        let lines = [
            String::new(),
            "Point a client here. This key is shown once:".to_owned(),
            String::new(),
            format!(
                "  export ANTHROPIC_BASE_URL={url} ANTHROPIC_AUTH_TOKEN={key}   {}",
                out.faint("# Claude Code")
            ),
            format!(
                "  export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY={key}   {}",
                out.faint("# OpenAI SDKs")
            ),
            String::new(),
            format!(
                "Make the owner's account within a day: {}",
                cell(ready, "setup_url")
            ),
            out.faint("Next: mirk provider add …, mirk model list, mirk usage. Ctrl-C ends it."),
        ];
        text.push_str(&lines.join("\n"));
    }
    text
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let (code, name) = match &error {
            ServeError::Listen { .. } => (code::BUSY, "listen"),
            ServeError::Socket(_) => (code::IO, "socket"),
            ServeError::Other(_) => (code::FAILED, "failed"),
            ServeError::Close(_) => (code::IO, "storage"),
        };
        Self::new(code, name, error.to_string())
    }
}
