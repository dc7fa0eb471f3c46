//! Requests: read from clients, written for providers.

mod blocks;
mod fields;
mod parts;
mod plan;
mod read;
mod thinking;
mod tools;
mod write;

pub(super) use self::{read::read, write::write};
