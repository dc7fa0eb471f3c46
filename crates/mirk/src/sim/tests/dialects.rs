//! Each dialect's own framing, order and fields.

use serde_json::{Value, json};

use super::client::{Answer, Ask, call, chat, post};
use super::sim;
use crate::sim::Sim;

const HELLO: &str = "Hello from the simulated provider.";

async fn anthropic(sim: &Sim, extra: Value) -> Answer {
    let mut body = json!({
        "model": "claude", "max_tokens": 99, "messages": [{ "role": "user", "content": "hi" }],
    });
    body.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    post(sim, "/v1/messages", &body).await
}

#[tokio::test]
async fn chat_streams_role_then_text_then_reason_then_done() {
    let sim = sim().await;
    let answer = chat(&sim, "m", "hi", true).await;
    assert_eq!(
        answer.header("content-type"),
        Some("text/event-stream; charset=utf-8")
    );
    let events = answer.events();
    let delta = |at: usize| &events[at]["choices"][0]["delta"];
    assert_eq!(delta(0)["role"], "assistant");
    let said: String = (1..events.len() - 2)
        .map(|at| delta(at)["content"].as_str().unwrap())
        .collect();
    assert_eq!(said, HELLO);
    assert_eq!(
        events[events.len() - 2]["choices"][0]["finish_reason"],
        "stop"
    );
    assert_eq!(events[events.len() - 1], "[DONE]");
    assert!(events.iter().all(|event| event.get("usage").is_none()));
}

#[tokio::test]
async fn chat_streams_usage_only_when_asked() {
    let sim = sim().await;
    let body = json!({
        "model": "m", "stream": true, "stream_options": { "include_usage": true },
        "messages": [{ "role": "user", "content": "12345" }],
    });
    let events = post(&sim, "/v1/chat/completions", &body).await.events();
    let (done, rest) = events.split_last().unwrap();
    let (last, others) = rest.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["prompt_tokens"], 2);
    assert_eq!(last["usage"]["completion_tokens"], HELLO.len().div_ceil(4));
    assert!(
        others
            .iter()
            .all(|event| event["usage"].is_null() && event.get("usage").is_some())
    );
}

#[tokio::test]
async fn responses_stream_in_the_published_order_and_numbered() {
    let sim = sim().await;
    let body = json!({ "model": "m", "stream": true, "input": "reply with \"one two\"" });
    let answer = post(&sim, "/v1/responses", &body).await;
    assert_eq!(
        answer.types(),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    for (at, event) in answer.events().iter().enumerate() {
        assert_eq!(event["sequence_number"], at);
    }
    for (event, line) in answer.types().iter().zip(answer.text().split("\n\n")) {
        assert!(line.starts_with(&format!("event: {event}\ndata: ")));
    }
    let last = &answer.events()[9]["response"];
    assert_eq!(last["output"][0]["content"][0]["text"], "one two");
    assert_eq!(
        last["usage"]["output_tokens_details"]["reasoning_tokens"],
        0
    );
}

#[tokio::test]
async fn responses_reason_before_they_speak() {
    let sim = sim().await;
    let body = json!({
        "model": "m", "stream": true, "input": "hi", "include": ["reasoning.encrypted_content"],
        "reasoning": { "effort": "low", "summary": "auto" },
    });
    let events = post(&sim, "/v1/responses", &body).await.events();
    let response = &events.last().unwrap()["response"];
    assert_eq!(response["output"][0]["type"], "reasoning");
    assert!(response["output"][0]["encrypted_content"].is_string());
    assert_eq!(response["output"][1]["type"], "message");
    assert!(
        response["usage"]["output_tokens_details"]["reasoning_tokens"]
            .as_u64()
            .unwrap()
            > 0
    );
}

#[tokio::test]
async fn responses_over_the_limit_are_incomplete() {
    let sim = sim().await;
    let body = json!({ "model": "m", "stream": true, "input": "hi", "max_output_tokens": 2 });
    let answer = post(&sim, "/v1/responses", &body).await;
    assert_eq!(answer.types().last().unwrap(), "response.incomplete");
    let last = answer.events().last().unwrap()["response"].clone();
    assert_eq!(last["incomplete_details"]["reason"], "max_output_tokens");
}

#[tokio::test]
async fn messages_stream_in_the_published_order() {
    let sim = sim().await;
    let user = json!([{ "role": "user", "content": "reply with \"one two\"" }]);
    let answer = anthropic(&sim, json!({ "stream": true, "messages": user })).await;
    assert_eq!(
        answer.types(),
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let events = answer.events();
    assert_eq!(events[0]["message"]["usage"]["output_tokens"], 1);
    assert_eq!(events[6]["delta"]["stop_reason"], "end_turn");
    assert_eq!(events[6]["usage"]["output_tokens"], 2);
}

#[tokio::test]
async fn messages_think_with_a_signature_and_keep_it_to_themselves_when_told() {
    let sim = sim().await;
    for (thinking, shows) in [
        (json!({ "type": "enabled", "budget_tokens": 1024 }), true),
        (json!({ "type": "adaptive", "display": "omitted" }), false),
    ] {
        let answer = anthropic(&sim, json!({ "thinking": thinking }))
            .await
            .json();
        let block = &answer["content"][0];
        assert_eq!(block["type"], "thinking");
        assert_eq!(!block["thinking"].as_str().unwrap().is_empty(), shows);
        let streamed = anthropic(&sim, json!({ "thinking": thinking, "stream": true }))
            .await
            .events();
        let signature = streamed
            .iter()
            .find(|event| event["delta"]["type"] == "signature_delta");
        assert_eq!(signature.unwrap()["delta"]["signature"], block["signature"]);
    }
    let plain = anthropic(&sim, json!({ "thinking": { "type": "disabled" } }))
        .await
        .json();
    assert_eq!(plain["content"][0]["type"], "text");
}

#[tokio::test]
async fn messages_split_the_cached_from_the_fresh() {
    let sim = sim().await;
    let system = json!([{
        "type": "text", "text": "x".repeat(398), "cache_control": { "type": "ephemeral" },
    }]);
    let usage = anthropic(&sim, json!({ "system": system })).await.json()["usage"].clone();
    assert_eq!(usage["cache_read_input_tokens"], 50);
    assert_eq!(usage["cache_creation_input_tokens"], 25);
    assert_eq!(usage["input_tokens"], 25);
}

#[tokio::test]
async fn messages_ask_for_a_version_and_a_limit() {
    let sim = sim().await;
    let body = json!({ "model": "m", "messages": [] });
    let ask = Ask::bare("POST", "/v1/messages", &body).with("x-api-key", "sim-a");
    assert_eq!(
        call(&sim, ask).await.json()["error"]["message"],
        "anthropic-version: header is required"
    );
    let answer = post(&sim, "/v1/messages", &body).await;
    assert_eq!(
        answer.json()["error"]["message"],
        "max_tokens: Field required"
    );
}

#[tokio::test]
async fn gemini_streams_with_crlf_and_repeats_its_usage() {
    let sim = sim().await;
    let body = json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] });
    for version in ["v1", "v1beta"] {
        let target = format!("/{version}/models/gemini-3-pro:streamGenerateContent?alt=sse");
        let answer = post(&sim, &target, &body).await;
        assert!(answer.text().ends_with("\r\n\r\n"));
        assert_eq!(
            answer.text().matches('\n').count(),
            answer.text().matches("\r\n").count()
        );
        let events = answer.events();
        assert!(
            events
                .iter()
                .all(|event| event["usageMetadata"]["promptTokenCount"] == 1)
        );
        let last = events.last().unwrap();
        assert_eq!(last["candidates"][0]["finishReason"], "STOP");
        assert_eq!(
            last["usageMetadata"]["candidatesTokenCount"],
            HELLO.len().div_ceil(4)
        );
        assert_eq!(last["modelVersion"], "gemini-3-pro");
    }
}

#[tokio::test]
async fn gemini_without_sse_streams_one_array() {
    let sim = sim().await;
    let body = json!({ "contents": [{ "parts": [{ "text": "hi" }] }] });
    let answer = post(&sim, "/v1beta/models/g:streamGenerateContent", &body).await;
    let chunks = answer.json();
    let said: String = chunks
        .as_array()
        .unwrap()
        .iter()
        .map(|chunk| {
            chunk["candidates"][0]["content"]["parts"][0]["text"]
                .as_str()
                .unwrap()
        })
        .collect();
    assert_eq!(said, HELLO);
    let refused = post(&sim, "/v1beta/models/sim-503:streamGenerateContent", &body).await;
    assert_eq!(refused.json()[0]["error"]["status"], "UNAVAILABLE");
}

#[tokio::test]
async fn gemini_three_refuses_a_call_without_its_signature() {
    let sim = sim().await;
    let turn = |part: Value| {
        json!({ "contents": [
            { "role": "user", "parts": [{ "text": "hi" }] },
            { "role": "model", "parts": [part] },
            { "role": "user", "parts": [
                { "functionResponse": { "name": "w", "response": { "result": "good" } } },
            ]},
        ]})
    };
    let bare = turn(json!({ "functionCall": { "name": "w", "args": {} } }));
    let signed = turn(json!({
        "functionCall": { "name": "w", "args": {} }, "thoughtSignature": "YQ==",
    }));
    let third = "/v1beta/models/gemini-3-pro:generateContent";
    let refused = post(&sim, third, &bare).await;
    assert_eq!(
        (refused.status, refused.json()["error"]["status"].clone()),
        (400, json!("INVALID_ARGUMENT"))
    );
    assert!(refused.text().contains("missing a thought_signature"));
    let second = post(&sim, "/v1beta/models/gemini-2.5-pro:generateContent", &bare).await;
    assert_eq!(second.status, 200);
    let answer = post(&sim, third, &signed).await.json();
    assert_eq!(
        answer["candidates"][0]["content"]["parts"][0]["text"],
        "The tool said: good"
    );
}

#[tokio::test]
async fn ollama_streams_lines_and_asks_for_no_credential() {
    let sim = sim().await;
    let body = json!({ "model": "l", "messages": [{ "role": "user", "content": "hi" }] });
    let answer = call(&sim, Ask::bare("POST", "/api/chat", &body)).await;
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let said: String = lines
        .iter()
        .map(|line| line["message"]["content"].as_str().unwrap())
        .collect();
    assert_eq!(said, HELLO);
    let (last, others) = lines.split_last().unwrap();
    assert!(last["done"] == true && last["eval_count"].is_u64());
    assert!(others.iter().all(|line| line["done"] == false));
}

#[tokio::test]
async fn the_list_of_models_has_the_shape_its_client_expects() {
    let sim = sim().await;
    let list = |name: &'static str, value: &'static str| {
        Ask::bare("GET", "/v1/models", &Value::Null)
            .with("authorization", "Bearer sim-a")
            .with(name, value)
    };
    let openai = call(&sim, list("x-any", "1")).await.json();
    assert_eq!(
        (&openai["object"], &openai["data"][0]["object"]),
        (&json!("list"), &json!("model"))
    );
    let anthropic = call(&sim, list("anthropic-version", "2026-10-21"))
        .await
        .json();
    assert_eq!(
        (&anthropic["has_more"], &anthropic["data"][0]["type"]),
        (&json!(false), &json!("model"))
    );
    let gemini = call(&sim, list("x-goog-api-key", "sim-a")).await.json();
    assert!(
        gemini["models"][0]["name"]
            .as_str()
            .unwrap()
            .starts_with("models/")
    );
}

#[tokio::test]
async fn a_web_socket_is_declined_and_a_wrong_method_named() {
    let sim = sim().await;
    let get = |target| Ask::bare("GET", target, &Value::Null).with("authorization", "Bearer sim-a");
    let probe = get("/v1/responses")
        .with("upgrade", "websocket")
        .with("connection", "upgrade");
    assert_eq!(call(&sim, probe).await.status, 426);
    assert_eq!(call(&sim, get("/v1/chat/completions")).await.status, 405);
    assert_eq!(call(&sim, get("/v1/v1/chat/completions")).await.status, 404);
}
