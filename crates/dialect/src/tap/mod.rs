//! Reading usage and the end out of an answer that passes by.
//!
//! Invariant: what is read does not depend on how the bytes are cut; at most 64 KiB of a line and
//! 16 KiB of a usage object are kept; nothing an upstream sends makes it fail but an endless line.

mod probe;
mod tally;

#[cfg(test)]
mod tests;

use std::{fmt, sync::LazyLock};

use memchr::memmem::Finder;
use mirk_model::{Dialect, Operation, Usage};

use self::probe::Probe;
pub(crate) use self::tally::Tally;
use crate::sse::{Field, LONGEST_LINE, LineTooLong, Piece, Splitter};

/// The longest line that is kept to be looked at whole; longer ones are read as they pass.
const LONGEST_KEPT: usize = 64 << 10;

/// What passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tapped {
    /// Tokens as the provider counted them. With [`mirk_model::Counted::Estimated`] some of them
    /// were missing or not believable: take the larger of these and an own estimate.
    pub usage: Option<Usage>,
    /// Whether the answer ended as the dialect says that a whole one does.
    pub terminal: bool,
    /// Events, lines or documents that passed whole.
    pub events: u64,
    /// Bytes of data that passed, framing not counted.
    pub output_bytes: u64,
    /// Whether an error stood in the answer itself.
    pub error_in_band: bool,
}

/// Tokens that `bytes` bytes of text are, roughly: four bytes a token, rounded up. Right within a
/// factor of two for prose and code in Latin script, too high for others and for base64.
pub const fn estimate(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

/// Output tokens that a stream was, roughly: what [`estimate`] says of the bytes without the
/// usual wrapping of each event, but at least one token an event.
pub fn estimate_output(operation: Operation, events: u64, bytes: u64) -> u64 {
    let wrapping: u64 = match operation.dialect() {
        Dialect::OpenAiChat => 220,
        Dialect::OpenAiResponses => 180,
        Dialect::Anthropic => 110,
        Dialect::Gemini => 300,
        Dialect::Ollama => 120,
    };
    if operation.is_embedding() || operation.is_count() {
        return 0;
    }
    estimate(bytes.saturating_sub(wrapping.saturating_mul(events))).max(events)
}

/// The usage object `raw` of a whole answer or of an event, brought to one form as a tap does it;
/// nothing when it is no object.
pub(crate) fn usage_of(dialect: Dialect, raw: &[u8]) -> Option<Usage> {
    let mut tally = Tally::new(dialect);
    tally.read(raw);
    tally.usage(0, true)
}

/// What the answer showed so far.
struct Facts {
    operation: Operation,
    /// Whether a whole JSON document is a whole answer.
    ends_with_document: bool,
    tapped: Tapped,
    tally: Tally,
    /// What `type` said in this document.
    kind: Kind,
    has_response: bool,
    documents: u64,
}

/// The values of `type` that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Other,
    MessageStop,
    ResponseEnd,
    ResponseFailed,
    Error,
}

impl Facts {
    fn note_kind(&mut self, raw: &[u8]) {
        self.kind = match raw {
            br#""message_stop""# => Kind::MessageStop,
            br#""response.completed""# | br#""response.incomplete""# => Kind::ResponseEnd,
            br#""response.failed""# => Kind::ResponseFailed,
            br#""error""# => Kind::Error,
            _ => Kind::Other,
        };
    }

    /// A document is complete: what only its parts together say.
    fn end_document(&mut self) {
        self.documents += 1;
        let is_responses = self.operation == Operation::Responses;
        match self.kind {
            Kind::MessageStop => self.tapped.terminal |= !is_responses,
            Kind::ResponseEnd => self.tapped.terminal |= is_responses && self.has_response,
            Kind::ResponseFailed if is_responses && self.has_response => {
                self.tapped.terminal = true;
                self.tapped.error_in_band = true;
            }
            Kind::Error => self.tapped.error_in_band = true,
            Kind::ResponseFailed | Kind::Other => {}
        }
        self.tapped.terminal |= self.ends_with_document;
        self.start_document();
    }

    const fn start_document(&mut self) {
        self.kind = Kind::Other;
        self.has_response = false;
    }
}

/// The state of a server-sent stream between two chunks.
struct Events {
    splitter: Splitter,
    carried: Vec<u8>,
    /// Inside a line too long to keep.
    long: Option<Long>,
    /// The event so far has data.
    has_data: bool,
    /// The first event is complete.
    first: bool,
}

/// What a line that is too long to keep is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Long {
    Data,
    Other,
}

/// Looks at an answer while it passes. Feed it every chunk, then finish it.
pub struct Tap {
    facts: Facts,
    probe: Probe,
    /// `None` for JSON and for JSON lines, which need no framing of their own.
    events: Option<Events>,
}

impl fmt::Debug for Tap {
    /// Counts only: what a tap holds is a part of an answer.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tap")
            .field("tapped", &self.facts.tapped)
            .finish_non_exhaustive()
    }
}

impl Tap {
    /// A tap on the answer to `operation`: whether a stream was asked for, and the answer's
    /// `content-type` (empty when it has none).
    pub fn new(operation: Operation, is_streamed: bool, content_type: &str) -> Self {
        let dialect = operation.dialect();
        let says = |kind: &str| {
            content_type
                .get(..kind.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(kind))
        };
        let is_json = says("application/json") || says("application/x-ndjson");
        let is_events =
            says("text/event-stream") || (is_streamed && !is_json && dialect != Dialect::Ollama);
        let streams_documents = is_streamed && matches!(dialect, Dialect::Gemini | Dialect::Ollama);
        Self {
            facts: Facts {
                operation,
                ends_with_document: !is_events && !streams_documents,
                tapped: Tapped::default(),
                tally: Tally::new(dialect),
                kind: Kind::Other,
                has_response: false,
                documents: 0,
            },
            probe: Probe::new(dialect),
            events: is_events.then(|| Events {
                splitter: Splitter::new(LONGEST_LINE),
                carried: Vec::new(),
                long: None,
                has_data: false,
                first: false,
            }),
        }
    }

    /// Looks at the next chunk.
    ///
    /// # Errors
    /// [`LineTooLong`] when a line of a server-sent stream exceeds 16 MiB: end the stream.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), LineTooLong> {
        let Some(events) = &mut self.events else {
            self.facts.count(chunk.len());
            self.probe.feed(chunk, &mut self.facts);
            return Ok(());
        };
        let mut rest = chunk;
        while let Some(piece) = events.splitter.next(&mut rest)? {
            events.take(piece, &mut self.probe, &mut self.facts);
        }
        Ok(())
    }

    /// Whether the first event, line or document passed whole.
    pub fn first_event_complete(&self) -> bool {
        match &self.events {
            Some(events) => events.first,
            None => self.facts.documents > 0,
        }
    }

    /// Events, lines or documents that passed whole so far.
    pub const fn events(&self) -> u64 {
        self.facts.tapped.events
    }

    /// Bytes of data that passed so far, framing not counted.
    pub const fn output_bytes(&self) -> u64 {
        self.facts.tapped.output_bytes
    }

    /// Whether an error stood in the answer so far.
    pub const fn error_in_band(&self) -> bool {
        self.facts.tapped.error_in_band
    }

    /// What passed. A last line that was not ended counts as ended.
    pub fn finish(mut self) -> Tapped {
        match &mut self.events {
            Some(events) => {
                events.end_line(&[], &mut self.probe, &mut self.facts);
                events.end_event(&mut self.probe, &mut self.facts);
            }
            None => self.facts.tapped.events = self.facts.documents,
        }
        let mut tapped = self.facts.tapped;
        let guess = estimate_output(self.facts.operation, tapped.events, tapped.output_bytes);
        if !self.facts.operation.is_count() {
            tapped.usage = self.facts.tally.usage(guess, tapped.terminal);
        }
        tapped
    }
}

impl Facts {
    fn count(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.tapped.output_bytes = self.tapped.output_bytes.saturating_add(bytes);
    }
}

impl Events {
    fn take(&mut self, piece: Piece<'_>, probe: &mut Probe, facts: &mut Facts) {
        if piece.ends_line {
            self.end_line(piece.bytes, probe, facts);
        } else {
            self.carry(piece.bytes, probe, facts);
        }
    }

    /// Keeps a part of a line, or reads it at once when the line is too long to keep.
    fn carry(&mut self, bytes: &[u8], probe: &mut Probe, facts: &mut Facts) {
        if let Some(long) = self.long {
            if long == Long::Data {
                facts.count(bytes.len());
                probe.feed(bytes, facts);
            }
            return;
        }
        if self.carried.len() + bytes.len() <= LONGEST_KEPT {
            self.carried.extend_from_slice(bytes);
            return;
        }
        let room = LONGEST_KEPT.saturating_sub(self.carried.len());
        let (head, tail) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.carried.extend_from_slice(head);
        let carried = std::mem::take(&mut self.carried);
        self.long = Some(match Field::of(&carried) {
            Field::Data(data) => {
                self.start_data(probe, facts);
                facts.count(data.len());
                probe.feed(data, facts);
                Long::Data
            }
            _ => Long::Other,
        });
        self.carry(tail, probe, facts);
    }

    fn end_line(&mut self, bytes: &[u8], probe: &mut Probe, facts: &mut Facts) {
        if self.long.is_some() || self.carried.len() + bytes.len() > LONGEST_KEPT {
            self.carry(bytes, probe, facts);
            self.long = None;
        } else if self.carried.is_empty() {
            self.line(bytes, probe, facts);
        } else {
            let mut line = std::mem::take(&mut self.carried);
            line.extend_from_slice(bytes);
            self.line(&line, probe, facts);
            line.clear();
            self.carried = line;
        }
    }

    fn line(&mut self, line: &[u8], probe: &mut Probe, facts: &mut Facts) {
        match Field::of(line) {
            Field::Blank => self.end_event(probe, facts),
            Field::Data(data) if is_done(facts.operation, data) => {
                facts.tapped.terminal = true;
                self.first = true;
            }
            Field::Data(data) => {
                self.start_data(probe, facts);
                facts.count(data.len());
                if probe.is_inside() || !is_plain(data) || has_news(facts.operation, data) {
                    probe.feed(data, facts);
                }
            }
            Field::Event(_) | Field::Other => {}
        }
    }

    /// Several lines of data in one event are one text, joined with LF.
    fn start_data(&mut self, probe: &mut Probe, facts: &mut Facts) {
        if self.has_data && probe.is_inside() {
            probe.feed(b"\n", facts);
        }
        self.has_data = true;
    }

    fn end_event(&mut self, probe: &mut Probe, facts: &mut Facts) {
        if self.has_data {
            facts.tapped.events += 1;
            self.first = true;
        }
        self.has_data = false;
        probe.reset();
        facts.start_document();
    }
}

/// Whether `data` is the marker that ends a stream of OpenAI's.
fn is_done(operation: Operation, data: &[u8]) -> bool {
    operation.dialect() == Dialect::OpenAiChat && data.trim_ascii() == b"[DONE]"
}

/// Whether `data` looks like one whole object, as every provider sends it.
fn is_plain(data: &[u8]) -> bool {
    let data = data.trim_ascii();
    data.starts_with(b"{") && data.ends_with(b"}")
}

/// Finders of the names that the probe looks for, quotes included. A quote inside a JSON string is
/// escaped, so such a name is a whole key or a whole string.
struct Names {
    usage: Finder<'static>,
    error: Finder<'static>,
    response: Finder<'static>,
    message_stop: Finder<'static>,
    usage_metadata: Finder<'static>,
    finish_reason: Finder<'static>,
    block_reason: Finder<'static>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
    usage: Finder::new(r#""usage""#),
    error: Finder::new(r#""error""#),
    response: Finder::new(r#""response""#),
    message_stop: Finder::new(r#""message_stop""#),
    usage_metadata: Finder::new(r#""usageMetadata""#),
    finish_reason: Finder::new(r#""finishReason""#),
    block_reason: Finder::new(r#""blockReason""#),
});

/// Whether the probe would find anything in `data`.
fn has_news(operation: Operation, data: &[u8]) -> bool {
    let names = &*NAMES;
    let has = |name: &Finder<'_>| name.find_iter(data).any(|at| has_value(data, at, name));
    let has_text = |name: &Finder<'_>| name.find(data).is_some();
    match operation.dialect() {
        Dialect::OpenAiChat => has(&names.usage) || has(&names.error),
        Dialect::OpenAiResponses => {
            has(&names.response) || has_text(&names.error) || has(&names.usage)
        }
        Dialect::Anthropic => {
            has(&names.usage) || has_text(&names.message_stop) || has_text(&names.error)
        }
        Dialect::Gemini => {
            has(&names.usage_metadata)
                || has(&names.finish_reason)
                || has(&names.error)
                || has(&names.block_reason)
        }
        Dialect::Ollama => true,
    }
}

/// Whether `name`, found at `at`, is a key whose value is not null: OpenAI sends `"usage":null`
/// with every delta.
fn has_value(data: &[u8], at: usize, name: &Finder<'_>) -> bool {
    data.get(at + name.needle().len()..)
        .map(<[u8]>::trim_ascii_start)
        .and_then(|rest| rest.strip_prefix(b":"))
        .is_some_and(|rest| !rest.trim_ascii_start().starts_with(b"n"))
}
