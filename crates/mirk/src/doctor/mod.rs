//! `mirk doctor`: looks at an installation and at the machine around it, and says what is wrong.
//!
//! Invariant: looks only. A finding names files, settings and variables, and never shows what a
//! secret, a variable or a line of a file holds.

pub mod books;
pub mod environment;
pub mod inventory;
pub mod machine;
pub mod place;
pub mod privacy;
pub mod root_key;
pub mod server;
pub mod settings;

use serde_json::{Value, json};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Works, and could be better.
    Warn,
    /// Must be put right.
    Bad,
}

impl Verdict {
    /// As programs read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was found, in words.
    pub what: String,
    /// What to do; empty when there is nothing to.
    pub remedy: String,
}

impl Finding {
    /// A finding that is as it should be.
    pub fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Ok,
            what: what.into(),
            remedy: String::new(),
        }
    }

    /// A finding that could be better.
    pub fn warn(check: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Warn,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// A finding that must be put right.
    pub fn bad(check: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Bad,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "check": self.check,
            "verdict": self.verdict.name(),
            "what": self.what,
            "todo": self.remedy,
        })
    }
}

/// Whether all of it is in order, or in order enough to run.
pub fn is_healthy(findings: &[Finding]) -> bool {
    findings
        .iter()
        .all(|finding| finding.verdict < Verdict::Bad)
}
