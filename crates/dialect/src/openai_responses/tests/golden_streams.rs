//! The golden streams of the dialect: what each is read as, and written as again.

use std::{fs, path::PathBuf};

use mirk_model::Event;

use super::{Manner, events, manner, stream, stream_reads::short};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/streams/responses")
}

/// The data of each event of a stream.
fn data(stream: &str) -> Vec<String> {
    let stream = stream.replace("\r\n", "\n");
    let of = |frame: &str| {
        let lines = frame.lines().filter_map(|line| line.strip_prefix("data:"));
        let data: Vec<_> = lines.map(|data| data.trim_start().to_owned()).collect();
        (!data.is_empty()).then(|| data.join("\n"))
    };
    stream.split("\n\n").filter_map(of).collect()
}

/// What each stream comes to, without its beginning; `ok` is an end with usage.
const EXPECTED: [(&str, &str); 27] = [
    ("call_no_arguments", "call 0 now|end 0|finish Calls|ok"),
    (
        "call_split_in_escape",
        r#"call 0 say|arguments 0 {"text":"a\|arguments 0 "b\ud8|arguments 0 3d\ude00"}|end 0|finish Calls|ok"#,
    ),
    (
        "call_whole_in_one",
        r#"call 0 get_weather|arguments 0 {"city":"Oslo"}|end 0|finish Calls|ok"#,
    ),
    (
        "calls_interleaved",
        r#"call 0 get_weather|call 1 get_weather|arguments 0 {"city":|arguments 1 {"city":"|arguments 0 "Oslo"}|arguments 1 Rome"}|end 0|end 1|finish Calls|ok"#,
    ),
    (
        "custom_tool_call",
        "call 0 apply_patch|arguments 0 *** Begin|arguments 0   Patch\n|arguments 0 *** End Patch\n|end 0|finish Calls|ok",
    ),
    ("cut_after_text", "text Oslo"),
    (
        "cut_inside_call",
        r#"call 0 get_weather|arguments 0 {"city":"#,
    ),
    ("data_lines_only", "text Oslo|finish Stop|ok"),
    ("done_at_end", "text Oslo|finish Stop|ok"),
    ("error_nested", "error 400 context_length_exceeded"),
    ("failed_and_error", "text Os|error 500 server_error"),
    ("failed_first", "error 429 rate_limit_exceeded"),
    ("incomplete_filter", "text The|finish Filtered|ok"),
    ("incomplete_length", "text The capital of|finish Length|ok"),
    ("keep_alive", "text Oslo|finish Stop|ok"),
    (
        "namespace_call",
        "call 0 list|arguments 0 {}|end 0|finish Calls|ok",
    ),
    (
        "output_empty_at_end",
        "text Oslo|finish Stop|usage 12 5|end",
    ),
    (
        "reasoning_and_calls",
        r#"thinking Norway.|thinking \n\n|thinking So Oslo.|state OpenAi|text Looking.|call 0 get_weather|arguments 0 {"ci|arguments 0 ty":"Oslo"}|end 0|call 1 get_weather|arguments 1 {"city":"Rome"}|end 1|finish Calls|ok"#,
    ),
    (
        "reasoning_no_summary",
        "state OpenAi|text Oslo|finish Stop|ok",
    ),
    (
        "reasoning_open_text",
        "thinking Nor|thinking way.|text Oslo|finish Stop|ok",
    ),
    (
        "refusal",
        "refusal I cannot|refusal  help.|finish Refusal|ok",
    ),
    (
        "short_as_codex_needs",
        "text Oslo|finish Stop|usage 12 5|end",
    ),
    ("text", "text Os|text lo \u{1f600}|finish Stop|ok"),
    (
        "text_that_looks_like_sse",
        "text a\n\ndata: [DONE]\n\n|text event: error\ndata: {}\n\n|finish Stop|ok",
    ),
    ("unknown_event", "text Oslo|finish Stop|ok"),
    ("usage_absent", "text Oslo|finish Stop|end"),
    ("web_search", "text All quiet.|citation|finish Stop|ok"),
];

fn expected(of: &str) -> Vec<String> {
    let of = of
        .replace("|ok", "|usage 1000 50|end")
        .replace(r"\n\n", "\n\n");
    let rest = of.split('|').map(str::to_owned);
    ["start resp_golden".to_owned()]
        .into_iter()
        .chain(rest)
        .collect()
}

fn read(name: &str) -> Vec<Event<'static>> {
    let stream = fs::read_to_string(folder().join(format!("{name}.sse"))).unwrap();
    events(&data(&stream)).unwrap()
}

#[test]
fn every_golden_stream_is_read_as_what_it_says() {
    for (name, of) in EXPECTED {
        let said: Vec<_> = read(name).iter().map(short).collect();
        assert_eq!(said, expected(of), "{name}");
    }
}

#[test]
fn every_golden_stream_is_written_as_what_was_read() {
    let shown = Manner {
        shows_thinking: true,
        ..manner()
    };
    for (name, _) in EXPECTED {
        let said = read(name);
        let frames = stream(&said, &shown);
        let again: Vec<_> = frames.iter().map(|(_, data)| data).collect();
        let again = events(&again).unwrap();
        let of = |events: &[Event<'_>]| -> Vec<_> { events.iter().map(short).collect() };
        // A call without arguments gets an empty object.
        if name != "call_no_arguments" {
            assert_eq!(of(&again), of(&said), "{name}");
        }
    }
}
