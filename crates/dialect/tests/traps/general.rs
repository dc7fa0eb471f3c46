//! 8: whatever the dialect.

use mirk_model::{Kind, Problem};
use serde_json::{Value, json};

use crate::{ANTHROPIC, CHAT, GEMINI, OLLAMA, RESPONSES, events, framed, notes, translate, way};

const ALL: [mirk_model::Dialect; 5] = [CHAT, RESPONSES, ANTHROPIC, GEMINI, OLLAMA];

/// What a provider of each dialect says when it fails inside a 200.
fn broken(upstream: mirk_model::Dialect) -> Value {
    match upstream {
        mirk_model::Dialect::OpenAiChat => {
            json!({"error": {"message": "Broken.", "type": "server_error", "code": null}})
        }
        mirk_model::Dialect::OpenAiResponses => {
            json!({"type": "error", "code": "server_error", "message": "Broken.", "param": null})
        }
        mirk_model::Dialect::Anthropic => {
            json!({"type": "error", "error": {"type": "api_error", "message": "Broken."}})
        }
        mirk_model::Dialect::Gemini => {
            json!({"error": {"code": 500, "message": "Broken.", "status": "INTERNAL"}})
        }
        mirk_model::Dialect::Ollama => json!({"error": "Broken."}),
    }
}

#[test]
fn p10_8_an_error_as_first_event_is_known_and_nothing_else_is_said() {
    for upstream in ALL {
        for client in ALL.into_iter().filter(|client| *client != upstream) {
            let (mut stream, mut out) = (way(client, upstream).stream(), Vec::new());
            stream
                .feed(framed(upstream, &broken(upstream)).as_bytes(), &mut out)
                .unwrap();
            assert!(
                stream.has_failed() && stream.has_ended(),
                "{upstream} for {client}"
            );
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains("Broken."), "{upstream} for {client}");
            for mark in [
                "[DONE]",
                "message_stop",
                "response.completed",
                "\"done\":true",
                "finishReason",
            ] {
                assert!(!text.contains(mark), "{upstream} for {client}: {mark}");
            }
        }
    }
}

#[test]
fn p10_8_an_error_that_calls_itself_an_answer_is_not_translated_as_one() {
    for upstream in ALL {
        for client in ALL.into_iter().filter(|client| *client != upstream) {
            // Responses has an event for errors; a whole answer has this.
            let body = match upstream {
                mirk_model::Dialect::OpenAiResponses => {
                    json!({"error": {"message": "Broken.", "type": "server_error", "code": null}})
                }
                _ => broken(upstream),
            };
            let said = way(client, upstream).reply(body.to_string().as_bytes());
            assert!(said.is_err(), "{upstream} for {client}");
        }
    }
}

#[test]
fn p10_8_a_stream_that_is_given_up_ends_with_an_error_in_the_clients_form() {
    for client in ALL {
        let upstream = if client == CHAT { ANTHROPIC } else { CHAT };
        let (mut stream, mut out) = (way(client, upstream).stream(), Vec::new());
        let problem = Problem::new(Kind::UpstreamTimeout, "Too slow.");
        stream.fail(&problem, &mut out);
        assert!(!stream.has_ended());
        let got = events(&out);
        let last = got.last().unwrap();
        let words = match client {
            mirk_model::Dialect::OpenAiResponses => &last["response"]["error"]["message"],
            mirk_model::Dialect::Ollama => &last["error"],
            _ => &last["error"]["message"],
        };
        assert_eq!(*words, "Too slow.", "{client}: {got:?}");
    }
}

#[test]
fn p10_8_unknown_fields_are_named_when_they_cannot_go_on() {
    let hello = json!([{"role": "user", "content": "hello"}]);
    for client in [CHAT, ANTHROPIC, OLLAMA] {
        let body = json!({"max_tokens": 9, "messages": hello, "of_tomorrow": {"a": 1}});
        let upstream = if client == CHAT { ANTHROPIC } else { CHAT };
        let said = notes(client, upstream, &body);
        assert!(
            said.contains(&"dropped:of_tomorrow".to_owned()),
            "{client}: {said:?}"
        );
        assert_eq!(translate(client, upstream, &body).get("of_tomorrow"), None);
    }
}
