//! Clients of every dialect in front of providers of every other: over sockets, with the built binary.
#![cfg(test)]

use std::time::Duration;

use bytes::Bytes;
use mirk::sim::{Ending, Scripted, SimOptions};
use mirk_model::Dialect;

use crate::{
    live::{Live, Row},
    talk::{End, Piece, Speech, last_event_is_error, until},
};

/// Those that have a counterpart in every dialect.
const WAYS: [Speech; 6] = [
    Speech::Chat,
    Speech::Responses,
    Speech::Messages,
    Speech::Gemini,
    Speech::OllamaChat,
    Speech::OllamaGenerate,
];

/// Providers of the harness, with what their streams are made of. Ollama's own servers speak
/// others' dialects too; this one does not.
const PROVIDERS: [(&str, Speech, Option<Dialect>); 4] = [
    ("oai", Speech::Chat, None),
    ("ant", Speech::Messages, None),
    ("gem", Speech::Gemini, None),
    ("oll", Speech::OllamaChat, Some(Dialect::Ollama)),
];

/// Runs `check` for every client with every provider that speaks another dialect, and gives the
/// ledger's rows of it.
fn with_each_pair(check: impl Fn(&Live, Speech, &str, Speech)) -> Vec<Row> {
    let mut rows = Vec::new();
    for (provider, upstream, speaks) in PROVIDERS {
        let options = SimOptions {
            speaks,
            ..SimOptions::default()
        };
        let mut live = Live::with(&[], options);
        for client in WAYS {
            if client.provider() != provider {
                check(&live, client, provider, upstream);
            }
        }
        rows.extend(live.stop());
    }
    rows
}

/// The text that an answer carries, streamed or whole.
fn spoken(client: Speech, body: &str) -> String {
    let places: &[&str] = match client {
        Speech::Chat | Speech::Completions => {
            &["/choices/0/delta/content", "/choices/0/message/content"]
        }
        Speech::Responses => &["/delta"],
        Speech::Messages => &["/delta/text", "/content/0/text"],
        Speech::Gemini => &["/candidates/0/content/parts/0/text"],
        Speech::OllamaChat => &["/message/content"],
        Speech::OllamaGenerate => &["/response"],
    };
    let mut text = String::new();
    for line in body.lines() {
        let data = line.strip_prefix("data:").unwrap_or(line).trim();
        let Ok(value) = serde_json::from_str::<serde_json::Value>(data) else {
            continue;
        };
        for place in places {
            text.push_str(
                value
                    .pointer(place)
                    .and_then(|text| text.as_str())
                    .unwrap_or(""),
            );
        }
        // Responses, whole: the message among the items.
        for item in value["output"].as_array().into_iter().flatten() {
            text.push_str(item["content"][0]["text"].as_str().unwrap_or(""));
        }
    }
    text
}

#[test]
fn every_dialect_is_answered_by_every_provider() {
    let rows = with_each_pair(|live, client, provider, _| {
        for is_stream in [true, false] {
            let words = "reply with \"one two three\"";
            let (path, body) = client.request_named(&format!("{provider}/m"), is_stream, words);
            let answer = live.client().ask(&live.key, &path, &body);
            let what = format!("{client:?} at {provider}, streamed: {is_stream}");
            assert_eq!(
                (answer.head.status, answer.end),
                (200, End::Whole),
                "{what}: {}",
                answer.text()
            );
            assert_eq!(
                spoken(client, &answer.text()).trim(),
                "one two three",
                "{what}: {}",
                answer.text()
            );
            let transforms = answer.head.header("x-mirk-transforms").unwrap_or_default();
            assert!(
                transforms.starts_with("translated:"),
                "{what}: {transforms}"
            );
            if is_stream {
                assert!(answer.text().contains(client.terminal()), "{what}");
            }
        }
    });
    assert_eq!(rows.len(), 36);
    for row in rows {
        assert_eq!((row.status, row.outcome.as_str()), (200, "ok"), "{row:?}");
        assert!(
            row.input > 0 && row.output > 0 && row.counted == "reported",
            "{row:?}"
        );
    }
}

#[test]
fn a_stream_that_is_cut_is_an_error_in_the_clients_words() {
    let rows = with_each_pair(|live, client, provider, _| {
        for fault in ["sim-cut", "sim-cutclean"] {
            let words = "one two three four five six seven eight";
            let (path, body) = client.request_named(&format!("{provider}/{fault}"), true, words);
            let answer = live.client().ask(&live.key, &path, &body);
            let what = format!("{client:?} at {provider}/{fault}: {}", answer.text());
            assert_eq!(
                (answer.head.status, answer.end),
                (200, End::Broken),
                "{what}"
            );
            assert!(!answer.text().contains(client.terminal()), "{what}");
            assert!(last_event_is_error(client, &answer.text()), "{what}");
        }
    });
    assert_eq!(rows.len(), 36);
    assert!(rows.iter().all(|row| row.outcome == "incomplete"));
}

#[test]
fn an_error_inside_a_stream_is_never_the_assistants_words() {
    let rows = with_each_pair(|live, client, provider, _| {
        for fault in ["sim-inband", "sim-json200"] {
            let (path, body) = client.request_named(&format!("{provider}/{fault}"), true, "hello");
            let answer = live.client().ask(&live.key, &path, &body);
            let what = format!("{client:?} at {provider}/{fault}: {}", answer.text());
            assert!(!answer.text().contains(client.terminal()), "{what}");
            let is_error = answer.head.status >= 400 || last_event_is_error(client, &answer.text());
            assert!(is_error, "{what}");
            assert!(
                !spoken(client, &answer.text())
                    .to_lowercase()
                    .contains("error"),
                "{what}"
            );
        }
    });
    assert!(rows.iter().all(|row| row.outcome != "ok"), "{rows:?}");
}

#[test]
fn xlat_17_usage_that_is_missing_or_odd_costs_no_less() {
    let rows = with_each_pair(|live, client, provider, _| {
        for model in ["sim-nousage", "sim-badusage"] {
            for is_stream in [true, false] {
                let named = format!("{provider}/{model}");
                let (path, body) =
                    client.request_named(&named, is_stream, "reply with \"one two\"");
                let answer = live.client().ask(&live.key, &path, &body);
                let what = format!("{client:?} at {named}: {}", answer.text());
                assert_eq!(
                    (answer.head.status, answer.end),
                    (200, End::Whole),
                    "{what}"
                );
            }
        }
    });
    for row in rows {
        assert!(row.input > 0 && row.output > 0, "{row:?}");
        assert_eq!(row.counted, "estimated", "{row:?}");
    }
}

#[test]
fn xlat_18_a_providers_refusal_is_said_in_the_clients_words_and_form() {
    with_each_pair(|live, client, provider, _| {
        for (model, status) in [("sim-429", 429), ("sim-500", 500), ("sim-401", 502)] {
            let (path, body) = client.request_named(&format!("{provider}/{model}"), true, "hello");
            let answer = live.client().ask(&live.key, &path, &body);
            let what = format!("{client:?} at {provider}/{model}: {}", answer.text());
            assert_eq!(answer.head.status, status, "{what}");
            let said: serde_json::Value = serde_json::from_str(&answer.text()).expect(&what);
            assert!(said.get("error").is_some(), "{what}");
            if status == 429 {
                assert!(answer.head.header("retry-after").is_some(), "{what}");
            }
        }
    });
}

/// The first event with words in it, as each provider streams it.
fn first_event(upstream: Speech) -> (&'static str, &'static [u8]) {
    match upstream {
        Speech::Messages => (
            "text/event-stream",
            b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"firstword\"}}\n\n",
        ),
        Speech::Gemini => (
            "text/event-stream",
            b"data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"firstword\"}]}}]}\r\n\r\n",
        ),
        Speech::OllamaChat => (
            "application/x-ndjson",
            b"{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"firstword\"},\"done\":false}\n",
        ),
        _ => (
            "text/event-stream",
            b"data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"firstword\"},\"finish_reason\":null}]}\n\n",
        ),
    }
}

#[test]
fn the_first_event_goes_out_before_the_second_comes_in() {
    with_each_pair(|live, client, provider, upstream| {
        // Once, so that what the provider's server lacks is known.
        let (path, body) = client.request_named(&format!("{provider}/m"), false, "hello");
        assert_eq!(live.client().ask(&live.key, &path, &body).head.status, 200);
        let (kind, first) = first_event(upstream);
        // The second event never comes: what the client reads was not waiting for it.
        live.sim.script(Scripted {
            status: 200,
            headers: vec![("content-type".into(), kind.into())],
            chunks: vec![(Duration::ZERO, Bytes::from_static(first))],
            ending: Ending::Stall,
        });
        let (path, body) = client.request_named(&format!("{provider}/m"), true, "hello");
        let mut asking = live.client();
        asking.post(&live.key, &path, &body);
        assert_eq!(asking.head().status, 200, "{client:?} at {provider}");
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains("firstword") {
            match asking.piece() {
                Piece::Data(piece) => read.extend(piece),
                Piece::End(_) => panic!("{client:?} at {provider} ended without the first word"),
            }
        }
    });
}

#[test]
fn t28_a_client_that_leaves_ends_the_call_to_the_provider() {
    with_each_pair(|live, client, provider, _| {
        let (path, body) = client.request_named(&format!("{provider}/m"), false, "hello");
        assert_eq!(live.client().ask(&live.key, &path, &body).head.status, 200);
        let before = live.sim.cancelled();
        for is_stream in [true, false] {
            let named = format!("{provider}/sim-slow");
            let (path, body) = client.request_named(&named, is_stream, "one two three four five");
            let mut asking = live.client();
            asking.post(&live.key, &path, &body);
            let is_under_way = until(Duration::from_secs(5), || live.sim.live() > 0);
            assert!(is_under_way.is_some(), "{client:?} at {provider}");
            drop(asking);
            let has_ended = until(Duration::from_secs(5), || live.sim.live() == 0);
            assert!(has_ended.is_some(), "{client:?} at {provider} goes on");
        }
        assert!(live.sim.cancelled() > before, "{client:?} at {provider}");
    });
}

#[test]
fn t29_a_body_that_names_another_model_than_the_path_is_refused() {
    let live = Live::start();
    let path = "/v1beta/models/gem/one:generateContent";
    let body = |model: &str| {
        format!(
            r#"{{"model":"{model}","contents":[{{"role":"user","parts":[{{"text":"hello"}}]}}]}}"#
        )
    };
    let asked = |model: &str| live.client().ask(&live.key, path, body(model).as_bytes());
    assert_eq!(asked("gem/two").head.status, 400);
    assert_eq!(asked("models/gem/one").head.status, 200);
    assert_eq!(asked("gem/one").head.status, 200);
}

#[test]
fn t30_what_is_not_built_is_not_there_and_reaches_no_provider() {
    let live = Live::start();
    for path in [
        "/v1/images/generations",
        "/v1/audio/transcriptions",
        "/v1/audio/speech",
        "/v1/files",
        "/v1/batches",
        "/v1/rerank",
        "/v1/moderations",
        "/v1/messages/batches",
        "/v1/responses/resp_1/cancel",
    ] {
        let answer = live.client().ask(&live.key, path, b"{\"model\":\"oai/m\"}");
        assert_eq!(answer.head.status, 404, "{path}");
    }
    assert!(live.sim.requests().is_empty());
}

#[test]
fn t22_tokens_are_counted_by_the_provider_or_estimated_and_said_to_be() {
    let live = Live::start();
    let messages = |model: &str| {
        format!(
            r#"{{"model":"{model}","messages":[{{"role":"user","content":"How many tokens are these?"}}]}}"#
        )
    };
    let count = |path: &str, body: &str| {
        let answer = live.client().ask(&live.key, path, body.as_bytes());
        assert_eq!(answer.head.status, 200, "{path}: {}", answer.text());
        let said: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
        let tokens = said["input_tokens"]
            .as_u64()
            .or(said["totalTokens"].as_u64());
        let transforms = answer.head.header("x-mirk-transforms").unwrap_or_default();
        (tokens.unwrap(), transforms.to_owned())
    };
    let path = "/v1/messages/count_tokens";
    let (by_anthropic, transforms) = count(path, &messages("ant/m"));
    assert!(
        by_anthropic > 0 && !transforms.contains("translated"),
        "{transforms}"
    );
    let (by_gemini, transforms) = count(path, &messages("gem/m"));
    assert!(
        by_gemini > 0 && transforms.starts_with("translated:anthropic>gemini"),
        "{transforms}"
    );
    let (estimated, transforms) = count(path, &messages("oai/m"));
    assert!(estimated > 0);
    assert_eq!(transforms, "estimated:tokens");
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"How many tokens are these?"}]}]}"#;
    let (by_anthropic, transforms) = count("/v1beta/models/ant/m:countTokens", body);
    assert!(by_anthropic > 0 && transforms.starts_with("translated:gemini>anthropic"));
}

#[test]
fn embeddings_are_translated_and_keep_their_numbers() {
    let live = Live::start();
    let asked = |path: &str, body: &str| {
        let answer = live.client().ask(&live.key, path, body.as_bytes());
        assert_eq!(answer.head.status, 200, "{path}: {}", answer.text());
        serde_json::from_str::<serde_json::Value>(&answer.text()).unwrap()
    };
    let own = asked(
        "/v1beta/models/gem/m:embedContent",
        r#"{"content":{"parts":[{"text":"a"}]}}"#,
    );
    let own = own["embedding"]["values"].as_array().unwrap().clone();
    let translated = asked(
        "/v1/embeddings",
        r#"{"model":"gem/m","input":["a","b"],"encoding_format":"float"}"#,
    );
    assert_eq!(translated["data"][0]["embedding"].as_array().unwrap(), &own);
    assert_eq!(translated["data"].as_array().unwrap().len(), 2);
    let translated = asked("/api/embed", r#"{"model":"gem/m","input":"a"}"#);
    assert_eq!(translated["embeddings"][0].as_array().unwrap(), &own);
    let body = br#"{"model":"gem/m","input":[1,2,3]}"#;
    let refused = live.client().ask(&live.key, "/v1/embeddings", body);
    assert_eq!(refused.head.status, 400);
    assert!(refused.text().contains("input"), "{}", refused.text());
}

#[test]
fn clawpipes_calls_are_answered_in_its_own_form() {
    let live = Live::start();
    let body =
        br#"{"prompt":"reply with \"one two\"","provider":"ant","model":"m","maxTokens":50}"#;
    let answer = live.client().ask(&live.key, "/v1/prompt", body);
    assert_eq!(answer.head.status, 200, "{}", answer.text());
    let said: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
    assert_eq!(said["text"], "one two");
    assert!(said["tokensIn"].as_u64() > Some(0) && said["tokensOut"].as_u64() > Some(0));
    assert!(said["latencyMs"].is_u64());
    let answer = live.client().ask(&live.key, "/v1/stream", body);
    assert_eq!(answer.head.status, 200, "{}", answer.text());
    let text: String = answer
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("data: ").map(str::to_owned))
        .collect();
    assert_eq!(text, "one two[DONE]", "{}", answer.text());
}
