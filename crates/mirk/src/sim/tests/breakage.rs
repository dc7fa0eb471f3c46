//! Every misbehaviour, as it looks on the wire.

use std::io::Read;
use std::time::Duration;

use serde_json::json;

use super::client::{Ask, KEY, chat, open, post};
use super::sim;
use crate::sim::Ended;

#[tokio::test]
async fn a_cut_stream_is_reset_after_three_events() {
    let sim = sim().await;
    let answer = chat(&sim, "sim-cut", "hi", true).await;
    assert_eq!(answer.events().len(), 3);
    assert!(answer.was_reset && !answer.is_whole);
    assert_eq!(sim.requests()[0].ended, Ended::Cut);
    assert_eq!((sim.live(), sim.cancelled()), (0, 0));
}

#[tokio::test]
async fn a_cleanly_cut_stream_ends_without_its_terminator() {
    let sim = sim().await;
    let answer = chat(&sim, "sim-cutclean", "hi", true).await;
    assert_eq!(answer.events().len(), 3);
    assert!(answer.is_whole && !answer.text().contains("[DONE]"));
}

#[tokio::test]
async fn cut_json_is_not_json() {
    let sim = sim().await;
    for model in ["sim-cut", "sim-cutclean"] {
        let answer = chat(&sim, model, "hi", false).await;
        assert_eq!(answer.status, 200);
        assert!(
            serde_json::from_slice::<serde_json::Value>(&answer.body).is_err(),
            "{model}"
        );
    }
}

#[tokio::test]
async fn a_short_body_stops_before_its_length() {
    let sim = sim().await;
    for is_streamed in [true, false] {
        let answer = chat(&sim, "sim-short", "hi", is_streamed).await;
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        assert_eq!(length, answer.body.len() + 100);
        assert!(!answer.is_whole && !answer.was_reset);
    }
}

#[tokio::test]
async fn a_body_without_length_ends_with_the_connection() {
    let sim = sim().await;
    let answer = chat(&sim, "sim-nolength", "hi", true).await;
    assert_eq!(answer.version, "HTTP/1.1");
    assert_eq!(
        (
            answer.header("content-length"),
            answer.header("transfer-encoding")
        ),
        (None, None)
    );
    assert_eq!(answer.events().len(), 3);
    let whole = chat(&sim, "sim-nolength", "hi", false).await;
    assert_eq!(whole.json()["object"], "chat.completion");
}

#[tokio::test]
async fn an_early_head_comes_before_the_answer() {
    let sim = sim().await;
    let answer = chat(&sim, "sim-1xx", "hi", true).await;
    assert_eq!((answer.early.as_slice(), answer.status), (&[103][..], 200));
    assert!(answer.is_whole);
}

#[tokio::test]
async fn a_stalled_stream_sends_one_event() {
    let sim = sim().await;
    let mut socket = open(&sim, Ask::chat("sim-stall", "hi", true)).await;
    socket.read_until(b"\n\n").await;
    let more = tokio::time::timeout(Duration::from_millis(150), socket.read_until(b"never")).await;
    assert!(more.is_err(), "something followed the first event");
    assert_eq!(sim.live(), 1);
}

#[tokio::test]
async fn a_slow_stream_waits_between_events() {
    let sim = sim().await;
    let began = tokio::time::Instant::now();
    let answer = chat(&sim, "sim-slow", "reply with \"a\"", true).await;
    assert_eq!(answer.events().len(), 4);
    assert!(began.elapsed() >= Duration::from_millis(800));
}

#[tokio::test]
async fn statuses_come_in_each_providers_shape() {
    let sim = sim().await;
    let user = json!([{ "role": "user", "content": "hi" }]);
    for status in [401, 403, 404, 429, 500, 503, 529] {
        let model = format!("any-sim-{status}");
        let body = json!({ "model": model, "messages": user, "max_tokens": 9, "input": "hi" });
        for target in ["/v1/chat/completions", "/v1/responses", "/v1/messages"] {
            let answer = post(&sim, target, &body).await;
            assert_eq!(answer.status, status, "{target}");
            assert!(answer.json()["error"]["message"].is_string(), "{target}");
        }
        let gemini = format!("/v1/models/{model}:streamGenerateContent?alt=sse");
        let answer = post(&sim, &gemini, &json!({ "contents": [] })).await;
        assert_eq!(answer.json()["error"]["code"], status);
        let answer = post(&sim, "/api/chat", &body).await;
        assert!(answer.status == status && answer.json()["error"].is_string());
    }
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    let sim = sim().await;
    let answer = chat(&sim, "sim-429", "hi", true).await;
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("0"));
    let body = json!({ "model": "sim-429", "messages": [], "max_tokens": 9 });
    let answer = post(&sim, "/v1/messages", &body).await;
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(
        answer.header("anthropic-ratelimit-requests-remaining"),
        Some("0")
    );
    let body = json!({ "contents": [] });
    let answer = post(&sim, "/v1beta/models/sim-429:generateContent", &body).await;
    assert_eq!(answer.json()["error"]["details"][1]["retryDelay"], "7s");
}

#[tokio::test]
async fn errors_inside_a_stream_follow_two_deltas() {
    let sim = sim().await;
    let events = chat(&sim, "sim-inband", "hi", true).await.events();
    assert_eq!(events.len(), 4);
    assert_eq!(events[3]["error"]["type"], "server_error");

    let user = json!([{ "role": "user", "content": "hi" }]);
    let body = json!({ "model": "sim-inband", "stream": true, "messages": user, "max_tokens": 99 });
    let types = post(&sim, "/v1/messages", &body).await.types();
    let ending = [
        "ping",
        "content_block_delta",
        "content_block_delta",
        "error",
    ];
    assert_eq!(types[types.len() - 4..], ending);

    let body = json!({ "model": "sim-inband", "stream": true, "input": "hi" });
    let types = post(&sim, "/v1/responses", &body).await.types();
    assert_eq!(types[types.len() - 2..], ["error", "response.failed"]);
    assert_eq!(
        types
            .iter()
            .filter(|kind| kind.ends_with("text.delta"))
            .count(),
        2
    );

    let gemini = "/v1beta/models/sim-inband:streamGenerateContent?alt=sse";
    let events = post(&sim, gemini, &json!({ "contents": [] }))
        .await
        .events();
    assert_eq!(events.len(), 3);
    assert_eq!(events[2]["error"]["status"], "UNAVAILABLE");

    let body = json!({ "model": "sim-inband", "messages": user });
    let answer = post(&sim, "/api/chat", &body).await;
    assert!(
        answer
            .text()
            .lines()
            .nth(2)
            .unwrap()
            .starts_with("{\"error\":")
    );
}

#[tokio::test]
async fn a_promised_stream_can_be_an_error_in_json() {
    let sim = sim().await;
    let answer = chat(&sim, "sim-json200", "hi", true).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/json"))
    );
    assert!(answer.json()["error"]["message"].is_string());
}

#[tokio::test]
async fn a_redirect_points_to_another_host() {
    let sim = sim().await;
    let answer = chat(&sim, "sim-redirect", "hi", true).await;
    assert_eq!(answer.status, 302);
    assert!(
        answer
            .header("location")
            .unwrap()
            .starts_with("http://elsewhere.invalid/")
    );
}

#[tokio::test]
async fn the_headers_of_a_bad_neighbour_are_all_there() {
    let sim = sim().await;
    let answer = chat(&sim, "sim-cookie", "hi", false).await;
    for name in [
        "set-cookie",
        "server",
        "content-security-policy",
        "access-control-allow-origin",
        "strict-transport-security",
        "refresh",
        "x-powered-by",
        "clear-site-data",
        "alt-svc",
        "link",
        "www-authenticate",
    ] {
        assert!(answer.header(name).is_some(), "{name}");
    }
    assert_eq!(answer.header("x-goog-api-key"), Some(KEY));
}

#[tokio::test]
async fn an_echo_quotes_credential_and_prompt() {
    let sim = sim().await;
    let answer = chat(&sim, "sim-echo", "my prompt", true).await;
    let message = answer.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(answer.status, 400);
    assert!(message.contains(KEY) && message.contains("my prompt"));
}

#[tokio::test]
async fn gzip_is_gzip_piece_by_piece() {
    let sim = sim().await;
    for is_streamed in [true, false] {
        let mut answer = chat(&sim, "sim-gzip", "hi", is_streamed).await;
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(answer.body.as_slice())
            .read_to_end(&mut plain)
            .unwrap();
        answer.body = plain;
        assert!(answer.text().contains("chat.completion"));
    }
}

#[tokio::test]
async fn big_and_many_are_as_large_as_they_say() {
    let sim = sim().await;
    let big = chat(&sim, "sim-big", "hi", false).await.json();
    assert_eq!(
        big["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .len(),
        1024 * 1024
    );
    let many = chat(&sim, "sim-many", "hi", true).await.events();
    assert_eq!(many.len(), 103);
}

#[tokio::test]
async fn usage_can_be_absent_or_absurd_in_every_dialect() {
    let sim = sim().await;
    let user = json!([{ "role": "user", "content": "hi" }]);
    for (target, field, input) in [
        ("/v1/chat/completions", "usage", "prompt_tokens"),
        ("/v1/responses", "usage", "input_tokens"),
        ("/v1/messages", "usage", "input_tokens"),
        (
            "/v1beta/models/MODEL:generateContent",
            "usageMetadata",
            "promptTokenCount",
        ),
    ] {
        for model in ["sim-nousage", "sim-badusage"] {
            let body = json!({
                "model": model, "messages": user, "max_tokens": 99, "input": "hi", "contents": [],
            });
            let answer = post(&sim, &target.replace("MODEL", model), &body)
                .await
                .json();
            if model == "sim-nousage" {
                assert!(answer.get(field).is_none(), "{target}");
            } else {
                assert_eq!(answer[field][input], -5, "{target}");
            }
        }
    }
}
