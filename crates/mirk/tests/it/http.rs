//! Heads that no client should send: hosts, paths, methods, sizes, doubles. Cases HTTP14 to HTTP32, HTTP47, HTTP48.
#![cfg(test)]
#![expect(
    clippy::string_slice,
    clippy::too_many_lines,
    reason = "tables of bad input, one entry a line"
)]

use crate::framing::{CHAT, bare, chat, chat_with, passes, refused};
use crate::harness::Mirk;
use crate::wire::{Shape, find};

#[test]
fn http_14_connection_may_not_name_headers_of_the_far_end() {
    let mut mirk = Mirk::start();
    for name in [
        "authorization",
        "x-api-key",
        "host",
        "content-length",
        "anthropic-version",
        "content-type",
        "accept",
        "user-agent",
        "idempotency-key",
        "Authorization",
        "x-goog-api-key",
        "x-mirk-key",
        "transfer-encoding",
    ] {
        for value in [
            name.to_owned(),
            format!("close, {name}"),
            format!("{name},close"),
            format!("keep-alive,\t{name}"),
        ] {
            refused(
                &mirk,
                &value,
                chat_with(&mirk, &format!("Connection: {value}")).as_bytes(),
                &[400],
            );
        }
        let twice = format!("Connection: keep-alive\r\nConnection: {name}");
        refused(&mirk, &twice, chat_with(&mirk, &twice).as_bytes(), &[400]);
    }
    for value in ["close", "keep-alive", "Keep-Alive, TE", "close, te"] {
        passes(
            &mirk,
            value,
            chat_with(&mirk, &format!("Connection: {value}")).as_bytes(),
        );
    }
    mirk.is_well();
}

#[test]
fn http_18_it_is_no_forward_proxy() {
    let mut mirk = Mirk::start();
    let key = format!("Authorization: Bearer {}", mirk.key());
    for (first, host, statuses) in [
        (
            "GET http://169.254.169.254/ HTTP/1.1",
            mirk.host(),
            [400, 400],
        ),
        (
            "GET http://169.254.169.254/ HTTP/1.1",
            "169.254.169.254".to_owned(),
            [421, 400],
        ),
        (
            "GET https://api.openai.com/v1/models HTTP/1.1",
            "api.openai.com".to_owned(),
            [421, 400],
        ),
        ("GET ftp://x/ HTTP/1.1", "x".to_owned(), [400, 400]),
        ("CONNECT a:443 HTTP/1.1", "a:443".to_owned(), [405, 400]),
        ("CONNECT 127.0.0.1:22 HTTP/1.1", mirk.host(), [405, 400]),
        ("GET * HTTP/1.1", mirk.host(), [400, 400]),
    ] {
        let answer = mirk
            .send(format!("{first}\r\nHost: {host}\r\n{key}\r\n\r\n").as_bytes())
            .answer();
        assert!(
            statuses.contains(&answer.status),
            "{first}: {}",
            answer.status
        );
        answer.is_refusal(
            Shape::OpenAi,
            answer.status,
            &[mirk.key(), &host[..host.len().min(8)]],
        );
    }
    let own = format!(
        "GET http://{0}/health HTTP/1.1\r\nHost: {0}\r\n\r\n",
        mirk.host()
    );
    assert_eq!(
        mirk.send(own.as_bytes()).answer().status,
        200,
        "its own absolute form is its own"
    );
    assert_eq!(mirk.seen().len(), 0);
    mirk.is_well();
}

#[test]
fn http_18_options_of_the_server_as_a_whole_is_an_empty_204() {
    let mut mirk = Mirk::start();
    let answer = mirk
        .send(bare(&mirk, "OPTIONS * HTTP/1.1").as_bytes())
        .answer();
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    mirk.is_well();
}

#[test]
fn http_19_27_no_spelling_of_a_path_reaches_another_route() {
    let mut mirk = Mirk::start();
    let key = format!("Authorization: Bearer {}", mirk.key());
    for path in [
        "/v1/../api/keys",
        "/v1//chat/completions",
        "//v1/chat/completions",
        "/v1/%2e%2e/api",
        "/v1/%2E./api",
        "/V1/chat/completions",
        "/v1/chat/Completions",
        "/v1/chat/completions;x=1",
        "/v1;x/chat/completions",
        "/v1/chat/completions/.",
        "/v1/./chat/completions",
        "/v1/chat/completions/",
        "/v1/chat/completions%00",
        "/v1/chat%2fcompletions",
        "/v1/chat%2Fcompletions",
        "/v1/chat%5ccompletions",
        "/v1/chat/%252e%252e/x",
        "/v1/%c0%ae%c0%ae/x",
        "/v1/%e0%80%af/x",
        "/%76%31/chat/completions",
        "/v1/chat/completions%20",
        "/v1/chat/completion%73",
        "/v1/chat/completions%3fx",
        "/v1/chat/completions%23x",
        "/v1/%C3%28",
        "/v1/%",
        "/v1/%2",
        "/v1/%zz",
        "/..",
        "/../../etc/passwd",
        "/v1/models/../../api",
        "/v1/models/%2e%2e",
        "/v1/models/a%2f..%2fb",
        "/v1/models/..%2f",
        "/v1/models//",
        "/v1/models/.",
        "/health/../v1/models",
        "/health/ready/",
        "/health//ready",
        "/setup/../v1/models",
        "/.well-known/../v1/models",
        "/v1/v1/v1/chat/completions",
        "/__refused/0",
        "/__refused/",
        "/v1beta/models/a%2f%2e%2e:generateContent",
        "/v1beta/models/../x:generateContent",
        "/api/chat%0d%0aX:y",
        "/api/../v1/messages",
    ] {
        for method in ["POST", "GET"] {
            let body = if method == "POST" { CHAT } else { "" };
            let text = format!(
                "{method} {path} HTTP/1.1\r\nHost: {}\r\n{key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                mirk.host(),
                body.len()
            );
            let answer = mirk.send(text.as_bytes()).answer();
            assert!(
                matches!(answer.status, 400 | 404),
                "{method} {path}: {}",
                answer.status
            );
            assert!(answer.body.len() < 2_048);
            assert!(find(&answer.raw, b"passwd").is_none());
            let is_odd = ["%2f", "%5c", "%252e", "%2F"]
                .iter()
                .any(|part| path.contains(part));
            if is_odd && path.starts_with("/v1/") {
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (400, "bad_path"),
                    "{path}"
                );
            }
        }
    }
    for raw in [
        "/v1/\\x",
        "/v1/\"",
        "/v1/<",
        "/v1/ x",
        "/v1/\x7f",
        "/v1/\u{e9}",
        "/v1/#x",
        "/v1/|",
        "/v1/^",
        "/v1/{a}",
        "/v1/`",
    ] {
        let text = bare(&mirk, &format!("GET {raw} HTTP/1.1"));
        refused(&mirk, raw, text.as_bytes(), &[400]);
    }
    assert_eq!(mirk.seen().len(), 0);
    mirk.is_well();
}

#[test]
fn http_20_every_route_that_is_not_anonymous_wants_a_key() {
    let mut mirk = Mirk::start();
    let routes = routes(&mirk);
    assert!(routes.len() > 40);
    for (method, path, policy) in &routes {
        let headers = [("Content-Type", "application/json")];
        let answer = mirk.ask(
            &format!("{method} {path}"),
            &headers,
            if method == "POST" { b"{}" } else { b"" },
        );
        let wants_key = policy != "anonymous" && !policy.contains("one-time");
        assert_eq!(
            answer.status == 401,
            wants_key,
            "{method} {path} ({policy}): {}",
            answer.status
        );
    }
    assert_eq!(mirk.seen().len(), 0);
    mirk.is_well();
}

/// The table that `mirk routes` prints: method, path with a name put in for what varies, policy.
fn routes(mirk: &Mirk) -> Vec<(String, String, String)> {
    let printed = mirk.json(&["routes"]);
    let rows = printed["routes"]
        .as_array()
        .or_else(|| printed.as_array())
        .unwrap();
    let text = |row: &serde_json::Value, names: [&str; 2]| {
        names
            .iter()
            .find_map(|name| row[*name].as_str())
            .unwrap_or_else(|| panic!("no {names:?} in {row}"))
            .to_owned()
    };
    rows.iter()
        .map(|row| {
            let path = text(row, ["path", "pattern"])
                .replace("{model}", "some-model")
                .replace("{token}", "x");
            (
                text(row, ["method", "methods"]),
                path,
                text(row, ["policy", "auth"]),
            )
        })
        .collect()
}

#[test]
fn http_21_a_malformed_host_is_refused() {
    let mut mirk = Mirk::start();
    let port = mirk.addr().port();
    for host in [
        "127.0.0.1/x",
        "a?b",
        "a#b",
        "user@127.0.0.1",
        "a\\b",
        "a b",
        "%31",
        "",
        " ",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:70000",
        "127.0.0.1:-1",
        "a:1:2",
        "[::1",
        "::1]",
        "[::g]",
        "a,b",
        "<a>",
        "\"a\"",
        "a\tb",
        "[::1%25eth0]",
        "http://127.0.0.1",
        "a;b",
        "*",
    ] {
        let answer = mirk
            .send(format!("GET /v1/models HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())
            .answer();
        let statuses: &[u16] = if host == "127.0.0.1:" {
            &[400, 401]
        } else {
            &[400]
        };
        assert!(
            statuses.contains(&answer.status),
            "{host:?}: {}",
            answer.status
        );
        answer.is_refusal(Shape::OpenAi, answer.status, &[]);
    }
    for lines in [
        format!("Host: 127.0.0.1:{port}\r\nHost: 127.0.0.1:{port}"),
        format!("Host: 127.0.0.1:{port}\r\nhost: evil.invalid"),
        "X: y".to_owned(),
        format!("Host : 127.0.0.1:{port}"),
    ] {
        refused(
            &mirk,
            &lines,
            format!("GET /v1/models HTTP/1.1\r\n{lines}\r\n\r\n").as_bytes(),
            &[400],
        );
    }
    let other =
        format!("GET http://evil.invalid/v1/models HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    refused(
        &mirk,
        "absolute form of another host",
        other.as_bytes(),
        &[400],
    );
    mirk.is_well();
}

#[test]
fn http_22_23_only_this_machines_names_are_served() {
    let mut mirk = Mirk::start();
    let port = mirk.addr().port();
    let bearer = format!("Authorization: Bearer {}", mirk.key());
    let status = |host: &str, more: &str| {
        let text = format!("GET /v1/models HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\n{more}\r\n");
        let answer = mirk.send(text.as_bytes()).answer();
        if answer.status != 200 {
            answer.is_refusal(Shape::OpenAi, 421, &[host]);
            assert_eq!(answer.code(), "misdirected");
        }
        answer.status
    };
    for host in [
        format!("LOCALHOST:{port}"),
        format!("localhost.:{port}"),
        "localhost".to_owned(),
        format!("[::1]:{port}"),
        "127.0.0.1".to_owned(),
    ] {
        assert_eq!(status(&host, ""), 200, "{host}");
    }
    for host in [
        "evil.invalid",
        "localhost.evil.invalid",
        "evil.localhost",
        "127.0.0.2",
        "10.0.0.1",
        "2130706433",
        "127.1",
        "0.0.0.0",
        "mirk.local",
    ] {
        for more in [
            "",
            "X-Forwarded-Host: localhost\r\n",
            "Forwarded: host=localhost\r\n",
            "X-Original-Host: 127.0.0.1\r\n",
            "mcp-init-host: localhost\r\n",
        ] {
            assert_eq!(status(host, more), 421, "{host} {more}");
            assert_eq!(
                status(&format!("{host}:{port}"), more),
                421,
                "{host} {more}"
            );
        }
    }
    assert_eq!(status("localhost:1", ""), 421, "another port");
    for path in [
        "/health",
        "/health/ready",
        "/setup/x",
        "/.well-known/security.txt",
        "/v1/chat/completions",
    ] {
        let answer = mirk
            .send(format!("GET {path} HTTP/1.1\r\nHost: evil.invalid\r\n\r\n").as_bytes())
            .answer();
        assert_eq!(answer.status, 421, "{path}");
    }
    mirk.is_well();
}

#[test]
fn http_24_28_headers_that_speak_for_others_change_nothing() {
    let mut mirk = Mirk::start();
    for line in [
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-For: 1.1.1.1, 127.0.0.1, ::1, fe80::1%eth0, garbage",
        "X-Real-IP: 127.0.0.1",
        "Forwarded: for=127.0.0.1;host=localhost;proto=https",
        "True-Client-IP: 127.0.0.1",
        "CF-Connecting-IP: ::1",
        "X-Client-IP: 127.0.0.1",
        "X-Forwarded-Prefix: /health",
        "X-Original-URL: /health",
        "X-Rewrite-URL: /health",
        "X-HTTP-Method-Override: GET",
        "X-Method: HEAD",
        "X-HTTP-Method: GET",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Port: 443",
        "X_Api_Key: mrk_x",
        "X-Envoy-Original-Path: /health",
    ] {
        let anonymous = chat_with(&mirk, line).replacen("Authorization:", "X-Nothing:", 1);
        mirk.send(anonymous.as_bytes())
            .answer()
            .is_refusal(Shape::OpenAi, 401, &[mirk.key()]);
        assert_eq!(mirk.seen().len(), 0, "{line}");
        passes(&mirk, line, chat_with(&mirk, line).as_bytes());
    }
    let unread = "CONTENT_LENGTH: 1\r\nTRANSFER_ENCODING: chunked";
    passes(&mirk, unread, chat_with(&mirk, unread).as_bytes());
    mirk.is_well();
}

#[test]
fn http_29_a_header_that_may_come_once_comes_once() {
    let mut mirk = Mirk::start();
    let key = mirk.key().to_owned();
    for line in [
        "Content-Type: application/json",
        "content-type: text/plain",
        &format!("Authorization: Bearer {key}"),
        "authorization: Basic YTpi",
        "Content-Encoding: identity\r\nContent-Encoding: identity",
        "Content-Encoding: identity\r\ncontent-encoding: gzip",
        "x-api-key: a\r\nx-api-key: b",
        "x-goog-api-key: a\r\nX-Goog-Api-Key: a",
        "x-mirk-key: a\r\nx-mirk-key: b",
        "Expect: 100-continue\r\nExpect: 100-continue",
        "Origin: null\r\nOrigin: http://localhost",
    ] {
        refused(&mirk, line, chat_with(&mirk, line).as_bytes(), &[400]);
    }
    passes(
        &mirk,
        "a list in two lines",
        chat_with(&mirk, "Accept: a/b\r\nAccept: c/d").as_bytes(),
    );
    mirk.is_well();
}

#[test]
fn http_30_31_heads_have_their_limits() {
    let mut mirk = Mirk::start();
    let lines = |count: usize| {
        (0..count)
            .map(|number| format!("X-{number}: y\r\n"))
            .collect::<Vec<_>>()
            .concat()
    };
    // Host, Authorization, Content-Type and Content-Length are there already.
    passes(
        &mirk,
        "100 headers",
        chat_with(&mirk, lines(96).trim_end()).as_bytes(),
    );
    refused(
        &mirk,
        "101 headers",
        chat_with(&mirk, lines(97).trim_end()).as_bytes(),
        &[431],
    );
    refused(
        &mirk,
        "5,000 headers",
        chat_with(&mirk, lines(5_000).trim_end()).as_bytes(),
        &[431],
    );
    passes(
        &mirk,
        "8,000 bytes",
        chat_with(&mirk, &format!("X: {}", "y".repeat(8_000))).as_bytes(),
    );
    refused(
        &mirk,
        "one of 9 KiB",
        chat_with(&mirk, &format!("X: {}", "y".repeat(9 * 1024))).as_bytes(),
        &[431],
    );
    refused(
        &mirk,
        "a name of 9 KiB",
        chat_with(&mirk, &format!("{}: y", "x".repeat(9 * 1024))).as_bytes(),
        &[431],
    );
    let four = (0..4)
        .map(|number| format!("X-{number}: {}\r\n", "y".repeat(8_000)))
        .collect::<Vec<_>>()
        .concat();
    let five = format!("{four}X-5: {}", "y".repeat(2_000));
    refused(
        &mirk,
        "33 KiB in all",
        chat_with(&mirk, &five).as_bytes(),
        &[431],
    );
    refused(
        &mirk,
        "10 MB without an end",
        chat_with(&mirk, &"X: y\r\n".repeat(1_700_000)).as_bytes(),
        &[431],
    );

    let path = |length: usize| format!("/{}", "a".repeat(length - 1));
    let at = mirk.ask(&format!("GET {}", path(8_192)), &[], b"");
    at.is_refusal(Shape::OpenAi, 404, &[]);
    for length in [8_193, 10_000, 100_000, 1 << 20] {
        let answer = refused(
            &mirk,
            "long",
            bare(&mirk, &format!("GET {} HTTP/1.1", path(length))).as_bytes(),
            &[414],
        );
        assert_eq!(answer.code(), "uri_too_long");
        let query = bare(&mirk, &format!("GET /?{} HTTP/1.1", "a".repeat(length)));
        refused(&mirk, "a long query", query.as_bytes(), &[414]);
    }
    mirk.is_well();
}

#[test]
fn http_32_a_body_has_its_limit_to_the_byte() {
    const CAP: usize = 64 * 1024;
    let mut mirk = Mirk::setup()
        .env("MIRK_LIMITS_BODY_BYTES", &CAP.to_string())
        .start();
    let padded = |length: usize| {
        let body = CHAT.replace("hello", &"h".repeat(length - CHAT.len() + "hello".len()));
        assert_eq!(body.len(), length);
        body
    };
    let sized = |body: &str| {
        chat(
            &mirk,
            &format!("Content-Length: {}\r\n\r\n{body}", body.len()),
        )
    };
    let chunked = |body: &str, size: usize| {
        let chunks: Vec<String> = body
            .as_bytes()
            .chunks(size)
            .map(|chunk| {
                format!(
                    "{:x}\r\n{}\r\n",
                    chunk.len(),
                    std::str::from_utf8(chunk).unwrap()
                )
            })
            .collect();
        chat(
            &mirk,
            &format!(
                "Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
                chunks.concat()
            ),
        )
    };
    passes(&mirk, "exactly the limit", sized(&padded(CAP)).as_bytes());
    passes(
        &mirk,
        "exactly the limit in chunks",
        chunked(&padded(CAP), 1_000).as_bytes(),
    );
    let (over, far_over) = (padded(CAP + 1), padded(CAP * 20));
    for (what, bytes) in [
        ("one over", sized(&over)),
        ("one over in chunks", chunked(&over, 1_000)),
        ("one over in one chunk", chunked(&over, CAP * 2)),
        ("far over", sized(&far_over)),
        ("far over in chunks", chunked(&far_over, 5_000)),
        (
            "declared and never sent",
            chat(&mirk, "Content-Length: 99999999\r\n\r\n"),
        ),
    ] {
        let answer = refused(&mirk, what, bytes.as_bytes(), &[413]);
        assert_eq!(answer.code(), "body_too_large", "{what}");
    }
    mirk.is_well();
}

#[test]
fn http_47_bodies_are_json_in_utf_8() {
    let mut mirk = Mirk::start();
    let key = format!("Bearer {}", mirk.key());
    let bodies: [(&str, &str, Shape); 4] = [
        ("/v1/chat/completions", CHAT, Shape::OpenAi),
        ("/v1/responses", "{}", Shape::OpenAi),
        ("/v1/messages", "{}", Shape::Anthropic),
        (
            "/v1beta/models/gemini-x:generateContent",
            "{}",
            Shape::Gemini,
        ),
    ];
    for (path, body, shape) in bodies {
        for kind in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/json;charset=utf-7"),
            Some("application/jsonp"),
            Some("application/json; charset=utf-16"),
            Some("application/json; charset=\"iso-8859-1\""),
            Some("multipart/form-data; boundary=x"),
            Some("text/json"),
            Some("application/json, text/plain"),
            Some(""),
            Some("*/*"),
            Some("application/xml"),
            Some("application/json;charset"),
        ] {
            let mut headers = vec![("Authorization", key.as_str())];
            headers.extend(kind.map(|kind| ("Content-Type", kind)));
            let answer = mirk.ask(&format!("POST {path}"), &headers, body.as_bytes());
            assert_eq!(answer.status, 415, "{kind:?} on {path}");
            answer.is_refusal(shape, 415, &[mirk.key()]);
        }
        for encoding in [
            "gzip",
            "br",
            "deflate",
            "zstd",
            "x-gzip",
            "identity, gzip",
            "",
        ] {
            let headers = [
                ("Authorization", key.as_str()),
                ("Content-Type", "application/json"),
                ("Content-Encoding", encoding),
            ];
            let answer = mirk.ask(&format!("POST {path}"), &headers, body.as_bytes());
            answer.is_refusal(shape, 415, &[mirk.key()]);
        }
    }
    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "Application/JSON",
        "application/json ; x=y",
    ] {
        let answer = mirk.ask(
            "POST /v1/chat/completions",
            &[("Authorization", &key), ("Content-Type", kind)],
            CHAT.as_bytes(),
        );
        assert_eq!(answer.status, 200, "{kind}");
    }
    mirk.is_well();
}

#[test]
fn http_48_other_methods_are_refused_with_those_there_are() {
    let mut mirk = Mirk::start();
    let routes = routes(&mirk);
    for method in [
        "TRACE", "TRACK", "PUT", "DELETE", "PATCH", "PROPFIND", "FOO", "M-SEARCH",
    ] {
        for (_, path, _) in &routes {
            if path == "/" {
                continue;
            }
            let answer = mirk.ask(
                &format!("{method} {path}"),
                &[("Content-Type", "application/json")],
                b"",
            );
            assert_eq!(answer.status, 405, "{method} {path}");
            let allow = answer
                .header("allow")
                .unwrap_or_else(|| panic!("no Allow on {method} {path}"))
                .to_owned();
            let known = routes.iter().filter(|(_, other, _)| other == path);
            for (method, _, _) in known {
                assert!(
                    method
                        .split([',', ' '])
                        .all(|method| allow.contains(method)),
                    "{path}: Allow lacks {method}"
                );
            }
            assert!(!allow.contains(method));
        }
    }
    mirk.is_well();
}

#[test]
fn s31_the_contact_for_reports_is_where_rfc_9116_says_when_there_is_one() {
    let path = "GET /.well-known/security.txt";
    let mut mirk = Mirk::setup()
        .env("MIRK_CONTACT", "mailto:security@mirk.example")
        .start();
    let answer = mirk.ask(path, &[], b"");
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.body.clone()).unwrap();
    assert!(
        text.contains("Contact: mailto:security@mirk.example\n"),
        "{text}"
    );
    assert!(text.contains("\nExpires: 2"), "{text}");
    mirk.is_well();
    assert_eq!(Mirk::start().ask(path, &[], b"").status, 404);
}
