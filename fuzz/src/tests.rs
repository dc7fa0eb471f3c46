//! The runner catches what it is for: planted faults, in targets that exist only here.

use std::{fs, thread, time::Duration};

use crate::{
    chance::{Chance, cut},
    clock::Since,
    corpus::{self, Format},
    mutate,
    options::{Command, Misuse},
    report,
    run::{Bounds, Fault, Outcome, Plan, run},
    targets::{TARGETS, Target},
};

static PANICS: Target = Target::new(
    "panics",
    |data| assert!(data.len() < 64, "planted"),
    Format::Json,
);
static SLOW: Target = Target::new("slow", work_on, Format::Json);
static HANGS: Target = Target::new("hangs", |data| sleep_on(data, 600_000), Format::Json);
static GREEDY: Target = Target::new(
    "greedy",
    |data| drop(std::hint::black_box(vec![1_u8; data.len() * 20_000])),
    Format::Json,
);
static CALM: Target = Target::new("calm", |data| drop(data.to_vec()), Format::Json);
/// What one input held would show in the next, were it counted on.
static MANY: Target = Target::new("many", |_| drop(vec![1_u8; 8 << 20]), Format::Json);

/// Long inputs are work for 150 ms.
fn work_on(data: &[u8]) {
    let before = crate::clock::worked();
    while data.len() > 200 && crate::clock::worked() < before + Duration::from_millis(150) {
        std::hint::spin_loop();
    }
}

/// Long inputs take a while.
fn sleep_on(data: &[u8], millis: u64) {
    if data.len() > 200 {
        thread::sleep(Duration::from_millis(millis));
    }
}

fn folder(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("mirk-fuzz-{name}-{}", std::process::id()))
}

fn planted(target: &'static Target, inputs: u64) -> Outcome {
    let artifacts = folder(target.name);
    let plan = Plan {
        inputs,
        time: None,
        seed: 5,
        workers: 2,
        bounds: Bounds {
            slow: Duration::from_millis(100),
            // Only what hangs is given up: a busy machine makes the rest wait.
            give_up: if target.name == HANGS.name {
                Duration::from_millis(500)
            } else {
                Duration::from_mins(1)
            },
            allocation: 1 << 20,
        },
        artifacts: artifacts.clone(),
    };
    let outcome = run(target, &plan);
    for finding in &outcome.findings {
        // What was written is the input that failed, and can be made again from its number.
        let seeds = corpus::seeds(target);
        let input = mutate::input(5, target.name, target.format, &seeds, finding.number);
        assert_eq!(fs::read(finding.artifact.as_ref().unwrap()).unwrap(), input);
        assert!(report::line_of(finding).starts_with("FAILED "));
    }
    drop(fs::remove_dir_all(artifacts));
    outcome
}

#[test]
fn a_planted_panic_is_found_with_its_place() {
    let outcome = planted(&PANICS, 200);
    assert!(!outcome.findings.is_empty());
    for finding in outcome.findings {
        let Fault::Panic(place) = finding.fault else {
            panic!("another fault");
        };
        assert!(place.contains("tests.rs:"), "{place}");
    }
}

#[test]
fn a_planted_slow_input_is_found() {
    let outcome = planted(&SLOW, 12);
    assert!(outcome.slowest >= Duration::from_millis(100));
    let is_slow = |fault: &Fault| matches!(fault, Fault::Slow(_));
    assert!(
        outcome
            .findings
            .iter()
            .any(|finding| is_slow(&finding.fault))
    );
}

#[test]
fn a_planted_hang_is_found_and_not_waited_for() {
    let began = Since::now();
    let outcome = planted(&HANGS, 200);
    assert!(began.elapsed() < Duration::from_mins(1));
    assert!(
        outcome
            .findings
            .iter()
            .any(|finding| finding.fault == Fault::Hang)
    );
}

#[test]
fn a_planted_allocation_is_found() {
    let outcome = planted(&GREEDY, 200);
    let is_large = |fault: &Fault| matches!(fault, Fault::Allocation(bytes) if *bytes > 1 << 20);
    assert!(
        outcome
            .findings
            .iter()
            .any(|finding| is_large(&finding.fault))
    );
    assert!(outcome.largest > 1 << 20);
}

#[test]
fn what_one_input_held_is_not_counted_to_the_next() {
    let outcome = planted(&MANY, 40);
    assert!(outcome.largest < 9 << 20, "{}", outcome.largest);
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let outcome = planted(&CALM, 500);
    assert_eq!(outcome.inputs, 500);
    assert!(outcome.findings.is_empty());
    assert!(outcome.largest > 0);
}

#[test]
fn every_target_holds_for_a_few_inputs() {
    for target in TARGETS {
        let plan = Plan {
            inputs: 300,
            time: None,
            seed: 9,
            workers: 2,
            bounds: Bounds::default(),
            artifacts: folder("every"),
        };
        let outcome = run(target, &plan);
        let found: Vec<_> = outcome.findings.iter().map(report::line_of).collect();
        assert!(found.is_empty(), "{found:#?}");
        assert_eq!(outcome.inputs, 300);
    }
}

#[test]
fn the_same_seed_gives_the_same_inputs_and_another_gives_others() {
    let target = &TARGETS[1];
    let seeds = corpus::seeds(target);
    let number = seeds.len() as u64;
    let make = |seed, at| mutate::input(seed, target.name, target.format, &seeds, number + at);
    for at in 0..100 {
        assert_eq!(make(1, at), make(1, at));
    }
    assert!((0..100).any(|at| make(1, at) != make(2, at)));
}

#[test]
fn inputs_are_bounded_and_some_are_long() {
    let mut lengths = Vec::new();
    for target in TARGETS {
        let seeds = corpus::seeds(target);
        let make = |at| mutate::input(3, target.name, target.format, &seeds, at).len();
        lengths.extend((0..1_000).map(make));
    }
    assert!(lengths.iter().all(|length| *length <= 1 << 20));
    let of = |most: usize| lengths.iter().filter(|length| **length <= most).count();
    assert!(of(5_000) > lengths.len() / 2);
    assert!(of(100_000) < lengths.len());
}

#[test]
fn pieces_are_all_of_the_whole() {
    let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    for seed in 0..50 {
        let mut chance = Chance::new(seed);
        assert_eq!(cut(&bytes, &mut chance).concat(), bytes);
    }
}

#[test]
fn the_command_line_is_read() {
    let read = |text: &str| {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Command::read(&words)
    };
    let Ok(Command::Run(targets, plan)) = read("--inputs 1_000_000 --seed 4 tap scrub") else {
        panic!("not read");
    };
    assert_eq!((plan.inputs, plan.seed, plan.time), (1_000_000, 4, None));
    assert_eq!(
        targets.iter().map(|target| target.name).collect::<Vec<_>>(),
        ["tap", "scrub"]
    );
    assert!(matches!(read("--help"), Ok(Command::Help)));
    assert!(matches!(read("--replay a tap"), Ok(Command::Replay(..))));
    assert_eq!(read("--replay a").unwrap_err(), Misuse::Replay);
    assert_eq!(read("--inputs x").unwrap_err(), Misuse::Number("--inputs"));
    assert_eq!(read("nothing").unwrap_err(), Misuse::Unknown);
}

#[test]
fn no_two_targets_share_a_name() {
    let mut names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TARGETS.len());
}
