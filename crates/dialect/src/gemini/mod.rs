//! Google Gemini: `generateContent`, `streamGenerateContent`, and the bodies of `countTokens`.
//!
//! Invariant: both spellings of every name (`inlineData`, `inline_data`) are read, one is written;
//! a signature stands on the part that it came on, so that Gemini takes it back.
//! Source: <https://ai.google.dev/api/generate-content>, <https://ai.google.dev/api/caching>
//! (`Content`, `Part`, `Tool`, `Schema`), <https://ai.google.dev/gemini-api/docs/thought-signatures>.

mod ask;
mod fields;
mod media;
mod reply;
mod schema;
mod stream;

#[cfg(test)]
mod tests;

use mirk_model::{Dialect, Finish, Origin};

use crate::wire::{Shape, SystemPlace, Wire};

/// Gemini's dialect.
///
/// Names of functions: letters, digits, `_`, `:`, `.`, `-`, at most 64. Ids of calls have no
/// documented bound; Gemini 3 wants each back with its result, so they are written.
pub static WIRE: Wire = Wire {
    dialect: Dialect::Gemini,
    shape: Shape {
        system: SystemPlace::Front,
        has_developer: false,
        has_namespaces: false,
        has_custom: false,
        longest_name: 64,
        name_byte: |byte| byte.is_ascii_alphanumeric() || b"_:.-".contains(&byte),
        name_front: |byte| byte.is_ascii_alphabetic() || byte == b'_',
        longest_id: 256,
        id_byte: |byte| byte.is_ascii_graphic(),
        needs_results: true,
        merges_turns: true,
        has_result_media: true,
        has_object_arguments: true,
        origins: &[Origin::Gemini],
        most_stops: 5,
        longest_user: 0,
        wants_properties: false,
    },
    read_ask: ask::read,
    write_ask: ask::write,
    read_reply: reply::read,
    write_reply: reply::write::write,
    reader: stream::reader,
    writer: stream::writer,
};

/// The signature that Gemini takes for a call which another model made.
/// Source: <https://ai.google.dev/gemini-api/docs/thought-signatures>, "FAQs".
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// The other one that its documents name.
const NO_SIGNATURE_EITHER: &str = "context_engineering_is_the_way_to_go";

/// What the reason `word` is; nothing when it is none. Whatever is neither a natural end nor the
/// output limit means that the provider cut the answer off.
fn finish_of(word: &str) -> Option<Finish> {
    match word {
        "" | "FINISH_REASON_UNSPECIFIED" => None,
        "STOP" => Some(Finish::Stop),
        "MAX_TOKENS" => Some(Finish::Length),
        _ => Some(Finish::Filtered),
    }
}

/// Gemini's word for `finish`. Calls end an answer like anything else.
const fn finish_word(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Calls => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Refusal | Finish::Filtered => "SAFETY",
        Finish::Pause => "OTHER",
    }
}
