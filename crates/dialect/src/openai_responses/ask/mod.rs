//! Reading requests: `POST /v1/responses`.
//!
//! Source: `response_create_params.py` of `openai-python`, and what Codex sends.

mod echo;
mod items;
mod parts;
mod tools;

use mirk_model::{Ask, Format, Operation, Part, PartKind, Reasoning, Role, Shown, Text, Turn};

pub(super) use self::items::{call, thinking};
use super::words;
use crate::{
    json::{Members, Misread, Type, Value},
    loss::Notes,
    wire::Manner,
};

/// Members that are known and have no counterpart anywhere else.
const OWN: [&str; 12] = [
    "truncation",
    "max_tool_calls",
    "prompt",
    "safety_identifier",
    "prompt_cache_retention",
    "prompt_cache_options",
    "stream_options",
    "context_management",
    "client_metadata",
    "moderation",
    "multi_agent",
    "generate",
];

/// What of `include` is understood; the rest is about tools that OpenAI runs itself.
const LOGPROBS: &str = "message.output_text.logprobs";
const ENCRYPTED: &str = "reasoning.encrypted_content";

/// Reads a request.
pub(super) fn read<'a>(
    operation: Operation,
    body: &'a str,
    notes: &mut Notes,
) -> Result<(Ask<'a>, Manner), Misread> {
    let mut members = Value::parse(body)?.members()?;
    let echo = echo::build(&members);
    let mut ask = Ask {
        model: members.read("model", Value::text)?.unwrap_or_default(),
        is_stream: members.read("stream", Value::flag)?.unwrap_or(false),
        ..Ask::default()
    };
    read_conversation(&mut ask, &mut members, notes)?;
    members.each("tools", |value| tools::read(value, &mut ask.tools, notes))?;
    ask.tool_choice = members.read("tool_choice", |value| tools::choice(value, notes))?;
    ask.parallel_calls = members.read("parallel_tool_calls", Value::flag)?;
    members.read("text", |value| text(value, &mut ask, notes))?;
    ask.reasoning = members.read("reasoning", |value| reasoning(value, &mut ask, notes))?;
    read_include(&mut ask, &mut members, notes)?;
    read_options(&mut ask, &mut members)?;
    for own in OWN {
        if let Some(value) = members.take(own) {
            ask.own.push((own, value.json()));
        }
    }
    for unknown in members.rest() {
        notes.dropped_field(unknown);
    }
    let shown = ask.reasoning.and_then(|reasoning| reasoning.shown);
    let manner = Manner {
        is_stream: ask.is_stream,
        // OpenAI shows thoughts to who asks for a summary of them.
        shows_thinking: shown.is_some_and(|shown| shown != Shown::Omitted),
        wants_encrypted: ask
            .reasoning
            .is_some_and(|reasoning| reasoning.is_encrypted),
        echo,
        ..Manner::new(operation)
    };
    Ok((ask, manner))
}

/// The instructions, what is kept elsewhere, and the input.
fn read_conversation<'a>(
    ask: &mut Ask<'a>,
    members: &mut Members<'a>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    if let Some(value) = members.take("instructions") {
        let found = match value.kind() {
            Type::Text => value
                .text()
                .map(|text| said(&mut ask.turns, Role::System, text)),
            // Answers repeat them as items; some clients send those back.
            _ => items::read(value, ask, notes),
        };
        found.map_err(|misread| misread.inside("instructions"))?;
    }
    if let Some(id) = members.read("previous_response_id", Value::text)? {
        ask.kept.previous = Some(id);
    }
    if let Some(id) = members.read("conversation", conversation)? {
        ask.kept.previous = Some(id);
    }
    let before = ask.turns.len();
    members.need("input", |value| {
        match value.kind() {
            Type::Text => said(&mut ask.turns, Role::User, value.text()?),
            _ => items::read(value, ask, notes)?,
        }
        if ask.turns.len() == before && ask.kept.previous.is_none() {
            return Err(Misread::here("is empty"));
        }
        Ok(())
    })
}

/// A turn of one text, if there is any.
fn said<'a>(turns: &mut Vec<Turn<'a>>, role: Role, text: Text<'a>) {
    if !text.is_empty() {
        turns.push(Turn {
            role,
            name: None,
            parts: vec![Part::text(text)],
        });
    }
}

fn conversation(value: Value<'_>) -> Result<Text<'_>, Misread> {
    if value.kind() == Type::Text {
        return value.text();
    }
    value.members()?.need("id", Value::text)
}

fn text<'a>(value: Value<'a>, ask: &mut Ask<'a>, notes: &mut Notes) -> Result<(), Misread> {
    let mut members = value.members()?;
    ask.format = members.read("format", |value| format(value, notes))?;
    ask.verbosity = members.read("verbosity", Value::text)?;
    for unknown in members.rest() {
        notes.dropped_field(&format!("text.{unknown}"));
    }
    Ok(())
}

fn format<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Format<'a>, Misread> {
    let mut members = value.members()?;
    let kind = members.need("type", Value::text)?;
    let format = match kind.as_str() {
        "text" => Format::Text,
        "json_object" => Format::JsonObject,
        "json_schema" => Format::Schema {
            name: members.read("name", Value::text)?,
            description: members.read("description", Value::text)?,
            schema: members.need("schema", schema)?,
            strict: members.read("strict", Value::flag)?,
        },
        _ => return Err(Misread::here("is no format that is known").inside("type")),
    };
    for unknown in members.rest() {
        notes.dropped_field(&format!("text.format.{unknown}"));
    }
    Ok(format)
}

fn schema(value: Value<'_>) -> Result<Text<'_>, Misread> {
    match value.kind() {
        Type::Object | Type::Flag => Ok(value.json()),
        _ => Err(Misread::here("is no JSON schema")),
    }
}

fn reasoning<'a>(
    value: Value<'a>,
    ask: &mut Ask<'a>,
    notes: &mut Notes,
) -> Result<Reasoning, Misread> {
    let mut members = value.members()?;
    let effort = members.read("effort", words::effort)?;
    let summary = members.read("summary", words::shown)?;
    let older = members.read("generate_summary", words::shown)?;
    for (member, name) in [("context", "reasoning.context"), ("mode", "reasoning.mode")] {
        if let Some(value) = members.take(member) {
            ask.own.push((name, value.json()));
        }
    }
    for unknown in members.rest() {
        notes.dropped_field(&format!("reasoning.{unknown}"));
    }
    Ok(Reasoning {
        effort,
        shown: summary.or(older),
        ..Reasoning::default()
    })
}

fn read_include<'a>(
    ask: &mut Ask<'a>,
    members: &mut Members<'a>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    members.each("include", |value| {
        match value.text()?.as_str() {
            LOGPROBS => ask.logprobs = Some(0),
            ENCRYPTED => {
                ask.reasoning
                    .get_or_insert_with(Reasoning::default)
                    .is_encrypted = true;
            }
            _ => notes.dropped_field("include"),
        }
        Ok(())
    })
}

fn read_options<'a>(ask: &mut Ask<'a>, members: &mut Members<'a>) -> Result<(), Misread> {
    if let Some(others) = members.read("top_logprobs", Value::count)? {
        // Some clients write the 0 that the answer repeats.
        if others > 0 || ask.logprobs.is_some() {
            ask.logprobs = Some(others);
        }
    }
    ask.sampling.temperature = members.read("temperature", Value::number)?;
    ask.sampling.top_p = members.read("top_p", Value::number)?;
    ask.max_tokens = members.read("max_output_tokens", Value::count)?;
    ask.user = members.read("user", Value::text)?;
    ask.metadata = members.read("metadata", |value| match value.kind() {
        Type::Object => Ok(value.json()),
        _ => Err(Misread::here("is not an object")),
    })?;
    ask.service_tier = members.read("service_tier", Value::text)?;
    ask.cache_key = members.read("prompt_cache_key", Value::text)?;
    ask.kept.store = members.read("store", Value::flag)?;
    ask.kept.background = members.read("background", Value::flag)?.unwrap_or(false);
    Ok(())
}

/// Whether `turn` ends in what is said, which a further message must not run into.
fn ends_in_words(turn: &Turn<'_>) -> bool {
    matches!(
        turn.parts.last().map(|part| &part.kind),
        Some(PartKind::Text { .. } | PartKind::Refusal(_) | PartKind::Media(_))
    )
}
