//! Closed-loop load: so many connections, each asking again as soon as it has its answer.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Barrier, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clock;
use crate::failure::{Doing, Failure};
use crate::process::CpuReading;
use crate::requests::Ready;
use crate::stats::{percentile, real, share};
use crate::target::Target;
use crate::wire::{Connection, Ignore};

/// Past its window a load may take this long to finish what it has begun.
const GRACE: Duration = Duration::from_secs(30);

/// How hard to push.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Connections, all kept alive.
    pub(crate) connections: usize,
    /// How long new requests are begun.
    pub(crate) window: Duration,
    /// Pause before each request; zero for a closed loop.
    pub(crate) pause: Duration,
}

impl Load {
    /// When a connection begins: spread over one pause, so that they do not all ask in the same instant.
    fn offset(&self, index: usize) -> Duration {
        let (turn, turns) = (u32::try_from(index), u32::try_from(self.connections));
        self.pause * turn.unwrap_or(0) / turns.unwrap_or(1).max(1)
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Answers by status code.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Connections that broke.
    pub(crate) broken: u64,
    latencies_ns: Vec<u64>,
    elapsed_ns: u64,
    cpu_ns: Option<u64>,
}

impl Outcome {
    /// Answers of any status.
    pub(crate) fn answers(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Answers with another status than this, and connections that broke.
    pub(crate) fn unexpected(&self, status: u16) -> u64 {
        self.answers() - self.statuses.get(&status).copied().unwrap_or(0) + self.broken
    }

    /// Answers per second.
    pub(crate) fn rate(&self) -> Option<f64> {
        share(real(self.answers()) * 1e9, real(self.elapsed_ns))
    }

    /// The gateway's CPU per answer in microseconds.
    pub(crate) fn cpu_us(&self) -> Option<f64> {
        share(real(self.cpu_ns?) / 1e3, real(self.answers()))
    }

    /// Share of the time in which the gateway's core was at work.
    pub(crate) fn busy(&self) -> Option<f64> {
        share(real(self.cpu_ns?), real(self.elapsed_ns))
    }

    /// Latency in microseconds at so many thousandths.
    pub(crate) fn latency_us(&self, per_mille: usize) -> Option<f64> {
        percentile(&self.latencies_ns, per_mille).map(|ns| ns / 1e3)
    }
}

/// Runs the load. Every connection is opened and used once before the clock and the CPU count start.
pub(crate) async fn run(target: &Target, request: &Ready, load: Load) -> Result<Outcome, Failure> {
    let ready = Arc::new(Barrier::new(load.connections + 1));
    let (go, gone) = watch::channel(0);
    let mut workers = JoinSet::new();
    for index in 0..load.connections {
        let start = Start {
            ready: Arc::clone(&ready),
            go: gone.clone(),
        };
        let waits = (load.offset(index), load.pause);
        workers.spawn(worker(target.address, Arc::clone(request), start, waits));
    }
    let patience = load.window + GRACE;
    timeout(GRACE, ready.wait())
        .await
        .map_err(io::Error::from)
        .doing("opening connections")?;
    let before = cpu(target);
    let started_ns = clock::now_ns();
    let window_ns = u64::try_from(load.window.as_nanos()).unwrap_or(u64::MAX);
    go.send_replace(started_ns + window_ns);
    let joined = timeout(patience, workers.join_all()).await;
    let tallies = joined
        .map_err(io::Error::from)
        .doing("waiting for answers")?;
    let elapsed_ns = clock::now_ns() - started_ns;
    let cpu_ns = before
        .zip(cpu(target))
        .map(|(before, after)| before.until(&after));
    let mut outcome = Outcome {
        elapsed_ns,
        cpu_ns,
        ..Outcome::default()
    };
    for tally in tallies {
        outcome.broken += tally.broken;
        outcome.latencies_ns.extend(tally.latencies_ns);
        for (status, count) in tally.statuses {
            *outcome.statuses.entry(status).or_default() += count;
        }
    }
    outcome.latencies_ns.sort_unstable();
    Ok(outcome)
}

/// The gateway's CPU reading; none when there is no gateway.
pub(crate) fn cpu(target: &Target) -> Option<CpuReading> {
    Some(target.process.as_ref()?.cpu())
}

/// How the workers of a load begin together.
pub(crate) struct Start {
    /// Reached by each worker once it is warm, and by whoever counts.
    pub(crate) ready: Arc<Barrier>,
    /// Zero, then the monotonic time in ns after which nothing new is begun.
    pub(crate) go: watch::Receiver<u64>,
}

impl Start {
    /// Waits for the others; the deadline.
    pub(crate) async fn deadline(mut self) -> u64 {
        self.ready.wait().await;
        self.go
            .wait_for(|deadline| *deadline > 0)
            .await
            .map_or(0, |deadline| *deadline)
    }
}

#[derive(Default)]
struct Tally {
    statuses: BTreeMap<u16, u64>,
    broken: u64,
    latencies_ns: Vec<u64>,
}

async fn worker(
    address: SocketAddr,
    request: Ready,
    start: Start,
    (offset, pause): (Duration, Duration),
) -> Tally {
    let mut tally = Tally::default();
    let warm = warm_connection(address, &request).await;
    let deadline_ns = start.deadline().await;
    let Ok(mut connection) = warm else {
        tally.broken = 1;
        return tally;
    };
    if !offset.is_zero() {
        sleep(offset).await;
    }
    loop {
        if !pause.is_zero() {
            sleep(pause).await;
        }
        let asked_ns = clock::now_ns();
        if asked_ns >= deadline_ns {
            return tally;
        }
        if let Ok(head) = connection.exchange(&request, &mut Ignore).await {
            tally.latencies_ns.push(clock::now_ns() - asked_ns);
            *tally.statuses.entry(head.status).or_default() += 1;
        } else {
            tally.broken += 1;
            let Ok(again) = Connection::open(address).await else {
                return tally;
            };
            connection = again;
        }
    }
}

async fn warm_connection(address: SocketAddr, request: &[u8]) -> io::Result<Connection> {
    let mut connection = Connection::open(address).await?;
    connection.exchange(request, &mut Ignore).await?;
    Ok(connection)
}
