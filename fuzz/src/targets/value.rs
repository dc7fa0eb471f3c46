//! JSON looked at one level at a time, as the translations do it.

use mirk_dialect::json::{Type, Value};
use serde::de::IgnoredAny;
use serde_json::Value as Whole;

/// Each level walks over all that is below it again, so long texts only take time.
const LONGEST: usize = 16 << 10;

/// Asserts that what is taken for JSON is, and that taking it apart value by value gives what `serde_json` reads
/// at once; and that a string with half a character keeps the rest of its text.
pub(super) fn value(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let read = Value::parse(text);
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    match read {
        Err(misread) => assert!(!is_json || misread.what.contains("deep")),
        Ok(value) => {
            assert!(is_json, "took what is not JSON");
            assert!(text.contains(value.raw()));
            if text.len() <= LONGEST {
                let built = build(value);
                // `serde_json` does not hold half characters, endless numbers, or 128 levels.
                let whole = serde_json::from_str::<Whole>(text).ok();
                assert!(
                    whole.is_none_or(|whole| whole == built),
                    "read as another value"
                );
            }
        }
    }
}

fn build(value: Value<'_>) -> Whole {
    match value.kind() {
        Type::Null => Whole::Null,
        Type::Flag => value.flag().map_or(Whole::Null, Whole::Bool),
        Type::Number => {
            let number = value.number().map(|number| number.as_str().to_owned());
            if let Ok(count) = value.count() {
                let shown = number.as_deref().unwrap_or_default().parse::<f64>();
                assert!(
                    shown
                        == u32::try_from(count).map_or(shown.clone(), |count| Ok(f64::from(count)))
                );
            }
            serde_json::from_str(&number.unwrap_or_default()).unwrap_or_default()
        }
        Type::Text => Whole::String(build_text(value)),
        Type::Array => {
            let items = value.items().unwrap_or_default();
            Whole::Array(items.into_iter().map(build).collect())
        }
        Type::Object => {
            let members = value.members().map(|members| {
                let rest = members.into_rest();
                rest.map(|(name, value)| (name.into_owned(), build(value)))
                    .collect()
            });
            Whole::Object(members.unwrap_or_default())
        }
    }
}

fn build_text(value: Value<'_>) -> String {
    let lossy = value.lossy_text().map(|text| text.as_str().to_owned());
    let lossy = lossy.unwrap_or_default();
    match value.text() {
        Ok(text) => assert!(text.as_str() == lossy),
        Err(_half) => assert!(lossy.contains('\u{fffd}'), "the whole text was lost"),
    }
    lossy
}
