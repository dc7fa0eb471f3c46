//! A provider's stream.
//!
//! Source: OpenAI's API reference, "The chat completion chunk object"; what others add is named
//! where it is read.

use mirk_model::{Event, PartKind, Text};

use super::{
    failure,
    keys::{Keys, Passed, Piece, TooMuch},
};
use crate::{
    json::{Members, Misread, Type, Value},
    openai_chat::{calls, reply, thinking, words},
    wire::{Malformed, Reader, Sink},
};

/// The most answers in one stream.
const MOST_CHOICES: usize = 128;

/// What a stream needs to be read.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    has_begun: bool,
    is_over: bool,
    choices: Vec<Answer>,
}

/// What is known of one answer.
#[derive(Debug, Default)]
struct Answer {
    index: u32,
    keys: Keys,
    is_finished: bool,
}

impl From<TooMuch> for Malformed {
    fn from(_too_much: TooMuch) -> Self {
        Self("the provider's stream has more calls than are accepted, or larger ones".into())
    }
}

impl Reader for Chunks {
    fn data(&mut self, data: &str, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let data = data.trim();
        if self.is_over || data.is_empty() {
            return Ok(());
        }
        if data == "[DONE]" {
            self.is_over = true;
            return sink(Event::End);
        }
        let mut chunk = Value::parse(data)?.members()?;
        if let Some(failure) = failure::read(&mut chunk) {
            self.is_over = true;
            return sink(Event::Error(failure));
        }
        self.begin(&mut chunk, sink)?;
        if let Some(choices) = chunk.take("choices") {
            for (position, value) in choices.items()?.into_iter().enumerate() {
                self.choice(value, position, sink)?;
            }
        }
        usage(&mut chunk, sink)
    }

    /// Servers that never write `[DONE]` are done when every answer has said why it ended.
    fn end(&mut self, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let is_whole =
            !self.choices.is_empty() && self.choices.iter().all(|answer| answer.is_finished);
        if self.is_over || !is_whole {
            return Ok(());
        }
        self.is_over = true;
        sink(Event::End)
    }
}

impl Chunks {
    fn begin(&mut self, chunk: &mut Members<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        if self.has_begun {
            return Ok(());
        }
        self.has_begun = true;
        sink(Event::Start {
            id: chunk.read("id", Value::lossy_text)?.unwrap_or_default(),
            model: chunk.read("model", Value::lossy_text)?.unwrap_or_default(),
            created: reply::created(chunk),
            usage: None,
        })
    }

    fn answer(&mut self, index: u32) -> Result<&mut Answer, Malformed> {
        let at = match self.choices.iter().position(|known| known.index == index) {
            Some(at) => at,
            None if self.choices.len() < MOST_CHOICES => {
                self.choices.push(Answer {
                    index,
                    ..Answer::default()
                });
                self.choices.len() - 1
            }
            None => {
                return Err(Malformed(
                    "the provider's stream has too many answers".into(),
                ));
            }
        };
        self.choices.get_mut(at).ok_or(Malformed(
            "the provider's stream has too many answers".into(),
        ))
    }

    fn choice(
        &mut self,
        value: Value<'_>,
        position: usize,
        sink: &mut Sink<'_>,
    ) -> Result<(), Malformed> {
        let mut members = value.members()?;
        let index = members.read("index", Value::count)?;
        let index = index.map_or_else(|| u32::try_from(position), u32::try_from);
        let choice = index.map_err(|_large| Misread::here("has an index that is too large"))?;
        let answer = self.answer(choice)?;
        let delta = match members.take("delta") {
            None => members.take("message"),
            delta => delta,
        };
        if let Some(delta) = delta {
            answer.delta(delta.members()?, sink)?;
        }
        if let Some(tokens) = members.read("logprobs", words::logprobs)?
            && !tokens.is_empty()
        {
            sink(Event::Logprobs { choice, tokens })?;
        }
        let word = members.read("finish_reason", Value::lossy_text)?;
        match word.filter(|word| !word.is_empty()) {
            Some(word) if !answer.is_finished => {
                answer.is_finished = true;
                answer.tell_rest(sink)?;
                sink(Event::Finish {
                    choice,
                    finish: words::finish(&word),
                    stop: reply::stop(&mut members),
                })
            }
            _ => Ok(()),
        }
    }
}

/// Tokens: in the last chunk, in every chunk (vLLM), or inside `x_groq`.
fn usage(chunk: &mut Members<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
    let own = chunk.take("usage");
    let groq = chunk
        .take("x_groq")
        .and_then(|groq| groq.members().ok()?.take("usage"));
    match own.or(groq).and_then(words::usage) {
        Some(usage) => sink(Event::Usage(usage)),
        None => Ok(()),
    }
}

impl Answer {
    fn delta(&mut self, mut delta: Members<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        self.thoughts(&mut delta, sink)?;
        if let Some(content) = delta.take("content") {
            self.content(content, sink)?;
        }
        let choice = self.index;
        if let Some(audio) = delta.take("audio")
            && let Some(text) = audio.members()?.read("transcript", Value::lossy_text)?
        {
            sink(Event::Text { choice, text })?;
        }
        if let Some(text) = delta.read("refusal", Value::lossy_text)?
            && !text.is_empty()
        {
            sink(Event::Refusal { choice, text })?;
        }
        for citation in delta
            .read("annotations", words::citations)?
            .unwrap_or_default()
        {
            sink(Event::Citation { choice, citation })?;
        }
        if let Some(list) = delta.take("tool_calls") {
            let items = list.items()?;
            let pieces = items.len();
            for (position, item) in items.into_iter().enumerate() {
                self.piece(item.members()?, (position, pieces), sink)?;
            }
        }
        match delta.take("function_call") {
            Some(older) => self.said(older, Piece::default(), (0, 1), sink),
            None => Ok(()),
        }
    }

    /// Thoughts told twice, as OpenRouter does, are read once.
    fn thoughts(&mut self, delta: &mut Members<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let choice = self.index;
        let plain = thinking::plain(delta)?;
        let is_told = plain.is_some();
        if let Some(text) = plain {
            sink(Event::Thinking { choice, text })?;
        }
        let Some(details) = delta.take("reasoning_details") else {
            return Ok(());
        };
        for item in details.items()? {
            let detail = thinking::detail(item)?;
            if let Some(text) = detail.text.filter(|text| !is_told && !text.is_empty()) {
                sink(Event::Thinking { choice, text })?;
            }
            if let Some(state) = detail.state {
                let id = detail.id;
                sink(Event::ThinkingState { choice, id, state })?;
            }
        }
        Ok(())
    }

    fn content(&self, content: Value<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let choice = self.index;
        if content.kind() == Type::Text {
            let text = content.lossy_text()?;
            return if text.is_empty() {
                Ok(())
            } else {
                sink(Event::Text { choice, text })
            };
        }
        for item in content.items()? {
            match reply::content_part(item)?.map(|part| part.kind) {
                Some(PartKind::Text { text, .. }) => sink(Event::Text { choice, text })?,
                Some(PartKind::Thinking(thought)) => sink(Event::Thinking {
                    choice,
                    text: thought.text,
                })?,
                _ => {}
            }
        }
        Ok(())
    }

    fn piece(
        &mut self,
        mut piece: Members<'_>,
        place: (usize, usize),
        sink: &mut Sink<'_>,
    ) -> Result<(), Malformed> {
        let is_custom = piece.peek("custom").is_some();
        let said = piece.take(if is_custom { "custom" } else { "function" });
        let key = Piece {
            index: piece.read("index", Value::count)?,
            id: piece.read("id", Value::lossy_text)?.unwrap_or_default(),
            name: Text::default(),
            is_custom,
            state: calls::signature(&mut piece)?,
        };
        if let Some(said) = said {
            return self.said(said, key, place, sink);
        }
        // A server that tells the id alone first.
        self.keys.place(key, place.0, place.1)?;
        Ok(())
    }

    /// A name, arguments, or both (T3).
    fn said(
        &mut self,
        said: Value<'_>,
        key: Piece<'_>,
        place: (usize, usize),
        sink: &mut Sink<'_>,
    ) -> Result<(), Malformed> {
        let input = if key.is_custom { "input" } else { "arguments" };
        let said = calls::said(said, input, false)?;
        let key = Piece {
            name: said.name,
            ..key
        };
        let call = self.keys.place(key, place.0, place.1)?;
        let choice = self.index;
        match self.keys.take(call, &said.arguments)? {
            Passed::Nothing => Ok(()),
            Passed::More if said.arguments.is_empty() => Ok(()),
            Passed::More => sink(Event::Arguments {
                choice,
                call,
                text: said.arguments,
            }),
            Passed::Begun(begun, held) => tell((choice, call), begun, held, sink),
        }
    }

    fn tell_rest(&mut self, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let choice = self.index;
        for (call, passed) in self.keys.untold() {
            if let Passed::Begun(begun, held) = passed {
                tell((choice, call), begun, held, sink)?;
            }
        }
        Ok(())
    }
}

fn tell(
    (choice, call): (u32, u32),
    begun: mirk_model::Call<'_>,
    held: &str,
    sink: &mut Sink<'_>,
) -> Result<(), Malformed> {
    sink(Event::Call {
        choice,
        call,
        begun,
    })?;
    if held.is_empty() {
        return Ok(());
    }
    sink(Event::Arguments {
        choice,
        call,
        text: Text::from(held),
    })
}
