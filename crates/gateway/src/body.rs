//! The body of Mirk's answers.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use mirk_dialect::problem::{error_event, keep_alive};
use mirk_model::{Operation, Problem};
use tokio::time::Sleep;

use crate::{
    attempt::Attempted,
    relay::{BrokenOff, KEEP_ALIVE, Relay},
};

/// A body: nothing, known bytes, an answer being relayed, or one still being waited for.
#[derive(Debug)]
pub struct Body(Inner);

enum Inner {
    Whole(Option<Bytes>),
    Relay(Box<Relay>),
    Waiting(Box<Waiting>),
    /// An error event was handed on; it is given one turn to be written before the abort.
    Broken {
        is_flushed: bool,
    },
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Whole(_) => "Whole(..)",
            Self::Relay(_) => "Relay(..)",
            Self::Waiting(_) => "Waiting(..)",
            Self::Broken { .. } => "Broken",
        })
    }
}

/// A stream whose provider has not begun to answer: the client is told that it still lives.
pub(crate) struct Waiting {
    pub(crate) attempt: Pin<Box<dyn Future<Output = Result<Attempted, Problem>> + Send>>,
    pub(crate) operation: Operation,
    pub(crate) request_id: String,
    pub(crate) timer: Pin<Box<Sleep>>,
    pub(crate) is_greeted: bool,
}

impl Body {
    /// No bytes.
    pub fn empty() -> Self {
        Self(Inner::Whole(None))
    }

    /// Known bytes.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self(Inner::Whole(Some(bytes.into())))
    }

    pub(crate) fn relay(relay: Relay) -> Self {
        Self(Inner::Relay(Box::new(relay)))
    }

    pub(crate) fn waiting(waiting: Waiting) -> Self {
        Self(Inner::Waiting(Box::new(waiting)))
    }

    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let Inner::Waiting(waiting) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let problem = match waiting.attempt.as_mut().poll(cx) {
            Poll::Ready(Ok(Attempted::Relay { relay, .. })) => {
                self.0 = Inner::Relay(relay);
                return self.poll_piece(cx);
            }
            Poll::Ready(Ok(Attempted::Ready { body, .. })) => {
                self.0 = Inner::Whole(Some(body));
                return self.poll_piece(cx);
            }
            Poll::Ready(Ok(Attempted::Whole { problem, .. }) | Err(problem)) => problem,
            Poll::Pending => {
                if waiting.is_greeted && waiting.timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                waiting.is_greeted = true;
                waiting.timer = Box::pin(tokio::time::sleep(KEEP_ALIVE));
                // Polled once so that it wakes this task; the next call looks at it.
                let _is_over = waiting.timer.as_mut().poll(cx);
                let ping = keep_alive(waiting.operation.dialect());
                return if ping.is_empty() {
                    Poll::Pending
                } else {
                    Poll::Ready(Some(Ok(Bytes::from_static(ping))))
                };
            }
        };
        let event = error_event(waiting.operation, &problem, &waiting.request_id);
        self.0 = Inner::Broken { is_flushed: false };
        Poll::Ready(Some(Ok(event)))
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        match &mut self.0 {
            Inner::Whole(bytes) => Poll::Ready(bytes.take().map(Ok)),
            Inner::Relay(relay) => relay.poll_piece(cx),
            Inner::Waiting(_) => self.poll_waiting(cx),
            Inner::Broken { is_flushed: true } => {
                self.0 = Inner::Whole(None);
                Poll::Ready(Some(Err(BrokenOff)))
            }
            Inner::Broken { is_flushed } => {
                *is_flushed = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = std::task::ready!(self.get_mut().poll_piece(cx));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data).map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Inner::Relay(_) | Inner::Waiting(_) | Inner::Broken { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64)
            }
            Inner::Relay(_) | Inner::Waiting(_) | Inner::Broken { .. } => SizeHint::default(),
        }
    }
}
