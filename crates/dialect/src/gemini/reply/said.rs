//! The parts of an answer, whole or in a chunk.

use mirk_model::{Call, Media, Origin, State, Text};

use super::{super::media as place, word};
use crate::{
    carry,
    json::{Members, Misread, Type, Value},
};

/// One part.
pub(in crate::gemini) enum Said<'a> {
    Text {
        text: Text<'a>,
        /// What came with it.
        state: Option<State<'a>>,
    },
    Thought {
        text: Text<'a>,
        state: Option<State<'a>>,
    },
    Call(Call<'a>),
    /// A piece of a call, only in streams.
    Piece {
        /// The call, where it begins.
        begun: Option<Call<'a>>,
        parts: Vec<Part<'a>>,
        /// Whether more of it follows.
        goes_on: bool,
    },
    Media {
        media: Media<'a>,
        state: Option<State<'a>>,
    },
}

/// A piece of a call's arguments.
pub(in crate::gemini) struct Part<'a> {
    /// Where it belongs: a JSON path.
    pub(in crate::gemini) path: Text<'a>,
    pub(in crate::gemini) value: Value<'a>,
    /// Whether it is null, however that is written.
    pub(in crate::gemini) is_null: bool,
}

/// Ids for calls that have none: made from the answer's own id, so that two answers of one
/// conversation do not share any. Without that one they stay empty, and the client's dialect makes
/// them from the request's.
#[derive(Debug, Default)]
pub(in crate::gemini) struct Ids {
    front: String,
    made: u32,
}

impl Ids {
    pub(in crate::gemini) fn new(response: &str) -> Self {
        let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
        let front: String = response.chars().filter(is_plain).take(40).collect();
        Self { front, made: 0 }
    }

    fn next(&mut self) -> String {
        if self.front.is_empty() {
            return String::new();
        }
        let id = format!("call_{}_{}", self.front, self.made);
        self.made += 1;
        id
    }
}

/// Shows every part of `candidate`'s content.
pub(in crate::gemini) fn each<'a>(
    candidate: &mut Members<'a>,
    ids: &mut Ids,
    mut show: impl FnMut(Said<'a>) -> Result<(), Misread>,
) -> Result<(), Misread> {
    let Some(content) = candidate.take("content") else {
        return Ok(());
    };
    let mut content = content
        .members()
        .map_err(|misread| misread.inside("content"))?;
    content.each("parts", |part| match read(part, ids)? {
        Some(said) => show(said),
        None => Ok(()),
    })
}

/// Reads a part; nothing where it is of no type known here.
fn read<'a>(value: Value<'a>, ids: &mut Ids) -> Result<Option<Said<'a>>, Misread> {
    let mut part = value.members()?;
    let is_thought = part
        .take("thought")
        .is_some_and(|flag| flag.raw() == "true");
    let signature = part.take("thoughtSignature");
    let state = signature
        .and_then(|text| text.lossy_text().ok())
        .filter(|text| !text.is_empty())
        .map(|text| carry::from_place(text, Origin::Gemini));
    if let Some(text) = part.take("text") {
        let text = text
            .lossy_text()
            .map_err(|misread| misread.inside("text"))?;
        return Ok(Some(if is_thought {
            Said::Thought { text, state }
        } else {
            Said::Text { text, state }
        }));
    }
    if let Some(call) = part.take("functionCall") {
        return read_call(call, state, ids).map(Some);
    }
    if let Some(media) = read_media(&mut part) {
        return Ok(Some(Said::Media { media, state }));
    }
    // Code that Google ran, and what it printed, are no words of the answer.
    Ok(state.map(|state| Said::Text {
        text: Text::default(),
        state: Some(state),
    }))
}

fn read_call<'a>(
    value: Value<'a>,
    state: Option<State<'a>>,
    ids: &mut Ids,
) -> Result<Said<'a>, Misread> {
    let mut call = value
        .members()
        .map_err(|misread| misread.inside("functionCall"))?;
    let mut parts = Vec::new();
    call.each("partialArgs", |part| {
        parts.extend(read_part(part)?);
        Ok(())
    })?;
    let goes_on = call
        .take("willContinue")
        .is_some_and(|flag| flag.raw() == "true");
    let name = word(&mut call, "name");
    let arguments = call.take("args").filter(|args| args.kind() == Type::Object);
    let is_piece = goes_on || !parts.is_empty() || (name.is_empty() && arguments.is_none());
    if is_piece && name.is_empty() {
        let begun = None;
        return Ok(Said::Piece {
            begun,
            parts,
            goes_on,
        });
    }
    let id = word(&mut call, "id");
    let mut begun = Call {
        id: if id.is_empty() {
            Text::from(ids.next())
        } else {
            id
        },
        name,
        namespace: None,
        arguments: Text::default(),
        is_custom: false,
        state,
    };
    if is_piece {
        return Ok(Said::Piece {
            begun: Some(begun),
            parts,
            goes_on,
        });
    }
    begun.arguments = arguments.map_or_else(|| Text::from("{}"), Value::json);
    Ok(Said::Call(begun))
}

/// A piece of arguments, whatever its value is called.
fn read_part(value: Value<'_>) -> Result<Option<Part<'_>>, Misread> {
    let mut part = value.members()?;
    let path = word(&mut part, "jsonPath");
    let names = ["stringValue", "numberValue", "boolValue", "nullValue"];
    let value = names.into_iter().find_map(|name| {
        let value = part.take(name)?;
        // Protocol buffers write null as the name of its one value.
        let is_null = name == "nullValue";
        Some((value, is_null))
    });
    Ok(value.map(|(value, is_null)| Part {
        path,
        value,
        is_null,
    }))
}

fn read_media<'a>(part: &mut Members<'a>) -> Option<Media<'a>> {
    if let Some(Ok(mut data)) = part.take("inlineData").map(Value::members) {
        let mime = word(&mut data, "mimeType");
        return Some(place::inline(mime, word(&mut data, "data"), None));
    }
    let mut data = part.take("fileData")?.members().ok()?;
    let mime = Some(word(&mut data, "mimeType")).filter(|mime| !mime.is_empty());
    Some(place::at(word(&mut data, "fileUri"), mime, None))
}
