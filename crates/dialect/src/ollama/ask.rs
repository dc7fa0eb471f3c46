//! Requests: `POST /api/chat` and `POST /api/generate`.

use mirk_model::{
    Ask, Call, CallResult, Format, Function, Media, MediaKind, Operation, Part, PartKind, Problem,
    ReasoningMode, Role, Source, Text, Thinking, Tool, ToolChoice, Traits, Turn,
};

use super::{options, think};
use crate::{
    carry,
    json::{Array, Members, Misread, Object, Type, Value, as_object},
    loss::{Feature, Notes},
    wire::Manner,
};

/// Reads a request.
pub(super) fn read<'a>(
    operation: Operation,
    body: &'a str,
    notes: &mut Notes,
) -> Result<(Ask<'a>, Manner), Misread> {
    let mut members = Value::parse(body)?.members()?;
    let mut ask = Ask {
        model: members.read("model", Value::text)?.unwrap_or_default(),
        is_stream: members.read("stream", Value::flag)?.unwrap_or(true),
        ..Ask::default()
    };
    if operation == Operation::OllamaGenerate {
        generate(&mut ask, &mut members)?;
    } else {
        members.each("messages", |message| {
            ask.turns.push(turn(message, notes)?);
            Ok(())
        })?;
        members.each("tools", |value| {
            ask.tools.push(tool(value, notes)?);
            Ok(())
        })?;
    }
    members.read("options", |value| options::read(&mut ask, value, notes))?;
    ask.format = members.read("format", format)?.flatten();
    ask.reasoning = members.read("think", think::read)?;
    let logprobs = members.read("logprobs", Value::flag)?.unwrap_or(false);
    let others = members.read("top_logprobs", Value::count)?;
    ask.logprobs = (logprobs || others.is_some()).then(|| others.unwrap_or(0));
    for own in [
        "keep_alive",
        "truncate",
        "shift",
        "template",
        "raw",
        "context",
        "suffix",
    ] {
        if let Some(value) = members.take(own) {
            ask.own.push((own, value.json()));
        }
    }
    for unknown in members.rest() {
        notes.dropped_field(unknown);
    }
    let shows_thinking = ask
        .reasoning
        .is_none_or(|reasoning| reasoning.mode != Some(ReasoningMode::Off));
    let manner = Manner {
        shows_thinking,
        ..Manner::new(operation)
    };
    Ok((ask, manner))
}

/// A prompt is one turn of the user's, behind the system's.
fn generate<'a>(ask: &mut Ask<'a>, members: &mut Members<'a>) -> Result<(), Misread> {
    if let Some(system) = members
        .read("system", Value::text)?
        .filter(|text| !text.is_empty())
    {
        ask.turns.push(Turn {
            role: Role::System,
            name: None,
            parts: vec![Part::text(system)],
        });
    }
    let prompt = members.read("prompt", Value::text)?.unwrap_or_default();
    let mut parts = Vec::new();
    images(members, &mut parts)?;
    if !prompt.is_empty() {
        parts.push(Part::text(prompt));
    }
    if parts.is_empty() {
        return Err(Misread::here("is missing").inside("prompt"));
    }
    ask.turns.push(Turn {
        role: Role::User,
        name: None,
        parts,
    });
    Ok(())
}

fn images<'a>(members: &mut Members<'a>, parts: &mut Vec<Part<'a>>) -> Result<(), Misread> {
    members.each("images", |image| {
        let base64 = bare(image.text()?);
        parts.push(Part::new(PartKind::Media(Media {
            kind: MediaKind::Image,
            source: Source::Data {
                mime: Text::from(mime(&base64)),
                base64,
            },
            name: None,
            detail: None,
        })));
        Ok(())
    })
}

/// The base64 of a data URL, which clients that have one send too; anything else as it is.
fn bare(image: Text<'_>) -> Text<'_> {
    let start = image.get(..5).unwrap_or_default();
    match image.split_once(',') {
        Some((_, base64)) if start.eq_ignore_ascii_case("data:") => Text::from(base64.to_owned()),
        _ => image,
    }
}

/// The type of a picture, by how its base64 begins: Ollama does not say.
fn mime(base64: &str) -> &'static str {
    const STARTS: [(&str, &str); 4] = [
        ("/9j/", "image/jpeg"),
        ("R0lGOD", "image/gif"),
        ("UklGR", "image/webp"),
        ("iVBORw0KGgo", "image/png"),
    ];
    STARTS
        .iter()
        .find(|(start, _)| base64.starts_with(start))
        .map_or("image/png", |(_, mime)| mime)
}

fn turn<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Turn<'a>, Misread> {
    let mut members = value.members()?;
    let role = members.need("role", Value::text)?;
    let role = match role.as_str() {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => return Err(Misread::here("is no role that Ollama knows").inside("role")),
    };
    let mut parts = Vec::new();
    if let Some(text) = members
        .read("thinking", Value::text)?
        .filter(|text| !text.is_empty())
    {
        parts.push(Part::new(PartKind::Thinking(Thinking {
            text,
            ..Thinking::default()
        })));
    }
    images(&mut members, &mut parts)?;
    let content = members.read("content", Value::text)?.unwrap_or_default();
    if !content.is_empty() {
        parts.push(Part::text(content));
    }
    members.each("tool_calls", |value| {
        parts.push(Part::new(PartKind::Call(call(value)?)));
        Ok(())
    })?;
    let name = members.read("tool_name", Value::text)?;
    let name = name.or(members.read("name", Value::text)?);
    let id = members
        .read("tool_call_id", Value::text)?
        .unwrap_or_default();
    for unknown in members.rest() {
        notes.dropped_field(&format!("messages[].{unknown}"));
    }
    if role == Role::Tool {
        let (id, _state) = carry::from_id(id);
        parts = vec![Part::new(PartKind::Result(CallResult {
            id,
            name,
            parts,
            is_error: false,
            is_custom: false,
        }))];
    }
    Ok(Turn {
        role,
        name: None,
        parts,
    })
}

/// Reads a call, of a request or an answer.
pub(super) fn call(value: Value<'_>) -> Result<Call<'_>, Misread> {
    let mut members = value.members()?;
    let id = members.read("id", Value::lossy_text)?.unwrap_or_default();
    let (id, state) = carry::from_id(id);
    members.need("function", |function| {
        let mut function = function.members()?;
        let arguments = function.take("arguments");
        Ok(Call {
            id,
            name: function.need("name", Value::lossy_text)?,
            namespace: None,
            arguments: match arguments {
                // Some clients send OpenAI's form.
                Some(value) if value.kind() == Type::Text => value.lossy_text()?,
                Some(value) => value.json(),
                None => Text::from("{}"),
            },
            is_custom: false,
            state,
        })
    })
}

fn tool<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Tool<'a>, Misread> {
    let mut members = value.members()?;
    let kind = members.read("type", Value::text)?;
    if let Some(kind) = kind.filter(|kind| *kind != "function") {
        return Ok(Tool::Hosted {
            kind,
            raw: value.json(),
        });
    }
    members.need("function", |function| {
        let mut function = function.members()?;
        let read = Function {
            name: function.need("name", Value::text)?,
            description: function.read("description", Value::text)?,
            schema: function.read("parameters", |value| value.members().map(|_| value.json()))?,
            ..Function::default()
        };
        for unknown in function.rest() {
            notes.dropped_field(&format!("tools[].function.{unknown}"));
        }
        Ok(Tool::Function(read))
    })
}

fn format(value: Value<'_>) -> Result<Option<Format<'_>>, Misread> {
    match (value.kind(), value.raw()) {
        (Type::Text, r#""""#) => Ok(None),
        (Type::Text, r#""json""#) => Ok(Some(Format::JsonObject)),
        (Type::Object, schema) => Ok(Some(Format::Schema {
            name: None,
            description: None,
            schema: Text::from(schema),
            strict: None,
        })),
        _ => Err(Misread::here("is neither \"json\" nor a JSON schema")),
    }
}

/// Writes a request for `POST /api/chat`.
pub(super) fn write(ask: &Ask<'_>, traits: &Traits, notes: &mut Notes) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::new();
    Object::try_write(&mut out, |body| {
        body.text("model", ask.model.as_str());
        body.array("messages", |messages| {
            for turn in &ask.turns {
                message(turn, messages);
            }
        });
        let tools = tools(ask, notes)?;
        if !tools.is_empty() {
            body.array("tools", |array| {
                for function in tools {
                    array.object(|tool| write_tool(function, tool));
                }
            });
        }
        match &ask.format {
            Some(Format::JsonObject) => body.text("format", "json"),
            Some(Format::Schema { schema, .. }) => body.raw("format", schema.as_str()),
            Some(Format::Text) | None => {}
        }
        think::write(ask.reasoning, traits, notes, body);
        if let Some(others) = ask.logprobs {
            body.flag("logprobs", true);
            body.number("top_logprobs", others);
        }
        options::write(ask, body);
        body.flag("stream", ask.is_stream);
        Ok::<(), Problem>(())
    })?;
    Ok(out)
}

/// The tools that the model is told of. There is no choice among them but to leave some out.
fn tools<'q, 'a>(ask: &'q Ask<'a>, notes: &mut Notes) -> Result<Vec<&'q Function<'a>>, Problem> {
    let mut is_told: Box<dyn Fn(&str) -> bool> = Box::new(|_name| true);
    match &ask.tool_choice {
        None | Some(ToolChoice::Auto) => {}
        Some(ToolChoice::None) => {
            is_told = Box::new(|_name| false);
            notes.changed(Feature::ToolChoice);
        }
        Some(ToolChoice::Required) => notes.lose(Feature::ToolChoice)?,
        Some(ToolChoice::Named(only)) => {
            is_told = Box::new(move |name| *only == name);
            notes.changed(Feature::ToolChoice);
        }
        Some(ToolChoice::Allowed { names, .. }) => {
            is_told = Box::new(move |name| names.iter().any(|allowed| *allowed == name));
            notes.changed(Feature::ToolChoice);
        }
    }
    let functions = ask.tools.iter().filter_map(|tool| match tool {
        Tool::Function(function) => Some(function),
        Tool::Custom { .. } | Tool::Hosted { .. } => None,
    });
    Ok(functions
        .filter(|function| is_told(&function.name))
        .collect())
}

fn write_tool(function: &Function<'_>, tool: &mut Object<'_>) {
    tool.text("type", "function");
    tool.object("function", |out| {
        out.text("name", function.name.as_str());
        out.maybe_text(
            "description",
            function.description.as_ref().map(Text::as_str),
        );
        let nothing = r#"{"type":"object","properties":{}}"#;
        let schema = function.schema.as_ref().map_or(nothing, Text::as_str);
        out.raw("parameters", schema);
    });
}

fn message(turn: &Turn<'_>, messages: &mut Array<'_>) {
    if turn.role == Role::Tool {
        for part in &turn.parts {
            if let PartKind::Result(result) = &part.kind {
                messages.object(|message| {
                    message.text("role", "tool");
                    message.text("content", joined(&result.parts));
                    message.maybe_text("tool_name", result.name.as_ref().map(Text::as_str));
                    if !result.id.is_empty() {
                        message.text("tool_call_id", result.id.as_str());
                    }
                });
            }
        }
        return;
    }
    messages.object(|message| {
        message.text(
            "role",
            match turn.role {
                Role::System | Role::Developer => "system",
                Role::User | Role::Tool => "user",
                Role::Assistant => "assistant",
            },
        );
        message.text("content", joined(&turn.parts));
        let thoughts: Vec<_> = turn
            .parts
            .iter()
            .filter_map(|part| match &part.kind {
                PartKind::Thinking(thinking) => Some(thinking.text.as_str()),
                _ => None,
            })
            .filter(|text| !text.is_empty())
            .collect();
        if !thoughts.is_empty() {
            message.text("thinking", thoughts.join("\n"));
        }
        write_images(&turn.parts, message);
        write_calls(&turn.parts, message);
    });
}

/// The text of some parts: Ollama has one string a message.
fn joined(parts: &[Part<'_>]) -> String {
    let texts: Vec<_> = parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::Text { text, .. } | PartKind::Refusal(text) => Some(text.as_str()),
            _ => None,
        })
        .filter(|text| !text.is_empty())
        .collect();
    texts.join("\n")
}

fn write_images(parts: &[Part<'_>], message: &mut Object<'_>) {
    let images: Vec<_> = parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::Media(Media {
                source: Source::Data { base64, .. },
                ..
            }) => Some(base64.as_str()),
            _ => None,
        })
        .collect();
    if !images.is_empty() {
        message.array("images", |array| {
            for image in images {
                array.text(image);
            }
        });
    }
}

fn write_calls(parts: &[Part<'_>], message: &mut Object<'_>) {
    let calls: Vec<_> = parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::Call(call) => Some(call),
            _ => None,
        })
        .collect();
    if !calls.is_empty() {
        message.array("tool_calls", |array| {
            for call in calls {
                array.object(|out| write_call(call, &call.arguments, out));
            }
        });
    }
}

/// Writes a call, of a request or an answer.
pub(super) fn write_call(call: &Call<'_>, arguments: &str, out: &mut Object<'_>) {
    match &call.state {
        Some(state) => out.text("id", carry::to_id(&call.id, state)),
        None if call.id.is_empty() => {}
        None => out.text("id", call.id.as_str()),
    }
    out.object("function", |function| {
        function.text("name", call.name.as_str());
        if call.is_custom {
            function.object("arguments", |object| object.text("input", arguments));
        } else {
            function.raw("arguments", as_object(arguments));
        }
    });
}
