//! 1: requests of Chat's clients for Anthropic.

use mirk_model::{Thinks, Traits};
use serde_json::{Value, json};

use crate::{
    ABLE, ANTHROPIC, BUDGET, CHAT, GEMINI, RESPONSES, ask, notes, refused, reply, translate,
    translate_for, words,
};

fn hello() -> Value {
    json!([{"role": "user", "content": "hello"}])
}

fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters":
        {"type": "object", "properties": {"city": {"type": "string"}}}}})
}

fn call(id: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "look", "arguments": arguments}})
}

fn result(id: &str, text: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": text})
}

/// A conversation in which the tool was called with these ids.
fn called(ids: &[&str]) -> Value {
    let calls: Vec<_> = ids
        .iter()
        .map(|id| call(id, "{\"city\":\"Oslo\"}"))
        .collect();
    let mut messages = vec![
        json!({"role": "user", "content": "Weather?"}),
        json!({"role": "assistant", "content": "Looking.", "tool_calls": calls}),
    ];
    messages.extend(ids.iter().map(|id| result(id, id)));
    json!({"messages": messages, "tools": [tool("look")]})
}

fn instructed() -> Value {
    json!({"messages": [
        {"role": "system", "content": "One."},
        {"role": "developer", "content": "Two."},
        {"role": "user", "content": "hello"},
        {"role": "system", "content": [{"type": "text", "text": "Three."}]},
    ]})
}

#[test]
fn p10_1_every_instruction_goes_to_the_top() {
    let sent = translate(CHAT, ANTHROPIC, &instructed());
    assert_eq!(words(&sent["system"]), "One.\nTwo.\nThree.");
    assert_eq!(sent["messages"], hello());
}

#[test]
fn p10_1_gemini_gets_every_instruction_not_only_the_last() {
    let sent = translate(CHAT, GEMINI, &instructed());
    assert_eq!(words(&sent["systemInstruction"]), "One.\nTwo.\nThree.");
    assert_eq!(sent["contents"].as_array().unwrap().len(), 1);
}

#[test]
fn p10_1_responses_gets_every_instruction_not_only_the_first() {
    let sent = translate(CHAT, RESPONSES, &instructed());
    let items = sent["input"].as_array().unwrap();
    let said: Vec<_> = [words(&sent["instructions"])]
        .into_iter()
        .chain(items.iter().map(words))
        .filter(|text| !text.is_empty())
        .collect();
    assert_eq!(said, ["One.", "Two.", "hello", "Three."]);
}

#[test]
fn p10_1_max_tokens_is_always_said() {
    let sent = translate(CHAT, ANTHROPIC, &json!({"messages": hello()}));
    assert_eq!(sent["max_tokens"], 64_000);
    let sent = translate_for(
        CHAT,
        ANTHROPIC,
        &Traits::default(),
        &json!({"messages": hello()}),
    );
    assert!(sent["max_tokens"].as_u64().unwrap() >= 1);
}

#[test]
fn p10_1_max_tokens_is_above_the_budget_for_thoughts() {
    let mut thinking = 0;
    for limit in [1, 1_024, 1_025, 2_000, 16_384, 64_000, 900_000] {
        let body = json!({"messages": hello(), "reasoning_effort": "high", "max_tokens": limit});
        let sent = translate_for(CHAT, ANTHROPIC, &BUDGET, &body);
        let most = sent["max_tokens"].as_u64().unwrap();
        if let Some(budget) = sent["thinking"]["budget_tokens"].as_u64() {
            assert!(budget >= 1_024 && most > budget, "{limit}: {sent}");
            thinking += 1;
        }
    }
    assert!(thinking >= 4, "{thinking}");
}

#[test]
fn p10_1_messages_of_one_role_in_a_row_are_one() {
    let sent = translate(
        CHAT,
        ANTHROPIC,
        &json!({"messages": [
            {"role": "user", "content": "a"},
            {"role": "user", "content": "b"},
            {"role": "assistant", "content": "c"},
            {"role": "assistant", "content": "d"},
            {"role": "user", "content": "e"},
        ]}),
    );
    let messages = sent["messages"].as_array().unwrap();
    let said: Vec<_> = messages
        .iter()
        .map(|message| {
            (
                message["role"].as_str().unwrap(),
                words(&message["content"]),
            )
        })
        .collect();
    let expected = [("user", "a\nb"), ("assistant", "c\nd"), ("user", "e")];
    assert_eq!(said, expected.map(|(role, text)| (role, text.to_owned())));
}

#[test]
fn p10_1_every_call_has_its_result_in_the_next_user_message() {
    let mut body = called(&["a", "b"]);
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "user", "content": "And?"}));
    let sent = translate(CHAT, ANTHROPIC, &body);
    assert_eq!(sent["messages"].as_array().unwrap().len(), 3);
    let answer = &sent["messages"][2];
    assert_eq!(answer["role"], "user");
    assert_eq!(answer["content"][0]["tool_use_id"], "a");
    assert_eq!(answer["content"][1]["tool_use_id"], "b");
}

#[test]
fn p10_1_results_stand_before_all_else_in_their_message() {
    let body = json!({"messages": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": null, "tool_calls": [call("a", "{}")]},
        {"role": "user", "content": "Quick!"},
        result("a", "cold"),
    ], "tools": [tool("look")]});
    let sent = translate(CHAT, ANTHROPIC, &body);
    let content = sent["messages"][2]["content"].as_array().unwrap();
    let kinds: Vec<_> = content.iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["tool_result", "text"]);
    assert_eq!(content[1]["text"], "Quick!");
}

#[test]
fn p10_1_no_text_stands_behind_a_call() {
    let body = json!({"input": [
        {"role": "user", "content": "Weather?"},
        {"type": "function_call", "call_id": "a", "name": "look", "arguments": "{}"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Looking."}]},
        {"type": "function_call_output", "call_id": "a", "output": "cold"},
    ], "tools": [{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}]});
    let sent = translate(RESPONSES, ANTHROPIC, &body);
    let content = sent["messages"][1]["content"].as_array().unwrap();
    let kinds: Vec<_> = content.iter().map(|block| &block["type"]).collect();
    assert_eq!(kinds, ["text", "tool_use"]);
    assert_eq!(sent["messages"][2]["content"][0]["type"], "tool_result");
}

fn ids(sent: &Value) -> Vec<String> {
    let blocks = sent["messages"][1]["content"].as_array().unwrap();
    let ids = blocks.iter().filter_map(|block| block["id"].as_str());
    ids.map(str::to_owned).collect()
}

#[test]
fn p10_1_ids_of_calls_have_only_what_anthropic_takes() {
    let sent = translate(CHAT, ANTHROPIC, &called(&["call.1:2/3", "é", "ok-1_A"]));
    let ids = ids(&sent);
    assert_eq!(ids.len(), 3);
    for (place, id) in ids.iter().enumerate() {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        assert!(!id.is_empty() && id.bytes().all(is_good), "{id}");
        assert_eq!(sent["messages"][2]["content"][place]["tool_use_id"], **id);
    }
    assert_eq!(ids[2], "ok-1_A");
}

#[test]
fn p10_1_an_odd_id_is_rewritten_the_same_each_time() {
    let first = ids(&translate(CHAT, ANTHROPIC, &called(&["call.1"])));
    let later = ids(&translate(CHAT, ANTHROPIC, &called(&["call.1", "call:1"])));
    assert_eq!(first[0], later[0]);
}

#[test]
fn p10_1_odd_ids_that_would_be_one_stay_apart() {
    let sent = translate(
        CHAT,
        ANTHROPIC,
        &called(&["call.1", "call:1", "call1", "call_1"]),
    );
    let ids = ids(&sent);
    let mut apart = ids.clone();
    apart.sort();
    apart.dedup();
    assert_eq!(apart.len(), 4, "{ids:?}");
    let results = &sent["messages"][2]["content"];
    for (place, given) in ["call.1", "call:1", "call1", "call_1"].iter().enumerate() {
        assert_eq!(results[place]["tool_use_id"], *ids[place]);
        assert_eq!(words(&results[place]["content"]), *given);
    }
}

/// The choice that Anthropic is told for one of Chat's.
fn chosen(choice: &Value) -> Value {
    let body = json!({"messages": hello(), "tools": [tool("look")], "tool_choice": choice});
    translate(CHAT, ANTHROPIC, &body)["tool_choice"].clone()
}

#[test]
fn p10_1_required_is_any() {
    assert_eq!(chosen(&json!("required")), json!({"type": "any"}));
}

#[test]
fn p10_1_a_function_is_a_tool() {
    let choice = json!({"type": "function", "function": {"name": "look"}});
    assert_eq!(chosen(&choice), json!({"type": "tool", "name": "look"}));
}

#[test]
fn p10_1_none_is_none_and_not_auto() {
    assert_eq!(chosen(&json!("none")), json!({"type": "none"}));
}

#[test]
fn p10_1_one_call_at_a_time_is_said() {
    let body = json!({"messages": hello(), "tools": [tool("look")], "parallel_tool_calls": false});
    let sent = translate(CHAT, ANTHROPIC, &body);
    let expected = json!({"type": "auto", "disable_parallel_tool_use": true});
    assert_eq!(sent["tool_choice"], expected);
}

fn wants_schema() -> Value {
    json!({"messages": hello(), "response_format": {"type": "json_schema", "json_schema":
        {"name": "place", "schema": {"type": "object", "properties": {"city": {"type": "string"}},
         "required": ["city"], "additionalProperties": false}}}})
}

#[test]
fn p10_1_a_schema_is_native_where_the_model_has_it() {
    let sent = translate(CHAT, ANTHROPIC, &wants_schema());
    let format = &sent["output_config"]["format"];
    assert_eq!(format["type"], "json_schema");
    assert_eq!(format["schema"]["required"], json!(["city"]));
    assert_eq!(sent.get("tools"), None);
}

#[test]
fn p10_1_a_schema_is_a_forced_tool_and_no_output_config_where_the_model_lacks_it() {
    let old = Traits {
        has_schema: false,
        thinks: Thinks::No,
        ..ABLE
    };
    let translated = ask(CHAT, ANTHROPIC, &old, &wants_schema()).unwrap();
    let sent: Value = serde_json::from_slice(&translated.body).unwrap();
    assert_eq!(sent.get("output_config"), None);
    let forced = &sent["tools"][0];
    assert_eq!(forced["input_schema"]["required"], json!(["city"]));
    assert_eq!(sent["tool_choice"]["type"], "tool");
    assert_eq!(sent["tool_choice"]["name"], forced["name"]);
    let said = translated.notes.header();
    assert!(
        said.contains("changed:response_format.json_schema"),
        "{said}"
    );

    let answer = json!({"id": "m", "type": "message", "role": "assistant", "model": "target",
        "content": [{"type": "tool_use", "id": "t", "name": forced["name"], "input": {"city": "Oslo"}}],
        "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}});
    let out = translated.way.reply(answer.to_string().as_bytes()).unwrap();
    let got: Value = serde_json::from_slice(&out).unwrap();
    let choice = &got["choices"][0];
    assert_eq!(choice["message"]["content"], "{\"city\":\"Oslo\"}");
    assert_eq!(choice["message"].get("tool_calls"), None);
    assert_eq!(choice["finish_reason"], "stop");
}

#[test]
fn p10_1_an_effort_is_a_budget() {
    let budgets = [
        ("low", 4_096),
        ("medium", 8_192),
        ("high", 16_384),
        ("xhigh", 32_768),
    ];
    for (effort, budget) in budgets {
        let body = json!({"messages": hello(), "reasoning_effort": effort, "max_tokens": 64_000});
        let sent = translate_for(CHAT, ANTHROPIC, &BUDGET, &body);
        let expected = json!({"type": "enabled", "budget_tokens": budget});
        assert_eq!(sent["thinking"], expected, "{effort}");
    }
    let body = json!({"messages": hello(), "reasoning_effort": "none", "max_tokens": 64_000});
    let sent = translate_for(CHAT, ANTHROPIC, &BUDGET, &body);
    assert_ne!(sent["thinking"]["type"], "enabled");
}

#[test]
fn p10_1_an_effort_is_an_effort_for_the_newest_models() {
    let body = json!({"messages": hello(), "reasoning_effort": "low"});
    let sent = translate(CHAT, ANTHROPIC, &body);
    assert_eq!(sent["thinking"]["type"], "adaptive");
    assert_eq!(sent["output_config"]["effort"], "low");
    assert_eq!(sent["thinking"].get("budget_tokens"), None);
}

#[test]
fn p10_1_a_temperature_is_left_out_where_the_model_takes_none() {
    let body = json!({"messages": hello(), "temperature": 0.3});
    assert_eq!(translate(CHAT, ANTHROPIC, &body)["temperature"], 0.3);
    let fixed = Traits {
        takes_sampling: false,
        ..ABLE
    };
    let translated = ask(CHAT, ANTHROPIC, &fixed, &body).unwrap();
    let sent: Value = serde_json::from_slice(&translated.body).unwrap();
    assert_eq!(sent.get("temperature"), None);
    assert!(
        translated
            .notes
            .said()
            .contains(&"dropped:temperature".to_owned())
    );
}

/// What Anthropic gets for a part of a message.
fn shown(part: &Value) -> Value {
    let body = json!({"messages": [{"role": "user", "content": [part]}]});
    translate(CHAT, ANTHROPIC, &body)["messages"][0]["content"][0].clone()
}

#[test]
fn p10_1_a_picture_in_a_data_uri_is_a_base64_source() {
    let part = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}});
    let source = json!({"type": "base64", "media_type": "image/png", "data": "iVBORw0K"});
    assert_eq!(shown(&part), json!({"type": "image", "source": source}));
}

#[test]
fn p10_1_a_picture_at_an_address_is_a_url_source() {
    for url in ["https://a.test/b.png", "http://a.test/b.png"] {
        let part = json!({"type": "image_url", "image_url": {"url": url}});
        let source = json!({"type": "url", "url": url});
        assert_eq!(shown(&part), json!({"type": "image", "source": source}));
    }
}

#[test]
fn p10_1_a_recording_is_refused_and_not_dropped() {
    let part = json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}});
    let body =
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "?"}, part]}]});
    let problem = refused(CHAT, ANTHROPIC, &body);
    assert_eq!(problem.kind.status(), 400);
    assert_eq!(problem.param.as_deref(), Some("audio"));
}

#[test]
fn p10_1_nobody_is_told_who_to_be() {
    let sent = translate(CHAT, ANTHROPIC, &json!({"messages": hello()}));
    assert_eq!(sent.get("system"), None);
    assert_eq!(sent["messages"], hello());
}

#[test]
fn p10_1_a_signature_comes_back_to_its_maker_as_it_was() {
    let answer = json!({"id": "m", "type": "message", "role": "assistant", "model": "target",
        "content": [{"type": "thinking", "thinking": "Hm.", "signature": "EqQBCg+/=="},
                    {"type": "tool_use", "id": "t1", "name": "look", "input": {}}],
        "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}});
    let said = reply(CHAT, ANTHROPIC, &answer)["choices"][0]["message"].clone();
    let id = said["tool_calls"][0]["id"].clone();
    let body = json!({"messages": [{"role": "user", "content": "?"}, said,
        {"role": "tool", "tool_call_id": id, "content": "cold"}], "tools": [tool("look")],
        "reasoning_effort": "high"});
    let sent = translate_for(CHAT, ANTHROPIC, &BUDGET, &body);
    let first = &sent["messages"][1]["content"][0];
    let expected = json!({"type": "thinking", "thinking": "Hm.", "signature": "EqQBCg+/=="});
    assert_eq!(*first, expected);
    assert_eq!(sent["messages"][1]["content"][1]["id"], "t1");
}

#[test]
fn p10_1_thoughts_of_another_provider_are_left_out_and_named() {
    let body = json!({"messages": [{"role": "user", "content": "?"},
        {"role": "assistant", "content": "Oslo", "reasoning_content": "Hm."},
        {"role": "user", "content": "And?"}]});
    let sent = translate(CHAT, ANTHROPIC, &body);
    assert!(!sent.to_string().contains("signature"));
    assert!(!sent.to_string().contains("Hm."));
    assert!(notes(CHAT, ANTHROPIC, &body).contains(&"dropped:thinking".to_owned()));
}
