//! Writing instructions and messages.
//!
//! Invariant: results stand first in the user's message; no block is empty; no signature stands
//! here that is not Anthropic's own.

use mirk_model::{
    CallResult, Media, MediaKind, Origin, Part, PartKind, Problem, Role, Source, Thinking, Turn,
};

use super::write::is_result;
use crate::{
    anthropic::words,
    json::{Array, Object, Type, Value},
    loss::{Feature, Notes},
};

/// One message: turns of one speaker in a row, the tools being the user's.
pub(super) struct Message<'q, 'a> {
    pub(super) is_model: bool,
    pub(super) parts: Vec<&'q Part<'a>>,
}

const fn is_instruction(turn: &Turn<'_>) -> bool {
    matches!(turn.role, Role::System | Role::Developer)
}

/// A text that Anthropic refuses as empty.
fn is_blank(part: &Part<'_>) -> bool {
    match &part.kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// The instructions. All of them stand in front; one that stood later is noted.
pub(super) fn instructions<'q, 'a>(
    turns: &'q [Turn<'a>],
    notes: &mut Notes,
) -> Result<Vec<&'q Part<'a>>, Problem> {
    if turns
        .iter()
        .skip_while(|turn| is_instruction(turn))
        .any(is_instruction)
    {
        notes.lose(Feature::LateSystem)?;
    }
    let mut system = Vec::new();
    for part in turns
        .iter()
        .filter(|turn| is_instruction(turn))
        .flat_map(|turn| &turn.parts)
    {
        match &part.kind {
            PartKind::Text { .. } | PartKind::Refusal(_) if is_blank(part) => {}
            PartKind::Text { .. } | PartKind::Refusal(_) => system.push(part),
            PartKind::Media(media) => return Err(notes.refuse(feature_of(media))),
            // Noted with those of the conversation.
            PartKind::Thinking(_) => {}
            PartKind::Call(_) | PartKind::Result(_) => {
                return Err(notes.refuse(Feature::OrphanResults));
            }
        }
    }
    Ok(system)
}

/// Whether a thought is one of Anthropic's own, with what it wants back.
fn is_own(thinking: &Thinking<'_>) -> bool {
    thinking
        .state
        .as_ref()
        .is_some_and(|state| matches!(state.origin, Origin::Anthropic | Origin::AnthropicRedacted))
}

/// Notes the thoughts that are left out, since another provider thought them.
fn foreign_thoughts(turns: &[Turn<'_>], notes: &mut Notes) -> Result<(), Problem> {
    for part in turns.iter().flat_map(|turn| &turn.parts) {
        if let PartKind::Thinking(thinking) = &part.kind
            && !is_own(thinking)
        {
            if thinking.state.is_some() {
                notes.dropped(Feature::ThinkingState);
            }
            if !thinking.text.is_empty() {
                notes.lose(Feature::ThinkingText)?;
            }
        }
    }
    Ok(())
}

/// The conversation as messages.
pub(super) fn messages<'q, 'a>(
    turns: &'q [Turn<'a>],
    notes: &mut Notes,
) -> Result<Vec<Message<'q, 'a>>, Problem> {
    foreign_thoughts(turns, notes)?;
    let mut messages: Vec<Message<'q, 'a>> = Vec::with_capacity(turns.len());
    for turn in turns.iter().filter(|turn| !is_instruction(turn)) {
        let is_model = turn.role == Role::Assistant;
        let parts = turn.parts.iter().filter(|part| is_sayable(part));
        match messages.last_mut() {
            Some(last) if last.is_model == is_model => last.parts.extend(parts),
            _ => messages.push(Message {
                is_model,
                parts: parts.collect(),
            }),
        }
    }
    for message in messages.iter_mut().filter(|message| !message.is_model) {
        message.parts.sort_by_key(|part| !is_result(&part.kind));
    }
    messages.retain(|message| !message.parts.is_empty());
    Ok(messages)
}

fn is_sayable(part: &Part<'_>) -> bool {
    match &part.kind {
        PartKind::Thinking(thinking) => is_own(thinking),
        _ => !is_blank(part),
    }
}

/// The text of a part of the instructions.
fn text_of<'q>(part: &'q Part<'_>) -> &'q str {
    match &part.kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => text,
        _ => "",
    }
}

/// Writes `system`, with `words` of our own behind it.
pub(super) fn write_system(system: &[&Part<'_>], words: Option<&str>, body: &mut Object<'_>) {
    match (system, words) {
        ([], None) => {}
        ([], Some(words)) => body.text("system", words),
        ([part], None) if part.cache.is_none() => body.text("system", text_of(part)),
        _ => body.array("system", |array| {
            for part in system {
                array.object(|block| {
                    block.text("type", "text");
                    block.text("text", text_of(part));
                    words::write_cache(block, part.cache);
                });
            }
            if let Some(words) = words {
                array.object(|block| {
                    block.text("type", "text");
                    block.text("text", words);
                });
            }
        }),
    }
}

/// Writes a message. The last one, when it is the model's, is for the model to go on from: it may
/// not end in white space.
pub(super) fn write_message(
    message: &Message<'_, '_>,
    is_last: bool,
    object: &mut Object<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    object.text(
        "role",
        if message.is_model {
            "assistant"
        } else {
            "user"
        },
    );
    let is_open = is_last && message.is_model;
    if let [part] = message.parts.as_slice()
        && part.cache.is_none()
        && let PartKind::Text { text, citations } = &part.kind
        && citations.is_empty()
    {
        object.text("content", end_of(text, is_open));
        return Ok(());
    }
    let end = message.parts.len().saturating_sub(1);
    object.try_array("content", |array| {
        for (index, part) in message.parts.iter().enumerate() {
            match &part.kind {
                PartKind::Text { text, citations } => {
                    if !citations.is_empty() {
                        notes.lose(Feature::Citations)?;
                    }
                    array.object(|block| {
                        block.text("type", "text");
                        block.text("text", end_of(text, is_open && index == end));
                        words::write_cache(block, part.cache);
                    });
                }
                PartKind::Media(media) if message.is_model => {
                    return Err(notes.refuse(feature_of(media)));
                }
                _ => write_block(part, array, notes)?,
            }
        }
        Ok(())
    })
}

/// The text, without white space at its end where the model is to go on from there.
fn end_of(text: &str, is_open: bool) -> &str {
    if is_open { text.trim_end() } else { text }
}

/// Writes a block that is not text.
fn write_block(part: &Part<'_>, array: &mut Array<'_>, notes: &mut Notes) -> Result<(), Problem> {
    match &part.kind {
        PartKind::Text { text, .. } => {
            array.object(|block| {
                block.text("type", "text");
                block.text("text", text.as_str());
                words::write_cache(block, part.cache);
            });
        }
        PartKind::Refusal(text) => {
            notes.lose(Feature::Refusals)?;
            array.object(|block| {
                block.text("type", "text");
                block.text("text", text.as_str());
                words::write_cache(block, part.cache);
            });
        }
        PartKind::Media(media) => {
            array.try_object(|block| {
                write_media(media, block, notes)?;
                words::write_cache(block, part.cache);
                Ok::<(), Problem>(())
            })?;
        }
        PartKind::Thinking(thinking) => {
            if part.cache.is_some() {
                notes.lose(Feature::CacheMarks)?;
            }
            write_thinking(thinking, array);
        }
        PartKind::Call(call) => {
            if call.state.is_some() {
                notes.lose(Feature::ThinkingState)?;
            }
            if call.namespace.is_some() {
                notes.lose(Feature::Namespaces)?;
            }
            array.object(|block| {
                block.text("type", "tool_use");
                block.text("id", call.id.as_str());
                block.text("name", call.name.as_str());
                input(call.is_custom, &call.arguments, block, notes);
                words::write_cache(block, part.cache);
            });
        }
        PartKind::Result(result) => {
            array.try_object(|block| {
                write_result(result, block, notes)?;
                words::write_cache(block, part.cache);
                Ok::<(), Problem>(())
            })?;
        }
    }
    Ok(())
}

/// Writes a call's `input`, which has to be an object.
fn input(is_custom: bool, arguments: &str, block: &mut Object<'_>, notes: &mut Notes) {
    let is_object = Value::parse(arguments).is_ok_and(|value| value.kind() == Type::Object);
    if is_custom {
        notes.changed(Feature::CustomTools);
        block.object("input", |input| input.text("input", arguments));
    } else if is_object {
        block.raw("input", arguments);
    } else if arguments.trim().is_empty() {
        block.raw("input", "{}");
    } else {
        notes.changed(Feature::BrokenArguments);
        block.object("input", |input| input.text("arguments", arguments));
    }
}

fn write_thinking(thinking: &Thinking<'_>, array: &mut Array<'_>) {
    let Some(state) = &thinking.state else {
        return;
    };
    array.object(|block| {
        if state.origin == Origin::AnthropicRedacted {
            block.text("type", "redacted_thinking");
            block.text("data", state.data.as_str());
        } else {
            block.text("type", "thinking");
            block.text("thinking", thinking.text.as_str());
            block.text("signature", state.data.as_str());
        }
    });
}

const fn feature_of(media: &Media<'_>) -> Feature {
    match (media.kind, &media.source) {
        (_, Source::File(_)) => Feature::File,
        (MediaKind::Audio, _) => Feature::Audio,
        (MediaKind::Video, _) => Feature::Video,
        (MediaKind::Image, Source::Url { .. }) => Feature::ImageUrl,
        (MediaKind::Image, _) => Feature::Image,
        (MediaKind::Document, Source::Url { .. }) => Feature::DocumentUrl,
        (MediaKind::Document, Source::Text(_)) => Feature::DocumentText,
        (MediaKind::Document, Source::Data { .. }) => Feature::Document,
    }
}

fn write_media(
    media: &Media<'_>,
    block: &mut Object<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    let is_image = match media.kind {
        MediaKind::Image => true,
        MediaKind::Document => false,
        MediaKind::Audio | MediaKind::Video => return Err(notes.refuse(feature_of(media))),
    };
    if media.detail.is_some() {
        notes.lose(Feature::ImageDetail)?;
    }
    block.text("type", if is_image { "image" } else { "document" });
    block.try_object("source", |source| match &media.source {
        Source::Data { mime, base64 } => {
            let mime = mime.as_str();
            if is_image || mime == "application/pdf" {
                source.text("type", "base64");
                // Written so by many, taken by none.
                let is_jpg = mime == "image/jpg";
                source.text("media_type", if is_jpg { "image/jpeg" } else { mime });
                source.text("data", base64.as_str());
                return Ok(());
            }
            let text = plain(mime, base64).ok_or_else(|| notes.refuse(Feature::Document))?;
            write_text(&text, source);
            Ok(())
        }
        Source::Url { url, .. } => {
            source.text("type", "url");
            source.text("url", url.as_str());
            Ok(())
        }
        Source::Text(_) if is_image => Err(notes.refuse(Feature::Image)),
        Source::Text(text) => {
            write_text(text, source);
            Ok(())
        }
        Source::File(_) => Err(notes.refuse(Feature::File)),
    })?;
    if !is_image {
        block.maybe_text("title", media.name.as_deref());
    }
    Ok(())
}

fn write_text(text: &str, source: &mut Object<'_>) {
    source.text("type", "text");
    source.text("media_type", "text/plain");
    source.text("data", text);
}

/// The text of a document that is not a PDF: those that are text are taken as that.
fn plain(mime: &str, base64: &str) -> Option<String> {
    if !(mime.starts_with("text/") || mime == "application/json") {
        return None;
    }
    let bytes = data_encoding::BASE64.decode(base64.as_bytes()).ok()?;
    String::from_utf8(bytes).ok()
}

fn write_result(
    result: &CallResult<'_>,
    block: &mut Object<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    block.text("type", "tool_result");
    block.text("tool_use_id", result.id.as_str());
    match result.parts.as_slice() {
        [] => {}
        [
            Part {
                kind: PartKind::Text { text, .. },
                cache: None,
            },
        ] => block.text("content", text.as_str()),
        parts => block.try_array("content", |array| {
            for part in parts.iter().filter(|part| !is_blank(part)) {
                match &part.kind {
                    PartKind::Text { citations, .. } if !citations.is_empty() => {
                        notes.lose(Feature::Citations)?;
                    }
                    PartKind::Thinking(_) | PartKind::Call(_) | PartKind::Result(_) => {
                        return Err(notes.refuse(Feature::OrphanResults));
                    }
                    _ => {}
                }
                write_block(part, array, notes)?;
            }
            Ok(())
        })?,
    }
    if result.is_error {
        block.flag("is_error", true);
    }
    Ok(())
}
