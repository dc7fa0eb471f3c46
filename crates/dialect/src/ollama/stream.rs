//! Streams: one JSON object a line, the last with `done`.

use mirk_model::{Call, Event, Failure, Finish, Operation, State, Text, Usage};

use super::{ask, reply};
use crate::{
    json::{Object, Value},
    wire::{self, Malformed, Manner, Sink},
};

/// Reads a stream.
#[derive(Debug, Default)]
pub(super) struct Reader {
    has_started: bool,
    calls: u32,
}

/// The one answer that there is.
const CHOICE: u32 = 0;

impl Reader {
    fn call(&mut self, begun: Call<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let call = self.calls;
        self.calls += 1;
        sink(Event::Call {
            choice: CHOICE,
            call,
            begun,
        })?;
        sink(Event::CallEnd {
            choice: CHOICE,
            call,
        })
    }
}

impl wire::Reader for Reader {
    fn data(&mut self, data: &str, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let mut members = Value::parse(data)?.members()?;
        if let Some(error) = members.take("error") {
            return sink(Event::Error(Failure {
                status: 500,
                code: Text::default(),
                message: error.lossy_text().unwrap_or_default(),
                param: None,
            }));
        }
        if !self.has_started {
            self.has_started = true;
            let model = members.read("model", Value::lossy_text)?;
            sink(Event::Start {
                id: Text::default(),
                model: model.unwrap_or_default(),
                created: None,
                usage: None,
            })?;
        }
        let said = reply::said(&mut members)?;
        if !said.thinking.is_empty() {
            let text = said.thinking;
            sink(Event::Thinking {
                choice: CHOICE,
                text,
            })?;
        }
        if !said.text.is_empty() {
            let text = said.text;
            sink(Event::Text {
                choice: CHOICE,
                text,
            })?;
        }
        for begun in said.calls {
            self.call(begun, sink)?;
        }
        let tokens = reply::logprobs(&mut members)?;
        if !tokens.is_empty() {
            sink(Event::Logprobs {
                choice: CHOICE,
                tokens,
            })?;
        }
        if members.take("done").map(Value::raw) != Some("true") {
            return Ok(());
        }
        sink(Event::Finish {
            choice: CHOICE,
            finish: reply::finish(&mut members),
            stop: None,
        })?;
        if let Some(usage) = reply::usage(&mut members) {
            sink(Event::Usage(usage))?;
        }
        sink(Event::End)
    }
}

/// Writes a stream.
pub(super) struct Writer {
    manner: Manner,
    model: String,
    /// Calls under way: Ollama has whole ones only.
    calls: Vec<Held>,
    finish: Finish,
    usage: Option<Usage>,
}

struct Held {
    number: u32,
    call: Call<'static>,
    arguments: String,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Writer")
            .field("calls", &self.calls.len())
            .finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn new(manner: &Manner) -> Self {
        Self {
            manner: manner.clone(),
            model: String::new(),
            calls: Vec::new(),
            finish: Finish::Stop,
            usage: None,
        }
    }

    /// A line of the stream's middle.
    fn line(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        Object::write(out, |line| {
            reply::begin(line, &self.model, &self.manner);
            fill(line);
            line.flag("done", false);
        });
        out.push(b'\n');
    }

    /// A line with a piece of text, or of a thought.
    fn piece(&self, text: &str, thinking: &str, out: &mut Vec<u8>) {
        let is_generate = self.manner.operation == Operation::OllamaGenerate;
        self.line(out, |line| {
            if is_generate {
                line.text("response", text);
                if !thinking.is_empty() {
                    line.text("thinking", thinking);
                }
                return;
            }
            line.object("message", |message| {
                message.text("role", "assistant");
                message.text("content", text);
                if !thinking.is_empty() {
                    message.text("thinking", thinking);
                }
            });
        });
    }

    fn end_call(&mut self, number: u32, out: &mut Vec<u8>) {
        let Some(place) = self.calls.iter().position(|held| held.number == number) else {
            return;
        };
        let held = self.calls.remove(place);
        if self.manner.operation == Operation::OllamaGenerate {
            return;
        }
        self.line(out, |line| {
            line.object("message", |message| {
                message.text("role", "assistant");
                message.text("content", "");
                message.array("tool_calls", |array| {
                    array.object(|out| ask::write_call(&held.call, &held.arguments, out));
                });
            });
        });
    }

    fn last(&self, out: &mut Vec<u8>) {
        let is_generate = self.manner.operation == Operation::OllamaGenerate;
        Object::write(out, |line| {
            reply::begin(line, &self.model, &self.manner);
            if is_generate {
                line.text("response", "");
            } else {
                line.object("message", |message| {
                    message.text("role", "assistant");
                    message.text("content", "");
                });
            }
            reply::end(line, self.finish, self.usage);
        });
        out.push(b'\n');
    }
}

impl wire::Writer for Writer {
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { model, usage, .. } => {
                model.as_str().clone_into(&mut self.model);
                self.usage = *usage;
            }
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text }
                if !text.is_empty() =>
            {
                self.piece(text, "", out);
            }
            Event::Thinking { choice: 0, text }
                if !text.is_empty() && self.manner.shows_thinking =>
            {
                self.piece("", text, out);
            }
            Event::Call {
                choice: 0,
                call,
                begun,
            } => self.calls.push(Held {
                number: *call,
                call: owned(begun),
                arguments: String::new(),
            }),
            Event::Arguments {
                choice: 0,
                call,
                text,
            } => {
                if let Some(held) = self.calls.iter_mut().find(|held| held.number == *call) {
                    held.arguments.push_str(text);
                }
            }
            Event::CallEnd { choice: 0, call } => self.end_call(*call, out),
            Event::Logprobs { choice: 0, tokens } => {
                self.line(out, |line| {
                    line.object("message", |message| {
                        message.text("role", "assistant");
                        message.text("content", "");
                    });
                    reply::write_logprobs(tokens, line);
                });
            }
            Event::Finish {
                choice: 0, finish, ..
            } => self.finish = *finish,
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.last(out),
            Event::Error(failure) => {
                Object::write(out, |line| line.text("error", failure.message.as_str()));
                out.push(b'\n');
            }
            // One answer is all that Ollama has, and it has no place for the rest.
            _ => {}
        }
    }
}

fn owned(call: &Call<'_>) -> Call<'static> {
    Call {
        id: call.id.clone().into_owned(),
        name: call.name.clone().into_owned(),
        namespace: None,
        arguments: Text::default(),
        is_custom: call.is_custom,
        state: call.state.as_ref().map(|state| State {
            origin: state.origin,
            data: state.data.clone().into_owned(),
        }),
    }
}
