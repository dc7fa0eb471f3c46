//! Streams: in every dialect, and however their bytes are cut.

use mirk_dialect::bridge::Way;
use mirk_model::{Dialect, Kind, Problem};

use crate::{DIALECTS, all_kept, fixtures, keep, way};

/// The stream as the client gets it when its bytes come in these pieces.
fn translated(way: &Way, pieces: &[&[u8]]) -> Vec<u8> {
    let (mut stream, mut out) = (way.stream(), Vec::new());
    let mut fed = Ok(());
    for piece in pieces {
        fed = fed.and_then(|()| stream.feed(piece, &mut out));
    }
    match fed.and_then(|()| stream.finish(&mut out)) {
        Err(malformed) => stream.fail(&Problem::from(malformed), &mut out),
        Ok(()) if !stream.has_ended() => {
            let words = "The provider broke off in the middle of its answer.";
            stream.fail(&Problem::new(Kind::UpstreamUnreachable, words), &mut out);
        }
        Ok(()) => {}
    }
    out
}

#[test]
fn every_stream_in_every_dialect_is_as_it_was_looked_at() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (upstream, folder) in DIALECTS {
        for (name, body) in fixtures("streams", folder) {
            let mut parts = Vec::new();
            for (client, target) in DIALECTS {
                if upstream != client {
                    let out = translated(&way(client, upstream, true), &[&body]);
                    parts.push((target, String::from_utf8(out).unwrap()));
                }
            }
            keep("streams", folder, &name, &parts, &mut wrong);
            count += 1;
        }
    }
    all_kept(&wrong);
    assert!(count >= 35, "only {count} fixtures");
}

/// Every recorded stream of `upstream`, cut at every byte, is one translation. Where it is cut
/// concerns only what reads it, so the clients take turns; all of them get it byte by byte.
fn is_the_same_however_cut(upstream: Dialect) {
    let folder = DIALECTS.iter().find(|(dialect, _)| *dialect == upstream);
    let clients: Vec<_> = DIALECTS
        .into_iter()
        .filter(|(client, _)| *client != upstream)
        .collect();
    for (number, (name, body)) in fixtures("streams", folder.unwrap().1).iter().enumerate() {
        for (place, (client, target)) in clients.iter().enumerate() {
            let way = way(*client, upstream, true);
            let whole = translated(&way, &[body]);
            let bytes: Vec<_> = body.chunks(1).collect();
            assert!(
                translated(&way, &bytes) == whole,
                "{name} for {target} differs byte by byte"
            );
            if place != number % clients.len() {
                continue;
            }
            for at in 1..body.len() {
                let (front, back) = body.split_at(at);
                assert!(
                    translated(&way, &[front, back]) == whole,
                    "{name} for {target} differs when cut at {at}"
                );
            }
        }
    }
}

#[test]
fn strm_07_a_stream_of_chats_is_the_same_however_it_is_cut() {
    is_the_same_however_cut(Dialect::OpenAiChat);
}

#[test]
fn strm_07_a_stream_of_responses_is_the_same_however_it_is_cut() {
    is_the_same_however_cut(Dialect::OpenAiResponses);
}

#[test]
fn strm_07_a_stream_of_anthropics_is_the_same_however_it_is_cut() {
    is_the_same_however_cut(Dialect::Anthropic);
}

#[test]
fn strm_07_a_stream_of_geminis_is_the_same_however_it_is_cut() {
    is_the_same_however_cut(Dialect::Gemini);
}

#[test]
fn strm_07_a_stream_of_ollamas_is_the_same_however_it_is_cut() {
    is_the_same_however_cut(Dialect::Ollama);
}

#[test]
fn a_stream_that_was_cut_never_ends_as_if_it_were_whole() {
    const MARKS: [&str; 4] = [
        "[DONE]",
        "\"message_stop\"",
        "\"response.completed\"",
        "\"done\":true",
    ];
    let mut count = 0;
    for (upstream, folder) in DIALECTS {
        for (name, body) in fixtures("streams", folder) {
            if !name.starts_with("cut_") {
                continue;
            }
            for (client, target) in DIALECTS {
                if upstream == client {
                    continue;
                }
                count += 1;
                let out = translated(&way(client, upstream, true), &[&body]);
                let text = String::from_utf8(out).unwrap();
                for mark in MARKS {
                    assert!(!text.contains(mark), "{folder}/{name} for {target}: {mark}");
                }
                assert!(text.contains("error"), "{folder}/{name} for {target}");
            }
        }
    }
    assert!(count > 0, "no cut streams among the fixtures");
}
