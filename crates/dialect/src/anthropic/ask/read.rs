//! Reading a client's request: everything but the content of its messages and its tools.

use mirk_model::{
    Ask, Effort, Format, Operation, Part, Reasoning, ReasoningMode, Role, Sampling, Shown, Text,
    Turn,
};

use super::{blocks, fields::Fields, tools};
use crate::{
    anthropic::words,
    json::{Members, Misread, Type, Value},
    loss::Notes,
    wire::Manner,
};

/// Members of the request that no other dialect has anything for.
const OWN: [&str; 17] = [
    "container",
    "context_management",
    "mcp_servers",
    "speed",
    "inference_geo",
    "diagnostics",
    "fallbacks",
    "fallback_credit_token",
    "billing_policy",
    "compaction",
    "thread",
    "user_profile_id",
    "workspace_id",
    "betas",
    // On Bedrock and Vertex the headers are members.
    "anthropic_beta",
    "anthropic_version",
    "response_inclusion",
];

/// Reads a request. A request to count tokens has the same members but `max_tokens`; one to answer
/// is read without it too, since other providers need none.
pub(in crate::anthropic) fn read<'a>(
    operation: Operation,
    body: &'a str,
    notes: &mut Notes,
) -> Result<(Ask<'a>, Manner), Misread> {
    let mut members = Value::parse(body)?.members()?;
    let mut fields = Fields::new(notes);
    let mut ask = Ask {
        model: members.need("model", Value::text)?,
        is_stream: members.read("stream", Value::flag)?.unwrap_or(false),
        max_tokens: members.read("max_tokens", Value::count)?,
        sampling: Sampling {
            temperature: members.read("temperature", Value::number)?,
            top_p: members.read("top_p", Value::number)?,
            top_k: members.read("top_k", Value::number)?,
            ..Sampling::default()
        },
        service_tier: members.read("service_tier", Value::text)?,
        cache: members.read("cache_control", words::read_cache)?,
        ..Ask::default()
    };
    members.each("stop_sequences", |stop| {
        ask.stop.push(stop.text()?);
        Ok(())
    })?;
    let system = members.read("system", |system| instructions(system, &mut fields))?;
    ask.turns.extend(system.flatten());
    members.need("messages", |messages| {
        messages_of(messages, &mut ask.turns, &mut fields)
    })?;
    tools::read(&mut members, &mut ask, &mut fields)?;
    ask.reasoning = members.read("thinking", |value| thinking(value, &mut fields))?;
    members.read("output_config", |value| {
        output_config(value, &mut ask, &mut fields)
    })?;
    // The name that structured output had before it was released.
    if let Some(format) = members.read("output_format", |value| format(value, &mut fields))? {
        ask.format.get_or_insert(format);
    }
    ask.user = members
        .read("metadata", |value| user(value, &mut fields))?
        .flatten();
    for name in OWN {
        fields.own(&mut members, name);
    }
    fields.rest("", &members);
    ask.own = fields.own;
    let manner = manner(operation, &ask);
    Ok((ask, manner))
}

/// Who did not ask to see thoughts gets none: many programs take the first block for the answer.
fn manner(operation: Operation, ask: &Ask<'_>) -> Manner {
    let reasoning = ask.reasoning.unwrap_or_default();
    let mut manner = Manner::new(operation);
    manner.is_stream = ask.is_stream;
    ask.model.as_str().clone_into(&mut manner.model);
    manner.shows_thinking = matches!(
        reasoning.mode,
        Some(ReasoningMode::On | ReasoningMode::Adaptive)
    ) && reasoning.shown != Some(Shown::Omitted);
    manner
}

/// A turn of instructions: a string, or blocks of text.
fn instructions<'a>(
    value: Value<'a>,
    fields: &mut Fields<'a, '_>,
) -> Result<Option<Turn<'a>>, Misread> {
    let mut parts = Vec::new();
    if value.kind() == Type::Text {
        let text = value.text()?;
        parts.extend(fields.instructions(text).map(Part::text));
    } else {
        for (index, block) in value.items()?.into_iter().enumerate() {
            blocks::instruction(block, fields, &mut parts).map_err(|misread| misread.at(index))?;
        }
    }
    Ok((!parts.is_empty()).then_some(Turn {
        role: Role::System,
        name: None,
        parts,
    }))
}

fn messages_of<'a>(
    value: Value<'a>,
    turns: &mut Vec<Turn<'a>>,
    fields: &mut Fields<'a, '_>,
) -> Result<(), Misread> {
    let messages = value.items()?;
    if messages.is_empty() {
        return Err(Misread::here("is empty"));
    }
    for (index, message) in messages.into_iter().enumerate() {
        read_message(message, turns, fields).map_err(|misread| misread.at(index))?;
    }
    Ok(())
}

fn read_message<'a>(
    value: Value<'a>,
    turns: &mut Vec<Turn<'a>>,
    fields: &mut Fields<'a, '_>,
) -> Result<(), Misread> {
    let mut members = value.members()?;
    let role = members.need("role", Value::text)?;
    match &*role {
        "user" => {
            let parts = members.need("content", |content| {
                blocks::content(content, blocks::Place::User, fields)
            })?;
            by_speaker(parts, turns);
        }
        "assistant" => {
            let parts = members.need("content", |content| {
                blocks::content(content, blocks::Place::Assistant, fields)
            })?;
            turns.push(Turn {
                role: Role::Assistant,
                name: None,
                parts,
            });
        }
        "system" => {
            let turn = members.read("content", |content| instructions(content, fields))?;
            turns.extend(turn.flatten());
            fields.own(&mut members, "messages[].output_config");
            fields.own(&mut members, "messages[].clear_at");
        }
        _ => return Err(Misread::here("is not a role that is known").inside("role")),
    }
    fields.rest("messages[].", &members);
    Ok(())
}

/// Results are said by the user here, and by tools in the middle: one turn for each run of either.
fn by_speaker<'a>(parts: Vec<Part<'a>>, turns: &mut Vec<Turn<'a>>) {
    let role_of = |part: &Part<'_>| match part.kind {
        mirk_model::PartKind::Result(_) => Role::Tool,
        _ => Role::User,
    };
    let first = turns.len();
    for part in parts {
        let role = role_of(&part);
        match turns.get_mut(first..).and_then(<[_]>::last_mut) {
            Some(last) if last.role == role => last.parts.push(part),
            _ => turns.push(Turn {
                role,
                name: None,
                parts: vec![part],
            }),
        }
    }
    if turns.len() == first {
        turns.push(Turn {
            role: Role::User,
            name: None,
            parts: Vec::new(),
        });
    }
}

fn thinking<'a>(value: Value<'a>, fields: &mut Fields<'a, '_>) -> Result<Reasoning, Misread> {
    let mut members = value.members()?;
    let kind = members.need("type", Value::text)?;
    let mut reasoning = Reasoning::default();
    let mode = match &*kind {
        "enabled" => {
            reasoning.budget = Some(members.need("budget_tokens", Value::count)?);
            ReasoningMode::On
        }
        "adaptive" => ReasoningMode::Adaptive,
        "disabled" => ReasoningMode::Off,
        "between_tools" => {
            fields.keep("thinking.between_tools", value);
            ReasoningMode::Adaptive
        }
        _ => return Err(Misread::here("is not a way to think that is known").inside("type")),
    };
    reasoning.mode = Some(mode);
    // Signatures always come along here.
    reasoning.is_encrypted = mode != ReasoningMode::Off;
    reasoning.shown = members.read("display", |shown| match &*shown.text()? {
        "summarized" => Ok(Shown::Auto),
        "omitted" => Ok(Shown::Omitted),
        _ => Err(Misread::here("is neither `summarized` nor `omitted`")),
    })?;
    fields.rest("thinking.", &members);
    Ok(reasoning)
}

fn output_config<'a>(
    value: Value<'a>,
    ask: &mut Ask<'a>,
    fields: &mut Fields<'a, '_>,
) -> Result<(), Misread> {
    let mut members = value.members()?;
    if let Some(effort) = members.read("effort", effort)? {
        ask.reasoning.get_or_insert_default().effort = Some(effort);
    }
    ask.format = members.read("format", |value| format(value, fields))?;
    fields.own(&mut members, "output_config.task_budget");
    fields.rest("output_config.", &members);
    Ok(())
}

fn effort(value: Value<'_>) -> Result<Effort, Misread> {
    match &*value.text()? {
        "low" => Ok(Effort::Low),
        "medium" => Ok(Effort::Medium),
        "high" => Ok(Effort::High),
        "xhigh" => Ok(Effort::ExtraHigh),
        "max" => Ok(Effort::Max),
        _ => Err(Misread::here("is not an effort that is known")),
    }
}

fn format<'a>(value: Value<'a>, fields: &mut Fields<'a, '_>) -> Result<Format<'a>, Misread> {
    let mut members = value.members()?;
    members.need("type", |kind| match &*kind.text()? {
        "json_schema" => Ok(()),
        _ => Err(Misread::here("is not a format that is known")),
    })?;
    let schema = members.need("schema", |schema| match schema.kind() {
        Type::Object => Ok(schema.json()),
        _ => Err(Misread::here("is not an object")),
    })?;
    fields.rest("output_config.format.", &members);
    Ok(Format::Schema {
        name: None,
        description: None,
        schema,
        strict: None,
    })
}

fn user<'a>(value: Value<'a>, fields: &mut Fields<'a, '_>) -> Result<Option<Text<'a>>, Misread> {
    let mut members: Members<'a> = value.members()?;
    let user = members.read("user_id", Value::text)?;
    fields.rest("metadata.", &members);
    Ok(user)
}
