//! The model routes: which method and path asks for what.
//!
//! Invariant: a path matches as it is written, byte for byte; it is never cleaned up first, so no
//! spelling of a path reaches a route that this exact spelling does not name. Aliases are rows.

use std::borrow::Cow;

use mirk_model::{Operation, Scope};

#[cfg(test)]
mod tests;

/// The longest model name in a path, in bytes.
const LONGEST_MODEL: usize = 256;

/// The most parts that a model name in a path may have: `router/provider/model`.
const MOST_PARTS: usize = 3;

/// What an endpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// To ask a model.
    Ask(Operation),
    /// To list models, in the dialect that the headers name; see [`crate::models::listing_dialect`].
    List,
    /// To list models as Gemini does.
    ListGemini,
    /// To list models as Ollama does.
    ListOllama,
    /// To show the model named in the path, in the dialect that the headers name.
    Show,
    /// To show the model named in the path as Gemini does.
    ShowGemini,
    /// To show the model named in the body as Ollama does.
    ShowOllama,
    /// To say which version of Ollama's API is spoken.
    Version,
    /// To refuse a websocket with 426, so that the client falls back at once.
    NoUpgrade,
    /// To say that something is here: 200 with no body.
    Hello,
}

/// What a caller must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// A key with this scope.
    Key(Scope),
    /// Nothing.
    Anonymous,
}

impl Policy {
    /// The policy in words, as `mirk routes --json` prints it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Key(Scope::Chat) => "key with scope chat",
            Self::Key(Scope::Embeddings) => "key with scope embeddings",
            Self::Key(Scope::Models) => "key with scope models",
            Self::Key(Scope::Usage) => "key with scope usage",
            Self::Key(Scope::Mcp) => "key with scope mcp",
            Self::Anonymous => "anonymous",
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The method.
    pub method: &'static str,
    /// The path; `{model}` stands for a model's name, which may have slashes.
    pub pattern: &'static str,
    /// What it is for.
    pub what: What,
    /// What a caller must show.
    pub policy: Policy,
}

const fn ask(pattern: &'static str, operation: Operation) -> Endpoint {
    let scope = if operation.is_embedding() {
        Scope::Embeddings
    } else {
        Scope::Chat
    };
    Endpoint {
        method: "POST",
        pattern,
        what: What::Ask(operation),
        policy: Policy::Key(scope),
    }
}

const fn models(pattern: &'static str, what: What) -> Endpoint {
    let method = match what {
        What::ShowOllama => "POST",
        _ => "GET",
    };
    let policy = Policy::Key(Scope::Models);
    Endpoint {
        method,
        pattern,
        what,
        policy,
    }
}

const fn other(
    method: &'static str,
    pattern: &'static str,
    what: What,
    policy: Policy,
) -> Endpoint {
    Endpoint {
        method,
        pattern,
        what,
        policy,
    }
}

/// Every model route.
pub static ENDPOINTS: &[Endpoint] = &[
    ask("/v1/chat/completions", Operation::Chat),
    ask("/v1/messages", Operation::Messages),
    ask("/v1/responses", Operation::Responses),
    ask("/v1/embeddings", Operation::Embeddings),
    ask("/v1/completions", Operation::Completions),
    ask("/v1/messages/count_tokens", Operation::CountTokens),
    ask(
        "/v1beta/models/{model}:generateContent",
        Operation::Generate,
    ),
    ask(
        "/v1beta/models/{model}:streamGenerateContent",
        Operation::StreamGenerate,
    ),
    ask("/v1beta/models/{model}:countTokens", Operation::GeminiCount),
    ask(
        "/v1beta/models/{model}:embedContent",
        Operation::GeminiEmbed,
    ),
    ask(
        "/v1beta/models/{model}:batchEmbedContents",
        Operation::GeminiBatchEmbed,
    ),
    ask("/v1/models/{model}:generateContent", Operation::Generate),
    ask(
        "/v1/models/{model}:streamGenerateContent",
        Operation::StreamGenerate,
    ),
    ask("/v1/models/{model}:countTokens", Operation::GeminiCount),
    ask("/v1/models/{model}:embedContent", Operation::GeminiEmbed),
    ask(
        "/v1/models/{model}:batchEmbedContents",
        Operation::GeminiBatchEmbed,
    ),
    ask("/v1/prompt", Operation::Prompt),
    ask("/v1/stream", Operation::PromptStream),
    ask("/api/chat", Operation::OllamaChat),
    ask("/api/generate", Operation::OllamaGenerate),
    ask("/api/embed", Operation::OllamaEmbed),
    models("/v1/models", What::List),
    models("/v1/models/{model}", What::Show),
    models("/v1beta/models", What::ListGemini),
    models("/v1beta/models/{model}", What::ShowGemini),
    models("/api/tags", What::ListOllama),
    models("/api/show", What::ShowOllama),
    other("GET", "/api/version", What::Version, Policy::Anonymous),
    other("GET", "/v1/responses", What::NoUpgrade, Policy::Anonymous),
    // Claude Code asks whether something is there, without a key it could show.
    other("HEAD", "/", What::Hello, Policy::Anonymous),
    other("HEAD", "/api/hello", What::Hello, Policy::Anonymous),
    // Aliases: base URLs with `/v1` once too often or not at all.
    ask("/v1/v1/chat/completions", Operation::Chat),
    ask("/v1/v1/messages", Operation::Messages),
    ask("/v1/v1/responses", Operation::Responses),
    ask("/v1/v1/embeddings", Operation::Embeddings),
    ask("/v1/v1/completions", Operation::Completions),
    ask("/v1/v1/messages/count_tokens", Operation::CountTokens),
    models("/v1/v1/models", What::List),
    models("/v1/v1/models/{model}", What::Show),
    other(
        "GET",
        "/v1/v1/responses",
        What::NoUpgrade,
        Policy::Anonymous,
    ),
    ask("/chat/completions", Operation::Chat),
    ask("/responses", Operation::Responses),
    other("GET", "/responses", What::NoUpgrade, Policy::Anonymous),
    ask("/messages", Operation::Messages),
];

/// What a method and path come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// An endpoint, with the model's name when the path holds one, decoded.
    Endpoint(&'static Endpoint, Option<Cow<'a, str>>),
    /// The path is there, the method is not; what `allow` says.
    MethodNotAllowed(String),
    /// No model route. Some other part of Mirk may have one.
    NotFound,
    /// A path that is not answered at all, here or elsewhere.
    BadPath,
}

/// Finds the endpoint for `method` and `path`, which is the path as it came in, without query.
pub fn find<'a>(method: &str, path: &'a str) -> Found<'a> {
    // A path that is a row's, letter by letter, is as clean as the table.
    let is_it = |row: &&Endpoint| row.pattern == path && row.method == method;
    if let Some(endpoint) = ENDPOINTS.iter().find(is_it) {
        return Found::Endpoint(endpoint, None);
    }
    if !is_clean(path) {
        return Found::BadPath;
    }
    let mut allowed = String::new();
    for endpoint in ENDPOINTS {
        let Some(model) = endpoint.matches(path) else {
            continue;
        };
        if endpoint.method == method {
            if model.is_empty() {
                return Found::Endpoint(endpoint, None);
            }
            return match model_name(model) {
                Some(name) => Found::Endpoint(endpoint, Some(name)),
                None => Found::BadPath,
            };
        }
        if !endpoint.is_shared() && !allowed.contains(endpoint.method) {
            let separator = if allowed.is_empty() { "" } else { ", " };
            allowed.push_str(separator);
            allowed.push_str(endpoint.method);
        }
    }
    if allowed.is_empty() {
        return Found::NotFound;
    }
    Found::MethodNotAllowed(allowed)
}

impl Endpoint {
    /// Whether another part of Mirk answers other methods on this path.
    fn is_shared(&self) -> bool {
        self.pattern == "/"
    }

    /// The model's part of `path` if it is this endpoint's: empty when the pattern has none.
    fn matches<'a>(&self, path: &'a str) -> Option<&'a str> {
        let Some(place) = self.pattern.find('{') else {
            return (self.pattern == path).then_some("");
        };
        let before = self.pattern.get(..place)?;
        let after = self.pattern.get(place + "{model}".len()..)?;
        let model = path.strip_prefix(before)?.strip_suffix(after)?;
        // An empty name is no name: `/v1/models/` is not there.
        (!model.is_empty()).then_some(model)
    }
}

/// Whether a path is written so that no two parsers read it differently.
fn is_clean(path: &str) -> bool {
    path.starts_with('/')
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b';' | b'?' | b'#'))
        && !path.contains("//")
        && path.split('/').all(|part| part != "." && part != "..")
        && path.split('%').skip(1).all(is_harmless_escape)
}

/// Whether what follows a `%` is an escape of a plain visible character that means nothing in a
/// path: not a slash, backslash, percent sign, dot, semicolon, control or half of a character.
fn is_harmless_escape(after: &str) -> bool {
    decoded(after).is_some_and(|byte| {
        byte.is_ascii_graphic() && !matches!(byte, b'/' | b'\\' | b'%' | b'.' | b';' | b'?' | b'#')
    })
}

/// The byte that the two hexadecimal digits at the front of `digits` stand for.
fn decoded(digits: &str) -> Option<u8> {
    let digits = digits.get(..2)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

/// The model's name in a path, decoded once, if each of its parts is safe.
fn model_name(raw: &str) -> Option<Cow<'_, str>> {
    let mut pieces = raw.split('%');
    let name = if raw.contains('%') {
        let mut name = String::from(pieces.next()?);
        for piece in pieces {
            name.push(char::from(decoded(piece)?));
            name.push_str(piece.get(2..)?);
        }
        Cow::Owned(name)
    } else {
        Cow::Borrowed(raw)
    };
    let is_safe = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-:@+~".contains(&byte))
    };
    let fits = name.len() <= LONGEST_MODEL && name.split('/').count() <= MOST_PARTS;
    (fits && name.split('/').all(is_safe)).then_some(name)
}
