//! Tests of ClawPipe's calls.

use mirk_model::{
    Choice, Counted, Dialect, Event, Failure, Finish, Operation, Part, Reply, Role, Text, Usage,
};
use proptest::prelude::*;

use super::{read_ask, write_reply, writer};
use crate::{
    loss::Notes,
    sse::{Field, Lines},
    wire::Manner,
};

fn notes() -> Notes {
    Notes::new(Dialect::OpenAiChat, Dialect::Anthropic)
}

fn text(text: &str) -> Event<'_> {
    Event::Text {
        choice: 0,
        text: Text::from(text),
    }
}

fn written(events: &[Event<'_>]) -> String {
    let mut writer = writer(&Manner::new(Operation::PromptStream));
    let mut out = Vec::new();
    for event in events {
        writer.event(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

/// The data of each event, as the standard has it.
fn data_of(stream: &str) -> Vec<String> {
    let (mut found, mut lines) = (Vec::new(), Vec::new());
    Lines::default()
        .feed(stream.as_bytes(), |line| match Field::of(line) {
            Field::Data(data) => lines.push(String::from_utf8(data.to_vec()).unwrap()),
            Field::Blank if !lines.is_empty() => {
                found.push(std::mem::take(&mut lines).join("\n"));
            }
            _ => {}
        })
        .unwrap();
    found
}

#[test]
fn a_prompt_is_a_turn_of_the_users_behind_the_system() {
    let body = r#"{"prompt":"hi","provider":"openai","model":"gpt-x","system":"be brief",
        "maxTokens":9,"temperature":0.10,"taskType":"chat","odd":1}"#;
    let mut said = notes();
    let (ask, manner) = read_ask(Operation::Prompt, body, &mut said).unwrap();
    assert_eq!(ask.model, "gpt-x");
    let roles: Vec<_> = ask.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::System, Role::User]);
    assert_eq!(ask.turns[1].parts, [Part::text("hi")]);
    assert_eq!(ask.max_tokens, Some(9));
    assert_eq!(ask.sampling.temperature, Some(Text::from("0.10")));
    assert_eq!(ask.own, [("provider", Text::from("\"openai\""))]);
    assert_eq!(said.said(), ["dropped:odd"]);
    assert!(!ask.is_stream && !manner.is_stream);
    assert!(!manner.shows_thinking);
    let (ask, manner) = read_ask(Operation::PromptStream, r#"{"prompt":"hi"}"#, &mut said).unwrap();
    assert!(ask.is_stream && manner.is_stream && ask.model.is_empty());
}

#[test]
fn what_is_missing_or_of_the_wrong_type_is_named() {
    let cases = [
        (r"{}", "`prompt` is missing"),
        (r#"{"prompt":1}"#, "`prompt` is not a string"),
        (
            r#"{"prompt":"a","maxTokens":"9"}"#,
            "`maxTokens` is not a number",
        ),
        (
            r#"{"prompt":"a","provider":[]}"#,
            "`provider` is not a string",
        ),
    ];
    for (body, expected) in cases {
        let misread = read_ask(Operation::Prompt, body, &mut notes()).unwrap_err();
        assert_eq!(misread.to_string(), expected);
    }
}

#[test]
fn an_answer_is_its_text_its_tokens_and_its_time() {
    let reply = Reply {
        choices: vec![Choice {
            parts: vec![Part::text("a"), Part::text("b\n")],
            ..Choice::default()
        }],
        usage: Some(Usage {
            input: 3,
            output: 2,
            counted: Counted::Reported,
            ..Usage::default()
        }),
        ..Reply::default()
    };
    let manner = Manner {
        latency_ms: 41,
        ..Manner::new(Operation::Prompt)
    };
    assert_eq!(
        String::from_utf8(write_reply(&reply, &manner)).unwrap(),
        r#"{"text":"ab\n","tokensIn":3,"tokensOut":2,"latencyMs":41}"#
    );
}

#[test]
fn a_stream_is_numbered_text_and_ends_with_the_word() {
    let finish = Event::Finish {
        choice: 0,
        finish: Finish::Stop,
        stop: None,
    };
    assert_eq!(
        written(&[text("a"), text(" b"), finish, Event::End]),
        "id: 1\ndata: a\n\nid: 2\ndata:  b\n\ndata: [DONE]\n\n"
    );
}

#[test]
fn strm11_a_text_that_looks_like_the_end_is_not_the_end() {
    for said in [
        "[DONE]",
        " [DONE] ",
        "a\n[DONE]\nb",
        "a\n\ndata: [DONE]\n\n",
        "a\r[DONE]\r",
    ] {
        let stream = written(&[text(said), Event::End]);
        let mut data = data_of(&stream);
        assert_eq!(data.pop().as_deref(), Some("[DONE]"));
        assert!(data.iter().all(|data| data.trim() != "[DONE]"));
        assert_eq!(data.concat(), said.replace('\r', "\n"));
        // A client that looks at lines sees it once, too.
        let ends = stream.lines().filter(|line| {
            line.strip_prefix("data:")
                .is_some_and(|data| data.trim() == "[DONE]")
        });
        assert_eq!(ends.count(), 1);
    }
}

#[test]
fn after_an_error_there_is_no_end() {
    let failure = Failure {
        status: 503,
        code: Text::from("overloaded"),
        message: Text::from("later"),
        param: None,
    };
    let stream = written(&[text("a"), Event::Error(failure)]);
    assert!(stream.contains("event: error\ndata: {\"error\":{\"message\":\"later\""));
    assert!(!stream.contains("[DONE]"));
}

proptest! {
    #[test]
    fn whatever_is_said_arrives(pieces in prop::collection::vec("([a\n ]|\\[DONE\\]|data: ){0,5}", 0..5)) {
        let events: Vec<_> = pieces.iter().map(|piece| text(piece)).collect();
        let data = data_of(&written(&events));
        prop_assert!(data.iter().all(|data| data.trim() != "[DONE]"));
        prop_assert_eq!(data.concat(), pieces.concat());
    }
}
