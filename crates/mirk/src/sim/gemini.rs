//! Generated content as Gemini answers it.
//!
//! Sources: <https://ai.google.dev/api/generate-content>,
//! <https://ai.google.dev/gemini-api/docs/thought-signatures>, read 2026-11.

use bytes::Bytes;
use serde_json::{Value, json};

use super::ask::{array, either};
use super::behave::{self, Behaviour};
use super::endpoint::Provider;
use super::refuse::{self, Refusal};
use super::reply::Reply;
use super::say::{Kind, SIGNATURE, Scene, Stop};
use super::usage::tokens;

/// Answers `:generateContent` and `:streamGenerateContent`.
pub(super) fn generate(body: &Value, scene: &Scene) -> Result<Reply, Refusal> {
    check_signatures(body, scene)?;
    if !scene.ask.is_streamed {
        let parts = merged(parts(scene));
        let answer = response(
            scene,
            &parts,
            Some(finish_reason(&scene.stop)),
            spoken(scene),
        );
        return Ok(Reply::json(200, &answer));
    }
    let chunks = chunks(scene);
    Ok(if scene.ask.is_array {
        Reply::new(200, "application/json; charset=UTF-8", as_array(&chunks))
    } else {
        let events = chunks
            .iter()
            .map(|chunk| Bytes::from(format!("data: {chunk}\r\n\r\n")));
        Reply::new(200, "text/event-stream", events.collect())
    })
}

/// Answers `:countTokens`.
pub(super) fn count(scene: &Scene) -> Reply {
    let total = scene.usage.input;
    Reply::json(
        200,
        &json!({
            "totalTokens": total,
            "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": total }],
        }),
    )
}

fn is_third_generation(scene: &Scene) -> bool {
    scene.ask.model.starts_with("gemini-3")
}

/// From Gemini 3 on, the first function call of each turn must come back with its signature.
fn check_signatures(body: &Value, scene: &Scene) -> Result<(), Refusal> {
    if !is_third_generation(scene) {
        return Ok(());
    }
    for (position, content) in array(body.get("contents")).enumerate() {
        let first = array(content.get("parts"))
            .find_map(|part| Some((part, either(part, "functionCall", "function_call")?)));
        let Some((part, call)) = first else { continue };
        let signature = either(part, "thoughtSignature", "thought_signature");
        if signature.and_then(Value::as_str).is_none_or(str::is_empty) {
            let name = call.get("name").and_then(Value::as_str).unwrap_or_default();
            return Err(Refusal::said(
                400,
                format!(
                    "Function call is missing a thought_signature in functionCall parts. This is \
                 required for tools to work correctly, and missing thought_signature may lead to \
                 degraded model performance. Additional data, function call `default_api:{name}` , \
                 position {}. Please refer to \
                 https://ai.google.dev/gemini-api/docs/thought-signatures for more details.",
                    position + 1
                ),
            ));
        }
    }
    Ok(())
}

fn finish_reason(stop: &Stop) -> &'static str {
    match stop {
        Stop::Natural | Stop::Sequence(_) | Stop::Tools => "STOP",
        Stop::Length => "MAX_TOKENS",
    }
}

/// The tokens of what is said, without the thoughts.
fn spoken(scene: &Scene) -> u64 {
    scene.usage.output.saturating_sub(scene.usage.reasoning)
}

/// The parts in the order they are sent, text in its deltas.
fn parts(scene: &Scene) -> Vec<Value> {
    let mut parts = Vec::new();
    if let Some(thought) = scene.thought().filter(|_| scene.ask.shows_thoughts) {
        parts.push(json!({ "text": thought, "thought": true }));
    }
    parts.extend(
        scene
            .pieces()
            .into_iter()
            .map(|piece| json!({ "text": piece })),
    );
    for (at, call) in scene.calls.iter().enumerate() {
        let mut called = json!({ "name": call.tool.name, "args": call.value() });
        if is_third_generation(scene)
            && let Some(fields) = called.as_object_mut()
        {
            fields.insert("id".into(), json!(scene.id(Kind::GeminiCall, at)));
        }
        let mut part = json!({ "functionCall": called });
        // Of parallel calls only the first carries the signature.
        if at == 0
            && let Some(fields) = part.as_object_mut()
        {
            fields.insert("thoughtSignature".into(), json!(SIGNATURE));
        }
        parts.push(part);
    }
    parts
}

/// The same parts with neighbouring texts put together, as an unstreamed answer has them.
fn merged(parts: Vec<Value>) -> Vec<Value> {
    let mut merged: Vec<Value> = Vec::new();
    for part in parts {
        let is_plain = |part: &Value| part.get("text").is_some() && part.get("thought").is_none();
        let addition = part
            .get("text")
            .and_then(Value::as_str)
            .filter(|_| is_plain(&part));
        if let (Some(Value::String(text)), Some(addition)) = (
            merged
                .last_mut()
                .filter(|last| is_plain(last))
                .and_then(|last| last.get_mut("text")),
            addition,
        ) {
            text.push_str(addition);
            continue;
        }
        merged.push(part);
    }
    merged
}

fn chunks(scene: &Scene) -> Vec<Value> {
    let parts = parts(scene);
    let mut chunks = Vec::new();
    let mut bytes = 0_u64;
    for (at, part) in parts.iter().enumerate() {
        if scene.behaviour == Behaviour::InBand && at == 2 {
            let error = refuse::body(Provider::Gemini, &behave::trouble(), scene.sequence);
            chunks.push(error);
            return chunks;
        }
        let text = part
            .get("text")
            .and_then(Value::as_str)
            .filter(|_| part.get("thought").is_none());
        bytes = bytes.saturating_add(text.map_or(0, str::len) as u64);
        let so_far = if scene.calls.is_empty() {
            tokens(bytes)
        } else {
            spoken(scene)
        };
        chunks.push(response(scene, std::slice::from_ref(part), None, so_far));
    }
    let last = if is_third_generation(scene) && scene.calls.is_empty() {
        json!({ "text": "", "thoughtSignature": SIGNATURE })
    } else {
        json!({ "text": "" })
    };
    chunks.push(response(
        scene,
        &[last],
        Some(finish_reason(&scene.stop)),
        spoken(scene),
    ));
    chunks
}

fn response(scene: &Scene, parts: &[Value], reason: Option<&str>, spoken: u64) -> Value {
    let candidates: Vec<Value> = (0..scene.ask.choices)
        .map(|index| {
            let mut candidate = json!({ "content": { "parts": parts, "role": "model" } });
            if let Some(fields) = candidate.as_object_mut() {
                if let Some(reason) = reason {
                    fields.insert("finishReason".into(), json!(reason));
                }
                fields.insert("index".into(), json!(index));
            }
            candidate
        })
        .collect();
    let mut response = json!({ "candidates": candidates });
    if let Some(fields) = response.as_object_mut() {
        if let Some(usage) = scene.usage.gemini(spoken) {
            fields.insert("usageMetadata".into(), usage);
        }
        fields.insert("modelVersion".into(), json!(scene.ask.model));
        fields.insert(
            "responseId".into(),
            json!(scene.id(Kind::GeminiResponse, 0)),
        );
    }
    response
}

/// The stream of a client that did not ask for SSE: one JSON array, element by element.
fn as_array(chunks: &[Value]) -> Vec<Bytes> {
    let last = chunks.len().saturating_sub(1);
    chunks
        .iter()
        .enumerate()
        .map(|(at, chunk)| {
            let before = if at == 0 { "[" } else { ",\r\n" };
            let after = if at == last { "\r\n]" } else { "" };
            Bytes::from(format!("{before}{chunk}{after}"))
        })
        .collect()
}
