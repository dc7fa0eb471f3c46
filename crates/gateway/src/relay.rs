//! The answer on its way to the client: the provider's bytes, counted as they pass.
//!
//! Invariant: a stream that the upstream broke off never ends as if it were whole. It gets the
//! dialect's error event, and then the connection is aborted.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use mirk_dialect::{
    bridge::Stream,
    problem::{error_event, keep_alive},
    tap::{Tap, Tapped},
};
use mirk_model::{Clock, Dialect, Kind, Operation, Outcome, Problem};
use tokio::{sync::futures::OwnedNotified, time::Sleep};

use crate::{egress::UpstreamBody, limits::KeyLife, meter::Meter};

/// How long a stream may be silent before the client is told that it still lives. Clients show
/// warnings after about 20 s and intermediaries cut at 60 s.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long an error event may take to be written before the connection is aborted: what a client
/// has not read by then is lost. One that reads at all reads what is under way in less.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What a relay needs to know about the request it answers.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) operation: Operation,
    /// Whether a stream was asked for, so that the answer must say itself that it is whole.
    pub(crate) is_stream: bool,
    /// Whether the answer is made of events or lines, between which Mirk can say something; a
    /// JSON document has no room for that.
    pub(crate) has_room: bool,
    /// Whether only the end of the connection marks the end of the body.
    pub(crate) is_close_delimited: bool,
    pub(crate) request_id: String,
    pub(crate) idle: Duration,
    /// When the key expires, on the clock that never goes back.
    pub(crate) expires: Option<u64>,
}

/// One answer being relayed.
pub(crate) struct Relay {
    upstream: Option<UpstreamBody>,
    /// What was read of the answer before it was chosen.
    ahead: Option<Bytes>,
    tap: Tap,
    /// From the provider's dialect to the client's, where they differ, and what it made last.
    translation: Option<Box<Stream>>,
    out: Vec<u8>,
    meter: Option<Meter>,
    leg: Leg,
    life: Arc<KeyLife>,
    revocation: Option<Pin<Box<OwnedNotified>>>,
    clock: Arc<dyn Clock>,
    timer: Option<Pin<Box<Sleep>>>,
    /// When the upstream last sent an event, and when the client was last sent a byte.
    heard: u64,
    said: u64,
    events: u64,
    said_last: Tail,
    end: End,
}

/// The last bytes that the client was sent.
#[derive(Clone, Copy, Debug)]
struct Tail([u8; 4]);

impl Tail {
    /// Nothing was sent yet, which is as good as whole events.
    const START: Self = Self(*b"\n\n\n\n");

    fn push(&mut self, piece: &[u8]) {
        for byte in piece.get(piece.len().saturating_sub(4)..).unwrap_or(piece) {
            self.0.rotate_left(1);
            if let Some(last) = self.0.last_mut() {
                *last = *byte;
            }
        }
    }

    /// Whether whole events only were sent. Lines end in CR, LF or both; a blank one ends an event.
    fn ends_event(self) -> bool {
        let all = self.0.as_slice();
        let line = all
            .strip_suffix(b"\n")
            .map(|rest| rest.strip_suffix(b"\r").unwrap_or(rest));
        let line = line.or_else(|| all.strip_suffix(b"\r"));
        line.is_some_and(|line| line.ends_with(b"\n") || line.ends_with(b"\r"))
    }

    /// What must come before an event of our own, lest it becomes a part of a broken one.
    fn gap(self, is_lines: bool) -> &'static [u8] {
        match (is_lines, self.0.ends_with(b"\n")) {
            (true, true) => b"",
            (true, false) => b"\n",
            (false, _) if self.ends_event() => b"",
            (false, _) => b"\n\n",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Running,
    /// The error event was handed on; it gets until the timer to be written, then the abort.
    Flushing,
    Done,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Relay")
            .field("leg", &self.leg)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

/// The answer broke off; the client's connection must not end as if it were whole.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer broke off")]
pub struct BrokenOff;

impl Relay {
    pub(crate) fn new(
        upstream: UpstreamBody,
        tap: Tap,
        meter: Meter,
        leg: Leg,
        (life, clock): (Arc<KeyLife>, Arc<dyn Clock>),
    ) -> Self {
        let now = clock.mono();
        Self {
            upstream: Some(upstream),
            ahead: None,
            tap,
            translation: None,
            out: Vec::new(),
            meter: Some(meter),
            leg,
            life,
            revocation: None,
            clock,
            timer: None,
            heard: now,
            said: now,
            events: 0,
            said_last: Tail::START,
            end: End::Running,
        }
    }

    /// Has the answer translated on its way.
    pub(crate) fn translate(&mut self, stream: Option<Stream>) {
        self.translation = stream.map(Box::new);
    }

    /// Whether a stream was asked for.
    pub(crate) const fn is_stream(&self) -> bool {
        self.leg.is_stream
    }

    /// Reads until the first event is whole, so that an attempt can be judged by it. What was
    /// read is handed on first. Gives whether the first event is an error, or the upstream broke.
    pub(crate) async fn peek(&mut self) -> bool {
        const MOST: usize = 64 * 1024;
        let mut read = Vec::new();
        loop {
            let Some(upstream) = &mut self.upstream else {
                return false;
            };
            match std::future::poll_fn(|cx| upstream.poll_piece(cx)).await {
                Some(Ok(piece)) => {
                    if self.tap.feed(&piece).is_err() {
                        return true;
                    }
                    if read.is_empty() && self.tap.first_event_complete() {
                        self.ahead = Some(piece);
                        return self.tap.error_in_band();
                    }
                    read.extend_from_slice(&piece);
                    if self.tap.first_event_complete() || read.len() > MOST {
                        self.ahead = Some(read.into());
                        return self.tap.error_in_band();
                    }
                }
                Some(Err(_broken)) => return true,
                None => {
                    self.ahead = Some(read.into());
                    return self.tap.error_in_band() || !self.tap.first_event_complete();
                }
            }
        }
    }

    /// What [`Relay::peek`] read.
    pub(crate) fn peeked(&self) -> &[u8] {
        self.ahead.as_deref().unwrap_or_default()
    }

    /// Gives the meter back, for the next attempt.
    pub(crate) fn into_meter(mut self) -> Option<Meter> {
        self.meter.take()
    }

    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        match self.end {
            End::Running => {}
            End::Flushing => {
                if let Some(timer) = &mut self.timer {
                    ready!(timer.as_mut().poll(cx));
                }
                self.end = End::Done;
                return Poll::Ready(Some(Err(BrokenOff)));
            }
            End::Done => return Poll::Ready(None),
        }
        if self.is_revoked(cx) {
            return self.revoke("The API key was revoked or expired; the stream ends here.");
        }
        if let Some(ahead) = self.ahead.take().filter(|ahead| !ahead.is_empty())
            && let Some(passed) = self.pass(ahead)
        {
            return passed;
        }
        loop {
            let Some(upstream) = &mut self.upstream else {
                return Poll::Ready(None);
            };
            match upstream.poll_piece(cx) {
                Poll::Ready(Some(Ok(piece))) => {
                    if self.tap.feed(&piece).is_err() {
                        return self.cut();
                    }
                    if let Some(passed) = self.pass(piece) {
                        return passed;
                    }
                }
                Poll::Ready(Some(Err(_broken))) => return self.cut(),
                Poll::Ready(None) => return self.end(),
                Poll::Pending => return self.wait(cx),
            }
        }
    }

    /// Passes a piece on, as it is or translated; nothing where a piece of a translation is still
    /// a part of something.
    fn pass(&mut self, piece: Bytes) -> Option<Poll<Option<Result<Bytes, BrokenOff>>>> {
        let Some(translation) = &mut self.translation else {
            return Some(Poll::Ready(Some(Ok(self.hand_on(piece)))));
        };
        let fed = translation.feed(&piece, &mut self.out);
        if let Err(malformed) = fed {
            let tapped = self.tapped();
            return Some(self.break_off(Outcome::Incomplete, &malformed.into(), &tapped));
        }
        if self.out.is_empty() {
            // Heard all the same: a part of an event is a sign of life.
            self.events = self.tap.events();
            self.heard = self.clock.mono();
            return None;
        }
        let out = Bytes::from(std::mem::take(&mut self.out));
        Some(Poll::Ready(Some(Ok(self.hand_on(out)))))
    }

    fn hand_on(&mut self, piece: Bytes) -> Bytes {
        self.said_last.push(&piece);
        let now = self.clock.mono();
        self.said = now;
        // A comment in an event stream is not an event; elsewhere there are none.
        let has_comments = self.leg.has_room && self.leg.operation.dialect() != Dialect::Ollama;
        if self.tap.events() != self.events || !has_comments {
            self.events = self.tap.events();
            self.heard = now;
        }
        if let Some(meter) = &mut self.meter {
            meter.first_byte();
            meter.answered = (self.tap.events(), self.tap.output_bytes());
        }
        piece
    }

    fn is_revoked(&mut self, cx: &mut Context<'_>) -> bool {
        let life = &self.life;
        let revocation = self
            .revocation
            .get_or_insert_with(|| Box::pin(life.revocation()));
        // Polled first, so that a revocation from here on wakes this task.
        let woken = revocation.as_mut().poll(cx).is_ready();
        if self
            .leg
            .expires
            .is_some_and(|expires| self.clock.mono() >= expires)
        {
            self.life.revoke();
        }
        woken || self.life.is_revoked()
    }

    /// The upstream ended its body: whole, or only seemingly so.
    fn end(&mut self) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let tapped = self.tapped();
        let mut has_failed = tapped.error_in_band;
        let mut is_whole = tapped.terminal;
        if let Some(translation) = &mut self.translation {
            if let Err(malformed) = translation.finish(&mut self.out) {
                return self.break_off(Outcome::Incomplete, &malformed.into(), &tapped);
            }
            has_failed |= translation.has_failed();
            is_whole = translation.has_ended();
        }
        if (self.leg.is_stream || self.leg.is_close_delimited) && !is_whole && !has_failed {
            return self.break_off(Outcome::Incomplete, &cut(), &tapped);
        }
        self.end = End::Done;
        self.upstream = None;
        if let Some(meter) = self.meter.take() {
            let outcome = if has_failed {
                Outcome::Failed
            } else {
                Outcome::Ok
            };
            meter.finish(outcome, &tapped);
        }
        Poll::Ready(if self.out.is_empty() {
            None
        } else {
            Some(Ok(Bytes::from(std::mem::take(&mut self.out))))
        })
    }

    /// What passed, as the tap has it. Called once, at the end.
    fn tapped(&mut self) -> Tapped {
        let spent = Tap::new(self.leg.operation, false, "");
        std::mem::replace(&mut self.tap, spent).finish()
    }

    fn cut(&mut self) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let tapped = self.tapped();
        self.break_off(Outcome::Incomplete, &cut(), &tapped)
    }

    /// Ends the answer so that nobody can take it for whole.
    fn break_off(
        &mut self,
        outcome: Outcome,
        problem: &Problem,
        tapped: &Tapped,
    ) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        self.upstream = None;
        if let Some(meter) = self.meter.take() {
            meter.finish(outcome, tapped);
        }
        if !self.leg.has_room {
            self.end = End::Done;
            return Poll::Ready(Some(Err(BrokenOff)));
        }
        self.end = End::Flushing;
        self.timer = Some(Box::pin(tokio::time::sleep(LAST_WORDS)));
        let operation = self.leg.operation;
        if let Some(translation) = &mut self.translation {
            // Writers write whole events only, so there is no gap to fill.
            translation.fail(problem, &mut self.out);
            let out = std::mem::take(&mut self.out);
            return Poll::Ready(Some(Ok(out.into())));
        }
        let gap = self.said_last.gap(operation.dialect() == Dialect::Ollama);
        let event = error_event(operation, problem, &self.leg.request_id);
        Poll::Ready(Some(Ok(if gap.is_empty() {
            event
        } else {
            [gap, &event].concat().into()
        })))
    }

    /// The key is dead: so is what it has under way.
    fn revoke(&mut self, words: &'static str) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let tapped = self.tapped();
        self.break_off(
            Outcome::Revoked,
            &Problem::new(Kind::Unauthorized, words),
            &tapped,
        )
    }

    /// Nothing to hand on now: keep the client waiting politely, but not for ever.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        loop {
            if let Some(timer) = &mut self.timer {
                ready!(timer.as_mut().poll(cx));
            }
            let now = self.clock.mono();
            if self.leg.expires.is_some_and(|expires| now >= expires) {
                self.life.revoke();
                return self.revoke("The API key expired; the stream ends here.");
            }
            let idle_left = self.leg.idle.checked_sub(since(self.heard, now));
            let Some(idle_left) = idle_left.filter(|left| !left.is_zero()) else {
                let words = "The provider fell silent in the middle of its answer.";
                let tapped = self.tapped();
                return self.break_off(
                    Outcome::Incomplete,
                    &Problem::new(Kind::UpstreamTimeout, words),
                    &tapped,
                );
            };
            let ping = keep_alive(self.leg.operation.dialect());
            let mut wait = idle_left;
            if self.leg.has_room && !ping.is_empty() {
                let quiet = since(self.said, now);
                if quiet >= KEEP_ALIVE && self.said_last.ends_event() {
                    self.said = now;
                    self.timer = None;
                    return Poll::Ready(Some(Ok(Bytes::from_static(ping))));
                }
                wait = wait.min(KEEP_ALIVE.saturating_sub(quiet).max(Duration::from_secs(1)));
            }
            if let Some(expires) = self.leg.expires {
                wait = wait.min(Duration::from_nanos(expires.saturating_sub(now)));
            }
            self.timer = Some(Box::pin(tokio::time::sleep(wait)));
        }
    }
}

fn cut() -> Problem {
    Problem::new(
        Kind::UpstreamUnreachable,
        "The provider broke off in the middle of its answer.",
    )
}

fn since(then: u64, now: u64) -> Duration {
    Duration::from_nanos(now.saturating_sub(then))
}
