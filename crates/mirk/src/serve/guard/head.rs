//! A request head, line by line as it arrives (RFC 9112 sections 2 to 6).
//!
//! Invariant: the verdict depends on the bytes alone, never on how they were cut on their way:
//! every check of an unfinished line gives what the finished line would.

use std::ops::Range;

use mirk_model::{Kind, Problem};

use super::{
    Bounds, bounds,
    fields::{self, Field, Seen},
    line,
};

/// How the bytes after the head are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// There are none.
    Empty,
    /// So many bytes, never 0.
    Sized(u64),
    /// Chunks.
    Chunked,
}

/// A head that broke no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its length in bytes, with the empty line.
    pub(super) length: usize,
    /// What follows.
    pub(super) body: Body,
    /// An upgrade was asked for: nothing after this exchange may be read as HTTP.
    pub(super) is_last: bool,
}

/// How far a head has been read.
#[derive(Debug)]
pub(super) struct HeadScan {
    /// Where the first unread line starts.
    at: usize,
    /// How far the line end was looked for.
    looked: usize,
    first: Option<line::RequestLine>,
    fields: usize,
    seen: Seen,
    length: u64,
    host: Range<usize>,
    expects_other: bool,
}

impl HeadScan {
    /// At the start of a head.
    pub(super) const fn new() -> Self {
        Self {
            at: 0,
            looked: 0,
            first: None,
            fields: 0,
            seen: Seen::none(),
            length: 0,
            host: 0..0,
            expects_other: false,
        }
    }

    /// Reads on. `bytes` starts where the head starts and has at least what it had before.
    /// `None` when the head is not yet whole.
    pub(super) fn read(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<Option<Head>, Problem> {
        loop {
            let ahead = bytes.get(self.looked..).unwrap_or_default();
            let Some(distance) = memchr::memchr(b'\n', ahead) else {
                self.looked = bytes.len();
                self.check_unfinished(bytes, bounds)?;
                return Ok(None);
            };
            let end = self.looked + distance;
            let raw = bytes.get(self.at..end).unwrap_or_default();
            self.check_length(raw, end + 1, bounds)?;
            let Some(line) = raw.strip_suffix(b"\r") else {
                return Err(bad("A line of the head does not end in CR LF."));
            };
            let start = self.at;
            self.at = end + 1;
            self.looked = self.at;
            if self.first.is_none() {
                self.first = Some(line::read(line, bounds.target_bytes)?);
            } else if line.is_empty() {
                return self.finish(bytes, bounds).map(Some);
            } else {
                self.read_field(line, start, bounds)?;
            }
        }
    }

    fn check_unfinished(&self, bytes: &[u8], bounds: &Bounds) -> Result<(), Problem> {
        let raw = bytes.get(self.at..).unwrap_or_default();
        self.check_length(raw, bytes.len(), bounds)
    }

    /// `raw` is a line up to its LF, or as much of it as is there; `total` what the head has so far.
    fn check_length(&self, raw: &[u8], total: usize, bounds: &Bounds) -> Result<(), Problem> {
        // The CR may or may not be among `raw`: one byte more is never too much for it.
        if self.first.is_none() {
            line::check_start(raw)?;
            if raw.len() > line::longest(bounds.target_bytes) + 1 {
                return Err(line::too_long());
            }
        } else if raw.len() > bounds.line_bytes + 1 {
            return Err(too_large("A header line is too long."));
        }
        if total > bounds.head_bytes {
            return Err(too_large("The head is too large."));
        }
        Ok(())
    }

    fn read_field(&mut self, line: &[u8], start: usize, bounds: &Bounds) -> Result<(), Problem> {
        self.fields += 1;
        if self.fields > bounds.fields {
            return Err(too_large("Too many headers."));
        }
        let (name, value) = fields::split(line)?;
        let Some(field) = fields::known(name) else {
            return Ok(());
        };
        self.seen.note(field)?;
        match field {
            Field::Host => {
                let host = value.trim_ascii();
                fields::check_host(host)?;
                let lead = value.len() - value.trim_ascii_start().len();
                let from = start + name.len() + 1 + lead;
                self.host = from..from + host.len();
            }
            Field::ContentLength => self.length = fields::read_length(value)?,
            Field::TransferEncoding => fields::check_coding(value)?,
            Field::Connection => fields::check_connection(value)?,
            Field::Expect => self.expects_other = !fields::is_continue(value),
            Field::Upgrade
            | Field::ContentType
            | Field::ContentEncoding
            | Field::Authorization
            | Field::XApiKey
            | Field::ApiKey
            | Field::XGoogApiKey
            | Field::XMirkKey
            | Field::Origin => {}
        }
        Ok(())
    }

    /// The rules about the head as a whole.
    fn finish(&self, bytes: &[u8], bounds: &Bounds) -> Result<Head, Problem> {
        let Some(first) = &self.first else {
            return Err(bad("The request line is missing."));
        };
        let has = |field| self.seen.has(field);
        if !has(Field::Host) && !first.is_old {
            return Err(bad("Host is missing."));
        }
        if let Some(authority) = first.authority.clone()
            && has(Field::Host)
            && !same(bytes.get(authority), bytes.get(self.host.clone()))
        {
            return Err(bad("The request target names another host than Host does."));
        }
        if has(Field::TransferEncoding) && (has(Field::ContentLength) || first.is_old) {
            return Err(bad("Transfer-Encoding may not stand here."));
        }
        if first.is_old && first.has_body && !has(Field::ContentLength) {
            return Err(bad("A body over HTTP/1.0 needs a Content-Length."));
        }
        if self.expects_other {
            return Err(Problem::new(
                Kind::ExpectationFailed,
                "The only expectation that is met here is 100-continue.",
            ));
        }
        if self.length > bounds.body_bytes {
            return Err(bounds::body_too_large());
        }
        Ok(Head {
            length: self.at,
            body: self.body(),
            is_last: has(Field::Upgrade),
        })
    }

    fn body(&self) -> Body {
        if self.seen.has(Field::TransferEncoding) {
            Body::Chunked
        } else if self.length > 0 {
            Body::Sized(self.length)
        } else {
            Body::Empty
        }
    }
}

fn same(one: Option<&[u8]>, other: Option<&[u8]>) -> bool {
    one.zip(other)
        .is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
}

fn bad(words: &'static str) -> Problem {
    Problem::new(Kind::BadRequest, words)
}

fn too_large(words: &'static str) -> Problem {
    Problem::new(Kind::HeadersTooLarge, words)
}
