//! The try loop: the first target that answers well is committed to.
//!
//! Invariant: nothing is tried again after the first byte of an answer went to the client.

mod refused;
mod whole;

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use mirk_dialect::{bridge::Way, tap::Tap};
use mirk_model::{AuditEntry, Kind, Operation, Problem};
use mirk_store::{Batch, Db};
use tokio::sync::oneshot;

use self::refused::retry_after;
use crate::{
    Gateway,
    admit::Admitted,
    dispatch::{Asked, Failed, Sent},
    egress::SendError,
    login,
    meter::{Meter, Served},
    plan::Attempt,
    relay::{Leg, Relay},
    translate,
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

impl Attempted {
    /// Whether the provider did what it was asked.
    fn is_good(&self) -> bool {
        let (Self::Relay { head, .. } | Self::Ready { head, .. } | Self::Whole { head, .. }) = self;
        head.status.is_success()
    }
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
                    if matches!(&tried, Tried::Chosen(chosen) if chosen.is_good()) {
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
