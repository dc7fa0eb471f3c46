//! Whole answers, read and written.

use mirk_model::{
    Choice, Finish, Media, MediaKind, Origin, Part, PartKind, Reply, Source, State, Text, Thinking,
    Usage,
};
use serde_json::{Value as Json, json};

use super::{WIRE, manner};
use crate::{carry, wire::Manner};

fn parts(message: &str) -> Vec<Part<'static>> {
    choice(message, "stop").parts
}

fn choice(message: &str, why: &str) -> Choice<'static> {
    let body = format!(
        r#"{{"id":"c","choices":[{{"index":0,"message":{message},"finish_reason":"{why}","logprobs":null}}]}}"#
    );
    (WIRE.read_reply)(body.leak()).unwrap().choices.remove(0)
}

fn written(reply: &Reply<'_>, manner: &Manner) -> Json {
    serde_json::from_slice(&(WIRE.write_reply)(reply, manner)).unwrap()
}

fn said(parts: Vec<Part<'static>>, finish: Finish) -> Reply<'static> {
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
fn t18_an_answer_with_calls_ended_with_calls_whatever_the_provider_says() {
    let called = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}"#;
    assert_eq!(choice(called, "stop").finish, Finish::Calls);
    assert_eq!(choice(called, "tool_calls").finish, Finish::Calls);
    assert_eq!(choice(called, "length").finish, Finish::Length);
    let refused = r#"{"role":"assistant","content":null,"refusal":"no"}"#;
    assert_eq!(choice(refused, "stop").finish, Finish::Refusal);
    let older = r#"{"content":"","function_call":{"name":"f","arguments":"{}"}}"#;
    assert_eq!(choice(older, "function_call").finish, Finish::Calls);
    assert_eq!(
        choice(r#"{"content":"a"}"#, "content_filter").finish,
        Finish::Filtered
    );
    assert_eq!(choice(r#"{"content":"a"}"#, "eos").finish, Finish::Stop);
}

#[test]
fn what_servers_have_added_is_read() {
    let thought = |text: &'static str| {
        Part::new(PartKind::Thinking(Thinking {
            text: Text::from(text),
            ..Thinking::default()
        }))
    };
    let both = [thought("t"), Part::text("a")];
    for message in [
        r#"{"content":"a","reasoning_content":"t"}"#,
        r#"{"content":"a","reasoning":"t","reasoning_details":[{"type":"reasoning.text","text":"t"}]}"#,
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]},{"type":"text","text":"a"}]}"#,
        r#"{"content":"a","reasoning_content":"t","unknown":{"x":[]},"tool_calls":null}"#,
    ] {
        assert_eq!(parts(message), both, "{message}");
    }
    let drawn = parts(
        r#"{"content":"","images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aa"}}]}"#,
    );
    let media = Media {
        kind: MediaKind::Image,
        source: Source::Data {
            mime: Text::from("image/png"),
            base64: Text::from("aa"),
        },
        name: None,
        detail: None,
    };
    assert_eq!(drawn, [Part::new(PartKind::Media(media.clone()))]);
    let back = written(&said(drawn, Finish::Stop), &manner());
    assert_eq!(
        back["choices"][0]["message"]["images"][0]["image_url"]["url"],
        "data:image/png;base64,aa"
    );
    let spoken = parts(r#"{"content":null,"audio":{"id":"x","data":"zz","transcript":"said"}}"#);
    assert_eq!(spoken, [Part::text("said")]);
}

#[test]
fn arguments_that_are_an_object_keep_their_text_and_half_characters_are_replaced() {
    let made = parts(
        r#"{"content":"\udc00","tool_calls":[{"function":{"name":"f","arguments":{"x": 1.0}}}]}"#,
    );
    assert_eq!(made[0], Part::text("\u{fffd}"));
    let PartKind::Call(call) = &made[1].kind else {
        panic!("no call")
    };
    assert_eq!((&*call.id, &*call.arguments), ("", "{\"x\": 1.0}"));
}

#[test]
fn an_error_where_an_answer_should_be_is_none() {
    for body in [
        r#"{"error":{"message":"m"},"choices":[]}"#,
        r#"{"id":"x"}"#,
        r#"{"choices":[{"index":0}]}"#,
        "[]",
    ] {
        assert!((WIRE.read_reply)(body).is_err());
    }
}

#[test]
fn t19_counts_of_reasoning_beside_the_completion_are_put_into_it() {
    let body = r#"{"choices":[],"created":1.5,"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":18,"completion_tokens_details":{"reasoning_tokens":3},"prompt_tokens_details":{"cached_tokens":4}}}"#;
    let reply = (WIRE.read_reply)(body).unwrap();
    let usage = reply.usage.unwrap();
    assert_eq!(
        (usage.input, usage.output, usage.reasoning, usage.cached),
        (10, 8, 3, 4)
    );
    assert_eq!(reply.created, Some(1));
    let usage = written(&reply, &manner())["usage"].clone();
    let expected = json!({
        "prompt_tokens": 10, "completion_tokens": 8, "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 3},
    });
    assert_eq!(usage, expected);
    let none = Reply {
        usage: Some(Usage::default()),
        ..Reply::default()
    };
    assert_eq!(written(&none, &manner()).get("usage"), None);
}

#[test]
fn an_answer_has_what_clients_need_when_the_provider_says_nothing() {
    let body = written(&said(vec![Part::text("a")], Finish::Stop), &manner());
    let expected = json!({
        "id": "chatcmpl-req1", "object": "chat.completion", "created": 7, "model": "asked",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": "a", "refusal": null, "annotations": []},
            "logprobs": null,
            "finish_reason": "stop",
        }],
    });
    assert_eq!(body, expected);
}

#[test]
fn t5_content_is_null_only_where_something_else_is_said() {
    let content = |parts, finish| {
        let body = written(&said(parts, finish), &manner());
        body["choices"][0]["message"]["content"].clone()
    };
    assert_eq!(content(Vec::new(), Finish::Length), "");
    let refusal = Part::new(PartKind::Refusal(Text::from("no")));
    assert_eq!(content(vec![refusal], Finish::Refusal), json!(null));
}

#[test]
fn t9_thoughts_are_shown_as_text_with_their_states_beside_unless_hidden() {
    let state = State {
        origin: Origin::Anthropic,
        data: Text::from("s"),
    };
    let wrapped = carry::wrap(&state);
    let thought = Part::new(PartKind::Thinking(Thinking {
        text: Text::from("secret"),
        id: None,
        state: Some(state),
    }));
    let reply = said(vec![thought, Part::text("a")], Finish::Stop);
    let message = &written(&reply, &manner())["choices"][0]["message"];
    assert_eq!(message["reasoning_content"], "secret");
    let detail = json!({"type":"reasoning.text","text":"secret","signature":wrapped,"format":"unknown","index":0});
    assert_eq!(message["reasoning_details"], json!([detail]));
    assert_eq!(message["content"], "a");
    let hidden = Manner {
        shows_thinking: false,
        ..manner()
    };
    let body = written(&reply, &hidden);
    assert!(!body.to_string().contains("secret"));
    let detail = json!({"type":"reasoning.encrypted","data":wrapped,"format":"unknown","index":0});
    assert_eq!(
        body["choices"][0]["message"]["reasoning_details"],
        json!([detail])
    );
}
