//! Whole answers.

use std::borrow::Cow;

use mirk_model::{
    Choice, Finish, Logprob, Media, MediaKind, Origin, Part, PartKind, Reply, Source, Text,
};

use super::{
    ask,
    item::{self, Head, Said, State},
    words,
};
use crate::{
    carry,
    json::{Members, Misread, Value},
    wire::Manner,
};

/// Reads an answer. Items of tools that the provider runs itself are stepped over.
pub(super) fn read(body: &str) -> Result<Reply<'_>, Misread> {
    let mut members = Value::parse(body)?.members()?;
    let status = members.peek("status").map(Value::raw);
    if members.peek("error").is_some() || matches!(status, Some(r#""failed""# | r#""cancelled""#)) {
        return Err(Misread::here("says that the provider failed"));
    }
    let mut choice = Choice::default();
    members.each("output", |value| output(value, &mut choice))?;
    choice.finish = finish(&mut members, &choice.parts);
    Ok(Reply {
        id: members.read("id", Value::lossy_text)?.unwrap_or_default(),
        model: members
            .read("model", Value::lossy_text)?
            .unwrap_or_default(),
        created: created(&mut members),
        choices: vec![choice],
        usage: members.take("usage").and_then(words::usage),
    })
}

/// When the answer was begun; a fraction of a second is left out.
pub(super) fn created(members: &mut Members<'_>) -> Option<i64> {
    let raw = members.take("created_at")?.raw();
    let whole = raw.split('.').next().unwrap_or(raw);
    whole.parse().ok()
}

fn finish(members: &mut Members<'_>, parts: &[Part<'_>]) -> Finish {
    let details = members.take("incomplete_details");
    if members.take("status").map(Value::raw) == Some(r#""incomplete""#) {
        return words::incomplete(details);
    }
    let has = |is_it: fn(&PartKind<'_>) -> bool| parts.iter().any(|part| is_it(&part.kind));
    if has(|kind| matches!(kind, PartKind::Call(_))) {
        Finish::Calls
    } else if has(|kind| matches!(kind, PartKind::Refusal(_))) {
        Finish::Refusal
    } else {
        Finish::Stop
    }
}

/// Reads an item into `choice`.
pub(super) fn output<'a>(value: Value<'a>, choice: &mut Choice<'a>) -> Result<(), Misread> {
    let mut members = value.members()?;
    let kind = members.read("type", Value::lossy_text)?.unwrap_or_default();
    let kind = match kind.as_str() {
        "message" => {
            return members.each("content", |value| said(value, choice));
        }
        "reasoning" => PartKind::Thinking(ask::thinking(&mut members)?),
        "function_call" => PartKind::Call(ask::call(&mut members, false)?),
        "custom_tool_call" => PartKind::Call(ask::call(&mut members, true)?),
        "image_generation_call" => match picture(&mut members) {
            Some(media) => PartKind::Media(media),
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    choice.parts.push(Part::new(kind));
    Ok(())
}

fn said<'a>(value: Value<'a>, choice: &mut Choice<'a>) -> Result<(), Misread> {
    let mut members = value.members()?;
    let kind = members.read("type", Value::lossy_text)?.unwrap_or_default();
    match kind.as_str() {
        "output_text" | "text" => {
            let mut citations = Vec::new();
            members.each("annotations", |value| {
                citations.extend(words::annotation(value));
                Ok(())
            })?;
            choice.logprobs.append(&mut words::logprobs(&mut members)?);
            let text = members.read("text", Value::lossy_text)?.unwrap_or_default();
            choice
                .parts
                .push(Part::new(PartKind::Text { text, citations }));
        }
        "refusal" => {
            let text = members.read("refusal", Value::lossy_text)?;
            let refusal = PartKind::Refusal(text.unwrap_or_default());
            choice.parts.push(Part::new(refusal));
        }
        _ => {}
    }
    Ok(())
}

fn picture<'a>(members: &mut Members<'a>) -> Option<Media<'a>> {
    let base64 = members.take("result")?.lossy_text().ok()?;
    let format = members.take("output_format").map(Value::raw);
    Some(Media {
        kind: MediaKind::Image,
        source: Source::Data {
            mime: Text::from(match format {
                Some(r#""jpeg""#) => "image/jpeg",
                Some(r#""webp""#) => "image/webp",
                _ => "image/png",
            }),
            base64,
        },
        name: None,
        detail: None,
    })
}

/// Writes an answer.
pub(super) fn write(reply: &Reply<'_>, manner: &Manner) -> Vec<u8> {
    let nothing = Choice::default();
    // One answer is all that this dialect has.
    let choice = reply.choices.first().unwrap_or(&nothing);
    let mut kinds = choice.parts.iter().map(|part| &part.kind);
    let has_refusal = kinds.any(|kind| matches!(kind, PartKind::Refusal(_)));
    let (status, reason) = words::status(choice.finish, has_refusal);
    let items = items(choice, status, manner);
    let id = words::reply_id(&reply.id, manner);
    let model = if reply.model.is_empty() {
        manner.model.as_str()
    } else {
        reply.model.as_str()
    };
    let head = Head {
        id: &id,
        model,
        created: reply.created.unwrap_or(manner.created),
        manner,
    };
    let state = State {
        status,
        reason,
        failure: None,
        usage: reply.usage.as_ref(),
    };
    let mut out = Vec::new();
    head.write(&state, items.iter().map(String::as_str), &mut out);
    out
}

/// The items, each as JSON text. Only the last can be incomplete.
fn items(choice: &Choice<'_>, status: &str, manner: &Manner) -> Vec<String> {
    let mut logprobs = choice.logprobs.as_slice();
    let mut items: Vec<String> = Vec::new();
    let mut runs = choice
        .parts
        .chunk_by(|one, next| is_said(one) && is_said(next))
        .peekable();
    while let Some(run) = runs.next() {
        let status = if runs.peek().is_none() {
            status
        } else {
            "completed"
        };
        items.extend(item(run, status, (manner, items.len()), &mut logprobs));
    }
    items
}

const fn is_said(part: &Part<'_>) -> bool {
    matches!(part.kind, PartKind::Text { .. } | PartKind::Refusal(_))
}

fn item<'q>(
    run: &'q [Part<'_>],
    status: &str,
    (manner, number): (&Manner, usize),
    logprobs: &mut &'q [Logprob<'_>],
) -> Option<String> {
    match &run.first()?.kind {
        PartKind::Text { .. } | PartKind::Refusal(_) => {
            let parts: Vec<_> = run.iter().map(|part| said_of(part, logprobs)).collect();
            let id = words::item_id("msg", manner, number);
            Some(item::json(|out| {
                item::write_message(&id, status, &parts, out);
            }))
        }
        PartKind::Thinking(thinking) => {
            let text = if manner.shows_thinking {
                thinking.text.as_str()
            } else {
                ""
            };
            let state = thinking.state.as_ref();
            let state = state.map(|state| carry::to_place(state, Origin::OpenAi));
            if text.is_empty() && state.is_none() {
                return None;
            }
            let id = match &thinking.id {
                Some(id) if !id.is_empty() => id.as_str().to_owned(),
                _ => words::item_id("rs", manner, number),
            };
            let thought = (text, state.as_deref());
            Some(item::json(|out| {
                item::write_thought(&id, status, thought, out);
            }))
        }
        PartKind::Call(call) => {
            let id = words::item_id(item::call_prefix(call), manner, number);
            let call_id = item::call_id(call, manner, number);
            let arguments = item::arguments_of(call, &call.arguments);
            Some(item::json(|out| {
                item::write_call((&id, status), call, &call_id, arguments, out);
            }))
        }
        PartKind::Media(Media {
            kind: MediaKind::Image,
            source: Source::Data { mime, base64 },
            ..
        }) => Some(item::json(|out| {
            out.text("id", words::item_id("ig", manner, number));
            out.text("type", "image_generation_call");
            out.text("status", "completed");
            out.text(
                "output_format",
                mime.strip_prefix("image/").unwrap_or("png"),
            );
            out.text("result", base64.as_str());
        })),
        // There is no item for what else a model may show.
        PartKind::Media(_) | PartKind::Result(_) => None,
    }
}

/// The tokens' probabilities stand with the first text: nothing says where the next one begins.
fn said_of<'q>(part: &'q Part<'_>, logprobs: &mut &'q [Logprob<'_>]) -> Said<'q> {
    match &part.kind {
        PartKind::Text { text, citations } => Said {
            is_refusal: false,
            text: Cow::Borrowed(text.as_str()),
            citations: citations.clone(),
            logprobs: std::mem::take(logprobs).to_vec(),
        },
        PartKind::Refusal(text) => Said {
            is_refusal: true,
            text: Cow::Borrowed(text.as_str()),
            ..Said::default()
        },
        _ => Said::default(),
    }
}
