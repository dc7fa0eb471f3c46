//! OpenAI. Source: <https://platform.openai.com/docs/api-reference>, read 2026-11.

use mirk_model::Operation;

use super::{Auth, Facts, Listed};

pub(super) static FACTS: Facts = Facts {
    name: "openai",
    title: "OpenAI",
    base_url: Some("https://api.openai.com/v1"),
    auth: Auth::Bearer,
    may_lack_credential: false,
    is_local: false,
    variable: Some("OPENAI_API_KEY"),
    prefixes: &["sk-proj-", "sk-svcacct-", "sk-admin-"],
    domains: &["api.openai.com"],
    paths: &[
        (Operation::Chat, "/v1/chat/completions"),
        (Operation::Completions, "/v1/completions"),
        (Operation::Embeddings, "/v1/embeddings"),
        (Operation::Responses, "/v1/responses"),
    ],
    models_path: "/v1/models",
    probe_path: "/v1/models",
    catalog: Listed::Under("openai"),
};
