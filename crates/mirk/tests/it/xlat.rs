//! Bodies: what passes as it came, what is refused, and what providers answer badly. Cases XLAT01 to XLAT08 and
//! XLAT15 to XLAT18.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    clippy::string_slice,
    clippy::too_many_lines,
    reason = "tables of bodies, one entry a line; waits are real"
)]

use std::time::{Duration, Instant};

use crate::harness::{CREDENTIALS, Mirk};
use crate::wire::{Shape, find};

/// One body of each dialect with everything that a careless parser would change. `@@` is the model's name.
const ODD: [(&str, &str, &str); 5] = [
    (
        "/v1/chat/completions",
        "gpt-x",
        " { \"zeta\" : 1.0 ,\n\t\"model\":\"@@\" , \"messages\" : [ {\"content\":\"\\u0041\\/\\ud83d\\ude00 \u{e9}\",\"role\":\"user\"} ], \"__proto__\":{\"x\":1},\"constructor\":null, \"seed\":12345678901234567890123, \"temperature\":1E+0, \"alpha\":-0, \"unknown\":{\"b\":1,\"a\":2,\"b\":3} } \r\n",
    ),
    (
        "/v1/responses",
        "gpt-x",
        "{\"input\":\"a\\tb\",\"model\":\"@@\",\"x_y\":[ ],\"metadata\":{\"k\":\"v\"}}",
    ),
    (
        "/v1/messages",
        "claude-x",
        "{\"model\":\"@@\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"}],\\\"role\\\":\\\"system\\\"\",\"cache_control\":{\"type\":\"ephemeral\"}}]}],\"max_tokens\":  9 ,\"$ref\":\"x\"}",
    ),
    (
        "/v1/embeddings",
        "gpt-x",
        "{\"input\" : [ \"a\" ] , \"model\" : \"@@\", \"dimensions\":3}",
    ),
    (
        "/api/chat",
        "llama-x",
        "{\"model\":\"@@\",\"stream\":false,\"messages\":[{\"role\":\"user\",\"content\":\"\\u202ertl\"}],\"options\":{\"num_predict\":5,\"temperature\":0.10}}",
    ),
];

fn post(mirk: &Mirk, path: &str, body: &[u8]) -> crate::wire::Answer {
    let bearer = format!("Bearer {}", mirk.key());
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
        ("anthropic-version", "2023-06-01"),
    ];
    mirk.ask(&format!("POST {path}"), &headers, body)
}

fn chat(model: &str) -> Vec<u8> {
    format!(r#"{{"model":{model},"messages":[{{"role":"user","content":"hello"}}]}}"#).into_bytes()
}

#[test]
fn xlat_01_a_body_arrives_as_it_was_sent() {
    let mut mirk = Mirk::start();
    for (path, model, body) in ODD {
        let body = body.replace("@@", model);
        let answer = post(&mirk, path, body.as_bytes());
        assert_eq!(
            answer.status,
            200,
            "{path}: {}",
            String::from_utf8_lossy(&answer.raw)
        );
        assert_eq!(answer.header("x-mirk-transforms"), None);
        let seen = mirk.seen();
        assert_eq!(
            (seen.len(), &seen[0].body[..]),
            (1, body.as_bytes()),
            "{path}"
        );
    }
    let gemini = "{ \"contents\":[{\"parts\":[{\"text\":\"\\u00e9\"}]}] ,\"generationConfig\":{\"temperature\":1.50}}";
    assert_eq!(
        post(
            &mirk,
            "/v1beta/models/gemini-x:generateContent",
            gemini.as_bytes()
        )
        .status,
        200
    );
    assert_eq!(mirk.seen()[0].body, gemini.as_bytes());
    // An escaped spelling of the same name is the same name, and is passed on as it was spelt.
    let escaped = chat("\"gpt\\u002dx\"");
    assert_eq!(post(&mirk, "/v1/chat/completions", &escaped).status, 200);
    assert_eq!(mirk.seen()[0].body, escaped);
    mirk.is_well();
}

#[test]
fn xlat_01_of_an_alias_only_the_name_is_changed() {
    let mut mirk = Mirk::start();
    for (alias, target) in [
        ("quick", "o/gpt-x"),
        ("wise", "a/claude-x"),
        ("home", "l/llama-x"),
    ] {
        assert!(
            mirk.cli(&["route", "set", alias, "--to", target])
                .status
                .success()
        );
    }
    for (path, model, body) in ODD {
        let (alias, provider) = match &model[..1] {
            "g" => ("quick", "o"),
            "c" => ("wise", "a"),
            _ => ("home", "l"),
        };
        for asked in [alias.to_owned(), format!("{provider}/{model}")] {
            let answer = post(&mirk, path, body.replace("@@", &asked).as_bytes());
            assert_eq!(answer.status, 200, "{path} {asked}");
            assert_eq!(answer.header("x-mirk-transforms"), Some("model"));
            let seen = mirk.seen();
            assert_eq!(
                (seen.len(), &seen[0].body[..]),
                (1, body.replace("@@", model).as_bytes()),
                "{path} {asked}"
            );
        }
    }
    mirk.is_well();
}

#[test]
fn xlat_02_an_answer_comes_back_as_it_was_sent() {
    let mut mirk = Mirk::start();
    let whole = " {\"id\" : \"x\",\r\n\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\\u0041 sk-not-a-secret-in-an-answer-0123456789\"},\"finish_reason\":\"stop\"}],\"seed\":1.0E+2,\"b\":1,\"a\":12345678901234567890123,\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}} \n";
    mirk.script(
        200,
        &[("content-type", "application/json; charset=utf-8")],
        whole.as_bytes(),
    );
    let answer = post(&mirk, "/v1/chat/completions", &chat("\"gpt-x\""));
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, whole.as_bytes())
    );
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    let stream = ": comment\r\n\r\nevent: odd\ndata: {\"unknown\" : [1, 2]}\n\nid: 7\nretry: 5\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata:{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    mirk.script(
        200,
        &[("content-type", "text/event-stream")],
        stream.as_bytes(),
    );
    let asked = br#"{"model":"gpt-x","stream":true,"messages":[]}"#;
    let answer = post(&mirk, "/v1/chat/completions", asked);
    assert_eq!(
        (
            answer.status,
            String::from_utf8_lossy(&answer.body).as_ref()
        ),
        (200, stream)
    );
    mirk.is_well();
}

#[test]
fn xlat_03_json_nested_too_deep_is_refused() {
    let mut mirk = Mirk::start();
    let nested = |depth: usize, open: &str, close: &str| {
        format!(
            r#"{{"model":"gpt-x","messages":[],"x":{}{}}}"#,
            open.repeat(depth - 1),
            close.repeat(depth - 1)
        )
    };
    // The simulated provider's own parser stops at 127; what counts is that it was asked.
    post(
        &mirk,
        "/v1/chat/completions",
        nested(128, "[", "]").as_bytes(),
    );
    assert_eq!(mirk.seen().len(), 1, "128 levels");
    for depth in [129, 130, 10_000, 1_000_000] {
        for body in [
            nested(depth, "[", "]"),
            nested(depth, "[", ""),
            nested(depth, "{\"a\":", "}"),
        ] {
            for (path, shape) in [
                ("/v1/chat/completions", Shape::OpenAi),
                ("/v1/messages", Shape::Anthropic),
                ("/api/chat", Shape::Ollama),
            ] {
                let answer = post(&mirk, path, body.as_bytes());
                answer.is_refusal(shape, 400, &[]);
                if shape == Shape::OpenAi {
                    assert_eq!(answer.code(), "json_too_deep", "{depth}");
                }
            }
        }
    }
    assert_eq!(mirk.seen().len(), 0);
    mirk.is_well();
}

#[test]
fn xlat_04_more_elements_than_anybody_needs_are_refused() {
    let mut mirk = Mirk::start();
    let many = |item: &str, count: usize| vec![item; count].join(",");
    let keys = (0..1_000_000)
        .map(|number| format!(",\"k{number}\":0"))
        .collect::<Vec<_>>()
        .concat();
    for (what, body) in [
        (
            "messages",
            format!(
                r#"{{"model":"gpt-x","messages":[{}]}}"#,
                many(r#"{"role":"user","content":"x"}"#, 1_000_000)
            ),
        ),
        (
            "tools",
            format!(
                r#"{{"model":"gpt-x","messages":[],"tools":[{}]}}"#,
                many(r#"{"type":"function"}"#, 100_000)
            ),
        ),
        (
            "keys",
            format!(r#"{{"model":"gpt-x","messages":[]{keys}}}"#),
        ),
        (
            "inner keys",
            format!(r#"{{"model":"gpt-x","messages":[],"x":{{"a":0{keys}}}}}"#),
        ),
        (
            "numbers",
            format!(
                r#"{{"model":"gpt-x","messages":[],"x":[[{}]]}}"#,
                many("0", 1_000_000)
            ),
        ),
    ] {
        let before = Instant::now();
        let answer = post(&mirk, "/v1/chat/completions", body.as_bytes());
        assert!(
            matches!(answer.status, 400 | 413),
            "{what}: {}",
            answer.status
        );
        answer.is_refusal(Shape::OpenAi, answer.status, &[]);
        // In a debug build, with the time to send it.
        assert!(
            before.elapsed() < Duration::from_secs(6),
            "{what}: {:?}",
            before.elapsed()
        );
    }
    assert_eq!(mirk.seen().len(), 0);
    mirk.is_well();
}

#[test]
fn xlat_05_digits_are_kept_and_what_is_no_json_number_is_refused() {
    let mut mirk = Mirk::start();
    let long = "9".repeat(5_000);
    for number in [
        "1e400",
        "-0",
        "-0.0",
        "9007199254740993",
        "1E+2",
        "0.1e-7",
        "12345678901234567890.12345678901234567890",
        &long,
    ] {
        let body = format!(r#"{{"model":"gpt-x","messages":[],"x":{number},"y":[{number}]}}"#);
        let answer = post(&mirk, "/v1/chat/completions", body.as_bytes());
        let seen = mirk.seen();
        assert_eq!(seen.len(), 1, "{number:.20}: {}", answer.status);
        assert_eq!(seen[0].body, body.as_bytes());
    }
    for word in [
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "+1",
        ".5",
        "1.",
        "1e",
        "0x10",
        "1_000",
        "--1",
        "１",
        "nul",
        "True",
        "'x'",
        "undefined",
        "1,,2",
        "/*x*/1",
    ] {
        let body = format!(r#"{{"model":"gpt-x","messages":[],"x":{word}}}"#);
        post(&mirk, "/v1/chat/completions", body.as_bytes()).is_refusal(Shape::OpenAi, 400, &[]);
    }
    let wrong: [&[u8]; 16] = [
        b"",
        b" ",
        b"null",
        b"[]",
        b"\"x\"",
        b"{",
        b"}",
        b"{}x",
        b"{}{}",
        b"{\"model\":\"gpt-x\",}",
        b"{'model':'gpt-x'}",
        b"\xef\xbb\xbf{\"model\":\"gpt-x\"}",
        b"{\"model\":\"gpt-x\",\"x\":\"\xff\"}",
        b"{\"model\":\"gpt-x\",\"x\":\"\x00\"}",
        b"{\"model\":\"gpt-x\",\"x\":\"\n\"}",
        b"{\"model\":\"gpt-x\",\"x\":\"\\x41\"}",
    ];
    for body in wrong {
        post(&mirk, "/v1/chat/completions", body).is_refusal(Shape::OpenAi, 400, &[]);
    }
    assert_eq!(mirk.seen().len(), 0);
    mirk.is_well();
}

#[test]
fn xlat_07_a_models_name_is_matched_exactly() {
    let mut mirk = Mirk::start();
    let (only, _) = mirk.new_key(&["--models", "gpt-x"]);
    for model in [
        r#"" gpt-x""#,
        r#""gpt-x ""#,
        r#""GPT-X""#,
        r#""gpt-x\u0000""#,
        r#""gpt-x\n""#,
        r#""../gpt-x""#,
        r#""gpt-x/../gpt-y""#,
        r#""./gpt-x""#,
        r#"["gpt-x"]"#,
        r#"{"name":"gpt-x"}"#,
        "null",
        "1",
        "true",
        r#""""#,
        r#""*""#,
        r#""gpt-*""#,
        r#""gpt-\uff58""#,
        r#""gpt\u2010x""#,
        r#""gpt-x\u200b""#,
        r#""gpt-y""#,
        r#""o/gpt-y""#,
        r#""O/gpt-x""#,
        r#""o/""#,
        r#""/gpt-x""#,
        r#""gpt-x/""#,
        r#""o\\gpt-x""#,
        r#""gpt-x,gpt-y""#,
        r#""gpt-x#y""#,
        r#""gpt-x?y""#,
        r#""gpt-x:y""#,
        r#""gpt-x\ud800""#,
        r#""%67pt-x""#,
        r#""gpt-x","model":"gpt-y""#,
        r#""gpt-y","model":"gpt-x""#,
        r#""gpt-x","mod\u0065l":"gpt-y""#,
        r#""gpt-x","Model":"gpt-y""#,
        r#""gpt-x","MODEL":"gpt-y""#,
    ] {
        for key in [&only, mirk.key()] {
            let is_other_model =
                key == mirk.key() && (model == r#""gpt-y""# || model == r#""o/gpt-y""#);
            let headers = [("x-api-key", key), ("Content-Type", "application/json")];
            let answer = mirk.ask("POST /v1/chat/completions", &headers, &chat(model));
            let seen = mirk.seen().len();
            if is_other_model {
                assert_eq!((answer.status, seen), (200, 1));
                continue;
            }
            assert!(
                matches!(answer.status, 400 | 403 | 404),
                "{model}: {}",
                answer.status
            );
            answer.is_refusal(Shape::OpenAi, answer.status, &[key]);
            assert_eq!(seen, 0, "{model} reached the provider");
        }
    }
    let headers = [
        ("x-api-key", only.as_str()),
        ("Content-Type", "application/json"),
    ];
    for model in [r#""gpt-x""#, r#""\u0067pt-x""#, r#""o/gpt-x""#] {
        assert_eq!(
            mirk.ask("POST /v1/chat/completions", &headers, &chat(model))
                .status,
            200,
            "{model}"
        );
    }
    let long = format!("\"{}\"", "m".repeat(300));
    post(&mirk, "/v1/chat/completions", &chat(&long)).is_refusal(Shape::OpenAi, 400, &[]);
    let unknown = post(
        &mirk,
        "/v1/chat/completions",
        &chat(r#""no-such-model-here""#),
    );
    unknown.is_refusal(Shape::OpenAi, 404, &["no-such-model-here"]);
    assert_eq!(unknown.code(), "model_not_found");
    mirk.is_well();
}

#[test]
fn xlat_07_a_model_that_the_provider_does_not_list_is_not_there() {
    let mut mirk = Mirk::start();
    for model in [
        r#""o/unlisted""#,
        r#""o/claude-x""#,
        r#""o/o/gpt-x""#,
        r#""o//gpt-x""#,
        r#""o/../o/gpt-y""#,
        r#""o/GPT-X""#,
    ] {
        let answer = post(&mirk, "/v1/chat/completions", &chat(model));
        answer.is_refusal(Shape::OpenAi, 404, &[]);
        assert_eq!(mirk.seen().len(), 0, "{model} reached a provider");
    }
    mirk.is_well();
}

#[test]
fn xlat_08_stream_is_true_false_null_or_an_error() {
    let mut mirk = Mirk::start();
    let body = |stream: &str| {
        format!(
            r#"{{"model":"gpt-x","stream":{stream},"messages":[{{"role":"user","content":"hello"}}]}}"#
        )
    };
    for wrong in [
        r#""true""#,
        r#""false""#,
        "1",
        "0",
        "[]",
        "{}",
        "[true]",
        r#""""#,
        "1.0",
        "true,\"stream\":false",
        "false,\"Stream\":true",
    ] {
        let answer = post(&mirk, "/v1/chat/completions", body(wrong).as_bytes());
        answer.is_refusal(Shape::OpenAi, 400, &[]);
        assert_eq!(mirk.seen().len(), 0, "{wrong}");
    }
    for (value, is_stream) in [("true", true), ("false", false), ("null", false)] {
        let answer = post(&mirk, "/v1/chat/completions", body(value).as_bytes());
        let kind = answer.header("content-type").unwrap_or_default();
        assert_eq!(
            (answer.status, kind.starts_with("text/event-stream")),
            (200, is_stream),
            "{value}"
        );
    }
    mirk.is_well();
}

#[test]
fn xlat_15_our_credentials_fault_is_not_the_clients() {
    let mut mirk = Mirk::start();
    for status in ["401", "403"] {
        for (path, body, shape) in [
            (
                "/v1/chat/completions",
                format!(
                    r#"{{"model":"gpt-sim-{status}","messages":[{{"role":"user","content":"x"}}]}}"#
                ),
                Shape::OpenAi,
            ),
            (
                "/v1/chat/completions",
                format!(
                    r#"{{"model":"gpt-sim-{status}","stream":true,"messages":[{{"role":"user","content":"x"}}]}}"#
                ),
                Shape::OpenAi,
            ),
            (
                "/v1/messages",
                format!(
                    r#"{{"model":"claude-sim-{status}","max_tokens":5,"messages":[{{"role":"user","content":"x"}}]}}"#
                ),
                Shape::Anthropic,
            ),
            ("/v1beta/models/x", String::new(), Shape::Gemini),
        ] {
            let (path, body) = if shape == Shape::Gemini {
                (
                    format!("/v1beta/models/gemini-sim-{status}:generateContent"),
                    r#"{"contents":[{"parts":[{"text":"x"}]}]}"#.to_owned(),
                )
            } else {
                (path.to_owned(), body)
            };
            let answer = post(&mirk, &path, body.as_bytes());
            answer.is_refusal(shape, 502, &CREDENTIALS);
            if shape != Shape::Anthropic {
                assert_eq!(answer.code(), "upstream_auth", "{path}");
            }
            assert_eq!(answer.header("www-authenticate"), None);
        }
    }
    mirk.is_well();
}

#[test]
fn xlat_16_a_provider_that_quotes_credential_and_prompt_is_masked_and_not_logged() {
    const PROMPT: &str = "canary-prompt-66f1-do-not-log";
    let mut mirk = Mirk::setup().env("MIRK_LOG", "debug").start();
    let body = format!(
        r#"{{"model":"gpt-sim-echo","messages":[{{"role":"user","content":"{PROMPT}"}}]}}"#
    );
    let answer = post(&mirk, "/v1/chat/completions", body.as_bytes());
    assert_eq!(answer.status, 400);
    assert!(
        find(&answer.raw, PROMPT.as_bytes()).is_some(),
        "the provider's words reach the client"
    );
    assert!(
        find(&answer.raw, CREDENTIALS[0].as_bytes()).is_none(),
        "our credential came back"
    );
    for quoted in [
        "Incorrect API key provided: sk-ab12cd34************wxyz.",
        "key sk-proj-0123456789abcdefghij refused",
        "x-api-key: sk-ant-api03-AAAA-BBBB_cccc is wrong",
        "AIzaSyA0123456789abcdefghijklmnopqrstuvw",
        "Bearer abcdefgh12345678ijkl",
        CREDENTIALS[0],
    ] {
        let error =
            serde_json::json!({"error": {"message": quoted, "type": "invalid_request_error"}})
                .to_string();
        for status in [400, 404, 422, 429, 500] {
            mirk.script(
                status,
                &[("content-type", "application/json")],
                error.as_bytes(),
            );
            let answer = post(&mirk, "/v1/chat/completions", &chat("\"gpt-x\""));
            assert_eq!(answer.status, status, "{quoted}");
            assert!(
                answer.json()["error"]["message"].is_string(),
                "the masked error is JSON still"
            );
            let secret = quoted
                .split([' ', ':'])
                .find(|word| word.len() > 14)
                .unwrap();
            assert!(
                find(&answer.raw, secret.trim_end_matches('.').as_bytes()).is_none(),
                "{status}: a credential came back: {secret}"
            );
        }
    }
    std::thread::sleep(Duration::from_millis(300));
    let log = mirk.stderr();
    for part in [PROMPT, "sim-cred", "Incorrect API key", "sk-"] {
        assert!(!log.contains(part), "the log says {part}");
    }
    mirk.is_well();
}

#[test]
fn xlat_17_absurd_counts_are_taken_for_estimates() {
    let mut mirk = Mirk::start();
    for usage in [
        "null",
        "{}",
        "[]",
        "\"many\"",
        r#"{"prompt_tokens":-5,"completion_tokens":-1}"#,
        r#"{"prompt_tokens":1e30,"completion_tokens":18446744073709551616}"#,
        r#"{"prompt_tokens":1.5,"completion_tokens":0.1}"#,
        r#"{"prompt_tokens":"12","completion_tokens":"x"}"#,
        r#"{"prompt_tokens":null,"completion_tokens":[]}"#,
        r#"{"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807,"total_tokens":-1}"#,
        r#"{"prompt_tokens":{"a":1}}"#,
    ] {
        let body = format!(
            r#"{{"id":"x","object":"chat.completion","model":"gpt-x","choices":[{{"index":0,"message":{{"role":"assistant","content":"hi"}},"finish_reason":"stop"}}],"usage":{usage}}}"#
        );
        mirk.script(
            200,
            &[("content-type", "application/json")],
            body.as_bytes(),
        );
        let answer = post(&mirk, "/v1/chat/completions", &chat("\"gpt-x\""));
        assert_eq!(
            (answer.status, answer.body.as_slice()),
            (200, body.as_bytes()),
            "{usage}"
        );
    }
    for model in ["gpt-sim-nousage", "gpt-sim-badusage"] {
        for stream in ["true", "false"] {
            let body = format!(
                r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"x"}}]}}"#
            );
            assert_eq!(
                post(&mirk, "/v1/chat/completions", body.as_bytes()).status,
                200
            );
        }
    }
    std::thread::sleep(Duration::from_millis(400));
    let usage = mirk.json(&["usage"]).to_string();
    let most = usage
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|digits| digits.parse::<u128>().ok())
        .max();
    assert!(
        most.is_some_and(|most| most < 1_000_000_000_000_000),
        "an absurd count was believed: {usage}"
    );
    assert!(
        !usage.contains(":-"),
        "a negative count was believed: {usage}"
    );
    // A key's tokens for the minute are never given back by a negative count.
    let (key, _) = mirk.new_key(&["--tpm", "3000"]);
    let body = br#"{"model":"gpt-x","max_tokens":1400,"messages":[]}"#;
    let reply = br#"{"choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":-100000,"completion_tokens":-100000}}"#;
    let headers = [
        ("x-api-key", key.as_str()),
        ("Content-Type", "application/json"),
    ];
    mirk.script(200, &[("content-type", "application/json")], reply);
    assert_eq!(
        mirk.ask("POST /v1/chat/completions", &headers, body).status,
        200
    );
    let over = br#"{"model":"gpt-x","max_tokens":3100,"messages":[]}"#;
    assert_eq!(
        mirk.ask("POST /v1/chat/completions", &headers, over).status,
        429,
        "the quota grew"
    );
    mirk.is_well();
}

#[test]
fn xlat_18_a_providers_refusal_keeps_status_words_and_time() {
    let mut mirk = Mirk::start();
    let error = br#"{"error":{"message":"its own words","type":"t","param":null,"code":"c"}}"#;
    for status in [400, 404, 408, 409, 413, 422, 429, 500, 503, 529] {
        mirk.script(
            status,
            &[
                ("content-type", "application/json"),
                ("retry-after", "7"),
                ("x-secret-inner", "1"),
            ],
            error,
        );
        let answer = post(&mirk, "/v1/chat/completions", &chat("\"gpt-x\""));
        assert_eq!(
            (answer.status, answer.body.as_slice()),
            (status, error.as_slice())
        );
        assert_eq!(answer.header("retry-after"), Some("7"), "{status}");
        assert_eq!(answer.header("x-secret-inner"), None);
        assert!(answer.header("x-mirk-request-id").is_some());
        assert_eq!(mirk.seen().len(), 1, "{status} was tried again");
    }
    mirk.is_well();
}

#[test]
fn xlat_18_a_providers_time_to_wait_is_clamped() {
    let mut mirk = Mirk::start();
    for (given, most) in [
        ("999999999", 3_600),
        ("18446744073709551616", 3_600),
        ("-5", 3_600),
    ] {
        let headers = [("content-type", "application/json"), ("retry-after", given)];
        mirk.script(503, &headers, b"{\"error\":{\"message\":\"m\"}}");
        let answer = post(&mirk, "/v1/chat/completions", &chat("\"gpt-x\""));
        let wait = answer.header("retry-after");
        let is_sane = |wait: &str| wait.parse::<u64>().is_ok_and(|wait| wait <= most);
        assert!(wait.is_none_or(is_sane), "{given} became {wait:?}");
    }
    mirk.is_well();
}
