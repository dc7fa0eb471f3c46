//! The provider kinds: what Mirk knows about each before anyone has configured it.
//!
//! A kind is one small file and one entry in [`KINDS`]; nothing else names them.

mod anthropic;
mod anthropic_compatible;
mod fit;
mod gemini;
mod llamacpp;
mod ollama;
mod openai;
mod openai_compatible;
mod openrouter;
mod target;

use mirk_model::Operation;

use crate::address::BaseUrl;

pub use fit::{Misfit, credential_fits};
pub use target::{Call, TargetError, is_safe_segment};

/// Every kind, in the order that lists and help show.
pub static KINDS: &[&Facts] = &[
    &openai::FACTS,
    &anthropic::FACTS,
    &gemini::FACTS,
    &openrouter::FACTS,
    &ollama::FACTS,
    &llamacpp::FACTS,
    &openai_compatible::FACTS,
    &anthropic_compatible::FACTS,
];

/// The kind called `name`, exactly.
pub fn by_name(name: &str) -> Option<&'static Facts> {
    KINDS.iter().copied().find(|facts| facts.name == name)
}

/// What Mirk knows about a kind of provider.
#[derive(Debug, PartialEq, Eq)]
pub struct Facts {
    /// As on the command line, in the API and in the store.
    pub name: &'static str,
    /// As people call it.
    pub title: &'static str,
    /// Where it is unless told otherwise; absent when there is no such place.
    pub base_url: Option<&'static str>,
    /// How it takes its credential.
    pub auth: Auth,
    /// Whether it can be used without a credential.
    pub may_lack_credential: bool,
    /// Whether it usually runs on the operator's own machine, at no price per token.
    pub is_local: bool,
    /// The environment variable in which a machine usually has its credential.
    pub variable: Option<&'static str>,
    /// How its credentials begin, where that tells them from others'.
    pub prefixes: &'static [&'static str],
    /// The domains it is reached at; with [`Facts::prefixes`] for [`credential_fits`].
    pub domains: &'static [&'static str],
    /// What it does natively, and at which path below the root of its API. `{model}` stands for
    /// the model; the first segment is the version.
    pub paths: &'static [(Operation, &'static str)],
    /// Where it lists its models (`GET`), below the root of its API.
    pub models_path: &'static str,
    /// What to `GET` to see whether a credential works: answers 2xx only with a good one, where
    /// the provider has such a path.
    pub probe_path: &'static str,
    /// Which provider's list of models and prices is its own.
    pub catalog: Listed,
}

impl Facts {
    /// Whether it does `operation` natively.
    pub fn serves(&self, operation: Operation) -> bool {
        self.path(operation).is_some()
    }

    /// Whether `secret` should not go to `base` without a confirmation, for whatever reason:
    /// [`credential_fits`] says which.
    pub fn is_foreign_credential(&self, base: &BaseUrl, secret: &[u8]) -> bool {
        credential_fits(self, &base.origin(), secret).is_err()
    }

    fn path(&self, operation: Operation) -> Option<&'static str> {
        self.paths
            .iter()
            .find(|(known, _)| *known == operation)
            .map(|(_, path)| *path)
    }
}

/// How a provider takes its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer …`.
    Bearer,
    /// `x-api-key: …`.
    XApiKey,
    /// `x-goog-api-key: …`.
    XGoogApiKey,
}

impl Auth {
    /// The header's name, lower case.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Bearer => "authorization",
            Self::XApiKey => "x-api-key",
            Self::XGoogApiKey => "x-goog-api-key",
        }
    }

    /// What stands before the credential in the header's value.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer ",
            Self::XApiKey | Self::XGoogApiKey => "",
        }
    }
}

/// Whose models and prices a kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Those of the catalogue under this name.
    Under(&'static str),
    /// Its own machine's: there is no price per token.
    Local,
    /// Unknown: the address decides, not the kind.
    Unknown,
}

#[cfg(test)]
mod tests;
