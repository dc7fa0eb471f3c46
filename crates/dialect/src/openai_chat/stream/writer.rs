//! A client's stream.
//!
//! Invariant: each event is one `data:` line and goes out at once; usage comes last, and only to a
//! client that asked for it; `[DONE]` stands only behind a whole stream.

use std::fmt;

use mirk_model::{Call, Event, Finish, State, Text, Usage};

use super::failure;
use crate::{
    json::Object,
    openai_chat::{reply, thinking, words},
    wire::{Manner, Writer},
};

/// What a stream needs to be written.
pub(super) struct Chunked {
    manner: Manner,
    /// A chunk up to its choices: the same in each.
    head: Vec<u8>,
    answers: Vec<(u32, Answer)>,
    usage: Option<Usage>,
}

/// What was written of one answer.
#[derive(Debug, Default)]
struct Answer {
    has_role: bool,
    has_refusal: bool,
    thought: u64,
    is_thinking: bool,
    calls: Vec<(u32, Written)>,
}

#[derive(Debug, Default)]
struct Written {
    is_custom: bool,
    has_arguments: bool,
}

impl fmt::Debug for Chunked {
    /// Counts only.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Chunked")
            .field("answers", &self.answers.len())
            .finish_non_exhaustive()
    }
}

impl Chunked {
    pub(super) const fn new(manner: Manner) -> Self {
        Self {
            manner,
            head: Vec::new(),
            answers: Vec::new(),
            usage: None,
        }
    }

    fn begin(&mut self, id: &str, model: &str, created: Option<i64>) {
        let mut head = Vec::with_capacity(160);
        Object::write(&mut head, |out| {
            out.text("id", reply::answer_id(id, &self.manner));
            out.text("object", "chat.completion.chunk");
            out.number("created", created.unwrap_or(self.manner.created));
            let own = self.manner.model.as_str();
            out.text("model", if model.is_empty() { own } else { model });
        });
        head.pop();
        self.head = [b"data: ", head.as_slice(), b","].concat();
    }

    /// Writes one chunk; `fill` writes its `choices`, and what may stand behind them.
    fn chunk(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        if self.head.is_empty() {
            self.begin("", "", None);
        }
        out.extend_from_slice(&self.head);
        let start = out.len();
        Object::write(out, fill);
        // The head is an object without its end, and this is one without its beginning.
        out.remove(start);
        out.extend_from_slice(b"\n\n");
    }

    fn answer(&mut self, choice: u32) -> &mut Answer {
        numbered(&mut self.answers, choice)
    }

    /// Writes a delta, and the role before the first.
    fn delta(&mut self, choice: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.role(choice, out);
        self.piece(choice, out, fill);
    }

    fn role(&mut self, choice: u32, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.answer(choice).has_role, true) {
            self.piece(choice, out, |delta| {
                delta.text("role", "assistant");
                delta.text("content", "");
                delta.null("refusal");
            });
        }
    }

    fn piece(&mut self, choice: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        let has_usage = self.manner.includes_usage;
        self.chunk(out, |chunk| {
            chunk.array("choices", |choices| {
                choices.object(|one| {
                    one.number("index", choice);
                    one.object("delta", fill);
                    one.null("logprobs");
                    one.null("finish_reason");
                });
            });
            if has_usage {
                chunk.null("usage");
            }
        });
    }

    /// Writes a chunk whose delta is empty.
    fn beside(&mut self, choice: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        let has_usage = self.manner.includes_usage;
        self.chunk(out, |chunk| {
            chunk.array("choices", |choices| {
                choices.object(|one| {
                    one.number("index", choice);
                    one.object("delta", |_empty| {});
                    fill(one);
                });
            });
            if has_usage {
                chunk.null("usage");
            }
        });
    }

    fn thinking(&mut self, choice: u32, text: &str, out: &mut Vec<u8>) {
        if !self.manner.shows_thinking || text.is_empty() {
            return;
        }
        let answer = self.answer(choice);
        answer.is_thinking = true;
        let index = answer.thought;
        self.delta(choice, out, |delta| {
            delta.text("reasoning_content", text);
            delta.array("reasoning_details", |array| {
                thinking::write_detail(text, None, index, array);
            });
        });
    }

    fn state(&mut self, choice: u32, id: Option<&str>, state: &State<'_>, out: &mut Vec<u8>) {
        let answer = self.answer(choice);
        let index = answer.thought;
        answer.thought += 1;
        answer.is_thinking = false;
        self.delta(choice, out, |delta| {
            delta.array("reasoning_details", |array| {
                thinking::write_detail("", Some((state, id)), index, array);
            });
        });
    }

    fn call(&mut self, choice: u32, call: u32, begun: &Call<'_>, out: &mut Vec<u8>) {
        let id = reply::call_id(begun, u64::from(choice), u64::from(call), &self.manner);
        numbered(&mut self.answer(choice).calls, call).is_custom = begun.is_custom;
        let (kind, input) = kind(begun.is_custom);
        self.delta(choice, out, |delta| {
            delta.array("tool_calls", |array| {
                array.object(|one| {
                    one.number("index", call);
                    one.text("id", &id);
                    one.text("type", kind);
                    one.object(kind, |said| {
                        said.text("name", begun.name.as_str());
                        said.text(input, begun.arguments.as_str());
                    });
                });
            });
        });
    }

    fn arguments(&mut self, choice: u32, call: u32, text: &str, out: &mut Vec<u8>) {
        let written = numbered(&mut self.answer(choice).calls, call);
        written.has_arguments |= !text.is_empty();
        let is_custom = written.is_custom;
        let (kind, input) = kind(is_custom);
        self.delta(choice, out, |delta| {
            delta.array("tool_calls", |array| {
                array.object(|one| {
                    one.number("index", call);
                    one.object(kind, |said| said.text(input, text));
                });
            });
        });
    }

    /// A call without arguments has an empty object: clients parse what they got.
    fn call_end(&mut self, choice: u32, call: u32, out: &mut Vec<u8>) {
        let written = numbered(&mut self.answer(choice).calls, call);
        if !written.has_arguments && !written.is_custom {
            self.arguments(choice, call, "{}", out);
        }
    }

    fn finish(&mut self, choice: u32, why: Finish, stop: Option<&Text<'_>>, out: &mut Vec<u8>) {
        let has_refusal = self.answer(choice).has_refusal;
        self.beside(choice, out, |one| {
            one.null("logprobs");
            one.text("finish_reason", words::finish_word(why, has_refusal));
            one.maybe_text("stop_reason", stop.map(Text::as_str));
        });
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if let Some(usage) = self.usage.filter(|_| self.manner.includes_usage) {
            self.chunk(out, |chunk| {
                chunk.array("choices", |_none| {});
                words::write_usage(&usage, chunk);
            });
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

/// The entry of `number`, made if need be. Numbers are a provider's: a large one makes no long list.
fn numbered<T: Default>(list: &mut Vec<(u32, T)>, number: u32) -> &mut T {
    let at = list.iter().position(|(known, _)| *known == number);
    let at = at.unwrap_or_else(|| {
        list.push((number, T::default()));
        list.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "found, or put there just above")]
    &mut list[at].1
}

const fn kind(is_custom: bool) -> (&'static str, &'static str) {
    if is_custom {
        ("custom", "input")
    } else {
        ("function", "arguments")
    }
}

impl Writer for Chunked {
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start {
                id,
                model,
                created,
                usage,
            } => {
                self.begin(id, model, *created);
                self.usage = *usage;
                // So that something goes out before the model has said anything.
                self.role(0, out);
            }
            Event::Text { choice, text } => {
                self.delta(*choice, out, |delta| delta.text("content", text.as_str()));
            }
            Event::Break { choice } => {
                let answer = self.answer(*choice);
                answer.thought += u64::from(std::mem::take(&mut answer.is_thinking));
            }
            Event::Thinking { choice, text } => self.thinking(*choice, text, out),
            Event::ThinkingState { choice, id, state } => {
                self.state(*choice, id.as_ref().map(Text::as_str), state, out);
            }
            Event::Refusal { choice, text } => {
                self.answer(*choice).has_refusal = true;
                self.delta(*choice, out, |delta| delta.text("refusal", text.as_str()));
            }
            Event::Call {
                choice,
                call,
                begun,
            } => self.call(*choice, *call, begun, out),
            Event::Arguments { choice, call, text } => self.arguments(*choice, *call, text, out),
            Event::CallEnd { choice, call } => self.call_end(*choice, *call, out),
            Event::Citation { choice, citation } if citation.url.is_some() => {
                self.delta(*choice, out, |delta| {
                    delta.array("annotations", |array| {
                        words::write_citation(citation, array);
                    });
                });
            }
            Event::Citation { .. } => {}
            Event::Logprobs { choice, tokens } => self.beside(*choice, out, |one| {
                words::write_logprobs(tokens, one);
                one.null("finish_reason");
            }),
            Event::Finish {
                choice,
                finish,
                stop,
            } => self.finish(*choice, *finish, stop.as_ref(), out),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.end(out),
            Event::Error(failure) => failure::write(failure, &self.manner.request_id, out),
        }
    }
}
