//! Strings with half a surrogate pair: JSON allows them, text does not.

/// Decodes the JSON string `token`, quotes included, with U+FFFD for every half pair.
pub(super) fn repaired(token: &str) -> String {
    let mut fixed = String::with_capacity(token.len());
    let mut rest = token;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (before, escape) = rest.split_at_checked(at).unwrap_or((rest, ""));
        fixed.push_str(before);
        let unit = code_unit(escape);
        let length = match unit {
            Some(0xd800..=0xdbff) => {
                let low = escape.get(6..).and_then(code_unit);
                if matches!(low, Some(0xdc00..=0xdfff)) {
                    fixed.push_str(escape.get(..12).unwrap_or_default());
                    12
                } else {
                    fixed.push('\u{fffd}');
                    6
                }
            }
            Some(0xdc00..=0xdfff) => {
                fixed.push('\u{fffd}');
                6
            }
            _ => {
                fixed.push_str(escape.get(..2).unwrap_or(escape));
                2
            }
        };
        rest = escape.get(length..).unwrap_or_default();
    }
    fixed.push_str(rest);
    serde_json::from_str(&fixed).unwrap_or_default()
}

/// The code unit that the escape at the front of `text` stands for.
fn code_unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}
