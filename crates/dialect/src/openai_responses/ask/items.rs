//! The items of a conversation.
//!
//! Source: `response_input_item_param.py` of `openai-python`.

use mirk_model::{Ask, Call, CallResult, Origin, Part, PartKind, Role, Text, Thinking, Turn};

use super::{ends_in_words, parts, tools};
use crate::{
    carry,
    json::{Members, Misread, Type, Value},
    loss::Notes,
    openai_responses::words,
};

/// What OpenAI did itself on the way to an answer. The answer stands beside it, so it is left out.
const HOSTED: [&str; 11] = [
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_list_tools",
    "mcp_call",
    "mcp_approval_request",
    "mcp_approval_response",
    "tool_search_call",
    "compaction_trigger",
    "configuration_update",
];

/// What the rest of a conversation makes no sense without, and only OpenAI understands.
const REFUSED: [(&str, &str); 15] = [
    (
        "local_shell_call",
        "is a local_shell_call, which no other provider has",
    ),
    (
        "local_shell_call_output",
        "is a local_shell_call_output, which no other provider has",
    ),
    ("shell_call", "is a shell_call, which no other provider has"),
    (
        "shell_call_output",
        "is a shell_call_output, which no other provider has",
    ),
    (
        "computer_call",
        "is a computer_call, which no other provider has",
    ),
    (
        "computer_call_output",
        "is a computer_call_output, which no other provider has",
    ),
    (
        "apply_patch_call",
        "is an apply_patch_call, which no other provider has",
    ),
    (
        "apply_patch_call_output",
        "is an apply_patch_call_output, which no other provider has",
    ),
    (
        "compaction",
        "is a compaction, which only its own provider can read",
    ),
    (
        "compaction_summary",
        "is a compaction, which only its own provider can read",
    ),
    ("program", "is a program, which no other provider has"),
    (
        "program_output",
        "is a program_output, which no other provider has",
    ),
    (
        "agent_message",
        "is an agent_message, which no other provider has",
    ),
    (
        "multi_agent_call",
        "is a multi_agent_call, which no other provider has",
    ),
    (
        "multi_agent_call_output",
        "is a multi_agent_call_output, which no other provider has",
    ),
];

/// Reads the items of an array into turns.
pub(super) fn read<'a>(
    value: Value<'a>,
    ask: &mut Ask<'a>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    let items = value
        .items()
        .map_err(|_other| Misread::here("is neither a string nor an array"))?;
    for (index, item) in items.into_iter().enumerate() {
        read_item(item, ask, notes).map_err(|misread| misread.at(index))?;
    }
    Ok(())
}

fn read_item<'a>(value: Value<'a>, ask: &mut Ask<'a>, notes: &mut Notes) -> Result<(), Misread> {
    let mut members = value.members()?;
    let kind = members.read("type", Value::text)?;
    let kind = match &kind {
        Some(kind) => kind.as_str(),
        // A message may say no type, and so may a reference.
        None if members.peek("role").is_some() => "message",
        None if members.peek("id").is_some() => "item_reference",
        None => return Err(Misread::here("is missing").inside("type")),
    };
    match kind {
        "message" => message(&mut members, ask, notes)?,
        "reasoning" => {
            let thinking = thinking(&mut members)?;
            push(ask, Role::Assistant, PartKind::Thinking(thinking));
        }
        "function_call" | "custom_tool_call" => {
            let call = call(&mut members, kind == "custom_tool_call")?;
            push(ask, Role::Assistant, PartKind::Call(call));
        }
        "function_call_output" | "custom_tool_call_output" => {
            let result = result(&mut members, kind == "custom_tool_call_output", notes)?;
            push(ask, Role::Tool, PartKind::Result(result));
        }
        "item_reference" => ask.kept.previous = Some(members.need("id", Value::text)?),
        "additional_tools" | "tool_search_output" => {
            members.each("tools", |tool| tools::read(tool, &mut ask.tools, notes))?;
            notes.dropped_field(&format!("input[].{kind}"));
            return Ok(());
        }
        other => return aside(other, notes),
    }
    for unknown in members.rest() {
        notes.dropped_field(&format!("input[].{unknown}"));
    }
    Ok(())
}

/// An item that is no part of what was said.
fn aside(kind: &str, notes: &mut Notes) -> Result<(), Misread> {
    if let Some(hosted) = HOSTED.iter().find(|hosted| **hosted == kind) {
        notes.dropped_field(&format!("input[].{hosted}"));
        return Ok(());
    }
    let words = REFUSED
        .iter()
        .find(|(refused, _)| *refused == kind)
        .map_or("is of a type that is not known", |(_, words)| words);
    Err(Misread::here(words))
}

/// Puts a part behind the last turn, if that is the same speaker's.
fn push<'a>(ask: &mut Ask<'a>, role: Role, kind: PartKind<'a>) {
    let part = Part::new(kind);
    match ask.turns.last_mut() {
        Some(turn) if turn.role == role => turn.parts.push(part),
        _ => ask.turns.push(Turn {
            role,
            name: None,
            parts: vec![part],
        }),
    }
}

fn message<'a>(
    members: &mut Members<'a>,
    ask: &mut Ask<'a>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    let role = members.need("role", Value::text)?;
    let role = match role.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => return Err(Misread::here("is no role that is known").inside("role")),
    };
    let found = members.read("content", |value| parts::read(value, notes))?;
    let _known = (members.take("id"), members.take("status"));
    let mut found = found.unwrap_or_default();
    match ask.turns.last_mut() {
        // A thought or a call, and what was said with it, are one turn of the model's.
        Some(turn) if role == Role::Assistant && turn.role == role && !ends_in_words(turn) => {
            turn.parts.append(&mut found);
        }
        _ if found.is_empty() => {}
        _ => ask.turns.push(Turn {
            role,
            name: None,
            parts: found,
        }),
    }
    Ok(())
}

/// Reads a reasoning item, of a request or an answer.
pub(in crate::openai_responses) fn thinking<'a>(
    members: &mut Members<'a>,
) -> Result<Thinking<'a>, Misread> {
    let id = members.read("id", Value::lossy_text)?;
    let state = members.read("encrypted_content", Value::lossy_text)?;
    let _known = members.take("status");
    let mut texts = Vec::new();
    for list in ["summary", "content"] {
        members.each(list, |value| {
            if value.kind() == Type::Text {
                texts.push(value.lossy_text()?);
                return Ok(());
            }
            let mut part = value.members()?;
            texts.extend(part.read("text", Value::lossy_text)?);
            Ok(())
        })?;
    }
    texts.retain(|text| !text.is_empty());
    let text = match texts.len() {
        0 | 1 => texts.pop().unwrap_or_default(),
        _ => Text::from(
            texts
                .iter()
                .map(Text::as_str)
                .collect::<Vec<_>>()
                .join("\n\n"),
        ),
    };
    Ok(Thinking {
        text,
        id: id.filter(|id| words::is_given(id)),
        state: state
            .filter(|state| !state.is_empty())
            .map(|state| carry::from_place(state, Origin::OpenAi)),
    })
}

/// Reads a call, of a request or an answer.
pub(in crate::openai_responses) fn call<'a>(
    members: &mut Members<'a>,
    is_custom: bool,
) -> Result<Call<'a>, Misread> {
    let item = members.read("id", Value::lossy_text)?;
    let id = members.read("call_id", Value::lossy_text)?.or(item);
    let (id, state) = carry::from_id(id.unwrap_or_default());
    let _known = members.take("status");
    let arguments = if is_custom { "input" } else { "arguments" };
    Ok(Call {
        id,
        name: members.need("name", Value::lossy_text)?,
        namespace: members.read("namespace", Value::lossy_text)?,
        arguments: members
            .read(arguments, Value::lossy_text)?
            .unwrap_or_default(),
        is_custom,
        state,
    })
}

fn result<'a>(
    members: &mut Members<'a>,
    is_custom: bool,
    notes: &mut Notes,
) -> Result<CallResult<'a>, Misread> {
    let item = members.read("id", Value::text)?;
    let id = members.read("call_id", Value::text)?.or(item);
    let (id, _state) = carry::from_id(id.unwrap_or_default());
    let _known = members.take("status");
    Ok(CallResult {
        id,
        name: members.read("name", Value::text)?,
        parts: members
            .read("output", |value| parts::read(value, notes))?
            .unwrap_or_default(),
        is_error: false,
        is_custom,
    })
}
