//! Streams that nobody listens to any more, that outlive their key, and that the server outlives.
//! Cases are those of the security paper, by their ids.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "real time is what is measured here"
)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use mirk::sim::{Ending, Scripted, SimOptions};
use serde_json::json;

use crate::{
    live::{Live, Row},
    talk::{Client, End, Piece, SPEECHES, Speech, last_event_is_error, until},
};

const SECOND: Duration = Duration::from_secs(1);

fn row_of<'a>(rows: &'a [Row], model: &str) -> &'a Row {
    let found: Vec<_> = rows.iter().filter(|row| row.model == model).collect();
    assert_eq!(found.len(), 1, "rows of {model}: {rows:?}");
    found[0]
}

#[test]
fn strm_01_the_upstream_call_ends_when_the_client_leaves() {
    let mut live = Live::start();
    let mut slowest = Duration::ZERO;
    for speech in SPEECHES {
        let model = format!("{speech:?}-sim-stall").to_lowercase();
        let (path, body) = speech.request(&model, true, "hello");
        let before = live.sim.cancelled();
        let mut client = live.client();
        client.post(&live.key, &path, &body);
        assert_eq!(client.head().status, 200);
        assert!(matches!(client.piece(), Piece::Data(_)));
        drop(client);
        let taken = until(SECOND, || live.sim.cancelled() > before);
        slowest = slowest.max(taken.unwrap_or_else(|| panic!("{model} goes on upstream")));
    }
    println!("upstream call ended after at most {slowest:?}");
    assert_eq!(live.sim.live(), 0);
    for row in live.stop() {
        assert_eq!(
            (row.status, row.outcome.as_str()),
            (200, "client_closed"),
            "{row:?}"
        );
        assert!(row.output > 0 && row.counted == "estimated", "{row:?}");
    }
}

#[test]
fn strm_01_a_client_that_leaves_before_the_first_byte_ends_the_call_too() {
    let mut live = Live::start();
    let mut slowest = Duration::ZERO;
    for (index, is_stream) in [true, false].into_iter().enumerate() {
        let (path, body) = Speech::Chat.request("gpt-sim-silent", is_stream, "hello");
        let mut client = live.client();
        client.post(&live.key, &path, &body);
        until(SECOND, || live.sim.live() == 1).expect("the request reaches the provider");
        drop(client);
        let taken = until(SECOND, || live.sim.cancelled() > index);
        slowest = slowest.max(taken.expect("the call ends"));
    }
    println!("silent upstream call ended after at most {slowest:?}");
    for row in live.stop() {
        assert_eq!(
            (row.status, row.outcome.as_str(), row.output),
            (499, "client_closed", 0),
            "{row:?}"
        );
    }
}

/// An answer whose second event is withheld for a while.
fn withheld(speech: Speech) -> (Scripted, &'static [u8]) {
    let (kind, first, last): (_, &'static [u8], &'static [u8]) = match speech {
        Speech::OllamaChat | Speech::OllamaGenerate => {
            ("application/x-ndjson", b"{\"done\":false}\n", b"{\"done\":true,\"prompt_eval_count\":1,\"eval_count\":1}\n")
        }
        Speech::Messages => ("text/event-stream", b"event: message_start\ndata: {\"type\":\"message_start\"}\n\n", b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
        Speech::Responses => ("text/event-stream", b"event: response.created\ndata: {\"type\":\"response.created\"}\n\n", b"event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{}}\n\n"),
        Speech::Gemini => ("text/event-stream", b"data: {\"candidates\":[{}]}\r\n\r\n", b"data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\r\n\r\n"),
        Speech::Chat | Speech::Completions => ("text/event-stream", b"data: {\"choices\":[]}\n\n", b"data: [DONE]\n\n"),
    };
    let chunks = vec![
        (Duration::ZERO, Bytes::from_static(first)),
        (Duration::from_millis(700), Bytes::from_static(last)),
    ];
    let headers = vec![("content-type".into(), kind.into())];
    (
        Scripted {
            status: 200,
            headers,
            chunks,
            ending: Ending::Whole,
        },
        first,
    )
}

#[test]
fn the_first_event_is_never_held_back() {
    let live = Live::start();
    live.act(
        "route.set",
        json!({"alias": "two", "targets": ["oai/gpt-x", "ant/claude-exact"]}),
    );
    let mut slowest = Duration::ZERO;
    let plain = SPEECHES.map(|speech| (speech, speech.request("m", true, "hello")));
    let looked_at = (
        Speech::Chat,
        Speech::Chat.request_named("two", true, "hello"),
    );
    for (speech, (path, body)) in plain.into_iter().chain([looked_at]) {
        let (script, first) = withheld(speech);
        live.sim.script(script);
        let mut client = live.client();
        let begun = Instant::now();
        client.post(&live.key, &path, &body);
        assert_eq!(client.head().status, 200);
        let Piece::Data(data) = client.piece() else {
            panic!("{speech:?} has no first event")
        };
        let taken = begun.elapsed();
        assert_eq!(data, first, "{speech:?}");
        assert!(
            taken < Duration::from_millis(400),
            "{speech:?} held its first event back: {taken:?}"
        );
        slowest = slowest.max(taken);
        assert_eq!(client.rest().1, End::Whole, "{speech:?}");
    }
    println!("first event after at most {slowest:?}");
}

#[test]
fn key_07_a_revocation_ends_streams_within_a_second() {
    let mut live = Live::start();
    let mut slowest = Duration::ZERO;
    for speech in SPEECHES {
        for model in ["sim-stall", "sim-slow"] {
            let (kid, key) = live.new_key(json!({}));
            let (path, body) = speech.request(
                model,
                true,
                "one two three four five six seven eight nine ten",
            );
            let mut client = live.client();
            client.post(&key, &path, &body);
            assert_eq!(client.head().status, 200);
            let Piece::Data(mut said) = client.piece() else {
                panic!("no first event")
            };
            live.act("key.revoke", json!({"kid": kid}));
            let begun = Instant::now();
            let (rest, end) = client.rest();
            slowest = slowest.max(begun.elapsed());
            said.extend_from_slice(&rest);
            let text = String::from_utf8_lossy(&said);
            assert_eq!(end, End::Broken, "{speech:?} {model}");
            assert!(
                last_event_is_error(speech, &text),
                "{speech:?} {model}: {text}"
            );
            assert!(
                !text.contains(speech.terminal()),
                "{speech:?} {model}: {text}"
            );
        }
    }
    println!("revoked streams ended after at most {slowest:?}");
    assert!(slowest < SECOND);
    assert_eq!(live.sim.live(), 0);
    for row in live.stop() {
        assert_eq!(row.outcome, "revoked", "{row:?}");
        assert!(row.output > 0, "{row:?}");
    }
}

#[test]
fn strm_28_a_stream_does_not_outlive_its_key() {
    let mut live = Live::start();
    for speech in [Speech::Chat, Speech::Messages, Speech::OllamaChat] {
        for model in ["sim-stall", "sim-slow"] {
            let end = time::OffsetDateTime::now_utc() + Duration::from_millis(1_200);
            let end_text = end
                .format(&time::format_description::well_known::Rfc3339)
                .unwrap();
            let (_, key) = live.new_key(json!({"expires": end_text}));
            let (path, body) = speech.request(
                model,
                true,
                "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
            );
            let answer = live.client().ask(&key, &path, &body);
            let late = time::OffsetDateTime::now_utc() - end;
            assert_eq!(answer.end, End::Broken, "{speech:?} {model}");
            assert!(
                last_event_is_error(speech, &answer.text()),
                "{speech:?} {model}: {}",
                answer.text()
            );
            assert!(
                late > time::Duration::milliseconds(-5) && late < time::Duration::SECOND,
                "{late}"
            );
            let again = live.client().ask(&key, &path, &body);
            assert_eq!(again.head.status, 401);
        }
    }
    for row in live.stop() {
        assert_eq!(row.outcome, "revoked", "{row:?}");
    }
}

#[test]
fn a_client_that_leaves_gives_its_place_back() {
    let live = Live::start();
    let (_, key) = live.new_key(json!({"concurrency": 1}));
    let (path, body) = Speech::Chat.request("sim-stall", true, "hello");
    let (_, plain) = Speech::Chat.request("gpt-x", false, "hello");
    for _ in 0..20 {
        let mut client = live.client();
        client.post(&key, &path, &body);
        assert_eq!(client.head().status, 200);
        let refused = live.client().ask(&key, &path, &plain);
        assert_eq!(refused.head.status, 429);
        assert!(refused.head.header("retry-after").is_some());
        drop(client);
        let taken = until(SECOND, || {
            live.client().ask(&key, &path, &plain).head.status == 200
        });
        assert!(taken.is_some(), "the place was not given back");
    }
}

#[test]
fn the_ledger_has_the_providers_own_counts() {
    let mut live = Live::start();
    let mut expected = Vec::new();
    for speech in SPEECHES {
        for is_stream in [true, false] {
            let model = format!("{speech:?}-{is_stream}").to_lowercase();
            let (path, body) =
                speech.request(&model, is_stream, "reply with \"one two three four five\"");
            let answer = live.client().ask(&live.key, &path, &body);
            assert_eq!(
                (answer.head.status, answer.end),
                (200, End::Whole),
                "{model}: {}",
                answer.text()
            );
            expected.push((model, counts(speech, &answer.text())));
        }
    }
    let rows = live.stop();
    for (model, (input, output)) in expected {
        let row = row_of(&rows, &model);
        assert_eq!(
            (row.input, row.output, row.counted.as_str()),
            (input, output, "reported"),
            "{row:?}"
        );
        assert_eq!(
            (row.outcome.as_str(), row.kid.as_str()),
            ("ok", live.kid.as_str())
        );
    }
}

/// Input and output tokens as the answer itself says: the last number behind each name.
fn counts(speech: Speech, text: &str) -> (i64, i64) {
    let (input, output) = match speech {
        Speech::Chat | Speech::Completions => ("prompt_tokens", "completion_tokens"),
        Speech::Responses | Speech::Messages => ("input_tokens", "output_tokens"),
        Speech::Gemini => ("promptTokenCount", "candidatesTokenCount"),
        Speech::OllamaChat | Speech::OllamaGenerate => ("prompt_eval_count", "eval_count"),
    };
    let number = |name: &str| -> i64 {
        let (_, rest) = text
            .rsplit_once(&format!("\"{name}\":"))
            .unwrap_or_else(|| panic!("{name} in {text}"));
        let digits: String = rest
            .trim_start()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().unwrap()
    };
    (number(input), number(output))
}

#[test]
fn strm_19_a_server_that_is_asked_to_stop_lets_streams_finish() {
    const STREAMS: usize = 40;
    let gap = SimOptions {
        event_gap: Duration::from_millis(60),
        ..SimOptions::default()
    };
    let mut live = Live::with(&[], gap);
    let (path, body) = Speech::Messages.request(
        "m",
        true,
        "reply with \"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\"",
    );
    let mut waiting = live.client();
    let mut clients: Vec<Client> = (0..STREAMS).map(|_| live.client()).collect();
    for client in &mut clients {
        client.post(&live.key, &path, &body);
    }
    for client in &mut clients {
        assert_eq!(client.head().status, 200);
    }
    assert_eq!(waiting.try_get("/health/ready"), Some(200));
    live.signal(rustix::process::Signal::TERM);
    let refused = until(SECOND, || {
        waiting
            .try_get("/health/ready")
            .is_none_or(|status| status == 503)
    });
    assert!(refused.is_some(), "still ready while it drains");
    let mut expected = (0, 0);
    for client in &mut clients {
        let (said, end) = client.rest();
        let text = String::from_utf8_lossy(&said);
        assert_eq!(end, End::Whole, "{text}");
        assert!(text.contains("message_stop"));
        let (input, output) = counts(Speech::Messages, &text);
        expected = (expected.0 + input, expected.1 + output);
    }
    assert_eq!(live.wait(), Some(0), "{}", live.stderr());
    let rows = live.rows();
    assert_eq!(rows.len(), STREAMS);
    assert!(rows.iter().all(|row| row.outcome == "ok"));
    let sums = (
        rows.iter().map(|row| row.input).sum(),
        rows.iter().map(|row| row.output).sum(),
    );
    assert_eq!(expected, sums);
}
