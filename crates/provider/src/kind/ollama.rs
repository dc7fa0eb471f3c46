//! Ollama: its own API, and those of OpenAI and Anthropic that it serves beside it.
//! Source: <https://docs.ollama.com/api>, read 2026-11.

use mirk_model::Operation;

use super::{Auth, Facts, Listed};

pub(super) static FACTS: Facts = Facts {
    name: "ollama",
    title: "Ollama",
    base_url: Some("http://127.0.0.1:11434"),
    auth: Auth::Bearer,
    may_lack_credential: true,
    is_local: true,
    variable: Some("OLLAMA_API_KEY"),
    prefixes: &[],
    domains: &[],
    paths: &[
        (Operation::OllamaChat, "/api/chat"),
        (Operation::OllamaGenerate, "/api/generate"),
        (Operation::OllamaEmbed, "/api/embed"),
        (Operation::Chat, "/v1/chat/completions"),
        (Operation::Completions, "/v1/completions"),
        (Operation::Embeddings, "/v1/embeddings"),
        (Operation::Responses, "/v1/responses"),
        (Operation::Messages, "/v1/messages"),
    ],
    models_path: "/api/tags",
    probe_path: "/api/tags",
    catalog: Listed::Local,
};
