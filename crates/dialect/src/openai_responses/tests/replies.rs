//! Whole answers, as clients need them.

use mirk_model::{
    Call, Choice, Counted, Finish, Media, MediaKind, Origin, Part, PartKind, Reply, Source, State,
    Text, Thinking, Usage,
};
use serde_json::{Value, json};

use super::{Manner, WIRE, manner};

fn reply(parts: Vec<Part<'static>>, finish: Finish) -> Reply<'static> {
    Reply {
        choices: vec![Choice {
            parts,
            finish,
            ..Choice::default()
        }],
        ..Reply::default()
    }
}

fn written(reply: &Reply<'_>, manner: &Manner) -> Value {
    serde_json::from_slice(&(WIRE.write_reply)(reply, manner)).unwrap()
}

fn thought(origin: Origin) -> Part<'static> {
    Part::new(PartKind::Thinking(Thinking {
        text: Text::from("hm"),
        id: None,
        state: Some(State {
            origin,
            data: Text::from("sig"),
        }),
    }))
}

fn call(id: &'static str, is_custom: bool, state: Option<State<'static>>) -> Part<'static> {
    Part::new(PartKind::Call(Call {
        id: Text::from(id),
        name: Text::from("f"),
        namespace: Some(Text::from("n")),
        arguments: Text::default(),
        is_custom,
        state,
    }))
}

#[test]
fn an_answer_has_every_member_that_sdks_need() {
    let answer = written(&reply(vec![Part::text("hi")], Finish::Stop), &manner());
    assert_eq!(
        answer,
        json!({
            "id": "resp_q", "object": "response", "created_at": 7, "status": "completed",
            "error": null, "incomplete_details": null, "model": "m",
            "output": [{
                "id": "msg_mirk_q_0", "type": "message", "status": "completed",
                "role": "assistant",
                "content": [{
                    "type": "output_text", "annotations": [], "logprobs": [], "text": "hi",
                }],
            }],
            "usage": null, "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
        })
    );
}

#[test]
fn t18_an_answer_that_was_cut_is_incomplete_and_says_why() {
    for (finish, reason) in [
        (Finish::Length, "max_output_tokens"),
        (Finish::Filtered, "content_filter"),
        (Finish::Refusal, "content_filter"),
    ] {
        let parts = vec![thought(Origin::OpenAi), Part::text("hi")];
        let answer = written(&reply(parts, finish), &manner());
        assert_eq!(answer["status"], "incomplete");
        assert_eq!(answer["incomplete_details"]["reason"], reason);
        assert_eq!(answer["output"][0]["status"], "completed");
        assert_eq!(answer["output"][1]["status"], "incomplete");
    }
    for finish in [Finish::Stop, Finish::Calls, Finish::Pause] {
        let answer = written(&reply(Vec::new(), finish), &manner());
        assert_eq!(answer["status"], "completed");
    }
    let words = vec![Part::new(PartKind::Refusal("No.".into()))];
    let answer = written(&reply(words, Finish::Refusal), &manner());
    assert_eq!(answer["status"], "completed");
}

#[test]
fn t9_thoughts_carry_their_states_and_hidden_ones_only_these() {
    let parts = || vec![thought(Origin::Anthropic), thought(Origin::OpenAi)];
    let answer = written(&reply(parts(), Finish::Stop), &manner());
    let items = answer["output"].as_array().unwrap();
    assert_eq!(
        items[0]["summary"],
        json!([{"type": "summary_text", "text": "hm"}])
    );
    assert!(
        items[0]["encrypted_content"]
            .as_str()
            .unwrap()
            .starts_with("bWlyazE6")
    );
    assert_eq!(items[1]["encrypted_content"], "sig");
    assert_eq!(items[1]["id"], "rs_mirk_q_1");
    let hidden = Manner {
        shows_thinking: false,
        ..manner()
    };
    let answer = written(&reply(parts(), Finish::Stop), &hidden);
    assert_eq!(answer["output"][0]["summary"], json!([]));
    assert_eq!(answer["output"][1]["encrypted_content"], "sig");
    let bare = vec![Part::new(PartKind::Thinking(Thinking {
        text: Text::from("hm"),
        ..Thinking::default()
    }))];
    let answer = written(&reply(bare, Finish::Stop), &hidden);
    assert_eq!(answer["output"], json!([]));
}

#[test]
fn xlat22_what_a_foreign_model_thought_comes_back_as_it_was() {
    let body = (WIRE.write_reply)(
        &reply(vec![thought(Origin::Gemini)], Finish::Stop),
        &manner(),
    );
    let body = String::from_utf8(body).unwrap();
    let back = (WIRE.read_reply)(&body).unwrap();
    assert_eq!(back.choices[0].parts, [thought(Origin::Gemini)]);
}

#[test]
fn calls_have_their_groups_and_ids_and_arguments_that_are_json() {
    let state = State {
        origin: Origin::Gemini,
        data: Text::from("sig"),
    };
    let parts = vec![
        call("", false, None),
        call("c", true, None),
        call("d", false, Some(state)),
    ];
    let answer = written(&reply(parts, Finish::Calls), &manner());
    let items = answer["output"].as_array().unwrap();
    assert_eq!(
        items[0],
        json!({
            "id": "fc_mirk_q_0", "type": "function_call", "status": "completed",
            "call_id": "call_mirk_q_0", "name": "f", "namespace": "n", "arguments": "{}",
        })
    );
    assert_eq!(items[1]["type"], "custom_tool_call");
    assert_eq!(
        (&items[1]["input"], &items[1]["call_id"]),
        (&json!(""), &json!("c"))
    );
    assert!(
        items[2]["call_id"]
            .as_str()
            .unwrap()
            .starts_with("d_mirk_bWlyazE6")
    );
}

#[test]
fn t19_usage_is_turned_back_into_the_dialects_arithmetic() {
    let mut answer = reply(Vec::new(), Finish::Stop);
    answer.usage = Some(Usage {
        input: 10,
        cached: 4,
        cache_write: 1,
        output: 7,
        reasoning: 3,
        counted: Counted::Reported,
    });
    assert_eq!(
        written(&answer, &manner())["usage"],
        json!({
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 3},
            "total_tokens": 17,
        })
    );
}

#[test]
fn xlat17_usage_that_cannot_be_believed_is_estimated_and_never_panics() {
    for usage in [
        r#"{"input_tokens":-1,"output_tokens":2}"#,
        r#"{"input_tokens":"3","output_tokens":2}"#,
        r#"{"input_tokens":99999999999999999999,"output_tokens":1.5}"#,
        "{}",
    ] {
        let body = format!(r#"{{"output":[],"usage":{usage}}}"#);
        let counted = (WIRE.read_reply)(&body).unwrap().usage.unwrap().counted;
        assert_eq!(counted, Counted::Estimated, "{usage}");
    }
    let reply = (WIRE.read_reply)(r#"{"output":[]}"#).unwrap();
    assert_eq!(reply.usage, None);
}

#[test]
fn a_picture_that_the_model_made_is_an_item() {
    let part = Part::new(PartKind::Media(Media {
        kind: MediaKind::Image,
        source: Source::Data {
            mime: Text::from("image/webp"),
            base64: Text::from("AA=="),
        },
        name: None,
        detail: None,
    }));
    let body = (WIRE.write_reply)(&reply(vec![part.clone()], Finish::Stop), &manner());
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains(r#""type":"image_generation_call""#));
    assert_eq!((WIRE.read_reply)(&body).unwrap().choices[0].parts, [part]);
}

#[test]
fn an_answer_repeats_what_its_request_said() {
    let asked = r#"{"model":"m","input":"x","temperature":1.0,"metadata":{"a":"b"}}"#;
    let (_, manner, _) = super::read(asked).unwrap();
    let answer = written(&reply(Vec::new(), Finish::Stop), &manner);
    assert_eq!(answer["metadata"], json!({"a": "b"}));
    assert_eq!(answer["text"]["format"]["type"], "text");
    assert_eq!(answer["truncation"], "disabled");
    assert_eq!(answer["store"], false);
    assert!(answer["instructions"].is_null() && answer["tools"].is_array());
}

#[test]
fn halves_of_characters_in_an_answer_do_not_break_it() {
    let body =
        r#"{"output":[{"type":"message","content":[{"type":"output_text","text":"a\ud83d"}]}]}"#;
    let reply = (WIRE.read_reply)(body).unwrap();
    let part = &reply.choices[0].parts[0].kind;
    assert!(matches!(part, PartKind::Text { text, .. } if *text == "a\u{fffd}"));
}
