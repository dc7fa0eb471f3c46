//! Streams: `chat.completion.chunk` after `chat.completion.chunk`, then `[DONE]`.

mod failure;
mod keys;
mod reader;
mod writer;

use crate::wire::{Manner, Reader, Writer};

/// A reader of a provider's stream.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(reader::Chunks::default())
}

/// A writer of a client's stream.
pub(super) fn writer(manner: &Manner) -> Box<dyn Writer> {
    Box::new(writer::Chunked::new(manner.clone()))
}
