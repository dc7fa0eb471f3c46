//! Whole answers.

use mirk_model::{
    Call, Choice, Counted, Finish, Operation, Origin, Part, PartKind, Reply, State, Thinking, Usage,
};
use serde_json::json;

use super::{Tree, WIRE};
use crate::wire::Manner;

fn read(body: &str) -> Reply<'_> {
    (WIRE.read_reply)(body).unwrap()
}

fn manner() -> Manner {
    let mut manner = Manner::new(Operation::Generate);
    manner.model = "alias".to_owned();
    manner.request_id = "req-1".to_owned();
    manner
}

fn write(reply: &Reply<'_>, manner: &Manner) -> Tree {
    serde_json::from_slice(&(WIRE.write_reply)(reply, manner)).unwrap()
}

#[test]
fn an_answer_is_read_with_its_parts() {
    let reply = read(
        r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},
            {"text":"a","thoughtSignature":"c2ln"},{"odd":1},
            {"functionCall":{"name":"f","args":{"x":1.0}},"thoughtSignature":"c2lo"},
            {"inlineData":{"mimeType":"image/png","data":"_-8"}},
            {"executableCode":{"language":"PYTHON","code":"1"}}],"role":"model"},
            "finishReason":"STOP","index":0}],"modelVersion":"m","responseId":"r",
            "usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,
                "toolUsePromptTokenCount":2,"candidatesTokenCount":3,"thoughtsTokenCount":5,
                "totalTokenCount":20}}"#,
    );
    assert_eq!((reply.id.as_str(), reply.model.as_str()), ("r", "m"));
    assert_eq!(
        reply.usage,
        Some(Usage {
            input: 12,
            cached: 4,
            cache_write: 0,
            output: 8,
            reasoning: 5,
            counted: Counted::Reported
        })
    );
    let parts = &reply.choices[0].parts;
    let PartKind::Thinking(thinking) = &parts[0].kind else {
        panic!("no thought");
    };
    assert_eq!(thinking.state.as_ref().unwrap().data, "c2ln");
    let PartKind::Call(call) = &parts[2].kind else {
        panic!("no call");
    };
    assert_eq!(
        (call.id.as_str(), call.arguments.as_str()),
        ("call_r_0", r#"{"x":1.0}"#)
    );
    assert_eq!(call.state.as_ref().unwrap().data, "c2lo");
    let PartKind::Media(media) = &parts[3].kind else {
        panic!("no media");
    };
    assert!(matches!(&media.source, mirk_model::Source::Data { base64, .. } if *base64 == "/+8="));
    // What Google ran itself is no part of the answer.
    assert_eq!(parts.len(), 4);
    assert_eq!(reply.choices[0].finish, Finish::Stop);
}

#[test]
fn xlat17_counts_that_cannot_be_believed_mark_the_whole() {
    let usage = |counts: &str| {
        let body = format!(r#"{{"candidates":[],"usageMetadata":{counts}}}"#);
        read(&body).usage
    };
    assert_eq!(usage("null"), None);
    assert_eq!(usage("3"), None);
    for counts in [
        r#"{"promptTokenCount":-5,"candidatesTokenCount":1}"#,
        r#"{"promptTokenCount":"7","candidatesTokenCount":1}"#,
        r#"{"promptTokenCount":1e400}"#,
        r#"{"promptTokenCount":99999999999999999999999}"#,
        r#"{"promptTokenCount":1.5}"#,
        r#"{"promptTokenCount":5,"cachedContentTokenCount":9}"#,
        "{}",
    ] {
        let usage = usage(counts).unwrap();
        assert_eq!(usage.counted, Counted::Estimated, "{counts}");
        assert!(
            usage.cached <= usage.input && usage.total() < 1 << 50,
            "{counts}"
        );
    }
}

#[test]
fn a_blocked_prompt_is_an_answer_that_was_filtered() {
    let reply = read(r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"}}"#);
    assert_eq!(reply.choices.len(), 1);
    assert_eq!(reply.choices[0].finish, Finish::Filtered);
    assert!(read("{}").choices.is_empty());
}

#[test]
fn places_are_counted_in_characters_here_and_in_bytes_there() {
    let body = r#"{"candidates":[{"content":{"parts":[{"text":"h\u00e9\u00e9"},{"text":"\u00e9x"}]},
        "groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://a.example"}}],
            "groundingSupports":[{"segment":{"partIndex":1,"startIndex":2,"endIndex":3,"text":"x"},
                "groundingChunkIndices":[0,7]}]}}]}"#;
    let reply = read(body);
    let PartKind::Text { citations, .. } = &reply.choices[0].parts[1].kind else {
        panic!("no text");
    };
    assert_eq!((citations[0].start, citations[0].end), (Some(4), Some(5)));
    assert_eq!(citations.len(), 1);
    let written = write(&reply, &manner());
    let segment = &written["candidates"][0]["groundingMetadata"]["groundingSupports"][0]["segment"];
    assert_eq!(*segment, json!({"startIndex":7,"endIndex":8,"text":"x"}));
}

#[test]
fn an_answer_is_written_as_gemini_would() {
    let thinking = Part::new(PartKind::Thinking(Thinking {
        text: "secret".into(),
        id: None,
        state: Some(State {
            origin: Origin::OpenAi,
            data: "x".into(),
        }),
    }));
    let call = Part::new(PartKind::Call(Call {
        id: "id-1".into(),
        name: "f".into(),
        namespace: None,
        arguments: "{\"a\":1}".into(),
        is_custom: false,
        state: None,
    }));
    let reply = Reply {
        choices: vec![
            Choice {
                parts: vec![thinking, call],
                finish: Finish::Calls,
                ..Choice::default()
            },
            Choice::default(),
            Choice {
                finish: Finish::Filtered,
                ..Choice::default()
            },
        ],
        usage: Some(Usage {
            input: 3,
            output: 2,
            ..Usage::default()
        }),
        ..Reply::default()
    };
    let mut manner = manner();
    manner.shows_thinking = false;
    assert_eq!(
        write(&reply, &manner),
        json!({"candidates":[
            {"content":{"parts":[{"text":"","thoughtSignature":"bWlyazE6bzp4"},
                {"functionCall":{"id":"id-1","name":"f","args":{"a":1}}}],"role":"model"},
                "finishReason":"STOP","index":0},
            {"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":1},
            {"content":{"parts":[],"role":"model"},"finishReason":"SAFETY","index":2}],
            "usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5},
            "modelVersion":"alias","responseId":"req-1"})
    );
}
