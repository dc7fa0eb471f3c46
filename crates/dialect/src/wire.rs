//! What every dialect brings to a translation: how it reads and writes requests, answers and
//! streams.
//!
//! Invariant: a reader takes whatever its dialect's documents and real providers say; a writer
//! writes only what the documents allow. Neither keeps anything but what a stream needs.

use std::{borrow::Cow, fmt::Debug};

use mirk_model::{Ask, Dialect, Event, Operation, Origin, Problem, Reply, Traits};

use crate::{json::Misread, loss::Notes};

/// How an answer must look to the client that asked. Made from its request, kept until the end.
#[derive(Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent wishes of one client"
)]
pub struct Manner {
    /// What the client asked for.
    pub operation: Operation,
    /// Whether it wants a stream.
    pub is_stream: bool,
    /// Gemini: whether the stream is made of events (`alt=sse`) or is one JSON array.
    pub is_sse: bool,
    /// The model as the client named it; shown where the provider names none.
    pub model: String,
    /// Mirk's id of the request; for ids that the client's dialect must have and the provider's
    /// has not.
    pub request_id: String,
    /// When the request came, in seconds since 1970.
    pub created: i64,
    /// OpenAI Chat: whether the client asked for usage at the end of the stream.
    pub includes_usage: bool,
    /// Whether what the model thinks may be shown.
    pub shows_thinking: bool,
    /// OpenAI Responses: whether encrypted reasoning is to come along.
    pub wants_encrypted: bool,
    /// OpenAI Responses: members of the response object that repeat the request, as JSON text
    /// without the braces, beginning with a comma; empty when there are none.
    pub echo: String,
    /// Milliseconds that the provider took, for the one dialect that says so. Set before an answer
    /// is written.
    pub latency_ms: u64,
}

impl Manner {
    /// The plainest manner of `operation`.
    pub fn new(operation: Operation) -> Self {
        Self {
            operation,
            is_stream: false,
            is_sse: true,
            model: String::new(),
            request_id: String::new(),
            created: 0,
            includes_usage: false,
            shows_thinking: true,
            wants_encrypted: false,
            echo: String::new(),
            latency_ms: 0,
        }
    }
}

impl Debug for Manner {
    /// Without what the client wrote.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Manner")
            .field("operation", &self.operation)
            .field("is_stream", &self.is_stream)
            .finish_non_exhaustive()
    }
}

/// A stream cannot go on: the provider broke its own dialect, or a bound was met. Says what, never
/// what stood there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub Cow<'static, str>);

impl From<Misread> for Malformed {
    fn from(misread: Misread) -> Self {
        Self(format!("the provider's stream is malformed: {misread}").into())
    }
}

/// Where a reader puts the events it finds.
pub type Sink<'s> = dyn FnMut(Event<'_>) -> Result<(), Malformed> + 's;

/// Reads a provider's stream. The framing is done: what comes in is the data of one whole event,
/// or one whole line of Ollama's.
pub trait Reader: Send + Debug {
    /// Reads one event's data. `[DONE]` comes in here too. Unknown events are stepped over.
    ///
    /// A reader need not say [`Event::CallEnd`], nor [`Event::Start`] first, nor turn a
    /// `stop` into [`mirk_model::Finish::Calls`] when there were calls: [`crate::bridge`] sees to
    /// the order. It must say [`Event::End`] exactly when the provider says that the stream is
    /// whole, and [`Event::Error`] when the provider says that it failed.
    ///
    /// # Errors
    /// When the data is not what the dialect has.
    fn data(&mut self, data: &str, sink: &mut Sink<'_>) -> Result<(), Malformed>;

    /// The body ended well. A dialect without a mark for the end of a stream says here whether it
    /// was whole.
    ///
    /// # Errors
    /// As [`Reader::data`].
    fn end(&mut self, _sink: &mut Sink<'_>) -> Result<(), Malformed> {
        Ok(())
    }
}

/// Writes a stream for a client. Events come in the order that [`crate::bridge`] keeps: `Start`
/// first; every `Call` has its `CallEnd` before its choice's `Finish`; `Usage` anywhere; `End` or
/// `Error` last.
pub trait Writer: Send + Debug {
    /// Writes what `event` comes to, framing included, to the end of `out`; maybe nothing.
    /// After `Error` there is no mark of a whole stream.
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>);
}

/// Where a provider takes instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemPlace {
    /// Anywhere in the conversation.
    Anywhere,
    /// Only at its front.
    Front,
}

/// What a dialect can take, for the passes that fit any request to it before it is written.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one dialect"
)]
pub struct Shape {
    /// Where instructions may stand.
    pub system: SystemPlace,
    /// Whether there is a developer's role apart from the system's; of Chat, the model's
    /// [`Traits::has_developer`] decides.
    pub has_developer: bool,
    /// Whether tools may be grouped.
    pub has_namespaces: bool,
    /// Whether there are tools that take free-form text.
    pub has_custom: bool,
    /// The longest name of a tool.
    pub longest_name: usize,
    /// Whether a byte may stand in a tool's name; at its front only ASCII letters and `_` are
    /// always good, see [`Shape::name_front`].
    pub name_byte: fn(u8) -> bool,
    /// Whether a byte may stand at the front of a tool's name.
    pub name_front: fn(u8) -> bool,
    /// The longest id of a call; 0 where calls have no ids.
    pub longest_id: usize,
    /// Whether a byte may stand in a call's id.
    pub id_byte: fn(u8) -> bool,
    /// Whether every call needs its result in the next turn, before anything else.
    pub needs_results: bool,
    /// Whether turns of one role in a row must be one turn.
    pub merges_turns: bool,
    /// Whether results of tools hold media; of Gemini, [`Traits::takes_result_media`] decides.
    pub has_result_media: bool,
    /// Whether arguments of calls are objects, not texts.
    pub has_object_arguments: bool,
    /// The states that its providers take back.
    pub origins: &'static [Origin],
    /// How many stop texts it takes.
    pub most_stops: usize,
    /// The longest name of the client's user, in characters.
    pub longest_user: usize,
    /// Whether the schema of a function must say at its root that it is an object, and its
    /// `properties`.
    pub wants_properties: bool,
}

/// A dialect, as translations use it.
#[expect(
    clippy::type_complexity,
    reason = "five functions, each said once and here"
)]
#[derive(Debug)]
pub struct Wire {
    /// Which.
    pub dialect: Dialect,
    /// What it can take.
    pub shape: Shape,
    /// Reads a client's request, with the manner in which it wants its answer. `model` is left as
    /// the body has it. Members that are known and not understood elsewhere go to [`Ask::own`];
    /// unknown ones to the notes.
    pub read_ask: for<'a> fn(Operation, &'a str, &mut Notes) -> Result<(Ask<'a>, Manner), Misread>,
    /// Writes a request for a provider.
    pub write_ask: fn(&Ask<'_>, &Traits, &mut Notes) -> Result<Vec<u8>, Problem>,
    /// Reads a provider's whole answer.
    pub read_reply: for<'a> fn(&'a str) -> Result<Reply<'a>, Misread>,
    /// Writes a whole answer for a client.
    pub write_reply: fn(&Reply<'_>, &Manner) -> Vec<u8>,
    /// A reader of a provider's stream.
    pub reader: fn() -> Box<dyn Reader>,
    /// A writer of a client's stream.
    pub writer: fn(&Manner) -> Box<dyn Writer>,
}
