//! The rounds: each measures every way, one after the other, so that all see the same machine.

use std::time::Duration;

use crate::failure::Failure;
use crate::figures::{Figures, Measure};
use crate::load::{self, Load};
use crate::options::Effort;
use crate::requests;
use crate::stats::{percentile, real, share};
use crate::streams::{self, Crowd};
use crate::target::{Target, Way};

/// Events of the long models.
const EVENTS: usize = 100;
/// Time between the events of the paced model.
const GAP: Duration = Duration::from_millis(20);

/// Runs all rounds over all targets. A measure that fails is noted and left out.
pub(crate) async fn run(targets: &[Target], effort: Effort, figures: &mut Figures) {
    for round in 0..effort.rounds {
        for scenario in SCENARIOS {
            for offset in 0..targets.len() {
                // Each round begins with another way, so that none always follows the same neighbour.
                let turn = (offset + usize::try_from(round).unwrap_or(0)) % targets.len();
                let Some(target) = targets.get(turn) else {
                    continue;
                };
                if let Err(failure) = measure(*scenario, target, effort, figures).await {
                    figures.note(format!("{}: {scenario:?}: {failure}", target.way.name()));
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Scenario {
    Chat1,
    Chat64,
    Chat256,
    Steady,
    FirstEvents,
    Fast,
    Paced,
    Megabyte,
    Beside,
    Translated,
}

const SCENARIOS: &[Scenario] = &[
    Scenario::Chat1,
    Scenario::Chat64,
    Scenario::Chat256,
    Scenario::Steady,
    Scenario::FirstEvents,
    Scenario::Fast,
    Scenario::Paced,
    Scenario::Megabyte,
    Scenario::Beside,
    Scenario::Translated,
];

async fn measure(
    scenario: Scenario,
    target: &Target,
    effort: Effort,
    figures: &mut Figures,
) -> Result<(), Failure> {
    match scenario {
        Scenario::Chat1 => chat_1(target, effort, figures).await,
        Scenario::Chat64 => chat_64(target, effort, figures).await,
        Scenario::Chat256 => chat_256(target, effort, figures).await,
        Scenario::Steady => steady(target, effort, figures).await,
        Scenario::FirstEvents => first_events(target, effort, figures).await,
        Scenario::Fast => fast(target, effort, figures).await,
        Scenario::Paced => paced(target, figures).await,
        Scenario::Megabyte => megabyte(target, effort, figures).await,
        Scenario::Beside => beside(target, figures).await,
        Scenario::Translated => translated(target, effort, figures).await,
    }
}

fn closed(connections: usize, effort: Effort) -> Load {
    Load {
        connections,
        window: effort.window,
        pause: Duration::ZERO,
    }
}

async fn chat(
    target: &Target,
    load: Load,
    figures: &mut Figures,
) -> Result<load::Outcome, Failure> {
    let outcome = load::run(target, &requests::chat(target), load).await?;
    figures.add(
        Measure::Unexpected,
        target.way,
        Some(real(outcome.unexpected(200))),
    );
    Ok(outcome)
}

async fn chat_1(target: &Target, effort: Effort, figures: &mut Figures) -> Result<(), Failure> {
    let outcome = chat(target, closed(1, effort), figures).await?;
    figures.add(Measure::Chat1Rate, target.way, outcome.rate());
    figures.add(Measure::Chat1CpuUs, target.way, outcome.cpu_us());
    figures.add(Measure::Chat1P50Us, target.way, outcome.latency_us(500));
    figures.add(Measure::Chat1P99Us, target.way, outcome.latency_us(990));
    Ok(())
}

async fn chat_64(target: &Target, effort: Effort, figures: &mut Figures) -> Result<(), Failure> {
    let outcome = chat(target, closed(64, effort), figures).await?;
    figures.add(Measure::Chat64Rate, target.way, outcome.rate());
    figures.add(Measure::Chat64CpuUs, target.way, outcome.cpu_us());
    figures.add(Measure::Chat64Busy, target.way, outcome.busy());
    Ok(())
}

async fn chat_256(target: &Target, effort: Effort, figures: &mut Figures) -> Result<(), Failure> {
    let outcome = chat(target, closed(256, effort), figures).await?;
    figures.add(Measure::Chat256Rate, target.way, outcome.rate());
    figures.add(Measure::Chat256CpuUs, target.way, outcome.cpu_us());
    Ok(())
}

/// Sixteen connections that each pause 17 ms: about 900 requests a second whatever the gateway.
async fn steady(target: &Target, effort: Effort, figures: &mut Figures) -> Result<(), Failure> {
    let pause = Duration::from_millis(17);
    let load = Load {
        connections: 16,
        window: effort.window,
        pause,
    };
    let outcome = chat(target, load, figures).await?;
    figures.add(Measure::SteadyP50Us, target.way, outcome.latency_us(500));
    figures.add(Measure::SteadyP99Us, target.way, outcome.latency_us(990));
    Ok(())
}

async fn first_events(
    target: &Target,
    effort: Effort,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let request = requests::stream(target, requests::SHORT);
    let times_ns = streams::first_events(target, &request, effort.first_bytes).await?;
    figures.add(
        Measure::FirstP50Us,
        target.way,
        percentile(&times_ns, 500).map(|ns| ns / 1e3),
    );
    figures.add(
        Measure::FirstP99Us,
        target.way,
        percentile(&times_ns, 990).map(|ns| ns / 1e3),
    );
    Ok(())
}

async fn crowd(
    target: &Target,
    model: &str,
    crowd: Crowd,
    figures: &mut Figures,
) -> Result<streams::Outcome, Failure> {
    let outcome = streams::run(target, &requests::stream(target, model), crowd).await?;
    let whole = share(real(outcome.whole), real(outcome.whole + outcome.broken));
    figures.add(Measure::WholeShare, target.way, whole);
    Ok(outcome)
}

fn paced_crowd(streams: usize) -> Crowd {
    Crowd {
        streams,
        events: EVENTS,
        window: Duration::ZERO,
        spread: GAP,
    }
}

async fn fast(target: &Target, effort: Effort, figures: &mut Figures) -> Result<(), Failure> {
    let size = Crowd {
        window: effort.window,
        spread: Duration::ZERO,
        ..paced_crowd(64)
    };
    let outcome = crowd(target, requests::FAST, size, figures).await?;
    figures.add(Measure::FastRate, target.way, outcome.rate());
    figures.add(Measure::FastCpuUs, target.way, outcome.cpu_us());
    figures.add(Measure::FastBusy, target.way, outcome.busy());
    Ok(())
}

async fn paced(target: &Target, figures: &mut Figures) -> Result<(), Failure> {
    let outcome = crowd(target, requests::PACED, paced_crowd(64), figures).await?;
    figures.add(Measure::PacedCpuUs, target.way, outcome.cpu_us());
    figures.add(Measure::PacedAgeP50Us, target.way, outcome.age_us(500));
    figures.add(Measure::PacedAgeP99Us, target.way, outcome.age_us(990));
    Ok(())
}

async fn megabyte(target: &Target, effort: Effort, figures: &mut Figures) -> Result<(), Failure> {
    let outcome = load::run(target, &requests::megabyte(target), closed(8, effort)).await?;
    figures.add(
        Measure::Unexpected,
        target.way,
        Some(real(outcome.unexpected(200))),
    );
    figures.add(Measure::MegabyteRate, target.way, outcome.rate());
    figures.add(Measure::MegabyteCpuUs, target.way, outcome.cpu_us());
    Ok(())
}

/// Sixteen paced streams alone, then beside fifty or so 1 MB requests a second.
async fn beside(target: &Target, figures: &mut Figures) -> Result<(), Failure> {
    let alone = crowd(target, requests::PACED, paced_crowd(16), figures).await?;
    let window = GAP * u32::try_from(EVENTS).unwrap_or(0);
    let push = Load {
        connections: 1,
        window,
        pause: Duration::from_millis(18),
    };
    let request = requests::megabyte(target);
    let (disturbed, outcome) = tokio::join!(
        crowd(target, requests::PACED, paced_crowd(16), figures),
        load::run(target, &request, push)
    );
    let (disturbed, outcome) = (disturbed?, outcome?);
    figures.add(
        Measure::Unexpected,
        target.way,
        Some(real(outcome.unexpected(200))),
    );
    figures.add(Measure::AloneAgeP99Us, target.way, alone.age_us(990));
    figures.add(Measure::BesideAgeP99Us, target.way, disturbed.age_us(990));
    Ok(())
}

/// Anthropic's dialect in, `OpenAI`'s out: only Mirk does it.
async fn translated(target: &Target, effort: Effort, figures: &mut Figures) -> Result<(), Failure> {
    if target.way != Way::Mirk {
        return Ok(());
    }
    let request = requests::messages(target, requests::JSON, false);
    let outcome = load::run(target, &request, closed(64, effort)).await?;
    if outcome.unexpected(200) > 0 {
        figures.note("mirk: translated requests were not all answered with 200".into());
        return Ok(());
    }
    figures.add(Measure::TranslatedCpuUs, target.way, outcome.cpu_us());
    let request = requests::messages(target, requests::FAST, true);
    let size = Crowd {
        window: effort.window,
        spread: Duration::ZERO,
        ..paced_crowd(64)
    };
    let outcome = streams::run(target, &request, size).await?;
    if outcome.broken > 0 {
        figures.note(format!(
            "mirk: {} translated streams did not end right",
            outcome.broken
        ));
    }
    figures.add(Measure::TranslatedFastCpuUs, target.way, outcome.cpu_us());
    Ok(())
}
