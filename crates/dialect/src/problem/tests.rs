//! Errors as each dialect writes them, byte for byte.

use std::time::Duration;

use super::*;
use crate::tap::Tap;

const DIALECTS: [Dialect; 5] = [
    Dialect::OpenAiChat,
    Dialect::OpenAiResponses,
    Dialect::Anthropic,
    Dialect::Gemini,
    Dialect::Ollama,
];

fn body(dialect: Dialect, problem: &Problem) -> String {
    let (_, _, body) = render(dialect, problem, "req_1");
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn each_dialect_gets_its_own_shape() {
    let problem = Problem::new(Kind::ModelNotFound, "No model \"x\".").about("model");
    assert_eq!(
        body(Dialect::OpenAiChat, &problem),
        r#"{"error":{"message":"No model \"x\".","type":"invalid_request_error","param":"model","code":"model_not_found","request_id":"req_1"}}"#
    );
    assert_eq!(
        body(Dialect::Anthropic, &problem),
        r#"{"type":"error","error":{"type":"not_found_error","message":"No model \"x\"."},"request_id":"req_1"}"#
    );
    assert_eq!(
        body(Dialect::Gemini, &problem),
        concat!(
            r#"{"error":{"code":404,"message":"No model \"x\".","status":"NOT_FOUND","details":["#,
            r#"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"MODEL_NOT_FOUND","domain":"mirk"},"#,
            r#"{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"req_1"}]}}"#
        )
    );
    assert_eq!(
        body(Dialect::Ollama, &problem),
        r#"{"error":"No model \"x\".","code":"model_not_found","request_id":"req_1"}"#
    );
}

#[test]
fn types_are_those_the_providers_use() {
    for (kind, openai, anthropic, gemini) in [
        (
            Kind::BadRequest,
            "invalid_request_error",
            "invalid_request_error",
            "INVALID_ARGUMENT",
        ),
        (
            Kind::Unauthorized,
            "authentication_error",
            "authentication_error",
            "UNAUTHENTICATED",
        ),
        (
            Kind::Scope,
            "permission_error",
            "permission_error",
            "PERMISSION_DENIED",
        ),
        (
            Kind::BodyTooLarge,
            "invalid_request_error",
            "request_too_large",
            "INVALID_ARGUMENT",
        ),
        (
            Kind::RateLimited,
            "rate_limit_error",
            "rate_limit_error",
            "RESOURCE_EXHAUSTED",
        ),
        (
            Kind::InsufficientQuota,
            "insufficient_quota",
            "rate_limit_error",
            "RESOURCE_EXHAUSTED",
        ),
        (Kind::Internal, "api_error", "api_error", "INTERNAL"),
        (Kind::UpstreamAuth, "api_error", "api_error", "UNAVAILABLE"),
        (
            Kind::Overloaded,
            "api_error",
            "overloaded_error",
            "UNAVAILABLE",
        ),
        (
            Kind::UpstreamTimeout,
            "timeout_error",
            "timeout_error",
            "DEADLINE_EXCEEDED",
        ),
    ] {
        let types = (openai_type(kind), anthropic_type(kind), gemini_status(kind));
        assert_eq!(types, (openai, anthropic, gemini), "{kind:?}");
    }
}

#[test]
fn retry_after_is_whole_seconds_rounded_up() {
    let wait = |millis| {
        let problem =
            Problem::new(Kind::RateLimited, "slow down").retry_after(Duration::from_millis(millis));
        let (status, headers, _) = render(Dialect::Gemini, &problem, "r");
        assert_eq!(status, 429);
        headers
            .into_iter()
            .find(|(name, _)| *name == "retry-after")
            .unwrap()
            .1
    };
    assert_eq!(
        (wait(0), wait(1), wait(1_000), wait(1_001)),
        ("1".into(), "1".into(), "1".into(), "2".into())
    );
}

#[test]
fn every_refused_key_gets_the_same_body() {
    for dialect in DIALECTS {
        let (status, headers, body) = render(dialect, &Problem::unauthorized(), "req_1");
        assert_eq!(status, 401);
        assert!(headers.contains(&("www-authenticate", "Bearer".to_owned())));
        let (_, _, other) = render(dialect, &Problem::unauthorized(), "req_2");
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(body.replace("req_1", "req_2").as_bytes(), &other[..]);
    }
}

#[test]
fn error_events_are_errors_to_the_tap_and_never_an_end() {
    let problem = Problem::new(
        Kind::UpstreamUnreachable,
        "The upstream broke off.\n\ndata: [DONE]",
    );
    for operation in [
        Operation::Chat,
        Operation::Responses,
        Operation::Messages,
        Operation::StreamGenerate,
        Operation::OllamaChat,
    ] {
        let event = error_event(operation, &problem, "req_1");
        let mut tap = Tap::new(operation, true, "");
        tap.feed(&event).unwrap();
        assert!(tap.first_event_complete(), "{operation:?}");
        let tapped = tap.finish();
        assert!(tapped.error_in_band && !tapped.terminal, "{operation:?}");
        assert_eq!(tapped.events, 1);
    }
}

#[test]
fn keep_alives_are_no_content() {
    for (operation, events) in [
        (Operation::Chat, 0),
        (Operation::Responses, 0),
        (Operation::Messages, 1),
        (Operation::StreamGenerate, 0),
        (Operation::OllamaChat, 0),
    ] {
        let mut tap = Tap::new(operation, true, "");
        tap.feed(keep_alive(operation.dialect())).unwrap();
        let tapped = tap.finish();
        assert_eq!((tapped.events, tapped.terminal), (events, false));
    }
}
