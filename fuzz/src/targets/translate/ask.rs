//! Requests, in every dialect but their own.

use mirk_dialect::{
    bridge::{self, DIALECTS},
    json::{Head, HeadError, Limits},
    loss::Notes,
    problem,
    wire::Wire,
};
use mirk_model::{Dialect, Operation, Problem};

use super::{MODEL, accepted, dialect, is_json, traits, translate};
use crate::chance::Chance;

/// The longest list of what was lost: forty names of a hundred bytes each.
const LONGEST_HEADER: usize = 8 << 10;

/// Asserts that a request of that dialect is, in every other, JSON that the other reads as its own, for the model
/// that was named there; and that what is said of losses can stand in a head.
pub(in crate::targets) fn asked<const PLACE: usize>(data: &[u8]) {
    let mut chance = Chance::of(data);
    let is_stream = chance.one_in(2);
    let own = dialect(PLACE);
    let client = if own == Dialect::Ollama && chance.one_in(3) {
        Operation::OllamaGenerate
    } else {
        bridge::native(own, is_stream)
    };
    to_all(client, is_stream, data, &mut chance);
}

/// The same of `ClawPipe`'s requests.
pub(in crate::targets) fn prompt(data: &[u8]) {
    let mut chance = Chance::of(data);
    let is_stream = chance.one_in(2);
    let client = if is_stream {
        Operation::PromptStream
    } else {
        Operation::Prompt
    };
    to_all(client, is_stream, data, &mut chance);
}

fn to_all(client: Operation, is_stream: bool, data: &[u8], chance: &mut Chance) {
    let Some(body) = accepted(data) else {
        return;
    };
    for wire in DIALECTS {
        let upstream = bridge::native(wire.dialect, is_stream);
        if upstream == client {
            continue;
        }
        match translate((client, body), upstream, (is_stream, true), &traits(chance)) {
            Ok(translated) => {
                written(wire, &translated.body, is_stream);
                header(&translated.notes.header());
            }
            Err(problem) => refused(client, &problem),
        }
    }
}

/// What was written is what the other side reads.
pub(super) fn written(wire: &Wire, body: &[u8], is_stream: bool) {
    assert!(is_json(body), "wrote what is not JSON");
    let Ok(text) = std::str::from_utf8(body) else {
        return;
    };
    let mut notes = Notes::new(wire.dialect, wire.dialect);
    let again = (wire.read_ask)(bridge::native(wire.dialect, is_stream), text, &mut notes);
    // What the client nested as deep as it may is nested deeper in some dialects.
    let is_read = again.map_or_else(|misread| misread.what.contains("deep"), |_| true);
    assert!(is_read, "wrote what its own dialect does not read");
    // Larger limits than a client's: a translation may say with many values what was one.
    let limits = Limits {
        depth: u32::MAX,
        elements: u32::MAX,
        items: u32::MAX,
    };
    let head = Head::scan(body, limits);
    let is_scanned = matches!(head, Ok(_) | Err(HeadError::TooDeep));
    assert!(is_scanned, "wrote a head that is refused");
    let Ok(head) = head else {
        return;
    };
    if wire.dialect != Dialect::Gemini {
        let model = head.model.as_ref().map(|model| model.name.as_str());
        assert!(model == Some(MODEL), "asks for another model");
        let default = wire.dialect == Dialect::Ollama;
        assert!(
            head.stream.unwrap_or(default) == is_stream,
            "asks for another kind of answer"
        );
    }
}

/// What is said of losses can stand in a head.
pub(super) fn header(value: &str) {
    assert!(
        value.bytes().all(|byte| matches!(byte, b' '..=b'~')),
        "a header that is no header"
    );
    assert!(value.len() <= LONGEST_HEADER, "a header without an end");
}

/// A refusal can be told.
pub(super) fn refused(client: Operation, problem: &Problem) {
    assert!(!problem.public.is_empty(), "a refusal without words");
    assert!(
        problem.kind.status() < 500,
        "the client's fault called another's"
    );
    let (_, headers, rendered) = problem::render(client.dialect(), problem, super::REQUEST_ID);
    assert!(is_json(&rendered), "a refusal that is not JSON");
    for (_, value) in &headers {
        header(value);
    }
}
