//! The request line: method, target, version (RFC 9112 section 3), stricter than the RFC allows.
//!
//! Invariant: whatever passes here is also read by `http::Uri` and by hyper, so that no malformed
//! request is answered by anything but our own service.

use std::ops::Range;

use mirk_model::{Kind, Problem};

use super::fields;

/// Longest method that is read, in bytes.
const METHOD_BYTES: usize = 32;
/// `SP method-end` to version: two spaces and `HTTP/1.1`.
const AROUND_TARGET: usize = METHOD_BYTES + 2 + 8;

/// What the rest of the head must be judged by.
#[derive(Debug)]
pub(super) struct RequestLine {
    /// HTTP/1.0 rather than 1.1.
    pub(super) is_old: bool,
    /// The method carries a body, so that HTTP/1.0 must say how long it is.
    pub(super) has_body: bool,
    /// Where the authority of an absolute-form target lies, counted from the line's start.
    pub(super) authority: Option<Range<usize>>,
}

/// Longest request line for a target of `target_bytes`, without its line end.
pub(super) const fn longest(target_bytes: usize) -> usize {
    target_bytes + AROUND_TARGET
}

/// Judges what can be judged before the line has ended. Gives the same answer for every longer
/// prefix of the same line, and so does [`read`].
pub(super) fn check_start(line: &[u8]) -> Result<(), Problem> {
    let start = line.get(..=METHOD_BYTES).unwrap_or(line);
    let method = start.split(|&byte| byte == b' ').next().unwrap_or(start);
    if method.len() > METHOD_BYTES {
        return Err(bad("The request method is too long."));
    }
    if !method.iter().all(|&byte| is_method(byte)) {
        return Err(bad("The request method is malformed."));
    }
    Ok(())
}

/// The refusal of a request line longer than [`longest`].
pub(super) fn too_long() -> Problem {
    Problem::new(Kind::UriTooLong, "The request target is too long.")
}

/// Reads a whole request line, without its line end. The caller has checked its start and length.
pub(super) fn read(line: &[u8], target_bytes: usize) -> Result<RequestLine, Problem> {
    let mut parts = line.splitn(3, |&byte| byte == b' ');
    let (Some(method), Some(target), Some(version)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(bad("The request line is malformed."));
    };
    if method.is_empty() {
        return Err(bad("The request method is malformed."));
    }
    if target.len() > target_bytes {
        return Err(too_long());
    }
    let is_old = read_version(version)?;
    if method == b"CONNECT" {
        return Err(Problem::new(
            Kind::MethodNotAllowed,
            "This is not a forward proxy.",
        ));
    }
    let authority = read_target(method, target)?.map(|range| {
        let before = method.len() + 1;
        range.start + before..range.end + before
    });
    Ok(RequestLine {
        is_old,
        has_body: matches!(method, b"POST" | b"PUT" | b"PATCH"),
        authority,
    })
}

fn read_version(version: &[u8]) -> Result<bool, Problem> {
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(Problem::new(
                Kind::VersionNotSupported,
                "Only HTTP/1.1 and HTTP/1.0 are spoken on this listener.",
            ))
        }
        _ => Err(bad("The request line is malformed.")),
    }
}

/// Checks the target's form; for an absolute one, says where in it the authority lies.
fn read_target(method: &[u8], target: &[u8]) -> Result<Option<Range<usize>>, Problem> {
    if target.starts_with(b"/") {
        return check_path(target).map(|()| None);
    }
    if target == b"*" {
        return if method == b"OPTIONS" {
            Ok(None)
        } else {
            Err(bad("Only OPTIONS may ask about the server as a whole."))
        };
    }
    let scheme = [&b"http://"[..], b"https://"].into_iter().find(|scheme| {
        target
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let Some(start) = scheme.map(<[u8]>::len) else {
        return Err(bad("The request target is malformed."));
    };
    let rest = target.get(start..).unwrap_or_default();
    let length = memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    fields::check_host(authority)?;
    check_path(path)?;
    Ok(Some(start..start + length))
}

/// Path and query, byte for byte: RFC 3986 `pchar` and `/` before the first `?`; after it also the
/// brackets, braces, bars and hats that clients leave unescaped there.
fn check_path(target: &[u8]) -> Result<(), Problem> {
    let path_end = memchr::memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at_checked(path_end).unwrap_or((target, &[]));
    if path.iter().all(|&byte| is_path(byte)) && query.iter().all(|&byte| is_query(byte)) {
        return Ok(());
    }
    Err(bad(
        "The request target has a character that must be escaped.",
    ))
}

fn is_method(byte: u8) -> bool {
    fields::is_token(byte) && !byte.is_ascii_lowercase()
}

const fn is_path(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'$'..=b';' | b'=' | b'@'..=b'Z' | b'_' | b'a'..=b'z' | b'~')
}

const fn is_query(byte: u8) -> bool {
    is_path(byte) || matches!(byte, b'?' | b'[' | b']' | b'^' | b'`' | b'{' | b'|' | b'}')
}

fn bad(words: &'static str) -> Problem {
    Problem::new(Kind::BadRequest, words)
}
