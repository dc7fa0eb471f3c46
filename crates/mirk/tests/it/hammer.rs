//! Many at once: keys that die while they are used, streams while the server stops, and silence.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "real time is what is measured here"
)]

use std::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use mirk::sim::{Ending, Scripted, SimOptions};
use rustix::process::Signal;
use serde_json::json;

use crate::{
    live::Live,
    talk::{Client, End, Piece, Speech, until},
};

/// Connections that hammer one key.
const CONNECTIONS: usize = 64;

/// One key under fire.
struct Target {
    key: String,
    start: Instant,
    /// Whether its revocation was asked for.
    is_asked: AtomicBool,
    /// When the revocation was acknowledged, in nanoseconds since `start`; until then, never.
    dead_at: AtomicU64,
    before: AtomicUsize,
    late: AtomicUsize,
    after: AtomicUsize,
}

impl Target {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap()
    }

    /// Asks over one connection until the key was refused often enough.
    fn hammer(&self, live: &Live) {
        let (path, body) = Speech::Chat.request("gpt-x", false, "hello");
        let mut client = live.client();
        while self.after.load(Ordering::SeqCst) < CONNECTIONS * 5 {
            let asked_at = self.now();
            client.post(&self.key, &path, &body);
            let status = client.try_head().map(|head| head.status);
            let Some(status) = status.filter(|_| client.rest().1 == End::Whole) else {
                // An answer under way when its key died is broken off.
                let is_asked = self.is_asked.load(Ordering::SeqCst);
                assert!(is_asked, "a connection ended for no reason");
                client = live.client();
                continue;
            };
            let counter = match status {
                200 if asked_at > self.dead_at.load(Ordering::SeqCst) => &self.late,
                200 => &self.before,
                401 => &self.after,
                other => panic!("{other}"),
            };
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn key_06_nothing_succeeds_after_a_revocation_was_acknowledged() {
    let live = Live::start();
    for _ in 0..5 {
        let (kid, key) = live.new_key(json!({}));
        let target = Target {
            key,
            start: Instant::now(),
            is_asked: AtomicBool::new(false),
            dead_at: AtomicU64::new(u64::MAX),
            before: AtomicUsize::new(0),
            late: AtomicUsize::new(0),
            after: AtomicUsize::new(0),
        };
        std::thread::scope(|scope| {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| target.hammer(&live));
            }
            let is_warm = || target.before.load(Ordering::SeqCst) > 200;
            assert!(until(Duration::from_secs(20), is_warm).is_some());
            target.is_asked.store(true, Ordering::SeqCst);
            live.act("key.revoke", json!({"kid": kid}));
            target.dead_at.store(target.now(), Ordering::SeqCst);
        });
        let late = target.late.load(Ordering::SeqCst);
        let before = target.before.load(Ordering::SeqCst);
        println!("{before} answers before the acknowledgement, {late} after");
        assert_eq!(late, 0, "successes after the acknowledgement");
    }
}

#[test]
fn r47_a_rotated_key_is_dead_at_once_and_the_new_one_lives() {
    let live = Live::start();
    let (path, body) = Speech::Chat.request("gpt-x", false, "hello");
    let mut client = live.client();
    let (mut kid, mut key) = live.new_key(json!({}));
    for _ in 0..20 {
        assert_eq!(client.ask(&key, &path, &body).head.status, 200);
        let made = live.act("key.rotate", json!({"kid": kid}));
        assert_eq!(client.ask(&key, &path, &body).head.status, 401);
        kid = made["kid"].as_str().unwrap().to_owned();
        key = made["key"].as_str().unwrap().to_owned();
    }
}

/// Reads until `text` came; gives when.
fn wait_for(client: &mut Client, text: &str, begun: Instant) -> Duration {
    let mut said = Vec::new();
    loop {
        match client.piece() {
            Piece::Data(data) => said.extend_from_slice(&data),
            Piece::End(end) => panic!(
                "{end:?} before {text:?}: {}",
                String::from_utf8_lossy(&said)
            ),
        }
        if String::from_utf8_lossy(&said).contains(text) {
            return begun.elapsed();
        }
    }
}

#[test]
fn heavy_a_silent_stream_is_kept_alive_before_and_after_its_first_event() {
    let live = Live::start();
    let ping = |speech| {
        if speech == Speech::Messages {
            "event: ping\ndata: "
        } else {
            ": ping\n\n"
        }
    };
    let at_15 =
        |taken: Duration| taken > Duration::from_secs(14) && taken < Duration::from_secs(18);
    std::thread::scope(|scope| {
        for speech in [
            Speech::Chat,
            Speech::Responses,
            Speech::Messages,
            Speech::Gemini,
        ] {
            for model in ["sim-silent", "sim-stall"] {
                let live = &live;
                scope.spawn(move || {
                    let (path, body) = speech.request(model, true, "hello");
                    let mut client = live.client();
                    let begun = Instant::now();
                    client.post(&live.key, &path, &body);
                    assert_eq!(client.head().status, 200);
                    if model == "sim-stall" {
                        assert!(matches!(client.piece(), Piece::Data(_)));
                    }
                    let first = wait_for(&mut client, ping(speech), begun);
                    assert!(at_15(first), "{speech:?} {model}: {first:?}");
                    let second = wait_for(&mut client, ping(speech), begun);
                    assert!(
                        at_15(second.saturating_sub(first)),
                        "{speech:?} {model}: {first:?}, {second:?}"
                    );
                });
            }
        }
    });
    assert!(
        until(Duration::from_secs(2), || live.sim.live() == 0).is_some(),
        "calls go on for nobody"
    );
}

#[test]
fn heavy_a_stream_begun_by_pings_ends_with_the_providers_error() {
    // Slow to say no: the status is long gone when the error comes.
    let mut live = Live::with(
        &[],
        SimOptions {
            first_delay: Duration::from_secs(17),
            ..SimOptions::default()
        },
    );
    for model in ["sim-500", "good"] {
        let (path, body) = Speech::Messages.request(model, true, "hello");
        let answer = live.client().ask(&live.key, &path, &body);
        assert_eq!(answer.head.status, 200);
        assert!(
            answer.text().starts_with("event: ping\n"),
            "{}",
            answer.text()
        );
        let is_good = model == "good";
        assert_eq!(
            answer.end == End::Whole,
            is_good,
            "{model}: {}",
            answer.text()
        );
        assert_eq!(answer.text().contains("message_stop"), is_good);
        assert_eq!(answer.text().contains("event: error"), !is_good);
    }
    let outcomes: Vec<_> = live
        .stop()
        .into_iter()
        .map(|row| (row.status, row.outcome))
        .collect();
    assert_eq!(outcomes[1], (200, "ok".to_owned()));
    assert_eq!(outcomes[0].1, "failed");
}

#[test]
fn strm_19_new_requests_are_refused_while_it_drains() {
    let gap = SimOptions {
        event_gap: Duration::from_millis(150),
        ..SimOptions::default()
    };
    let mut live = Live::with(&[], gap);
    let (path, body) = Speech::Chat.request("gpt-x", true, "reply with \"1 2 3 4 5 6 7 8\"");
    let (_, plain) = Speech::Chat.request("gpt-x", false, "hello");
    let mut idle = live.client();
    assert_eq!(idle.ask(&live.key, &path, &plain).head.status, 200);
    let mut stream = live.client();
    stream.post(&live.key, &path, &body);
    assert_eq!(stream.head().status, 200);
    live.signal(Signal::TERM);
    let stopped = until(Duration::from_secs(1), || {
        live.stderr().contains("\"event\":\"drain\"")
    });
    assert!(stopped.is_some());
    // A connection that idles may be closed, a request on it may be refused; it is never served.
    let refused = idle
        .try_post(&live.key, &path, &plain)
        .ok()
        .and_then(|()| idle.try_head());
    assert!(refused.is_none_or(|head| head.status == 503 && head.header("retry-after").is_some()));
    let asked = live.sim.requests().len();
    let (said, end) = stream.rest();
    assert_eq!(end, End::Whole);
    assert!(String::from_utf8_lossy(&said).contains("[DONE]"));
    assert_eq!(live.wait(), Some(0));
    assert_eq!(asked, 2, "a request got through while the server drained");
    assert_eq!(live.rows().len(), 2);
}

#[test]
fn strm_19_a_stream_that_outlasts_the_drain_ends_with_an_error() {
    let mut live = Live::with(&[("MIRK_LIMITS_DRAIN_SECONDS", "1")], SimOptions::default());
    let event = (
        Duration::from_millis(100),
        Bytes::from_static(b"data: {\"choices\":[]}\n\n"),
    );
    live.sim.script(Scripted {
        status: 200,
        headers: vec![("content-type".into(), "text/event-stream".into())],
        chunks: vec![event; 300],
        ending: Ending::Whole,
    });
    let (path, body) = Speech::Chat.request("gpt-x", true, "hello");
    let mut stream = live.client();
    stream.post(&live.key, &path, &body);
    assert_eq!(stream.head().status, 200);
    let begun = Instant::now();
    live.signal(Signal::TERM);
    let (said, end) = stream.rest();
    assert_eq!(end, End::Broken);
    assert_eq!(live.wait(), Some(0), "{}", live.stderr());
    assert!(
        begun.elapsed() < Duration::from_secs(9),
        "{:?}",
        begun.elapsed()
    );
    println!("the stream ended {:?} after the signal", begun.elapsed());
    let rows = live.rows();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_ne!(rows[0].outcome, "ok");
    assert!(!String::from_utf8_lossy(&said).contains("[DONE]"));
}
