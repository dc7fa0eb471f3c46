//! The command line: `mirk-fuzz [--inputs N] [--seconds S] [--seed X] [TARGET…]`.

use std::{path::PathBuf, thread, time::Duration};

use crate::{
    run::{Bounds, Plan},
    targets::{TARGETS, Target},
};

/// Inputs for each target when nothing is said.
const USUAL_INPUTS: u64 = 10_000;

/// What was asked for.
#[derive(Debug)]
pub enum Command {
    /// To say how it is used.
    Help,
    /// To run one target on one file.
    Replay(&'static Target, PathBuf),
    /// To run these targets.
    Run(Vec<&'static Target>, Plan),
}

/// An argument that means nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// The option wants a number.
    #[error("{0} wants a number behind it")]
    Number(&'static str),
    /// The option wants a file.
    #[error("--replay wants a file and one target")]
    Replay,
    /// There is no such option or target.
    #[error("there is no such option or target; `mirk-fuzz --help` lists them")]
    Unknown,
}

impl Command {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    /// [`Misuse`] at the first argument that means nothing.
    pub fn read(arguments: &[String]) -> Result<Self, Misuse> {
        let mut rest = arguments.iter().map(String::as_str);
        let mut inputs = None;
        let mut seconds = None;
        let mut replayed = None;
        let mut seed = 1;
        let mut targets = Vec::new();
        while let Some(argument) = rest.next() {
            match argument {
                "--help" | "-h" => return Ok(Self::Help),
                "--inputs" => inputs = Some(number("--inputs", rest.next())?),
                "--seconds" => seconds = Some(number("--seconds", rest.next())?),
                "--seed" => seed = number("--seed", rest.next())?,
                "--replay" => replayed = Some(rest.next().ok_or(Misuse::Replay)?),
                name => targets.push(find(name)?),
            }
        }
        if let Some(file) = replayed {
            let [target] = targets.as_slice() else {
                return Err(Misuse::Replay);
            };
            return Ok(Self::Replay(target, file.into()));
        }
        if targets.is_empty() {
            targets = TARGETS.iter().collect();
        }
        let share = u64::try_from(targets.len()).unwrap_or(1).max(1);
        let time =
            seconds.map(|seconds| Duration::from_millis(seconds.saturating_mul(1_000) / share));
        let usual = if time.is_some() {
            u64::MAX
        } else {
            USUAL_INPUTS
        };
        let plan = Plan {
            inputs: inputs.unwrap_or(usual),
            time,
            seed,
            workers: thread::available_parallelism().map_or(2, usize::from),
            bounds: Bounds::default(),
            artifacts: crate::corpus::root().join("fuzz/artifacts"),
        };
        Ok(Self::Run(targets, plan))
    }
}

fn number(option: &'static str, text: Option<&str>) -> Result<u64, Misuse> {
    text.and_then(|text| text.replace('_', "").parse().ok())
        .ok_or(Misuse::Number(option))
}

fn find(name: &str) -> Result<&'static Target, Misuse> {
    TARGETS
        .iter()
        .find(|target| target.name == name)
        .ok_or(Misuse::Unknown)
}
