//! Requests as providers read them.

use mirk_model::{
    Ask, Cache, Call, CallResult, Dialect, Effort, Format, Function, Kept, Media, MediaKind,
    Origin, Part, PartKind, Reasoning, ReasoningMode, Role, Source, State, Text, Thinking, Thinks,
    Tool, ToolChoice, Traits, Turn,
};
use serde_json::json;

use super::{WIRE, notes, written};

fn turn(role: Role, parts: Vec<Part<'static>>) -> Turn<'static> {
    Turn {
        role,
        name: None,
        parts,
    }
}

fn user(text: &'static str) -> Turn<'static> {
    turn(Role::User, vec![Part::text(text)])
}

fn ask(turns: Vec<Turn<'static>>) -> Ask<'static> {
    Ask {
        model: Text::from("m"),
        turns,
        ..Ask::default()
    }
}

fn call(id: &'static str, state: Option<State<'static>>) -> Part<'static> {
    Part::new(PartKind::Call(Call {
        id: Text::from(id),
        name: Text::from("f"),
        namespace: None,
        arguments: Text::from("{\"x\": 1.0}"),
        is_custom: false,
        state,
    }))
}

fn result(id: &'static str, parts: Vec<Part<'static>>, is_error: bool) -> Part<'static> {
    Part::new(PartKind::Result(CallResult {
        id: Text::from(id),
        name: None,
        parts,
        is_error,
        is_custom: false,
    }))
}

fn media(kind: MediaKind, source: Source<'static>) -> Part<'static> {
    Part::new(PartKind::Media(Media {
        kind,
        source,
        name: None,
        detail: None,
    }))
}

fn image() -> Part<'static> {
    let source = Source::Data {
        mime: Text::from("image/png"),
        base64: Text::from("aa"),
    };
    media(MediaKind::Image, source)
}

fn url() -> Source<'static> {
    Source::Url {
        url: Text::from("https://example.test/x"),
        mime: None,
    }
}

fn plain() -> Traits {
    Traits::default()
}

#[test]
fn text_alone_is_one_string() {
    let two = turn(Role::System, vec![Part::text("a"), Part::text("b")]);
    let mixed = turn(Role::User, vec![Part::text("c"), image(), Part::text("d")]);
    let (body, said) = written(&ask(vec![two, mixed]), &plain());
    assert_eq!(
        body["messages"][0],
        json!({"role":"system","content":"a\nb"})
    );
    let url = json!({"type":"image_url","image_url":{"url":"data:image/png;base64,aa"}});
    let parts = json!([{"type":"text","text":"c"}, url, {"type":"text","text":"d"}]);
    assert_eq!(body["messages"][1]["content"], parts);
    assert_eq!(said, [] as [String; 0]);
}

#[test]
fn t5_text_behind_a_call_goes_before_it_in_the_same_message() {
    let said = turn(
        Role::Assistant,
        vec![
            Part::text("a"),
            call("c1", None),
            Part::text("b"),
            call("c2", None),
        ],
    );
    let bare = turn(Role::Assistant, vec![call("c3", None)]);
    let (body, _) = written(&ask(vec![user("u"), said, bare]), &plain());
    let message = &body["messages"][1];
    assert_eq!(message["content"], "a\nb");
    assert_eq!(message["tool_calls"][1]["id"], "c2");
    assert_eq!(
        message["tool_calls"][0]["function"]["arguments"],
        "{\"x\": 1.0}"
    );
    assert_eq!(body["messages"][2]["content"], json!(null));
}

#[test]
fn t6_each_result_is_a_message_and_t7_its_pictures_follow_in_the_users_turn() {
    let calls = turn(Role::Assistant, vec![call("a", None), call("b", None)]);
    let results = turn(
        Role::Tool,
        vec![
            result("a", vec![Part::text("1"), image()], false),
            result("b", vec![Part::text("2")], true),
        ],
    );
    let (body, said) = written(&ask(vec![user("u"), calls, results, user("v")]), &plain());
    assert_eq!(
        body["messages"][2],
        json!({"role":"tool","tool_call_id":"a","content":"1"})
    );
    let failed = json!({"role":"tool","tool_call_id":"b","content":"[tool error] 2"});
    assert_eq!(body["messages"][3], failed);
    assert_eq!(body["messages"][4]["content"][0]["type"], "image_url");
    assert_eq!(body["messages"][5], json!({"role":"user","content":"v"}));
    assert_eq!(
        said,
        ["changed:tool_result.media", "changed:tool_result.is_error"]
    );
}

#[test]
fn t9_thoughts_are_left_out_and_named() {
    let state = State {
        origin: Origin::Anthropic,
        data: Text::from("s"),
    };
    let thought = Part::new(PartKind::Thinking(Thinking {
        text: Text::from("secret"),
        id: None,
        state: Some(state),
    }));
    let said = turn(Role::Assistant, vec![thought, Part::text("a")]);
    let (body, said) = written(&ask(vec![user("u"), said]), &plain());
    assert_eq!(
        body["messages"][1],
        json!({"role":"assistant","content":"a"})
    );
    assert_eq!(said, ["dropped:thinking", "dropped:thinking.signature"]);
}

#[test]
fn t12_geminis_signature_goes_to_geminis_own_chat_endpoint_alone() {
    let state = || {
        Some(State {
            origin: Origin::Gemini,
            data: Text::from("s=="),
        })
    };
    let asked = ask(vec![
        user("u"),
        turn(Role::Assistant, vec![call("a", state())]),
    ]);
    let wants = Traits {
        wants_signatures: true,
        ..plain()
    };
    let (body, said) = written(&asked, &wants);
    let made = &body["messages"][1]["tool_calls"][0];
    assert_eq!(made["extra_content"]["google"]["thought_signature"], "s==");
    assert_eq!(made["id"], "a");
    assert_eq!(said, [] as [String; 0]);
    let (body, said) = written(&asked, &plain());
    assert_eq!(
        body["messages"][1]["tool_calls"][0].get("extra_content"),
        None
    );
    assert_eq!(said, ["dropped:thinking.signature"]);
}

#[test]
fn a_developer_is_one_where_the_model_knows_it() {
    let asked = ask(vec![
        turn(Role::Developer, vec![Part::text("d")]),
        user("u"),
    ]);
    let (body, said) = written(&asked, &plain());
    assert_eq!(body["messages"][0]["role"], "system");
    assert_eq!(said, ["changed:developer"]);
    let knows = Traits {
        has_developer: true,
        ..plain()
    };
    let (body, said) = written(&asked, &knows);
    assert_eq!(body["messages"][0]["role"], "developer");
    assert_eq!(said, [] as [String; 0]);
}

#[test]
fn t25_the_limit_has_the_models_name_and_keeps_its_bounds() {
    let mut asked = ask(vec![user("u")]);
    asked.max_tokens = Some(1);
    asked.sampling.temperature = Some(Text::from("0.5"));
    asked.sampling.top_k = Some(Text::from("4"));
    let newer = Traits {
        has_completion_limit: true,
        least_output: 16,
        takes_sampling: false,
        ..plain()
    };
    let (body, said) = written(&asked, &newer);
    assert_eq!(body["max_completion_tokens"], 16);
    assert_eq!(
        (body.get("max_tokens"), body.get("temperature")),
        (None, None)
    );
    assert_eq!(
        said,
        ["dropped:temperature", "dropped:top_k", "changed:max_tokens"]
    );
    asked.max_tokens = Some(9000);
    let small = Traits {
        max_output: Some(4096),
        ..plain()
    };
    let (body, _) = written(&asked, &small);
    assert_eq!(
        (&body["max_tokens"], &body["temperature"]),
        (&json!(4096), &json!(0.5))
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one wish an entry")]
fn thought_is_asked_for_as_the_model_is_told_it() {
    let effort = |effort| Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    };
    let budget = |budget| Reasoning {
        budget: Some(budget),
        ..Reasoning::default()
    };
    let off = Reasoning {
        mode: Some(ReasoningMode::Off),
        ..Reasoning::default()
    };
    let bounds = Thinks::Budget {
        least: 2000,
        most: 10_000,
    };
    let cases = [
        (
            Thinks::Effort,
            effort(Effort::High),
            json!({"reasoning_effort":"high"}),
            "",
        ),
        (
            Thinks::Effort,
            effort(Effort::Max),
            json!({"reasoning_effort":"xhigh"}),
            "changed",
        ),
        (
            Thinks::Effort,
            budget(8192),
            json!({"reasoning_effort":"medium"}),
            "changed",
        ),
        (Thinks::Effort, off, json!({"reasoning_effort":"none"}), ""),
        (
            bounds,
            budget(5000),
            json!({"reasoning":{"max_tokens":5000}}),
            "",
        ),
        (
            bounds,
            effort(Effort::Low),
            json!({"reasoning":{"max_tokens":4096}}),
            "changed",
        ),
        (
            bounds,
            budget(50_000),
            json!({"reasoning":{"max_tokens":10_000}}),
            "changed",
        ),
        (bounds, off, json!({"reasoning":{"enabled":false}}), ""),
        (
            Thinks::Flag,
            effort(Effort::Low),
            json!({"thinking":{"type":"enabled"}}),
            "changed",
        ),
        (
            Thinks::Flag,
            off,
            json!({"thinking":{"type":"disabled"}}),
            "",
        ),
        (Thinks::No, effort(Effort::Low), json!({}), "dropped"),
        (Thinks::No, off, json!({}), ""),
    ];
    for (thinks, wish, expected, fate) in cases {
        let asked = Ask {
            reasoning: Some(wish),
            ..ask(vec![user("u")])
        };
        let (mut body, said) = written(&asked, &Traits { thinks, ..plain() });
        let body = body.as_object_mut().unwrap();
        body.retain(|name, _| !matches!(name.as_str(), "model" | "messages"));
        assert_eq!(json!(body), expected);
        let said: Vec<_> = said.iter().map(String::as_str).collect();
        match fate {
            "" => assert_eq!(said, [] as [&str; 0]),
            fate => assert_eq!(said, [format!("{fate}:reasoning")]),
        }
    }
}

#[test]
fn t19_usage_is_asked_for_in_every_stream() {
    let mut asked = ask(vec![user("u")]);
    asked.is_stream = true;
    let (body, _) = written(&asked, &plain());
    assert_eq!(body["stream"], true);
    assert_eq!(body["stream_options"], json!({"include_usage":true}));
    asked.is_stream = false;
    assert_eq!(written(&asked, &plain()).0.get("stream_options"), None);
}

#[test]
fn t14_a_choice_of_tools_is_written_only_with_tools() {
    let function = |name: &'static str| {
        Tool::Function(Function {
            name: Text::from(name),
            schema: Some(Text::from(r#"{"b":1.0,"a":{"pattern":1}}"#)),
            cache: Some(Cache::Short),
            ..Function::default()
        })
    };
    let mut asked = ask(vec![user("u")]);
    asked.tool_choice = Some(ToolChoice::None);
    asked.parallel_calls = Some(false);
    let (body, _) = written(&asked, &plain());
    assert_eq!(
        (body.get("tool_choice"), body.get("parallel_tool_calls")),
        (None, None)
    );
    asked.tools = vec![function("f"), function("g")];
    let (body, said) = written(&asked, &plain());
    assert_eq!(
        (&body["tool_choice"], &body["parallel_tool_calls"]),
        (&json!("none"), &json!(false))
    );
    assert_eq!(body["tools"][1]["function"]["name"], "g");
    assert_eq!(said, ["dropped:cache_control"]);
    asked.tool_choice = Some(ToolChoice::Allowed {
        names: vec![Text::from("g")],
        is_required: true,
    });
    let one = json!({"type":"function","function":{"name":"g"}});
    let allowed = json!({"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[one]}});
    assert_eq!(written(&asked, &plain()).0["tool_choice"], allowed);
    // The text of the schema, not its meaning alone.
    let body = (WIRE.write_ask)(&asked, &plain(), &mut notes(Dialect::Anthropic)).unwrap();
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains(r#""parameters":{"b":1.0,"a":{"pattern":1}}"#));
}

#[test]
fn what_the_dialect_has_nothing_for_is_refused_with_its_name() {
    let refused = [
        (media(MediaKind::Video, url()), "video"),
        (media(MediaKind::Audio, url()), "audio"),
        (media(MediaKind::Document, url()), "document.url"),
        (
            media(MediaKind::Image, Source::File(Text::from("f"))),
            "file",
        ),
    ];
    for (part, name) in refused {
        let asked = ask(vec![turn(Role::User, vec![part])]);
        let problem = (WIRE.write_ask)(&asked, &plain(), &mut notes(Dialect::Gemini)).unwrap_err();
        assert_eq!(problem.param.as_deref(), Some(name));
    }
    for (kept, name) in [
        (
            Kept {
                background: true,
                ..Kept::default()
            },
            "background",
        ),
        (
            Kept {
                previous: Some(Text::from("r")),
                ..Kept::default()
            },
            "previous_response_id",
        ),
    ] {
        let asked = Ask {
            kept,
            ..ask(vec![user("u")])
        };
        let problem = (WIRE.write_ask)(&asked, &plain(), &mut notes(Dialect::Gemini)).unwrap_err();
        assert_eq!(problem.param.as_deref(), Some(name));
    }
}

#[test]
fn members_of_another_dialect_are_left_out_and_named() {
    let mut asked = ask(vec![user("u")]);
    asked.own = vec![("container", Text::from("\"c\""))];
    asked.kept.store = Some(true);
    asked.sampling.min_p = Some(Text::from("0.1"));
    asked.cache = Some(Cache::Hour);
    let (body, said) = written(&asked, &plain());
    assert_eq!(body.get("container"), None);
    let expected = [
        "dropped:min_p",
        "dropped:cache_control",
        "dropped:store",
        "dropped:container",
    ];
    assert_eq!(said, expected);
    let mut own = notes(Dialect::OpenAiChat);
    let body = (WIRE.write_ask)(&asked, &plain(), &mut own).unwrap();
    assert!(
        String::from_utf8(body)
            .unwrap()
            .contains(r#""container":"c""#)
    );
}

#[test]
fn t24_a_schema_is_json_for_a_model_that_knows_no_schemas() {
    let mut asked = ask(vec![user("u")]);
    asked.format = Some(Format::Schema {
        name: None,
        description: None,
        schema: Text::from("{}"),
        strict: None,
    });
    let (body, _) = written(&asked, &plain());
    let schema = json!({"type":"json_schema","json_schema":{"name":"answer","schema":{}}});
    assert_eq!(body["response_format"], schema);
    let knows_none = Traits {
        has_schema: false,
        ..plain()
    };
    let (body, said) = written(&asked, &knows_none);
    assert_eq!(body["response_format"], json!({"type":"json_object"}));
    assert_eq!(said, ["changed:response_format.json_schema"]);
}

#[test]
fn a_document_of_text_becomes_text() {
    let document = media(MediaKind::Document, Source::Text(Text::from("body")));
    let asked = ask(vec![turn(Role::User, vec![document, Part::text("q")])]);
    let (body, said) = written(&asked, &plain());
    assert_eq!(body["messages"][0]["content"], "body\nq");
    assert_eq!(said, ["changed:document.text"]);
}
