//! What an upstream's failure means: who is to blame, whether another target may be tried, and
//! when to come back. One table for status and error type, one for what broke on the way.
//!
//! Invariant: nothing of a body outlives the call that reads it.

mod said;
mod table;

use mirk_model::Timestamp;

pub(crate) use said::Said;

use crate::reset::{self, Limit, Reach};

/// The most of an error's body that is read; what is longer says nothing.
pub const MOST_BODY: usize = 64 * 1024;

macro_rules! whys {
    ($($(#[$doc:meta])* $name:ident = $code:literal),+ $(,)?) => {
        /// Why something failed or rests.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Why {
            $($(#[$doc])* $name,)+
        }

        impl Why {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name in the store, in explanations and in metrics.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

whys! {
    /// Too many requests or tokens in a short time.
    RateLimited = "rate_limited",
    /// A quota window is used up.
    QuotaSpent = "quota_spent",
    /// What is left of a quota window is within the credential's safety margin.
    Margin = "quota_margin",
    /// No credit, or no plan that covers it.
    Unpaid = "unpaid",
    /// The credential is not accepted.
    Unauthorized = "unauthorized",
    /// The credential may not do this, or not from here.
    Forbidden = "forbidden",
    /// The model is not there for this credential.
    ModelMissing = "model_missing",
    /// The provider has too much to do.
    Overloaded = "overloaded",
    /// The provider failed.
    ServerError = "server_error",
    /// The provider was too slow.
    Timeout = "timeout",
    /// The provider could not be reached.
    Unreachable = "unreachable",
    /// The connection or the stream broke, or what came was no answer.
    Broken = "broken",
    /// Something else changed the same thing at the same time.
    Conflict = "conflict",
    /// The request is longer than the model takes.
    TooLong = "context_too_long",
    /// The request is larger than the provider takes at once.
    TooLarge = "too_large",
    /// The provider's policy refuses the content.
    ContentPolicy = "content_policy",
    /// The request is not one that the provider understands.
    BadRequest = "bad_request",
    /// The address is not one that Mirk connects to.
    Blocked = "blocked",
}

impl Why {
    /// The reason with this code.
    pub fn by_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|why| why.code() == code)
    }
}

/// Who is to blame for a failure, and so what rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The request: nothing rests.
    Client,
    /// The credential: it rests, with all its models.
    Credential,
    /// The model on this credential: only it rests.
    Model,
    /// The provider: counts for the circuit breaker.
    Provider,
    /// Nobody that anything can be concluded about.
    Nobody,
}

/// Which other targets may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Onward {
    /// None: every target would say the same.
    Never,
    /// Only one that is known to take longer requests than this one.
    Larger,
    /// Any.
    Any,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// What happened.
    pub why: Why,
    /// Who is to blame.
    pub blame: Blame,
    /// Which other targets may be tried.
    pub onward: Onward,
    /// Whether the same target may be tried again, after a pause.
    pub again: bool,
}

/// An upstream's answer that is not what was asked for.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// Its HTTP status; 200 for an error inside a stream that began well.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Its body, or the data of the event that carries the error.
    pub body: &'a [u8],
}

impl std::fmt::Debug for Answer<'_> {
    /// Shows neither headers nor body: both may hold what a client said.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

/// What broke on the way, where there is no answer to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The address is not one that Mirk connects to.
    Blocked,
    /// Name lookup or TCP failed.
    Refused,
    /// TLS or the certificate failed.
    Tls,
    /// Too slow to connect.
    ConnectTimeout,
    /// Too slow to answer, or to send the first event.
    AnswerTimeout,
    /// The connection broke after the request was, or may have been, sent.
    Reset,
    /// The answer ended or went wrong before its first event.
    BrokenStart,
    /// The answer broke off after bytes of it had gone to the client.
    BrokenLater,
}

/// What `answer` means, and until when something should rest if it says so. `seed` decides the
/// jitter after an announced reset.
pub fn read(answer: &Answer<'_>, now: Timestamp, seed: u64) -> (Verdict, Option<Limit>) {
    let said = Said::read(answer.body);
    let mut verdict = table::judge(answer.status, said.as_ref());
    let limit = reset::read(answer, said.as_ref(), verdict, (now, seed));
    if let Some(limit) = &limit
        && matches!(verdict.blame, Blame::Credential | Blame::Model)
    {
        verdict.why = limit.why;
        verdict.blame = match limit.reach {
            Reach::Credential => Blame::Credential,
            Reach::Model => Blame::Model,
        };
    }
    (verdict, limit)
}

/// What `fault` means. `may_repeat` says that the client asked for something that may happen
/// twice (an `Idempotency-Key`): without it, a request that may have been done is not done again.
pub const fn read_fault(fault: Fault, may_repeat: bool) -> Verdict {
    let (why, onward, again) = match fault {
        Fault::Blocked => (Why::Blocked, Onward::Any, false),
        Fault::Refused | Fault::Tls => (Why::Unreachable, Onward::Any, false),
        Fault::ConnectTimeout | Fault::AnswerTimeout => (Why::Timeout, Onward::Any, false),
        Fault::BrokenStart => (Why::Broken, Onward::Any, false),
        Fault::Reset if may_repeat => (Why::Broken, Onward::Any, true),
        Fault::Reset | Fault::BrokenLater => (Why::Broken, Onward::Never, false),
    };
    let blame = match fault {
        Fault::Blocked => Blame::Nobody,
        _ => Blame::Provider,
    };
    Verdict {
        why,
        blame,
        onward,
        again,
    }
}

#[cfg(test)]
mod tests;
