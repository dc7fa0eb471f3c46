//! Writing a client's stream.
//!
//! Invariant: one block is open at a time, in the order in which they began; what cannot be
//! written yet waits until the call that is open ends; `message_delta` waits for the usage.

use std::collections::VecDeque;

use mirk_model::{Call, Citation, Event, Failure, Finish, Origin, State, Text, Usage};

use super::queue::Block;
use crate::{
    anthropic::{reply, words},
    carry,
    json::Object,
    wire::{Manner, Writer},
};

/// A client's stream between two events.
pub(super) struct Messages {
    manner: Manner,
    /// The index of the block that is open, or of the next one.
    index: u64,
    open: Open,
    waiting: VecDeque<Block>,
    usage: Option<Usage>,
    finish: Finish,
    stop: Option<String>,
    has_refused: bool,
    /// The free-form calls under way. Their text becomes the one string of an object.
    free: Vec<u32>,
}

/// The block that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    No,
    Text,
    Thinking,
    Call(u32),
}

impl std::fmt::Debug for Messages {
    /// Counts only: what a writer holds is a part of an answer.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Messages")
            .field("index", &self.index)
            .field("open", &self.open)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

impl Writer for Messages {
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start {
                id, model, usage, ..
            } => self.start(id, model, *usage, out),
            Event::Text { choice: 0, text } => self.text(text, out),
            Event::Refusal { choice: 0, text } => {
                self.has_refused = true;
                self.text(text, out);
            }
            Event::Break { choice: 0 } => self.end_part(out),
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
            Event::Finish {
                choice: 0,
                finish,
                stop,
            } => {
                self.flush(out);
                self.finish = *finish;
                self.stop = stop.as_ref().map(|stop| stop.as_str().to_owned());
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.end(out),
            Event::Error(failure) => self.fail(failure, out),
            // The dialect has one answer, and no log probabilities.
            _ => {}
        }
    }
}

impl Messages {
    pub(super) const fn new(manner: Manner) -> Self {
        Self {
            manner,
            index: 0,
            open: Open::No,
            waiting: VecDeque::new(),
            usage: None,
            finish: Finish::Stop,
            stop: None,
            has_refused: false,
            free: Vec::new(),
        }
    }

    fn start(&mut self, id: &str, model: &str, usage: Option<Usage>, out: &mut Vec<u8>) {
        self.usage = usage;
        frame(out, "message_start", |event| {
            event.object("message", |message| {
                reply::head(message, &self.manner, id, model);
                message.array("content", |_empty| {});
                message.null("stop_reason");
                message.null("stop_sequence");
                message.object("usage", |object| words::write_usage(object, usage));
            });
        });
    }

    /// Whether a call is open, behind which everything else has to wait.
    const fn must_wait(&self) -> bool {
        matches!(self.open, Open::Call(_))
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if self.must_wait() {
            match self.waiting.back_mut() {
                Some(Block::Text {
                    text: held,
                    is_whole: false,
                    ..
                }) => held.push_str(text),
                _ => self.waiting.push_back(Block::Text {
                    text: text.to_owned(),
                    citations: Vec::new(),
                    is_whole: false,
                }),
            }
            return;
        }
        self.open_text(out);
        self.delta("text_delta", "text", text, out);
    }

    fn thinking(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() || !self.manner.shows_thinking {
            return;
        }
        if self.must_wait() {
            match self.waiting.back_mut() {
                Some(Block::Thinking {
                    text: held,
                    is_whole: false,
                    ..
                }) => held.push_str(text),
                _ => self.waiting.push_back(Block::Thinking {
                    text: text.to_owned(),
                    state: None,
                    is_whole: false,
                }),
            }
            return;
        }
        self.open_thinking(out);
        self.delta("thinking_delta", "thinking", text, out);
    }

    fn state(&mut self, state: &State<'_>, out: &mut Vec<u8>) {
        if self.must_wait() {
            let is_redacted = state.origin == Origin::AnthropicRedacted;
            let kept = State {
                origin: state.origin,
                data: state.data.clone().into_owned(),
            };
            match self.waiting.back_mut() {
                Some(Block::Thinking {
                    state, is_whole, ..
                }) if !*is_whole && !is_redacted => {
                    *state = Some(kept);
                    *is_whole = true;
                }
                _ => self.waiting.push_back(Block::Thinking {
                    text: String::new(),
                    state: Some(kept),
                    is_whole: true,
                }),
            }
            return;
        }
        if state.origin == Origin::AnthropicRedacted {
            self.open_block(out, |block| {
                block.text("type", "redacted_thinking");
                block.text("data", state.data.as_str());
            });
            // It has no pieces: any kind of open block is closed alike.
            self.open = Open::Thinking;
            self.close(out);
            return;
        }
        self.open_thinking(out);
        let signature = carry::to_place(state, Origin::Anthropic);
        self.delta("signature_delta", "signature", &signature, out);
        self.close(out);
    }

    fn call(&mut self, call: u32, begun: &Call<'_>, out: &mut Vec<u8>) {
        let id = reply::call_id(begun, call, &self.manner);
        if self.must_wait() {
            self.waiting.push_back(Block::Call {
                call,
                id,
                name: begun.name.as_str().to_owned(),
                arguments: String::new(),
                is_whole: false,
            });
        } else {
            self.open_call(call, &id, &begun.name, out);
        }
        if begun.is_custom {
            self.free.push(call);
            self.piece(call, r#"{"input":""#, out);
        }
        if !begun.arguments.is_empty() {
            self.arguments(call, &begun.arguments, out);
        }
    }

    fn arguments(&mut self, call: u32, text: &str, out: &mut Vec<u8>) {
        if self.free.contains(&call) {
            self.piece(call, &inside_string(text), out);
        } else {
            self.piece(call, text, out);
        }
    }

    /// A piece of a call's JSON.
    fn piece(&mut self, call: u32, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if self.open == Open::Call(call) {
            self.delta("input_json_delta", "partial_json", text, out);
            return;
        }
        for block in &mut self.waiting {
            if let Block::Call {
                call: waiting,
                arguments,
                ..
            } = block
                && *waiting == call
            {
                arguments.push_str(text);
            }
        }
    }

    fn end_call(&mut self, call: u32, out: &mut Vec<u8>) {
        if let Some(place) = self.free.iter().position(|free| *free == call) {
            self.free.remove(place);
            self.piece(call, r#""}"#, out);
        }
        if self.open == Open::Call(call) {
            self.close(out);
            self.go_on(out);
            return;
        }
        for block in &mut self.waiting {
            if matches!(block, Block::Call { call: waiting, .. } if *waiting == call) {
                block.end();
            }
        }
    }

    fn citation(&mut self, citation: &Citation<'_>, out: &mut Vec<u8>) {
        if self.must_wait() {
            if let Some(Block::Text { citations, .. }) = self.waiting.back_mut() {
                citations.push(owned(citation));
            }
        } else if self.open == Open::Text {
            self.write_citation(citation, out);
        }
    }

    /// What comes next is another part.
    fn end_part(&mut self, out: &mut Vec<u8>) {
        if self.must_wait() {
            if let Some(block @ (Block::Text { .. } | Block::Thinking { .. })) =
                self.waiting.back_mut()
            {
                block.end();
            }
        } else {
            self.close(out);
        }
    }

    /// Writes what waits, up to a call that goes on.
    fn go_on(&mut self, out: &mut Vec<u8>) {
        while !self.must_wait()
            && let Some(block) = self.waiting.pop_front()
        {
            let is_whole = block.is_whole();
            match block {
                Block::Text {
                    text, citations, ..
                } => {
                    self.text(&text, out);
                    for citation in &citations {
                        self.write_citation(citation, out);
                    }
                }
                Block::Thinking { text, state, .. } => {
                    self.thinking(&text, out);
                    if let Some(state) = &state {
                        self.state(state, out);
                    }
                }
                Block::Call {
                    call,
                    id,
                    name,
                    arguments,
                    ..
                } => {
                    self.open_call(call, &id, &name, out);
                    self.piece(call, &arguments, out);
                }
            }
            if is_whole {
                self.close(out);
            }
        }
    }

    /// Writes all that waits and closes what is open.
    fn flush(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        while !self.waiting.is_empty() {
            self.go_on(out);
            self.close(out);
        }
    }

    fn open_text(&mut self, out: &mut Vec<u8>) {
        if self.open != Open::Text {
            self.open_block(out, |block| {
                block.text("type", "text");
                block.text("text", "");
            });
            self.open = Open::Text;
        }
    }

    fn open_thinking(&mut self, out: &mut Vec<u8>) {
        if self.open != Open::Thinking {
            self.open_block(out, |block| {
                block.text("type", "thinking");
                block.text("thinking", "");
                block.text("signature", "");
            });
            self.open = Open::Thinking;
        }
    }

    fn open_call(&mut self, call: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        self.open_block(out, |block| {
            block.text("type", "tool_use");
            block.text("id", id);
            block.text("name", name);
            block.raw("input", "{}");
        });
        self.open = Open::Call(call);
    }

    fn open_block(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.close(out);
        frame(out, "content_block_start", |event| {
            event.number("index", self.index);
            event.object("content_block", fill);
        });
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open != Open::No {
            frame(out, "content_block_stop", |event| {
                event.number("index", self.index);
            });
            self.open = Open::No;
            self.index += 1;
        }
    }

    fn delta(&self, kind: &str, name: &str, text: &str, out: &mut Vec<u8>) {
        frame(out, "content_block_delta", |event| {
            event.number("index", self.index);
            event.object("delta", |delta| {
                delta.text("type", kind);
                delta.text(name, text);
            });
        });
    }

    fn write_citation(&self, citation: &Citation<'_>, out: &mut Vec<u8>) {
        frame(out, "content_block_delta", |event| {
            event.number("index", self.index);
            event.object("delta", |delta| {
                delta.text("type", "citations_delta");
                delta.object("citation", |object| words::write_citation(object, citation));
            });
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.flush(out);
        let stop = self.stop.as_deref();
        let reason = words::stop_reason(self.finish, stop.is_some(), self.has_refused);
        frame(out, "message_delta", |event| {
            event.object("delta", |delta| {
                delta.text("stop_reason", reason);
                match stop {
                    Some(stop) if reason == "stop_sequence" => delta.text("stop_sequence", stop),
                    _ => delta.null("stop_sequence"),
                }
            });
            event.object("usage", |usage| words::write_usage(usage, self.usage));
        });
        frame(out, "message_stop", |_nothing| {});
    }

    fn fail(&self, failure: &Failure<'_>, out: &mut Vec<u8>) {
        frame(out, "error", |event| {
            event.object("error", |error| {
                error.text("type", words::error_type(&failure.code, failure.status));
                error.text("message", failure.message.as_str());
            });
            event.text("request_id", &self.manner.request_id);
        });
    }
}

/// Writes one event; `fill` writes what it has beside its type.
fn frame(out: &mut Vec<u8>, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    Object::write(out, |event| {
        event.text("type", name);
        fill(event);
    });
    out.extend_from_slice(b"\n\n");
}

/// `text` as it stands between the quotes of a JSON string.
fn inside_string(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let inner = quoted
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}

fn owned(citation: &Citation<'_>) -> Citation<'static> {
    let text = |text: &Option<Text<'_>>| text.clone().map(Text::into_owned);
    Citation {
        url: text(&citation.url),
        title: text(&citation.title),
        quote: text(&citation.quote),
        start: citation.start,
        end: citation.end,
    }
}
