//! The conversation, as a client writes it.

use mirk_model::{CallResult, Citation, MediaKind, Part, PartKind, Role, Text, Thinking, Turn};

use super::{leave, some, tools};
use crate::{
    carry,
    json::{Members, Misread, Type, Value},
    loss::{Feature, Notes},
    openai_chat::{calls, media, thinking, words},
};

/// Reads `messages`. Results that follow each other are one turn.
pub(super) fn read<'a>(
    members: &mut Members<'a>,
    notes: &mut Notes,
) -> Result<Vec<Turn<'a>>, Misread> {
    let mut turns: Vec<Turn<'a>> = Vec::new();
    members.need("messages", |value| {
        for (index, message) in value.items()?.into_iter().enumerate() {
            let turn = read_message(message, notes).map_err(|misread| misread.at(index))?;
            match turns.last_mut() {
                Some(last) if last.role == Role::Tool && turn.role == Role::Tool => {
                    last.parts.extend(turn.parts);
                }
                _ => turns.push(turn),
            }
        }
        Ok(())
    })?;
    if turns.is_empty() {
        return Err(Misread::here("is empty").inside("messages"));
    }
    Ok(turns)
}

fn read_message<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Turn<'a>, Misread> {
    let mut members = value.members()?;
    let role = match &*members.need("role", Value::text)? {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        _ => return Err(Misread::here("is not a role that Mirk knows").inside("role")),
    };
    let mark = tools::cache(&mut members)?;
    let mut turn = Turn {
        role,
        name: some(members.read("name", Value::text)?),
        parts: Vec::new(),
    };
    match role {
        Role::Assistant => turn.parts = assistant(&mut members, notes)?,
        Role::Tool => turn
            .parts
            .push(result(&mut members, turn.name.take(), notes)?),
        _ => turn.parts = content(&mut members, notes)?,
    }
    if let (Some(_), Some(last)) = (mark, turn.parts.last_mut()) {
        last.cache = mark;
    }
    leave(&members, "messages[].", notes);
    Ok(turn)
}

/// A result; an older one names the function and has no id.
fn result<'a>(
    members: &mut Members<'a>,
    name: Option<Text<'a>>,
    notes: &mut Notes,
) -> Result<Part<'a>, Misread> {
    let id = match &name {
        Some(_) if members.peek("tool_call_id").is_none() => Text::default(),
        _ => members.need("tool_call_id", Value::text)?,
    };
    let (id, _carried) = carry::from_id(id);
    Ok(Part::new(PartKind::Result(CallResult {
        id,
        name,
        parts: content(members, notes)?,
        is_error: false,
        is_custom: false,
    })))
}

fn assistant<'a>(members: &mut Members<'a>, notes: &mut Notes) -> Result<Vec<Part<'a>>, Misread> {
    let thoughts = thinking::read(members)?;
    if thoughts.has_foreign {
        notes.dropped(Feature::ThinkingState);
    }
    let mut parts: Vec<_> = thoughts
        .list
        .into_iter()
        .map(|thought| Part::new(PartKind::Thinking(thought)))
        .collect();
    parts.extend(content(members, notes)?);
    let sources = members.read("annotations", words::citations)?;
    attach(&mut parts, sources.unwrap_or_default());
    if let Some(refusal) = some(members.read("refusal", Value::text)?) {
        parts.push(Part::new(PartKind::Refusal(refusal)));
    }
    members.each("images", |value| {
        let media = value.members()?.need("image_url", |url| {
            media::linked(MediaKind::Image, url, notes)
        })?;
        parts.push(Part::new(PartKind::Media(media)));
        Ok(())
    })?;
    members.each("tool_calls", |value| {
        parts.push(Part::new(PartKind::Call(calls::read(value, true)?)));
        Ok(())
    })?;
    let older = members.read("function_call", |value| {
        calls::said(value, "arguments", true)
    })?;
    parts.extend(older.map(|call| Part::new(PartKind::Call(call))));
    Ok(parts)
}

/// Sources stand beside the message here, and belong to its first text.
pub(in crate::openai_chat) fn attach<'a>(parts: &mut [Part<'a>], sources: Vec<Citation<'a>>) {
    for part in parts {
        if let PartKind::Text { citations, .. } = &mut part.kind {
            *citations = sources;
            return;
        }
    }
}

/// Reads `content`: a string, parts, or nothing. An empty string says nothing.
fn content<'a>(members: &mut Members<'a>, notes: &mut Notes) -> Result<Vec<Part<'a>>, Misread> {
    let mut parts = Vec::new();
    members.read("content", |value| {
        if value.kind() == Type::Text {
            parts.extend(some(Some(value.text()?)).map(Part::text));
            return Ok(());
        }
        if value.kind() != Type::Array {
            return Err(Misread::here("is neither a string nor an array"));
        }
        for (index, item) in value.items()?.into_iter().enumerate() {
            let part = read_part(item, notes).map_err(|misread| misread.at(index))?;
            parts.push(part);
        }
        Ok(())
    })?;
    Ok(parts)
}

fn read_part<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Part<'a>, Misread> {
    if value.kind() == Type::Text {
        return Ok(Part::text(value.text()?));
    }
    let mut members = value.members()?;
    let kind = members.need("type", Value::text)?;
    let cache = tools::cache(&mut members)?;
    let kind = match kind.as_str() {
        "text" | "input_text" | "output_text" => PartKind::Text {
            text: members.need("text", Value::text)?,
            citations: Vec::new(),
        },
        "refusal" => PartKind::Refusal(members.need("refusal", Value::text)?),
        // Mistral's, as text or as parts.
        "thinking" => PartKind::Thinking(Thinking {
            text: members.need("thinking", thought)?,
            ..Thinking::default()
        }),
        other => match media::read(other, &mut members, notes)? {
            Some(media) => PartKind::Media(media),
            None => {
                return Err(
                    Misread::here("is not a type of content that Mirk knows").inside("type")
                );
            }
        },
    };
    leave(&members, "messages[].content[].", notes);
    Ok(Part { kind, cache })
}

/// A thought as Mistral writes it: a string, or an array of texts.
pub(in crate::openai_chat) fn thought(value: Value<'_>) -> Result<Text<'_>, Misread> {
    if value.kind() == Type::Text {
        return value.lossy_text();
    }
    let mut text = String::new();
    for (index, item) in value.items()?.into_iter().enumerate() {
        let piece = item
            .members()
            .and_then(|mut item| item.read("text", Value::lossy_text))
            .map_err(|misread| misread.at(index))?;
        text.push_str(&piece.unwrap_or_default());
    }
    Ok(Text::from(text))
}
