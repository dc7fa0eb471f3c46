//! Reading a provider's stream.
//!
//! Invariant: of an answer only a thought's signature and the arguments that came with the
//! beginning of a call are kept, each until its block ends.

use mirk_model::{Call, Dialect, Event, Failure, Finish, Origin, Text};

use crate::{
    anthropic::{JSON_TOOL, reply, words},
    json::{Members, Misread, Value},
    tap::Tally,
    wire::{Malformed, Reader, Sink},
};

/// The most blocks that are open at once; Anthropic has one.
const MOST_OPEN: usize = 64;

/// A provider's stream between two events.
pub(super) struct Blocks {
    open: Vec<(u64, Block)>,
    /// What kind of block came last, as far as the next one could be taken for more of it.
    last: Last,
    calls: u32,
    has_json: bool,
    tally: Tally,
}

/// A block that has begun.
enum Block {
    Text,
    /// A thought, with its signature when that came.
    Thinking(String),
    /// A call, with the arguments that it began with, if none followed.
    Call {
        number: u32,
        begun: String,
        has_arguments: bool,
    },
    /// A call of [`JSON_TOOL`], likewise.
    Json {
        begun: String,
        has_arguments: bool,
    },
    /// One that tells of the provider's own tools, or of what is not known.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Text,
    Thinking,
    Other,
}

impl std::fmt::Debug for Blocks {
    /// Counts only: what a reader holds is a part of an answer.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Blocks")
            .field("open", &self.open.len())
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

impl Reader for Blocks {
    fn data(&mut self, data: &str, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        if data.trim() == "[DONE]" {
            // Some servers add it; whether the stream is whole, `message_stop` has said.
            return Ok(());
        }
        let mut members = Value::parse(data)?.members()?;
        let kind = members.read("type", Value::lossy_text)?;
        match kind.as_deref().unwrap_or_default() {
            "message_start" => self.start(&mut members, sink),
            "content_block_start" => self.begin(&mut members, sink),
            "content_block_delta" => self.delta(&mut members, sink),
            "content_block_stop" => {
                let index = index_of(&mut members)?;
                self.end_block(index, sink)
            }
            "message_delta" => self.finish(&mut members, sink),
            "message_stop" => sink(Event::End),
            "error" => fail(&mut members, sink),
            "" if members.peek("error").is_some() => fail(&mut members, sink),
            _ => Ok(()),
        }
    }
}

impl Blocks {
    pub(super) const fn new() -> Self {
        Self {
            open: Vec::new(),
            last: Last::Other,
            calls: 0,
            has_json: false,
            tally: Tally::new(Dialect::Anthropic),
        }
    }

    fn start(&mut self, members: &mut Members<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let mut message = members.need("message", Value::members)?;
        if let Some(usage) = message.take("usage") {
            self.tally.read_start(usage.raw().as_bytes());
        }
        sink(Event::Start {
            id: message.read("id", Value::lossy_text)?.unwrap_or_default(),
            model: message
                .read("model", Value::lossy_text)?
                .unwrap_or_default(),
            created: None,
            usage: self.tally.usage(0, false),
        })
    }

    fn begin(&mut self, members: &mut Members<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let index = index_of(members)?;
        // Servers that are only like Anthropic's may leave out where a block ends.
        self.end_block(index, sink)?;
        let mut block = members.need("content_block", Value::members)?;
        let kind = block.read("type", Value::lossy_text)?;
        let begun = match kind.as_deref().unwrap_or_default() {
            "text" => {
                self.part(Last::Text, sink)?;
                say(&mut block, "text", sink, |text| Event::Text {
                    choice: 0,
                    text,
                })?;
                Block::Text
            }
            "thinking" => {
                self.part(Last::Thinking, sink)?;
                say(&mut block, "thinking", sink, |text| Event::Thinking {
                    choice: 0,
                    text,
                })?;
                let signature = block.read("signature", Value::lossy_text)?;
                Block::Thinking(signature.unwrap_or_default().into_cow().into_owned())
            }
            "redacted_thinking" => {
                self.part(Last::Thinking, sink)?;
                self.last = Last::Other;
                let data = block.read("data", Value::lossy_text)?.unwrap_or_default();
                if let Some(state) = reply::state(data, Origin::AnthropicRedacted) {
                    sink(Event::ThinkingState {
                        choice: 0,
                        id: None,
                        state,
                    })?;
                }
                Block::Other
            }
            "tool_use" => self.call(&mut block, sink)?,
            _ => Block::Other,
        };
        if self.open.len() >= MOST_OPEN {
            return Err(Malformed(
                "the provider began too many blocks at once".into(),
            ));
        }
        self.open.push((index, begun));
        Ok(())
    }

    /// A text or a thought begins: says so where it could be taken for more of the one before.
    fn part(&mut self, kind: Last, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let is_break = self.last == kind;
        self.last = kind;
        if is_break {
            sink(Event::Break { choice: 0 })?;
        }
        Ok(())
    }

    fn call(&mut self, block: &mut Members<'_>, sink: &mut Sink<'_>) -> Result<Block, Malformed> {
        let name = block.read("name", Value::lossy_text)?.unwrap_or_default();
        let begun = block.take("input").map_or("{}", Value::raw).to_owned();
        if name == JSON_TOOL {
            self.has_json = true;
            self.part(Last::Text, sink)?;
            return Ok(Block::Json {
                begun,
                has_arguments: false,
            });
        }
        self.last = Last::Other;
        let number = self.calls;
        self.calls = self.calls.saturating_add(1);
        sink(Event::Call {
            choice: 0,
            call: number,
            begun: Call {
                id: block.read("id", Value::lossy_text)?.unwrap_or_default(),
                name,
                namespace: None,
                arguments: Text::default(),
                is_custom: false,
                state: None,
            },
        })?;
        Ok(Block::Call {
            number,
            begun,
            has_arguments: false,
        })
    }

    fn delta(&mut self, members: &mut Members<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let index = index_of(members)?;
        let mut delta = members.need("delta", Value::members)?;
        let block = self
            .open
            .iter_mut()
            .find(|(open, _)| *open == index)
            .map(|(_, block)| block);
        match block {
            // A block that did not say how it began is what its pieces are.
            None | Some(Block::Text) => {
                say(&mut delta, "text", sink, |text| Event::Text {
                    choice: 0,
                    text,
                })?;
                if let Some(citation) = delta.read("citation", words::read_citation)? {
                    sink(Event::Citation {
                        choice: 0,
                        citation,
                    })?;
                }
                Ok(())
            }
            Some(Block::Thinking(signature)) => {
                if let Some(more) = delta.read("signature", Value::lossy_text)? {
                    // It comes whole; the SDKs take the last one too.
                    more.as_str().clone_into(signature);
                }
                say(&mut delta, "thinking", sink, |text| Event::Thinking {
                    choice: 0,
                    text,
                })?;
                Ok(())
            }
            Some(Block::Call {
                number,
                has_arguments,
                ..
            }) => {
                let call = *number;
                *has_arguments |= say(&mut delta, "partial_json", sink, |text| Event::Arguments {
                    choice: 0,
                    call,
                    text,
                })?;
                Ok(())
            }
            Some(Block::Json { has_arguments, .. }) => {
                *has_arguments |= say(&mut delta, "partial_json", sink, |text| Event::Text {
                    choice: 0,
                    text,
                })?;
                Ok(())
            }
            Some(Block::Other) => Ok(()),
        }
    }

    fn end_block(&mut self, index: u64, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let Some(place) = self.open.iter().position(|(open, _)| *open == index) else {
            return Ok(());
        };
        let (_, block) = self.open.swap_remove(place);
        match block {
            Block::Thinking(signature) => {
                let Some(state) = reply::state(Text::from(signature), Origin::Anthropic) else {
                    return Ok(());
                };
                self.last = Last::Other;
                sink(Event::ThinkingState {
                    choice: 0,
                    id: None,
                    state,
                })
            }
            Block::Call {
                number: call,
                begun,
                has_arguments,
            } => {
                if !has_arguments {
                    let text = Text::from(begun);
                    sink(Event::Arguments {
                        choice: 0,
                        call,
                        text,
                    })?;
                }
                sink(Event::CallEnd { choice: 0, call })
            }
            Block::Json {
                begun,
                has_arguments: false,
            } => sink(Event::Text {
                choice: 0,
                text: Text::from(begun),
            }),
            Block::Text | Block::Json { .. } | Block::Other => Ok(()),
        }
    }

    fn finish(&mut self, members: &mut Members<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        if let Some(usage) = members.take("usage") {
            self.tally.read(usage.raw().as_bytes());
        }
        let mut delta = object(members, "delta")?;
        let reason = delta.read("stop_reason", Value::lossy_text)?;
        let details = delta
            .take("stop_details")
            .or_else(|| members.take("stop_details"));
        if let Some(reason) = reason {
            while let Some(index) = self.open.first().map(|(index, _)| *index) {
                self.end_block(index, sink)?;
            }
            let mut finish = words::finish(&reason);
            if self.has_json && self.calls == 0 && finish == Finish::Calls {
                finish = Finish::Stop;
            }
            if let Some(text) = details
                .filter(|_| finish == Finish::Refusal)
                .and_then(reply::explanation)
            {
                sink(Event::Refusal { choice: 0, text })?;
            }
            sink(Event::Finish {
                choice: 0,
                finish,
                stop: delta.read("stop_sequence", Value::lossy_text)?,
            })?;
        }
        match self.tally.usage(0, true) {
            Some(usage) => sink(Event::Usage(usage)),
            None => Ok(()),
        }
    }
}

/// Which block an event is about; the first where a server does not say.
fn index_of(members: &mut Members<'_>) -> Result<u64, Misread> {
    Ok(members.read("index", Value::count)?.unwrap_or(0))
}

/// Says the text called `name`; whether there was any.
fn say<'v>(
    members: &mut Members<'v>,
    name: &str,
    sink: &mut Sink<'_>,
    event: impl FnOnce(Text<'v>) -> Event<'v>,
) -> Result<bool, Malformed> {
    match members.read(name, Value::lossy_text)? {
        Some(text) if !text.is_empty() => sink(event(text)).map(|()| true),
        _ => Ok(false),
    }
}

/// The object called `name`; an empty one where there is none.
fn object<'a>(members: &mut Members<'a>, name: &str) -> Result<Members<'a>, Misread> {
    match members.read(name, Value::members)? {
        Some(object) => Ok(object),
        None => Value::parse("{}")?.members(),
    }
}

fn fail(members: &mut Members<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
    let mut error = object(members, "error")?;
    let code = error.read("type", Value::lossy_text)?.unwrap_or_default();
    sink(Event::Error(Failure {
        status: words::status(&code),
        message: error
            .read("message", Value::lossy_text)?
            .unwrap_or_default(),
        code,
        param: None,
    }))
}
