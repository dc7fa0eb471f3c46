//! The lists of models.

use mirk_dialect::models::{ModelEntry, Page, list as listed, one};
use mirk_model::{Dialect, Timestamp};
use serde_json::Value;

use crate::chance::Chance;

const DIALECTS: &[Dialect] = &[
    Dialect::OpenAiChat,
    Dialect::OpenAiResponses,
    Dialect::Anthropic,
    Dialect::Gemini,
    Dialect::Ollama,
];

/// Entries are small in life; more of them show nothing new.
const MOST: usize = 64;

/// Asserts that every list is JSON with every model in it, whatever the names, and that going through the pages
/// shows each model once and comes to an end.
pub(super) fn list(data: &[u8]) {
    let mut chance = Chance::of(data);
    let text = String::from_utf8_lossy(data);
    let entry = |id: &str| ModelEntry {
        id: id.chars().take(300).collect(),
        owned_by: id.chars().rev().take(20).collect(),
        created: Timestamp::from_micros(chance.number().cast_signed() >> chance.below(63)),
        context: chance.one_in(2).then(|| chance.number()),
        max_output: None,
        is_embedding: chance.one_in(2),
    };
    let mut entries: Vec<_> = text.split(['/', ' ', '\n']).take(MOST).map(entry).collect();
    entries.sort_by(|one, other| one.id.cmp(&other.id));
    entries.dedup_by(|one, other| one.id == other.id);
    for dialect in DIALECTS {
        let value: Option<Value> =
            serde_json::from_slice(&listed(*dialect, &entries, Page::default())).ok();
        let items = value
            .as_ref()
            .and_then(|value| value.get("data").or_else(|| value.get("models")));
        assert!(items.and_then(Value::as_array).map(Vec::len) == Some(entries.len()));
        for entry in entries.iter().take(3) {
            assert!(serde_json::from_slice::<Value>(&one(*dialect, entry)).is_ok());
        }
    }
    pages(&entries, 1 + chance.below(5));
}

fn pages(entries: &[ModelEntry], limit: usize) {
    let mut seen = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..=entries.len() {
        let page = Page {
            limit: Some(limit),
            after_id: after.as_deref(),
        };
        let value: Value =
            serde_json::from_slice(&listed(Dialect::Anthropic, entries, page)).unwrap_or_default();
        let items = value.get("data").and_then(Value::as_array).cloned();
        let ids = items.unwrap_or_default();
        seen.extend(
            ids.iter()
                .filter_map(|item| Some(item.get("id")?.as_str()?.to_owned())),
        );
        if value.get("has_more") != Some(&Value::Bool(true)) {
            break;
        }
        after = value
            .get("last_id")
            .and_then(Value::as_str)
            .map(str::to_owned);
    }
    assert!(
        seen.iter().eq(entries.iter().map(|entry| &entry.id)),
        "the pages are not the list"
    );
}
