//! Ollama's own API: how it reads and writes requests, answers and streams.
//!
//! Source: <https://docs.ollama.com/api/chat>, `/generate`, `/streaming`, and `api/types.go`.

mod ask;
mod options;
mod reply;
mod stream;
mod think;

#[cfg(test)]
mod tests;

use mirk_model::{Dialect, Timestamp};

use crate::wire::{Shape, SystemPlace, Wire};

/// Ollama, for the bridge.
pub static WIRE: Wire = Wire {
    dialect: Dialect::Ollama,
    shape: Shape {
        system: SystemPlace::Anywhere,
        has_developer: false,
        has_namespaces: false,
        has_custom: false,
        longest_name: 64,
        name_byte: |byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte),
        name_front: |byte| byte.is_ascii_alphabetic() || byte == b'_',
        longest_id: 256,
        id_byte: |byte| byte.is_ascii_graphic(),
        needs_results: false,
        merges_turns: false,
        has_result_media: false,
        has_object_arguments: true,
        origins: &[],
        most_stops: 64,
        longest_user: 0,
        wants_properties: false,
    },
    read_ask: ask::read,
    write_ask: ask::write,
    read_reply: reply::read,
    write_reply: reply::write,
    reader: || Box::new(stream::Reader::default()),
    writer: |manner| Box::new(stream::Writer::new(manner)),
};

/// When, as Ollama says it.
fn time(seconds: i64) -> String {
    Timestamp::from_micros(seconds.saturating_mul(1_000_000)).to_string()
}
