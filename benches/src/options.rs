//! What the command line asks for.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Mirk against a plain reverse proxy and against going direct, interleaved in one run.
///
/// Starts its own mock upstream, nginx and Mirk on loopback, measures, prints a table and ends them.
/// Example: `mirk-bench --rounds 5 --json figures.json`.
#[derive(Debug, Parser)]
#[command(name = "mirk-bench", version)]
pub(crate) struct Options {
    /// Rounds; figures are medians over them.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// The mirk binary to measure; without it, the one beside this program.
    #[arg(long, value_name = "PATH")]
    pub(crate) mirk: Option<PathBuf>,
    /// Measure nginx and the direct way only.
    #[arg(long, conflicts_with = "mirk")]
    pub(crate) without_mirk: bool,
    /// Two short rounds: shows that it works, not what it costs.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Write every raw figure to this file.
    #[arg(long, value_name = "OUT")]
    pub(crate) json: Option<PathBuf>,
    /// Exit 1 when a gate is missed or could not be measured.
    #[arg(long)]
    pub(crate) gate: bool,
    /// What to be instead of the bench.
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

/// The other things this program can be.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Role {
    /// The mock upstream.
    #[command(hide = true)]
    Mock,
    /// What translation itself costs, in this process: streams by the event, requests of a megabyte.
    Translate,
}

/// How long and how often, worked out from the options.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Rounds over all targets.
    pub(crate) rounds: u32,
    /// One closed-loop measure.
    pub(crate) window: Duration,
    /// Streams opened one after the other for the time to first byte.
    pub(crate) first_bytes: usize,
    /// Starts for the time from spawn to first answer.
    pub(crate) starts: u32,
}

impl Options {
    /// The effort asked for.
    pub(crate) fn effort(&self) -> Effort {
        if self.quick {
            let rounds = self.rounds.min(2);
            return Effort {
                rounds,
                window: Duration::from_millis(500),
                first_bytes: 50,
                starts: 2,
            };
        }
        let (rounds, window) = (self.rounds, Duration::from_secs(2));
        Effort {
            rounds,
            window,
            first_bytes: 300,
            starts: self.rounds,
        }
    }
}
