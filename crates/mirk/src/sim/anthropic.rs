//! Messages as Anthropic answers them.
//!
//! Sources: <https://docs.anthropic.com/en/api/messages>,
//! <https://docs.anthropic.com/en/docs/build-with-claude/streaming>, read 2026-11.

use bytes::Bytes;
use serde_json::{Value, json};

use super::behave::{self, Behaviour};
use super::endpoint::Provider;
use super::openai::EVENT_STREAM;
use super::refuse;
use super::reply::Reply;
use super::say::{Call, Kind, SIGNATURE, Scene, Stop};

/// Answers `POST /v1/messages`.
pub(super) fn messages(_body: &Value, scene: &Scene) -> Reply {
    let reply = if scene.ask.is_streamed {
        let mut stream = Stream {
            scene,
            events: Vec::new(),
            blocks: 0,
            deltas: 0,
        };
        stream.fill();
        Reply::new(200, EVENT_STREAM, stream.events)
    } else {
        let mut message = opening(scene);
        if let Some(fields) = message.as_object_mut() {
            fields.insert("content".into(), content(scene));
            fields.insert("stop_reason".into(), json!(stop_reason(&scene.stop)));
            fields.insert("stop_sequence".into(), json!(stop_sequence(&scene.stop)));
            if let Some(usage) = scene.usage.anthropic(scene.usage.output) {
                fields.insert("usage".into(), usage);
            }
        }
        Reply::json(200, &message)
    };
    reply
        .with("anthropic-ratelimit-requests-limit", "50")
        .with("anthropic-ratelimit-requests-remaining", "49")
        .with("anthropic-ratelimit-requests-reset", "2026-11-22T00:00:01Z")
}

/// Answers `POST /v1/messages/count_tokens`.
pub(super) fn count(scene: &Scene) -> Reply {
    Reply::json(200, &json!({ "input_tokens": scene.usage.input }))
}

/// The message before anything was said.
fn opening(scene: &Scene) -> Value {
    let mut message = json!({
        "id": scene.id(Kind::AnthropicMessage, 0),
        "type": "message",
        "role": "assistant",
        "model": scene.ask.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
    });
    if let (Some(fields), Some(usage)) = (message.as_object_mut(), scene.usage.anthropic(1)) {
        fields.insert("usage".into(), usage);
    }
    message
}

fn stop_reason(stop: &Stop) -> &'static str {
    match stop {
        Stop::Natural => "end_turn",
        Stop::Sequence(_) => "stop_sequence",
        Stop::Length => "max_tokens",
        Stop::Tools => "tool_use",
    }
}

fn stop_sequence(stop: &Stop) -> Option<&str> {
    match stop {
        Stop::Sequence(sequence) => Some(sequence),
        Stop::Natural | Stop::Length | Stop::Tools => None,
    }
}

/// The thought as shown: nothing of it when the client asked to omit it.
fn shown(scene: &Scene) -> Option<&'static str> {
    let thought = scene.thought()?;
    Some(if scene.ask.shows_thoughts {
        thought
    } else {
        ""
    })
}

fn content(scene: &Scene) -> Value {
    let mut blocks = Vec::new();
    if let Some(thought) = shown(scene) {
        blocks.push(json!({ "type": "thinking", "thinking": thought, "signature": SIGNATURE }));
    }
    if scene.calls.is_empty() {
        blocks.push(json!({ "type": "text", "text": scene.text }));
    }
    for (at, call) in scene.calls.iter().enumerate() {
        blocks.push(tool_use(scene, at, call, &call.value()));
    }
    Value::Array(blocks)
}

fn tool_use(scene: &Scene, at: usize, call: &Call, input: &Value) -> Value {
    json!({
        "type": "tool_use",
        "id": scene.id(Kind::AnthropicCall, at),
        "name": call.tool.name,
        "input": input,
    })
}

struct Stream<'a> {
    scene: &'a Scene,
    events: Vec<Bytes>,
    blocks: usize,
    deltas: usize,
}

impl Stream<'_> {
    fn fill(&mut self) {
        let scene = self.scene;
        self.push(&json!({ "type": "message_start", "message": opening(scene) }));
        if let Some(thought) = shown(scene) {
            self.thinking(thought);
        }
        if scene.calls.is_empty() {
            self.text();
        }
        for (at, call) in scene.calls.iter().enumerate() {
            self.call(at, call);
        }
        if self.breaks_here() {
            let error = refuse::body(Provider::Anthropic, &behave::trouble(), scene.sequence);
            self.push(&error);
            return;
        }
        let mut last = json!({
            "type": "message_delta",
            "delta": {
                "stop_reason": stop_reason(&scene.stop),
                "stop_sequence": stop_sequence(&scene.stop),
            },
        });
        let usage = scene.usage.anthropic_delta(scene.ask.thinks);
        if let (Some(fields), Some(usage)) = (last.as_object_mut(), usage) {
            fields.insert("usage".into(), usage);
        }
        self.push(&last);
        self.push(&json!({ "type": "message_stop" }));
    }

    /// Whether `sim-inband` has sent its two deltas.
    fn breaks_here(&self) -> bool {
        self.scene.behaviour == Behaviour::InBand && self.deltas >= 2
    }

    fn push(&mut self, event: &Value) {
        let name = event
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        self.events
            .push(Bytes::from(format!("event: {name}\ndata: {event}\n\n")));
    }

    fn start(&mut self, block: &Value) {
        let index = self.blocks;
        self.push(&json!({
            "type": "content_block_start", "index": index, "content_block": block,
        }));
        if index == 0 {
            self.push(&json!({ "type": "ping" }));
        }
    }

    fn delta(&mut self, delta: &Value) {
        if self.breaks_here() {
            return;
        }
        self.deltas += 1;
        let index = self.blocks;
        self.push(&json!({ "type": "content_block_delta", "index": index, "delta": delta }));
    }

    fn stop(&mut self) {
        if !self.breaks_here() {
            let index = self.blocks;
            self.push(&json!({ "type": "content_block_stop", "index": index }));
        }
        self.blocks += 1;
    }

    fn thinking(&mut self, thought: &str) {
        self.start(&json!({ "type": "thinking", "thinking": "", "signature": "" }));
        for word in thought.split_inclusive(' ') {
            self.delta(&json!({ "type": "thinking_delta", "thinking": word }));
        }
        self.delta(&json!({ "type": "signature_delta", "signature": SIGNATURE }));
        self.stop();
    }

    fn text(&mut self) {
        if self.breaks_here() {
            return;
        }
        self.start(&json!({ "type": "text", "text": "" }));
        for piece in self.scene.pieces() {
            self.delta(&json!({ "type": "text_delta", "text": piece }));
        }
        self.stop();
    }

    fn call(&mut self, at: usize, call: &Call) {
        if self.breaks_here() {
            return;
        }
        self.start(&tool_use(self.scene, at, call, &json!({})));
        self.delta(&json!({ "type": "input_json_delta", "partial_json": "" }));
        for fragment in call.fragments() {
            self.delta(&json!({ "type": "input_json_delta", "partial_json": fragment }));
        }
        self.stop();
    }
}
