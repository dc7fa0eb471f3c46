//! What clients ask for beside the conversation.

use mirk_model::{Cache, Effort, Format, Reasoning, ReasoningMode, Shown, Text, Tool, ToolChoice};

use super::{read, with};

#[test]
fn t14_every_choice_of_tools_is_read() {
    let named = || Text::from("f");
    let allowed = |is_required| ToolChoice::Allowed {
        names: vec![named(), Text::from("g")],
        is_required,
    };
    let cases = [
        (r#""auto""#, ToolChoice::Auto),
        (r#""none""#, ToolChoice::None),
        (r#""required""#, ToolChoice::Required),
        (
            r#"{"type":"function","function":{"name":"f"}}"#,
            ToolChoice::Named(named()),
        ),
        (
            r#"{"type":"function","name":"f"}"#,
            ToolChoice::Named(named()),
        ),
        (
            r#"{"type":"custom","custom":{"name":"f"}}"#,
            ToolChoice::Named(named()),
        ),
        (
            r#"{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"g"}}]}}"#,
            allowed(true),
        ),
        (
            r#"{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}},{"type":"function","name":"g"}]}}"#,
            allowed(false),
        ),
    ];
    for (raw, expected) in cases {
        let body = with(&format!(r#""tool_choice":{raw},"tools":[]"#));
        assert_eq!(read(&body).unwrap().0.tool_choice, Some(expected), "{raw}");
    }
}

#[test]
fn t15_tools_of_every_kind_are_read_and_t13_schemas_stay_as_they_are() {
    let schema = r#"{"type":"object","properties":{"pattern":{"const":1.0}}, "$ref":"x"}"#;
    let body = with(&format!(
        r#""tools":[{{"type":"function","cache_control":{{"type":"ephemeral","ttl":"1h"}},"function":{{"name":"f","description":"d","strict":true,"parameters":{schema}}}}},
        {{"type":"custom","custom":{{"name":"g","format":{{"type":"grammar"}}}}}},{{"type":"web_search","x":1}}],"parallel_tool_calls":false"#
    ));
    let (ask, _, _) = read(&body).unwrap();
    let Tool::Function(function) = &ask.tools[0] else {
        panic!("no function")
    };
    assert_eq!(function.schema, Some(Text::from(schema)));
    assert_eq!(
        (function.strict, function.cache),
        (Some(true), Some(Cache::Hour))
    );
    assert!(matches!(&ask.tools[1], Tool::Custom { name, .. } if *name == "g"));
    assert!(
        matches!(&ask.tools[2], Tool::Hosted { kind, raw } if *kind == "web_search" && raw.ends_with("\"x\":1}"))
    );
    assert_eq!(ask.parallel_calls, Some(false));
}

#[test]
fn t24_every_form_of_answer_is_read() {
    let form = |raw: &str| {
        let body = with(&format!(r#""response_format":{raw}"#)).leak();
        read(body).unwrap().0.format.unwrap()
    };
    assert_eq!(form(r#"{"type":"text"}"#), Format::Text);
    assert_eq!(form(r#"{"type":"json_object"}"#), Format::JsonObject);
    let schema = Format::Schema {
        name: Some(Text::from("n")),
        description: None,
        schema: Text::from(r#"{"b":1,"a":2}"#),
        strict: Some(true),
    };
    assert_eq!(
        form(
            r#"{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"b":1,"a":2}}}"#
        ),
        schema
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one way an entry")]
fn every_way_to_ask_for_thought_is_read() {
    let plain = Reasoning::default();
    let cases = [
        (
            r#""reasoning_effort":"none""#,
            Reasoning {
                effort: Some(Effort::None),
                ..plain
            },
        ),
        (
            r#""reasoning_effort":"xhigh""#,
            Reasoning {
                effort: Some(Effort::ExtraHigh),
                ..plain
            },
        ),
        (
            r#""reasoning":{"effort":"low","exclude":true}"#,
            Reasoning {
                effort: Some(Effort::Low),
                shown: Some(Shown::Omitted),
                ..plain
            },
        ),
        (
            r#""reasoning":{"max_tokens":2000,"enabled":true}"#,
            Reasoning {
                budget: Some(2000),
                mode: Some(ReasoningMode::On),
                ..plain
            },
        ),
        (
            r#""thinking":{"type":"disabled"}"#,
            Reasoning {
                mode: Some(ReasoningMode::Off),
                ..plain
            },
        ),
        (
            r#""enable_thinking":true,"thinking_budget":5"#,
            Reasoning {
                mode: Some(ReasoningMode::On),
                budget: Some(5),
                ..plain
            },
        ),
        (
            r#""include_reasoning":false"#,
            Reasoning {
                shown: Some(Shown::Omitted),
                ..plain
            },
        ),
    ];
    for (member, expected) in cases {
        let body = with(member);
        let (ask, manner, said) = read(&body).unwrap();
        assert_eq!(ask.reasoning, Some(expected), "{member}");
        assert_eq!(
            manner.shows_thinking,
            expected.shown != Some(Shown::Omitted)
        );
        assert_eq!(said, [] as [String; 0]);
    }
    assert_eq!(read(&with(r#""user":"u""#)).unwrap().0.reasoning, None);
}

#[test]
fn xlat05_numbers_keep_their_digits_and_xlat08_the_stream_is_a_flag() {
    let body = with(
        r#""temperature":1E+0,"top_p":0.10,"seed":12345678901234567890123,"logit_bias":{"50256":-100},"n":2,
        "max_tokens":5,"max_completion_tokens":7,"stop":"x","logprobs":true,"top_logprobs":3,
        "top_k":40,"min_p":0.05,"repetition_penalty":1.10,"stream":null"#,
    );
    let (ask, manner, said) = read(&body).unwrap();
    let sampling = &ask.sampling;
    let digits = [
        &sampling.temperature,
        &sampling.top_p,
        &sampling.seed,
        &sampling.top_k,
    ]
    .map(|number| number.as_deref().unwrap_or_default().to_owned());
    assert_eq!(digits, ["1E+0", "0.10", "12345678901234567890123", "40"]);
    assert_eq!(sampling.repeat_penalty, Some(Text::from("1.10")));
    assert_eq!(
        (ask.choices, ask.max_tokens, ask.logprobs),
        (Some(2), Some(7), Some(3))
    );
    assert_eq!(ask.stop, [Text::from("x")]);
    assert!(!ask.is_stream && !manner.is_stream && !manner.includes_usage);
    assert_eq!(said, [] as [String; 0]);
}

#[test]
fn the_manner_is_what_the_client_asked_for() {
    let body = with(
        r#""stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false},"safety_identifier":"s","prompt_cache_key":"k","store":false,"metadata":{"a":"b"}"#,
    );
    let (ask, manner, said) = read(&body).unwrap();
    assert!(ask.is_stream && manner.is_stream && manner.includes_usage);
    assert_eq!(manner.model, "m");
    assert_eq!(ask.user, Some(Text::from("s")));
    assert_eq!(ask.cache_key, Some(Text::from("k")));
    assert_eq!(
        (ask.kept.store, ask.metadata),
        (Some(false), Some(Text::from(r#"{"a":"b"}"#)))
    );
    assert_eq!(said, [] as [String; 0]);
}
