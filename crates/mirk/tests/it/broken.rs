//! Answers that a provider breaks off, garbles or dresses up: none ends as if it were whole.
//! Cases are those of the security paper, by their ids.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "real time is what is measured here"
)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use mirk::sim::{Ending, Scripted, SimOptions};
use serde_json::Value;

use crate::{
    live::Live,
    talk::{End, Piece, SPEECHES, Speech, at_once, last_event_is_error},
};

#[test]
fn strm_05_a_stream_cut_upstream_never_ends_as_if_it_were_whole() {
    let mut live = Live::start();
    for speech in SPEECHES {
        for fault in ["sim-cut", "sim-cutclean", "sim-nolength"] {
            let model = format!("{speech:?}-{fault}").to_lowercase();
            let (path, body) =
                speech.request(&model, true, "one two three four five six seven eight");
            let answer = live.client().ask(&live.key, &path, &body);
            assert_eq!(answer.head.status, 200, "{model}");
            assert_eq!(answer.end, End::Broken, "{model} ended as if whole");
            assert!(
                !answer.text().contains(speech.terminal()),
                "{model}: {}",
                answer.text()
            );
            assert!(
                last_event_is_error(speech, &answer.text()),
                "{model}: {}",
                answer.text()
            );
        }
    }
    let rows = live.stop();
    assert_eq!(rows.len(), SPEECHES.len() * 3);
    for row in rows {
        assert_eq!(
            (row.status, row.outcome.as_str()),
            (200, "incomplete"),
            "{row:?}"
        );
        assert!(row.output > 0 && row.input > 0, "{row:?}");
    }
}

#[test]
fn strm_05_a_reset_inside_an_event_does_not_swallow_the_error() {
    let mut live = Live::start();
    for speech in SPEECHES {
        let half: &[u8] = if speech.is_lines() {
            b"{\"model\":\"m\",\"done\":false,\"message\":{\"content\":\"a\"},\"response\":\"a\"}\n{\"model\":\"m\",\"do"
        } else {
            b": hello\n\nevent: x\ndata: {\"choices\":[{\"delta\":{\"content\":\"par"
        };
        let kind = if speech.is_lines() {
            "application/x-ndjson"
        } else {
            "text/event-stream"
        };
        live.sim.script(Scripted {
            status: 200,
            headers: vec![("content-type".into(), kind.into())],
            chunks: vec![
                (Duration::ZERO, Bytes::from_static(half)),
                (Duration::from_millis(30), Bytes::new()),
            ],
            ending: Ending::Cut,
        });
        let (path, body) = speech.request("half", true, "hello");
        let answer = live.client().ask(&live.key, &path, &body);
        assert_eq!(answer.end, End::Broken, "{speech:?}");
        assert!(answer.body.starts_with(half), "{speech:?}");
        assert!(
            last_event_is_error(speech, &answer.text()),
            "{speech:?}: {}",
            answer.text()
        );
    }
    for row in live.stop() {
        assert_eq!(row.outcome, "incomplete");
    }
}

#[test]
fn strm_13_a_provider_that_falls_silent_is_given_up() {
    let settings = [
        ("MIRK_UPSTREAM_FIRST_BYTE_SECONDS", "1"),
        ("MIRK_UPSTREAM_IDLE_SECONDS", "1"),
    ];
    let mut live = Live::with(&settings, SimOptions::default());
    let silent = |speech: Speech| {
        for is_stream in [true, false] {
            let (path, body) = speech.request("sim-silent", is_stream, "hello");
            let answer = live.client().ask(&live.key, &path, &body);
            assert_eq!(
                (answer.head.status, answer.end),
                (504, End::Whole),
                "{speech:?}"
            );
        }
        let (path, body) = speech.request("sim-stall", true, "hello");
        let begun = Instant::now();
        let answer = live.client().ask(&live.key, &path, &body);
        assert!(
            begun.elapsed() < Duration::from_secs(4),
            "{speech:?}: {:?}",
            begun.elapsed()
        );
        assert_eq!(answer.end, End::Broken, "{speech:?}");
        assert!(
            last_event_is_error(speech, &answer.text()),
            "{speech:?}: {}",
            answer.text()
        );
    };
    at_once(silent);
    let rows = live.stop();
    assert_eq!(
        rows.iter()
            .filter(|row| row.outcome == "failed" && row.status == 504)
            .count(),
        14
    );
    assert_eq!(
        rows.iter()
            .filter(|row| row.outcome == "incomplete")
            .count(),
        7
    );
}

#[test]
fn strm_02_pings_alone_do_not_keep_a_stream() {
    let live = Live::with(
        &[("MIRK_UPSTREAM_IDLE_SECONDS", "1")],
        SimOptions::default(),
    );
    let ping = (
        Duration::from_millis(100),
        Bytes::from_static(b": ping\n\n"),
    );
    live.sim.script(Scripted {
        status: 200,
        headers: vec![("content-type".into(), "text/event-stream".into())],
        chunks: vec![ping; 100],
        ending: Ending::Whole,
    });
    let (path, body) = Speech::Chat.request("gpt-x", true, "hello");
    let begun = Instant::now();
    let answer = live.client().ask(&live.key, &path, &body);
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(answer.end, End::Broken);
    assert!(
        last_event_is_error(Speech::Chat, &answer.text()),
        "{}",
        answer.text()
    );
}

#[test]
fn answers_that_are_no_streams_are_not_taken_for_one() {
    let mut live = Live::start();
    for speech in SPEECHES {
        for (model, status) in [
            ("sim-gzip", 502),
            ("sim-redirect", 502),
            ("sim-1xx", 200),
            ("sim-inband", 200),
        ] {
            let (path, body) = speech.request(model, true, "one two three four five six");
            let answer = live.client().ask(&live.key, &path, &body);
            assert_eq!(
                answer.head.status,
                status,
                "{speech:?} {model}: {}",
                answer.text()
            );
            assert!(answer.head.header("location").is_none());
            assert_eq!(answer.end, End::Whole, "{speech:?} {model}");
            let is_good = answer.text().contains(speech.terminal());
            assert_eq!(
                is_good,
                model == "sim-1xx",
                "{speech:?} {model}: {}",
                answer.text()
            );
        }
        let (path, body) = speech.request("sim-json200", true, "hello");
        let answer = live.client().ask(&live.key, &path, &body);
        assert!(
            matches!(answer.head.status, 502 | 429),
            "{speech:?}: {} {}",
            answer.head.status,
            answer.text()
        );
    }
    let rows = live.stop();
    for row in &rows {
        let expected = if row.model == "sim-1xx" {
            "ok"
        } else {
            "failed"
        };
        assert_eq!(row.outcome, expected, "{row:?}");
    }
    assert_eq!(rows.len(), SPEECHES.len() * 5);
}

#[test]
fn a_gemini_array_is_a_stream_too() {
    let mut live = Live::start();
    let ask = |model: &str, live: &Live| {
        let (path, body) =
            Speech::Gemini.request(model, true, "reply with \"one two three four five\"");
        live.client()
            .ask(&live.key, path.strip_suffix("?alt=sse").unwrap(), &body)
    };
    let whole = ask("whole", &live);
    assert_eq!((whole.head.status, whole.end), (200, End::Whole));
    let parsed: Vec<Value> = serde_json::from_slice(&whole.body).unwrap();
    assert!(parsed.len() > 3, "{parsed:?}");
    let cut = ask("sim-cut", &live);
    assert_eq!((cut.head.status, cut.end), (200, End::Broken));
    assert!(
        !cut.text().contains("error"),
        "an array has no room for an event: {}",
        cut.text()
    );
    assert!(matches!(ask("sim-json200", &live).head.status, 502 | 429));
    let big = ask("sim-big", &live);
    assert_eq!((big.head.status, big.end), (200, End::Whole));
    assert!(big.body.len() > 1024 * 1024, "{}", big.body.len());
    live.sim.script(Scripted {
        status: 200,
        headers: vec![("content-type".into(), "application/json".into())],
        chunks: vec![
            (
                Duration::ZERO,
                Bytes::from_static(b"[{\"candidates\":[{}]}\r\n"),
            ),
            (
                Duration::from_millis(700),
                Bytes::from_static(b",{\"candidates\":[{\"finishReason\":\"STOP\"}]}]"),
            ),
        ],
        ending: Ending::Whole,
    });
    let (path, body) = Speech::Gemini.request("slow", true, "hello");
    let mut client = live.client();
    let begun = Instant::now();
    client.post(&live.key, path.strip_suffix("?alt=sse").unwrap(), &body);
    assert_eq!(client.head().status, 200);
    assert!(matches!(client.piece(), Piece::Data(_)));
    assert!(
        begun.elapsed() < Duration::from_millis(400),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(client.rest().1, End::Whole);
    let outcomes: Vec<_> = live.stop().into_iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes, ["ok", "incomplete", "failed", "ok", "ok"]);
}

#[test]
fn a_stream_that_goes_on_is_never_silent() {
    let settings = [("MIRK_UPSTREAM_IDLE_SECONDS", "1")];
    let live = Live::with(&settings, SimOptions::default());
    at_once(|speech| {
        let (path, body) = speech.request("sim-slow", true, "reply with \"1 2 3 4 5 6 7 8 9\"");
        let answer = live.client().ask(&live.key, &path, &body);
        assert_eq!(answer.end, End::Whole, "{speech:?}: {}", answer.text());
    });
}

#[test]
fn strm_16_a_body_of_the_wrong_length_is_not_whole() {
    let mut live = Live::start();
    for speech in SPEECHES {
        for is_stream in [true, false] {
            let model = format!("{speech:?}-{is_stream}-sim-short").to_lowercase();
            let (path, body) = speech.request(&model, is_stream, "hello");
            let answer = live.client().ask(&live.key, &path, &body);
            assert_eq!(answer.end, End::Broken, "{model}: {}", answer.text());
            // The provider's connection is not used again.
            let (path, body) = speech.request("plain", false, "hello");
            assert_eq!(live.client().ask(&live.key, &path, &body).end, End::Whole);
        }
        let (path, body) = speech.request("sim-cut", false, "hello");
        let answer = live.client().ask(&live.key, &path, &body);
        assert_eq!(answer.end, End::Broken, "{speech:?} {}", answer.text());
    }
    for row in live.stop() {
        let expected = if row.model == "plain" {
            "ok"
        } else {
            "incomplete"
        };
        assert_eq!(row.outcome, expected, "{row:?}");
    }
}
