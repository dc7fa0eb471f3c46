//! Tools and the choice among them.
//!
//! Source: `function_tool_param.py`, `namespace_tool_param.py`, `custom_tool_param.py` and
//! `tool_choice_*_param.py` of `openai-python`.

use mirk_model::{Function, Text, Tool, ToolChoice};

use crate::{
    json::{Members, Misread, Type, Value},
    loss::Notes,
};

/// Reads a tool, or a group of them.
pub(super) fn read<'a>(
    value: Value<'a>,
    tools: &mut Vec<Tool<'a>>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    let mut members = value.members()?;
    let kind = members.need("type", Value::text)?;
    match kind.as_str() {
        "function" => tools.push(Tool::Function(function(&mut members, None, notes)?)),
        "custom" => tools.push(custom(&mut members)?),
        "namespace" => {
            namespace(&mut members, tools, notes)?;
            return Ok(());
        }
        _ => {
            tools.push(Tool::Hosted {
                kind,
                raw: value.json(),
            });
            return Ok(());
        }
    }
    for unknown in members.rest() {
        notes.dropped_field(&format!("tools[].{unknown}"));
    }
    Ok(())
}

fn function<'a>(
    members: &mut Members<'a>,
    namespace: Option<Text<'a>>,
    notes: &mut Notes,
) -> Result<Function<'a>, Misread> {
    // Chat's form, which some clients send here too.
    let nested = members.peek("name").is_none() && members.peek("function").is_some();
    if nested {
        return members.need("function", |value| {
            let mut members = value.members()?;
            let read = function_of(&mut members, namespace)?;
            for unknown in members.rest() {
                notes.dropped_field(&format!("tools[].function.{unknown}"));
            }
            Ok(read)
        });
    }
    function_of(members, namespace)
}

fn function_of<'a>(
    members: &mut Members<'a>,
    namespace: Option<Text<'a>>,
) -> Result<Function<'a>, Misread> {
    Ok(Function {
        name: members.need("name", Value::text)?,
        namespace,
        description: members.read("description", Value::text)?,
        schema: members.read("parameters", |value| match value.kind() {
            Type::Object | Type::Flag => Ok(value.json()),
            _ => Err(Misread::here("is no JSON schema")),
        })?,
        strict: members.read("strict", Value::flag)?,
        cache: None,
    })
}

fn custom<'a>(members: &mut Members<'a>) -> Result<Tool<'a>, Misread> {
    Ok(Tool::Custom {
        name: members.need("name", Value::text)?,
        description: members.read("description", Value::text)?,
        format: members.read("format", |value| match value.kind() {
            Type::Object => Ok(value.json()),
            _ => Err(Misread::here("is not an object")),
        })?,
    })
}

/// A group, as Codex sends those of each MCP server.
fn namespace<'a>(
    members: &mut Members<'a>,
    tools: &mut Vec<Tool<'a>>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    let group = members.need("name", Value::text)?;
    let description = members.read("description", Value::text)?;
    // What a writer that does not know it puts there says nothing.
    if description.is_some_and(|said| !said.is_empty() && said != group) {
        notes.dropped_field("tools[].namespace.description");
    }
    members.each("tools", |value| {
        let mut members = value.members()?;
        let kind = members.read("type", Value::text)?;
        match kind.as_ref().map_or("function", Text::as_str) {
            "function" => {
                let group = Some(group.clone());
                tools.push(Tool::Function(function(&mut members, group, notes)?));
            }
            "custom" => {
                tools.push(custom(&mut members)?);
                notes.dropped_field("tools[].tools[].namespace");
            }
            _ => return Err(Misread::here("is no tool that a namespace can hold").inside("type")),
        }
        for unknown in members.rest() {
            notes.dropped_field(&format!("tools[].tools[].{unknown}"));
        }
        Ok(())
    })?;
    for unknown in members.rest() {
        notes.dropped_field(&format!("tools[].namespace.{unknown}"));
    }
    Ok(())
}

/// Reads `tool_choice`. A tool that OpenAI runs itself is named by its type.
pub(super) fn choice<'a>(value: Value<'a>, notes: &mut Notes) -> Result<ToolChoice<'a>, Misread> {
    if value.kind() == Type::Text {
        return Ok(match value.text()?.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" | "any" => ToolChoice::Required,
            _ => return Err(Misread::here("is no choice that is known")),
        });
    }
    let mut members = value.members()?;
    let kind = members.need("type", Value::text)?;
    let choice = match kind.as_str() {
        "allowed_tools" => allowed(&mut members)?,
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "required" => ToolChoice::Required,
        _ => {
            let _known = (members.take("server_label"), members.take("namespace"));
            ToolChoice::Named(named(&mut members, kind)?)
        }
    };
    for unknown in members.rest() {
        notes.dropped_field(&format!("tool_choice.{unknown}"));
    }
    Ok(choice)
}

fn named<'a>(members: &mut Members<'a>, kind: Text<'a>) -> Result<Text<'a>, Misread> {
    if !matches!(kind.as_str(), "function" | "custom") {
        // The `name` of an MCP server's tool means nothing without the server.
        let _server = members.take("name");
        return Ok(kind);
    }
    match members.take("function") {
        // Chat's form.
        Some(function) => function
            .members()
            .and_then(|mut function| function.need("name", Value::text))
            .map_err(|misread| misread.inside("function")),
        None => members.need("name", Value::text),
    }
}

fn allowed<'a>(members: &mut Members<'a>) -> Result<ToolChoice<'a>, Misread> {
    let is_required = members.read("mode", |mode| match mode.text()?.as_str() {
        "auto" => Ok(false),
        "required" => Ok(true),
        _ => Err(Misread::here("is neither auto nor required")),
    })?;
    let mut names = Vec::new();
    members.each("tools", |value| {
        let mut tool = value.members()?;
        let kind = tool.need("type", Value::text)?;
        names.push(named(&mut tool, kind)?);
        Ok(())
    })?;
    Ok(ToolChoice::Allowed {
        names,
        is_required: is_required.unwrap_or(false),
    })
}
