//! A provider's stream. Every event is a `GenerateContentResponse` that holds what is new.
//!
//! Invariant: the stream is whole when the body ended well and every answer that began has its
//! reason. There is no other mark, and the tokens may come after the reason.

use mirk_model::{Call, Event, Failure, Finish, Text, Usage};

use super::super::{
    finish_of,
    reply::{
        cite::{self, Places},
        is_blocked, logprobs,
        said::{self, Ids, Said},
        usage, word,
    },
};
use super::partial::Partial;
use crate::{
    json::{Members, Misread, Type, Value},
    wire::{Malformed, Reader, Sink},
};

/// A reader of a provider's stream.
pub(in crate::gemini) fn reader() -> Box<dyn Reader> {
    Box::new(Read::default())
}

/// The most answers in one stream; more are no answer to anything.
const MOST_CHOICES: usize = 128;

#[derive(Debug, Default)]
struct Read {
    has_started: bool,
    has_failed: bool,
    is_blocked: bool,
    ids: Ids,
    usage: Option<Usage>,
    choices: Vec<Under>,
}

/// An answer under way.
#[derive(Debug)]
struct Under {
    has_begun: bool,
    is_finished: bool,
    calls: u32,
    /// The call that comes in pieces.
    partial: Option<(u32, Partial)>,
    /// Whether all its text so far was ASCII.
    is_ascii: bool,
}

impl Default for Under {
    fn default() -> Self {
        Self {
            has_begun: false,
            is_finished: false,
            calls: 0,
            partial: None,
            is_ascii: true,
        }
    }
}

impl Reader for Read {
    fn data(&mut self, data: &str, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        if self.has_failed || data.trim() == "[DONE]" {
            // The second is no mark of Gemini's; some servers that speak it send it.
            return Ok(());
        }
        let value = Value::parse(data)?;
        if value.kind() == Type::Array {
            // A server that takes no notice of `alt=sse`.
            for item in value.items()? {
                self.chunk(item, sink)?;
            }
            return Ok(());
        }
        self.chunk(value, sink)
    }

    fn end(&mut self, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let mut begun = self
            .choices
            .iter()
            .filter(|under| under.has_begun)
            .peekable();
        let is_whole = begun.peek().is_some() && begun.all(|under| under.is_finished);
        if !self.has_failed && (is_whole || self.is_blocked) {
            return sink(Event::End);
        }
        Ok(())
    }
}

impl Read {
    fn chunk(&mut self, value: Value<'_>, sink: &mut Sink<'_>) -> Result<(), Malformed> {
        let mut members = value.members()?;
        if let Some(error) = members.take("error") {
            self.has_failed = true;
            return sink(Event::Error(failure(error)));
        }
        let counted = members.take("usageMetadata").and_then(usage::read);
        self.start(&mut members, counted, sink)?;
        let candidates = match members.take("candidates") {
            Some(value) => value.items()?,
            None => Vec::new(),
        };
        // The reasons wait until the tokens were told.
        let mut finished = Vec::new();
        for (place, candidate) in candidates.into_iter().enumerate() {
            let mut candidate = candidate.members()?;
            let index = candidate.take("index").and_then(|index| index.count().ok());
            let index = index.and_then(|index| usize::try_from(index).ok());
            let index = index.unwrap_or(place);
            if let Some(finish) = self.candidate(index, &mut candidate, sink)? {
                finished.push((index, finish));
            }
        }
        if is_blocked(&mut members) && !self.is_blocked {
            self.is_blocked = true;
            finished.push((0, Finish::Filtered));
        }
        if let Some(counted) = counted.filter(|counted| self.usage != Some(*counted)) {
            self.usage = Some(counted);
            sink(Event::Usage(counted))?;
        }
        for (index, finish) in finished {
            sink(Event::Finish {
                choice: u32::try_from(index).unwrap_or(0),
                finish,
                stop: None,
            })?;
        }
        Ok(())
    }

    fn start(
        &mut self,
        members: &mut Members<'_>,
        counted: Option<Usage>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Malformed> {
        if self.has_started {
            return Ok(());
        }
        self.has_started = true;
        let id = word(members, "responseId");
        self.ids = Ids::new(&id);
        sink(Event::Start {
            id,
            model: word(members, "modelVersion"),
            created: None,
            usage: counted,
        })
    }

    /// Tells what a candidate has that is new, and why it ended if it did.
    fn candidate(
        &mut self,
        index: usize,
        candidate: &mut Members<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<Option<Finish>, Malformed> {
        if index >= MOST_CHOICES {
            return Err(Misread::here("has too many answers").into());
        }
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, Under::default);
        }
        let Some(under) = self.choices.get_mut(index) else {
            return Ok(None);
        };
        under.has_begun = true;
        let choice = u32::try_from(index).unwrap_or(0);
        // What goes wrong in the sink is no fault of the document's.
        let mut stopped = Ok(());
        said::each(candidate, &mut self.ids, |said| {
            if stopped.is_ok() {
                stopped = tell(choice, said, under, sink);
            }
            Ok(())
        })?;
        stopped?;
        if let Some(result) = candidate.take("logprobsResult") {
            let tokens = logprobs::read(result);
            if !tokens.is_empty() {
                sink(Event::Logprobs { choice, tokens })?;
            }
        }
        let places = Places::Passed {
            is_ascii: under.is_ascii,
        };
        let mut stopped = Ok(());
        cite::read(candidate, &places, |citation| {
            if stopped.is_ok() {
                stopped = sink(Event::Citation { choice, citation });
            }
            Ok(())
        })?;
        stopped?;
        let finish = finish_of(&word(candidate, "finishReason")).filter(|_| !under.is_finished);
        if finish.is_some() {
            under.is_finished = true;
            end_partial(choice, under, sink)?;
        }
        Ok(finish)
    }
}

fn tell(
    choice: u32,
    said: Said<'_>,
    under: &mut Under,
    sink: &mut Sink<'_>,
) -> Result<(), Malformed> {
    let state_of = |state: Option<mirk_model::State<'_>>, sink: &mut Sink<'_>| match state {
        Some(state) => sink(Event::ThinkingState {
            choice,
            id: None,
            state,
        }),
        None => Ok(()),
    };
    match said {
        Said::Text { text, state } => {
            state_of(state, sink)?;
            under.is_ascii &= text.is_ascii();
            if text.is_empty() {
                return Ok(());
            }
            sink(Event::Text { choice, text })
        }
        Said::Thought { text, state } => {
            if !text.is_empty() {
                sink(Event::Thinking { choice, text })?;
            }
            state_of(state, sink)
        }
        Said::Call(mut begun) => {
            let call = under.calls;
            under.calls += 1;
            let text = std::mem::take(&mut begun.arguments);
            sink(Event::Call {
                choice,
                call,
                begun,
            })?;
            sink(Event::Arguments { choice, call, text })?;
            sink(Event::CallEnd { choice, call })
        }
        Said::Piece {
            begun,
            parts,
            goes_on,
        } => {
            begin_partial((choice, begun), under, sink)?;
            if let Some((_, partial)) = &mut under.partial {
                for part in &parts {
                    partial.put(part)?;
                }
            }
            if goes_on {
                return Ok(());
            }
            end_partial(choice, under, sink)
        }
        // No dialect here streams media; what it signs is kept.
        Said::Media { state, .. } => state_of(state, sink),
    }
}

/// Begins the call that comes in pieces, if this is where it begins.
fn begin_partial(
    (choice, begun): (u32, Option<Call<'_>>),
    under: &mut Under,
    sink: &mut Sink<'_>,
) -> Result<(), Malformed> {
    let Some(begun) = begun else {
        return Ok(());
    };
    end_partial(choice, under, sink)?;
    let call = under.calls;
    under.calls += 1;
    under.partial = Some((call, Partial::default()));
    sink(Event::Call {
        choice,
        call,
        begun,
    })
}

/// Ends the call that comes in pieces, if there is one.
fn end_partial(choice: u32, under: &mut Under, sink: &mut Sink<'_>) -> Result<(), Malformed> {
    let Some((call, partial)) = under.partial.take() else {
        return Ok(());
    };
    let text = partial.into_text();
    sink(Event::Arguments { choice, call, text })?;
    sink(Event::CallEnd { choice, call })
}

/// Source: `google/rpc/status.proto`, as Google's HTTP APIs show it.
fn failure(error: Value<'_>) -> Failure<'_> {
    let mut failure = Failure {
        status: 502,
        code: Text::default(),
        message: Text::default(),
        param: None,
    };
    let Ok(mut members) = error.members() else {
        failure.message = error.lossy_text().unwrap_or_default();
        return failure;
    };
    let status = members.take("code").and_then(|code| code.count().ok());
    let status = status.and_then(|status| u16::try_from(status).ok());
    failure.status = status
        .filter(|status| (400..600).contains(status))
        .unwrap_or(502);
    failure.code = word(&mut members, "status");
    failure.message = word(&mut members, "message");
    failure
}
