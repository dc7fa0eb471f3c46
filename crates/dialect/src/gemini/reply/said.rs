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
    Media {
        media: Media<'a>,
        state: Option<State<'a>>,
    },
}

/// Ids for calls that have none: made from the answer's own id, so that two answers of one
/// conversation do not share any.
#[derive(Debug, Default)]
pub(in crate::gemini) struct Ids {
    front: String,
    made: u32,
}

impl Ids {
    pub(in crate::gemini) fn new(response: &str) -> Self {
        let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
        let front: String = response.chars().filter(is_plain).take(40).collect();
        let front = if front.is_empty() {
            "call_".to_owned()
        } else {
            format!("call_{front}_")
        };
        Self { front, made: 0 }
    }

    fn next(&mut self) -> String {
        let id = format!("{}{}", self.front, self.made);
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
        return Ok(Some(Said::Call(read_call(call, state, ids)?)));
    }
    if let Some(media) = read_media(&mut part) {
        return Ok(Some(Said::Media { media, state }));
    }
    for (name, inner) in [
        ("executableCode", "code"),
        ("codeExecutionResult", "output"),
    ] {
        if let Some(Ok(mut code)) = part.take(name).map(Value::members) {
            let text = word(&mut code, inner);
            return Ok(Some(Said::Text { text, state }));
        }
    }
    Ok(state.map(|state| Said::Text {
        text: Text::default(),
        state: Some(state),
    }))
}

fn read_call<'a>(
    value: Value<'a>,
    state: Option<State<'a>>,
    ids: &mut Ids,
) -> Result<Call<'a>, Misread> {
    let mut call = value
        .members()
        .map_err(|misread| misread.inside("functionCall"))?;
    let id = word(&mut call, "id");
    let arguments = call.take("args").filter(|args| args.kind() == Type::Object);
    Ok(Call {
        id: if id.is_empty() {
            Text::from(ids.next())
        } else {
            id
        },
        name: word(&mut call, "name"),
        namespace: None,
        arguments: arguments.map_or_else(|| Text::from("{}"), Value::json),
        is_custom: false,
        state,
    })
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
