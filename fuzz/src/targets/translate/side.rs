//! Failures in the client's words, vectors, and counts of tokens.

use mirk_dialect::{
    bridge::{self, DIALECTS},
    problem, tokens,
};
use mirk_model::{Operation, Traits};

use super::{accepted, ask, is_json, translate};
use crate::chance::Chance;

const STATUSES: &[u16] = &[200, 400, 401, 404, 429, 500, 502, 503, 529];

const EMBEDDINGS: &[Operation] = &[
    Operation::Embeddings,
    Operation::GeminiEmbed,
    Operation::GeminiBatchEmbed,
    Operation::OllamaEmbed,
];

const COUNTS: &[Operation] = &[Operation::CountTokens, Operation::GeminiCount];

/// What is estimated: those whose bodies differ.
const ESTIMATED: &[Operation] = &[
    Operation::Chat,
    Operation::Completions,
    Operation::Embeddings,
    Operation::Responses,
    Operation::Prompt,
    Operation::Messages,
    Operation::CountTokens,
    Operation::Generate,
    Operation::GeminiCount,
    Operation::GeminiBatchEmbed,
    Operation::OllamaChat,
    Operation::OllamaGenerate,
    Operation::OllamaEmbed,
];

/// The most tokens that a byte is taken for: the least mention of a document is some ten bytes.
const MOST_A_BYTE: u64 = 300;

/// Asserts that whatever a provider says of its failure is told in JSON with the status of a failure, and that it
/// has words.
pub(in crate::targets) fn failure(data: &[u8]) {
    let mut chance = Chance::of(data);
    let status = *chance.pick(STATUSES).unwrap_or(&500);
    let failure = bridge::failure(status, data);
    let is_kept = failure.status == status || status < 400;
    assert!(is_kept && failure.status >= 400, "another status");
    assert!(!failure.message.is_empty(), "a failure without words");
    for wire in DIALECTS {
        let (told, body) = problem::render_failure(wire.dialect, &failure, super::REQUEST_ID);
        assert!((100..=599).contains(&told), "a status that is none");
        assert!(is_json(&body), "a failure that is not JSON");
    }
}

/// Asserts that a request for vectors is JSON in every other form, and an answer too.
pub(in crate::targets) fn embed(data: &[u8]) {
    for client in EMBEDDINGS {
        for upstream in EMBEDDINGS.iter().filter(|upstream| *upstream != client) {
            if let Some(body) = accepted(data) {
                let traits = Traits::default();
                match translate((*client, body), *upstream, (false, true), &traits) {
                    Ok(translated) => {
                        assert!(is_json(&translated.body), "wrote what is not JSON");
                        ask::header(&translated.notes.header());
                    }
                    Err(problem) => ask::refused(*client, &problem),
                }
            }
            let plain = match client {
                Operation::GeminiEmbed => r#"{"content":{"parts":[{"text":"a"}]}}"#,
                Operation::GeminiBatchEmbed => {
                    r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]}}]}"#
                }
                _ => r#"{"model":"m","input":"a"}"#,
            };
            let traits = Traits::default();
            let way = translate((*client, plain), *upstream, (false, true), &traits);
            assert!(way.is_ok(), "a plain request is refused");
            let answer = way.ok().and_then(|way| way.way.reply(data).ok());
            assert!(
                answer.is_none_or(|answer| is_json(&answer)),
                "wrote what is not JSON"
            );
        }
    }
}

/// Asserts that a count is never 0 and never out of proportion, that it is the same twice, and that a request for one
/// is JSON in the other form, with an answer that is a count whatever the provider says.
pub(in crate::targets) fn count(data: &[u8]) {
    let lossy = String::from_utf8_lossy(data);
    let length = u64::try_from(lossy.len()).unwrap_or(u64::MAX);
    let mut chance = Chance::of(data);
    if let Some(operation) = chance.pick(ESTIMATED) {
        let estimate = tokens::estimate(*operation, &lossy);
        assert!(estimate > 0, "nothing costs nothing");
        assert!(
            estimate <= length.saturating_mul(MOST_A_BYTE) + 1_000,
            "more tokens than could be"
        );
        assert!(estimate == tokens::estimate(*operation, &lossy));
    }
    linear(&lossy);
    for client in COUNTS {
        for upstream in COUNTS.iter().filter(|upstream| *upstream != client) {
            let traits = Traits::default();
            let Some(body) = accepted(data) else {
                continue;
            };
            match translate((*client, body), *upstream, (false, true), &traits) {
                Ok(translated) => {
                    assert!(is_json(&translated.body), "wrote what is not JSON");
                    ask::header(&translated.notes.header());
                    let count = translated.way.reply(data);
                    let count = count.ok().and_then(|body| {
                        tokens::read_count(*client, std::str::from_utf8(&body).ok()?)
                    });
                    assert!(count.is_some_and(|count| count > 0), "no count");
                }
                Err(problem) => ask::refused(*client, &problem),
            }
        }
    }
}

/// Twice the text is twice the count, but for the seam.
fn linear(text: &str) {
    let once = tokens::text(text);
    let twice = tokens::text(&text.repeat(2));
    assert!(twice <= once * 2 + 2, "the whole is more than its parts");
    assert!(twice + 4 >= once * 2, "the whole is less than its parts");
}

/// Requests for vectors and answers with them, in every form.
pub(in crate::targets) fn vectors() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"model":"m","input":["a","b"],"encoding_format":"base64","dimensions":2,"user":"u"}"#,
        r#"{"model":"m","input":[[1,2],[3]]}"#,
        r#"{"content":{"parts":[{"text":"a"},{"text":"b"}]},"taskType":"RETRIEVAL_QUERY","title":"t","outputDimensionality":2}"#,
        r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]}},{"model":"models/m","content":{"parts":[{"text":"b"}]}}]}"#,
        r#"{"model":"m","input":["a"],"truncate":true,"options":{"num_ctx":9},"keep_alive":"5m","dimensions":3}"#,
        r#"{"object":"list","data":[{"object":"embedding","index":1,"embedding":[0.5,-1e-3]},{"object":"embedding","index":0,"embedding":"AACAPwAAAEA="}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#,
        r#"{"embedding":{"values":[0.25,1]}}"#,
        r#"{"embeddings":[{"values":[0.25]},{"values":[0.5]}]}"#,
        r#"{"model":"m","embeddings":[[0.1,0.2],[0.3,0.4]],"total_duration":1,"prompt_eval_count":4}"#,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// `ClawPipe`'s requests.
pub(in crate::targets) fn prompts() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"prompt":"hello","model":"asked"}"#,
        r#"{"prompt":"hello","system":"be brief","model":"asked","maxTokens":64,"temperature":0.5,"stream":true}"#,
        r#"{"prompt":"a","options":{"maxTokens":1,"temperature":1},"provider":"x","messages":[{"role":"user","content":"b"}]}"#,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
