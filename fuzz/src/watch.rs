//! One input under watch: whether it panics and where, how long it takes, and what it holds at once.

use std::{
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe},
    sync::{
        Once,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::clock::{Since, worked};

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
    /// Where this worker panicked last.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What one input did.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Where it panicked, if it did.
    pub(crate) panic: Option<String>,
    /// How long it worked.
    pub(crate) time: Duration,
    /// The most bytes that it held at once.
    pub(crate) bytes: u64,
}

/// Makes a worker's panic note its place and print nothing: its words may quote the input.
pub(crate) fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_WORKER.get() {
                return before(panic);
            }
            let place = panic.location().map(ToString::to_string);
            PLACE.with_borrow_mut(|kept| *kept = place.unwrap_or_default());
        }));
    });
}

/// Says that this thread runs inputs.
pub(crate) fn become_worker() {
    IS_WORKER.set(true);
}

/// Runs `run` on `input`.
pub(crate) fn watched(run: fn(&[u8]), input: &[u8]) -> Seen {
    let mut panicked = false;
    let before = worked();
    // The panic must end inside: the counter does not survive being unwound through.
    let counted = allocation_counter::measure(|| {
        panicked = panic::catch_unwind(AssertUnwindSafe(|| run(input))).is_err();
    });
    Seen {
        panic: panicked.then(|| PLACE.with_borrow(Clone::clone)),
        time: worked().saturating_sub(before),
        bytes: counted.bytes_max,
    }
}

/// What a worker is at, for the watch.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// The input's number.
    number: AtomicU64,
    /// When it began, in nanoseconds after the run's start, plus 1; 0 between two inputs.
    began: AtomicU64,
}

impl Slot {
    /// The worker begins an input.
    pub(crate) fn begin(&self, number: u64, start: Since) {
        self.number.store(number, Ordering::Relaxed);
        self.began
            .store(start.nanos().saturating_add(1), Ordering::Release);
    }

    /// The worker is done with it.
    pub(crate) fn end(&self) {
        self.began.store(0, Ordering::Release);
    }

    /// The number of the input that has been under way for longer than `time`.
    pub(crate) fn longer_than(&self, time: Duration, start: Since) -> Option<u64> {
        let began = self.began.load(Ordering::Acquire);
        let taken = start.nanos().saturating_sub(began);
        let is_long = began > 0 && Duration::from_nanos(taken) > time;
        is_long.then(|| self.number.load(Ordering::Relaxed))
    }
}
