//! From any dialect to any other: the request there, the answer back, whole or as a stream.
//!
//! Invariant: a dialect that the provider speaks is never translated; nothing of an answer is kept
//! but what one event, one call or one whole answer needs; a stream that the provider did not end
//! is not ended here.

mod fit;
mod frames;
mod order;
mod replay;
mod stream;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod traps;

use std::borrow::Cow;

use mirk_model::{Ask, Dialect, Failure, Kind, Operation, PartKind, Problem, Reply, Text, Traits};

use self::fit::Restore;
pub use self::stream::Stream;
use crate::{
    anthropic, clawpipe,
    embed::{self, Wants},
    gemini,
    json::Value,
    loss::Notes,
    ollama, openai_chat, openai_responses, tokens,
    wire::{Malformed, Manner, Wire},
};

/// Every dialect.
pub static DIALECTS: [&Wire; 5] = [
    &openai_chat::WIRE,
    &openai_responses::WIRE,
    &anthropic::WIRE,
    &gemini::WIRE,
    &ollama::WIRE,
];

/// For each dialect of a client, those of providers in the order in which they are chosen: the
/// closest first. Its own is never in the list: that one is passed through.
pub static TRANSLATIONS: [(Dialect, [Dialect; 4]); 5] = [
    (
        Dialect::OpenAiChat,
        [
            Dialect::OpenAiResponses,
            Dialect::Anthropic,
            Dialect::Gemini,
            Dialect::Ollama,
        ],
    ),
    (
        Dialect::OpenAiResponses,
        [
            Dialect::OpenAiChat,
            Dialect::Anthropic,
            Dialect::Gemini,
            Dialect::Ollama,
        ],
    ),
    (
        Dialect::Anthropic,
        [
            Dialect::OpenAiChat,
            Dialect::OpenAiResponses,
            Dialect::Gemini,
            Dialect::Ollama,
        ],
    ),
    (
        Dialect::Gemini,
        [
            Dialect::OpenAiChat,
            Dialect::OpenAiResponses,
            Dialect::Anthropic,
            Dialect::Ollama,
        ],
    ),
    (
        Dialect::Ollama,
        [
            Dialect::OpenAiChat,
            Dialect::OpenAiResponses,
            Dialect::Anthropic,
            Dialect::Gemini,
        ],
    ),
];

/// The dialect called so.
pub fn wire(dialect: Dialect) -> &'static Wire {
    let [chat, responses, anthropic, gemini, ollama] = DIALECTS;
    match dialect {
        Dialect::OpenAiChat => chat,
        Dialect::OpenAiResponses => responses,
        Dialect::Anthropic => anthropic,
        Dialect::Gemini => gemini,
        Dialect::Ollama => ollama,
    }
}

/// Whether `operation` asks a model for an answer in words, which is what can be translated here.
pub const fn is_answer(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Chat
            | Operation::Responses
            | Operation::Messages
            | Operation::Generate
            | Operation::StreamGenerate
            | Operation::OllamaChat
            | Operation::OllamaGenerate
            | Operation::Prompt
            | Operation::PromptStream
    )
}

/// What to ask a provider for that does not do `client` itself; nothing when there is nothing it
/// does that can stand for it. A model that answers best in one of the dialects is asked in that
/// one, if the provider has it.
pub fn upstream(
    client: Operation,
    is_stream: bool,
    best: Option<Dialect>,
    serves: impl Fn(Operation) -> bool,
) -> Option<Operation> {
    if client.is_embedding() {
        return embed::upstream(client, |operation| operation != client && serves(operation));
    }
    if client.is_count() {
        let serves = |operation| operation != client && serves(operation);
        return tokens::count_upstream(client, serves);
    }
    if !is_answer(client) {
        return None;
    }
    let own = client.dialect();
    let (_, others) = TRANSLATIONS.iter().find(|(from, _)| *from == own)?;
    // Ollama's two calls, and ClawPipe's, stand for their dialect's plain one.
    best.into_iter()
        .chain([own])
        .chain(others.iter().copied())
        .map(|dialect| native(dialect, is_stream))
        .find(|operation| *operation != client && serves(*operation))
}

/// The operation that asks for an answer in `dialect`.
pub const fn native(dialect: Dialect, is_stream: bool) -> Operation {
    match dialect {
        Dialect::OpenAiChat => Operation::Chat,
        Dialect::OpenAiResponses => Operation::Responses,
        Dialect::Anthropic => Operation::Messages,
        Dialect::Gemini if is_stream => Operation::StreamGenerate,
        Dialect::Gemini => Operation::Generate,
        Dialect::Ollama => Operation::OllamaChat,
    }
}

/// A client's request, to be translated.
#[derive(Clone, Copy)]
pub struct From<'a> {
    /// What it asks for.
    pub operation: Operation,
    /// Its body, which [`crate::json::Head::scan`] has accepted.
    pub body: &'a str,
    /// The model as the client named it.
    pub model: &'a str,
    /// Whether it wants a stream.
    pub is_stream: bool,
    /// Gemini: whether it wants events.
    pub is_sse: bool,
    /// Mirk's id of the request.
    pub request_id: &'a str,
    /// When it came, in seconds since 1970.
    pub created: i64,
}

impl std::fmt::Debug for From<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("From")
            .field("operation", &self.operation)
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub struct To<'a> {
    /// What is asked for there.
    pub operation: Operation,
    /// The model's name there.
    pub model: &'a str,
    /// What the model can take.
    pub traits: &'a Traits,
}

/// A translated request, and what its answer needs.
#[derive(Debug)]
pub struct Translated {
    /// For the provider.
    pub body: Vec<u8>,
    /// What was lost and changed, for `x-mirk-transforms`.
    pub notes: Notes,
    /// For the answer.
    pub way: Way,
}

/// The way back: all that the translation of an answer needs to know of its request.
#[derive(Clone, Debug)]
pub struct Way {
    /// What the provider was asked for.
    upstream: Operation,
    /// How the client wants its answer.
    pub manner: Manner,
    kind: Kinds,
}

/// What an answer is made of.
#[derive(Clone, Debug)]
enum Kinds {
    /// Words and calls.
    Said(Restore),
    /// Vectors.
    Vectors(Wants),
    /// A count of tokens; the estimate stands in for one that the provider does not give.
    Count { estimate: u64 },
}

/// Translates a request.
///
/// # Errors
/// When the body is not what its dialect has, or holds what the target has nothing for and the
/// table of losses says that this is refused.
pub fn ask(from: From<'_>, to: To<'_>) -> Result<Translated, Problem> {
    let target = wire(to.operation.dialect());
    let mut notes = Notes::new(from.operation.dialect(), target.dialect);
    let (body, manner, kind) = if from.operation.is_embedding() {
        let (body, wants) = embed::ask(
            from.operation,
            to.operation,
            from.body,
            to.model,
            &mut notes,
        )?;
        (body, Manner::new(from.operation), Kinds::Vectors(wants))
    } else {
        said(&from, to, target, &mut notes)?
    };
    let manner = Manner {
        is_stream: from.is_stream,
        is_sse: from.is_sse,
        model: from.model.to_owned(),
        request_id: from.request_id.to_owned(),
        created: from.created,
        ..manner
    };
    Ok(Translated {
        body,
        notes,
        way: Way {
            upstream: to.operation,
            manner,
            kind,
        },
    })
}

/// Translates a request for words, or for the count of their tokens.
fn said(
    from: &From<'_>,
    to: To<'_>,
    target: &Wire,
    notes: &mut Notes,
) -> Result<(Vec<u8>, Manner, Kinds), Problem> {
    let (mut ask, manner) = read(from, notes)?;
    ask.model = Text::from(to.model);
    ask.is_stream = from.is_stream;
    let restore = fit::fit(&mut ask, &target.shape, to.traits, notes)?;
    let body = (target.write_ask)(&ask, to.traits, notes)?;
    if !from.operation.is_count() {
        return Ok((body, manner, Kinds::Said(restore)));
    }
    let body = match to.operation {
        Operation::GeminiCount => tokens::gemini_count(&body, to.model)?,
        _ => tokens::anthropic_count(&body)?,
    };
    let estimate = tokens::estimate(from.operation, from.body);
    Ok((body, manner, Kinds::Count { estimate }))
}

/// Reads a request in the dialect that its shape shows: some clients send one to the path of
/// another. The answer is in the dialect of the path.
fn read<'a>(from: &From<'a>, notes: &mut Notes) -> Result<(Ask<'a>, Manner), Problem> {
    let operation = from.operation;
    if matches!(operation, Operation::Prompt | Operation::PromptStream) {
        return Ok(clawpipe::read_ask(operation, from.body, notes)?);
    }
    let own = operation.dialect();
    let shape = match operation {
        Operation::Chat | Operation::Responses => openai_chat::shape_of(from.body),
        _ => None,
    };
    match shape.filter(|shape| *shape != own) {
        Some(shape) => {
            let (ask, manner) = (wire(shape).read_ask)(native(shape, false), from.body, notes)?;
            Ok((
                ask,
                Manner {
                    operation,
                    ..manner
                },
            ))
        }
        None => Ok((wire(own).read_ask)(operation, from.body, notes)?),
    }
}

impl Way {
    /// Translates a whole answer.
    ///
    /// # Errors
    /// When the answer is not what the provider's dialect has.
    pub fn reply(&self, body: &[u8]) -> Result<Vec<u8>, Malformed> {
        let text = String::from_utf8_lossy(body);
        let restore = match &self.kind {
            Kinds::Vectors(wants) => return Ok(embed::reply(self.upstream, wants, &text)?),
            Kinds::Count { estimate } => {
                let count = tokens::read_count(self.upstream, &text).unwrap_or(*estimate);
                return Ok(tokens::count_reply(self.manner.operation, count));
            }
            Kinds::Said(restore) => restore,
        };
        let mut reply = (wire(self.upstream.dialect()).read_reply)(&text)?;
        for choice in &mut reply.choices {
            restore.parts(&mut choice.parts);
            let has_calls = choice
                .parts
                .iter()
                .any(|part| matches!(part.kind, PartKind::Call(_)));
            choice.finish = order::derived(choice.finish, has_calls);
        }
        Ok(self.write(&reply))
    }

    fn write(&self, reply: &Reply<'_>) -> Vec<u8> {
        match self.manner.operation {
            Operation::Prompt | Operation::PromptStream => {
                clawpipe::write_reply(reply, &self.manner)
            }
            operation => (wire(operation.dialect()).write_reply)(reply, &self.manner),
        }
    }
}

/// What a provider's error says, in any of the dialects' forms.
pub fn failure(status: u16, body: &[u8]) -> Failure<'static> {
    let text = String::from_utf8_lossy(body);
    let said = Value::parse(&text).ok().and_then(crate::problem::read);
    let (code, message, param) = said.unwrap_or_default();
    Failure {
        // An error under 200 is one all the same.
        status: if (400..600).contains(&status) {
            status
        } else {
            Kind::UpstreamMalformed.status()
        },
        code: Text::from(code),
        message: if message.is_empty() {
            Text::from(format!("The provider answered with status {status}."))
        } else {
            Text::from(message)
        },
        param: param.map(Text::from),
    }
}

/// The problem that a stream's malformed middle is.
impl core::convert::From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        let words: Cow<'static, str> = malformed.0;
        Self::new(Kind::UpstreamMalformed, words.into_owned())
    }
}
