//! What an answer repeats of its request.
//!
//! Source: `response.py` of `openai-python`, where `tools`, `tool_choice` and
//! `parallel_tool_calls` must be there.

use crate::json::{Members, Object, Value};

/// A member that is longer is not repeated: an answer holds it up to three times, and a stream
/// keeps it to its end.
const LONGEST: usize = 16 << 10;

/// Every member that is repeated, and what stands for it when the request does not say, or says
/// too much.
const REPEATED: [(&str, &str); 20] = [
    ("background", "false"),
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", "null"),
    ("service_tier", r#""default""#),
    ("store", "false"),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "null"),
    ("truncation", r#""disabled""#),
    ("user", "null"),
];

/// The members, as JSON text that begins with a comma.
pub(super) fn build(members: &Members<'_>) -> String {
    let mut out = Vec::new();
    Object::write(&mut out, |object| {
        for (name, otherwise) in REPEATED {
            let said = members
                .peek(name)
                .map(Value::raw)
                .filter(|raw| raw.len() <= LONGEST);
            object.raw(name, said.unwrap_or(otherwise));
        }
    });
    let Ok(text) = String::from_utf8(out) else {
        return String::new();
    };
    text.strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        .map(|inside| [",", inside].concat())
        .unwrap_or_default()
}
