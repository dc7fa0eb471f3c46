//! 6: Gemini, as a provider's dialect and as a client's.

use mirk_dialect::bridge::{self, From, To};
use mirk_model::{Operation, Thinks, Traits};
use serde_json::{Value, json};

use crate::{
    ABLE, ANTHROPIC, BUDGET, CHAT, GEMINI, ask, events, framed, reply, stream, translate,
    translate_for, way,
};

fn hello() -> Value {
    json!([{"role": "user", "content": "hello"}])
}

/// A request with one tool whose parameters are `schema`.
fn with_tool(name: &str, schema: &Value) -> Value {
    json!({"messages": hello(), "tools": [{"type": "function", "function": {"name": name, "parameters": schema}}]})
}

/// The schema that Gemini gets.
fn schema(given: &Value) -> Value {
    let sent = translate(CHAT, GEMINI, &with_tool("look", given));
    sent["tools"][0]["functionDeclarations"][0]["parameters"].clone()
}

/// What Gemini gets for the schema of one property.
fn property(given: &Value) -> Value {
    schema(&json!({"type": "object", "properties": {"p": given}}))["properties"]["p"].clone()
}

fn type_of(schema: &Value) -> String {
    schema["type"]
        .as_str()
        .unwrap_or_default()
        .to_ascii_lowercase()
}

#[test]
fn p10_6_names_of_functions_are_those_that_gemini_takes() {
    let names = [
        "1look",
        "look at",
        "é",
        &"a".repeat(100),
        "mcp__x-y.z",
        "ok",
    ];
    let tools: Vec<_> = names
        .iter()
        .map(|name| json!({"type": "function", "function": {"name": name}}))
        .collect();
    let translated = ask(
        CHAT,
        GEMINI,
        &ABLE,
        &json!({"messages": hello(), "tools": tools}),
    )
    .unwrap();
    let sent: Value = serde_json::from_slice(&translated.body).unwrap();
    let declared = sent["tools"][0]["functionDeclarations"].as_array().unwrap();
    let written: Vec<_> = declared
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    for name in &written {
        let front = name.as_bytes()[0];
        assert!(front.is_ascii_alphabetic() || front == b'_', "{name}");
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
        assert!(name.len() <= 64 && name.bytes().all(is_good), "{name}");
    }
    assert_eq!(written[5], "ok");
    let part = json!({"functionCall": {"name": written[1], "args": {}}});
    let answer = json!({"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}]});
    let got: Value =
        serde_json::from_slice(&translated.way.reply(answer.to_string().as_bytes()).unwrap())
            .unwrap();
    assert_eq!(
        got["choices"][0]["message"]["tool_calls"][0]["function"]["name"],
        "look at"
    );
}

#[test]
fn p10_6_keywords_that_gemini_lacks_are_never_sent() {
    let sent = schema(
        &json!({"$schema": "x", "type": "object", "additionalProperties": false,
        "propertyNames": {"pattern": "a"}, "patternProperties": {"a": {}}, "dependencies": {"p": ["q"]},
        "dependentRequired": {"p": ["q"]}, "not": {"type": "null"}, "unevaluatedProperties": false,
        "properties": {"p": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9, "multipleOf": 2,
            "examples": [1], "$comment": "c"}, "q": {"type": "array", "items": {"type": "string"},
            "uniqueItems": true, "contains": {}}}, "$defs": {"x": {}}, "definitions": {"y": {}}}),
    );
    let keys = keys_of(&sent);
    for gone in [
        "$schema",
        "additionalProperties",
        "propertyNames",
        "patternProperties",
        "dependencies",
        "dependentRequired",
        "not",
        "unevaluatedProperties",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "examples",
        "$comment",
        "uniqueItems",
        "contains",
        "$defs",
        "definitions",
    ] {
        assert!(!keys.contains(&gone.to_owned()), "{gone}");
    }
    assert_eq!(type_of(&sent["properties"]["p"]), "integer");
    assert_eq!(type_of(&sent["properties"]["q"]["items"]), "string");
}

/// Every member's name in `value`, at any depth.
fn keys_of(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, inner)| [vec![name.clone()], keys_of(inner)].concat())
            .collect(),
        Value::Array(items) => items.iter().flat_map(keys_of).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn p10_6_a_property_that_is_called_like_a_keyword_survives() {
    let sent = schema(&json!({"type": "object", "properties": {
        "pattern": {"type": "string"}, "not": {"type": "string"}, "default": {"type": "string"}, "$ref": {"type": "string"}},
        "required": ["pattern", "not"]}));
    for name in ["pattern", "not", "default", "$ref"] {
        assert_eq!(type_of(&sent["properties"][name]), "string", "{name}");
    }
    assert_eq!(sent["required"], json!(["pattern", "not"]));
}

#[test]
fn p10_6_a_const_is_an_enum_of_one() {
    let sent = property(&json!({"const": "fast"}));
    assert_eq!((&sent["enum"], sent.get("const")), (&json!(["fast"]), None));
}

#[test]
fn p10_6_values_of_enums_are_texts() {
    let sent = property(&json!({"enum": [1, 2]}));
    let values = sent["enum"].as_array().cloned().unwrap_or_default();
    assert!(values.iter().all(Value::is_string), "{sent}");
    let said = sent.to_string();
    assert!(said.contains('1') && said.contains('2'), "{sent}");
    let sent = property(&json!({"type": "string", "enum": ["a", "b"]}));
    assert_eq!(sent["enum"], json!(["a", "b"]));
}

#[test]
fn p10_6_all_of_is_merged() {
    let sent = property(&json!({"allOf": [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"properties": {"b": {"type": "integer"}}, "required": ["b"]}]}));
    assert_eq!(sent.get("allOf"), None);
    assert_eq!(type_of(&sent["properties"]["a"]), "string");
    assert_eq!(type_of(&sent["properties"]["b"]), "integer");
    assert_eq!(sent["required"], json!(["a", "b"]));
}

#[test]
fn p10_6_alternatives_are_said_as_gemini_has_them() {
    let sent = property(&json!({"oneOf": [{"type": "string"}, {"type": "integer"}]}));
    assert_eq!(sent.get("oneOf"), None);
    let types: Vec<_> = sent["anyOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(type_of)
        .collect();
    assert_eq!(types, ["string", "integer"]);
    let sent = property(&json!({"anyOf": [{"type": "string"}, {"type": "null"}]}));
    assert_eq!(
        (type_of(&sent).as_str(), &sent["nullable"]),
        ("string", &json!(true))
    );
}

#[test]
fn p10_6_of_several_types_the_first_that_is_not_null_is_taken() {
    let sent = property(&json!({"type": ["null", "integer"]}));
    assert_eq!(
        (type_of(&sent).as_str(), &sent["nullable"]),
        ("integer", &json!(true))
    );
}

#[test]
fn p10_6_what_has_properties_is_an_object() {
    let sent = property(&json!({"properties": {"a": {"type": "string"}}}));
    assert_eq!(type_of(&sent), "object");
    assert_eq!(
        type_of(&schema(&json!({"properties": {"a": {"type": "string"}}}))),
        "object"
    );
}

#[test]
fn p10_6_only_properties_that_there_are_can_be_required() {
    let sent = schema(
        &json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "ghost"]}),
    );
    assert_eq!(sent["required"], json!(["a"]));
}

#[test]
fn p10_6_a_reference_is_put_in_its_place() {
    let sent = schema(
        &json!({"type": "object", "properties": {"p": {"$ref": "#/$defs/place"}}, "$defs": {
        "place": {"type": "object", "properties": {"city": {"$ref": "#/$defs/name"}}, "required": ["city"]},
        "name": {"type": "string"}}}),
    );
    let place = &sent["properties"]["p"];
    assert_eq!(type_of(&place["properties"]["city"]), "string");
    assert_eq!(place["required"], json!(["city"]));
    assert!(!keys_of(&sent).iter().any(|key| key.starts_with('$')));
}

#[test]
fn p10_6_the_signature_of_a_call_is_back_on_its_part_in_the_next_turn() {
    let parts = json!([{"functionCall": {"name": "look", "args": {}}, "thoughtSignature": "U2lnbmVk"},
        {"functionCall": {"name": "look", "args": {"n": 2}}}]);
    let answer = json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]});
    let said = reply(CHAT, GEMINI, &answer)["choices"][0]["message"].clone();
    let result = |place: usize| json!({"role": "tool", "content": "cold", "tool_call_id": said["tool_calls"][place]["id"]});
    let body = json!({"messages": [{"role": "user", "content": "?"}, said, result(0), result(1)]});
    let signed = Traits {
        wants_signatures: true,
        ..ABLE
    };
    let sent = translate_for(CHAT, GEMINI, &signed, &body);
    let parts = sent["contents"][1]["parts"].as_array().unwrap();
    let calls: Vec<_> = parts
        .iter()
        .filter(|part| part.get("functionCall").is_some())
        .collect();
    assert_eq!(calls[0]["thoughtSignature"], "U2lnbmVk");
    assert_eq!(calls[1].get("thoughtSignature"), None);

    let got = reply(ANTHROPIC, GEMINI, &answer);
    let blocks = got["content"].clone();
    let calls: Vec<_> = blocks
        .as_array()
        .unwrap()
        .iter()
        .filter(|block| block["type"] == "tool_use")
        .collect();
    let results: Vec<_> = calls
        .iter()
        .map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "cold"}))
        .collect();
    let body = json!({"max_tokens": 99, "messages": [{"role": "user", "content": "?"},
        {"role": "assistant", "content": blocks}, {"role": "user", "content": results}]});
    let sent = translate_for(ANTHROPIC, GEMINI, &signed, &body);
    let parts = sent["contents"][1]["parts"].as_array().unwrap();
    let call = parts
        .iter()
        .find(|part| part.get("functionCall").is_some())
        .unwrap();
    assert_eq!(call["thoughtSignature"], "U2lnbmVk");
}

#[test]
fn p10_6_parts_that_are_thoughts_are_reasoning_content() {
    let parts = json!([{"text": "Hm.", "thought": true}, {"text": "Oslo"}]);
    let answer = json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]});
    let said = reply(CHAT, GEMINI, &answer)["choices"][0]["message"].clone();
    assert_eq!(
        (&said["reasoning_content"], &said["content"]),
        (&json!("Hm."), &json!("Oslo"))
    );
}

#[test]
fn p10_6_a_call_and_a_response_in_one_content_both_survive() {
    let body = json!({"contents": [
        {"role": "user", "parts": [{"text": "Weather?"}]},
        {"role": "model", "parts": [
            {"functionCall": {"name": "look", "args": {"city": "Oslo"}}},
            {"functionResponse": {"name": "look", "response": {"result": "cold"}}}]},
        {"role": "user", "parts": [{"text": "And?"}]}]});
    let sent = translate(GEMINI, CHAT, &body);
    let said = sent["messages"].as_array().unwrap();
    let roles: Vec<_> = said.iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "user"]);
    assert_eq!(said[1]["tool_calls"][0]["function"]["name"], "look");
    assert_eq!(said[2]["tool_call_id"], said[1]["tool_calls"][0]["id"]);
    assert!(said[2]["content"].as_str().unwrap().contains("cold"));
}

#[test]
fn p10_6_every_reason_to_finish_has_its_word() {
    let reasons = [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
    ];
    for (reason, expected) in reasons {
        let answer = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "Os"}]}, "finishReason": reason}]});
        let got = reply(CHAT, GEMINI, &answer);
        assert_eq!(got["choices"][0]["finish_reason"], expected, "{reason}");
        let got = stream(CHAT, GEMINI, &[answer]);
        let last = got
            .iter()
            .rev()
            .find_map(|chunk| chunk["choices"].get(0))
            .unwrap();
        assert_eq!(last["finish_reason"], expected, "{reason}");
    }
    let part = json!({"functionCall": {"name": "look", "args": {}}});
    let answer = json!({"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}]});
    assert_eq!(
        reply(CHAT, GEMINI, &answer)["choices"][0]["finish_reason"],
        "tool_calls"
    );
}

#[test]
fn p10_6_usage_has_the_cache_inside_the_prompt_and_the_thoughts_inside_the_answer() {
    let answer = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "Oslo"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1000, "cachedContentTokenCount": 600, "candidatesTokenCount": 20,
            "thoughtsTokenCount": 30, "totalTokenCount": 1050}});
    let usage = reply(CHAT, GEMINI, &answer)["usage"].clone();
    assert_eq!(usage["prompt_tokens"], 1000);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 600);
    assert_eq!(usage["completion_tokens"], 50);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 30);
    let usage = reply(ANTHROPIC, GEMINI, &answer)["usage"].clone();
    let counts = ["input_tokens", "cache_read_input_tokens", "output_tokens"];
    assert_eq!(
        counts.map(|name| usage[name].as_u64().unwrap()),
        [400, 600, 50]
    );
}

/// How Gemini is told to think.
fn thinking(traits: &Traits, effort: &str) -> Value {
    let body = json!({"messages": hello(), "reasoning_effort": effort});
    translate_for(CHAT, GEMINI, traits, &body)["generationConfig"]["thinkingConfig"].clone()
}

#[test]
fn p10_6_an_effort_is_a_level_for_newer_models() {
    for effort in ["low", "medium", "high"] {
        let config = thinking(&ABLE, effort);
        let level = config["thinkingLevel"]
            .as_str()
            .unwrap()
            .to_ascii_lowercase();
        assert_eq!(level, effort);
        assert_eq!(config.get("thinkingBudget"), None);
    }
}

#[test]
fn p10_6_an_effort_is_a_budget_for_older_models() {
    for (effort, budget) in [("low", 4_096), ("medium", 8_192), ("high", 16_384)] {
        let config = thinking(&BUDGET, effort);
        assert_eq!(
            (&config["thinkingBudget"], config.get("thinkingLevel")),
            (&json!(budget), None)
        );
    }
    let none = Traits {
        thinks: Thinks::No,
        ..ABLE
    };
    assert_eq!(thinking(&none, "low"), Value::Null);
}

#[test]
fn p10_6_without_alt_sse_a_stream_is_one_array() {
    let from = From {
        operation: Operation::StreamGenerate,
        body: r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#,
        model: "shown",
        is_stream: true,
        is_sse: false,
        request_id: "req_trap",
        created: 1_700_000_000,
    };
    let to = To {
        operation: Operation::Chat,
        model: "target",
        traits: &ABLE,
    };
    let mut way = bridge::ask(from, to).unwrap().way.stream();
    let mut out = Vec::new();
    let chunk = |delta: &Value, finish: &Value| json!({"id": "c", "model": "target", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    let sent = [
        chunk(&json!({"content": "Os"}), &Value::Null),
        chunk(&json!({"content": "lo"}), &Value::Null),
        chunk(&json!({}), &json!("stop")),
        json!("[DONE]"),
    ];
    for event in &sent {
        way.feed(framed(CHAT, event).as_bytes(), &mut out).unwrap();
    }
    way.finish(&mut out).unwrap();
    let got: Vec<Value> = serde_json::from_slice(&out).unwrap();
    let said: String = got
        .iter()
        .filter_map(|item| item["candidates"][0]["content"]["parts"][0]["text"].as_str())
        .collect();
    assert_eq!(said, "Oslo");
    assert_eq!(got.last().unwrap()["candidates"][0]["finishReason"], "STOP");
}

#[test]
fn p10_6_an_array_where_events_were_asked_for_is_never_taken_for_a_whole_stream() {
    let content = json!({"role": "model", "parts": [{"text": "Oslo"}]});
    let body = json!([{"candidates": [{"content": content, "finishReason": "STOP"}]}]).to_string();
    let (mut stream, mut out) = (way(CHAT, GEMINI).stream(), Vec::new());
    let fed = stream.feed(body.as_bytes(), &mut out);
    let ended = fed.and_then(|()| stream.finish(&mut out));
    assert!(ended.is_err() || !stream.has_ended());
    assert!(events(&out).iter().all(|event| *event != "[DONE]"));
}

#[test]
fn p10_6_the_least_effort_is_minimal_for_the_models_that_know_it() {
    let body =
        r#"{"model":"m","messages":[{"role":"user","content":"?"}],"reasoning_effort":"minimal"}"#;
    for (model, level) in [("gemini-3-flash", "minimal"), ("gemini-3-pro", "low")] {
        let from = From {
            operation: Operation::Chat,
            body,
            model: "m",
            is_stream: false,
            is_sse: true,
            request_id: "req_trap",
            created: 1_700_000_000,
        };
        let to = To {
            operation: Operation::Generate,
            model,
            traits: &ABLE,
        };
        let sent: Value = serde_json::from_slice(&bridge::ask(from, to).unwrap().body).unwrap();
        let said = &sent["generationConfig"]["thinkingConfig"]["thinkingLevel"];
        assert_eq!(said.as_str().unwrap().to_ascii_lowercase(), level);
    }
}
