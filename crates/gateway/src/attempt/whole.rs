//! An answer that is translated in one piece.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use mirk_dialect::{bridge::Way, tap::Tap};
use mirk_model::{Kind, Outcome, Problem};

use super::{Attempted, Head, Side, Tried, disguised, whole};
use crate::{egress::UpstreamBody, meter::Meter, translate::MOST_ANSWER};

impl Side<'_> {
    /// Reads an answer whole and translates it.
    pub(super) async fn answered(
        self,
        head: Head,
        (body, mut tap): (UpstreamBody, Tap),
        mut way: Way,
        mut meter: Meter,
    ) -> Tried {
        let broke = |words: &'static str| Problem::new(Kind::UpstreamMalformed, words);
        let idle = self.gateway.egress.timeouts().idle;
        let text = match read_whole(body, &mut tap, idle).await {
            Ok(text) => text,
            Err(problem) => return Tried::Final(problem, meter),
        };
        let tapped = tap.finish();
        if tapped.error_in_band {
            return Tried::NextProblem(disguised(&text), meter);
        }
        way.manner.latency_ms = meter.elapsed_ms();
        let translated = if self.asked.is_stream {
            let (mut stream, mut out) = (way.stream(), Vec::new());
            stream.whole(&text, &mut out).map(|()| out)
        } else {
            way.reply(&text)
        };
        let Ok(body) = translated else {
            meter.finish(Outcome::Failed, &tapped);
            let problem = broke("The provider's answer is not what its dialect has.");
            return Tried::Chosen(whole(
                Head {
                    status: StatusCode::BAD_GATEWAY,
                    ..head
                },
                Bytes::new(),
                problem,
            ));
        };
        meter.first_byte();
        meter.finish(Outcome::Ok, &tapped);
        Tried::Chosen(Attempted::Ready {
            head,
            body: body.into(),
        })
    }
}

async fn read_whole(
    mut body: UpstreamBody,
    tap: &mut Tap,
    idle: Duration,
) -> Result<Vec<u8>, Problem> {
    let mut text = Vec::new();
    loop {
        let piece = std::future::poll_fn(|cx| body.poll_piece(cx));
        match tokio::time::timeout(idle, piece).await {
            Ok(Some(Ok(piece))) => {
                let has_room = text.len() + piece.len() <= MOST_ANSWER;
                if !has_room || tap.feed(&piece).is_err() {
                    let words = "The provider's answer is too large to be translated.";
                    return Err(Problem::new(Kind::UpstreamMalformed, words));
                }
                text.extend_from_slice(&piece);
            }
            Ok(None) => return Ok(text),
            Ok(Some(Err(_broken))) => {
                let words = "The provider broke off in the middle of its answer.";
                return Err(Problem::new(Kind::UpstreamUnreachable, words));
            }
            Err(_elapsed) => {
                let words = "The provider fell silent in the middle of its answer.";
                return Err(Problem::new(Kind::UpstreamTimeout, words));
            }
        }
    }
}
