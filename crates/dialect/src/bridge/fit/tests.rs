//! What real clients send, and what the real providers would refuse of it.

use mirk_model::{Dialect, Problem, Thinks, Traits};
use serde_json::{Value, json};

use crate::bridge::{self, From, To};

/// What `client` sends as `body` is for `upstream`, and what was said of it.
fn sent(
    client: Dialect,
    upstream: Dialect,
    body: &Value,
    thinks: Thinks,
) -> Result<(Value, Vec<String>), Problem> {
    let traits = Traits {
        max_output: Some(64_000),
        thinks,
        ..Traits::default()
    };
    let from = From {
        operation: bridge::native(client, false),
        body: &body.to_string(),
        model: "m",
        is_stream: false,
        is_sse: true,
        request_id: "req_1",
        created: 0,
    };
    let to = To {
        operation: bridge::native(upstream, false),
        model: "target",
        traits: &traits,
    };
    let sent = bridge::ask(from, to)?;
    let body = serde_json::from_slice(&sent.body).unwrap();
    Ok((body, sent.notes.said().to_vec()))
}

fn asked(client: Dialect, upstream: Dialect, body: &Value) -> (Value, Vec<String>) {
    sent(client, upstream, body, Thinks::Effort).unwrap()
}

#[test]
fn a_user_longer_than_openai_takes_is_left_out_and_that_is_said() {
    let body = |user: &str| {
        json!({"model":"m","max_tokens":99,"metadata":{"user_id":user},
            "messages":[{"role":"user","content":"u"}]})
    };
    for upstream in [Dialect::OpenAiChat, Dialect::OpenAiResponses] {
        // As Claude Code names it: its device, its account and its session as one text.
        let (out, said) = asked(Dialect::Anthropic, upstream, &body(&"é".repeat(65)));
        assert_eq!(out.get("user"), None);
        assert_eq!(said, ["dropped:user"]);
        let (out, said) = asked(Dialect::Anthropic, upstream, &body(&"é".repeat(64)));
        assert_eq!(out["user"], "é".repeat(64));
        assert_eq!(said, [""; 0]);
    }
}

#[test]
fn t13_a_schema_without_properties_gets_them_where_openai_wants_them() {
    for (schema, whole) in [
        (json!({}), json!({"type":"object","properties":{}})),
        (
            json!({"type":"object"}),
            json!({"type":"object","properties":{}}),
        ),
        (
            json!({"properties":{"a":{"type":"object"}}}),
            json!({"type":"object","properties":{"a":{"type":"object"}}}),
        ),
        (json!({"type":"string"}), json!({"type":"string"})),
    ] {
        let body = json!({"model":"m","messages":[{"role":"user","content":"u"}],
            "tools":[{"type":"function","function":{"name":"f","parameters":schema}}]});
        let (out, _) = asked(Dialect::Ollama, Dialect::OpenAiChat, &body);
        assert_eq!(out["tools"][0]["function"]["parameters"], whole);
        let (out, _) = asked(Dialect::OpenAiChat, Dialect::OpenAiResponses, &body);
        assert_eq!(out["tools"][0]["parameters"], whole);
    }
}

#[test]
fn labels_go_to_chat_only_with_answers_that_it_keeps() {
    let body = json!({"model":"m","input":"u","metadata":{"team":"a"},"store":true});
    let (out, said) = asked(Dialect::OpenAiResponses, Dialect::OpenAiChat, &body);
    assert_eq!((out.get("metadata"), out.get("store")), (None, None));
    assert_eq!(said, ["dropped:metadata", "dropped:store"]);
}

#[test]
fn t6_a_result_of_another_tool_is_never_taken_for_an_open_call() {
    let call = |name: &str| {
        json!({"contents":[{"role":"user","parts":[{"text":"u"}]},
            {"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},
            {"role":"user","parts":[{"functionResponse":{"name":name,"response":{"result":"r"}}}]}]})
    };
    let problem = sent(Dialect::Gemini, Dialect::OpenAiChat, &call("g"), Thinks::No);
    let param = problem.unwrap_err().param.unwrap_or_default();
    assert_eq!(param, "tool_results.orphan");
    let (out, _) = asked(Dialect::Gemini, Dialect::OpenAiChat, &call("f"));
    assert_eq!(out["messages"][2]["content"], "r");
}

#[test]
fn a_conversation_of_nothing_is_refused_before_a_provider_sees_it() {
    let body = json!({"model":"m","messages":[]});
    let problem = sent(Dialect::Ollama, Dialect::Anthropic, &body, Thinks::No);
    assert!(problem.unwrap_err().param.is_some());
}

#[test]
fn t25_thinking_is_told_to_ollama_as_the_model_takes_it() {
    for (thinking, thinks, told, said) in [
        (json!({"type":"disabled"}), Thinks::No, json!(false), ""),
        (json!({"type":"disabled"}), Thinks::Flag, json!(false), ""),
        (
            json!({"type":"disabled"}),
            Thinks::Effort,
            json!("low"),
            "changed:reasoning",
        ),
        (
            json!({"type":"enabled","budget_tokens":1024}),
            Thinks::Effort,
            json!("low"),
            "changed:reasoning",
        ),
        (
            json!({"type":"enabled","budget_tokens":1024}),
            Thinks::Flag,
            json!(true),
            "changed:reasoning",
        ),
        (
            json!({"type":"adaptive"}),
            Thinks::No,
            Value::Null,
            "dropped:reasoning",
        ),
    ] {
        let body = json!({"model":"m","max_tokens":4096,"thinking":thinking,
            "messages":[{"role":"user","content":"u"}]});
        let (out, noted) = sent(Dialect::Anthropic, Dialect::Ollama, &body, thinks).unwrap();
        assert_eq!(out["think"], told, "{thinking} {thinks:?}");
        assert_eq!(noted.concat(), said, "{thinking} {thinks:?}");
    }
}

#[test]
fn t10_who_sees_thoughts_unless_told_otherwise_is_given_geminis() {
    let body = json!({"model":"m","messages":[{"role":"user","content":"u"}],"think":true});
    let (out, _) = asked(Dialect::Ollama, Dialect::Gemini, &body);
    let config = &out["generationConfig"]["thinkingConfig"];
    assert_eq!(config, &json!({"includeThoughts":true}));
    let hidden = json!({"model":"m","max_tokens":99,"messages":[{"role":"user","content":"u"}],
        "thinking":{"type":"adaptive","display":"omitted"}});
    let (out, _) = asked(Dialect::Anthropic, Dialect::Gemini, &hidden);
    let config = &out["generationConfig"]["thinkingConfig"];
    assert_eq!(config["includeThoughts"], false);
}

#[test]
fn a_picture_as_a_data_url_is_a_picture_from_ollama_too() {
    let body = json!({"model":"m","messages":[{"role":"user","content":"u",
        "images":["data:image/jpeg;base64,/9j/4AAQ"]}]});
    let (out, _) = asked(Dialect::Ollama, Dialect::Anthropic, &body);
    assert_eq!(
        out["messages"][0]["content"][0]["source"],
        json!({"type":"base64","media_type":"image/jpeg","data":"/9j/4AAQ"})
    );
}

#[test]
fn t9_a_thought_without_words_leaves_nothing_at_ollama() {
    let body = json!({"model":"m","input":[{"role":"user","content":"u"},
        {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"eA=="},
        {"role":"assistant","content":"a"},{"role":"user","content":"v"}]});
    let (out, _) = asked(Dialect::OpenAiResponses, Dialect::Ollama, &body);
    assert_eq!(
        out["messages"][1],
        json!({"role":"assistant","content":"a"})
    );
}
