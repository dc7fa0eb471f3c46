//! Tests of embeddings across dialects.

use mirk_model::{Dialect, Operation, Problem};
use proptest::prelude::*;

use super::{Wants, ask, reply, upstream};
use crate::{json::Value, loss::Notes};

use Operation::{Embeddings, GeminiBatchEmbed, GeminiEmbed, OllamaEmbed};

const ALL: [Operation; 4] = [Embeddings, GeminiEmbed, GeminiBatchEmbed, OllamaEmbed];

/// A request's translation: the body, what the answer needs, and what the header says.
fn asked(
    client: Operation,
    target: Operation,
    body: &str,
) -> Result<(String, Wants, Vec<String>), Problem> {
    let mut notes = Notes::new(client.dialect(), target.dialect());
    let (body, wants) = ask(client, target, body, "there", &mut notes)?;
    let body = String::from_utf8(body).unwrap();
    Ok((body, wants, notes.said().to_vec()))
}

fn answered(target: Operation, wants: &Wants, body: &str) -> String {
    String::from_utf8(reply(target, wants, body).unwrap()).unwrap()
}

fn wants(operation: Operation, count: usize) -> Wants {
    Wants {
        operation,
        is_base64: false,
        model: "here".to_owned(),
        count,
        tokens: 7,
    }
}

#[test]
fn a_client_gets_its_own_call_where_it_is_served_and_a_batch_at_gemini() {
    for operation in ALL {
        assert_eq!(upstream(operation, |_| true), Some(operation));
    }
    let at_gemini = |operation: Operation| operation.dialect() == Dialect::Gemini;
    assert_eq!(upstream(Embeddings, at_gemini), Some(GeminiBatchEmbed));
    assert_eq!(upstream(OllamaEmbed, at_gemini), Some(GeminiBatchEmbed));
    assert_eq!(
        upstream(Embeddings, |operation| operation == GeminiEmbed),
        Some(GeminiEmbed)
    );
    assert_eq!(upstream(Embeddings, |_| false), None);
    assert_eq!(upstream(Operation::Chat, |_| true), None);
}

#[test]
fn an_openai_request_becomes_a_batch_with_every_input_in_order() {
    let body = r#"{"model":"m","input":["a\n","b"],"dimensions":256,"encoding_format":"base64","user":"u","x":1}"#;
    let (body, wants, said) = asked(Embeddings, GeminiBatchEmbed, body).unwrap();
    assert_eq!(
        body,
        r#"{"requests":[{"model":"models/there","content":{"parts":[{"text":"a\n"}]},"outputDimensionality":256},{"model":"models/there","content":{"parts":[{"text":"b"}]},"outputDimensionality":256}]}"#
    );
    assert_eq!(said, ["dropped:x", "dropped:user"]);
    assert!(wants.is_base64 && wants.count == 2 && wants.tokens > 0);
    assert_eq!(wants.model, "m");
}

#[test]
fn an_openai_request_becomes_ollamas() {
    let body = r#"{"model":"m","input":"a","dimensions":8}"#;
    let (body, wants, said) = asked(Embeddings, OllamaEmbed, body).unwrap();
    assert_eq!(body, r#"{"model":"there","input":"a","dimensions":8}"#);
    assert!(said.is_empty() && !wants.is_base64);
}

#[test]
fn an_ollama_request_becomes_openais_and_names_what_is_lost() {
    let body = r#"{"model":"m","input":["a","b"],"truncate":true,"keep_alive":"5m","options":{"num_ctx":1},"dimensions":null}"#;
    let (body, _, said) = asked(OllamaEmbed, Embeddings, body).unwrap();
    assert_eq!(
        body,
        r#"{"model":"there","input":["a","b"],"encoding_format":"float"}"#
    );
    assert_eq!(
        said,
        ["dropped:options", "dropped:keep_alive", "dropped:truncate"]
    );
    let strict = r#"{"model":"m","input":"a","truncate":false}"#;
    let (_, _, said) = asked(OllamaEmbed, Embeddings, strict).unwrap();
    assert!(said.is_empty(), "OpenAI refuses what is too long");
    let (_, _, said) = asked(OllamaEmbed, GeminiBatchEmbed, strict).unwrap();
    assert_eq!(said, ["dropped:truncate"]);
}

#[test]
fn a_gemini_request_becomes_openais_in_either_spelling_of_its_names() {
    for body in [
        r#"{"model":"models/m","content":{"role":"user","parts":[{"text":"a"},{"text":"b"}]},"taskType":"RETRIEVAL_QUERY","title":"t","outputDimensionality":8}"#,
        r#"{"content":{"parts":[{"text":"a"},{"text":"b"}]},"task_type":"RETRIEVAL_QUERY","title":"t","output_dimensionality":8}"#,
    ] {
        let (body, wants, said) = asked(GeminiEmbed, Embeddings, body).unwrap();
        assert_eq!(
            body,
            r#"{"model":"there","input":"a\nb","encoding_format":"float","dimensions":8}"#
        );
        assert_eq!(said, ["dropped:taskType", "dropped:title"]);
        assert_eq!(wants.count, 1);
    }
}

#[test]
fn a_single_gemini_request_keeps_its_task_in_a_batch_of_one() {
    let body = r#"{"content":{"parts":[{"text":"a"}]},"taskType":"CLUSTERING","title":"t"}"#;
    let (body, _, said) = asked(GeminiEmbed, GeminiBatchEmbed, body).unwrap();
    assert_eq!(
        body,
        r#"{"requests":[{"model":"models/there","content":{"parts":[{"text":"a"}]},"taskType":"CLUSTERING","title":"t"}]}"#
    );
    assert!(said.is_empty());
}

#[test]
fn what_has_no_counterpart_is_refused_by_name() {
    let cases = [
        (
            Embeddings,
            GeminiBatchEmbed,
            r#"{"input":[1,2,3]}"#,
            "input",
        ),
        (
            Embeddings,
            GeminiBatchEmbed,
            r#"{"input":[[1],[2]]}"#,
            "input",
        ),
        (Embeddings, OllamaEmbed, r#"{"input":[]}"#, "input"),
        (Embeddings, OllamaEmbed, r#"{"input":["a",1]}"#, "input[1]"),
        (Embeddings, OllamaEmbed, r#"{"model":"m"}"#, "input"),
        (Embeddings, GeminiEmbed, r#"{"input":["a","b"]}"#, "input"),
        (
            Embeddings,
            OllamaEmbed,
            r#"{"input":"a","encoding_format":"int8"}"#,
            "encoding_format",
        ),
        (
            GeminiEmbed,
            Embeddings,
            r#"{"content":{"parts":[{"inlineData":{"data":"x"}}]}}"#,
            "content.parts[0]",
        ),
        (
            GeminiBatchEmbed,
            Embeddings,
            r#"{"requests":[]}"#,
            "requests",
        ),
        (
            GeminiBatchEmbed,
            Embeddings,
            r#"{"requests":[{"content":{"parts":[{"text":"a"}]},"outputDimensionality":1},{"content":{"parts":[{"text":"a"}]}}]}"#,
            "requests[].outputDimensionality",
        ),
    ];
    for (client, target, body, param) in cases {
        let problem = asked(client, target, body).unwrap_err();
        assert_eq!(problem.kind.status(), 400);
        assert_eq!(problem.param.as_deref(), Some(param), "{body}");
    }
}

#[test]
fn digits_stay_as_they_were_written() {
    let gemini = "{\"embeddings\": [{\"values\": [\n 0.10,\n -1.5E-3\n]}, {\"values\": [1]}], \"usageMetadata\": {\"promptTokenCount\": 4}}";
    assert_eq!(
        answered(GeminiBatchEmbed, &wants(Embeddings, 2), gemini),
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10,-1.5E-3]},{"object":"embedding","index":1,"embedding":[1]}],"model":"here","usage":{"prompt_tokens":4,"total_tokens":4}}"#
    );
    assert_eq!(
        answered(
            GeminiEmbed,
            &wants(OllamaEmbed, 1),
            r#"{"embedding":{"values":[0.10]}}"#
        ),
        r#"{"model":"here","embeddings":[[0.10]],"prompt_eval_count":7}"#
    );
}

#[test]
fn base64_is_made_of_little_endian_floats_both_ways() {
    // 1.0 is 00 00 80 3f and -2.0 is 00 00 00 c0.
    let mut client = wants(Embeddings, 1);
    client.is_base64 = true;
    let ollama = r#"{"model":"there","embeddings":[[1.0,-2]],"prompt_eval_count":3}"#;
    let openai = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPwAAAMA="}],"model":"there","usage":{"prompt_tokens":3,"total_tokens":3}}"#;
    assert_eq!(answered(OllamaEmbed, &client, ollama), openai);
    assert_eq!(answered(Embeddings, &client, openai), openai);
    assert_eq!(
        answered(Embeddings, &wants(OllamaEmbed, 1), openai),
        r#"{"model":"there","embeddings":[[1,-2]],"prompt_eval_count":3}"#
    );
}

#[test]
fn openai_answers_are_put_in_the_order_of_their_indexes() {
    let body = r#"{"data":[{"index":1,"embedding":[1]},{"index":0,"embedding":[0]}],"usage":{"prompt_tokens":2,"total_tokens":2}}"#;
    assert_eq!(
        answered(Embeddings, &wants(GeminiBatchEmbed, 2), body),
        r#"{"embeddings":[{"values":[0]},{"values":[1]}],"usageMetadata":{"promptTokenCount":2}}"#
    );
    assert_eq!(
        answered(
            Embeddings,
            &wants(GeminiEmbed, 1),
            r#"{"data":[{"embedding":[1]}]}"#
        ),
        r#"{"embedding":{"values":[1]}}"#
    );
}

#[test]
fn an_answer_that_has_not_one_vector_for_each_input_is_malformed() {
    let cases = [
        (OllamaEmbed, r#"{"embeddings":[[1]]}"#),
        (OllamaEmbed, r#"{"embeddings":[[1],[]]}"#),
        (OllamaEmbed, r#"{"embeddings":[[1],[null]]}"#),
        (OllamaEmbed, r#"{"embeddings":[[1],[[1]]]}"#),
        (OllamaEmbed, r#"{"embeddings":[[1],["1"]]}"#),
        (OllamaEmbed, r#"{"embeddings":[[1],"AAA"]}"#),
        (OllamaEmbed, r#"{"embeddings":[[1],"AADAfw=="]}"#),
        (OllamaEmbed, r#"{"error":"no"}"#),
        (
            Embeddings,
            r#"{"data":[{"index":1,"embedding":[1]},{"index":1,"embedding":[1]}]}"#,
        ),
        (GeminiBatchEmbed, r#"{"embeddings":[{},{}]}"#),
        (GeminiEmbed, "[]"),
    ];
    for (target, body) in cases {
        assert!(
            reply(target, &wants(OllamaEmbed, 2), body).is_err(),
            "{body}"
        );
    }
    let mut base64 = wants(Embeddings, 1);
    base64.is_base64 = true;
    assert!(reply(OllamaEmbed, &base64, r#"{"embeddings":[[1e99]]}"#).is_err());
}

fn floats() -> impl Strategy<Value = Vec<f32>> {
    proptest::collection::vec(-1e6_f32..1e6, 1..20)
}

proptest! {
    #[test]
    fn floats_survive_every_way_there_and_back(vectors in proptest::collection::vec(floats(), 1..4)) {
        let body = format!("{{\"embeddings\":{vectors:?}}}");
        let mut client = wants(Embeddings, vectors.len());
        client.is_base64 = true;
        let base64 = answered(OllamaEmbed, &client, &body);
        let back = answered(Embeddings, &wants(OllamaEmbed, vectors.len()), &base64);
        let mut members = Value::parse(&back).unwrap().members().unwrap();
        let rows = members.take("embeddings").unwrap().items().unwrap();
        for (row, vector) in rows.into_iter().zip(&vectors) {
            let numbers: Vec<f32> =
                row.items().unwrap().iter().map(|number| number.raw().parse().unwrap()).collect();
            prop_assert_eq!(&numbers, vector);
        }
    }

    #[test]
    fn no_text_makes_a_reader_fail_otherwise_than_with_an_error(
        body in r#"[\[\]{}",:0-9a-z\\e.+-]{0,60}"#,
        member in prop::sample::select(vec!["input", "content", "requests", "data", "embeddings", "embedding"]),
    ) {
        for text in [body.clone(), format!("{{\"{member}\":{body}}}")] {
            for operation in ALL {
                let _asked = asked(operation, Embeddings, &text);
                if let Ok(answer) = reply(operation, &wants(Embeddings, 1), &text) {
                    prop_assert!(Value::parse(std::str::from_utf8(&answer).unwrap()).is_ok());
                }
            }
        }
    }
}
