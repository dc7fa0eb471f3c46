//! Every rule of the guard, with raw bytes, whole and cut at every place.

use std::collections::VecDeque;

use mirk_model::Kind;
use tokio::io::AsyncReadExt as _;

use super::*;
use crate::serve::listen::{HostPolicy, PeerHasher};

mod bodies;
mod cuts;

pub(in crate::serve) use cuts::{messages, valid};

/// A stream that reads as these pieces, one at a time, then ends.
struct Script(VecDeque<Vec<u8>>);

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(mut piece) = self.0.pop_front() {
            let rest = piece.split_off(piece.len().min(out.remaining()));
            out.put_slice(&piece);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn state() -> Arc<ConnState> {
    let hosts = HostPolicy::new("127.0.0.1:8790".parse().unwrap(), []);
    Arc::new(ConnState::new(
        7,
        PeerHasher::default().local(),
        Arc::new(hosts),
    ))
}

/// What came of a connection: the bytes handed on, and what was wrong with it.
#[derive(Debug, PartialEq)]
struct Seen {
    bytes: Vec<u8>,
    refusal: Option<Kind>,
    fault: Option<Kind>,
}

async fn guarded(pieces: VecDeque<Vec<u8>>, bounds: &Bounds, room: usize) -> Seen {
    let state = state();
    let mut guard = Guard::new(Script(pieces), Arc::clone(&state), Arc::new(bounds.clone()));
    let mut bytes = Vec::new();
    let mut buffer = vec![0; room];
    while let Ok(count @ 1..) = guard.read(&mut buffer).await {
        bytes.extend_from_slice(&buffer[..count]);
        // The service answers at once.
        state.answered();
    }
    let synthetic = state.refused_request();
    if state.refusal().is_some() {
        assert!(bytes.ends_with(&synthetic));
        bytes.truncate(bytes.len() - synthetic.len());
    }
    Seen {
        bytes,
        refusal: state.refusal().map(|problem| problem.kind),
        fault: state.body_fault().map(|problem| problem.kind),
    }
}

fn run(pieces: &[&[u8]], bounds: &Bounds, room: usize) -> Seen {
    let pieces = pieces
        .iter()
        .filter(|piece| !piece.is_empty())
        .map(|piece| piece.to_vec())
        .collect();
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(guarded(pieces, bounds, room))
}

/// The verdict on these bytes, having checked that cutting them anywhere does not change it.
fn verdict(bytes: &[u8]) -> Seen {
    let bounds = Bounds::default();
    let whole = run(&[bytes], &bounds, 65_536);
    let step = 1 + bytes.len() / 300;
    for at in (1..bytes.len()).step_by(step) {
        let (first, second) = bytes.split_at(at);
        assert_eq!(run(&[first, second], &bounds, 65_536), whole, "cut at {at}");
    }
    if bytes.len() < 2_000 {
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(run(&single, &bounds, 64), whole, "byte by byte");
    }
    whole
}

const GOOD: &str = "POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi";

fn refused(request: impl AsRef<[u8]>, kind: Kind) {
    let request = request.as_ref();
    let shown = request.get(..200).unwrap_or(request).escape_ascii();
    let seen = verdict(request);
    assert_eq!(seen.refusal, Some(kind), "{shown}");
    assert_eq!(seen.bytes, b"", "{shown}");
    // The same after a request that keeps the rules: that one is handed on.
    let mut pipeline = GOOD.as_bytes().to_vec();
    pipeline.extend_from_slice(request);
    let seen = run(&[&pipeline], &Bounds::default(), 65_536);
    assert_eq!(seen.refusal, Some(kind), "pipelined {shown}");
    assert_eq!(seen.bytes, GOOD.as_bytes(), "pipelined {shown}");
}

fn passes(request: impl AsRef<[u8]>) {
    let request = request.as_ref();
    let shown = request.get(..200).unwrap_or(request).escape_ascii();
    let seen = verdict(request);
    assert_eq!(seen.refusal, None, "{shown}");
    assert_eq!(seen.fault, None, "{shown}");
    assert_eq!(seen.bytes, request, "{shown}");
    let twice = [request, request].concat();
    let seen = run(&[&twice], &Bounds::default(), 65_536);
    assert_eq!(seen.refusal, None, "pipelined {shown}");
    assert_eq!(seen.bytes, twice, "pipelined {shown}");
}

/// A POST with these header lines beside `Host`, and this body.
fn post(headers: &str, body: &str) -> String {
    format!("POST /v1/x HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}")
}

fn get(line: &str) -> String {
    format!("{line}\r\nHost: localhost\r\n\r\n")
}

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

#[test]
fn requests_that_keep_every_rule_come_out_as_they_went_in() {
    for request in [
        GOOD.to_owned(),
        get("GET / HTTP/1.1"),
        get("HEAD /v1beta/models/a:b?alt=sse&key=x HTTP/1.1"),
        get("OPTIONS * HTTP/1.1"),
        get("M-SEARCH /a;b=1/%2f/~x,'()*!@$& HTTP/1.1"),
        get("GET /?q=[a]{b}|c^d`e?/f HTTP/1.1"),
        get("GET http://LOCALHOST/x HTTP/1.1"),
        get("GET HTTPS://localhost?x HTTP/1.1"),
        get("GET http://localhost HTTP/1.1"),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\nHost: [::1]:80\r\n\r\n".to_owned(),
        "POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx".to_owned(),
        post("Content-Length:0\r\n", ""),
        post("content-length: 0005\r\n", "hello"),
        post("X_Api_Key: a\r\nEmpty:\r\nTab:\ta\tb \r\n", ""),
        post(CHUNKED, "5\r\nhello\r\n0\r\n\r\n"),
        post("TRANSFER-ENCODING:CHUNKED\r\n", "1;a=b\r\nx\r\n00\r\n\r\n"),
        post("Connection: close, TE, keep-alive\r\nTE: trailers\r\n", ""),
        post("Connection: Upgrade\r\nUpgrade: websocket\r\n", ""),
        post(
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n",
            "",
        ),
        post("Expect: 100-Continue\r\nContent-Length: 1\r\n", "x"),
        post("Accept: a\r\nAccept: b\r\nCookie: a=b\r\n", ""),
    ] {
        passes(request);
    }
}

#[test]
fn ambiguous_framing_is_refused() {
    let length = "Content-Length: 5\r\n";
    for headers in [
        format!("{length}{CHUNKED}"),
        format!("{CHUNKED}{length}"),
        format!("{CHUNKED}{CHUNKED}"),
        format!("{length}{length}"),
        format!("{length}Content-Length: 6\r\n"),
    ] {
        refused(post(&headers, "0\r\n\r\n"), Kind::BadRequest);
    }
    for coding in [
        "xchunked",
        "chunked, identity",
        "identity, chunked",
        "chunked,",
        " chunked",
        "\tchunked",
        "Chunked\t",
        "chunked ",
        "\u{b}chunked",
        "gzip",
        "identity",
        "\"chunked\"",
        "",
    ] {
        let headers = format!("Transfer-Encoding: {coding}\r\n");
        refused(post(&headers, "0\r\n\r\n"), Kind::BadRequest);
    }
    for length in [
        "+5",
        "5 ",
        " 5",
        "0x5",
        "-1",
        "1e3",
        "18446744073709551616",
        "9223372036854775809",
        "99999999999999999999999",
        "",
        " ",
        "5, 5",
        "5,",
        "5;",
        "1 2",
    ] {
        let headers = format!("Content-Length: {length}\r\n");
        refused(post(&headers, "hello"), Kind::BadRequest);
    }
    for request in [
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: localhost\r\n\r\nhello",
        "PUT / HTTP/1.0\r\n\r\n",
    ] {
        refused(request, Kind::BadRequest);
    }
}

#[test]
fn malformed_header_lines_are_refused() {
    for line in [
        &b"A: b\r\n c"[..],
        b"A: b\r\n\tc",
        b" A: b",
        b"A : b",
        b"A\t: b",
        b"Transfer-Encoding : chunked",
        b": b",
        b"A",
        b"A(: b",
        b"A\0: b",
        b"\xc3\xa9: b",
        b"A: b\0",
        b"A: b\x01",
        b"A: b\x7f",
        b"A: b\x80",
        b"A: \xc3\xa9",
        b"A: b\rc",
        b"A: b\r",
        b"A: b\nB: c",
        b"A: b\n\r\nGET /",
        b"\rA: b",
    ] {
        let request = [b"GET / HTTP/1.1\r\nHost: localhost\r\n", line, b"\r\n\r\n"].concat();
        refused(request, Kind::BadRequest);
    }
    refused("GET / HTTP/1.1\nHost: localhost\n\n", Kind::BadRequest);
    refused("GET / HTTP/1.1\r\nHost: localhost\n\r\n", Kind::BadRequest);
    refused("GET / HTTP/1.1\r\nHost: localhost\r\n\n", Kind::BadRequest);
}

#[test]
fn malformed_request_lines_are_refused() {
    for line in [
        "GET /",
        "GET  / HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /  HTTP/1.1",
        "GET / b HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "get / HTTP/1.1",
        "Get / HTTP/1.1",
        "G@T / HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/11",
        "GET / HTTP/1.10",
        "GET / HTTP/a.1",
        "GET / XTTP/1.1",
        "GET / ",
        "",
        "\r\nGET / HTTP/1.1",
        "GET * HTTP/1.1",
        "GET x HTTP/1.1",
        "GET ?x HTTP/1.1",
        "GET /a#b HTTP/1.1",
        "GET /a\\b HTTP/1.1",
        "GET /a\"b HTTP/1.1",
        "GET /<a> HTTP/1.1",
        "GET /{a} HTTP/1.1",
        "GET /\u{e9} HTTP/1.1",
        "GET /?\u{e9} HTTP/1.1",
        "GET /\u{0} HTTP/1.1",
        "GET /\u{1} HTTP/1.1",
        "GET /\u{7f} HTTP/1.1",
        "GET http://169.254.169.254/ HTTP/1.1",
        "GET http://localhost:80/ HTTP/1.1",
        "GET http://a@localhost/ HTTP/1.1",
        "GET http:///x HTTP/1.1",
        "GET ftp://localhost/ HTTP/1.1",
        "GET http://localhost#x HTTP/1.1",
        "GET localhost:80 HTTP/1.1",
        "\u{16}\u{3}\u{1}\u{2}",
    ] {
        refused(get(line), Kind::BadRequest);
    }
    for version in ["0.9", "1.2", "2.0", "3.0", "9.9"] {
        let line = format!("GET / HTTP/{version}");
        refused(get(&line), Kind::VersionNotSupported);
    }
    refused(
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        Kind::VersionNotSupported,
    );
    refused(get("CONNECT a:443 HTTP/1.1"), Kind::MethodNotAllowed);
}

#[test]
fn hosts_are_one_and_well_formed() {
    for host in [
        "",
        " ",
        "a/b",
        "a?b",
        "a#b",
        "a@b",
        "a\\b",
        "a b",
        "a%b",
        "a,b",
        "a:b",
        "a:1:2",
        "a:99999",
        "a:+1",
        "[::1",
        "[::1]x",
        "[::1%25lo]",
        "[g::1]",
        "[]",
        ":80",
        "::1",
    ] {
        refused(
            format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            Kind::BadRequest,
        );
    }
    refused("GET / HTTP/1.1\r\n\r\n", Kind::BadRequest);
    refused(
        "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
        Kind::BadRequest,
    );
    for host in [
        "a",
        "A.b-c_d.",
        "a:",
        "a:65535",
        "[::1]",
        "[::ffff:1.2.3.4]:1",
        "127.0.0.1:0",
    ] {
        passes(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    }
}

#[test]
fn singletons_may_not_repeat() {
    for name in [
        "Content-Type",
        "Authorization",
        "Content-Encoding",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "x-mirk-key",
        "Expect",
        "Origin",
    ] {
        let line = format!("{name}: 100-continue\r\n");
        passes(post(&line, ""));
        refused(
            post(&format!("{line}{}", line.to_lowercase()), ""),
            Kind::BadRequest,
        );
    }
}

#[test]
fn connection_may_not_name_what_is_for_the_far_end() {
    for name in [
        "close, authorization",
        "x-api-key",
        "host",
        "content-length",
        "anthropic-version",
        "transfer-encoding",
        "close;x",
        "x-whatever",
    ] {
        refused(
            post(&format!("Connection: {name}\r\n"), ""),
            Kind::BadRequest,
        );
    }
}

#[test]
fn expectations_and_declared_sizes_are_answered_at_once() {
    refused(post("Expect: 200-ok\r\n", ""), Kind::ExpectationFailed);
    refused(post("Expect:\r\n", ""), Kind::ExpectationFailed);
    let over = format!("Content-Length: {}\r\n", 32 * 1024 * 1024 + 1);
    refused(post(&over, ""), Kind::BodyTooLarge);
    refused(
        post(&format!("Expect: 100-continue\r\n{over}"), ""),
        Kind::BodyTooLarge,
    );
    refused(
        post("Content-Length: 9223372036854775808\r\n", ""),
        Kind::BodyTooLarge,
    );
}

#[test]
fn the_bounds_of_a_head_are_exact() {
    let line = |length: usize| format!("A: {}\r\n", "b".repeat(length - 3));
    passes(post(&line(8192), ""));
    refused(post(&line(8193), ""), Kind::HeadersTooLarge);
    refused(
        post(&format!("A: {}", "b".repeat(9000)), ""),
        Kind::HeadersTooLarge,
    );
    passes(post(&"a: b\r\n".repeat(99), ""));
    refused(post(&"a: b\r\n".repeat(100), ""), Kind::HeadersTooLarge);

    let rest = 32 * 1024 - post(&line(8000).repeat(4), "").len();
    passes(post(
        &format!("{}{}", line(8000).repeat(4), line(rest - 2)),
        "",
    ));
    refused(
        post(&format!("{}{}", line(8000).repeat(4), line(rest - 1)), ""),
        Kind::HeadersTooLarge,
    );

    let target = |length: usize| get(&format!("GET /{} HTTP/1.1", "a".repeat(length - 1)));
    passes(target(8192));
    refused(target(8193), Kind::UriTooLong);
    refused(target(30_000), Kind::UriTooLong);
    passes(get(&format!("{} / HTTP/1.1", "A".repeat(32))));
    refused(
        get(&format!("{} / HTTP/1.1", "A".repeat(33))),
        Kind::BadRequest,
    );
    refused("A".repeat(100_000), Kind::BadRequest);
}

#[test]
fn a_connection_that_ends_inside_a_head_is_refused() {
    refused("GET / HTTP/1.1\r\nHost: loc", Kind::BadRequest);
    assert_eq!(verdict(b"").refusal, None);
}

#[test]
fn only_the_guard_knows_the_path_of_a_refusal() {
    let state = state();
    let line = String::from_utf8(state.refused_request()).unwrap();
    let path = line.split(' ').nth(1).unwrap();
    assert!(state.refusal_at(path).is_none());
    state.refuse(too_slow());
    assert!(state.refusal_at(path).is_some());
    assert!(state.refusal_at("/__refused").is_none());
    assert!(state.refusal_at("/__refused/").is_none());
    assert!(state.refusal_at("/").is_none());
}
