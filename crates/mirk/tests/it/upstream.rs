//! Providers that break HTTP itself, and what is tried again when one fails.
#![cfg(test)]

use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use mirk::sim::{Ending, Scripted};
use serde_json::json;

use crate::{
    live::{CREDENTIAL, Live},
    talk::{Answer, End, Piece, Speech},
};

/// What a raw provider does with one request.
#[derive(Clone, Debug)]
enum Move {
    /// Writes these bytes, then reads the next request.
    Say(Vec<u8>),
    /// Writes these bytes, then closes.
    SayAndClose(Vec<u8>),
}

/// A provider that writes whatever bytes it is given.
struct Raw {
    addr: SocketAddr,
    moves: Arc<Mutex<VecDeque<Move>>>,
    seen: Arc<Mutex<usize>>,
}

impl Raw {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let raw = Self {
            addr: listener.local_addr().unwrap(),
            moves: Arc::default(),
            seen: Arc::default(),
        };
        let (moves, seen) = (Arc::clone(&raw.moves), Arc::clone(&raw.seen));
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (moves, seen) = (Arc::clone(&moves), Arc::clone(&seen));
                std::thread::spawn(move || Self::serve(&mut stream.unwrap(), &moves, &seen));
            }
        });
        raw
    }

    fn serve(stream: &mut TcpStream, moves: &Mutex<VecDeque<Move>>, seen: &Mutex<usize>) {
        while Self::read_request(stream).is_some() {
            *seen.lock().unwrap() += 1;
            let next = moves.lock().unwrap().pop_front();
            let is_over = matches!(next, None | Some(Move::SayAndClose(_)));
            if let Some(Move::Say(bytes) | Move::SayAndClose(bytes)) = next {
                // The other side may have had enough.
                drop(stream.write_all(&bytes));
            }
            if is_over {
                return;
            }
        }
    }

    fn read_request(stream: &mut TcpStream) -> Option<()> {
        let (mut text, mut some) = (Vec::new(), [0; 4096]);
        loop {
            if let Some(end) = memchr::memmem::find(&text, b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&text[..end]).to_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                if text.len() >= end + 4 + length.unwrap_or(0) {
                    return Some(());
                }
            }
            match stream.read(&mut some) {
                Ok(count) if count > 0 => text.extend_from_slice(&some[..count]),
                _ => return None,
            }
        }
    }

    fn next(&self, next: Move) {
        self.moves.lock().unwrap().push_back(next);
    }

    fn seen(&self) -> usize {
        *self.seen.lock().unwrap()
    }
}

/// A whole answer that names itself.
fn good(name: &str) -> Vec<u8> {
    let body = format!("{{\"id\":\"{name}\",\"choices\":[]}}");
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn with_raw() -> (Live, Raw) {
    let (live, raw) = (Live::start(), Raw::start());
    let base = format!("http://{}/v1", raw.addr);
    live.act(
        "provider.add",
        json!({"name": "raw", "kind": "openai-compatible", "base_url": base, "models": ["raw-x"]}),
    );
    (live, raw)
}

fn plain() -> (String, Vec<u8>) {
    Speech::Chat.request_named("raw-x", false, "hello")
}

#[test]
fn strm_15_16_answers_that_break_http_are_never_passed_on_as_whole() {
    let (mut live, raw) = with_raw();
    let (path, body) = plain();
    let cases: &[(&str, &[u8])] = &[
        ("not http", b"hello\r\n\r\n"),
        ("nothing", b""),
        ("half a head", b"HTTP/1.1 200 OK\r\ncontent-le"),
        ("two lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x"),
        ("length no number", b"HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\n{}"),
        ("header without colon", b"HTTP/1.1 200 OK\r\nnonsense\r\ncontent-length: 2\r\n\r\n{}"),
        ("bad chunk size", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
        ("chunks cut", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"),
        ("length long", b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{}"),
        ("upgrade", b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nhello"),
        ("not modified", b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n"),
        ("status 9999", b"HTTP/1.1 9999 Odd\r\ncontent-length: 0\r\n\r\n"),
        ("status 999", b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n"),
        ("status 099", b"HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n"),
    ];
    for (name, said) in cases {
        raw.next(Move::Say(good("before")));
        assert_eq!(
            live.client().ask(&live.key, &path, &body).head.status,
            200,
            "before {name}"
        );
        raw.next(Move::SayAndClose(said.to_vec()));
        let mut client = live.client();
        client.post(&live.key, &path, &body);
        let Some(head) = client.try_head() else {
            continue;
        };
        let (said, end) = client.rest();
        let answer = Answer {
            head,
            body: said,
            end,
        };
        let is_refused = answer.head.status == 502
            && answer.end == End::Whole
            && answer.text().contains("request_id");
        assert!(
            is_refused || answer.end == End::Broken,
            "{name}: {} {:?} {}",
            answer.head.status,
            answer.end,
            answer.text()
        );
    }
    let rows = live.stop();
    assert_eq!(
        rows.iter().filter(|row| row.outcome == "ok").count(),
        cases.len(),
        "{rows:?}"
    );
}

#[test]
fn what_a_provider_sends_unasked_is_nobodys_answer() {
    let (live, raw) = with_raw();
    let (path, body) = plain();
    let cases: [(&str, Vec<u8>); 3] = [
        ("a second answer", [good("first"), good("evil")].concat()),
        (
            "bytes behind the length",
            [good("first"), b"{\"evil\":1}".to_vec()].concat(),
        ),
        (
            "a body where none is allowed",
            b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
                .to_vec(),
        ),
    ];
    for (name, said) in cases {
        for _ in 0..20 {
            raw.next(Move::Say(said.clone()));
            let first = live.client().ask(&live.key, &path, &body);
            assert!(matches!(first.head.status, 200 | 204), "{name}");
            assert!(!first.text().contains("evil"), "{name}: {}", first.text());
            raw.next(Move::Say(good("second")));
            let second = live.client().ask(&live.key, &path, &body);
            assert!(
                second.text().contains("second"),
                "{name}: {}",
                second.text()
            );
        }
    }
}

#[test]
fn strm_15_early_answers_are_stepped_over_but_not_without_end() {
    let (live, raw) = with_raw();
    let (path, body) = plain();
    let early = b"HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n";
    raw.next(Move::Say([early.repeat(16), good("late")].concat()));
    let answer = live.client().ask(&live.key, &path, &body);
    assert_eq!((answer.head.status, answer.end), (200, End::Whole));
    assert!(answer.head.header("link").is_none());
    raw.next(Move::SayAndClose(early.repeat(200_000)));
    let answer = live.client().ask(&live.key, &path, &body);
    assert_eq!(answer.head.status, 502, "{}", answer.text());
}

#[test]
fn strm_17_what_may_have_been_done_is_not_done_twice() {
    let (live, raw) = with_raw();
    live.act(
        "route.set",
        json!({"alias": "two", "targets": ["raw/raw-x", "oai/gpt-x"]}),
    );
    for is_stream in [false, true] {
        let (path, body) = Speech::Chat.request_named("two", is_stream, "hello");
        // The request was read, then the connection ended: nobody knows whether it was paid for.
        let (before, asked) = (raw.seen(), live.sim.requests().len());
        raw.next(Move::SayAndClose(Vec::new()));
        let answer = live.client().ask(&live.key, &path, &body);
        assert_eq!(raw.seen(), before + 1);
        assert_eq!(
            live.sim.requests().len(),
            asked,
            "an ambiguous failure was tried again"
        );
        assert_eq!(answer.head.status, 502, "{}", answer.text());
    }
}

#[test]
fn strm_17_a_failure_before_the_first_byte_is_tried_elsewhere() {
    let live = Live::start();
    // A port that nobody listens on any more.
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let base = format!("http://{closed}/v1");
    for (name, base) in [("gone", base), ("alt", format!("{}/v1", live.sim.base()))] {
        let kind = "openai-compatible";
        live.act(
            "provider.add",
            json!({"name": name, "kind": kind, "base_url": base, "secret": CREDENTIAL}),
        );
    }
    for first in [
        "gone/m",
        "oai/sim-500",
        "oai/sim-503",
        "oai/sim-429",
        "oai/sim-401",
        "oai/sim-redirect",
        "oai/sim-gzip",
        "oai/sim-json200",
    ] {
        live.act(
            "route.set",
            json!({"alias": "two", "targets": [first, "alt/good"]}),
        );
        for is_stream in [false, true] {
            if first == "oai/sim-json200" && !is_stream {
                continue;
            }
            let (path, body) = Speech::Chat.request_named("two", is_stream, "hello");
            let answer = live.client().ask(&live.key, &path, &body);
            assert_eq!(
                (answer.head.status, answer.end),
                (200, End::Whole),
                "{first}: {}",
                answer.text()
            );
            assert_eq!(
                answer.head.header("x-mirk-provider"),
                Some("alt"),
                "{first}"
            );
        }
    }
}

#[test]
fn strm_17_nothing_is_tried_again_after_the_first_event() {
    let mut live = Live::start();
    live.act(
        "route.set",
        json!({"alias": "two", "targets": ["oai/sim-cut", "oll/good"]}),
    );
    let (path, body) = Speech::Chat.request_named("two", true, "one two three four five six");
    let answer = live.client().ask(&live.key, &path, &body);
    assert_eq!((answer.head.status, answer.end), (200, End::Broken));
    assert_eq!(answer.head.header("x-mirk-provider"), Some("oai"));
    assert_eq!(live.sim.requests().len(), 1);
    assert_eq!(live.stop()[0].outcome, "incomplete");
}

#[test]
fn strm_12_a_slow_reader_costs_the_server_little() {
    const CLIENTS: usize = 32;
    let live = Live::start();
    let event = Bytes::from(format!(
        "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
        "x".repeat(64 * 1024)
    ));
    let mut chunks = vec![(Duration::ZERO, event); 256];
    chunks.push((Duration::ZERO, Bytes::from_static(b"data: [DONE]\n\n")));
    let total: usize = chunks.iter().map(|(_, chunk)| chunk.len()).sum();
    let headers = vec![("content-type".to_owned(), "text/event-stream".to_owned())];
    let (path, body) = Speech::Chat.request("gpt-x", true, "hello");
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| live.client()).collect();
    // Once around first, so that what is kept for good is not counted.
    live.client().ask(&live.key, &path, &body);
    let before = live.resident();
    for client in &mut clients {
        live.sim.script(Scripted {
            status: 200,
            headers: headers.clone(),
            chunks: chunks.clone(),
            ending: Ending::Whole,
        });
        client.post(&live.key, &path, &body);
        assert_eq!(client.head().status, 200);
        assert!(matches!(client.piece(), Piece::Data(_)));
    }
    std::thread::sleep(Duration::from_secs(1));
    let grown = live.resident().saturating_sub(before);
    println!(
        "{CLIENTS} stalled readers of {total} bytes each: {grown} KiB, {} KiB a stream",
        grown / CLIENTS as u64
    );
    assert!(grown <= 256 * CLIENTS as u64 + 4096, "{grown} KiB");
    let (rest, end) = clients[0].rest();
    assert_eq!(end, End::Whole);
    assert!(rest.len() > total / 2);
    for client in &mut clients[1..] {
        drop(std::mem::replace(client, live.client()));
    }
    assert!(
        crate::talk::until(Duration::from_secs(2), || live.sim.live() == 0).is_some(),
        "calls go on for nobody"
    );
}

#[test]
fn strm_03_an_endless_line_is_cut() {
    let mut live = Live::start();
    let mut chunks = vec![(
        Duration::ZERO,
        Bytes::from_static(b"data: {\"choices\":[],\"x\":\""),
    )];
    chunks.extend(vec![(Duration::ZERO, Bytes::from("x".repeat(1 << 20))); 40]);
    let headers = vec![("content-type".to_owned(), "text/event-stream".to_owned())];
    let (path, body) = Speech::Chat.request("gpt-x", true, "hello");
    live.client().ask(&live.key, &path, &body);
    let before = live.resident();
    live.sim.script(Scripted {
        status: 200,
        headers,
        chunks,
        ending: Ending::Whole,
    });
    let answer = live.client().ask(&live.key, &path, &body);
    let grown = live.resident().saturating_sub(before);
    println!(
        "an endless line was cut after {} bytes, {grown} KiB",
        answer.body.len()
    );
    assert_eq!(answer.end, End::Broken);
    assert!(
        answer.body.len() <= (16 << 20) + (1 << 20),
        "{}",
        answer.body.len()
    );
    assert!(
        answer.text().trim_end().ends_with('}'),
        "an error event comes last"
    );
    assert!(grown <= 32 * 1024, "{grown} KiB");
    assert_eq!(live.stop().last().unwrap().outcome, "incomplete");
}
