//! Tests that drive the built binary from outside, and tests that keep the papers true.

mod harness;
mod keys;
mod map;
mod wire;
