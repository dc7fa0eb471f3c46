//! Tests that drive the built binary from outside, and tests that keep the papers true.

mod docs;
mod doctor;
mod harness;
mod http;
mod hygiene;
mod keyring;
mod keys;
mod map;
mod root;
mod ssrf;
mod wire;
mod xlat;
