//! Writing a stream: every piece as it comes, and the whole answer at the end.
//!
//! The last event holds all that was said, so it is kept: never more than what passed.

use mirk_model::{Call, Citation, Event, Failure, Finish, Logprob, Origin, State, Text, Usage};

use super::slot::{self, Kind, Sender, Slot, number};
use crate::{
    carry,
    openai_responses::{
        item::{self, Head},
        words,
    },
    wire::{self, Manner},
};

/// Writes a stream.
pub(in crate::openai_responses) struct Writer {
    manner: Manner,
    id: String,
    model: String,
    created: i64,
    sender: Sender,
    slots: Vec<Slot>,
    /// The message or the thought that goes on. Calls go on beside it.
    open: Option<usize>,
    /// The calls that go on: their numbers, and where they stand.
    calls: Vec<(u32, usize)>,
    finish: Finish,
    has_refused: bool,
    usage: Option<Usage>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Writer")
            .field("items", &self.slots.len())
            .finish_non_exhaustive()
    }
}

impl Writer {
    pub(in crate::openai_responses) fn new(manner: &Manner) -> Self {
        Self {
            manner: manner.clone(),
            id: words::reply_id("", manner),
            model: manner.model.clone(),
            created: manner.created,
            sender: Sender::default(),
            slots: Vec::new(),
            open: None,
            calls: Vec::new(),
            finish: Finish::Stop,
            has_refused: false,
            usage: None,
        }
    }

    /// Writes an event that holds the answer as it is now.
    fn answer(&mut self, kind: &'static str, state: &item::State<'_>, out: &mut Vec<u8>) {
        let head = Head {
            id: &self.id,
            model: &self.model,
            created: self.created,
            manner: &self.manner,
        };
        let items = self.slots.iter().filter_map(|slot| match &slot.kind {
            Kind::Done(whole) => Some(whole.as_str()),
            _ => None,
        });
        self.sender
            .send_answer(kind, out, |out| head.write(state, items, out));
    }

    fn start(&mut self, (id, model): (&str, &str), created: Option<i64>, out: &mut Vec<u8>) {
        self.id = words::reply_id(id, &self.manner);
        if !model.is_empty() {
            model.clone_into(&mut self.model);
        }
        self.created = created.unwrap_or(self.created);
        let state = item::State {
            status: "in_progress",
            ..item::State::default()
        };
        self.answer("response.created", &state, out);
        self.answer("response.in_progress", &state, out);
    }

    /// Begins an item and says which it is.
    fn begin(&mut self, prefix: &str, kind: Kind, out: &mut Vec<u8>) -> usize {
        let index = self.slots.len();
        let id = words::item_id(prefix, &self.manner, index);
        let slot = Slot { id, kind };
        slot.begin(index, &mut self.sender, out);
        self.slots.push(slot);
        index
    }

    /// Ends the message or the thought that goes on.
    fn close(&mut self, encrypted: Option<&str>, out: &mut Vec<u8>) {
        self.close_as("completed", encrypted, out);
    }

    fn close_as(&mut self, status: &str, encrypted: Option<&str>, out: &mut Vec<u8>) {
        let Some(index) = self.open.take() else {
            return;
        };
        if let Some(slot) = self.slots.get_mut(index) {
            slot.end((index, status), encrypted, &mut self.sender, out);
        }
    }

    /// The message that goes on, with an open part of this kind.
    fn message(&mut self, is_refusal: bool, out: &mut Vec<u8>) -> Option<usize> {
        let is_message = |slot: &&Slot| matches!(slot.kind, Kind::Message { .. });
        let open = self
            .open
            .filter(|index| self.slots.get(*index).as_ref().is_some_and(is_message));
        let index = if let Some(index) = open {
            index
        } else {
            self.close(None, out);
            let kind = Kind::Message {
                parts: Vec::new(),
                is_open: false,
            };
            self.begin("msg", kind, out)
        };
        self.open = Some(index);
        let slot = self.slots.get_mut(index)?;
        let is_same = match &slot.kind {
            Kind::Message { parts, is_open } => {
                *is_open && parts.last().map(|part| part.is_refusal) == Some(is_refusal)
            }
            _ => false,
        };
        if !is_same {
            slot.end_part(index, &mut self.sender, out);
            if let Kind::Message { parts, is_open } = &mut slot.kind {
                parts.push(slot::said(is_refusal));
                *is_open = true;
            }
            slot.begin_part(index, &mut self.sender, out);
        }
        Some(index)
    }

    fn text(&mut self, text: &str, is_refusal: bool, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let Some(index) = self.message(is_refusal, out) else {
            return;
        };
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        let Kind::Message { parts, .. } = &mut slot.kind else {
            return;
        };
        let content = number(parts.len().saturating_sub(1));
        if let Some(part) = parts.last_mut() {
            part.text.to_mut().push_str(text);
        }
        let kind = if is_refusal {
            "response.refusal.delta"
        } else {
            "response.output_text.delta"
        };
        self.sender.send(kind, out, |event| {
            slot.place(index, event);
            event.number("content_index", content);
            event.text("delta", text);
            if !is_refusal {
                event.array("logprobs", |_none| {});
            }
        });
    }

    /// Probabilities come behind their text here; a piece without text brings them.
    fn logprobs(&mut self, tokens: &[Logprob<'_>], out: &mut Vec<u8>) {
        if tokens.is_empty() {
            return;
        }
        let Some(index) = self.message(false, out) else {
            return;
        };
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        let Kind::Message { parts, .. } = &mut slot.kind else {
            return;
        };
        let content = number(parts.len().saturating_sub(1));
        if let Some(part) = parts.last_mut() {
            part.logprobs.extend(tokens.iter().map(slot::owned_logprob));
        }
        self.sender
            .send("response.output_text.delta", out, |event| {
                slot.place(index, event);
                event.number("content_index", content);
                event.text("delta", "");
                event.array("logprobs", |array| words::write_logprobs(tokens, array));
            });
    }

    fn citation(&mut self, citation: &Citation<'_>, out: &mut Vec<u8>) {
        let Some(url) = &citation.url else { return };
        let Some(index) = self.message(false, out) else {
            return;
        };
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        let Kind::Message { parts, .. } = &mut slot.kind else {
            return;
        };
        let content = number(parts.len().saturating_sub(1));
        let Some(part) = parts.last_mut() else { return };
        let place = number(part.citations.len());
        part.citations.push(slot::owned_citation(citation));
        self.sender
            .send("response.output_text.annotation.added", out, |event| {
                slot.place(index, event);
                event.number("content_index", content);
                event.number("annotation_index", place);
                event.object("annotation", |out| {
                    words::write_annotation(citation, url, out);
                });
            });
    }

    fn thinking(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() || !self.manner.shows_thinking {
            return;
        }
        let index = self.thought(out);
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        let Kind::Thought { text: said } = &mut slot.kind else {
            return;
        };
        let is_first = said.is_empty();
        said.push_str(text);
        if is_first {
            self.sender
                .send("response.reasoning_summary_part.added", out, |event| {
                    slot.place(index, event);
                    event.number("summary_index", 0);
                    event.object("part", |out| item::write_summary("", out));
                });
        }
        self.sender
            .send("response.reasoning_summary_text.delta", out, |event| {
                slot.place(index, event);
                event.number("summary_index", 0);
                event.text("delta", text);
            });
    }

    /// The thought that goes on.
    fn thought(&mut self, out: &mut Vec<u8>) -> usize {
        if let Some(index) = self.open
            && let Some(slot) = self.slots.get(index)
            && matches!(slot.kind, Kind::Thought { .. })
        {
            return index;
        }
        self.close(None, out);
        let text = String::new();
        let index = self.begin("rs", Kind::Thought { text }, out);
        self.open = Some(index);
        index
    }

    fn state(&mut self, state: &State<'_>, out: &mut Vec<u8>) {
        self.thought(out);
        let encrypted = carry::to_place(state, Origin::OpenAi);
        self.close(Some(&encrypted), out);
    }

    /// What comes next of the kind that goes on is another part.
    fn part(&mut self, out: &mut Vec<u8>) {
        let Some(index) = self.open else { return };
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        match slot.kind {
            Kind::Message { .. } => slot.end_part(index, &mut self.sender, out),
            _ => self.close(None, out),
        }
    }

    fn call(&mut self, number: u32, begun: &Call<'_>, out: &mut Vec<u8>) {
        self.close(None, out);
        let call = slot::owned_call(begun);
        let kind = Kind::Call {
            call_id: item::call_id(begun, &self.manner, self.slots.len()),
            call,
            arguments: String::new(),
        };
        let index = self.begin(item::call_prefix(begun), kind, out);
        self.calls.push((number, index));
    }

    /// The call of this number that goes on.
    fn under_way(&self, wanted: u32) -> Option<usize> {
        let found = self.calls.iter().find(|(number, _)| *number == wanted);
        found.map(|(_, index)| *index)
    }

    fn arguments(&mut self, number: u32, text: &str, out: &mut Vec<u8>) {
        let Some(index) = self.under_way(number).filter(|_| !text.is_empty()) else {
            return;
        };
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        let Kind::Call {
            call, arguments, ..
        } = &mut slot.kind
        else {
            return;
        };
        arguments.push_str(text);
        let kind = if call.is_custom {
            "response.custom_tool_call_input.delta"
        } else {
            "response.function_call_arguments.delta"
        };
        self.sender.send(kind, out, |event| {
            slot.place(index, event);
            event.text("delta", text);
        });
    }

    fn end_call(&mut self, number: u32, out: &mut Vec<u8>) {
        if let Some(index) = self.under_way(number)
            && let Some(slot) = self.slots.get_mut(index)
        {
            self.calls.retain(|(known, _)| *known != number);
            slot.end((index, "completed"), None, &mut self.sender, out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(None, out);
        let (status, reason) = words::status(self.finish, self.has_refused);
        let usage = self.usage;
        let state = item::State {
            status,
            reason,
            failure: None,
            usage: usage.as_ref(),
        };
        let kind = if reason.is_some() {
            "response.incomplete"
        } else {
            "response.completed"
        };
        self.answer(kind, &state, out);
    }

    /// Says that the provider failed, as OpenAI does: once for those who look for `error`, and
    /// once for those who look at the answer.
    fn fail(&mut self, failure: &Failure<'_>, out: &mut Vec<u8>) {
        let code = item::failure_code(failure);
        let param = failure.param.as_ref().map(Text::as_str);
        let param = serde_json::to_string(&param).unwrap_or_default();
        self.sender.send("error", out, |event| {
            event.text("code", code);
            event.text("message", failure.message.as_str());
            event.raw("param", &param);
            event.object("error", |error| {
                error.text("message", failure.message.as_str());
                error.text("type", failure_type(failure.status));
                error.raw("param", &param);
                error.text("code", code);
            });
        });
        let usage = self.usage;
        let state = item::State {
            status: "failed",
            reason: None,
            failure: Some(failure),
            usage: usage.as_ref(),
        };
        self.answer("response.failed", &state, out);
    }
}

/// Source: OpenAI's error reference and the types its SDKs know.
const fn failure_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

impl wire::Writer for Writer {
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start {
                id,
                model,
                created,
                usage,
            } => {
                self.usage = *usage;
                self.start((id, model), *created, out);
            }
            Event::Text { choice: 0, text } => self.text(text, false, out),
            Event::Refusal { choice: 0, text } => {
                self.has_refused |= !text.is_empty();
                self.text(text, true, out);
            }
            Event::Break { choice: 0 } => self.part(out),
            Event::Thinking { choice: 0, text } => self.thinking(text, out),
            Event::ThinkingState {
                choice: 0, state, ..
            } => self.state(state, out),
            Event::Call {
                choice: 0,
                call,
                begun,
            } => self.call(*call, begun, out),
            Event::Arguments {
                choice: 0,
                call,
                text,
            } => self.arguments(*call, text, out),
            Event::CallEnd { choice: 0, call } => self.end_call(*call, out),
            Event::Citation {
                choice: 0,
                citation,
            } => self.citation(citation, out),
            Event::Logprobs { choice: 0, tokens } => self.logprobs(tokens, out),
            Event::Finish {
                choice: 0, finish, ..
            } => {
                self.finish = *finish;
                let (status, _) = words::status(*finish, self.has_refused);
                self.close_as(status, None, out);
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.end(out),
            Event::Error(failure) => self.fail(failure, out),
            // One answer is all that this dialect has.
            _ => {}
        }
    }
}
