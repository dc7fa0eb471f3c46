//! 2: requests of Anthropic's clients for Chat, and what Ollama wants of them.

use mirk_model::Traits;
use serde_json::{Value, json};

use crate::{
    ABLE, ANTHROPIC, CHAT, OLLAMA, RESPONSES, ask, ask_text, notes, refused, reply, translate,
    translate_for, words,
};

fn hello() -> Value {
    json!([{"role": "user", "content": "hello"}])
}

fn tool() -> Value {
    json!({"name": "look", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}})
}

/// A conversation in which a tool gave `result`.
fn gave(result: &Value) -> Value {
    json!({"max_tokens": 100, "tools": [tool()], "messages": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {"city": "Oslo"}}]},
        {"role": "user", "content": [result]},
    ]})
}

/// The messages that Chat gets.
fn messages(body: &Value) -> Vec<Value> {
    let sent = translate(ANTHROPIC, CHAT, body);
    sent["messages"].as_array().unwrap().clone()
}

#[test]
fn p10_2_max_tokens_is_what_the_client_said() {
    for upstream in [CHAT, RESPONSES, OLLAMA] {
        let sent = translate(
            ANTHROPIC,
            upstream,
            &json!({"max_tokens": 777, "messages": hello()}),
        );
        let said = [
            &sent["max_tokens"],
            &sent["max_output_tokens"],
            &sent["options"]["num_predict"],
        ];
        assert!(said.iter().any(|limit| **limit == 777), "{sent}");
    }
}

#[test]
fn p10_2_malformed_arguments_never_become_an_empty_object() {
    let body = json!({"tools": [{"type": "function", "function": {"name": "look"}}], "messages": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function",
            "function": {"name": "look", "arguments": "{\"city\":\"Os"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "error"},
    ]});
    let sent = translate(CHAT, ANTHROPIC, &body);
    let input = &sent["messages"][1]["content"][0]["input"];
    assert_eq!(*input, json!({"arguments": "{\"city\":\"Os"}));
    let sent = translate(CHAT, RESPONSES, &body);
    assert_eq!(sent["input"][1]["arguments"], "{\"city\":\"Os");

    let answer = json!({"id": "x", "object": "chat.completion", "model": "target", "choices": [{"index": 0,
        "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"city\":\"Os"}}]}}]});
    let got = reply(ANTHROPIC, CHAT, &answer);
    let input = &got["content"][0]["input"];
    assert!(input.to_string().contains("Os"), "{got}");
}

#[test]
fn p10_2_instructions_are_one_message() {
    let body = json!({"max_tokens": 100, "messages": hello(),
        "system": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]});
    let said = messages(&body);
    assert_eq!(said.len(), 2);
    assert_eq!(said[0]["role"], "system");
    assert_eq!(words(&said[0]["content"]), "One.\nTwo.");
}

#[test]
fn p10_2_marks_for_the_cache_are_dropped_by_name() {
    let mark = json!({"type": "ephemeral"});
    let body = json!({"max_tokens": 100,
        "system": [{"type": "text", "text": "One.", "cache_control": mark}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello", "cache_control": mark}]}]});
    assert!(
        !translate(ANTHROPIC, CHAT, &body)
            .to_string()
            .contains("cache_control")
    );
    assert!(notes(ANTHROPIC, CHAT, &body).contains(&"dropped:cache_control".to_owned()));
}

#[test]
fn p10_2_thoughts_open_and_redacted_are_both_left_out_and_named() {
    let body = json!({"max_tokens": 100, "messages": [{"role": "user", "content": "?"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Secretly.", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "cmVk"},
            {"type": "text", "text": "Oslo"}]},
        {"role": "user", "content": "And?"}]});
    let sent = translate(ANTHROPIC, CHAT, &body).to_string();
    for gone in ["Secretly.", "c2ln", "cmVk", "thinking"] {
        assert!(!sent.contains(gone), "{gone}");
    }
    assert!(sent.contains("Oslo"));
    let said = notes(ANTHROPIC, CHAT, &body);
    assert!(said.contains(&"dropped:thinking".to_owned()), "{said:?}");
    assert!(
        said.contains(&"dropped:thinking.signature".to_owned()),
        "{said:?}"
    );
}

#[test]
fn p10_2_a_picture_at_an_address_is_an_image_url() {
    let source = json!({"type": "url", "url": "https://a.test/b.png"});
    let body = json!({"max_tokens": 100, "messages": [{"role": "user", "content": [
        {"type": "text", "text": "?"}, {"type": "image", "source": source}]}]});
    let said = messages(&body);
    let part = &said[0]["content"][1];
    assert_eq!(part["type"], "image_url");
    assert_eq!(part["image_url"]["url"], "https://a.test/b.png");
}

#[test]
fn p10_2_a_picture_in_a_result_follows_in_the_users_message() {
    let source = json!({"type": "base64", "media_type": "image/png", "data": "iVBORw0K"});
    let said = messages(&gave(
        &json!({"type": "tool_result", "tool_use_id": "t1", "content": [
        {"type": "text", "text": "Taken."}, {"type": "image", "source": source}]}),
    ));
    assert_eq!(said[2]["role"], "tool");
    let told = said[2]["content"].as_str().unwrap();
    assert!(
        told.starts_with("Taken.") && !told.contains("iVBORw0K"),
        "{told}"
    );
    assert_eq!(said[3]["role"], "user");
    assert_eq!(
        said[3]["content"][0]["image_url"]["url"],
        "data:image/png;base64,iVBORw0K"
    );
}

#[test]
fn p10_2_the_failure_of_a_tool_survives() {
    let result = json!({"type": "tool_result", "tool_use_id": "t1", "content": "no such city", "is_error": true});
    let said = messages(&gave(&result));
    assert_eq!(said[2]["content"], "[tool error]\nno such city");
    let result =
        json!({"type": "tool_result", "tool_use_id": "t1", "content": "fine", "is_error": false});
    assert_eq!(messages(&gave(&result))[2]["content"], "fine");
}

#[test]
fn p10_2_a_result_is_a_message_of_the_tool_with_a_text() {
    let result = json!({"type": "tool_result", "tool_use_id": "t1", "content": [
        {"type": "text", "text": "cold"}, {"type": "text", "text": "dry"}]});
    let said = messages(&gave(&result));
    assert_eq!(
        said[2],
        json!({"role": "tool", "tool_call_id": "t1", "content": "cold\ndry"})
    );
    let call = &said[1]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], "{\"city\":\"Oslo\"}");
}

#[test]
fn p10_2_every_call_has_a_response() {
    let body = json!({"max_tokens": 100, "tools": [tool()], "messages": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "t1", "name": "look", "input": {}},
            {"type": "tool_use", "id": "t2", "name": "look", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t2", "content": "cold"},
            {"type": "text", "text": "Never mind."}]}]});
    let said = messages(&body);
    let of = |id: &str| {
        said.iter()
            .find(|message| message["tool_call_id"] == id)
            .cloned()
    };
    assert_eq!(of("t2").unwrap()["content"], "cold");
    assert!(!of("t1").unwrap()["content"].as_str().unwrap().is_empty());
    assert_eq!(said.last().unwrap()["role"], "user");
    assert!(notes(ANTHROPIC, CHAT, &body).contains(&"changed:tool_results.missing".to_owned()));
}

#[test]
fn p10_2_a_tool_of_the_provider_is_dropped_by_name_or_refused() {
    let search = json!({"type": "web_search_20250305", "name": "web_search"});
    let body = json!({"max_tokens": 100, "messages": hello(), "tools": [search, tool()]});
    let translated = ask(ANTHROPIC, CHAT, &ABLE, &body).unwrap();
    let sent: Value = serde_json::from_slice(&translated.body).unwrap();
    assert_eq!(sent["tools"].as_array().unwrap().len(), 1);
    let header = translated.notes.header();
    assert!(header.contains("dropped:tools.hosted"), "{header}");
    let alone = json!({"max_tokens": 100, "messages": hello(), "tools": [search]});
    assert_eq!(
        refused(ANTHROPIC, CHAT, &alone).param.as_deref(),
        Some("tools.hosted")
    );
}

#[test]
fn p10_2_a_limit_of_one_becomes_the_least_that_the_model_takes() {
    let body = json!({"max_tokens": 1, "messages": hello()});
    let newer = Traits {
        least_output: 16,
        has_completion_limit: true,
        ..ABLE
    };
    for (upstream, name) in [
        (CHAT, "max_completion_tokens"),
        (RESPONSES, "max_output_tokens"),
    ] {
        let sent = translate_for(ANTHROPIC, upstream, &newer, &body);
        assert_eq!(sent[name], 16, "{upstream}");
    }
    assert_eq!(translate(ANTHROPIC, CHAT, &body)["max_tokens"], 1);
}

#[test]
fn p10_2_reasoning_models_have_their_own_name_for_the_limit() {
    let newer = Traits {
        has_completion_limit: true,
        ..ABLE
    };
    let body = json!({"max_tokens": 100, "messages": hello()});
    let sent = translate_for(ANTHROPIC, CHAT, &newer, &body);
    assert_eq!(sent["max_completion_tokens"], 100);
    assert_eq!(sent.get("max_tokens"), None);
}

#[test]
fn p10_2_lists_of_texts_are_one_text() {
    let body = json!({"max_tokens": 100, "messages": [{"role": "user", "content": [
        {"type": "text", "text": "Hello"}, {"type": "text", "text": "there"}]}]});
    for upstream in [CHAT, OLLAMA] {
        let sent = translate(ANTHROPIC, upstream, &body);
        assert_eq!(sent["messages"][0]["content"], "Hello\nthere", "{upstream}");
    }
}

#[test]
fn p10_2_numbers_in_arguments_keep_their_digits() {
    let body = r#"{"model":"shown","max_tokens":100,"tools":[{"name":"look","input_schema":{"type":"object"}}],"messages":[
        {"role":"user","content":"?"},
        {"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"look","input":{"n":9007199254740993,"x":1.0}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"ok"}]}]}"#;
    let sent = ask_text(ANTHROPIC, CHAT, &ABLE, body).unwrap().body;
    let sent: Value = serde_json::from_slice(&sent).unwrap();
    let arguments = sent["messages"][1]["tool_calls"][0]["function"]["arguments"]
        .as_str()
        .unwrap();
    assert!(
        arguments.contains("9007199254740993") && arguments.contains("1.0"),
        "{arguments}"
    );
}
