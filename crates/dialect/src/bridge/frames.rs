//! A provider's stream cut into the data of its events, however its bytes are cut.
//!
//! Invariant: at most one event, and 16 MiB of it, is kept at a time.

use std::borrow::Cow;

use crate::{
    sse::{Field, LONGEST_LINE, Lines},
    wire::Malformed,
};

/// Cuts a stream into the data of its events.
#[derive(Debug)]
pub(super) struct Frames {
    lines: Lines,
    kind: Kind,
}

enum Kind {
    /// Server-sent events; the data of the event so far, and whether there is any.
    Events { data: Vec<u8>, has_data: bool },
    /// One JSON value a line.
    Lines,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Events { .. } => "Events",
            Self::Lines => "Lines",
        })
    }
}

impl Frames {
    /// Of server-sent events, or of lines.
    pub(super) fn new(is_lines: bool) -> Self {
        let kind = if is_lines {
            Kind::Lines
        } else {
            Kind::Events {
                data: Vec::new(),
                has_data: false,
            }
        };
        Self {
            lines: Lines::default(),
            kind,
        }
    }

    /// Shows `found` the data of every event that `chunk` completes. What is no UTF-8 becomes
    /// U+FFFD.
    pub(super) fn feed(
        &mut self,
        chunk: &[u8],
        found: &mut dyn FnMut(&str) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let Self { lines, kind } = self;
        let mut result = Ok(());
        let fed = lines.feed(chunk, |line| {
            if result.is_ok() {
                result = kind.line(line, found);
            }
        });
        result?;
        fed.map_err(|_long| Malformed(Cow::Borrowed("the provider sent a line without an end")))
    }

    /// The stream ended; an event that was not ended counts as ended.
    pub(super) fn finish(
        self,
        found: &mut dyn FnMut(&str) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let Self { lines, mut kind } = self;
        if let Some(last) = lines.finish() {
            kind.line(&last, found)?;
        }
        kind.line(b"", found)
    }
}

impl Kind {
    fn line(
        &mut self,
        line: &[u8],
        found: &mut dyn FnMut(&str) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let Self::Events { data, has_data } = self else {
            let line = line.trim_ascii();
            return if line.is_empty() {
                Ok(())
            } else {
                found(&String::from_utf8_lossy(line))
            };
        };
        match Field::of(line) {
            Field::Data(more) => {
                if *has_data {
                    data.push(b'\n');
                }
                if data.len() + more.len() > LONGEST_LINE {
                    return Err(Malformed(Cow::Borrowed(
                        "the provider sent an event without an end",
                    )));
                }
                data.extend_from_slice(more);
                *has_data = true;
                Ok(())
            }
            Field::Blank if *has_data => {
                *has_data = false;
                let result = found(&String::from_utf8_lossy(data));
                data.clear();
                result
            }
            Field::Blank | Field::Event(_) | Field::Other => Ok(()),
        }
    }
}
