//! Refusals, each in the words and the shape of the provider that refuses.
//!
//! Sources, read 2026-11: <https://platform.openai.com/docs/guides/error-codes>,
//! <https://docs.anthropic.com/en/api/errors>, <https://ai.google.dev/gemini-api/docs/troubleshooting>,
//! <https://github.com/ollama/ollama/blob/main/docs/api.md>.

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use serde_json::{Value, json};

use super::endpoint::Provider;
use super::reply::Reply;
use super::say::{self, Kind};

/// Why a request is not answered.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// Words that replace the provider's usual ones for this status.
    pub(super) message: Option<String>,
    /// The field the words are about.
    pub(super) param: Option<String>,
}

impl Refusal {
    /// The provider's usual answer with this status.
    pub(super) fn usual(status: u16) -> Self {
        Self {
            status,
            message: None,
            param: None,
        }
    }

    /// This status with these words.
    pub(super) fn said(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: Some(message.into()),
            param: None,
        }
    }

    /// The request carries no credential.
    pub(super) fn no_credential() -> Self {
        Self::usual(401)
    }

    /// The credential is not one of ours.
    pub(super) fn wrong_credential() -> Self {
        Self::usual(401)
    }

    /// The body is over the limit or broke off.
    pub(super) fn too_large() -> Self {
        Self::said(413, "Request exceeds the maximum size")
    }

    /// The path exists nowhere.
    pub(super) fn no_endpoint(parts: &Parts) -> Self {
        Self::said(
            404,
            format!("Invalid URL ({} {})", parts.method, parts.uri.path()),
        )
    }

    /// The path exists, the method does not.
    pub(super) fn wrong_method(parts: &Parts) -> Self {
        Self::said(
            405,
            format!("Not allowed to {} on {}", parts.method, parts.uri.path()),
        )
    }

    /// The web socket transport is not spoken here.
    pub(super) fn upgrade_required() -> Self {
        Self::said(426, "WebSocket transport is not available")
    }

    /// The body is compressed.
    pub(super) fn encoded() -> Self {
        Self::said(415, "Unsupported content encoding")
    }

    /// The body is not a JSON object.
    pub(super) fn not_json() -> Self {
        Self::said(400, "We could not parse the JSON body of your request.")
    }

    /// Anthropic asks every client for the version it speaks.
    pub(super) fn no_version() -> Self {
        Self::said(400, "anthropic-version: header is required")
    }

    /// A field the provider requires is absent.
    pub(super) fn missing(provider: Provider, name: &str) -> Self {
        let message = match provider {
            Provider::OpenAi => format!("Missing required parameter: '{name}'."),
            Provider::Anthropic => format!("{name}: Field required"),
            Provider::Gemini => format!("* GenerateContentRequest.{name}: {name} is not specified"),
            Provider::Ollama => format!("{name} is required"),
        };
        Self {
            status: 400,
            message: Some(message),
            param: Some(name.into()),
        }
    }
}

/// The refusal as the provider sends it, with the headers that belong to it.
pub(super) fn render(provider: Provider, refusal: &Refusal, sequence: usize) -> Reply {
    let body = body(provider, refusal, sequence);
    let mut reply = Reply::json(refusal.status, &body);
    if refusal.status == 426 {
        reply = reply
            .with("upgrade", "websocket")
            .with("connection", "upgrade");
    }
    reply = with_id(reply, provider, sequence);
    match (refusal.status, provider) {
        (429, Provider::OpenAi) => reply
            .with("retry-after", "7")
            .with("retry-after-ms", "7000")
            .with("x-ratelimit-limit-requests", "3")
            .with("x-ratelimit-limit-tokens", "40000")
            .with("x-ratelimit-remaining-requests", "0")
            .with("x-ratelimit-remaining-tokens", "39000")
            .with("x-ratelimit-reset-requests", "7s")
            .with("x-ratelimit-reset-tokens", "1.5s"),
        (429, Provider::Anthropic) => reply
            .with("retry-after", "7")
            .with("anthropic-ratelimit-requests-limit", "50")
            .with("anthropic-ratelimit-requests-remaining", "0")
            .with("anthropic-ratelimit-requests-reset", "2026-11-22T00:00:07Z")
            .with("anthropic-ratelimit-tokens-limit", "40000")
            .with("anthropic-ratelimit-tokens-remaining", "39000")
            .with("anthropic-ratelimit-tokens-reset", "2026-11-22T00:00:07Z"),
        (429, Provider::Gemini | Provider::Ollama) => reply.with("retry-after", "7"),
        (529, Provider::Anthropic) => reply.with("x-should-retry", "true"),
        _ => reply,
    }
}

/// Gemini's stream without SSE is an array, also when all it holds is an error.
pub(super) fn in_array(mut reply: Reply) -> Reply {
    reply
        .pieces
        .insert(0, (Duration::ZERO, Bytes::from_static(b"[")));
    reply
        .pieces
        .push((Duration::ZERO, Bytes::from_static(b"\n]\n")));
    reply
}

/// Adds the header by which a provider names a request.
pub(super) fn with_id(reply: Reply, provider: Provider, sequence: usize) -> Reply {
    match provider {
        Provider::OpenAi => reply
            .with("x-request-id", say::id(Kind::Request, sequence, 0))
            .with("openai-version", "2020-10-01")
            .with("openai-processing-ms", "12"),
        Provider::Anthropic => reply
            .with("request-id", say::id(Kind::Request, sequence, 0))
            .with(
                "anthropic-organization-id",
                "00000000-0000-4000-8000-000000000000",
            ),
        Provider::Gemini => reply
            .with("vary", "Origin")
            .with("server-timing", "gfet4t7; dur=12"),
        Provider::Ollama => reply,
    }
}

/// The refusal's JSON, also used for errors inside a stream.
pub(super) fn body(provider: Provider, refusal: &Refusal, sequence: usize) -> Value {
    let message = refusal
        .message
        .clone()
        .unwrap_or_else(|| usual(provider, refusal.status).into());
    match provider {
        Provider::OpenAi => openai(refusal, &message),
        Provider::Anthropic => json!({
            "type": "error",
            "error": { "type": anthropic_type(refusal.status), "message": message },
            "request_id": say::id(Kind::Request, sequence, 0),
        }),
        Provider::Gemini => gemini(refusal.status, &message),
        Provider::Ollama => json!({ "error": message }),
    }
}

fn openai(refusal: &Refusal, message: &str) -> Value {
    let (kind, code) = match refusal.status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        403 => (
            "invalid_request_error",
            Some("unsupported_country_region_territory"),
        ),
        404 if refusal.message.is_none() => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        500 | 503 | 529 => ("server_error", None),
        400 if refusal.param.is_some() => {
            ("invalid_request_error", Some("missing_required_parameter"))
        }
        _ => ("invalid_request_error", None),
    };
    json!({ "error": {
        "message": message, "type": kind, "param": refusal.param, "code": code,
    }})
}

fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

fn gemini(status: u16, message: &str) -> Value {
    let word = match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        503 | 529 => "UNAVAILABLE",
        _ => "INVALID_ARGUMENT",
    };
    let mut error = json!({ "code": status, "message": message, "status": word });
    let details = match status {
        401 => json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "ACCESS_TOKEN_TYPE_UNSUPPORTED",
            "domain": "googleapis.com",
            "metadata": { "service": "generativelanguage.googleapis.com" },
        }]),
        429 => json!([
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{
                    "quotaMetric": "generativelanguage.googleapis.com/generate_requests_per_model",
                    "quotaId": "GenerateRequestsPerMinutePerProjectPerModel",
                    "quotaValue": "3",
                }],
            },
            { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s" },
        ]),
        _ => return json!({ "error": error }),
    };
    if let Some(fields) = error.as_object_mut() {
        fields.insert("details".into(), details);
    }
    json!({ "error": error })
}

/// The words each provider uses with a status.
fn usual(provider: Provider, status: u16) -> &'static str {
    match (provider, status) {
        (Provider::OpenAi, 401) => {
            "Incorrect API key provided. You can find your API key at \
             https://platform.openai.com/account/api-keys."
        }
        (Provider::OpenAi, 403) => "Country, region, or territory not supported",
        (Provider::OpenAi, 404) => "The model does not exist or you do not have access to it.",
        (Provider::OpenAi, 429) => {
            "Rate limit reached for requests per min (RPM): Limit 3, Used 3, Requested 1. \
             Please try again in 7s."
        }
        (Provider::OpenAi, 500) => {
            "The server had an error while processing your request. Sorry about that!"
        }
        (Provider::OpenAi, _) => "The engine is currently overloaded, please try again later",
        (Provider::Anthropic, 401) => "invalid x-api-key",
        (Provider::Anthropic, 403) => "Your API key does not have permission to use this model",
        (Provider::Anthropic, 404) => "model: not found",
        (Provider::Anthropic, 429) => {
            "This request would exceed your organization's rate limit of 50 requests per minute."
        }
        (Provider::Anthropic, 500) => "Internal server error",
        (Provider::Anthropic, _) => "Overloaded",
        (Provider::Gemini, 401) => {
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login \
             cookie or other valid authentication credential."
        }
        (Provider::Gemini, 403) => "The caller does not have permission",
        (Provider::Gemini, 404) => {
            "models/unknown is not found for API version v1beta, or is not supported for \
             generateContent."
        }
        (Provider::Gemini, 429) => {
            "You exceeded your current quota, please check your plan and billing details. \
             Please retry in 7s."
        }
        (Provider::Gemini, 500) => "An internal error has occurred. Please retry.",
        (Provider::Gemini, _) => "The model is overloaded. Please try again later.",
        (Provider::Ollama, 404) => "model not found",
        (Provider::Ollama, 429) => "too many requests",
        (Provider::Ollama, _) => {
            "server busy, please try again.  maximum pending requests exceeded"
        }
    }
}
