//! The splitter of server-sent events.

use mirk_dialect::sse::{Field, Lines};

use crate::chance::{Chance, cut};

/// Asserts that the lines are the same however the stream is cut, that they and the line ends are all of the
/// stream, and that no line has a line end in it.
pub(super) fn lines(data: &[u8]) {
    let mut chance = Chance::of(data);
    let longest = *chance.pick(&[16 << 20, 64, 1]).unwrap_or(&64);
    let whole = read(&[data], longest);
    let pieces = read(&cut(data, &mut chance), longest);
    assert!(whole.is_ok() == pieces.is_ok(), "a cut changed the verdict");
    let (Ok(whole), Ok(pieces)) = (whole, pieces) else {
        return;
    };
    assert!(whole == pieces, "a cut changed the lines");
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    let kept = text.iter().filter(|byte| !is_end(byte));
    let seen = whole.iter().filter(|byte| **byte != b'\n');
    assert!(kept.eq(seen), "bytes were lost or invented");
    for line in whole.split(|byte| *byte == b'\n') {
        match Field::of(line) {
            Field::Data(value) | Field::Event(value) => assert!(line.ends_with(value)),
            Field::Blank => assert!(line.is_empty()),
            Field::Other => assert!(!line.is_empty()),
        }
    }
}

/// The lines, with a line feed behind each.
fn read(pieces: &[&[u8]], longest: usize) -> Result<Vec<u8>, ()> {
    let mut lines = Lines::new(longest);
    let mut seen = Vec::new();
    let mut has_end = false;
    for piece in pieces {
        let fed = lines.feed(piece, |line| {
            has_end |= line.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
            seen.extend_from_slice(line);
            seen.push(b'\n');
        });
        fed.map_err(|_too_long| ())?;
    }
    assert!(!has_end, "a line with a line end in it");
    if let Some(last) = lines.finish() {
        seen.extend_from_slice(&last);
    }
    Ok(seen)
}
