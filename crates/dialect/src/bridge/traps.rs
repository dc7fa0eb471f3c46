//! Tests of answers, streams and errors from one dialect to another: what golden files only show.

use mirk_model::{Dialect, Failure, Traits};
use serde_json::{Value as Tree, json};

use super::{From, Stream, To, Way, ask, failure, native};
use crate::problem::render_failure;

fn way(client: Dialect, upstream: Dialect, is_stream: bool) -> Way {
    let body = match client {
        Dialect::OpenAiResponses => r#"{"model":"m","input":"hello"}"#,
        Dialect::Gemini => r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#,
        _ => r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#,
    };
    let from = From {
        operation: native(client, is_stream),
        body,
        model: "m",
        is_stream,
        is_sse: true,
        request_id: "req_1",
        created: 0,
    };
    let to = To {
        operation: native(upstream, is_stream),
        model: "target",
        traits: &Traits::default(),
    };
    ask(from, to).unwrap().way
}

/// The events that a client gets for a stream of these, and whether the stream was whole.
fn streamed(client: Dialect, upstream: Dialect, chunks: &[Tree]) -> (Vec<Tree>, bool) {
    let frames = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
    let body: Vec<_> = frames.collect();
    let body = body.concat();
    let mut stream = way(client, upstream, true).stream();
    (parsed(&mut stream, body.as_bytes()), stream.has_ended())
}

fn parsed(stream: &mut Stream, body: &[u8]) -> Vec<Tree> {
    let mut out = Vec::new();
    stream.feed(body, &mut out).unwrap();
    stream.finish(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let data = text.lines().map(|line| line.trim_start_matches("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

fn chunk(delta: &Tree) -> Tree {
    json!({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn last(reason: &str) -> Tree {
    json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

#[test]
fn t15_a_free_form_call_is_json_for_messages_even_beside_another() {
    let free = |index: u32, more: Tree| {
        let mut call = json!({"index": index, "custom": more});
        if index == 0 || call["custom"]["name"].is_string() {
            call["id"] = json!(format!("call_{index}"));
            call["type"] = json!("custom");
        }
        chunk(&json!({"tool_calls": [call]}))
    };
    let (events, is_whole) = streamed(
        Dialect::Anthropic,
        Dialect::OpenAiChat,
        &[
            free(0, json!({"name": "shell", "input": "echo \"a"})),
            free(1, json!({"name": "patch", "input": "*** \\"})),
            free(0, json!({"input": "\"\n"})),
            free(1, json!({"input": "End"})),
            last("tool_calls"),
        ],
    );
    assert!(is_whole);
    let input = |index: u32| {
        let pieces = events.iter().filter(|event| event["index"] == json!(index));
        let text: String = pieces
            .filter_map(|event| event["delta"]["partial_json"].as_str())
            .collect();
        serde_json::from_str::<Tree>(&text).unwrap()
    };
    assert_eq!(input(0), json!({"input": "echo \"a\"\n"}));
    assert_eq!(input(1), json!({"input": "*** \\End"}));
}

#[test]
fn t15_a_free_form_call_has_one_name_for_its_text_in_every_dialect() {
    let body = json!({"id": "c", "choices": [{"index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "content": null, "tool_calls":
            [{"id": "x", "type": "custom", "custom": {"name": "shell", "input": "ls\n"}}]}}]});
    let reply = |client| {
        let way = way(client, Dialect::OpenAiChat, false);
        let out = way.reply(body.to_string().as_bytes()).unwrap();
        serde_json::from_slice::<Tree>(&out).unwrap()
    };
    let wanted = json!({"input": "ls\n"});
    let calls = &reply(Dialect::Ollama)["message"]["tool_calls"];
    assert_eq!(calls[0]["function"]["arguments"], wanted);
    assert_eq!(reply(Dialect::Anthropic)["content"][0]["input"], wanted);
}

#[test]
fn xlat_13_of_answers_out_of_order_the_first_is_the_one_with_the_first_number() {
    let said = |index: u32, text: &str| json!({"index": index, "finish_reason": "stop", "message": {"role": "assistant", "content": text}});
    let body = json!({"id": "c", "choices": [said(1, "Blue"), said(0, "Red")]});
    let way = way(Dialect::Anthropic, Dialect::OpenAiChat, false);
    let out = way.reply(body.to_string().as_bytes()).unwrap();
    let reply: Tree = serde_json::from_slice(&out).unwrap();
    assert_eq!(reply["content"][0]["text"], "Red");
}

#[test]
fn t18_a_refusal_without_words_is_no_whole_answer_of_responses() {
    let (events, _) = streamed(
        Dialect::OpenAiResponses,
        Dialect::Anthropic,
        &[
            json!({"type": "message_start", "message": {"id": "m", "content": []}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "refusal"}}),
            json!({"type": "message_stop"}),
        ],
    );
    let end = events.last().unwrap();
    assert_eq!(end["type"], "response.incomplete");
    let reason = &end["response"]["incomplete_details"]["reason"];
    assert_eq!(reason, "content_filter");
}

#[test]
fn t18_a_refusal_ends_alike_streamed_and_whole() {
    let (events, _) = streamed(
        Dialect::Gemini,
        Dialect::OpenAiChat,
        &[chunk(&json!({"refusal": "No."})), last("stop")],
    );
    let end = events.last().unwrap();
    assert_eq!(end["candidates"][0]["finishReason"], "SAFETY");
}

#[test]
fn strm_05_half_an_event_at_the_end_is_a_cut_and_no_nonsense() {
    let whole = format!("data: {}\n\n", chunk(&json!({"content": "Os"})));
    let mut stream = way(Dialect::Anthropic, Dialect::OpenAiChat, true).stream();
    let events = parsed(&mut stream, format!("{whole}data: {{\"id\":\"c").as_bytes());
    assert!(!stream.has_ended());
    assert_eq!(events.last().unwrap()["delta"]["text"], "Os");
}

#[test]
fn t4_arguments_in_pieces_are_put_together() {
    let piece =
        |call: Tree| json!({"candidates": [{"content": {"parts": [{"functionCall": call}]}}]});
    let (events, is_whole) = streamed(
        Dialect::OpenAiChat,
        Dialect::Gemini,
        &[
            piece(json!({"name": "go", "willContinue": true})),
            piece(json!({"willContinue": true, "partialArgs": [
                {"jsonPath": "$.to.city", "stringValue": "Os", "willContinue": true},
                {"jsonPath": "$.days[0]", "numberValue": 2},
            ]})),
            piece(json!({"willContinue": true, "partialArgs": [
                {"jsonPath": "$.to.city", "stringValue": "lo"},
                {"jsonPath": "$.days[1]", "nullValue": "NULL_VALUE"},
                {"jsonPath": "$['by sea']", "boolValue": true},
            ]})),
            piece(json!({})),
            piece(json!({"name": "now", "args": {}})),
            json!({"candidates": [{"finishReason": "STOP"}]}),
        ],
    );
    assert!(is_whole);
    let calls = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["tool_calls"][0].as_object());
    let names: Vec<_> = calls
        .clone()
        .filter_map(|call| call["function"]["name"].as_str())
        .collect();
    assert_eq!(names, ["go", "now"]);
    let text = |number: u32| {
        let own = calls.clone().filter(|call| call["index"] == json!(number));
        own.filter_map(|call| call["function"]["arguments"].as_str())
            .collect::<String>()
    };
    let arguments: Tree = serde_json::from_str(&text(0)).unwrap();
    assert_eq!(
        arguments,
        json!({"to": {"city": "Oslo"}, "days": [2, null], "by sea": true})
    );
    assert_eq!(text(1), "{}");
}

#[test]
fn t4_a_piece_without_a_place_is_not_left_out_in_silence() {
    let mut stream = way(Dialect::OpenAiChat, Dialect::Gemini, true).stream();
    for path in ["city", "$", "$.a[7]", "$[0]", "$.a..b[x]"] {
        let part = json!({"jsonPath": path, "stringValue": "x"});
        let chunk = json!({"candidates": [{"content": {"parts": [{"functionCall":
            {"name": "go", "partialArgs": [part]}}]}}]});
        let body = format!("data: {chunk}\n\n");
        let mut out = Vec::new();
        assert!(stream.feed(body.as_bytes(), &mut out).is_err(), "{path}");
    }
}

#[test]
fn t1_calls_of_answers_without_ids_do_not_share_theirs() {
    let body = br#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"go"}}]},"finishReason":"STOP"}]}"#;
    let out = way(Dialect::Anthropic, Dialect::Gemini, false).reply(body);
    let reply: Tree = serde_json::from_slice(&out.unwrap()).unwrap();
    assert_eq!(reply["content"][0]["id"], "toolu_req_1_0");
}

fn rendered(client: Dialect, status: u16, body: &str) -> (u16, Tree) {
    let failure: Failure<'static> = failure(status, body.as_bytes());
    let (status, body) = render_failure(client, &failure, "req_1");
    (status, serde_json::from_slice(&body).unwrap())
}

#[test]
fn t21_errors_of_servers_without_the_wrapper_keep_their_words() {
    for (body, words) in [
        (
            r#"{"object":"error","message":"too large","type":"BadRequestError","code":400}"#,
            "too large",
        ),
        (r#"{"detail":"Stream must be set"}"#, "Stream must be set"),
        (
            r#"{"detail":[{"loc":["body","messages",0],"msg":"Field required"}]}"#,
            "body.messages.0: Field required",
        ),
    ] {
        let (_, error) = rendered(Dialect::Anthropic, 400, body);
        assert_eq!(error["error"]["message"], words);
    }
}

#[test]
fn t21_a_prompt_that_is_too_long_has_the_mark_that_clients_know() {
    let openai = r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","code":"context_length_exceeded"}}"#;
    let (_, error) = rendered(Dialect::Anthropic, 400, openai);
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("prompt is too long: This model's"));
    let anthropic = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}"#;
    let (_, error) = rendered(Dialect::OpenAiResponses, 400, anthropic);
    assert_eq!(error["error"]["code"], "context_length_exceeded");
    let chunks = [json!({"error": {"message": "Too long.", "code": "context_length_exceeded"}})];
    let (events, _) = streamed(Dialect::Anthropic, Dialect::OpenAiChat, &chunks);
    let message = &events.last().unwrap()["error"]["message"];
    assert_eq!(message, "prompt is too long: Too long.");
}

#[test]
fn t21_a_missing_code_is_null_and_an_error_under_200_is_an_error() {
    let (_, error) = rendered(Dialect::OpenAiChat, 400, r#"{"error":"no"}"#);
    assert_eq!(error["error"]["code"], Tree::Null);
    let (_, error) = rendered(Dialect::Ollama, 400, r#"{"error":"no"}"#);
    assert_eq!(error, json!({"error": "no", "request_id": "req_1"}));
    let body = r#"{"error":{"message":"no","code":502}}"#;
    assert_eq!(rendered(Dialect::OpenAiChat, 200, body).0, 502);
}

#[test]
fn t21_anthropics_own_number_stays_with_anthropics_clients() {
    let chunks = [json!({"type": "error", "error": {"type": "overloaded_error", "message": "x"}})];
    let (events, _) = streamed(Dialect::Gemini, Dialect::Anthropic, &chunks);
    assert_eq!(events.last().unwrap()["error"]["code"], 503);
}

/// The refusals of a request in every dialect but its own; nothing where one takes it.
fn refusals(client: Dialect, body: &str) -> Vec<Option<String>> {
    let refusal = |upstream| {
        let from = From {
            operation: native(client, false),
            body,
            model: "m",
            is_stream: false,
            is_sse: true,
            request_id: "req_1",
            created: 0,
        };
        let to = To {
            operation: native(upstream, false),
            model: "target",
            traits: &Traits::default(),
        };
        ask(from, to)
            .err()
            .map(|problem| problem.public.into_owned())
    };
    super::DIALECTS
        .iter()
        .filter(|wire| wire.dialect != client)
        .map(|wire| refusal(wire.dialect))
        .collect()
}

#[test]
fn a_request_that_says_nothing_is_refused_before_it_is_sent() {
    for (client, body) in [
        (Dialect::Gemini, r#"{"contents":[]}"#),
        (Dialect::Ollama, r#"{"model":"m","messages":[]}"#),
        (
            Dialect::OpenAiChat,
            r#"{"model":"m","messages":[{"role":"user","content":[]}]}"#,
        ),
    ] {
        let said = refusals(client, body);
        assert!(said.iter().all(Option::is_some), "{client}: {said:?}");
    }
    // Anthropic refuses blank texts, so none is sent there; then nothing is left.
    let blank = r#"{"model":"m","messages":[{"role":"user","content":" "}]}"#;
    let said = refusals(Dialect::OpenAiChat, blank);
    assert_eq!(said.iter().filter(|said| said.is_some()).count(), 1);
    let instructions = r#"{"model":"m","messages":[{"role":"system","content":"hi"}]}"#;
    let said = refusals(Dialect::OpenAiChat, instructions);
    assert!(said.iter().all(Option::is_none), "{said:?}");
}

#[test]
fn a_media_type_that_would_end_its_data_url_is_refused() {
    let body = |mime: &str| {
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": mime, "data": "AA=="}}
        ]}]})
        .to_string()
    };
    for mime in ["image/png,", "image/png\n", "", "a b", "image/\u{e9}"] {
        let said = refusals(Dialect::Anthropic, &body(mime));
        assert!(said.iter().all(Option::is_some), "{mime:?}: {said:?}");
    }
    let said = refusals(Dialect::Anthropic, &body("image/svg+xml"));
    assert!(said.iter().any(Option::is_none), "{said:?}");
}

#[test]
fn a_schema_of_ollamas_that_is_no_object_is_refused() {
    let body = |parameters: Tree| {
        json!({"model": "m", "messages": [{"role": "user", "content": "a"}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": parameters}}]})
        .to_string()
    };
    for parameters in [json!([{"type": "object"}]), json!("object"), json!(1)] {
        let said = refusals(Dialect::Ollama, &body(parameters));
        assert!(said.iter().all(Option::is_some), "{said:?}");
    }
    let said = refusals(Dialect::Ollama, &body(Tree::Null));
    assert!(said.iter().all(Option::is_none), "{said:?}");
}
