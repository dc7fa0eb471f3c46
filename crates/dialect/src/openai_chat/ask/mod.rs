//! Requests: `POST /v1/chat/completions`.
//!
//! Source: OpenAI's API reference, "Create chat completion", read 2026-11; OpenRouter "API
//! parameters" for what routers have added.

mod options;
mod tools;
mod turns;
mod write;
mod write_turns;

use mirk_model::{Ask, Kept, Operation, Text};

use crate::{
    json::{Members, Misread, Value},
    loss::Notes,
    wire::Manner,
};

pub(super) use self::{
    turns::{attach, thought},
    write::write,
};

/// Members that are known and have no counterpart in another dialect.
const OWN: [&str; 14] = [
    "audio",
    "modalities",
    "moderation",
    "models",
    "plugins",
    "prediction",
    "prompt_cache_options",
    "prompt_cache_retention",
    "provider",
    "route",
    "safety_identifier",
    "transforms",
    "usage",
    "web_search_options",
];

/// Reads a request.
pub(super) fn read<'a>(
    operation: Operation,
    body: &'a str,
    notes: &mut Notes,
) -> Result<(Ask<'a>, Manner), Misread> {
    let mut members = Value::parse(body)?.members()?;
    let mut manner = Manner::new(operation);
    let mut ask = Ask {
        model: members.need("model", Value::text)?,
        is_stream: members.read("stream", Value::flag)?.unwrap_or(false),
        turns: turns::read(&mut members, notes)?,
        ..Ask::default()
    };
    tools::read(&mut members, &mut ask, notes)?;
    options::read(&mut members, &mut ask, notes)?;
    let shown = options::reasoning(&mut members, &mut ask, notes)?;
    named(&mut members, &mut ask)?;
    members.read("stream_options", |value| {
        let mut options = value.members()?;
        manner.includes_usage = options.read("include_usage", Value::flag)?.unwrap_or(false);
        // Padding against eavesdroppers; nothing of the request's meaning.
        options.read("include_obfuscation", Value::flag)?;
        leave(&options, "stream_options.", notes);
        Ok(())
    })?;
    for name in OWN {
        if let Some(value) = members.take(name) {
            ask.own.push((name, value.json()));
        }
    }
    leave(&members, "", notes);
    manner.is_stream = ask.is_stream;
    manner.shows_thinking = shown;
    manner.model = ask.model.as_str().to_owned();
    Ok((ask, manner))
}

/// What names the user, the request or the place of its answer.
fn named<'a>(members: &mut Members<'a>, ask: &mut Ask<'a>) -> Result<(), Misread> {
    ask.user = members.read("user", Value::text)?;
    if ask.user.is_none() {
        ask.user = members.read("safety_identifier", Value::text)?;
    }
    ask.metadata = members.read("metadata", |value| value.members().map(|_| value.json()))?;
    ask.service_tier = members.read("service_tier", Value::text)?;
    ask.cache_key = members.read("prompt_cache_key", Value::text)?;
    ask.kept = Kept {
        store: members.read("store", Value::flag)?,
        ..Kept::default()
    };
    Ok(())
}

/// Notes the members that nobody took.
fn leave(members: &Members<'_>, place: &str, notes: &mut Notes) {
    for name in members.rest() {
        notes.dropped_field(&format!("{place}{name}"));
    }
}

/// A string that is not empty, or nothing.
fn some(text: Option<Text<'_>>) -> Option<Text<'_>> {
    text.filter(|text| !text.is_empty())
}
