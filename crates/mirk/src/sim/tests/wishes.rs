//! What the prompt can ask of the simulated provider, and that foreign input breaks nothing.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::client::{Ask, call, chat, post};
use super::sim;
use crate::sim::ask::Ask as Asked;
use crate::sim::behave::Behaviour;
use crate::sim::endpoint::{Endpoint, Provider, Target};
use crate::sim::say::Scene;

fn tool(name: &str) -> Value {
    json!({ "type": "function", "function": { "name": name, "parameters": {} } })
}

#[tokio::test]
async fn it_says_the_text_it_is_told_to_say() {
    let sim = sim().await;
    for (wish, said) in [
        (r#"reply with "one""#, "one"),
        (r#"please reply with "one" and reply with "two" now"#, "two"),
        (r#"reply with "a \"b\"\n\u00e9""#, "a \"b\"\né"),
        ("reply with \"line\nbreak\"", "line\nbreak"),
        (
            "reply with \"漢字 дом 🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉\"",
            "漢字 дом 🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉",
        ),
        ("reply with \"open", "Hello from the simulated provider."),
    ] {
        let events = chat(&sim, "m", wish, true).await.events();
        let heard: String = events
            .iter()
            .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
            .collect();
        assert_eq!(heard, said);
    }
}

#[tokio::test]
async fn it_calls_only_tools_that_were_declared() {
    let sim = sim().await;
    let messages =
        json!([{ "role": "user", "content": "use tool w {\"a\": 1.0, \"b\": 9007199254740993}" }]);
    let with = json!({ "model": "m", "messages": messages, "tools": [tool("w")] });
    let answer = post(&sim, "/v1/chat/completions", &with).await.json();
    let call = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(call["arguments"], "{\"a\": 1.0, \"b\": 9007199254740993}");
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    let without = json!({ "model": "m", "messages": messages, "tools": [tool("v")] });
    let answer = post(&sim, "/v1/chat/completions", &without).await.json();
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn parallel_calls_are_streamed_one_after_the_other() {
    let sim = sim().await;
    let body = json!({
        "model": "m", "stream": true, "tools": [tool("a"), tool("b")],
        "messages": [{ "role": "user", "content": "use tool a {\"x\":\"0123456789\"} use tool b {}" }],
    });
    let mut arguments = [String::new(), String::new()];
    for event in post(&sim, "/v1/chat/completions", &body).await.events() {
        let call = &event["choices"][0]["delta"]["tool_calls"][0];
        if let Some(fragment) = call["function"]["arguments"].as_str() {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            arguments[index].push_str(fragment);
        }
    }
    assert_eq!(arguments, ["{\"x\":\"0123456789\"}", "{}"]);
}

#[tokio::test]
async fn responses_call_functions_in_groups_and_freeform_tools() {
    let sim = sim().await;
    let tools = json!([
        { "type": "namespace", "name": "mcp", "tools": [{ "type": "function", "name": "f" }] },
        { "type": "custom", "name": "patch" },
    ]);
    let body = json!({
        "model": "m", "stream": true, "tools": tools,
        "input": "use tool f {\"a\":1} use tool patch \"*** Begin\"",
    });
    let answer = post(&sim, "/v1/responses", &body).await;
    let response = answer.events().last().unwrap()["response"].clone();
    let (first, second) = (&response["output"][0], &response["output"][1]);
    assert_eq!(
        (&first["namespace"], &first["arguments"]),
        (&json!("mcp"), &json!("{\"a\":1}"))
    );
    assert_eq!(
        (&second["type"], &second["input"]),
        (&json!("custom_tool_call"), &json!("*** Begin"))
    );
    assert!(
        answer
            .types()
            .contains(&"response.function_call_arguments.done".to_owned())
    );
    assert!(
        answer
            .types()
            .contains(&"response.custom_tool_call_input.done".to_owned())
    );
}

#[tokio::test]
async fn it_tells_what_the_tool_said_in_every_dialect() {
    let sim = sim().await;
    let openai = json!({ "model": "m", "messages": [
        { "role": "user", "content": "hi" },
        { "role": "assistant", "tool_calls": [] },
        { "role": "tool", "tool_call_id": "c", "content": "wet" },
    ]});
    let said = post(&sim, "/v1/chat/completions", &openai).await.json();
    assert_eq!(
        said["choices"][0]["message"]["content"],
        "The tool said: wet"
    );
    let said = post(
        &sim,
        "/api/chat",
        &json!({
            "model": "m", "stream": false, "messages": openai["messages"],
        }),
    )
    .await
    .json();
    assert_eq!(said["message"]["content"], "The tool said: wet");
    let responses = json!({ "model": "m", "input": [
        { "role": "user", "content": [{ "type": "input_text", "text": "hi" }] },
        { "type": "function_call_output", "call_id": "c", "output": "wet" },
    ]});
    let said = post(&sim, "/v1/responses", &responses).await.json();
    assert_eq!(
        said["output"][0]["content"][0]["text"],
        "The tool said: wet"
    );
    let anthropic = json!({ "model": "m", "max_tokens": 99, "messages": [
        { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "t", "content": [{ "type": "text", "text": "wet" }] },
            { "type": "text", "text": "a reminder" },
        ]},
        { "role": "system", "content": "volatile" },
    ]});
    let said = post(&sim, "/v1/messages", &anthropic).await.json();
    assert_eq!(said["content"][0]["text"], "The tool said: wet");
}

#[tokio::test]
async fn stops_limits_and_choices_are_honoured() {
    let sim = sim().await;
    let messages = json!([{ "role": "user", "content": "reply with \"one STOP two\"" }]);
    let body = json!({ "model": "m", "messages": messages, "stop": ["two", "STOP"], "n": 2 });
    let answer = post(&sim, "/v1/chat/completions", &body).await.json();
    assert_eq!(answer["choices"][1]["message"]["content"], "one ");
    assert_eq!(answer["choices"].as_array().unwrap().len(), 2);
    let body = json!({ "model": "m", "messages": messages, "max_tokens": 1 });
    let answer = post(&sim, "/v1/chat/completions", &body).await.json();
    assert_eq!(answer["choices"][0]["message"]["content"], "one ");
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 1);
}

#[tokio::test]
async fn embeddings_depend_on_the_text_alone() {
    let sim = sim().await;
    let embed = |format: &'static str| json!({ "model": "m", "input": ["a", "b", "a"], "dimensions": 4, "encoding_format": format });
    let plain = post(&sim, "/v1/embeddings", &embed("float")).await.json();
    assert_eq!(plain["data"][0]["embedding"], plain["data"][2]["embedding"]);
    assert_ne!(plain["data"][0]["embedding"], plain["data"][1]["embedding"]);
    let packed = post(&sim, "/v1/embeddings", &embed("base64")).await.json();
    let bytes = packed["data"][0]["embedding"].as_str().unwrap();
    assert_eq!(
        data_encoding::BASE64
            .decode(bytes.as_bytes())
            .unwrap()
            .len(),
        16
    );
    let tokens = json!({ "model": "m", "input": [[1, 2], [3]] });
    assert_eq!(
        post(&sim, "/v1/embeddings", &tokens).await.json()["data"][1]["index"],
        1
    );
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer() {
    let first = chat(&sim().await, "m", "hi", true).await.body;
    let second = chat(&sim().await, "m", "hi", true).await.body;
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_head_request_gets_no_body() {
    let sim = sim().await;
    let answer = call(&sim, Ask::bare("HEAD", "/api/version", &Value::Null)).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(sim.cancelled(), 0);
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "messages",
        "content",
        "role",
        "text",
        "parts",
        "tools",
        "type",
        "input",
        "contents",
        "functionCall",
        "function",
        "name",
        "stream",
        "stop",
        "tool_result",
        "output",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![
            "user",
            "tool",
            "use tool a {",
            "reply with \"",
            "tool_result"
        ])
        .prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6).prop_map(|fields| {
                Value::Object(
                    fields
                        .into_iter()
                        .map(|(name, value)| (name.into(), value))
                        .collect(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_read_and_answered(body in any_json()) {
        for (provider, endpoint) in [
            (Provider::OpenAi, Endpoint::Chat),
            (Provider::OpenAi, Endpoint::Responses),
            (Provider::Anthropic, Endpoint::Messages),
            (Provider::Gemini, Endpoint::StreamGenerate),
            (Provider::Ollama, Endpoint::OllamaChat),
        ] {
            let target = Target { provider, endpoint, model: None };
            let ask = Asked::read(&target, &body, "gemini-3".into(), None);
            let scene = Scene::new(ask, Behaviour::Ordinary, 1);
            prop_assert_eq!(scene.pieces().concat(), scene.text.clone());
            let spoken = crate::sim::endpoint::speak(&target, &body, &scene);
            prop_assert!(spoken.is_ok() || provider == Provider::Gemini);
        }
    }

    #[test]
    fn what_is_asked_for_is_what_is_said(text in "\\PC{0,200}", limit in 1_u64..40) {
        let wish = format!("reply with {}", Value::from(text.clone()));
        let body = json!({ "messages": [{ "role": "user", "content": wish }], "max_tokens": limit });
        let target = Target { provider: Provider::OpenAi, endpoint: Endpoint::Chat, model: None };
        let ask = Asked::read(&target, &body, "m".into(), None);
        let scene = Scene::new(ask, Behaviour::Ordinary, 1);
        prop_assert!(text.starts_with(&scene.text));
        prop_assert!(scene.text.len() as u64 <= limit * 4);
        prop_assert_eq!(scene.text == text, text.len() as u64 <= limit * 4);
    }
}
