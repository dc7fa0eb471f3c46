//! Arrival: what a request is, in which dialect, with which key, and its whole body.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header, request};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use mirk_dialect::{
    endpoint::{Endpoint, Found, What, find},
    json,
    models::listing_dialect,
};
use mirk_model::{Clock, Dialect, Entropy, Kid, Kind, Problem, RequestId, TenantId, Timestamp};

/// How much of a request is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// What a body's JSON may hold.
    pub json: json::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 32 * 1024 * 1024,
            json: json::Limits::default(),
        }
    }
}

/// When a request came and whose it turned out to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) id: RequestId,
    pub(crate) at: Timestamp,
    pub(crate) mono: u64,
    pub(crate) tenant: TenantId,
    pub(crate) kid: Kid,
}

/// A request's first look: its id, moment and dialect, before anything is believed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) id: RequestId,
    pub(crate) at: Timestamp,
    pub(crate) mono: u64,
}

/// Makes request ids: unique, and not secret, so a counter from a random start will do.
#[derive(Debug)]
pub(crate) struct Ids {
    process: [u8; 5],
    count: AtomicU64,
}

impl Ids {
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        let (mut process, mut start) = ([0; 5], [0; 8]);
        entropy.fill(&mut process);
        entropy.fill(&mut start);
        Self {
            process,
            count: AtomicU64::new(u64::from_be_bytes(start)),
        }
    }

    fn next(&self, at: Timestamp) -> RequestId {
        let [_, _, _, low @ ..] = self.count.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut random = [0; 10];
        for (to, from) in random.iter_mut().zip(self.process.into_iter().chain(low)) {
            *to = from;
        }
        RequestId::from_parts(at, random)
    }
}

impl Arrival {
    pub(crate) fn new(clock: &dyn Clock, ids: &Ids) -> Self {
        let at = clock.now();
        Self {
            id: ids.next(at),
            at,
            mono: clock.mono(),
        }
    }

    pub(crate) fn belongs_to(self, tenant: TenantId, kid: Kid) -> Stamp {
        Stamp {
            id: self.id,
            at: self.at,
            mono: self.mono,
            tenant,
            kid,
        }
    }
}

/// What a head asks for: an endpoint, and the model when the path names it.
pub(crate) type Asked<'a> = (&'static Endpoint, Option<Cow<'a, str>>);

/// Which endpoint the head names, or why none; with the methods there are, where that is why.
pub(crate) fn endpoint(head: &request::Parts) -> Result<Asked<'_>, (Problem, Option<String>)> {
    match find(head.method.as_str(), head.uri.path()) {
        Found::Endpoint(endpoint, model) => Ok((endpoint, model)),
        Found::MethodNotAllowed(allow) => {
            let words = "This path does not take this method; see the Allow header.";
            Err((Problem::new(Kind::MethodNotAllowed, words), Some(allow)))
        }
        Found::BadPath => {
            let words = "The path holds an encoded slash, a dot segment or a character that no path here has.";
            Err((Problem::new(Kind::BadPath, words), None))
        }
        Found::NotFound => {
            let words = "No such path; `mirk routes` lists those there are.";
            Err((Problem::new(Kind::NotFound, words), None))
        }
    }
}

/// Which dialect an answer to this head is in, also when it is a refusal.
pub(crate) fn dialect(head: &request::Parts, what: Option<What>) -> Dialect {
    let path = head.uri.path();
    match what {
        Some(What::Ask(operation)) => operation.dialect(),
        Some(What::ListGemini | What::ShowGemini) => Dialect::Gemini,
        Some(What::ListOllama | What::ShowOllama | What::Version) => Dialect::Ollama,
        Some(What::NoUpgrade) => Dialect::OpenAiResponses,
        None if path.starts_with("/v1beta/") => Dialect::Gemini,
        None if path.starts_with("/api/") => Dialect::Ollama,
        Some(What::List | What::Show | What::Hello) | None => by_headers(head),
    }
}

fn by_headers(head: &request::Parts) -> Dialect {
    let has_goog_key = head.headers.contains_key("x-goog-api-key") || has_query_key(head);
    listing_dialect(head.headers.contains_key("anthropic-version"), has_goog_key)
}

/// Names under which keys turn up in query strings.
const KEY_PARAMETERS: [&str; 8] = [
    "key",
    "api_key",
    "apikey",
    "api-key",
    "access_token",
    "token",
    "auth",
    "authorization",
];

/// The one key that the head presents, or none. Whatever is not shaped like a key of ours is
/// neither looked at nor forwarded.
pub(crate) fn presented(head: &request::Parts, dialect: Dialect) -> Result<Option<Bytes>, Problem> {
    let mut found: Option<Bytes> = None;
    let headers = ["x-mirk-key", "x-api-key", "x-goog-api-key"].map(HeaderName::from_static);
    let bearers = head
        .headers
        .get_all(header::AUTHORIZATION)
        .iter()
        .filter_map(|value| bearer(value.as_bytes()));
    let plain = headers
        .iter()
        .flat_map(|name| head.headers.get_all(name))
        .map(HeaderValue::as_bytes);
    for candidate in bearers.chain(plain).chain(query_keys(head, dialect)?) {
        if !mirk_vault::is_shaped(candidate) {
            continue;
        }
        match &found {
            Some(first) if first != candidate => {
                return Err(Problem::new(
                    Kind::AmbiguousCredentials,
                    "Two different API keys were presented. Send one.",
                ));
            }
            Some(_) => {}
            None => found = Some(Bytes::copy_from_slice(candidate)),
        }
    }
    Ok(found)
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

fn has_query_key(head: &request::Parts) -> bool {
    head.uri
        .query()
        .is_some_and(|query| pairs(query).any(|(name, _)| name == "key"))
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// A key in a URL ends up in histories and logs: refused, but for Gemini's `key`, which its own
/// libraries send.
fn query_keys(head: &request::Parts, dialect: Dialect) -> Result<Option<&[u8]>, Problem> {
    let mut gemini = None;
    for (name, value) in head.uri.query().into_iter().flat_map(pairs) {
        let is_ours = mirk_vault::is_shaped(value.as_bytes());
        let is_key_name = KEY_PARAMETERS
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        if dialect == Dialect::Gemini && name == "key" {
            gemini = Some(value.as_bytes());
        } else if is_ours || is_key_name {
            return Err(Problem::new(
                Kind::CredentialInUrl,
                "A key was sent in the URL, where it can be logged. Send it as a bearer token, and replace it.",
            ));
        }
    }
    Ok(gemini)
}

/// Refuses what must not go on before the body is read: browsers of other sites, odd encodings.
pub(crate) fn check_head(
    head: &request::Parts,
    origins: &[String],
    dialect: Dialect,
) -> Result<(), Problem> {
    if let Some(origin) = head.headers.get(header::ORIGIN)
        && !origins
            .iter()
            .any(|allowed| allowed.as_bytes() == origin.as_bytes())
    {
        return Err(Problem::new(
            Kind::Forbidden,
            "Requests from web pages are refused unless their origin is in `origins` of the settings.",
        ));
    }
    if head.method != Method::POST {
        return Ok(());
    }
    if let Some(encoding) = head.headers.get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(Problem::new(
            Kind::UnsupportedMediaType,
            "Compressed bodies are not read here; send the body without Content-Encoding.",
        )
        .about("content-encoding"));
    }
    match head.headers.get(header::CONTENT_TYPE) {
        // Some Ollama clients send no type at all.
        None if dialect == Dialect::Ollama => Ok(()),
        Some(kind) if is_json(kind.as_bytes()) => Ok(()),
        _ => Err(Problem::new(
            Kind::UnsupportedMediaType,
            "The body must be JSON in UTF-8: send Content-Type: application/json.",
        )
        .about("content-type")),
    }
}

fn is_json(kind: &[u8]) -> bool {
    let mut parts = kind.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case(b"application/json"))
        && parts.all(|parameter| {
            let equals = parameter
                .iter()
                .position(|byte| *byte == b'=')
                .unwrap_or(parameter.len());
            let (name, value) = parameter.split_at(equals);
            !name.eq_ignore_ascii_case(b"charset")
                || value.strip_prefix(b"=").is_some_and(|value| {
                    let value = value.strip_prefix(b"\"").unwrap_or(value);
                    value
                        .strip_suffix(b"\"")
                        .unwrap_or(value)
                        .eq_ignore_ascii_case(b"utf-8")
                })
        })
}

/// The whole body, as the bytes that came.
pub(crate) async fn body(
    request: Request<Incoming>,
    limit: usize,
) -> Result<(request::Parts, Bytes), Problem> {
    let (head, mut body) = request.into_parts();
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if expected > limit {
        return Err(too_large());
    }
    let mut whole = BytesMut::new();
    let mut first: Option<Bytes> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_broken| {
            Problem::new(
                Kind::BadRequest,
                "The body ended early or its chunks are malformed.",
            )
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if whole.is_empty() && first.is_none() && data.len() >= expected {
            first = Some(data);
            continue;
        }
        if whole.is_empty() {
            whole.reserve(expected.max(data.len()));
            if let Some(first) = first.take() {
                whole.extend_from_slice(&first);
            }
        }
        if whole.len().saturating_add(data.len()) > limit {
            return Err(too_large());
        }
        whole.extend_from_slice(&data);
    }
    let whole = first.unwrap_or_else(|| whole.freeze());
    if whole.len() > limit {
        Err(too_large())
    } else {
        Ok((head, whole))
    }
}

fn too_large() -> Problem {
    Problem::new(
        Kind::BodyTooLarge,
        "The body is larger than this server takes.",
    )
}

/// Copies the headers that may go to a provider.
pub(crate) fn forwardable(headers: &HeaderMap, allowed: &[&'static str]) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(allowed.len().saturating_add(6));
    for name in allowed {
        // Lists may come in several lines; the first alone would lose the rest.
        for value in headers.get_all(*name) {
            kept.append(HeaderName::from_static(name), value.clone());
        }
    }
    kept
}
