//! 7: Ollama.

use serde_json::{Value, json};

use crate::{ANTHROPIC, CHAT, OLLAMA, events, reply, stream, translate};

#[test]
fn p10_7_limits_are_options() {
    let body = json!({"messages": [{"role": "user", "content": "?"}], "max_tokens": 99, "temperature": 0.5,
        "top_p": 0.9, "seed": 7, "stop": ["x"]});
    let sent = translate(CHAT, OLLAMA, &body);
    let expected =
        json!({"num_predict": 99, "temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["x"]});
    assert_eq!(sent["options"], expected);
    assert_eq!(sent.get("max_tokens"), None);
}

#[test]
fn p10_7_options_of_ollamas_clients_are_read() {
    let body = json!({"messages": [{"role": "user", "content": "?"}], "options": {"num_predict": 99, "num_ctx": 8192}});
    let sent = translate(OLLAMA, CHAT, &body);
    assert_eq!(sent["max_tokens"], 99);
    assert_eq!(sent.get("options"), None);
    let said = crate::notes(OLLAMA, CHAT, &body);
    assert!(said.iter().any(|note| note.contains("num_ctx")), "{said:?}");
}

#[test]
fn p10_7_pictures_are_bare_base64() {
    let image =
        json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}});
    let body =
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "?"}, image]}]});
    let sent = translate(CHAT, OLLAMA, &body);
    let expected = json!({"role": "user", "content": "?", "images": ["iVBORw0K"]});
    assert_eq!(sent["messages"][0], expected);
    let back = translate(OLLAMA, ANTHROPIC, &json!({"messages": [expected]}));
    let blocks = back["messages"][0]["content"].as_array().unwrap();
    let image = blocks
        .iter()
        .find(|block| block["type"] == "image")
        .unwrap();
    assert_eq!(image["source"]["data"], "iVBORw0K");
    assert_eq!(image["source"]["media_type"], "image/png");
}

#[test]
fn p10_7_arguments_are_objects_both_ways() {
    let body = json!({"tools": [{"type": "function", "function": {"name": "look"}}], "messages": [
        {"role": "user", "content": "?"},
        {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"city\":\"Oslo\"}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "cold"}]});
    let sent = translate(CHAT, OLLAMA, &body);
    assert_eq!(
        sent["messages"][1]["tool_calls"][0]["function"]["arguments"],
        json!({"city": "Oslo"})
    );
    let call = json!({"function": {"name": "look", "arguments": {"city": "Oslo"}}});
    let answer = json!({"model": "target", "created_at": "2026-01-01T00:00:00Z", "done": true, "done_reason": "stop",
        "message": {"role": "assistant", "content": "", "tool_calls": [call]}});
    let got = reply(CHAT, OLLAMA, &answer);
    let call = &got["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], "{\"city\":\"Oslo\"}");
    assert!(!call["id"].as_str().unwrap().is_empty());
    assert_eq!(got["choices"][0]["finish_reason"], "tool_calls");
}

#[test]
fn p10_7_a_stream_of_ollamas_is_lines() {
    let line = |text: &str, done: bool| {
        json!({"model": "target", "created_at": "2026-01-01T00:00:00Z", "done": done,
        "message": {"role": "assistant", "content": text}})
    };
    let mut last = line("", true);
    last["done_reason"] = json!("stop");
    last["prompt_eval_count"] = json!(3);
    last["eval_count"] = json!(2);
    let got = stream(CHAT, OLLAMA, &[line("Os", false), line("lo", false), last]);
    let said: String = got
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(
        (said.as_str(), got.last()),
        ("Oslo", Some(&json!("[DONE]")))
    );
}

#[test]
fn p10_7_ollamas_clients_get_lines_and_nothing_else() {
    let sent = [
        json!({"id": "c", "model": "target", "choices": [{"index": 0, "delta": {"content": "Oslo"}, "finish_reason": null}]}),
        json!({"id": "c", "model": "target", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        json!("[DONE]"),
    ];
    let mut stream = crate::way(OLLAMA, CHAT).stream();
    let mut out = Vec::new();
    for event in &sent {
        stream
            .feed(crate::framed(CHAT, event).as_bytes(), &mut out)
            .unwrap();
    }
    stream.finish(&mut out).unwrap();
    let text = std::str::from_utf8(&out).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, events(&out));
    assert_eq!(lines[0]["message"]["content"], "Oslo");
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["done"], &last["done_reason"]),
        (&json!(true), &json!("stop"))
    );
    assert!(text.ends_with('\n'));
}
