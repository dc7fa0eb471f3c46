//! Any server that speaks OpenAI's Chat Completions: vLLM, LM Studio, Groq, DeepSeek, …

use mirk_model::Operation;

use super::{Auth, Facts, Listed};

pub(super) static FACTS: Facts = Facts {
    name: "openai-compatible",
    title: "OpenAI-compatible server",
    base_url: None,
    auth: Auth::Bearer,
    may_lack_credential: true,
    is_local: false,
    variable: None,
    prefixes: &[],
    domains: &[],
    paths: &[
        (Operation::Chat, "/v1/chat/completions"),
        (Operation::Completions, "/v1/completions"),
        (Operation::Embeddings, "/v1/embeddings"),
        (Operation::Responses, "/v1/responses"),
    ],
    models_path: "/v1/models",
    probe_path: "/v1/models",
    catalog: Listed::Unknown,
};
