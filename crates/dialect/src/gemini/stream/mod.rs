//! Streams: chunks of a provider read, chunks for a client written.

mod partial;
mod read;
mod write;

pub(super) use self::{read::reader, write::writer};
