//! `generationConfig`, written.

use mirk_model::{
    Ask, Dialect, Effort, Format, Problem, Reasoning, ReasoningMode, Shown, Thinks, Traits,
};

use super::super::schema;
use crate::{
    json::Object,
    loss::{Feature, Notes},
    measure,
};

/// Writes `generationConfig`, if there is anything to say.
pub(super) fn write(
    ask: &Ask<'_>,
    traits: &Traits,
    notes: &mut Notes,
    object: &mut Object<'_>,
) -> Result<(), Problem> {
    let mut out = Vec::new();
    Object::try_write(&mut out, |config| {
        limits(ask, traits, notes, config);
        sampling(ask, traits, notes, config)?;
        if let Some(format) = &ask.format {
            write_format(format, traits, notes, config);
        }
        if let Some(reasoning) = &ask.reasoning {
            think(&ask.model, *reasoning, traits, notes, config)?;
        }
        Ok::<(), Problem>(())
    })?;
    if out.len() > "{}".len() {
        object.raw(
            "generationConfig",
            String::from_utf8(out).unwrap_or_default(),
        );
    }
    Ok(())
}

fn limits(ask: &Ask<'_>, traits: &Traits, notes: &mut Notes, config: &mut Object<'_>) {
    if let Some(limit) = ask.max_tokens {
        config.number(
            "maxOutputTokens",
            measure::limit(limit, traits.least_output, traits, notes),
        );
    }
    if let Some(choices) = ask.choices.filter(|choices| *choices != 1) {
        config.number("candidateCount", choices);
    }
    if !ask.stop.is_empty() {
        config.array("stopSequences", |array| {
            for stop in &ask.stop {
                array.text(stop.as_str());
            }
        });
    }
}

fn sampling(
    ask: &Ask<'_>,
    traits: &Traits,
    notes: &mut Notes,
    config: &mut Object<'_>,
) -> Result<(), Problem> {
    let sampling = &ask.sampling;
    let options = [
        ("temperature", &sampling.temperature, Feature::Temperature),
        ("topP", &sampling.top_p, Feature::TopP),
        ("topK", &sampling.top_k, Feature::TopK),
        (
            "presencePenalty",
            &sampling.presence_penalty,
            Feature::PresencePenalty,
        ),
        (
            "frequencyPenalty",
            &sampling.frequency_penalty,
            Feature::FrequencyPenalty,
        ),
    ];
    for (name, value, feature) in options {
        match value {
            Some(value) if traits.takes_sampling => config.raw(name, value.as_str()),
            Some(_) => notes.lose(feature)?,
            None => {}
        }
    }
    if let Some(seed) = &sampling.seed {
        // 32 bits at Gemini; another number would be another seed.
        if seed.parse::<i32>().is_ok() {
            config.raw("seed", seed.as_str());
        } else {
            notes.lose(Feature::Seed)?;
        }
    }
    if let Some(others) = ask.logprobs {
        config.flag("responseLogprobs", true);
        if others > 0 {
            // At most 20. Source: `GenerationConfig.logprobs`.
            config.number("logprobs", others.min(20));
        }
    }
    Ok(())
}

fn write_format(format: &Format<'_>, traits: &Traits, notes: &mut Notes, config: &mut Object<'_>) {
    match format {
        Format::Text => config.text("responseMimeType", "text/plain"),
        Format::JsonObject => config.text("responseMimeType", "application/json"),
        Format::Schema { schema, .. } => {
            config.text("responseMimeType", "application/json");
            if !traits.has_schema {
                notes.dropped(Feature::JsonSchema);
                return;
            }
            let written = schema::answer(schema);
            if written.has_changed {
                notes.changed(Feature::Schema);
            }
            config.maybe_raw("responseSchema", written.json);
        }
    }
}

/// Source: <https://ai.google.dev/gemini-api/docs/thinking>: a level from Gemini 3 on, a budget
/// before; never both.
fn think(
    model: &str,
    reasoning: Reasoning,
    traits: &Traits,
    notes: &mut Notes,
    config: &mut Object<'_>,
) -> Result<(), Problem> {
    let is_off = reasoning.mode == Some(ReasoningMode::Off)
        || (reasoning.mode.is_none() && reasoning.effort == Some(Effort::None));
    let is_said =
        reasoning.mode.is_some() || reasoning.effort.is_some() || reasoning.budget.is_some();
    let asked = match traits.thinks {
        Thinks::No => {
            if is_said && !is_off {
                notes.lose(Feature::Reasoning)?;
            }
            return Ok(());
        }
        Thinks::Effort => Asked::level(model, reasoning, is_off),
        Thinks::Budget { least, most } => Asked::budget(reasoning, is_off, (least, most)),
        Thinks::Flag => Asked::budget(reasoning, is_off, (0, u64::from(u16::MAX))),
    };
    if asked.has_changed {
        notes.changed(Feature::Reasoning);
    }
    // Who asks for thoughts in these dialects sees them unless told otherwise; at Gemini it is the
    // other way round.
    let is_shown = matches!(notes.client(), Dialect::Anthropic | Dialect::Ollama);
    let includes = reasoning
        .shown
        .map(|shown| shown != Shown::Omitted)
        .or((is_shown && is_said && !is_off).then_some(true))
        .filter(|_| asked.budget != Some(0));
    if asked.level.is_none() && asked.budget.is_none() && includes.is_none() {
        return Ok(());
    }
    config.object("thinkingConfig", |thinking| {
        thinking.maybe_text("thinkingLevel", asked.level);
        if let Some(budget) = asked.budget {
            thinking.number("thinkingBudget", budget);
        }
        if let Some(includes) = includes {
            thinking.flag("includeThoughts", includes);
        }
    });
    Ok(())
}

/// How much Gemini is told to think.
#[derive(Default)]
struct Asked {
    level: Option<&'static str>,
    /// -1 is as the model sees fit.
    budget: Option<i64>,
    has_changed: bool,
}

impl Asked {
    fn level(model: &str, reasoning: Reasoning, is_off: bool) -> Self {
        // Only the Flash models know `MINIMAL`; none can be told not to think at all.
        let least = if model.contains("flash") {
            "MINIMAL"
        } else {
            "LOW"
        };
        let effort = if is_off {
            Some(Effort::None)
        } else {
            reasoning
                .effort
                .or_else(|| reasoning.budget.map(measure::effort_of))
        };
        let is_budget = reasoning.effort.is_none() && reasoning.budget.is_some();
        let (level, has_changed) = match effort {
            None => (None, false),
            Some(Effort::None) => (Some(least), true),
            Some(Effort::Minimal) => (Some(least), least != "MINIMAL"),
            Some(Effort::Low) => (Some("LOW"), false),
            Some(Effort::Medium) => (Some("MEDIUM"), false),
            Some(Effort::High) => (Some("HIGH"), false),
            Some(Effort::ExtraHigh | Effort::Max) => (Some("HIGH"), true),
        };
        Self {
            level,
            budget: None,
            has_changed: has_changed || is_budget,
        }
    }

    fn budget(reasoning: Reasoning, is_off: bool, (least, most): (u64, u64)) -> Self {
        let wanted = if is_off {
            Some(0)
        } else {
            let by_effort = reasoning.effort.map(|effort| match effort {
                Effort::Max => most,
                other => tokens_of(other),
            });
            reasoning.budget.or(by_effort)
        };
        let by_word = reasoning.budget.is_none() && reasoning.effort.is_some() && !is_off;
        let Some(wanted) = wanted else {
            let adapts = matches!(
                reasoning.mode,
                Some(ReasoningMode::On | ReasoningMode::Adaptive)
            );
            return Self {
                budget: adapts.then_some(-1),
                ..Self::default()
            };
        };
        let given = wanted.max(least).min(most.max(least));
        Self {
            level: None,
            budget: Some(i64::try_from(given).unwrap_or(i64::MAX)),
            has_changed: given != wanted || by_word,
        }
    }
}

/// The tokens that an effort stands for.
const fn tokens_of(effort: Effort) -> u64 {
    match effort {
        Effort::None => 0,
        Effort::Minimal => 1_024,
        Effort::Low => 4_096,
        Effort::Medium => 8_192,
        Effort::High => 16_384,
        Effort::ExtraHigh | Effort::Max => 32_768,
    }
}
