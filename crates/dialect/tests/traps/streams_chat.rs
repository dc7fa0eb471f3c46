//! 4: streams of Anthropic for Chat's clients.

use serde_json::{Value, json};

use crate::{ANTHROPIC, CHAT, reply, stream};

fn start() -> Value {
    json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant",
        "model": "target", "content": [], "stop_reason": null,
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 600,
            "cache_creation_input_tokens": 90, "output_tokens": 1}}})
}

/// A block that is all said in one delta.
fn block(index: u64, block: &Value, delta: &Value) -> [Value; 3] {
    [
        json!({"type": "content_block_start", "index": index, "content_block": block}),
        json!({"type": "content_block_delta", "index": index, "delta": delta}),
        json!({"type": "content_block_stop", "index": index}),
    ]
}

fn text(index: u64, words: &str) -> [Value; 3] {
    let empty = json!({"type": "text", "text": ""});
    block(index, &empty, &json!({"type": "text_delta", "text": words}))
}

fn call(index: u64, id: &str) -> [Value; 3] {
    let tool = json!({"type": "tool_use", "id": id, "name": "look", "input": {}});
    block(
        index,
        &tool,
        &json!({"type": "input_json_delta", "partial_json": "{\"a\":1}"}),
    )
}

fn end(reason: &str) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
            "usage": {"output_tokens": 25}}),
        json!({"type": "message_stop"}),
    ]
}

/// A stream with thoughts, a search the provider ran, words and two calls.
fn rich() -> Vec<Value> {
    let thinking = json!({"type": "thinking", "thinking": "", "signature": ""});
    let search =
        json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}});
    let found =
        json!({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []});
    let mut sent = vec![start(), json!({"type": "ping"})];
    sent.extend(block(
        0,
        &thinking,
        &json!({"type": "thinking_delta", "thinking": "Hm."}),
    ));
    sent.extend(block(
        1,
        &search,
        &json!({"type": "input_json_delta", "partial_json": "{\"query\":\"x\"}"}),
    ));
    sent.push(json!({"type": "content_block_start", "index": 2, "content_block": found}));
    sent.push(json!({"type": "content_block_stop", "index": 2}));
    sent.extend(text(3, "Looking."));
    sent.extend(call(4, "toolu_a"));
    sent.extend(call(5, "toolu_b"));
    sent.extend(end("tool_use"));
    sent
}

/// The deltas of the chunks that have one.
fn deltas(got: &[Value]) -> Vec<&Value> {
    let chunks = got.iter().filter_map(|chunk| chunk["choices"].get(0));
    chunks.map(|choice| &choice["delta"]).collect()
}

fn said(got: &[Value], member: &str) -> String {
    let deltas = deltas(got).into_iter();
    deltas.filter_map(|delta| delta[member].as_str()).collect()
}

#[test]
fn p10_4_the_role_comes_first_and_once() {
    let got = stream(CHAT, ANTHROPIC, &rich());
    let roles: Vec<_> = deltas(&got)
        .iter()
        .map(|delta| delta.get("role").cloned())
        .collect();
    assert_eq!(roles[0], Some(json!("assistant")));
    assert!(roles[1..].iter().all(Option::is_none));
}

#[test]
fn p10_4_thoughts_are_reasoning_content_and_never_tags_in_the_words() {
    let got = stream(CHAT, ANTHROPIC, &rich());
    assert_eq!(said(&got, "reasoning_content"), "Hm.");
    assert_eq!(said(&got, "content"), "Looking.");
    assert!(!json!(got).to_string().contains("think>"));
}

#[test]
fn p10_4_calls_are_counted_by_themselves_not_by_blocks() {
    let got = stream(CHAT, ANTHROPIC, &rich());
    let mut begun = Vec::new();
    for delta in deltas(&got) {
        for call in delta["tool_calls"].as_array().unwrap_or(&Vec::new()) {
            if let Some(id) = call["id"].as_str() {
                begun.push((call["index"].as_u64().unwrap(), id.to_owned()));
            }
        }
    }
    assert_eq!(
        begun,
        [(0, "toolu_a".to_owned()), (1, "toolu_b".to_owned())]
    );
}

#[test]
fn p10_4_what_the_provider_ran_itself_is_stepped_over() {
    let got = json!(stream(CHAT, ANTHROPIC, &rich())).to_string();
    for gone in ["srvtoolu_1", "web_search", "query"] {
        assert!(!got.contains(gone), "{gone}");
    }
}

#[test]
fn p10_4_every_reason_to_stop_has_its_word() {
    let reasons = [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "stop"),
        ("refusal", "content_filter"),
    ];
    for (reason, expected) in reasons {
        let mut sent = vec![start()];
        sent.extend(text(0, "Os"));
        sent.extend(end(reason));
        let got = stream(CHAT, ANTHROPIC, &sent);
        let last = got
            .iter()
            .rev()
            .find_map(|chunk| chunk["choices"].get(0))
            .unwrap();
        assert_eq!(last["finish_reason"], expected, "{reason}");
        let answer = json!({"id": "m", "type": "message", "role": "assistant", "model": "target",
            "content": [{"type": "text", "text": "Os"}], "stop_reason": reason,
            "usage": {"input_tokens": 1, "output_tokens": 1}});
        let got = reply(CHAT, ANTHROPIC, &answer);
        assert_eq!(got["choices"][0]["finish_reason"], expected, "{reason}");
    }
    let got = stream(CHAT, ANTHROPIC, &rich());
    let last = got
        .iter()
        .rev()
        .find_map(|chunk| chunk["choices"].get(0))
        .unwrap();
    assert_eq!(last["finish_reason"], "tool_calls");
}

#[test]
fn p10_4_usage_has_the_cache_inside_the_prompt() {
    let got = stream(CHAT, ANTHROPIC, &rich());
    let usage = got
        .iter()
        .rev()
        .find(|chunk| chunk["usage"].is_object())
        .unwrap();
    assert_eq!(usage["choices"], json!([]));
    let usage = &usage["usage"];
    assert_eq!(usage["prompt_tokens"], 700);
    assert_eq!(usage["completion_tokens"], 25);
    assert_eq!(usage["total_tokens"], 725);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 600);
}

#[test]
fn p10_4_done_comes_last_and_once() {
    let got = stream(CHAT, ANTHROPIC, &rich());
    let marks = got.iter().filter(|event| **event == "[DONE]").count();
    assert_eq!((marks, got.last().unwrap()), (1, &json!("[DONE]")));
}

#[test]
fn p10_4_an_error_is_an_error_and_never_words_of_the_assistant() {
    let mut sent = vec![start()];
    sent.extend(text(0, "Os"));
    sent.push(
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    );
    let got = stream(CHAT, ANTHROPIC, &sent);
    assert_eq!(said(&got, "content"), "Os");
    let last = got.last().unwrap();
    assert_eq!(last["error"]["message"], "Overloaded");
    assert_eq!(last.get("choices"), None);
    assert!(!got.contains(&json!("[DONE]")));
}
