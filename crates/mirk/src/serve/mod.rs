//! The door: from a socket to a request that keeps every rule, and back.

pub mod guard;
pub mod listen;

#[cfg(test)]
mod tests;
