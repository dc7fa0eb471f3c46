//! Any server that speaks Anthropic's Messages.

use mirk_model::Operation;

use super::{Auth, Facts, Listed};

pub(super) static FACTS: Facts = Facts {
    name: "anthropic-compatible",
    title: "Anthropic-compatible server",
    base_url: None,
    auth: Auth::XApiKey,
    may_lack_credential: true,
    is_local: false,
    variable: None,
    prefixes: &[],
    domains: &[],
    paths: &[
        (Operation::Messages, "/v1/messages"),
        (Operation::CountTokens, "/v1/messages/count_tokens"),
    ],
    models_path: "/v1/models",
    probe_path: "/v1/models",
    catalog: Listed::Unknown,
};
