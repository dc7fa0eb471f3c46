//! Streamed load: time to the first event, many streams at once, a thousand held open.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Barrier, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clock;
use crate::deltas::Deltas;
use crate::failure::{Doing, Failure};
use crate::load::{Start, cpu};
use crate::requests::Ready;
use crate::stats::{percentile, real, share};
use crate::target::Target;
use crate::wire::{Connection, Sink};

/// Past its window a load of streams may take this long to finish what it has begun.
const GRACE: Duration = Duration::from_mins(1);

/// What came of a load of streams.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Streams that arrived whole.
    pub(crate) whole: u64,
    /// Streams that did not.
    pub(crate) broken: u64,
    ages_ns: Vec<u64>,
    elapsed_ns: u64,
    cpu_ns: Option<u64>,
}

impl Outcome {
    /// Events per second.
    pub(crate) fn rate(&self) -> Option<f64> {
        share(real(self.events()) * 1e9, real(self.elapsed_ns))
    }

    /// The gateway's CPU per event in microseconds.
    pub(crate) fn cpu_us(&self) -> Option<f64> {
        share(real(self.cpu_ns?) / 1e3, real(self.events()))
    }

    /// Share of the time in which the gateway's core was at work.
    pub(crate) fn busy(&self) -> Option<f64> {
        share(real(self.cpu_ns?), real(self.elapsed_ns))
    }

    /// Age of a delta in microseconds at so many thousandths.
    pub(crate) fn age_us(&self, per_mille: usize) -> Option<f64> {
        percentile(&self.ages_ns, per_mille).map(|ns| ns / 1e3)
    }

    fn events(&self) -> u64 {
        u64::try_from(self.ages_ns.len()).unwrap_or(0)
    }

    fn add(&mut self, deltas: Deltas, events: usize) {
        if deltas.is_whole(events) {
            self.whole += 1;
        } else {
            self.broken += 1;
        }
        self.ages_ns.extend(deltas.ages_ns);
    }
}

/// So many streams at once, each of so many events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd {
    /// Streams at once.
    pub(crate) streams: usize,
    /// Events expected in each.
    pub(crate) events: usize,
    /// How long finished streams are begun anew; zero for one each.
    pub(crate) window: Duration,
    /// Begin spread over this time, so that paced streams do not beat together.
    pub(crate) spread: Duration,
}

/// Time from request to first event in ns, sorted: streams one after the other on one connection.
pub(crate) async fn first_events(
    target: &Target,
    request: &[u8],
    count: usize,
) -> Result<Vec<u64>, Failure> {
    let mut connection = Connection::open(target.address)
        .await
        .doing("opening a connection")?;
    let mut times_ns = Vec::with_capacity(count);
    for _ in 0..count {
        let asked_ns = clock::now_ns();
        let mut deltas = Deltas::default();
        connection
            .exchange(request, &mut deltas)
            .await
            .doing("reading a stream")?;
        times_ns.extend(deltas.first_ns.map(|first_ns| first_ns - asked_ns));
    }
    times_ns.sort_unstable();
    Ok(times_ns)
}

/// Runs the crowd. Connections are opened before the clock and the CPU count start.
pub(crate) async fn run(
    target: &Target,
    request: &Ready,
    crowd: Crowd,
) -> Result<Outcome, Failure> {
    let ready = Arc::new(Barrier::new(crowd.streams + 1));
    let (go, gone) = watch::channel(0);
    let mut workers = JoinSet::new();
    for index in 0..crowd.streams {
        let start = Start {
            ready: Arc::clone(&ready),
            go: gone.clone(),
        };
        let turn = u32::try_from(index).unwrap_or(0);
        let wait = crowd.spread * turn / u32::try_from(crowd.streams).unwrap_or(1);
        workers.spawn(worker(
            target.address,
            Arc::clone(request),
            start,
            (wait, crowd.events),
        ));
    }
    timeout(GRACE, ready.wait())
        .await
        .map_err(io::Error::from)
        .doing("opening connections")?;
    let before = cpu(target);
    let started_ns = clock::now_ns();
    let window_ns = u64::try_from(crowd.window.as_nanos()).unwrap_or(u64::MAX);
    go.send_replace(started_ns + window_ns);
    let joined = timeout(crowd.window + GRACE, workers.join_all()).await;
    let parts = joined
        .map_err(io::Error::from)
        .doing("waiting for streams")?;
    let elapsed_ns = clock::now_ns() - started_ns;
    let cpu_ns = before
        .zip(cpu(target))
        .map(|(before, after)| before.until(&after));
    let mut outcome = Outcome {
        elapsed_ns,
        cpu_ns,
        ..Outcome::default()
    };
    for part in parts {
        outcome.whole += part.whole;
        outcome.broken += part.broken;
        outcome.ages_ns.extend(part.ages_ns);
    }
    outcome.ages_ns.sort_unstable();
    Ok(outcome)
}

async fn worker(
    address: SocketAddr,
    request: Ready,
    start: Start,
    (wait, events): (Duration, usize),
) -> Outcome {
    let mut outcome = Outcome::default();
    let opened = Connection::open(address).await;
    let deadline_ns = start.deadline().await;
    sleep(wait).await;
    let Ok(mut connection) = opened else {
        outcome.broken = 1;
        return outcome;
    };
    loop {
        let mut deltas = Deltas::default();
        let read = connection.exchange(&request, &mut deltas).await;
        outcome.add(deltas, events);
        if read.is_err() || clock::now_ns() >= deadline_ns {
            return outcome;
        }
    }
}

/// A thousand open streams, seen from the gateway's memory.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Resident memory in kB with all streams open and moving.
    pub(crate) open_kb: Option<u64>,
    /// Streams that gave an event before the memory was read.
    pub(crate) started: usize,
    /// Streams that arrived whole in the end.
    pub(crate) whole: usize,
}

/// Opens `count` streams, reads the gateway's memory while they are all open, and lets them end.
pub(crate) async fn hold(
    target: &Target,
    request: &Ready,
    count: usize,
    events: usize,
) -> Result<Held, Failure> {
    let started = Arc::new(AtomicUsize::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..count {
        let (request, started) = (Arc::clone(request), Arc::clone(&started));
        readers.spawn(held_stream(target.address, request, started, events));
        // A thousand connections in one instant would measure the listen queue.
        if readers.len() % 20 == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    }
    for _ in 0..40 {
        if started.load(Ordering::Relaxed) == count {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    sleep(Duration::from_secs(2)).await;
    let (open_kb, seen) = (target.resident_kb(), started.load(Ordering::Relaxed));
    let ended = timeout(GRACE, readers.join_all())
        .await
        .map_err(io::Error::from);
    let whole = ended
        .doing("waiting for held streams")?
        .into_iter()
        .filter(|it| *it)
        .count();
    Ok(Held {
        open_kb,
        started: seen,
        whole,
    })
}

async fn held_stream(
    address: SocketAddr,
    request: Ready,
    started: Arc<AtomicUsize>,
    events: usize,
) -> bool {
    let mut watched = Watched {
        deltas: Deltas::default(),
        started,
    };
    let Ok(mut connection) = Connection::open(address).await else {
        return false;
    };
    connection.exchange(&request, &mut watched).await.is_ok() && watched.deltas.is_whole(events)
}

/// Tells when the first event has arrived.
struct Watched {
    deltas: Deltas,
    started: Arc<AtomicUsize>,
}

impl Sink for Watched {
    fn take(&mut self, piece: &[u8], read_at_ns: u64) {
        let had_first = self.deltas.first_ns.is_some();
        self.deltas.take(piece, read_at_ns);
        if !had_first && self.deltas.first_ns.is_some() {
            self.started.fetch_add(1, Ordering::Relaxed);
        }
    }
}
