//! Tokens, in Gemini's arithmetic and back.
//!
//! Invariant: as [`crate::tap`] counts them, so that the ledger and the client's answer agree.

use mirk_model::{Counted, Usage};

use crate::json::{Object, Type, Value};

/// A count above this is not believed.
const LARGEST: u64 = 1_000_000_000_000;

/// Reads `usageMetadata`. Prompt tokens hold the cached ones; tokens of tools and thoughts stand
/// beside those of the prompt and the answer.
/// Source: <https://ai.google.dev/api/generate-content>, `UsageMetadata`.
pub(in crate::gemini) fn read(value: Value<'_>) -> Option<Usage> {
    let mut members = value.members().ok()?;
    let mut is_doubtful = false;
    let mut count = |name: &str| {
        let value = members.take(name)?;
        let (count, is_sure) = believed(value);
        is_doubtful |= !is_sure;
        count
    };
    let input = count("promptTokenCount");
    let tools = count("toolUsePromptTokenCount").unwrap_or(0);
    let cached = count("cachedContentTokenCount").unwrap_or(0);
    let output = count("candidatesTokenCount").unwrap_or(0);
    let reasoning = count("thoughtsTokenCount").unwrap_or(0);
    let all_input = input.unwrap_or(0) + tools;
    is_doubtful |= input.is_none() || cached > all_input;
    Some(Usage {
        input: all_input,
        cached: cached.min(all_input),
        cache_write: 0,
        output: output + reasoning,
        reasoning,
        counted: if is_doubtful {
            Counted::Estimated
        } else {
            Counted::Reported
        },
    })
}

/// A count, and whether it is as it should be.
fn believed(value: Value<'_>) -> (Option<u64>, bool) {
    match value.count() {
        Ok(count) if count <= LARGEST => (Some(count), !value.raw().contains(['.', 'e', 'E'])),
        _ if value.kind() == Type::Text => {
            let text = value.lossy_text().unwrap_or_default();
            (text.parse().ok().filter(|count| *count <= LARGEST), false)
        }
        _ => {
            let number: Option<f64> = value.raw().parse().ok();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range is checked; the fraction is to go"
            )]
            let whole = |number: f64| number as u64;
            let sane = number.filter(|number| (0.0..1e12).contains(number));
            (sane.map(whole), false)
        }
    }
}

/// Writes `usageMetadata`.
pub(in crate::gemini) fn write(usage: &Usage, object: &mut Object<'_>) {
    object.object("usageMetadata", |object| {
        object.number("promptTokenCount", usage.input);
        if usage.cached > 0 {
            object.number("cachedContentTokenCount", usage.cached);
        }
        let answer = usage.output.saturating_sub(usage.reasoning);
        object.number("candidatesTokenCount", answer);
        if usage.reasoning > 0 {
            object.number("thoughtsTokenCount", usage.reasoning);
        }
        object.number("totalTokenCount", usage.total());
    });
}
