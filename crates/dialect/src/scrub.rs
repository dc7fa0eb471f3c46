//! Masking what looks like a credential in an upstream's error before a client sees it.
//!
//! Providers quote the key they refuse, whole or with its middle left out, and the key they refuse
//! is the operator's. Invariant: only characters that a key is made of are taken out, so JSON
//! stays JSON; a body without such a thing comes back as it is, not copied.

use std::borrow::Cow;

use memchr::memmem;

/// What stands in the place of a credential.
pub const REDACTED: &str = "[redacted]";

/// The shortest live credential that is looked for as such.
const SHORTEST_LIVE: usize = 8;

/// How a credential begins, and how much must follow to be taken for one.
struct Shape {
    prefix: &'static [u8],
    shortest: usize,
    /// Whether it takes a digit too, where the prefix is a word of plain language.
    wants_digit: bool,
}

const fn shape(prefix: &'static str, shortest: usize) -> Shape {
    Shape {
        prefix: prefix.as_bytes(),
        shortest,
        wants_digit: false,
    }
}

const fn word(prefix: &'static str, shortest: usize) -> Shape {
    Shape {
        prefix: prefix.as_bytes(),
        shortest,
        wants_digit: true,
    }
}

/// The prefix that is itself of token bytes and wants a digit: where it stands over and over, each
/// would look through all that follow.
const PLAIN_WORD: &[u8] = b"or-";

/// Longest prefixes first where one begins another. `sk-` covers OpenAI's, Anthropic's,
/// OpenRouter's and DeepSeek's, and is short because they come back with the middle left out.
const SHAPES: &[Shape] = &[
    shape("sk-", 4),
    shape("AIza", 4),
    shape("mrk_", 4),
    shape("gsk_", 4),
    shape("xai-", 4),
    shape("hf_", 8),
    shape("pplx-", 4),
    shape("r8_", 8),
    shape("nvapi-", 4),
    shape("csk-", 4),
    shape("fw_", 8),
    shape("tgp_", 8),
    shape("AKIA", 12),
    shape("ASIA", 12),
    shape("ya29.", 8),
    shape("eyJ", 20),
    Shape {
        prefix: PLAIN_WORD,
        shortest: 16,
        wants_digit: true,
    },
    word("Bearer ", 8),
    word("bearer ", 8),
];

/// The body with every credential in it replaced by [`REDACTED`]: what has the shape of one, and
/// `live`, the one that was sent, wherever it stands.
pub fn scrub<'a>(body: &'a [u8], live: Option<&[u8]>) -> Cow<'a, [u8]> {
    let live = live.filter(|live| live.len() >= SHORTEST_LIVE);
    let without_live = match live {
        Some(live) => replace(body, live),
        None => Cow::Borrowed(body),
    };
    let mut out = Vec::new();
    // Where the bytes begin that are not yet in `out`.
    let mut from = 0;
    let mut at = 0;
    // The run of token bytes before here has no digit, which is not looked for again.
    let mut plain_until = 0_usize;
    while let Some(rest) = without_live.get(at..).filter(|rest| !rest.is_empty()) {
        let before = at.checked_sub(1).and_then(|last| without_live.get(last));
        let found = if before.is_some_and(u8::is_ascii_alphanumeric) {
            None
        } else {
            let plain = plain_until.saturating_sub(at);
            let found = SHAPES.iter().find_map(|shape| shape.length(rest, plain));
            if found.is_none() && plain == 0 && rest.starts_with(PLAIN_WORD) {
                plain_until = at + token_length(rest);
            }
            found
        };
        let Some(length) = found else {
            at += 1;
            continue;
        };
        out.extend_from_slice(without_live.get(from..at).unwrap_or_default());
        out.extend_from_slice(REDACTED.as_bytes());
        at += length;
        from = at;
    }
    if from == 0 {
        return without_live;
    }
    out.extend_from_slice(without_live.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

impl Shape {
    /// How many bytes at the front of `rest` are a credential of this shape. The first `plain` of
    /// them are a run of token bytes without a digit.
    fn length(&self, rest: &[u8], plain: usize) -> Option<usize> {
        let token = rest.strip_prefix(self.prefix)?;
        if self.prefix == PLAIN_WORD && plain > 0 {
            return None;
        }
        let length = token_length(token);
        let token = token.get(..length)?;
        let is_long = length >= self.shortest;
        let is_one = is_long && (!self.wants_digit || token.iter().any(u8::is_ascii_digit));
        is_one.then_some(self.prefix.len() + length)
    }
}

/// How many bytes at the front of `text` are ones that credentials are made of.
fn token_length(text: &[u8]) -> usize {
    let end = text.iter().position(|byte| !is_token(*byte));
    end.unwrap_or(text.len())
}

/// What credentials are made of, with what stands for a middle that was left out: stars, dots and
/// the ellipsis, whose bytes are not ASCII.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || !byte.is_ascii()
        || matches!(byte, b'-' | b'_' | b'.' | b'*' | b'+' | b'/' | b'=' | b'~')
}

fn replace<'a>(body: &'a [u8], live: &[u8]) -> Cow<'a, [u8]> {
    let mut out = Vec::new();
    let mut from = 0;
    for at in memmem::find_iter(body, live) {
        out.extend_from_slice(body.get(from..at).unwrap_or_default());
        out.extend_from_slice(REDACTED.as_bytes());
        from = at + live.len();
    }
    if from == 0 {
        return Cow::Borrowed(body);
    }
    out.extend_from_slice(body.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scrubbed(body: &str) -> String {
        String::from_utf8(scrub(body.as_bytes(), None).into_owned()).unwrap()
    }

    #[test]
    fn credentials_are_masked_and_the_words_around_them_stay() {
        // Put together here, so that no scanner takes this file for a leak.
        for (prefix, rest) in [
            ("sk-", "ab…yz"),
            ("sk-", "proj-****************1234"),
            ("sk-", "ant-api03-Ab_cD-1"),
            ("sk-or-v1-", "0123456789abcdef"),
            ("AIza", "SyA0123456789"),
            ("mrk_", "lu_AAAAAAAAAAAA"),
            ("gsk_", "abc123DEF"),
            ("or-", "0123456789abcdef"),
            ("Bearer ", "abc.def-123"),
        ] {
            let body = format!(
                r#"{{"error":{{"message":"Incorrect API key provided: {prefix}{rest}"}}}}"#
            );
            assert_eq!(
                scrubbed(&body),
                r#"{"error":{"message":"Incorrect API key provided: [redacted]"}}"#
            );
        }
    }

    #[test]
    fn plain_words_stay() {
        for body in [
            "role 'system' is not supported on this model",
            "context_management: Extra inputs are not permitted",
            "risk-free task-based disk-cache",
            "Bearer authentication is required",
            "for-loops or-else either-or-neither",
            r#"{"error":{"type":"rate_limit_error"}}"#,
        ] {
            assert!(
                matches!(scrub(body.as_bytes(), None), Cow::Borrowed(_)),
                "{body}"
            );
        }
    }

    #[test]
    fn a_word_over_and_over_takes_no_longer_than_its_length() {
        let body = "or-".repeat(1 << 20);
        assert!(matches!(scrub(body.as_bytes(), None), Cow::Borrowed(_)));
        assert_eq!(
            scrubbed("or-else-or-neither or-else-or-0123456789abcdef"),
            "or-else-or-neither [redacted]"
        );
    }

    #[test]
    fn the_live_credential_is_masked_whatever_its_shape() {
        let body = b"key=0123abcd4567, again 0123abcd4567.";
        let out = scrub(body, Some(b"0123abcd4567"));
        assert_eq!(&*out, b"key=[redacted], again [redacted].");
        assert!(matches!(scrub(body, Some(b"")), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn json_stays_json_and_no_live_credential_stays(
            before in ".{0,40}", live in "[A-Za-z0-9_-]{12,40}", after in ".{0,40}",
            prefix in prop::sample::select(vec!["", "sk-", "Bearer ", "x-"]),
        ) {
            let body = serde_json::json!({ "error": format!("{before} {prefix}{live} {after}") }).to_string();
            let out = scrub(body.as_bytes(), Some(live.as_bytes()));
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
            prop_assert!(memmem::find(&out, live.as_bytes()).is_none());
        }

        #[test]
        fn scrubbing_twice_is_scrubbing_once(body in "[skAIza:\\- _mrB\"earer0-9.]{0,80}") {
            let once = scrub(body.as_bytes(), None).into_owned();
            prop_assert_eq!(scrub(&once, None).into_owned(), once.clone());
        }
    }
}
