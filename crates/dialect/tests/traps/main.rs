//! The traps of translating between the dialects, as named tests from end to end: a request, an
//! answer or a stream goes in, and what the other side gets is asserted member by member.
//!
//! `p10_<section>_<what holds>` is a fact about translations, by the section of the list it is in:
//! 1 Chat to Anthropic, 2 Anthropic to Chat, 3 streams of Chat for Anthropic's clients, 4 streams
//! of Anthropic for Chat's clients, 5 Responses, 6 Gemini, 7 Ollama, 8 whatever the dialect.
//! `t<n>_<what holds>` is a difficulty, T1 to T30.
//!
//! What only connections or a whole server can show is tested where there are some:
//!
//! | fact | test |
//! |---|---|
//! | 3 pings keep idle connections; T27 | `a_client_that_waits_is_pinged` and its kin in `mirk/tests/it/stream.rs` |
//! | 5 a backend that only streams is gathered for clients who do not stream | `a_provider_that_only_streams_is_gathered` |
//! | 7 `:cloud` models are not local | `routing/src/plan/tests` |
//! | 8 unknown fields go on in the same dialect; T26 | `xlat_01_a_body_arrives_as_it_was_sent` |
//! | 8 nothing is tried again after the first byte | `strm_17_nothing_is_tried_again_after_the_first_event` |
#![cfg(test)]

mod gemini;
mod ollama;
mod requests_anthropic;
mod requests_chat;
mod responses;
mod streams_anthropic;
mod streams_chat;

use mirk_dialect::bridge::{self, From, To, Translated, Way};
use mirk_model::{Dialect, Problem, Thinks, Traits};
use serde_json::Value;

const CHAT: Dialect = Dialect::OpenAiChat;
const RESPONSES: Dialect = Dialect::OpenAiResponses;
const ANTHROPIC: Dialect = Dialect::Anthropic;
const GEMINI: Dialect = Dialect::Gemini;
const OLLAMA: Dialect = Dialect::Ollama;

/// What a capable model can take.
const ABLE: Traits = Traits {
    max_output: Some(64_000),
    least_output: 1,
    has_completion_limit: false,
    takes_sampling: true,
    has_developer: false,
    has_schema: true,
    takes_result_media: false,
    thinks: Thinks::Effort,
    wants_signatures: false,
};

/// A model that is given a budget for its thoughts.
const BUDGET: Traits = Traits {
    thinks: Thinks::Budget {
        least: 1_024,
        most: 62_976,
    },
    ..ABLE
};

/// A request's way from one dialect to another.
fn ask(
    client: Dialect,
    upstream: Dialect,
    traits: &Traits,
    body: &Value,
) -> Result<Translated, Problem> {
    let mut body = body.clone();
    if client != GEMINI {
        body["model"] = "shown".into();
    }
    ask_text(client, upstream, traits, &body.to_string())
}

/// The same for a body that is text already.
fn ask_text(
    client: Dialect,
    upstream: Dialect,
    traits: &Traits,
    body: &str,
) -> Result<Translated, Problem> {
    let is_stream = body.contains("\"stream\":true");
    let from = From {
        operation: bridge::native(client, is_stream),
        body,
        model: "shown",
        is_stream,
        is_sse: true,
        request_id: "req_trap",
        created: 1_700_000_000,
    };
    let to = To {
        operation: bridge::native(upstream, is_stream),
        model: "target",
        traits,
    };
    bridge::ask(from, to)
}

/// What a capable model's provider gets.
fn translate(client: Dialect, upstream: Dialect, body: &Value) -> Value {
    translate_for(client, upstream, &ABLE, body)
}

/// What the provider of a model with these traits gets.
fn translate_for(client: Dialect, upstream: Dialect, traits: &Traits, body: &Value) -> Value {
    let translated = ask(client, upstream, traits, body).unwrap();
    serde_json::from_slice(&translated.body).unwrap()
}

/// What was changed and dropped on the way.
fn notes(client: Dialect, upstream: Dialect, body: &Value) -> Vec<String> {
    let translated = ask(client, upstream, &ABLE, body).unwrap();
    translated.notes.said().to_vec()
}

/// The problem that a request is refused with.
fn refused(client: Dialect, upstream: Dialect, body: &Value) -> Problem {
    ask(client, upstream, &ABLE, body).unwrap_err()
}

/// A plain request that wants all that can be shown.
fn plain(client: Dialect) -> Value {
    use serde_json::json;
    let hello = json!([{"role": "user", "content": "hello"}]);
    match client {
        Dialect::OpenAiChat => json!({"model": "shown", "stream": true, "messages": hello,
            "stream_options": {"include_usage": true}}),
        Dialect::OpenAiResponses => json!({"model": "shown", "stream": true, "input": "hello",
            "include": ["reasoning.encrypted_content"],
            "reasoning": {"effort": "high", "summary": "auto"}}),
        Dialect::Anthropic => json!({"model": "shown", "stream": true, "max_tokens": 4096,
            "thinking": {"type": "enabled", "budget_tokens": 2048}, "messages": hello}),
        Dialect::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}],
            "generationConfig": {"thinkingConfig": {"includeThoughts": true}}}),
        Dialect::Ollama => json!({"model": "shown", "stream": true, "messages": hello}),
    }
}

/// The way back to a plain request.
fn way(client: Dialect, upstream: Dialect) -> Way {
    ask(client, upstream, &ABLE, &plain(client)).unwrap().way
}

/// The answer to a plain request as the client gets it.
fn reply(client: Dialect, upstream: Dialect, answer: &Value) -> Value {
    let out = way(client, upstream).reply(answer.to_string().as_bytes());
    serde_json::from_slice(&out.unwrap()).unwrap()
}

/// An event as `upstream` sends it. A text is sent as it is.
fn framed(upstream: Dialect, event: &Value) -> String {
    let data = event.as_str().map_or(event.to_string(), str::to_owned);
    match upstream {
        Dialect::Ollama => data + "\n",
        _ => format!("data: {data}\n\n"),
    }
}

/// The events in what a client got. `[DONE]` is a text.
fn events(bytes: &[u8]) -> Vec<Value> {
    std::str::from_utf8(bytes)
        .unwrap()
        .lines()
        .filter_map(|line| match line.strip_prefix("data: ") {
            Some("[DONE]") => Some(Value::from("[DONE]")),
            Some(data) => Some(serde_json::from_str(data).unwrap()),
            None if line.starts_with('{') => Some(serde_json::from_str(line).unwrap()),
            None => None,
        })
        .collect()
}

/// What a client gets for each event of the provider, and last for the end of the stream.
fn steps(client: Dialect, upstream: Dialect, sent: &[Value]) -> Vec<Vec<Value>> {
    let mut stream = way(client, upstream).stream();
    let mut steps = Vec::new();
    for event in sent {
        let mut out = Vec::new();
        stream
            .feed(framed(upstream, event).as_bytes(), &mut out)
            .unwrap();
        steps.push(events(&out));
    }
    let mut out = Vec::new();
    stream.finish(&mut out).unwrap();
    steps.push(events(&out));
    steps
}

/// All that a client gets.
fn stream(client: Dialect, upstream: Dialect, sent: &[Value]) -> Vec<Value> {
    steps(client, upstream, sent).concat()
}

/// Everything that is said in a message or a system prompt, whatever form it has.
fn words(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<_> = parts.iter().map(words).collect();
            texts.join("\n")
        }
        Value::Object(part) => ["text", "parts", "content"]
            .iter()
            .find_map(|name| part.get(*name))
            .map(words)
            .unwrap_or_default(),
        _ => String::new(),
    }
}
