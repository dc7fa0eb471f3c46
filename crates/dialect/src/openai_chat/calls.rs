//! Calls of tools, in requests and in whole answers.
//!
//! Source: OpenAI's API reference, `tool_calls` and the older `function_call`; Gemini "OpenAI
//! compatibility" for `extra_content.google.thought_signature`.

use mirk_model::{Call, Origin, State, Text};

use crate::{
    carry,
    json::{Members, Misread, Object, Type, Value},
};

/// Reads an item of `tool_calls`. `is_strict` is for what a client wrote: an id and a name must be
/// there, and arguments must be text.
pub(super) fn read(value: Value<'_>, is_strict: bool) -> Result<Call<'_>, Misread> {
    let mut members = value.members()?;
    let kind = members.read("type", Value::lossy_text)?;
    let is_custom = match kind.as_deref() {
        Some("custom") => true,
        Some("function" | "") | None => false,
        Some(_) if is_strict => {
            return Err(Misread::here("is not a type of call that Mirk knows").inside("type"));
        }
        Some(_) => members.peek("custom").is_some(),
    };
    let id = if is_strict {
        members.need("id", Value::text)?
    } else {
        members.read("id", Value::lossy_text)?.unwrap_or_default()
    };
    let (id, carried) = if is_strict {
        carry::from_id(id)
    } else {
        (id, None)
    };
    let state = signature(&mut members)?.or(carried);
    let (member, input) = if is_custom {
        ("custom", "input")
    } else {
        ("function", "arguments")
    };
    let mut call = members.need(member, |value| said(value, input, is_strict))?;
    call.id = id;
    call.is_custom = is_custom;
    call.state = state;
    Ok(call)
}

/// Reads `{"name", "arguments"}`, which is also all of a `function_call`.
pub(super) fn said<'a>(
    value: Value<'a>,
    input: &str,
    is_strict: bool,
) -> Result<Call<'a>, Misread> {
    let mut members = value.members()?;
    let name = if is_strict {
        members.need("name", Value::text)?
    } else {
        members.read("name", Value::lossy_text)?.unwrap_or_default()
    };
    let arguments = members.read(input, |value| match value.kind() {
        Type::Text if is_strict => value.text(),
        Type::Text => value.lossy_text(),
        // Some servers write the object itself.
        _ if !is_strict => Ok(value.json()),
        _ => Err(Misread::here("is not a string")),
    })?;
    Ok(Call {
        id: Text::default(),
        name,
        namespace: None,
        arguments: arguments.unwrap_or_default(),
        is_custom: false,
        state: None,
    })
}

/// Takes the signature that Gemini's own Chat endpoint puts beside a call.
pub(super) fn signature<'a>(members: &mut Members<'a>) -> Result<Option<State<'a>>, Misread> {
    let found = members.read("extra_content", |extra| {
        extra.members()?.read("google", |google| {
            google
                .members()?
                .read("thought_signature", Value::lossy_text)
        })
    })?;
    Ok(found
        .flatten()
        .flatten()
        .filter(|signature| !signature.is_empty())
        .map(|signature| carry::from_place(signature, Origin::Gemini)))
}

/// Writes a call under `id`. Arguments are never empty: clients and servers parse them.
pub(super) fn write(call: &Call<'_>, id: &str, out: &mut Object<'_>) {
    out.text("id", id);
    if call.is_custom {
        out.text("type", "custom");
        out.object("custom", |out| {
            out.text("name", call.name.as_str());
            out.text("input", call.arguments.as_str());
        });
        return;
    }
    out.text("type", "function");
    out.object("function", |out| {
        out.text("name", call.name.as_str());
        let is_empty = call.arguments.trim().is_empty();
        out.text("arguments", if is_empty { "{}" } else { &call.arguments });
    });
}
