//! Counting tokens: a local estimate of any request, and counts asked of one provider by the
//! client of another.
//!
//! Invariant: no estimate is 0 and none fails, whatever the bytes: a client that is told 0 never
//! makes room in its context again.
//!
//! How good the estimate is: its weights were fitted to counts of OpenAI's `o200k_base` and
//! `cl100k_base` over English prose, Rust, Python and JSON, with a tenth on top, because the
//! tokenizers of Anthropic and Google, which are not public, make rather more of the same text.
//! Within a quarter of `o200k_base` for such text; Chinese and Japanese stand between the two;
//! other scripts are right within a factor of two. Pictures have a flat cost and documents,
//! recordings and films one by size, which can be far off for a single one.

mod body;
mod media;
mod text;

#[cfg(test)]
mod tests;

use mirk_model::Operation;

use crate::json::{Misread, Object, Value};

/// Tokens that `body`, a request for `operation`, is at its provider, estimated and rounded up;
/// never 0. Counts what the model sees: instructions, turns, tools, calls and their results,
/// media, and the schema of the answer; not names of fields, ids, signatures or settings.
pub fn estimate(operation: Operation, body: &str) -> u64 {
    body::estimate(operation, body).max(1)
}

/// Tokens that `text` alone is, estimated and rounded up; 0 only when it is empty.
pub fn text(text: &str) -> u64 {
    let mut counter = text::Counter::default();
    counter.push(text);
    counter.finish()
}

/// Whom to ask when a client counts with `client`: the provider's own counter where it `serves`
/// one, of the client's dialect first. None when nothing fits, or `client` does not count: then
/// [`estimate`].
pub fn count_upstream(client: Operation, serves: impl Fn(Operation) -> bool) -> Option<Operation> {
    let order: &[Operation] = match client {
        Operation::CountTokens => &[Operation::CountTokens, Operation::GeminiCount],
        Operation::GeminiCount => &[Operation::GeminiCount, Operation::CountTokens],
        _ => &[],
    };
    order.iter().copied().find(|operation| serves(*operation))
}

/// The body for `:countTokens` out of one for `:generateContent`. The request goes in whole, so
/// that instructions and tools are counted too. Source: <https://ai.google.dev/api/tokens>.
///
/// # Errors
/// When `generate` is no JSON object, which no writer makes.
pub fn gemini_count(generate: &[u8], model: &str) -> Result<Vec<u8>, Misread> {
    let members = object(generate)?.members()?;
    let model = model.strip_prefix("models/").unwrap_or(model);
    let mut out = Vec::with_capacity(generate.len() + 64);
    Object::write(&mut out, |body| {
        body.object("generateContentRequest", |request| {
            request.text("model", format!("models/{model}"));
            for (name, value) in members.into_rest() {
                if name != "model" {
                    request.raw(&name, value.raw());
                }
            }
        });
    });
    Ok(out)
}

/// What `POST /v1/messages/count_tokens` accepts of a request for messages; it refuses the rest.
/// Source: <https://docs.anthropic.com/en/api/messages-count-tokens>.
const COUNTED: [&str; 11] = [
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "cache_control",
    "context_management",
    "mcp_servers",
];

/// The body for `/v1/messages/count_tokens` out of one for `/v1/messages`: without the output
/// limit, sampling and streaming, which count nothing.
///
/// # Errors
/// When `messages` is no JSON object, which no writer makes.
pub fn anthropic_count(messages: &[u8]) -> Result<Vec<u8>, Misread> {
    let members = object(messages)?.members()?;
    let mut out = Vec::with_capacity(messages.len());
    Object::write(&mut out, |body| {
        for (name, value) in members.into_rest() {
            if COUNTED.contains(&&*name) {
                body.raw(&name, value.raw());
            }
        }
    });
    Ok(out)
}

fn object(body: &[u8]) -> Result<Value<'_>, Misread> {
    let text = std::str::from_utf8(body).map_err(|_odd| Misread::here("is not valid UTF-8"))?;
    Value::parse(text)
}

/// The answer to a client that counts with `client`.
pub fn count_reply(client: Operation, tokens: u64) -> Vec<u8> {
    let name = match client {
        Operation::GeminiCount => "totalTokens",
        _ => "input_tokens",
    };
    let mut out = Vec::new();
    Object::write(&mut out, |body| body.number(name, tokens.max(1)));
    out
}

/// The count in the answer of a provider that was asked for `upstream`. None when there is none,
/// or it is 0, which cannot be: then [`estimate`].
pub fn read_count(upstream: Operation, body: &str) -> Option<u64> {
    let name = match upstream {
        Operation::CountTokens => "input_tokens",
        Operation::GeminiCount => "totalTokens",
        _ => return None,
    };
    let mut members = Value::parse(body).ok()?.members().ok()?;
    let count = members.take(name)?.count().ok()?;
    (count > 0).then_some(count)
}
