//! Streams of clients.

use mirk_model::{Call, Citation, Event, Failure, Finish, Operation, Origin, State, Usage};
use serde_json::{Value, json};

use super::{WIRE, frames, stream};
use crate::wire::Manner;

fn manner() -> Manner {
    let mut manner = Manner::new(Operation::Messages);
    manner.request_id = "7".to_owned();
    manner.model = "asked".to_owned();
    manner
}

fn begin() -> Event<'static> {
    Event::Start {
        id: "".into(),
        model: "".into(),
        created: None,
        usage: None,
    }
}

fn text(text: &str) -> Event<'_> {
    Event::Text {
        choice: 0,
        text: text.into(),
    }
}

fn thought(text: &str) -> Event<'_> {
    Event::Thinking {
        choice: 0,
        text: text.into(),
    }
}

fn call(call: u32, id: &str) -> Event<'_> {
    Event::Call {
        choice: 0,
        call,
        begun: Call {
            id: id.into(),
            name: "f".into(),
            namespace: None,
            arguments: "".into(),
            is_custom: false,
            state: None,
        },
    }
}

fn arguments(call: u32, text: &str) -> Event<'_> {
    Event::Arguments {
        choice: 0,
        call,
        text: text.into(),
    }
}

const fn call_end(call: u32) -> Event<'static> {
    Event::CallEnd { choice: 0, call }
}

const fn finish(finish: Finish) -> Event<'static> {
    Event::Finish {
        choice: 0,
        finish,
        stop: None,
    }
}

/// Checks the order of a stream's events and gives the blocks with what their pieces say together.
fn blocks(frames: &[(String, Value)]) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut is_open = false;
    for (name, data) in frames {
        match name.as_str() {
            "content_block_start" => {
                assert!(!is_open, "a block begins while another is open");
                is_open = true;
                assert_eq!(data["index"], blocks.len());
                let block = &data["content_block"];
                let kind = block["type"].as_str().unwrap().to_owned();
                let id = block["id"].as_str().unwrap_or_default().to_owned();
                blocks.push((format!("{kind}{id}"), String::new()));
            }
            "content_block_delta" => {
                assert!(is_open);
                assert_eq!(data["index"], blocks.len() - 1);
                let delta = &data["delta"];
                let piece = ["text", "thinking", "partial_json", "signature"]
                    .iter()
                    .find_map(|name| delta[name].as_str())
                    .unwrap_or("[citation]");
                blocks.last_mut().unwrap().1.push_str(piece);
            }
            "content_block_stop" => {
                assert!(is_open);
                is_open = false;
                assert_eq!(data["index"], blocks.len() - 1);
            }
            _ => assert!(!is_open),
        }
    }
    blocks
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(kind, said)| ((*kind).to_owned(), (*said).to_owned()))
        .collect()
}

#[test]
fn p10_3_a_stream_of_text_is_written_event_by_event() {
    let usage = Usage {
        input: 12,
        cached: 2,
        output: 7,
        ..Usage::default()
    };
    let mut writer = (WIRE.writer)(&manner());
    let mut out = Vec::new();
    writer.event(&begin(), &mut out);
    assert!(
        !out.is_empty(),
        "the first event is out before the second comes in"
    );
    writer.event(&text("He"), &mut out);
    let early = frames(&out);
    assert_eq!(
        early.last().unwrap().1["delta"]["text"],
        "He",
        "text passes as it comes"
    );
    for event in [
        text("y"),
        finish(Finish::Stop),
        Event::Usage(usage),
        Event::End,
    ] {
        writer.event(&event, &mut out);
    }
    let frames = frames(&out);
    let names: Vec<_> = frames.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    let message = &frames[0].1["message"];
    assert_eq!(message["id"], "msg_7");
    assert_eq!(message["model"], "asked");
    assert_eq!(message["usage"]["input_tokens"], 0);
    assert_eq!(
        frames[5].1["delta"],
        json!({"stop_reason":"end_turn","stop_sequence":null})
    );
    assert_eq!(
        frames[5].1["usage"],
        json!({"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":2,"output_tokens":7})
    );
}

#[test]
fn t2_calls_that_take_turns_are_written_one_after_the_other() {
    let frames = stream(
        &manner(),
        &[
            begin(),
            text("x"),
            call(0, "a"),
            call(1, "b"),
            arguments(1, "{\"b"),
            arguments(0, "{\"a"),
            text("late"),
            call(2, "c"),
            arguments(1, "\":1}"),
            call_end(1),
            arguments(2, "{"),
            arguments(0, "\":1}"),
            call_end(0),
            arguments(2, "}"),
            call_end(2),
            finish(Finish::Calls),
            Event::End,
        ],
    );
    assert_eq!(
        blocks(&frames),
        pairs(&[
            ("text", "x"),
            ("tool_usea", "{\"a\":1}"),
            ("tool_useb", "{\"b\":1}"),
            ("text", "late"),
            ("tool_usec", "{}"),
        ])
    );
}

#[test]
fn t2_arguments_of_the_call_that_is_open_pass_as_they_come() {
    let mut writer = (WIRE.writer)(&manner());
    let mut out = Vec::new();
    for event in [
        begin(),
        call(0, "a"),
        call(1, "b"),
        arguments(1, "{}"),
        arguments(0, "{\"a"),
    ] {
        writer.event(&event, &mut out);
    }
    let frames = frames(&out);
    assert_eq!(frames.last().unwrap().1["delta"]["partial_json"], "{\"a");
}

#[test]
fn thoughts_are_written_with_signatures_and_hidden_where_not_asked_for() {
    let state = |origin, data: &'static str| Event::ThinkingState {
        choice: 0,
        id: None,
        state: State {
            origin,
            data: data.into(),
        },
    };
    let said = [
        begin(),
        thought("hm"),
        state(Origin::Anthropic, "sig"),
        state(Origin::AnthropicRedacted, "red"),
        thought("bare"),
        Event::Break { choice: 0 },
        thought("b2"),
        text("a"),
        finish(Finish::Stop),
        Event::End,
    ];
    let shown = stream(&manner(), &said);
    assert_eq!(
        blocks(&shown),
        pairs(&[
            ("thinking", "hmsig"),
            ("redacted_thinking", ""),
            ("thinking", "bare"),
            ("thinking", "b2"),
            ("text", "a")
        ])
    );
    assert_eq!(shown[1].1["content_block"]["signature"], "");
    let mut hides = manner();
    hides.shows_thinking = false;
    let hidden = stream(&hides, &said);
    assert_eq!(
        blocks(&hidden),
        pairs(&[
            ("thinking", "sig"),
            ("redacted_thinking", ""),
            ("text", "a")
        ])
    );
}

#[test]
fn t12_what_another_provider_wants_back_travels_in_signatures_and_ids() {
    let kept = State {
        origin: Origin::Gemini,
        data: "s".into(),
    };
    let mut begun = call(0, "a");
    if let Event::Call { begun, .. } = &mut begun {
        begun.state = Some(kept.clone());
    }
    let frames = stream(
        &manner(),
        &[
            begin(),
            Event::ThinkingState {
                choice: 0,
                id: None,
                state: kept.clone(),
            },
            begun,
            call_end(0),
            Event::End,
        ],
    );
    let signature = frames[2].1["delta"]["signature"].as_str().unwrap();
    assert_eq!(crate::carry::unwrap(signature), Some(kept.clone()));
    let id = frames[4].1["content_block"]["id"].as_str().unwrap();
    assert_eq!(crate::carry::from_id(id.into()), ("a".into(), Some(kept)));
}

#[test]
fn p10_3_usage_behind_the_end_of_the_answer_is_waited_for() {
    let mut writer = (WIRE.writer)(&manner());
    let mut out = Vec::new();
    for event in [begin(), text("a"), finish(Finish::Length)] {
        writer.event(&event, &mut out);
    }
    assert_eq!(frames(&out).last().unwrap().0, "content_block_stop");
    let usage = Usage {
        output: 3,
        ..Usage::default()
    };
    writer.event(&Event::Usage(usage), &mut out);
    writer.event(&Event::End, &mut out);
    let frames = frames(&out);
    let delta = &frames[frames.len() - 2].1;
    assert_eq!(delta["delta"]["stop_reason"], "max_tokens");
    assert_eq!(delta["usage"]["output_tokens"], 3);
}

#[test]
fn t21_an_error_is_written_in_the_dialects_words_and_nothing_follows() {
    for (status, code, want) in [
        (529, "overloaded_error", "overloaded_error"),
        (429, "", "rate_limit_error"),
        (502, "upstream_malformed", "api_error"),
        (400, "bad_request", "invalid_request_error"),
    ] {
        let failure = Failure {
            status,
            code: code.into(),
            message: "m".into(),
            param: None,
        };
        let frames = stream(&manner(), &[begin(), text("a"), Event::Error(failure)]);
        let (name, data) = frames.last().unwrap();
        assert_eq!(name, "error");
        assert_eq!(data["error"], json!({"type":want,"message":"m"}));
        assert!(frames.iter().all(|(name, _)| name != "message_stop"));
    }
}

#[test]
fn strm11_text_that_looks_like_framing_stays_inside_its_event() {
    let evil = "\n\ndata: [DONE]\n\nevent: error\r\n\u{0}\u{2028}";
    let frames = stream(&manner(), &[begin(), text(evil), Event::End]);
    assert_eq!(blocks(&frames), pairs(&[("text", evil)]));
}

#[test]
fn citations_follow_the_text_that_they_are_of() {
    let citation = Citation {
        url: Some("https://example.com".into()),
        ..Citation::default()
    };
    let cited = || Event::Citation {
        choice: 0,
        citation: citation.clone(),
    };
    let frames = stream(
        &manner(),
        &[
            begin(),
            text("a"),
            cited(),
            call(0, "a"),
            text("b"),
            cited(),
            call_end(0),
            Event::End,
        ],
    );
    assert_eq!(
        blocks(&frames),
        pairs(&[
            ("text", "a[citation]"),
            ("tool_usea", ""),
            ("text", "b[citation]")
        ])
    );
}

#[test]
fn only_the_first_answer_is_written_and_empty_pieces_open_nothing() {
    let frames = stream(
        &manner(),
        &[
            begin(),
            text(""),
            Event::Text {
                choice: 1,
                text: "other".into(),
            },
            finish(Finish::Stop),
            Event::End,
        ],
    );
    assert_eq!(blocks(&frames), []);
    assert_eq!(frames.len(), 3);
}
