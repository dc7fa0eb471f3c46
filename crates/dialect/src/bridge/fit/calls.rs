//! Tools and calls of kinds that the target does not have.

use std::borrow::Cow;

use mirk_model::{Ask, Call, Function, PartKind, Problem, Text, Tool, ToolChoice};

use crate::{
    json::{Object, Value, as_object},
    loss::{Feature, Notes},
    wire::Shape,
};

/// The schema of a function that stands for a free-form tool.
const INPUT: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// Fits tools and calls; gives the names of free-form tools that became functions.
pub(super) fn fit(
    ask: &mut Ask<'_>,
    shape: &Shape,
    notes: &mut Notes,
) -> Result<Vec<String>, Problem> {
    hosted(ask, notes)?;
    let mut wrapped = Vec::new();
    if !shape.has_custom {
        for tool in &mut ask.tools {
            if let Some((name, function)) = as_function(tool) {
                wrapped.push(name);
                *tool = function;
                notes.changed(Feature::CustomTools);
            }
        }
    }
    if shape.wants_properties {
        for tool in &mut ask.tools {
            if let Tool::Function(Function {
                schema: Some(schema),
                ..
            }) = tool
                && let Some(whole) = with_properties(schema)
            {
                *schema = whole;
            }
        }
    }
    for turn in &mut ask.turns {
        for part in &mut turn.parts {
            match &mut part.kind {
                PartKind::Call(call) => fit_call(call, shape, notes),
                PartKind::Result(result) => result.is_custom &= shape.has_custom,
                _ => {}
            }
        }
    }
    Ok(wrapped)
}

/// Takes out tools that some provider runs itself.
fn hosted(ask: &mut Ask<'_>, notes: &mut Notes) -> Result<(), Problem> {
    let is_hosted = |tool: &Tool<'_>| matches!(tool, Tool::Hosted { .. });
    if !ask.tools.iter().any(is_hosted) {
        return Ok(());
    }
    let is_demanded = match &ask.tool_choice {
        Some(ToolChoice::Named(name)) => ask
            .tools
            .iter()
            .any(|tool| matches!(tool, Tool::Hosted { kind, .. } if kind == name)),
        _ => false,
    };
    if is_demanded || ask.tools.iter().all(is_hosted) {
        return Err(notes.refuse(Feature::HostedTools));
    }
    ask.tools.retain(|tool| !is_hosted(tool));
    notes.lose(Feature::HostedTools)
}

fn as_function(tool: &Tool<'_>) -> Option<(String, Tool<'static>)> {
    let Tool::Custom {
        name,
        description,
        format,
    } = tool
    else {
        return None;
    };
    let mut words = description
        .as_ref()
        .map(|text| text.as_str().to_owned())
        .unwrap_or_default();
    if let Some(format) = format {
        // The form of the input is all that tells the model how to write it.
        words.push_str("\n\nThe form of `input`: ");
        words.push_str(format);
    }
    let function = Function {
        name: name.clone().into_owned(),
        description: (!words.is_empty()).then(|| Text::from(words)),
        schema: Some(Text::from(INPUT)),
        ..Function::default()
    };
    Some((name.as_str().to_owned(), Tool::Function(function)))
}

fn fit_call(call: &mut Call<'_>, shape: &Shape, notes: &mut Notes) {
    if call.is_custom && !shape.has_custom {
        call.is_custom = false;
        call.arguments = input(&call.arguments);
        notes.changed(Feature::CustomTools);
        return;
    }
    if call.is_custom {
        return;
    }
    if call.arguments.trim().is_empty() {
        // A call without arguments, as many providers write it.
        call.arguments = Text::from("{}");
    } else if shape.has_object_arguments
        && let Cow::Owned(wrapped) = as_object(&call.arguments)
    {
        call.arguments = Text::from(wrapped);
        notes.changed(Feature::BrokenArguments);
    }
}

/// The schema with what OpenAI wants at its root, where that lacks it: "Invalid schema for
/// function: object schema missing properties". A schema without arguments means the same.
fn with_properties(schema: &str) -> Option<Text<'static>> {
    let members = Value::parse(schema).ok()?.members().ok()?;
    let mut missing = String::new();
    match members.peek("type") {
        None => missing.push_str(r#""type":"object","#),
        Some(kind) if kind.raw() == r#""object""# => {}
        Some(_) => return None,
    }
    if members.peek("properties").is_none() {
        missing.push_str(r#""properties":{},"#);
    }
    let inside = schema.trim_start().strip_prefix('{')?;
    if inside.trim_start().starts_with('}') {
        missing.pop();
    }
    (!missing.is_empty()).then(|| Text::from(["{", &missing, inside].concat()))
}

/// `{"input": text}`.
fn input(text: &str) -> Text<'static> {
    let mut out = Vec::with_capacity(text.len() + 16);
    Object::write(&mut out, |object| object.text("input", text));
    Text::from(String::from_utf8(out).unwrap_or_default())
}
