//! What is measured on a fresh process: the time to its first answer, and its memory.

use std::time::Duration;

use tokio::time::sleep;

use crate::failure::Failure;
use crate::figures::{Figures, Measure};
use crate::options::Effort;
use crate::requests;
use crate::stats::{real, share};
use crate::streams;
use crate::target::{Recipe, Target};

/// Streams held open.
const HELD: usize = 1000;
/// Events of each of them.
const HELD_EVENTS: usize = 24;
/// A gateway just started has this long to come to rest before its idle memory is read.
const REST: Duration = Duration::from_secs(1);
/// When the memory is read again after the streams have ended.
const AFTER: Duration = Duration::from_secs(10);

/// Starts and ends the gateway a few times; each start is one figure.
pub(crate) async fn starts(
    recipe: &Recipe,
    effort: Effort,
    figures: &mut Figures,
) -> Result<(), Failure> {
    for _ in 0..effort.starts {
        let (target, first_ns) = start(recipe).await?;
        figures.add(Measure::SpawnS, recipe.way, Some(real(first_ns) / 1e9));
        target.stop().await?;
    }
    Ok(())
}

/// Starts the gateway and waits for its first answer; also the ns that took.
pub(crate) async fn start(recipe: &Recipe) -> Result<(Target, u64), Failure> {
    let (way, address, bearer) = (recipe.way, recipe.address, recipe.bearer.clone());
    let asked_as = Target {
        way,
        address,
        bearer,
        process: None,
    };
    recipe.start(&requests::chat(&asked_as)).await
}

/// Idle memory, memory with a thousand open streams, memory ten seconds after.
pub(crate) async fn memory(recipe: &Recipe, figures: &mut Figures) -> Result<(), Failure> {
    let (target, _) = start(recipe).await?;
    sleep(REST).await;
    let idle_kb = target.resident_kb().map(real);
    let request = requests::stream(&target, requests::SLOW);
    let held = streams::hold(&target, &request, HELD, HELD_EVENTS).await?;
    sleep(AFTER).await;
    let after_kb = target.resident_kb().map(real);
    let way = target.way;
    figures.add(Measure::IdleMb, way, idle_kb.map(megabytes));
    figures.add(Measure::AfterMb, way, after_kb.map(megabytes));
    figures.add(
        Measure::HeldWholeShare,
        way,
        share(real_size(held.whole), real_size(HELD)),
    );
    if held.started == HELD {
        let open_kb = held.open_kb.map(real);
        figures.add(Measure::OpenMb, way, open_kb.map(megabytes));
        let grown = open_kb
            .zip(idle_kb)
            .and_then(|(open, idle)| share(open - idle, real_size(HELD)));
        figures.add(Measure::PerStreamKb, way, grown);
    } else {
        let (name, started) = (way.name(), held.started);
        figures.note(format!(
            "{name}: only {started} of {HELD} streams were open at once"
        ));
    }
    target.stop().await
}

/// kB of 1024 bytes, as the kernel counts, in MB of 1024 kB.
fn megabytes(kilobytes: f64) -> f64 {
    kilobytes / 1024.0
}

fn real_size(count: usize) -> f64 {
    real(u64::try_from(count).unwrap_or(0))
}
