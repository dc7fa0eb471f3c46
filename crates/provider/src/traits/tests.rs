//! What is known of models, by their names.

use super::*;
use crate::kind::by_name;

fn traits(kind: &str, model: &str) -> Traits {
    of(by_name(kind).unwrap(), model)
}

#[test]
fn openai_reasoning_models_take_an_effort_and_no_sampling() {
    for model in ["gpt-5", "gpt-5.2-codex", "o3", "o4-mini", "o1-2024-12-17"] {
        let traits = traits("openai", model);
        assert_eq!(traits.thinks, Thinks::Effort, "{model}");
        assert!(
            !traits.takes_sampling && traits.has_completion_limit,
            "{model}"
        );
        assert_eq!(traits.least_output, 16, "{model}");
    }
    for model in [
        "gpt-4o",
        "gpt-4.1-mini",
        "gpt-5-chat-latest",
        "o1000",
        "golden",
    ] {
        let traits = traits("openai", model);
        assert!(
            traits.takes_sampling && traits.thinks == Thinks::No,
            "{model}"
        );
        assert!(
            traits.has_developer && traits.has_completion_limit,
            "{model}"
        );
    }
    let unknown = traits("openai-compatible", "some-model");
    assert_eq!(unknown, Traits::default());
}

#[test]
fn claude_models_think_by_budget_and_newer_ones_by_effort() {
    let thinks = |model| traits("anthropic", model).thinks;
    assert_eq!(thinks("claude-3-5-haiku-20241022"), Thinks::No);
    let budget = |most: u64| Thinks::Budget {
        least: 1_024,
        most: most - 1_024,
    };
    assert_eq!(thinks("claude-3-7-sonnet-20250219"), budget(64_000));
    assert_eq!(thinks("claude-opus-4-1-20250805"), budget(32_000));
    assert_eq!(thinks("claude-sonnet-4-20250514"), budget(64_000));
    assert_eq!(thinks("claude-sonnet-4-5"), budget(64_000));
    assert_eq!(thinks("claude-opus-4-6"), Thinks::Effort);
    assert_eq!(thinks("claude-opus-5-5"), Thinks::Effort);
    assert_eq!(thinks("golden"), Thinks::No);
    assert!(!traits("anthropic", "claude-sonnet-4-20250514").has_schema);
    assert!(traits("anthropic", "claude-haiku-4-5-20251001").has_schema);
}

#[test]
fn gemini_models_think_by_budget_and_newer_ones_by_level() {
    let of = |model| traits("gemini", model);
    assert_eq!(of("gemini-2.0-flash").thinks, Thinks::No);
    assert!(matches!(
        of("gemini-2.5-pro").thinks,
        Thinks::Budget { least: 128, .. }
    ));
    assert!(matches!(
        of("gemini-2.5-flash-lite").thinks,
        Thinks::Budget { least: 512, .. }
    ));
    let newest = of("gemini-3-pro-preview");
    assert!(newest.thinks == Thinks::Effort && newest.wants_signatures);
    assert!(!of("gemini-2.5-flash").wants_signatures);
}

#[test]
fn openrouter_takes_plain_names_for_everything() {
    let traits = traits("openrouter", "openai/gpt-5.2");
    assert!(traits.takes_sampling && !traits.has_completion_limit);
    assert_eq!(traits.thinks, Thinks::Effort);
    assert_eq!(
        of(by_name("openrouter").unwrap(), "x/unknown").thinks,
        Thinks::No
    );
}

#[test]
fn openai_is_asked_in_responses_only_for_models_that_reason() {
    let best = |kind, model| best_dialect(by_name(kind).unwrap(), model);
    assert_eq!(best("openai", "gpt-5.2"), Some(Dialect::OpenAiResponses));
    assert_eq!(best("openai", "gpt-4o"), None);
    assert_eq!(best("openai-compatible", "gpt-5.2"), None);
}
