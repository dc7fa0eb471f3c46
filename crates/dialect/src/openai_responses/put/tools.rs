//! Tools and the choice among them.

use std::collections::HashMap;

use mirk_model::{Ask, Dialect, Function, Problem, Text, Tool, ToolChoice};

use crate::{
    json::{Array, Object},
    loss::{Feature, Notes},
};

/// Writes the tools, and how to choose among them.
pub(super) fn write(
    ask: &Ask<'_>,
    body: &mut Object<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    let is_own = notes.client() == Dialect::OpenAiResponses;
    let is_here = |tool: &&Tool<'_>| is_own || !matches!(tool, Tool::Hosted { .. });
    if !ask.tools.iter().all(|tool| is_here(&tool)) {
        notes.lose(Feature::HostedTools)?;
    }
    // A choice where there is nothing to choose is refused.
    if !ask.tools.iter().any(|tool| is_here(&tool)) {
        return Ok(());
    }
    let mut groups = groups(&ask.tools);
    body.try_array("tools", |array| {
        for tool in ask.tools.iter().filter(is_here) {
            write_tool(tool, &mut groups, array, notes)?;
        }
        Ok::<(), Problem>(())
    })?;
    if let Some(choice) = &ask.tool_choice {
        write_choice(choice, &ask.tools, body);
    }
    if let Some(parallel) = ask.parallel_calls {
        body.flag("parallel_tool_calls", parallel);
    }
    Ok(())
}

/// The functions of each group, by its name.
type Groups<'q, 'a> = HashMap<&'q str, Vec<&'q Function<'a>>>;

fn groups<'q, 'a>(tools: &'q [Tool<'a>]) -> Groups<'q, 'a> {
    let mut groups = Groups::new();
    for tool in tools {
        if let Tool::Function(function) = tool
            && let Some(group) = &function.namespace
        {
            groups.entry(group.as_str()).or_default().push(function);
        }
    }
    groups
}

/// Writes a tool; the first of a group with the whole group, the others of it not again.
fn write_tool(
    tool: &Tool<'_>,
    groups: &mut Groups<'_, '_>,
    array: &mut Array<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    match tool {
        Tool::Function(function) => {
            let Some(group) = &function.namespace else {
                return write_function(function, array, notes);
            };
            let Some(functions) = groups.remove(group.as_str()) else {
                return Ok(());
            };
            array.try_object(|out| {
                out.text("type", "namespace");
                out.text("name", group.as_str());
                // It must be there, and what it was is not known here.
                out.text("description", group.as_str());
                out.try_array("tools", |array| {
                    for function in functions {
                        write_function(function, array, notes)?;
                    }
                    Ok(())
                })
            })
        }
        Tool::Custom {
            name,
            description,
            format,
        } => {
            array.object(|out| {
                out.text("type", "custom");
                out.text("name", name.as_str());
                out.maybe_text("description", description.as_ref().map(Text::as_str));
                out.maybe_raw("format", format.as_ref().map(Text::as_str));
            });
            Ok(())
        }
        Tool::Hosted { raw, .. } => {
            array.raw(raw.as_str());
            Ok(())
        }
    }
}

fn write_function(
    function: &Function<'_>,
    array: &mut Array<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    if function.cache.is_some() {
        notes.lose(Feature::CacheMarks)?;
    }
    array.object(|out| {
        out.text("type", "function");
        out.text("name", function.name.as_str());
        let description = function.description.as_ref().map(Text::as_str);
        out.maybe_text("description", description);
        match &function.schema {
            Some(schema) => out.raw("parameters", schema.as_str()),
            None => out.null("parameters"),
        }
        match function.strict {
            Some(strict) => out.flag("strict", strict),
            // Only here does leaving it out mean that it is tried.
            None if notes.client() != Dialect::OpenAiResponses => out.flag("strict", false),
            None => {}
        }
    });
    Ok(())
}

fn write_choice(choice: &ToolChoice<'_>, tools: &[Tool<'_>], body: &mut Object<'_>) {
    let known: HashMap<&str, &Tool<'_>> = tools
        .iter()
        .map(|tool| match tool {
            Tool::Function(function) => (function.name.as_str(), tool),
            Tool::Custom { name, .. } => (name.as_str(), tool),
            Tool::Hosted { kind, .. } => (kind.as_str(), tool),
        })
        .collect();
    match choice {
        ToolChoice::Auto => body.text("tool_choice", "auto"),
        ToolChoice::None => body.text("tool_choice", "none"),
        ToolChoice::Required => body.text("tool_choice", "required"),
        ToolChoice::Named(name) => {
            body.object("tool_choice", |out| write_named(name, &known, out));
        }
        ToolChoice::Allowed { names, is_required } => body.object("tool_choice", |out| {
            out.text("type", "allowed_tools");
            out.text("mode", if *is_required { "required" } else { "auto" });
            out.array("tools", |array| {
                for name in names {
                    array.object(|out| write_named(name, &known, out));
                }
            });
        }),
    }
}

fn write_named(name: &str, known: &HashMap<&str, &Tool<'_>>, out: &mut Object<'_>) {
    match known.get(name) {
        Some(Tool::Hosted { .. }) => out.text("type", name),
        Some(Tool::Custom { .. }) => {
            out.text("type", "custom");
            out.text("name", name);
        }
        Some(Tool::Function(_)) | None => {
            out.text("type", "function");
            out.text("name", name);
        }
    }
}
