//! Streams, for any client and however they are cut.

use mirk_dialect::bridge::{Stream, Way};
use mirk_model::{Dialect, Kind, Operation, Problem};
use serde::Deserialize;

use super::{is_json, way};
use crate::chance::{Chance, cut};

/// Asserts that a stream of that dialect is the same for its client however it was cut, that each of its events is
/// what the client's dialect has, and that it ends as a whole one only when the provider said that it is.
pub(in crate::targets) fn streamed<const PLACE: usize>(data: &[u8]) {
    let mut chance = Chance::of(data);
    if let Some(way) = way(PLACE, true, &mut chance) {
        let (one, said) = whole(&way, data);
        let (two, out) = translated(&way, &cut(data, &mut chance));
        assert!(out == said, "a cut changed the stream");
        assert!(
            one.has_ended() == two.has_ended() && one.has_failed() == two.has_failed(),
            "a cut changed the verdict"
        );
    }
}

/// The stream in one piece, looked at.
fn whole(way: &Way, data: &[u8]) -> (Stream, Vec<u8>) {
    let (stream, out) = translated(way, &[data]);
    let said = Said::of(way, &out);
    let may_end = stream.has_ended() && !stream.has_failed();
    assert!(!said.has_mark || may_end, "ended what is not whole");
    (stream, out)
}

/// What the client gets, with the words that end what broke.
fn translated(way: &Way, pieces: &[&[u8]]) -> (Stream, Vec<u8>) {
    let (mut stream, mut out) = (way.stream(), Vec::new());
    let fed = pieces
        .iter()
        .try_for_each(|piece| stream.feed(piece, &mut out));
    let is_broken = fed.is_err();
    match fed.and_then(|()| stream.finish(&mut out)) {
        Err(malformed) => {
            // What came before may have said that it is whole; what came after broke it.
            let said = Said::of(way, &out);
            let is_after_end = said.has_mark && stream.has_ended();
            stream.fail(&Problem::from(malformed), &mut out);
            assert!(
                is_broken || is_after_end || Said::of(way, &out).has_mark == said.has_mark,
                "an error made an end"
            );
        }
        Ok(()) if !stream.has_ended() => {
            let words = "The provider broke off in the middle of its answer.";
            stream.fail(&Problem::new(Kind::UpstreamUnreachable, words), &mut out);
        }
        Ok(()) => {}
    }
    (stream, out)
}

/// What a client reads from a stream.
pub(super) struct Said {
    /// The stream says of itself that it is whole.
    pub(super) has_mark: bool,
}

/// What tells the end in the dialects that tell it inside an event.
#[derive(Deserialize)]
struct Mark {
    #[serde(rename = "type")]
    kind: Option<String>,
    done: Option<bool>,
}

impl Said {
    /// Reads what was written for the client of `way`; panics where it is not what its dialect has.
    pub(super) fn of(way: &Way, out: &[u8]) -> Self {
        let text = std::str::from_utf8(out);
        assert!(text.is_ok(), "a stream that is no text");
        let text = text.unwrap_or_default();
        let client = way.manner.operation;
        let has_mark = match client.dialect() {
            Dialect::Ollama => text.split_inclusive('\n').fold(false, |ended, line| {
                assert!(line.ends_with('\n'), "a line without an end");
                one(client, line, ended)
            }),
            Dialect::Gemini if !way.manner.is_sse => {
                // An array that a failure ended is closed as well: the failure is in it.
                let is_closed = text.trim_end().ends_with(']');
                assert!(!is_closed || is_json(out), "an array that is no JSON");
                false
            }
            _ => events(client, text),
        };
        Self { has_mark }
    }
}

/// Reads server-sent events; whether one says that the stream is whole.
fn events(client: Operation, text: &str) -> bool {
    assert!(
        text.is_empty() || text.ends_with("\n\n"),
        "an event without an end"
    );
    assert!(!text.contains('\r'), "a carriage return in the framing");
    let mut has_ended = false;
    for event in text.split_terminator("\n\n") {
        let mut has_data = false;
        for line in event.split('\n') {
            if let Some(data) = line.strip_prefix("data: ") {
                assert!(
                    !has_data || client == Operation::PromptStream,
                    "an event in two lines"
                );
                has_data = true;
                let is_error = event.starts_with("event: error");
                if client != Operation::PromptStream || is_error || data == "[DONE]" {
                    has_ended = one(client, data, has_ended);
                }
            } else {
                let is_known = ["event: ", "id: ", ":"]
                    .iter()
                    .any(|name| line.starts_with(name));
                assert!(is_known, "a line that is no field");
            }
        }
        assert!(has_data, "an event without data");
    }
    has_ended
}

/// Reads one event's data; whether the stream has ended by now.
fn one(client: Operation, data: &str, had_ended: bool) -> bool {
    if data == "[DONE]" {
        let has_word = client.dialect() == Dialect::OpenAiChat;
        assert!(has_word, "a word for the end in a dialect without one");
        assert!(!had_ended, "ended twice");
        return true;
    }
    assert!(is_json(data.as_bytes()), "an event that is not JSON");
    let mark = serde_json::from_str::<Mark>(data).ok();
    let kind = mark.as_ref().and_then(|mark| mark.kind.as_deref());
    let is_done = mark.as_ref().and_then(|mark| mark.done) == Some(true);
    let ends = match client.dialect() {
        Dialect::OpenAiResponses => {
            matches!(kind, Some("response.completed" | "response.incomplete"))
        }
        Dialect::Anthropic => kind == Some("message_stop"),
        Dialect::Ollama => is_done,
        Dialect::OpenAiChat | Dialect::Gemini => false,
    };
    assert!(!(ends && had_ended), "ended twice");
    had_ended || ends
}
