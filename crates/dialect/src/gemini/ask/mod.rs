//! Requests: read from a client, written for a provider.
//!
//! Invariant: what a client said is read, named as left out, or refused; nothing vanishes.

mod config;
mod contents;
mod options;
mod tools;
mod turns;
mod write;

use mirk_model::{Ask, MediaKind, Operation, Part, PartKind, Role, Shown, Source, Turn};

pub(super) use self::{turns::object_of, write::write};
use super::fields::Fields;
use crate::{
    json::{Misread, Value},
    loss::Notes,
    wire::Manner,
};

/// Reads a request, or the body of `countTokens`, which has contents alone or a whole request.
/// Source: <https://ai.google.dev/api/generate-content>, <https://ai.google.dev/api/tokens>.
pub(super) fn read<'a>(
    operation: Operation,
    body: &'a str,
    notes: &mut Notes,
) -> Result<(Ask<'a>, Manner), Misread> {
    let mut fields = Fields::of(Value::parse(body)?)?;
    let mut ask = Ask {
        is_stream: operation == Operation::StreamGenerate,
        ..Ask::default()
    };
    if operation == Operation::GeminiCount
        && let Some(()) = fields.read("generateContentRequest", |inner| {
            let mut inner = Fields::of(inner)?;
            whole(&mut inner, &mut ask, notes)?;
            inner.name_rest("generateContentRequest.", notes);
            Ok(())
        })?
    {
        fields.name_rest("", notes);
    } else {
        whole(&mut fields, &mut ask, notes)?;
        fields.name_rest("", notes);
    }
    let shown = ask.reasoning.and_then(|reasoning| reasoning.shown);
    let mut manner = Manner::new(operation);
    manner.is_stream = ask.is_stream;
    manner.includes_usage = true;
    // A client that did not ask for thoughts gets none, as from Gemini itself.
    manner.shows_thinking = shown.is_some_and(|shown| shown != Shown::Omitted);
    Ok((ask, manner))
}

fn whole<'a>(fields: &mut Fields<'a>, ask: &mut Ask<'a>, notes: &mut Notes) -> Result<(), Misread> {
    // The path says which model; SDKs repeat it here.
    fields.read("model", |model| model.text().map(|_named| ()))?;
    fields.read("systemInstruction", |system| {
        contents::system(system, &mut ask.turns, notes)
    })?;
    fields.read("cachedContent", |name| {
        // The front of the conversation, which only Google has.
        let file = contents::media(MediaKind::Document, Source::File(name.text()?));
        ask.turns.push(Turn {
            role: Role::User,
            name: None,
            parts: vec![Part::new(PartKind::Media(file))],
        });
        Ok(())
    })?;
    let mut pairs = contents::Pairs::default();
    fields.each("contents", |content| {
        contents::read(content, &mut pairs, &mut ask.turns, notes)
    })?;
    pairs.name_calls(&mut ask.turns);
    fields.each("tools", |tool| tools::read(tool, &mut ask.tools, notes))?;
    fields.read("toolConfig", |choice| {
        tools::read_choice(choice, ask, notes)
    })?;
    fields.read("generationConfig", |value| config::read(value, ask, notes))?;
    ask.service_tier = fields.read("serviceTier", Value::text)?;
    ask.kept.store = fields.read("store", Value::flag)?;
    for name in ["safetySettings", "labels"] {
        if let Some(value) = fields.take(name) {
            ask.own.push((name, value.json()));
        }
    }
    Ok(())
}
