//! Tools of a request and the choice among them, read.

use mirk_model::{Ask, Function, Text, Tool, ToolChoice};

use super::super::{
    fields::{Fields, camel},
    schema,
};
use crate::{
    json::{Misread, Object, Value},
    loss::Notes,
};

/// Reads one item of `tools`: functions, and tools that Google runs itself.
/// Source: <https://ai.google.dev/api/caching>, `Tool`.
pub(super) fn read<'a>(
    value: Value<'a>,
    tools: &mut Vec<Tool<'a>>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    let mut fields = Fields::of(value)?;
    fields.each("functionDeclarations", |value| {
        tools.push(Tool::Function(read_function(value, notes)?));
        Ok(())
    })?;
    for (name, value) in fields.into_rest() {
        let kind = camel(&name);
        let mut raw = Vec::new();
        Object::write(&mut raw, |tool| tool.raw(&kind, value.raw()));
        tools.push(Tool::Hosted {
            kind: Text::from(kind),
            raw: Text::from(String::from_utf8(raw).unwrap_or_default()),
        });
    }
    Ok(())
}

fn read_function<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Function<'a>, Misread> {
    let mut fields = Fields::of(value)?;
    let name = fields.need("name", Value::text)?;
    let description = fields.read("description", Value::text)?;
    let own = fields.read("parameters", schema::read)?;
    let plain = fields.read("parametersJsonSchema", |value| {
        value.members().map(|_object| value.json())
    })?;
    fields.name_rest("tools[].functionDeclarations[].", notes);
    Ok(Function {
        name,
        description,
        schema: plain.or(own),
        ..Function::default()
    })
}

/// Reads `toolConfig`.
/// Source: <https://ai.google.dev/api/caching>, `FunctionCallingConfig`.
pub(super) fn read_choice<'a>(
    value: Value<'a>,
    ask: &mut Ask<'a>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    let mut fields = Fields::of(value)?;
    ask.tool_choice = fields
        .read("functionCallingConfig", |value| read_mode(value, notes))?
        .flatten();
    if let Some(value) = fields.take("retrievalConfig") {
        ask.own.push(("toolConfig.retrievalConfig", value.json()));
    }
    if let Some(value) = fields.take("includeServerSideToolInvocations") {
        let name = "toolConfig.includeServerSideToolInvocations";
        ask.own.push((name, value.json()));
    }
    fields.name_rest("toolConfig.", notes);
    Ok(())
}

fn read_mode<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Option<ToolChoice<'a>>, Misread> {
    let mut fields = Fields::of(value)?;
    let mode = fields.read("mode", |mode| {
        let mode = mode.text()?.to_ascii_uppercase();
        match mode.as_str() {
            "MODE_UNSPECIFIED" | "AUTO" | "ANY" | "NONE" | "VALIDATED" => Ok(mode),
            _ => Err(Misread::here("is not AUTO, ANY, NONE or VALIDATED")),
        }
    })?;
    let mut names = Vec::new();
    fields.each("allowedFunctionNames", |name| {
        names.push(name.text()?);
        Ok(())
    })?;
    fields.name_rest("toolConfig.functionCallingConfig.", notes);
    let allowed = |names, is_required| Some(ToolChoice::Allowed { names, is_required });
    Ok(match (mode.as_deref(), names.len()) {
        (Some("NONE"), _) => Some(ToolChoice::None),
        (Some("ANY"), 0) => Some(ToolChoice::Required),
        (Some("ANY"), 1) => names.pop().map(ToolChoice::Named),
        (Some("ANY"), _) => allowed(names, true),
        (None | Some("MODE_UNSPECIFIED"), 0) => None,
        (_, 0) => Some(ToolChoice::Auto),
        _ => allowed(names, false),
    })
}
