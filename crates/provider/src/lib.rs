//! Who is out there: provider kinds, the one address policy, header lists, models and prices.
//!
//! Invariant: opens no socket, reads no clock and no file; data is compiled in.

pub mod address;
pub mod catalog;
pub mod header;
pub mod kind;
pub mod traits;
