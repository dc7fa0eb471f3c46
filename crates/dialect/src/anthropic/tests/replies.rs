//! Whole answers.

use mirk_model::{
    Call, Choice, Citation, Counted, Finish, Origin, Part, PartKind, Reply, State, Thinking, Usage,
};
use serde_json::{Value, json};

use super::WIRE;
use crate::{anthropic::JSON_TOOL, wire::Manner};

fn manner() -> Manner {
    let mut manner = Manner::new(mirk_model::Operation::Messages);
    manner.request_id = "7".to_owned();
    manner.model = "asked".to_owned();
    manner
}

fn written(reply: &Reply<'_>, manner: &Manner) -> Value {
    serde_json::from_slice(&(WIRE.write_reply)(reply, manner)).unwrap()
}

fn answering(parts: Vec<Part<'_>>, finish: Finish) -> Reply<'_> {
    Reply {
        choices: vec![Choice {
            parts,
            finish,
            ..Choice::default()
        }],
        ..Reply::default()
    }
}

#[test]
fn an_answer_is_read_with_its_parts_in_order() {
    let body = json!({"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[
        {"type":"thinking","thinking":"hm","signature":"sig"},
        {"type":"redacted_thinking","data":"red"},
        {"type":"text","text":"a","citations":[{"type":"web_search_result_location","url":"https://example.com","title":"t","cited_text":"q","encrypted_index":"e"}]},
        {"type":"server_tool_use","id":"s","name":"web_search","input":{}},
        {"type":"web_search_tool_result","tool_use_id":"s","content":[]},
        {"type":"tool_use","id":"toolu_1","name":"f","input":{"n":10_000_000_000_000_001_i64}}],
        "stop_reason":"tool_use","stop_sequence":null,
        "usage":{"input_tokens":10,"cache_read_input_tokens":5,"cache_creation_input_tokens":3,"output_tokens":9,"output_tokens_details":{"thinking_tokens":4}}})
    .to_string();
    let reply = (WIRE.read_reply)(&body).unwrap();
    assert_eq!(
        (reply.id.as_str(), reply.model.as_str()),
        ("msg_1", "claude")
    );
    let choice = &reply.choices[0];
    assert_eq!(choice.parts.len(), 4);
    assert_eq!(choice.finish, Finish::Calls);
    let PartKind::Text { citations, .. } = &choice.parts[2].kind else {
        panic!("text");
    };
    assert_eq!(citations[0].url.as_deref(), Some("https://example.com"));
    let PartKind::Call(call) = &choice.parts[3].kind else {
        panic!("a call");
    };
    assert_eq!(call.arguments, r#"{"n":10000000000000001}"#);
    assert_eq!(
        reply.usage,
        Some(Usage {
            input: 18,
            cached: 5,
            cache_write: 3,
            output: 9,
            reasoning: 4,
            counted: Counted::Reported
        })
    );
}

#[test]
fn t18_every_reason_to_stop_has_its_meaning() {
    for (reason, want) in [
        ("end_turn", Finish::Stop),
        ("stop_sequence", Finish::Stop),
        ("max_tokens", Finish::Length),
        ("model_context_window_exceeded", Finish::Length),
        ("tool_use", Finish::Calls),
        ("pause_turn", Finish::Pause),
        ("refusal", Finish::Refusal),
        ("of_the_future", Finish::Stop),
    ] {
        let body = json!({"content":[],"stop_reason":reason}).to_string();
        assert_eq!((WIRE.read_reply)(&body).unwrap().choices[0].finish, want);
    }
    for (finish, want) in [
        (Finish::Stop, "end_turn"),
        (Finish::Length, "max_tokens"),
        (Finish::Calls, "tool_use"),
        (Finish::Refusal, "refusal"),
        (Finish::Filtered, "refusal"),
        (Finish::Pause, "pause_turn"),
    ] {
        assert_eq!(
            written(&answering(vec![], finish), &manner())["stop_reason"],
            want
        );
    }
    let mut reply = answering(vec![], Finish::Stop);
    reply.choices[0].stop = Some("END".into());
    let body = written(&reply, &manner());
    assert_eq!(body["stop_reason"], "stop_sequence");
    assert_eq!(body["stop_sequence"], "END");
}

#[test]
fn a_refusal_is_read_with_its_explanation() {
    let body = json!({"content":[],"stop_reason":"refusal","stop_details":{"type":"refusal","category":null,"explanation":"because"}}).to_string();
    let reply = (WIRE.read_reply)(&body).unwrap();
    assert_eq!(
        reply.choices[0].parts[0].kind,
        PartKind::Refusal("because".into())
    );
    let body = written(
        &answering(
            vec![Part::new(PartKind::Refusal("no".into()))],
            Finish::Stop,
        ),
        &manner(),
    );
    assert_eq!(body["content"], json!([{"type":"text","text":"no"}]));
    assert_eq!(body["stop_reason"], "refusal");
}

#[test]
fn t24_a_call_of_the_json_tool_is_read_as_text() {
    let body = json!({"content":[{"type":"tool_use","id":"t","name":JSON_TOOL,"input":{"a":1}}],"stop_reason":"tool_use"}).to_string();
    let reply = (WIRE.read_reply)(&body).unwrap();
    assert_eq!(reply.choices[0].parts, [Part::text(r#"{"a":1}"#)]);
    assert_eq!(reply.choices[0].finish, Finish::Stop);
}

#[test]
fn t19_usage_is_turned_back_into_counts_without_the_cache() {
    let usage = Usage {
        input: 18,
        cached: 5,
        cache_write: 3,
        output: 9,
        reasoning: 4,
        counted: Counted::Reported,
    };
    let reply = Reply {
        usage: Some(usage),
        ..answering(vec![Part::text("a")], Finish::Stop)
    };
    assert_eq!(
        written(&reply, &manner())["usage"],
        json!({"input_tokens":10,"cache_creation_input_tokens":3,"cache_read_input_tokens":5,"output_tokens":9,"output_tokens_details":{"thinking_tokens":4}})
    );
    let none = written(&answering(vec![], Finish::Stop), &manner());
    assert_eq!(none["usage"]["input_tokens"], 0, "the SDKs want a number");
}

#[test]
fn xlat17_counts_that_cannot_be_believed_are_estimates_not_failures() {
    for usage in [
        json!({"input_tokens":-5,"output_tokens":1}),
        json!({"input_tokens":1e300,"output_tokens":1}),
        json!({"input_tokens":"9","output_tokens":1.5}),
        json!({"output_tokens":1}),
    ] {
        let body = json!({"content":[],"usage":usage}).to_string();
        let usage = (WIRE.read_reply)(&body).unwrap().usage.unwrap();
        assert_eq!(usage.counted, Counted::Estimated);
    }
    assert_eq!((WIRE.read_reply)(r#"{"content":[]}"#).unwrap().usage, None);
}

#[test]
fn ids_and_models_that_the_provider_lacks_are_those_of_the_request() {
    let call = |id: &'static str, arguments: &'static str| {
        Part::new(PartKind::Call(Call {
            id: id.into(),
            name: "f".into(),
            namespace: None,
            arguments: arguments.into(),
            is_custom: false,
            state: Some(State {
                origin: Origin::Gemini,
                data: "s".into(),
            }),
        }))
    };
    let reply = answering(vec![call("", ""), call("c", "[1]")], Finish::Calls);
    let body = written(&reply, &manner());
    assert_eq!(
        (body["id"].as_str(), body["model"].as_str()),
        (Some("msg_7"), Some("asked"))
    );
    let ids: Vec<_> = (0..2)
        .map(|index| crate::carry::from_id(body["content"][index]["id"].as_str().unwrap().into()))
        .map(|(id, state)| (id.as_str().to_owned(), state.is_some()))
        .collect();
    assert_eq!(
        ids,
        [("toolu_7_0".to_owned(), true), ("c".to_owned(), true)]
    );
    assert_eq!(body["content"][0]["input"], json!({}));
    assert_eq!(body["content"][1]["input"], json!({"arguments":"[1]"}));
}

#[test]
fn xlat22_thoughts_are_hidden_from_who_did_not_ask_but_their_states_come_back() {
    let thought = |text: &'static str, state: Option<(Origin, &'static str)>| {
        Part::new(PartKind::Thinking(Thinking {
            text: text.into(),
            id: None,
            state: state.map(|(origin, data)| State {
                origin,
                data: data.into(),
            }),
        }))
    };
    let reply = answering(
        vec![
            thought("bare", None),
            thought("own", Some((Origin::Anthropic, "sig"))),
            thought("", Some((Origin::AnthropicRedacted, "red"))),
            thought("other", Some((Origin::OpenAi, "enc"))),
        ],
        Finish::Stop,
    );
    let mut manner = manner();
    let shown = written(&reply, &manner);
    assert_eq!(
        shown["content"][0],
        json!({"type":"thinking","thinking":"bare","signature":""})
    );
    assert_eq!(
        shown["content"][1],
        json!({"type":"thinking","thinking":"own","signature":"sig"})
    );
    manner.shows_thinking = false;
    let hidden = written(&reply, &manner);
    let content = hidden["content"].as_array().unwrap();
    assert_eq!(content.len(), 3);
    assert_eq!(
        content[0],
        json!({"type":"thinking","thinking":"","signature":"sig"})
    );
    assert_eq!(content[1], json!({"type":"redacted_thinking","data":"red"}));
    let state = crate::carry::unwrap(content[2]["signature"].as_str().unwrap()).unwrap();
    assert_eq!((state.origin, state.data.as_str()), (Origin::OpenAi, "enc"));
}

#[test]
fn citations_of_pages_and_of_documents_are_written_each_in_its_form() {
    let citation = |url: Option<&'static str>| Citation {
        url: url.map(Into::into),
        title: Some("t".into()),
        quote: Some("q".into()),
        start: Some(1),
        end: Some(2),
    };
    let reply = answering(
        vec![Part::new(PartKind::Text {
            text: "a".into(),
            citations: vec![citation(Some("https://example.com")), citation(None)],
        })],
        Finish::Stop,
    );
    let body = written(&reply, &manner());
    let citations = &body["content"][0]["citations"];
    assert_eq!(citations[0]["type"], "web_search_result_location");
    assert_eq!(citations[1]["document_title"], "t");
}

#[test]
fn an_error_is_no_answer() {
    let body = r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#;
    assert!((WIRE.read_reply)(body).is_err());
}
