//! The strict guard between a socket and hyper.
//!
//! hyper reads HTTP/1 more kindly than our contract allows (a `Content-Length` beside
//! `Transfer-Encoding` is dropped, equal duplicates are merged, bare line feeds end lines) and
//! answers some malformed heads itself, with an empty body. So every head is judged here before
//! hyper sees it, and every body is followed to know where the next head starts.
//!
//! Invariant: bytes are handed on unchanged, one request at a time, the next one only after the
//! answer to the last; a refused head is never handed on, not in part either. In its place hyper
//! gets one request that the service knows by [`ConnState::refusal_at`], then the end.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use mirk_model::{Kind, Problem};
use tokio::{
    io::{AsyncRead, ReadBuf},
    time::Instant,
};

pub use self::{bounds::Bounds, state::ConnState};
use self::{
    bounds::too_slow,
    chunk::{ChunkScan, Fault},
    head::{Body, HeadScan},
    pace::{Alarm, Flow},
};

mod bounds;
mod chunk;
mod fields;
mod head;
mod line;
mod pace;
mod state;
mod write;

#[cfg(test)]
pub(in crate::serve) mod tests;

/// Bytes of later requests that are kept while an answer is under way; the rest waits in the socket.
const AHEAD_BYTES: usize = 64 * 1024;

/// How much of a refused head's target is kept, for the dialect of the answer.
const LONGEST_TARGET: usize = 256;
/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The first byte of a request.
    Idle,
    /// The rest of a head that began then.
    Head {
        /// When its first byte came, or the connection began.
        since: Instant,
    },
    /// The rest of a body.
    Body,
    /// The service's answer.
    Answer,
    /// Nothing more is read.
    Nothing,
}

/// Where the next byte that is handed on comes from.
#[derive(Debug)]
enum Phase {
    /// A head, as far as it has been read.
    Head(HeadScan),
    /// So many more bytes that have been judged, then the body.
    Pass(usize, Body),
    Sized(u64),
    Chunks(ChunkScan),
    /// What is left of the request that stands for a refused head.
    Refused(Vec<u8>),
    /// The body under way is broken.
    Broken,
    /// Nothing more is handed on, once the answer under way is done.
    Over,
    /// The client has gone: the answer under way is for nobody.
    Gone,
}

/// A stream whose reader sees only requests that keep every rule.
pub struct Guard<S> {
    stream: S,
    state: Arc<ConnState>,
    bounds: Arc<Bounds>,
    phase: Phase,
    /// Bytes read and not yet handed on: `stash[stashed..]`.
    stash: Vec<u8>,
    stashed: usize,
    /// When the client ended its side.
    ended_at: Option<Instant>,
    /// When the head under way began, or the connection.
    head_since: Option<Instant>,
    idle_since: Option<Instant>,
    body_flow: Flow,
    write_flow: Flow,
    alarm: Alarm,
}

/// What [`Guard::sift`] made of a run of bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Sifted {
    /// So many, at the front, are handed on.
    kept: usize,
    /// So many are done with.
    used: usize,
}

impl<S> Guard<S> {
    /// Guards `stream`.
    pub fn new(stream: S, state: Arc<ConnState>, bounds: Arc<Bounds>) -> Self {
        Self {
            stream,
            state,
            phase: Phase::Head(HeadScan::new()),
            stash: Vec::new(),
            stashed: 0,
            ended_at: None,
            head_since: Some(Instant::now()),
            idle_since: None,
            body_flow: Flow::new(bounds.body_span, bounds.body_rate),
            write_flow: Flow::new(bounds.write_span, bounds.body_rate),
            alarm: Alarm::default(),
            bounds,
        }
    }

    /// What the connection waits for.
    pub fn waiting(&self) -> Waiting {
        match &self.phase {
            Phase::Head(_) if self.state.is_answering() => Waiting::Answer,
            Phase::Head(_) => self
                .head_since
                .map_or(Waiting::Idle, |since| Waiting::Head { since }),
            Phase::Pass(..) | Phase::Sized(_) | Phase::Chunks(_) => Waiting::Body,
            Phase::Refused(_) | Phase::Broken | Phase::Over | Phase::Gone => Waiting::Nothing,
        }
    }

    fn stash_is_empty(&self) -> bool {
        self.stashed >= self.stash.len()
    }

    fn stash(&mut self, bytes: &[u8]) {
        self.stash.drain(..self.stashed);
        self.stashed = 0;
        self.stash.extend_from_slice(bytes);
    }

    fn refuse(&mut self, problem: Problem) {
        self.state.refuse(problem);
        self.state.ask();
        self.stash = Vec::new();
        self.stashed = 0;
        self.phase = Phase::Refused(self.state.refused_request());
    }

    fn break_body(&mut self, problem: Problem) {
        self.state.break_body(problem);
        self.phase = Phase::Broken;
    }

    /// Judges `bytes`, which start where the last call's used bytes ended, and moves what may be
    /// handed on to their front. Stops at the end of a request.
    fn sift(&mut self, bytes: &mut [u8]) -> Sifted {
        let mut sifted = Sifted::default();
        while sifted.used < bytes.len() {
            let rest = bytes.get_mut(sifted.used..).unwrap_or_default();
            let step = match &mut self.phase {
                Phase::Head(_) if sifted.used > 0 || self.state.is_answering() => break,
                Phase::Head(_) => {
                    if !self.read_head(rest) {
                        break;
                    }
                    Sifted::default()
                }
                Phase::Pass(left, body) => {
                    let taken = (*left).min(rest.len());
                    let (left, body) = (*left - taken, *body);
                    self.phase = after_pass(left, body);
                    Sifted {
                        kept: taken,
                        used: taken,
                    }
                }
                Phase::Sized(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left = left.saturating_sub(taken as u64);
                    if *left == 0 {
                        self.end_message();
                    }
                    Sifted {
                        kept: taken,
                        used: taken,
                    }
                }
                Phase::Chunks(scan) => {
                    let ran = scan.run(rest, self.bounds.body_bytes);
                    if ran.is_end {
                        self.end_message();
                    } else if let Some(fault) = ran.fault {
                        self.break_body(problem_of(fault));
                    }
                    Sifted {
                        kept: ran.kept,
                        used: ran.used,
                    }
                }
                Phase::Refused(_) | Phase::Broken | Phase::Over | Phase::Gone => {
                    // Whatever follows is nobody's.
                    sifted.used = bytes.len();
                    break;
                }
            };
            // Only a body's last bytes are ever fewer than came, so the kept ones stay in front.
            sifted.kept += step.kept;
            sifted.used += step.used;
        }
        sifted
    }

    /// Reads a head that starts where `bytes` do. `false` when it is not whole yet.
    fn read_head(&mut self, bytes: &[u8]) -> bool {
        let Phase::Head(scan) = &mut self.phase else {
            return false;
        };
        match scan.read(bytes, &self.bounds) {
            Ok(None) => false,
            Ok(Some(head)) => {
                self.state.ask();
                if head.is_last {
                    self.state.close_after();
                }
                self.head_since = None;
                self.idle_since = None;
                self.phase = Phase::Pass(head.length, head.body);
                true
            }
            Err(problem) => {
                self.state.name_target(target(bytes));
                self.refuse(problem);
                true
            }
        }
    }

    fn end_message(&mut self) {
        self.body_flow.clear();
        self.phase = Phase::Head(HeadScan::new());
    }

    /// Judges or hands on what the stash has, as far as `out` has room. `true` when something was
    /// done.
    fn drain_stash(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let mut stash = std::mem::take(&mut self.stash);
        let from = self.stashed;
        if matches!(self.phase, Phase::Head(_)) {
            // A head is judged as a whole, whatever room there is; the next turn hands it on.
            let is_judged = self.read_head(stash.get(from..).unwrap_or_default());
            if !matches!(self.phase, Phase::Refused(_)) {
                self.stash = stash;
            }
            return is_judged;
        }
        let ahead = stash.len().saturating_sub(from).min(out.remaining());
        let bytes = stash.get_mut(from..from + ahead).unwrap_or_default();
        let sifted = self.sift(bytes);
        out.put_slice(bytes.get(..sifted.kept).unwrap_or_default());
        let used = sifted.used;
        if from + used < stash.len() {
            self.stash = stash;
            self.stashed = from + used;
        } else {
            // An idle connection keeps no memory.
            self.stashed = 0;
        }
        used > 0
    }
}

impl<S: AsyncRead + Unpin> Guard<S> {
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        let before = out.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, out))?;
        Poll::Ready(Ok(out.filled().len().saturating_sub(before)))
    }

    /// Reads from the stream and judges in place. `true` when bytes came.
    fn poll_pull(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = out.filled().len();
        let count = match self.poll_fill(cx, out) {
            Poll::Ready(Ok(count)) => count,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return self.poll_patience(cx).map(|()| Ok(true)),
        };
        if count == 0 {
            self.ended_at = Some(Instant::now());
            return Poll::Ready(Ok(false));
        }
        self.body_flow.advance(count);
        let bytes = out.filled_mut().get_mut(before..).unwrap_or_default();
        if self.stash_is_empty() {
            let sifted = self.sift(bytes);
            self.stash(bytes.get(sifted.used..).unwrap_or_default());
            out.set_filled(before + sifted.kept);
        } else {
            self.stash(bytes);
            out.set_filled(before);
        }
        Poll::Ready(Ok(true))
    }

    /// Nothing to read: how long for? Ready once patience is over and the phase has moved on.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.waiting() {
            Waiting::Idle if self.stash_is_empty() => {
                let since = *self.idle_since.get_or_insert_with(Instant::now);
                ready!(self.alarm.poll_at(cx, since + self.bounds.idle_time));
                self.phase = Phase::Over;
            }
            Waiting::Idle => {
                self.head_since = Some(Instant::now());
                return self.poll_patience(cx);
            }
            Waiting::Head { since } => {
                ready!(self.alarm.poll_at(cx, since + self.bounds.head_time));
                if self.stash_is_empty() {
                    self.phase = Phase::Over;
                } else {
                    self.refuse(too_slow());
                }
            }
            Waiting::Body => {
                ready!(self.body_flow.poll_wait(cx, &mut self.alarm));
                self.break_body(too_slow());
            }
            Waiting::Answer | Waiting::Nothing => return Poll::Pending,
        }
        Poll::Ready(())
    }

    /// The client has ended its side and the stash has nothing that can be handed on.
    fn end(&mut self) {
        match self.phase {
            Phase::Head(_) if !self.stash_is_empty() => self.refuse(Problem::new(
                Kind::BadRequest,
                "The connection ended inside the head.",
            )),
            Phase::Pass(..) | Phase::Sized(_) | Phase::Chunks(_) => self.break_body(Problem::new(
                Kind::BadRequest,
                "The connection ended inside the body.",
            )),
            _ => self.phase = Phase::Over,
        }
    }

    /// The last request is being answered: what comes meanwhile is kept, and a client that goes
    /// away is noticed. Ready when reading can go on, or when the client has been gone too long.
    fn poll_answer(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        while self.ended_at.is_none() && self.stash.len() - self.stashed < AHEAD_BYTES {
            let Poll::Ready(count) = self.poll_fill(cx, out)? else {
                break;
            };
            if count == 0 {
                self.ended_at = Some(Instant::now());
            } else {
                self.stash(out.filled().get(before..).unwrap_or_default());
                out.set_filled(before);
            }
        }
        if self.ended_at.is_some() || !self.stash_is_empty() {
            // Nothing from the socket will wake the task then: the end of the answer must.
            self.state.hold(cx.waker());
            if !self.state.is_answering() {
                return Poll::Ready(Ok(()));
            }
        }
        if let Some(ended_at) = self.ended_at {
            let patience = ended_at + self.bounds.half_close_time;
            ready!(self.alarm.poll_at(cx, patience));
            self.phase = Phase::Gone;
            return Poll::Ready(Ok(()));
        }
        // hyper does not come back when the answer is done, only when woken. This wakes it once
        // the connection may have been idle for too long; by then an answer is over or goes on.
        let now = Instant::now();
        self.idle_since = Some(now);
        self.alarm
            .poll_at(cx, now + self.bounds.idle_time)
            .map(|()| Ok(()))
    }
}

/// What a refused head asks for, as far as it can be told: its path, for the answer's dialect.
fn target(head: &[u8]) -> &str {
    let line = head
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .next()
        .unwrap_or_default();
    let target = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    std::str::from_utf8(target.get(..LONGEST_TARGET).unwrap_or(target)).unwrap_or_default()
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        let before = out.filled().len();
        while out.filled().len() == before && out.remaining() > 0 {
            match &mut guard.phase {
                // hyper takes an end for a client that has gone and drops the answer under way.
                Phase::Over if guard.state.is_answering() => {
                    guard.state.hold(cx.waker());
                    return Poll::Pending;
                }
                Phase::Over | Phase::Gone => break,
                Phase::Broken => {
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
                Phase::Refused(request) => {
                    let count = request.len().min(out.remaining());
                    out.put_slice(request.get(..count).unwrap_or_default());
                    request.drain(..count);
                    if request.is_empty() {
                        guard.phase = Phase::Over;
                    }
                    continue;
                }
                Phase::Head(_) if guard.state.is_answering() => {
                    ready!(guard.poll_answer(cx, out))?;
                    continue;
                }
                Phase::Head(_) | Phase::Pass(..) | Phase::Sized(_) | Phase::Chunks(_) => {}
            }
            if !guard.stash_is_empty() && guard.drain_stash(out) {
                continue;
            }
            if guard.ended_at.is_some() || !ready!(guard.poll_pull(cx, out))? {
                guard.end();
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// What comes after a judged head of which `left` bytes are still to be handed on.
const fn after_pass(left: usize, body: Body) -> Phase {
    match body {
        _ if left > 0 => Phase::Pass(left, body),
        Body::Empty => Phase::Head(HeadScan::new()),
        Body::Sized(length) => Phase::Sized(length),
        Body::Chunked => Phase::Chunks(ChunkScan::new()),
    }
}

fn problem_of(fault: Fault) -> Problem {
    match fault {
        Fault::Malformed => Problem::new(Kind::BadRequest, "The chunked body is malformed."),
        Fault::TooLarge => bounds::body_too_large(),
        Fault::Trailers => Problem::new(Kind::HeadersTooLarge, "Too many trailers."),
    }
}

impl<S> fmt::Debug for Guard<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Guard")
            .field("waiting", &self.waiting())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
