//! What a client asks of a model, in no dialect: the middle of every translation.
//!
//! Invariant: order is kept, JSON inside (schemas, arguments, numbers) is kept as it was written,
//! and what one dialect alone can say stands here too, so that a translation that cannot pass it
//! on has to decide so.

use crate::Text;

/// JSON text as it came: one whole, valid value. Digits, order and escapes are the client's.
pub type Json<'a> = Text<'a>;

/// A JSON number as it was written.
pub type Number<'a> = Text<'a>;

/// One request to a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask<'a> {
    /// Model, as the one who is asked names it.
    pub model: Text<'a>,
    /// Whether the answer is to be streamed.
    pub is_stream: bool,
    /// The conversation, oldest first, instructions in their places.
    pub turns: Vec<Turn<'a>>,
    /// What the model may call.
    pub tools: Vec<Tool<'a>>,
    /// Which of them it must or must not call; absent leaves it to the provider.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several calls in one turn are allowed.
    pub parallel_calls: Option<bool>,
    /// The form of the answer.
    pub format: Option<Format<'a>>,
    /// How much to think, and what of it to show.
    pub reasoning: Option<Reasoning>,
    /// How to sample.
    pub sampling: Sampling<'a>,
    /// The most output tokens.
    pub max_tokens: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<Text<'a>>,
    /// How many answers; absent is one.
    pub choices: Option<u64>,
    /// Log probabilities of the answer's tokens, with so many alternatives each.
    pub logprobs: Option<u64>,
    /// `low`, `medium` or `high`.
    pub verbosity: Option<Text<'a>>,
    /// The client's own name for its user.
    pub user: Option<Text<'a>>,
    /// The client's own labels, an object of strings.
    pub metadata: Option<Json<'a>>,
    /// The service tier, in the client's words.
    pub service_tier: Option<Text<'a>>,
    /// The client's key for the provider's prompt cache.
    pub cache_key: Option<Text<'a>>,
    /// A cache mark for the whole request.
    pub cache: Option<Cache>,
    /// What only a provider that keeps answers can do.
    pub kept: Kept<'a>,
    /// Members that are known and have no counterpart anywhere else: the name, and its value.
    pub own: Vec<(&'static str, Json<'a>)>,
}

/// References to what the provider keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept<'a> {
    /// Whether the provider is to keep the answer.
    pub store: Option<bool>,
    /// A kept answer or conversation to go on from.
    pub previous: Option<Text<'a>>,
    /// Whether to answer in the background.
    pub background: bool,
}

/// How to sample.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sampling<'a> {
    /// Temperature.
    pub temperature: Option<Number<'a>>,
    /// Nucleus.
    pub top_p: Option<Number<'a>>,
    /// The best so many.
    pub top_k: Option<Number<'a>>,
    /// The least probability, relative to the best.
    pub min_p: Option<Number<'a>>,
    /// Penalty by frequency.
    pub frequency_penalty: Option<Number<'a>>,
    /// Penalty by presence.
    pub presence_penalty: Option<Number<'a>>,
    /// Ollama's penalty for repetition.
    pub repeat_penalty: Option<Number<'a>>,
    /// Seed.
    pub seed: Option<Number<'a>>,
    /// Bias by token id, an object.
    pub logit_bias: Option<Json<'a>>,
}

/// Who speaks in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The operator's instructions.
    System,
    /// The application's instructions, where a dialect tells them from the operator's.
    Developer,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// The tools: only [`PartKind::Result`] parts.
    Tool,
}

/// One turn of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn<'a> {
    /// Who speaks.
    pub role: Role,
    /// The speaker's name, where a dialect has one.
    pub name: Option<Text<'a>>,
    /// What is said, in order.
    pub parts: Vec<Part<'a>>,
}

/// A part of a turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Part<'a> {
    /// What it is.
    pub kind: PartKind<'a>,
    /// Whether the prompt up to here is to be cached.
    pub cache: Option<Cache>,
}

impl<'a> Part<'a> {
    /// A part without a cache mark.
    pub const fn new(kind: PartKind<'a>) -> Self {
        Self { kind, cache: None }
    }

    /// Plain text.
    pub fn text(text: impl Into<Text<'a>>) -> Self {
        let text = text.into();
        Self::new(PartKind::Text {
            text,
            citations: Vec::new(),
        })
    }
}

/// What a part is.
#[derive(Clone, Debug, PartialEq)]
pub enum PartKind<'a> {
    /// Text, with where it was taken from.
    Text {
        /// The text.
        text: Text<'a>,
        /// Its sources.
        citations: Vec<Citation<'a>>,
    },
    /// An image, document, recording or film.
    Media(Media<'a>),
    /// What the model thought.
    Thinking(Thinking<'a>),
    /// A call of a tool.
    Call(Call<'a>),
    /// What a tool answered.
    Result(CallResult<'a>),
    /// The model's words when it refused.
    Refusal(Text<'a>),
}

/// A mark for the provider's prompt cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// For the provider's usual time, five minutes.
    Short,
    /// For an hour.
    Hour,
}

/// What kind of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A document, such as a PDF.
    Document,
    /// A recording.
    Audio,
    /// A film.
    Video,
}

/// Something other than text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media<'a> {
    /// What it is.
    pub kind: MediaKind,
    /// Where it is.
    pub source: Source<'a>,
    /// Its file name or title.
    pub name: Option<Text<'a>>,
    /// How closely to look: `low`, `high`, `auto`.
    pub detail: Option<Text<'a>>,
}

/// Where media is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// Here.
    Data {
        /// Media type, such as `image/png`.
        mime: Text<'a>,
        /// The bytes, as base64 with the standard alphabet.
        base64: Text<'a>,
    },
    /// At an address, which Mirk passes on and never fetches.
    Url {
        /// The address.
        url: Text<'a>,
        /// Media type, where the client said.
        mime: Option<Text<'a>>,
    },
    /// A file that was uploaded to the provider.
    File(Text<'a>),
    /// Plain text that is to be treated as a document.
    Text(Text<'a>),
}

/// What the model thought before it spoke.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thinking<'a> {
    /// What of it may be read; empty when nothing may.
    pub text: Text<'a>,
    /// The provider's id for it, where there is one.
    pub id: Option<Text<'a>>,
    /// What only its provider can read.
    pub state: Option<State<'a>>,
}

/// Bytes that only the provider which made them can read, and must get back as they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State<'a> {
    /// Who made it.
    pub origin: Origin,
    /// The bytes, as the provider wrote them.
    pub data: Text<'a>,
}

/// Who made a [`State`], and of which kind it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Anthropic: the `signature` of a thinking block.
    Anthropic,
    /// Anthropic: the `data` of a redacted thinking block.
    AnthropicRedacted,
    /// Gemini: a `thoughtSignature`.
    Gemini,
    /// OpenAI Responses: `encrypted_content` of a reasoning item.
    OpenAi,
}

/// A call of a tool by the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// Its id; empty where the dialect has none.
    pub id: Text<'a>,
    /// The tool.
    pub name: Text<'a>,
    /// The group that the tool belongs to.
    pub namespace: Option<Text<'a>>,
    /// The arguments: JSON as the model wrote it, which may be broken; for a free-form tool, text.
    pub arguments: Text<'a>,
    /// Whether the tool takes free-form text.
    pub is_custom: bool,
    /// What the provider wants back with the call.
    pub state: Option<State<'a>>,
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq)]
pub struct CallResult<'a> {
    /// The id of the call; empty where the dialect has none.
    pub id: Text<'a>,
    /// The tool, where the dialect says.
    pub name: Option<Text<'a>>,
    /// What it answered: text and media.
    pub parts: Vec<Part<'a>>,
    /// Whether it failed.
    pub is_error: bool,
    /// Whether the tool takes free-form text.
    pub is_custom: bool,
}

/// Where a text was taken from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Citation<'a> {
    /// The source's address.
    pub url: Option<Text<'a>>,
    /// The source's title.
    pub title: Option<Text<'a>>,
    /// The words that were taken.
    pub quote: Option<Text<'a>>,
    /// Where in the answer it begins, in characters.
    pub start: Option<u64>,
    /// Where in the answer it ends.
    pub end: Option<u64>,
}

/// Something the model may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool<'a> {
    /// A function of the client's.
    Function(Function<'a>),
    /// A tool that takes free-form text.
    Custom {
        /// Its name.
        name: Text<'a>,
        /// What it is for.
        description: Option<Text<'a>>,
        /// The form of its input, in the client's words.
        format: Option<Json<'a>>,
    },
    /// A tool that the provider runs itself.
    Hosted {
        /// Its type, such as `web_search`.
        kind: Text<'a>,
        /// All of it.
        raw: Json<'a>,
    },
}

/// A function that the model may call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Function<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// The group it belongs to.
    pub namespace: Option<Text<'a>>,
    /// What it is for.
    pub description: Option<Text<'a>>,
    /// JSON Schema of its arguments.
    pub schema: Option<Json<'a>>,
    /// Whether the arguments must follow the schema to the letter.
    pub strict: Option<bool>,
    /// Whether the prompt up to here is to be cached.
    pub cache: Option<Cache>,
}

/// Which tools to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    /// As the model sees fit.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(Text<'a>),
    /// One of these, or at least one of these.
    Allowed {
        /// Their names.
        names: Vec<Text<'a>>,
        /// Whether one must be called.
        is_required: bool,
    },
}

/// The form of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format<'a> {
    /// Text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that follows a schema.
    Schema {
        /// The schema's name.
        name: Option<Text<'a>>,
        /// What it is for.
        description: Option<Text<'a>>,
        /// JSON Schema.
        schema: Json<'a>,
        /// Whether to the letter.
        strict: Option<bool>,
    },
}

/// How hard to think. Source: OpenAI `reasoning.effort`, Anthropic `output_config.effort`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// As usual.
    Medium,
    /// Much.
    High,
    /// More.
    ExtraHigh,
    /// As much as there is.
    Max,
}

/// How much to think, and what of it to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// On, off, or as the model sees fit; absent where only the rest is said.
    pub mode: Option<ReasoningMode>,
    /// How hard.
    pub effort: Option<Effort>,
    /// The most tokens to spend on it.
    pub budget: Option<u64>,
    /// What of it to show.
    pub shown: Option<Shown>,
    /// Whether what only the provider can read is to come along.
    pub is_encrypted: bool,
}

/// Whether to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningMode {
    /// Yes.
    On,
    /// No.
    Off,
    /// As the model sees fit.
    Adaptive,
}

/// What of the thinking to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Nothing.
    Omitted,
    /// A summary, of the provider's choosing.
    Auto,
    /// A short summary.
    Concise,
    /// A long summary.
    Detailed,
}
