//! Reading tools and which of them to call.

use mirk_model::{Ask, Function, Text, Tool, ToolChoice};

use super::fields::Fields;
use crate::{
    anthropic::words,
    json::{Members, Misread, Type, Value},
};

/// Reads `tools` and `tool_choice`.
pub(super) fn read<'a>(
    members: &mut Members<'a>,
    ask: &mut Ask<'a>,
    fields: &mut Fields<'a, '_>,
) -> Result<(), Misread> {
    // Names under which a choice may ask for a hosted tool, and its type.
    let mut hosted = Vec::new();
    members.each("tools", |value| {
        ask.tools.push(tool(value, fields, &mut hosted)?);
        Ok(())
    })?;
    members.read("tool_choice", |value| {
        let mut choice = value.members()?;
        let kind = choice.need("type", Value::text)?;
        ask.tool_choice = Some(match &*kind {
            "auto" => ToolChoice::Auto,
            "any" => ToolChoice::Required,
            "none" => ToolChoice::None,
            "tool" => {
                let name = choice.need("name", Value::text)?;
                let kind = hosted.iter().find(|(known, _)| *known == name);
                ToolChoice::Named(kind.map_or(name, |(_, kind)| kind.clone()))
            }
            _ => return Err(Misread::here("is not a choice that is known").inside("type")),
        });
        let is_single = choice.read("disable_parallel_tool_use", Value::flag)?;
        ask.parallel_calls = is_single.map(|is_single| !is_single);
        fields.rest("tool_choice.", &choice);
        Ok(())
    })?;
    Ok(())
}

fn tool<'a>(
    value: Value<'a>,
    fields: &mut Fields<'a, '_>,
    hosted: &mut Vec<(Text<'a>, Text<'a>)>,
) -> Result<Tool<'a>, Misread> {
    let mut members = value.members()?;
    let kind = members.read("type", Value::text)?;
    if let Some(kind) = kind.filter(|kind| *kind != "custom") {
        let kind = undated(kind);
        if let Some(name) = members.read("name", Value::text)? {
            hosted.push((name, kind.clone()));
        }
        return Ok(Tool::Hosted {
            kind,
            raw: value.json(),
        });
    }
    let function = Function {
        name: members.need("name", Value::text)?,
        namespace: None,
        description: members.read("description", Value::text)?,
        schema: members.read("input_schema", |schema| match schema.kind() {
            Type::Object => Ok(schema.json()),
            _ => Err(Misread::here("is not an object")),
        })?,
        strict: members.read("strict", Value::flag)?,
        cache: members.read("cache_control", words::read_cache)?,
    };
    fields.own(&mut members, "tools[].defer_loading");
    fields.own(&mut members, "tools[].eager_input_streaming");
    fields.own(&mut members, "tools[].input_examples");
    fields.own(&mut members, "tools[].allowed_callers");
    fields.rest("tools[].", &members);
    Ok(Tool::Function(function))
}

/// The type of a hosted tool without its version: `web_search` of `web_search_20250305`.
fn undated(kind: Text<'_>) -> Text<'_> {
    let is_date = |tail: &str| tail.len() == 8 && tail.bytes().all(|byte| byte.is_ascii_digit());
    match kind.rsplit_once('_') {
        Some((name, tail)) if is_date(tail) => Text::from(name.to_owned()),
        _ => kind,
    }
}
