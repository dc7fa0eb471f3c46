//! Writing requests for a provider of this dialect.
//!
//! Nothing is to be kept by the provider unless the client said so, and what a model thought comes
//! back encrypted, so that the client can hold the whole conversation.

mod items;
mod tools;

use mirk_model::{
    Ask, Dialect, Effort, Format, Part, PartKind, Problem, ReasoningMode, Role, Text, Thinks,
    Traits,
};

use super::words;
use crate::{
    json::Object,
    loss::{Feature, Notes},
    measure,
};

/// Members of Chat's that are the same here.
const SHARED: [&str; 3] = [
    "safety_identifier",
    "prompt_cache_retention",
    "prompt_cache_options",
];

/// OpenAI's service tiers. Others have words of their own, which it refuses.
const TIERS: [&str; 5] = ["auto", "default", "flex", "scale", "priority"];

/// Writes a request.
pub(super) fn write(ask: &Ask<'_>, traits: &Traits, notes: &mut Notes) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::new();
    Object::try_write(&mut out, |body| {
        body.text("model", ask.model.as_str());
        let (instructions, turns) = split(ask);
        body.maybe_text("instructions", instructions);
        body.try_array("input", |input| items::write(turns, input, notes))?;
        tools::write(ask, body, notes)?;
        write_text(ask, body);
        let thinks = write_reasoning(ask, traits, body, notes)?;
        write_include(ask, thinks, body);
        write_sampling(ask, traits, body, notes)?;
        write_rest(ask, traits, body, notes)?;
        write_own(ask, body, notes);
        body.flag("stream", ask.is_stream);
        Ok::<(), Problem>(())
    })?;
    Ok(out)
}

/// The instructions, when the conversation begins with them as one text, and what follows.
fn split<'q, 'a>(ask: &'q Ask<'a>) -> (Option<&'q str>, &'q [mirk_model::Turn<'a>]) {
    if let Some((first, rest)) = ask.turns.split_first()
        && first.role == Role::System
        && first.name.is_none()
        && let [
            Part {
                kind: PartKind::Text { text, citations },
                cache: None,
            },
        ] = first.parts.as_slice()
        && citations.is_empty()
        && !text.is_empty()
        // Without input nothing could be asked.
        && !rest.is_empty()
    {
        return (Some(text.as_str()), rest);
    }
    (None, &ask.turns)
}

fn write_text(ask: &Ask<'_>, body: &mut Object<'_>) {
    if ask.format.is_none() && ask.verbosity.is_none() {
        return;
    }
    body.object("text", |out| {
        if let Some(format) = &ask.format {
            out.object("format", |out| write_format(format, out));
        }
        out.maybe_text("verbosity", ask.verbosity.as_ref().map(Text::as_str));
    });
}

fn write_format(format: &Format<'_>, out: &mut Object<'_>) {
    match format {
        Format::Text => out.text("type", "text"),
        Format::JsonObject => out.text("type", "json_object"),
        Format::Schema {
            name,
            description,
            schema,
            strict,
        } => {
            out.text("type", "json_schema");
            // The reference wants a name.
            out.text("name", name.as_ref().map_or("answer", Text::as_str));
            out.maybe_text("description", description.as_ref().map(Text::as_str));
            out.raw("schema", schema.as_str());
            if let Some(strict) = strict {
                out.flag("strict", *strict);
            }
        }
    }
}

/// "Expected a value >= 16, but got 1 instead", says the API of `max_output_tokens`.
const LEAST_OUTPUT: u64 = 16;

/// Writes how much to think; says whether the model may.
fn write_reasoning(
    ask: &Ask<'_>,
    traits: &Traits,
    body: &mut Object<'_>,
    notes: &mut Notes,
) -> Result<bool, Problem> {
    let reasoning = ask.reasoning.unwrap_or_default();
    let is_off = reasoning.mode == Some(ReasoningMode::Off);
    let wants = !is_off
        && reasoning.effort != Some(Effort::None)
        && (reasoning.mode.is_some() || reasoning.effort.is_some() || reasoning.budget.is_some());
    if traits.thinks == Thinks::No {
        if wants {
            notes.lose(Feature::Reasoning)?;
        }
        return Ok(false);
    }
    let asked = is_off.then_some(Effort::None).or(reasoning.effort);
    let effort = asked
        .or(reasoning.budget.map(measure::effort_of))
        .map(|effort| measure::openai_effort(&ask.model, effort));
    if effort != asked {
        notes.changed(Feature::Reasoning);
    }
    let thinks = effort != Some(Effort::None);
    let summary = reasoning
        .shown
        .filter(|_| thinks)
        .and_then(words::shown_word);
    if effort.is_some() || summary.is_some() {
        body.object("reasoning", |out| {
            out.maybe_text("effort", effort.map(words::effort_word));
            out.maybe_text("summary", summary);
        });
    }
    Ok(thinks)
}

fn write_include(ask: &Ask<'_>, thinks: bool, body: &mut Object<'_>) {
    if !thinks && ask.logprobs.is_none() {
        return;
    }
    body.array("include", |array| {
        if thinks {
            array.text("reasoning.encrypted_content");
        }
        if ask.logprobs.is_some() {
            array.text("message.output_text.logprobs");
        }
    });
    if let Some(others) = ask.logprobs.filter(|others| *others > 0) {
        body.number("top_logprobs", others);
    }
}

fn write_sampling(
    ask: &Ask<'_>,
    traits: &Traits,
    body: &mut Object<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    let sampling = &ask.sampling;
    let taken = [
        ("temperature", &sampling.temperature, Feature::Temperature),
        ("top_p", &sampling.top_p, Feature::TopP),
    ];
    for (name, number, feature) in taken {
        if number.is_some() && !traits.takes_sampling {
            notes.lose(feature)?;
        } else {
            body.maybe_raw(name, number.as_ref().map(Text::as_str));
        }
    }
    let lost = [
        (&sampling.top_k, Feature::TopK),
        (&sampling.min_p, Feature::MinP),
        (&sampling.frequency_penalty, Feature::FrequencyPenalty),
        (&sampling.presence_penalty, Feature::PresencePenalty),
        (&sampling.repeat_penalty, Feature::RepeatPenalty),
        (&sampling.seed, Feature::Seed),
        (&sampling.logit_bias, Feature::LogitBias),
    ];
    for (number, feature) in lost {
        if number.is_some() {
            notes.lose(feature)?;
        }
    }
    if !ask.stop.is_empty() {
        notes.lose(Feature::Stop)?;
    }
    if ask.choices.is_some_and(|choices| choices != 1) {
        notes.lose(Feature::Choices)?;
    }
    Ok(())
}

fn write_rest(
    ask: &Ask<'_>,
    traits: &Traits,
    body: &mut Object<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    if let Some(tokens) = ask.max_tokens {
        let least = traits.least_output.max(LEAST_OUTPUT);
        body.number(
            "max_output_tokens",
            measure::limit(tokens, least, traits, notes),
        );
    }
    body.maybe_text("user", ask.user.as_ref().map(Text::as_str));
    body.maybe_raw("metadata", ask.metadata.as_ref().map(Text::as_str));
    if let Some(tier) = &ask.service_tier {
        let is_own = notes.client() == Dialect::OpenAiResponses;
        if is_own || TIERS.contains(&tier.as_str()) {
            body.text("service_tier", tier.as_str());
        } else {
            notes.lose(Feature::ServiceTier)?;
        }
    }
    body.maybe_text("prompt_cache_key", ask.cache_key.as_ref().map(Text::as_str));
    if ask.cache.is_some() {
        notes.lose(Feature::CacheMarks)?;
    }
    if ask.kept.previous.is_some() {
        notes.lose(Feature::Previous)?;
    }
    body.flag("store", ask.kept.store.unwrap_or(false));
    if ask.kept.background {
        body.flag("background", true);
    }
    Ok(())
}

fn write_own(ask: &Ask<'_>, body: &mut Object<'_>, notes: &mut Notes) {
    for (name, value) in &ask.own {
        let is_taken = match notes.client() {
            // Members of objects that are written here are not put back into them.
            Dialect::OpenAiResponses => !name.contains('.'),
            Dialect::OpenAiChat => SHARED.contains(name),
            _ => false,
        };
        if is_taken {
            body.raw(name, value.as_str());
        } else {
            notes.dropped_field(name);
        }
    }
}
