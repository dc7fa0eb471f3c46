//! Requests for providers.

use mirk_model::{
    Ask, Cache, Call, CallResult, Citation, Dialect, Format, Function, Media, MediaKind, Origin,
    Part, PartKind, Role, Source, State, Text, Thinking, Thinks, Tool, Traits, Turn,
};
use serde_json::json;

use super::{try_write, write};
use crate::loss::{Fate, Feature};

fn turn(role: Role, parts: Vec<Part<'_>>) -> Turn<'_> {
    Turn {
        role,
        name: None,
        parts,
    }
}

pub(super) fn asking<'a>() -> Ask<'a> {
    Ask {
        model: "m".into(),
        turns: vec![turn(Role::User, vec![Part::text("hi")])],
        ..Ask::default()
    }
}

pub(super) fn function(name: &str) -> Tool<'_> {
    Tool::Function(Function {
        name: name.into(),
        schema: Some(r#"{"type":"object"}"#.into()),
        ..Function::default()
    })
}

fn call<'a>(id: &'a str, arguments: &'a str) -> Part<'a> {
    Part::new(PartKind::Call(Call {
        id: id.into(),
        name: "f".into(),
        namespace: None,
        arguments: arguments.into(),
        is_custom: false,
        state: None,
    }))
}

fn result<'a>(id: &'a str, parts: Vec<Part<'a>>) -> Part<'a> {
    Part::new(PartKind::Result(CallResult {
        id: id.into(),
        name: None,
        parts,
        is_error: false,
        is_custom: false,
    }))
}

fn media(kind: MediaKind, source: Source<'_>) -> Part<'_> {
    Part::new(PartKind::Media(Media {
        kind,
        source,
        name: None,
        detail: None,
    }))
}

pub(super) const BUDGET: Traits = Traits {
    max_output: None,
    least_output: 1,
    has_completion_limit: false,
    takes_sampling: true,
    has_developer: false,
    has_schema: true,
    takes_result_media: false,
    thinks: Thinks::Budget {
        least: 1_024,
        most: 32_000,
    },
    wants_signatures: false,
};

#[test]
fn t6_results_come_first_and_in_one_message_with_the_users_words() {
    let ask = Ask {
        tools: vec![function("f")],
        turns: vec![
            turn(Role::User, vec![Part::text("hi")]),
            turn(
                Role::Assistant,
                vec![Part::text("x"), call("a", r#"{"n":1.0}"#), call("b", "")],
            ),
            turn(Role::User, vec![Part::text("also")]),
            turn(
                Role::Tool,
                vec![result("a", vec![Part::text("1")]), result("b", vec![])],
            ),
        ],
        ..asking()
    };
    let (body, said) = write(&ask, &BUDGET);
    assert_eq!(
        body["messages"],
        json!([
            {"role":"user","content":"hi"},
            {"role":"assistant","content":[{"type":"text","text":"x"},
                {"type":"tool_use","id":"a","name":"f","input":{"n":1.0}},
                {"type":"tool_use","id":"b","name":"f","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"1"},
                {"type":"tool_result","tool_use_id":"b"},{"type":"text","text":"also"}]}
        ])
    );
    assert!(said.is_empty());
}

#[test]
fn t5_empty_texts_are_left_out_and_broken_arguments_wrapped() {
    let ask = Ask {
        tools: vec![function("f")],
        turns: vec![
            turn(Role::User, vec![Part::text("hi"), Part::text(" ")]),
            turn(Role::Assistant, vec![Part::text(""), call("a", "{\"n\":")]),
            turn(Role::Tool, vec![result("a", vec![Part::text("")])]),
        ],
        ..asking()
    };
    let (body, said) = write(&ask, &BUDGET);
    assert_eq!(body["messages"][0]["content"], "hi");
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type":"tool_use","id":"a","name":"f","input":{"arguments":"{\"n\":"}}])
    );
    assert_eq!(said, ["changed:tool_calls.arguments"]);
}

#[test]
fn t7_t8_media_goes_as_it_came_also_inside_results() {
    let data = |mime: &'static str| Source::Data {
        mime: mime.into(),
        base64: "aGk=".into(),
    };
    let url = || Source::Url {
        url: "https://example.com/a".into(),
        mime: None,
    };
    let ask = Ask {
        tools: vec![function("f")],
        turns: vec![
            turn(Role::Assistant, vec![call("a", "{}")]),
            turn(
                Role::Tool,
                vec![result(
                    "a",
                    vec![Part::text("t"), media(MediaKind::Image, data("image/jpg"))],
                )],
            ),
            turn(
                Role::User,
                vec![
                    media(MediaKind::Image, url()),
                    media(MediaKind::Document, data("application/pdf")),
                    media(MediaKind::Document, url()),
                    media(MediaKind::Document, data("text/csv")),
                ],
            ),
        ],
        ..asking()
    };
    let (body, _) = write(&ask, &BUDGET);
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"t"},
                {"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"aGk="}}]},
            {"type":"image","source":{"type":"url","url":"https://example.com/a"}},
            {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"aGk="}},
            {"type":"document","source":{"type":"url","url":"https://example.com/a"}},
            {"type":"document","source":{"type":"text","media_type":"text/plain","data":"hi"}}
        ])
    );
}

#[test]
fn p10_1_media_that_the_dialect_lacks_is_refused_not_dropped() {
    let data = |mime: &'static str| Source::Data {
        mime: mime.into(),
        base64: "AAAA".into(),
    };
    for (part, param) in [
        (media(MediaKind::Audio, data("audio/wav")), "audio"),
        (media(MediaKind::Video, data("video/mp4")), "video"),
        (
            media(MediaKind::Image, Source::File("file_1".into())),
            "file",
        ),
        (
            media(MediaKind::Document, data("application/zip")),
            "document",
        ),
    ] {
        let ask = Ask {
            turns: vec![turn(Role::User, vec![part])],
            ..asking()
        };
        let problem = try_write(&ask, &BUDGET).unwrap_err();
        assert_eq!(problem.param.as_deref(), Some(param));
    }
}

#[test]
fn t9_t11_only_own_signatures_are_written_and_the_rest_is_named() {
    let thought = |text: &'static str, origin: Option<Origin>| {
        Part::new(PartKind::Thinking(Thinking {
            text: text.into(),
            id: None,
            state: origin.map(|origin| State {
                origin,
                data: "s+/=".into(),
            }),
        }))
    };
    let ask = Ask {
        turns: vec![
            turn(Role::User, vec![Part::text("hi")]),
            turn(
                Role::Assistant,
                vec![
                    thought("own", Some(Origin::Anthropic)),
                    thought("", Some(Origin::AnthropicRedacted)),
                    thought("other", Some(Origin::OpenAi)),
                    thought("bare", None),
                    Part::text("a"),
                ],
            ),
            turn(Role::User, vec![Part::text("b")]),
        ],
        ..asking()
    };
    let (body, said) = write(&ask, &BUDGET);
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type":"thinking","thinking":"own","signature":"s+/="},
            {"type":"redacted_thinking","data":"s+/="},{"type":"text","text":"a"}])
    );
    assert_eq!(said, ["dropped:thinking.signature", "dropped:thinking"]);
}

#[test]
fn t17_marks_for_the_cache_are_written_in_every_place() {
    let mark = |mut part: Part<'static>, cache| {
        part.cache = Some(cache);
        part
    };
    let ask = Ask {
        cache: Some(Cache::Short),
        tools: vec![Tool::Function(Function {
            name: "f".into(),
            cache: Some(Cache::Hour),
            ..Function::default()
        })],
        turns: vec![
            turn(Role::System, vec![mark(Part::text("s"), Cache::Hour)]),
            turn(Role::User, vec![mark(Part::text("u"), Cache::Short)]),
            turn(Role::Assistant, vec![mark(call("a", "{}"), Cache::Short)]),
            turn(
                Role::Tool,
                vec![mark(
                    result("a", vec![mark(Part::text("r"), Cache::Short)]),
                    Cache::Short,
                )],
            ),
        ],
        ..asking()
    };
    let (body, said) = write(&ask, &BUDGET);
    let short = json!({"type":"ephemeral"});
    let hour = json!({"type":"ephemeral","ttl":"1h"});
    assert_eq!(body["cache_control"], short);
    assert_eq!(body["tools"][0]["cache_control"], hour);
    assert_eq!(body["system"][0]["cache_control"], hour);
    assert_eq!(body["messages"][0]["content"][0]["cache_control"], short);
    assert_eq!(body["messages"][1]["content"][0]["cache_control"], short);
    assert_eq!(body["messages"][2]["content"][0]["cache_control"], short);
    assert_eq!(
        body["messages"][2]["content"][0]["content"][0]["cache_control"],
        short
    );
    assert!(said.is_empty());
}

#[test]
fn schemas_without_a_type_get_the_one_that_arguments_have() {
    let tool = |schema: Option<&'static str>| {
        Tool::Function(Function {
            name: "f".into(),
            schema: schema.map(Text::from),
            ..Function::default()
        })
    };
    let ask = Ask {
        tools: vec![
            tool(None),
            tool(Some("{}")),
            tool(Some(r#"{"properties":{"type":{"const":1.0}}}"#)),
        ],
        ..asking()
    };
    let (body, said) = write(&ask, &BUDGET);
    assert_eq!(
        body["tools"][0]["input_schema"],
        json!({"type":"object","properties":{}})
    );
    assert_eq!(body["tools"][1]["input_schema"], json!({"type":"object"}));
    assert_eq!(
        body["tools"][2]["input_schema"],
        json!({"type":"object","properties":{"type":{"const":1.0}}})
    );
    assert_eq!(said, ["changed:tools.schema"]);
}

#[test]
fn instructions_alone_are_what_the_user_says() {
    let ask = Ask {
        turns: vec![turn(Role::System, vec![Part::text("do it")])],
        ..asking()
    };
    let (body, said) = write(&ask, &BUDGET);
    assert_eq!(body["messages"], json!([{"role":"user","content":"do it"}]));
    assert!(body.get("system").is_none());
    assert_eq!(said, ["changed:system.position"]);
}

#[test]
fn a_last_turn_of_the_models_does_not_end_in_white_space() {
    let mut ask = asking();
    ask.turns
        .push(turn(Role::Assistant, vec![Part::text("{ \n")]));
    assert_eq!(write(&ask, &BUDGET).0["messages"][1]["content"], "{");
}

#[test]
fn what_the_dialect_cannot_say_is_named_or_refused() {
    let mut ask = asking();
    ask.sampling.seed = Some("1".into());
    ask.sampling.min_p = Some("0.1".into());
    ask.verbosity = Some("low".into());
    ask.metadata = Some("{}".into());
    ask.cache_key = Some("k".into());
    ask.user = Some("u".into());
    ask.stop = vec!["\n".into(), "END".into()];
    ask.own = vec![("x", "1".into())];
    let (body, said) = write(&ask, &BUDGET);
    assert_eq!(
        said,
        [
            "dropped:seed",
            "dropped:min_p",
            "dropped:verbosity",
            "dropped:metadata",
            "dropped:prompt_cache_key",
            "dropped:x",
            "dropped:stop"
        ]
    );
    assert_eq!(body["metadata"], json!({"user_id":"u"}));
    assert_eq!(body["stop_sequences"], json!(["END"]));
    ask.choices = Some(2);
    assert_eq!(
        try_write(&ask, &BUDGET).unwrap_err().param.as_deref(),
        Some("n")
    );
}

#[test]
fn media_in_the_models_own_turns_is_refused() {
    let source = Source::Data {
        mime: "image/png".into(),
        base64: "AAAA".into(),
    };
    let mut ask = asking();
    ask.turns
        .push(turn(Role::Assistant, vec![media(MediaKind::Image, source)]));
    let problem = try_write(&ask, &BUDGET).unwrap_err();
    assert_eq!(problem.param.as_deref(), Some("image"));
}

/// A request that says something, by what it says.
type Saying = (Feature, fn(&mut Ask<'static>));

const SAYINGS: [Saying; 24] = [
    (Feature::Seed, |ask| ask.sampling.seed = Some("1".into())),
    (Feature::Choices, |ask| ask.choices = Some(2)),
    (Feature::Logprobs, |ask| ask.logprobs = Some(2)),
    (Feature::LogitBias, |ask| {
        ask.sampling.logit_bias = Some("{}".into());
    }),
    (Feature::FrequencyPenalty, |ask| {
        ask.sampling.frequency_penalty = Some("1".into());
    }),
    (Feature::PresencePenalty, |ask| {
        ask.sampling.presence_penalty = Some("1".into());
    }),
    (Feature::RepeatPenalty, |ask| {
        ask.sampling.repeat_penalty = Some("1".into());
    }),
    (Feature::MinP, |ask| ask.sampling.min_p = Some("1".into())),
    (Feature::Metadata, |ask| ask.metadata = Some("{}".into())),
    (Feature::ServiceTier, |ask| {
        ask.service_tier = Some("auto".into());
    }),
    (Feature::Verbosity, |ask| ask.verbosity = Some("low".into())),
    (Feature::CacheKey, |ask| ask.cache_key = Some("k".into())),
    (Feature::Store, |ask| ask.kept.store = Some(true)),
    (Feature::Previous, |ask| {
        ask.kept.previous = Some("r".into());
    }),
    (Feature::Background, |ask| ask.kept.background = true),
    (Feature::TurnName, |ask| {
        ask.turns[0].name = Some("n".into());
    }),
    (Feature::JsonObject, |ask| {
        ask.format = Some(Format::JsonObject);
    }),
    (Feature::Developer, |ask| {
        ask.turns
            .insert(0, turn(Role::Developer, vec![Part::text("d")]));
    }),
    (Feature::LateSystem, |ask| {
        ask.turns.push(turn(Role::System, vec![Part::text("d")]));
    }),
    (Feature::HostedTools, |ask| {
        ask.tools.push(Tool::Hosted {
            kind: "web_search".into(),
            raw: "{}".into(),
        });
    }),
    (Feature::Refusals, |ask| {
        let refusal = Part::new(PartKind::Refusal("no".into()));
        ask.turns.push(turn(Role::Assistant, vec![refusal]));
    }),
    (Feature::Citations, |ask| {
        ask.turns[0].parts[0].kind = PartKind::Text {
            text: "t".into(),
            citations: vec![Citation::default()],
        };
    }),
    (Feature::ImageDetail, |ask| {
        let source = Source::Url {
            url: "https://example.com".into(),
            mime: None,
        };
        let mut part = media(MediaKind::Image, source);
        if let PartKind::Media(media) = &mut part.kind {
            media.detail = Some("low".into());
        }
        ask.turns[0].parts.push(part);
    }),
    (Feature::ThinkingText, |ask| {
        let thought = Thinking {
            text: "t".into(),
            ..Thinking::default()
        };
        let part = Part::new(PartKind::Thinking(thought));
        ask.turns.push(turn(Role::Assistant, vec![part]));
    }),
];

#[test]
fn each_loss_is_the_one_that_the_table_says() {
    for (feature, say) in SAYINGS {
        let mut ask = asking();
        say(&mut ask);
        let name = feature.row().unwrap().name;
        let written = try_write(&ask, &BUDGET);
        match feature.fate(Dialect::Anthropic) {
            Fate::Refused => assert_eq!(written.unwrap_err().param.as_deref(), Some(name)),
            Fate::Changed => assert_eq!(written.unwrap().1, [format!("changed:{name}")]),
            Fate::Dropped => assert_eq!(written.unwrap().1, [format!("dropped:{name}")]),
            Fate::Kept => panic!("`{name}` is kept"),
        }
    }
}
