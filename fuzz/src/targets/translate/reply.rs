//! Whole answers, for any client.

use mirk_dialect::bridge::{self, Way};
use mirk_model::{Dialect, Operation};

use super::{is_json, stream::Said, way};
use crate::chance::Chance;

/// Asserts that an answer of that dialect is, for any client, JSON that the client's own dialect reads, and as a
/// stream what a stream must be.
pub(in crate::targets) fn replied<const PLACE: usize>(data: &[u8]) {
    let mut chance = Chance::of(data);
    if let Some(way) = way(PLACE, false, &mut chance)
        && let Ok(body) = way.reply(data)
    {
        assert!(is_json(&body), "wrote what is not JSON");
        reads(&way, &body);
    }
    if let Some(way) = way(PLACE, true, &mut chance) {
        let (mut stream, mut out) = (way.stream(), Vec::new());
        let is_whole = stream.whole(data, &mut out).is_ok();
        let said = Said::of(&way, &out);
        assert!(!said.has_mark || is_whole, "an end of what is no answer");
        assert!(
            !said.has_mark || !stream.has_failed(),
            "an end of a failure"
        );
    }
}

fn reads(way: &Way, body: &[u8]) {
    let client = way.manner.operation;
    if matches!(client, Operation::Prompt | Operation::OllamaGenerate) {
        return;
    }
    let Ok(text) = std::str::from_utf8(body) else {
        return;
    };
    let again = (bridge::wire(client.dialect()).read_reply)(text);
    // Gemini says of a prompt that was blocked that there is no answer at all; that is one too.
    assert!(
        again.is_ok() || client.dialect() == Dialect::Gemini,
        "wrote what its own dialect does not read"
    );
}
