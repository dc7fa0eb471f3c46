//! What an error's body says, in any of the dialects.

use serde_json::Value;

use super::MOST_BODY;

/// The most of a message that is looked at.
const MOST_MESSAGE: usize = 2_048;

/// An error as its body tells it. Lives no longer than the reading of one answer.
pub(crate) struct Said {
    /// The object or text below `error`.
    pub(crate) error: Value,
    /// Its type, code, status and reasons, in lower case, the most telling first.
    pub(crate) names: Vec<String>,
    /// Its code where that is the HTTP status of an error, as Google's and OpenRouter's are.
    pub(crate) status: Option<u16>,
    /// Its message, in lower case.
    pub(crate) message: String,
}

impl Said {
    /// Reads `{"error": {…}}`, `{"error": "…"}`, `[{"error": …}]`, a Responses event that failed,
    /// or a bare error object. Absent for anything else, and for a body that is too long.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        if body.len() > MOST_BODY {
            return None;
        }
        let whole: Value = serde_json::from_slice(body).ok()?;
        let first = whole.get(0).unwrap_or(&whole);
        let error = first
            .get("error")
            .or_else(|| first.pointer("/response/error"))
            .filter(|error| !error.is_null())
            .or_else(|| (first.get("type")?.as_str()? == "error").then_some(first))?;
        let names = ["code", "type", "status"]
            .iter()
            .filter_map(|field| error.get(field)?.as_str());
        let reasons = details(error).filter_map(|detail| detail.get("reason")?.as_str());
        let source = error.pointer("/metadata/limit_source");
        let names = reasons.chain(source.and_then(Value::as_str)).chain(names);
        let message = error.get("message").unwrap_or(error).as_str();
        let status = error.get("code").and_then(|code| match code {
            Value::String(text) => text.parse().ok(),
            code => code.as_u64(),
        });
        let status = status.and_then(|status| u16::try_from(status).ok());
        Some(Self {
            status: status.filter(|status| (400..600).contains(status)),
            names: names.take(16).map(|name| lower(name, 128)).collect(),
            message: lower(message.unwrap_or_default(), MOST_MESSAGE),
            error: error.clone(),
        })
    }

    /// The entries of Google's `details`.
    pub(crate) fn details(&self) -> impl Iterator<Item = &Value> {
        details(&self.error)
    }
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    let details = error.get("details").and_then(Value::as_array);
    details.into_iter().flatten().take(32)
}

fn lower(text: &str, most: usize) -> String {
    let end = text.floor_char_boundary(most);
    text.get(..end).unwrap_or_default().to_ascii_lowercase()
}
