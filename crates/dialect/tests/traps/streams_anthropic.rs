//! 3: streams of Chat for Anthropic's clients.

use serde_json::{Value, json};

use crate::{ANTHROPIC, CHAT, steps, stream};

/// A chunk of Chat's with this delta.
fn chunk(delta: &Value) -> Value {
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "target",
        "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn finish(reason: &str) -> Value {
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "target",
        "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn usage() -> Value {
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "target", "choices": [],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050,
            "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100}}})
}

fn done() -> Value {
    json!("[DONE]")
}

fn piece(index: u64, id: Option<&str>, arguments: &str) -> Value {
    let mut call = json!({"index": index, "function": {"arguments": arguments}});
    if let Some(id) = id {
        call["id"] = json!(id);
        call["type"] = json!("function");
        call["function"]["name"] = json!("look");
    }
    chunk(&json!({"tool_calls": [call]}))
}

/// A stream with thoughts, words and two calls.
fn rich() -> Vec<Value> {
    vec![
        chunk(&json!({"role": "assistant", "reasoning_content": "Hm."})),
        chunk(&json!({"content": "Looking."})),
        piece(0, Some("a"), ""),
        piece(0, None, "{\"city\":"),
        piece(0, None, "\"Oslo\"}"),
        piece(1, Some("b"), "{}"),
        finish("tool_calls"),
        usage(),
        done(),
    ]
}

fn of_type<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events
        .iter()
        .filter(|event| event["type"] == kind)
        .collect()
}

#[test]
fn p10_3_the_start_of_the_message_comes_first_and_once_with_usage() {
    let got = stream(ANTHROPIC, CHAT, &rich());
    assert_eq!(got[0]["type"], "message_start");
    assert_eq!(of_type(&got, "message_start").len(), 1);
    assert!(got[0]["message"]["usage"]["input_tokens"].is_u64());
    assert!(got[0]["message"]["usage"]["output_tokens"].is_u64());
    assert_eq!(got[0]["message"]["stop_reason"], Value::Null);
}

#[test]
fn p10_3_blocks_count_up_and_none_starts_before_the_last_has_stopped() {
    let got = stream(ANTHROPIC, CHAT, &rich());
    let (mut open, mut next) = (None, 0);
    for event in &got {
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!((open, event["index"].as_u64()), (None, Some(next)));
                open = Some(next);
                next += 1;
            }
            "content_block_delta" => assert_eq!(event["index"].as_u64(), open),
            "content_block_stop" => assert_eq!(event["index"].as_u64(), open.take()),
            _ => {}
        }
    }
    assert_eq!((open, next), (None, 4));
    let starts = of_type(&got, "content_block_start");
    let kinds: Vec<_> = starts
        .iter()
        .map(|start| &start["content_block"]["type"])
        .collect();
    assert_eq!(kinds, ["thinking", "text", "tool_use", "tool_use"]);
}

#[test]
fn p10_3_arguments_come_as_pieces_of_json() {
    let got = stream(ANTHROPIC, CHAT, &rich());
    let pieces = |index: u64| -> String {
        let deltas = of_type(&got, "content_block_delta").into_iter();
        deltas
            .filter(|event| event["index"] == index)
            .map(|event| {
                assert_eq!(event["delta"]["type"], "input_json_delta");
                event["delta"]["partial_json"].as_str().unwrap().to_owned()
            })
            .collect()
    };
    assert_eq!(pieces(2), "{\"city\":\"Oslo\"}");
    let second: Value = serde_json::from_str(&pieces(3)).unwrap();
    assert_eq!(second, json!({}));
    for start in of_type(&got, "content_block_start") {
        if start["content_block"]["type"] == "tool_use" {
            assert_eq!(start["content_block"]["input"], json!({}));
        }
    }
}

#[test]
fn p10_3_arguments_are_not_held_back_until_the_end() {
    let got = steps(ANTHROPIC, CHAT, &rich());
    assert_eq!(
        got[3].last().unwrap()["delta"]["partial_json"],
        "{\"city\":"
    );
    assert_eq!(got[4].last().unwrap()["delta"]["partial_json"], "\"Oslo\"}");
}

#[test]
fn p10_3_every_reason_to_finish_has_its_word() {
    let reasons = [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
    ];
    for (reason, expected) in reasons {
        let sent = [
            chunk(&json!({"role": "assistant", "content": "Os"})),
            finish(reason),
            done(),
        ];
        let got = stream(ANTHROPIC, CHAT, &sent);
        let delta = &of_type(&got, "message_delta")[0]["delta"];
        assert_eq!(delta["stop_reason"], expected);
    }
    let got = stream(ANTHROPIC, CHAT, &rich());
    assert_eq!(
        of_type(&got, "message_delta")[0]["delta"]["stop_reason"],
        "tool_use"
    );
}

#[test]
fn p10_3_usage_counts_no_token_twice() {
    let got = stream(ANTHROPIC, CHAT, &rich());
    let usage = &of_type(&got, "message_delta")[0]["usage"];
    let counts = [
        "input_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "output_tokens",
    ];
    assert_eq!(
        counts.map(|name| usage[name].as_u64().unwrap()),
        [300, 600, 100, 50]
    );
}

#[test]
fn p10_3_the_end_of_the_message_comes_last_and_once() {
    let got = stream(ANTHROPIC, CHAT, &rich());
    assert_eq!(got.last().unwrap()["type"], "message_stop");
    for kind in ["message_stop", "message_delta"] {
        assert_eq!(of_type(&got, kind).len(), 1);
    }
    assert_eq!(got[got.len() - 2]["type"], "message_delta");
}

#[test]
fn p10_3_usage_after_the_finish_is_waited_for() {
    let sent = [
        chunk(&json!({"role": "assistant", "content": "Os"})),
        finish("stop"),
        usage(),
        done(),
    ];
    let got = steps(ANTHROPIC, CHAT, &sent);
    assert!(of_type(&got[1], "message_delta").is_empty());
    let later: Vec<_> = got[2..].concat();
    assert_eq!(
        of_type(&later, "message_delta")[0]["usage"]["output_tokens"],
        50
    );
}

#[test]
fn p10_3_a_stream_without_usage_ends_all_the_same() {
    let sent = [
        chunk(&json!({"role": "assistant", "content": "Os"})),
        finish("stop"),
        done(),
    ];
    let got = stream(ANTHROPIC, CHAT, &sent);
    assert_eq!(
        of_type(&got, "message_delta")[0]["delta"]["stop_reason"],
        "end_turn"
    );
    assert_eq!(got.last().unwrap()["type"], "message_stop");
}

#[test]
fn t2_calls_that_take_turns_come_one_after_the_other_and_whole() {
    let sent = [
        piece(0, Some("a"), "{\"city\":"),
        piece(1, Some("b"), "{\"city\":"),
        piece(0, None, "\"Oslo\"}"),
        piece(1, None, "\"Rome\"}"),
        finish("tool_calls"),
        done(),
    ];
    let got = stream(ANTHROPIC, CHAT, &sent);
    let whole = |index: u64| -> String {
        let deltas = of_type(&got, "content_block_delta").into_iter();
        let own = deltas.filter(|event| event["index"] == index);
        own.filter_map(|event| event["delta"]["partial_json"].as_str())
            .collect()
    };
    assert_eq!(
        [whole(0), whole(1)],
        ["{\"city\":\"Oslo\"}", "{\"city\":\"Rome\"}"]
    );
}
