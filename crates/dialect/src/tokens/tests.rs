//! Tests of the estimate and of counts across dialects.

use mirk_model::{Dialect, Operation, Traits};
use proptest::prelude::*;

use super::{
    anthropic_count, count_reply, count_upstream, estimate, gemini_count, read_count, text,
};
use crate::{anthropic, gemini, loss::Notes, wire::Wire};

use Operation::{Chat, CountTokens, GeminiCount, Generate, Messages, OllamaChat, Responses};

/// Whether `guess` is within a quarter of `real`.
fn is_near(guess: u64, real: u64) -> bool {
    guess * 4 >= real * 3 && guess * 4 <= real * 5
}

/// Texts with the tokens that they are in `o200k_base` and `cl100k_base`, counted with the npm
/// package `gpt-tokenizer` 4.0.0, which has both vocabularies.
const SAMPLES: [(&str, u64, u64); 6] = [
    (
        "When in the Course of human events, it becomes necessary for one people to dissolve the political bands which have connected them with another, and to assume among the powers of the earth, the separate and equal station to which the Laws of Nature and of Nature's God entitle them, a decent respect to the opinions of mankind requires that they should declare the causes which impel them to the separation.",
        79,
        79,
    ),
    (
        "impl Iterator for Fibonacci {\n    type Item = u64;\n\n    fn next(&mut self) -> Option<Self::Item> {\n        let next = self.current.checked_add(self.previous)?;\n        self.previous = std::mem::replace(&mut self.current, next);\n        Some(self.previous)\n    }\n}\n",
        61,
        61,
    ),
    (
        "def read_config(path: str, *, strict: bool = True) -> dict[str, Any]:\n    \"\"\"Reads a configuration file.\"\"\"\n    with open(path, encoding=\"utf-8\") as handle:\n        config = json.load(handle)\n    if strict and \"version\" not in config:\n        raise ValueError(f\"no version in {path!r}\")\n    return config\n",
        77,
        77,
    ),
    (WEATHER, 68, 67),
    (
        "人工智能是计算机科学的一个分支，它企图了解智能的实质，并生产出一种新的能以人类智能相似的方式做出反应的智能机器。该领域的研究包括机器人、语言识别、图像识别、自然语言处理和专家系统等。",
        64,
        102,
    ),
    (
        "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所でニャーニャー泣いていた事だけは記憶している。",
        61,
        78,
    ),
];

const WEATHER: &str = r#"{"name":"get_weather","description":"Get the current weather in a given location","parameters":{"type":"object","properties":{"location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"},"unit":{"type":"string","enum":["celsius","fahrenheit"]}},"required":["location"]}}"#;

#[test]
fn text_is_within_a_quarter_of_what_a_tokenizer_counts() {
    for (sample, o200k, cl100k) in SAMPLES {
        let guess = text(sample);
        let start: String = sample.chars().take(12).collect();
        assert!(
            is_near(guess, o200k) && is_near(guess, cl100k),
            "{start}: {guess} for {o200k} and {cl100k}"
        );
    }
}

#[test]
fn an_openai_request_is_near_the_count_in_openais_cookbook() {
    // "How to count tokens with tiktoken": 129 for gpt-4, 124 for gpt-4o.
    let body = r#"{"model":"gpt-4o","temperature":0,"messages":[
        {"role":"system","content":"You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
        {"role":"system","name":"example_user","content":"New synergies will help drive top-line growth."},
        {"role":"system","name":"example_assistant","content":"Things working well together will increase revenue."},
        {"role":"system","name":"example_user","content":"Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
        {"role":"system","name":"example_assistant","content":"Let's talk later when we're less busy about how to do better."},
        {"role":"user","content":"This late pivot means we don't have time to boil the ocean for the client deliverable."}]}"#;
    let guess = estimate(Chat, body);
    assert!(is_near(guess, 124) && is_near(guess, 129), "{guess}");
}

#[test]
fn an_anthropic_request_is_near_the_counts_in_anthropics_documents() {
    // "Token counting": 14 for the first example, 403 for the one with a tool.
    let plain = r#"{"model":"claude-opus-4-5","system":"You are a scientist","messages":[{"role":"user","content":"Hello, Claude"}]}"#;
    let guess = estimate(CountTokens, plain);
    assert!(is_near(guess, 14), "{guess}");
    let tool = r#"{"model":"claude-opus-4-5","tools":[{"name":"get_weather","description":"Get the current weather in a given location","input_schema":{"type":"object","properties":{"location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"}},"required":["location"]}}],"messages":[{"role":"user","content":"What's the weather like in San Francisco?"}]}"#;
    let guess = estimate(CountTokens, tool);
    assert!(is_near(guess, 403), "{guess}");
}

/// How much more `with` is than `without`.
fn more(operation: Operation, with: &str, without: &str) -> u64 {
    estimate(operation, with).saturating_sub(estimate(operation, without))
}

/// Bodies that have what the model sees where `LONG` stands.
const SEEN: [(Operation, &str); 15] = [
    (CountTokens, r#"{"system":[{"type":"text","text":"LONG"}]}"#),
    (
        CountTokens,
        r#"{"tools":[{"name":"a","description":"LONG"}]}"#,
    ),
    (
        CountTokens,
        r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"b","input":{"c":"LONG"}}]}]}"#,
    ),
    (
        CountTokens,
        r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"LONG"}]}]}]}"#,
    ),
    (
        CountTokens,
        r#"{"output_config":{"format":{"schema":{"description":"LONG"}}}}"#,
    ),
    (
        Chat,
        r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"a","arguments":"{\"b\":\"LONG\"}"}}]}]}"#,
    ),
    (Responses, r#"{"instructions":"LONG"}"#),
    (
        Responses,
        r#"{"input":[{"type":"function_call_output","call_id":"a","output":"LONG"}]}"#,
    ),
    (
        Generate,
        r#"{"systemInstruction":{"parts":[{"text":"LONG"}]}}"#,
    ),
    (
        GeminiCount,
        r#"{"generateContentRequest":{"contents":[{"parts":[{"functionResponse":{"name":"a","response":{"b":"LONG"}}}]}]}}"#,
    ),
    (
        Generate,
        r#"{"generationConfig":{"responseSchema":{"description":"LONG"}}}"#,
    ),
    (
        OllamaChat,
        r#"{"messages":[{"role":"tool","tool_name":"a","content":"LONG"}]}"#,
    ),
    (Operation::Completions, r#"{"prompt":"LONG"}"#),
    (Operation::Embeddings, r#"{"input":["LONG"]}"#),
    (
        Operation::GeminiBatchEmbed,
        r#"{"requests":[{"content":{"parts":[{"text":"LONG"}]}}]}"#,
    ),
];

#[test]
fn system_tools_calls_results_and_schemas_all_count() {
    let long = "word ".repeat(200);
    for (operation, body) in SEEN {
        let added = more(
            operation,
            &body.replace("LONG", &long),
            &body.replace("LONG", ""),
        );
        assert!((195..=260).contains(&added), "{body}: {added}");
    }
}

#[test]
fn a_file_of_unknown_size_is_a_document() {
    let body = r#"{"messages":[{"content":[{"type":"document","source":{"type":"file","file_id":"file_1"}}]}]}"#;
    assert!(estimate(Messages, body) >= 1_500);
}

#[test]
fn names_ids_signatures_and_settings_count_nothing() {
    let long = "word ".repeat(200);
    for (operation, body) in [
        (
            Messages,
            format!(r#"{{"metadata":{{"user_id":"{long}"}}}}"#),
        ),
        (
            Messages,
            format!(
                r#"{{"messages":[{{"role":"assistant","content":[{{"type":"thinking","thinking":"a","signature":"{long}"}}]}}]}}"#
            ),
        ),
        (
            Messages,
            format!(
                r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"a","cache_control":{{"type":"{long}"}}}}]}}]}}"#
            ),
        ),
        (
            Chat,
            format!(r#"{{"user":"{long}","messages":[{{"role":"user","content":"a"}}]}}"#),
        ),
        (
            Generate,
            format!(r#"{{"generationConfig":{{"stopSequences":["{long}"]}}}}"#),
        ),
    ] {
        assert_eq!(
            more(operation, &body, &body.replace(&long, "")),
            0,
            "{operation:?}"
        );
    }
}

#[test]
fn pictures_cost_the_same_whatever_their_base64() {
    let png = format!("iVBORw0KGgo{}", "AbC9".repeat(50_000));
    let cases = [
        (Messages, 1_600, format!(r#"{{"messages":[{{"content":[{{"type":"image","source":{{"type":"base64","data":"{png}","media_type":"image/png"}}}}]}}]}}"#)),
        (Messages, 1_600, r#"{"messages":[{"content":[{"type":"image","source":{"type":"url","url":"https://example.com/a"}}]}]}"#.to_owned()),
        (Chat, 765, format!(r#"{{"messages":[{{"content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{png}"}}}}]}}]}}"#)),
        (Chat, 85, format!(r#"{{"messages":[{{"content":[{{"type":"image_url","image_url":{{"detail" : "low","url":"data:image/png;base64,{png}"}}}}]}}]}}"#)),
        (Responses, 85, r#"{"input":[{"content":[{"type":"input_image","image_url":"https://example.com/a","detail":"low"}]}]}"#.to_owned()),
        (Generate, 1_120, format!(r#"{{"contents":[{{"parts":[{{"inlineData":{{"mimeType":"image/png","data":"{png}"}}}}]}}]}}"#)),
        (OllamaChat, 1_024, format!(r#"{{"messages":[{{"content":"","images":["{png}"]}}]}}"#)),
    ];
    for (operation, cost, body) in cases {
        let guess = estimate(operation, &body);
        assert!((cost..cost + 20).contains(&guess), "{operation:?}: {guess}");
    }
}

#[test]
fn documents_recordings_and_films_cost_by_size() {
    let part = |data: &str| {
        let body = format!(
            r#"{{"contents":[{{"parts":[{{"inlineData":{{"mimeType":"a/b","data":"{data}"}}}}]}}]}}"#
        );
        estimate(Generate, &body)
    };
    let filler = "AAAA".repeat(100_000);
    assert!((18_000..20_000).contains(&part(&format!("JVBERi0x{filler}"))));
    assert!((2_000..3_000).contains(&part(&format!("SUQzAAAA{filler}"))));
    assert!((1_000..1_500).contains(&part(&format!("AAAAIGZ0eXBpc29t{filler}"))));
    assert!(
        (1_500..1_600).contains(&part("JVBERi0x")),
        "at least a page"
    );
    let text = r#"{"messages":[{"content":[{"type":"document","source":{"type":"text","data":"The grass is green. The sky is blue."}}]}]}"#;
    assert!((15..30).contains(&estimate(Messages, text)));
}

#[test]
fn ids_of_tokens_are_a_token_each() {
    assert_eq!(
        more(
            Operation::Completions,
            r#"{"prompt":[1,2,3,4,5,6,7,8,9,10]}"#,
            r#"{"prompt":[]}"#
        ),
        10
    );
}

#[test]
fn no_estimate_is_nothing() {
    for body in [
        "",
        "{}",
        "[]",
        "null",
        "{\"messages\":[]}",
        "\"",
        "{\"a",
        "\\",
    ] {
        assert!(estimate(CountTokens, body) > 0, "{body}");
    }
    let deep = format!("{{\"messages\":{}", "[".repeat(1_000_000));
    assert!(estimate(Chat, &deep) > 0);
}

#[test]
fn escapes_count_as_what_they_stand_for() {
    let plain = r#"{"messages":[{"content":"天地 a b"}]}"#;
    let escaped = r#"{"messages":[{"content":"\u5929\u5730 a\u0020b"}]}"#;
    assert_eq!(estimate(Chat, plain), estimate(Chat, escaped));
    let broken = r#"{"messages":[{"content":"\u59"}]}"#;
    assert!(estimate(Chat, broken) > 0);
}

#[test]
fn a_count_is_asked_of_whoever_has_a_counter() {
    assert_eq!(count_upstream(CountTokens, |_| true), Some(CountTokens));
    assert_eq!(
        count_upstream(CountTokens, |operation| operation == GeminiCount),
        Some(GeminiCount)
    );
    assert_eq!(
        count_upstream(GeminiCount, |operation| operation == CountTokens),
        Some(CountTokens)
    );
    assert_eq!(count_upstream(GeminiCount, |_| false), None);
    assert_eq!(count_upstream(Chat, |_| true), None);
}

#[test]
fn a_count_is_told_in_the_clients_words_and_never_as_nothing() {
    assert_eq!(count_reply(CountTokens, 12), br#"{"input_tokens":12}"#);
    assert_eq!(count_reply(GeminiCount, 12), br#"{"totalTokens":12}"#);
    assert_eq!(count_reply(CountTokens, 0), br#"{"input_tokens":1}"#);
    assert_eq!(read_count(CountTokens, r#"{"input_tokens":12}"#), Some(12));
    assert_eq!(
        read_count(GeminiCount, r#"{"totalTokens":12,"a":[]}"#),
        Some(12)
    );
    for body in [
        r#"{"input_tokens":0}"#,
        r#"{"totalTokens":1}"#,
        "[]",
        "",
        r#"{"input_tokens":"1"}"#,
    ] {
        assert_eq!(read_count(CountTokens, body), None, "{body}");
    }
}

#[test]
fn bodies_for_counters_hold_what_counts_and_nothing_that_is_refused() {
    let generate = br#"{"contents":[{"parts":[{"text":"a"}]}],"tools":[],"generationConfig":{"temperature":0.10}}"#;
    assert_eq!(
        String::from_utf8(gemini_count(generate, "models/g").unwrap()).unwrap(),
        r#"{"generateContentRequest":{"model":"models/g","contents":[{"parts":[{"text":"a"}]}],"tools":[],"generationConfig":{"temperature":0.10}}}"#
    );
    let messages = br#"{"model":"c","max_tokens":1024,"messages":[],"system":"s","temperature":1,"stream":true,"stop_sequences":["a"],"tools":[],"thinking":{"type":"disabled"}}"#;
    assert_eq!(
        String::from_utf8(anthropic_count(messages).unwrap()).unwrap(),
        r#"{"model":"c","messages":[],"system":"s","tools":[],"thinking":{"type":"disabled"}}"#
    );
    assert!(anthropic_count(b"[]").is_err() && gemini_count(b"\xff", "g").is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_estimated(
        body in r#"[\[\]{}",:0-9a-z\\ é天\n.+-]{0,80}"#,
        name in prop::sample::select(vec!["messages", "tools", "data", "images", "detail"]),
    ) {
        for operation in [Chat, Messages, Generate, OllamaChat, Responses] {
            prop_assert!(estimate(operation, &body) > 0);
            let cut = format!("{{\"messages\":[{{\"{name}\":{body}");
            prop_assert!(estimate(operation, &cut) > 0);
        }
    }

    #[test]
    fn more_text_is_never_fewer_tokens(words in proptest::collection::vec("[a-zA-Z]{1,12}", 1..30)) {
        let mut last = 0;
        let mut body = String::new();
        for word in words {
            body.push(' ');
            body.push_str(&word);
            let now = text(&body);
            prop_assert!(now >= last);
            prop_assert!(now <= u64::try_from(body.len()).unwrap() + 1);
            last = now;
        }
    }
}

/// What the counter of `to` is asked when a client asks that of `from`, as the bridge does it.
fn across(from: &Wire, operation: Operation, to: &Wire, body: &str) -> String {
    let mut notes = Notes::new(from.dialect, to.dialect);
    let (mut ask, _) = (from.read_ask)(operation, body, &mut notes).unwrap();
    ask.model = "there".into();
    let written = (to.write_ask)(&ask, &Traits::default(), &mut notes).unwrap();
    let counted = match to.dialect {
        Dialect::Gemini => gemini_count(&written, "there"),
        _ => anthropic_count(&written),
    };
    String::from_utf8(counted.unwrap()).unwrap()
}

#[test]
fn counts_are_asked_across_dialects_with_the_whole_request() {
    let body = r#"{"model":"c","system":"You count.","messages":[{"role":"user","content":"Hello"}],"tools":[{"name":"t","input_schema":{"type":"object"}}]}"#;
    let gemini = across(&anthropic::WIRE, CountTokens, &gemini::WIRE, body);
    assert!(gemini.starts_with(r#"{"generateContentRequest":{"model":"models/there","#));
    for part in ["You count.", "Hello", "functionDeclarations"] {
        assert!(gemini.contains(part), "{part}");
    }
    let body = r#"{"generateContentRequest":{"model":"models/g","systemInstruction":{"parts":[{"text":"You count."}]},"contents":[{"role":"user","parts":[{"text":"Hello"}]}],"generationConfig":{"temperature":0.5,"maxOutputTokens":9}}}"#;
    let messages = across(&gemini::WIRE, GeminiCount, &anthropic::WIRE, body);
    for part in ["You count.", "Hello", r#""model":"there""#] {
        assert!(messages.contains(part), "{part}");
    }
    for refused in ["max_tokens", "temperature", "stream"] {
        assert!(!messages.contains(refused), "{refused}");
    }
}
