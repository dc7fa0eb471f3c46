//! The try loop: the first target that answers well is committed to.
//!
//! Invariant: nothing is tried again after the first byte of an answer went to the client.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use mirk_dialect::{
    bridge::{self, Way},
    problem::render_failure,
    scrub::scrub,
    tap::Tap,
};
use mirk_model::{AuditEntry, Kind, Operation, Outcome, Problem};
use mirk_store::{Batch, Db};
use tokio::sync::oneshot;

use crate::{
    Gateway,
    admit::Admitted,
    dispatch::{Asked, Failed, Sent},
    egress::{SendError, UpstreamBody},
    login,
    meter::{Meter, Served},
    plan::Attempt,
    relay::{Leg, Relay},
    translate::{self, MOST_ANSWER},
};

/// An upstream's answer, chosen.
#[derive(Debug)]
pub(crate) enum Attempted {
    /// To be relayed as it comes.
    Relay {
        /// Status and headers for the client.
        head: Head,
        /// The body.
        relay: Box<Relay>,
    },
    /// A translated answer, whole.
    Ready {
        /// Status and headers for the client.
        head: Head,
        /// The body.
        body: Bytes,
    },
    /// An error, read whole and with credentials masked.
    Whole {
        /// Status and headers for the client.
        head: Head,
        /// The body.
        body: Bytes,
        /// The same for a stream that has already begun.
        problem: Problem,
    },
}

/// Status and headers for the client.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) provider: Arc<str>,
    pub(crate) model: Arc<str>,
    /// How the body that was sent differs from the one that came; empty when it does not.
    pub(crate) transforms: String,
}

/// What is known of a request besides what it asks.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) request_id: String,
    /// When it came, in seconds since 1970.
    pub(crate) created: i64,
    /// When the key expires, on the clock that never goes back.
    pub(crate) expires: Option<u64>,
}

/// What was planned for one admitted request.
pub(crate) struct Planned {
    pub(crate) asked: Asked,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) admitted: Admitted,
    pub(crate) meter: Meter,
    pub(crate) context: Context,
}

/// The most of an error's body that is read.
const MOST_ERROR: usize = 1024 * 1024;

/// How long a credential rests when its provider does not say.
const PARKED: Duration = Duration::from_secs(30);

/// The longest that a provider can make a credential rest.
const PARKED_AT_MOST: Duration = Duration::from_hours(1);

/// One attempt's result.
enum Tried {
    Chosen(Attempted),
    /// Another target may do better; if there is none, this is the answer.
    Next(Attempted, Meter),
    NextProblem(Problem, Meter),
    /// The server does not do this although its kind does; it may do what stands for it.
    Instead(Operation, Attempted, Meter),
    Final(Problem, Meter),
}

/// Tries the attempts in order; ends at once when the key is revoked.
pub(crate) async fn first_good(
    gateway: Arc<Gateway>,
    planned: Planned,
) -> Result<Attempted, Problem> {
    let life = Arc::clone(&planned.admitted.life);
    let mut revoked = std::pin::pin!(life.revocation());
    tokio::select! {
        biased;
        () = revoked.as_mut() => Err(Problem::unauthorized()),
        attempted = try_all(gateway, planned) => attempted,
    }
}

async fn try_all(gateway: Arc<Gateway>, planned: Planned) -> Result<Attempted, Problem> {
    let Planned {
        asked,
        attempts,
        admitted,
        mut meter,
        context,
    } = planned;
    let last = attempts.len().saturating_sub(1);
    for (index, attempt) in attempts.into_iter().enumerate() {
        let is_last = index == last;
        let side = Side {
            gateway: &gateway,
            asked: &asked,
            admitted: &admitted,
            context: &context,
        };
        match side.try_target(attempt, is_last, meter).await {
            Tried::Chosen(attempted) => return Ok(attempted),
            Tried::Next(attempted, unused) | Tried::Instead(_, attempted, unused) if is_last => {
                unused.fail();
                return Ok(attempted);
            }
            Tried::NextProblem(problem, mut unused) if is_last => {
                unused.status(problem.kind.status());
                unused.fail();
                return Err(problem);
            }
            Tried::Final(problem, mut unused) => {
                unused.status(problem.kind.status());
                unused.fail();
                return Err(problem);
            }
            Tried::Next(_, unused)
            | Tried::NextProblem(_, unused)
            | Tried::Instead(_, _, unused) => meter = unused,
        }
    }
    meter.status(Kind::NoCredential.status());
    meter.fail();
    Err(Problem::new(
        Kind::NoCredential,
        "No provider is left to try.",
    ))
}

/// The client's side of every attempt.
#[derive(Clone, Copy)]
struct Side<'a> {
    gateway: &'a Gateway,
    asked: &'a Asked,
    admitted: &'a Admitted,
    context: &'a Context,
}

impl Side<'_> {
    /// Tries a target; where its server turns out not to do what its kind does, also what stands
    /// for that.
    async fn try_target(self, mut attempt: Attempt, is_last: bool, mut meter: Meter) -> Tried {
        loop {
            match self.try_one(&attempt, is_last, meter).await {
                Tried::Instead(operation, _, unused) => {
                    meter = unused;
                    attempt.lacks.add(attempt.operation);
                    attempt.operation = operation;
                }
                tried => {
                    if matches!(tried, Tried::Chosen(_)) {
                        attempt.upstream.learn(attempt.lacks);
                    }
                    return tried;
                }
            }
        }
    }

    async fn try_one(self, attempt: &Attempt, is_last: bool, mut meter: Meter) -> Tried {
        let Self {
            gateway,
            asked,
            admitted,
            ..
        } = self;
        let outgoing = match translate::outgoing(asked, attempt, self.context) {
            Ok(outgoing) => outgoing,
            Err(problem) => return Tried::Final(problem, meter),
        };
        let (way, transforms) = (outgoing.way.clone(), outgoing.transforms.clone());
        let sent = login::send(gateway, attempt, outgoing).await;
        let Sent { answer, secret } = match sent {
            Ok(sent) => sent,
            Err(failed) => return unsent(gateway, attempt, (failed, asked), meter).await,
        };
        let (parts, body) = answer.into_parts();
        let head = Head {
            transforms,
            ..client_head(&parts, attempt, asked)
        };
        meter.served(served(attempt), head.status.as_u16());
        if let Some(problem) = unusable(&parts) {
            return Tried::NextProblem(problem, meter);
        }
        if !parts.status.is_success() {
            let secret = secret.as_deref().map(|secret| secret.expose().as_slice());
            // Boxed: rare, and large.
            let refused = self.refused(attempt, (head, body), &parts.headers, (meter, secret));
            return Box::pin(refused).await;
        }
        let tap = Tap::new(
            attempt.operation,
            asked.is_stream,
            content_type(&parts.headers),
        );
        // JSON where a stream was asked for: an answer in one piece, Gemini's array, or an error.
        let is_document = asked.is_stream && is_json(&parts.headers);
        match way {
            Some(way) if is_document || !asked.is_stream => {
                Box::pin(self.answered(head, (body, tap), way, meter)).await
            }
            way => {
                let leg = self.leg(&parts, is_document);
                let state = (Arc::clone(&admitted.life), Arc::clone(&gateway.clock));
                let mut relay = Box::new(Relay::new(body, tap, meter, leg, state));
                relay.translate(way.as_ref().map(Way::stream));
                committed(head, relay, (is_document, is_last)).await
            }
        }
    }

    fn leg(self, parts: &http::response::Parts, is_document: bool) -> Leg {
        let asked = self.asked;
        let is_lines = asked.operation.dialect() == mirk_model::Dialect::Ollama;
        let is_close_delimited = parts.version < http::Version::HTTP_2
            && !parts.headers.contains_key(header::CONTENT_LENGTH)
            && !parts.headers.contains_key(header::TRANSFER_ENCODING);
        Leg {
            operation: asked.operation,
            is_stream: asked.is_stream,
            has_room: asked.is_stream && (is_lines || !is_document),
            is_close_delimited,
            request_id: self.context.request_id.clone(),
            idle: self.gateway.egress.timeouts().idle,
            expires: self.context.expires,
        }
    }

    /// Reads an answer whole and translates it.
    async fn answered(
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

/// Looks at the beginning of a stream where there is still another target, or where it may be an
/// error in disguise, and commits to it.
async fn committed(
    head: Head,
    mut relay: Box<Relay>,
    (is_document, is_last): (bool, bool),
) -> Tried {
    let is_looked_at = is_document || (relay.is_stream() && !is_last);
    if is_looked_at && relay.peek().await {
        let problem = if is_document {
            disguised(relay.peeked())
        } else {
            Problem::new(
                Kind::UpstreamUnreachable,
                "The provider broke off before its first event.",
            )
        };
        return match relay.into_meter() {
            Some(meter) => Tried::NextProblem(problem, meter),
            None => Tried::Chosen(whole(head, Bytes::new(), problem)),
        };
    }
    Tried::Chosen(Attempted::Relay { head, relay })
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

/// Whether the provider may have done what was asked, so that to ask another might be to pay
/// twice. A client that sends an idempotency key says that it may be asked again.
fn is_unclear(error: &SendError, asked: &Asked) -> bool {
    matches!(error, SendError::Broken | SendError::FirstByteTimeout)
        && !asked.headers.contains_key("idempotency-key")
}

/// What an attempt that got no answer leads to.
async fn unsent(
    gateway: &Gateway,
    attempt: &Attempt,
    (failed, asked): (Failed, &Asked),
    meter: Meter,
) -> Tried {
    match failed {
        Failed::Here(problem) => {
            if problem.kind == Kind::VaultIntegrity {
                Box::pin(report(gateway, attempt)).await;
            }
            Tried::Final(problem, meter)
        }
        Failed::Credential(problem) => Tried::NextProblem(problem, meter),
        Failed::There(error) if is_unclear(&error, asked) => Tried::Final(error.into(), meter),
        Failed::There(error) => Tried::NextProblem(error.into(), meter),
    }
}

/// Tells the audit log, once, that a stored credential is not as Mirk wrote it.
async fn report(gateway: &Gateway, attempt: &Attempt) {
    if attempt.credential.is_reported.swap(true, Ordering::Relaxed) {
        return;
    }
    let entry = AuditEntry {
        at: gateway.clock.now(),
        actor: "system".to_owned(),
        action: "vault.integrity",
        object: attempt.upstream.row.name.clone(),
        result: "vault_integrity",
        details: vec![],
    };
    let (written, done) = oneshot::channel();
    gateway.store.apply_then(
        Batch::new().audit(entry),
        Box::new(move |applied| {
            // Whoever waited may be gone.
            written.send(applied.is_ok()).unwrap_or_default();
        }),
    );
    // Written or not, the request is refused.
    drop(done.await);
}

fn served(attempt: &Attempt) -> Served {
    Served {
        provider: Arc::clone(&attempt.upstream.name),
        model: Arc::clone(&attempt.model),
        facts: attempt.upstream.facts,
    }
}

fn client_head(parts: &http::response::Parts, attempt: &Attempt, asked: &Asked) -> Head {
    let allowed = mirk_provider::header::response(asked.operation.dialect());
    let mut headers = HeaderMap::with_capacity(16);
    for (name, value) in &parts.headers {
        if mirk_provider::header::may_return(allowed, name.as_str()) {
            headers.append(name.clone(), value.clone());
        }
    }
    if headers.contains_key(header::RETRY_AFTER) {
        // A time that nobody would wait, or that is none, does not go on.
        match retry_after(&headers) {
            Some(wait) => headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs())),
            None => headers.remove(header::RETRY_AFTER),
        };
    }
    if attempt.operation != asked.operation {
        let kind = translate::content_type(asked.operation, asked.is_stream, asked.is_sse());
        headers.insert(header::CONTENT_TYPE, kind);
    }
    Head {
        status: parts.status,
        headers,
        provider: Arc::clone(&attempt.upstream.name),
        model: Arc::clone(&attempt.model),
        transforms: String::new(),
    }
}

/// Answers that no client may get: redirects, encodings that were not asked for, another protocol.
fn unusable(parts: &http::response::Parts) -> Option<Problem> {
    if !(200..600).contains(&parts.status.as_u16()) {
        let words = "The provider answered with a status that no answer has.";
        return Some(Problem::new(Kind::UpstreamMalformed, words));
    }
    if parts.status.is_redirection() {
        let words =
            "The provider answered with a redirect, which Mirk never follows. Check its base URL.";
        return Some(Problem::new(Kind::UpstreamRedirect, words));
    }
    let encoding = parts.headers.get(header::CONTENT_ENCODING)?;
    (!encoding.as_bytes().eq_ignore_ascii_case(b"identity")).then(|| {
        let words = "The provider compressed its answer although it was asked not to.";
        Problem::new(Kind::UpstreamEncoding, words)
    })
}

fn content_type(headers: &HeaderMap) -> &str {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = content_type(headers).as_bytes().get(..16);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case(b"application/json"))
}

impl Side<'_> {
    /// An error of the provider: passed on in its own words, but for credentials.
    async fn refused(
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

fn whole(head: Head, body: Bytes, problem: Problem) -> Attempted {
    Attempted::Whole {
        head,
        body,
        problem,
    }
}

/// Streaming was asked for, and JSON came that is an error in disguise.
fn disguised(text: &[u8]) -> Problem {
    let is_quota = [&b"rate_limit"[..], b"quota"]
        .iter()
        .any(|word| memchr::memmem::find(text, word).is_some());
    let kind = if is_quota {
        Kind::RateLimited
    } else {
        Kind::UpstreamMalformed
    };
    Problem::new(
        kind,
        "The provider answered with an error where a stream was asked for.",
    )
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
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(PARKED_AT_MOST))
}
