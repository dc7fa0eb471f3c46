//! Contents of a request, read into turns.
//!
//! Invariant: a call and a result that stand in one content both survive, each in a turn of its
//! own speaker; results without an id go to the calls in their order.

use std::collections::{HashMap, HashSet, VecDeque};

use mirk_model::{
    Call, CallResult, Media, MediaKind, Origin, Part, PartKind, Role, Source, State, Text,
    Thinking, Turn,
};

use super::super::{NO_SIGNATURE, NO_SIGNATURE_EITHER, fields::Fields, media as place};
use crate::{
    carry,
    json::{Misread, Type, Value},
    loss::Notes,
};

/// Calls that wait for their results, and ids for those that have none.
#[derive(Default)]
pub(super) struct Pairs {
    open: HashSet<String>,
    /// The open calls of each name, oldest first; some may have been answered since.
    by_name: HashMap<String, VecDeque<String>>,
    taken: HashSet<String>,
    made: u32,
}

/// What stands for an id that is not made yet.
const UNMADE: &str = "\u{0}";

impl Pairs {
    fn call(&mut self, id: &str, name: &str) -> String {
        let id = if id.is_empty() {
            self.made += 1;
            format!("{UNMADE}{}", self.made)
        } else {
            self.taken.insert(id.to_owned());
            id.to_owned()
        };
        self.open.insert(id.clone());
        let of_name = self.by_name.entry(name.to_owned()).or_default();
        of_name.push_back(id.clone());
        id
    }

    /// The id of the call that a result answers: by its own id, else the first open call of that
    /// name.
    fn result(&mut self, id: &str, name: &str) -> String {
        if self.open.remove(id) {
            return id.to_owned();
        }
        let Some(of_name) = self.by_name.get_mut(name) else {
            return id.to_owned();
        };
        while let Some(first) = of_name.pop_front() {
            if id.is_empty() || first.starts_with(UNMADE) {
                if self.open.remove(&first) {
                    return first;
                }
            } else if self.open.contains(&first) {
                of_name.push_front(first);
                break;
            }
        }
        id.to_owned()
    }

    /// Gives the calls without an id one that no other call has, and their results the same.
    pub(super) fn name_calls(self, turns: &mut [Turn<'_>]) {
        if self.made == 0 {
            return;
        }
        let name = |id: &mut Text<'_>| {
            if let Some(number) = id.strip_prefix(UNMADE) {
                let mut made = format!("call_{number}");
                while self.taken.contains(&made) {
                    made.push('_');
                }
                *id = Text::from(made);
            }
        };
        for part in turns.iter_mut().flat_map(|turn| &mut turn.parts) {
            match &mut part.kind {
                PartKind::Call(call) => name(&mut call.id),
                PartKind::Result(result) => name(&mut result.id),
                _ => {}
            }
        }
    }
}

/// Media without a name.
pub(super) const fn media(kind: MediaKind, source: Source<'_>) -> Media<'_> {
    Media {
        kind,
        source,
        name: None,
        detail: None,
    }
}

/// Reads `systemInstruction`.
pub(super) fn system<'a>(
    value: Value<'a>,
    turns: &mut Vec<Turn<'a>>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    if value.kind() == Type::Text {
        push(turns, Role::System, Part::text(value.text()?));
        return Ok(());
    }
    let mut fields = Fields::of(value)?;
    // Its role says nothing, whatever it is.
    fields.read("role", |role| role.text().map(|_any| ()))?;
    let mut pairs = Pairs::default();
    let mut turn = Turns {
        list: turns,
        role: Role::System,
        is_new: true,
    };
    fields.each("parts", |part| {
        read_part(part, &mut pairs, &mut turn, notes)
    })?;
    fields.name_rest("systemInstruction.", notes);
    Ok(())
}

/// Reads one content.
pub(super) fn read<'a>(
    value: Value<'a>,
    pairs: &mut Pairs,
    turns: &mut Vec<Turn<'a>>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    let mut fields = Fields::of(value)?;
    let role = fields.read("role", |role| {
        let role = role.text()?;
        match role.to_ascii_lowercase().as_str() {
            "user" | "function" | "" => Ok(Role::User),
            "model" => Ok(Role::Assistant),
            _ => Err(Misread::here("is not `user`, `model` or `function`")),
        }
    })?;
    let mut turn = Turns {
        list: turns,
        role: role.unwrap_or(Role::User),
        is_new: true,
    };
    fields.each("parts", |part| read_part(part, pairs, &mut turn, notes))?;
    fields.name_rest("contents[].", notes);
    Ok(())
}

/// Where the parts of one content go.
struct Turns<'t, 'a> {
    list: &'t mut Vec<Turn<'a>>,
    role: Role,
    is_new: bool,
}

impl<'a> Turns<'_, 'a> {
    fn push(&mut self, role: Role, part: Part<'a>) {
        if std::mem::take(&mut self.is_new) {
            self.list.push(Turn {
                role,
                name: None,
                parts: vec![part],
            });
        } else {
            push(self.list, role, part);
        }
    }

    /// A signature that stands on what comes next: it belongs to the thought before, if there is
    /// one.
    fn sign(&mut self, state: State<'a>) {
        if !self.is_new
            && let Some(turn) = self.list.last_mut()
            && turn.role == self.role
            && let Some(Part {
                kind: PartKind::Thinking(thinking),
                ..
            }) = turn.parts.last_mut()
            && thinking.state.is_none()
        {
            thinking.state = Some(state);
            return;
        }
        let thinking = Thinking {
            state: Some(state),
            ..Thinking::default()
        };
        self.push(self.role, Part::new(PartKind::Thinking(thinking)));
    }
}

/// Adds to the last turn if it is of `role`, else begins one.
fn push<'a>(turns: &mut Vec<Turn<'a>>, role: Role, part: Part<'a>) {
    match turns.last_mut() {
        Some(turn) if turn.role == role => turn.parts.push(part),
        _ => turns.push(Turn {
            role,
            name: None,
            parts: vec![part],
        }),
    }
}

/// A signature, or nothing where it is the one that stands for none.
fn signature<'a>(fields: &mut Fields<'a>) -> Result<Option<State<'a>>, Misread> {
    let text = fields.read("thoughtSignature", Value::text)?;
    Ok(text
        .filter(|text| !text.is_empty() && *text != NO_SIGNATURE && *text != NO_SIGNATURE_EITHER)
        .map(|text| carry::from_place(text, Origin::Gemini)))
}

const PART: &str = "contents[].parts[].";

fn read_part<'a>(
    value: Value<'a>,
    pairs: &mut Pairs,
    turns: &mut Turns<'_, 'a>,
    notes: &mut Notes,
) -> Result<(), Misread> {
    let mut fields = Fields::of(value)?;
    let is_thought = fields.read("thought", Value::flag)?.unwrap_or(false);
    let state = signature(&mut fields)?;
    let detail = fields.read("mediaResolution", |value| detail(value, notes))?;
    for name in ["videoMetadata", "partMetadata"] {
        if fields.take(name).is_some() {
            notes.dropped_field(&format!("{PART}{name}"));
        }
    }
    let role = turns.role;
    if let Some(text) = fields.read("text", Value::text)? {
        read_text(text, is_thought, state, turns);
    } else if let Some(call) =
        fields.read("functionCall", |value| read_call(value, pairs, notes))?
    {
        let call = Call {
            state: state.or(call.state),
            ..call
        };
        turns.push(Role::Assistant, Part::new(PartKind::Call(call)));
    } else if let Some(result) =
        fields.read("functionResponse", |value| read_result(value, pairs, notes))?
    {
        turns.push(Role::Tool, Part::new(PartKind::Result(result)));
    } else if let Some(media) = read_media(&mut fields, notes)? {
        if let Some(state) = state {
            turns.sign(state);
        }
        let detail = detail.flatten();
        turns.push(role, Part::new(PartKind::Media(Media { detail, ..media })));
    } else if let Some(text) = read_code(&mut fields, notes)? {
        if let Some(state) = state {
            turns.sign(state);
        }
        turns.push(role, Part::text(text));
    } else if let Some(state) = state {
        turns.sign(state);
    } else if !is_provider_tool(&mut fields, notes) {
        return Err(Misread::here("holds nothing of a known type"));
    }
    fields.name_rest(PART, notes);
    Ok(())
}

fn read_text<'a>(
    text: Text<'a>,
    is_thought: bool,
    state: Option<State<'a>>,
    turns: &mut Turns<'_, 'a>,
) {
    let role = turns.role;
    if is_thought {
        let thinking = Thinking {
            text,
            id: None,
            state,
        };
        turns.push(role, Part::new(PartKind::Thinking(thinking)));
        return;
    }
    let is_signature = state.is_some() && text.is_empty();
    if let Some(state) = state {
        turns.sign(state);
    }
    if !is_signature {
        turns.push(role, Part::text(text));
    }
}

/// Source: <https://ai.google.dev/gemini-api/docs/media-resolution>.
fn detail<'a>(value: Value<'a>, notes: &mut Notes) -> Result<Option<Text<'a>>, Misread> {
    let level = match value.kind() {
        Type::Object => Fields::of(value)?.read("level", Value::text)?,
        _ => Some(value.text()?),
    };
    Ok(match level.as_ref().map(Text::as_str) {
        Some("MEDIA_RESOLUTION_LOW") => Some(Text::from("low")),
        Some("MEDIA_RESOLUTION_HIGH") => Some(Text::from("high")),
        None | Some("MEDIA_RESOLUTION_UNSPECIFIED") => None,
        Some(_) => {
            notes.dropped_field("contents[].parts[].mediaResolution");
            None
        }
    })
}

fn read_call<'a>(
    value: Value<'a>,
    pairs: &mut Pairs,
    notes: &mut Notes,
) -> Result<Call<'a>, Misread> {
    let mut fields = Fields::of(value)?;
    let name = fields.need("name", Value::text)?;
    let id = fields.read("id", Value::text)?.unwrap_or_default();
    let (id, state) = carry::from_id(id);
    let arguments = fields.read("args", |args| match args.kind() {
        Type::Object => Ok(args.json()),
        _ => Err(Misread::here("is not an object")),
    })?;
    fields.name_rest("contents[].parts[].functionCall.", notes);
    Ok(Call {
        id: Text::from(pairs.call(&id, &name)),
        name,
        namespace: None,
        arguments: arguments.unwrap_or_else(|| Text::from("{}")),
        is_custom: false,
        state,
    })
}

fn read_result<'a>(
    value: Value<'a>,
    pairs: &mut Pairs,
    notes: &mut Notes,
) -> Result<CallResult<'a>, Misread> {
    let mut fields = Fields::of(value)?;
    let name = fields.read("name", Value::text)?;
    let id = fields.read("id", Value::text)?.unwrap_or_default();
    let (id, _carried) = carry::from_id(id);
    let id = pairs.result(&id, name.as_ref().map(Text::as_str).unwrap_or_default());
    let said = fields.read("response", answer)?;
    let is_error = said.as_ref().is_some_and(|(_, is_error)| *is_error);
    let mut parts: Vec<_> = said.into_iter().map(|(text, _)| Part::text(text)).collect();
    fields.each("parts", |part| {
        let mut fields = Fields::of(part)?;
        let media = read_media(&mut fields, notes)?
            .ok_or_else(|| Misread::here("holds nothing of a known type"))?;
        fields.name_rest("contents[].parts[].functionResponse.parts[].", notes);
        parts.push(Part::new(PartKind::Media(media)));
        Ok(())
    })?;
    fields.name_rest("contents[].parts[].functionResponse.", notes);
    Ok(CallResult {
        id: Text::from(id),
        name,
        parts,
        is_error,
        is_custom: false,
    })
}

/// What a tool answered, and whether it failed. An object of one text under a name that the
/// documents give it is that text; any other is JSON.
/// Source: <https://ai.google.dev/api/caching>, `FunctionResponse.response`.
fn answer(value: Value<'_>) -> Result<(Text<'_>, bool), Misread> {
    let mut fields = Fields::of(value)?;
    for (name, is_error) in [("error", true), ("result", false), ("output", false)] {
        if let Some(inner) = fields.take(name) {
            if fields.is_empty() && inner.kind() == Type::Text {
                return Ok((inner.text()?, is_error));
            }
            break;
        }
    }
    Ok((value.json(), false))
}

fn read_media<'a>(
    fields: &mut Fields<'a>,
    notes: &mut Notes,
) -> Result<Option<Media<'a>>, Misread> {
    let inline = fields.read("inlineData", |value| {
        let mut data = Fields::of(value)?;
        let mime = data.need("mimeType", Value::text)?;
        let base64 = data.need("data", Value::text)?;
        let name = data.read("displayName", Value::text)?;
        data.name_rest("contents[].parts[].inlineData.", notes);
        Ok(place::inline(mime, base64, name))
    })?;
    if inline.is_some() {
        return Ok(inline);
    }
    fields.read("fileData", |value| {
        let mut data = Fields::of(value)?;
        let uri = data.need("fileUri", Value::text)?;
        let mime = data.read("mimeType", Value::text)?;
        let name = data.read("displayName", Value::text)?;
        data.name_rest("contents[].parts[].fileData.", notes);
        Ok(place::at(uri, mime, name))
    })
}

/// Code that Google ran for the model, and what it put out: the words of both stay.
fn read_code<'a>(fields: &mut Fields<'a>, notes: &mut Notes) -> Result<Option<Text<'a>>, Misread> {
    for (name, inner) in [
        ("executableCode", "code"),
        ("codeExecutionResult", "output"),
    ] {
        let text = fields.read(name, |value| Fields::of(value)?.read(inner, Value::text))?;
        if let Some(text) = text {
            notes.dropped_field(&format!("{PART}{name}"));
            return Ok(Some(text.unwrap_or_default()));
        }
    }
    Ok(None)
}

/// Calls of tools that Google runs itself, which mean nothing elsewhere.
fn is_provider_tool(fields: &mut Fields<'_>, notes: &mut Notes) -> bool {
    let mut is_any = false;
    for name in ["toolCall", "toolResponse"] {
        if fields.take(name).is_some() {
            notes.dropped_field(&format!("{PART}{name}"));
            is_any = true;
        }
    }
    is_any
}
