//! Streams, read and written.

use mirk_model::{Call, Citation, Counted, Event, Failure, Finish, Origin, State, Text, Usage};
use serde_json::Value as Json;

use super::{events_of, frames_of, manner};
use crate::{carry, wire::Manner};

fn text(text: &str) -> Event<'_> {
    Event::Text {
        choice: 0,
        text: Text::from(text),
    }
}

fn finish(finish: Finish) -> Event<'static> {
    Event::Finish {
        choice: 0,
        finish,
        stop: None,
    }
}

fn start() -> Event<'static> {
    Event::Start {
        id: Text::default(),
        model: Text::default(),
        created: None,
        usage: None,
    }
}

fn usage() -> Usage {
    Usage {
        input: 10,
        cached: 4,
        output: 6,
        reasoning: 2,
        counted: Counted::Reported,
        ..Usage::default()
    }
}

/// What was read, without the beginning and the end.
fn middle(data: &[&str]) -> Vec<Event<'static>> {
    let mut events = events_of(data).unwrap();
    assert!(matches!(events.remove(0), Event::Start { .. }));
    events
}

fn delta(delta: &str) -> String {
    format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

#[test]
fn t19_usage_after_the_end_of_the_answer_is_read() {
    let events = middle(&[
        r#"{"id":"c1","model":"m","created":5,"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":6,"total_tokens":16,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
        "[DONE]",
        "[DONE]",
    ]);
    assert_eq!(
        events,
        [
            text("a"),
            finish(Finish::Stop),
            Event::Usage(usage()),
            Event::End
        ]
    );
}

#[test]
fn usage_that_stands_elsewhere_is_read() {
    let events = middle(&[
        r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}}"#,
        "[DONE]",
    ]);
    assert!(matches!(&events[2], Event::Usage(usage) if usage.input == 1 && usage.output == 1));
}

#[test]
fn xlat17_usage_that_cannot_be_believed_is_held_in_bounds() {
    for raw in [
        r#"{"prompt_tokens":-5,"completion_tokens":1e300}"#,
        r#"{"prompt_tokens":"7"}"#,
    ] {
        let chunk = format!(r#"{{"choices":[],"usage":{raw}}}"#);
        let events = middle(&[&chunk]);
        assert!(matches!(&events[0], Event::Usage(usage) if usage.counted == Counted::Estimated));
    }
    assert_eq!(middle(&[r#"{"choices":[],"usage":[]}"#]), []);
}

#[test]
fn an_error_inside_a_stream_is_an_error_and_the_last() {
    let cases = [
        (
            r#"{"error":{"message":"m","type":"server_error","code":null}}"#,
            500,
            "server_error",
        ),
        (
            r#"{"error":{"message":"m","code":429,"type":"x"}}"#,
            429,
            "x",
        ),
        (
            r#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#,
            429,
            "rate_limit_exceeded",
        ),
        (r#"{"error":"m"}"#, 502, ""),
        (r#"{"object":"error","message":"m","code":40303}"#, 502, ""),
        (
            r#"{"object":"error","message":"m","type":"invalid_request_error"}"#,
            400,
            "invalid_request_error",
        ),
        (
            r#"{"id":"g","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":{"code":"server_overloaded","message":"m"}}"#,
            503,
            "server_overloaded",
        ),
    ];
    for (chunk, status, code) in cases {
        let events = events_of(&[chunk, "[DONE]", &delta(r#"{"content":"b"}"#)]).unwrap();
        let expected = Event::Error(Failure {
            status,
            code: Text::from(code),
            message: Text::from("m"),
            param: None,
        });
        assert_eq!(events, [expected], "{chunk}");
    }
    let fine = r#"{"error":null,"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
    assert_eq!(middle(&[fine]), [text("a")]);
}

#[test]
fn thoughts_are_read_under_each_of_their_names_and_once() {
    let thought = |text: &'static str| Event::Thinking {
        choice: 0,
        text: Text::from(text),
    };
    for raw in [
        r#"{"reasoning_content":"t","content":null}"#,
        r#"{"reasoning":"t"}"#,
        r#"{"reasoning":"t","reasoning_details":[{"type":"reasoning.text","text":"t","format":"unknown","index":0}]}"#,
        r#"{"reasoning_details":[{"type":"reasoning.summary","summary":"t"}]}"#,
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]}]}"#,
    ] {
        assert_eq!(middle(&[&delta(raw)]), [thought("t")], "{raw}");
    }
    let signed = r#"{"reasoning_details":[{"type":"reasoning.text","signature":"s+/","format":"anthropic-claude-v1","index":0}]}"#;
    let state = Event::ThinkingState {
        choice: 0,
        id: None,
        state: State {
            origin: Origin::Anthropic,
            data: Text::from("s+/"),
        },
    };
    assert_eq!(middle(&[&delta(signed)]), [state]);
    // What one account of OpenAI's wrote, no other can read.
    let bound = r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"x","format":"openai-responses-v1"}]}"#;
    assert_eq!(middle(&[&delta(bound)]), []);
}

#[test]
fn t12_the_signature_of_geminis_own_chat_endpoint_comes_with_the_call() {
    let events = middle(&[&delta(
        r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"sig=="}}}]}"#,
    )]);
    let Event::Call { begun, .. } = &events[0] else {
        panic!("no call");
    };
    assert_eq!(
        begun.state,
        Some(State {
            origin: Origin::Gemini,
            data: Text::from("sig=="),
        })
    );
}

#[test]
fn a_server_without_the_mark_is_whole_when_every_answer_says_why_it_ended() {
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#;
    assert_eq!(middle(&[end]), [finish(Finish::Length), Event::End]);
    let other = r#"{"choices":[{"index":1,"delta":{"content":"b"}}]}"#;
    assert!(!middle(&[end, other]).contains(&Event::End));
    assert_eq!(middle(&[&delta(r#"{"content":"a"}"#)]), [text("a")]);
    assert_eq!(events_of(&[]).unwrap(), []);
}

#[test]
fn empty_and_odd_chunks_are_stepped_over() {
    let events = middle(&[
        r#"{"choices":[],"prompt_filter_results":[{"x":1}]}"#,
        "",
        r#"{"id":"x","service_tier":"default"}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"","content_filter_results":{}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"\ud800"}}]}"#,
    ]);
    assert_eq!(events, [text("a"), text("\u{fffd}")]);
    for broken in [
        "{",
        "[]",
        "data",
        r#"{"choices":{}}"#,
        r#"{"choices":[{"delta":{"content":7}}]}"#,
    ] {
        assert!(events_of(&[broken]).is_err(), "{broken}");
    }
}

#[test]
fn several_answers_are_kept_apart() {
    let events = middle(&[
        r#"{"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"refusal":"no"}}]}"#,
        r#"{"choices":[{"index":1,"delta":{},"finish_reason":"stop","stop_reason":"END"}]}"#,
    ]);
    assert_eq!(
        events,
        [
            Event::Text {
                choice: 1,
                text: Text::from("b")
            },
            Event::Refusal {
                choice: 0,
                text: Text::from("no")
            },
            Event::Finish {
                choice: 1,
                finish: Finish::Stop,
                stop: Some(Text::from("END"))
            },
        ]
    );
}

#[test]
fn a_stream_has_the_role_first_and_the_mark_last() {
    let frames = frames_of(
        &[
            start(),
            text("a"),
            finish(Finish::Stop),
            Event::Usage(usage()),
            Event::End,
        ],
        &manner(),
    );
    let head = r#"{"id":"chatcmpl-req1","object":"chat.completion.chunk","created":7,"model":"asked","choices":["#;
    let rest = [
        r#"{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        r#"{"index":0,"delta":{"content":"a"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}"#,
        r#"],"usage":{"prompt_tokens":10,"completion_tokens":6,"total_tokens":16,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
    ];
    let expected = rest.map(|rest| [head, rest].concat());
    assert_eq!(frames[..4], expected);
    assert_eq!(frames[4..], ["[DONE]"]);
}

#[test]
fn t19_usage_is_hidden_from_clients_who_did_not_ask() {
    let quiet = Manner {
        includes_usage: false,
        ..manner()
    };
    let events = [
        start(),
        text("a"),
        finish(Finish::Stop),
        Event::Usage(usage()),
        Event::End,
    ];
    assert!(
        frames_of(&events, &quiet)
            .iter()
            .all(|frame| !frame.contains("usage"))
    );
}

#[test]
fn t21_an_error_has_no_mark_of_a_whole_stream_behind_it() {
    let failure = Failure {
        status: 429,
        code: Text::from("rate_limit_exceeded"),
        message: Text::from("slow down"),
        param: None,
    };
    let frames = frames_of(&[start(), text("a"), Event::Error(failure)], &manner());
    assert_eq!(
        frames[2],
        r#"{"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded","request_id":"req1"}}"#
    );
    assert_eq!(frames.len(), 3);
}

#[test]
fn strm11_what_a_model_says_stays_inside_its_string() {
    let said = "\n\ndata: [DONE]\n\nevent: error\r\u{0}\u{2028}";
    let frames = frames_of(&[start(), text(said), Event::End], &manner());
    assert_eq!(frames.len(), 3);
    let frame: Json = serde_json::from_str(&frames[1]).unwrap();
    assert_eq!(frame["choices"][0]["delta"]["content"], said);
}

#[test]
fn calls_are_written_with_an_index_and_never_with_empty_arguments() {
    let begun = |id: &'static str, is_custom| Call {
        id: Text::from(id),
        name: Text::from("f"),
        namespace: None,
        arguments: Text::default(),
        is_custom,
        state: None,
    };
    let call = |call, begun| Event::Call {
        choice: 0,
        call,
        begun,
    };
    let arguments = |call, text: &'static str| Event::Arguments {
        choice: 0,
        call,
        text: Text::from(text),
    };
    let end = |call| Event::CallEnd { choice: 0, call };
    let frames = frames_of(
        &[
            start(),
            call(0, begun("", false)),
            call(1, begun("b", true)),
            arguments(1, "free"),
            end(0),
            end(1),
            finish(Finish::Calls),
            Event::End,
        ],
        &manner(),
    );
    let delta = |at: usize| {
        let frame: Json = serde_json::from_str(&frames[at]).unwrap();
        frame["choices"][0]["delta"]["tool_calls"][0].to_string()
    };
    let expected = [
        r#"{"index":0,"id":"call_req1_0_0","type":"function","function":{"name":"f","arguments":""}}"#,
        r#"{"index":1,"id":"b","type":"custom","custom":{"name":"f","input":""}}"#,
        r#"{"index":1,"custom":{"input":"free"}}"#,
        r#"{"index":0,"function":{"arguments":"{}"}}"#,
    ];
    assert_eq!([1, 2, 3, 4].map(delta), expected);
    assert!(frames[5].contains(r#""finish_reason":"tool_calls""#));
}

#[test]
fn t9_hidden_thoughts_leave_what_must_come_back() {
    let state = State {
        origin: Origin::Gemini,
        data: Text::from("s"),
    };
    let events = [
        start(),
        Event::Thinking {
            choice: 0,
            text: Text::from("secret"),
        },
        Event::ThinkingState {
            choice: 0,
            id: Some(Text::from("rs_1")),
            state: state.clone(),
        },
        Event::End,
    ];
    let hidden = Manner {
        shows_thinking: false,
        ..manner()
    };
    let frames = frames_of(&events, &hidden);
    assert_eq!(frames.len(), 3);
    let frame: Json = serde_json::from_str(&frames[1]).unwrap();
    let detail = &frame["choices"][0]["delta"]["reasoning_details"][0];
    assert_eq!(detail["type"], "reasoning.encrypted");
    assert_eq!(detail["id"], "rs_1");
    assert_eq!(detail["data"], carry::wrap(&state));
    let shown = frames_of(&events, &manner());
    assert!(shown[1].contains(r#""reasoning_content":"secret""#));
    assert!(shown[1].contains(r#""type":"reasoning.text","text":"secret""#));
}

#[test]
fn xlat22_thoughts_never_stand_in_the_content() {
    let thinking = Event::Thinking {
        choice: 0,
        text: Text::from("hm"),
    };
    for frame in frames_of(&[start(), thinking, text("a"), Event::End], &manner()) {
        let content = frame.split(r#""content":""#).nth(1).unwrap_or_default();
        assert!(!content.starts_with("hm") && !frame.contains("<think>"));
    }
}

#[test]
fn a_source_without_an_address_is_not_written() {
    let citation = |url: Option<&'static str>| Event::Citation {
        choice: 0,
        citation: Citation {
            url: url.map(Text::from),
            ..Citation::default()
        },
    };
    let frames = frames_of(
        &[start(), citation(None), citation(Some("u")), Event::End],
        &manner(),
    );
    assert_eq!(frames.len(), 3);
    assert!(frames[1].contains(
        r#""annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":0,"url":"u","title":""}}]"#
    ));
}

#[test]
fn finish_reasons_are_the_dialects_words() {
    for (why, word) in [
        (Finish::Stop, "stop"),
        (Finish::Pause, "stop"),
        (Finish::Length, "length"),
        (Finish::Calls, "tool_calls"),
        (Finish::Filtered, "content_filter"),
        (Finish::Refusal, "content_filter"),
    ] {
        let frames = frames_of(&[start(), finish(why), Event::End], &manner());
        assert!(frames[1].contains(&format!(r#""finish_reason":"{word}""#)));
    }
    let refusal = Event::Refusal {
        choice: 0,
        text: Text::from("no"),
    };
    let frames = frames_of(
        &[start(), refusal, finish(Finish::Refusal), Event::End],
        &manner(),
    );
    assert!(frames[2].contains(r#""finish_reason":"stop""#));
}

#[test]
fn an_answer_with_a_huge_number_costs_no_more_than_another() {
    let chunk = r#"{"choices":[{"index":4294967295,"delta":{"content":"a"}}]}"#;
    let mut events = vec![start()];
    events.extend(middle(&[chunk]));
    let frames = frames_of(&events, &manner());
    assert!(frames[2].contains(r#""index":4294967295,"delta":{"content":"a"}"#));
    assert!(events_of(&[r#"{"choices":[{"index":4294967296,"delta":{}}]}"#]).is_err());
}
