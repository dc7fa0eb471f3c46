//! ClawPipe's two calls: a prompt in, a text out, whole or streamed.
//!
//! Invariant: a stream's lines are text and nothing else, so what a model says can never look like
//! the end of the stream. Source: the ClawPipe SDK's `PromptOptions` and `GatewayResponse`, its
//! hosted gateway's `/v1/prompt`; clients there send `provider` and `model` apart.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use mirk_model::{Ask, Event, Operation, Part, PartKind, Reply, Role, Text, Turn};

use crate::{
    json::{Misread, Object, Value},
    loss::Notes,
    wire::{Manner, Writer},
};

/// The end of a stream, as its data.
const DONE: &str = "[DONE]";

/// Reads a request for [`Operation::Prompt`] or [`Operation::PromptStream`]. The model is left as
/// it is, empty where there is none; `provider` goes to [`Ask::own`].
///
/// # Errors
/// When a field is missing or of the wrong type.
pub fn read_ask<'a>(
    operation: Operation,
    body: &'a str,
    notes: &mut Notes,
) -> Result<(Ask<'a>, Manner), Misread> {
    let mut members = Value::parse(body)?.members()?;
    let prompt = members.need("prompt", Value::text)?;
    let system = members.read("system", Value::text)?;
    let said = |role, text| Turn {
        role,
        name: None,
        parts: vec![Part::text(text)],
    };
    let system = system.filter(|system| !system.is_empty());
    let mut ask = Ask {
        model: members.read("model", Value::text)?.unwrap_or_default(),
        is_stream: operation == Operation::PromptStream,
        turns: system
            .map(|text| said(Role::System, text))
            .into_iter()
            .collect(),
        max_tokens: members.read("maxTokens", Value::count)?,
        ..Ask::default()
    };
    ask.turns.push(said(Role::User, prompt));
    ask.sampling.temperature = members.read("temperature", Value::number)?;
    let provider = members.read("provider", |value| value.text().map(|_| value.json()))?;
    ask.own
        .extend(provider.map(|provider| ("provider", provider)));
    // For the SDK's own statistics.
    members.read("taskType", Value::text)?;
    for name in members.rest() {
        notes.dropped_field(name);
    }
    let manner = Manner {
        is_stream: ask.is_stream,
        model: ask.model.as_str().to_owned(),
        shows_thinking: false,
        ..Manner::new(operation)
    };
    Ok((ask, manner))
}

/// Writes a whole answer: its text, tokens, and how long the provider took.
pub fn write_reply(reply: &Reply<'_>, manner: &Manner) -> Vec<u8> {
    let parts = reply.choices.first().map(|choice| choice.parts.as_slice());
    let text: String = parts
        .unwrap_or_default()
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::Text { text, .. } | PartKind::Refusal(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let usage = reply.usage.unwrap_or_default();
    let mut out = Vec::new();
    Object::write(&mut out, |out| {
        out.text("text", text);
        out.number("tokensIn", usage.input);
        out.number("tokensOut", usage.output);
        out.number("latencyMs", manner.latency_ms);
    });
    out
}

/// A writer of a stream.
pub fn writer(manner: &Manner) -> Box<dyn Writer> {
    Box::new(Lines {
        request_id: manner.request_id.clone(),
        events: 0,
    })
}

/// What a stream needs to be written.
#[derive(Debug)]
struct Lines {
    request_id: String,
    events: u64,
}

impl Lines {
    /// Writes `text` as one event, or as two where a line of it is the word for the end.
    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.open(out);
        for (index, line) in with_plain_ends(text).split('\n').enumerate() {
            if index > 0 {
                out.extend_from_slice(b"\ndata: ");
            }
            match line.split_once("[DON") {
                Some((before, after)) if line.trim() == DONE => {
                    out.extend_from_slice(before.as_bytes());
                    out.extend_from_slice(b"[DON\n\n");
                    self.open(out);
                    out.extend_from_slice(after.as_bytes());
                }
                _ => out.extend_from_slice(line.as_bytes()),
            }
        }
        out.extend_from_slice(b"\n\n");
    }

    fn open(&mut self, out: &mut Vec<u8>) {
        self.events += 1;
        out.extend_from_slice(format!("id: {}\ndata: ", self.events).as_bytes());
    }
}

/// `text` with LF for every line end: in the framing of events LF, CR and both are one.
fn with_plain_ends(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

impl Writer for Lines {
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => {
                self.text(text, out);
            }
            Event::End => out.extend_from_slice(b"data: [DONE]\n\n"),
            Event::Error(failure) => {
                out.extend_from_slice(b"event: error\ndata: ");
                Object::write(out, |out| {
                    out.object("error", |out| {
                        out.text("message", failure.message.as_str());
                        out.text("code", failure.code.as_str());
                        out.maybe_text("param", failure.param.as_ref().map(Text::as_str));
                        out.text("request_id", &self.request_id);
                    });
                });
                out.extend_from_slice(b"\n\n");
            }
            _ => {}
        }
    }
}
