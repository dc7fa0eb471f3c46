//! Chat and generate as Ollama answers them: one JSON object a line.
//!
//! Source: <https://github.com/ollama/ollama/blob/main/docs/api.md>, read 2026-11.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::behave::{self, Behaviour};
use super::endpoint::Provider;
use super::refuse;
use super::reply::Reply;
use super::say::{Scene, Stop};

/// The moment every answer claims to have been made.
pub(super) const CREATED: &str = "2026-11-22T00:00:00.000000000Z";

/// Answers `POST /api/chat`.
pub(super) fn chat(scene: &Scene) -> Reply {
    answer(scene, |words| {
        let mut message = Map::new();
        message.insert("role".into(), json!("assistant"));
        message.insert("content".into(), json!(words.text));
        if let Some(thought) = words.thought {
            message.insert("thinking".into(), json!(thought));
        }
        if words.with_calls {
            message.insert("tool_calls".into(), calls(scene));
        }
        vec![("message", Value::Object(message))]
    })
}

/// Answers `POST /api/generate`.
pub(super) fn generate(scene: &Scene) -> Reply {
    answer(scene, |words| {
        let mut fields = vec![("response", json!(words.text))];
        if let Some(thought) = words.thought {
            fields.push(("thinking", json!(thought)));
        }
        if words.is_last {
            fields.push(("context", json!([1, 2, 3])));
        }
        fields
    })
}

/// What one object says.
#[derive(Clone, Copy, Default)]
struct Words<'a> {
    text: &'a str,
    thought: Option<&'a str>,
    with_calls: bool,
    is_last: bool,
}

fn calls(scene: &Scene) -> Value {
    scene
        .calls
        .iter()
        .map(|call| json!({ "function": { "name": call.tool.name, "arguments": call.value() } }))
        .collect()
}

fn answer(scene: &Scene, fields: impl Fn(Words<'_>) -> Vec<(&'static str, Value)>) -> Reply {
    let has_calls = !scene.calls.is_empty();
    if !scene.ask.is_streamed {
        let words = Words {
            text: &scene.text,
            thought: scene.thought(),
            with_calls: has_calls,
            is_last: true,
        };
        return Reply::json(200, &object(scene, fields(words), true));
    }
    let mut lines = Vec::new();
    let line = |words: Words<'_>| {
        let object = object(scene, fields(words), words.is_last);
        Bytes::from(format!("{object}\n"))
    };
    if let Some(thought) = scene.thought() {
        lines.push(line(Words {
            thought: Some(thought),
            ..Words::default()
        }));
    }
    if has_calls {
        lines.push(line(Words {
            with_calls: true,
            ..Words::default()
        }));
    }
    for (at, piece) in scene.pieces().iter().enumerate() {
        if scene.behaviour == Behaviour::InBand && at == 2 {
            let error = refuse::body(Provider::Ollama, &behave::trouble(), scene.sequence);
            lines.push(Bytes::from(format!("{error}\n")));
            return Reply::new(200, "application/x-ndjson", lines);
        }
        lines.push(line(Words {
            text: piece,
            ..Words::default()
        }));
    }
    lines.push(line(Words {
        is_last: true,
        ..Words::default()
    }));
    Reply::new(200, "application/x-ndjson", lines)
}

fn object(scene: &Scene, fields: Vec<(&'static str, Value)>, is_last: bool) -> Value {
    let mut object = Map::new();
    object.insert("model".into(), json!(scene.ask.model));
    object.insert("created_at".into(), json!(CREATED));
    object.extend(
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value)),
    );
    object.insert("done".into(), json!(is_last));
    if is_last {
        let reason = if scene.stop == Stop::Length {
            "length"
        } else {
            "stop"
        };
        object.insert("done_reason".into(), json!(reason));
        object.extend(scene.usage.ollama());
    }
    Value::Object(object)
}
