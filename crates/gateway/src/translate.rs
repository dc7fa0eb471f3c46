//! The request as its provider gets it: the client's own bytes, or a translation.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use mirk_dialect::{
    bridge::{self, From, To, Way},
    json::splice,
};
use mirk_model::{Dialect, Kind, Operation, Problem};
use mirk_provider::traits;

use crate::{attempt::Context, dispatch::Asked, plan::Attempt};

/// The most of a whole answer that is kept to be translated.
pub(crate) const MOST_ANSWER: usize = 64 << 20;

/// The version of Anthropic's API that Mirk writes. Source:
/// <https://docs.anthropic.com/en/api/versioning>.
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// What goes out, but for the credential.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) body: Bytes,
    pub(crate) headers: HeaderMap,
    pub(crate) query: Option<String>,
    /// How the answer comes back; absent when it needs no translation.
    pub(crate) way: Option<Way>,
    /// For `x-mirk-transforms`; empty when the body is the client's.
    pub(crate) transforms: String,
}

/// Makes `asked` what `attempt` needs.
///
/// # Errors
/// When the request cannot be said in the provider's dialect.
pub(crate) fn outgoing(
    asked: &Asked,
    attempt: &Attempt,
    context: &Context,
) -> Result<Outgoing, Problem> {
    let is_renamed = *asked.model != *attempt.model;
    if attempt.operation == asked.operation {
        let (body, transforms) = match &asked.model_span {
            Some(span) if is_renamed => (
                splice(&asked.body, span, &attempt.model),
                "model".to_owned(),
            ),
            _ => (asked.body.clone(), String::new()),
        };
        return Ok(Outgoing {
            body,
            headers: asked.headers.clone(),
            query: asked.query.clone(),
            way: None,
            transforms,
        });
    }
    let body = std::str::from_utf8(&asked.body)
        .map_err(|_invalid| Problem::new(Kind::BadRequest, "The body is not valid UTF-8."))?;
    let from = From {
        operation: asked.operation,
        body,
        model: &asked.model,
        is_stream: asked.is_stream,
        is_sse: asked.is_sse(),
        request_id: &context.request_id,
        created: context.created,
    };
    let traits = traits::of(attempt.upstream.facts, &attempt.model);
    let to = To {
        operation: attempt.operation,
        model: &attempt.model,
        traits: &traits,
    };
    let translated = bridge::ask(from, to)?;
    Ok(Outgoing {
        body: translated.body.into(),
        headers: headers(attempt.operation, asked),
        query: (attempt.operation == Operation::StreamGenerate).then(|| "alt=sse".to_owned()),
        way: Some(translated.way),
        transforms: translated.notes.header(),
    })
}

/// The headers of a translated request. None of the client's say anything in another dialect but
/// the key of a request that may be sent twice.
fn headers(operation: Operation, asked: &Asked) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(
        header::ACCEPT,
        HeaderValue::from_static(match (asked.is_stream, operation.dialect()) {
            (true, Dialect::Ollama) => "application/x-ndjson",
            (true, _) => "text/event-stream",
            (false, _) => "application/json",
        }),
    );
    if operation.dialect() == Dialect::Anthropic {
        headers.insert(
            HeaderName::from_static("anthropic-version"),
            ANTHROPIC_VERSION,
        );
    }
    if let Some(key) = asked.headers.get("idempotency-key") {
        headers.insert(HeaderName::from_static("idempotency-key"), key.clone());
    }
    headers
}

/// The type of an answer to `operation`.
pub(crate) fn content_type(operation: Operation, is_stream: bool, is_sse: bool) -> HeaderValue {
    HeaderValue::from_static(match (is_stream, operation.dialect()) {
        (false, _) => "application/json",
        (true, Dialect::Ollama) => "application/x-ndjson",
        (true, Dialect::Gemini) if !is_sse => "application/json",
        (true, _) => "text/event-stream",
    })
}
