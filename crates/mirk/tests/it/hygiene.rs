//! Which headers pass: those of the client to the provider, and those of the provider to the client. Cases HTTP14 to
//! HTTP17, HTTP25, HTTP26, HTTP28 and SSRF17, SSRF19, SSRF30.
#![cfg(test)]
#![expect(clippy::too_many_lines, reason = "tables of headers, one entry a line")]

use std::collections::BTreeSet;

use crate::harness::{CREDENTIALS, Mirk};
use crate::wire::find;

/// Headers that clients, proxies and attackers send, none of which may reach a provider. The value is marked.
const NEVER_ON: &[&str] = &[
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "proxy-authorization",
    "anthropic-auth-token",
    "x-auth-token",
    "x-mirk-key",
    "openai-organization",
    "openai-project",
    "keep-alive",
    "proxy-connection",
    "proxy-foo",
    "te",
    "trailer",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-prefix",
    "x-real-ip",
    "forwarded",
    "via",
    "x-original-url",
    "x-rewrite-url",
    "x-original-host",
    "mcp-init-host",
    "x-http-method-override",
    "x-method",
    "user-agent",
    "referer",
    "accept-language",
    "accept-encoding",
    "x-stainless-lang",
    "x-stainless-retry-count",
    "x-claude-code-session-id",
    "session-id",
    "traceparent",
    "tracestate",
    "x-request-id",
    "x-client-request-id",
    "x-portkey-custom-host",
    "x-portkey-provider",
    "x-bf-base-url",
    "x-upstream",
    "helicone-target-url",
    "x-base-url",
    "x-api-base",
    "x-scopes",
    "x-project-id",
    "x_api_key",
    "x_forwarded_proto",
    "x-amz-security-token",
    "dnt",
    "sec-fetch-mode",
    "from",
    "if-none-match",
    "if-modified-since",
    "range",
    "cache-control",
    "pragma",
    "x-custom",
    "x-goog-api-client",
    "x-goog-user-project",
    "x-forwarded-client-cert",
    "x-remote-user",
    "x-original-method",
    "alt-used",
    "upgrade-insecure-requests",
    "priority",
    "x-test-mode",
];

/// A call of each dialect, the credential it goes with, and exactly the headers that reach the provider.
struct Call {
    path: &'static str,
    body: &'static str,
    credential: Option<&'static str>,
    /// The header with the credential.
    with: &'static str,
    /// Client headers that may pass.
    passes: &'static [&'static str],
}

const CALLS: [Call; 5] = [
    Call {
        path: "/v1/chat/completions",
        body: r#"{"model":"gpt-x","messages":[{"role":"user","content":"hello"}]}"#,
        credential: Some(CREDENTIALS[0]),
        with: "authorization",
        passes: &["content-type", "accept", "openai-beta", "idempotency-key"],
    },
    Call {
        path: "/v1/responses",
        body: r#"{"model":"gpt-x","input":"hello"}"#,
        credential: Some(CREDENTIALS[0]),
        with: "authorization",
        passes: &["content-type", "accept", "openai-beta", "idempotency-key"],
    },
    Call {
        path: "/v1/messages",
        body: r#"{"model":"claude-x","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#,
        credential: Some(CREDENTIALS[1]),
        with: "x-api-key",
        passes: &[
            "content-type",
            "accept",
            "anthropic-version",
            "anthropic-beta",
            "idempotency-key",
        ],
    },
    Call {
        path: "/v1beta/models/gemini-x:generateContent",
        body: r#"{"contents":[{"parts":[{"text":"hello"}]}]}"#,
        credential: Some(CREDENTIALS[2]),
        with: "x-goog-api-key",
        passes: &["content-type", "accept"],
    },
    Call {
        path: "/api/chat",
        body: r#"{"model":"llama-x","stream":false,"messages":[{"role":"user","content":"hello"}]}"#,
        credential: None,
        with: "",
        passes: &["content-type", "accept"],
    },
];

const MARK: &str = "mark-5c1e";

#[test]
fn http_15_16_25_26_exactly_the_listed_headers_reach_the_provider() {
    let mut mirk = Mirk::start();
    let bearer = format!("Bearer {}", mirk.key());
    for call in CALLS {
        let mut lines = vec![
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Accept", "application/json"),
            ("anthropic-version", "2023-06-01"),
            ("anthropic-beta", "one"),
            ("openai-beta", "two"),
            ("idempotency-key", "three"),
        ];
        lines.extend(NEVER_ON.iter().map(|name| (*name, MARK)));
        let answer = mirk.ask(&format!("POST {}", call.path), &lines, call.body.as_bytes());
        assert_eq!(answer.status, 200, "{}", call.path);
        let seen = mirk.seen();
        assert_eq!(seen.len(), 1);
        let names: BTreeSet<&str> = seen[0]
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let own = [
            "host",
            "user-agent",
            "accept-encoding",
            "content-length",
            call.with,
        ];
        let expected: BTreeSet<&str> = call
            .passes
            .iter()
            .copied()
            .chain(own)
            .filter(|name| !name.is_empty())
            .collect();
        assert_eq!(names, expected, "{}", call.path);
        assert_eq!(
            seen[0].headers.len(),
            expected.len(),
            "{}: a header came twice",
            call.path
        );
        for (name, value) in &seen[0].headers {
            assert!(
                find(value, MARK.as_bytes()).is_none(),
                "{}: the client's {name}",
                call.path
            );
            assert!(
                find(value, b"mrk_").is_none(),
                "{}: our key in {name}",
                call.path
            );
        }
        assert_eq!(
            seen[0].credential.as_deref(),
            call.credential,
            "{}",
            call.path
        );
        let host = seen[0]
            .headers
            .iter()
            .find(|(name, _)| name == "host")
            .map(|(_, value)| value.clone());
        assert_eq!(host, Some(mirk.sim().addr().to_string().into_bytes()));
    }
    mirk.is_well();
}

#[test]
fn http_16_no_provider_sees_another_ones_credential() {
    let mut mirk = Mirk::start();
    let bearer = format!("Bearer {}", mirk.key());
    for call in CALLS {
        let lines = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("anthropic-version", "2023-06-01"),
        ];
        assert_eq!(
            mirk.ask(&format!("POST {}", call.path), &lines, call.body.as_bytes())
                .status,
            200
        );
        let seen = &mirk.seen()[0];
        let all: Vec<u8> = seen
            .headers
            .iter()
            .flat_map(|(_, value)| value.clone())
            .chain(seen.target.bytes())
            .chain(seen.body.to_vec())
            .collect();
        for credential in CREDENTIALS {
            assert_eq!(
                find(&all, credential.as_bytes()).is_some(),
                call.credential == Some(credential),
                "{}",
                call.path
            );
        }
    }
    mirk.is_well();
}

#[test]
fn http_29_a_list_in_several_lines_reaches_the_provider_whole() {
    let mut mirk = Mirk::start();
    let bearer = format!("Bearer {}", mirk.key());
    let lines = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "one"),
        ("Anthropic-Beta", "two,three"),
        ("Accept", "a/b"),
        ("accept", "c/d"),
    ];
    assert_eq!(
        mirk.ask("POST /v1/messages", &lines, CALLS[2].body.as_bytes())
            .status,
        200
    );
    let seen = mirk.seen();
    let values = |wanted: &str| -> Vec<&[u8]> {
        seen[0]
            .headers
            .iter()
            .filter(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_slice())
            .collect()
    };
    assert_eq!(values("anthropic-beta"), [b"one".as_slice(), b"two,three"]);
    assert_eq!(values("accept"), [b"a/b".as_slice(), b"c/d"]);
    mirk.is_well();
}

#[test]
fn http_17_ssrf_17_19_exactly_the_listed_headers_come_back() {
    const OURS: [&str; 7] = [
        "x-mirk-request-id",
        "x-mirk-provider",
        "x-mirk-model",
        "date",
        "content-length",
        "transfer-encoding",
        "content-type",
    ];
    const FORBIDDEN: [&str; 15] = [
        "set-cookie",
        "server",
        "content-security-policy",
        "access-control-allow-origin",
        "strict-transport-security",
        "refresh",
        "x-powered-by",
        "clear-site-data",
        "alt-svc",
        "link",
        "www-authenticate",
        "x-goog-api-key",
        "location",
        "content-location",
        "via",
    ];
    let mut mirk = Mirk::start();
    let bearer = format!("Bearer {}", mirk.key());
    for stream in [false, true] {
        for call in CALLS {
            let name = call
                .path
                .replace("gemini-x:generate", "gemini-sim-cookie:generate");
            let path = if stream {
                name.replace(":generateContent", ":streamGenerateContent?alt=sse")
            } else {
                name
            };
            let body = call.body.replace("-x\"", "-sim-cookie\"").replacen(
                '{',
                if stream { "{\"stream\":true," } else { "{" },
                1,
            );
            let body = if call.path == "/api/chat" {
                body.replacen("\"stream\":false,", "", 1)
            } else {
                body
            };
            let body = if call.path.contains(":generate") {
                call.body.to_owned()
            } else {
                body
            };
            let lines = [
                ("Authorization", bearer.as_str()),
                ("Content-Type", "application/json"),
                ("anthropic-version", "2023-06-01"),
            ];
            let answer = mirk.ask(&format!("POST {path}"), &lines, body.as_bytes());
            assert_eq!(answer.status, 200, "{path}");
            for name in FORBIDDEN {
                assert_eq!(
                    answer.header(name),
                    None,
                    "{path}: the provider's {name} came through"
                );
            }
            let listed = |name: &str| {
                OURS.contains(&name)
                    || name.starts_with("x-ratelimit-")
                    || name.starts_with("anthropic-ratelimit-")
                    || [
                        "x-request-id",
                        "request-id",
                        "openai-version",
                        "openai-processing-ms",
                        "openai-model",
                    ]
                    .contains(&name)
            };
            for (name, _) in &answer.headers {
                assert!(listed(name), "{path}: {name} came through");
            }
            for credential in CREDENTIALS {
                assert!(
                    find(&answer.raw, credential.as_bytes()).is_none(),
                    "{path}: our credential came back"
                );
            }
        }
    }
    assert_eq!(mirk.sim().requests().len(), 10);
    mirk.is_well();
}

#[test]
fn ssrf_30_no_header_query_or_field_changes_where_a_request_goes() {
    let mut mirk = Mirk::start();
    let trap = crate::harness::Trap::new();
    let url = format!("http://{}/v1", trap.addr());
    let bearer = format!("Bearer {}", mirk.key());
    let fields = format!(
        r#"{{"model":"gpt-x","api_base":"{url}","base_url":"{url}","custom_llm_provider":"azure","deployment_id":"x","azure_endpoint":"{url}","endpoint":"{url}","proxy":"{url}","messages":[{{"role":"user","content":"hello"}}]}}"#
    );
    for name in [
        "x-portkey-custom-host",
        "x-bf-base-url",
        "x-upstream",
        "Helicone-Target-Url",
        "x-base-url",
        "x-forwarded-host",
        "x-custom-host",
    ] {
        let lines = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            (name, url.as_str()),
        ];
        let query = format!(
            "POST /v1/chat/completions?api_base={url}&base_url={url}&host={}",
            trap.addr()
        );
        let answer = mirk.ask(&query, &lines, fields.as_bytes());
        assert_eq!(answer.status, 200, "{name}");
        let seen = mirk.seen();
        assert_eq!(seen.len(), 1, "{name}");
        assert_eq!(seen[0].body, fields.as_bytes(), "fields pass as they came");
        assert!(
            seen[0]
                .headers
                .iter()
                .all(|(known, _)| !known.eq_ignore_ascii_case(name))
        );
        assert!(seen[0].target.starts_with("/v1/chat/completions"));
        assert!(
            !seen[0].target.contains("base"),
            "the query went on to the provider"
        );
    }
    assert_eq!(trap.count(), 0);
    mirk.is_well();
}

#[test]
fn ssrf_30_only_known_parameters_of_a_query_reach_the_provider() {
    let mut mirk = Mirk::start();
    let bearer = format!("Bearer {}", mirk.key());
    let odd = "foo=bar&alt=evil&%61lt=sse&Alt=sse&$fields=x&callback=x&uploadType=media&prettyPrint=1&x=%0d%0aX:y&beta=false&alt=sse%26key=x";
    for (call, known) in [
        (&CALLS[0], ""),
        (&CALLS[2], "beta=true"),
        (&CALLS[3], "alt=json"),
        (&CALLS[4], ""),
    ] {
        let lines = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("anthropic-version", "2023-06-01"),
        ];
        let first = format!("POST {}?{odd}&{known}&{odd}", call.path);
        assert_eq!(mirk.ask(&first, &lines, call.body.as_bytes()).status, 200);
        let seen = mirk.seen();
        let query = seen[0]
            .target
            .split_once('?')
            .map_or("", |(_, query)| query);
        assert_eq!(query, known, "{}", call.path);
    }
    mirk.is_well();
}
