//! Taps on answers in every dialect, whole, broken, hostile and cut anywhere.

use mirk_model::Counted;
use proptest::prelude::*;

use super::*;

const EVENTS: &str = "text/event-stream; charset=utf-8";
const JSON: &str = "application/json";

const CHAT: &str = concat!(
    ": hello\r\n\r\n",
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\\"usage\\\": {\"}}],\"usage\":null}\r\n\r\n",
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\n\\ndata: [DONE]\"}}]}\r\n\r\n",
    "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,",
    "\"total_tokens\":120,\"prompt_tokens_details\":{\"cached_tokens\":64},",
    "\"completion_tokens_details\":{\"reasoning_tokens\":7}}}\r\n\r\n",
    "data: [DONE]\r\n\r\n",
);

const RESPONSES: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"usage\":null,\"error\":null}}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"usage\"}\n\n",
    "event: response.completed\ndata: {\"response\":{\"error\":null,\"output\":[{\"type\":\"message\",\"usage\":{\"input_tokens\":9}}],",
    "\"usage\":{\"input_tokens\":30,\"input_tokens_details\":{\"cached_tokens\":10},\"output_tokens\":5,",
    "\"output_tokens_details\":{\"reasoning_tokens\":2},\"total_tokens\":35}},\"type\":\"response.completed\"}\n\n",
);

const MESSAGES: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":10,",
    "\"cache_creation_input_tokens\":5,\"cache_read_input_tokens\":100,\"output_tokens\":1}}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"h\u{e9}\"}}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":42}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

const GEMINI: &str = concat!(
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"usageMetadata\":{\"promptTokenCount\":8}}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"finishReason\":\"STOP\"}],",
    "\"usageMetadata\":{\"promptTokenCount\":8,\"candidatesTokenCount\":3,\"thoughtsTokenCount\":4,",
    "\"cachedContentTokenCount\":2,\"totalTokenCount\":15}}\r\n\r\n",
);

const OLLAMA: &str = concat!(
    "{\"model\":\"l\",\"message\":{\"role\":\"assistant\",\"content\":\"{\\\"done\\\":true}\"},\"done\":false}\n",
    "{\"model\":\"l\",\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":26,\"eval_count\":11}\n",
);

fn tap(operation: Operation, content_type: &str, chunks: &[&[u8]]) -> Tapped {
    let mut tap = Tap::new(operation, true, content_type);
    for chunk in chunks {
        tap.feed(chunk).unwrap();
    }
    tap.finish()
}

fn tap_whole(operation: Operation, body: &str) -> Tapped {
    let mut tap = Tap::new(operation, false, JSON);
    tap.feed(body.as_bytes()).unwrap();
    tap.finish()
}

/// Input, cached, cache write, output, reasoning.
fn reported(counts: [u64; 5]) -> Usage {
    let [input, cached, cache_write, output, reasoning] = counts;
    Usage {
        input,
        cached,
        cache_write,
        output,
        reasoning,
        counted: Counted::Reported,
    }
}

/// Every stream above with what it holds: usage and events.
fn streams() -> [(Operation, &'static str, &'static str, Usage, u64); 5] {
    [
        (
            Operation::Chat,
            EVENTS,
            CHAT,
            reported([100, 64, 0, 20, 7]),
            3,
        ),
        (
            Operation::Responses,
            EVENTS,
            RESPONSES,
            reported([30, 10, 0, 5, 2]),
            3,
        ),
        (
            Operation::Messages,
            EVENTS,
            MESSAGES,
            reported([115, 100, 5, 42, 0]),
            5,
        ),
        (
            Operation::StreamGenerate,
            EVENTS,
            GEMINI,
            reported([8, 2, 0, 7, 4]),
            2,
        ),
        (
            Operation::OllamaChat,
            "application/x-ndjson",
            OLLAMA,
            reported([26, 0, 0, 11, 0]),
            2,
        ),
    ]
}

#[test]
fn whole_streams_are_read_in_every_dialect() {
    for (operation, content_type, stream, usage, events) in streams() {
        let tapped = tap(operation, content_type, &[stream.as_bytes()]);
        assert_eq!(tapped.usage, Some(usage), "{operation:?}");
        assert!(tapped.terminal, "{operation:?}");
        assert!(!tapped.error_in_band, "{operation:?}");
        assert_eq!(tapped.events, events, "{operation:?}");
        assert!(tapped.output_bytes > 0);
    }
}

#[test]
fn a_stream_cut_before_its_end_is_not_terminal() {
    for (operation, content_type, stream, ..) in streams() {
        let last_event = stream.trim_end().rfind('\n').unwrap();
        let tapped = tap(operation, content_type, &[&stream.as_bytes()[..last_event]]);
        assert!(!tapped.terminal, "{operation:?}");
    }
}

#[test]
fn a_stream_cut_at_any_byte_never_panics_and_ends_only_once_whole() {
    for (operation, content_type, stream, ..) in streams() {
        let whole = stream.trim_end().len();
        for cut in 0..whole {
            let tapped = tap(operation, content_type, &[&stream.as_bytes()[..cut]]);
            let is_gemini = operation == Operation::StreamGenerate;
            let is_ollama = operation == Operation::OllamaChat;
            assert!(
                !tapped.terminal || is_gemini || is_ollama,
                "{operation:?} {cut}"
            );
        }
    }
}

#[test]
fn a_cut_message_is_estimated_with_its_input() {
    let cut = MESSAGES.find("event: message_delta").unwrap();
    let tapped = tap(Operation::Messages, EVENTS, &[&MESSAGES.as_bytes()[..cut]]);
    let usage = tapped.usage.unwrap();
    assert_eq!((usage.input, usage.counted), (115, Counted::Estimated));
    assert_eq!(usage.output, 3, "one token an event at least");
}

#[test]
fn a_count_that_is_missing_is_estimated_where_something_was_put_out() {
    let cut = GEMINI
        .find("data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b")
        .unwrap();
    let tapped = tap(
        Operation::StreamGenerate,
        EVENTS,
        &[&GEMINI.as_bytes()[..cut]],
    );
    let usage = tapped.usage.unwrap();
    assert_eq!(
        (usage.input, usage.output, usage.counted),
        (8, 1, Counted::Estimated)
    );
    let usage = tap_whole(Operation::Chat, r#"{"usage":{"prompt_tokens":5}}"#).usage;
    assert_eq!(usage.unwrap().counted, Counted::Estimated);
    let blocked =
        r#"{"promptFeedback":{"blockReason":"X"},"usageMetadata":{"promptTokenCount":5}}"#;
    let usage = tap_whole(Operation::Generate, blocked).usage;
    assert_eq!(usage, Some(reported([5, 0, 0, 0, 0])));
}

#[test]
fn what_passes_is_not_in_its_debug_form() {
    let mut tap = Tap::new(Operation::Chat, true, EVENTS);
    tap.feed(b"data: {\"canary\":\"canary").unwrap();
    let mut lines = crate::sse::Lines::default();
    lines.feed(b"data: canary", |_| ()).unwrap();
    let shown = format!("{tap:?} {lines:?} {:?}", Field::of(b"data: canary"));
    let bytes = format!("{:?}", b"canary").replace(['[', ']'], "");
    assert!(
        !shown.contains("canary") && !shown.contains(&bytes),
        "{shown}"
    );
}

#[test]
fn errors_in_the_stream_are_seen_and_never_end_it() {
    let cases = [
        (Operation::Chat, "data: {\"error\":{\"message\":\"m\"}}\n\n"),
        (
            Operation::Messages,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
        ),
        (
            Operation::Responses,
            "event: error\ndata: {\"type\":\"error\",\"code\":\"x\",\"message\":\"m\"}\n\n",
        ),
        (
            Operation::StreamGenerate,
            "data: {\"error\":{\"code\":503}}\n\n",
        ),
    ];
    for (operation, stream) in cases {
        let tapped = tap(operation, EVENTS, &[stream.as_bytes()]);
        assert!(tapped.error_in_band && !tapped.terminal, "{operation:?}");
        assert_eq!(tapped.usage, None);
    }
    let failed =
        "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"x\"}}}\n\n";
    let tapped = tap(Operation::Responses, EVENTS, &[failed.as_bytes()]);
    assert!(tapped.error_in_band && tapped.terminal);
    let line = "{\"error\":\"no\"}\n";
    let tapped = tap(
        Operation::OllamaChat,
        "application/x-ndjson",
        &[line.as_bytes()],
    );
    assert!(tapped.error_in_band && !tapped.terminal);
}

#[test]
fn a_json_error_in_place_of_a_stream_is_seen() {
    let body = br#"{"error":{"message":"m","type":"server_error"}}"#;
    for operation in [
        Operation::Chat,
        Operation::Messages,
        Operation::StreamGenerate,
    ] {
        assert!(tap(operation, JSON, &[body]).error_in_band, "{operation:?}");
    }
}

#[test]
fn whole_answers_are_read_wherever_usage_stands() {
    let chat = r#"{"usage":{"prompt_tokens":3,"completion_tokens":4},"choices":[{"message":{"content":"\"usage\""}}]}"#;
    assert_eq!(
        tap_whole(Operation::Chat, chat).usage,
        Some(reported([3, 0, 0, 4, 0]))
    );
    let messages = r#"{"type":"message","content":[{"type":"text","text":"x"}],
        "usage": {"input_tokens":1,"cache_read_input_tokens":2,"output_tokens":9} }"#;
    let tapped = tap_whole(Operation::Messages, messages);
    assert_eq!(tapped.usage, Some(reported([3, 2, 0, 9, 0])));
    assert!(tapped.terminal);
    assert_eq!(tapped.events, 1);
    let embeddings = format!(
        r#"{{"data":[{{"embedding":[{}0.5]}}],"usage":{{"prompt_tokens":5,"total_tokens":5}}}}"#,
        "0.25,".repeat(50_000)
    );
    let tapped = tap_whole(Operation::Embeddings, &embeddings);
    assert_eq!(tapped.usage, Some(reported([5, 0, 0, 0, 0])));
    let cut = tap_whole(
        Operation::Chat,
        r#"{"usage":{"prompt_tokens":3},"choices":["#,
    );
    assert!(!cut.terminal);
    let count = tap_whole(Operation::CountTokens, r#"{"input_tokens":5}"#);
    assert_eq!((count.usage, count.terminal), (None, true));
}

#[test]
fn escapes_do_not_end_a_string() {
    let usage = r#""usage":{"prompt_tokens":1,"completion_tokens":2}"#;
    for content in [
        r#"a\"b"#,
        r"\\",
        r#"\\\""#,
        r#"{\""#,
        r#"\",\"usage\":{\"prompt_tokens\":9}}"#,
    ] {
        let body = format!(r#"{{"choices":[{{"x":"{content}"}}],{usage}}}"#);
        assert!(
            serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok(),
            "{body}"
        );
        let tapped = tap_whole(Operation::Chat, &body);
        assert_eq!(tapped.usage, Some(reported([1, 0, 0, 2, 0])), "{body}");
        assert!(tapped.terminal);
    }
}

#[test]
fn gemini_streams_as_an_array_are_read() {
    let body = r#"[{"candidates":[{"content":{}}],"usageMetadata":{"promptTokenCount":1}}
,
{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}
]"#;
    let tapped = tap(Operation::StreamGenerate, JSON, &[body.as_bytes()]);
    assert_eq!(tapped.usage, Some(reported([1, 0, 0, 2, 0])));
    assert!(tapped.terminal);
    assert_eq!(tapped.events, 2);
    let blocked = "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n";
    assert!(tap(Operation::StreamGenerate, EVENTS, &[blocked.as_bytes()]).terminal);
}

#[test]
fn reasoning_beside_the_completion_is_added_when_the_total_says_so() {
    let body = r#"{"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":45,
        "completion_tokens_details":{"reasoning_tokens":30}}}"#;
    assert_eq!(
        tap_whole(Operation::Chat, body).usage,
        Some(reported([10, 0, 0, 35, 30]))
    );
}

#[test]
fn usage_that_cannot_be_believed_is_estimated() {
    for bad in [
        "-5",
        "1.5",
        "\"7\"",
        "99999999999999999999999",
        "9000000000000000",
        "[]",
        "1e999",
        "true",
    ] {
        let body = format!(r#"{{"usage":{{"prompt_tokens":{bad},"completion_tokens":2}}}}"#);
        let usage = tap_whole(Operation::Chat, &body).usage.unwrap();
        assert_eq!(usage.counted, Counted::Estimated, "{bad}");
        assert_eq!(usage.input, u64::from(bad == "1.5"), "{bad}");
        assert_eq!(usage.output, 2);
        let body = format!(r#"{{"usage":{{"prompt_tokens":2,"completion_tokens":{bad}}}}}"#);
        let usage = tap_whole(Operation::Chat, &body).usage.unwrap();
        assert_eq!(usage.counted, Counted::Estimated, "{bad}");
        assert!(usage.output >= 1 && usage.output < 10, "{bad}");
        let cached = format!(
            r#"{{"usage":{{"prompt_tokens":2,"completion_tokens":2,"prompt_tokens_details":{{"cached_tokens":{bad}}}}}}}"#
        );
        let usage = tap_whole(Operation::Chat, &cached).usage.unwrap();
        assert!(usage.cached <= usage.input);
        assert_eq!(usage.counted, Counted::Estimated, "{bad}");
    }
    for odd in ["7", "\"x\"", "[1]", "true"] {
        let tapped = tap_whole(Operation::Chat, &format!(r#"{{"usage":{odd}}}"#));
        assert_eq!(tapped.usage, None, "{odd}");
    }
    let more_cached = r#"{"usage":{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":9}}}"#;
    let usage = tap_whole(Operation::Chat, more_cached).usage.unwrap();
    assert_eq!((usage.cached, usage.counted), (5, Counted::Estimated));
}

#[test]
fn memory_is_bounded_and_usage_is_found_behind_a_long_line() {
    let text = "x".repeat(300_000);
    let stream = format!(
        "data: {{\"response\":{{\"output\":\"{text}\",\"usage\":{{\"input_tokens\":3,\"output_tokens\":4}}}},\"type\":\"response.completed\"}}\n\n"
    );
    let whole = tap(Operation::Responses, EVENTS, &[stream.as_bytes()]);
    assert_eq!(whole.usage, Some(reported([3, 0, 0, 4, 0])));
    assert!(whole.terminal);
    for size in [1, 1_000, 65_536, 65_537] {
        let chunks: Vec<_> = stream.as_bytes().chunks(size).collect();
        assert_eq!(tap(Operation::Responses, EVENTS, &chunks), whole, "{size}");
    }
    let mut tap = Tap::new(Operation::Responses, true, EVENTS);
    tap.feed(&stream.as_bytes()[..200_000]).unwrap();
    assert!(tap.events.unwrap().carried.capacity() <= 2 * LONGEST_KEPT);
    let huge_usage = format!(r#"{{"usage":{{"x":"{text}","prompt_tokens":1}}}}"#);
    assert_eq!(tap_whole(Operation::Chat, &huge_usage).usage, None);
}

#[test]
fn a_line_without_end_is_refused() {
    let mut tap = Tap::new(Operation::Chat, true, EVENTS);
    let chunk = vec![b'x'; 1 << 20];
    let fed = (0..17).try_for_each(|_| tap.feed(&chunk));
    assert_eq!(fed, Err(LineTooLong(LONGEST_LINE)));
}

#[test]
fn the_first_event_is_complete_at_its_blank_line() {
    let mut tap = Tap::new(Operation::Chat, true, EVENTS);
    tap.feed(b": ping\n\ndata: {\"choices\":[]}\n").unwrap();
    assert!(!tap.first_event_complete());
    tap.feed(b"\n").unwrap();
    assert!(tap.first_event_complete());
    let mut tap = Tap::new(Operation::OllamaChat, true, "application/x-ndjson");
    tap.feed(b"{\"done\":false").unwrap();
    assert!(!tap.first_event_complete());
    tap.feed(b"}").unwrap();
    assert!(tap.first_event_complete());
}

#[test]
fn data_over_several_lines_is_one_document() {
    let stream = "data: {\ndata: \"usage\": {\"prompt_tokens\": 1,\ndata:  \"completion_tokens\": 2}\ndata: }\n\n";
    let tapped = tap(Operation::Chat, EVENTS, &[stream.as_bytes()]);
    assert_eq!(tapped.usage, Some(reported([1, 0, 0, 2, 0])));
    assert_eq!(tapped.events, 1);
}

#[test]
fn estimates_are_rough_and_never_zero_for_text() {
    assert_eq!((estimate(0), estimate(1), estimate(400)), (0, 1, 100));
    assert_eq!(estimate_output(Operation::Chat, 10, 2_300), 25);
    assert_eq!(estimate_output(Operation::Chat, 10, 100), 10);
    assert_eq!(estimate_output(Operation::Embeddings, 1, 1 << 20), 0);
}

/// `bytes` cut at the places that `cuts` name.
fn cut<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

proptest! {
    #[test]
    fn any_split_of_a_stream_gives_the_same(
        which in 0..5_usize,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let (operation, content_type, stream, ..) = streams()[which];
        let mut stream = stream.as_bytes().to_vec();
        for (place, byte) in bytes {
            let at = place.index(stream.len());
            stream[at] = byte;
        }
        let whole = tap(operation, content_type, &[&stream]);
        prop_assert_eq!(tap(operation, content_type, &cut(&stream, &cuts)), whole);
        let each: Vec<_> = stream.chunks(1).collect();
        prop_assert_eq!(tap(operation, content_type, &each), whole);
        // The same bytes as one document: another way through, the same rule.
        let whole = tap(operation, JSON, &[&stream]);
        prop_assert_eq!(tap(operation, JSON, &cut(&stream, &cuts)), whole);
    }

    #[test]
    fn no_bytes_make_it_panic(
        operation in prop::sample::select(vec![
            Operation::Chat, Operation::Messages, Operation::Responses,
            Operation::StreamGenerate, Operation::OllamaChat,
        ]),
        soup in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\"usage\"", "\"usageMetadata\"", "\"type\"",
            "\"error\"", "null", "-1", "1e9", "data: ", "\n", "\r", "[DONE]", " ", "\"message\"",
            "\"eval_count\"", "\"input_tokens\"", "\"prompt_tokens_details\"", "é",
        ]), 0..60),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let soup = soup.concat();
        for content_type in [EVENTS, JSON, ""] {
            let whole = tap(operation, content_type, &[soup.as_bytes()]);
            prop_assert_eq!(tap(operation, content_type, &cut(soup.as_bytes(), &cuts)), whole);
        }
    }
}

/// Prints what a tap costs an event. Run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a check"]
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn measure_the_tap_per_event() {
    for (operation, content_type, stream, _, events) in streams() {
        let start = std::time::Instant::now();
        let mut tap = Tap::new(operation, true, content_type);
        for _ in 0..10_000 {
            tap.feed(std::hint::black_box(stream.as_bytes())).unwrap();
        }
        assert!(tap.finish().terminal);
        let passed = u32::try_from(events * 10_000).unwrap();
        println!("{operation:?}: {:?} an event", start.elapsed() / passed);
    }
    let delta = "data: {\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1767323045,\"model\":\"gpt-5\",\"system_fingerprint\":\"fp_0\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
    let start = std::time::Instant::now();
    let mut tap = Tap::new(Operation::Chat, true, EVENTS);
    for _ in 0..100_000 {
        tap.feed(std::hint::black_box(delta.as_bytes())).unwrap();
    }
    println!("plain delta: {:?}", start.elapsed() / 100_000);
}
