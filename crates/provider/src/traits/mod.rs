//! What models can take, as far as a translation must know: by kind of provider and by name.
//!
//! Sources: the model pages of OpenAI, Anthropic, Google and Ollama, November 2026. A model that is
//! not known gets the plainest form of everything, which every server takes.

use mirk_model::{Dialect, Operation, Thinks, Traits};

use crate::kind::Facts;

#[cfg(test)]
mod tests;

/// What `model` at a provider of this kind can take.
pub fn of(facts: &Facts, model: &str) -> Traits {
    // `openai/gpt-5.2` at OpenRouter is what `gpt-5.2` is at OpenAI.
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.to_ascii_lowercase();
    let traits = if facts.serves(Operation::Messages) {
        anthropic(&name)
    } else if facts.serves(Operation::Generate) {
        gemini(&name)
    } else if facts.serves(Operation::OllamaChat) {
        ollama(&name)
    } else {
        openai(&name)
    };
    match facts.name {
        // OpenAI's own API takes the newer names for all its models.
        "openai" => Traits {
            has_completion_limit: true,
            has_developer: true,
            ..traits
        },
        // OpenRouter takes the older names for all models, and turns them into each maker's own.
        "openrouter" => Traits {
            has_completion_limit: false,
            has_developer: false,
            takes_sampling: true,
            thinks: if is_thinking(&name) {
                Thinks::Effort
            } else {
                Thinks::No
            },
            ..traits
        },
        _ => traits,
    }
}

/// The dialect in which a provider of this kind answers for `model` best, where it speaks several:
/// OpenAI's reasoning models keep what they thought between calls only in Responses, and Ollama
/// has its own.
pub fn best_dialect(facts: &Facts, model: &str) -> Option<Dialect> {
    match facts.name {
        "openai" if openai(model).thinks == Thinks::Effort => Some(Dialect::OpenAiResponses),
        "ollama" => Some(Dialect::Ollama),
        _ => None,
    }
}

fn openai(name: &str) -> Traits {
    let is_o = ["o1", "o3", "o4"].iter().any(|start| {
        name.strip_prefix(start)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    });
    let is_gpt = name
        .strip_prefix("gpt-")
        .and_then(|rest| numbers(rest).next())
        .is_some_and(|generation| generation >= 5);
    let is_chat = name.contains("-chat");
    if (is_o || is_gpt) && !is_chat {
        return Traits {
            least_output: 16,
            has_completion_limit: true,
            takes_sampling: false,
            has_developer: true,
            thinks: Thinks::Effort,
            ..Traits::default()
        };
    }
    Traits {
        has_completion_limit: is_gpt,
        least_output: if is_gpt { 16 } else { 1 },
        thinks: if name.starts_with("gpt-oss") {
            Thinks::Effort
        } else {
            Thinks::No
        },
        ..Traits::default()
    }
}

fn anthropic(name: &str) -> Traits {
    let Some((major, minor)) = claude_version(name) else {
        return Traits::default();
    };
    let version = (major, minor);
    let (max_output, thinks) = if version >= (4, 6) {
        (128_000, Thinks::Effort)
    } else if version >= (3, 7) {
        let most = if name.contains("opus") && version < (4, 5) {
            32_000
        } else {
            64_000
        };
        let budget = Thinks::Budget {
            least: 1_024,
            most: most - 1_024,
        };
        (most, budget)
    } else if version >= (3, 5) {
        (8_192, Thinks::No)
    } else {
        (4_096, Thinks::No)
    };
    let has_schema = version >= (4, 5) || (version == (4, 1) && name.contains("opus"));
    Traits {
        max_output: Some(max_output),
        has_schema,
        thinks,
        ..Traits::default()
    }
}

/// The version in `claude-opus-4-5-20251101`, `claude-sonnet-4-20250514` or `claude-3-7-sonnet`.
fn claude_version(name: &str) -> Option<(u64, u64)> {
    let rest = name.get(name.find("claude-")?..)?;
    // Dates are no versions.
    let mut parts = numbers(rest).take_while(|number| *number < 1_000);
    let major = parts.next()?;
    Some((major, parts.next().unwrap_or(0)))
}

fn gemini(name: &str) -> Traits {
    let Some(rest) = name.strip_prefix("gemini-") else {
        return Traits::default();
    };
    let mut parts = numbers(rest);
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let is_lite = name.contains("flash-lite");
    let thinks = match version {
        (major, _) if major >= 3 => Thinks::Effort,
        (2, 5) if is_lite => Thinks::Budget {
            least: 512,
            most: 24_576,
        },
        (2, 5) if name.contains("flash") => Thinks::Budget {
            least: 1,
            most: 24_576,
        },
        (2, 5) => Thinks::Budget {
            least: 128,
            most: 32_768,
        },
        _ => Thinks::No,
    };
    Traits {
        max_output: (version >= (2, 5)).then_some(65_536),
        thinks,
        takes_result_media: version.0 >= 3,
        wants_signatures: version.0 >= 3,
        ..Traits::default()
    }
}

fn ollama(name: &str) -> Traits {
    let thinks = if name.starts_with("gpt-oss") {
        Thinks::Effort
    } else if is_thinking(name) {
        Thinks::Flag
    } else {
        Thinks::No
    };
    Traits {
        thinks,
        ..Traits::default()
    }
}

/// Whether a model of any maker is known to think when told to.
fn is_thinking(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "deepseek-r1",
        "deepseek-v3.1",
        "deepseek-v3.2",
        "qwen3",
        "qwq",
        "magistral",
        "gpt-oss",
        "kimi-k2-thinking",
        "glm-4.",
        "minimax-m",
        "grok-4",
        "nemotron",
    ];
    NAMES.iter().any(|start| name.starts_with(start))
        || openai(name).thinks == Thinks::Effort
        || anthropic(name).thinks != Thinks::No
        || gemini(name).thinks != Thinks::No
}

/// The whole numbers in `name`, in order.
fn numbers(name: &str) -> impl Iterator<Item = u64> {
    name.split(|letter: char| !letter.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.parse().unwrap_or(u64::MAX))
}
