//! Streams of providers.

use mirk_model::{Citation, Counted, Event, Failure, Finish, Origin, State, Usage};

use super::events;
use crate::anthropic::JSON_TOOL;

pub(super) const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_read_input_tokens":2,"output_tokens":1}}}"#;
pub(super) const STOP: &str = r#"{"type":"message_stop"}"#;

/// One event of each kind.
pub(super) const BLOCKS: [&str; 8] = [
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"t","signature":"s"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"t"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"i","name":"f","input":{}}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":5}}"#,
    r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
];

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

const fn finish(finish: Finish) -> Event<'static> {
    Event::Finish {
        choice: 0,
        finish,
        stop: None,
    }
}

#[test]
fn a_stream_of_text_is_read_to_its_end() {
    let events = events(&[
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"He"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"y"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END"},"usage":{"output_tokens":7}}"#,
        r#"{"type":"of_the_future"}"#,
        STOP,
    ])
    .unwrap();
    let usage = Usage {
        input: 12,
        cached: 2,
        output: 7,
        counted: Counted::Reported,
        ..Usage::default()
    };
    assert!(
        matches!(&events[0], Event::Start { id, model, .. } if *id == "msg_1" && *model == "claude")
    );
    assert_eq!(events[1..3], [text("He"), text("y")]);
    assert_eq!(
        events[3..],
        [
            Event::Finish {
                choice: 0,
                finish: Finish::Stop,
                stop: Some("END".into())
            },
            Event::Usage(usage),
            Event::End
        ]
    );
}

#[test]
fn t9_thoughts_are_read_with_their_signature_at_their_end() {
    let events = events(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig="}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"red"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
    ])
    .unwrap();
    let state = |origin, data: &'static str| Event::ThinkingState {
        choice: 0,
        id: None,
        state: State {
            origin,
            data: data.into(),
        },
    };
    assert_eq!(
        events,
        [
            thought("hm"),
            state(Origin::Anthropic, "sig="),
            state(Origin::AnthropicRedacted, "red")
        ]
    );
}

#[test]
fn t3_t4_arguments_are_read_as_they_come_or_from_where_the_call_begins() {
    let events = events(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"k\":\"\\u00"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"e9\"}"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"b","name":"g","input":{"n":1.0}}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"c","name":"h","input":{}}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
    ])
    .unwrap();
    let said: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Arguments { call, text, .. } => Some((*call, text.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(
        said,
        [
            (0, "{\"k\":\"\\u00"),
            (0, "e9\"}"),
            (1, "{\"n\":1.0}"),
            (2, "{}")
        ]
    );
    let ends = events
        .iter()
        .filter(|event| matches!(event, Event::CallEnd { .. }));
    assert_eq!(ends.count(), 3);
}

#[test]
fn p10_4_server_tools_are_no_text_and_citations_are_read() {
    let events = events(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"query\":\"q\"}"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"web_search_tool_result","tool_use_id":"s","content":[]}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":"","citations":[]}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"a"}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"https://example.com","title":null,"cited_text":"q","encrypted_index":"e"}}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"text","text":"b"}}"#,
    ])
    .unwrap();
    let citation = Citation {
        url: Some("https://example.com".into()),
        quote: Some("q".into()),
        ..Citation::default()
    };
    assert_eq!(
        events,
        [
            text("a"),
            Event::Citation {
                choice: 0,
                citation
            },
            Event::Break { choice: 0 },
            text("b")
        ]
    );
}

#[test]
fn t24_pieces_of_the_json_tool_are_read_as_text() {
    let start = format!(
        r#"{{"type":"content_block_start","index":0,"content_block":{{"type":"tool_use","id":"a","name":"{JSON_TOOL}","input":{{}}}}}}"#
    );
    let events = events(&[
        &start,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{}}"#,
    ])
    .unwrap();
    assert_eq!(
        events[..3],
        [text("{\"a\":"), text("1}"), finish(Finish::Stop)]
    );
}

#[test]
fn t21_an_error_inside_a_stream_is_read_with_the_status_it_amounts_to() {
    let events =
        events(&[r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#])
            .unwrap();
    assert_eq!(
        events,
        [Event::Error(Failure {
            status: 529,
            code: "overloaded_error".into(),
            message: "busy".into(),
            param: None
        })]
    );
}

#[test]
fn a_refusal_in_a_stream_comes_with_its_explanation() {
    let events = events(&[
        r#"{"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"type":"refusal","explanation":"because"}}}"#,
    ])
    .unwrap();
    assert_eq!(
        events,
        [
            Event::Refusal {
                choice: 0,
                text: "because".into()
            },
            finish(Finish::Refusal)
        ]
    );
}

#[test]
fn what_is_not_the_dialect_is_malformed_and_half_characters_are_replaced() {
    assert!(events(&["{"]).is_err());
    assert!(events(&[r#"{"type":"content_block_delta","index":0}"#]).is_err());
    let events = events(&[
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\ud83d"}}"#,
        "[DONE]",
    ])
    .unwrap();
    assert_eq!(events, [text("\u{fffd}")]);
}

#[test]
fn t1_blocks_that_are_open_together_are_told_apart_by_their_index() {
    let events = events(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"b","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{1"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{0"}}"#,
    ])
    .unwrap();
    let said: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Arguments { call, text, .. } => Some((*call, text.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(said, [(1, "{1"), (0, "{0")]);
}

#[test]
fn t20_a_stream_that_is_cut_has_no_end_and_its_usage_is_an_estimate() {
    let events = events(&[START, BLOCKS[0], BLOCKS[1]]).unwrap();
    assert!(!events.contains(&Event::End));
    let Event::Start { usage, .. } = &events[0] else {
        panic!("the beginning");
    };
    assert_eq!(usage.unwrap().counted, Counted::Estimated);
}
