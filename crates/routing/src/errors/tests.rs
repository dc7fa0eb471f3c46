//! The table, with the words that providers use.

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_772_323_200_000_000);

fn judge(status: u16, body: &str) -> Verdict {
    let answer = Answer {
        status,
        headers: &[],
        body: body.as_bytes(),
    };
    read(&answer, NOW, 1).0
}

fn openai(kind: &str, code: &str, message: &str) -> String {
    serde_json::json!({"error": {"type": kind, "code": code, "message": message, "param": null}})
        .to_string()
}

fn anthropic(kind: &str, message: &str) -> String {
    serde_json::json!({"type": "error", "error": {"type": kind, "message": message}}).to_string()
}

fn google(code: u16, status: &str, message: &str) -> String {
    serde_json::json!({"error": {"code": code, "status": status, "message": message}}).to_string()
}

#[test]
fn every_reason_is_found_by_its_own_code() {
    for why in Why::ALL {
        assert_eq!(Why::by_code(why.code()), Some(*why));
    }
    assert_eq!(Why::by_code(""), None);
}

#[test]
fn a_bare_status_is_enough() {
    let cases = [
        (400, Why::BadRequest, Blame::Client, Onward::Never),
        (401, Why::Unauthorized, Blame::Credential, Onward::Any),
        (402, Why::Unpaid, Blame::Credential, Onward::Any),
        (403, Why::Forbidden, Blame::Credential, Onward::Any),
        (404, Why::ModelMissing, Blame::Model, Onward::Any),
        (408, Why::Timeout, Blame::Provider, Onward::Any),
        (409, Why::Conflict, Blame::Nobody, Onward::Any),
        (413, Why::TooLarge, Blame::Client, Onward::Larger),
        (422, Why::BadRequest, Blame::Client, Onward::Never),
        (429, Why::RateLimited, Blame::Credential, Onward::Any),
        (500, Why::ServerError, Blame::Provider, Onward::Any),
        (502, Why::Overloaded, Blame::Provider, Onward::Any),
        (503, Why::Overloaded, Blame::Provider, Onward::Any),
        (504, Why::Timeout, Blame::Provider, Onward::Any),
        (529, Why::Overloaded, Blame::Provider, Onward::Any),
        (302, Why::Broken, Blame::Provider, Onward::Any),
    ];
    for (status, why, blame, onward) in cases {
        let verdict = judge(status, "<html>nothing of use</html>");
        assert_eq!(
            (verdict.why, verdict.blame, verdict.onward),
            (why, blame, onward),
            "{status}"
        );
    }
}

#[test]
fn every_dialects_own_words_are_understood() {
    let cases = [
        (400, openai("invalid_request_error", "context_length_exceeded", "too long"), Why::TooLong, Blame::Client),
        (400, openai("image_generation_user_error", "content_policy_violation", "no"), Why::ContentPolicy, Blame::Client),
        (429, openai("insufficient_quota", "insufficient_quota", "You exceeded your current quota"), Why::Unpaid, Blame::Credential),
        (429, openai("tokens", "rate_limit_exceeded", "Request too large for gpt-4o in organization org-x on tokens per min"), Why::TooLarge, Blame::Nobody),
        (429, openai("requests", "rate_limit_exceeded", "Rate limit reached for gpt-4o"), Why::RateLimited, Blame::Credential),
        (404, openai("invalid_request_error", "model_not_found", "The model `x` does not exist"), Why::ModelMissing, Blame::Model),
        (403, openai("invalid_request_error", "model_not_found", "Project does not have access to model `x`"), Why::Forbidden, Blame::Model),
        (403, openai("request_forbidden", "unsupported_country_region_territory", "no"), Why::Forbidden, Blame::Credential),
        (401, openai("invalid_request_error", "invalid_api_key", "Incorrect API key provided"), Why::Unauthorized, Blame::Credential),
        (503, openai("server_error", "server_is_overloaded", "try later"), Why::Overloaded, Blame::Provider),
        (429, openai("usage_limit_reached", "", "The usage limit has been reached"), Why::QuotaSpent, Blame::Credential),
        (400, anthropic("invalid_request_error", "messages: at least one message is required"), Why::BadRequest, Blame::Client),
        (400, anthropic("invalid_request_error", "prompt is too long: 213462 tokens > 200000 maximum"), Why::TooLong, Blame::Client),
        (400, anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API."), Why::Unpaid, Blame::Credential),
        (401, anthropic("authentication_error", "invalid x-api-key"), Why::Unauthorized, Blame::Credential),
        (403, anthropic("permission_error", "no"), Why::Forbidden, Blame::Credential),
        (404, anthropic("not_found_error", "model: claude-x"), Why::ModelMissing, Blame::Model),
        (413, anthropic("request_too_large", "Request exceeds the maximum size"), Why::TooLarge, Blame::Client),
        (429, anthropic("rate_limit_error", "Number of request tokens has exceeded your per-minute rate limit"), Why::RateLimited, Blame::Credential),
        (500, anthropic("api_error", "Internal server error"), Why::ServerError, Blame::Provider),
        (529, anthropic("overloaded_error", "Overloaded"), Why::Overloaded, Blame::Provider),
        (400, google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), Why::Unauthorized, Blame::Credential),
        (400, google(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), Why::Forbidden, Blame::Credential),
        (400, google(400, "INVALID_ARGUMENT", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."), Why::TooLong, Blame::Client),
        (404, google(404, "NOT_FOUND", "models/x is not found"), Why::ModelMissing, Blame::Model),
        (429, google(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted"), Why::RateLimited, Blame::Credential),
        (503, google(503, "UNAVAILABLE", "The model is overloaded."), Why::Overloaded, Blame::Provider),
        (404, r#"{"error":"model \"x\" not found, try pulling it first"}"#.to_owned(), Why::ModelMissing, Blame::Model),
        (503, r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#.to_owned(), Why::Overloaded, Blame::Provider),
        (400, r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#.to_owned(), Why::TooLong, Blame::Client),
        (402, r#"{"error":{"code":402,"message":"Insufficient credits. Add more"}}"#.to_owned(), Why::Unpaid, Blame::Credential),
        (403, r#"{"error":{"code":403,"message":"meta/x requires moderation on Y. Your input was flagged"}}"#.to_owned(), Why::ContentPolicy, Blame::Client),
    ];
    for (status, body, why, blame) in cases {
        let verdict = judge(status, &body);
        assert_eq!(
            (verdict.why, verdict.blame),
            (why, blame),
            "{status} {body}"
        );
    }
}

#[test]
fn an_error_inside_a_stream_that_began_well_is_understood() {
    let cases = [
        (anthropic("overloaded_error", "Overloaded"), Why::Overloaded),
        (r#"{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"slow"}}}"#.to_owned(), Why::RateLimited),
        (r#"{"type":"error","code":"server_error","message":"x"}"#.to_owned(), Why::ServerError),
        (r#"{"error":{"code":502,"message":"Provider disconnected"}}"#.to_owned(), Why::Overloaded),
    ];
    for (body, why) in cases {
        assert_eq!(judge(200, &body).why, why, "{body}");
    }
}

#[test]
fn going_too_fast_is_a_rate_limit_or_an_overload_as_the_status_says() {
    let body = openai("rate_limit_error", "slow_down", "Slow down");
    assert_eq!(judge(429, &body).why, Why::RateLimited);
    let body = openai("service_unavailable_error", "slow_down", "Slow down");
    assert_eq!(judge(503, &body).why, Why::Overloaded);
    let body = r#"{"error":{"code":"429","message":"Provider returned error"}}"#;
    assert_eq!(judge(200, body).why, Why::RateLimited);
    assert_eq!(judge(400, body).why, Why::BadRequest, "the status decides");
}

#[test]
fn a_name_never_contradicts_its_status() {
    let too_long = openai("invalid_request_error", "context_length_exceeded", "no");
    assert_eq!(judge(500, &too_long).blame, Blame::Provider);
    assert_eq!(judge(401, &too_long).why, Why::Unauthorized);
    assert_eq!(judge(402, &too_long).why, Why::Unpaid);
}

#[test]
fn what_a_client_made_a_provider_repeat_blames_no_credential() {
    let echo = "Invalid value: 'your credit balance is too low; api key not valid'";
    let verdict = judge(400, &openai("invalid_request_error", "invalid_value", echo));
    assert_eq!(verdict.blame, Blame::Client);
}

#[test]
fn what_may_have_been_done_is_done_again_only_if_it_may() {
    assert_eq!(read_fault(Fault::Reset, false).onward, Onward::Never);
    assert_eq!(read_fault(Fault::Reset, true).onward, Onward::Any);
    assert_eq!(read_fault(Fault::BrokenLater, true).onward, Onward::Never);
    for fault in [
        Fault::Refused,
        Fault::Tls,
        Fault::ConnectTimeout,
        Fault::AnswerTimeout,
        Fault::BrokenStart,
    ] {
        let verdict = read_fault(fault, false);
        assert_eq!(
            (verdict.blame, verdict.onward),
            (Blame::Provider, Onward::Any)
        );
    }
    assert_eq!(read_fault(Fault::Blocked, false).blame, Blame::Nobody);
}

#[test]
fn debug_shows_nothing_that_was_said() {
    let answer = Answer {
        status: 400,
        headers: &[("x", b"private")],
        body: b"private",
    };
    assert_eq!(format!("{answer:?}"), "Answer(400, 7 bytes)");
}

proptest! {
    #[test]
    fn a_clients_fault_never_rests_anything_and_goes_on_to_nothing_smaller(
        status: u16,
        kind in "[a-z_]{0,24}",
        message in "\\PC{0,80}",
    ) {
        let answer_body = openai(&kind, "", &message);
        let answer = Answer { status, headers: &[("retry-after", b"9")], body: answer_body.as_bytes() };
        let (verdict, limit) = read(&answer, NOW, 1);
        if verdict.blame == Blame::Client {
            prop_assert_eq!(limit, None);
            prop_assert!(verdict.onward != Onward::Any && !verdict.again);
        } else {
            prop_assert_eq!(verdict.onward, Onward::Any);
        }
    }

    #[test]
    fn a_server_error_is_never_blamed_on_the_client(status in 500_u16..600, body in "\\PC{0,200}") {
        prop_assert_ne!(judge(status, &body).blame, Blame::Client);
    }

    #[test]
    fn deep_and_long_bodies_are_survived(depth in 0_usize..20_000, open in prop::bool::ANY) {
        let body = if open { "[".repeat(depth) } else { "{\"error\":".repeat(depth) };
        prop_assert_eq!(judge(429, &body).why, Why::RateLimited);
    }
}
