//! Anthropic. Source: <https://platform.claude.com/docs/en/api>, read 2026-11.

use mirk_model::Operation;

use super::{Auth, Facts, Listed};

pub(super) static FACTS: Facts = Facts {
    name: "anthropic",
    title: "Anthropic",
    base_url: Some("https://api.anthropic.com"),
    auth: Auth::XApiKey,
    may_lack_credential: false,
    is_local: false,
    variable: Some("ANTHROPIC_API_KEY"),
    prefixes: &["sk-ant-"],
    domains: &["api.anthropic.com"],
    paths: &[
        (Operation::Messages, "/v1/messages"),
        (Operation::CountTokens, "/v1/messages/count_tokens"),
    ],
    models_path: "/v1/models",
    probe_path: "/v1/models",
    catalog: Listed::Under("anthropic"),
};
