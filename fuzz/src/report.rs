//! What a person sees: findings, the table, and how the program is used. The only file that prints.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what this file is for"
)]

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use crate::{
    options::Misuse,
    run::{Fault, Finding, Outcome},
    targets::{TARGETS, Target},
    watch,
};

/// The exit code for a command that means nothing.
const MISUSED: u8 = 2;

const USAGE: &str = "\
mirk-fuzz [--inputs N] [--seconds S] [--seed X] [TARGET…]
mirk-fuzz --replay FILE TARGET

Runs every target, or those named, on N inputs each (10,000 when nothing is said), or for S seconds in all.
Ends with 1 when an input panics, takes over 1 s, or holds over 64 MiB more than itself; the input is then in
fuzz/artifacts. The same seed gives the same inputs.

targets:";

/// Prints how it is used.
pub fn help() -> ExitCode {
    println!("{USAGE}");
    for target in TARGETS {
        println!("  {}", target.name);
    }
    ExitCode::SUCCESS
}

/// Prints what is wrong with the command line.
pub fn misuse(error: &Misuse) -> ExitCode {
    eprintln!("mirk-fuzz: {error}");
    ExitCode::from(MISUSED)
}

/// Runs one file, with the panic's own words.
pub fn replay(target: &Target, file: &Path) -> ExitCode {
    let Ok(input) = fs::read(file) else {
        eprintln!("mirk-fuzz: the file cannot be read");
        return ExitCode::from(MISUSED);
    };
    let seen = watch::watched(target.run, &input);
    println!(
        "{}: {} ms, {} bytes at once, {}",
        target.name,
        seen.time.as_millis(),
        seen.bytes,
        if seen.panic.is_some() {
            "panicked"
        } else {
            "no panic"
        }
    );
    ExitCode::from(u8::from(seen.panic.is_some()))
}

/// A finding in one line.
pub fn line_of(finding: &Finding) -> String {
    let mut line = format!(
        "FAILED {} --seed {} input {}: ",
        finding.target, finding.seed, finding.number
    );
    let written = match &finding.fault {
        Fault::Panic(place) => write!(line, "panicked at {place}"),
        Fault::Slow(time) => write!(line, "took {} ms", time.as_millis()),
        Fault::Hang => write!(line, "did not come to an end"),
        Fault::Allocation(bytes) => write!(line, "held {} MiB", bytes >> 20),
    };
    if let (Ok(()), Some(file)) = (written, &finding.artifact) {
        let name = file.file_name().unwrap_or_default();
        line.push_str(" (fuzz/artifacts/");
        line.push_str(&name.to_string_lossy());
        line.push(')');
    }
    line
}

/// Prints the table's head.
pub fn head() {
    println!(
        "{:<14} {:>10} {:>10} {:>11} {:>12} {:>8}",
        "target", "inputs", "inputs/s", "slowest ms", "largest MiB", "failed"
    );
}

/// Prints that a target begins: should it take the whole process down, its name stands last.
pub fn begin(target: &Target) {
    print!("{:<14} ", target.name);
    drop(io::stdout().flush());
}

/// Prints the rest of a target's row, and its findings below.
pub fn end(outcome: &Outcome) {
    println!("{}", row(outcome));
    for finding in &outcome.findings {
        println!("{}", line_of(finding));
    }
}

/// The exit code: 1 when anything failed.
pub fn verdict(outcomes: &[Outcome]) -> ExitCode {
    let failed = outcomes
        .iter()
        .filter(|outcome| !outcome.findings.is_empty())
        .count();
    if failed > 0 {
        println!("{failed} of {} targets failed", outcomes.len());
    }
    ExitCode::from(u8::from(failed > 0))
}

/// A row behind its name.
fn row(outcome: &Outcome) -> String {
    let millis = outcome.elapsed.as_millis().max(1);
    let rate = u128::from(outcome.inputs) * 1_000 / millis;
    let slowest = outcome.slowest.as_micros();
    let largest = (outcome.largest * 10) >> 20;
    format!(
        "{:>10} {:>10} {:>9}.{} {:>10}.{} {:>8}",
        outcome.inputs,
        rate,
        slowest / 1_000,
        slowest / 100 % 10,
        largest / 10,
        largest % 10,
        outcome.findings.len()
    )
}
