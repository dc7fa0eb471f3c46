//! The stream of the Responses API: every event with its name and its number.
//!
//! Source: <https://platform.openai.com/docs/api-reference/responses-streaming>, read 2026-11.

use bytes::Bytes;
use serde_json::{Value, json};

use super::behave::{self, Behaviour};
use super::endpoint::Provider;
use super::refuse;
use super::responses::{Asked, Item, call_words, summary_part, text_part};
use super::say::Call;

/// All events of a streamed response.
pub(super) fn all(asked: &Asked<'_>) -> Vec<Bytes> {
    let mut log = Log {
        asked,
        events: Vec::new(),
        deltas: 0,
        is_broken: false,
    };
    log.push("response.created", json!({ "response": asked.started() }));
    log.push(
        "response.in_progress",
        json!({ "response": asked.started() }),
    );
    for (at, item) in asked.items().into_iter().enumerate() {
        log.item(at, item);
    }
    let response = asked.finished();
    let is_incomplete = response
        .get("status")
        .is_some_and(|status| status == "incomplete");
    let last = if is_incomplete {
        "response.incomplete"
    } else {
        "response.completed"
    };
    log.push(last, json!({ "response": response }));
    log.events
}

struct Log<'a> {
    asked: &'a Asked<'a>,
    events: Vec<Bytes>,
    deltas: usize,
    is_broken: bool,
}

impl Log<'_> {
    fn push(&mut self, name: &str, fields: Value) {
        if self.is_broken {
            return;
        }
        let mut event = json!({ "type": name, "sequence_number": self.events.len() });
        if let (Some(event), Value::Object(fields)) = (event.as_object_mut(), fields) {
            event.extend(fields);
        }
        self.events
            .push(Bytes::from(format!("event: {name}\ndata: {event}\n\n")));
    }

    /// A delta; after two of them `sim-inband` breaks off with an error.
    fn delta(&mut self, name: &str, fields: Value) {
        if self.asked.scene.behaviour == Behaviour::InBand && self.deltas == 2 {
            self.fail();
        }
        self.deltas += 1;
        self.push(name, fields);
    }

    fn fail(&mut self) {
        let sequence = self.asked.scene.sequence;
        let body = refuse::body(Provider::OpenAi, &behave::trouble(), sequence);
        let message = body
            .pointer("/error/message")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let error = json!({ "code": "server_error", "message": message, "param": null });
        self.push("error", error);
        self.push(
            "response.failed",
            json!({ "response": self.asked.failed(message) }),
        );
        self.is_broken = true;
    }

    fn item(&mut self, at: usize, item: Item) {
        let empty = item.empty(self.asked);
        self.push(
            "response.output_item.added",
            json!({ "output_index": at, "item": empty }),
        );
        let place = Place {
            id: item.id(self.asked),
            at,
        };
        match item {
            Item::Reasoning => self.reasoning(&place),
            Item::Message => self.message(&place),
            Item::Call(index) => {
                if let Some(call) = self.asked.call(index) {
                    self.call(&place, call);
                }
            }
        }
        let whole = item.whole(self.asked);
        self.push(
            "response.output_item.done",
            json!({ "output_index": at, "item": whole }),
        );
    }

    fn message(&mut self, place: &Place) {
        let text = &self.asked.scene.text;
        let part = |part: Value| place.with("content_index", json!({ "part": part }));
        self.push("response.content_part.added", part(text_part("")));
        for piece in self.asked.scene.pieces() {
            let fields = json!({ "delta": piece, "logprobs": [] });
            self.delta(
                "response.output_text.delta",
                place.with("content_index", fields),
            );
        }
        let done = json!({ "text": text, "logprobs": [] });
        self.push(
            "response.output_text.done",
            place.with("content_index", done),
        );
        self.push("response.content_part.done", part(text_part(text)));
    }

    fn reasoning(&mut self, place: &Place) {
        let Some(thought) = self.asked.scene.thought() else {
            return;
        };
        if !self.asked.scene.ask.shows_thoughts {
            return;
        }
        let fields = |fields: Value| place.with("summary_index", fields);
        let part = |text: &str| fields(json!({ "part": summary_part(text) }));
        self.push("response.reasoning_summary_part.added", part(""));
        self.push(
            "response.reasoning_summary_text.delta",
            fields(json!({ "delta": thought })),
        );
        self.push(
            "response.reasoning_summary_text.done",
            fields(json!({ "text": thought })),
        );
        self.push("response.reasoning_summary_part.done", part(thought));
    }

    fn call(&mut self, place: &Place, call: &Call) {
        let (stem, field) = if call.tool.is_freeform {
            ("response.custom_tool_call_input", "input")
        } else {
            ("response.function_call_arguments", "arguments")
        };
        let said = call_words(call);
        for fragment in Call::fragments_of(&said) {
            self.delta(
                &format!("{stem}.delta"),
                place.plain(json!({ "delta": fragment })),
            );
        }
        self.push(&format!("{stem}.done"), place.plain(json!({ field: said })));
    }
}

/// Which item an event belongs to.
struct Place {
    id: String,
    at: usize,
}

impl Place {
    fn plain(&self, fields: Value) -> Value {
        let mut event = json!({ "item_id": self.id, "output_index": self.at });
        if let (Some(event), Value::Object(fields)) = (event.as_object_mut(), fields) {
            event.extend(fields);
        }
        event
    }

    /// The same with an index, always 0, of the part inside the item.
    fn with(&self, index: &str, fields: Value) -> Value {
        let mut event = self.plain(json!({ index: 0 }));
        if let (Some(event), Value::Object(fields)) = (event.as_object_mut(), fields) {
            event.extend(fields);
        }
        event
    }
}
