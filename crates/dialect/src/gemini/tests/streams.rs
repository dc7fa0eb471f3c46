//! Streams: read from a provider, written for a client.

use mirk_model::{
    Call, Citation, Counted, Event, Failure, Finish, Logprob, Operation, Origin, State, Text, Usage,
};
use serde_json::json;

use super::{Tree, WIRE, chunks, data, events};
use crate::wire::Manner;

pub(super) fn manner() -> Manner {
    let mut manner = Manner::new(Operation::StreamGenerate);
    manner.is_stream = true;
    manner.shows_thinking = true;
    manner.model = "alias".to_owned();
    manner.request_id = "req-1".to_owned();
    manner
}

fn text(text: &'static str) -> Event<'static> {
    Event::Text {
        choice: 0,
        text: Text::from(text),
    }
}

pub(super) fn finish(choice: u32, finish: Finish) -> Event<'static> {
    Event::Finish {
        choice,
        finish,
        stop: None,
    }
}

pub(super) fn call(name: &'static str) -> Call<'static> {
    Call {
        id: Text::from("id-1"),
        name: Text::from(name),
        namespace: None,
        arguments: Text::default(),
        is_custom: false,
        state: None,
    }
}

pub(super) fn start() -> Event<'static> {
    Event::Start {
        id: Text::from("r1"),
        model: Text::from("m1"),
        created: None,
        usage: None,
    }
}

fn trees(stream: &[u8]) -> Vec<Tree> {
    let parse = |data: String| serde_json::from_str(&data).unwrap();
    data(stream).into_iter().map(parse).collect()
}

#[test]
fn a_stream_is_told_as_it_comes_and_ends_with_the_body() {
    let found = events(&[
        r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true}],"role":"model"}}],"usageMetadata":{"promptTokenCount":5},"modelVersion":"m","responseId":"r"}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"Hel"}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"lo"}]},"finishReason":"STOP"}]}"#,
        r#"{"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"thoughtsTokenCount":3,"totalTokenCount":10}}"#,
    ]);
    let usage = |output, reasoning| Usage {
        input: 5,
        output,
        reasoning,
        counted: Counted::Reported,
        ..Usage::default()
    };
    assert_eq!(
        found,
        [
            Event::Start {
                id: "r".into(),
                model: "m".into(),
                created: None,
                usage: Some(usage(0, 0)),
            },
            Event::Thinking {
                choice: 0,
                text: "hm".into()
            },
            Event::Usage(usage(0, 0)),
            text("Hel"),
            text("lo"),
            finish(0, Finish::Stop),
            Event::Usage(usage(5, 3)),
            Event::End,
        ]
    );
}

#[test]
fn strm05_a_body_that_ends_before_the_reason_is_not_whole() {
    let found = events(&[r#"{"candidates":[{"content":{"parts":[{"text":"Hel"}]}}]}"#]);
    assert!(!found.contains(&Event::End));
    let found = events(&[
        r#"{"candidates":[{"index":0,"finishReason":"STOP"},{"index":1,"content":{"parts":[]}}]}"#,
    ]);
    assert!(!found.contains(&Event::End));
    assert!(events(&[]).is_empty());
}

#[test]
fn t1_t3_calls_that_share_an_index_are_calls_of_their_own() {
    let found = events(&[
        r#"{"responseId":"R-1","candidates":[{"content":{"parts":[
            {"functionCall":{"name":"f","args":{"a":1.0}},"thoughtSignature":"c2ln"},
            {"functionCall":{"name":"f","args":{}}}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"id":"x","name":"g"}}]},"finishReason":"STOP"}]}"#,
    ]);
    let begun: Vec<_> = found
        .iter()
        .filter_map(|event| match event {
            Event::Call { call, begun, .. } => Some((*call, begun.id.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(begun, [(0, "call_R-1_0"), (1, "call_R-1_1"), (2, "x")]);
    let arguments: Vec<_> = found
        .iter()
        .filter_map(|event| match event {
            Event::Arguments { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(arguments, [r#"{"a":1.0}"#, "{}", "{}"]);
    let ends = found
        .iter()
        .filter(|event| matches!(event, Event::CallEnd { .. }));
    assert_eq!(ends.count(), 3);
}

#[test]
fn every_reason_that_is_no_end_means_that_the_answer_was_cut_off() {
    for (word, finish) in [
        ("STOP", Finish::Stop),
        ("MAX_TOKENS", Finish::Length),
        ("SAFETY", Finish::Filtered),
        ("RECITATION", Finish::Filtered),
        ("PROHIBITED_CONTENT", Finish::Filtered),
        ("MALFORMED_FUNCTION_CALL", Finish::Filtered),
        ("SOMETHING_NEW", Finish::Filtered),
    ] {
        let chunk = format!(r#"{{"candidates":[{{"finishReason":"{word}"}}]}}"#);
        let found = events(&[&chunk]);
        assert!(found.contains(&super::streams::finish(0, finish)), "{word}");
        assert_eq!(found.last(), Some(&Event::End));
    }
    let blocked =
        r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}"#;
    let found = events(&[blocked]);
    assert!(found.contains(&finish(0, Finish::Filtered)));
    assert_eq!(found.last(), Some(&Event::End));
}

#[test]
fn t21_an_error_inside_the_stream_is_one() {
    let found = events(&[
        r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#,
        r#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#,
    ]);
    let Some(Event::Error(failure)) = found.last() else {
        panic!("no error");
    };
    assert_eq!(failure.status, 503);
    assert_eq!(
        (failure.code.as_str(), failure.message.as_str()),
        ("UNAVAILABLE", "busy")
    );
}

#[test]
fn signatures_sources_and_probabilities_are_told() {
    let found = events(&[
        r#"{"candidates":[{"content":{"parts":[{"text":"abc"},{"text":"","thoughtSignature":"c2ln"}]},
            "logprobsResult":{"chosenCandidates":[{"token":"abc","logProbability":-0.10}],
                "topCandidates":[{"candidates":[{"token":"x","logProbability":-2}]}]},
            "groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://a.example","title":"A"}},{"web":{"uri":"https://b.example"}}],
                "groundingSupports":[{"segment":{"endIndex":3,"text":"abc"},"groundingChunkIndices":[0]}]},
            "citationMetadata":{"citationSources":[{"startIndex":1,"endIndex":2,"uri":"https://c.example"}]},
            "finishReason":"STOP"}]}"#,
    ]);
    assert!(found.contains(&Event::ThinkingState {
        choice: 0,
        id: None,
        state: State {
            origin: Origin::Gemini,
            data: "c2ln".into()
        }
    }));
    assert!(found.contains(&Event::Logprobs {
        choice: 0,
        tokens: vec![Logprob {
            token: "abc".into(),
            logprob: "-0.10".into(),
            others: vec![("x".into(), "-2".into())]
        }]
    }));
    let cited: Vec<_> = found
        .iter()
        .filter_map(|event| match event {
            Event::Citation { citation, .. } => Some((
                citation.url.as_deref().unwrap(),
                citation.quote.as_deref(),
                citation.end,
            )),
            _ => None,
        })
        .collect();
    assert_eq!(
        cited,
        [
            ("https://a.example", Some("abc"), Some(3)),
            ("https://b.example", None, None),
            ("https://c.example", None, Some(2))
        ]
    );
}

#[test]
fn a_client_gets_text_at_once_and_the_reason_with_the_tokens_last() {
    let mut writer = (WIRE.writer)(&manner());
    let mut out = Vec::new();
    writer.event(&start(), &mut out);
    writer.event(&text("Hi"), &mut out);
    assert_eq!(
        trees(&out),
        [
            json!({"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"index":0}],
            "modelVersion":"m1","responseId":"r1"})
        ]
    );
    out.clear();
    writer.event(&finish(0, Finish::Calls), &mut out);
    assert!(out.is_empty());
    writer.event(
        &Event::Usage(Usage {
            input: 10,
            cached: 4,
            output: 7,
            reasoning: 2,
            ..Usage::default()
        }),
        &mut out,
    );
    writer.event(&Event::End, &mut out);
    assert_eq!(
        trees(&out),
        [
            json!({"candidates":[{"content":{"role":"model"},"finishReason":"STOP","index":0}],
            "usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,
                "candidatesTokenCount":5,"thoughtsTokenCount":2,"totalTokenCount":17},
            "modelVersion":"m1","responseId":"r1"})
        ]
    );
}

#[test]
fn t2_interleaved_calls_are_written_whole_each_with_its_signature() {
    let state = State {
        origin: Origin::Anthropic,
        data: "Eo4".into(),
    };
    let arguments = |call, text: &'static str| Event::Arguments {
        choice: 0,
        call,
        text: Text::from(text),
    };
    let stream = chunks(
        &[
            start(),
            Event::Call {
                choice: 0,
                call: 0,
                begun: Call {
                    state: Some(state),
                    ..call("f")
                },
            },
            Event::Call {
                choice: 0,
                call: 1,
                begun: call("g"),
            },
            arguments(0, "{\"a\":"),
            arguments(1, "{\"b\""),
            arguments(0, "1.0}"),
            Event::CallEnd { choice: 0, call: 0 },
            arguments(1, ": oh no"),
            Event::CallEnd { choice: 0, call: 1 },
        ],
        &manner(),
    );
    let parts: Vec<_> = trees(&stream)
        .into_iter()
        .map(|chunk| chunk["candidates"][0]["content"]["parts"][0].clone())
        .collect();
    assert!(String::from_utf8_lossy(&stream).contains(r#""args":{"a":1.0}"#));
    assert_eq!(
        parts,
        [
            json!({"functionCall":{"id":"id-1","name":"f","args":{"a":1.0}},
                "thoughtSignature":"bWlyazE6YTpFbzQ"}),
            json!({"functionCall":{"id":"id-1","name":"g","args":{"arguments":"{\"b\": oh no"}}}),
        ]
    );
}

#[test]
fn systems_10_6_without_sse_a_stream_is_one_array() {
    let mut manner = manner();
    manner.is_sse = false;
    let all = [
        start(),
        text("a"),
        text("b"),
        finish(0, Finish::Stop),
        Event::End,
    ];
    let whole: Tree = serde_json::from_slice(&chunks(&all, &manner)).unwrap();
    assert_eq!(whole.as_array().unwrap().len(), 3);
    assert_eq!(whole[2]["candidates"][0]["finishReason"], "STOP");
    let empty: Tree = serde_json::from_slice(&chunks(&[start(), Event::End], &manner)).unwrap();
    assert_eq!(empty.as_array().unwrap().len(), 1);
    let failed = [
        start(),
        text("a"),
        Event::Error(Failure {
            status: 529,
            code: "overloaded_error".into(),
            message: "busy".into(),
            param: None,
        }),
    ];
    let broken = String::from_utf8(chunks(&failed, &manner)).unwrap();
    assert!(broken.ends_with(r#"{"error":{"code":529,"message":"busy","status":"UNAVAILABLE"}}"#));
    assert!(serde_json::from_str::<Tree>(&broken).is_err());
}

#[test]
fn an_error_for_a_client_ends_the_stream_without_a_reason() {
    let stream = chunks(
        &[
            start(),
            finish(0, Finish::Stop),
            Event::Error(Failure {
                status: 429,
                code: "RESOURCE_EXHAUSTED".into(),
                message: "slow".into(),
                param: None,
            }),
        ],
        &manner(),
    );
    assert_eq!(
        trees(&stream),
        [json!({"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED"}})]
    );
}

#[test]
fn xlat22_hidden_thoughts_leave_their_signature() {
    let mut manner = manner();
    manner.shows_thinking = false;
    let stream = chunks(
        &[
            start(),
            Event::Thinking {
                choice: 0,
                text: "secret".into(),
            },
            Event::ThinkingState {
                choice: 0,
                id: None,
                state: State {
                    origin: Origin::Gemini,
                    data: "c2ln".into(),
                },
            },
        ],
        &manner,
    );
    let parts: Vec<_> = trees(&stream)
        .into_iter()
        .map(|chunk| chunk["candidates"][0]["content"]["parts"][0].clone())
        .collect();
    assert_eq!(parts, [json!({"text":"","thoughtSignature":"c2ln"})]);
}

#[test]
fn strm11_text_that_looks_like_framing_stays_text() {
    let said = "a\n\ndata: [DONE]\r\n\r\nevent: error\u{0}";
    let stream = chunks(&[start(), text(said), Event::End], &manner());
    let trees = trees(&stream);
    assert_eq!(trees.len(), 2);
    assert_eq!(
        trees[0]["candidates"][0]["content"]["parts"][0]["text"],
        said
    );
}

#[test]
fn sources_come_with_the_reason() {
    let cited = |start| Event::Citation {
        choice: 0,
        citation: Citation {
            url: Some("https://a.example".into()),
            title: Some("A".into()),
            quote: None,
            start,
            end: None,
        },
    };
    let stream = chunks(
        &[
            start(),
            text("abc"),
            cited(Some(1)),
            cited(None),
            finish(0, Finish::Stop),
            Event::End,
        ],
        &manner(),
    );
    let trees = trees(&stream);
    assert_eq!(
        trees[1]["candidates"][0]["groundingMetadata"],
        json!({"groundingChunks":[{"web":{"uri":"https://a.example","title":"A"}},
                {"web":{"uri":"https://a.example","title":"A"}}],
            "groundingSupports":[{"segment":{"startIndex":1},"groundingChunkIndices":[0]}]})
    );
}
