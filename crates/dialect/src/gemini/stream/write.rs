//! A client's stream: server-sent events, or one JSON array.
//!
//! Invariant: a call is written when it is whole, its reason and the tokens last; what waits for
//! the end is a reason, a count and at most [`MOST_CITATIONS`] sources for each answer.

use std::collections::{BTreeMap, HashMap};

use mirk_model::{Call, Citation, Event, Failure, Finish, State, Text, Usage};

use super::super::{
    finish_word,
    reply::{
        cite::{self, Places},
        logprobs, usage,
        write::{tail, write_call, write_text},
    },
};
use crate::{
    json::{Array, Object},
    wire::{Manner, Writer},
};

/// A writer of a client's stream.
pub(in crate::gemini) fn writer(manner: &Manner) -> Box<dyn Writer> {
    Box::new(Write {
        manner: manner.clone(),
        id: String::new(),
        model: String::new(),
        has_written: false,
        usage: None,
        calls: HashMap::new(),
        answers: BTreeMap::new(),
    })
}

/// The most sources that are kept for the end of an answer.
const MOST_CITATIONS: usize = 1_024;

struct Write {
    manner: Manner,
    id: String,
    model: String,
    has_written: bool,
    usage: Option<Usage>,
    /// Calls under way, with their arguments so far.
    calls: HashMap<(u32, u32), (Call<'static>, String)>,
    answers: BTreeMap<u32, Answer>,
}

impl std::fmt::Debug for Write {
    /// Without what was said.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Write")
            .field("manner", &self.manner)
            .field("calls", &self.calls.len())
            .finish_non_exhaustive()
    }
}

/// What an answer says at its end.
struct Answer {
    finish: Option<Finish>,
    citations: Vec<Citation<'static>>,
    is_ascii: bool,
    /// Whether anything of it was written.
    is_said: bool,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            finish: None,
            citations: Vec::new(),
            is_ascii: true,
            is_said: false,
        }
    }
}

impl Writer for Write {
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start {
                id, model, usage, ..
            } => {
                id.as_str().clone_into(&mut self.id);
                model.as_str().clone_into(&mut self.model);
                self.usage = *usage;
            }
            Event::Text { choice, text } | Event::Refusal { choice, text } => {
                self.text(*choice, text, out);
            }
            Event::Thinking { choice, text } => {
                if self.manner.shows_thinking && !text.is_empty() {
                    self.part(*choice, out, |parts| write_text(text, true, None, parts));
                }
            }
            Event::ThinkingState { choice, state, .. } => self.state(*choice, state, out),
            Event::Call {
                choice,
                call,
                begun,
            } => {
                let arguments = begun.arguments.as_str().to_owned();
                let begun = owned(begun);
                self.calls.insert((*choice, *call), (begun, arguments));
            }
            Event::Arguments { choice, call, text } => {
                if let Some((_, arguments)) = self.calls.get_mut(&(*choice, *call)) {
                    arguments.push_str(text);
                }
            }
            Event::CallEnd { choice, call } => {
                if let Some((call, arguments)) = self.calls.remove(&(*choice, *call)) {
                    self.part(*choice, out, |parts| write_call(&call, &arguments, parts));
                }
            }
            Event::Citation { choice, citation } => {
                let kept = &mut self.answers.entry(*choice).or_default().citations;
                if kept.len() < MOST_CITATIONS {
                    kept.push(owned_citation(citation));
                }
            }
            Event::Logprobs { choice, tokens } => {
                self.chunk(*choice, out, |candidate| {
                    candidate.object("content", |content| content.text("role", "model"));
                    logprobs::write(tokens, candidate);
                });
            }
            Event::Finish { choice, finish, .. } => {
                self.answers.entry(*choice).or_default().finish = Some(*finish);
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.end(out),
            Event::Error(failure) => self.fail(failure, out),
            // Gemini's parts of a stream are joined by its clients.
            Event::Break { .. } => {}
        }
    }
}

impl Write {
    fn text(&mut self, choice: u32, text: &Text<'_>, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.answers.entry(choice).or_default().is_ascii &= text.is_ascii();
        self.part(choice, out, |parts| write_text(text, false, None, parts));
    }

    fn state(&mut self, choice: u32, state: &State<'_>, out: &mut Vec<u8>) {
        self.part(choice, out, |parts| {
            write_text("", false, Some(state), parts);
        });
    }

    fn part(&mut self, choice: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Array<'_>)) {
        self.answers.entry(choice).or_default().is_said = true;
        self.chunk(choice, out, |candidate| {
            candidate.object("content", |content| {
                content.array("parts", fill);
                content.text("role", "model");
            });
        });
    }

    /// One chunk with one candidate.
    fn chunk(&mut self, choice: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.open(out);
        Object::write(out, |object| {
            object.array("candidates", |candidates| {
                candidates.object(|candidate| {
                    fill(candidate);
                    candidate.number("index", choice);
                });
            });
            tail(&self.id, &self.model, &self.manner, object);
        });
        self.close(out);
    }

    /// The last chunk: every answer's reason and sources, and the tokens.
    fn end(&mut self, out: &mut Vec<u8>) {
        let answers = std::mem::take(&mut self.answers);
        self.open(out);
        Object::write(out, |object| {
            object.array("candidates", |candidates| {
                for (choice, answer) in &answers {
                    candidates.object(|candidate| last(*choice, answer, candidate));
                }
            });
            if let Some(counted) = &self.usage {
                usage::write(counted, object);
            }
            tail(&self.id, &self.model, &self.manner, object);
        });
        self.close(out);
        if !self.manner.is_sse {
            out.extend_from_slice(b"\n]\n");
        }
    }

    /// An error in Google's form. The array stays open: it is not whole.
    fn fail(&mut self, failure: &Failure<'_>, out: &mut Vec<u8>) {
        self.open(out);
        Object::write(out, |object| {
            object.object("error", |error| {
                error.number("code", failure.status);
                error.text("message", failure.message.as_str());
                error.text("status", status_word(failure));
            });
        });
        self.close(out);
    }

    fn open(&mut self, out: &mut Vec<u8>) {
        let opening: &[u8] = match (self.manner.is_sse, self.has_written) {
            (true, _) => b"data: ",
            (false, false) => b"[",
            (false, true) => b",\n",
        };
        out.extend_from_slice(opening);
        self.has_written = true;
    }

    fn close(&self, out: &mut Vec<u8>) {
        if self.manner.is_sse {
            out.extend_from_slice(b"\n\n");
        }
    }
}

fn last(choice: u32, answer: &Answer, candidate: &mut Object<'_>) {
    let finish = answer.finish.unwrap_or_default();
    candidate.object("content", |content| {
        if !answer.is_said && matches!(finish, Finish::Stop | Finish::Length) {
            content.array("parts", |parts| parts.object(|part| part.text("text", "")));
        }
        content.text("role", "model");
    });
    candidate.text("finishReason", finish_word(finish));
    if !answer.citations.is_empty() {
        let places = Places::Passed {
            is_ascii: answer.is_ascii,
        };
        cite::write(answer.citations.iter(), &places, candidate);
    }
    candidate.number("index", choice);
}

/// The provider's own word where it is one of Google's, else the one that its status amounts to.
/// Source: `google/rpc/code.proto`.
fn status_word(failure: &Failure<'_>) -> String {
    let code = failure.code.as_str();
    let is_own = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    if !code.is_empty() && code.len() <= 40 && code.bytes().all(is_own) {
        return code.to_owned();
    }
    let word = match failure.status {
        400 | 413 | 422 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        502 | 503 | 529 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "UNKNOWN",
    };
    word.to_owned()
}

fn owned(call: &Call<'_>) -> Call<'static> {
    let text = |text: &Text<'_>| Text::from(text.as_str().to_owned());
    Call {
        id: text(&call.id),
        name: text(&call.name),
        namespace: None,
        arguments: Text::default(),
        is_custom: call.is_custom,
        state: call.state.as_ref().map(|state| State {
            origin: state.origin,
            data: text(&state.data),
        }),
    }
}

fn owned_citation(citation: &Citation<'_>) -> Citation<'static> {
    let text = |text: &Option<Text<'_>>| {
        text.as_ref()
            .map(|text| Text::from(text.as_str().to_owned()))
    };
    Citation {
        url: text(&citation.url),
        title: text(&citation.title),
        quote: text(&citation.quote),
        start: citation.start,
        end: citation.end,
    }
}
