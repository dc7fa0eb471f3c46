//! Reading a stream.
//!
//! Pieces are handed on as they come. Of the items only their places are kept, and how much of
//! each was said: some servers say everything only when an item is done, or in the last event.

use std::borrow::Cow;

use mirk_model::{Call, Choice, Event, Failure, Finish, PartKind, Text};

use crate::{
    json::{Members, Type, Value},
    openai_responses::{ask, reply, words},
    wire::{self, Malformed, Sink},
};

/// The one answer that there is.
const CHOICE: u32 = 0;

/// More items than any answer has; each is looked for by its place.
const MOST_ITEMS: usize = 4096;

/// The longest id of an item that is kept.
const LONGEST_ID: usize = 512;

/// Reads a stream.
#[derive(Debug, Default)]
pub(in crate::openai_responses) struct Reader {
    has_started: bool,
    /// The end was said, whether good or bad: of a failure OpenAI speaks twice.
    has_ended: bool,
    items: Vec<Item>,
    calls: u32,
    has_refusal: bool,
    /// Of which part, and of which kind, the last piece was.
    last: Option<Spot>,
}

/// An item that was begun.
#[derive(Debug)]
struct Item {
    /// Its place among the items, or its id where a server gives no place.
    key: Key,
    /// The call that it is.
    call: Option<u32>,
    has_said: bool,
    is_done: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Key {
    Place(u64),
    Id(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spot {
    kind: Piece,
    item: usize,
    part: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Text,
    Refusal,
    Thinking,
}

impl Reader {
    /// The item that an event is about, begun now if it is new. `own` is its own id, where the
    /// event has the whole item.
    fn item(
        &mut self,
        members: &mut Members<'_>,
        own: Option<Text<'_>>,
    ) -> Result<usize, Malformed> {
        let place = members.take("output_index").and_then(|at| at.count().ok());
        let id = members.take("item_id").and_then(|id| id.lossy_text().ok());
        let key = match (place, id.or(own)) {
            (Some(place), _) => Key::Place(place),
            (None, Some(id)) if id.len() <= LONGEST_ID => Key::Id(id.as_str().to_owned()),
            (None, Some(_)) => {
                let words = "the provider gave an item an id that is too long";
                return Err(Malformed(Cow::Borrowed(words)));
            }
            // Who says neither has one item at a time.
            (None, None) => match self.items.len() {
                0 => Key::Place(0),
                length => return Ok(length - 1),
            },
        };
        // The one that is looked for is nearly always the last.
        match self.items.iter().rposition(|item| item.key == key) {
            Some(index) => Ok(index),
            None => self.new_item(key),
        }
    }

    fn new_item(&mut self, key: Key) -> Result<usize, Malformed> {
        if self.items.len() >= MOST_ITEMS {
            return Err(Malformed(Cow::Borrowed("the provider gave too many items")));
        }
        self.items.push(Item {
            key,
            call: None,
            has_said: false,
            is_done: false,
        });
        Ok(self.items.len() - 1)
    }

    fn begin(&mut self, response: Option<Value<'_>>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        if std::mem::replace(&mut self.has_started, true) {
            return Ok(());
        }
        let mut members = match response {
            Some(response) => response.members()?,
            None => return Ok(()),
        };
        sink(Event::Start {
            id: members.read("id", Value::lossy_text)?.unwrap_or_default(),
            model: members
                .read("model", Value::lossy_text)?
                .unwrap_or_default(),
            created: reply::created(&mut members),
            usage: None,
        })
    }

    /// Marks that something is said at `spot`, and tells when it is another part.
    fn at(&mut self, spot: Spot, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        if let Some(item) = self.items.get_mut(spot.item) {
            item.has_said = true;
        }
        let last = self.last.replace(spot);
        let Some(last) = last.filter(|last| last.kind == spot.kind && *last != spot) else {
            return Ok(());
        };
        if spot.kind == Piece::Thinking && last.item == spot.item {
            // The paragraphs of one thought.
            return sink(Event::Thinking {
                choice: CHOICE,
                text: Text::from("\n\n"),
            });
        }
        sink(Event::Break { choice: CHOICE })
    }

    fn say(&mut self, spot: Spot, text: Text<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        if text.is_empty() {
            return Ok(());
        }
        self.at(spot, sink)?;
        let choice = CHOICE;
        match spot.kind {
            Piece::Text => sink(Event::Text { choice, text }),
            Piece::Thinking => sink(Event::Thinking { choice, text }),
            Piece::Refusal => {
                self.has_refusal = true;
                sink(Event::Refusal { choice, text })
            }
        }
    }

    /// A piece of what is said or thought.
    fn piece(
        &mut self,
        kind: Piece,
        members: &mut Members<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Malformed> {
        let item = self.item(members, None)?;
        let part = ["content_index", "summary_index"]
            .iter()
            .find_map(|name| members.take(name)?.count().ok());
        let part = part.unwrap_or(0);
        let text = members.read("delta", Value::lossy_text)?;
        self.say(Spot { kind, item, part }, text.unwrap_or_default(), sink)?;
        let tokens = words::logprobs(members).unwrap_or_default();
        if tokens.is_empty() {
            return Ok(());
        }
        sink(Event::Logprobs {
            choice: CHOICE,
            tokens,
        })
    }

    fn arguments(
        &mut self,
        members: &mut Members<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Malformed> {
        let item = self.item(members, None)?;
        let text = members.read("delta", Value::lossy_text)?;
        self.argue(item, text.unwrap_or_default(), sink)
    }

    fn argue(&mut self, item: usize, text: Text<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let Some(item) = self.items.get_mut(item) else {
            return Ok(());
        };
        // Arguments of an item that is no call of the client's are none of its business.
        let Some(call) = item.call.filter(|_| !text.is_empty()) else {
            return Ok(());
        };
        item.has_said = true;
        sink(Event::Arguments {
            choice: CHOICE,
            call,
            text,
        })
    }

    /// An item begins.
    fn added(&mut self, members: &mut Members<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let Some(value) = members.take("item") else {
            return Ok(());
        };
        let mut item = value.members()?;
        let index = self.item(members, id_of(&item))?;
        let is_custom = match item.take("type").map(Value::raw) {
            Some(r#""function_call""#) => false,
            Some(r#""custom_tool_call""#) => true,
            _ => return Ok(()),
        };
        let mut begun = ask::call(&mut item, is_custom)?;
        // They come in pieces, and once more when the call is done.
        begun.arguments = Text::default();
        self.call(index, begun, sink)
    }

    fn call(
        &mut self,
        index: usize,
        begun: Call<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Malformed> {
        let Some(item) = self.items.get_mut(index).filter(|item| item.call.is_none()) else {
            return Ok(());
        };
        let call = self.calls;
        self.calls += 1;
        item.call = Some(call);
        sink(Event::Call {
            choice: CHOICE,
            call,
            begun,
        })
    }

    /// An item is complete: what was not said of it in pieces is said now.
    fn done(
        &mut self,
        index: usize,
        value: Value<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Malformed> {
        let Some(item) = self.items.get_mut(index) else {
            return Ok(());
        };
        if std::mem::replace(&mut item.is_done, true) {
            return Ok(());
        }
        let has_said = item.has_said;
        let mut found = Choice::default();
        reply::output(value, &mut found)?;
        for (part, kind) in (0_u64..).zip(found.parts.into_iter().map(|part| part.kind)) {
            self.late((index, part), kind, has_said, sink)?;
        }
        if has_said || found.logprobs.is_empty() {
            return Ok(());
        }
        sink(Event::Logprobs {
            choice: CHOICE,
            tokens: found.logprobs,
        })
    }

    /// A part of an item that is complete.
    fn late(
        &mut self,
        (item, part): (usize, u64),
        kind: PartKind<'_>,
        has_said: bool,
        sink: &mut Sink<'_>,
    ) -> Result<(), Malformed> {
        let spot = |kind| Spot { kind, item, part };
        match kind {
            PartKind::Text { text, citations } if !has_said => {
                self.say(spot(Piece::Text), text, sink)?;
                for citation in citations {
                    sink(Event::Citation {
                        choice: CHOICE,
                        citation,
                    })?;
                }
                Ok(())
            }
            PartKind::Refusal(text) if !has_said => self.say(spot(Piece::Refusal), text, sink),
            PartKind::Thinking(thinking) => {
                if !has_said {
                    self.say(spot(Piece::Thinking), thinking.text, sink)?;
                }
                let Some(state) = thinking.state else {
                    return Ok(());
                };
                self.last = None;
                sink(Event::ThinkingState {
                    choice: CHOICE,
                    id: thinking.id,
                    state,
                })
            }
            PartKind::Call(call) => self.called(item, call, has_said, sink),
            _ => Ok(()),
        }
    }

    /// A call is complete.
    fn called(
        &mut self,
        index: usize,
        mut begun: Call<'_>,
        has_said: bool,
        sink: &mut Sink<'_>,
    ) -> Result<(), Malformed> {
        let arguments = std::mem::take(&mut begun.arguments);
        self.call(index, begun, sink)?;
        if !has_said {
            self.argue(index, arguments, sink)?;
        }
        match self.items.get(index).and_then(|item| item.call) {
            Some(call) => sink(Event::CallEnd {
                choice: CHOICE,
                call,
            }),
            None => Ok(()),
        }
    }

    /// The answer is complete, or as complete as it gets.
    fn end(&mut self, response: Option<Value<'_>>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        self.has_ended = true;
        let mut members = match response {
            Some(response) => response.members()?,
            None => Value::parse("{}")?.members()?,
        };
        if let Some(output) = members.take("output").filter(|_| self.items.is_empty()) {
            for (place, value) in (0_u64..).zip(output.items()?) {
                let index = self.new_item(Key::Place(place))?;
                self.done(index, value, sink)?;
            }
        }
        let status = members.take("status").map(Value::raw);
        let finish = if status == Some(r#""incomplete""#) {
            words::incomplete(members.take("incomplete_details"))
        } else if self.calls > 0 {
            Finish::Calls
        } else if self.has_refusal {
            Finish::Refusal
        } else {
            Finish::Stop
        };
        sink(Event::Finish {
            choice: CHOICE,
            finish,
            stop: None,
        })?;
        if let Some(usage) = members.take("usage").and_then(words::usage) {
            sink(Event::Usage(usage))?;
        }
        sink(Event::End)
    }

    /// The provider failed. It says so once or twice, and the first time counts.
    fn fail(&mut self, said: Option<Value<'_>>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        self.has_ended = true;
        let said = said.filter(|said| said.kind() == Type::Object);
        let mut members = said.unwrap_or(Value::parse("{}")?).members()?;
        let status = members
            .take("status")
            .and_then(|status| status.count().ok());
        // The words stand in `error`, or beside it.
        if let Some(error) = members
            .take("error")
            .filter(|error| error.kind() == Type::Object)
        {
            members = error.members()?;
        }
        let mut text = |name: &str| members.take(name).and_then(|value| value.lossy_text().ok());
        let code = text("code").or_else(|| text("type").filter(|kind| *kind != "error"));
        let code = code.unwrap_or_default();
        let status = status
            .and_then(|status| u16::try_from(status).ok())
            .filter(|status| (400..600).contains(status));
        sink(Event::Error(Failure {
            status: status.unwrap_or_else(|| status_of(&code)),
            message: text("message").unwrap_or_default(),
            param: text("param"),
            code,
        }))
    }
}

fn id_of<'a>(item: &Members<'a>) -> Option<Text<'a>> {
    item.peek("id").and_then(|id| id.lossy_text().ok())
}

/// The HTTP status that a code amounts to.
///
/// Source: `response_error.py` of `openai-python`, and what Codex tells apart.
fn status_of(code: &str) -> u16 {
    match code {
        "rate_limit_exceeded"
        | "rate_limit_error"
        | "insufficient_quota"
        | "usage_limit_reached" => 429,
        "server_is_overloaded" | "slow_down" | "overloaded_error" => 503,
        "invalid_api_key" | "authentication_error" => 401,
        "permission_error" => 403,
        "vector_store_timeout" => 504,
        "context_length_exceeded" | "image_parse_error" | "failed_to_download_image" => 400,
        _ if code.starts_with("invalid_")
            || code.starts_with("image_")
            || code.starts_with("unsupported_")
            || code.starts_with("empty_") =>
        {
            400
        }
        _ => 500,
    }
}

impl wire::Reader for Reader {
    fn data(&mut self, data: &str, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        // Some servers end with Chat's mark.
        if self.has_ended || data.trim() == "[DONE]" {
            return Ok(());
        }
        let mut members = Value::parse(data)?.members()?;
        let kind = members.read("type", Value::lossy_text)?.unwrap_or_default();
        match kind.as_str() {
            "response.output_text.delta" => self.piece(Piece::Text, &mut members, sink),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.arguments(&mut members, sink)
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.piece(Piece::Thinking, &mut members, sink)
            }
            "response.refusal.delta" => self.piece(Piece::Refusal, &mut members, sink),
            "response.created" | "response.in_progress" | "response.queued" => {
                self.begin(members.take("response"), sink)
            }
            "response.output_item.added" => self.added(&mut members, sink),
            "response.output_item.done" => {
                let Some(value) = members.take("item") else {
                    return Ok(());
                };
                let own = id_of(&value.members()?);
                let index = self.item(&mut members, own)?;
                self.done(index, value, sink)
            }
            "response.output_text.annotation.added" => {
                match members.take("annotation").and_then(words::annotation) {
                    Some(citation) => sink(Event::Citation {
                        choice: CHOICE,
                        citation,
                    }),
                    None => Ok(()),
                }
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                let response = members.take("response");
                self.begin(response, sink)?;
                self.end(response, sink)
            }
            "response.failed" | "response.cancelled" => self.fail(members.take("response"), sink),
            "error" => self.fail(Some(Value::parse(data)?), sink),
            "" if members.peek("error").is_some() => self.fail(Some(Value::parse(data)?), sink),
            _ => Ok(()),
        }
    }
}
