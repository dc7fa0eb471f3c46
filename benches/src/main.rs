//! Mirk against a plain reverse proxy and against going direct, interleaved in one run.
//!
//! Invariant: everything this program starts listens on loopback, and is gone when the program is.
//! What each figure means stands in `docs/benchmarks.md`.

mod clock;
mod deltas;
mod failure;
mod faults;
mod figures;
mod gates;
mod load;
mod mock;
mod once;
mod options;
mod process;
mod quiet;
mod report;
mod requests;
mod rounds;
mod scratch;
mod setup;
mod stats;
mod streams;
mod target;
mod translate;
mod wire;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Doing, Failure};
use crate::figures::{Figures, Measure};
use crate::gates::Machine;
use crate::mock::CREDENTIAL;
use crate::options::{Effort, Options, Role};
use crate::scratch::Scratch;
use crate::setup::{Cores, MirkSetup};
use crate::stats::real;
use crate::target::{Target, Way};

fn main() -> ExitCode {
    let options = Options::parse();
    match start(&options) {
        Ok(missed) if options.gate && missed > 0 => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => {
            report::say(&format!("mirk-bench: {failure}"));
            ExitCode::from(2)
        }
    }
}

/// One thread: the load and the mock each have to be as lean as what they measure. The number of gates missed.
fn start(options: &Options) -> Result<usize, Failure> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().doing("starting the runtime")?;
    runtime.block_on(async {
        if let Some(Role::Mock) = options.role {
            return mock::serve().await.map(|()| 0);
        }
        if let Some(Role::Translate) = options.role {
            let (table, missed) = translate::run()?;
            report::say(&table);
            return Ok(missed);
        }
        let mut terminate = signal(SignalKind::terminate()).doing("waiting for signals")?;
        tokio::select! {
            result = Box::pin(bench(options)) => result,
            _ = terminate.recv() => Err(Failure::Interrupted),
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        }
    })
}

async fn bench(options: &Options) -> Result<usize, Failure> {
    let binary = find_mirk(options)?;
    // Declared first, dropped last: the folder goes after the programs that write to it.
    let scratch = Scratch::create()?;
    let cores = Cores::split().await;
    let (mock, address) = setup::start_mock(cores).await?;
    let prepared = match &binary {
        Some(binary) => Some(setup::mirk(&scratch, binary, address, cores).await?),
        None => None,
    };
    let bench = Bench {
        scratch: &scratch,
        cores,
        address,
        prepared,
        effort: options.effort(),
    };
    let mut figures = Figures::default();
    if cores.gateway.is_none() {
        figures.note(
            "nothing is pinned (no taskset, or one core): figures mix gateway and load".into(),
        );
    }
    bench.run(&mut figures).await?;
    mock.stop().await?;
    let machine = Machine {
        binary_bytes: binary.as_deref().and_then(size),
    };
    report::say(&report::table(&figures, &machine));
    if let Some(bytes) = machine.binary_bytes {
        report::say(&format!("release binary size: {bytes:.0} bytes"));
    }
    if let Some(path) = &options.json {
        report::write_json(path, &figures, &machine)?;
    }
    Ok(report::missed(&figures, &machine))
}

/// The binary to measure; none when the run is to do without.
fn find_mirk(options: &Options) -> Result<Option<PathBuf>, Failure> {
    if options.without_mirk {
        return Ok(None);
    }
    let beside = || {
        std::env::current_exe()
            .ok()
            .map(|this| this.with_file_name("mirk"))
    };
    let found = options
        .mirk
        .clone()
        .or_else(beside)
        .filter(|path| path.is_file());
    let missing = "no mirk binary: build it, name it with --mirk, or say --without-mirk";
    found
        .map(Some)
        .ok_or_else(|| Failure::Setup(missing.into()))
}

fn size(path: &Path) -> Option<f64> {
    std::fs::metadata(path)
        .ok()
        .map(|metadata| real(metadata.len()))
}

struct Bench<'a> {
    scratch: &'a Scratch,
    cores: Cores,
    address: SocketAddr,
    prepared: Option<MirkSetup>,
    effort: Effort,
}

impl Bench<'_> {
    async fn run(&self, figures: &mut Figures) -> Result<(), Failure> {
        let nginx = setup::nginx(self.scratch, self.address, self.cores)?;
        let mirk = self.prepared.as_ref().map(|prepared| &prepared.recipe);
        let recipes: Vec<_> = std::iter::once(&nginx).chain(mirk).collect();
        for recipe in &recipes {
            report::say(&format!("{}: starts and memory", recipe.way.name()));
            once::starts(recipe, self.effort, figures).await?;
            once::memory(recipe, figures).await?;
        }
        let mut targets = vec![self.direct()];
        for recipe in &recipes {
            targets.push(once::start(recipe).await?.0);
        }
        self.loaded(&targets, figures).await?;
        for target in targets {
            target.stop().await?;
        }
        Ok(())
    }

    /// The rounds, then the faults, then what the mock has counted over all of it.
    async fn loaded(&self, targets: &[Target], figures: &mut Figures) -> Result<(), Failure> {
        report::say(&format!(
            "{} rounds over {} ways",
            self.effort.rounds,
            targets.len()
        ));
        figures.note_any(quiet::disturbance("before").await);
        rounds::run(targets, self.effort, figures).await;
        figures.note_any(quiet::disturbance("after").await);
        for target in targets {
            if let Err(failure) = self.faults(target, figures).await {
                figures.note(format!("{}: faults: {failure}", target.way.name()));
            }
        }
        let wrong = faults::counts(self.address).await?.auth_mismatch;
        let last = targets.last().map_or(Way::Direct, |target| target.way);
        figures.add(Measure::AuthMismatch, last, Some(real(wrong)));
        Ok(())
    }

    fn direct(&self) -> Target {
        let (address, bearer) = (self.address, CREDENTIAL.to_owned());
        Target {
            way: Way::Direct,
            address,
            bearer,
            process: None,
        }
    }

    async fn faults(&self, target: &Target, figures: &mut Figures) -> Result<(), Failure> {
        faults::client_gone(target, self.address, figures).await?;
        faults::cut_off(target, figures).await?;
        faults::busy(target, figures).await?;
        match &self.prepared {
            Some(prepared) if target.way == Way::Mirk => {
                let place = (self.address, self.effort);
                faults::rejected(target, &prepared.revoked_key, place, figures).await
            }
            _ => Ok(()),
        }
    }
}
