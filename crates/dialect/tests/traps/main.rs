//! The traps of translating between the dialects, as named tests from end to end: a request, an
//! answer or a stream goes in, and what the other side gets is asserted member by member.
//!
//! `p10_<section>_<what holds>` is a fact about translations, by the section of the list it is in:
//! 1 Chat to Anthropic, 2 Anthropic to Chat, 3 streams of Chat for Anthropic's clients, 4 streams
//! of Anthropic for Chat's clients, 5 Responses, 6 Gemini, 7 Ollama, 8 whatever the dialect.
//! `t<n>_<what holds>` is a difficulty, T1 to T30.
//!
//! What only connections, or a whole server, can show is tested where there are some:
//!
//! | fact | test |
//! |---|---|
//! | 3, T27: pings keep idle connections open | `heavy_a_silent_stream_is_kept_alive_before_and_after_its_first_event` |
//! | 6: a stream is asked for with `alt=sse` | `only_known_parameters_pass_and_never_a_key` |
//! | 6: without it the client's stream is one array | `a_gemini_array_is_a_stream_too` |
//! | 7: `:cloud` models are not local | `local_only_never_leaves_the_house` |
//! | 8, T26: unknown fields go on in the same dialect | `xlat_01_a_body_arrives_as_it_was_sent` |
//! | 8: nothing is tried again after the first byte | `strm_17_nothing_is_tried_again_after_the_first_event` |
//! | 8: before it, it is tried elsewhere | `strm_17_a_failure_before_the_first_byte_is_tried_elsewhere` |
//! | 8: a provider that falls silent is given up, with an error event | `strm_13_a_provider_that_falls_silent_is_given_up` |
//! | 8, T28: a client that leaves ends the call | `strm_01_the_upstream_call_ends_when_the_client_leaves`, `t28_a_client_that_leaves_ends_the_call_to_the_provider` |
//! | 8: only listed headers go to the provider, nothing hop by hop and no encoding of the client's | `http_15_16_25_26_exactly_the_listed_headers_reach_the_provider` |
//! | 8: only listed headers come back, no cookies among them | `http_17_ssrf_17_19_exactly_the_listed_headers_come_back` |
//! | 8: the time to wait is kept | `xlat_18_a_providers_refusal_keeps_status_words_and_time` |
//! | T22 | `t22_tokens_are_counted_by_the_provider_or_estimated_and_said_to_be` |
//! | T29 | `t29_a_body_that_names_another_model_than_the_path_is_refused` |
//! | T30 | `t30_what_is_not_built_is_not_there_and_reaches_no_provider` |
#![cfg(test)]

mod difficulties;
mod gemini;
mod general;
mod ollama;
mod requests_anthropic;
mod requests_chat;
mod responses;
mod streams_anthropic;
mod streams_chat;

use std::{fs, path::Path};

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

/// The names of all functions under `folder`.
fn functions(folder: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            names.extend(text.lines().filter_map(|line| {
                let (_, name) = line.split_once("fn ")?;
                Some(name.split_once('(')?.0.to_owned())
            }));
        }
    }
}

/// The names of all functions of the workspace.
fn all_functions() -> Vec<String> {
    let mut names = Vec::new();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    functions(crates, &mut names);
    names
}

#[test]
fn every_fact_and_every_difficulty_has_a_test() {
    let names = all_functions();
    for section in 1..=8 {
        let front = format!("p10_{section}_");
        let count = names.iter().filter(|name| name.starts_with(&front)).count();
        assert!(count >= 4, "section {section} has {count} tests");
    }
    for difficulty in 1..=30 {
        let mark = format!("t{difficulty}_");
        let has_mark =
            |name: &&String| name.starts_with(&mark) || name.contains(&format!("_{mark}"));
        let found = names.iter().find(has_mark);
        assert!(found.is_some(), "T{difficulty} has no test");
    }
}

#[test]
fn every_test_that_the_table_names_is_there() {
    let names = all_functions();
    let rows = include_str!("main.rs").lines();
    let cells = rows
        .filter_map(|line| line.strip_prefix("//! | "))
        .filter_map(|line| line.split_once(" | "));
    let mut count = 0;
    for (_, tests) in cells {
        for name in tests.split('`').skip(1).step_by(2) {
            assert!(names.iter().any(|known| known == name), "{name}");
            count += 1;
        }
    }
    assert!(count >= 15, "only {count} tests are named");
}
