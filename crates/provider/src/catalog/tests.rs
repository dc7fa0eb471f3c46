//! Tests of the catalogue: that it is whole, sane, and never takes the unknown for free.

use mirk_model::Price;

use super::{Catalog, EMBEDDED, Pricing, find, price};
use crate::kind::KINDS;

#[test]
fn the_file_parses_says_where_it_is_from_and_stays_small() {
    let catalog = Catalog::read(EMBEDDED).unwrap();
    assert!(EMBEDDED.len() < 1_500_000);
    assert!(
        catalog
            .licence()
            .starts_with("The MIT License (MIT) Copyright (c)")
    );
    assert!(catalog.source().0.starts_with("genai-prices"));
    assert_eq!(catalog.date().len(), "2026-11-22".len());
    for (kind, least) in [
        ("openai", 100),
        ("anthropic", 25),
        ("gemini", 60),
        ("openrouter", 800),
    ] {
        assert!(catalog.entries(kind).len() >= least, "{kind}");
    }
}

#[test]
fn names_of_the_big_three_and_openrouter_are_found_also_with_a_date_or_in_capitals() {
    for (kind, model, id) in [
        ("openai", "gpt-4o", "gpt-4o"),
        ("openai", "GPT-4o", "gpt-4o"),
        ("openai", "gpt-4o-2024-08-06", "gpt-4o"),
        ("openai", "gpt-5", "gpt-5"),
        ("openai", "gpt-5.6-sol-2026-08-21", "gpt-5.6-sol"),
        ("openai", "text-embedding-3-small", "text-embedding-3-small"),
        ("anthropic", "claude-opus-5-5", "claude-opus-5-5"),
        ("anthropic", "claude-opus-5-5-20261001", "claude-opus-5-5"),
        (
            "anthropic",
            "claude-sonnet-4-5-20250929",
            "claude-sonnet-4-5",
        ),
        (
            "anthropic",
            "claude-3-5-haiku-20241022",
            "claude-3-5-haiku-latest",
        ),
        ("gemini", "gemini-2.5-pro", "gemini-2.5-pro"),
        ("gemini", "gemini-2.5-flash", "gemini-2.5-flash"),
        (
            "openrouter",
            "anthropic/claude-haiku-5.5",
            "anthropic/claude-haiku-5.5",
        ),
    ] {
        assert_eq!(
            find(kind, model).map(|entry| entry.id),
            Some(id),
            "{kind} {model}"
        );
        assert!(
            price(kind, model).is_some_and(|price| price.input > 0),
            "{kind} {model}"
        );
    }
    let sonnet = price("anthropic", "claude-sonnet-4-5").unwrap();
    assert_eq!(
        sonnet,
        Price {
            input: 3_000_000,
            cached: 300_000,
            cache_write: 3_750_000,
            output: 15_000_000
        }
    );
}

#[test]
fn a_pattern_with_an_exception_leaves_speech_models_out() {
    let speech = find("gemini", "gemini-2.5-pro-preview-tts").map(|entry| entry.id);
    assert_ne!(speech, Some("gemini-2.5-pro"));
    assert_eq!(
        find("gemini", "gemini-2.5-pro-preview-06-05").map(|entry| entry.id),
        Some("gemini-2.5-pro")
    );
}

#[test]
fn what_is_unknown_has_no_price_and_what_is_local_says_so() {
    let catalog = Catalog::embedded();
    for (kind, model) in [
        ("openai", "gpt-9999-unheard-of"),
        ("openai", ""),
        ("openai", "claude-opus-5-5"),
        ("openai-compatible", "gpt-4o"),
        ("anthropic-compatible", "claude-opus-5-5"),
        ("no-such-kind", "gpt-4o"),
    ] {
        assert_eq!(
            catalog.pricing(kind, model),
            Pricing::Unknown,
            "{kind} {model}"
        );
        assert_eq!(price(kind, model), None, "{kind} {model}");
    }
    for kind in ["ollama", "llamacpp"] {
        assert_eq!(catalog.pricing(kind, "llama3.2"), Pricing::Local, "{kind}");
        assert_eq!(price(kind, "llama3.2"), None, "{kind}");
    }
    assert!(
        matches!(catalog.pricing("openai", "gpt-4o"), Pricing::Known(entry) if entry.id == "gpt-4o")
    );
}

/// What the list says of a moving alias over several hosts; kept as it is listed.
const CACHE_DEARER: [&str; 1] = ["~deepseek/deepseek-pro-latest"];

#[test]
fn prices_are_above_zero_unless_the_name_says_free_and_reading_the_cache_is_no_dearer() {
    for facts in KINDS.iter().copied() {
        for entry in Catalog::embedded().entries(facts.name) {
            let all = entry
                .price
                .iter()
                .chain(entry.tiers.iter().map(|(_, price)| price));
            for price in all {
                let is_free = entry.id.ends_with(":free");
                assert_eq!(price.input == 0, is_free, "{}", entry.id);
                let is_odd = CACHE_DEARER.contains(&entry.id);
                assert_eq!(price.cached > price.input, is_odd, "{}", entry.id);
                let makes_nothing = is_free || entry.id.contains("embedding");
                assert!(price.output > 0 || makes_nothing, "{}", entry.id);
                // Nothing costs a tenth of a cent a token: a unit that slipped would.
                assert!(price.output < 1_000_000_000, "{}", entry.id);
            }
        }
    }
}

#[test]
fn a_long_request_costs_its_tier_and_the_boundary_belongs_to_the_cheaper_one() {
    let entry = find("gemini", "gemini-2.5-pro").unwrap();
    assert!(entry.is_tiered());
    let (start, dearer) = entry.tiers[0];
    assert_eq!(start, 200_000);
    assert_eq!(entry.price_for(0), entry.price);
    assert_eq!(entry.price_for(start), entry.price);
    assert_eq!(entry.price_for(start + 1), Some(dearer));
    assert!(dearer.input > entry.price.unwrap().input);
    for facts in KINDS.iter().copied() {
        for entry in Catalog::embedded().entries(facts.name) {
            assert!(entry.tiers.is_sorted_by(|a, b| a.0 < b.0), "{}", entry.id);
            assert!(
                entry.price.is_some() || entry.tiers.is_empty(),
                "{}",
                entry.id
            );
        }
    }
}
