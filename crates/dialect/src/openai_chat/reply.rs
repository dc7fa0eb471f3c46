//! Whole answers.
//!
//! Source: OpenAI's API reference, "The chat completion object"; OpenRouter for `images`, Mistral
//! for content in parts.

use mirk_model::{Call, Choice, Finish, Media, MediaKind, Part, PartKind, Reply, Text, Thinking};

use super::{ask, calls, media, thinking, words};
use crate::{
    carry,
    json::{Members, Misread, Object, Type, Value},
    loss::Notes,
    wire::Manner,
};

/// Reads an answer.
pub(super) fn read(body: &str) -> Result<Reply<'_>, Misread> {
    let mut members = Value::parse(body)?.members()?;
    if members.peek("error").is_some() {
        return Err(Misread::here("is the provider's error, not an answer").inside("error"));
    }
    let mut reply = Reply {
        id: members.read("id", Value::lossy_text)?.unwrap_or_default(),
        model: members
            .read("model", Value::lossy_text)?
            .unwrap_or_default(),
        created: created(&mut members),
        choices: Vec::new(),
        usage: members.take("usage").and_then(words::usage),
    };
    members.need("choices", |value| {
        let mut choices = Vec::new();
        for (index, item) in value.items()?.into_iter().enumerate() {
            choices.push(read_choice(item).map_err(|misread| misread.at(index))?);
        }
        // Some servers list them in the order in which they were done.
        if choices.iter().all(|(number, _)| number.is_some()) {
            choices.sort_by_key(|(number, _)| *number);
        }
        reply.choices = choices.into_iter().map(|(_, choice)| choice).collect();
        Ok(())
    })?;
    Ok(reply)
}

/// When the answer was made; some servers write it as a fraction, or not at all.
pub(super) fn created(members: &mut Members<'_>) -> Option<i64> {
    let raw = members.take("created")?.raw();
    raw.split('.').next()?.parse().ok()
}

/// Reads an answer, and which of several it is.
fn read_choice(value: Value<'_>) -> Result<(Option<u64>, Choice<'_>), Misread> {
    let mut members = value.members()?;
    let number = members.take("index").and_then(|index| index.count().ok());
    let parts = members.need("message", read_parts)?;
    let word = members.read("finish_reason", Value::lossy_text)?;
    let logprobs = members.read("logprobs", words::logprobs)?;
    let choice = Choice {
        finish: finish(word.as_deref(), &parts),
        parts,
        stop: stop(&mut members),
        logprobs: logprobs.unwrap_or_default(),
    };
    Ok((number, choice))
}

/// Some providers say `stop` where the model called tools or refused.
fn finish(word: Option<&str>, parts: &[Part<'_>]) -> Finish {
    let has = |is: fn(&PartKind<'_>) -> bool| parts.iter().any(|part| is(&part.kind));
    match word.map_or(Finish::Stop, words::finish) {
        Finish::Stop if has(|kind| matches!(kind, PartKind::Call(_))) => Finish::Calls,
        Finish::Stop if has(|kind| matches!(kind, PartKind::Refusal(_))) => Finish::Refusal,
        finish => finish,
    }
}

/// The stop text that was met: vLLM's `stop_reason`, `SGLang`'s `matched_stop`. A number there is a
/// token's id.
pub(super) fn stop<'a>(members: &mut Members<'a>) -> Option<Text<'a>> {
    ["stop_reason", "matched_stop"]
        .into_iter()
        .find_map(|name| members.take(name)?.lossy_text().ok())
}

fn read_parts(value: Value<'_>) -> Result<Vec<Part<'_>>, Misread> {
    let mut members = value.members()?;
    let thoughts = thinking::read(&mut members)?.list.into_iter();
    let mut parts: Vec<_> = thoughts
        .map(|thought| Part::new(PartKind::Thinking(thought)))
        .collect();
    members.read("content", |value| content(value, &mut parts))?;
    members.read("audio", |audio| {
        let transcript = audio.members()?.read("transcript", Value::lossy_text)?;
        parts.extend(said(transcript));
        Ok(())
    })?;
    let sources = members.read("annotations", words::citations)?;
    ask::attach(&mut parts, sources.unwrap_or_default());
    let refusal = members.read("refusal", Value::lossy_text)?;
    let refusal = refusal.filter(|refusal| !refusal.is_empty());
    parts.extend(refusal.map(|refusal| Part::new(PartKind::Refusal(refusal))));
    members.each("images", |value| {
        parts.extend(image(value)?);
        Ok(())
    })?;
    members.each("tool_calls", |value| {
        parts.push(Part::new(PartKind::Call(calls::read(value, false)?)));
        Ok(())
    })?;
    let older = members.read("function_call", |value| {
        calls::said(value, "arguments", false)
    })?;
    parts.extend(older.map(|call| Part::new(PartKind::Call(call))));
    Ok(parts)
}

fn said(text: Option<Text<'_>>) -> Option<Part<'_>> {
    text.filter(|text| !text.is_empty()).map(Part::text)
}

/// A string, or parts as Mistral writes them when its models think.
fn content<'a>(value: Value<'a>, parts: &mut Vec<Part<'a>>) -> Result<(), Misread> {
    if value.kind() == Type::Text {
        parts.extend(said(Some(value.lossy_text()?)));
        return Ok(());
    }
    for (index, item) in value.items()?.into_iter().enumerate() {
        let part = content_part(item).map_err(|misread| misread.at(index))?;
        parts.extend(part);
    }
    Ok(())
}

/// One of the parts; unknown ones are stepped over.
pub(super) fn content_part(value: Value<'_>) -> Result<Option<Part<'_>>, Misread> {
    let mut members = value.members()?;
    let kind = members.read("type", Value::lossy_text)?;
    Ok(match kind.as_deref() {
        Some("thinking") => {
            let text = members.read("thinking", ask::thought)?.unwrap_or_default();
            Some(Part::new(PartKind::Thinking(Thinking {
                text,
                ..Thinking::default()
            })))
        }
        Some("image_url") => image(value)?,
        _ => said(members.read("text", Value::lossy_text)?),
    })
}

fn image(value: Value<'_>) -> Result<Option<Part<'_>>, Misread> {
    // An answer's members are never noted.
    let mut notes = Notes::new(
        mirk_model::Dialect::OpenAiChat,
        mirk_model::Dialect::OpenAiChat,
    );
    let image = value.members()?.read("image_url", |url| {
        media::linked(MediaKind::Image, url, &mut notes)
    })?;
    Ok(image.map(|image| Part::new(PartKind::Media(image))))
}

/// Writes an answer.
pub(super) fn write(reply: &Reply<'_>, manner: &Manner) -> Vec<u8> {
    let mut out = Vec::new();
    Object::write(&mut out, |out| {
        head(&reply.id, &reply.model, reply.created, manner, out);
        out.array("choices", |array| {
            for (index, choice) in (0_u64..).zip(&reply.choices) {
                array.object(|out| write_choice(index, choice, manner, out));
            }
        });
        if let Some(usage) = &reply.usage {
            words::write_usage(usage, out);
        }
    });
    out
}

fn head(id: &str, model: &str, created: Option<i64>, manner: &Manner, out: &mut Object<'_>) {
    out.text("id", answer_id(id, manner));
    out.text("object", "chat.completion");
    out.number("created", created.unwrap_or(manner.created));
    out.text(
        "model",
        if model.is_empty() {
            &manner.model
        } else {
            model
        },
    );
}

/// The answer's id, which must be there.
pub(super) fn answer_id(id: &str, manner: &Manner) -> String {
    if id.is_empty() {
        format!("chatcmpl-{}", manner.request_id)
    } else {
        id.to_owned()
    }
}

/// The id of a call, which must be there and carries its state.
pub(super) fn call_id(call: &Call<'_>, choice: u64, place: u64, manner: &Manner) -> String {
    let id = if call.id.is_empty() {
        format!("call_{}_{choice}_{place}", manner.request_id)
    } else {
        call.id.as_str().to_owned()
    };
    match &call.state {
        Some(state) => carry::to_id(&id, state),
        None => id,
    }
}

fn write_choice(index: u64, choice: &Choice<'_>, manner: &Manner, out: &mut Object<'_>) {
    let has_refusal = choice
        .parts
        .iter()
        .any(|part| matches!(part.kind, PartKind::Refusal(_)));
    out.number("index", index);
    out.object("message", |out| write_message(index, choice, manner, out));
    words::write_logprobs(&choice.logprobs, out);
    out.text(
        "finish_reason",
        words::finish_word(choice.finish, has_refusal),
    );
    out.maybe_text("stop_reason", choice.stop.as_ref().map(Text::as_str));
}

fn write_message(index: u64, choice: &Choice<'_>, manner: &Manner, out: &mut Object<'_>) {
    let (mut text, mut refusal) = (String::new(), String::new());
    let (mut calls, mut images, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    let mut thoughts = Vec::new();
    for part in &choice.parts {
        match &part.kind {
            PartKind::Text {
                text: more,
                citations,
            } => {
                text.push_str(more);
                sources.extend(citations);
            }
            PartKind::Refusal(words) => refusal.push_str(words),
            PartKind::Thinking(thinking) => thoughts.push(thinking),
            PartKind::Call(call) => calls.push(call),
            PartKind::Media(media) if media.kind == MediaKind::Image => images.push(media),
            PartKind::Media(_) | PartKind::Result(_) => {}
        }
    }
    out.text("role", "assistant");
    if text.is_empty() && !(calls.is_empty() && refusal.is_empty()) {
        out.null("content");
    } else {
        out.text("content", &text);
    }
    out.maybe_text("refusal", Some(&refusal).filter(|words| !words.is_empty()));
    if refusal.is_empty() {
        out.null("refusal");
    }
    write_thoughts(&thoughts, manner, out);
    write_images(&images, out);
    out.array("annotations", |array| {
        for source in sources {
            words::write_citation(source, array);
        }
    });
    if !calls.is_empty() {
        out.array("tool_calls", |array| {
            for (place, call) in (0_u64..).zip(calls) {
                let id = call_id(call, index, place, manner);
                array.object(|out| calls::write(call, &id, out));
            }
        });
    }
}

/// Writes thoughts as DeepSeek does, and as OpenRouter does where something must come back.
fn write_thoughts(thoughts: &[&Thinking<'_>], manner: &Manner, out: &mut Object<'_>) {
    let shown = |thinking: &&Thinking<'_>| manner.shows_thinking && !thinking.text.is_empty();
    let text: String = thoughts
        .iter()
        .copied()
        .filter(shown)
        .map(|thinking| thinking.text.as_str())
        .collect();
    if !text.is_empty() {
        out.text("reasoning_content", text);
    }
    if thoughts.iter().all(|thinking| thinking.state.is_none()) {
        return;
    }
    out.array("reasoning_details", |array| {
        for (index, thinking) in (0_u64..).zip(thoughts) {
            let text = if shown(thinking) { &*thinking.text } else { "" };
            let id = thinking.id.as_ref().map(Text::as_str);
            let end = thinking.state.as_ref().map(|state| (state, id));
            if end.is_some() || !text.is_empty() {
                thinking::write_detail(text, end, index, array);
            }
        }
    });
}

fn write_images(images: &[&Media<'_>], out: &mut Object<'_>) {
    if images.is_empty() {
        return;
    }
    out.array("images", |array| {
        for image in images {
            array.object(|out| media::write_image(image, out));
        }
    });
}
