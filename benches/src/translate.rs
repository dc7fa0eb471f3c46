//! What translation itself costs, inside this process: nothing but bytes in and bytes out.
//!
//! Invariant: time is this thread's CPU time, so that what else the machine does hardly shows; every body but
//! Chat's is what the translation of Chat's came to, so that all say the same.

use std::fmt::Write as _;

use mirk_dialect::bridge::{self, DIALECTS, From, To, Translated};
use mirk_model::{Dialect, Traits};
use rustix::time::{ClockId, clock_gettime};

use crate::failure::Failure;
use crate::stats::{median, real};

/// Deltas of a stream.
const EVENTS: usize = 100;
/// How often a stream is translated; figures are medians.
const STREAMS: usize = 400;
/// How often a request is translated.
const REQUESTS: usize = 15;
/// What a request of a megabyte may take, in milliseconds.
const GATE_MS: f64 = 15.0;
/// The length of a large request, in bytes.
const LARGE: usize = 1 << 20;

/// The figures as a table, and how many are over their gate.
pub(crate) fn run() -> Result<(String, usize), Failure> {
    let mut table = String::from(
        "stream of 100 deltas: CPU/event, us (a row is what the provider speaks, a column the client)\n",
    );
    let mut missed = 0;
    let streams = bodies(&stream(), streamed)?;
    grid(&mut table, |from, to| {
        let (_, body) = streams.iter().find(|(dialect, _)| *dialect == from)?;
        let pieces = pieces(body, from == Dialect::Ollama);
        let ns = timed(STREAMS, || streamed(&pieces, from, to).map(drop))?;
        Some(ns / 1e3 / real(u64::try_from(EVENTS).unwrap_or(1)))
    });
    for (name, body) in [
        ("one text", one_text()),
        ("2,000 turns", turns()),
        ("200 tools", tools()),
    ] {
        let words = "CPU, ms (a row is what the client speaks, a column the provider)";
        wrote(writeln!(table, "\nrequest of 1 MB, {name}: {words}"));
        let requests = bodies(&body, |pieces, from, to| {
            let body = pieces.first().copied().unwrap_or_default();
            asked(body, from, to).map(|translated| translated.body)
        })?;
        grid(&mut table, |from, to| {
            let (_, body) = requests.iter().find(|(dialect, _)| *dialect == from)?;
            let ns = timed(REQUESTS, || asked(body, from, to).map(drop))?;
            let ms = ns / 1e6;
            missed += usize::from(ms > GATE_MS);
            Some(ms)
        });
    }
    wrote(writeln!(
        table,
        "\nrequests over the gate of {GATE_MS} ms: {missed}"
    ));
    Ok((table, missed))
}

/// Writing to memory cannot fail.
fn wrote(result: std::fmt::Result) {
    // A string takes every write.
    result.unwrap_or_default();
}

/// One row for each dialect, one column for each; nothing where both are one.
fn grid(table: &mut String, mut figure: impl FnMut(Dialect, Dialect) -> Option<f64>) {
    wrote(write!(table, "{:>18}", ""));
    for wire in DIALECTS {
        wrote(write!(table, "{:>18}", wire.dialect.to_string()));
    }
    table.push('\n');
    for from in DIALECTS {
        wrote(write!(table, "{:>18}", from.dialect.to_string()));
        for to in DIALECTS {
            let is_same = from.dialect == to.dialect;
            let value = (!is_same).then(|| figure(from.dialect, to.dialect));
            let cell = match value {
                None => String::new(),
                Some(None) => "failed".into(),
                Some(Some(value)) => format!("{value:.2}"),
            };
            wrote(write!(table, "{cell:>18}"));
        }
        table.push('\n');
    }
}

type Body = (Dialect, Vec<u8>);

/// `chat` in every dialect.
fn bodies(
    chat: &str,
    translated: impl Fn(&[&[u8]], Dialect, Dialect) -> Option<Vec<u8>>,
) -> Result<Vec<Body>, Failure> {
    let own = Dialect::OpenAiChat;
    let mut bodies = vec![(own, chat.as_bytes().to_vec())];
    for wire in DIALECTS.iter().filter(|wire| wire.dialect != own) {
        let body = translated(&[chat.as_bytes()], own, wire.dialect).ok_or_else(|| {
            Failure::Setup(format!("nothing of the chat came out as {}", wire.dialect))
        })?;
        bodies.push((wire.dialect, body));
    }
    Ok(bodies)
}

/// The median CPU time of `work` in ns, after one that is not counted; nothing when it fails.
fn timed(times: usize, work: impl Fn() -> Option<()>) -> Option<f64> {
    work()?;
    let mut spent = Vec::with_capacity(times);
    for _ in 0..times {
        let before = cpu_ns();
        work()?;
        spent.push(real(cpu_ns() - before));
    }
    median(&spent)
}

fn cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let whole = u64::try_from(now.tv_sec).unwrap_or(0);
    whole * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

fn translate(body: &str, from: Dialect, to: Dialect, is_stream: bool) -> Option<Translated> {
    let from = From {
        operation: bridge::native(from, is_stream),
        body,
        model: "bench",
        is_stream,
        is_sse: true,
        request_id: "req_bench",
        created: 1_700_000_000,
    };
    let traits = Traits::default();
    let to = To {
        operation: bridge::native(to, is_stream),
        model: "bench",
        traits: &traits,
    };
    bridge::ask(from, to).ok()
}

fn asked(body: &[u8], from: Dialect, to: Dialect) -> Option<Translated> {
    translate(std::str::from_utf8(body).ok()?, from, to, false)
}

/// A provider's stream as its client gets it. What the request was does not count: it is small.
fn streamed(pieces: &[&[u8]], provider: Dialect, client: Dialect) -> Option<Vec<u8>> {
    let ask = match client {
        Dialect::OpenAiResponses => r#"{"model":"bench","input":"a"}"#,
        Dialect::Gemini => r#"{"contents":[{"role":"user","parts":[{"text":"a"}]}]}"#,
        _ => r#"{"model":"bench","max_tokens":9,"messages":[{"role":"user","content":"a"}]}"#,
    };
    let way = translate(ask, client, provider, true)?.way;
    let (mut stream, mut all) = (way.stream(), Vec::new());
    for piece in pieces {
        // As the gateway does it: what was written goes at once.
        let mut out = Vec::new();
        stream.feed(piece, &mut out).ok()?;
        all.extend_from_slice(&out);
    }
    stream.finish(&mut all).ok()?;
    (stream.has_ended() && !stream.has_failed()).then_some(all)
}

/// The stream as it comes from a provider: one event at a time.
fn pieces(body: &[u8], is_lines: bool) -> Vec<&[u8]> {
    let (mut pieces, mut rest) = (Vec::new(), body);
    let end: &[u8] = if is_lines { b"\n" } else { b"\n\n" };
    while let Some(at) = memchr::memmem::find(rest, end) {
        let (piece, after) = rest.split_at(at + end.len());
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn stream() -> String {
    let head = r#"{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"bench","choices":"#;
    let mut out = format!(
        "data: {head}[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":\"\"}},\"finish_reason\":null}}]}}\n\n"
    );
    for index in 0..EVENTS {
        let delta = format!(r#"{{"content":" word {index} and a few more"}}"#);
        wrote(write!(
            out,
            "data: {head}[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]}}\n\n"
        ));
    }
    wrote(write!(
        out,
        "data: {head}[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n"
    ));
    let usage = r#"{"prompt_tokens":10,"completion_tokens":100,"total_tokens":110}"#;
    wrote(write!(
        out,
        "data: {head}[],\"usage\":{usage}}}\n\ndata: [DONE]\n\n"
    ));
    out
}

const WORDS: &str = "The quick \\\"brown\\\" fox jumps over\\nthe lazy dog, na\u{ef}vely; ";

fn text(length: usize) -> String {
    WORDS.repeat(length.div_ceil(WORDS.len()))
}

fn one_text() -> String {
    let text = text(LARGE);
    format!(r#"{{"model":"bench","messages":[{{"role":"user","content":"{text}"}}]}}"#)
}

fn turns() -> String {
    let text = text(LARGE / 2_000 - 40);
    let turns: Vec<_> = ["user", "assistant"]
        .iter()
        .cycle()
        .take(1_999)
        .map(|role| format!(r#"{{"role":"{role}","content":"{text}"}}"#))
        .collect();
    format!(r#"{{"model":"bench","messages":[{}]}}"#, turns.join(","))
}

fn tools() -> String {
    let words = text(150);
    let properties: Vec<_> = (0..24)
        .map(|index| {
            format!(
                r#""field_{index}":{{"type":["string","null"],"description":"{words}","enum":["a","b",null]}}"#
            )
        })
        .collect();
    let properties = properties.join(",");
    let tools: Vec<_> = (0..200)
        .map(|index| {
            let parameters = format!(
                r#"{{"type":"object","properties":{{{properties}}},"required":["field_1"],"additionalProperties":false}}"#
            );
            format!(
                r#"{{"type":"function","function":{{"name":"tool_{index}","description":"{words}","parameters":{parameters}}}}}"#
            )
        })
        .collect();
    format!(
        r#"{{"model":"bench","messages":[{{"role":"user","content":"hello"}}],"tools":[{}]}}"#,
        tools.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::{Dialect, LARGE, asked, bodies, one_text, pieces, stream, streamed, tools, turns};

    #[test]
    fn every_request_is_json_of_about_a_megabyte_that_translates_everywhere() {
        for body in [one_text(), turns(), tools()] {
            assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok());
            assert!((LARGE / 2..LARGE * 2).contains(&body.len()));
            assert!(asked(body.as_bytes(), Dialect::OpenAiChat, Dialect::Gemini).is_some());
        }
    }

    #[test]
    fn a_stream_keeps_its_events_there_and_back() {
        let all = bodies(&stream(), streamed).unwrap();
        for (dialect, body) in &all {
            if *dialect != Dialect::OpenAiChat {
                let pieces = pieces(body, *dialect == Dialect::Ollama);
                let back = streamed(&pieces, *dialect, Dialect::OpenAiChat).unwrap();
                let text = String::from_utf8(back).unwrap();
                assert!(text.matches("and a few more").count() >= 100, "{dialect}");
            }
        }
    }
}
