//! An answer, written for a client.

use mirk_model::{
    Call, Choice, Finish, Media, Origin, Part, PartKind, Reply, Source, State, Thinking,
};

use super::{
    super::{ask::object_of, finish_word, media},
    cite::{self, Places},
    logprobs, usage,
};
use crate::{
    carry,
    json::{Array, Object, Type, Value},
    wire::Manner,
};

/// Writes an answer.
pub(in crate::gemini) fn write(reply: &Reply<'_>, manner: &Manner) -> Vec<u8> {
    let mut out = Vec::new();
    Object::write(&mut out, |object| {
        object.array("candidates", |candidates| {
            for (index, choice) in (0_i64..).zip(&reply.choices) {
                candidates.object(|object| write_choice(choice, index, manner, object));
            }
        });
        if let Some(counted) = &reply.usage {
            usage::write(counted, object);
        }
        tail(&reply.id, &reply.model, manner, object);
    });
    out
}

/// What every answer and every chunk ends with.
pub(in crate::gemini) fn tail(id: &str, model: &str, manner: &Manner, object: &mut Object<'_>) {
    let model = if model.is_empty() {
        &manner.model
    } else {
        model
    };
    let id = if id.is_empty() {
        &manner.request_id
    } else {
        id
    };
    object.text("modelVersion", model);
    object.text("responseId", id);
}

fn write_choice(choice: &Choice<'_>, index: i64, manner: &Manner, object: &mut Object<'_>) {
    object.object("content", |content| {
        content.array("parts", |parts| {
            write_parts(&choice.parts, manner, parts);
            let is_whole = matches!(choice.finish, Finish::Stop | Finish::Length);
            if parts.is_empty() && is_whole {
                // So says Gemini itself when a model has nothing to say.
                parts.object(|part| part.text("text", ""));
            }
        });
        content.text("role", "model");
    });
    object.text("finishReason", finish_word(choice.finish));
    object.number("index", index);
    let texts: Vec<String> = choice.parts.iter().map(text_of).collect();
    let citations = choice.parts.iter().flat_map(|part| match &part.kind {
        PartKind::Text { citations, .. } => citations.as_slice(),
        _ => &[],
    });
    if citations.clone().next().is_some() {
        cite::write(citations, &Places::Known(&texts), object);
    }
    if !choice.logprobs.is_empty() {
        logprobs::write(&choice.logprobs, object);
    }
}

fn text_of(part: &Part<'_>) -> String {
    match &part.kind {
        PartKind::Text { text, .. } | PartKind::Refusal(text) => text.as_str().to_owned(),
        _ => String::new(),
    }
}

fn write_parts(list: &[Part<'_>], manner: &Manner, parts: &mut Array<'_>) {
    let mut carried: Option<&State<'_>> = None;
    for (index, part) in list.iter().enumerate() {
        let state = carried.take();
        match &part.kind {
            PartKind::Text { text, .. } | PartKind::Refusal(text) => {
                write_text(text, false, state, parts);
            }
            PartKind::Thinking(thinking) => {
                let next = list.get(index + 1).map(|next| &next.kind);
                carried = write_thought(thinking, next, manner, parts);
            }
            PartKind::Call(call) => write_call(call, &call.arguments, parts),
            PartKind::Media(media) => write_media(media, state, parts),
            // A model's answer holds no results.
            PartKind::Result(_) => {}
        }
    }
}

/// Writes a thought, and gives its state to a text or picture that follows, where Gemini has it.
fn write_thought<'s>(
    thinking: &'s Thinking<'_>,
    next: Option<&PartKind<'_>>,
    manner: &Manner,
    parts: &mut Array<'_>,
) -> Option<&'s State<'s>> {
    let text: &str = if manner.shows_thinking {
        &thinking.text
    } else {
        ""
    };
    let state = thinking.state.as_ref();
    let is_borne = match next {
        Some(PartKind::Text { text, .. }) => !text.is_empty(),
        Some(PartKind::Media(_)) => true,
        _ => false,
    };
    if is_borne {
        write_text(text, true, None, parts);
        return state;
    }
    write_text(text, !text.is_empty(), state, parts);
    None
}

/// Writes a text, unless it would say nothing.
pub(in crate::gemini) fn write_text(
    text: &str,
    is_thought: bool,
    state: Option<&State<'_>>,
    parts: &mut Array<'_>,
) {
    if text.is_empty() && state.is_none() {
        return;
    }
    parts.object(|part| {
        part.text("text", text);
        if is_thought {
            part.flag("thought", true);
        }
        sign(state, part);
    });
}

/// Writes a call whose arguments are all there. `arguments` are an object, or stand in one.
pub(in crate::gemini) fn write_call(call: &Call<'_>, arguments: &str, parts: &mut Array<'_>) {
    let wrapped = if call.is_custom {
        Some(object_of("input", arguments))
    } else if arguments.trim().is_empty() {
        Some("{}".to_owned())
    } else {
        let is_object = Value::parse(arguments).is_ok_and(|value| value.kind() == Type::Object);
        (!is_object).then(|| object_of("arguments", arguments))
    };
    parts.object(|part| {
        part.object("functionCall", |object| {
            if !call.id.is_empty() {
                object.text("id", call.id.as_str());
            }
            object.text("name", call.name.as_str());
            object.raw("args", wrapped.as_deref().unwrap_or(arguments));
        });
        sign(call.state.as_ref(), part);
    });
}

fn write_media(inner: &Media<'_>, state: Option<&State<'_>>, parts: &mut Array<'_>) {
    parts.object(|part| {
        if let Source::File(uri) = &inner.source {
            part.object("fileData", |data| data.text("fileUri", uri.as_str()));
        } else {
            media::write(inner, part);
        }
        sign(state, part);
    });
}

fn sign(state: Option<&State<'_>>, part: &mut Object<'_>) {
    if let Some(state) = state {
        part.text("thoughtSignature", carry::to_place(state, Origin::Gemini));
    }
}
