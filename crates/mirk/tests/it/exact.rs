//! Bodies pass as the bytes that came, in both directions, in every dialect.
//!
//! Each body is grown from a seed that a failure names. Bodies are compared where they arrive: at
//! the simulated provider, and at the client.
#![cfg(test)]

use std::{fmt::Write as _, time::Duration};

use bytes::Bytes;
use mirk::sim::{Ending, Scripted};
use serde_json::json;

use crate::{
    grow::{Chance, Grower, spelled},
    live::Live,
    talk::{Client, End, Speech},
};

/// Bodies for each operation.
const BODIES: u64 = 1_000;

/// Bodies that are sent before they are compared.
const BATCH: u64 = 50;

/// The deepest nesting that is accepted.
const DEEPEST: usize = 128;

/// An operation: path, model, the model's place, and the fields its provider insists on.
#[derive(Clone, Copy)]
struct Kind {
    path: &'static str,
    model: &'static str,
    needs: &'static [(&'static str, &'static str)],
}

const TURNS: &str = r#"[{"role": "user",  "content":"h\u0069"}]"#;
const CONTENTS: &str = r#"[ {"parts":[{"text":"h\u0069"} ] }]"#;

const CHAT: Kind = Kind {
    path: "/v1/chat/completions",
    model: "gpt-exact",
    needs: &[("messages", TURNS)],
};
const COMPLETIONS: Kind = Kind {
    path: "/v1/completions",
    model: "gpt-exact",
    needs: &[("prompt", "\"a\"")],
};
const RESPONSES: Kind = Kind {
    path: "/v1/responses",
    model: "gpt-exact",
    needs: &[("input", "\"a\"")],
};
const EMBEDDINGS: Kind = Kind {
    path: "/v1/embeddings",
    model: "gpt-exact",
    needs: &[("input", "[\"a\"]")],
};
const MESSAGES: Kind = Kind {
    path: "/v1/messages",
    model: "claude-exact",
    needs: &[("messages", TURNS), ("max_tokens", "64")],
};
const COUNT: Kind = Kind {
    path: "/v1/messages/count_tokens",
    model: "claude-exact",
    needs: &[("messages", TURNS)],
};
const GENERATE: Kind = Kind {
    path: "/v1beta/models/gemini-exact:generateContent",
    model: "",
    needs: &[("contents", CONTENTS)],
};
const STREAM: Kind = Kind {
    path: "/v1beta/models/gemini-exact:streamGenerateContent?alt=sse",
    model: "",
    needs: &[("contents", CONTENTS)],
};
const GEMINI_COUNT: Kind = Kind {
    path: "/v1beta/models/gemini-exact:countTokens",
    model: "",
    needs: &[("contents", CONTENTS)],
};
const OLLAMA_CHAT: Kind = Kind {
    path: "/api/chat",
    model: "llama-exact",
    needs: &[("messages", TURNS)],
};
const OLLAMA_GENERATE: Kind = Kind {
    path: "/api/generate",
    model: "llama-exact",
    needs: &[("prompt", "\"a\"")],
};

/// A body for `kind`: small as a rule, sometimes as deep as may be, sometimes of a megabyte.
fn body(kind: Kind, seed: u64, model: Option<&str>) -> String {
    let mut grower = Grower::new(seed);
    let mut members: Vec<(String, String)> = kind
        .needs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    if !kind.model.is_empty() {
        let name = model.map_or_else(
            || spelled(kind.model, &mut grower.chance),
            |name| format!("\"{name}\""),
        );
        members.push(("model".to_owned(), name));
    }
    match seed % 10 {
        0 => members.push(("stream".to_owned(), "false".to_owned())),
        1 => members.push(("stream".to_owned(), "true".to_owned())),
        2 => members.push(("temperature".to_owned(), "0.70".to_owned())),
        3 => members.push(("metadata".to_owned(), grower.deep(DEEPEST - 1))),
        _ => {}
    }
    if seed % 250 == 7 {
        let mut large = Grower::new(seed);
        large.string(200_000);
        members.push(("large".to_owned(), large.text));
    }
    let unknown = grower.chance.below(6);
    grower.object(&members, unknown, 5);
    grower.text
}

/// Compares where two texts part, without printing either.
fn assert_same(got: &[u8], sent: &[u8], what: &str) {
    let at = got.iter().zip(sent).position(|(got, sent)| got != sent);
    assert!(
        got == sent,
        "{what}: {} bytes became {}, first difference at {at:?}",
        sent.len(),
        got.len()
    );
}

fn requests_are_exact(kind: Kind) {
    let live = Live::start();
    let mut client = live.client();
    let mut largest = 0;
    for batch in 0..BODIES / BATCH {
        let bodies: Vec<_> = (0..BATCH)
            .map(|at| body(kind, batch * BATCH + at, None))
            .collect();
        for text in &bodies {
            let answer = client.ask(&live.key, kind.path, text.as_bytes());
            assert!(
                answer.head.header("x-mirk-provider").is_some(),
                "{}",
                answer.text()
            );
            assert!(answer.head.header("x-mirk-transforms").is_none());
            assert_eq!(answer.end, End::Whole);
            largest = largest.max(text.len());
        }
        let seen = live.sim.requests();
        assert_eq!(seen.len(), bodies.len());
        for (at, (seen, sent)) in seen.iter().zip(&bodies).enumerate() {
            assert_same(
                &seen.body,
                sent.as_bytes(),
                &format!("seed {}", batch * BATCH + at as u64),
            );
        }
        live.sim.clear();
    }
    println!("{BODIES} bodies, the largest of {largest} bytes");
    assert!(largest > 1_000_000);
}

macro_rules! exact {
    ($($name:ident = $kind:expr;)*) => {$(
        #[test]
        fn $name() {
            requests_are_exact($kind);
        }
    )*};
}

exact! {
    chat_requests_arrive_byte_for_byte = CHAT;
    completions_requests_arrive_byte_for_byte = COMPLETIONS;
    responses_requests_arrive_byte_for_byte = RESPONSES;
    embeddings_requests_arrive_byte_for_byte = EMBEDDINGS;
    messages_requests_arrive_byte_for_byte = MESSAGES;
    count_tokens_requests_arrive_byte_for_byte = COUNT;
    gemini_generate_requests_arrive_byte_for_byte = GENERATE;
    gemini_stream_requests_arrive_byte_for_byte = STREAM;
    gemini_count_requests_arrive_byte_for_byte = GEMINI_COUNT;
    ollama_chat_requests_arrive_byte_for_byte = OLLAMA_CHAT;
    ollama_generate_requests_arrive_byte_for_byte = OLLAMA_GENERATE;
}

#[test]
fn of_an_aliased_request_only_the_models_name_is_changed() {
    let live = Live::start();
    live.act(
        "route.set",
        json!({"alias": "fast", "targets": ["oai/gpt-x"]}),
    );
    let mut client = live.client();
    for (alias, kind) in [
        ("fast", CHAT),
        ("oai/gpt-x", RESPONSES),
        ("f\\u0061st", CHAT),
    ] {
        for seed in 0..200 {
            let sent = body(kind, seed, Some(alias));
            let answer = client.ask(&live.key, kind.path, sent.as_bytes());
            assert_eq!(
                answer.head.header("x-mirk-transforms"),
                Some("model"),
                "{}",
                answer.text()
            );
            let quoted = format!("\"{alias}\"");
            assert_eq!(sent.matches(&quoted).count(), 1, "the alias stands once");
            let expected = sent.replace(&quoted, "\"gpt-x\"");
            let seen = live.sim.requests();
            assert_same(
                &seen[0].body,
                expected.as_bytes(),
                &format!("{alias}, seed {seed}"),
            );
            live.sim.clear();
        }
    }
}

/// `bytes` in up to eight pieces, cut anywhere.
fn pieces(bytes: &[u8], chance: &mut Chance) -> Vec<(Duration, Bytes)> {
    let mut rest = Bytes::copy_from_slice(bytes);
    let mut pieces = Vec::new();
    for _ in 0..chance.below(8) {
        if rest.len() > 1 {
            let pause = Duration::from_micros(300 * u64::from(chance.below(4) == 0));
            pieces.push((pause, rest.split_to(1 + chance.below(rest.len() - 1))));
        }
    }
    pieces.push((Duration::ZERO, rest));
    pieces
}

/// Scripts each answer, asks for it, and compares it at the client.
fn answers_are_exact(
    (live, speech, is_stream): (&Live, Speech, bool),
    kind: &str,
    grow: impl Fn(u64) -> (u16, Vec<u8>),
) {
    let mut client: Client = live.client();
    let (path, body) = speech.request("m", is_stream, "hello");
    for seed in 0..BODIES {
        let (status, said) = grow(seed);
        let mut headers = vec![("content-type".to_owned(), kind.to_owned())];
        if seed % 3 == 0 {
            headers.push(("content-length".to_owned(), said.len().to_string()));
        }
        let chunks = pieces(&said, &mut Chance::new(seed));
        live.sim.script(Scripted {
            status,
            headers,
            chunks,
            ending: Ending::Whole,
        });
        let answer = client.ask(&live.key, &path, &body);
        assert_eq!(answer.head.status, status, "{speech:?}, seed {seed}");
        assert_eq!(answer.end, End::Whole, "{speech:?}, seed {seed}");
        assert_same(&answer.body, &said, &format!("{speech:?}, seed {seed}"));
    }
    live.sim.clear();
}

fn document(seed: u64) -> (u16, Vec<u8>) {
    let mut grower = Grower::new(seed);
    let unknown = grower.chance.below(8);
    if seed % 250 == 7 {
        let mut large = Grower::new(seed);
        large.string(200_000);
        grower.object(&[("large".to_owned(), large.text)], unknown, 6);
    } else {
        grower.object(&[], unknown, 6);
    }
    let status = [200, 200, 200, 400, 404, 413, 422, 500, 503][grower.chance.below(9)];
    (status, grower.text.into_bytes())
}

/// A stream of anything that the grammar of server-sent events allows, with the mark of its end.
fn events(speech: Speech, seed: u64) -> (u16, Vec<u8>) {
    let mut grower = Grower::new(seed);
    let mut said = String::new();
    for _ in 0..grower.chance.below(12) {
        let line = grower.chance.one(&["\n", "\n", "\r\n", "\r\n"]);
        grower.text.clear();
        grower.object(&[], 2, 2);
        // A line end inside the document would end its line.
        let data = grower.text.replace(['\n', '\r'], " ");
        let field = grower.chance.one(&["data: ", "data:", "data:  "]);
        let before = grower.chance.one(&[
            "",
            "",
            "",
            ": comment",
            "event: unheard_of",
            "id: 7",
            "retry: 10",
            "nonsense",
            "data",
            "event:message_start",
            ":",
        ]);
        if !before.is_empty() {
            said.push_str(before);
            said.push_str(line);
        }
        write!(said, "{field}{data}{line}{line}").unwrap();
    }
    said.push_str(match speech {
        Speech::Messages => "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        Speech::Responses => "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":1}}\n\n",
        Speech::Gemini => "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\r\n\r\n",
        _ => "data: [DONE]\n\n",
    });
    (200, said.into_bytes())
}

fn lines(seed: u64) -> (u16, Vec<u8>) {
    let mut grower = Grower::new(seed);
    let mut said = String::new();
    for _ in 0..grower.chance.below(12) {
        grower.text.clear();
        grower.object(&[("done".to_owned(), "false".to_owned())], 2, 3);
        said.push_str(&grower.text.replace(['\n', '\r'], " "));
        said.push('\n');
    }
    said.push_str("{\"done\":true,\"prompt_eval_count\":3,\"eval_count\":4}\n");
    (200, said.into_bytes())
}

#[test]
fn answers_in_one_piece_come_back_byte_for_byte() {
    let live = Live::start();
    for speech in [
        Speech::Chat,
        Speech::Responses,
        Speech::Messages,
        Speech::Gemini,
        Speech::OllamaChat,
    ] {
        answers_are_exact((&live, speech, false), "application/json", document);
    }
}

#[test]
fn streamed_answers_come_back_byte_for_byte() {
    let live = Live::start();
    for speech in [
        Speech::Chat,
        Speech::Completions,
        Speech::Responses,
        Speech::Messages,
        Speech::Gemini,
    ] {
        answers_are_exact((&live, speech, true), "text/event-stream", |seed| {
            events(speech, seed)
        });
    }
    for speech in [Speech::OllamaChat, Speech::OllamaGenerate] {
        answers_are_exact((&live, speech, true), "application/x-ndjson", lines);
    }
}

#[test]
fn a_stream_that_is_looked_at_first_comes_back_byte_for_byte() {
    let live = Live::start();
    live.act(
        "route.set",
        json!({"alias": "two", "targets": ["oai/gpt-x", "ant/claude-exact", "oai/gpt-exact"]}),
    );
    let (path, body) = Speech::Chat.request_named("two", true, "hello");
    let mut client = live.client();
    for seed in 0..300 {
        let (status, said) = events(Speech::Chat, seed);
        let headers = vec![(
            "content-type".to_owned(),
            "text/event-stream; charset=utf-8".to_owned(),
        )];
        live.sim.script(Scripted {
            status,
            headers,
            chunks: pieces(&said, &mut Chance::new(seed)),
            ending: Ending::Whole,
        });
        let answer = client.ask(&live.key, &path, &body);
        assert_eq!((answer.head.status, answer.end), (200, End::Whole));
        assert_same(&answer.body, &said, &format!("seed {seed}"));
    }
}
