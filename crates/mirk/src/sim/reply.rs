//! An answer on its way out: status, headers, timed pieces, and how it ends.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use http::{Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::record::Turn;
use super::wire::Tricks;
use super::{Ended, Ending, Scripted};

/// How long a broken answer waits so that what was sent before reaches the client.
const FLUSH: Duration = Duration::from_millis(20);
/// How long a stalled answer stays silent.
pub(super) const STALL: Duration = Duration::from_hours(1);

/// How the end of the body is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// By the headers given, else chunked.
    Given,
    /// `content-length` of the true size.
    Known,
    /// `content-length` larger than what is sent.
    Overstated,
    /// By closing the connection.
    Closed,
}

/// What follows the last piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// The proper end.
    Whole,
    /// A reset.
    Cut,
    /// A plain close in the middle.
    Close,
    /// Silence.
    Stall,
}

/// One answer, ready to be sent.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) delay: Duration,
    pub(super) pieces: Vec<(Duration, Bytes)>,
    pub(super) framing: Framing,
    pub(super) finish: Finish,
    pub(super) early_hints: bool,
}

impl Reply {
    /// A JSON answer in one piece.
    pub(super) fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::new(
            status,
            "application/json",
            vec![Bytes::from(value.to_string())],
        )
        .framed(Framing::Known)
    }

    /// An answer with no body.
    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            delay: Duration::ZERO,
            pieces: Vec::new(),
            framing: Framing::Known,
            finish: Finish::Whole,
            early_hints: false,
        }
    }

    /// A chunked answer in the pieces given.
    pub(super) fn new(status: u16, content_type: &str, pieces: Vec<Bytes>) -> Self {
        let pieces = pieces
            .into_iter()
            .map(|piece| (Duration::ZERO, piece))
            .collect();
        Self {
            headers: vec![("content-type".into(), content_type.into())],
            pieces,
            framing: Framing::Given,
            ..Self::empty(status)
        }
    }

    /// The same with another framing.
    pub(super) fn framed(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// The same with another end.
    pub(super) fn finishing(mut self, finish: Finish) -> Self {
        self.finish = finish;
        self
    }

    /// The same with one more header.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The bytes of all pieces.
    pub(super) fn size(&self) -> usize {
        self.pieces.iter().map(|(_, piece)| piece.len()).sum()
    }
}

impl From<Scripted> for Reply {
    fn from(script: Scripted) -> Self {
        let finish = match script.ending {
            Ending::Whole => Finish::Whole,
            Ending::Cut => Finish::Cut,
            Ending::Stall => Finish::Stall,
        };
        Self {
            headers: script.headers,
            pieces: script.chunks,
            framing: Framing::Given,
            finish,
            ..Self::empty(script.status)
        }
    }
}

/// Waits the answer's delay, then hands its head and body to the server.
pub(super) async fn send(
    reply: Reply,
    turn: Turn,
    tricks: Arc<Tricks>,
) -> Result<Response<ReplyBody>, Infallible> {
    if !reply.delay.is_zero() {
        tokio::time::sleep(reply.delay).await;
    }
    if reply.early_hints {
        tricks.write_before(b"HTTP/1.1 103 Early Hints\r\nlink: </sim>; rel=preload\r\n\r\n");
    }
    let mut response = Response::new(());
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &reply.headers {
        let parsed = (name.parse::<HeaderName>(), HeaderValue::from_str(value));
        if let (Ok(name), Ok(value)) = parsed {
            response.headers_mut().append(name, value);
        }
    }
    let length = match reply.framing {
        Framing::Known => Some(reply.size()),
        Framing::Overstated => Some(reply.size().saturating_add(100)),
        Framing::Given => None,
        Framing::Closed => {
            *response.version_mut() = Version::HTTP_10;
            tricks.say_new_version();
            None
        }
    };
    if let Some(length) = length {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(response.map(|()| ReplyBody::new(reply.pieces, reply.finish, turn, tricks)))
}

/// The body of an answer: each piece after its pause, then the end it was given.
#[derive(Debug)]
pub(super) struct ReplyBody {
    pieces: VecDeque<(Duration, Bytes)>,
    finish: Finish,
    pause: Option<Pin<Box<Sleep>>>,
    turn: Turn,
    tricks: Arc<Tricks>,
}

impl ReplyBody {
    fn new(
        pieces: Vec<(Duration, Bytes)>,
        finish: Finish,
        mut turn: Turn,
        tricks: Arc<Tricks>,
    ) -> Self {
        if pieces.is_empty() && finish == Finish::Whole {
            turn.end(Ended::Whole);
        }
        Self {
            pieces: pieces.into(),
            finish,
            pause: None,
            turn,
            tricks,
        }
    }

    /// The pause before the next step, armed once.
    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.pause.is_none() {
            let wait = match (self.pieces.front(), self.finish) {
                (Some((wait, _)), _) => *wait,
                (None, Finish::Whole) => Duration::ZERO,
                (None, Finish::Cut | Finish::Close) => FLUSH,
                (None, Finish::Stall) => STALL,
            };
            if wait.is_zero() {
                return Poll::Ready(());
            }
            self.pause = Some(Box::pin(tokio::time::sleep(wait)));
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
        }
        self.pause = None;
        Poll::Ready(())
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        ready!(self.poll_pause(context));
        if let Some((_, piece)) = self.pieces.pop_front() {
            if self.pieces.is_empty() && self.finish == Finish::Whole {
                // With a known length the server need not ask again, so the end is here.
                self.turn.end(Ended::Whole);
            }
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if self.finish == Finish::Whole {
            return Poll::Ready(None);
        }
        if self.finish != Finish::Close {
            self.tricks.reset_at_end();
        }
        self.turn.end(Ended::Cut);
        Poll::Ready(Some(Err(std::io::Error::other(
            "the answer was broken off on purpose",
        ))))
    }

    fn size_hint(&self) -> SizeHint {
        // Unknown on purpose: the framing is decided by the headers alone.
        SizeHint::new()
    }
}
