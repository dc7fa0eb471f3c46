//! What the model may call, and the form of its answer.

use mirk_model::{Ask, Cache, Format, Function, Text, Tool, ToolChoice};

use super::leave;
use crate::{
    json::{Members, Misread, Type, Value},
    loss::Notes,
};

/// Reads tools, functions as they were called before, and the choice among them.
pub(super) fn read<'a>(
    members: &mut Members<'a>,
    ask: &mut Ask<'a>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    let tools = &mut ask.tools;
    members.each("tools", |value| {
        tools.push(tool(value, notes)?);
        Ok(())
    })?;
    members.each("functions", |value| {
        let function = function(value.members()?, "functions[].", notes)?;
        tools.push(Tool::Function(function));
        Ok(())
    })?;
    let older = members.read("function_call", named_before)?;
    ask.tool_choice = members.read("tool_choice", choice)?.or(older);
    ask.parallel_calls = members.read("parallel_tool_calls", Value::flag)?;
    ask.format = members.read("response_format", |value| format(value, notes))?;
    Ok(())
}

fn tool<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Tool<'a>, Misread> {
    let mut members = value.members()?;
    let kind = members.need("type", Value::text)?;
    match kind.as_str() {
        "function" => {
            let mark = cache(&mut members)?;
            // Flat, as Responses has it, or inside `function`.
            let mut function = match members.take("function") {
                Some(inner) => inner
                    .members()
                    .and_then(|inner| function(inner, "tools[].function.", notes))
                    .map_err(|misread| misread.inside("function"))?,
                None if members.peek("name").is_some() => {
                    return Ok(Tool::Function(function(members, "tools[].", notes)?));
                }
                None => return Err(Misread::here("is missing").inside("function")),
            };
            function.cache = mark.or(function.cache);
            leave(&members, "tools[].", notes);
            Ok(Tool::Function(function))
        }
        "custom" => members.need("custom", |value| custom(value, notes)),
        _ => Ok(Tool::Hosted {
            kind,
            raw: value.json(),
        }),
    }
}

fn custom<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Tool<'a>, Misread> {
    let mut members = value.members()?;
    let read = Tool::Custom {
        name: members.need("name", Value::text)?,
        description: members.read("description", Value::text)?,
        format: members.take("format").map(Value::json),
    };
    leave(&members, "tools[].custom.", notes);
    Ok(read)
}

fn function<'a>(
    mut members: Members<'a>,
    place: &str,
    notes: &mut Notes,
) -> Result<Function<'a>, Misread> {
    let read = Function {
        name: members.need("name", Value::text)?,
        namespace: None,
        description: members.read("description", Value::text)?,
        schema: members.read("parameters", |value| value.members().map(|_| value.json()))?,
        strict: members.read("strict", Value::flag)?,
        cache: cache(&mut members)?,
    };
    leave(&members, place, notes);
    Ok(read)
}

/// Takes a mark for the prompt cache: Anthropic's, which routers take in this dialect too, or
/// OpenAI's `prompt_cache_breakpoint`, which lasts half an hour or twelve.
pub(super) fn cache(members: &mut Members<'_>) -> Result<Option<Cache>, Misread> {
    let mut mark = None;
    for name in ["cache_control", "prompt_cache_breakpoint"] {
        let found = members.read(name, |value| {
            let ttl = value.members()?.read("ttl", Value::text)?;
            Ok(match ttl.as_deref() {
                None | Some("5m" | "30m") => Cache::Short,
                Some(_) => Cache::Hour,
            })
        })?;
        mark = mark.or(found);
    }
    Ok(mark)
}

fn choice(value: Value<'_>) -> Result<ToolChoice<'_>, Misread> {
    if value.kind() == Type::Text {
        return match &*value.text()? {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" | "any" => Ok(ToolChoice::Required),
            _ => Err(Misread::here("is neither auto, none, required nor a tool")),
        };
    }
    let mut members = value.members()?;
    let kind = members.need("type", Value::text)?;
    match kind.as_str() {
        "function" | "custom" => name_of(members, &kind).map(ToolChoice::Named),
        "allowed_tools" => members.need("allowed_tools", allowed),
        _ => Err(Misread::here("is not a choice that Mirk knows").inside("type")),
    }
}

/// The name in `{"type": "function", "function": {"name": …}}`, or beside `type` as in Responses.
fn name_of<'a>(mut members: Members<'a>, kind: &str) -> Result<Text<'a>, Misread> {
    if members.peek("name").is_some() {
        return members.need("name", Value::text);
    }
    members.need(kind, |value| value.members()?.need("name", Value::text))
}

fn allowed(value: Value<'_>) -> Result<ToolChoice<'_>, Misread> {
    let mut members = value.members()?;
    let is_required = match &*members.need("mode", Value::text)? {
        "auto" => false,
        "required" => true,
        _ => return Err(Misread::here("is neither auto nor required").inside("mode")),
    };
    let mut names = Vec::new();
    members.each("tools", |value| {
        let mut tool = value.members()?;
        let kind = tool.need("type", Value::text)?;
        names.push(name_of(tool, &kind)?);
        Ok(())
    })?;
    Ok(ToolChoice::Allowed { names, is_required })
}

/// The older `function_call`.
fn named_before(value: Value<'_>) -> Result<ToolChoice<'_>, Misread> {
    if value.kind() == Type::Text {
        return choice(value);
    }
    value
        .members()?
        .need("name", Value::text)
        .map(ToolChoice::Named)
}

fn format<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Format<'a>, Misread> {
    let mut members = value.members()?;
    let kind = members.need("type", Value::text)?;
    match kind.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::JsonObject),
        "json_schema" => members.need("json_schema", |value| {
            let mut members = value.members()?;
            let schema = members.read("schema", |value| value.members().map(|_| value.json()))?;
            let format = Format::Schema {
                name: members.read("name", Value::text)?,
                description: members.read("description", Value::text)?,
                schema: schema.unwrap_or_else(|| Text::from("{}")),
                strict: members.read("strict", Value::flag)?,
            };
            leave(&members, "response_format.json_schema.", notes);
            Ok(format)
        }),
        _ => Err(Misread::here("is not a form that Mirk knows").inside("type")),
    }
}
