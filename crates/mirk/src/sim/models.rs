//! The lists of models, in each provider's shape.
//!
//! Sources, read 2026-11: <https://platform.openai.com/docs/api-reference/models>,
//! <https://docs.anthropic.com/en/api/models-list>, <https://ai.google.dev/api/models>,
//! <https://github.com/ollama/ollama/blob/main/docs/api.md>.

use serde_json::{Value, json};

use super::endpoint::Provider;
use super::ollama::CREATED;
use super::refuse::Refusal;
use super::reply::Reply;
use super::say::Scene;

const OPENAI: &[&str] = &[
    "gpt-5.4",
    "gpt-5.4-mini",
    "text-embedding-3-small",
    "sim-slow",
    "sim-many",
];
const ANTHROPIC: &[&str] = &["claude-opus-5-5", "claude-sonnet-4-5", "claude-sim-slow"];
const GEMINI: &[&str] = &["gemini-3-pro", "gemini-2.5-flash", "gemini-embedding-001"];
const OLLAMA: &[&str] = &["llama3.2:latest", "qwen3:8b"];

/// The models a provider lists. Any other name is answered too.
pub(super) fn list(provider: Provider) -> Reply {
    let body = match provider {
        Provider::OpenAi | Provider::Ollama => json!({
            "object": "list",
            "data": OPENAI.iter().map(|id| openai(id)).collect::<Vec<_>>(),
        }),
        Provider::Anthropic => json!({
            "data": ANTHROPIC.iter().map(|id| anthropic(id)).collect::<Vec<_>>(),
            "has_more": false,
            "first_id": ANTHROPIC.first(),
            "last_id": ANTHROPIC.last(),
        }),
        Provider::Gemini => json!({
            "models": GEMINI.iter().map(|id| gemini(id)).collect::<Vec<_>>(),
        }),
    };
    Reply::json(200, &body)
}

/// One model by its name.
pub(super) fn one(provider: Provider, scene: &Scene) -> Result<Reply, Refusal> {
    let id = scene.ask.model.as_str();
    let (listed, body) = match provider {
        Provider::OpenAi | Provider::Ollama => (OPENAI, openai(id)),
        Provider::Anthropic => (ANTHROPIC, anthropic(id)),
        Provider::Gemini => (GEMINI, gemini(id)),
    };
    if listed.contains(&id) {
        Ok(Reply::json(200, &body))
    } else {
        Err(Refusal::usual(404))
    }
}

fn openai(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 1_795_305_600, "owned_by": "simulated" })
}

fn anthropic(id: &str) -> Value {
    json!({
        "type": "model",
        "id": id,
        "display_name": id,
        "created_at": "2026-11-22T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    })
}

fn gemini(id: &str) -> Value {
    let methods = if id.contains("embedding") {
        json!(["embedContent", "countTokens", "batchEmbedContents"])
    } else {
        json!(["generateContent", "streamGenerateContent", "countTokens"])
    };
    json!({
        "name": format!("models/{id}"),
        "version": "001",
        "displayName": id,
        "description": "A simulated model",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": methods,
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
    })
}

fn ollama_details() -> Value {
    json!({
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": "3.2B",
        "quantization_level": "Q4_K_M",
    })
}

/// Answers `GET /api/tags`.
pub(super) fn ollama_tags() -> Reply {
    let models: Vec<Value> = OLLAMA
        .iter()
        .map(|name| {
            json!({
                "name": name,
                "model": name,
                "modified_at": CREATED,
                "size": 2_019_393_189_u64,
                "digest": "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72",
                "details": ollama_details(),
            })
        })
        .collect();
    Reply::json(200, &json!({ "models": models }))
}

/// Answers `GET /api/version`.
pub(super) fn ollama_version() -> Reply {
    Reply::json(200, &json!({ "version": "0.13.0" }))
}

/// Answers `POST /api/show`.
pub(super) fn ollama_show() -> Reply {
    Reply::json(
        200,
        &json!({
            "modelfile": "FROM simulated",
            "parameters": "stop \"<|eot_id|>\"",
            "template": "{{ .Prompt }}",
            "details": ollama_details(),
            "model_info": {
                "general.architecture": "llama",
                "general.parameter_count": 3_212_749_888_u64,
                "llama.context_length": 131_072,
                "llama.embedding_length": 3072,
            },
            "capabilities": ["completion", "tools"],
            "modified_at": CREATED,
        }),
    )
}
