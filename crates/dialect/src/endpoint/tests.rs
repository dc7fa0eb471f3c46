//! The table of model routes, and paths that are meant to get around it.

use std::collections::HashSet;

use mirk_model::Dialect;
use proptest::prelude::*;

use super::*;

fn what(method: &str, path: &str) -> Option<What> {
    match find(method, path) {
        Found::Endpoint(endpoint, _) => Some(endpoint.what),
        _ => None,
    }
}

fn model(method: &str, path: &str) -> Option<String> {
    match find(method, path) {
        Found::Endpoint(_, model) => model.map(Cow::into_owned),
        _ => None,
    }
}

#[test]
fn every_row_finds_itself_and_no_row_stands_twice() {
    let mut seen = HashSet::new();
    for endpoint in ENDPOINTS {
        assert!(seen.insert((endpoint.method, endpoint.pattern)));
        let path = endpoint.pattern.replace("{model}", "provider/some-model");
        let Found::Endpoint(found, name) = find(endpoint.method, &path) else {
            panic!("{path} is not found");
        };
        assert_eq!(found, endpoint);
        let has_model = endpoint.pattern.contains("{model}");
        assert_eq!(name.as_deref(), has_model.then_some("provider/some-model"));
    }
}

#[test]
fn every_row_that_says_anything_of_this_installation_asks_for_a_key() {
    for endpoint in ENDPOINTS {
        let is_constant = matches!(endpoint.what, What::Hello | What::Version | What::NoUpgrade);
        assert_eq!(endpoint.policy == Policy::Anonymous, is_constant);
        if let What::Ask(operation) = endpoint.what {
            let scope = if operation.is_embedding() {
                Scope::Embeddings
            } else {
                Scope::Chat
            };
            assert_eq!(endpoint.policy, Policy::Key(scope));
        }
    }
}

#[test]
fn models_in_paths_are_decoded_once() {
    let generate = |name: &str| model("POST", &format!("/v1beta/models/{name}:generateContent"));
    assert_eq!(generate("gemini-3-pro").as_deref(), Some("gemini-3-pro"));
    assert_eq!(
        generate("google/gemini-3").as_deref(),
        Some("google/gemini-3")
    );
    assert_eq!(generate("llama3:8b").as_deref(), Some("llama3:8b"));
    assert_eq!(generate("llama3%3A8b").as_deref(), Some("llama3:8b"));
    assert_eq!(model("GET", "/v1/models/or/a/b").as_deref(), Some("or/a/b"));
    assert_eq!(
        what("POST", "/v1/models/m:streamGenerateContent"),
        Some(What::Ask(Operation::StreamGenerate))
    );
    for name in [
        "a%2Fb", "a%2fb", "%2e%2e", "a/../b", ".a", "a/.b", "a,b", "a%20b", "a%", "a%4", "a/b/c/d",
    ] {
        let path = format!("/v1beta/models/{name}:generateContent");
        assert_eq!(find("POST", &path), Found::BadPath, "{name}");
    }
    assert_eq!(
        find("GET", &format!("/v1/models/{}", "m".repeat(257))),
        Found::BadPath
    );
    assert_eq!(
        find("POST", "/v1beta/models/:generateContent"),
        Found::MethodNotAllowed("GET".into())
    );
}

#[test]
fn wrong_methods_learn_the_right_ones() {
    let refused = |allow: &str| Found::MethodNotAllowed(allow.to_owned());
    assert_eq!(find("GET", "/v1/chat/completions"), refused("POST"));
    assert_eq!(find("DELETE", "/v1/responses"), refused("POST, GET"));
    assert_eq!(find("post", "/v1/messages"), refused("POST"));
    assert_eq!(
        find("PUT", "/v1/models/m:generateContent"),
        refused("POST, GET")
    );
    assert_eq!(find("GET", "/api/hello"), refused("HEAD"));
    assert_eq!(find("GET", "/"), Found::NotFound, "the dashboard's");
    assert_eq!(what("HEAD", "/"), Some(What::Hello));
    assert_eq!(what("GET", "/v1/responses"), Some(What::NoUpgrade));
}

#[test]
fn odd_paths_reach_no_route() {
    for path in [
        "/v1/../api/keys",
        "/v1//chat/completions",
        "/v1/%2e%2e/api",
        "/v1/chat/completions;x=1",
        "/.",
        "/v1/.",
        "/v1/chat%00",
        "/v1%2fmessages",
        "/v1%2Fmessages",
        "/v1%5cmessages",
        "/v1/%252e%252e/x",
        "/v1/%c0%ae%c0%ae/x",
        "/v1/méssages",
        "/v1/a b",
        "/v1\\messages",
        "v1/messages",
        "",
        "*",
        "http://a/v1/messages",
        "/v1/%zz",
        "/v1/%",
        "/v1/messages?x",
        "/v1/%0d%0a",
    ] {
        assert_eq!(find("POST", path), Found::BadPath, "{path}");
    }
    for path in [
        "/V1/messages",
        "/v1/messages/",
        "/v1",
        "/v1/",
        "/v1/models/",
        "/v1/message",
        "/v1/files",
        "/v1/chat%2dcompletions",
        "/v1/chat/completions/x",
        "/api/keys",
        "/health",
        "/v1beta",
        "/v1/v1/v1/messages",
        "/v1/%6dessages",
    ] {
        assert_eq!(find("POST", path), Found::NotFound, "{path}");
    }
}

#[test]
fn each_dialect_has_its_operations() {
    for (path, dialect) in [
        ("/v1/chat/completions", Dialect::OpenAiChat),
        ("/chat/completions", Dialect::OpenAiChat),
        ("/responses", Dialect::OpenAiResponses),
        ("/v1/v1/messages", Dialect::Anthropic),
        ("/v1/models/m:embedContent", Dialect::Gemini),
        ("/api/generate", Dialect::Ollama),
    ] {
        let Some(What::Ask(operation)) = what("POST", path) else {
            panic!("{path} is no question");
        };
        assert_eq!(operation.dialect(), dialect);
    }
}

proptest! {
    #[test]
    fn a_found_model_is_always_safe(path in "/v1(beta)?/models/[a-z%2eEfF/.:;\\\\é0-9]{0,24}(:generateContent)?") {
        for method in ["GET", "POST"] {
            if let Found::Endpoint(_, Some(name)) = find(method, &path) {
                let is_safe = |part: &str| !part.is_empty() && !part.starts_with('.');
                prop_assert!(name.split('/').all(is_safe));
                prop_assert!(name.is_ascii() && !name.contains(['\\', ';', '%']));
                prop_assert_eq!(name.matches('/').count(), path.matches('/').count() - 3);
            }
        }
    }
}
