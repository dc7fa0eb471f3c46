//! What a model thought, as the servers that copied the dialect show it: `reasoning_content`
//! (DeepSeek, vLLM), `reasoning` and `reasoning_details` (OpenRouter).
//!
//! Invariant: a state that Mirk gave out comes back as it was; a foreign one is believed only when
//! its `format` names a maker whose states are good everywhere.

use mirk_model::{Origin, State, Text, Thinking};

use crate::{
    carry,
    json::{Array, Members, Misread, Object, Value},
};

/// The thoughts of one message.
#[derive(Debug, Default)]
pub(super) struct Thoughts<'a> {
    /// In order.
    pub(super) list: Vec<Thinking<'a>>,
    /// Whether there was a state that nobody here can use.
    pub(super) has_foreign: bool,
    index: Option<u64>,
}

/// One item of `reasoning_details`.
#[derive(Debug)]
pub(super) struct Detail<'a> {
    pub(super) text: Option<Text<'a>>,
    pub(super) id: Option<Text<'a>>,
    pub(super) state: Option<State<'a>>,
    is_foreign: bool,
    index: Option<u64>,
}

/// Takes the thoughts out of a message.
pub(super) fn read<'a>(members: &mut Members<'a>) -> Result<Thoughts<'a>, Misread> {
    let plain = plain(members)?;
    let mut thoughts = Thoughts::default();
    members.each("reasoning_details", |item| {
        thoughts.add(detail(item)?);
        Ok(())
    })?;
    let is_told = thoughts.list.iter().any(|thought| !thought.text.is_empty());
    if let Some(text) = plain.filter(|_| !is_told) {
        match thoughts.list.first_mut() {
            Some(first) => first.text = text,
            None => thoughts.list.push(Thinking {
                text,
                ..Thinking::default()
            }),
        }
    }
    Ok(thoughts)
}

/// Takes the thoughts that are told as one text.
pub(super) fn plain<'a>(members: &mut Members<'a>) -> Result<Option<Text<'a>>, Misread> {
    let content = members.read("reasoning_content", Value::lossy_text)?;
    let reasoning = members.read("reasoning", Value::lossy_text)?;
    let is_there = |text: &Text<'_>| !text.is_empty();
    Ok(content.filter(is_there).or(reasoning.filter(is_there)))
}

/// Reads an item of `reasoning_details`.
pub(super) fn detail(value: Value<'_>) -> Result<Detail<'_>, Misread> {
    let mut members = value.members()?;
    let text = members.read("text", Value::lossy_text)?;
    let summary = members.read("summary", Value::lossy_text)?;
    let format = members.read("format", Value::lossy_text)?;
    let signature = members.read("signature", Value::lossy_text)?;
    let data = members.read("data", Value::lossy_text)?;
    let is_data = signature.is_none();
    let opaque = signature.or(data).filter(|opaque| !opaque.is_empty());
    let origin = match (format.as_deref(), is_data) {
        (Some("anthropic-claude-v1"), false) => Some(Origin::Anthropic),
        (Some("anthropic-claude-v1"), true) => Some(Origin::AnthropicRedacted),
        (Some("google-gemini-v1"), _) => Some(Origin::Gemini),
        // OpenAI's can be read by the account alone that it was made for.
        _ => None,
    };
    let is_opaque = opaque.is_some();
    let state = opaque.and_then(|data| {
        carry::unwrap(&data).or_else(|| origin.map(|origin| State { origin, data }))
    });
    Ok(Detail {
        text: text.or(summary),
        id: members.read("id", Value::lossy_text)?,
        is_foreign: is_opaque && state.is_none(),
        state,
        index: members.read("index", Value::count)?,
    })
}

impl<'a> Thoughts<'a> {
    /// Pieces of one index are one thought, which its state ends.
    fn add(&mut self, detail: Detail<'a>) {
        self.has_foreign |= detail.is_foreign;
        let is_same = self.index.is_none() || detail.index.is_none() || self.index == detail.index;
        self.index = detail.index;
        let open = self
            .list
            .last_mut()
            .filter(|last| is_same && last.state.is_none());
        let Some(open) = open else {
            self.list.push(Thinking {
                text: detail.text.unwrap_or_default(),
                id: detail.id,
                state: detail.state,
            });
            return;
        };
        if let Some(more) = detail.text {
            if open.text.is_empty() {
                open.text = more;
            } else {
                let mut text = std::mem::take(&mut open.text).into_cow().into_owned();
                text.push_str(&more);
                open.text = Text::from(text);
            }
        }
        open.id = detail.id.or(open.id.take());
        open.state = detail.state;
    }
}

/// Writes a piece of a thought as an item of `reasoning_details`. States are wrapped, whoever made
/// them: the dialect has none of its own.
pub(super) fn write_detail(
    text: &str,
    end: Option<(&State<'_>, Option<&str>)>,
    index: u64,
    out: &mut Array<'_>,
) {
    out.object(|out: &mut Object<'_>| {
        match (text, &end) {
            ("", Some((state, _))) => {
                out.text("type", "reasoning.encrypted");
                out.text("data", carry::wrap(state));
            }
            (text, None) => {
                out.text("type", "reasoning.text");
                out.text("text", text);
            }
            (text, Some((state, _))) => {
                out.text("type", "reasoning.text");
                out.text("text", text);
                out.text("signature", carry::wrap(state));
            }
        }
        out.maybe_text("id", end.and_then(|(_, id)| id));
        out.text("format", "unknown");
        out.number("index", index);
    });
}
