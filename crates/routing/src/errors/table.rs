//! The table: what each status and each name of an error means.

use super::{Blame, Onward, Said, Verdict, Why};

const fn row(why: Why, blame: Blame, onward: Onward, again: bool) -> Verdict {
    Verdict {
        why,
        blame,
        onward,
        again,
    }
}

const RATE: Verdict = row(Why::RateLimited, Blame::Credential, Onward::Any, false);
const QUOTA: Verdict = row(Why::QuotaSpent, Blame::Credential, Onward::Any, false);
const UNPAID: Verdict = row(Why::Unpaid, Blame::Credential, Onward::Any, false);
const UNAUTHORIZED: Verdict = row(Why::Unauthorized, Blame::Credential, Onward::Any, false);
const FORBIDDEN: Verdict = row(Why::Forbidden, Blame::Credential, Onward::Any, false);
const NOT_THIS_MODEL: Verdict = row(Why::Forbidden, Blame::Model, Onward::Any, false);
const MISSING: Verdict = row(Why::ModelMissing, Blame::Model, Onward::Any, false);
const OVERLOADED: Verdict = row(Why::Overloaded, Blame::Provider, Onward::Any, true);
const SERVER: Verdict = row(Why::ServerError, Blame::Provider, Onward::Any, true);
const REDIRECT: Verdict = row(Why::Broken, Blame::Provider, Onward::Any, false);
const TIMEOUT: Verdict = row(Why::Timeout, Blame::Provider, Onward::Any, true);
const CONFLICT: Verdict = row(Why::Conflict, Blame::Nobody, Onward::Any, true);
const BAD: Verdict = row(Why::BadRequest, Blame::Client, Onward::Never, false);
const TOO_LONG: Verdict = row(Why::TooLong, Blame::Client, Onward::Larger, false);
const TOO_LARGE: Verdict = row(Why::TooLarge, Blame::Client, Onward::Larger, false);
const POLICY: Verdict = row(Why::ContentPolicy, Blame::Client, Onward::Never, false);
/// One request asks for more than a minute's tokens: waiting does not help here, and the
/// credential is good for smaller ones.
const ABOVE_RATE: Verdict = row(Why::TooLarge, Blame::Nobody, Onward::Any, false);

/// How messages begin that no name tells apart. A provider may repeat a client's words further
/// on in a message, so what blames a credential is believed at the beginning only.
const BEGINNINGS: &[(&str, Verdict)] = &[
    ("your credit balance is too low", UNPAID),
    ("your prepayment credits are depleted", UNPAID),
    ("you have reached your specified api usage limits", UNPAID),
    ("insufficient credits", UNPAID),
    ("insufficient balance", UNPAID),
    ("api key not valid", UNAUTHORIZED),
    ("api key expired", UNAUTHORIZED),
    ("user location is not supported", FORBIDDEN),
    ("request too large for", ABOVE_RATE),
    ("loading model", OVERLOADED),
];

/// Words anywhere in a message; none of these makes a credential rest.
const WORDS: &[(&str, Verdict)] = &[
    ("prompt is too long", TOO_LONG),
    ("maximum context length", TOO_LONG),
    ("context window", TOO_LONG),
    ("exceeds the available context size", TOO_LONG),
    ("exceeds the maximum number of tokens", TOO_LONG),
    (
        "input length and `max_tokens` exceed context limit",
        TOO_LONG,
    ),
    ("exceeds the context length", TOO_LONG),
    ("content management policy", POLICY),
    ("requires moderation", POLICY),
    ("content filtering policy", POLICY),
];

/// Names: Anthropic's and OpenAI's types and codes, Google's statuses and reasons, OpenRouter's
/// and llama.cpp's.
const NAMES: &[(&str, Verdict)] = &[
    ("context_length_exceeded", TOO_LONG),
    ("exceed_context_size_error", TOO_LONG),
    ("request_too_large", TOO_LARGE),
    ("content_policy_violation", POLICY),
    ("content_filter", POLICY),
    ("invalid_prompt", POLICY),
    ("insufficient_quota", UNPAID),
    ("billing_hard_limit_reached", UNPAID),
    ("billing_not_active", UNPAID),
    ("billing_error", UNPAID),
    ("enforced_spend_limit_reached", UNPAID),
    ("credit_balance_exhausted", UNPAID),
    ("usage_not_included", UNPAID),
    ("usage_limit_reached", QUOTA),
    ("openrouter_free_tier_daily", QUOTA),
    ("rate_limit_exceeded", RATE),
    ("rate_limit_error", RATE),
    ("resource_exhausted", RATE),
    ("too_many_requests", RATE),
    ("invalid_api_key", UNAUTHORIZED),
    ("api_key_invalid", UNAUTHORIZED),
    ("authentication_error", UNAUTHORIZED),
    ("unauthenticated", UNAUTHORIZED),
    ("account_deactivated", UNAUTHORIZED),
    ("permission_error", FORBIDDEN),
    ("permission_denied", FORBIDDEN),
    ("unsupported_country_region_territory", FORBIDDEN),
    ("model_not_found", MISSING),
    ("not_found_error", MISSING),
    ("not_found", MISSING),
    ("overloaded_error", OVERLOADED),
    ("server_is_overloaded", OVERLOADED),
    ("service_unavailable_error", OVERLOADED),
    ("unavailable", OVERLOADED),
    ("unavailable_error", OVERLOADED),
    ("api_error", SERVER),
    ("server_error", SERVER),
    ("internal", SERVER),
    ("internal_error", SERVER),
    ("internal_server_error", SERVER),
    ("timeout_error", TIMEOUT),
    ("deadline_exceeded", TIMEOUT),
];

/// What an answer of `status` whose body said this means.
pub(super) fn judge(status: u16, said: Option<&Said>) -> Verdict {
    // Inside a stream that began well, the error carries the status itself.
    let status = match status {
        200 => said.and_then(|said| said.status).unwrap_or(status),
        _ => status,
    };
    let named = said
        .filter(|_| matches!(status, 200 | 400..=599))
        .and_then(by_words);
    let by_status = by_status(status);
    match named {
        // The status is the server's own word; a name can only make it more exact.
        Some(named) if status >= 500 && named.blame == Blame::Client => by_status,
        Some(named) if matches!(status, 401 | 402) && named.blame != Blame::Credential => by_status,
        Some(named) if status == 403 && named == MISSING => NOT_THIS_MODEL,
        Some(named) => named,
        None => by_status,
    }
}

fn by_words(said: &Said) -> Option<Verdict> {
    let begins = BEGINNINGS
        .iter()
        .find(|(words, _)| said.message.starts_with(words));
    let has = || WORDS.iter().find(|(words, _)| said.message.contains(words));
    let named = || {
        said.names
            .iter()
            .find_map(|name| NAMES.iter().find(|(known, _)| known == name))
    };
    begins
        .or_else(has)
        .or_else(named)
        .map(|(_, verdict)| *verdict)
}

const fn by_status(status: u16) -> Verdict {
    match status {
        300..=399 => REDIRECT,
        401 => UNAUTHORIZED,
        402 => UNPAID,
        403 => FORBIDDEN,
        404 | 410 => MISSING,
        408 | 504 | 524 => TIMEOUT,
        409 | 425 => CONFLICT,
        413 => TOO_LARGE,
        429 => RATE,
        502 | 503 | 529 => OVERLOADED,
        400..=499 => BAD,
        // Also a success that is none: an error in a stream without a name that is known.
        _ => SERVER,
    }
}
