//! Documents that nobody would write: readers say what is wrong, and go on or stop.

use mirk_model::{Dialect, Operation};
use proptest::prelude::*;

use super::WIRE;
use crate::{
    loss::Notes,
    wire::{Malformed, Manner},
};

const ASKS: [&str; 3] = [
    r#"{"system_instruction":{"parts":{"text":"a"}},"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"c2ln"},{"functionResponse":{"name":"f","response":{"result":"x"},"parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}}]}]}"#,
    r##"{"contents":[{"parts":[{"text":"\u00e9"}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"$ref":"#/properties/a"},"b":{"anyOf":[{"type":"STRING"}],"nullable":true}}}}]},{"googleSearch":{}}]}"##,
    r#"{"contents":[],"generationConfig":{"responseSchema":{"type":"STRING","enum":["a"]},"stopSequences":["x"],"thinkingConfig":{"thinkingBudget":-1},"logprobs":5,"responseLogprobs":true},"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}}}"#,
];

const ANSWERS: [&str; 3] = [
    r#"{"candidates":[{"content":{"parts":[{"text":"h\u00e9","thought":true},{"functionCall":{"name":"f","args":{}},"thoughtSignature":"c2ln"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":5,"totalTokenCount":6}}"#,
    r#"{"candidates":[{"content":{"parts":[{"text":"\u00e9x"}]},"groundingMetadata":{"groundingChunks":[{"web":{"uri":"u"}}],"groundingSupports":[{"segment":{"partIndex":0,"startIndex":1,"endIndex":2},"groundingChunkIndices":[0]}]},"logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-1}]}}]}"#,
    r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"},"promptFeedback":{"blockReason":"SAFETY"}}"#,
];

/// Pieces that change what a document means.
const PIECES: [&str; 14] = [
    "null",
    "\"\"",
    "[]",
    "{}",
    "-1",
    "1e999",
    "\"\\ud800\"",
    "true",
    "\u{1f600}",
    "\"",
    "}",
    "]",
    ",",
    "99999999999999999999",
];

/// `text` with a piece put in place of some characters.
fn mutated(text: &str, changes: &[(usize, usize, usize)]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for (at, length, piece) in changes {
        let at = at % letters.len().max(1);
        let end = (at + length).min(letters.len());
        letters.splice(at..end, PIECES[piece % PIECES.len()].chars());
    }
    letters.into_iter().collect()
}

fn changes() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    proptest::collection::vec((0_usize..2_000, 0_usize..12, 0_usize..100), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn xlat11_mutated_requests_never_panic(which in 0_usize..3, changes in changes()) {
        let body = mutated(ASKS[which], &changes);
        for operation in [Operation::Generate, Operation::GeminiCount] {
            let mut notes = Notes::new(Dialect::Gemini, Dialect::Gemini);
            if let Ok((ask, _)) = (WIRE.read_ask)(operation, &body, &mut notes)
                && let Ok(written) = (WIRE.write_ask)(&ask, &mirk_model::Traits::default(), &mut notes)
            {
                prop_assert!(serde_json::from_slice::<&serde_json::value::RawValue>(&written).is_ok());
            }
        }
    }

    #[test]
    fn mutated_answers_never_panic(which in 0_usize..3, changes in changes()) {
        let body = mutated(ANSWERS[which], &changes);
        if let Ok(reply) = (WIRE.read_reply)(&body) {
            let written = (WIRE.write_reply)(&reply, &Manner::new(Operation::Generate));
            prop_assert!(serde_json::from_slice::<&serde_json::value::RawValue>(&written).is_ok());
        }
        let mut reader = (WIRE.reader)();
        let mut writer = (WIRE.writer)(&Manner::new(Operation::StreamGenerate));
        let mut out = Vec::new();
        let mut sink = |event: mirk_model::Event<'_>| -> Result<(), Malformed> {
            writer.event(&event, &mut out);
            Ok(())
        };
        if reader.data(&body, &mut sink).is_ok() {
            reader.end(&mut sink).unwrap();
        }
        for data in super::data(&out) {
            prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&data).is_ok());
        }
    }
}
