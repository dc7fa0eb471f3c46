//! OpenAI Chat Completions: how it reads and writes requests, answers and streams.
//!
//! Invariant: what is written is what OpenAI documents, so that the many servers which copied the
//! dialect take it; what is read is also what they have added. Source: OpenAI's API reference
//! (`/chat/completions`, read 2026-11), OpenRouter "Reasoning tokens", DeepSeek "Thinking mode",
//! Gemini "OpenAI compatibility".

mod ask;
mod calls;
mod media;
mod reply;
mod stream;
mod thinking;
mod words;

#[cfg(test)]
mod tests;

use mirk_model::{Dialect, Origin};

use crate::{
    json::{Limits, Walk},
    wire::{Shape, SystemPlace, Wire},
};

/// The dialect, for translations.
pub static WIRE: Wire = Wire {
    dialect: Dialect::OpenAiChat,
    shape: Shape {
        system: SystemPlace::Anywhere,
        has_developer: true,
        has_namespaces: false,
        // OpenAI has them, the servers that copied the dialect have not.
        has_custom: false,
        longest_name: 64,
        name_byte: |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
        name_front: |byte| byte.is_ascii_alphanumeric() || byte == b'_',
        // "string too long. Expected a string with maximum length 40", says OpenAI.
        longest_id: 40,
        id_byte: |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
        needs_results: true,
        merges_turns: false,
        has_result_media: false,
        has_object_arguments: false,
        // In `extra_content.google`, where the model wants it: Gemini's own Chat endpoint.
        origins: &[Origin::Gemini],
        most_stops: 4,
        // "string too long. Expected a string with maximum length 64", says OpenAI.
        longest_user: 64,
        wants_properties: true,
    },
    read_ask: ask::read,
    write_ask: ask::write,
    read_reply: reply::read,
    write_reply: reply::write,
    reader: stream::reader,
    writer: stream::writer,
};

/// Which of OpenAI's two dialects `body` is in, by a look at its top-level names: clients post
/// Responses bodies to the Chat path. Nothing when it is neither's, or no JSON object.
pub fn shape_of(body: &str) -> Option<Dialect> {
    let (mut has_messages, mut has_input) = (false, false);
    Walk::new(body.as_bytes(), Limits::NONE)
        .members(|key, _place| {
            has_messages |= key == br#""messages""#;
            has_input |= key == br#""input""#;
            Ok(())
        })
        .ok()?;
    match (has_messages, has_input) {
        (true, _) => Some(Dialect::OpenAiChat),
        (false, true) => Some(Dialect::OpenAiResponses),
        (false, false) => None,
    }
}
