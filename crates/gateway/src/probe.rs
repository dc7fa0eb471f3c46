//! Testing a provider: can it be reached, and does it take the credential. Gives a verdict and
//! never a byte of what the provider said.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::Full;
use mirk_model::Problem;
use mirk_provider::{
    address::{BaseUrl, Origin},
    kind::Facts,
};

use crate::{
    Egress,
    egress::{SendError, resolve_for_check},
    login, plane,
};

/// What came of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Reached, and the credential was taken.
    Good,
    /// Reached, and the credential was refused.
    Refused,
    /// Reached, with an answer that is neither.
    Odd(u16),
    /// Not reached.
    Unreachable,
    /// The address is refused by policy.
    Blocked,
    /// TLS failed.
    Tls,
    /// Too slow.
    TimedOut,
}

impl Probe {
    /// The verdict in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Good => "reached, and it takes the credential",
            Self::Refused => "reached, but it refuses the credential",
            Self::Odd(_) => "reached, but its answer is not one of a provider of this kind",
            Self::Unreachable => "not reached",
            Self::Blocked => "its address is refused by policy",
            Self::Tls => "reached, but its certificate or TLS cannot be verified",
            Self::TimedOut => "too slow to answer",
        }
    }

    /// The verdict for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Refused => "refused",
            Self::Odd(_) => "odd",
            Self::Unreachable => "unreachable",
            Self::Blocked => "blocked",
            Self::Tls => "tls",
            Self::TimedOut => "timed_out",
        }
    }
}

/// What a test presents.
#[derive(Clone, Copy)]
pub enum Presented<'a> {
    /// A key, where the kind has its keys.
    Key(&'a [u8]),
    /// An account's access token.
    Token(&'a [u8]),
}

impl std::fmt::Debug for Presented<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Presented(..)")
    }
}

/// Asks a provider of this kind at `base` for something that takes a good credential.
pub async fn probe(
    egress: &Egress,
    facts: &Facts,
    base: &BaseUrl,
    secret: Option<Presented<'_>>,
) -> Probe {
    let Some(request) = request(facts, base, secret) else {
        return Probe::Blocked;
    };
    let pool = egress.pool(&base.origin(), None);
    let sent = tokio::time::timeout(Duration::from_secs(15), egress.send(&pool, request)).await;
    match sent {
        Err(_elapsed) => Probe::TimedOut,
        Ok(Err(SendError::Blocked)) => Probe::Blocked,
        Ok(Err(SendError::Tls)) => Probe::Tls,
        Ok(Err(SendError::ConnectTimeout | SendError::FirstByteTimeout)) => Probe::TimedOut,
        Ok(Err(SendError::Unreachable | SendError::Broken)) => Probe::Unreachable,
        Ok(Ok(answer)) => match answer.status().as_u16() {
            200..=299 => Probe::Good,
            401 | 403 => Probe::Refused,
            // Gemini says that a key is wrong with a 400.
            400 if facts.auth.header() == "x-goog-api-key" => Probe::Refused,
            other => Probe::Odd(other),
        },
    }
}

fn request(
    facts: &Facts,
    base: &BaseUrl,
    secret: Option<Presented<'_>>,
) -> Option<Request<Full<Bytes>>> {
    let target = facts.probe_target(base);
    let uri = if base.origin().is_https() {
        format!("https://{}{target}", base.authority())
    } else {
        target
    };
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri.parse().ok()?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_str(base.authority()).ok()?);
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    if facts.auth.header() == "x-api-key" {
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
    match secret {
        Some(Presented::Key(secret)) => {
            let mut value =
                HeaderValue::from_bytes(&[facts.auth.prefix().as_bytes(), secret].concat()).ok()?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(facts.auth.header()), value);
        }
        Some(Presented::Token(token)) => {
            login::mark(headers, facts, plane::bearer(token).ok()?);
        }
        None => {}
    }
    Some(request)
}

/// Looks an origin up and vets every address it has now.
///
/// # Errors
/// [`mirk_model::Kind::SsrfBlocked`] when one is refused. A name that cannot be looked up is no
/// error: it is looked up again when it is used.
pub async fn check_origin(egress: &Arc<Egress>, origin: &Origin) -> Result<(), Problem> {
    match resolve_for_check(egress, origin).await {
        Err(SendError::Blocked) => Err(Problem::new(
            mirk_model::Kind::SsrfBlocked,
            "this address leads to one that Mirk does not connect to",
        )
        .about("base_url")),
        Ok(()) | Err(_) => Ok(()),
    }
}
