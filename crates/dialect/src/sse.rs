//! Server-sent events: lines and fields out of chunks that are split anywhere.
//!
//! Invariant: the same bytes give the same lines however they are cut; a line that lies inside one
//! chunk is not copied. Source: WHATWG HTML, "Server-sent events", 9.2.6.

use std::fmt;

use memchr::memchr2;

/// The longest line that is accepted, in bytes.
pub const LONGEST_LINE: usize = 16 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A line grew beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line of the stream is longer than {0} bytes")]
pub struct LineTooLong(pub usize);

/// A part of a line, as it lies in a chunk, without its line end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Whether the line ends behind them.
    pub ends_line: bool,
}

/// Cuts chunks at line ends (CRLF, LF or CR) without keeping any bytes.
#[derive(Debug)]
pub struct Splitter {
    longest: usize,
    /// Bytes of the line so far.
    length: usize,
    /// How much of a byte order mark was seen; `None` behind the start of the stream.
    mark: Option<usize>,
    /// The last line ended with CR; a LF that follows belongs to it.
    after_cr: bool,
}

impl Splitter {
    /// A splitter at the start of a stream that refuses lines longer than `longest` bytes.
    pub const fn new(longest: usize) -> Self {
        Self {
            longest,
            length: 0,
            mark: Some(0),
            after_cr: false,
        }
    }

    /// Takes the next piece from the front of `rest`; `None` when `rest` is used up.
    ///
    /// # Errors
    /// [`LineTooLong`] when a line exceeds the limit; the splitter is of no use after it.
    pub fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Result<Option<Piece<'a>>, LineTooLong> {
        if let Some(piece) = self.step_over_mark(rest) {
            return Ok(Some(piece));
        }
        if self.after_cr
            && let Some((first, after)) = rest.split_first()
        {
            self.after_cr = false;
            if *first == b'\n' {
                *rest = after;
            }
        }
        if rest.is_empty() {
            return Ok(None);
        }
        let end = memchr2(b'\n', b'\r', rest);
        let (bytes, tail) = rest
            .split_at_checked(end.unwrap_or(rest.len()))
            .unwrap_or((rest, &[]));
        self.length = self.length.saturating_add(bytes.len());
        if self.length > self.longest {
            return Err(LineTooLong(self.longest));
        }
        if end.is_some() {
            self.length = 0;
            self.after_cr = tail.first() == Some(&b'\r');
        }
        *rest = tail.get(1..).unwrap_or_default();
        Ok(Some(Piece {
            bytes,
            ends_line: end.is_some(),
        }))
    }

    /// What a stream that ends now began with: the beginning of a mark that nothing followed.
    fn begun_mark(&self) -> &'static [u8] {
        self.mark
            .filter(|seen| *seen < BYTE_ORDER_MARK.len())
            .and_then(|seen| BYTE_ORDER_MARK.get(..seen))
            .unwrap_or_default()
    }

    /// Drops a byte order mark at the start of the stream. A beginning of one that turns out to be
    /// text comes back as a piece.
    fn step_over_mark<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Piece<'a>> {
        while let Some(seen) = self.mark {
            let (first, after) = rest.split_first()?;
            match BYTE_ORDER_MARK.get(seen) {
                Some(expected) if first == expected => {
                    *rest = after;
                    self.mark = Some(seen + 1);
                }
                None => self.mark = None,
                Some(_) => {
                    self.mark = None;
                    self.length = seen;
                    let bytes = BYTE_ORDER_MARK.get(..seen).unwrap_or_default();
                    let ends_line = false;
                    return (seen > 0).then_some(Piece { bytes, ends_line });
                }
            }
        }
        None
    }
}

impl fmt::Debug for Piece<'_> {
    /// Its length only: what passes here is never written down.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Piece")
            .field("length", &self.bytes.len())
            .field("ends_line", &self.ends_line)
            .finish()
    }
}

/// Whole lines out of chunks. Copies only the lines that a chunk boundary cuts.
pub struct Lines {
    splitter: Splitter,
    carried: Vec<u8>,
}

impl fmt::Debug for Lines {
    /// Lengths only: what passes here is never written down.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Lines")
            .field("carried", &self.carried.len())
            .finish_non_exhaustive()
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new(LONGEST_LINE)
    }
}

impl Lines {
    /// Lines of at most `longest` bytes.
    pub const fn new(longest: usize) -> Self {
        Self {
            splitter: Splitter::new(longest),
            carried: Vec::new(),
        }
    }

    /// Shows `line` every line that ends in `chunk`, without its line end.
    ///
    /// # Errors
    /// [`LineTooLong`] when a line exceeds the limit.
    pub fn feed(&mut self, chunk: &[u8], mut line: impl FnMut(&[u8])) -> Result<(), LineTooLong> {
        let mut rest = chunk;
        while let Some(piece) = self.splitter.next(&mut rest)? {
            if piece.ends_line && self.carried.is_empty() {
                line(piece.bytes);
                continue;
            }
            self.carried.extend_from_slice(piece.bytes);
            if piece.ends_line {
                line(&self.carried);
                self.carried.clear();
            }
        }
        Ok(())
    }

    /// The last line, when the stream ended inside it.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        self.carried.extend_from_slice(self.splitter.begun_mark());
        (!self.carried.is_empty()).then_some(self.carried)
    }
}

/// What a line says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Field<'a> {
    /// An empty line: the event is complete.
    Blank,
    /// `data`; several of one event are joined with LF.
    Data(&'a [u8]),
    /// `event`: the type of the event.
    Event(&'a [u8]),
    /// A comment, `id`, `retry` or an unknown field.
    Other,
}

impl fmt::Debug for Field<'_> {
    /// Lengths only: what passes here is never written down.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => write!(out, "Blank"),
            Self::Data(value) => write!(out, "Data({} bytes)", value.len()),
            Self::Event(value) => write!(out, "Event({} bytes)", value.len()),
            Self::Other => write!(out, "Other"),
        }
    }
}

impl<'a> Field<'a> {
    /// Reads a line without its line end.
    pub fn of(line: &'a [u8]) -> Self {
        if line.is_empty() {
            return Self::Blank;
        }
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => (
                line.get(..colon).unwrap_or_default(),
                line.get(colon + 1..).unwrap_or_default(),
            ),
            None => (line, [].as_slice()),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => Self::Data(value),
            b"event" => Self::Event(value),
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines_of(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for chunk in chunks {
            lines.feed(chunk, |line| seen.push(line.to_vec())).unwrap();
        }
        seen.extend(lines.finish());
        seen
    }

    #[test]
    fn every_kind_of_line_end_ends_a_line_once() {
        let expected: Vec<&[u8]> = vec![b"a", b"b", b"", b"c", b"", b"", b"d"];
        assert_eq!(lines_of(&[b"a\r\nb\r\rc\n\n\r\nd"]), expected);
    }

    #[test]
    fn a_byte_order_mark_is_dropped_only_at_the_start() {
        assert_eq!(
            lines_of(&[b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n"]),
            [&b"a"[..], b"\xef\xbb\xbfb"]
        );
        assert_eq!(lines_of(&[b"\xef", b"\xbb", b"\xbf", b"a\n"]), [b"a"]);
        assert_eq!(lines_of(&[b"\xef\xbb", b"x\n"]), [b"\xef\xbbx"]);
        assert_eq!(lines_of(&[b"\xef", b"\xbb"]), [b"\xef\xbb"]);
        assert!(lines_of(&[b"\xef\xbb\xbf"]).is_empty());
    }

    #[test]
    fn fields_are_read_as_the_standard_says() {
        assert_eq!(Field::of(b"data: {}"), Field::Data(b"{}"));
        assert_eq!(Field::of(b"data:  x"), Field::Data(b" x"));
        assert_eq!(Field::of(b"data:x:y"), Field::Data(b"x:y"));
        assert_eq!(Field::of(b"data"), Field::Data(b""));
        assert_eq!(Field::of(b"event:error"), Field::Event(b"error"));
        for line in [&b": ping"[..], b"id: 1", b"retry: 5", b"Data: x", b"dat"] {
            assert_eq!(Field::of(line), Field::Other);
        }
        assert_eq!(Field::of(b""), Field::Blank);
    }

    #[test]
    fn a_line_beyond_the_limit_is_refused_however_it_arrives() {
        let mut lines = Lines::new(4);
        assert_eq!(lines.feed(b"abcd\nabcd", |_| ()), Ok(()));
        assert_eq!(lines.feed(b"e", |_| ()), Err(LineTooLong(4)));
        assert_eq!(Lines::new(4).feed(b"abcde\n", |_| ()), Err(LineTooLong(4)));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(
            text in "(\u{feff})?([ab:]|\r\n|\r|\n|data: ){0,40}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let text = text.as_bytes();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(lines_of(&chunks), lines_of(&[text]));
        }
    }
}
