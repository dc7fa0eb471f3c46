//! The difficulties that are best seen from end to end.

use serde_json::{Value, json};

use crate::{
    ANTHROPIC, CHAT, GEMINI, OLLAMA, RESPONSES, framed, notes, refused, reply, stream, translate,
    way, words,
};

fn chunk(delta: &Value, finish: &Value) -> Value {
    json!({"id": "c", "model": "target", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

fn calls(pieces: &Value) -> Value {
    chunk(&json!({"tool_calls": pieces}), &Value::Null)
}

fn ended(mut sent: Vec<Value>, reason: &str) -> Vec<Value> {
    sent.push(chunk(&json!({}), &json!(reason)));
    sent.push(json!("[DONE]"));
    sent
}

/// The name and the arguments of each call that an Anthropic client gets.
fn tools(got: &[Value]) -> Vec<(String, String)> {
    let mut found: Vec<(u64, String, String)> = Vec::new();
    for event in got {
        let index = event["index"].as_u64().unwrap_or_default();
        if event["content_block"]["type"] == "tool_use" {
            let name = event["content_block"]["name"].as_str().unwrap();
            found.push((index, name.to_owned(), String::new()));
        } else if let Some(piece) = event["delta"]["partial_json"].as_str() {
            let call = found.iter_mut().find(|(own, ..)| *own == index).unwrap();
            call.2.push_str(piece);
        }
    }
    found
        .into_iter()
        .map(|(_, name, arguments)| (name, arguments))
        .collect()
}

fn pair(name: &str, arguments: &str) -> (String, String) {
    (name.to_owned(), arguments.to_owned())
}

#[test]
fn t1_calls_without_an_index_or_all_with_zero_are_never_glued_together() {
    let one = json!({"id": "a", "type": "function", "function": {"name": "look", "arguments": "{\"n\":1}"}});
    let two = json!({"id": "b", "type": "function", "function": {"name": "find", "arguments": "{\"n\":2}"}});
    let zero = |call: &Value| {
        let mut call = call.clone();
        call["index"] = json!(0);
        call
    };
    let variants = [
        vec![calls(&json!([one, two]))],
        vec![calls(&json!([one])), calls(&json!([two]))],
        vec![calls(&json!([zero(&one)])), calls(&json!([zero(&two)]))],
        vec![calls(&json!([zero(&one), zero(&two)]))],
    ];
    for sent in variants {
        let got = stream(ANTHROPIC, CHAT, &ended(sent, "tool_calls"));
        assert_eq!(
            tools(&got),
            [pair("look", "{\"n\":1}"), pair("find", "{\"n\":2}")]
        );
    }
}

#[test]
fn t3_a_call_that_comes_whole_with_words_keeps_its_arguments() {
    let delta = json!({"content": "Looking.", "tool_calls": [{"index": 0, "id": "a", "type": "function",
        "function": {"name": "look", "arguments": "{\"city\":\"Oslo\"}"}}]});
    let got = stream(
        ANTHROPIC,
        CHAT,
        &ended(vec![chunk(&delta, &Value::Null)], "tool_calls"),
    );
    assert_eq!(tools(&got), [pair("look", "{\"city\":\"Oslo\"}")]);
    let part = json!({"functionCall": {"name": "look", "args": {"city": "Oslo"}}});
    let content = json!({"role": "model", "parts": [{"text": "Looking."}, part]});
    let sent = [json!({"candidates": [{"content": content, "finishReason": "STOP"}]})];
    let got = stream(ANTHROPIC, GEMINI, &sent);
    let (name, arguments) = tools(&got).remove(0);
    let arguments: Value = serde_json::from_str(&arguments).unwrap();
    assert_eq!(
        (name.as_str(), arguments),
        ("look", json!({"city": "Oslo"}))
    );
}

#[test]
fn t4_pieces_that_are_cut_inside_an_escape_or_a_character_are_put_together_again() {
    let first = json!([{"index": 0, "id": "a", "type": "function", "function": {"name": "look", "arguments": "{\"t\":\"\\u00"}}]);
    let then = json!([{"index": 0, "function": {"arguments": "e9 \\"}}]);
    let last = json!([{"index": 0, "function": {"arguments": "n é\"}"}}]);
    let sent = ended(
        vec![calls(&first), calls(&then), calls(&last)],
        "tool_calls",
    );
    let whole: String = sent.iter().map(|event| framed(CHAT, event)).collect();
    let (mut stream, mut out) = (way(ANTHROPIC, CHAT).stream(), Vec::new());
    for byte in whole.as_bytes().chunks(1) {
        stream.feed(byte, &mut out).unwrap();
    }
    stream.finish(&mut out).unwrap();
    let (_, arguments) = tools(&crate::events(&out)).remove(0);
    let arguments: Value = serde_json::from_str(&arguments).unwrap();
    assert_eq!(arguments, json!({"t": "é \n é"}));
}

#[test]
fn t13_a_schema_that_points_to_itself_is_translated_and_ends() {
    let body = json!({"messages": [{"role": "user", "content": "?"}], "tools": [{"type": "function", "function":
        {"name": "look", "parameters": {"type": "object", "properties": {"node": {"$ref": "#/$defs/node"}},
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}}}}]});
    let sent = translate(CHAT, GEMINI, &body).to_string();
    assert!(!sent.contains("$ref") && sent.contains("next"));
}

#[test]
fn t16_the_billing_line_of_claude_code_stays_behind() {
    let line = "x-anthropic-billing-header: cc_version=2.0; cch=abc12;";
    let body = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "?"}],
        "system": [{"type": "text", "text": line}, {"type": "text", "text": "Be brief."}]});
    for upstream in [CHAT, RESPONSES, GEMINI, OLLAMA] {
        let sent = translate(ANTHROPIC, upstream, &body).to_string();
        assert!(
            !sent.contains("cch=") && sent.contains("Be brief."),
            "{upstream}"
        );
    }
}

#[test]
fn t17_tools_keep_their_order_and_the_key_of_the_cache_is_the_clients() {
    let names = ["zeta", "alpha", "mid"];
    let given = names.map(|name| json!({"type": "function", "function": {"name": name}}));
    let body = json!({"messages": [{"role": "user", "content": "?"}], "tools": given, "prompt_cache_key": "k"});
    let sent = translate(CHAT, RESPONSES, &body);
    assert_eq!(sent["prompt_cache_key"], "k");
    for (upstream, list) in [
        (RESPONSES, "/tools"),
        (ANTHROPIC, "/tools"),
        (GEMINI, "/tools/0/functionDeclarations"),
        (OLLAMA, "/tools"),
    ] {
        let sent = translate(CHAT, upstream, &body);
        let tools = sent.pointer(list).unwrap().as_array().unwrap().clone();
        let name = |tool: &Value| {
            tool.get("name")
                .unwrap_or(&tool["function"]["name"])
                .clone()
        };
        assert_eq!(
            tools.iter().map(name).collect::<Vec<_>>(),
            names,
            "{upstream}"
        );
        if upstream != RESPONSES {
            assert_eq!(sent.get("prompt_cache_key"), None, "{upstream}");
        }
        // The same request is the same bytes: nothing in it is made up anew.
        assert_eq!(sent, translate(CHAT, upstream, &body));
    }
}

#[test]
fn t18_an_answer_with_calls_ends_with_calls_whatever_the_provider_says() {
    let call = json!([{"index": 0, "id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}]);
    let got = stream(ANTHROPIC, CHAT, &ended(vec![calls(&call)], "stop"));
    let delta = got
        .iter()
        .find(|event| event["type"] == "message_delta")
        .unwrap();
    assert_eq!(delta["delta"]["stop_reason"], "tool_use");
    let answer = json!({"id": "x", "model": "target", "choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": null, "tool_calls": call}}]});
    assert_eq!(reply(ANTHROPIC, CHAT, &answer)["stop_reason"], "tool_use");
}

#[test]
fn t19_usage_says_the_same_in_every_dialect_of_a_client() {
    let answer = json!({"id": "m", "type": "message", "role": "assistant", "model": "target",
        "content": [{"type": "text", "text": "Oslo"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 600, "cache_creation_input_tokens": 90, "output_tokens": 25}});
    let read = |client, pointer: &str| {
        reply(client, ANTHROPIC, &answer)
            .pointer(pointer)
            .and_then(Value::as_u64)
    };
    let prompts = [
        (CHAT, "/usage/prompt_tokens"),
        (RESPONSES, "/usage/input_tokens"),
        (GEMINI, "/usageMetadata/promptTokenCount"),
        (OLLAMA, "/prompt_eval_count"),
    ];
    for (client, pointer) in prompts {
        assert_eq!(read(client, pointer), Some(700), "{client}");
    }
    let cached = [
        (CHAT, "/usage/prompt_tokens_details/cached_tokens"),
        (RESPONSES, "/usage/input_tokens_details/cached_tokens"),
        (GEMINI, "/usageMetadata/cachedContentTokenCount"),
    ];
    for (client, pointer) in cached {
        assert_eq!(read(client, pointer), Some(600), "{client}");
    }
}

#[test]
fn t20_a_stream_that_stops_in_the_middle_has_not_ended() {
    let sent = [chunk(
        &json!({"role": "assistant", "content": "Os"}),
        &Value::Null,
    )];
    for client in [ANTHROPIC, RESPONSES, GEMINI, OLLAMA] {
        let (mut stream, mut out) = (way(client, CHAT).stream(), Vec::new());
        stream
            .feed(framed(CHAT, &sent[0]).as_bytes(), &mut out)
            .unwrap();
        stream.finish(&mut out).unwrap();
        assert!(!stream.has_ended(), "{client}");
        let text = String::from_utf8(out).unwrap();
        for mark in [
            "message_stop",
            "message_delta",
            "response.completed",
            "\"done\":true",
            "finishReason",
        ] {
            assert!(!text.contains(mark), "{client}: {mark}");
        }
    }
}

#[test]
fn t23_what_another_provider_keeps_is_refused_and_every_payload_has_its_type() {
    let problem = refused(
        RESPONSES,
        CHAT,
        &json!({"input": "?", "previous_response_id": "resp_1"}),
    );
    assert_eq!(
        (problem.kind.status(), problem.param.as_deref()),
        (400, Some("previous_response_id"))
    );
    let sent = ended(
        vec![chunk(&json!({"content": "Oslo"}), &Value::Null)],
        "stop",
    );
    let got = stream(RESPONSES, CHAT, &sent);
    for (place, event) in got.iter().enumerate() {
        assert!(event["type"].as_str().unwrap().starts_with("response."));
        assert_eq!(event["sequence_number"], place);
    }
    assert_eq!(got.last().unwrap()["type"], "response.completed");
}

#[test]
fn t24_a_schema_is_native_in_every_dialect_that_has_one() {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false});
    let body = json!({"messages": [{"role": "user", "content": "?"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}});
    assert_eq!(
        translate(CHAT, RESPONSES, &body)["text"]["format"]["schema"],
        schema
    );
    assert_eq!(translate(CHAT, OLLAMA, &body)["format"], schema);
    let config = translate(CHAT, GEMINI, &body)["generationConfig"].clone();
    assert_eq!(config["responseMimeType"], "application/json");
    assert!(config["responseSchema"].is_object() || config["responseJsonSchema"].is_object());
    for upstream in [RESPONSES, OLLAMA, GEMINI] {
        assert_eq!(
            translate(CHAT, upstream, &body).get("tools"),
            None,
            "never both: {upstream}"
        );
    }
}

#[test]
fn t26_members_of_tomorrow_do_not_break_an_answer_or_a_stream() {
    let answer = json!({"id": "x", "model": "target", "of_tomorrow": {}, "choices": [{"index": 0, "finish_reason": "stop", "new": 1,
        "message": {"role": "assistant", "content": "Oslo", "of_tomorrow": []}}]});
    assert_eq!(words(&reply(ANTHROPIC, CHAT, &answer)["content"]), "Oslo");
    let sent = [
        json!({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}}),
        json!({"type": "of_tomorrow", "x": 1}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "of_tomorrow"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "of_tomorrow_delta"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Oslo"}}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}),
        json!({"type": "message_stop"}),
    ];
    let got = stream(CHAT, ANTHROPIC, &sent);
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
fn t27_what_only_keeps_a_stream_alive_says_nothing_to_the_client() {
    for (client, upstream, beat) in [
        (ANTHROPIC, CHAT, ": keep-alive\n\n"),
        (
            CHAT,
            ANTHROPIC,
            "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        ),
        (CHAT, RESPONSES, ": ping\n\n"),
    ] {
        let (mut stream, mut out) = (way(client, upstream).stream(), Vec::new());
        stream.feed(beat.as_bytes(), &mut out).unwrap();
        assert!(out.is_empty() && !stream.has_ended(), "{upstream}");
    }
}

#[test]
fn t11_what_only_another_provider_can_read_never_leaves_for_one_that_cannot() {
    let body = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "?"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": "U2VhbGVk"}, {"type": "text", "text": "Oslo"}]},
        {"role": "user", "content": "And?"}]});
    for upstream in [CHAT, RESPONSES, GEMINI, OLLAMA] {
        assert!(
            !translate(ANTHROPIC, upstream, &body)
                .to_string()
                .contains("U2VhbGVk"),
            "{upstream}"
        );
        let said = notes(ANTHROPIC, upstream, &body);
        assert!(
            said.iter().any(|note| note.starts_with("dropped:thinking")),
            "{upstream}: {said:?}"
        );
    }
}
