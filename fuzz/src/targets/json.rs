//! The head scan and the splice.

use bytes::Bytes;
use mirk_dialect::json::{Head, HeadError, Limits, splice as spliced};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::chance::Chance;

/// A model name that needs escapes when it is written.
const OTHER: &str = "other/\"m\\\u{e9}\u{2028}";

/// Documents up to here are also read whole, which takes memory.
const READ_WHOLE: usize = 64 << 10;

/// Whether another parser takes `data` for JSON in UTF-8.
fn is_json(data: &[u8]) -> bool {
    std::str::from_utf8(data).is_ok() && serde_json::from_slice::<IgnoredAny>(data).is_ok()
}

/// Asserts that the scan says "not JSON" of exactly what `serde_json` refuses, names an offset inside the body,
/// and reads the same `model`, `stream` and `tools` as `serde_json` does.
pub(super) fn scan(data: &[u8]) {
    match Head::scan(data, Limits::default()) {
        Ok(head) => {
            assert!(is_json(data), "accepted what is not JSON");
            same_reading(data, &head);
        }
        Err(HeadError::NotUtf8) => assert!(std::str::from_utf8(data).is_err()),
        Err(HeadError::NotJson(at)) => {
            assert!(at <= data.len(), "an offset outside the body");
            assert!(!is_json(data), "refused what is JSON");
        }
        Err(HeadError::NotObject) => {
            assert!(is_json(data), "called text that is no JSON a JSON value");
            assert!(data.trim_ascii().first() != Some(&b'{'));
        }
        Err(HeadError::TooDeep | HeadError::TooMany) => {}
        Err(HeadError::Ambiguous(_) | HeadError::WrongType(..) | HeadError::BadModel) => {
            assert!(data.trim_ascii().first() == Some(&b'{'));
        }
    }
}

fn same_reading(data: &[u8], head: &Head) {
    if data.len() > READ_WHOLE {
        return;
    }
    // Numbers beyond a float and lone surrogates are JSON that `serde_json` cannot hold.
    let Ok(value) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let model = head.model.as_ref().map(|model| model.name.as_str());
    assert!(value.get("model").and_then(Value::as_str) == model);
    assert!(value.get("stream").and_then(Value::as_bool) == head.stream);
    let tools = value.get("tools").is_some_and(|tools| match tools {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    });
    assert!(tools == head.has_tools, "tools are read differently");
}

/// Asserts that narrower limits never let more through, nor change what is read.
pub(super) fn limits(data: &[u8]) {
    let mut chance = Chance::of(data);
    let mut number = |most| u32::try_from(chance.small(most)).unwrap_or(0);
    let narrow = Limits {
        depth: number(128),
        elements: number(10_000),
        items: number(1_000),
    };
    if let Ok(head) = Head::scan(data, narrow) {
        assert!(Head::scan(data, Limits::default()) == Ok(head));
    }
}

/// Asserts that a spliced body is the same bytes around another name, reads as the same head but for the
/// model, and as the same document but for the model.
pub(super) fn splice(data: &[u8]) {
    let Ok(head) = Head::scan(data, Limits::default()) else {
        return;
    };
    let Some(model) = head.model.clone() else {
        return;
    };
    let body = Bytes::copy_from_slice(data);
    let other = spliced(&body, &model.token, OTHER);
    let tail = data.len() - model.token.end;
    assert!(other.get(..model.token.start) == data.get(..model.token.start));
    assert!(other.get(other.len() - tail..) == data.get(model.token.end..));
    let Ok(mut again) = Head::scan(&other, Limits::default()) else {
        panic_with("the spliced body is refused");
        return;
    };
    assert!(
        again
            .model
            .as_ref()
            .is_some_and(|model| model.name == OTHER)
    );
    // `"images"` as the model's own name marks an image too.
    again.has_images = head.has_images;
    again.model.clone_from(&head.model);
    assert!(again == head, "the splice changed another part of the head");
    same_but_for_the_model(data, &other);
}

fn same_but_for_the_model(data: &[u8], other: &[u8]) {
    if data.len() > READ_WHOLE {
        return;
    }
    let (Ok(mut one), Ok(two)) = (
        serde_json::from_slice::<Value>(data),
        serde_json::from_slice::<Value>(other),
    ) else {
        return;
    };
    if let Some(model) = one.get_mut("model") {
        *model = OTHER.into();
    }
    assert!(
        one == two,
        "the splice changed another part of the document"
    );
}

/// Fails with words that hold nothing of the input.
#[track_caller]
fn panic_with(words: &'static str) {
    assert!(words.is_empty(), "{words}");
}
