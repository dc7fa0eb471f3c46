//! Writing a request for a provider: the members of the body.

use mirk_model::{Ask, Function, Kind, PartKind, Problem, Role, Traits};

use super::{
    parts,
    plan::{Choice, Plan},
};
use crate::{
    anthropic::{JSON_TOOL, words},
    json::{Members, Object, Value},
    loss::{Feature, Notes},
};

/// What a model is told that has no other way to be held to JSON. The table of losses says so.
const JSON_ONLY: &str = "Answer with one valid JSON object and nothing else.";

/// Arguments of a function that says nothing of them.
const ANY_OBJECT: &str = r#"{"type":"object","properties":{}}"#;

/// Writes a request.
pub(in crate::anthropic) fn write(
    ask: &Ask<'_>,
    traits: &Traits,
    notes: &mut Notes,
) -> Result<Vec<u8>, Problem> {
    unsayable(ask, notes)?;
    let plan = Plan::of(ask, traits, notes)?;
    let mut out = Vec::with_capacity(1_024);
    Object::try_write(&mut out, |body| {
        body.text("model", ask.model.as_str());
        body.number("max_tokens", plan.thinking.max_tokens);
        if ask.is_stream {
            body.flag("stream", true);
        }
        content(ask, &plan, body, notes)?;
        tools(&plan, body, notes);
        plan.thinking.write(body);
        output_config(&plan, body);
        sampling(ask, &plan, traits, body, notes)?;
        stop(ask, body, notes);
        if let Some(user) = &ask.user {
            body.object("metadata", |metadata| {
                metadata.text("user_id", user.as_str());
            });
        }
        words::write_cache(body, ask.cache);
        Ok::<(), Problem>(())
    })?;
    Ok(out)
}

/// What the dialect has no words for.
fn unsayable(ask: &Ask<'_>, notes: &mut Notes) -> Result<(), Problem> {
    let sampling = &ask.sampling;
    let lost = [
        (sampling.seed.is_some(), Feature::Seed),
        (sampling.logit_bias.is_some(), Feature::LogitBias),
        (
            sampling.frequency_penalty.is_some(),
            Feature::FrequencyPenalty,
        ),
        (
            sampling.presence_penalty.is_some(),
            Feature::PresencePenalty,
        ),
        (sampling.repeat_penalty.is_some(), Feature::RepeatPenalty),
        (sampling.min_p.is_some(), Feature::MinP),
        (ask.choices.is_some_and(|n| n > 1), Feature::Choices),
        (ask.logprobs.is_some(), Feature::Logprobs),
        (ask.verbosity.is_some(), Feature::Verbosity),
        (ask.metadata.is_some(), Feature::Metadata),
        (ask.service_tier.is_some(), Feature::ServiceTier),
        (ask.cache_key.is_some(), Feature::CacheKey),
        (ask.kept.store == Some(true), Feature::Store),
        (ask.kept.previous.is_some(), Feature::Previous),
        (ask.kept.background, Feature::Background),
    ];
    for (_, feature) in lost.into_iter().filter(|(is_said, _)| *is_said) {
        notes.lose(feature)?;
    }
    for turn in &ask.turns {
        if turn.name.is_some() {
            notes.lose(Feature::TurnName)?;
        }
        if turn.role == Role::Developer {
            notes.lose(Feature::Developer)?;
        }
    }
    for (name, _) in &ask.own {
        notes.dropped_field(name);
    }
    Ok(())
}

/// Writes `system` and `messages`. Instructions alone are no request here: then they are what the
/// user says.
fn content(
    ask: &Ask<'_>,
    plan: &Plan<'_, '_>,
    body: &mut Object<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    let mut system = parts::instructions(&ask.turns, notes)?;
    let mut messages = parts::messages(&ask.turns, notes)?;
    if messages.is_empty() && !system.is_empty() {
        messages.push(parts::Message {
            is_model: false,
            parts: std::mem::take(&mut system),
        });
        notes.lose(Feature::LateSystem)?;
    }
    if messages.is_empty() {
        // All that was said are blank texts, which the dialect refuses.
        return Err(Problem::new(Kind::BadRequest, "there is nothing to answer").about("messages"));
    }
    let words = plan.wants_object.then_some(JSON_ONLY);
    parts::write_system(&system, words, body);
    body.try_array("messages", |array| {
        let last = messages.len().saturating_sub(1);
        for (index, message) in messages.iter().enumerate() {
            array
                .try_object(|object| parts::write_message(message, index == last, object, notes))?;
        }
        Ok(())
    })
}

fn tools(plan: &Plan<'_, '_>, body: &mut Object<'_>, notes: &mut Notes) {
    if plan.tools.is_empty() && plan.json_tool.is_none() {
        return;
    }
    body.array("tools", |array| {
        for function in &plan.tools {
            array.object(|tool| write_tool(function, tool, notes));
        }
        if let Some(schema) = plan.json_tool {
            array.object(|tool| {
                tool.text("name", JSON_TOOL);
                tool.text(
                    "description",
                    "Gives the answer, in the form it has to have.",
                );
                input_schema(Some(schema), tool, notes);
            });
        }
    });
    let Some(choice) = plan.choice else {
        return;
    };
    body.object("tool_choice", |object| {
        let (kind, name) = match choice {
            Choice::Auto => ("auto", None),
            Choice::Any => ("any", None),
            Choice::None => ("none", None),
            Choice::Named(name) => ("tool", Some(name)),
        };
        object.text("type", kind);
        object.maybe_text("name", name);
        if plan.is_single && choice != Choice::None {
            object.flag("disable_parallel_tool_use", true);
        }
    });
}

fn write_tool(function: &Function<'_>, tool: &mut Object<'_>, notes: &mut Notes) {
    tool.text("name", function.name.as_str());
    tool.maybe_text("description", function.description.as_deref());
    input_schema(function.schema.as_deref(), tool, notes);
    if let Some(strict) = function.strict {
        tool.flag("strict", strict);
    }
    words::write_cache(tool, function.cache);
}

/// Writes `input_schema`, which has to say that it is one of objects.
fn input_schema(schema: Option<&str>, tool: &mut Object<'_>, notes: &mut Notes) {
    let Some(schema) = schema else {
        tool.raw("input_schema", ANY_OBJECT);
        return;
    };
    let members = Value::parse(schema).and_then(Value::members).ok();
    match members {
        Some(members) if members.peek("type").is_some() => tool.raw("input_schema", schema),
        members => {
            notes.changed(Feature::Schema);
            tool.object("input_schema", |object| {
                object.text("type", "object");
                for (name, value) in members.into_iter().flat_map(Members::into_rest) {
                    if name != "type" {
                        object.raw(&name, value.raw());
                    }
                }
            });
        }
    }
}

fn output_config(plan: &Plan<'_, '_>, body: &mut Object<'_>) {
    let effort = plan.thinking.effort;
    if effort.is_none() && plan.schema.is_none() {
        return;
    }
    body.object("output_config", |config| {
        config.maybe_text("effort", effort);
        if let Some(schema) = plan.schema {
            config.object("format", |format| {
                format.text("type", "json_schema");
                format.raw("schema", schema.as_str());
            });
        }
    });
}

/// Writes how to sample. A model that thinks does so at temperature 1, from all tokens, or nearly
/// all; and newer ones take a temperature or `top_p`, not both. What says no more than that is
/// left out without a word.
fn sampling(
    ask: &Ask<'_>,
    plan: &Plan<'_, '_>,
    traits: &Traits,
    body: &mut Object<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    let is_on = plan.thinking.is_on();
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    let one = |text: &str| (number(text) - 1.0).abs() < f64::EPSILON;
    let sampling = &ask.sampling;
    let mut has_temperature = false;
    if let Some(temperature) = sampling.temperature.as_deref() {
        if !traits.takes_sampling || is_on {
            if !one(temperature) {
                notes.dropped(Feature::Temperature);
            }
        } else if number(temperature) > 1.0 {
            notes.lose(Feature::Temperature)?;
            has_temperature = true;
            body.number("temperature", 1);
        } else {
            has_temperature = true;
            body.raw("temperature", temperature);
        }
    }
    if let Some(top_p) = sampling.top_p.as_deref() {
        let is_taken =
            traits.takes_sampling && !has_temperature && (!is_on || number(top_p) >= 0.95);
        if is_taken {
            body.raw("top_p", top_p);
        } else if !one(top_p) {
            notes.dropped(Feature::TopP);
        }
    }
    if let Some(top_k) = sampling.top_k.as_deref() {
        if traits.takes_sampling && !is_on {
            body.raw("top_k", top_k);
        } else {
            notes.dropped(Feature::TopK);
        }
    }
    Ok(())
}

/// Writes the texts that end the answer; blank ones are refused by the provider.
fn stop(ask: &Ask<'_>, body: &mut Object<'_>, notes: &mut Notes) {
    let is_blank = |text: &&mirk_model::Text<'_>| text.trim().is_empty();
    if ask.stop.iter().any(|text| is_blank(&text)) {
        notes.dropped(Feature::Stop);
    }
    let mut stops = ask.stop.iter().filter(|text| !is_blank(text)).peekable();
    if stops.peek().is_some() {
        body.array("stop_sequences", |array| {
            for text in stops {
                array.text(text.as_str());
            }
        });
    }
}

/// Whether a part is a result.
pub(super) const fn is_result(kind: &PartKind<'_>) -> bool {
    matches!(kind, PartKind::Result(_))
}
