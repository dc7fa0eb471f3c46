//! Tests of the kinds: what is known of each, and where calls go.

use std::collections::HashSet;

use mirk_model::Operation;

use super::{Auth, Call, Facts, KINDS, TargetError, by_name, is_safe_segment};
use crate::address::{BaseUrl, Policy};

fn target(
    kind: &str,
    base: &str,
    operation: Operation,
    model: &str,
) -> Result<String, TargetError> {
    let base = BaseUrl::parse(base).unwrap();
    by_name(kind).unwrap().target(
        &base,
        &Call {
            operation,
            model,
            query: None,
        },
    )
}

fn queried(kind: &str, operation: Operation, query: &str) -> String {
    let facts = by_name(kind).unwrap();
    let base = BaseUrl::parse(facts.base_url.unwrap()).unwrap();
    facts
        .target(
            &base,
            &Call {
                operation,
                model: "m",
                query: Some(query),
            },
        )
        .unwrap()
}

#[test]
fn the_kinds_of_the_public_contract_are_there_once_each() {
    for name in [
        "openai",
        "anthropic",
        "gemini",
        "openrouter",
        "ollama",
        "openai-compatible",
        "anthropic-compatible",
    ] {
        assert_eq!(by_name(name).map(|facts| facts.name), Some(name));
    }
    assert!(by_name("OpenAI").is_none());
    let names: HashSet<_> = KINDS.iter().map(|facts| facts.name).collect();
    assert_eq!(names.len(), KINDS.len());
}

#[test]
fn every_default_base_is_canonical_and_allowed_where_it_is_meant_for() {
    for facts in KINDS.iter().copied() {
        let Some(text) = facts.base_url else { continue };
        let base = BaseUrl::parse(text).unwrap();
        assert_eq!(base.as_str(), text);
        assert_eq!(base.origin().is_loopback(), facts.is_local, "{text}");
        assert_eq!(Policy::default().vet_base(&base), Ok(()), "{text}");
    }
}

#[test]
fn every_kind_answers_each_operation_at_the_providers_own_path() {
    use Operation::{
        Chat, Completions, CountTokens, Embeddings, GeminiCount, GeminiEmbed, Generate, Messages,
        OllamaChat, OllamaEmbed, OllamaGenerate, Responses, StreamGenerate,
    };
    for (kind, operation, path) in [
        ("openai", Chat, "/v1/chat/completions"),
        ("openai", Completions, "/v1/completions"),
        ("openai", Embeddings, "/v1/embeddings"),
        ("openai", Responses, "/v1/responses"),
        ("anthropic", Messages, "/v1/messages"),
        ("anthropic", CountTokens, "/v1/messages/count_tokens"),
        ("gemini", Generate, "/v1beta/models/m:generateContent"),
        (
            "gemini",
            StreamGenerate,
            "/v1beta/models/m:streamGenerateContent",
        ),
        ("gemini", GeminiCount, "/v1beta/models/m:countTokens"),
        ("gemini", GeminiEmbed, "/v1beta/models/m:embedContent"),
        ("openrouter", Chat, "/api/v1/chat/completions"),
        ("openrouter", Completions, "/api/v1/completions"),
        ("openrouter", Embeddings, "/api/v1/embeddings"),
        ("openrouter", Responses, "/api/v1/responses"),
        ("ollama", OllamaChat, "/api/chat"),
        ("ollama", OllamaGenerate, "/api/generate"),
        ("ollama", OllamaEmbed, "/api/embed"),
        ("ollama", Chat, "/v1/chat/completions"),
        ("ollama", Messages, "/v1/messages"),
        ("ollama", Responses, "/v1/responses"),
        ("llamacpp", Chat, "/v1/chat/completions"),
        ("llamacpp", Messages, "/v1/messages"),
    ] {
        let base = by_name(kind).unwrap().base_url.unwrap();
        assert_eq!(
            target(kind, base, operation, "m").as_deref(),
            Ok(path),
            "{kind} {operation:?}"
        );
    }
    for (kind, operation) in [
        ("openai", Messages),
        ("anthropic", Chat),
        ("gemini", Chat),
        ("openrouter", OllamaChat),
    ] {
        assert_eq!(
            target(kind, "https://x.example", operation, "m"),
            Err(TargetError::NotServed),
            "{kind}"
        );
    }
}

static VERSIONED: &[(&str, &str, Operation, &str)] = &[
    (
        "openai-compatible",
        "http://127.0.0.1:9/v1",
        Operation::Chat,
        "/v1/chat/completions",
    ),
    (
        "openai-compatible",
        "http://127.0.0.1:9/v1/",
        Operation::Chat,
        "/v1/chat/completions",
    ),
    (
        "openai-compatible",
        "http://127.0.0.1:9",
        Operation::Chat,
        "/v1/chat/completions",
    ),
    (
        "openai-compatible",
        "https://x.example/openai",
        Operation::Chat,
        "/openai/v1/chat/completions",
    ),
    (
        "openai-compatible",
        "https://x.example/openai/v1",
        Operation::Chat,
        "/openai/v1/chat/completions",
    ),
    (
        "openai-compatible",
        "https://x.example/v1beta/openai",
        Operation::Chat,
        "/v1beta/openai/chat/completions",
    ),
    (
        "openai-compatible",
        "https://x.example/api/paas/v4",
        Operation::Chat,
        "/api/paas/v4/chat/completions",
    ),
    (
        "openrouter",
        "https://openrouter.ai/api",
        Operation::Chat,
        "/api/v1/chat/completions",
    ),
    (
        "anthropic-compatible",
        "https://x.example/v1",
        Operation::Messages,
        "/v1/messages",
    ),
    (
        "anthropic-compatible",
        "https://x.example/v1/team/anthropic",
        Operation::Messages,
        "/v1/team/anthropic/v1/messages",
    ),
    (
        "anthropic-compatible",
        "https://x.example/vision",
        Operation::Messages,
        "/vision/v1/messages",
    ),
    (
        "gemini",
        "https://x.example/v1beta",
        Operation::Generate,
        "/v1beta/models/m:generateContent",
    ),
    (
        "gemini",
        "https://x.example/v1",
        Operation::Generate,
        "/v1/models/m:generateContent",
    ),
    (
        "ollama",
        "http://127.0.0.1:11434/api",
        Operation::OllamaChat,
        "/api/chat",
    ),
    (
        "ollama",
        "http://127.0.0.1:11434/v1",
        Operation::OllamaChat,
        "/api/chat",
    ),
    (
        "ollama",
        "http://127.0.0.1:11434/api",
        Operation::Chat,
        "/v1/chat/completions",
    ),
    (
        "ollama",
        "http://127.0.0.1:11434/proxy",
        Operation::OllamaChat,
        "/proxy/api/chat",
    ),
];

#[test]
fn a_version_in_the_base_is_not_doubled() {
    for (kind, base, operation, path) in VERSIONED.iter().copied() {
        assert_eq!(
            target(kind, base, operation, "m").as_deref(),
            Ok(path),
            "{kind} {base}"
        );
    }
}

#[test]
fn listing_and_probing_follow_the_same_rule() {
    for (kind, models, probe) in [
        ("openai", "/v1/models", "/v1/models"),
        ("anthropic", "/v1/models", "/v1/models"),
        ("gemini", "/v1beta/models", "/v1beta/models"),
        ("openrouter", "/api/v1/models", "/api/v1/key"),
        ("ollama", "/api/tags", "/api/tags"),
        ("llamacpp", "/v1/models", "/v1/models"),
    ] {
        let facts = by_name(kind).unwrap();
        let base = BaseUrl::parse(facts.base_url.unwrap()).unwrap();
        assert_eq!(facts.models_target(&base), models, "{kind}");
        assert_eq!(facts.probe_target(&base), probe, "{kind}");
    }
}

#[test]
fn batch_embedding_is_geminis_alone() {
    let base = BaseUrl::parse("https://x.example").unwrap();
    let call = |operation| Call {
        operation,
        model: "models/m",
        query: None,
    };
    let batch = call(Operation::GeminiBatchEmbed);
    let path = by_name("gemini").unwrap().target(&base, &batch);
    assert_eq!(path.as_deref(), Ok("/v1beta/models/m:batchEmbedContents"));
    for facts in KINDS.iter().filter(|facts| facts.name != "gemini") {
        let refused = facts.target(&base, &batch);
        assert_eq!(refused, Err(TargetError::NotServed), "{}", facts.name);
    }
}

#[test]
fn a_model_name_never_changes_the_path() {
    let at = |model: &str| target("gemini", "https://x.example", Operation::Generate, model);
    assert_eq!(
        at("models/gemini-2.5-pro").unwrap(),
        "/v1beta/models/gemini-2.5-pro:generateContent"
    );
    assert_eq!(
        at("a:b@c+d~e").unwrap(),
        "/v1beta/models/a%3Ab%40c%2Bd~e:generateContent"
    );
    let long = "m".repeat(257);
    for model in [
        "",
        ".",
        "..",
        "...",
        "a/b",
        "../x",
        "a\\b",
        "a%2fb",
        "a?x",
        "a#x",
        "a b",
        "a\n",
        "a\0",
        "\u{e9}",
        "models/",
        "models/models/x",
        "tunedModels/x",
        "a;b",
        "a\"b",
        &long,
    ] {
        assert_eq!(at(model), Err(TargetError::Model), "{model:?}");
        assert!(!is_safe_segment(model), "{model:?}");
    }
    // Where the body names the model, the path does not.
    assert_eq!(
        target(
            "openrouter",
            "https://openrouter.ai/api/v1",
            Operation::Chat,
            "a/b:free"
        )
        .unwrap(),
        "/api/v1/chat/completions"
    );
}

#[test]
fn only_known_parameters_pass_and_never_a_key() {
    let gemini = |query| queried("gemini", Operation::StreamGenerate, query);
    let path = "/v1beta/models/m:streamGenerateContent";
    assert_eq!(gemini("alt=sse"), format!("{path}?alt=sse"));
    assert_eq!(
        gemini("key=mrk_secret&alt=sse&alt=sse&x=y"),
        format!("{path}?alt=sse")
    );
    for query in [
        "",
        "key=mrk_secret",
        "alt=sse%26key",
        "alt=proto",
        "ALT=sse",
        "$alt=sse",
        "alt",
    ] {
        assert_eq!(gemini(query), path, "{query}");
    }
    assert_eq!(
        queried("anthropic", Operation::Messages, "beta=true&api_base=x"),
        "/v1/messages?beta=true"
    );
    assert_eq!(
        queried("openai", Operation::Chat, "api-version=1&base_url=x"),
        "/v1/chat/completions"
    );
}

#[test]
fn the_credential_goes_into_the_header_that_the_provider_reads() {
    let auth = |kind: &str| by_name(kind).map(|facts: &Facts| facts.auth).unwrap();
    assert_eq!(auth("openai"), Auth::Bearer);
    assert_eq!(
        (Auth::Bearer.header(), Auth::Bearer.prefix()),
        ("authorization", "Bearer ")
    );
    assert_eq!(
        (auth("anthropic").header(), auth("anthropic").prefix()),
        ("x-api-key", "")
    );
    assert_eq!(
        (auth("gemini").header(), auth("gemini").prefix()),
        ("x-goog-api-key", "")
    );
    for facts in KINDS.iter().filter(|facts| facts.base_url.is_some()) {
        assert_eq!(facts.may_lack_credential, facts.is_local, "{}", facts.name);
    }
}
