//! Whole answers, and what they share with the chunks of a stream.
//!
//! Invariant: reading is lenient, a provider's answer is refused only when it is no object;
//! writing gives what Gemini's SDKs read.

pub(super) mod cite;
pub(super) mod logprobs;
pub(super) mod said;
pub(super) mod usage;
pub(super) mod write;

use mirk_model::{Choice, Finish, Part, PartKind, Reply, Text, Thinking};

use self::{
    cite::Places,
    said::{Ids, Said},
};
use super::finish_of;
use crate::json::{Members, Misread, Value};

/// Reads an answer. Source: <https://ai.google.dev/api/generate-content>,
/// `GenerateContentResponse`.
pub(super) fn read(body: &str) -> Result<Reply<'_>, Misread> {
    let mut members = Value::parse(body)?.members()?;
    if members.peek("error").is_some() {
        return Err(Misread::here("is an error, not an answer"));
    }
    let id = word(&mut members, "responseId");
    let mut reply = Reply {
        model: word(&mut members, "modelVersion"),
        usage: members.take("usageMetadata").and_then(usage::read),
        ..Reply::default()
    };
    let mut ids = Ids::new(&id);
    reply.id = id;
    members.each("candidates", |candidate| {
        reply.choices.push(read_choice(candidate, &mut ids)?);
        Ok(())
    })?;
    if reply.choices.is_empty() && is_blocked(&mut members) {
        reply.choices.push(Choice {
            finish: Finish::Filtered,
            ..Choice::default()
        });
    }
    Ok(reply)
}

/// A text, or nothing.
pub(super) fn word<'a>(members: &mut Members<'a>, name: &str) -> Text<'a> {
    let value = members.take(name).map(Value::lossy_text);
    value.and_then(Result::ok).unwrap_or_default()
}

/// Whether the prompt itself was stopped, so that there are no answers.
pub(super) fn is_blocked(members: &mut Members<'_>) -> bool {
    let feedback = members.take("promptFeedback").map(Value::members);
    let Some(Ok(mut feedback)) = feedback else {
        return false;
    };
    !matches!(
        &*word(&mut feedback, "blockReason"),
        "" | "BLOCK_REASON_UNSPECIFIED"
    )
}

fn read_choice<'a>(value: Value<'a>, ids: &mut Ids) -> Result<Choice<'a>, Misread> {
    let mut candidate = value.members()?;
    let mut choice = Choice {
        finish: finish_of(&word(&mut candidate, "finishReason")).unwrap_or_default(),
        ..Choice::default()
    };
    let mut texts = Vec::new();
    said::each(&mut candidate, ids, |said| {
        if matches!(said, Said::Piece { begun: Some(_), .. }) {
            // Without its arguments it would be another call.
            return Err(Misread::here("comes in pieces").inside("functionCall"));
        }
        texts.push(match &said {
            Said::Text { text, .. } => text.as_str().to_owned(),
            _ => String::new(),
        });
        add(&mut choice.parts, said);
        Ok(())
    })?;
    if let Some(result) = candidate.take("logprobsResult") {
        choice.logprobs = logprobs::read(result);
    }
    let places = Places::Known(&texts);
    cite::read(&mut candidate, &places, |citation| {
        let last = choice
            .parts
            .iter_mut()
            .rev()
            .find_map(|part| match &mut part.kind {
                PartKind::Text { citations, .. } => Some(citations),
                _ => None,
            });
        if let Some(citations) = last {
            citations.push(citation);
        }
        Ok(())
    })?;
    Ok(choice)
}

/// Adds a part; a signature on a text belongs to the thought before it, if there is one.
fn add<'a>(parts: &mut Vec<Part<'a>>, said: Said<'a>) {
    match said {
        Said::Thought { text, state } => parts.push(Part::new(PartKind::Thinking(Thinking {
            text,
            id: None,
            state,
        }))),
        Said::Call(call) => parts.push(Part::new(PartKind::Call(call))),
        // Only streams have pieces.
        Said::Piece { .. } => {}
        Said::Text { text, state } => {
            sign(parts, state);
            if !text.is_empty() {
                parts.push(Part::text(text));
            }
        }
        Said::Media { media, state } => {
            sign(parts, state);
            parts.push(Part::new(PartKind::Media(media)));
        }
    }
}

fn sign<'a>(parts: &mut Vec<Part<'a>>, state: Option<mirk_model::State<'a>>) {
    let Some(state) = state else {
        return;
    };
    match parts.last_mut().map(|part| &mut part.kind) {
        Some(PartKind::Thinking(thinking)) if thinking.state.is_none() => {
            thinking.state = Some(state);
        }
        _ => parts.push(Part::new(PartKind::Thinking(Thinking {
            state: Some(state),
            ..Thinking::default()
        }))),
    }
}
