//! What a model's name makes the mock do, and the stream it plays.
//!
//! `bench-json` answers at once; `bench-busy` answers 429; `bench-cut` breaks off after five events;
//! `bench-NxG` or `bench-NxGms` streams N events, G milliseconds apart, the first at once.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use memchr::memmem;
use tokio::time::{Instant, Sleep, sleep_until};

use super::counts::Counts;
use crate::clock;
use crate::deltas::{STAMP, STAMP_DIGITS};

/// Events of a stream that breaks off.
const CUT_AFTER: u32 = 5;

const DELTA_HEAD: &str = concat!(
    r#"data: {"id":"chatcmpl-bench-0000000000000000000000","object":"chat.completion.chunk","#,
    r#""created":1750000000,"model":"bench","choices":[{"index":0,"delta":{"content":"#
);
const DELTA_TAIL: &str = concat!(r#" word"},"logprobs":null,"finish_reason":null}]}"#, "\n\n");
const END: &str = concat!(
    r#"data: {"id":"chatcmpl-bench-0000000000000000000000","object":"chat.completion.chunk","#,
    r#""created":1750000000,"model":"bench","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    "\n\n",
    r#"data: {"id":"chatcmpl-bench-0000000000000000000000","object":"chat.completion.chunk","#,
    r#""created":1750000000,"model":"bench","choices":[],"usage":{"prompt_tokens":57,"#,
    r#""completion_tokens":100,"total_tokens":157}}"#,
    "\n\ndata: [DONE]\n\n"
);

/// What to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// One JSON answer.
    Json,
    /// 429 with Retry-After.
    Busy,
    /// A stream.
    Stream(Plan),
}

/// A stream's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    events: u32,
    gap: Duration,
    breaks_off: bool,
}

impl Behaviour {
    /// Reads the model's name where the request's bytes give it.
    pub(super) fn of_request(body: &[u8]) -> Option<Self> {
        let after = body.get(memmem::find(body, b"\"model\"")? + 7..)?;
        let start = memmem::find(after, b"bench-")?;
        let name = after.get(start..)?.split(|byte| *byte == b'"').next()?;
        Self::of_model(std::str::from_utf8(name).ok()?)
    }

    fn of_model(model: &str) -> Option<Self> {
        let name = model.strip_prefix("bench-")?;
        match name {
            "json" => return Some(Self::Json),
            "busy" => return Some(Self::Busy),
            "cut" => {
                let gap = Duration::from_millis(5);
                return Some(Self::Stream(Plan {
                    events: CUT_AFTER,
                    gap,
                    breaks_off: true,
                }));
            }
            _ => {}
        }
        let (events, gap) = name.split_once('x')?;
        let gap = gap.strip_suffix("ms").unwrap_or(gap);
        let gap = Duration::from_millis(gap.parse().ok()?);
        Some(Self::Stream(Plan {
            events: events.parse().ok()?,
            gap,
            breaks_off: false,
        }))
    }
}

/// The body of a streamed answer; each event is written by itself.
pub(super) struct Script {
    plan: Plan,
    sent: u32,
    started: Instant,
    wait: Option<Pin<Box<Sleep>>>,
    has_yielded: bool,
    is_over: bool,
    counts: Arc<Counts>,
}

impl Script {
    /// A stream not begun.
    pub(super) fn new(plan: Plan, counts: Arc<Counts>) -> Self {
        let started = Instant::now();
        Self {
            plan,
            sent: 0,
            started,
            wait: None,
            has_yielded: true,
            is_over: false,
            counts,
        }
    }

    /// Ready when the next event is due. Without a gap it gives way once, so that hyper flushes and the
    /// other connections have their turn.
    fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.plan.gap.is_zero() {
            if self.has_yielded {
                return Poll::Ready(());
            }
            self.has_yielded = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let due = self.started + self.plan.gap * self.sent;
        let wait = self.wait.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if wait.deadline() != due {
            wait.as_mut().reset(due);
        }
        wait.as_mut().poll(context)
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        ready!(self.poll_due(context));
        self.has_yielded = false;
        if self.sent < self.plan.events {
            self.sent += 1;
            return Poll::Ready(Some(Ok(Frame::data(delta()))));
        }
        self.is_over = true;
        if self.plan.breaks_off {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(END.as_bytes())))))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if !self.is_over {
            self.counts.abandon();
        }
    }
}

fn delta() -> Bytes {
    let now_ns = clock::now_ns();
    let width = STAMP_DIGITS;
    Bytes::from(format!("{DELTA_HEAD}{STAMP}{now_ns:0width$}{DELTA_TAIL}"))
}

#[cfg(test)]
mod tests {
    use super::{Behaviour, Duration, END, Plan, delta};
    use crate::deltas::Deltas;
    use crate::wire::Sink;

    #[test]
    fn a_models_name_says_how_many_events_and_how_far_apart() {
        let stream = |events, gap| {
            let gap = Duration::from_millis(gap);
            Some(Behaviour::Stream(Plan {
                events,
                gap,
                breaks_off: false,
            }))
        };
        assert_eq!(
            Behaviour::of_request(br#"{"model":"bench-100x0"}"#),
            stream(100, 0)
        );
        assert_eq!(
            Behaviour::of_request(br#"{"model": "bench-3x20ms"}"#),
            stream(3, 20)
        );
        assert_eq!(
            Behaviour::of_request(br#"{"model":"bench-json"}"#),
            Some(Behaviour::Json)
        );
        assert_eq!(
            Behaviour::of_request(br#"{"model":"bench-nonsense"}"#),
            None
        );
    }

    #[test]
    fn every_event_is_json_and_a_whole_stream_reads_as_whole() {
        let mut deltas = Deltas::default();
        let event = delta();
        deltas.take(&event, u64::MAX);
        deltas.take(END.as_bytes(), u64::MAX);
        assert!(deltas.is_whole(1));
        for event in [event.as_ref(), END.as_bytes()] {
            for line in std::str::from_utf8(event).unwrap().split("\n\n") {
                let data = line.strip_prefix("data: ").unwrap_or("null");
                if data != "[DONE]" {
                    let read: Result<serde_json::Value, _> = serde_json::from_str(data);
                    assert!(read.is_ok(), "{data}");
                }
            }
        }
    }
}
