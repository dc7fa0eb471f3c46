//! Google Gemini. Source: <https://ai.google.dev/api>, read 2026-11.

use mirk_model::Operation;

use super::{Auth, Facts, Listed};

pub(super) static FACTS: Facts = Facts {
    name: "gemini",
    title: "Google Gemini",
    base_url: Some("https://generativelanguage.googleapis.com"),
    auth: Auth::XGoogApiKey,
    may_lack_credential: false,
    is_local: false,
    variable: Some("GEMINI_API_KEY"),
    prefixes: &["AIza"],
    domains: &[
        "generativelanguage.googleapis.com",
        "aiplatform.googleapis.com",
    ],
    paths: &[
        (
            Operation::Generate,
            "/v1beta/models/{model}:generateContent",
        ),
        (
            Operation::StreamGenerate,
            "/v1beta/models/{model}:streamGenerateContent",
        ),
        (Operation::GeminiCount, "/v1beta/models/{model}:countTokens"),
        (
            Operation::GeminiEmbed,
            "/v1beta/models/{model}:embedContent",
        ),
        (
            Operation::GeminiBatchEmbed,
            "/v1beta/models/{model}:batchEmbedContents",
        ),
    ],
    models_path: "/v1beta/models",
    probe_path: "/v1beta/models",
    catalog: Listed::Under("google"),
};
