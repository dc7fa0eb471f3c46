//! When a provider says that a limit ends: `Retry-After`, reset headers of every family, and what
//! error bodies tell.
//!
//! Everything is clamped: what a hostile or confused provider sends can make a credential rest
//! for a week at most, and only after it refused a request.

mod body;
mod headers;
mod value;

use mirk_model::Timestamp;

use crate::{
    backoff,
    errors::{Answer, Blame, Said, Verdict, Why},
};

pub(crate) use value::{decimal, moment};

/// The shortest rest that an announcement makes, in microseconds.
pub const SHORTEST: i64 = 1_000_000;

/// The longest rest for a plain rate limit, in microseconds.
pub const LONGEST_RATE: i64 = 3_600_000_000;

/// The longest rest for a quota window, in microseconds.
pub const LONGEST_QUOTA: i64 = backoff::LONGEST;

/// What a limit holds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// The credential with all its models.
    Credential,
    /// One model on the credential.
    Model,
}

/// A limit that was reached, with its announced end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    /// The first moment to try again: the announced one, clamped, and jitter below a second.
    pub until: Timestamp,
    /// What it holds back.
    pub reach: Reach,
    /// Which kind of limit it is.
    pub why: Why,
    /// The least that any counter had left, where the provider counts.
    pub remaining: Option<u64>,
}

/// One announcement, before it is clamped.
#[derive(Clone, Copy, Debug)]
struct Announced {
    at: Timestamp,
    reach: Reach,
    why: Why,
}

/// The announced end of the limit that `answer` speaks of. Absent when it announces none, or when
/// `verdict` does not blame anything that could rest.
pub(crate) fn read(
    answer: &Answer<'_>,
    said: Option<&Said>,
    verdict: Verdict,
    (now, seed): (Timestamp, u64),
) -> Option<Limit> {
    let (reach, is_limit) = match (verdict.blame, verdict.why) {
        (Blame::Credential, Why::RateLimited | Why::QuotaSpent | Why::Unpaid) => {
            (Reach::Credential, true)
        }
        (Blame::Provider, Why::Overloaded | Why::ServerError) => (Reach::Model, false),
        _ => return None,
    };
    let told = Told {
        reach: said.map_or(reach, |said| body::reach(said, reach)),
        why: said.map_or(verdict.why, |said| body::why(said, verdict.why)),
    };
    let announced = if is_limit {
        limited(answer, said, told, now)
    } else {
        headers::retry_after(answer.headers, now).map(|at| told.until(at))
    }?;
    let longest = match announced.why {
        Why::QuotaSpent | Why::Unpaid => LONGEST_QUOTA,
        _ => LONGEST_RATE,
    };
    let until = announced
        .at
        .clamp(now.plus_micros(SHORTEST), now.plus_micros(longest));
    Some(Limit {
        until: backoff::after_reset(until, seed),
        reach: announced.reach,
        why: announced.why,
        remaining: headers::remaining(answer.headers),
    })
}

/// What body and status say of the limit, when a time is found elsewhere.
#[derive(Clone, Copy)]
struct Told {
    reach: Reach,
    why: Why,
}

impl Told {
    const fn until(self, at: Timestamp) -> Announced {
        Announced {
            at,
            reach: self.reach,
            why: self.why,
        }
    }
}

/// From the most exact source to the least.
fn limited(
    answer: &Answer<'_>,
    said: Option<&Said>,
    told: Told,
    now: Timestamp,
) -> Option<Announced> {
    headers::unified(answer.headers, now)
        .or_else(|| Some(told.until(body::quota_reset(said?, now)?)))
        .or_else(|| Some(told.until(headers::retry_after(answer.headers, now)?)))
        .or_else(|| Some(told.until(body::retry_info(said?, now)?)))
        .or_else(|| Some(told.until(body::header_copy(said?, now)?)))
        .or_else(|| Some(told.until(headers::buckets(answer.headers, now)?)))
        .or_else(|| Some(told.until(body::in_words(said?, now)?)))
}

#[cfg(test)]
mod tests;
