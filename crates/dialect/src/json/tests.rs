//! The head scan against `serde_json`, against hostile bodies and against its own promises.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

fn scan(body: &str) -> Result<Head, HeadError> {
    Head::scan(body.as_bytes(), Limits::default())
}

fn name_in(body: &str) -> String {
    scan(body).unwrap().model.unwrap().name
}

#[test]
fn reads_what_routing_needs() {
    let body = r#" {"model" : "gpt-5","stream":true, "max_tokens":10,"max_completion_tokens":20.2,
        "n":3,"prompt_cache_key":"k","stream_options":{"x":[1],"include_usage":true},
        "tools":[{"type":"function"}],
        "messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]} "#;
    let head = scan(body).unwrap();
    let model = head.model.clone().unwrap();
    assert_eq!(model.name, "gpt-5");
    assert_eq!(body.get(model.token), Some(r#""gpt-5""#));
    assert_eq!(
        Head {
            model: None,
            ..head
        },
        Head {
            model: None,
            stream: Some(true),
            max_tokens: Some(21),
            choices: 3,
            has_prompt_cache_key: true,
            includes_usage: true,
            has_tools: true,
            has_images: true,
        }
    );
}

#[test]
fn absent_and_null_fields_are_defaults() {
    let head = scan(r#"{"stream":null,"max_tokens":null,"tools":[ ],"messages":[]}"#).unwrap();
    assert_eq!(
        head,
        Head {
            choices: 1,
            ..Head::default()
        }
    );
    assert!(!head.is_streamed(Operation::Chat));
    assert!(head.is_streamed(Operation::OllamaChat));
    assert!(head.is_streamed(Operation::StreamGenerate));
    assert!(!head.is_streamed(Operation::Embeddings));
}

#[test]
fn gemini_and_ollama_limits_are_read_one_level_down() {
    let gemini = r#"{"generationConfig":{"maxOutputTokens":7,"candidateCount":2}}"#;
    let head = scan(gemini).unwrap();
    assert_eq!((head.max_tokens, head.choices), (Some(7), 2));
    let ollama = r#"{"options":{"num_predict":-1}}"#;
    assert_eq!(scan(ollama).unwrap().max_tokens, Some(u64::MAX));
    assert_eq!(scan(r#"{"max_tokens":-0}"#).unwrap().max_tokens, Some(0));
    let huge = r#"{"max_tokens":99999999999999999999}"#;
    assert_eq!(scan(huge).unwrap().max_tokens, Some(u64::MAX));
}

#[test]
fn wrong_types_name_the_field() {
    let stream = HeadError::WrongType("stream", "true or false");
    for value in [r#""true""#, "1", "[]", "{}", "0"] {
        assert_eq!(scan(&format!(r#"{{"stream":{value}}}"#)), Err(stream));
    }
    for value in ["1", r#"["a"]"#, "null", "{}", "true"] {
        let expected = HeadError::WrongType("model", "a string");
        assert_eq!(scan(&format!(r#"{{"model":{value}}}"#)), Err(expected));
    }
    assert_eq!(
        scan(r#"{"max_tokens":"5"}"#),
        Err(HeadError::WrongType("max_tokens", "a number"))
    );
    let problem = Problem::from(stream);
    assert_eq!(problem.kind, Kind::BadRequest);
    assert_eq!(problem.param.as_deref(), Some("stream"));
}

#[test]
fn names_are_compared_decoded_and_only_once() {
    assert_eq!(name_in(r#"{"mod\u0065l":"a\u002fb"}"#), "a/b");
    for body in [
        r#"{"model":"a","model":"b"}"#,
        r#"{"model":"a","mod\u0065l":"b"}"#,
        r#"{"model":"a","Model":"b"}"#,
        r#"{"MODEL":"b"}"#,
    ] {
        assert_eq!(scan(body), Err(HeadError::Ambiguous("model")), "{body}");
    }
    let long_s = "{\"\u{17f}tream\":true}";
    assert_eq!(scan(long_s), Err(HeadError::Ambiguous("stream")));
    let two_spellings = r#"{"generationConfig":{},"generation_config":{}}"#;
    let expected = HeadError::Ambiguous("generation_config");
    assert_eq!(scan(two_spellings), Err(expected));
    assert_eq!(
        name_in(r#"{"model":"a","x":{"model":"b"},"x":{"model":1}}"#),
        "a"
    );
}

#[test]
fn model_names_have_bounds() {
    let longest = "m".repeat(256);
    assert_eq!(name_in(&format!(r#"{{"model":"{longest}"}}"#)), longest);
    for bad in [
        "",
        "a\\u0000",
        "a\\nb",
        "\\ud800",
        "\\u0085",
        &"m".repeat(257),
    ] {
        let body = format!(r#"{{"model":"{bad}"}}"#);
        assert_eq!(scan(&body), Err(HeadError::BadModel), "{bad}");
    }
}

#[test]
fn nesting_is_bounded_without_recursion() {
    let nested = |depth: usize| {
        let inner = depth - 1;
        format!(r#"{{"a":{}{}}}"#, "[".repeat(inner), "]".repeat(inner))
    };
    assert!(scan(&nested(10)).is_ok());
    assert!(scan(&nested(128)).is_ok());
    for depth in [129, 10_000, 1_000_000] {
        assert_eq!(scan(&nested(depth)), Err(HeadError::TooDeep), "{depth}");
        assert_eq!(scan(&"[".repeat(depth)), Err(HeadError::TooDeep));
        assert_eq!(scan(&r#"{"a":"#.repeat(depth)), Err(HeadError::TooDeep));
    }
    assert_eq!(Problem::from(HeadError::TooDeep).kind, Kind::JsonTooDeep);
}

#[test]
fn elements_are_bounded() {
    let messages = |count: usize| format!(r#"{{"messages":[{}0]}}"#, "0,".repeat(count - 1));
    assert!(scan(&messages(99_999)).is_ok());
    assert_eq!(scan(&messages(100_000)), Err(HeadError::TooMany));
    let keys = format!("{{{}\"x\":0}}", "\"x\":0,".repeat(999_999));
    assert_eq!(scan(&keys), Err(HeadError::TooMany));
    let spread = format!(r#"{{"a":[[{0}],[{0}]]}}"#, vec!["0"; 600_000].join(","));
    assert_eq!(scan(&spread), Err(HeadError::TooMany));
}

#[test]
fn only_an_object_in_utf8_is_a_body() {
    for body in ["[]", "1", "\"a\"", "null"] {
        assert_eq!(scan(body), Err(HeadError::NotObject));
    }
    for body in [
        "",
        " ",
        "{}x",
        "{} {}",
        "{,}",
        "{\"a\":1,}",
        "[1,]",
        "{\"a\" 1}",
        "\u{feff}{}",
    ] {
        assert!(matches!(scan(body), Err(HeadError::NotJson(_))), "{body}");
    }
    for value in [
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "NaN",
        "tru",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\t\"",
    ] {
        let body = format!(r#"{{"a":{value}}}"#);
        assert!(matches!(scan(&body), Err(HeadError::NotJson(_))), "{value}");
    }
    for value in [
        "1e400",
        "-0",
        "9007199254740993",
        "1E+2",
        r#""\ud800\u0000""#,
    ] {
        assert!(scan(&format!(r#"{{"a":{value}}}"#)).is_ok(), "{value}");
    }
    let invalid = Head::scan(b"{\"a\":\"\xff\"}", Limits::default());
    assert_eq!(invalid, Err(HeadError::NotUtf8));
}

#[test]
fn control_characters_in_strings_are_refused_at_every_place() {
    for place in 0..24 {
        for byte in [0x00, 0x09, 0x0a, 0x1f, 0x20, 0x7f] {
            let mut text = [b'x'; 24];
            text[place] = byte;
            let body = [b"{\"a\":\"", text.as_slice(), b"\"}"].concat();
            let is_valid = Head::scan(&body, Limits::default()).is_ok();
            assert_eq!(is_valid, byte >= 0x20, "{byte} at {place}");
        }
    }
}

#[test]
fn brackets_close_their_own_kind() {
    for value in [
        "[1}",
        "[1]]",
        "[{\"b\":1]}",
        "[[1}]",
        "{\"b\":1]",
        "[}",
        "{]",
        "[1",
        "{\"b\"",
        "{1:2}",
    ] {
        let body = format!(r#"{{"a":{value}}}"#);
        assert!(matches!(scan(&body), Err(HeadError::NotJson(_))), "{value}");
    }
    assert!(matches!(scan(r#"{"a":1]"#), Err(HeadError::NotJson(_))));
}

#[test]
fn splice_changes_only_the_token() {
    let body =
        Bytes::from_static(b"{ \"x\":1.0,\n\"model\" : \"a\\u0062\" ,\"n\":9007199254740993}");
    let head = Head::scan(&body, Limits::default());
    // `n` is as large as it is; the scan reads it and the splice leaves its digits.
    let model = head.unwrap().model.unwrap();
    assert_eq!(model.name, "ab");
    let spliced = splice(&body, &model.token, "q\"\\/é");
    assert_eq!(
        std::str::from_utf8(&spliced).unwrap(),
        "{ \"x\":1.0,\n\"model\" : \"q\\\"\\\\/é\" ,\"n\":9007199254740993}"
    );
    assert_eq!(splice(&body, &model.token, "ab").len(), body.len() - 5);
}

/// JSON text with odd spacing, escapes and numbers.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-0.5E+10".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| serde_json::json!(number).to_string()),
        ".{0,20}".prop_map(|text| serde_json::json!(text).to_string()),
        Just(r#""\ud83d\ude00 \/ \u00e9""#.to_owned()),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        let key = "[a-z\"\\\\é\n]{0,12}".prop_map(|key| serde_json::json!(key).to_string());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6)
                .prop_map(|items| format!("[ {}]", items.join(" ,\n"))),
            prop::collection::vec((key, inner), 0..6).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(k, v)| format!("{k}\t: {v}")).collect();
                format!("{{{} }}", members.join(","))
            }),
        ]
    })
}

fn serde_takes(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok() && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

fn we_take(text: &[u8]) -> bool {
    let is_nested = [b"{\"a\":", text, b"}"].concat();
    Head::scan(&is_nested, Limits::default()).is_ok()
}

proptest! {
    #[test]
    fn scan_takes_what_serde_json_takes(text in json_text()) {
        prop_assert!(serde_takes(text.as_bytes()));
        prop_assert!(we_take(text.as_bytes()));
    }

    #[test]
    fn scan_agrees_with_serde_json_on_mutated_json(
        text in json_text(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut text = text.into_bytes();
        for (place, byte, how) in cuts {
            let at = place.index(text.len().max(1));
            match how {
                0 if at < text.len() => text[at] = byte,
                1 if at < text.len() => { text.remove(at); }
                _ => text.insert(at, b"{}[]\",:\\0-.eu"[usize::from(byte) % 13]),
            }
        }
        // Behind a key, so that a mutation cannot make up a member of the object around it.
        let wrapped = [b"[", text.as_slice(), b"]"].concat();
        prop_assert_eq!(we_take(&wrapped), serde_takes(&wrapped));
    }

    #[test]
    fn taken_apart_level_by_level_a_value_is_what_serde_json_reads_at_once(text in json_text()) {
        if let Ok(whole) = serde_json::from_str::<serde_json::Value>(&text) {
            prop_assert_eq!(taken_apart(Value::parse(&text).unwrap()), whole);
        }
    }

    #[test]
    fn scan_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let whole = Head::scan(&bytes, Limits::default());
        prop_assert_eq!(whole.is_ok(), whole.is_ok() && serde_takes(&bytes));
    }

    #[test]
    fn spliced_body_differs_in_the_model_alone(before in json_text(), name in "[a-z/.:-]{1,30}", new in ".{1,30}") {
        let body = format!("{{\"a\":{before},\"model\": \"{name}\" ,\"b\":{before}}}");
        let body = Bytes::from(body);
        let model = Head::scan(&body, Limits::default()).unwrap().model.unwrap();
        prop_assert_eq!(&model.name, &name);
        let spliced = splice(&body, &model.token, &new);
        let quoted = serde_json::to_string(&new).unwrap();
        let expected = format!("{{\"a\":{before},\"model\": {quoted} ,\"b\":{before}}}");
        prop_assert_eq!(spliced, Bytes::from(expected));
    }
}

/// Every value of `value`, each found by stepping over those before it.
fn taken_apart(value: Value<'_>) -> serde_json::Value {
    match value.kind() {
        Type::Array => value
            .items()
            .unwrap()
            .into_iter()
            .map(taken_apart)
            .collect(),
        Type::Object => {
            let members = value.members().unwrap().into_rest();
            members
                .map(|(name, value)| (name.into_owned(), taken_apart(value)))
                .collect()
        }
        _ => serde_json::from_str(value.raw()).unwrap(),
    }
}

#[test]
fn brackets_and_quotes_in_strings_end_nothing() {
    let text = r#" { "a" : [ "]}\"" , {"b}":"{[\\"} , -1.5e3 ] , "c\"" : { } , "d" : [[],[[ ]]] , "e":true } "#;
    let whole: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(taken_apart(Value::parse(text).unwrap()), whole);
}

/// Prints how long a scan of 1 MB takes beside `serde_json`'s. Run with `--release -- --ignored`.
#[test]
#[ignore = "a measurement, not a check"]
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn measure_scan_of_one_megabyte() {
    let turn =
        r#"{"role":"user","content":"It was the best of times, \"it was\" the worst of times."},"#;
    let turns = turn.repeat(1_000_000 / turn.len());
    let body = format!(r#"{{"model":"m","messages":[{turns}{{}}]}}"#);
    let best = |run: &dyn Fn()| {
        (0..50)
            .map(|_| {
                let start = std::time::Instant::now();
                run();
                start.elapsed()
            })
            .min()
            .unwrap()
    };
    let ours = best(&|| assert!(scan(std::hint::black_box(&body)).is_ok()));
    let theirs = best(&|| {
        let text = std::hint::black_box(body.as_bytes());
        assert!(serde_json::from_slice::<IgnoredAny>(text).is_ok());
    });
    println!("scan {ours:?}, serde_json IgnoredAny {theirs:?}");
}
