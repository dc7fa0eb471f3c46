//! The conversation, written as contents.
//!
//! Invariant: a signature goes back on the part that it came on.

use mirk_model::{
    Call, CallResult, Media, MediaKind, Origin, Part, PartKind, Problem, Role, Source, State, Text,
    Traits, Turn,
};

use super::super::{NO_SIGNATURE, media};
use crate::{
    json::{Array, Object, Type, Value},
    loss::{Feature, Notes},
};

/// Writes the turns, without instructions unless there is nothing else.
pub(super) fn write(
    turns: &[Turn<'_>],
    has_instructions: bool,
    traits: &Traits,
    notes: &mut Notes,
    contents: &mut Array<'_>,
) -> Result<(), Problem> {
    // What came before the user's last word is not looked at by Gemini.
    let last_word = turns.iter().rposition(|turn| turn.role == Role::User);
    for (index, turn) in turns.iter().enumerate() {
        let role = match turn.role {
            Role::System | Role::Developer if !has_instructions => continue,
            Role::Assistant => "model",
            Role::System | Role::Developer | Role::User | Role::Tool => "user",
        };
        if turn.name.is_some() {
            notes.lose(Feature::TurnName)?;
        }
        let mut writer = Parts {
            traits,
            wants_signature: traits.wants_signatures
                && turn.role == Role::Assistant
                && last_word.is_none_or(|last| index > last),
            names: turns,
        };
        let mut out = Vec::new();
        let mut is_empty = true;
        let mut result = Ok(());
        Array::write(&mut out, |parts| {
            result = writer.write(&turn.parts, notes, parts);
            is_empty = parts.is_empty();
        });
        result?;
        if !is_empty {
            contents.object(|content| {
                content.text("role", role);
                content.raw("parts", String::from_utf8(out).unwrap_or_default());
            });
        }
    }
    Ok(())
}

/// Writes instructions, which are text.
pub(super) fn write_instruction(
    turn: &Turn<'_>,
    notes: &mut Notes,
    parts: &mut Array<'_>,
) -> Result<(), Problem> {
    for part in &turn.parts {
        if part.cache.is_some() {
            notes.lose(Feature::CacheMarks)?;
        }
        match &part.kind {
            PartKind::Text { text, .. } if text.is_empty() => {}
            PartKind::Text { text, .. } | PartKind::Refusal(text) => {
                parts.object(|part| part.text("text", text.as_str()));
            }
            PartKind::Media(media) => notes.lose(feature_of(media))?,
            PartKind::Thinking(_) => notes.lose(Feature::ThinkingText)?,
            PartKind::Call(_) | PartKind::Result(_) => notes.lose(Feature::OrphanResults)?,
        }
    }
    Ok(())
}

/// Writes the parts of one turn.
struct Parts<'t, 'a> {
    traits: &'t Traits,
    /// Whether the next call is the first of a turn that Gemini wants signed.
    wants_signature: bool,
    names: &'t [Turn<'a>],
}

impl Parts<'_, '_> {
    fn write(
        &mut self,
        list: &[Part<'_>],
        notes: &mut Notes,
        parts: &mut Array<'_>,
    ) -> Result<(), Problem> {
        // A signature that stands on what comes next.
        let mut carried: Option<&str> = None;
        for (index, part) in list.iter().enumerate() {
            if part.cache.is_some() {
                notes.lose(Feature::CacheMarks)?;
            }
            let signature = carried.take();
            match &part.kind {
                PartKind::Text { text, citations } => {
                    if !citations.is_empty() {
                        notes.lose(Feature::Citations)?;
                    }
                    plain(text, signature, parts);
                }
                PartKind::Refusal(text) => {
                    notes.lose(Feature::Refusals)?;
                    plain(text, signature, parts);
                }
                PartKind::Media(media) => write_media(media, signature, notes, parts)?,
                PartKind::Thinking(thinking) => {
                    let Some(own) = own(thinking.state.as_ref(), notes) else {
                        if !thinking.text.is_empty() {
                            notes.lose(Feature::ThinkingText)?;
                        }
                        continue;
                    };
                    let next = list.get(index + 1).map(|next| &next.kind);
                    carried = think(&thinking.text, own, next, parts);
                }
                PartKind::Call(call) => self.call(call, notes, parts)?,
                PartKind::Result(result) => self.result(result, notes, parts)?,
            }
        }
        Ok(())
    }

    fn call(
        &mut self,
        call: &Call<'_>,
        notes: &mut Notes,
        parts: &mut Array<'_>,
    ) -> Result<(), Problem> {
        let mut signature = own(call.state.as_ref(), notes);
        if std::mem::take(&mut self.wants_signature) && signature.is_none() {
            notes.changed(Feature::ThinkingState);
            signature = Some(NO_SIGNATURE);
        }
        if call.is_custom {
            notes.lose(Feature::CustomTools)?;
        }
        let wrapped = wrapped(call);
        if wrapped.is_some() && !call.is_custom && !call.arguments.trim().is_empty() {
            notes.changed(Feature::BrokenArguments);
        }
        parts.object(|part| {
            part.object("functionCall", |object| {
                if !call.id.is_empty() {
                    object.text("id", call.id.as_str());
                }
                object.text("name", call.name.as_str());
                object.raw("args", wrapped.as_deref().unwrap_or(&call.arguments));
            });
            part.maybe_text("thoughtSignature", signature);
        });
        Ok(())
    }

    fn result(
        &self,
        result: &CallResult<'_>,
        notes: &mut Notes,
        parts: &mut Array<'_>,
    ) -> Result<(), Problem> {
        let mut media = Vec::new();
        let mut text = String::new();
        for part in &result.parts {
            match &part.kind {
                PartKind::Text { text: more, .. } | PartKind::Refusal(more) => {
                    if !text.is_empty() {
                        text.push('\n');
                    }
                    text.push_str(more);
                }
                // Only bytes may stand in a result.
                PartKind::Media(inner)
                    if self.traits.takes_result_media
                        && matches!(inner.source, Source::Data { .. }) =>
                {
                    media.push(inner);
                }
                PartKind::Media(_) => notes.lose(Feature::ToolResultMedia)?,
                PartKind::Thinking(_) | PartKind::Call(_) | PartKind::Result(_) => {}
            }
        }
        let name = result.name.as_ref().map(Text::as_str);
        let name = name
            .or_else(|| self.name_of(&result.id))
            .unwrap_or("unknown");
        parts.object(|part| {
            part.object("functionResponse", |object| {
                if !result.id.is_empty() {
                    object.text("id", result.id.as_str());
                }
                object.text("name", name);
                answer(&text, result.is_error, object);
                if !media.is_empty() {
                    object.array("parts", |array| {
                        for inner in &media {
                            array.object(|part| {
                                media::write(inner, part);
                            });
                        }
                    });
                }
            });
        });
        Ok(())
    }

    /// The name of the call with this id.
    fn name_of(&self, id: &str) -> Option<&str> {
        let parts = self.names.iter().flat_map(|turn| &turn.parts);
        parts.rev().find_map(|part| match &part.kind {
            PartKind::Call(call) if call.id == id => Some(call.name.as_str()),
            _ => None,
        })
    }
}

/// What a tool answered. Source: <https://ai.google.dev/api/caching>, `FunctionResponse`: an
/// object, in which `error` says that it failed.
fn answer(text: &str, is_error: bool, object: &mut Object<'_>) {
    if is_error {
        object.object("response", |response| response.text("error", text));
        return;
    }
    match Value::parse(text) {
        Ok(value) if value.kind() == Type::Object => object.raw("response", value.raw()),
        _ => object.object("response", |response| response.text("result", text)),
    }
}

/// Arguments as an object, where they are none.
fn wrapped(call: &Call<'_>) -> Option<String> {
    let arguments = call.arguments.as_str();
    if call.is_custom {
        return Some(object_of("input", arguments));
    }
    if arguments.trim().is_empty() {
        return Some("{}".to_owned());
    }
    let is_object = Value::parse(arguments).is_ok_and(|value| value.kind() == Type::Object);
    (!is_object).then(|| object_of("arguments", arguments))
}

pub(in crate::gemini) fn object_of(name: &str, text: &str) -> String {
    let mut out = Vec::new();
    Object::write(&mut out, |object| object.text(name, text));
    String::from_utf8(out).unwrap_or_default()
}

/// A signature of Gemini's own; another provider's is left out.
fn own<'s>(state: Option<&'s State<'_>>, notes: &mut Notes) -> Option<&'s str> {
    match state {
        Some(state) if state.origin == Origin::Gemini => Some(state.data.as_str()),
        Some(_foreign) => {
            // The table says that Gemini's own are kept.
            notes.dropped(Feature::ThinkingState);
            None
        }
        None => None,
    }
}

/// Writes a thought, and gives its signature to what comes next if that can bear it.
fn think<'s>(
    text: &str,
    signature: &'s str,
    next: Option<&PartKind<'_>>,
    parts: &mut Array<'_>,
) -> Option<&'s str> {
    let is_carried = match next {
        Some(PartKind::Text { text, .. }) => !text.is_empty(),
        Some(PartKind::Media(media)) => !matches!(media.source, Source::File(_)),
        _ => false,
    };
    let stands = (!is_carried).then_some(signature);
    if !text.is_empty() || !is_carried {
        parts.object(|part| {
            part.text("text", text);
            if !text.is_empty() {
                part.flag("thought", true);
            }
            part.maybe_text("thoughtSignature", stands);
        });
    }
    is_carried.then_some(signature)
}

fn plain(text: &str, signature: Option<&str>, parts: &mut Array<'_>) {
    if text.is_empty() && signature.is_none() {
        return;
    }
    parts.object(|part| {
        part.text("text", text);
        part.maybe_text("thoughtSignature", signature);
    });
}

fn write_media(
    inner: &Media<'_>,
    signature: Option<&str>,
    notes: &mut Notes,
    parts: &mut Array<'_>,
) -> Result<(), Problem> {
    if inner.detail.is_some() {
        notes.lose(Feature::ImageDetail)?;
    }
    match &inner.source {
        Source::File(_) => return Err(notes.refuse(Feature::File)),
        Source::Text(_) => notes.lose(Feature::DocumentText)?,
        Source::Data { .. } | Source::Url { .. } => {}
    }
    parts.object(|part| {
        media::write(inner, part);
        part.maybe_text("thoughtSignature", signature);
    });
    Ok(())
}

const fn feature_of(media: &Media<'_>) -> Feature {
    match (&media.source, media.kind) {
        (Source::File(_), _) => Feature::File,
        (_, MediaKind::Image) => Feature::Image,
        (_, MediaKind::Document) => Feature::Document,
        (_, MediaKind::Audio) => Feature::Audio,
        (_, MediaKind::Video) => Feature::Video,
    }
}
