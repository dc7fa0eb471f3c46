//! What happens when something goes wrong: the client leaves, the upstream breaks off, the key is no good.
//!
//! Comes last in a run: a gateway may hold a grudge against an upstream that failed or a peer that guessed.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::sleep;

use crate::clock;
use crate::deltas::Deltas;
use crate::failure::{Doing, Failure};
use crate::figures::{Figures, Measure};
use crate::load::{self, Load};
use crate::mock::{CountsRead, RETRY_AFTER_S};
use crate::options::Effort;
use crate::requests;
use crate::stats::real;
use crate::target::Target;
use crate::wire::{Connection, Ignore, Sink};

/// Times each fault is tried.
const TRIES: usize = 5;
/// A 429 that takes longer than this was waited out in silence.
const SILENCE_LIMIT_NS: u64 = 2_000_000_000;

/// What the mock has counted.
pub(crate) async fn counts(mock: SocketAddr) -> Result<CountsRead, Failure> {
    let mut connection = Connection::open(mock).await.doing("asking the mock")?;
    let request = format!("GET /control/counts HTTP/1.1\r\nhost: {mock}\r\n\r\n");
    let mut kept = Kept::default();
    connection
        .exchange(request.as_bytes(), &mut kept)
        .await
        .doing("asking the mock")?;
    CountsRead::of_json(&kept.0).ok_or_else(|| Failure::Setup("the mock told no counts".into()))
}

/// How long after its client left an upstream stream is ended, in ms.
pub(crate) async fn client_gone(
    target: &Target,
    mock: SocketAddr,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let request = requests::stream(target, requests::PACED);
    for _ in 0..TRIES {
        let before = counts(mock).await?;
        let mut connection = Connection::open(target.address)
            .await
            .doing("opening a connection")?;
        connection
            .begin(&request)
            .await
            .doing("beginning a stream")?;
        sleep(Duration::from_millis(100)).await;
        let left_ns = clock::now_ns();
        drop(connection);
        match noticed(mock, before.abandoned).await? {
            Some(at_ns) => {
                let after_ns = at_ns.saturating_sub(left_ns);
                figures.add(Measure::GoneMs, target.way, Some(real(after_ns) / 1e6));
            }
            None => figures.note(format!(
                "{}: kept reading for a client gone",
                target.way.name()
            )),
        }
    }
    Ok(())
}

/// When the mock saw one more stream abandoned; none when the stream played to its end instead.
async fn noticed(mock: SocketAddr, before: u64) -> Result<Option<u64>, Failure> {
    for _ in 0..250 {
        sleep(Duration::from_millis(10)).await;
        let now = counts(mock).await?;
        if now.abandoned > before {
            return Ok(Some(now.abandoned_at_ns));
        }
    }
    Ok(None)
}

/// CPU of a request with a revoked key beside one with a good key, and whether any got through.
pub(crate) async fn rejected(
    target: &Target,
    revoked_key: &str,
    (mock, effort): (SocketAddr, Effort),
    figures: &mut Figures,
) -> Result<(), Failure> {
    let load = Load {
        connections: 64,
        window: effort.window,
        pause: Duration::ZERO,
    };
    let accepted = load::run(target, &requests::chat(target), load).await?;
    figures.add(Measure::AcceptedCpuUs, target.way, accepted.cpu_us());
    let before = counts(mock).await?;
    let refused = load::run(target, &requests::chat_as(target, revoked_key), load).await?;
    let reached = counts(mock).await?.requests - before.requests;
    figures.add(Measure::RejectedCpuUs, target.way, refused.cpu_us());
    figures.add(Measure::RejectedReached, target.way, Some(real(reached)));
    let statuses: Vec<_> = refused
        .statuses
        .iter()
        .map(|(code, n)| format!("{n} x {code}"))
        .collect();
    let (name, answers) = (target.way.name(), statuses.join(", "));
    figures.note(format!(
        "{name}: a revoked key was answered {answers}; {} broke",
        refused.broken
    ));
    Ok(())
}

/// Streams the upstream breaks off: how many end as if they were whole.
pub(crate) async fn cut_off(target: &Target, figures: &mut Figures) -> Result<(), Failure> {
    let mut looks_whole = 0;
    for _ in 0..TRIES {
        let mut connection = Connection::open(target.address)
            .await
            .doing("opening a connection")?;
        let mut deltas = Deltas::default();
        let request = requests::stream(target, requests::CUT);
        // Broken off or ended with an error event: both are honest, only a terminator is not.
        drop(connection.exchange(&request, &mut deltas).await);
        looks_whole += u64::from(deltas.is_terminated);
    }
    figures.add(Measure::CutLooksWhole, target.way, Some(real(looks_whole)));
    Ok(())
}

/// An upstream's 429: whether it comes through with its Retry-After and without a silent wait.
pub(crate) async fn busy(target: &Target, figures: &mut Figures) -> Result<(), Failure> {
    let mut connection = Connection::open(target.address)
        .await
        .doing("opening a connection")?;
    let asked_ns = clock::now_ns();
    let request = requests::chat_of(target, requests::BUSY);
    let head = connection
        .exchange(&request, &mut Ignore)
        .await
        .doing("reading a 429")?;
    let is_late = clock::now_ns() - asked_ns > SILENCE_LIMIT_NS;
    let is_told = head.status == 429
        && head
            .retry_after
            .is_some_and(|s| s <= RETRY_AFTER_S && s > 0);
    if !is_told {
        let (name, status, after) = (target.way.name(), head.status, head.retry_after);
        figures.note(format!(
            "{name}: an upstream's 429 came as {status}, retry-after {after:?}"
        ));
    }
    figures.add(
        Measure::RetryAfterLost,
        target.way,
        Some(real(u64::from(is_late || !is_told))),
    );
    Ok(())
}

#[derive(Default)]
struct Kept(Vec<u8>);

impl Sink for Kept {
    fn take(&mut self, piece: &[u8], _read_at_ns: u64) {
        self.0.extend_from_slice(piece);
    }
}
