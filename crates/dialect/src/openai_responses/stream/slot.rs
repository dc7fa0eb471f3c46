//! The items of an answer under way, and the events that tell of them.

use std::borrow::Cow;

use mirk_model::{Call, Citation, Logprob, State, Text};

use crate::{
    json::Object,
    openai_responses::{
        item::{self, Said},
        words,
    },
};

/// An item. What it says is kept until the end, where the whole answer repeats it.
pub(super) struct Slot {
    pub(super) id: String,
    pub(super) kind: Kind,
}

/// What an item is.
pub(super) enum Kind {
    Message {
        parts: Vec<Said<'static>>,
        /// Whether the last of them goes on.
        is_open: bool,
    },
    Thought {
        text: String,
    },
    Call {
        call: Call<'static>,
        call_id: String,
        arguments: String,
    },
    /// A whole item, as JSON text.
    Done(String),
}

/// Numbers events and writes them.
#[derive(Debug, Default)]
pub(super) struct Sender {
    sequence: u64,
}

impl Sender {
    /// Writes an event whose data is an object.
    pub(super) fn send(
        &mut self,
        kind: &'static str,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut Object<'_>),
    ) {
        Self::begin(kind, out);
        Object::write(out, |event| {
            event.text("type", kind);
            event.number("sequence_number", self.sequence);
            fill(event);
        });
        self.end(out);
    }

    /// Writes an event that holds the whole answer, which `write` writes.
    pub(super) fn send_answer(
        &mut self,
        kind: &'static str,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        Self::begin(kind, out);
        let sequence = self.sequence;
        let begun = format!(r#"{{"type":"{kind}","sequence_number":{sequence},"response":"#);
        out.extend_from_slice(begun.as_bytes());
        write(out);
        out.push(b'}');
        self.end(out);
    }

    fn begin(kind: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\ndata: ");
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.sequence += 1;
        out.extend_from_slice(b"\n\n");
    }
}

impl Slot {
    /// Writes the members by which an event says which item it is about.
    pub(super) fn place(&self, index: usize, event: &mut Object<'_>) {
        event.text("item_id", &self.id);
        event.number("output_index", number(index));
    }

    /// Tells that the item begins.
    pub(super) fn begin(&self, index: usize, sender: &mut Sender, out: &mut Vec<u8>) {
        sender.send("response.output_item.added", out, |event| {
            event.number("output_index", number(index));
            event.object("item", |out| match &self.kind {
                Kind::Message { .. } => item::write_message(&self.id, "in_progress", &[], out),
                Kind::Thought { .. } => {
                    item::write_thought(&self.id, "in_progress", ("", None), out);
                }
                Kind::Call { call, call_id, .. } => {
                    let item = (self.id.as_str(), "in_progress");
                    item::write_call(item, call, call_id, "", out);
                }
                Kind::Done(_) => {}
            });
        });
    }

    /// Tells that the item is complete, and keeps only its text.
    pub(super) fn end(
        &mut self,
        (index, status): (usize, &str),
        encrypted: Option<&str>,
        sender: &mut Sender,
        out: &mut Vec<u8>,
    ) {
        self.end_inside(index, sender, out);
        let id = self.id.as_str();
        let whole = match &self.kind {
            Kind::Message { parts, .. } => {
                item::json(|out| item::write_message(id, status, parts, out))
            }
            Kind::Thought { text } => {
                item::json(|out| item::write_thought(id, status, (text, encrypted), out))
            }
            Kind::Call {
                call,
                call_id,
                arguments,
                ..
            } => item::json(|out| {
                let arguments = item::arguments_of(call, arguments);
                item::write_call((id, status), call, call_id, arguments, out);
            }),
            Kind::Done(_) => return,
        };
        sender.send("response.output_item.done", out, |event| {
            event.number("output_index", number(index));
            event.raw("item", &whole);
        });
        self.kind = Kind::Done(whole);
    }

    /// Tells that what is under way inside the item is complete.
    fn end_inside(&mut self, index: usize, sender: &mut Sender, out: &mut Vec<u8>) {
        self.end_part(index, sender, out);
        match &self.kind {
            Kind::Thought { text } if !text.is_empty() => {
                sender.send("response.reasoning_summary_text.done", out, |event| {
                    self.place(index, event);
                    event.number("summary_index", 0);
                    event.text("text", text);
                });
                sender.send("response.reasoning_summary_part.done", out, |event| {
                    self.place(index, event);
                    event.number("summary_index", 0);
                    event.object("part", |out| item::write_summary(text, out));
                });
            }
            Kind::Call {
                call, arguments, ..
            } => {
                let (kind, member) = if call.is_custom {
                    ("response.custom_tool_call_input.done", "input")
                } else {
                    ("response.function_call_arguments.done", "arguments")
                };
                sender.send(kind, out, |event| {
                    self.place(index, event);
                    event.text("name", call.name.as_str());
                    event.text(member, item::arguments_of(call, arguments));
                });
            }
            _ => {}
        }
    }

    /// Tells that the open part of a message begins.
    pub(super) fn begin_part(&self, index: usize, sender: &mut Sender, out: &mut Vec<u8>) {
        if let Kind::Message { parts, .. } = &self.kind
            && let Some(part) = parts.last()
        {
            sender.send("response.content_part.added", out, |event| {
                self.place(index, event);
                event.number("content_index", number(parts.len() - 1));
                event.object("part", |out| part.write(out));
            });
        }
    }

    /// Tells that the open part of a message is complete, if there is one.
    pub(super) fn end_part(&mut self, index: usize, sender: &mut Sender, out: &mut Vec<u8>) {
        if let Kind::Message { is_open, .. } = &mut self.kind
            && !std::mem::take(is_open)
        {
            return;
        }
        let Kind::Message { parts, .. } = &self.kind else {
            return;
        };
        let Some(part) = parts.last() else { return };
        let content = number(parts.len() - 1);
        let (kind, member) = if part.is_refusal {
            ("response.refusal.done", "refusal")
        } else {
            ("response.output_text.done", "text")
        };
        sender.send(kind, out, |event| {
            self.place(index, event);
            event.number("content_index", content);
            event.text(member, &part.text);
            if !part.is_refusal {
                event.array("logprobs", |array| {
                    words::write_logprobs(&part.logprobs, array);
                });
            }
        });
        sender.send("response.content_part.done", out, |event| {
            self.place(index, event);
            event.number("content_index", content);
            event.object("part", |out| part.write(out));
        });
    }
}

/// An index, as JSON has it.
pub(super) fn number(index: usize) -> i128 {
    i128::try_from(index).unwrap_or_default()
}

/// A new part of a message.
pub(super) fn said(is_refusal: bool) -> Said<'static> {
    Said {
        is_refusal,
        text: Cow::Owned(String::new()),
        ..Said::default()
    }
}

/// `call`, to be kept.
pub(super) fn owned_call(call: &Call<'_>) -> Call<'static> {
    Call {
        id: owned(&call.id),
        name: owned(&call.name),
        namespace: call.namespace.as_ref().map(owned),
        arguments: Text::default(),
        is_custom: call.is_custom,
        state: call.state.as_ref().map(|state| State {
            origin: state.origin,
            data: owned(&state.data),
        }),
    }
}

/// `citation`, to be kept.
pub(super) fn owned_citation(citation: &Citation<'_>) -> Citation<'static> {
    Citation {
        url: citation.url.as_ref().map(owned),
        title: citation.title.as_ref().map(owned),
        quote: None,
        start: citation.start,
        end: citation.end,
    }
}

/// `token`, to be kept.
pub(super) fn owned_logprob(token: &Logprob<'_>) -> Logprob<'static> {
    let other = |(text, logprob): &(Text<'_>, Text<'_>)| (owned(text), owned(logprob));
    Logprob {
        token: owned(&token.token),
        logprob: owned(&token.logprob),
        others: token.others.iter().map(other).collect(),
    }
}

fn owned(text: &Text<'_>) -> Text<'static> {
    text.clone().into_owned()
}
