//! Messages that end where no client should end them, and lines that no client should write. Cases HTTP01 to HTTP13.
#![cfg(test)]
#![expect(
    clippy::too_many_lines,
    reason = "tables of bad input, one entry a line"
)]

use crate::harness::{CREDENTIALS, Mirk};
use crate::wire::{Answer, Exchange, Shape, find};

pub(crate) const CHAT: &str = r#"{"model":"gpt-x","messages":[{"role":"user","content":"hello"}]}"#;

/// The head of a good chat request up to its framing, which `more` brings with the empty line.
pub(crate) fn chat(mirk: &Mirk, more: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n{more}",
        mirk.host(),
        mirk.key()
    )
}

/// A whole good chat request with a header line more.
pub(crate) fn chat_with(mirk: &Mirk, line: &str) -> String {
    chat(
        mirk,
        &format!("{line}\r\nContent-Length: {}\r\n\r\n{CHAT}", CHAT.len()),
    )
}

/// Any request's head that begins with `first`, with a `Host`.
pub(crate) fn bare(mirk: &Mirk, first: &str) -> String {
    format!("{first}\r\nHost: {}\r\n\r\n", mirk.host())
}

/// Sends what must be refused: one answer, then the end, and nothing reaches the provider.
#[track_caller]
pub(crate) fn refused(mirk: &Mirk, what: &str, bytes: &[u8], statuses: &[u16]) -> Answer {
    let mut exchange = mirk.send(bytes);
    let answer = exchange.answer();
    assert!(
        statuses.contains(&answer.status),
        "{what:?}: status {} instead of {statuses:?}",
        answer.status
    );
    answer.is_refusal(Shape::OpenAi, answer.status, &[mirk.key()]);
    assert_eq!(answer.header("connection"), Some("close"), "{what:?}");
    assert!(
        exchange.is_closed(),
        "{what:?}: the connection goes on, or more came"
    );
    assert_eq!(mirk.seen().len(), 0, "{what:?} reached the provider");
    answer
}

/// Sends what must pass: one answer, and exactly one request reaches the provider.
#[track_caller]
pub(crate) fn passes(mirk: &Mirk, what: &str, bytes: &[u8]) -> Answer {
    let answer = mirk.send(bytes).answer();
    assert_eq!(
        answer.status,
        200,
        "{what:?}: {}",
        String::from_utf8_lossy(&answer.raw)
    );
    assert_eq!(mirk.seen().len(), 1, "{what:?}");
    answer
}

#[test]
fn http_01_02_lengths_and_chunks_together_are_refused() {
    let mut mirk = Mirk::start();
    let smuggled = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {}\r\nX: ",
        mirk.host()
    );
    let chunk = format!("{:x}\r\n{CHAT}\r\n0\r\n\r\n", CHAT.len());
    let cases = [
        ("CL.TE", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG".to_owned()),
        ("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n".to_owned()),
        ("CL.TE with a request inside", format!("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}")),
        ("both agree", format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}", chunk.len())),
        ("a length of 0", format!("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}")),
        ("lower case", format!("content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n{chunk}")),
    ];
    for (what, rest) in cases {
        refused(&mirk, what, chat(&mirk, &rest).as_bytes(), &[400]);
    }
    passes(
        &mirk,
        "chunks alone",
        chat(&mirk, &format!("Transfer-Encoding: chunked\r\n\r\n{chunk}")).as_bytes(),
    );
    mirk.is_well();
}

#[test]
fn http_03_every_other_transfer_coding_is_refused() {
    let mut mirk = Mirk::start();
    let lines = [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding:  chunked",
        "Transfer-Encoding:\tchunked",
        "Transfer-Encoding: Chunked\t",
        "Transfer-Encoding: chunked ",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
        "Transfer-Encoding: ",
        "Transfer-Encoding:",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked;x=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked\x00",
        "Transfer-Encoding:\r\n chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "Transfer_Encoding: chunked\r\nTransfer-Encoding: x",
        "Transfer-Encoding: cow",
        "Transfer-Encoding: chunked,",
    ];
    for line in lines {
        let bytes = chat(
            &mirk,
            &format!("{line}\r\n\r\n{:x}\r\n{CHAT}\r\n0\r\n\r\n", CHAT.len()),
        );
        refused(&mirk, line, bytes.as_bytes(), &[400]);
    }
    for line in [
        "Transfer-Encoding: chunked",
        "transfer-encoding:CHUNKED",
        "TRANSFER-ENCODING: Chunked",
    ] {
        let bytes = chat(
            &mirk,
            &format!("{line}\r\n\r\n{:X}\r\n{CHAT}\r\n0\r\n\r\n", CHAT.len()),
        );
        passes(&mirk, line, bytes.as_bytes());
    }
    mirk.is_well();
}

#[test]
fn http_04_a_second_content_length_is_refused() {
    let mut mirk = Mirk::start();
    let length = CHAT.len();
    for lines in [
        format!("Content-Length: {length}\r\nContent-Length: {length}"),
        format!("Content-Length: {length}\r\ncontent-length: 0"),
        format!("Content-Length: 0\r\nX: y\r\nContent-Length: {length}"),
        format!("Content-Length: {length}, {length}"),
        format!("Content-Length: {length},"),
    ] {
        refused(
            &mirk,
            &lines,
            chat(&mirk, &format!("{lines}\r\n\r\n{CHAT}")).as_bytes(),
            &[400],
        );
    }
    mirk.is_well();
}

#[test]
fn http_05_a_content_length_is_digits_alone() {
    let mut mirk = Mirk::start();
    let length = CHAT.len();
    let values = [
        format!("+{length}"),
        format!("{length} "),
        format!("{length}\t"),
        format!("  {length}"),
        format!("0x{length:x}"),
        "-1".to_owned(),
        "1e3".to_owned(),
        "18446744073709551616".to_owned(),
        "340282366920938463463374607431768211456".to_owned(),
        String::new(),
        " ".to_owned(),
        format!("{length}.0"),
        format!("'{length}'"),
        format!("{length}\x00"),
        format!("{length};q=1"),
        "1_0".to_owned(),
        "٣".to_owned(),
        "９".to_owned(),
        "9".repeat(30),
    ];
    for value in values {
        refused(
            &mirk,
            &value,
            chat(&mirk, &format!("Content-Length: {value}\r\n\r\n{CHAT}")).as_bytes(),
            &[400, 413],
        );
    }
    let huge = chat(&mirk, "Content-Length: 9223372036854775807\r\n\r\n");
    refused(&mirk, "2^63-1", huge.as_bytes(), &[413]);
    mirk.is_well();
}

#[test]
fn http_06_http_1_0_bodies_need_a_length() {
    let mut mirk = Mirk::start();
    let old = |rest: &str| chat(&mirk, rest).replacen("HTTP/1.1", "HTTP/1.0", 1);
    let chunked = old(&format!(
        "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{CHAT}\r\n0\r\n\r\n",
        CHAT.len()
    ));
    refused(&mirk, "chunks over HTTP/1.0", chunked.as_bytes(), &[400]);
    refused(
        &mirk,
        "a body up to the end",
        old(&format!("\r\n{CHAT}")).as_bytes(),
        &[400],
    );
    let mut exchange =
        mirk.send(old(&format!("Content-Length: {}\r\n\r\n{CHAT}", CHAT.len())).as_bytes());
    assert_eq!(exchange.answer().status, 200);
    assert!(exchange.is_closed(), "HTTP/1.0 does not keep alive unasked");
    assert_eq!(mirk.seen().len(), 1);
    mirk.is_well();
}

#[test]
fn http_07_malformed_chunks_are_refused() {
    let mut mirk = Mirk::start();
    let size = format!("{:x}", CHAT.len());
    let long = |count: usize| "e".repeat(count);
    let bodies = [
        (
            format!("{size};{}\r\n{CHAT}\r\n0\r\n\r\n", long(64 * 1024)),
            400,
        ),
        (format!("{size};{}\r\n{CHAT}\r\n0\r\n\r\n", long(300)), 400),
        (format!("fffffffffffffffff\r\n{CHAT}\r\n0\r\n\r\n"), 400),
        (format!("ffffffffffffffff\r\n{CHAT}\r\n0\r\n\r\n"), 413),
        (
            format!("{}{size}\r\n{CHAT}\r\n0\r\n\r\n", "0".repeat(64)),
            400,
        ),
        (format!("0x{size}\r\n{CHAT}\r\n0\r\n\r\n"), 400),
        (format!("+{size}\r\n{CHAT}\r\n0\r\n\r\n"), 400),
        (format!("-1\r\n{CHAT}\r\n0\r\n\r\n"), 400),
        (format!(" {size}\r\n{CHAT}\r\n0\r\n\r\n"), 400),
        (format!("{size} \r\n{CHAT}\r\n0\r\n\r\n"), 400),
        (format!("\r\n{CHAT}\r\n0\r\n\r\n"), 400),
        (format!("{size}\n{CHAT}\n0\n\n"), 400),
        (format!("{size}\r\n{CHAT}\n0\r\n\r\n"), 400),
        (format!("{size}\r\n{CHAT}\r\n0\n\r\n"), 400),
        (format!("{size}\r\n{CHAT}\r\n0\r\n\n"), 400),
        (format!("{size}\r\n{CHAT}0\r\n\r\n"), 400),
        (format!("{size}\r\n{CHAT}X\r\n0\r\n\r\n"), 400),
        (format!("{size};a=\x00b\r\n{CHAT}\r\n0\r\n\r\n"), 400),
        (format!("{size};a=\rb\r\n{CHAT}\r\n0\r\n\r\n"), 400),
        (format!("g\r\n{CHAT}\r\n0\r\n\r\n"), 400),
        (format!("{size}\r\n{CHAT}\r\n0\r\nno colon\r\n\r\n"), 400),
    ];
    for (body, status) in bodies {
        let shown: String = body.chars().take(24).collect();
        refused(
            &mirk,
            &shown,
            chat(&mirk, &format!("Transfer-Encoding: chunked\r\n\r\n{body}")).as_bytes(),
            &[status],
        );
    }
    let good = format!("{size};{}\r\n{CHAT}\r\n0\r\n\r\n", long(200));
    passes(
        &mirk,
        "a short extension",
        chat(&mirk, &format!("Transfer-Encoding: chunked\r\n\r\n{good}")).as_bytes(),
    );
    let mut exchange = mirk.send(
        chat(
            &mirk,
            &format!("Transfer-Encoding: chunked\r\n\r\n{good}GARBAGE\r\n\r\n"),
        )
        .as_bytes(),
    );
    assert_eq!(
        exchange.answer().status,
        200,
        "the request before the garbage is whole"
    );
    exchange.answer().is_refusal(Shape::OpenAi, 400, &[]);
    assert!(exchange.is_closed());
    mirk.is_well();
}

/// A call's path with the shape that its refusals have.
const SHAPES: [(&str, Shape); 4] = [
    ("/v1/chat/completions", Shape::OpenAi),
    ("/v1/messages", Shape::Anthropic),
    ("/v1beta/models/gemini-x:generateContent", Shape::Gemini),
    ("/api/chat", Shape::Ollama),
];

#[test]
fn http_07_a_broken_body_is_refused_in_the_dialect_of_its_path() {
    let mut mirk = Mirk::setup().env("MIRK_LIMITS_BODY_BYTES", "65536").start();
    for (path, shape) in SHAPES {
        for (body, status) in [("zz\r\n", 400), ("fffff\r\n", 413)] {
            let text = chat(&mirk, &format!("Transfer-Encoding: chunked\r\n\r\n{body}")).replacen(
                "/v1/chat/completions",
                path,
                1,
            );
            mirk.send(text.as_bytes())
                .answer()
                .is_refusal(shape, status, &[mirk.key()]);
        }
    }
    mirk.is_well();
}

#[test]
fn http_04_32_a_refused_head_is_answered_in_the_dialect_of_its_path() {
    let mut mirk = Mirk::start();
    for (path, shape) in SHAPES {
        for (lines, status) in [
            ("Content-Length: 1\r\nContent-Length: 1", 400),
            ("Content-Length: 99999999", 413),
            ("Expect: x", 417),
        ] {
            let text =
                chat(&mirk, &format!("{lines}\r\n\r\n")).replacen("/v1/chat/completions", path, 1);
            mirk.send(text.as_bytes())
                .answer()
                .is_refusal(shape, status, &[mirk.key()]);
        }
    }
    mirk.is_well();
}

#[test]
fn http_08_trailers_never_become_headers() {
    let mut mirk = Mirk::start();
    let chunked = |trailers: &str| {
        chat(
            &mirk,
            &format!(
                "Transfer-Encoding: chunked\r\nTrailer: X-Api-Key\r\n\r\n{:x}\r\n{CHAT}\r\n0\r\n{trailers}\r\n",
                CHAT.len()
            ),
        )
    };
    let trailers = "Content-Length: 5\r\nAuthorization: Bearer sim-trailer-0000\r\nHost: evil.invalid\r\n\
        X-Api-Key: sim-trailer-0000\r\nAnthropic-Version: 1999-01-01\r\nAccept: trailer/x\r\n";
    let mut exchange = mirk.send(chunked(trailers).as_bytes());
    assert_eq!(exchange.answer().status, 200);
    let seen = mirk.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].credential.as_deref(), Some(CREDENTIALS[0]));
    for (name, value) in &seen[0].headers {
        let text = String::from_utf8_lossy(value);
        assert!(
            !text.contains("trailer") && !text.contains("evil") && !text.contains("1999"),
            "{name} came from a trailer"
        );
    }
    let without_key = chunked(&format!("Authorization: Bearer {}\r\n", mirk.key())).replacen(
        "Authorization:",
        "X-Other:",
        1,
    );
    let answer = mirk.send(without_key.as_bytes()).answer();
    answer.is_refusal(Shape::OpenAi, 401, &[mirk.key()]);
    let thousand = (0..1_000)
        .map(|number| format!("X-{number}: y\r\n"))
        .collect::<Vec<_>>()
        .concat();
    refused(
        &mirk,
        "1,000 trailers",
        chunked(&thousand).as_bytes(),
        &[431],
    );
    mirk.is_well();
}

#[test]
fn http_09_folded_and_crooked_header_lines_are_refused() {
    let mut mirk = Mirk::start();
    for line in [
        "X: a\r\n b",
        "X: a\r\n\tb",
        "X : a",
        "X\t: a",
        ": a",
        "X",
        "X: a\rb",
        "X: a\r",
        "\r: a",
        "X: a\n b",
        " X: a",
        "\tX: a",
        "X Y: a",
        "X(: a",
        "X\": a",
        "X/: a",
        "X[: a",
        "X@: a",
        "X{: a",
        "X,: a",
        "=: \r\n:",
    ] {
        refused(&mirk, line, chat_with(&mirk, line).as_bytes(), &[400]);
    }
    let bare_lf = chat_with(&mirk, "X: y").replace("\r\n", "\n");
    refused(&mirk, "bare line feeds", bare_lf.as_bytes(), &[400]);
    let one_lf = chat_with(&mirk, "X: y\nZ: w");
    refused(&mirk, "one bare line feed", one_lf.as_bytes(), &[400]);
    mirk.is_well();
}

#[test]
fn http_10_every_byte_in_names_and_values_is_judged() {
    let mut mirk = Mirk::start();
    let request = |line: &[u8]| {
        let text = chat_with(&mirk, "@@");
        let at = find(text.as_bytes(), b"@@").unwrap();
        [&text.as_bytes()[..at], line, &text.as_bytes()[at + 2..]].concat()
    };
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    for byte in 0..=255_u8 {
        let in_name = request(&[b"x-a", [byte].as_slice(), b"b: c"].concat());
        let in_value = request(&[b"x-a: b", [byte].as_slice(), b"c"].concat());
        if is_token(byte) || byte == b':' {
            assert_eq!(
                mirk.send(&in_name).answer().status,
                200,
                "{byte:#04x} in a name"
            );
        } else {
            refused(&mirk, &format!("{byte:#04x} in a name"), &in_name, &[400]);
        }
        if matches!(byte, b'\t' | b' '..=b'~') {
            assert_eq!(
                mirk.send(&in_value).answer().status,
                200,
                "{byte:#04x} in a value"
            );
        } else {
            refused(&mirk, &format!("{byte:#04x} in a value"), &in_value, &[400]);
        }
        mirk.seen();
    }
    mirk.is_well();
}

#[test]
fn http_11_other_versions_and_methods_are_refused() {
    let mut mirk = Mirk::start();
    for (first, statuses) in [
        ("GET /\r\n\r\n", [400, 400]),
        ("GET /v1/models HTTP/9.9", [505, 400]),
        ("GET /v1/models HTTP/0.9", [505, 400]),
        ("GET /v1/models HTTP/2.0", [505, 400]),
        ("GET /v1/models HTTP/1.2", [505, 400]),
        ("GET /v1/models HTTP/1.10", [400, 400]),
        ("GET /v1/models http/1.1", [400, 400]),
        ("GET /v1/models HTTP/1.1 ", [400, 400]),
        ("GET  /v1/models HTTP/1.1", [400, 400]),
        ("GET /v1/models  HTTP/1.1", [400, 400]),
        ("GET\t/v1/models\tHTTP/1.1", [400, 400]),
        (" GET /v1/models HTTP/1.1", [400, 400]),
        ("get /v1/models HTTP/1.1", [400, 400]),
        ("Get /v1/models HTTP/1.1", [400, 400]),
        ("G(T /v1/models HTTP/1.1", [400, 400]),
        ("GET v1/models HTTP/1.1", [400, 400]),
        ("GET", [400, 400]),
        ("\0", [400, 400]),
        ("PRI * HTTP/2.0", [505, 400]),
        ("GET /v1/models HTTPS/1.1", [400, 400]),
        ("GET /v1/models XTTP/1.1", [400, 400]),
        (" ", [400, 400]),
    ] {
        refused(&mirk, first, bare(&mirk, first).as_bytes(), &statuses);
    }
    refused(
        &mirk,
        "a method of 1 MiB",
        bare(&mirk, &format!("{} / HTTP/1.1", "A".repeat(1 << 20))).as_bytes(),
        &[400],
    );
    refused(
        &mirk,
        "TLS",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        &[400],
    );
    mirk.is_well();
}

#[test]
fn http_12_expectations_are_met_before_the_body_or_refused() {
    let mut mirk = Mirk::setup().env("MIRK_LIMITS_BODY_BYTES", "65536").start();
    let too_large = chat(
        &mirk,
        "Expect: 100-continue\r\nContent-Length: 65537\r\n\r\n",
    );
    let answer = refused(&mirk, "too large", too_large.as_bytes(), &[413]);
    assert_eq!(answer.code(), "body_too_large");
    for value in ["200-maybe", "100-continue, 200-ok", "", "100"] {
        let text = chat(
            &mirk,
            &format!(
                "Expect: {value}\r\nContent-Length: {}\r\n\r\n{CHAT}",
                CHAT.len()
            ),
        );
        refused(&mirk, value, text.as_bytes(), &[417]);
    }
    let mut exchange = Exchange::open(mirk.addr());
    exchange.write(
        chat(
            &mirk,
            &format!(
                "Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
                CHAT.len()
            ),
        )
        .as_bytes(),
    );
    assert!(exchange.interim(), "100 Continue comes before the body");
    exchange.write(CHAT.as_bytes());
    assert_eq!(exchange.answer().status, 200);
    assert_eq!(mirk.seen().len(), 1);
    mirk.is_well();
}

#[test]
fn http_13_an_upgrade_never_opens_a_tunnel() {
    let mut mirk = Mirk::start();
    for upgrade in ["websocket", "h2c", "TLS/1.0", "websocket, h2c", "x"] {
        let lines = format!(
            "Connection: Upgrade\r\nUpgrade: {upgrade}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x"
        );
        let second = chat_with(&mirk, "X-Second: yes");
        let mut exchange = mirk.send((chat_with(&mirk, &lines) + &second).as_bytes());
        let answer = exchange.answer();
        assert!(
            matches!(answer.status, 200 | 400),
            "{upgrade}: {}",
            answer.status
        );
        assert!(
            exchange.is_closed(),
            "{upgrade}: the second request was read"
        );
        assert!(mirk.seen().len() <= 1, "{upgrade}");
    }
    let websocket = format!(
        "GET /v1/responses HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw",
        mirk.host(),
        mirk.key()
    );
    let mut exchange = mirk.send(websocket.as_bytes());
    exchange
        .answer()
        .is_refusal(Shape::OpenAi, 426, &[mirk.key()]);
    assert!(exchange.is_closed());
    assert_eq!(mirk.seen().len(), 0);
    mirk.is_well();
}

/// The next of a row of numbers that look drawn by chance and are the same each time.
fn next(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).unwrap()
}

/// One change to a request: bytes made others, dropped, doubled, swapped, or put in from a stock.
fn mutate(bytes: &mut Vec<u8>, state: &mut u64) {
    const STOCK: [&[u8]; 16] = [
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b":",
        b" ",
        b"\t",
        b"chunked",
        b"Content-Length: 3\r\n",
        b"0\r\n\r\n",
        b"\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"GET / HTTP/1.1\r\n",
        b"\xff",
        b"Connection: host\r\n",
        b"[[[[{",
    ];
    let at = next(state) % bytes.len().max(1);
    let length = (next(state) % 12).min(bytes.len() - at);
    match next(state) % 5 {
        0 if at < bytes.len() => bytes[at] = u8::try_from(next(state) % 256).unwrap(),
        1 => drop(bytes.drain(at..at + length)),
        2 => {
            let part = bytes[at..at + length].to_vec();
            bytes.splice(at..at, part);
        }
        3 if at + 1 < bytes.len() => bytes.swap(at, at + 1),
        _ => drop(bytes.splice(at..at, STOCK[next(state) % STOCK.len()].iter().copied())),
    }
}

#[test]
fn http_01_to_13_requests_changed_at_random_are_answered_or_dropped_and_do_no_harm() {
    const TURNS: u64 = 1_500;
    let mut mirk = Mirk::start();
    let length = CHAT.len();
    let seeds = [
        chat_with(&mirk, "X: y"),
        chat(
            &mirk,
            &format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{CHAT}\r\n0\r\n\r\n"),
        ),
        chat_with(&mirk, "Connection: keep-alive") + &chat_with(&mirk, "Connection: close"),
    ];
    let sent: String = seeds.concat();
    let (mut passed, mut refusals) = (0, 0);
    for turn in 0..TURNS {
        let mut state = (turn + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut bytes = seeds[next(&mut state) % seeds.len()].clone().into_bytes();
        for _ in 0..=next(&mut state) % 4 {
            mutate(&mut bytes, &mut state);
        }
        let answers = mirk.send(&bytes).finish();
        assert!(answers.len() <= 4, "turn {turn}");
        for answer in answers.iter().filter(|answer| answer.status >= 400) {
            refusals += 1;
            // What the simulated provider refuses comes back in its own words.
            if answer.header("x-mirk-provider").is_none()
                && answer.header("x-mirk-request-id").is_some()
            {
                assert!(
                    answer.body.len() <= 2_048 && answer.json().is_object(),
                    "turn {turn}"
                );
            }
            assert!(
                find(&answer.raw, mirk.key().as_bytes()).is_none(),
                "turn {turn}"
            );
        }
        for seen in mirk.seen() {
            passed += 1;
            assert_eq!(
                (seen.method.as_str(), seen.credential.as_deref()),
                ("POST", Some(CREDENTIALS[0])),
                "turn {turn}"
            );
            assert!(
                seen.target.starts_with("/v1/") && seen.headers.len() <= 12,
                "turn {turn}"
            );
            assert!(
                seen.body.len() <= sent.len() && seen.body.trim_ascii_start().starts_with(b"{"),
                "turn {turn}"
            );
        }
        if turn % 100 == 0 {
            mirk.is_well();
        }
    }
    // Were all of one kind, the changes would be too few or too many to tell anything.
    assert!(
        passed > 100 && refusals > 500,
        "{passed} passed, {refusals} refused"
    );
    mirk.is_well();
}
