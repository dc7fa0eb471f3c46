//! OpenRouter. Source: <https://openrouter.ai/docs/api-reference>, read 2026-11.

use mirk_model::Operation;

use super::{Auth, Facts, Listed};

pub(super) static FACTS: Facts = Facts {
    name: "openrouter",
    title: "OpenRouter",
    base_url: Some("https://openrouter.ai/api/v1"),
    auth: Auth::Bearer,
    may_lack_credential: false,
    is_local: false,
    variable: Some("OPENROUTER_API_KEY"),
    prefixes: &["sk-or-"],
    domains: &["openrouter.ai"],
    paths: &[
        (Operation::Chat, "/v1/chat/completions"),
        (Operation::Completions, "/v1/completions"),
        (Operation::Embeddings, "/v1/embeddings"),
        (Operation::Responses, "/v1/responses"),
    ],
    models_path: "/v1/models",
    // Its list of models is public, so it proves nothing about a credential.
    probe_path: "/v1/key",
    catalog: Listed::Under("openrouter"),
};
