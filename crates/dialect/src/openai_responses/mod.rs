//! OpenAI Responses: how it reads and writes requests, answers and streams.
//!
//! Source: <https://platform.openai.com/docs/api-reference/responses>, the types of `openai-python`
//! (`src/openai/types/responses`), and what Codex sends and needs.

mod ask;
mod item;
mod media;
mod put;
mod reply;
mod stream;
mod words;

#[cfg(test)]
mod tests;

use mirk_model::{Dialect, Origin};

use crate::wire::{Shape, SystemPlace, Wire};

/// OpenAI Responses, for the bridge.
pub static WIRE: Wire = Wire {
    dialect: Dialect::OpenAiResponses,
    shape: Shape {
        system: SystemPlace::Anywhere,
        has_developer: true,
        has_namespaces: true,
        has_custom: true,
        longest_name: 64,
        name_byte: |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte),
        name_front: |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte),
        longest_id: 64,
        id_byte: |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte),
        needs_results: true,
        merges_turns: false,
        has_result_media: true,
        has_object_arguments: false,
        origins: &[Origin::OpenAi],
        // `stop` is no part of this API.
        most_stops: 0,
        // "string too long. Expected a string with maximum length 64", says OpenAI.
        longest_user: 64,
        wants_properties: true,
    },
    read_ask: ask::read,
    write_ask: put::write,
    read_reply: reply::read,
    write_reply: reply::write,
    reader: || Box::new(stream::Reader::default()),
    writer: |manner| Box::new(stream::Writer::new(manner)),
};
