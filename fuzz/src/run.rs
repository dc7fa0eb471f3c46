//! Runs one target: workers that take numbered inputs, and a watch over how long each takes.
//!
//! Invariant: which inputs a run has does not depend on how many workers there are or how quick they are, only
//! on the plan; a worker that does not come back is left behind, never waited for.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    clock::Since,
    corpus, mutate,
    targets::Target,
    watch::{self, Seen, Slot},
};

/// A target that fails this often is not run on.
const MOST_FINDINGS: usize = 10;

/// How often the watch looks.
const WATCH: Duration = Duration::from_millis(10);

/// What one input may cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Longer is a finding, when a second try takes as long.
    pub slow: Duration,
    /// Longer is a hang, and the worker is left behind.
    pub give_up: Duration,
    /// Bytes allocated at once beyond the input; more is a finding.
    pub allocation: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            slow: Duration::from_secs(1),
            give_up: Duration::from_secs(10),
            allocation: 64 << 20,
        }
    }
}

/// How a target is run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Inputs at most.
    pub inputs: u64,
    /// Time at most.
    pub time: Option<Duration>,
    /// What decides the inputs.
    pub seed: u64,
    /// Threads.
    pub workers: usize,
    /// What one input may cost.
    pub bounds: Bounds,
    /// Where inputs that fail are written.
    pub artifacts: PathBuf,
}

/// What went wrong with an input. Says where, never what the input was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A panic or a broken promise, at this place of the source.
    Panic(String),
    /// It took this long.
    Slow(Duration),
    /// It did not come to an end.
    Hang,
    /// It held so many bytes at once.
    Allocation(u64),
}

/// An input that failed.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The target's name.
    pub target: &'static str,
    /// The run's seed.
    pub seed: u64,
    /// The input's number.
    pub number: u64,
    /// What happened.
    pub fault: Fault,
    /// Where the input was written, if it could be.
    pub artifact: Option<PathBuf>,
}

/// What came of a target.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The target's name.
    pub name: &'static str,
    /// Inputs that were run.
    pub inputs: u64,
    /// How long that took.
    pub elapsed: Duration,
    /// The slowest input.
    pub slowest: Duration,
    /// The most bytes that one input held.
    pub largest: u64,
    /// What failed.
    pub findings: Vec<Finding>,
}

/// What the workers of one run share.
struct Shared {
    target: &'static Target,
    plan: Plan,
    seeds: Vec<Vec<u8>>,
    began: Since,
    next: AtomicU64,
    done: AtomicU64,
    slowest: AtomicU64,
    largest: AtomicU64,
    is_over: AtomicBool,
    findings: Mutex<Vec<Finding>>,
}

impl Shared {
    fn input(&self, number: u64) -> Vec<u8> {
        let target = self.target;
        mutate::input(
            self.plan.seed,
            target.name,
            target.format,
            &self.seeds,
            number,
        )
    }

    /// The next number, unless the run is over.
    fn take(&self) -> Option<u64> {
        let is_late = self
            .plan
            .time
            .is_some_and(|time| self.began.elapsed() > time);
        if is_late || self.is_over.load(Ordering::Relaxed) {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.plan.inputs).then_some(number)
    }

    fn note(&self, number: u64, fault: Fault) {
        let name = self.target.name;
        let seed = self.plan.seed;
        let file = format!("{name}-{seed}-{number}");
        let finding = Finding {
            target: name,
            seed,
            number,
            fault,
            artifact: write(&self.plan.artifacts, &file, &self.input(number)),
        };
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        findings.push(finding);
        if findings.len() >= MOST_FINDINGS {
            self.is_over.store(true, Ordering::Relaxed);
        }
    }

    /// Runs one input and judges it.
    fn judge(&self, number: u64) {
        let input = self.input(number);
        let mut seen = watch::watched(self.target.run, &input);
        if seen.time > self.plan.bounds.slow && seen.panic.is_none() {
            // The first run may have paid for what is made once: only what is slow twice is slow.
            let time = seen.time;
            seen = watch::watched(self.target.run, &input);
            seen.time = seen.time.min(time);
        }
        self.done.fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(seen.time.as_nanos()).unwrap_or(u64::MAX);
        self.slowest.fetch_max(nanos, Ordering::Relaxed);
        self.largest.fetch_max(seen.bytes, Ordering::Relaxed);
        if let Some(fault) = fault_of(seen, input.len(), &self.plan.bounds) {
            self.note(number, fault);
        }
    }
}

/// What is wrong with a run of an input of `length` bytes, if anything is.
fn fault_of(seen: Seen, length: usize, bounds: &Bounds) -> Option<Fault> {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    if let Some(place) = seen.panic {
        return Some(Fault::Panic(place));
    }
    if seen.time > bounds.slow {
        return Some(Fault::Slow(seen.time));
    }
    (seen.bytes > bounds.allocation.saturating_add(length)).then_some(Fault::Allocation(seen.bytes))
}

/// Runs `target` as `plan` says.
pub fn run(target: &'static Target, plan: &Plan) -> Outcome {
    watch::quiet();
    let shared = Arc::new(Shared {
        target,
        plan: plan.clone(),
        seeds: corpus::seeds(target),
        began: Since::now(),
        next: AtomicU64::new(0),
        done: AtomicU64::new(0),
        slowest: AtomicU64::new(0),
        largest: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        findings: Mutex::new(Vec::new()),
    });
    let workers = (0..plan.workers.max(1)).map(|_| start(&shared)).collect();
    watch_over(&shared, workers);
    let findings = shared
        .findings
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    Outcome {
        name: target.name,
        inputs: shared.done.load(Ordering::Relaxed),
        elapsed: shared.began.elapsed(),
        slowest: Duration::from_nanos(shared.slowest.load(Ordering::Relaxed)),
        largest: shared.largest.load(Ordering::Relaxed),
        findings: findings.clone(),
    }
}

fn start(shared: &Arc<Shared>) -> (Arc<Slot>, JoinHandle<()>) {
    let slot = Arc::new(Slot::default());
    let (theirs, shared) = (Arc::clone(&slot), Arc::clone(shared));
    let work = move || {
        watch::become_worker();
        while let Some(number) = shared.take() {
            theirs.begin(number, shared.began);
            shared.judge(number);
            theirs.end();
        }
    };
    (slot, thread::spawn(work))
}

/// Waits for the workers, but for none that hangs: that one is a finding and ends the run.
fn watch_over(shared: &Shared, mut workers: Vec<(Arc<Slot>, JoinHandle<()>)>) {
    // A slow input is tried twice.
    let give_up = shared.plan.bounds.give_up + shared.plan.bounds.slow;
    while !workers.is_empty() {
        thread::sleep(WATCH);
        workers.retain(|(slot, worker)| {
            if worker.is_finished() {
                return false;
            }
            let Some(number) = slot.longer_than(give_up, shared.began) else {
                return true;
            };
            shared.is_over.store(true, Ordering::Relaxed);
            shared.note(number, Fault::Hang);
            false
        });
    }
}

fn write(folder: &Path, file: &str, input: &[u8]) -> Option<PathBuf> {
    let path = folder.join(file);
    fs::create_dir_all(folder).ok()?;
    fs::write(&path, input).ok()?;
    Some(path)
}
