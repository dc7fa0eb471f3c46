//! Room.
pub mod sim;
