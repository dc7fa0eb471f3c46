//! `mirk demo`: everything at work on a provider made of air.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::{
    Failure, Invocation, door,
    exit::code,
    out::{Out, cell},
};
use crate::{
    demo::{DemoError, Folder, Shown, give},
    serve::run::Ending,
};

/// How long work that was stopped may take to notice.
const LAST_MOMENTS: Duration = Duration::from_secs(5);

/// See Mirk work end to end on a simulated provider; leaves nothing behind.
#[derive(Debug, Args)]
#[command(
    after_help = "It needs no account, no network and no settings, and takes about a second.\n\nExample:\n  mirk demo"
)]
pub(super) struct Demo {}

impl Demo {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        let Self {} = self;
        let out = invocation.out;
        let say = move |words: &str| {
            if !out.is_json {
                out.remark(&format!("{} {words}", out.faint("·")));
            }
        };
        let runtime = door::server_runtime()?;
        let mut ending = {
            let _inside = runtime.enter();
            Ending::new().map_err(|error| Failure::io("signals", &error))?
        };
        // From here on a signal ends it in order, so there may be a folder.
        let folder = Folder::new().map_err(|error| Failure::io("temporary files", &error))?;
        let given = runtime.block_on(stoppable(&mut ending, give(&folder, &say)));
        // Whatever still works in the folder ends before the folder goes.
        runtime.shutdown_timeout(LAST_MOMENTS);
        drop(folder);
        let shown = given?;
        let is_good = shown.is_good();
        out.result(&shown.to_json(), |out, _| screen(out, &shown))?;
        Ok(if is_good { 0 } else { code::FAILED })
    }
}

/// Gives the demonstration until a signal ends it.
async fn stoppable(
    ending: &mut Ending,
    demo: impl Future<Output = Result<Shown, DemoError>>,
) -> Result<Shown, Failure> {
    tokio::select! {
        shown = demo => Ok(shown?),
        () = ending.comes() => {
            Err(Failure::new(code::FAILED, "stopped", "stopped; nothing was left behind"))
        }
    }
}

impl From<DemoError> for Failure {
    fn from(error: DemoError) -> Self {
        Self::new(code::FAILED, "demo", error.to_string())
    }
}

impl Shown {
    /// Whether everything was as it should be.
    fn is_good(&self) -> bool {
        self.trips.iter().all(|trip| trip.is_right)
            && self.is_chain_whole
            && self.sweep.findings.is_empty()
    }

    fn to_json(&self) -> Value {
        let trips: Vec<_> = self
            .trips
            .iter()
            .map(|trip| {
                json!({
                    "dialect": trip.dialect,
                    "path": trip.path,
                    "status": trip.status,
                    "pieces": trip.pieces,
                    "first_ms": trip.first.as_millis(),
                    "total_ms": trip.total.as_millis(),
                    "right": trip.is_right,
                })
            })
            .collect();
        json!({
            "ok": self.is_good(),
            "trips": trips,
            "ledger": self.ledger,
            "audit": self.audit,
            "audit_ok": self.is_chain_whole,
            "sweep": self.sweep.to_json(),
        })
    }
}

fn screen(out: Out, shown: &Shown) -> String {
    let mark = |good: bool| mark(out, good);
    let mut text = String::new();
    let mut part = |title: &str, body: &str| {
        text.extend(["\n", &out.strong(title), "\n", body.trim_end(), "\n"]);
    };
    part(
        "What was sent, five times, each in another dialect",
        &format!("  {}", shown.prompt),
    );
    part(
        "What came back, as a stream",
        &out.table(
            &["    DIALECT", "PATH", "STATUS", "STREAM", "", ""],
            &trips(out, shown),
        ),
    );
    let ledger = [
        "provider",
        "model",
        "status",
        "outcome",
        "input_tokens",
        "output_tokens",
        "ttfb_ms",
        "total_ms",
        "cost",
    ];
    part(
        "What was written down: the ledger",
        &table(out, &ledger, &shown.ledger),
    );
    let audit = ["seq", "actor", "action", "object", "result"];
    part("And the audit log", &table(out, &audit, &shown.audit));
    part(
        "The proof",
        &format!(
            "  {} The audit chain is whole.\n  {} {}",
            mark(shown.is_chain_whole),
            mark(shown.sweep.findings.is_empty()),
            shown.sweep.sentence(),
        ),
    );
    part(
        "Now for real",
        &format!(
            "  mirk up\n{}",
            out.faint("  Everything of this demonstration is gone from the disk.")
        ),
    );
    text
}

fn mark(out: Out, is_good: bool) -> String {
    if is_good {
        out.good("✓")
    } else {
        out.bad("✗")
    }
}

fn trips(out: Out, shown: &Shown) -> Vec<Vec<String>> {
    shown
        .trips
        .iter()
        .map(|trip| {
            vec![
                format!("  {} {}", mark(out, trip.is_right), trip.dialect),
                trip.path.clone(),
                trip.status.to_string(),
                format!("{} pieces", trip.pieces),
                format!("first after {} ms", trip.first.as_millis()),
                format!("last after {} ms", trip.total.as_millis()),
            ]
        })
        .collect()
}

fn table(out: Out, columns: &[&str], rows: &[Value]) -> String {
    let head: Vec<String> = columns
        .iter()
        .map(|name| name.to_uppercase().replace('_', " "))
        .collect();
    let mut head: Vec<&str> = head.iter().map(String::as_str).collect();
    let first = format!("  {}", head.first().copied().unwrap_or_default());
    if let Some(slot) = head.first_mut() {
        *slot = &first;
    }
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let mut cells: Vec<String> = columns.iter().map(|name| cell(row, name)).collect();
            if let Some(first) = cells.first_mut() {
                first.insert_str(0, "  ");
            }
            cells
        })
        .collect();
    out.table(&head, &rows)
}
