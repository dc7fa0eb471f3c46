//! How a command fails, and the exit code that says so.

use mirk_model::{Kind, Problem};

use crate::config::ConfigError;

/// Exit codes, as `sysexits.h` numbers them.
pub(crate) mod code {
    pub(crate) const FAILED: u8 = 1;
    pub(crate) const USAGE: u8 = 64;
    pub(crate) const DATA: u8 = 65;
    pub(crate) const IO: u8 = 74;
    pub(crate) const BUSY: u8 = 75;
    pub(crate) const PERMISSION: u8 = 77;
    pub(crate) const CONFIG: u8 = 78;
}

/// A command that did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Exit code.
    pub(crate) code: u8,
    /// A short name for programs.
    pub(crate) name: &'static str,
    /// What was wrong, where, and what to do.
    pub(crate) words: String,
}

impl Failure {
    pub(crate) fn new(code: u8, name: &'static str, words: impl Into<String>) -> Self {
        Self {
            code,
            name,
            words: words.into(),
        }
    }

    pub(crate) fn usage(words: impl Into<String>) -> Self {
        Self::new(code::USAGE, "usage", words)
    }

    pub(crate) fn io(what: &str, error: &std::io::Error) -> Self {
        Self::new(code::IO, "io", format!("{what}: {}", error.kind()))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(code::CONFIG, "config", error.to_string())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let code = match problem.kind {
            Kind::BadRequest | Kind::Invalid | Kind::UnknownField | Kind::SsrfBlocked => {
                code::USAGE
            }
            Kind::VaultIntegrity => code::DATA,
            Kind::StorageUnavailable => code::BUSY,
            Kind::Forbidden | Kind::Scope | Kind::Unauthorized => code::PERMISSION,
            Kind::VaultSealed => code::CONFIG,
            _ => code::FAILED,
        };
        let words = match &problem.param {
            Some(param) => format!("{param}: {}", problem.public),
            None => problem.public.into_owned(),
        };
        Self::new(code, problem.kind.code(), words)
    }
}
