//! Real headers and bodies, and hostile ones.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::errors;

/// 2026-03-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_772_323_200_000_000);

fn after(seconds: f64) -> Timestamp {
    let micros = Duration::from_secs_f64(seconds).as_micros();
    NOW.plus_micros(i64::try_from(micros).unwrap())
}

fn limit(status: u16, headers: &[(&str, &str)], body: &str) -> Option<Limit> {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let answer = Answer {
        status,
        headers: &headers,
        body: body.as_bytes(),
    };
    errors::read(&answer, NOW, 7).1
}

/// Until when, without the jitter, in seconds from now.
fn seconds(limit: &Limit) -> f64 {
    let jitter = backoff::after_reset(NOW, 7).as_micros() - NOW.as_micros();
    let micros = limit.until.as_micros() - NOW.as_micros() - jitter;
    Duration::from_micros(micros.try_into().unwrap()).as_secs_f64()
}

#[test]
fn moments_are_read_in_every_way_that_they_are_written() {
    let cases = [
        ("6m0s", after(360.0)),
        ("1s", after(1.0)),
        ("20ms", after(0.02)),
        ("1h2m3.5s", after(3723.5)),
        ("2m59.56s", after(179.56)),
        ("17", after(17.0)),
        ("0.5", after(0.5)),
        ("-5", after(0.0)),
        ("1772323260", after(60.0)),
        ("1772323260.25", after(60.25)),
        ("1772323260000", after(60.0)),
        ("1772323260000000", after(60.0)),
        ("1772323260000000000", after(60.0)),
        ("2026-03-01T00:01:00Z", after(60.0)),
        ("2026-03-01T01:01:00.5+01:00", after(60.5)),
        ("Sun, 01 Mar 2026 00:01:00 GMT", after(60.0)),
    ];
    for (text, read) in cases {
        assert_eq!(moment(text, NOW), Some(read), "{text}");
    }
    let none = [
        "",
        "abc",
        "6x",
        "m",
        "1.2.3",
        "1s1",
        "--5",
        "Sun, 01 Mrz 2026 00:01:00 GMT",
    ];
    for text in none {
        assert_eq!(moment(text, NOW), None, "{text}");
    }
}

#[test]
fn retry_after_holds_and_is_clamped() {
    let cases = [
        ("3600", 3600.0),
        ("7", 7.0),
        ("0", 1.0),
        ("-5", 1.0),
        ("1000000000000", 3600.0),
        ("99999999999999999999999999", 3600.0),
        ("Sun, 01 Mar 2026 00:10:00 GMT", 600.0),
        ("Sun, 01 Mar 2020 00:10:00 GMT", 1.0),
        ("Sun, 01 Mar 2099 00:10:00 GMT", 3600.0),
    ];
    for (text, rest) in cases {
        let limit = limit(429, &[("retry-after", text)], "").unwrap();
        assert!((seconds(&limit) - rest).abs() < 1e-6, "{text}: {limit:?}");
        assert_eq!(limit.reach, Reach::Credential);
    }
    assert_eq!(limit(429, &[("retry-after", "abc")], ""), None);
    assert_eq!(limit(429, &[], ""), None);
}

#[test]
fn milliseconds_are_more_exact_than_seconds() {
    let headers = [("retry-after", "2"), ("retry-after-ms", "1500")];
    assert!((seconds(&limit(429, &headers, "").unwrap()) - 1.5).abs() < 1e-6);
}

#[test]
fn the_empty_bucket_decides() {
    let headers = [
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "6m0s"),
        ("x-ratelimit-remaining-tokens", "149984"),
        ("x-ratelimit-reset-tokens", "8m0s"),
    ];
    let found = limit(429, &headers, "").unwrap();
    assert!((seconds(&found) - 360.0).abs() < 1e-6);
    assert_eq!(found.remaining, Some(0));
    let headers = [
        ("anthropic-ratelimit-requests-remaining", "12"),
        ("anthropic-ratelimit-requests-reset", "2026-03-01T00:00:05Z"),
        ("anthropic-ratelimit-input-tokens-remaining", "0"),
        (
            "anthropic-ratelimit-input-tokens-reset",
            "2026-03-01T00:00:45Z",
        ),
    ];
    assert!((seconds(&limit(429, &headers, "").unwrap()) - 45.0).abs() < 1e-6);
}

#[test]
fn the_latest_window_that_rejected_decides() {
    let headers = [
        ("anthropic-ratelimit-unified-status", "rejected"),
        ("anthropic-ratelimit-unified-reset", "1772330400"),
        ("anthropic-ratelimit-unified-5h-status", "rejected"),
        ("anthropic-ratelimit-unified-5h-reset", "1772330400"),
        ("anthropic-ratelimit-unified-7d-status", "rejected"),
        ("anthropic-ratelimit-unified-7d-reset", "1772582400"),
        ("anthropic-ratelimit-unified-overage-status", "rejected"),
        ("anthropic-ratelimit-unified-overage-reset", "1772900000"),
        ("retry-after", "7200"),
    ];
    let found = limit(429, &headers, "").unwrap();
    assert!((seconds(&found) - 259_200.0).abs() < 1e-6);
    assert_eq!(
        (found.reach, found.why),
        (Reach::Credential, Why::QuotaSpent)
    );
}

#[test]
fn a_window_of_one_family_of_models_holds_back_the_model_only() {
    let headers = [
        ("anthropic-ratelimit-unified-5h-status", "allowed"),
        ("anthropic-ratelimit-unified-5h-reset", "1772330400"),
        ("anthropic-ratelimit-unified-7d_oi-status", "rejected"),
        ("anthropic-ratelimit-unified-7d_oi-reset", "1772582400"),
    ];
    let found = limit(429, &headers, "").unwrap();
    assert_eq!(found.reach, Reach::Model);
    assert!((seconds(&found) - 259_200.0).abs() < 1e-6);
}

#[test]
fn windows_that_allow_leave_it_to_retry_after() {
    let headers = [
        ("anthropic-ratelimit-unified-status", "allowed"),
        ("anthropic-ratelimit-unified-reset", "1772582400"),
        ("anthropic-ratelimit-unified-5h-status", "allowed_warning"),
        ("anthropic-ratelimit-unified-5h-reset", "1772582400"),
        ("retry-after", "30"),
    ];
    let found = limit(429, &headers, "").unwrap();
    assert!((seconds(&found) - 30.0).abs() < 1e-6);
    assert_eq!(found.why, Why::RateLimited);
}

#[test]
fn a_plan_that_is_used_up_says_when_it_begins_anew() {
    let body = r#"{"error":{"type":"usage_limit_reached","message":"The usage limit has been reached",
        "plan_type":"free","resets_at":1772825905,"resets_in_seconds":502705}}"#;
    let found = limit(429, &[("retry-after", "5")], body).unwrap();
    assert!((seconds(&found) - 502_705.0).abs() < 1e-6);
    assert_eq!(
        (found.reach, found.why),
        (Reach::Credential, Why::QuotaSpent)
    );
    let body = r#"{"error":{"type":"usage_limit_reached","resets_at":1772409600}}"#;
    assert!((seconds(&limit(429, &[], body).unwrap()) - 86_400.0).abs() < 1e-6);
    let body = r#"{"error":{"type":"usage_limit_reached","resets_in_seconds":1e300}}"#;
    assert!(limit(429, &[], body).is_none_or(|limit| seconds(&limit) <= 604_800.0));
}

#[test]
fn googles_retry_info_holds_for_the_model() {
    let body = r#"{"error":{"code":429,"message":"You exceeded your current quota.","status":"RESOURCE_EXHAUSTED",
        "details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[
        {"quotaId":"GenerateContentInputTokensPerModelPerMinute-FreeTier","quotaValue":"250000"}]},
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"45.837906927s"}]}}"#;
    let found = limit(429, &[], body).unwrap();
    assert!((seconds(&found) - 45.837_906).abs() < 1e-5);
    assert_eq!((found.reach, found.why), (Reach::Model, Why::RateLimited));
    let body = body
        .replace("PerMinute", "PerDay")
        .replace("45.837906927s", "35640s");
    let found = limit(429, &[], &format!("[{body}]")).unwrap();
    assert!((seconds(&found) - 35_640.0).abs() < 1e-6);
    assert_eq!((found.reach, found.why), (Reach::Model, Why::QuotaSpent));
}

#[test]
fn openrouters_free_models_do_not_hold_back_the_paid_ones() {
    let body = r#"{"error":{"message":"Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
        "code":429,"metadata":{"headers":{"X-RateLimit-Limit":"50","X-RateLimit-Remaining":"0","X-RateLimit-Reset":"1772409600000"}}}}"#;
    let found = limit(429, &[], body).unwrap();
    assert!((seconds(&found) - 86_400.0).abs() < 1e-6);
    assert_eq!((found.reach, found.why), (Reach::Model, Why::QuotaSpent));
    let body = r#"{"error":{"message":"Provider returned error","code":429,"metadata":{"provider_name":"X","raw":"busy"}}}"#;
    let found = limit(429, &[("retry-after", "9")], body).unwrap();
    assert_eq!((found.reach, found.why), (Reach::Model, Why::RateLimited));
}

#[test]
fn words_are_the_last_resort() {
    let cases = [
        (
            r#"{"error":{"message":"Rate limit reached. Please try again in 6m0s. Visit us."}}"#,
            360.0,
        ),
        (
            r#"{"error":{"message":"Please retry after 26 seconds."}}"#,
            26.0,
        ),
        (
            r#"{"error":"too many requests, retry in 2 minutes"}"#,
            120.0,
        ),
    ];
    for (body, rest) in cases {
        let found = limit(429, &[], body).unwrap();
        assert!((seconds(&found) - rest).abs() < 1e-6, "{body}");
    }
    assert_eq!(limit(429, &[], r#"{"error":"slow down"}"#), None);
}

#[test]
fn an_overloaded_provider_holds_back_the_model_for_as_long_as_it_asks() {
    let found = limit(529, &[("retry-after", "12")], "").unwrap();
    assert_eq!((found.reach, found.why), (Reach::Model, Why::Overloaded));
    assert_eq!(limit(400, &[("retry-after", "12")], ""), None);
    assert_eq!(limit(401, &[("retry-after", "12")], ""), None);
}

fn name() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "retry-after",
        "retry-after-ms",
        "x-ratelimit-reset",
        "x-ratelimit-reset-tokens",
        "x-ratelimit-remaining-tokens",
        "ratelimit-reset",
        "anthropic-ratelimit-requests-reset",
        "anthropic-ratelimit-unified-5h-status",
        "anthropic-ratelimit-unified-5h-reset",
        "anthropic-ratelimit-unified-7d_oi-status",
        "anthropic-ratelimit-unified-7d_oi-reset",
    ])
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-0-9.smhdun]{0,24}",
        "\\PC{0,40}",
        Just("rejected".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
        "[A-Z][a-z]{2}, [0-9]{2} (Jan|Feb|Dec) [0-9]{4,6} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
    ]
}

proptest! {
    #[test]
    fn hostile_headers_never_leave_the_clamps(
        status in proptest::sample::select(vec![200_u16, 402, 403, 429, 500, 503, 529]),
        headers in proptest::collection::vec((name(), hostile()), 0..8),
        now in any::<i64>(),
        seed: u64,
    ) {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let answer = Answer { status, headers: &headers, body: b"" };
        // A clock within the years that clocks show.
        let now = Timestamp::from_micros(now % (1 << 58));
        if let (_, Some(limit)) = errors::read(&answer, now, seed) {
            let rest = limit.until.as_micros() - now.as_micros();
            prop_assert!((SHORTEST..=LONGEST_QUOTA + 1_000_000).contains(&rest));
            if limit.why == Why::RateLimited {
                prop_assert!(rest <= LONGEST_RATE + 1_000_000);
            }
        }
    }

    #[test]
    fn hostile_bodies_never_leave_the_clamps(
        field in proptest::sample::select(vec!["resets_at", "resets_in_seconds", "message", "retryDelay"]),
        text in hostile(),
        number: f64,
        seed: u64,
    ) {
        for value in [serde_json::json!(text), serde_json::json!(number), serde_json::json!([text])] {
            let body = serde_json::json!({"error": {
                "type": "usage_limit_reached", field: value.clone(),
                "details": [{"retryDelay": value.clone(), "violations": value.clone()}],
                "metadata": {"headers": {"X-RateLimit-Reset": value}},
            }});
            let body = body.to_string();
            let answer = Answer { status: 429, headers: &[], body: body.as_bytes() };
            if let (_, Some(limit)) = errors::read(&answer, NOW, seed) {
                let rest = limit.until.as_micros() - NOW.as_micros();
                prop_assert!((SHORTEST..=LONGEST_QUOTA + 1_000_000).contains(&rest));
            }
        }
    }

    #[test]
    fn any_bytes_are_read(status: u16, value: Vec<u8>, body: Vec<u8>) {
        let headers = [("retry-after", value.as_slice()), ("x-ratelimit-reset", value.as_slice())];
        errors::read(&Answer { status, headers: &headers, body: &body }, NOW, 1);
    }
}
