//! Errors in the words of each dialect: as a whole answer, and inside a stream.
//!
//! Invariant: an error inside a stream never carries the mark of a whole answer. A body depends on
//! the problem and the request id alone, so every refused key gets the same one.

use bytes::Bytes;
use mirk_model::{Dialect, Failure, Kind, Operation, Problem, Text};
use serde::Serialize;

use crate::json::{Members, Type, Value};

#[cfg(test)]
mod tests;

/// An answer that is an error: status, headers, body.
pub type Rendered = (u16, Vec<(&'static str, String)>, Bytes);

/// Renders `problem` as the dialect's providers would.
pub fn render(dialect: Dialect, problem: &Problem, request_id: &str) -> Rendered {
    let mut headers = vec![("content-type", "application/json".to_owned())];
    if let Some(seconds) = retry_seconds(problem) {
        headers.push(("retry-after", seconds.to_string()));
    }
    if problem.kind == Kind::Unauthorized {
        headers.push(("www-authenticate", "Bearer".to_owned()));
    }
    let body = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => json(&OpenAi::of(problem, request_id)),
        Dialect::Anthropic => json(&Anthropic::of(problem, request_id)),
        Dialect::Gemini => json(&Gemini::of(problem, request_id)),
        Dialect::Ollama => json(&Ollama::of(problem, request_id)),
    };
    (problem.kind.status(), headers, Bytes::from(body))
}

/// What a provider of another dialect said, with the marks by which clients of `dialect` know it.
/// The words stay the provider's, but for a prompt that is too long: Claude Code knows that by
/// words alone, and makes the conversation shorter.
pub(crate) fn in_terms_of(dialect: Dialect, mut failure: Failure<'_>) -> Failure<'_> {
    failure.status = match (failure.status, dialect) {
        // Anthropic's own number for a provider that is overloaded.
        (529, Dialect::Anthropic) => 529,
        (529, _) => 503,
        (status, _) => status,
    };
    if matches!(failure.status, 400 | 413) && is_too_long(&failure) {
        match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                failure.code = Text::from("context_length_exceeded");
            }
            Dialect::Anthropic if !says(&failure.message, "prompt is too long") => {
                let words = format!("prompt is too long: {}", failure.message.as_str());
                failure.message = Text::from(words);
            }
            Dialect::Anthropic | Dialect::Gemini | Dialect::Ollama => {}
        }
    }
    failure
}

/// Whether a provider says that the prompt does not fit into the model.
fn is_too_long(failure: &Failure<'_>) -> bool {
    // As vLLM, llama.cpp, Anthropic, Google and OpenAI put it.
    const WORDS: [&str; 7] = [
        "prompt is too long",
        "maximum context length",
        "exceeds the context window",
        "exceeds the available context size",
        "exceed context limit",
        "exceeds the maximum number of tokens",
        "exceeds the context length",
    ];
    matches!(
        failure.code.as_str(),
        "context_length_exceeded" | "exceed_context_size_error"
    ) || WORDS.iter().any(|words| says(&failure.message, words))
}

fn says(message: &str, words: &str) -> bool {
    // Nobody says it so late; a long message is not searched.
    let mut starts = message.as_bytes().windows(words.len()).take(2_048);
    starts.any(|window| window.eq_ignore_ascii_case(words.as_bytes()))
}

/// Renders what a provider of another dialect said as a provider of `dialect` would: the status,
/// and the body.
pub fn render_failure(dialect: Dialect, failure: &Failure<'_>, request_id: &str) -> (u16, Bytes) {
    let failure = in_terms_of(dialect, failure.clone());
    let status = failure.status;
    let message = failure.message.as_str();
    let code = Some(failure.code.as_str()).filter(|code| !code.is_empty());
    let body = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => json(&OpenAi {
            error: OpenAiError {
                message,
                r#type: openai_type_of(status),
                param: failure.param.as_deref(),
                code,
                request_id,
            },
        }),
        Dialect::Anthropic => json(&Anthropic {
            r#type: "error",
            error: AnthropicError {
                r#type: anthropic_type_of(status),
                message,
            },
            request_id,
        }),
        Dialect::Gemini => json(&Gemini {
            error: GeminiError {
                code: status,
                message,
                status: gemini_status_of(status),
                details: vec![GeminiDetail::Request { request_id }],
            },
        }),
        Dialect::Ollama => json(&Ollama {
            error: message,
            code,
            request_id,
        }),
    };
    (status, Bytes::from(body))
}

/// `problem` as an event for the middle of a stream that answers `operation`. The stream ends
/// behind it, without the mark of a whole one.
///
/// A Gemini stream without `alt=sse` is one JSON array and has no room for it: break that one off.
pub fn error_event(operation: Operation, problem: &Problem, request_id: &str) -> Bytes {
    let event = match operation.dialect() {
        Dialect::OpenAiChat => format!("data: {}\n\n", json(&OpenAi::of(problem, request_id))),
        Dialect::OpenAiResponses => {
            let body = json(&ResponsesEvent::of(problem, request_id));
            format!("event: error\ndata: {body}\n\n")
        }
        Dialect::Anthropic => {
            let body = json(&Anthropic::of(problem, request_id));
            format!("event: error\ndata: {body}\n\n")
        }
        Dialect::Gemini => format!("data: {}\n\n", json(&Gemini::of(problem, request_id))),
        Dialect::Ollama => format!("{}\n", json(&Ollama::of(problem, request_id))),
    };
    Bytes::from(event)
}

/// What a provider's error document says: its type or code, its words, and the field to blame; in
/// the form of any dialect. Nothing when it is no such document.
pub fn read(document: Value<'_>) -> Option<(String, String, Option<String>)> {
    // Google answers some errors with an array of one.
    let document = match document.kind() {
        Type::Array => document.items().ok()?.into_iter().next()?,
        _ => document,
    };
    let mut outer = document.members().ok()?;
    if let Some(detail) = outer.take("detail") {
        return Some((String::new(), of_detail(detail)?, None));
    }
    let error = match outer.take("error") {
        Some(error) if error.kind() == Type::Text => {
            let code = word(outer.take("code")).unwrap_or_default();
            return Some((code, word(Some(error))?, None));
        }
        Some(error) => error.members().ok()?,
        // vLLM wraps it in nothing.
        None => outer,
    };
    said_by(error)
}

fn word(value: Option<Value<'_>>) -> Option<String> {
    let text = value.and_then(|value| value.lossy_text().ok());
    text.map(|text| text.into_owned().into_cow().into_owned())
}

/// What servers in Python say of a request: words, or a list of what is wrong with it.
/// Source: `FastAPI`, "Handling Errors".
fn of_detail(detail: Value<'_>) -> Option<String> {
    if detail.kind() != Type::Array {
        return word(Some(detail));
    }
    let mut first = detail.items().ok()?.into_iter().next()?.members().ok()?;
    let place = first.take("loc").and_then(|place| place.items().ok());
    let mut said: String = place
        .unwrap_or_default()
        .into_iter()
        .filter_map(|name| match name.kind() {
            Type::Text => word(Some(name)),
            _ => Some(name.raw().to_owned()),
        })
        .collect::<Vec<_>>()
        .join(".");
    if !said.is_empty() {
        said.push_str(": ");
    }
    said.push_str(&word(first.take("msg"))?);
    Some(said)
}

fn said_by(mut error: Members<'_>) -> Option<(String, String, Option<String>)> {
    let message = word(error.take("message")).unwrap_or_default();
    let param = word(error.take("param"));
    // OpenAI has `type` and `code`, Anthropic `type`, Google `status` beside a number as `code`.
    let code = ["status", "code", "type"]
        .into_iter()
        .find_map(|name| word(error.take(name)))
        .unwrap_or_default();
    let says_nothing = code.is_empty() && message.is_empty();
    (!says_nothing).then_some((code, message, param))
}

/// Bytes that keep a silent stream of the dialect alive and that its clients step over; none for
/// Ollama, whose lines have no such thing.
pub const fn keep_alive(dialect: Dialect) -> &'static [u8] {
    match dialect {
        Dialect::Anthropic => b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini => b": ping\n\n",
        Dialect::Ollama => b"",
    }
}

/// Whole seconds until a new try can help, at least one.
fn retry_seconds(problem: &Problem) -> Option<u64> {
    let wait = problem.retry_after?;
    let part = u64::from(wait.subsec_nanos() > 0);
    Some(wait.as_secs().saturating_add(part).max(1))
}

/// JSON text. These bodies are strings, numbers and objects of them, which always serialise.
fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

#[derive(Serialize)]
struct OpenAi<'a> {
    error: OpenAiError<'a>,
}

#[derive(Serialize)]
struct OpenAiError<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'a str>,
    code: Option<&'a str>,
    request_id: &'a str,
}

impl<'a> OpenAi<'a> {
    fn of(problem: &'a Problem, request_id: &'a str) -> Self {
        Self {
            error: OpenAiError {
                message: &problem.public,
                r#type: openai_type(problem.kind),
                param: problem.param.as_deref(),
                code: Some(problem.kind.code()),
                request_id,
            },
        }
    }
}

/// The error as an event of the Responses stream: flat as the reference has it, and as an `error`
/// object too, by which the SDKs know that it is one.
#[derive(Serialize)]
struct ResponsesEvent<'a> {
    r#type: &'static str,
    /// Clients want the field and none orders by it; the provider's own count is not followed.
    sequence_number: u64,
    code: &'static str,
    message: &'a str,
    param: Option<&'a str>,
    error: OpenAiError<'a>,
}

impl<'a> ResponsesEvent<'a> {
    fn of(problem: &'a Problem, request_id: &'a str) -> Self {
        Self {
            r#type: "error",
            sequence_number: 0,
            code: problem.kind.code(),
            message: &problem.public,
            param: problem.param.as_deref(),
            error: OpenAi::of(problem, request_id).error,
        }
    }
}

#[derive(Serialize)]
struct Anthropic<'a> {
    r#type: &'static str,
    error: AnthropicError<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct AnthropicError<'a> {
    r#type: &'static str,
    message: &'a str,
}

impl<'a> Anthropic<'a> {
    fn of(problem: &'a Problem, request_id: &'a str) -> Self {
        Self {
            r#type: "error",
            error: AnthropicError {
                r#type: anthropic_type(problem.kind),
                message: &problem.public,
            },
            request_id,
        }
    }
}

#[derive(Serialize)]
struct Gemini<'a> {
    error: GeminiError<'a>,
}

#[derive(Serialize)]
struct GeminiError<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    details: Vec<GeminiDetail<'a>>,
}

/// Source: `google/rpc/error_details.proto`.
#[derive(Serialize)]
#[serde(tag = "@type")]
enum GeminiDetail<'a> {
    #[serde(rename = "type.googleapis.com/google.rpc.ErrorInfo")]
    Error {
        reason: String,
        domain: &'static str,
    },
    #[serde(rename = "type.googleapis.com/google.rpc.RequestInfo")]
    Request {
        #[serde(rename = "requestId")]
        request_id: &'a str,
    },
    #[serde(rename = "type.googleapis.com/google.rpc.RetryInfo")]
    Retry {
        #[serde(rename = "retryDelay")]
        retry_delay: String,
    },
}

impl<'a> Gemini<'a> {
    fn of(problem: &'a Problem, request_id: &'a str) -> Self {
        let reason = problem.kind.code().to_ascii_uppercase();
        let domain = "mirk";
        let mut details = vec![
            GeminiDetail::Error { reason, domain },
            GeminiDetail::Request { request_id },
        ];
        if let Some(seconds) = retry_seconds(problem) {
            let retry_delay = format!("{seconds}s");
            details.push(GeminiDetail::Retry { retry_delay });
        }
        Self {
            error: GeminiError {
                code: problem.kind.status(),
                message: &problem.public,
                status: gemini_status(problem.kind),
                details,
            },
        }
    }
}

#[derive(Serialize)]
struct Ollama<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    request_id: &'a str,
}

impl<'a> Ollama<'a> {
    fn of(problem: &'a Problem, request_id: &'a str) -> Self {
        Self {
            error: &problem.public,
            code: Some(problem.kind.code()),
            request_id,
        }
    }
}

/// Source: OpenAI's error reference and the types its SDKs know.
fn openai_type(kind: Kind) -> &'static str {
    match kind {
        Kind::InsufficientQuota => "insufficient_quota",
        Kind::Unauthorized => "authentication_error",
        _ => openai_type_of(kind.status()),
    }
}

const fn openai_type_of(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        408 | 504 => "timeout_error",
        429 => "rate_limit_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// Source: <https://docs.anthropic.com/en/api/errors>.
fn anthropic_type(kind: Kind) -> &'static str {
    anthropic_type_of(kind.status())
}

const fn anthropic_type_of(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// Source: `google/rpc/code.proto`.
fn gemini_status(kind: Kind) -> &'static str {
    gemini_status_of(kind.status())
}

const fn gemini_status_of(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        405 | 426 | 505 => "UNIMPLEMENTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        502 | 503 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}
