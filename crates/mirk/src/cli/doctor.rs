//! `mirk doctor`: what is wrong with an installation, and what to do about it.

use clap::Args;
use mirk_model::{Clock, SecretRef};
use mirk_store::{OpenOptions, Store};
use serde_json::{Value, json};

use super::{Failure, Invocation, door::Door, exit::code, out::Out};
use crate::{
    clock::SystemClock,
    config::Settings,
    doctor::{
        self, Finding, Verdict, books, environment, inventory, machine, place, privacy, root_key,
        server, settings,
    },
};

/// Look for what is wrong with this installation and the machine around it.
#[derive(Debug, Args)]
#[command(
    after_help = "Exits with 1 when something must be put right. Nothing is changed, sent anywhere, or shown of a secret.\n\n\
    Examples:\n  mirk doctor\n  mirk doctor --privacy --json"
)]
pub(super) struct Doctor {
    /// Also look for keys and traces that lie around: in files, shell histories, clients' configuration
    #[arg(long)]
    privacy: bool,
}

impl Doctor {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let findings = self.examine(invocation);
        let is_healthy = doctor::is_healthy(&findings);
        let listed: Vec<Value> = findings.iter().map(Finding::to_json).collect();
        let value = json!({"ok": is_healthy, "findings": listed});
        invocation
            .out
            .result(&value, |out, _| table(out, &findings))?;
        Ok(if is_healthy { 0 } else { code::FAILED })
    }

    fn examine(&self, invocation: &Invocation) -> Vec<Finding> {
        let clock = SystemClock::new();
        let mut findings = machine::examine(&clock);
        findings.extend(environment::examine(&invocation.sources.environment));
        let (settings, found) = settings::read(&invocation.sources);
        let is_usable = found
            .iter()
            .all(|finding| finding.check != "settings" || finding.verdict < Verdict::Bad);
        findings.extend(found);
        let Some(settings) = settings else {
            return findings;
        };
        findings.extend(place::examine(&settings.data_dir));
        let is_running = server::is_running(&settings);
        findings.extend(server::examine(&settings, is_running));
        findings.extend(self.inside(invocation, &settings, (is_running, is_usable), &clock));
        if self.privacy {
            findings.extend(privacy::examine(&settings.data_dir, &invocation.sources));
        }
        findings
    }

    /// What only an open installation shows, and where its root key is.
    fn inside(
        &self,
        invocation: &Invocation,
        settings: &Settings,
        (is_running, is_usable): (bool, bool),
        clock: &SystemClock,
    ) -> Vec<Finding> {
        let is_installed = place::is_installed(&settings.data_dir);
        let (noted, mut findings) = if is_running || !is_installed {
            (None, vec![])
        } else {
            self.closed(settings)
        };
        let root = settings.root_key.clone().or(noted);
        findings.extend(root_key::examine(
            root.as_ref(),
            &invocation.sources,
            &settings.data_dir,
        ));
        if !is_installed {
            return findings;
        }
        if !is_running && root == Some(SecretRef::Passphrase) {
            findings.push(Finding::ok(
                "installation",
                "is closed by a passphrase; start Mirk to have the rest looked at",
            ));
            return findings;
        }
        if !is_usable {
            let remedy = "put the settings right, then run this again";
            findings.push(Finding::warn(
                "installation",
                "was not opened, because of the settings",
                remedy,
            ));
            return findings;
        }
        match Door::open(invocation, false) {
            Ok(mut door) => findings.extend(contents(&mut door, clock)),
            Err(failure) => {
                let remedy = "nothing was changed; put that right, then run this again";
                findings.push(Finding::bad(
                    "installation",
                    format!("does not open: {}", failure.words),
                    remedy,
                ));
            }
        }
        findings
    }

    /// The store without its secrets: what needs no root key.
    fn closed(&self, settings: &Settings) -> (Option<SecretRef>, Vec<Finding>) {
        let opened = Store::open(&OpenOptions {
            data_dir: settings.data_dir.clone(),
            create: false,
            clock: std::sync::Arc::new(SystemClock::new()),
            anchors: None,
        });
        let store = match opened {
            Ok(store) => store,
            Err(error) => {
                let remedy = "nothing was changed; restore a backup if it is damaged";
                return (
                    None,
                    vec![Finding::bad("database", error.to_string(), remedy)],
                );
            }
        };
        let mut findings = vec![books::database(&store)];
        if self.privacy {
            match inventory::columns(&store) {
                Ok(columns) => findings.push(privacy::columns(&columns)),
                Err(error) => {
                    findings.push(Finding::bad("tables", error.to_string(), "run this again"));
                }
            }
        }
        let noted = books::root_source(&store);
        // Nothing was written, so nothing can be lost.
        store.close().unwrap_or_default();
        (noted, findings)
    }
}

fn contents(door: &mut Door, clock: &SystemClock) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut list = |door: &mut Door, action: &str| {
        door.perform(action, json!({})).unwrap_or_else(|failure| {
            let what = format!("{action} failed: {}", failure.words);
            findings.push(Finding::bad(
                "installation",
                what,
                "run this again; see the server's log",
            ));
            Value::Null
        })
    };
    let (audit, keys) = (list(door, "audit.verify"), list(door, "key.list"));
    let (providers, credentials) = (list(door, "provider.list"), list(door, "credential.list"));
    findings.push(books::audit(&audit));
    findings.extend(books::keys(&keys, clock.now()));
    findings.extend(books::providers(&providers, &credentials));
    if let Door::Folder { control, store, .. } = &*door {
        findings.extend(books::rows_and_seals(store, &control.vault));
    }
    findings
}

fn table(out: Out, findings: &[Finding]) -> String {
    let count = |verdict| findings.iter().filter(|one| one.verdict == verdict).count();
    let sum = format!(
        "\n{} in order, {} could be better, {} must be put right.",
        count(Verdict::Ok),
        count(Verdict::Warn),
        count(Verdict::Bad)
    );
    let lines = findings.iter().map(|finding| {
        let mark = match finding.verdict {
            Verdict::Ok => out.good("✓"),
            Verdict::Warn => out.strong("!"),
            Verdict::Bad => out.bad("✗"),
        };
        let line = format!("{mark} {:<22} {}", finding.check, finding.what);
        if finding.remedy.is_empty() {
            return line;
        }
        let remedy = out.faint(&format!("→ {}", finding.remedy));
        format!("{line}\n  {:<22} {remedy}", "")
    });
    lines.chain([sum]).collect::<Vec<_>>().join("\n")
}
