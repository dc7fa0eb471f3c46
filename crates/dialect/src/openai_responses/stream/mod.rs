//! Streams of events.
//!
//! Source: <https://platform.openai.com/docs/api-reference/responses-streaming>, and
//! `response_*_event.py` of `openai-python`.

mod reader;
mod slot;
mod writer;

pub(super) use self::{reader::Reader, writer::Writer};
