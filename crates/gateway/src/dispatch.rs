//! Dispatch: the request as the provider gets it, with a credential that only this origin sees.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header, uri};
use http_body_util::Full;
use mirk_model::{Kind, Operation, Problem, Secret};
use mirk_provider::kind::Call;
use mirk_vault::Vault;

use crate::{
    egress::{Egress, SendError, UpstreamBody},
    plan::Attempt,
    translate::Outgoing,
};

/// What a client asked for, ready to be sent to any provider that speaks its dialect.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    /// The headers that may go to a provider.
    pub(crate) headers: HeaderMap,
    pub(crate) query: Option<String>,
    pub(crate) body: Bytes,
    /// The model as the client named it.
    pub(crate) model: String,
    /// Where the body names the model, if it does.
    pub(crate) model_span: Option<std::ops::Range<usize>>,
    pub(crate) is_stream: bool,
}

impl Asked {
    /// Whether a stream of Gemini's is to be made of events.
    pub(crate) fn is_sse(&self) -> bool {
        self.query
            .as_deref()
            .is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"))
    }
}

/// A sent request's answer, with the secret that went with it so that an echo can be masked.
pub(crate) struct Sent {
    pub(crate) answer: Response<UpstreamBody>,
    pub(crate) secret: Option<Arc<Secret<Vec<u8>>>>,
}

/// Why an attempt did not get an answer.
pub(crate) enum Failed {
    /// There is no usable token for this credential; another credential may do.
    Credential(Problem),
    /// Mirk's own fault or the request's: no other target would do better.
    Here(Problem),
    /// The upstream's.
    There(SendError),
}

/// What Mirk calls itself to providers.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("mirk/", env!("CARGO_PKG_VERSION")));

/// Sends `outgoing` as `attempt` says.
pub(crate) async fn send(
    egress: &Egress,
    vault: &Vault,
    (attempt, now): (&Attempt, u64),
    outgoing: Outgoing,
) -> Result<Sent, Failed> {
    let upstream = &attempt.upstream;
    let opened = attempt
        .credential
        .open(vault, upstream.facts, now)
        .map_err(Failed::Here)?;
    let call = Call {
        operation: attempt.operation,
        model: &attempt.model,
        query: outgoing.query.as_deref(),
    };
    let target = upstream
        .facts
        .target(&upstream.base, &call)
        .map_err(|error| {
            Failed::Here(Problem::new(Kind::BadRequest, format!("{error}")).about("model"))
        })?;
    let (credential, secret) = opened.unzip();
    let mut request = Request::new(Full::new(outgoing.body));
    *request.method_mut() = Method::POST;
    *request.headers_mut() = outgoing.headers;
    let headers = request.headers_mut();
    headers.insert(header::HOST, host(attempt).map_err(Failed::Here)?);
    headers.insert(header::USER_AGENT, USER_AGENT);
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    if let Some(credential) = credential {
        attempt.credential.put(headers, upstream.facts, credential);
    }
    *request.uri_mut() = uri(attempt, &target).map_err(Failed::Here)?;
    if attempt.credential.pool.origin() != &upstream.base.origin() {
        return Err(Failed::There(SendError::Blocked));
    }
    let sent = egress
        .send(&attempt.credential.pool, request)
        .await
        .map_err(Failed::There)?;
    Ok(Sent {
        answer: sent,
        secret,
    })
}

fn host(attempt: &Attempt) -> Result<HeaderValue, Problem> {
    let authority = attempt.upstream.base.authority();
    HeaderValue::from_str(authority).map_err(|_invalid| unusable())
}

/// HTTP/1.1 gets the path alone, HTTP/2 needs the scheme and authority as well; hyper writes
/// the origin form to HTTP/1.1 servers only when the URI has no authority.
fn uri(attempt: &Attempt, target: &str) -> Result<Uri, Problem> {
    if !attempt.credential.pool.origin().is_https() {
        return target
            .parse()
            .map_err(|_invalid: uri::InvalidUri| unusable());
    }
    Uri::builder()
        .scheme("https")
        .authority(attempt.upstream.base.authority())
        .path_and_query(target)
        .build()
        .map_err(|_invalid| unusable())
}

fn unusable() -> Problem {
    Problem::new(
        Kind::Internal,
        "The provider's base URL and this model do not make a usable address.",
    )
}
