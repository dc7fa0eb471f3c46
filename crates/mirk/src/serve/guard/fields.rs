//! One header field at a time: which names may come once, and what the ones that frame or name
//! the message may hold.

use mirk_model::{Kind, Problem};

/// Header fields that the guard looks at; each is one bit in [`Seen`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Field {
    /// `Host`
    Host = 1,
    /// `Content-Length`
    ContentLength = 1 << 1,
    /// `Transfer-Encoding`
    TransferEncoding = 1 << 2,
    /// `Expect`
    Expect = 1 << 3,
    /// `Connection`; may come more than once.
    Connection = 1 << 4,
    /// `Upgrade`; may come more than once.
    Upgrade = 1 << 5,
    /// `Content-Type`
    ContentType = 1 << 6,
    /// `Content-Encoding`
    ContentEncoding = 1 << 7,
    /// `Authorization`
    Authorization = 1 << 8,
    /// `X-Api-Key`
    XApiKey = 1 << 9,
    /// `Api-Key`
    ApiKey = 1 << 10,
    /// `X-Goog-Api-Key`
    XGoogApiKey = 1 << 11,
    /// `X-Mirk-Key`
    XMirkKey = 1 << 12,
    /// `Origin`
    Origin = 1 << 13,
}

/// Which fields have come so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen(u32);

impl Seen {
    /// None has.
    pub(super) const fn none() -> Self {
        Self(0)
    }

    /// Notes `field`.
    ///
    /// # Errors
    /// A field that may come once has come before.
    pub(super) fn note(&mut self, field: Field) -> Result<(), Problem> {
        let may_repeat = matches!(field, Field::Connection | Field::Upgrade);
        if self.has(field) && !may_repeat {
            return Err(bad("A header that may come once came twice."));
        }
        self.0 |= field as u32;
        Ok(())
    }

    /// Has `field` come?
    pub(super) const fn has(self, field: Field) -> bool {
        self.0 & field as u32 != 0
    }
}

/// Splits a header line at its colon and checks both halves, byte by byte. The value still has the
/// white space around it.
///
/// # Errors
/// Folded lines, empty names, white space before the colon, anything but visible ASCII, space and
/// tab in the value.
pub(super) fn split(line: &[u8]) -> Result<(&[u8], &[u8]), Problem> {
    let colon = memchr::memchr(b':', line).unwrap_or(0);
    let (name, rest) = line.split_at_checked(colon).unwrap_or((&[], line));
    if name.is_empty() || !name.iter().all(|&byte| is_token(byte)) {
        return Err(bad("A header name is malformed."));
    }
    let value = rest.get(1..).unwrap_or_default();
    // Without a way out of the loop, so that it is done many bytes at a time.
    if !value.iter().fold(true, |good, &byte| good & is_value(byte)) {
        return Err(bad(
            "A header value has a character that may not stand there.",
        ));
    }
    Ok((name, value))
}

/// The field that `name` names, if the guard looks at it.
pub(super) fn known(name: &[u8]) -> Option<Field> {
    let candidates: &[(&[u8], Field)] = match name.len() {
        4 => &[(b"host", Field::Host)],
        6 => &[(b"expect", Field::Expect), (b"origin", Field::Origin)],
        7 => &[(b"upgrade", Field::Upgrade), (b"api-key", Field::ApiKey)],
        9 => &[(b"x-api-key", Field::XApiKey)],
        10 => &[
            (b"connection", Field::Connection),
            (b"x-mirk-key", Field::XMirkKey),
        ],
        12 => &[(b"content-type", Field::ContentType)],
        13 => &[(b"authorization", Field::Authorization)],
        14 => &[
            (b"content-length", Field::ContentLength),
            (b"x-goog-api-key", Field::XGoogApiKey),
        ],
        16 => &[(b"content-encoding", Field::ContentEncoding)],
        17 => &[(b"transfer-encoding", Field::TransferEncoding)],
        _ => &[],
    };
    candidates
        .iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known))
        .map(|&(_, field)| field)
}

/// Reads a `Content-Length`: digits and nothing else, after at most one space.
///
/// # Errors
/// Signs, lists, other bases, white space, nothing at all, more than 2^63.
pub(super) fn read_length(raw: &[u8]) -> Result<u64, Problem> {
    const WORDS: &str = "Content-Length is malformed.";
    let digits = raw.strip_prefix(b" ").unwrap_or(raw);
    if digits.is_empty() || digits.len() > 20 {
        return Err(bad(WORDS));
    }
    let mut length: u64 = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return Err(bad(WORDS));
        }
        length = length
            .checked_mul(10)
            .and_then(|length| length.checked_add(u64::from(digit - b'0')))
            .filter(|&length| length <= 1 << 63)
            .ok_or_else(|| bad(WORDS))?;
    }
    Ok(length)
}

/// Checks a `Transfer-Encoding`: `chunked` in any case after at most one space, and nothing else.
///
/// # Errors
/// Every other coding, list or white space.
pub(super) fn check_coding(raw: &[u8]) -> Result<(), Problem> {
    let coding = raw.strip_prefix(b" ").unwrap_or(raw);
    if coding.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    Err(bad(
        "The only transfer coding that is read here is chunked.",
    ))
}

/// Checks that `Connection` names no field that is meant for the far end.
///
/// # Errors
/// Anything but the known hop-by-hop options.
pub(super) fn check_connection(raw: &[u8]) -> Result<(), Problem> {
    const OPTIONS: [&[u8]; 7] = [
        b"close",
        b"keep-alive",
        b"upgrade",
        b"te",
        b"http2-settings",
        b"proxy-connection",
        b"",
    ];
    let is_known = |option: &[u8]| {
        let option = option.trim_ascii();
        OPTIONS
            .iter()
            .any(|known| option.eq_ignore_ascii_case(known))
    };
    if raw.split(|&byte| byte == b',').all(is_known) {
        return Ok(());
    }
    Err(bad("Connection names a header that is not its to drop."))
}

/// Is this `Expect` the one that is understood?
pub(super) fn is_continue(raw: &[u8]) -> bool {
    raw.trim_ascii().eq_ignore_ascii_case(b"100-continue")
}

/// Checks a host with an optional port: letters, digits, `-`, `.` and `_`, or an address in brackets.
///
/// # Errors
/// Every other character (RFC 3986 allows more; no host that is served needs them), an empty name,
/// a port that is no number up to 65535.
pub(super) fn check_host(host: &[u8]) -> Result<(), Problem> {
    const WORDS: &str = "The host is malformed.";
    let (name, port) = if let Some(inner) = host.strip_prefix(b"[") {
        let end = memchr::memchr(b']', inner).ok_or_else(|| bad(WORDS))?;
        let (name, rest) = inner.split_at_checked(end).unwrap_or((inner, &[]));
        if !name
            .iter()
            .all(|&byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        {
            return Err(bad(WORDS));
        }
        (name, rest.get(1..).unwrap_or_default())
    } else {
        let end = memchr::memchr(b':', host).unwrap_or(host.len());
        let (name, rest) = host.split_at_checked(end).unwrap_or((host, &[]));
        if !name.iter().all(|&byte| is_host_name(byte)) {
            return Err(bad(WORDS));
        }
        (name, rest)
    };
    if name.is_empty() || !is_port(port) {
        return Err(bad(WORDS));
    }
    Ok(())
}

/// Nothing, or a colon and a number that fits a port (or nothing: RFC 3986 allows that).
fn is_port(port: &[u8]) -> bool {
    match port {
        [] => true,
        [b':', digits @ ..] => {
            digits.len() <= 5
                && digits.iter().all(u8::is_ascii_digit)
                && digits
                    .iter()
                    .fold(0_u32, |port, digit| port * 10 + u32::from(digit - b'0'))
                    <= 0xFFFF
        }
        _ => false,
    }
}

/// Which bytes are tokens. A table, since every byte of every header name is looked up: half the
/// guard's time went into comparing them with ranges.
#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "done by the compiler: an index past the end would not build"
)]
const TOKENS: [bool; 256] = {
    let mut tokens = [false; 256];
    let mut byte = 0;
    while byte < tokens.len() {
        tokens[byte] = matches!(byte as u8,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9'
            | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~');
        byte += 1;
    }
    tokens
};

/// RFC 9110 `tchar`.
pub(super) fn is_token(byte: u8) -> bool {
    TOKENS.get(usize::from(byte)).copied().unwrap_or(false)
}

/// What may stand in a header value: RFC 9110 without `obs-text`.
pub(super) const fn is_value(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t')
}

const fn is_host_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

fn bad(words: &'static str) -> Problem {
    Problem::new(Kind::BadRequest, words)
}
