//! A chunked body, byte for byte (RFC 9112 section 7.1), so that its end is found where hyper will
//! find it, and nothing that hyper reads more kindly gets through.
//!
//! Trailer fields are checked and swallowed: hyper is never shown one, so none can become a header.

use super::fields;

/// Digits of a chunk size; more could not be a size in 64 bits.
const SIZE_DIGITS: u8 = 16;
/// Bytes of one chunk's extension.
const EXTENSION_BYTES: u16 = 256;
/// Trailer lines of one body.
const TRAILER_LINES: u16 = 32;
/// Bytes of all trailer lines of one body.
const TRAILER_BYTES: u16 = 8 * 1024;

/// Why a body was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The chunks are malformed.
    Malformed,
    /// The chunks hold more than a body may.
    TooLarge,
    /// There are too many trailers.
    Trailers,
}

/// Where in the body the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a line after the last chunk.
    Line,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
}

/// How far a chunked body has been read.
#[derive(Debug)]
pub(super) struct ChunkScan {
    place: Place,
    /// What is left of the chunk; its size while that is being read.
    left: u64,
    digits: u8,
    extension: u16,
    /// Bytes of all chunks announced so far.
    total: u64,
    trailer_lines: u16,
    trailer_bytes: u16,
}

/// What came of a run of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ran {
    /// So many bytes, moved to the front, are to be handed on.
    pub(super) kept: usize,
    /// So many bytes are done with.
    pub(super) used: usize,
    /// The body ended with the last used byte.
    pub(super) is_end: bool,
    /// The byte after the used ones breaks the body.
    pub(super) fault: Option<Fault>,
}

impl ChunkScan {
    /// At the start of a body.
    pub(super) const fn new() -> Self {
        Self {
            place: Place::Size,
            left: 0,
            digits: 0,
            extension: 0,
            total: 0,
            trailer_lines: 0,
            trailer_bytes: 0,
        }
    }

    /// Reads `bytes`, of which `body_bytes` in all may be data, and closes the gap that swallowed
    /// trailers leave.
    pub(super) fn run(&mut self, bytes: &mut [u8], body_bytes: u64) -> Ran {
        let mut ran = Ran {
            kept: 0,
            used: 0,
            is_end: false,
            fault: None,
        };
        while let Some(&byte) = bytes.get(ran.used) {
            if self.place == Place::Data {
                let ahead = bytes.len() - ran.used;
                let data = usize::try_from(self.left).unwrap_or(usize::MAX).min(ahead);
                self.take_data(data);
                // Trailers come last, so that nothing was swallowed before data.
                ran.used += data;
                ran.kept += data;
                continue;
            }
            let is_end = self.place == Place::LastLf;
            match self.step(byte, body_bytes) {
                Ok(false) => {}
                Ok(true) => {
                    if ran.kept != ran.used
                        && let Some(slot) = bytes.get_mut(ran.kept)
                    {
                        *slot = byte;
                    }
                    ran.kept += 1;
                }
                Err(fault) => {
                    ran.fault = Some(fault);
                    return ran;
                }
            }
            ran.used += 1;
            if is_end {
                ran.is_end = true;
                return ran;
            }
        }
        ran
    }

    fn take_data(&mut self, data: usize) {
        self.left = self.left.saturating_sub(data as u64);
        if self.left == 0 {
            self.place = Place::DataCr;
        }
    }

    /// One byte outside data. `true` when it is to be handed on.
    fn step(&mut self, byte: u8, body_bytes: u64) -> Result<bool, Fault> {
        match self.place {
            Place::Size => self.size(byte).map(|()| true),
            Place::Extension => self.extension(byte).map(|()| true),
            Place::SizeLf => {
                expect(byte, b'\n')?;
                self.start_chunk(body_bytes).map(|()| true)
            }
            Place::Data => Err(Fault::Malformed),
            Place::DataCr => self.go(byte, b'\r', Place::DataLf).map(|()| true),
            Place::DataLf => {
                self.digits = 0;
                self.left = 0;
                self.go(byte, b'\n', Place::Size).map(|()| true)
            }
            Place::LastLf => expect(byte, b'\n').map(|()| true),
            Place::Line if byte == b'\r' => {
                self.place = Place::LastLf;
                Ok(true)
            }
            Place::Line | Place::TrailerName | Place::TrailerValue | Place::TrailerLf => {
                self.trailer(byte).map(|()| false)
            }
        }
    }

    fn go(&mut self, byte: u8, wanted: u8, next: Place) -> Result<(), Fault> {
        expect(byte, wanted)?;
        self.place = next;
        Ok(())
    }

    fn size(&mut self, byte: u8) -> Result<(), Fault> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            self.digits += 1;
            if self.digits > SIZE_DIGITS {
                return Err(Fault::Malformed);
            }
            self.left = self.left << 4 | u64::from(digit);
            return Ok(());
        }
        if self.digits == 0 {
            return Err(Fault::Malformed);
        }
        self.place = match byte {
            b'\r' => Place::SizeLf,
            b';' => Place::Extension,
            _ => return Err(Fault::Malformed),
        };
        self.extension = 0;
        Ok(())
    }

    fn extension(&mut self, byte: u8) -> Result<(), Fault> {
        if byte == b'\r' {
            self.place = Place::SizeLf;
            return Ok(());
        }
        self.extension += 1;
        if self.extension > EXTENSION_BYTES || !fields::is_value(byte) {
            return Err(Fault::Malformed);
        }
        Ok(())
    }

    fn start_chunk(&mut self, body_bytes: u64) -> Result<(), Fault> {
        self.total = self.total.saturating_add(self.left);
        if self.total > body_bytes {
            return Err(Fault::TooLarge);
        }
        self.place = if self.left == 0 {
            Place::Line
        } else {
            Place::Data
        };
        Ok(())
    }

    fn trailer(&mut self, byte: u8) -> Result<(), Fault> {
        self.trailer_bytes += 1;
        if self.place == Place::Line {
            self.trailer_lines += 1;
        }
        if self.trailer_bytes > TRAILER_BYTES || self.trailer_lines > TRAILER_LINES {
            return Err(Fault::Trailers);
        }
        self.place = match (self.place, byte) {
            (Place::TrailerName, b':') => Place::TrailerValue,
            (Place::Line | Place::TrailerName, byte) if fields::is_token(byte) => {
                Place::TrailerName
            }
            (Place::TrailerValue, b'\r') => Place::TrailerLf,
            (Place::TrailerValue, byte) if fields::is_value(byte) => Place::TrailerValue,
            (Place::TrailerLf, b'\n') => Place::Line,
            _ => return Err(Fault::Malformed),
        };
        Ok(())
    }
}

fn expect(byte: u8, wanted: u8) -> Result<(), Fault> {
    if byte == wanted {
        Ok(())
    } else {
        Err(Fault::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is handed on, and how it ended, with the bytes cut after every `step`.
    fn run(body: &[u8], step: usize, cap: u64) -> (Vec<u8>, bool, Option<Fault>) {
        let mut scan = ChunkScan::new();
        let mut out = Vec::new();
        for piece in body.chunks(step) {
            let mut piece = piece.to_vec();
            let ran = scan.run(&mut piece, cap);
            out.extend_from_slice(&piece[..ran.kept]);
            if ran.is_end || ran.fault.is_some() {
                return (out, ran.is_end, ran.fault);
            }
        }
        (out, false, None)
    }

    #[test]
    fn well_formed_chunks_come_out_as_they_went_in() {
        let body = b"5;a=\"b\"\r\nhello\r\n00A\r\n0123456789\r\n0\r\n\r\n";
        for step in 1..=body.len() {
            assert_eq!(run(body, step, 15), (body.to_vec(), true, None));
        }
    }

    #[test]
    fn trailers_are_swallowed_wherever_they_are_cut() {
        let body = b"1\r\nx\r\n0\r\nContent-Length: 5\r\nAuthorization: a\r\n\r\n";
        for step in 1..=body.len() {
            assert_eq!(
                run(body, step, 9),
                (b"1\r\nx\r\n0\r\n\r\n".to_vec(), true, None)
            );
        }
    }

    #[test]
    fn malformed_chunks_are_refused_at_the_byte_that_breaks_them() {
        let long = format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(257));
        let bad: &[&[u8]] = &[
            b"0x5\r\n",
            b"\r\n",
            b"+5\r\n",
            b" 5\r\n",
            b"5 \r\n",
            b"5\n",
            b"5\rx",
            b"1\r\nx\n",
            b"1\r\nxy",
            b"1\r\nx\rz",
            b"00000000000000005\r\n",
            b"1;a\x00\r\n",
            b"1;a\n",
            b"0\r\n\n",
            b"0\r\n\rx",
            b"0\r\n: a\r\n",
            b"0\r\n a: b\r\n",
            b"0\r\na b: c\r\n",
            b"0\r\na: b\n",
            b"0\r\na: \xff\r\n",
            long.as_bytes(),
        ];
        for body in bad {
            let whole = run(body, body.len(), 100);
            assert_eq!(whole.2, Some(Fault::Malformed), "{}", body.escape_ascii());
            assert_eq!(run(body, 1, 100), whole, "{}", body.escape_ascii());
        }
    }

    #[test]
    fn the_cap_is_exact_and_judged_by_the_size_line() {
        assert_eq!(run(b"8\r\n", 3, 8).2, None);
        assert_eq!(run(b"9\r\n", 3, 8).2, Some(Fault::TooLarge));
        assert_eq!(run(b"4\r\nabcd\r\n5\r\n", 99, 8).2, Some(Fault::TooLarge));
        assert_eq!(run(b"FFFFFFFFFFFFFFFF\r\n", 99, 8).2, Some(Fault::TooLarge));
    }

    #[test]
    fn trailers_are_bounded_in_number_and_size() {
        let lines = |count: usize| format!("0\r\n{}\r\n", "a: b\r\n".repeat(count));
        assert_eq!(run(lines(32).as_bytes(), 7, 8).2, None);
        assert_eq!(run(lines(33).as_bytes(), 7, 8).2, Some(Fault::Trailers));
        let long = format!("0\r\na: {}\r\n\r\n", "b".repeat(8192));
        assert_eq!(run(long.as_bytes(), 99, 8).2, Some(Fault::Trailers));
    }
}
