//! Embeddings of every provider: unit vectors that depend on the text alone.
//!
//! Sources, read 2026-11: <https://platform.openai.com/docs/api-reference/embeddings>,
//! <https://ai.google.dev/api/embeddings>, <https://github.com/ollama/ollama/blob/main/docs/api.md>.

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::ask::{array, text};
use super::reply::Reply;
use super::say::{Scene, mix};
use super::usage::{Honesty, tokens};

/// The numbers a vector has at most.
const MAX_DIMENSIONS: u64 = 4096;
/// The most texts embedded by one request.
const MAX_INPUTS: usize = 2048;

/// Answers `POST /v1/embeddings`.
pub(super) fn openai(body: &Value, scene: &Scene) -> Reply {
    let dimensions = dimensions(body.get("dimensions"), 1536);
    let inputs = inputs(body.get("input"));
    let is_base64 = text(body, "encoding_format") == "base64";
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = vector(input, dimensions);
            let embedding = if is_base64 {
                packed(&vector)
            } else {
                json!(vector)
            };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    let mut answer = json!({ "object": "list", "data": data, "model": scene.ask.model });
    let count = count(&inputs);
    let usage = match scene.usage.honesty {
        Honesty::True => json!({ "prompt_tokens": count, "total_tokens": count }),
        Honesty::Absurd => json!({ "prompt_tokens": -5, "total_tokens": "many" }),
        Honesty::Absent => return Reply::json(200, &answer),
    };
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("usage".into(), usage);
    }
    Reply::json(200, &answer)
}

/// Answers `:embedContent`.
pub(super) fn gemini_one(body: &Value) -> Reply {
    Reply::json(200, &json!({ "embedding": gemini(body) }))
}

/// Answers `:batchEmbedContents`.
pub(super) fn gemini_batch(body: &Value) -> Reply {
    let embeddings: Vec<Value> = array(body.get("requests"))
        .take(MAX_INPUTS)
        .map(gemini)
        .collect();
    Reply::json(200, &json!({ "embeddings": embeddings }))
}

/// Answers `POST /api/embed`.
pub(super) fn ollama(body: &Value, scene: &Scene) -> Reply {
    let inputs = inputs(body.get("input"));
    let dimensions = dimensions(body.get("dimensions"), 768);
    let embeddings: Vec<Vec<f32>> = inputs
        .iter()
        .map(|input| vector(input, dimensions))
        .collect();
    Reply::json(
        200,
        &json!({
            "model": scene.ask.model,
            "embeddings": embeddings,
            "total_duration": 12_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": count(&inputs),
        }),
    )
}

fn gemini(request: &Value) -> Value {
    let content = request.get("content").unwrap_or(&Value::Null);
    let words: Vec<String> = array(content.get("parts"))
        .map(|part| text(part, "text"))
        .collect();
    let asked = request
        .get("outputDimensionality")
        .or_else(|| request.pointer("/embedContentConfig/outputDimensionality"));
    json!({ "values": vector(&words.join("\n"), dimensions(asked, 3072)) })
}

/// A text, texts, tokens, or lists of tokens: each becomes one text to embed.
fn inputs(input: Option<&Value>) -> Vec<String> {
    match input {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) if many.first().is_some_and(Value::is_number) => {
            vec![Value::Array(many.clone()).to_string()]
        }
        other => array(other)
            .take(MAX_INPUTS)
            .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned))
            .collect(),
    }
}

fn count(inputs: &[String]) -> u64 {
    inputs.iter().map(|input| tokens(input.len() as u64)).sum()
}

fn dimensions(asked: Option<&Value>, otherwise: u64) -> usize {
    let asked = asked.and_then(Value::as_u64).unwrap_or(otherwise);
    usize::try_from(asked.clamp(1, MAX_DIMENSIONS)).unwrap_or(1)
}

/// A vector of length one.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let seed = text
        .bytes()
        .fold(0, |seed, byte| mix(seed ^ u64::from(byte)));
    let raw: Vec<f32> = (0..dimensions)
        .map(|at| {
            let [first, second, ..] = mix(seed ^ at as u64).to_le_bytes();
            f32::from(i16::from_le_bytes([first, second])) / f32::from(i16::MAX)
        })
        .collect();
    let length = raw
        .iter()
        .map(|number| number * number)
        .sum::<f32>()
        .sqrt()
        .max(f32::EPSILON);
    raw.into_iter().map(|number| number / length).collect()
}

/// The base64 of the numbers as little-endian 32-bit floats.
fn packed(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    json!(BASE64.encode(&bytes))
}
