//! Model lists in the words of each dialect.
//!
//! Three dialects share `GET /v1/models`; the headers tell them apart ([`listing_dialect`]).

use bytes::Bytes;
use mirk_model::{Dialect, Timestamp};
use serde::Serialize;

#[cfg(test)]
mod tests;

/// A model as clients see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelEntry {
    /// The name to ask for it by: an alias, `provider/model`, or a bare name.
    pub id: String,
    /// Who runs it: the provider's name.
    pub owned_by: String,
    /// When it was added.
    pub created: Timestamp,
    /// The most input tokens, if known.
    pub context: Option<u64>,
    /// The most output tokens, if known.
    pub max_output: Option<u64>,
    /// Whether it makes embeddings and not text.
    pub is_embedding: bool,
}

/// Which part of a list is wanted. Only Anthropic's clients ask for parts here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page<'a> {
    /// `limit`: at most so many; `None` is all.
    pub limit: Option<usize>,
    /// `after_id`: only what stands behind this model.
    pub after_id: Option<&'a str>,
}

/// The dialect in which `GET /v1/models` is meant, by the headers of the request.
pub const fn listing_dialect(has_anthropic_version: bool, has_goog_api_key: bool) -> Dialect {
    if has_anthropic_version {
        Dialect::Anthropic
    } else if has_goog_api_key {
        Dialect::Gemini
    } else {
        Dialect::OpenAiChat
    }
}

/// The body of a list of `models`, in their order.
pub fn list(dialect: Dialect, models: &[ModelEntry], page: Page<'_>) -> Bytes {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => body(&OpenAiList {
            object: "list",
            data: models.iter().map(OpenAiModel::of).collect(),
        }),
        Dialect::Anthropic => body(&AnthropicList::of(models, page)),
        Dialect::Gemini => body(&GeminiList {
            models: models.iter().map(GeminiModel::of).collect(),
        }),
        Dialect::Ollama => body(&OllamaList {
            models: models.iter().map(OllamaModel::of).collect(),
        }),
    }
}

/// The body that shows one model; in Ollama's dialect what `POST /api/show` answers.
pub fn one(dialect: Dialect, model: &ModelEntry) -> Bytes {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => body(&OpenAiModel::of(model)),
        Dialect::Anthropic => body(&AnthropicModel::of(model)),
        Dialect::Gemini => body(&GeminiModel::of(model)),
        Dialect::Ollama => body(&OllamaShown::of(model)),
    }
}

/// These bodies are strings, numbers and lists of them, which always serialise.
fn body(list: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(list).unwrap_or_default())
}

#[derive(Serialize)]
struct OpenAiList<'a> {
    object: &'static str,
    data: Vec<OpenAiModel<'a>>,
}

#[derive(Serialize)]
struct OpenAiModel<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
    /// Not OpenAI's: clients that read OpenRouter's list take it from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
}

impl<'a> OpenAiModel<'a> {
    fn of(model: &'a ModelEntry) -> Self {
        Self {
            id: &model.id,
            object: "model",
            created: model.created.as_millis().div_euclid(1_000),
            owned_by: &model.owned_by,
            context_length: model.context,
        }
    }
}

#[derive(Serialize)]
struct AnthropicList<'a> {
    data: Vec<AnthropicModel<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

#[derive(Serialize)]
struct AnthropicModel<'a> {
    r#type: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
}

impl<'a> AnthropicList<'a> {
    fn of(models: &'a [ModelEntry], page: Page<'_>) -> Self {
        // An `after_id` that is not in the list (any more) starts from the front.
        let skipped = page
            .after_id
            .and_then(|id| models.iter().position(|model| model.id == id))
            .map_or(0, |at| at + 1);
        let rest = models.get(skipped..).unwrap_or_default();
        let limit = page.limit.unwrap_or(rest.len());
        let data: Vec<_> = rest.iter().take(limit).map(AnthropicModel::of).collect();
        Self {
            has_more: data.len() < rest.len(),
            first_id: data.first().map(|model| model.id),
            last_id: data.last().map(|model| model.id),
            data,
        }
    }
}

impl<'a> AnthropicModel<'a> {
    fn of(model: &'a ModelEntry) -> Self {
        Self {
            r#type: "model",
            id: &model.id,
            display_name: &model.id,
            created_at: model.created.to_string(),
            max_input_tokens: model.context,
            max_tokens: model.max_output,
        }
    }
}

#[derive(Serialize)]
struct GeminiList<'a> {
    models: Vec<GeminiModel<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GeminiModel<'a> {
    name: String,
    version: &'static str,
    display_name: &'a str,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_token_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_token_limit: Option<u64>,
    supported_generation_methods: &'static [&'static str],
}

impl<'a> GeminiModel<'a> {
    fn of(model: &'a ModelEntry) -> Self {
        Self {
            name: format!("models/{}", model.id),
            version: "1",
            display_name: &model.id,
            description: format!("Run by {}.", model.owned_by),
            input_token_limit: model.context,
            output_token_limit: model.max_output,
            supported_generation_methods: if model.is_embedding {
                &["embedContent", "batchEmbedContents"]
            } else {
                &["generateContent", "streamGenerateContent", "countTokens"]
            },
        }
    }
}

#[derive(Serialize)]
struct OllamaList<'a> {
    models: Vec<OllamaModel<'a>>,
}

#[derive(Serialize)]
struct OllamaModel<'a> {
    name: &'a str,
    model: &'a str,
    modified_at: String,
    size: u64,
    digest: &'static str,
    details: OllamaDetails<'a>,
}

/// Mirk does not know these of a model that runs elsewhere; clients want the fields to be there.
#[derive(Serialize)]
struct OllamaDetails<'a> {
    parent_model: &'static str,
    format: &'static str,
    family: &'a str,
    families: [&'a str; 1],
    parameter_size: &'static str,
    quantization_level: &'static str,
}

impl<'a> OllamaDetails<'a> {
    fn of(model: &'a ModelEntry) -> Self {
        Self {
            parent_model: "",
            format: "",
            family: &model.owned_by,
            families: [&model.owned_by],
            parameter_size: "",
            quantization_level: "",
        }
    }
}

impl<'a> OllamaModel<'a> {
    fn of(model: &'a ModelEntry) -> Self {
        Self {
            name: &model.id,
            model: &model.id,
            modified_at: model.created.to_string(),
            size: 0,
            digest: "",
            details: OllamaDetails::of(model),
        }
    }
}

#[derive(Serialize)]
struct OllamaShown<'a> {
    modified_at: String,
    template: &'static str,
    details: OllamaDetails<'a>,
    model_info: OllamaInfo<'a>,
    capabilities: &'static [&'static str],
}

/// Source: Ollama's API reference, `POST /api/show`; `<architecture>.context_length`.
#[derive(Serialize)]
struct OllamaInfo<'a> {
    #[serde(rename = "general.architecture")]
    architecture: &'static str,
    #[serde(rename = "general.basename")]
    basename: &'a str,
    #[serde(
        rename = "mirk.context_length",
        skip_serializing_if = "Option::is_none"
    )]
    context_length: Option<u64>,
}

impl<'a> OllamaShown<'a> {
    fn of(model: &'a ModelEntry) -> Self {
        Self {
            modified_at: model.created.to_string(),
            template: "",
            details: OllamaDetails::of(model),
            model_info: OllamaInfo {
                architecture: "mirk",
                basename: &model.id,
                context_length: model.context,
            },
            capabilities: if model.is_embedding {
                &["embedding"]
            } else {
                &["completion", "tools"]
            },
        }
    }
}
