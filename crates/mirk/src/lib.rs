//! The binary's rooms: settings, start-up, the server, the command line, the simulated provider.

pub mod boot;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod folder;
pub mod keyring;
pub mod log;
pub mod openclaw;
pub mod prompt;
pub mod root;
pub mod serve;
pub mod sim;
pub mod sweep;
pub mod test_provider;
