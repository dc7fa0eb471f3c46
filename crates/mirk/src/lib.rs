//! Room.
pub mod serve;
pub mod sim;
