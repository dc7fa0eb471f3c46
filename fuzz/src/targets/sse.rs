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
    assert!(!whole.iter().flatten().any(is_end));
    let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    let kept = text.iter().filter(|byte| !is_end(byte));
    assert!(
        kept.eq(whole.iter().flatten()),
        "bytes were lost or invented"
    );
    for line in &whole {
        match Field::of(line) {
            Field::Data(value) | Field::Event(value) => assert!(line.ends_with(value)),
            Field::Blank => assert!(line.is_empty()),
            Field::Other => assert!(!line.is_empty()),
        }
    }
}

fn read(pieces: &[&[u8]], longest: usize) -> Result<Vec<Vec<u8>>, ()> {
    let mut lines = Lines::new(longest);
    let mut seen = Vec::new();
    for piece in pieces {
        lines
            .feed(piece, |line| seen.push(line.to_vec()))
            .map_err(|_too_long| ())?;
    }
    seen.extend(lines.finish());
    Ok(seen)
}
