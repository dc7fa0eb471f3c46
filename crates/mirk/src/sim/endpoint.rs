//! Which provider and which of its endpoints a request is for.
//!
//! Paths as the providers publish them; `/v1` may stand behind the prefixes `/openai`, `/api`,
//! `/anthropic` and `/v1beta/openai`, where compatible providers put it.

use http::Method;
use http::request::Parts;
use mirk_model::Dialect;
use serde_json::Value;

use super::refuse::Refusal;
use super::reply::Reply;
use super::say::Scene;
use super::{anthropic, completions, embed, gemini, models, ollama, openai, responses};

/// Whose manners an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    OpenAi,
    Anthropic,
    Gemini,
    Ollama,
}

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Chat,
    Responses,
    Completions,
    Embeddings,
    Models,
    Model,
    Messages,
    CountTokens,
    Generate,
    StreamGenerate,
    EmbedContent,
    BatchEmbed,
    OllamaChat,
    OllamaGenerate,
    OllamaEmbed,
    OllamaTags,
    OllamaVersion,
    OllamaShow,
    WebSocket,
    WrongMethod,
    Unknown,
}

impl Endpoint {
    /// The dialect that asks for this; none for what every provider has.
    pub(super) fn dialect(self) -> Option<Dialect> {
        match self {
            Self::Chat | Self::Completions | Self::Embeddings => Some(Dialect::OpenAiChat),
            Self::Responses => Some(Dialect::OpenAiResponses),
            Self::Messages | Self::CountTokens => Some(Dialect::Anthropic),
            Self::Generate | Self::StreamGenerate | Self::EmbedContent | Self::BatchEmbed => {
                Some(Dialect::Gemini)
            }
            Self::OllamaChat | Self::OllamaGenerate | Self::OllamaEmbed => Some(Dialect::Ollama),
            Self::Models
            | Self::Model
            | Self::OllamaTags
            | Self::OllamaVersion
            | Self::OllamaShow
            | Self::WebSocket
            | Self::WrongMethod
            | Self::Unknown => None,
        }
    }

    /// Whether a JSON object must come with the request.
    pub(super) fn takes_body(self) -> bool {
        !matches!(
            self,
            Self::Models | Self::Model | Self::OllamaTags | Self::OllamaVersion
        )
    }
}

/// Where a request goes, with the model its path names.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) provider: Provider,
    pub(super) endpoint: Endpoint,
    pub(super) model: Option<String>,
}

/// Reads the request line and the headers that tell the providers apart.
pub(super) fn find(parts: &Parts) -> Target {
    let path = parts.uri.path();
    let is_get = parts.method == Method::GET || parts.method == Method::HEAD;
    if let Some(rest) = path.strip_prefix("/api/")
        && !rest.starts_with("v1/")
    {
        return Target {
            provider: Provider::Ollama,
            endpoint: ollama_endpoint(rest, is_get),
            model: None,
        };
    }
    let Some((rest, is_beta)) = below_version(path) else {
        return Target {
            provider: speaker(parts),
            endpoint: Endpoint::Unknown,
            model: None,
        };
    };
    let provider = if is_beta {
        Provider::Gemini
    } else {
        speaker(parts)
    };
    if let Some(target) = about_models(rest, is_get, provider) {
        return target;
    }
    if is_beta {
        return Target {
            provider,
            endpoint: Endpoint::Unknown,
            model: None,
        };
    }
    posted(rest, is_get, parts)
}

/// Below `models`: lists, single models, and what Gemini does with one.
fn about_models(rest: &str, is_get: bool, provider: Provider) -> Option<Target> {
    if rest == "models" {
        let endpoint = if is_get {
            Endpoint::Models
        } else {
            Endpoint::WrongMethod
        };
        return Some(Target {
            provider,
            endpoint,
            model: None,
        });
    }
    let rest = rest.strip_prefix("models/")?;
    let verb = rest
        .rsplit_once(':')
        .and_then(|(name, verb)| Some((name, gemini_endpoint(verb)?)));
    let (provider, endpoint, name) = match verb {
        Some((name, endpoint)) => (Provider::Gemini, endpoint, name),
        None => (provider, Endpoint::Model, rest),
    };
    let is_right = is_get == (endpoint == Endpoint::Model);
    let endpoint = if is_right {
        endpoint
    } else {
        Endpoint::WrongMethod
    };
    Some(Target {
        provider,
        endpoint,
        model: Some(percent(name)),
    })
}

fn posted(rest: &str, is_get: bool, parts: &Parts) -> Target {
    let (provider, endpoint) = match rest {
        "chat/completions" => (Provider::OpenAi, Endpoint::Chat),
        "responses" if is_get && parts.headers.contains_key(http::header::UPGRADE) => {
            (Provider::OpenAi, Endpoint::WebSocket)
        }
        "responses" => (Provider::OpenAi, Endpoint::Responses),
        "completions" => (Provider::OpenAi, Endpoint::Completions),
        "embeddings" => (Provider::OpenAi, Endpoint::Embeddings),
        "messages" => (Provider::Anthropic, Endpoint::Messages),
        "messages/count_tokens" => (Provider::Anthropic, Endpoint::CountTokens),
        _ => (speaker(parts), Endpoint::Unknown),
    };
    let is_wrong = is_get && !matches!(endpoint, Endpoint::Unknown | Endpoint::WebSocket);
    let endpoint = if is_wrong {
        Endpoint::WrongMethod
    } else {
        endpoint
    };
    Target {
        provider,
        endpoint,
        model: None,
    }
}

/// The path below `/v1/` or `/v1beta/`, and whether it was the latter.
fn below_version(path: &str) -> Option<(&str, bool)> {
    if let Some(rest) = path.strip_prefix("/v1beta/openai/") {
        return Some((rest, false));
    }
    if let Some(rest) = path.strip_prefix("/v1beta/") {
        return Some((rest, true));
    }
    ["/v1/", "/openai/v1/", "/api/v1/", "/anthropic/v1/"]
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix))
        .map(|rest| (rest, false))
}

/// On paths that several providers share, the headers say whose client is asking.
fn speaker(parts: &Parts) -> Provider {
    if parts.headers.contains_key("anthropic-version") {
        Provider::Anthropic
    } else if parts.headers.contains_key("x-goog-api-key") || query(parts, "key").is_some() {
        Provider::Gemini
    } else {
        Provider::OpenAi
    }
}

fn gemini_endpoint(method: &str) -> Option<Endpoint> {
    Some(match method {
        "generateContent" => Endpoint::Generate,
        "streamGenerateContent" => Endpoint::StreamGenerate,
        "countTokens" => Endpoint::CountTokens,
        "embedContent" => Endpoint::EmbedContent,
        "batchEmbedContents" => Endpoint::BatchEmbed,
        _ => return None,
    })
}

fn ollama_endpoint(rest: &str, is_get: bool) -> Endpoint {
    match (rest, is_get) {
        ("chat", false) => Endpoint::OllamaChat,
        ("generate", false) => Endpoint::OllamaGenerate,
        ("embed", false) => Endpoint::OllamaEmbed,
        ("show", false) => Endpoint::OllamaShow,
        ("tags", true) => Endpoint::OllamaTags,
        ("version", true) => Endpoint::OllamaVersion,
        ("chat" | "generate" | "embed" | "show" | "tags" | "version", _) => Endpoint::WrongMethod,
        _ => Endpoint::Unknown,
    }
}

/// The credential a request carries: bearer, `x-api-key`, `x-goog-api-key`, or `?key=`.
pub(super) fn credential(parts: &Parts) -> Option<String> {
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let bearer = header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    bearer
        .or_else(|| header("x-api-key"))
        .or_else(|| header("x-goog-api-key"))
        .map(str::to_owned)
        .or_else(|| query(parts, "key"))
        .filter(|credential| !credential.is_empty())
}

fn query(parts: &Parts, name: &str) -> Option<String> {
    let query = parts.uri.query()?;
    url_pairs(query)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

/// The pairs of a query, decoded.
pub(super) fn url_pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((percent(name), percent(value)))
    })
}

/// Undoes percent-encoding; what is not valid stays as it is.
fn percent(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let pair = tail
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The model asked for, from the path or the body.
pub(super) fn model(target: &Target, body: &Value) -> String {
    let written = || body.get("model").and_then(Value::as_str).map(str::to_owned);
    target.model.clone().or_else(written).unwrap_or_default()
}

/// What the provider insists on before it answers.
pub(super) fn check(target: &Target, body: &Value, parts: &Parts) -> Result<(), Refusal> {
    if target.endpoint.takes_body() && model(target, body).is_empty() {
        return Err(Refusal::missing(target.provider, "model"));
    }
    let needed = match target.endpoint {
        Endpoint::Chat | Endpoint::OllamaChat => Some("messages"),
        Endpoint::Messages | Endpoint::CountTokens if target.provider == Provider::Anthropic => {
            if !parts.headers.contains_key("anthropic-version") {
                return Err(Refusal::no_version());
            }
            Some("messages")
        }
        Endpoint::Embeddings => Some("input"),
        Endpoint::Generate | Endpoint::StreamGenerate => Some("contents"),
        _ => None,
    };
    if let Some(name) = needed
        && body.get(name).is_none()
    {
        return Err(Refusal::missing(target.provider, name));
    }
    if target.endpoint == Endpoint::Messages && body.get("max_tokens").is_none() {
        return Err(Refusal::missing(target.provider, "max_tokens"));
    }
    Ok(())
}

/// The answer in the provider's format, before any misbehaviour.
pub(super) fn speak(target: &Target, body: &Value, scene: &Scene) -> Result<Reply, Refusal> {
    let gemini_counts = target.provider == Provider::Gemini;
    Ok(match target.endpoint {
        Endpoint::Chat => openai::chat(body, scene),
        Endpoint::Responses => responses::answer(body, scene),
        Endpoint::Completions => completions::answer(body, scene),
        Endpoint::Embeddings => embed::openai(body, scene),
        Endpoint::Models => models::list(target.provider),
        Endpoint::Model => models::one(target.provider, scene)?,
        Endpoint::Messages => anthropic::messages(body, scene),
        Endpoint::CountTokens if gemini_counts => gemini::count(scene),
        Endpoint::CountTokens => anthropic::count(scene),
        Endpoint::Generate | Endpoint::StreamGenerate => gemini::generate(body, scene)?,
        Endpoint::EmbedContent => embed::gemini_one(body),
        Endpoint::BatchEmbed => embed::gemini_batch(body),
        Endpoint::OllamaChat => ollama::chat(scene),
        Endpoint::OllamaGenerate => ollama::generate(scene),
        Endpoint::OllamaEmbed => embed::ollama(body, scene),
        Endpoint::OllamaTags => models::ollama_tags(),
        Endpoint::OllamaVersion => models::ollama_version(),
        Endpoint::OllamaShow => models::ollama_show(),
        Endpoint::WebSocket | Endpoint::WrongMethod | Endpoint::Unknown => Reply::empty(404),
    })
}
