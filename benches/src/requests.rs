//! The requests the bench sends, built once for each target so that a load only writes bytes.

use std::sync::Arc;

use crate::target::Target;
use crate::wire;

/// One JSON answer.
pub(crate) const JSON: &str = "bench-json";
/// A hundred events as fast as they go.
pub(crate) const FAST: &str = "bench-100x0";
/// A hundred events, 20 ms apart.
pub(crate) const PACED: &str = "bench-100x20ms";
/// A short stream, for the time to its first event.
pub(crate) const SHORT: &str = "bench-2x0";
/// A stream that lasts twelve seconds and hardly moves.
pub(crate) const SLOW: &str = "bench-24x500ms";
/// Breaks off in the middle.
pub(crate) const CUT: &str = "bench-cut";
/// Always 429.
pub(crate) const BUSY: &str = "bench-busy";
/// Every model the mock knows, for Mirk's provider row.
pub(crate) const MODELS: [&str; 7] = [JSON, FAST, PACED, SHORT, SLOW, CUT, BUSY];

/// A request ready to be written.
pub(crate) type Ready = Arc<[u8]>;

const QUESTION: &str = "Which of the three ways to the upstream costs the least, and what does the \
    difference buy? Answer in one short paragraph, with figures where there are any.";

/// A chat completion with one JSON answer.
pub(crate) fn chat(target: &Target) -> Ready {
    ready(target, &target.bearer, &chat_body(JSON, "", QUESTION))
}

/// The same with another token than the target's own.
pub(crate) fn chat_as(target: &Target, bearer: &str) -> Ready {
    ready(target, bearer, &chat_body(JSON, "", QUESTION))
}

/// A chat completion for the named model, not streamed.
pub(crate) fn chat_of(target: &Target, model: &str) -> Ready {
    ready(target, &target.bearer, &chat_body(model, "", QUESTION))
}

/// A chat completion whose body is a megabyte of prompt.
pub(crate) fn megabyte(target: &Target) -> Ready {
    let words = "the quick brown fox jumps over the lazy dog; ";
    let prompt = words.repeat(1_000_000 / words.len());
    ready(target, &target.bearer, &chat_body(JSON, "", &prompt))
}

/// A streamed chat completion for the named model.
pub(crate) fn stream(target: &Target, model: &str) -> Ready {
    const STREAM: &str = r#","stream":true,"stream_options":{"include_usage":true}"#;
    ready(target, &target.bearer, &chat_body(model, STREAM, QUESTION))
}

/// The same questions in Anthropic's dialect, for translation.
pub(crate) fn messages(target: &Target, model: &str, is_streamed: bool) -> Ready {
    let stream = if is_streamed { r#","stream":true"# } else { "" };
    let body = format!(
        r#"{{"model":"{model}","max_tokens":256{stream},"messages":[{{"role":"user","content":"{QUESTION}"}}]}}"#
    );
    let headers = [
        ("x-api-key", target.bearer.as_str()),
        ("anthropic-version", "2023-06-01"),
    ];
    wire::post(target.address, "/v1/messages", &headers, body.as_bytes()).into()
}

fn ready(target: &Target, bearer: &str, body: &str) -> Ready {
    let authorization = format!("Bearer {bearer}");
    let headers = [("authorization", authorization.as_str())];
    wire::post(
        target.address,
        "/v1/chat/completions",
        &headers,
        body.as_bytes(),
    )
    .into()
}

fn chat_body(model: &str, more: &str, prompt: &str) -> String {
    format!(
        r#"{{"model":"{model}"{more},"messages":[{{"role":"user","content":"{prompt}"}}],"temperature":0.2}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::{QUESTION, chat_body};

    #[test]
    fn bodies_are_json() {
        let tree: serde_json::Value =
            serde_json::from_str(&chat_body("m", r#","stream":true"#, QUESTION)).unwrap();
        assert_eq!(tree["stream"], true);
        assert_eq!(tree["messages"][0]["content"], QUESTION);
    }
}
