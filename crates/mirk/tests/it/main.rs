//! Tests that drive the built binary from outside, and tests that keep the papers true.

mod broken;
mod cfg;
mod crash;
mod demo;
mod docs;
mod doctor;
mod exact;
mod framing;
mod grow;
mod hammer;
mod harness;
mod http;
mod hygiene;
mod keyring;
mod keys;
mod live;
mod map;
mod root;
mod ssrf;
mod stream;
mod sweep;
mod talk;
mod upstream;
mod vault;
mod wire;
mod xlat;
