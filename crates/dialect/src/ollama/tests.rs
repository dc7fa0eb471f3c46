//! Requests, answers and streams, there and back.

use mirk_model::{Dialect, Operation, PartKind, Role, Traits};

use super::WIRE;
use crate::{loss::Notes, wire::Manner};

fn notes() -> Notes {
    Notes::new(Dialect::Ollama, Dialect::Ollama)
}

#[test]
fn a_request_comes_out_as_it_went_in() {
    let body = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"u","images":["iVBORw0KGgo="]},{"role":"assistant","content":"","thinking":"t","tool_calls":[{"id":"c1","function":{"name":"f","arguments":{"a":1.0}}}]},{"role":"tool","content":"r","tool_name":"f","tool_call_id":"c1"}],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}],"format":{"type":"object"},"logprobs":true,"top_logprobs":2,"options":{"temperature":0.70,"top_k":3,"num_predict":9,"stop":["x"]},"stream":false}"#;
    let mut notes = notes();
    let (ask, _) = (WIRE.read_ask)(Operation::OllamaChat, body, &mut notes).unwrap();
    let written = (WIRE.write_ask)(&ask, &Traits::default(), &mut notes).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), body);
    assert!(notes.said().is_empty(), "{:?}", notes.said());
}

#[test]
fn a_prompt_is_a_turn_of_the_users() {
    let body = r#"{"model":"m","system":"s","prompt":"p","options":{"num_ctx":9,"nonsense":1}}"#;
    let mut notes = notes();
    let (ask, manner) = (WIRE.read_ask)(Operation::OllamaGenerate, body, &mut notes).unwrap();
    let roles: Vec<_> = ask.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::System, Role::User]);
    assert!(ask.is_stream && manner.operation == Operation::OllamaGenerate);
    assert_eq!(ask.own.len(), 1);
    assert_eq!(notes.said(), ["dropped:options.nonsense"]);
}

#[test]
fn a_role_that_nobody_knows_is_refused_with_its_place() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"u"},{"role":"critic","content":"c"}]}"#;
    let misread = (WIRE.read_ask)(Operation::OllamaChat, body, &mut notes()).unwrap_err();
    assert_eq!(misread.path, "messages[1].role");
}

#[test]
fn a_stream_comes_out_as_it_went_in() {
    let stream = [
        r#"{"model":"m","created_at":"1970-01-01T00:00:00.000Z","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}"#,
        r#"{"model":"m","created_at":"1970-01-01T00:00:00.000Z","message":{"role":"assistant","content":"a"},"done":false}"#,
        r#"{"model":"m","created_at":"1970-01-01T00:00:00.000Z","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":false}"#,
        r#"{"model":"m","created_at":"1970-01-01T00:00:00.000Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"length","prompt_eval_count":3,"eval_count":4}"#,
    ];
    let (mut reader, mut out) = ((WIRE.reader)(), Vec::new());
    let mut writer = (WIRE.writer)(&Manner::new(Operation::OllamaChat));
    for line in stream {
        let mut sink = |event: mirk_model::Event<'_>| {
            if let mirk_model::Event::Call {
                choice,
                call,
                begun,
            } = &event
            {
                writer.event(&event, &mut out);
                writer.event(
                    &mirk_model::Event::Arguments {
                        choice: *choice,
                        call: *call,
                        text: begun.arguments.reborrow(),
                    },
                    &mut out,
                );
            } else {
                writer.event(&event, &mut out);
            }
            Ok(())
        };
        reader.data(line, &mut sink).unwrap();
    }
    assert_eq!(String::from_utf8(out).unwrap(), stream.join("\n") + "\n");
}

#[test]
fn an_answer_comes_out_as_it_went_in() {
    let body = r#"{"model":"m","created_at":"1970-01-01T00:00:00.000Z","message":{"role":"assistant","content":"a","thinking":"t","tool_calls":[{"id":"c","function":{"name":"f","arguments":{"a":[]}}}]},"logprobs":[{"token":"a","logprob":-0.10,"bytes":[97],"top_logprobs":[]}],"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":4}"#;
    let reply = (WIRE.read_reply)(body).unwrap();
    let written = (WIRE.write_reply)(&reply, &Manner::new(Operation::OllamaChat));
    assert_eq!(String::from_utf8(written).unwrap(), body);
}

#[test]
fn an_error_in_a_stream_is_an_error() {
    let mut reader = (WIRE.reader)();
    let mut failed = false;
    let mut sink = |event: mirk_model::Event<'_>| {
        failed |= matches!(event, mirk_model::Event::Error(_));
        Ok(())
    };
    reader
        .data(r#"{"error":"out of memory"}"#, &mut sink)
        .unwrap();
    assert!(failed);
}

#[test]
fn arguments_in_openais_form_are_read_too() {
    let body = r#"{"message":{"tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}}]},"done":true}"#;
    let reply = (WIRE.read_reply)(body).unwrap();
    let part = &reply.choices[0].parts[0].kind;
    assert!(matches!(part, PartKind::Call(call) if call.arguments == r#"{"a":1}"#));
}
