//! Chat Completions as OpenAI answers them.
//!
//! Source: <https://platform.openai.com/docs/api-reference/chat>, read 2026-11.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::ask::flag;
use super::behave::{self, Behaviour};
use super::endpoint::Provider;
use super::refuse;
use super::reply::Reply;
use super::say::{Kind, Scene, Stop};

/// The content type of every OpenAI stream.
pub(super) const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// One event of an OpenAI stream that has no name.
pub(super) fn data(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

/// Answers `POST /v1/chat/completions`.
pub(super) fn chat(body: &Value, scene: &Scene) -> Reply {
    if scene.ask.is_streamed {
        let asks_usage = body
            .get("stream_options")
            .is_some_and(|options| flag(options, "include_usage"));
        return Reply::new(200, EVENT_STREAM, Stream { scene, asks_usage }.events());
    }
    let message = message(scene);
    let choices: Vec<Value> = (0..scene.ask.choices)
        .map(|index| {
            json!({
                "index": index,
                "message": message,
                "logprobs": null,
                "finish_reason": finish_reason(&scene.stop),
            })
        })
        .collect();
    let mut answer = head(scene, "chat.completion");
    answer.insert("choices".into(), Value::Array(choices));
    if let Some(usage) = scene.usage.openai_chat() {
        answer.insert("usage".into(), usage);
    }
    answer.insert("service_tier".into(), json!("default"));
    answer.insert("system_fingerprint".into(), json!("fp_simulated"));
    Reply::json(200, &Value::Object(answer))
}

/// The word for why an answer stopped.
pub(super) fn finish_reason(stop: &Stop) -> &'static str {
    match stop {
        Stop::Natural | Stop::Sequence(_) => "stop",
        Stop::Length => "length",
        Stop::Tools => "tool_calls",
    }
}

fn head(scene: &Scene, object: &str) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("id".into(), json!(scene.id(Kind::ChatCompletion, 0)));
    head.insert("object".into(), json!(object));
    head.insert("created".into(), json!(scene.created()));
    head.insert("model".into(), json!(scene.ask.model));
    head
}

fn message(scene: &Scene) -> Value {
    let mut message = json!({
        "role": "assistant", "content": scene.text, "refusal": null, "annotations": [],
    });
    if !scene.calls.is_empty()
        && let Some(fields) = message.as_object_mut()
    {
        let calls = scene.calls.iter().enumerate().map(|(at, call)| {
            json!({
                "id": scene.id(Kind::OpenAiCall, at),
                "type": "function",
                "function": { "name": call.tool.name, "arguments": call.arguments },
            })
        });
        fields.insert("content".into(), Value::Null);
        fields.insert("tool_calls".into(), calls.collect());
    }
    message
}

struct Stream<'a> {
    scene: &'a Scene,
    asks_usage: bool,
}

impl Stream<'_> {
    fn events(&self) -> Vec<Bytes> {
        let mut events = Vec::new();
        self.push(&mut events, &self.opening());
        for (at, delta) in self.deltas().iter().enumerate() {
            if self.scene.behaviour == Behaviour::InBand && at == 2 {
                let trouble = behave::trouble();
                let error = refuse::body(Provider::OpenAi, &trouble, self.scene.sequence);
                events.push(data(&error));
                return events;
            }
            self.push(&mut events, delta);
        }
        for index in 0..self.scene.ask.choices {
            let reason = json!(finish_reason(&self.scene.stop));
            events.push(self.chunk(json!([choice(index, &json!({}), &reason)]), Value::Null));
        }
        if self.asks_usage
            && let Some(usage) = self.scene.usage.openai_chat()
        {
            events.push(self.chunk(json!([]), usage));
        }
        events.push(Bytes::from_static(b"data: [DONE]\n\n"));
        events
    }

    fn opening(&self) -> Value {
        if self.scene.calls.is_empty() {
            json!({ "role": "assistant", "content": "", "refusal": null })
        } else {
            json!({ "role": "assistant", "content": null, "refusal": null })
        }
    }

    fn deltas(&self) -> Vec<Value> {
        let mut deltas: Vec<Value> = self
            .scene
            .pieces()
            .into_iter()
            .map(|piece| json!({ "content": piece }))
            .collect();
        for (at, call) in self.scene.calls.iter().enumerate() {
            deltas.push(json!({ "tool_calls": [{
                "index": at,
                "id": self.scene.id(Kind::OpenAiCall, at),
                "type": "function",
                "function": { "name": call.tool.name, "arguments": "" },
            }]}));
            deltas.extend(call.fragments().into_iter().map(|fragment| {
                json!({ "tool_calls": [{ "index": at, "function": { "arguments": fragment } }] })
            }));
        }
        deltas
    }

    /// The same delta for every choice.
    fn push(&self, events: &mut Vec<Bytes>, delta: &Value) {
        for index in 0..self.scene.ask.choices {
            events.push(self.chunk(json!([choice(index, delta, &Value::Null)]), Value::Null));
        }
    }

    /// A chunk. `usage` stands in every chunk, null but in the last, only when it was asked for.
    fn chunk(&self, choices: Value, usage: Value) -> Bytes {
        let mut chunk = head(self.scene, "chat.completion.chunk");
        chunk.insert("service_tier".into(), json!("default"));
        chunk.insert("system_fingerprint".into(), json!("fp_simulated"));
        chunk.insert("choices".into(), choices);
        if self.asks_usage {
            chunk.insert("usage".into(), usage);
        }
        data(&Value::Object(chunk))
    }
}

fn choice(index: u64, delta: &Value, reason: &Value) -> Value {
    json!({ "index": index, "delta": delta, "logprobs": null, "finish_reason": reason })
}
