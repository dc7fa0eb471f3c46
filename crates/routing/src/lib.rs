//! Every decision about where a request goes.
//!
//! Invariant: no I/O, no clock, no chance of its own; knows only `mirk-model` and `mirk-provider`.
//! Time comes in as a `Timestamp`, chance as a seed. Nothing is shared between tenants.

pub mod backoff;
pub mod breaker;
pub mod candidate;
pub mod chain;
pub mod errors;
pub mod explain;
pub mod fit;
pub mod health;
pub mod intent;
pub mod name;
pub mod plan;
pub mod profile;
pub mod reset;
pub mod sticky;
pub mod strategy;
pub mod window;
