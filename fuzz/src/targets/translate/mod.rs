//! Translation from any dialect to any other: requests, whole answers, streams, failures, vectors and counts.
//!
//! Invariant: a target's name says who spoke what it reads; a request is said in every other dialect, an answer to
//! a client that the answer's own bytes choose.

mod ask;
mod reply;
mod side;
mod stream;

use mirk_dialect::{
    bridge::{self, DIALECTS, From, To, Translated, Way},
    json::{Head, Limits},
};
use mirk_model::{Dialect, Operation, Problem, Thinks, Traits};
use serde::de::IgnoredAny;

pub(super) use self::{
    ask::{asked, prompt},
    reply::replied,
    side::{count, embed, failure, prompts, vectors},
    stream::streamed,
};
use crate::chance::Chance;

/// OpenAI Chat's place among [`DIALECTS`].
pub(super) const CHAT: usize = 0;
/// OpenAI Responses'.
pub(super) const RESPONSES: usize = 1;
/// Anthropic's.
pub(super) const ANTHROPIC: usize = 2;
/// Gemini's.
pub(super) const GEMINI: usize = 3;
/// Ollama's.
pub(super) const OLLAMA: usize = 4;

/// The model's name at the provider.
const MODEL: &str = "target";

/// Mirk's id of every request.
const REQUEST_ID: &str = "req_fuzz";

/// Whether `data` is one JSON document in UTF-8.
fn is_json(data: &[u8]) -> bool {
    std::str::from_utf8(data).is_ok() && serde_json::from_slice::<IgnoredAny>(data).is_ok()
}

/// The body, if the gateway would hand it on to a translation.
fn accepted(data: &[u8]) -> Option<&str> {
    let is_good = Head::scan(data, Limits::default()).is_ok();
    std::str::from_utf8(data).ok().filter(|_| is_good)
}

/// The dialect in that place.
fn dialect(place: usize) -> Dialect {
    DIALECTS
        .get(place)
        .map_or(Dialect::Ollama, |wire| wire.dialect)
}

/// What some model can take.
fn traits(chance: &mut Chance) -> Traits {
    let thinks = [
        Thinks::No,
        Thinks::Effort,
        Thinks::Flag,
        Thinks::Budget {
            least: 1_024,
            most: 62_976,
        },
    ];
    Traits {
        max_output: chance.one_in(2).then_some(8_192),
        least_output: *chance.pick(&[1, 16]).unwrap_or(&1),
        has_completion_limit: chance.one_in(2),
        takes_sampling: chance.one_in(2),
        has_developer: chance.one_in(2),
        has_schema: chance.one_in(2),
        takes_result_media: chance.one_in(2),
        thinks: *chance.pick(&thinks).unwrap_or(&Thinks::No),
        wants_signatures: chance.one_in(2),
    }
}

/// A request's way to the provider.
fn translate(
    (client, body): (Operation, &str),
    upstream: Operation,
    (is_stream, is_sse): (bool, bool),
    traits: &Traits,
) -> Result<Translated, Problem> {
    let from = From {
        operation: client,
        body,
        model: "asked",
        is_stream,
        is_sse,
        request_id: REQUEST_ID,
        created: 1_700_000_000,
    };
    let to = To {
        operation: upstream,
        model: MODEL,
        traits,
    };
    bridge::ask(from, to)
}

/// A request that wants all that an answer can hold, and none that wants little.
const fn plain(client: Operation, wants_much: bool) -> &'static str {
    match (client.dialect(), wants_much) {
        _ if matches!(client, Operation::Prompt | Operation::PromptStream) => {
            r#"{"model":"asked","prompt":"hello"}"#
        }
        (Dialect::OpenAiChat, true) => {
            r#"{"model":"asked","messages":[{"role":"user","content":"hello"}],"stream_options":{"include_usage":true}}"#
        }
        (Dialect::OpenAiResponses, true) => {
            r#"{"model":"asked","input":"hello","include":["reasoning.encrypted_content"],"reasoning":{"effort":"high","summary":"auto"},"tools":[{"type":"custom","name":"apply"},{"type":"function","name":"f","parameters":{}}]}"#
        }
        (Dialect::OpenAiResponses, false) => r#"{"model":"asked","input":"hello"}"#,
        (Dialect::Anthropic, true) => {
            r#"{"model":"asked","max_tokens":4096,"thinking":{"type":"enabled","budget_tokens":2048},"messages":[{"role":"user","content":"hello"}]}"#
        }
        (Dialect::Anthropic, false) => {
            r#"{"model":"asked","max_tokens":4096,"messages":[{"role":"user","content":"hello"}]}"#
        }
        (Dialect::Gemini, true) => {
            r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}],"generationConfig":{"thinkingConfig":{"includeThoughts":true}}}"#
        }
        (Dialect::Gemini, false) => r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#,
        (Dialect::Ollama, _) if matches!(client, Operation::OllamaGenerate) => {
            r#"{"model":"asked","prompt":"hello"}"#
        }
        (Dialect::OpenAiChat, false) | (Dialect::Ollama, _) => {
            r#"{"model":"asked","messages":[{"role":"user","content":"hello"}]}"#
        }
    }
}

/// The way of an answer of the provider in that place to a client that does not speak as it does.
fn way(place: usize, is_stream: bool, chance: &mut Chance) -> Option<Way> {
    let upstream = bridge::native(dialect(place), is_stream);
    let prompt = if is_stream {
        Operation::PromptStream
    } else {
        Operation::Prompt
    };
    let clients: Vec<_> = DIALECTS
        .iter()
        .map(|wire| bridge::native(wire.dialect, is_stream))
        .chain([prompt, Operation::OllamaGenerate])
        .filter(|client| *client != upstream)
        .collect();
    let client = *chance.pick(&clients)?;
    let body = plain(client, chance.one_in(2));
    let is_sse = client.dialect() != Dialect::Gemini || chance.one_in(2);
    let manner = (is_stream, is_sse);
    let translated = translate((client, body), upstream, manner, &Traits::default());
    assert!(translated.is_ok(), "a plain request is refused");
    Some(translated.ok()?.way)
}
