//! What an upstream's failure means, and when it says that it is over.

use mirk_model::Timestamp;
use mirk_routing::{
    errors::{Answer, read},
    reset::{LONGEST_QUOTA, SHORTEST},
    window::{openrouter_key, response_headers},
};

use crate::chance::Chance;

const NOW: Timestamp = Timestamp::from_micros(1_764_000_000_000_000);

/// The most that chance adds to an announced moment, in microseconds.
const JITTER: i64 = 1_000_000;

const STATUSES: &[u16] = &[
    200, 400, 401, 402, 403, 404, 408, 413, 429, 498, 500, 503, 529,
];

/// Failures with headers and bodies that name a moment: header lines, an empty line, the body.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "retry-after: 30\n\n{\"error\":{\"message\":\"Rate limit reached. Please try again in 6m0s.\"}}",
        "retry-after: Wed, 21 Oct 2026 07:28:00 GMT\nretry-after-ms: 500\n\n{}",
        "anthropic-ratelimit-unified-reset: 1764003600\nanthropic-ratelimit-unified-status: rejected\n\
         anthropic-ratelimit-unified-5h-utilization: 1.01\nanthropic-ratelimit-unified-5h-reset: 1764003600\n\n\
         {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"x\"}}",
        "x-ratelimit-reset-requests: 1m30.5s\nx-ratelimit-remaining-requests: 0\nx-ratelimit-reset-tokens: 20ms\n\n\
         {\"error\":{\"code\":\"insufficient_quota\"}}",
        "\n{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\
         \"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"34.07s\"}]}}",
        "x-ratelimit-reset: 1764003600000\n\n{\"error\":{\"metadata\":{\"headers\":{\"X-RateLimit-Reset\":\"1764003600000\"}}}}",
        "\n{\"data\":{\"limit\":10,\"limit_remaining\":1.5,\"limit_reset\":\"monthly\"}}",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Asserts that the verdict and the moment are the same when they are read again, that a rest has bounds whatever
/// the provider says, that no quota has more than
/// all of it left, and that a window that is spent holds until it begins anew.
pub(super) fn failure(data: &[u8]) {
    let at = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = at
        .and_then(|at| data.split_at_checked(at))
        .unwrap_or((&[], data));
    let lines = head.split(|byte| *byte == b'\n');
    let field = |line: &'_ [u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        Some((name, value.get(1..)?.trim_ascii().to_vec()))
    };
    let fields: Vec<(String, Vec<u8>)> = lines.filter_map(field).collect();
    let headers: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect();
    let mut chance = Chance::of(data);
    let answer = Answer {
        status: *chance.pick(STATUSES).unwrap_or(&429),
        headers: &headers,
        body: body.trim_ascii(),
    };
    let seed = chance.number();
    let (verdict, limit) = read(&answer, NOW, seed);
    assert!(read(&answer, NOW, seed) == (verdict, limit));
    if let Some(limit) = limit {
        let rest = limit.until.as_micros() - NOW.as_micros();
        let is_bounded = (SHORTEST..=LONGEST_QUOTA + JITTER).contains(&rest);
        assert!(is_bounded, "a rest without bounds");
    }
    let windows = response_headers(&headers, NOW)
        .into_iter()
        .chain(openrouter_key(answer.body, NOW));
    for window in windows {
        let margin = u32::try_from(chance.below(1_000_000)).unwrap_or(0);
        assert!(
            window.left().is_none_or(|left| left <= 1_000_000),
            "more is left than there is"
        );
        assert!(window.may_use(margin, NOW) == window.held_until(margin, NOW).is_none());
    }
}
