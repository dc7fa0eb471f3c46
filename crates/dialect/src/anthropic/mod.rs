//! Anthropic Messages: `POST /v1/messages`, and the requests of `/v1/messages/count_tokens`.
//!
//! Invariant: what Anthropic alone can read (signatures, redacted thoughts) goes through as it
//! came; nothing is put where only a signature of its own may stand.
//!
//! Source: <https://platform.claude.com/docs/en/api/messages/create>, `…/build-with-claude/streaming`,
//! `…/build-with-claude/extended-thinking`, and the types of the `anthropic` SDK for Python 2.12.

mod ask;
mod reply;
mod stream;
mod words;

#[cfg(test)]
mod tests;

use mirk_model::{Dialect, Origin};

use crate::wire::{Shape, SystemPlace, Wire};

/// The tool that stands for a JSON schema where a model has no structured output of its own
/// ([`mirk_model::Traits::has_schema`] is false): the model must call it, and its arguments are the
/// answer. [`WIRE`]'s readers give a call of this tool as text, so the client never sees it. The
/// name is one that no client's own tool has.
pub const JSON_TOOL: &str = "mirk_json_output";

/// Anthropic Messages.
pub static WIRE: Wire = Wire {
    dialect: Dialect::Anthropic,
    shape: Shape {
        system: SystemPlace::Front,
        has_developer: false,
        has_namespaces: false,
        has_custom: false,
        // Documented as 64; the service takes 128 by now, servers that are only like it may not.
        longest_name: 64,
        name_byte: is_id_byte,
        name_front: is_id_byte,
        longest_id: 64,
        id_byte: is_id_byte,
        needs_results: true,
        merges_turns: true,
        has_result_media: true,
        has_object_arguments: true,
        origins: &[Origin::Anthropic, Origin::AnthropicRedacted],
        most_stops: 8_191,
        // Source: the reference, `metadata.user_id`.
        longest_user: 256,
        wants_properties: false,
    },
    read_ask: ask::read,
    write_ask: ask::write,
    read_reply: reply::read,
    write_reply: reply::write,
    reader: stream::reader,
    writer: stream::writer,
};

/// What names of tools and ids of calls are made of: `^[a-zA-Z0-9_-]+$`.
const fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}
