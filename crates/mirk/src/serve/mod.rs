//! The door: from a socket to a request that keeps every rule, and back.

pub mod guard;
pub mod listen;
mod page;
pub mod run;
pub mod service;
pub mod socket;

#[cfg(test)]
mod tests;
