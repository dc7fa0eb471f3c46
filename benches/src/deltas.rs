//! Reads a streamed answer: how old each delta is, and whether the stream ended as a whole one does.

use memchr::memmem;

use crate::wire::Sink;

/// Stands before the send time in a delta's text, in whatever dialect the text arrives.
pub(crate) const STAMP: &str = "\"t=";
/// Digits of a send time.
pub(crate) const STAMP_DIGITS: usize = 20;

/// What has arrived of one stream.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    /// Age of each delta in ns, from the mock's send to the read here.
    pub(crate) ages_ns: Vec<u64>,
    /// When the first delta was read; monotonic ns.
    pub(crate) first_ns: Option<u64>,
    /// The dialect's success terminator was seen (`[DONE]`, `message_stop`).
    pub(crate) is_terminated: bool,
    /// A usage record was seen.
    pub(crate) has_usage: bool,
    pending: Vec<u8>,
}

impl Deltas {
    /// Whether `expected` deltas, usage and the terminator all arrived.
    pub(crate) fn is_whole(&self, expected: usize) -> bool {
        self.ages_ns.len() == expected && self.has_usage && self.is_terminated
    }

    fn event(&mut self, event: &[u8], read_at_ns: u64) {
        if let Some(sent_ns) = stamp(event) {
            self.first_ns.get_or_insert(read_at_ns);
            self.ages_ns.push(read_at_ns.saturating_sub(sent_ns));
            return;
        }
        self.has_usage |= memmem::find(event, b"\"usage\":{").is_some();
        self.is_terminated |= memmem::find(event, b"[DONE]").is_some()
            || memmem::find(event, b"event: message_stop").is_some();
    }
}

impl Sink for Deltas {
    fn take(&mut self, piece: &[u8], read_at_ns: u64) {
        let mut pending = std::mem::take(&mut self.pending);
        let joined = if pending.is_empty() {
            piece
        } else {
            pending.extend_from_slice(piece);
            pending.as_slice()
        };
        let mut rest = joined;
        while let Some(end) = memmem::find(rest, b"\n\n") {
            let (event, after) = rest.split_at(end + 2);
            self.event(event, read_at_ns);
            rest = after;
        }
        self.pending = rest.to_vec();
    }
}

/// The send time in an event that carries one.
fn stamp(event: &[u8]) -> Option<u64> {
    let start = memmem::find(event, STAMP.as_bytes())? + STAMP.len();
    let digits = event.get(start..start + STAMP_DIGITS)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Deltas, Sink};

    const STREAM: &str = "data: {\"content\":\"t=00000000000000000100 a\"}\n\n\
        data: {\"text\":\"t=00000000000000000200 b\"}\n\ndata: {\"usage\":{\"x\":1}}\n\ndata: [DONE]\n\n";

    #[test]
    fn a_stream_reads_the_same_however_it_is_cut() {
        for size in 1..=STREAM.len() {
            let mut deltas = Deltas::default();
            for piece in STREAM.as_bytes().chunks(size) {
                deltas.take(piece, 1000);
            }
            assert_eq!(deltas.ages_ns, [900, 800]);
            assert!(deltas.is_whole(2), "in pieces of {size}");
        }
    }

    #[test]
    fn a_stream_without_its_terminator_is_not_whole() {
        let mut deltas = Deltas::default();
        let cut = STREAM.len() - "data: [DONE]\n\n".len();
        deltas.take(&STREAM.as_bytes()[..cut], 1000);
        assert!(!deltas.is_whole(2));
        assert!(!deltas.is_terminated);
    }
}
