//! The writer's inbox: bounded, and the only thing that callers and the writer share.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    db::{Answer, Batch, DbError, Migration},
    ledger_writer::Wake,
};

/// Jobs that may wait. Beyond this the answer is [`DbError::Busy`] at once.
const MOST_JOBS: usize = 4_096;

/// What one group may hold.
const GROUP_BATCHES: usize = 64;
const GROUP_STATEMENTS: usize = 512;

/// How long ledger rows may wait for company.
const GATHER: Duration = Duration::from_millis(50);

/// How often the writer looks around when there is nothing to do.
const TICK: Duration = Duration::from_millis(500);

/// Told how it went.
pub(super) type Done = Box<dyn FnOnce(Result<(), DbError>) + Send>;

pub(super) enum Job {
    Apply(Batch, Answer),
    Migrate(Vec<Migration>, Done),
    /// Answered when no ledger row waits.
    Flush(Done),
}

impl Job {
    pub(super) fn refuse(self, error: DbError) {
        match self {
            Self::Apply(_, answer) => answer(Err(error)),
            Self::Migrate(_, done) | Self::Flush(done) => done(Err(error)),
        }
    }

    fn statements(&self) -> usize {
        match self {
            Self::Apply(batch, _) => batch.statements.len() + batch.audit.len(),
            Self::Migrate(..) | Self::Flush(_) => 1,
        }
    }
}

/// What to do next.
pub(super) enum Round {
    /// Do these, and take the ledger rows along.
    Work(Vec<Job>),
    /// Nothing came for a while.
    Idle,
    /// Nothing is left and nothing will come.
    Close,
}

struct State {
    jobs: VecDeque<Job>,
    ledger: Wake,
    is_closing: bool,
}

pub(super) struct Inbox {
    state: Mutex<State>,
    wake: Condvar,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                ledger: Wake::No,
                is_closing: false,
            }),
            wake: Condvar::new(),
        }
    }
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, job: Job) {
        let mut state = self.state();
        let refusal = if state.is_closing {
            DbError::Closed
        } else if state.jobs.len() >= MOST_JOBS {
            DbError::Busy
        } else {
            state.jobs.push_back(job);
            drop(state);
            self.wake.notify_one();
            return;
        };
        drop(state);
        job.refuse(refusal);
    }

    /// Ledger rows wait. The more urgent of two calls counts.
    pub(super) fn ledger_due(&self, wake: Wake) {
        let mut state = self.state();
        if state.ledger != Wake::Now {
            state.ledger = wake;
        }
        drop(state);
        self.wake.notify_one();
    }

    pub(super) fn close(&self) {
        self.state().is_closing = true;
        self.wake.notify_one();
    }

    /// Refuses what waits. Each of it waited for as long as the job before it took to fail.
    pub(super) fn refuse_all(&self, error: DbError) {
        let jobs = std::mem::take(&mut self.state().jobs);
        for job in jobs {
            job.refuse(error);
        }
    }

    /// Waits for work. A job is taken at once; ledger rows alone wait for company first. When the
    /// last group failed, rows alone wait for the next tick.
    pub(super) fn next(&self, has_failed: bool) -> Round {
        let mut state = self.state();
        let is_quiet = |state: &mut State| state.jobs.is_empty() && !state.is_closing;
        state = self
            .wake
            .wait_timeout_while(state, TICK, |state| {
                is_quiet(state) && (has_failed || state.ledger == Wake::No)
            })
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        if is_quiet(&mut state) && state.ledger == Wake::Soon && !has_failed {
            state = self
                .wake
                .wait_timeout_while(state, GATHER, |state| {
                    is_quiet(state) && state.ledger != Wake::Now
                })
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let ledger = std::mem::replace(&mut state.ledger, Wake::No);
        if !state.jobs.is_empty() {
            return Round::Work(group(&mut state.jobs));
        }
        if state.is_closing {
            Round::Close
        } else if ledger != Wake::No {
            Round::Work(Vec::new())
        } else {
            Round::Idle
        }
    }
}

/// Takes one group from the front.
fn group(jobs: &mut VecDeque<Job>) -> Vec<Job> {
    let mut statements = 0;
    let mut taken = Vec::new();
    while let Some(job) = jobs.pop_front() {
        statements += job.statements();
        taken.push(job);
        if taken.len() >= GROUP_BATCHES || statements >= GROUP_STATEMENTS {
            break;
        }
    }
    taken
}
