//! The tap on answers.

use mirk_dialect::tap::{Tap, Tapped};
use mirk_model::Operation;

use crate::chance::{Chance, cut};

const OPERATIONS: &[Operation] = &[
    Operation::Chat,
    Operation::Completions,
    Operation::Embeddings,
    Operation::Responses,
    Operation::Messages,
    Operation::CountTokens,
    Operation::Generate,
    Operation::StreamGenerate,
    Operation::OllamaChat,
    Operation::OllamaGenerate,
];

const TYPES: &[&str] = &[
    "text/event-stream",
    "application/json",
    "application/x-ndjson",
    "text/event-stream; charset=utf-8",
    "",
];

/// Asserts that what is read is the same however the answer is cut, and that no more bytes are counted than
/// passed.
pub(super) fn tap(data: &[u8]) {
    let mut chance = Chance::of(data);
    // Long answers once only: they are for what is long, not for what is odd.
    let times = if data.len() > 64 << 10 { 1 } else { 3 };
    for _ in 0..times {
        let operation = *chance.pick(OPERATIONS).unwrap_or(&Operation::Chat);
        let kind = *chance.pick(TYPES).unwrap_or(&"");
        let is_streamed = !chance.one_in(4);
        let new = || Tap::new(operation, is_streamed, kind);
        let whole = read(new(), &[data]);
        let pieces = read(new(), &cut(data, &mut chance));
        assert!(whole == pieces, "a cut changed what is read");
        if let Some(tapped) = whole {
            let bytes = u64::try_from(data.len()).unwrap_or(u64::MAX);
            assert!(tapped.output_bytes <= bytes, "counted more than passed");
            assert!(tapped.events <= bytes + 1, "more events than bytes");
        }
    }
}

/// What was read and what was to be told while it passed; nothing when a line was too long.
fn read(mut tap: Tap, pieces: &[&[u8]]) -> Option<Tapped> {
    for piece in pieces {
        tap.feed(piece).ok()?;
    }
    let (events, is_first) = (tap.events(), tap.first_event_complete());
    assert!(
        events == 0 || is_first,
        "an event passed and none was first"
    );
    let tapped = tap.finish();
    assert!(tapped.events >= events, "events were taken back");
    Some(tapped)
}
