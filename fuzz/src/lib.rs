//! Hostile input for every parser of foreign bytes, on stable Rust.
//!
//! Invariant: an input is a function of the seed, the target's name, its number and the corpus, so that every
//! finding can be made again. No input's content is ever printed: it goes into `fuzz/artifacts`.

pub mod chance;
mod clock;
pub mod corpus;
pub mod mutate;
pub mod options;
pub mod report;
pub mod run;
mod shape;
pub mod targets;
mod watch;
mod words;

#[cfg(test)]
mod tests;
