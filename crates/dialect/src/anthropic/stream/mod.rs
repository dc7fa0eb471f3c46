//! Streams: read from providers, written for clients.

mod queue;
mod read;
mod write;

use crate::wire::{Manner, Reader, Writer};

/// A reader of a provider's stream.
pub(super) fn reader() -> Box<dyn Reader> {
    Box::new(read::Blocks::new())
}

/// A writer of a client's stream.
pub(super) fn writer(manner: &Manner) -> Box<dyn Writer> {
    Box::new(write::Messages::new(manner.clone()))
}
