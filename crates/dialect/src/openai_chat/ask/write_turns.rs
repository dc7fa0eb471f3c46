//! The conversation, as a provider reads it.

use std::borrow::Cow;

use mirk_model::{
    CallResult, Media, Origin, Part, PartKind, Problem, Role, Source, Text, Thinking, Traits, Turn,
};

use crate::{
    json::{Array, Object},
    loss::{Feature, Notes},
    openai_chat::{calls, media},
};

/// What messages are written with.
struct Writing<'w, 'a> {
    traits: &'w Traits,
    notes: &'w mut Notes,
    /// Media of results, for the next turn of the user's.
    waiting: Vec<&'w Part<'a>>,
}

/// Writes `messages`.
pub(super) fn write(
    turns: &[Turn<'_>],
    traits: &Traits,
    messages: &mut Array<'_>,
    notes: &mut Notes,
) -> Result<(), Problem> {
    let mut writing = Writing {
        traits,
        notes,
        waiting: Vec::new(),
    };
    for turn in turns {
        if turn.role != Role::Tool {
            writing.flush(messages)?;
        }
        match turn.role {
            Role::Tool => {}
            Role::Assistant => messages.try_object(|out| writing.assistant(turn, out))?,
            _ => writing.plain(turn, messages)?,
        }
        for part in &turn.parts {
            if let PartKind::Result(result) = &part.kind {
                messages.try_object(|out| writing.result(result, out))?;
            }
        }
    }
    writing.flush(messages)
}

impl<'w, 'a> Writing<'w, 'a> {
    /// A turn of the user's, the developer's or the operator's.
    fn plain(&mut self, turn: &'w Turn<'a>, messages: &mut Array<'_>) -> Result<(), Problem> {
        let role = match turn.role {
            Role::Developer if self.traits.has_developer => "developer",
            Role::Developer => {
                self.notes.changed(Feature::Developer);
                "system"
            }
            Role::System => "system",
            _ => "user",
        };
        let parts: Vec<_> = turn
            .parts
            .iter()
            .filter(|part| !matches!(part.kind, PartKind::Result(_)))
            .collect();
        if parts.is_empty() && !turn.parts.is_empty() {
            return Ok(());
        }
        messages.try_object(|out| {
            out.text("role", role);
            out.maybe_text("name", turn.name.as_ref().map(Text::as_str));
            self.content(&parts, out)
        })
    }

    /// Text alone is one string: the plainest servers take nothing else.
    fn content(&mut self, parts: &[&Part<'_>], out: &mut Object<'_>) -> Result<(), Problem> {
        for part in parts {
            self.notice(part)?;
        }
        if let Some(text) = self.joined(parts.iter().copied(), "\n") {
            out.text("content", text);
            return Ok(());
        }
        out.try_array("content", |array| {
            for part in parts {
                match &part.kind {
                    PartKind::Media(media) => media::write(media, array, self.notes)?,
                    PartKind::Text { text, .. } | PartKind::Refusal(text) => array.object(|out| {
                        out.text("type", "text");
                        out.text("text", text.as_str());
                    }),
                    PartKind::Thinking(_) | PartKind::Call(_) | PartKind::Result(_) => {}
                }
            }
            Ok(())
        })
    }

    /// The text of `parts`, if they are nothing but text.
    fn joined<'p>(
        &mut self,
        parts: impl Iterator<Item = &'p Part<'p>>,
        joint: &str,
    ) -> Option<Cow<'p, str>> {
        let mut whole: Option<Cow<'p, str>> = None;
        for part in parts {
            let text = match &part.kind {
                PartKind::Text { text, .. } | PartKind::Refusal(text) => text,
                PartKind::Media(Media {
                    source: Source::Text(text),
                    ..
                }) => {
                    self.notes.changed(Feature::DocumentText);
                    text
                }
                _ => return None,
            };
            match &mut whole {
                None => whole = Some(Cow::Borrowed(text.as_str())),
                Some(whole) => {
                    let whole = whole.to_mut();
                    whole.push_str(joint);
                    whole.push_str(text);
                }
            }
        }
        Some(whole.unwrap_or_default())
    }

    /// Calls go with the text, wherever in the turn it stood: results must follow them at once.
    fn assistant(&mut self, turn: &Turn<'_>, out: &mut Object<'_>) -> Result<(), Problem> {
        out.text("role", "assistant");
        out.maybe_text("name", turn.name.as_ref().map(Text::as_str));
        let (mut text, mut refusal) = (String::new(), String::new());
        let mut is_apart = false;
        let mut calls = Vec::new();
        for part in &turn.parts {
            self.notice(part)?;
            match &part.kind {
                PartKind::Text { text: more, .. } => {
                    if is_apart && !text.is_empty() {
                        text.push('\n');
                    }
                    text.push_str(more);
                    is_apart = false;
                    continue;
                }
                PartKind::Refusal(words) => refusal.push_str(words),
                PartKind::Thinking(thinking) => self.thinking(thinking)?,
                PartKind::Call(call) => calls.push(call),
                PartKind::Media(_) => self.notes.lose(Feature::Image)?,
                PartKind::Result(_) => {}
            }
            is_apart = true;
        }
        if text.is_empty() && !(calls.is_empty() && refusal.is_empty()) {
            out.null("content");
        } else {
            out.text("content", &text);
        }
        if !refusal.is_empty() {
            out.text("refusal", &refusal);
        }
        if calls.is_empty() {
            return Ok(());
        }
        out.try_array("tool_calls", |array| {
            for call in calls {
                array.try_object(|out| {
                    if call.namespace.is_some() {
                        self.notes.lose(Feature::Namespaces)?;
                    }
                    calls::write(call, &call.id, out);
                    match &call.state {
                        Some(state)
                            if state.origin == Origin::Gemini && self.traits.wants_signatures =>
                        {
                            out.object("extra_content", |out| {
                                out.object("google", |out| {
                                    out.text("thought_signature", state.data.as_str());
                                });
                            });
                        }
                        Some(_) => self.notes.lose(Feature::ThinkingState)?,
                        None => {}
                    }
                    Ok::<(), Problem>(())
                })?;
            }
            Ok(())
        })
    }

    fn thinking(&mut self, thinking: &Thinking<'_>) -> Result<(), Problem> {
        if !thinking.text.is_empty() {
            self.notes.lose(Feature::ThinkingText)?;
        }
        if thinking.state.is_some() {
            self.notes.lose(Feature::ThinkingState)?;
        }
        Ok(())
    }

    fn result(&mut self, result: &'w CallResult<'a>, out: &mut Object<'_>) -> Result<(), Problem> {
        let is_media = |part: &Part<'_>| matches!(&part.kind, PartKind::Media(media) if !matches!(media.source, Source::Text(_)));
        for part in result.parts.iter().filter(|part| is_media(part)) {
            self.notes.lose(Feature::ToolResultMedia)?;
            self.waiting.push(part);
        }
        for part in &result.parts {
            self.notice(part)?;
        }
        out.text("role", "tool");
        out.text("tool_call_id", result.id.as_str());
        let said = result.parts.iter().filter(|part| !is_media(part));
        let text = self.joined(said, "\n").unwrap_or_default();
        if result.is_error {
            self.notes.lose(Feature::ToolErrors)?;
            out.text("content", ["[tool error] ", &*text].concat());
        } else {
            out.text("content", text);
        }
        Ok(())
    }

    /// Writes the media that waits as a turn of the user's.
    fn flush(&mut self, messages: &mut Array<'_>) -> Result<(), Problem> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        messages.try_object(|out| {
            out.text("role", "user");
            self.content(&waiting, out)
        })
    }

    /// Notes what no part can say here.
    fn notice(&mut self, part: &Part<'_>) -> Result<(), Problem> {
        if part.cache.is_some() {
            self.notes.lose(Feature::CacheMarks)?;
        }
        match &part.kind {
            PartKind::Text { citations, .. } if !citations.is_empty() => {
                self.notes.lose(Feature::Citations)
            }
            _ => Ok(()),
        }
    }
}
