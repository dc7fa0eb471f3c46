//! The actions, a file per noun.

pub(crate) mod audit;
pub(crate) mod credentials;
pub(crate) mod keys;
pub(crate) mod logins;
pub(crate) mod models;
pub(crate) mod providers;
pub(crate) mod routes;
pub(crate) mod setup;
pub(crate) mod usage;

pub use logins::terms;
use serde::Deserialize;

/// The input of an action that takes none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}
