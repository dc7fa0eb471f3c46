//! Tests of which credentials fit where.

use super::{Misfit, credential_fits};
use crate::{address::BaseUrl, kind::by_name};

fn fits(kind: &str, base: &str, secret: &str) -> Result<(), Misfit> {
    credential_fits(
        by_name(kind).unwrap(),
        &BaseUrl::parse(base).unwrap().origin(),
        secret.as_bytes(),
    )
}

static MISFITS: &[(&str, &str, &str, Misfit)] = &[
    (
        "anthropic",
        "https://evil.example",
        "sk-ant-x",
        Misfit::Foreign("Anthropic"),
    ),
    (
        "anthropic-compatible",
        "https://evil.example",
        "sk-ant-x",
        Misfit::Foreign("Anthropic"),
    ),
    (
        "openai",
        "https://api.openai.com/v1",
        "sk-ant-x",
        Misfit::Foreign("Anthropic"),
    ),
    (
        "openai",
        "https://api.openai.com/v1",
        "sk-or-v1-x",
        Misfit::Foreign("OpenRouter"),
    ),
    (
        "openai-compatible",
        "https://evil.example",
        "sk-proj-x",
        Misfit::Foreign("OpenAI"),
    ),
    (
        "openai-compatible",
        "https://evil.example",
        "AIzaX",
        Misfit::Foreign("Google Gemini"),
    ),
    (
        "openai",
        "https://evil.example/v1",
        "sk-x",
        Misfit::Foreign("OpenAI"),
    ),
    (
        "openai",
        "https://api.openai.com.evil.tld/v1",
        "sk-x",
        Misfit::LookAlike("OpenAI"),
    ),
    (
        "openai-compatible",
        "https://api.openai.com.evil.tld/v1",
        "sk-x",
        Misfit::LookAlike("OpenAI"),
    ),
    (
        "openai-compatible",
        "https://api-openai-com.evil.tld/v1",
        "sk-x",
        Misfit::LookAlike("OpenAI"),
    ),
    (
        "openai-compatible",
        "https://notopenai.com/v1",
        "anything",
        Misfit::LookAlike("OpenAI"),
    ),
    (
        "anthropic",
        "https://api.anthropic.com.evil.tld",
        "x",
        Misfit::LookAlike("Anthropic"),
    ),
    (
        "anthropic",
        "http://api.anthropic.com",
        "sk-ant-x",
        Misfit::Plaintext("Anthropic"),
    ),
    (
        "openai",
        "http://api.openai.com",
        "sk-x",
        Misfit::Plaintext("OpenAI"),
    ),
];

#[test]
fn ssrf32_a_credential_is_refused_at_another_providers_host() {
    for (kind, base, secret, misfit) in MISFITS.iter().copied() {
        assert_eq!(fits(kind, base, secret), Err(misfit), "{kind} {base}");
        let base = BaseUrl::parse(base).unwrap();
        assert!(
            by_name(kind)
                .unwrap()
                .is_foreign_credential(&base, secret.as_bytes())
        );
    }
}

#[test]
fn ssrf32_a_credential_at_home_or_without_a_known_shape_is_taken() {
    for (kind, base, secret) in [
        ("anthropic", "https://api.anthropic.com", "sk-ant-x"),
        ("openai", "https://api.openai.com/v1", "sk-proj-x"),
        ("openai", "https://eu.api.openai.com/v1", "sk-x"),
        ("openai", "http://127.0.0.1:9000/v1", "sk-test"),
        ("openrouter", "https://openrouter.ai/api/v1", "sk-or-v1-x"),
        (
            "gemini",
            "https://generativelanguage.googleapis.com",
            "AIzaX",
        ),
        (
            "openai-compatible",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "AIzaX",
        ),
        ("openai-compatible", "https://api.deepseek.com", "sk-x"),
        ("openai-compatible", "http://127.0.0.1:9000/v1", "token"),
        ("ollama", "http://127.0.0.1:11434", ""),
    ] {
        assert_eq!(fits(kind, base, secret), Ok(()), "{kind} {base}");
    }
}
