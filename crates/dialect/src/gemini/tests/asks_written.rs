//! Writing requests.

use mirk_model::{
    Ask, Call, CallResult, Media, MediaKind, Origin, Part, PartKind, Role, Sampling, Source, State,
    Text, Thinking, Traits, Turn,
};
use serde_json::json;

use super::{Tree, WIRE, notes, write, write_with};

fn turn(role: Role, parts: Vec<Part<'_>>) -> Turn<'_> {
    Turn {
        role,
        name: None,
        parts,
    }
}

fn user(text: &str) -> Turn<'_> {
    turn(Role::User, vec![Part::text(text)])
}

fn call<'a>(id: &'a str, name: &'a str) -> Call<'a> {
    Call {
        id: id.into(),
        name: name.into(),
        namespace: None,
        arguments: "{}".into(),
        is_custom: false,
        state: None,
    }
}

fn called(call: Call<'_>) -> Part<'_> {
    Part::new(PartKind::Call(call))
}

fn result<'a>(id: &'a str, text: &'a str, is_error: bool) -> Part<'a> {
    Part::new(PartKind::Result(CallResult {
        id: id.into(),
        name: None,
        parts: vec![Part::text(text)],
        is_error,
        is_custom: false,
    }))
}

fn signed(data: &str) -> State<'_> {
    State {
        origin: Origin::Gemini,
        data: data.into(),
    }
}

#[test]
fn systems_10_1_every_instruction_goes_to_the_front_in_its_order() {
    let ask = Ask {
        turns: vec![
            turn(Role::System, vec![Part::text("a"), Part::text("b")]),
            turn(Role::System, vec![Part::text("c")]),
            user("d"),
        ],
        ..Ask::default()
    };
    assert_eq!(
        write(&ask).0,
        json!({"contents":[{"role":"user","parts":[{"text":"d"}]}],
            "systemInstruction":{"parts":[{"text":"a"},{"text":"b"},{"text":"c"}]}})
    );
}

#[test]
fn instructions_alone_are_what_the_user_says() {
    let ask = Ask {
        turns: vec![turn(Role::System, vec![Part::text("a")])],
        ..Ask::default()
    };
    let (body, said) = write(&ask);
    assert_eq!(
        body,
        json!({"contents":[{"role":"user","parts":[{"text":"a"}]}]})
    );
    assert_eq!(said, ["changed:system.position"]);
}

#[test]
fn results_are_objects_under_the_name_of_their_call() {
    let ask = Ask {
        turns: vec![
            user("go"),
            turn(
                Role::Assistant,
                vec![
                    called(call("1", "f")),
                    called(call("2", "g")),
                    called(call("3", "f")),
                ],
            ),
            turn(
                Role::Tool,
                vec![
                    result("1", r#"{"n": 1.0}"#, false),
                    result("2", "[1]", false),
                    result("3", "no", true),
                ],
            ),
        ],
        ..Ask::default()
    };
    assert_eq!(
        write(&ask).0["contents"][2],
        json!({"role":"user","parts":[
            {"functionResponse":{"id":"1","name":"f","response":{"n":1.0}}},
            {"functionResponse":{"id":"2","name":"g","response":{"result":"[1]"}}},
            {"functionResponse":{"id":"3","name":"f","response":{"error":"no"}}}]})
    );
}

#[test]
fn t12_signatures_go_back_on_their_part() {
    let thinking = |text: &'static str, data| {
        Part::new(PartKind::Thinking(Thinking {
            text: text.into(),
            id: None,
            state: Some(signed(data)),
        }))
    };
    let ask = Ask {
        turns: vec![
            user("go"),
            turn(
                Role::Assistant,
                vec![
                    thinking("hm", "czE="),
                    Part::text("so"),
                    called(Call {
                        state: Some(signed("czI=")),
                        ..call("1", "f")
                    }),
                    thinking("", "czM="),
                ],
            ),
        ],
        ..Ask::default()
    };
    assert_eq!(
        write(&ask).0["contents"][1]["parts"],
        json!([{"text":"hm","thought":true},
            {"text":"so","thoughtSignature":"czE="},
            {"functionCall":{"id":"1","name":"f","args":{}},"thoughtSignature":"czI="},
            {"text":"","thoughtSignature":"czM="}])
    );
}

#[test]
fn t12_the_documented_dummy_stands_only_where_gemini_wants_a_signature() {
    let calls = || vec![called(call("1", "f")), called(call("2", "g"))];
    let results = || {
        turn(
            Role::Tool,
            vec![result("1", "a", false), result("2", "b", false)],
        )
    };
    let ask = Ask {
        turns: vec![
            user("first"),
            turn(Role::Assistant, calls()),
            results(),
            user("second"),
            turn(Role::Assistant, calls()),
            results(),
            turn(
                Role::Assistant,
                vec![called(Call {
                    state: Some(signed("c2ln")),
                    ..call("3", "f")
                })],
            ),
        ],
        ..Ask::default()
    };
    let traits = Traits {
        wants_signatures: true,
        ..Traits::default()
    };
    let signatures = |body: &Tree| -> Vec<String> {
        let parts = body["contents"].as_array().unwrap().iter();
        parts
            .flat_map(|content| content["parts"].as_array().unwrap())
            .filter(|part| part.get("functionCall").is_some())
            .map(|part| part["thoughtSignature"].as_str().unwrap_or("-").to_owned())
            .collect()
    };
    let (body, said) = write_with(&ask, &traits).unwrap();
    let dummy = "skip_thought_signature_validator";
    assert_eq!(signatures(&body), ["-", "-", dummy, "-", "c2ln"]);
    assert_eq!(said, ["changed:thinking.signature"]);
    let (body, said) = write(&ask);
    assert_eq!(signatures(&body), ["-", "-", "-", "-", "c2ln"]);
    assert!(said.is_empty());
}

#[test]
fn t11_signatures_of_other_providers_are_left_out_and_named() {
    let foreign = State {
        origin: Origin::Anthropic,
        data: "x".into(),
    };
    let ask = Ask {
        turns: vec![turn(
            Role::Assistant,
            vec![
                Part::new(PartKind::Thinking(Thinking {
                    text: "hm".into(),
                    id: None,
                    state: Some(foreign.clone()),
                })),
                called(Call {
                    state: Some(foreign),
                    ..call("1", "f")
                }),
            ],
        )],
        ..Ask::default()
    };
    let (body, said) = write(&ask);
    assert_eq!(said, ["dropped:thinking.signature", "dropped:thinking"]);
    assert!(!body.to_string().contains("hm"));
    assert!(!body.to_string().contains("thoughtSignature"));
}

#[test]
fn t7_media_in_a_result_stands_there_where_the_model_takes_it() {
    let image = || {
        Part::new(PartKind::Media(Media {
            kind: MediaKind::Image,
            source: Source::Data {
                mime: "image/png".into(),
                base64: "AA==".into(),
            },
            name: None,
            detail: None,
        }))
    };
    let ask = Ask {
        turns: vec![
            turn(Role::Assistant, vec![called(call("1", "f"))]),
            turn(
                Role::Tool,
                vec![Part::new(PartKind::Result(CallResult {
                    id: "1".into(),
                    name: None,
                    parts: vec![Part::text("see"), image()],
                    is_error: false,
                    is_custom: false,
                }))],
            ),
        ],
        ..Ask::default()
    };
    let traits = Traits {
        takes_result_media: true,
        ..Traits::default()
    };
    let (body, said) = write_with(&ask, &traits).unwrap();
    assert_eq!(
        body["contents"][1]["parts"][0]["functionResponse"],
        json!({"id":"1","name":"f","response":{"result":"see"},
            "parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]})
    );
    assert!(said.is_empty());
}

#[test]
fn t8_addresses_are_passed_on_and_files_of_other_providers_refused() {
    let media = |source| Ask {
        turns: vec![turn(
            Role::User,
            vec![Part::new(PartKind::Media(Media {
                kind: MediaKind::Image,
                source,
                name: None,
                detail: None,
            }))],
        )],
        ..Ask::default()
    };
    let url = media(Source::Url {
        url: "https://x.example/a.png?b".into(),
        mime: None,
    });
    assert_eq!(
        write(&url).0["contents"][0]["parts"],
        json!([{"fileData":{"mimeType":"image/png","fileUri":"https://x.example/a.png?b"}}])
    );
    let file = media(Source::File("file-1".into()));
    let problem = write_with(&file, &Traits::default()).unwrap_err();
    assert_eq!(problem.param.as_deref(), Some("file"));
}

#[test]
fn xlat05_numbers_keep_their_digits() {
    let ask = Ask {
        turns: vec![turn(
            Role::Assistant,
            vec![called(Call {
                arguments: Text::from("{\"a\": 9007199254740993,\n\"b\": 1E+2, \"c\": -0}"),
                ..call("1", "f")
            })],
        )],
        sampling: Sampling {
            temperature: Some("1.0".into()),
            ..Sampling::default()
        },
        ..Ask::default()
    };
    let body = (WIRE.write_ask)(&ask, &Traits::default(), &mut notes()).unwrap();
    let body = String::from_utf8(body).unwrap();
    assert!(
        body.contains(r#"{"a": 9007199254740993, "b": 1E+2, "c": -0}"#),
        "{body}"
    );
    assert!(body.contains(r#""temperature":1.0"#));
}

#[test]
fn broken_arguments_are_wrapped_and_named() {
    let ask = Ask {
        turns: vec![turn(
            Role::Assistant,
            vec![called(Call {
                arguments: "{\"a\":".into(),
                ..call("1", "f")
            })],
        )],
        ..Ask::default()
    };
    let (body, said) = write(&ask);
    assert_eq!(
        body["contents"][0]["parts"][0]["functionCall"]["args"],
        json!({"arguments":"{\"a\":"})
    );
    assert_eq!(said, ["changed:tool_calls.arguments"]);
}
