//! Windows, their margins, and where they are read from.

use proptest::prelude::*;

use super::*;

/// 2026-03-01T00:00:00Z, a Sunday.
const NOW: Timestamp = Timestamp::from_micros(1_772_323_200_000_000);

fn window(used: u64, reset: Option<i64>) -> Window {
    Window {
        name: Arc::from("5h"),
        unit: Unit::Share,
        used,
        limit: Some(1_000_000),
        reset: reset.map(|seconds| NOW.plus_micros(seconds * 1_000_000)),
        read_at: NOW,
    }
}

#[test]
fn the_margin_is_left_alone_until_the_reset() {
    let nearly = window(985_000, Some(60));
    assert!(nearly.may_use(10_000, NOW));
    assert!(!nearly.may_use(20_000, NOW));
    assert_eq!(nearly.held_until(20_000, NOW), nearly.reset);
    assert!(nearly.may_use(20_000, NOW.plus_micros(60_000_000)));
    assert!(
        !window(1_080_000, Some(60)).may_use(0, NOW),
        "more than all"
    );
}

#[test]
fn without_a_reset_what_was_read_holds_for_five_minutes() {
    let spent = window(1_000_000, None);
    assert!(!spent.may_use(0, NOW.plus_micros(299_000_000)));
    assert!(spent.may_use(0, NOW.plus_micros(300_000_000)));
}

#[test]
fn no_limit_is_never_spent() {
    let endless = Window {
        limit: None,
        ..window(u64::MAX, None)
    };
    assert!(endless.may_use(1_000_000, NOW));
}

#[test]
fn openrouters_key_is_read_as_documented() {
    let body = br#"{"data":{"label":"sk-or-v1-au7...890","limit":100,"limit_remaining":74.5,
        "limit_reset":"monthly","usage":25.5,"usage_daily":25.5,"is_free_tier":false}}"#;
    let read = openrouter_key(body, NOW).unwrap();
    assert_eq!((read.used, read.limit), (25_500_000, Some(100_000_000)));
    assert_eq!(read.reset, Timestamp::parse("2026-04-01T00:00:00Z"));
    assert_eq!(read.left(), Some(745_000));
    for (every, reset) in [
        ("daily", "2026-03-02"),
        ("weekly", "2026-03-02"),
        ("monthly", "2026-04-01"),
    ] {
        let body =
            format!(r#"{{"data":{{"limit":1,"limit_remaining":0,"limit_reset":"{every}"}}}}"#);
        let read = openrouter_key(body.as_bytes(), NOW).unwrap();
        assert_eq!(
            read.reset,
            Timestamp::parse(&format!("{reset}T00:00:00Z")),
            "{every}"
        );
        assert!(!read.may_use(0, NOW));
    }
    let monday = Timestamp::parse("2026-03-02T12:00:00Z").unwrap();
    let body = br#"{"data":{"limit":1,"limit_remaining":1,"limit_reset":"weekly"}}"#;
    let read = openrouter_key(body, monday).unwrap();
    assert_eq!(read.reset, Timestamp::parse("2026-03-09T00:00:00Z"));
}

#[test]
fn a_key_without_a_limit_has_no_window() {
    let body = br#"{"data":{"limit":null,"limit_remaining":null,"usage":3}}"#;
    assert_eq!(openrouter_key(body, NOW), None);
    assert_eq!(openrouter_key(b"<html>", NOW), None);
    assert_eq!(openrouter_key(&vec![b' '; 100_000], NOW), None);
}

#[test]
fn anthropics_answers_carry_their_windows() {
    let headers: [(&str, &[u8]); 6] = [
        ("anthropic-ratelimit-unified-5h-utilization", b"0.42"),
        ("anthropic-ratelimit-unified-5h-reset", b"1772330400"),
        ("anthropic-ratelimit-unified-7d-utilization", b"1.04"),
        (
            "anthropic-ratelimit-unified-7d-reset",
            b"2026-03-04T00:00:00Z",
        ),
        ("anthropic-ratelimit-unified-7d_oi-utilization", b"1.0"),
        ("anthropic-ratelimit-unified-status", b"allowed"),
    ];
    let windows = response_headers(&headers, NOW);
    let read: Vec<_> = windows
        .iter()
        .map(|window| (&*window.name, window.used, window.reset))
        .collect();
    assert_eq!(
        read,
        [
            ("5h", 420_000, Timestamp::parse("2026-03-01T02:00:00Z")),
            ("7d", 1_040_000, Timestamp::parse("2026-03-04T00:00:00Z")),
        ]
    );
}

#[test]
fn a_newer_reading_replaces_and_an_over_window_goes() {
    let mut kept = vec![window(5, Some(60))];
    merge(&mut kept, &[window(9, Some(60))], NOW);
    assert_eq!(kept, [window(9, Some(60))]);
    merge(&mut kept, &[], NOW.plus_micros(60_000_000));
    assert_eq!(kept, []);
    let many: Vec<_> = (0..100)
        .map(|at| Window {
            name: Arc::from(at.to_string()),
            ..window(1, None)
        })
        .collect();
    merge(&mut kept, &many, NOW);
    assert_eq!(kept.len(), MOST_WINDOWS);
}

proptest! {
    #[test]
    fn any_window_holds_for_a_week_at_most(
        used: u64, limit: Option<u64>, reset: Option<i64>, read_at: i64, margin: u32,
    ) {
        let window = Window {
            used, limit,
            reset: reset.map(Timestamp::from_micros),
            read_at: Timestamp::from_micros(read_at),
            ..window(0, None)
        };
        prop_assert!(window.left().is_none_or(|left| left <= 1_000_000));
        if let Some(until) = window.held_until(margin, NOW) {
            prop_assert!(until > NOW && until <= NOW.plus_micros(crate::backoff::LONGEST));
        }
    }

    #[test]
    fn any_answer_is_read(body: Vec<u8>, limit: f64, left: f64, every in "\\PC{0,8}", now: i64) {
        let now = Timestamp::from_micros(now);
        openrouter_key(&body, now);
        let body = serde_json::json!({"data": {"limit": limit, "limit_remaining": left, "limit_reset": every}});
        openrouter_key(body.to_string().as_bytes(), now);
        for every in ["daily", "weekly", "monthly"] {
            let body = serde_json::json!({"data": {"limit": 1, "limit_remaining": 0, "limit_reset": every}});
            openrouter_key(body.to_string().as_bytes(), now);
        }
        response_headers(&[("anthropic-ratelimit-unified-5h-utilization", every.as_bytes())], now);
    }
}
