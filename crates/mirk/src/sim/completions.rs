//! The old Completions endpoint as OpenAI answers it.
//!
//! Source: <https://platform.openai.com/docs/api-reference/completions>, read 2026-11.

use bytes::Bytes;
use serde_json::{Value, json};

use super::ask::flag;
use super::behave::{self, Behaviour};
use super::endpoint::Provider;
use super::openai::{EVENT_STREAM, data, finish_reason};
use super::refuse;
use super::reply::Reply;
use super::say::{Kind, Scene};

/// Answers `POST /v1/completions`.
pub(super) fn answer(body: &Value, scene: &Scene) -> Reply {
    let reason = json!(finish_reason(&scene.stop));
    if !scene.ask.is_streamed {
        let choices: Vec<Value> = (0..scene.ask.choices)
            .map(|index| choice(index, &scene.text, &reason))
            .collect();
        return Reply::json(
            200,
            &object(scene, &json!(choices), scene.usage.openai_chat()),
        );
    }
    let asks_usage = body
        .get("stream_options")
        .is_some_and(|options| flag(options, "include_usage"));
    let null = asks_usage.then_some(Value::Null);
    let mut events = Vec::new();
    for (at, piece) in scene.pieces().iter().enumerate() {
        if scene.behaviour == Behaviour::InBand && at == 2 {
            let error = refuse::body(Provider::OpenAi, &behave::trouble(), scene.sequence);
            events.push(data(&error));
            return Reply::new(200, EVENT_STREAM, events);
        }
        for index in 0..scene.ask.choices {
            let choices = json!([choice(index, piece, &Value::Null)]);
            events.push(data(&object(scene, &choices, null.clone())));
        }
    }
    for index in 0..scene.ask.choices {
        let choices = json!([choice(index, "", &reason)]);
        events.push(data(&object(scene, &choices, null.clone())));
    }
    if asks_usage && let Some(usage) = scene.usage.openai_chat() {
        events.push(data(&object(scene, &json!([]), Some(usage))));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    Reply::new(200, EVENT_STREAM, events)
}

fn choice(index: u64, text: &str, reason: &Value) -> Value {
    json!({ "text": text, "index": index, "logprobs": null, "finish_reason": reason })
}

fn object(scene: &Scene, choices: &Value, usage: Option<Value>) -> Value {
    let mut object = json!({
        "id": scene.id(Kind::Completion, 0),
        "object": "text_completion",
        "created": scene.created(),
        "model": scene.ask.model,
        "choices": choices,
    });
    if let (Some(fields), Some(usage)) = (object.as_object_mut(), usage) {
        fields.insert("usage".into(), usage);
    }
    object
}
