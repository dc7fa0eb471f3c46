//! Reading the content of messages.
//!
//! Invariant: every block becomes a part, or is kept by its name, or has the request refused.

use mirk_model::{
    Call, CallResult, Media, MediaKind, Origin, Part, PartKind, Source, Text, Thinking,
};

use super::fields::Fields;
use crate::{
    anthropic::words,
    carry,
    json::{Members, Misread, Type, Value},
};

/// Where a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a message of the user's.
    User,
    /// In a message of the model's.
    Assistant,
    /// In what a tool answered.
    Result,
    /// In a document that is made of blocks.
    Document,
}

/// Blocks that only Anthropic's own servers understand: its tools and what they answered, files
/// in its containers, changes of the tools in the middle.
const OWN: [&str; 19] = [
    "messages[].content[].server_tool_use",
    "messages[].content[].web_search_tool_result",
    "messages[].content[].web_fetch_tool_result",
    "messages[].content[].advisor_tool_result",
    "messages[].content[].code_execution_tool_result",
    "messages[].content[].bash_code_execution_tool_result",
    "messages[].content[].text_editor_code_execution_tool_result",
    "messages[].content[].tool_search_tool_result",
    "messages[].content[].mcp_tool_use",
    "messages[].content[].mcp_tool_result",
    "messages[].content[].mcp_tool_listing",
    "messages[].content[].container_upload",
    "messages[].content[].tool_addition",
    "messages[].content[].tool_removal",
    "messages[].content[].tool_reference",
    "messages[].content[].browser_state",
    "messages[].content[].fallback",
    "messages[].content[].compaction",
    "messages[].content[].mcp_tool_list",
];

/// The name under which a block of such a type is kept.
fn own_name(kind: &str) -> Option<&'static str> {
    OWN.into_iter().find(|name| {
        name.rsplit_once('.')
            .is_some_and(|(_, member)| member == kind)
    })
}

/// Content: a string, or blocks.
pub(super) fn content<'a>(
    value: Value<'a>,
    place: Place,
    fields: &mut Fields<'a, '_>,
) -> Result<Vec<Part<'a>>, Misread> {
    if value.kind() == Type::Text {
        return Ok(vec![Part::text(value.text()?)]);
    }
    if value.kind() != Type::Array {
        return Err(Misread::here("is neither a string nor an array"));
    }
    let mut parts = Vec::new();
    for (index, item) in value.items()?.into_iter().enumerate() {
        block(item, place, fields, &mut parts).map_err(|misread| misread.at(index))?;
    }
    Ok(parts)
}

/// A block of instructions, which is text.
pub(super) fn instruction<'a>(
    value: Value<'a>,
    fields: &mut Fields<'a, '_>,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), Misread> {
    let mut members = value.members()?;
    let kind = members.need("type", Value::text)?;
    if let Some(name) = own_name(&kind) {
        fields.keep(name, value);
        return Ok(());
    }
    if kind != "text" {
        return Err(Misread::here("is not a block that instructions may have"));
    }
    let text = members.need("text", Value::text)?;
    let cache = members.read("cache_control", words::read_cache)?;
    fields.own(&mut members, "system[].citations");
    fields.rest("system[].", &members);
    if let Some(text) = fields.instructions(text) {
        let mut part = Part::text(text);
        part.cache = cache;
        parts.push(part);
    }
    Ok(())
}

fn block<'a>(
    value: Value<'a>,
    place: Place,
    fields: &mut Fields<'a, '_>,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), Misread> {
    let mut members = value.members()?;
    let kind = members.need("type", Value::text)?;
    let first = parts.len();
    let cache = members.read("cache_control", words::read_cache)?;
    match (&*kind, place) {
        ("text", _) => parts.push(Part::new(text(&mut members)?)),
        ("image", Place::User | Place::Result | Place::Document) => {
            let source = members.need("source", media_source)?;
            fields.own(&mut members, "messages[].content[].transformations");
            parts.push(media(MediaKind::Image, source, None));
        }
        ("document", Place::User | Place::Result) => document(&mut members, fields, parts)?,
        ("search_result", Place::User | Place::Result) => {
            parts.push(search_result(&mut members, fields)?);
        }
        ("thinking", Place::Assistant) => parts.push(Part::new(thinking(&mut members)?)),
        ("redacted_thinking", Place::Assistant) => {
            let data = members.need("data", Value::text)?;
            parts.push(Part::new(PartKind::Thinking(Thinking {
                state: Some(carry::from_place(data, Origin::AnthropicRedacted)),
                ..Thinking::default()
            })));
        }
        ("tool_use", Place::Assistant) => parts.push(Part::new(call(&mut members, fields)?)),
        ("tool_result", Place::User) => parts.push(Part::new(result(&mut members, fields)?)),
        (kind, _) => {
            let name =
                own_name(kind).ok_or_else(|| Misread::here("has a type that is not known here"))?;
            if kind == "compaction" {
                // What was said before, summed up: without it the model would know nothing of it.
                let summary = members.read("content", Value::text)?;
                parts.extend(summary.map(Part::text));
            }
            fields.keep(name, value);
            return Ok(());
        }
    }
    fields.rest("messages[].content[].", &members);
    if let Some(last) = parts.get_mut(first..).and_then(<[_]>::last_mut) {
        last.cache = cache;
    }
    Ok(())
}

fn text<'a>(members: &mut Members<'a>) -> Result<PartKind<'a>, Misread> {
    let text = members.need("text", Value::text)?;
    let mut citations = Vec::new();
    members.each("citations", |citation| {
        citations.push(words::read_citation(citation)?);
        Ok(())
    })?;
    Ok(PartKind::Text { text, citations })
}

fn media<'a>(kind: MediaKind, source: Source<'a>, name: Option<Text<'a>>) -> Part<'a> {
    Part::new(PartKind::Media(Media {
        kind,
        source,
        name,
        detail: None,
    }))
}

/// A source that is not made of blocks.
fn media_source(value: Value<'_>) -> Result<Source<'_>, Misread> {
    let mut members = value.members()?;
    let kind = members.need("type", Value::text)?;
    match &*kind {
        "base64" => Ok(Source::Data {
            mime: members.need("media_type", Value::text)?,
            base64: members.need("data", Value::text)?,
        }),
        "url" => Ok(Source::Url {
            url: members.need("url", Value::text)?,
            mime: None,
        }),
        "file" => Ok(Source::File(members.need("file_id", Value::text)?)),
        "text" => Ok(Source::Text(members.need("data", Value::text)?)),
        _ => Err(Misread::here("has a type that is not known here")),
    }
}

fn document<'a>(
    members: &mut Members<'a>,
    fields: &mut Fields<'a, '_>,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), Misread> {
    let title = members.read("title", Value::text)?;
    members.need("source", |value| {
        let mut source = value.members()?;
        let kind = source.need("type", Value::text)?;
        if kind != "content" {
            parts.push(media(MediaKind::Document, media_source(value)?, title));
            return Ok(());
        }
        let content = source.need("content", |value| content(value, Place::Document, fields))?;
        parts.extend(content.into_iter().map(|part| match part.kind {
            PartKind::Text { text, .. } => {
                media(MediaKind::Document, Source::Text(text), title.clone())
            }
            kind => Part::new(kind),
        }));
        Ok(())
    })?;
    fields.own(members, "messages[].content[].context");
    citing(members, fields)
}

/// Whether the model is to say what it took from a document.
fn citing<'a>(members: &mut Members<'a>, fields: &mut Fields<'a, '_>) -> Result<(), Misread> {
    let Some(value) = members.take("citations") else {
        return Ok(());
    };
    let mut citations = value
        .members()
        .map_err(|misread| misread.inside("citations"))?;
    let is_on = citations
        .read("enabled", Value::flag)
        .map_err(|misread| misread.inside("citations"))?;
    if is_on == Some(true) {
        fields.keep("messages[].content[].citations", value);
    }
    Ok(())
}

/// What the client found for the model. Elsewhere it is a document, with its title and its address
/// on top.
fn search_result<'a>(
    members: &mut Members<'a>,
    fields: &mut Fields<'a, '_>,
) -> Result<Part<'a>, Misread> {
    let title = members.need("title", Value::text)?;
    let mut words = format!(
        "{}\n{}\n",
        title.as_str(),
        members.need("source", Value::text)?.as_str()
    );
    let found = members.need("content", |value| content(value, Place::Document, fields))?;
    for part in found {
        if let PartKind::Text { text, .. } = part.kind {
            words.push('\n');
            words.push_str(&text);
        }
    }
    citing(members, fields)?;
    let source = Source::Text(Text::from(words));
    Ok(media(MediaKind::Document, source, Some(title)))
}

/// A thought; without a signature it is one that another provider thought.
fn thinking<'a>(members: &mut Members<'a>) -> Result<PartKind<'a>, Misread> {
    let text = members.need("thinking", Value::text)?;
    let state = members
        .read("signature", Value::text)?
        .filter(|signature| !signature.is_empty())
        .map(|signature| carry::from_place(signature, Origin::Anthropic));
    Ok(PartKind::Thinking(Thinking {
        text,
        id: None,
        state,
    }))
}

fn call<'a>(
    members: &mut Members<'a>,
    fields: &mut Fields<'a, '_>,
) -> Result<PartKind<'a>, Misread> {
    let (id, state) = carry::from_id(members.need("id", Value::text)?);
    let name = members.need("name", Value::text)?;
    let arguments = members.need("input", |input| match input.kind() {
        Type::Object => Ok(input.json()),
        _ => Err(Misread::here("is not an object")),
    })?;
    caller(members, fields);
    fields.own(members, "messages[].content[].toolset_name");
    Ok(PartKind::Call(Call {
        id,
        name,
        namespace: None,
        arguments,
        is_custom: false,
        state,
    }))
}

/// Who called the tool: the model itself, unless it says otherwise.
fn caller<'a>(members: &mut Members<'a>, fields: &mut Fields<'a, '_>) {
    let kind = members
        .peek("caller")
        .and_then(|caller| caller.members().ok())
        .and_then(|caller| caller.peek("type"));
    if kind.is_some_and(|kind| kind.raw() == r#""direct""#) {
        members.take("caller");
    } else {
        fields.own(members, "messages[].content[].caller");
    }
}

fn result<'a>(
    members: &mut Members<'a>,
    fields: &mut Fields<'a, '_>,
) -> Result<PartKind<'a>, Misread> {
    let (id, _) = carry::from_id(members.need("tool_use_id", Value::text)?);
    let parts = members.read("content", |value| content(value, Place::Result, fields))?;
    let is_error = members.read("is_error", Value::flag)?.unwrap_or(false);
    fields.own(members, "messages[].content[].toolset_name");
    Ok(PartKind::Result(CallResult {
        id,
        name: None,
        parts: parts.unwrap_or_default(),
        is_error,
        is_custom: false,
    }))
}
