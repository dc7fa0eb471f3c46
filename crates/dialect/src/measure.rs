//! How much: the effort, the output and the names of a size that a model's provider takes.
//!
//! Invariant: what is given to the provider is the nearest thing that it takes, and a change is
//! noted.

use mirk_model::{Dialect, Effort, Text, Traits};

use crate::loss::{Feature, Notes};

/// The effort that a budget of tokens comes to. Never `minimal`, which few models take: who gives
/// a budget wants thoughts.
pub(crate) const fn effort_of(budget: u64) -> Effort {
    match budget {
        0 => Effort::None,
        1..=4_096 => Effort::Low,
        4_097..=8_192 => Effort::Medium,
        8_193..=16_384 => Effort::High,
        _ => Effort::ExtraHigh,
    }
}

/// The effort nearest to `effort` that OpenAI's `model` takes; as it is for models of others.
///
/// Sources: "Unsupported value: 'minimal' is not supported with the 'gpt-5.1' model. Supported
/// values are: 'none', 'low', 'medium', and 'high'", and the model pages of November 2026.
pub(crate) fn openai_effort(model: &str, effort: Effort) -> Effort {
    let name = model.rsplit('/').next().unwrap_or(model);
    let is_o = ["o1", "o3", "o4"].iter().any(|o| name.starts_with(o));
    let minor = name.strip_prefix("gpt-").and_then(|rest| {
        let version = rest.split('-').next()?;
        let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    });
    let [least, little, most] = match minor {
        _ if is_o || name.starts_with("gpt-oss") => [Effort::Low, Effort::Low, Effort::High],
        Some((5, 0)) if name.contains("codex") => [Effort::Low, Effort::Low, Effort::High],
        Some((5, 0)) => [Effort::Minimal, Effort::Minimal, Effort::High],
        Some(version) if version >= (5, 1) => {
            let least = if name.contains("codex") {
                Effort::Low
            } else {
                Effort::None
            };
            let is_first = version == (5, 1) && !name.contains("max");
            let most = if is_first { Effort::High } else { Effort::Max };
            [least, Effort::Low, most]
        }
        _ => return effort,
    };
    match effort {
        Effort::None => least,
        Effort::Minimal => little,
        Effort::ExtraHigh | Effort::Max if most == Effort::High => Effort::High,
        other => other,
    }
}

/// The limit of the answer that is given for the one that was `wanted`: within what the model takes.
pub(crate) fn limit(wanted: u64, least: u64, traits: &Traits, notes: &mut Notes) -> u64 {
    let most = traits.max_output.unwrap_or(u64::MAX);
    let given = wanted.max(least).min(most.max(least));
    if given != wanted {
        notes.changed(Feature::MaxTokens);
    }
    given
}

/// A name of a file that ends as its media type wants it: OpenAI goes by the ending. What a client
/// of OpenAI's called it stays.
pub(crate) fn file_name(name: Option<&Text<'_>>, mime: &str, notes: &Notes) -> String {
    let is_own = matches!(
        notes.client(),
        Dialect::OpenAiChat | Dialect::OpenAiResponses
    );
    let has_ending = name.is_some_and(|name| {
        is_own
            || name
                .rsplit_once('.')
                .is_some_and(|(_, ending)| (1..=5).contains(&ending.trim().len()))
    });
    let name = name.map_or("document", Text::as_str);
    let ending = match mime {
        _ if has_ending => "",
        "application/pdf" => ".pdf",
        "text/markdown" => ".md",
        "text/html" => ".html",
        "text/csv" => ".csv",
        "application/json" => ".json",
        _ if mime.starts_with("text/") => ".txt",
        _ => "",
    };
    [name, ending].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t25_an_effort_that_a_model_of_openais_lacks_becomes_the_nearest() {
        for (model, asked, given) in [
            ("gpt-5.1", Effort::Minimal, Effort::Low),
            ("gpt-5.1", Effort::None, Effort::None),
            ("gpt-5.1", Effort::ExtraHigh, Effort::High),
            ("gpt-5.2", Effort::ExtraHigh, Effort::ExtraHigh),
            ("gpt-5.1-codex-max", Effort::ExtraHigh, Effort::ExtraHigh),
            ("gpt-5.3-codex", Effort::None, Effort::Low),
            ("gpt-5-mini", Effort::None, Effort::Minimal),
            ("openai/gpt-5-2025-08-07", Effort::Minimal, Effort::Minimal),
            ("gpt-6", Effort::None, Effort::None),
            ("o3-mini", Effort::None, Effort::Low),
            ("gpt-oss:120b", Effort::ExtraHigh, Effort::High),
            ("grok-4", Effort::None, Effort::None),
        ] {
            assert_eq!(openai_effort(model, asked), given, "{model} {asked:?}");
        }
    }

    #[test]
    fn a_limit_is_held_within_what_the_model_takes_and_that_is_said() {
        let mut notes = Notes::new(Dialect::Anthropic, Dialect::OpenAiChat);
        let traits = Traits {
            max_output: Some(64_000),
            ..Traits::default()
        };
        assert_eq!(limit(1_024, 16, &traits, &mut notes), 1_024);
        assert!(notes.said().is_empty());
        assert_eq!(limit(128_000, 16, &traits, &mut notes), 64_000);
        assert_eq!(limit(1, 16, &traits, &mut notes), 16);
        assert_eq!(notes.said(), ["changed:max_tokens"]);
    }

    #[test]
    fn a_file_without_an_ending_gets_that_of_its_type() {
        let notes = Notes::new(Dialect::Anthropic, Dialect::OpenAiChat);
        let named =
            |name: &'static str| file_name(Some(&Text::from(name)), "application/pdf", &notes);
        assert_eq!(named("Note"), "Note.pdf");
        assert_eq!(named("note.pdf"), "note.pdf");
        assert_eq!(named("No. 5 of May"), "No. 5 of May.pdf");
        assert_eq!(file_name(None, "text/csv", &notes), "document.csv");
    }
}
