//! What a model answers, in no dialect: whole, or as the events of a stream.

use crate::{Call, Citation, Number, Part, State, Text, Usage};

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Finish {
    /// The model was done, or met a stop text.
    #[default]
    Stop,
    /// The output limit.
    Length,
    /// It called tools.
    Calls,
    /// It refused.
    Refusal,
    /// A filter of the provider's stopped it.
    Filtered,
    /// It paused and can be asked to go on.
    Pause,
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply<'a> {
    /// The provider's id for it; empty where it has none.
    pub id: Text<'a>,
    /// The model that the provider says has answered; empty where it does not say.
    pub model: Text<'a>,
    /// When, in seconds since 1970, where the provider says.
    pub created: Option<i64>,
    /// The answers, mostly one.
    pub choices: Vec<Choice<'a>>,
    /// Tokens, where the provider says.
    pub usage: Option<Usage>,
}

/// One of the answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice<'a> {
    /// What was said, thought and called, in order.
    pub parts: Vec<Part<'a>>,
    /// Why it ended.
    pub finish: Finish,
    /// The stop text that was met, where the provider says.
    pub stop: Option<Text<'a>>,
    /// Log probabilities.
    pub logprobs: Vec<Logprob<'a>>,
}

/// A token with its probability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logprob<'a> {
    /// The token's text.
    pub token: Text<'a>,
    /// Its log probability.
    pub logprob: Number<'a>,
    /// What else it could have been.
    pub others: Vec<(Text<'a>, Number<'a>)>,
}

/// One thing that a stream says. `choice` counts the answers from 0; `call` counts the calls of
/// one answer from 0, in the order in which they began.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// The answer begins. First, and once.
    Start {
        /// As [`Reply::id`].
        id: Text<'a>,
        /// As [`Reply::model`].
        model: Text<'a>,
        /// As [`Reply::created`].
        created: Option<i64>,
        /// What is known of the input so far.
        usage: Option<Usage>,
    },
    /// More of a text.
    Text {
        /// Which answer.
        choice: u32,
        /// The piece; may be empty.
        text: Text<'a>,
    },
    /// What comes next of this kind is another part than what came before.
    Break {
        /// Which answer.
        choice: u32,
    },
    /// More of a thought.
    Thinking {
        /// Which answer.
        choice: u32,
        /// The piece; may be empty.
        text: Text<'a>,
    },
    /// The end of a thought (one that may have had no text), with what the provider wants back.
    ThinkingState {
        /// Which answer.
        choice: u32,
        /// The provider's id for the thought.
        id: Option<Text<'a>>,
        /// What it wants back.
        state: State<'a>,
    },
    /// More of the words of a refusal.
    Refusal {
        /// Which answer.
        choice: u32,
        /// The piece.
        text: Text<'a>,
    },
    /// A call begins; its arguments are empty here and follow.
    Call {
        /// Which answer.
        choice: u32,
        /// Which call.
        call: u32,
        /// The call.
        begun: Call<'a>,
    },
    /// More of a call's arguments. Calls may take turns.
    Arguments {
        /// Which answer.
        choice: u32,
        /// Which call.
        call: u32,
        /// The piece, cut anywhere between two characters.
        text: Text<'a>,
    },
    /// A call's arguments are complete. Comes for every call, before [`Event::Finish`].
    CallEnd {
        /// Which answer.
        choice: u32,
        /// Which call.
        call: u32,
    },
    /// Where the text just said was taken from.
    Citation {
        /// Which answer.
        choice: u32,
        /// The source.
        citation: Citation<'a>,
    },
    /// Log probabilities of the text just said.
    Logprobs {
        /// Which answer.
        choice: u32,
        /// The tokens.
        tokens: Vec<Logprob<'a>>,
    },
    /// An answer is complete.
    Finish {
        /// Which answer.
        choice: u32,
        /// Why.
        finish: Finish,
        /// As [`Choice::stop`].
        stop: Option<Text<'a>>,
    },
    /// Tokens so far; a later one takes the place of an earlier one. May come after
    /// [`Event::Finish`].
    Usage(Usage),
    /// The stream is whole. Last, and once; nothing comes after it.
    End,
    /// The provider failed inside the stream. Last.
    Error(Failure<'a>),
}

/// What a provider says when it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// The HTTP status that it amounts to.
    pub status: u16,
    /// The provider's own type or code, such as `overloaded_error`; empty where it gives none.
    pub code: Text<'a>,
    /// The provider's words.
    pub message: Text<'a>,
    /// The field that is to blame, where the provider says.
    pub param: Option<Text<'a>>,
}
