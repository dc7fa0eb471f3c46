//! Streams, as real servers send them.

use mirk_model::Event;

use super::events;

/// The kinds of the events, which is all that most tests look at.
fn told(data: &[&str]) -> Vec<String> {
    events(data).unwrap().iter().map(short).collect()
}

pub(super) fn short(event: &Event<'_>) -> String {
    match event {
        Event::Start { id, .. } => format!("start {}", id.as_str()),
        Event::Text { text, .. } => format!("text {}", text.as_str()),
        Event::Thinking { text, .. } => format!("thinking {}", text.as_str()),
        Event::Refusal { text, .. } => format!("refusal {}", text.as_str()),
        Event::ThinkingState { state, .. } => format!("state {:?}", state.origin),
        Event::Call { call, begun, .. } => format!("call {call} {}", begun.name.as_str()),
        Event::Arguments { call, text, .. } => format!("arguments {call} {}", text.as_str()),
        Event::CallEnd { call, .. } => format!("end {call}"),
        Event::Finish { finish, .. } => format!("finish {finish:?}"),
        Event::Error(failure) => format!("error {} {}", failure.status, failure.code.as_str()),
        Event::Usage(usage) => format!("usage {} {}", usage.input, usage.output),
        Event::Citation { .. } => "citation".to_owned(),
        Event::Logprobs { .. } => "logprobs".to_owned(),
        Event::Break { .. } => "break".to_owned(),
        Event::End => "end".to_owned(),
    }
}

const CREATED: &str = r#"{"type":"response.created","response":{"id":"r","created_at":1.5}}"#;
const COMPLETED: &str = r#"{"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":3,"output_tokens":2}}}"#;

#[test]
fn t1_t2_calls_that_take_turns_are_kept_apart() {
    let said = told(&[
        CREATED,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"a","call_id":"ca","name":"f","arguments":""}}"#,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"custom_tool_call","id":"b","call_id":"cb","name":"g","input":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":0,"item_id":"a","delta":"{\"x\""}"#,
        r#"{"type":"response.custom_tool_call_input.delta","output_index":1,"item_id":"b","delta":"raw"}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":0,"item_id":"a","delta":":1}"}"#,
        r#"{"type":"response.function_call_arguments.done","output_index":0,"item_id":"a","arguments":"{\"x\":1}"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"a","call_id":"ca","name":"f","arguments":"{\"x\":1}"}}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"custom_tool_call","id":"b","call_id":"cb","name":"g","input":"raw"}}"#,
        COMPLETED,
    ]);
    assert_eq!(
        said,
        [
            "start r",
            "call 0 f",
            "call 1 g",
            "arguments 0 {\"x\"",
            "arguments 1 raw",
            "arguments 0 :1}",
            "end 0",
            "end 1",
            "finish Calls",
            "usage 3 2",
            "end",
        ]
    );
}

#[test]
fn t3_items_that_come_only_when_they_are_done_are_said_then() {
    let said = told(&[
        CREATED,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"e"}}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"message","content":[{"type":"output_text","text":"a"}]}}"#,
        r#"{"type":"response.output_item.done","output_index":2,"item":{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}}"#,
        COMPLETED,
    ]);
    let expected = [
        "start r",
        "thinking hm",
        "state OpenAi",
        "text a",
        "call 0 f",
    ];
    assert_eq!(said[..5], expected);
    assert_eq!(said[5..8], ["arguments 0 {}", "end 0", "finish Calls"]);
}

#[test]
fn an_answer_that_comes_only_in_the_last_event_is_said_then() {
    let said = told(&[
        r#"{"type":"response.completed","response":{"id":"r","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"a"}]}]}}"#,
    ]);
    assert_eq!(said, ["start r", "text a", "finish Stop", "end"]);
}

#[test]
fn servers_that_count_nothing_are_understood() {
    let said = told(&[
        r#"{"type":"response.output_text.delta","delta":"a"}"#,
        r#"{"type":"response.output_text.delta","delta":"b"}"#,
        r#"{"type":"response.output_item.added","item":{"type":"function_call","id":"x","call_id":"c","name":"f"}}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"x","delta":"{}"}"#,
        COMPLETED,
        "[DONE]",
    ]);
    assert_eq!(
        said[..4],
        ["text a", "text b", "call 0 f", "arguments 0 {}"]
    );
}

#[test]
fn t10_5_a_failure_that_is_told_twice_is_one() {
    let error = r#"{"type":"error","code":"rate_limit_exceeded","message":"slow","param":null}"#;
    let failed = r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"}}}"#;
    for pair in [[error, failed], [failed, error]] {
        let said = told(&[CREATED, pair[0], pair[1], COMPLETED]);
        assert_eq!(said, ["start r", "error 429 rate_limit_exceeded"]);
    }
}

#[test]
fn failures_in_every_form_have_a_status() {
    for (data, expected) in [
        (
            r#"{"type":"error","error":{"type":"invalid_request_error","code":null,"message":"m"}}"#,
            "error 400 invalid_request_error",
        ),
        (
            r#"{"type":"error","status":503,"error":{"code":"x","message":"m"}}"#,
            "error 503 x",
        ),
        (
            r#"{"type":"response.failed","response":{"error":{"code":"server_is_overloaded"}}}"#,
            "error 503 server_is_overloaded",
        ),
        (r#"{"type":"response.failed"}"#, "error 500 "),
        (
            r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#,
            "error 400 context_length_exceeded",
        ),
        (
            r#"{"type":"response.cancelled","response":{"status":"cancelled"}}"#,
            "error 500 ",
        ),
        (r#"{"type":"error","message":"m"}"#, "error 500 "),
    ] {
        assert_eq!(told(&[data]), [expected]);
    }
}

#[test]
fn t18_incomplete_answers_say_why() {
    for (reason, expected) in [
        ("max_output_tokens", "finish Length"),
        ("content_filter", "finish Filtered"),
        ("other", "finish Length"),
    ] {
        let data = format!(
            r#"{{"type":"response.incomplete","response":{{"status":"incomplete","incomplete_details":{{"reason":"{reason}"}}}}}}"#
        );
        assert_eq!(told(&[&data])[1..], [expected, "end"]);
    }
}

#[test]
fn parts_of_one_kind_are_told_apart_and_paragraphs_of_a_thought_are_one() {
    let said = told(&[
        r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"a"}"#,
        r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":1,"delta":"b"}"#,
        r#"{"type":"response.reasoning_text.delta","output_index":1,"content_index":0,"delta":"c"}"#,
        r#"{"type":"response.output_text.delta","output_index":2,"content_index":0,"delta":"d"}"#,
        r#"{"type":"response.output_text.delta","output_index":2,"content_index":1,"delta":"e"}"#,
        r#"{"type":"response.refusal.delta","output_index":2,"content_index":2,"delta":"f"}"#,
    ]);
    assert_eq!(
        said,
        [
            "thinking a",
            "thinking \n\n",
            "thinking b",
            "break",
            "thinking c",
            "text d",
            "break",
            "text e",
            "refusal f",
        ]
    );
}

#[test]
fn events_of_hosted_tools_and_of_the_future_are_stepped_over() {
    let said = told(&[
        CREATED,
        r#"{"type":"response.web_search_call.searching","output_index":0,"item_id":"w"}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"web_search_call","id":"w"}}"#,
        r#"{"type":"response.mcp_call_arguments.delta","output_index":0,"delta":"{}"}"#,
        r#"{"type":"response.tomorrow","x":1}"#,
        r#"{"odd":true}"#,
        COMPLETED,
    ]);
    assert_eq!(said, ["start r", "finish Stop", "usage 3 2", "end"]);
}

#[test]
fn strm_more_items_than_anyone_sends_are_refused() {
    let data: Vec<_> = (0..5000)
        .map(|place| {
            format!(r#"{{"type":"response.output_text.delta","output_index":{place},"delta":"a"}}"#)
        })
        .collect();
    assert!(events(&data).is_err());
    let id = "x".repeat(600);
    let long = format!(r#"{{"type":"response.output_text.delta","item_id":"{id}","delta":"a"}}"#);
    assert!(events(&[long]).is_err());
}
