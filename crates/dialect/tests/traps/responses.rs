//! 5: the Responses dialect, as a client's and as a provider's.

use serde_json::{Value, json};

use crate::{
    ANTHROPIC, CHAT, GEMINI, OLLAMA, RESPONSES, notes, refused, reply, stream, translate, words,
};

fn tool() -> Value {
    json!({"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}})
}

/// The messages that Chat gets for these items.
fn messages(input: &Value) -> Vec<Value> {
    let sent = translate(RESPONSES, CHAT, &json!({"input": input, "tools": [tool()]}));
    sent["messages"].as_array().unwrap().clone()
}

#[test]
fn p10_5_input_may_be_a_text() {
    assert_eq!(
        messages(&json!("hello")),
        [json!({"role": "user", "content": "hello"})]
    );
}

#[test]
fn p10_5_input_may_be_a_list_of_items() {
    let said = messages(&json!([
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]},
        {"type": "message", "role": "user", "content": "Oslo?"},
    ]));
    let said: Vec<_> = said
        .iter()
        .map(|message| (&message["role"], words(&message["content"])))
        .collect();
    assert_eq!(
        json!(said),
        json!([["user", "hello"], ["assistant", "Hi"], ["user", "Oslo?"]])
    );
}

#[test]
fn p10_5_an_item_with_a_role_alone_is_a_message() {
    let said = messages(&json!([{"role": "user", "content": "hello"}]));
    assert_eq!(said, [json!({"role": "user", "content": "hello"})]);
}

#[test]
fn p10_5_empty_input_is_refused_and_nothing_is_made_up() {
    for input in [json!([]), json!(""), Value::Null] {
        for upstream in [CHAT, ANTHROPIC, GEMINI, OLLAMA] {
            let problem = refused(RESPONSES, upstream, &json!({"input": input}));
            assert_eq!(problem.kind.status(), 400, "{input} {upstream}");
        }
    }
}

#[test]
fn p10_5_instructions_are_the_system_prompt() {
    let body = json!({"instructions": "Be brief.", "input": "hello"});
    let sent = translate(RESPONSES, CHAT, &body);
    assert_eq!(
        sent["messages"][0],
        json!({"role": "system", "content": "Be brief."})
    );
    assert_eq!(
        words(&translate(RESPONSES, ANTHROPIC, &body)["system"]),
        "Be brief."
    );
}

#[test]
fn p10_5_calls_and_their_outputs_become_messages() {
    let said = messages(&json!([
        {"role": "user", "content": "Weather?"},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{\"city\":\"Oslo\"}"},
        {"type": "function_call", "call_id": "c2", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "cold"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "warm"}]},
    ]));
    assert_eq!(said.len(), 4);
    assert_eq!(said[1]["tool_calls"][0]["id"], "c1");
    assert_eq!(
        said[1]["tool_calls"][0]["function"]["arguments"],
        "{\"city\":\"Oslo\"}"
    );
    assert_eq!(said[1]["tool_calls"][1]["id"], "c2");
    assert_eq!(
        said[2],
        json!({"role": "tool", "tool_call_id": "c1", "content": "cold"})
    );
    assert_eq!(
        said[3],
        json!({"role": "tool", "tool_call_id": "c2", "content": "warm"})
    );
}

#[test]
fn p10_5_reasoning_items_are_left_out_by_name_and_the_rest_stays() {
    let body = json!({"input": [
        {"role": "user", "content": "?"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Secretly."}], "encrypted_content": "ZW5j"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Oslo"}]},
        {"role": "user", "content": "And?"},
    ]});
    let sent = translate(RESPONSES, CHAT, &body);
    assert_eq!(sent["messages"].as_array().unwrap().len(), 3);
    assert!(!sent.to_string().contains("Secretly.") && !sent.to_string().contains("ZW5j"));
    let said = notes(RESPONSES, CHAT, &body);
    assert!(said.contains(&"dropped:thinking".to_owned()), "{said:?}");
}

#[test]
fn p10_5_calls_of_free_form_tools_become_calls_of_functions() {
    let body = json!({"tools": [{"type": "custom", "name": "patch", "description": "Patches."}], "input": [
        {"role": "user", "content": "Patch."},
        {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
    ]});
    let sent = translate(RESPONSES, CHAT, &body);
    assert_eq!(sent["tools"][0]["function"]["name"], "patch");
    let call = &sent["messages"][1]["tool_calls"][0]["function"];
    assert_eq!(call["name"], "patch");
    let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
    let held: Vec<_> = arguments.as_object().unwrap().values().collect();
    assert_eq!(held, ["*** Begin"]);
    assert_eq!(words(&sent["messages"][2]["content"]), "done");
    assert!(notes(RESPONSES, CHAT, &body).contains(&"changed:tools.custom".to_owned()));
}

#[test]
fn p10_5_ids_of_calls_have_at_most_64_characters_and_stay_apart() {
    let (first, second) = ("a".repeat(80), "a".repeat(81));
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "look", "arguments": "{}"}});
    let sent = translate(
        CHAT,
        RESPONSES,
        &json!({"messages": [
            {"role": "user", "content": "?"},
            {"role": "assistant", "tool_calls": [call(&first), call(&second)]},
            {"role": "tool", "tool_call_id": first, "content": "1"},
            {"role": "tool", "tool_call_id": second, "content": "2"},
        ]}),
    );
    let ids: Vec<_> = sent["input"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["call_id"].as_str())
        .collect();
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| id.len() <= 64), "{ids:?}");
    assert_ne!(ids[0], ids[1]);
    let of = |id: &str| {
        sent["input"]
            .as_array()
            .unwrap()
            .iter()
            .find(|item| item["type"] == "function_call_output" && item["call_id"] == id)
            .unwrap()["output"]
            .clone()
    };
    assert_eq!(
        (words(&of(ids[0])), words(&of(ids[1]))),
        ("1".to_owned(), "2".to_owned())
    );
}

#[test]
fn p10_5_tools_without_a_name_never_reach_chat() {
    let search = json!({"type": "web_search"});
    let body = json!({"input": "?", "tools": [search, tool()]});
    let sent = translate(RESPONSES, CHAT, &body);
    assert_eq!(sent["tools"].as_array().unwrap().len(), 1);
    assert!(notes(RESPONSES, CHAT, &body).contains(&"dropped:tools.hosted".to_owned()));
    let problem = refused(RESPONSES, CHAT, &json!({"input": "?", "tools": [search]}));
    assert_eq!(problem.param.as_deref(), Some("tools.hosted"));
}

#[test]
fn p10_5_the_id_of_a_file_is_no_address() {
    for part in [
        json!({"type": "input_image", "file_id": "file-1"}),
        json!({"type": "input_file", "file_id": "file-1"}),
    ] {
        let body = json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": "?"}, part]}]});
        let problem = refused(RESPONSES, ANTHROPIC, &body);
        assert_eq!(
            (problem.kind.status(), problem.param.as_deref()),
            (400, Some("file"))
        );
    }
}

#[test]
fn p10_5_a_call_without_a_name_leaves_no_empty_list_of_calls() {
    let said = messages(&json!([
        {"role": "user", "content": "?"},
        {"type": "function_call", "call_id": "c1", "name": "", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "cold"},
        {"role": "user", "content": "And?"},
    ]));
    let with_calls: Vec<_> = said
        .iter()
        .filter(|one| one.get("tool_calls").is_some())
        .collect();
    assert_eq!(with_calls.len(), 1);
    let calls = with_calls[0]["tool_calls"].as_array().unwrap();
    assert_eq!(calls.len(), 1);
    assert!(!calls[0]["function"]["name"].as_str().unwrap().is_empty());
    let result = said.iter().find(|one| one["role"] == "tool").unwrap();
    assert_eq!(
        (&result["tool_call_id"], &result["content"]),
        (&calls[0]["id"], &json!("cold"))
    );
}

#[test]
fn p10_5_arguments_are_texts() {
    let body = json!({"max_tokens": 9, "tools": [{"name": "look", "input_schema": {"type": "object"}}], "messages": [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "look", "input": {"city": "Oslo"}},
                                          {"type": "tool_use", "id": "u", "name": "look", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "1"},
                                     {"type": "tool_result", "tool_use_id": "u", "content": "2"}]}]});
    let sent = translate(ANTHROPIC, RESPONSES, &body);
    assert_eq!(sent["input"][1]["arguments"], "{\"city\":\"Oslo\"}");
    assert_eq!(sent["input"][2]["arguments"], "{}");
    let answer = json!({"model": "target", "created_at": "2026-01-01T00:00:00Z", "done": true, "done_reason": "stop",
        "message": {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "look", "arguments": {"city": "Oslo"}}}]}});
    let got = reply(RESPONSES, OLLAMA, &answer);
    let items = got["output"].as_array().unwrap();
    let call = items
        .iter()
        .find(|item| item["type"] == "function_call")
        .unwrap();
    assert_eq!(call["arguments"], "{\"city\":\"Oslo\"}");
}

#[test]
fn p10_5_the_limit_has_the_name_of_its_dialect() {
    let sent = translate(
        RESPONSES,
        CHAT,
        &json!({"input": "?", "max_output_tokens": 99}),
    );
    assert_eq!(
        (&sent["max_tokens"], sent.get("max_output_tokens")),
        (&json!(99), None)
    );
    for name in ["max_tokens", "max_completion_tokens"] {
        let sent = translate(
            CHAT,
            RESPONSES,
            &json!({"messages": [{"role": "user", "content": "?"}], name: 99}),
        );
        assert_eq!(
            (&sent["max_output_tokens"], sent.get(name)),
            (&json!(99), None)
        );
    }
}

#[test]
fn p10_5_chat_never_gets_what_only_responses_has() {
    let body = json!({"input": "?", "include": ["reasoning.encrypted_content"], "store": false,
        "prompt_cache_key": "k", "client_metadata": {"a": "b"}, "reasoning": {"effort": "low"},
        "text": {"verbosity": "low"}, "truncation": "auto"});
    let sent = translate(RESPONSES, CHAT, &body);
    for gone in [
        "include",
        "store",
        "client_metadata",
        "reasoning",
        "text",
        "truncation",
        "input",
    ] {
        assert_eq!(sent.get(gone), None, "{gone}");
    }
    // OpenAI's Chat has these two, under these names.
    assert_eq!(sent["reasoning_effort"], "low");
    assert_eq!(sent["prompt_cache_key"], "k");
}

#[test]
fn p10_5_nothing_is_stored_unless_the_client_says_so() {
    let sent = translate(
        CHAT,
        RESPONSES,
        &json!({"messages": [{"role": "user", "content": "?"}]}),
    );
    assert_eq!(sent["store"], false);
}

#[test]
fn p10_5_a_failure_that_is_told_twice_is_told_once() {
    let response = json!({"id": "resp_1", "object": "response", "status": "failed", "model": "target", "output": [],
        "error": {"code": "server_error", "message": "Broken."}});
    let created = json!({"id": "resp_1", "object": "response", "status": "in_progress", "model": "target", "output": []});
    let sent = [
        json!({"type": "response.created", "sequence_number": 0, "response": created}),
        json!({"type": "error", "sequence_number": 1, "code": "server_error", "message": "Broken.", "param": null}),
        json!({"type": "response.failed", "sequence_number": 2, "response": response}),
    ];
    for client in [CHAT, ANTHROPIC, GEMINI, OLLAMA] {
        let got = stream(client, RESPONSES, &sent);
        let errors = got
            .iter()
            .filter(|event| event.get("error").is_some())
            .count();
        assert_eq!(errors, 1, "{client}: {got:?}");
        assert!(got.last().unwrap().get("error").is_some(), "{client}");
    }
}
