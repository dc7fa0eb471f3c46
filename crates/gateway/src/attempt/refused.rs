//! A provider's refusal: passed on in its own words, tried elsewhere, or asked again in another
//! dialect.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use mirk_dialect::{bridge, problem::render_failure, scrub::scrub};
use mirk_model::{Kind, Problem};

use super::{Head, Side, Tried, whole};
use crate::{egress::UpstreamBody, meter::Meter, plan::Attempt};

/// The most of an error's body that is read.
const MOST_ERROR: usize = 1024 * 1024;

/// How long a credential rests when its provider does not say.
const PARKED: Duration = Duration::from_secs(30);

/// The longest that a provider can make a credential rest.
const PARKED_AT_MOST: Duration = Duration::from_hours(1);

impl Side<'_> {
    /// An error of the provider: passed on in its own words, but for credentials.
    pub(super) async fn refused(
        self,
        attempt: &Attempt,
        (mut head, body): (Head, UpstreamBody),
        headers: &HeaderMap,
        (mut meter, secret): (Meter, Option<&[u8]>),
    ) -> Tried {
        let status = head.status.as_u16();
        let wait = retry_after(headers);
        if matches!(status, 401 | 403) {
            attempt.credential.pool.park(PARKED);
            let words = "The provider refused the stored credential. Replace it with \
                         `mirk credential add`.";
            meter.status(Kind::UpstreamAuth.status());
            return Tried::NextProblem(Problem::new(Kind::UpstreamAuth, words), meter);
        }
        let text = read_error(body).await;
        let text = attempt.credential.mask(scrub(&text, secret));
        let mut text = Bytes::from(text.into_owned());
        // A server that has the path and not the model says so.
        let is_no_path = matches!(status, 404 | 405 | 501) && !speaks_of_model(&text);
        head.headers.remove(header::CONTENT_LENGTH);
        if attempt.operation != self.asked.operation {
            let failure = bridge::failure(status, &text);
            let dialect = self.asked.operation.dialect();
            let (status, body) = render_failure(dialect, &failure, &self.context.request_id);
            head.status = StatusCode::from_u16(status).unwrap_or(head.status);
            let json = HeaderValue::from_static("application/json");
            head.headers.insert(header::CONTENT_TYPE, json);
            text = body;
        }
        let mut problem = Problem::new(
            problem_kind(status),
            format!("The provider answered with status {status}."),
        );
        problem.retry_after = wait;
        let attempted = whole(head, text, problem);
        if status == 429 {
            let wait = wait.unwrap_or(PARKED).min(PARKED_AT_MOST);
            attempt.credential.pool.park(wait);
        }
        if matches!(status, 408 | 409 | 429 | 500..=599) && status != 501 {
            return Tried::Next(attempted, meter);
        }
        if is_no_path && let Some(operation) = attempt.stand_in(self.asked) {
            return Tried::Instead(operation, attempted, meter);
        }
        meter.fail();
        Tried::Chosen(attempted)
    }
}

/// Whether an error is about a model.
fn speaks_of_model(text: &[u8]) -> bool {
    let words = bridge::failure(404, text);
    words.message.to_ascii_lowercase().contains("model") || words.code.contains("model")
}

const fn problem_kind(status: u16) -> Kind {
    match status {
        429 => Kind::RateLimited,
        408 | 504 => Kind::UpstreamTimeout,
        503 | 529 => Kind::Overloaded,
        _ => Kind::UpstreamMalformed,
    }
}

async fn read_error(mut body: UpstreamBody) -> Bytes {
    let mut text = Vec::new();
    while let Some(Ok(piece)) = std::future::poll_fn(|cx| body.poll_piece(cx)).await {
        let room = MOST_ERROR.saturating_sub(text.len());
        text.extend(piece.iter().take(room));
        if text.len() >= MOST_ERROR {
            break;
        }
    }
    text.into()
}

/// Seconds, as every provider sends it; a date is left to the client to read.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(PARKED_AT_MOST))
}
