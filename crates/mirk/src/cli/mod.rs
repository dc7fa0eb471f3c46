//! The command line: what there is, how it is called, and what it exits with.

#![expect(
    clippy::doc_markdown,
    reason = "doc comments of arguments are help texts, not Markdown"
)]

mod audit;
mod bring_up;
mod completions;
mod config;
mod credential;
mod demo;
mod doctor;
mod door;
mod exit;
mod import;
mod key;
mod model;
mod out;
mod provider;
mod route;
mod routes;
mod secret;
mod setup;
mod sim;
mod sweep;
mod usage;

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::{Settings, Sources};

pub(crate) use exit::Failure;
use out::Out;

/// The LLM router that works in the dark: it forwards every request, proves who may send it,
/// counts what it cost, and keeps nothing of what was said.
#[derive(Debug, Parser)]
#[command(name = "mirk", version, max_term_width = 100)]
#[command(
    after_help = "First time here? `mirk demo` shows everything on a provider made of air.\n\
                        Then `mirk up` starts for real and prints what to paste into your client.\n\n\
                        Exit codes: 0 ok, 1 failed, 64 usage, 65 data corrupt, 74 input/output, \
                        75 busy, try again, 77 not permitted, 78 configuration."
)]
struct Mirk {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Flags that every command takes.
#[derive(Clone, Debug, Args)]
struct Common {
    /// The data folder [env: MIRK_DATA_DIR]
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The configuration file [env: MIRK_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start Mirk; the first time, set it up and print a key
    Up(bring_up::Up),
    /// Start Mirk, for service managers: like `up` without the first-run help
    Serve(bring_up::Serve),
    /// See Mirk work end to end on a simulated provider; leaves nothing behind
    Demo(demo::Demo),
    /// Make the owner's account
    Setup(setup::Setup),
    /// Make, list and revoke the keys that clients use
    #[command(subcommand)]
    Key(key::Key),
    /// Say which providers there are
    #[command(subcommand)]
    Provider(provider::Provider),
    /// Keep the providers' credentials
    #[command(subcommand)]
    Credential(credential::Credential),
    /// See which models can be asked for
    #[command(subcommand)]
    Model(model::Model),
    /// Give models other names
    #[command(subcommand)]
    Route(route::Route),
    /// See what was used and what it cost
    Usage(usage::Usage),
    /// Read and check the audit log
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Look for what is wrong with this installation and the machine around it
    Doctor(doctor::Doctor),
    /// Print every HTTP route with its policy
    Routes(routes::Routes),
    /// Check or show the settings
    #[command(subcommand)]
    Config(config::Config),
    /// Run the simulated provider alone, to test your own set-up against
    Sim(sim::Sim),
    /// Plant canaries and search every byte that is kept for them
    Sweep(sweep::Sweep),
    /// Print completions for a shell
    Completions(completions::Completions),
}

/// One invocation: its settings' sources and how to print.
struct Invocation {
    sources: Sources,
    out: Out,
}

impl Invocation {
    fn new(common: &Common) -> Self {
        let mut sources = Sources::from_environment();
        sources.file.clone_from(&common.config);
        let folder = common
            .data_dir
            .as_ref()
            .map(|path| absolute(path).display().to_string());
        Self {
            sources: sources.flag("data_dir", folder),
            out: Out::new(common.json),
        }
    }

    fn settings(&self) -> Result<Settings, Failure> {
        Ok(crate::config::load(&self.sources)?)
    }
}

/// The path from the root; one given relative to the working folder is meant so.
fn absolute(path: &std::path::Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_unknown| path.to_owned())
}

/// Runs the command line and gives the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(failure) = secret::in_arguments(&arguments) {
        return out::failed(Out::new(false), &failure);
    }
    let mirk = match Mirk::try_parse_from(arguments) {
        Ok(mirk) => mirk,
        Err(error) => return out::usage(&error),
    };
    let mut invocation = Invocation::new(&mirk.common);
    match mirk.command.run(&mut invocation) {
        Ok(code) => code,
        Err(failure) => out::failed(invocation.out, &failure),
    }
}

/// The whole command line, for completions and documentation.
pub(crate) fn command() -> clap::Command {
    Mirk::command()
}

impl Command {
    fn run(self, invocation: &mut Invocation) -> Result<u8, Failure> {
        match self {
            Self::Up(up) => up.run(invocation),
            Self::Serve(serve) => serve.run(invocation),
            Self::Demo(demo) => demo.run(invocation),
            Self::Setup(setup) => setup.run(invocation),
            Self::Key(key) => key.run(invocation),
            Self::Provider(provider) => provider.run(invocation),
            Self::Credential(credential) => credential.run(invocation),
            Self::Model(model) => model.run(invocation),
            Self::Route(route) => route.run(invocation),
            Self::Usage(usage) => usage.run(invocation),
            Self::Audit(audit) => audit.run(invocation),
            Self::Doctor(doctor) => doctor.run(invocation),
            Self::Routes(routes) => routes.run(invocation),
            Self::Config(config) => config.run(invocation),
            Self::Sim(sim) => sim.run(invocation),
            Self::Sweep(sweep) => sweep.run(invocation),
            Self::Completions(completions) => completions.run(invocation),
        }
    }
}
