//! Addresses that Mirk must not go to, however they are written or suggested. Cases SSRF01 to SSRF17, SSRF20 and
//! SSRF29 to SSRF33. What names resolve to is tested in `mirk-provider`, where the answers can be scripted.
#![cfg(test)]
#![expect(
    clippy::string_slice,
    clippy::too_many_lines,
    reason = "tables of addresses, one entry a line"
)]

use std::process::Output;

use crate::harness::{CREDENTIALS, Mirk, Trap, shown};
use crate::wire::{Shape, find};

const CHAT: &[u8] = br#"{"model":"gpt-x","messages":[{"role":"user","content":"hello"}]}"#;

/// Tries to add a provider there.
fn add(mirk: &Mirk, url: &str, more: &[&str]) -> Output {
    let base = format!("--base-url={url}");
    let arguments = [
        "provider",
        "add",
        "tried",
        "--kind",
        "openai-compatible",
        &base,
        "--secret",
        "env:THE_SECRET",
        "--yes",
        "--json",
    ];
    mirk.command()
        .args(arguments)
        .args(more)
        .env("THE_SECRET", "sim-tried-4411")
        .output()
        .unwrap()
}

/// Checks that none of `urls` is taken: exit code 64, `ssrf_blocked`, nothing stored, nothing said of the secret.
#[track_caller]
fn none_is_taken<T: AsRef<str>>(mirk: &Mirk, urls: &[T]) {
    let before = (
        mirk.json(&["provider", "list"]),
        mirk.json(&["credential", "list"]),
    );
    let half = urls.len().div_ceil(2);
    std::thread::scope(|scope| {
        for part in urls.chunks(half.max(1)) {
            let urls: Vec<String> = part.iter().map(|url| url.as_ref().to_owned()).collect();
            scope.spawn(move || {
                for url in urls {
                    let output = add(mirk, &url, &[]);
                    assert_eq!(output.status.code(), Some(64), "{url}: {}", shown(&output));
                    let text = shown(&output);
                    // An address with a password in it is refused even earlier, as a secret in an argument.
                    assert!(
                        text.contains("ssrf_blocked") || text.contains("with a password in it"),
                        "{url}: {text}"
                    );
                    assert!(
                        !text.contains("sim-tried") && output.stdout.is_empty(),
                        "{url}"
                    );
                }
            });
        }
    });
    assert_eq!(
        (
            mirk.json(&["provider", "list"]),
            mirk.json(&["credential", "list"])
        ),
        before,
        "something was stored"
    );
}

const METADATA: &[&str] = &[
    "http://169.254.169.254/",
    "http://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254/v1",
    "http://169.254.170.2/",
    "http://169.254.170.23/",
    "http://100.100.100.200/",
    "http://192.0.0.192/",
    "http://168.63.129.16/",
    "http://metadata.google.internal/",
    "https://metadata.google.internal./",
    "http://METADATA.google.internal/computeMetadata/v1",
    "http://metadata.goog/",
    "http://metadata/",
    "http://[fd00:ec2::254]/",
    "http://[fd20:ce::254]/",
    "http://instance-data/",
    "http://169.254.20.10/",
];

const ENCODED: &[&str] = &[
    "http://2852039166/",
    "http://0xA9FEA9FE/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/",
    "http://169.16689662/",
    "http://169.254.169.254./",
    "http://0xa9.0xfe.0xa9.0xfe/",
    "http://0251.254.169.254/",
    "http://169.254.169.0xfe/",
    "http://４２.0.0.1/",
    "http://①⑥⑨.②⑤④.①⑥⑨.②⑤④/",
    "http://１６９.２５４.１６９.２５４/",
    "http://169。254。169。254/",
    "http://169．254．169．254/",
    "http://%31%36%39.254.169.254/",
    "http://169.254.169.254%2f@x/",
    "http://169.254.169.254%00/",
    "http://0000251.00000376.0251.0376/",
    "http://425.510.425.510/",
    "http://169.254.169.254:0x50/",
    "http://٠.٠.٠.٠/",
];

const EMBEDDED: &[&str] = &[
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::a9fe:a9fe]/",
    "http://[::169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[2001:0:a9fe:a9fe::1]/",
    "http://[2001:0:53aa:64c::5601:5601]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1]/",
    "http://[::]/",
    "http://[2001:db8::5efe:a9fe:a9fe]/",
    "http://[fe80::5efe:169.254.169.254]/",
    "http://[::ffff:0:a9fe:a9fe]/",
    "http://[0:0:0:0:0:ffff:a9fe:a9fe]/",
    "http://[ff02::1]/",
];

#[test]
fn ssrf_01_02_03_metadata_addresses_are_refused_however_written() {
    let mut mirk = Mirk::start();
    none_is_taken(&mirk, &[METADATA, ENCODED, EMBEDDED].concat());
    mirk.is_well();
}

const NOWHERE: &[&str] = &[
    "http://0.0.0.0/",
    "http://0/",
    "http://0x0/",
    "http://0.0.0.0:8080/v1",
    "http://[::]/",
    "http://[::]:80/",
    "http://0.0.0.1/",
];

#[test]
fn ssrf_04_nowhere_is_refused_and_loopback_is_for_local_mode_alone() {
    let mirk = Mirk::start();
    none_is_taken(&mirk, NOWHERE);
    none_is_taken(
        &mirk,
        &[
            "http://127.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://0177.0.0.1/",
        ],
    );
    let port = mirk.sim().addr().port();
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "127.255.255.254",
        "127.0.1.1",
        "[::1]",
    ] {
        let output = add(&mirk, &format!("http://{host}:{port}/v1"), &[]);
        assert!(output.status.success(), "{host}: {}", shown(&output));
        assert!(
            mirk.cli(&["provider", "remove", "tried", "--yes"])
                .status
                .success()
        );
    }
    drop(mirk);
    let mut hosted = Mirk::setup().env("MIRK_MODE", "hosted").bare().start();
    let trap = Trap::new();
    let port = trap.addr().port();
    let loopback: Vec<String> = [
        "127.0.0.1",
        "127.1",
        "127.0.1.1",
        "127.255.255.254",
        "localhost",
        "localhost.",
        "LocalHost",
        "a.localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0",
        "0x0",
        "2130706433",
        "017700000001",
    ]
    .iter()
    .flat_map(|host| {
        [
            format!("http://{host}:{port}/v1"),
            format!("https://{host}/v1"),
        ]
    })
    .collect();
    none_is_taken(&hosted, &loopback);
    let private = [
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.5/",
        "https://100.64.0.1/",
        "https://[fc00::1]/",
        "http://198.18.0.1/",
    ];
    none_is_taken(&hosted, &[private.as_slice(), METADATA, NOWHERE].concat());
    assert_eq!(trap.count(), 0);
    hosted.is_well();
}

#[test]
fn ssrf_12_13_only_plain_http_addresses_are_taken_and_in_one_form() {
    let mut mirk = Mirk::start();
    let odd = [
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "gopher://127.0.0.1:6379/_x",
        "ftp://127.0.0.1/",
        "dict://127.0.0.1:11211/",
        "ldap://127.0.0.1/",
        "data:text/plain,x",
        "jar:http://127.0.0.1!/",
        "unix:/var/run/docker.sock",
        "ws://127.0.0.1/",
        "wss://127.0.0.1/",
        "javascript:alert(1)",
        "blob:http://x/",
        "http+unix://%2fvar%2frun/",
        "//127.0.0.1/",
        "127.0.0.1",
        "127.0.0.1:8080",
        "localhost/v1",
        "",
        " ",
        "http",
        "http:",
        "http:/",
        "http://",
        "https://",
        "http://ok@169.254.169.254",
        "http://169.254.169.254#@ok",
        "http://ok\\@evil",
        "http://ok%2fevil",
        "http://o\tk/",
        "http://o\nk/",
        "http://ok\r\n/",
        " http://127.0.0.1/",
        "http://127.0.0.1/ ",
        "http:/ok",
        "http:///x",
        "http:///",
        "http://:80/",
        "http://user@127.0.0.1/",
        "http://user:@127.0.0.1/",
        "http://@127.0.0.1/",
        "http:\\\\127.0.0.1\\",
        "http://127.0.0.1\\x",
        "http://ok:80:80",
        "http://127.0.0.1:/",
        "http://127.0.0.1:80x/",
        "http://127.0.0.1?x=y",
        "http://127.0.0.1/v1?key=x",
        "http://127.0.0.1/#x",
        "http://127.0.0.1/../x",
        "http://127.0.0.1/v1/./x",
        "http://127.0.0.1//v1",
        "http://127.0.0.1/%2e%2e/",
        "http://127.0.0.1/v1/{x}",
        "http://[::1",
        "http://::1/",
        "http://[::1]x/",
        "http://a b/",
        "http://a_b c/",
        "http://-a.invalid/",
        "http://a..b/",
        "http://.a/",
        "http://xn--/",
        "http://xn--a\u{ad}/",
        "http://ex\u{200b}ample/",
    ];
    none_is_taken(&mirk, &odd);
    none_is_taken(
        &mirk,
        &[
            format!("http://{}/", "a".repeat(254)),
            format!("http://{}.invalid/", "a".repeat(64)),
            format!("http://127.0.0.1/{}", "a".repeat(5_000)),
        ],
    );
    let port = mirk.sim().addr().port();
    for (given, stored) in [
        (
            format!("HTTP://127.0.0.1:{port}/v1"),
            format!("http://127.0.0.1:{port}/v1"),
        ),
        (
            format!("http://LocalHost:{port}/v1/"),
            format!("http://localhost:{port}/v1"),
        ),
        (
            format!("http://[0:0:0:0:0:0:0:1]:{port}"),
            format!("http://[::1]:{port}"),
        ),
    ] {
        let output = add(&mirk, &given, &[]);
        assert!(output.status.success(), "{given}: {}", shown(&output));
        let added: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(added["base_url"], stored, "{given}");
        assert!(
            mirk.cli(&["provider", "remove", "tried", "--yes"])
                .status
                .success()
        );
    }
    mirk.is_well();
}

#[test]
fn ssrf_14_ports_of_other_protocols_are_refused() {
    let mirk = Mirk::start();
    let ports = [
        0_u64,
        1,
        22,
        25,
        53,
        110,
        143,
        389,
        445,
        2375,
        2379,
        3306,
        3389,
        5432,
        6379,
        9200,
        11_211,
        27_017,
        65_536,
        99_999,
        4_294_967_376,
    ];
    none_is_taken(
        &mirk,
        &ports.map(|port| format!("http://127.0.0.1:{port}/v1")),
    );
    none_is_taken(
        &mirk,
        &[
            "http://127.0.0.1:-1/",
            "http://127.0.0.1:+80/",
            "http://127.0.0.1:0080x/",
            "http://127.0.0.1:８０/",
        ],
    );
    drop(mirk);
    let mut listed = Mirk::setup().env("MIRK_UPSTREAM_PORTS", "9200").start();
    assert!(
        add(&listed, "http://127.0.0.1:9200/v1", &[])
            .status
            .success()
    );
    none_is_taken(&listed, &["http://127.0.0.1:9300/v1"]);
    listed.is_well();
}

#[test]
fn ssrf_15_16_a_redirect_is_never_followed_nor_shown() {
    let mut mirk = Mirk::start();
    let trap = Trap::new();
    let (same, other) = (mirk.sim().base(), format!("http://{}/x", trap.addr()));
    let targets = [
        "http://169.254.169.254/",
        &other,
        &same,
        "/v1/elsewhere",
        "//evil.invalid/",
        "file:///etc/passwd",
        "",
    ];
    for status in [300, 301, 302, 303, 304, 305, 307, 308, 399] {
        for target in targets {
            mirk.script(
                status,
                &[
                    ("Location", target),
                    ("Refresh", &format!("0;url={target}")),
                    ("content-length", "0"),
                ],
                b"",
            );
            let answer = mirk.post("/v1/chat/completions", CHAT);
            answer.is_refusal(Shape::OpenAi, 502, &[target, CREDENTIALS[0]]);
            assert_eq!(answer.code(), "upstream_redirect", "{status} to {target}");
            assert_eq!(
                (answer.header("location"), answer.header("refresh")),
                (None, None)
            );
            assert_eq!(mirk.seen().len(), 1, "{status} to {target}");
        }
    }
    for (path, body, shape) in [
        (
            "/v1/chat/completions",
            r#"{"model":"gpt-sim-redirect","messages":[]}"#,
            Shape::OpenAi,
        ),
        (
            "/v1/chat/completions",
            r#"{"model":"gpt-sim-redirect","stream":true,"messages":[]}"#,
            Shape::OpenAi,
        ),
        (
            "/v1/responses",
            r#"{"model":"gpt-sim-redirect","input":"x"}"#,
            Shape::OpenAi,
        ),
        (
            "/v1beta/models/gemini-sim-redirect:generateContent",
            r#"{"contents":[]}"#,
            Shape::Gemini,
        ),
        (
            "/api/chat",
            r#"{"model":"llama-sim-redirect","messages":[]}"#,
            Shape::Ollama,
        ),
    ] {
        let answer = mirk.post(path, body.as_bytes());
        answer.is_refusal(shape, 502, &["elsewhere.invalid"]);
        assert_eq!(answer.code(), "upstream_redirect", "{path}");
    }
    let page = b"<html><head><meta http-equiv=refresh content=\"0;url=http://169.254.169.254/\"></head></html>";
    mirk.script(
        200,
        &[
            ("content-type", "text/html"),
            ("Refresh", "0;url=http://169.254.169.254/"),
        ],
        page,
    );
    assert_eq!(
        mirk.post("/v1/chat/completions", CHAT).header("refresh"),
        None
    );
    assert_eq!(trap.count(), 0);
    mirk.is_well();
}

#[test]
fn ssrf_20_proxies_of_the_environment_are_not_used() {
    let trap = Trap::new();
    let url = format!("http://{}", trap.addr());
    let names = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "SOCKS_PROXY",
    ];
    let setup = names
        .iter()
        .fold(Mirk::setup(), |setup, name| setup.env(name, &url))
        .env("NO_PROXY", "")
        .env("no_proxy", "");
    let mut mirk = setup.start();
    for path in ["/v1/chat/completions", "/v1/responses"] {
        let body = if path.ends_with('s') && path.contains("responses") {
            br#"{"model":"gpt-x","input":"x"}"#.as_slice()
        } else {
            CHAT
        };
        assert_eq!(mirk.post(path, body).status, 200);
    }
    let tested = mirk
        .command()
        .args(["provider", "test", "o", "--json"])
        .envs(names.map(|name| (name, url.as_str())))
        .output()
        .unwrap();
    assert!(tested.status.success(), "{}", shown(&tested));
    assert_eq!(trap.count(), 0);
    mirk.is_well();
}

#[test]
fn ssrf_29_a_test_of_a_provider_says_nothing_of_what_came_back() {
    let mut mirk = Mirk::start();
    let secret = "SECRET-INNER-PAGE-9917";
    for (status, headers) in [
        (200, vec![("content-type", "application/json")]),
        (401, vec![("x-inner", secret)]),
        (404, vec![]),
        (500, vec![("server", secret)]),
        (
            302,
            vec![("location", "http://169.254.169.254/SECRET-INNER-PAGE-9917")],
        ),
    ] {
        mirk.script(
            status,
            &headers,
            format!("{{\"inner\":\"{secret}\"}}").as_bytes(),
        );
        let output = mirk.cli(&["provider", "test", "o", "--json"]);
        for text in [&output.stdout, &output.stderr] {
            for part in [secret, "INNER", "169.254", "127.0.0.1", CREDENTIALS[0]] {
                assert!(
                    find(text, part.as_bytes()).is_none(),
                    "status {status}: the test of a provider says {part}"
                );
            }
        }
    }
    mirk.is_well();
}

#[test]
fn ssrf_32_a_credential_of_another_provider_needs_a_second_word() {
    let mut mirk = Mirk::start();
    let base = format!("{}/v1", mirk.sim().base());
    for (kind, secret) in [
        (
            "openai-compatible",
            "sk-ant-api03-0123456789abcdef0123456789abcdef",
        ),
        (
            "openai-compatible",
            "AIza0123456789abcdefghijklmnopqrstuvwxyz0",
        ),
        (
            "anthropic-compatible",
            "sk-proj-0123456789abcdef0123456789abcdef",
        ),
        ("openai", "sk-proj-0123456789abcdef0123456789abcdef"),
        ("anthropic", "sk-ant-api03-0123456789abcdef0123456789abcdef"),
    ] {
        let run = |more: &[&str]| {
            let arguments = [
                "provider",
                "add",
                "tried",
                "--kind",
                kind,
                "--base-url",
                &base,
                "--secret",
                "env:S",
                "--yes",
                "--json",
            ];
            mirk.command()
                .args(arguments)
                .args(more)
                .env("S", secret)
                .output()
                .unwrap()
        };
        let refused = run(&[]);
        assert!(!refused.status.success(), "{kind} took {secret:.7}");
        let text = shown(&refused);
        assert!(text.contains("credential_host_mismatch"), "{kind}: {text}");
        assert!(!text.contains(&secret[8..]), "{kind}");
        let list = mirk.json(&["provider", "list"]).to_string();
        assert!(!list.contains("tried"), "{kind}: something was stored");
        let meant = run(&["--accept-mismatch"]);
        assert!(meant.status.success(), "{kind}: {}", shown(&meant));
        assert!(
            mirk.cli(&["provider", "remove", "tried", "--yes"])
                .status
                .success()
        );
    }
    mirk.is_well();
}

#[test]
fn ssrf_33_addresses_in_bodies_are_data() {
    let mut mirk = Mirk::start();
    let trap = Trap::new();
    let url = format!("http://{}/picture.png", trap.addr());
    let openai = format!(
        r#"{{"model":"gpt-x","$schema":"{url}","messages":[{{"role":"user","content":[{{"type":"text","text":"see {url}"}},{{"type":"image_url","image_url":{{"url":"{url}"}}}},{{"type":"input_audio","input_audio":{{"url":"{url}"}}}},{{"type":"file","file":{{"file_url":"{url}"}}}}]}}],"tools":[{{"type":"function","function":{{"name":"fetch","parameters":{{"$ref":"{url}"}}}}}}],"response_format":{{"type":"json_schema","json_schema":{{"schema":{{"$ref":"{url}"}}}}}}}}"#
    );
    let responses = format!(
        r#"{{"model":"gpt-x","input":[{{"role":"user","content":[{{"type":"input_image","image_url":"{url}"}},{{"type":"input_file","file_url":"{url}"}}]}}],"tools":[{{"type":"mcp","server_url":"{url}"}}]}}"#
    );
    let gemini = format!(
        r#"{{"contents":[{{"parts":[{{"text":"x"}},{{"fileData":{{"fileUri":"{url}"}}}}]}}]}}"#
    );
    for (path, body) in [
        ("/v1/chat/completions", openai),
        ("/v1/responses", responses),
        ("/v1beta/models/gemini-x:generateContent", gemini),
    ] {
        let before = mirk.sim().connections();
        assert_eq!(mirk.post(path, body.as_bytes()).status, 200, "{path}");
        let seen = mirk.seen();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].body, body.as_bytes(), "{path}");
        assert!(mirk.sim().connections() <= before + 1);
    }
    assert_eq!(trap.count(), 0);
    mirk.is_well();
}
