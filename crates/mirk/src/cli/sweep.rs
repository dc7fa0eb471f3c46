//! `mirk sweep`: looks for what must not be kept.

use clap::Args;
use mirk_model::SecretRef;
use serde_json::Value;

use super::{
    Failure, Invocation, door,
    exit::code,
    out::{Out, cell, rows},
};
use crate::{
    serve::run::Ending,
    sweep::{self, Report, SweepError},
};

/// Plant canaries, drive traffic, and search every byte that is kept for them.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --data-dir it makes a Mirk of its own in a temporary folder, with simulated providers, \
    sends it every kind of request at two log levels, and searches its files, its output, its process and everybody \
    else's answers in every encoding it knows. With --data-dir it does the same to that installation, through its \
    running server, but sends nothing to a provider that is not on loopback.\n\n\
    Exit code: 0 when nothing was found, 1 when something was, 74 when the sweep could not be done.\n\n\
    Examples:\n  mirk sweep\n  mirk sweep --data-dir ~/.local/share/mirk --json"
)]
pub(super) struct Sweep {
    /// Search the process's memory too (as root); listed apart and not yet part of the verdict
    #[arg(long)]
    memory: bool,
    /// Serve with planted leaks, all of which must be found
    #[cfg(feature = "leaky")]
    #[arg(long, hide = true)]
    leaky: bool,
    /// Be the server with the planted leaks
    #[cfg(feature = "leaky")]
    #[arg(long, hide = true)]
    leaky_server: bool,
}

impl Sweep {
    pub(super) fn run(self, invocation: &Invocation) -> Result<u8, Failure> {
        #[cfg(feature = "leaky")]
        if self.leaky_server {
            let settings = invocation.settings()?;
            sweep::leaks::serve(&settings, &invocation.sources)?;
            return Ok(0);
        }
        let is_named = invocation
            .sources
            .flags
            .iter()
            .any(|(path, _)| *path == "data_dir");
        let out = invocation.out;
        let say = move |words: &str| {
            if !out.is_json {
                out.remark(&format!("{} {words}", out.faint("·")));
            }
        };
        let runtime = door::server_runtime()?;
        let report = if is_named {
            let settings = invocation.settings()?;
            let config_dir = invocation.sources.config_home();
            let root_key = match settings.root_key {
                Some(SecretRef::File(path)) => Some(path.into()),
                _ => config_dir.as_ref().map(|folder| folder.join("root.key")),
            };
            let place = sweep::Place {
                data_dir: settings.data_dir,
                config_dir,
                root_key,
                memory: self.memory,
            };
            runtime.block_on(whole(sweep::live(&place, &say)))?
        } else {
            let options = sweep::Options {
                memory: self.memory,
                #[cfg(feature = "leaky")]
                leaky: self.leaky,
            };
            runtime.block_on(stoppable(sweep::private(options, &say)))?
        };
        let is_clean = report.is_clean();
        out.result(&report.to_json(), |out, value| screen(out, &report, value))?;
        Ok(if is_clean { 0 } else { code::FAILED })
    }
}

/// Does `work` until a signal ends it; what it made is gone then as well.
async fn stoppable(
    work: impl Future<Output = Result<Report, SweepError>>,
) -> Result<Report, SweepError> {
    let stopped = || SweepError::new("a signal", "nothing can be said");
    let mut ending = Ending::new().map_err(|_refused| stopped())?;
    tokio::select! {
        report = work => report,
        () = ending.comes() => Err(stopped()),
    }
}

/// Does `work` to its end, whatever signals come: it takes seconds, and revokes its key last.
async fn whole(
    work: impl Future<Output = Result<Report, SweepError>>,
) -> Result<Report, SweepError> {
    let _ending = Ending::new();
    work.await
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        // Not 1: that says that something was found.
        Self::new(code::IO, "sweep", error.to_string())
    }
}

fn screen(out: Out, report: &Report, value: &Value) -> String {
    let mut grounds: Vec<&str> = report
        .places
        .iter()
        .filter_map(|place| place.split(':').next())
        .collect();
    grounds.sort_unstable();
    grounds.dedup();
    let searched = format!(
        "{} places, {} KiB, after {} requests: {}",
        report.places.len(),
        report.bytes / 1_024,
        report.requests,
        grounds.join(", ")
    );
    let mut parts: Vec<String> = [
        ("Planted", cell(value, "classes")),
        ("Searched", searched),
        ("As", cell(value, "encodings")),
    ]
    .map(|(title, body)| format!("{}\n  {body}", out.strong(title)))
    .into();
    for (title, key) in [
        ("Allowed (see allowed.txt)", "allowed"),
        ("In memory", "memory"),
        ("FOUND", "findings"),
    ] {
        let lines: Vec<_> = rows(value, key)
            .iter()
            .map(|row| {
                vec![
                    cell(row, "class"),
                    cell(row, "place"),
                    cell(row, "encoding"),
                    cell(row, "offset"),
                ]
            })
            .collect();
        if !lines.is_empty() {
            let table = out.table(&["CLASS", "PLACE", "ENCODING", "OFFSET"], &lines);
            parts.push(format!("{}\n{}", out.strong(title), table.trim_end()));
        }
    }
    let mark = if report.is_clean() {
        out.good("✓")
    } else {
        out.bad("✗")
    };
    parts.push(format!("{mark} {}", report.sentence()));
    parts.join("\n")
}
