//! Wire formats of the model providers: pure functions over bytes.
//!
//! Invariant: no I/O, no clock, no state but what a caller holds; knows only `mirk-model`. On the
//! way through, nothing here rewrites a byte that it was not asked to rewrite.

pub mod anthropic;
pub mod bridge;
pub mod carry;
pub mod clawpipe;
pub mod embed;
pub mod endpoint;
pub mod gemini;
pub mod json;
pub mod loss;
mod measure;
pub mod models;
pub mod ollama;
pub mod openai_chat;
pub mod openai_responses;
pub mod problem;
pub mod scrub;
pub mod sse;
pub mod tap;
pub mod tokens;
pub mod wire;
