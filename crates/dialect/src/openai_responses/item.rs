//! Answers and the items they are made of, as a client gets them: whole, or in a stream.
//!
//! Source: `response.py`, `response_output_message.py`, `response_reasoning_item.py`,
//! `response_function_tool_call.py`, `response_custom_tool_call.py` of `openai-python`.

use std::borrow::Cow;

use mirk_model::{Call, Citation, Failure, Logprob, Usage};

use super::words;
use crate::{carry, json::Object, wire::Manner};

/// What an answer must repeat when nothing is known of its request.
const NO_ECHO: &str = r#","parallel_tool_calls":true,"tool_choice":"auto","tools":[]"#;

/// What all forms of one answer begin with.
#[derive(Debug)]
pub(super) struct Head<'q> {
    pub(super) id: &'q str,
    pub(super) model: &'q str,
    pub(super) created: i64,
    pub(super) manner: &'q Manner,
}

/// How far an answer is.
#[derive(Debug, Default)]
pub(super) struct State<'q> {
    pub(super) status: &'q str,
    /// Why it is incomplete.
    pub(super) reason: Option<&'q str>,
    pub(super) failure: Option<&'q Failure<'q>>,
    pub(super) usage: Option<&'q Usage>,
}

impl Head<'_> {
    /// Writes the answer with `items`, each the JSON text of one.
    pub(super) fn write<'i>(
        &self,
        state: &State<'_>,
        items: impl Iterator<Item = &'i str>,
        out: &mut Vec<u8>,
    ) {
        Object::write(out, |response| {
            response.text("id", self.id);
            response.text("object", "response");
            response.number("created_at", self.created);
            response.text("status", state.status);
            match state.failure {
                None => response.null("error"),
                Some(failure) => response.object("error", |error| {
                    error.text("code", failure_code(failure));
                    error.text("message", failure.message.as_str());
                }),
            }
            match state.reason {
                None => response.null("incomplete_details"),
                Some(reason) => {
                    response.object("incomplete_details", |out| out.text("reason", reason));
                }
            }
            response.text("model", self.model);
            response.array("output", |output| {
                for item in items {
                    output.raw(item);
                }
            });
            words::write_usage(state.usage, response);
        });
        // What is repeated is members already.
        let echo = self.manner.echo.as_str();
        let echo = if echo.is_empty() { NO_ECHO } else { echo };
        if out.pop_if(|last| *last == b'}').is_some() {
            out.extend_from_slice(echo.as_bytes());
            out.push(b'}');
        }
    }
}

/// The code of a failure: the provider's, or what its status amounts to.
pub(super) fn failure_code<'q>(failure: &'q Failure<'_>) -> &'q str {
    match failure.status {
        _ if !failure.code.is_empty() => failure.code.as_str(),
        429 => "rate_limit_exceeded",
        400..=499 => "invalid_prompt",
        _ => "server_error",
    }
}

/// A part of a message.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) is_refusal: bool,
    pub(super) text: Cow<'a, str>,
    pub(super) citations: Vec<Citation<'a>>,
    pub(super) logprobs: Vec<Logprob<'a>>,
}

impl Said<'_> {
    /// Writes the part.
    pub(super) fn write(&self, out: &mut Object<'_>) {
        if self.is_refusal {
            out.text("type", "refusal");
            out.text("refusal", &self.text);
            return;
        }
        out.text("type", "output_text");
        out.array("annotations", |array| {
            for citation in &self.citations {
                // One without an address has no form here.
                if let Some(url) = &citation.url {
                    array.object(|out| words::write_annotation(citation, url, out));
                }
            }
        });
        out.array("logprobs", |array| {
            words::write_logprobs(&self.logprobs, array);
        });
        out.text("text", &self.text);
    }
}

/// Writes a message.
pub(super) fn write_message(id: &str, status: &str, parts: &[Said<'_>], out: &mut Object<'_>) {
    out.text("id", id);
    out.text("type", "message");
    out.text("status", status);
    out.text("role", "assistant");
    out.array("content", |content| {
        for part in parts {
            content.object(|out| part.write(out));
        }
    });
}

/// Writes a thought: what of it may be read, and what only its provider can read.
pub(super) fn write_thought(
    id: &str,
    status: &str,
    (text, state): (&str, Option<&str>),
    out: &mut Object<'_>,
) {
    out.text("id", id);
    out.text("type", "reasoning");
    out.text("status", status);
    out.array("summary", |summary| {
        if !text.is_empty() {
            summary.object(|out| write_summary(text, out));
        }
    });
    out.maybe_text("encrypted_content", state);
}

/// Writes a piece of a thought's summary.
pub(super) fn write_summary(text: &str, out: &mut Object<'_>) {
    out.text("type", "summary_text");
    out.text("text", text);
}

/// What the id of a call's item begins with.
pub(super) const fn call_prefix(call: &Call<'_>) -> &'static str {
    if call.is_custom { "ctc" } else { "fc" }
}

/// The id by which the client answers a call; what its provider wants back travels in it.
pub(super) fn call_id(call: &Call<'_>, manner: &Manner, number: usize) -> String {
    let own = if call.id.is_empty() {
        Cow::Owned(words::item_id("call", manner, number))
    } else {
        Cow::Borrowed(call.id.as_str())
    };
    match &call.state {
        Some(state) => carry::to_id(&own, state),
        None => own.into_owned(),
    }
}

/// What a call with these arguments says: a function's must be JSON.
pub(super) fn arguments_of<'q>(call: &Call<'_>, arguments: &'q str) -> &'q str {
    if arguments.is_empty() && !call.is_custom {
        "{}"
    } else {
        arguments
    }
}

/// Writes a call of `call.id`, with the arguments so far.
pub(super) fn write_call(
    (id, status): (&str, &str),
    call: &Call<'_>,
    call_id: &str,
    arguments: &str,
    out: &mut Object<'_>,
) {
    out.text("id", id);
    let (kind, member) = if call.is_custom {
        ("custom_tool_call", "input")
    } else {
        ("function_call", "arguments")
    };
    out.text("type", kind);
    out.text("status", status);
    out.text("call_id", call_id);
    out.text("name", call.name.as_str());
    if let Some(namespace) = &call.namespace {
        out.text("namespace", namespace.as_str());
    }
    out.text(member, arguments);
}

/// An item as JSON text.
pub(super) fn json(fill: impl FnOnce(&mut Object<'_>)) -> String {
    let mut out = Vec::new();
    Object::write(&mut out, fill);
    String::from_utf8(out).unwrap_or_default()
}
