//! llama.cpp's server: OpenAI-compatible, on the operator's own machine.
//! Source: <https://github.com/ggml-org/llama.cpp/tree/master/tools/server>, read 2026-11.

use mirk_model::Operation;

use super::{Auth, Facts, Listed};

pub(super) static FACTS: Facts = Facts {
    name: "llamacpp",
    title: "llama.cpp",
    base_url: Some("http://127.0.0.1:8080/v1"),
    auth: Auth::Bearer,
    may_lack_credential: true,
    is_local: true,
    variable: Some("LLAMA_API_KEY"),
    prefixes: &[],
    domains: &[],
    paths: &[
        (Operation::Chat, "/v1/chat/completions"),
        (Operation::Completions, "/v1/completions"),
        (Operation::Embeddings, "/v1/embeddings"),
        (Operation::Responses, "/v1/responses"),
        (Operation::Messages, "/v1/messages"),
        (Operation::CountTokens, "/v1/messages/count_tokens"),
    ],
    models_path: "/v1/models",
    probe_path: "/v1/models",
    catalog: Listed::Local,
};
