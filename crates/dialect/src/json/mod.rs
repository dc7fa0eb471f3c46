//! Reading the head of a request's JSON, and replacing one field, without touching the rest.
//!
//! Invariant: what [`Head::scan`] accepts is valid JSON to every parser, and no parser can read a
//! different `model` or `stream` out of it than Mirk did: repeated names, and names that only a
//! parser which ignores case would take for one of ours, are refused.

mod surrogate;
mod value;
mod walk;
mod write;

#[cfg(test)]
mod tests;

use std::{borrow::Cow, ops::Range};

use bytes::{BufMut, Bytes, BytesMut};
use mirk_model::{Kind, Operation, Problem};

pub use value::{Members, Misread, Type, Value};
pub(crate) use walk::Walk;
pub use write::{Array, Object};

/// The longest model name, in bytes.
const LONGEST_MODEL: usize = 256;

/// The longest key, as written, that can be one of the watched names: each of their characters
/// may be an escape of six bytes.
const LONGEST_KEY: usize = 6 * 24;

/// How much structure a body may have. A count that reaches its limit is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nesting that are accepted, at most 128.
    pub depth: u32,
    /// Values in the whole body.
    pub elements: u32,
    /// Items of one array, or members of one object, that stands at the top level.
    pub items: u32,
}

impl Limits {
    /// No limit but the walk's own depth; for text that was walked before.
    pub(crate) const NONE: Self = Self {
        depth: 128,
        elements: u32::MAX,
        items: u32::MAX,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 128,
            elements: 1_000_000,
            items: 100_000,
        }
    }
}

/// Why a body was refused. Says which name or which byte offset, never what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The body is not UTF-8.
    #[error("the body is not valid UTF-8")]
    NotUtf8,
    /// The body is not JSON; the byte offset where that shows.
    #[error("the body is not valid JSON at byte {0}")]
    NotJson(usize),
    /// The body is JSON but not an object.
    #[error("the body is not a JSON object")]
    NotObject,
    /// More nesting than the limit.
    #[error("the body is nested too deep")]
    TooDeep,
    /// More values or items than the limit.
    #[error("the body has too many elements")]
    TooMany,
    /// A watched name stands twice, or also in another spelling.
    #[error("`{0}` is given more than once or in an unusual spelling")]
    Ambiguous(&'static str),
    /// A watched name has a value of the wrong type.
    #[error("`{0}` is not {1}")]
    WrongType(&'static str, &'static str),
    /// The model name is empty, too long, or holds control characters.
    #[error("`model` is not a name of 1 to 256 bytes without control characters")]
    BadModel,
}

impl From<HeadError> for Problem {
    fn from(error: HeadError) -> Self {
        let kind = match error {
            HeadError::TooDeep => Kind::JsonTooDeep,
            HeadError::TooMany => Kind::BodyTooLarge,
            _ => Kind::BadRequest,
        };
        let problem = Self::new(kind, error.to_string());
        match error {
            HeadError::Ambiguous(name) | HeadError::WrongType(name, _) => problem.about(name),
            HeadError::BadModel => problem.about("model"),
            _ => problem,
        }
    }
}

/// The model a body asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName {
    /// The name, escapes decoded.
    pub name: String,
    /// Where the string stands in the body, quotes included; for [`splice`].
    pub token: Range<usize>,
}

/// What routing, limits and metering need to know of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one body"
)]
pub struct Head {
    /// `model`, if it is there.
    pub model: Option<ModelName>,
    /// `stream`; absent and null are `None`. [`Head::is_streamed`] knows each dialect's default.
    pub stream: Option<bool>,
    /// The largest of `max_tokens`, `max_completion_tokens`, `max_output_tokens`,
    /// `generationConfig.maxOutputTokens` and `options.num_predict`, fractions rounded up.
    /// Negative means unlimited to some servers and is `u64::MAX`, as is what does not fit.
    pub max_tokens: Option<u64>,
    /// How many answers are asked for: the largest of `n`, `best_of` and
    /// `generationConfig.candidateCount`, at least 1.
    pub choices: u64,
    /// Whether `prompt_cache_key` is there and not null.
    pub has_prompt_cache_key: bool,
    /// Whether `stream_options.include_usage` is true.
    pub includes_usage: bool,
    /// Whether `tools` is there and not empty.
    pub has_tools: bool,
    /// Whether a key or string anywhere is a word that marks an image part. A hint for routing,
    /// not a decision: a text of just that word sets it too.
    pub has_images: bool,
}

/// A top-level name that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watched {
    Model,
    Stream,
    StreamOptions,
    MaxTokens,
    Choices,
    GenerationConfig,
    Options,
    PromptCacheKey,
    Tools,
}

/// Names with what they mean and the bit that shows a repetition. Google's parser takes two
/// spellings for one name, so they share a bit.
const WATCHED: [(&str, Watched, u16); 13] = [
    ("model", Watched::Model, 1),
    ("stream", Watched::Stream, 1 << 1),
    ("stream_options", Watched::StreamOptions, 1 << 2),
    ("max_tokens", Watched::MaxTokens, 1 << 3),
    ("max_completion_tokens", Watched::MaxTokens, 1 << 4),
    ("max_output_tokens", Watched::MaxTokens, 1 << 5),
    ("n", Watched::Choices, 1 << 6),
    ("best_of", Watched::Choices, 1 << 7),
    ("generationConfig", Watched::GenerationConfig, 1 << 8),
    ("generation_config", Watched::GenerationConfig, 1 << 8),
    ("options", Watched::Options, 1 << 9),
    ("prompt_cache_key", Watched::PromptCacheKey, 1 << 10),
    ("tools", Watched::Tools, 1 << 11),
];

impl Head {
    /// Reads the head of `body` in one pass that validates every byte.
    ///
    /// # Errors
    /// [`HeadError`] when the body is not a JSON object in UTF-8, exceeds `limits`, repeats a name
    /// that is read here, or gives it a value of the wrong type.
    pub fn scan(body: &[u8], limits: Limits) -> Result<Self, HeadError> {
        let text = std::str::from_utf8(body).map_err(|_invalid| HeadError::NotUtf8)?;
        let mut head = Self {
            choices: 1,
            ..Self::default()
        };
        let mut seen = 0;
        let mut walk = Walk::new(text.as_bytes(), limits);
        walk.members(|key, place| match watched(key, &mut seen)? {
            Some((name, what)) => head.note(name, what, text, place),
            None => Ok(()),
        })?;
        head.has_images = walk.saw_image();
        Ok(head)
    }

    /// Whether the answer to `operation` will be a stream, with the dialect's default when the
    /// body does not say.
    pub fn is_streamed(&self, operation: Operation) -> bool {
        match operation {
            Operation::StreamGenerate | Operation::PromptStream => true,
            Operation::OllamaChat | Operation::OllamaGenerate => self.stream.unwrap_or(true),
            Operation::Chat
            | Operation::Completions
            | Operation::Responses
            | Operation::Messages => self.stream.unwrap_or(false),
            Operation::Embeddings
            | Operation::Prompt
            | Operation::CountTokens
            | Operation::Generate
            | Operation::GeminiCount
            | Operation::GeminiEmbed
            | Operation::GeminiBatchEmbed
            | Operation::OllamaEmbed => false,
        }
    }

    fn note(
        &mut self,
        name: &'static str,
        what: Watched,
        text: &str,
        place: Range<usize>,
    ) -> Result<(), HeadError> {
        let value = text.get(place.clone()).unwrap_or_default();
        match what {
            Watched::Model => {
                let name = model_name(value)?;
                self.model = Some(ModelName { name, token: place });
            }
            Watched::Stream => self.stream = flag(name, value)?,
            Watched::MaxTokens => self.max_tokens = self.max_tokens.max(count(name, value)?),
            Watched::Choices => self.choices = self.choices.max(count(name, value)?.unwrap_or(1)),
            Watched::PromptCacheKey => self.has_prompt_cache_key = value != "null",
            Watched::Tools => self.has_tools = !is_empty(value),
            Watched::StreamOptions | Watched::GenerationConfig | Watched::Options => {
                self.note_inside(value)?;
            }
        }
        Ok(())
    }

    /// Reads what is of use one level down. `value` is JSON that was walked before.
    fn note_inside(&mut self, value: &str) -> Result<(), HeadError> {
        if !value.starts_with('{') {
            return Ok(());
        }
        Walk::new(value.as_bytes(), Limits::NONE).members(|key, place| {
            let value = value.get(place).unwrap_or_default();
            match key {
                br#""include_usage""# => self.includes_usage = value == "true",
                br#""maxOutputTokens""# | br#""max_output_tokens""# => {
                    self.max_tokens = self.max_tokens.max(count("maxOutputTokens", value)?);
                }
                br#""num_predict""# => {
                    self.max_tokens = self.max_tokens.max(count("num_predict", value)?);
                }
                br#""candidateCount""# | br#""candidate_count""# => {
                    let count = count("candidateCount", value)?.unwrap_or(1);
                    self.choices = self.choices.max(count);
                }
                _ => {}
            }
            Ok(())
        })
    }
}

/// Replaces the string token at `token` by `model` as JSON; every other byte stays as it is.
/// `token` comes from a scan of the same body.
pub fn splice(body: &Bytes, token: &Range<usize>, model: &str) -> Bytes {
    let name = serde_json::Value::from(model).to_string();
    let mut out = BytesMut::with_capacity(body.len() + name.len());
    out.put_slice(body.get(..token.start).unwrap_or_default());
    out.put_slice(name.as_bytes());
    out.put_slice(body.get(token.end..).unwrap_or_default());
    out.freeze()
}

/// `text` when it is a JSON object, else an object that holds it; nothing is an empty object. For
/// arguments of calls, which models may write as anything.
pub fn as_object(text: &str) -> Cow<'_, str> {
    if text.trim().is_empty() {
        return Cow::Borrowed("{}");
    }
    if Value::parse(text).is_ok_and(|value| value.kind() == Type::Object) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() + 16);
    Object::write(&mut out, |object| object.text("arguments", text));
    Cow::Owned(String::from_utf8(out).unwrap_or_default())
}

/// The watched name that `key`, quotes included, is to any parser; and notes it as seen.
fn watched(key: &[u8], seen: &mut u16) -> Result<Option<(&'static str, Watched)>, HeadError> {
    if key.len() > LONGEST_KEY {
        return Ok(None);
    }
    // A key with a lone surrogate cannot be decoded, and cannot be one of ours.
    let Ok(key) = serde_json::from_slice::<Name<'_>>(key) else {
        return Ok(None);
    };
    let key = key.0;
    for (name, what, bit) in WATCHED {
        if !is_same_folded(&key, name) {
            continue;
        }
        if key != name || *seen & bit != 0 {
            return Err(HeadError::Ambiguous(name));
        }
        *seen |= bit;
        return Ok(Some((name, what)));
    }
    Ok(None)
}

/// A JSON string, borrowed when it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Whether a parser that ignores case takes `key` for `name`, as Go's does (Ollama), which also
/// folds the long s and the Kelvin sign. Source: Go `encoding/json`, `foldName`.
fn is_same_folded(key: &str, name: &str) -> bool {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(name.chars().map(fold))
}

fn model_name(value: &str) -> Result<String, HeadError> {
    if !value.starts_with('"') {
        return Err(HeadError::WrongType("model", "a string"));
    }
    let name: String = serde_json::from_str(value).map_err(|_surrogate| HeadError::BadModel)?;
    if name.is_empty() || name.len() > LONGEST_MODEL || name.chars().any(char::is_control) {
        return Err(HeadError::BadModel);
    }
    Ok(name)
}

fn flag(name: &'static str, value: &str) -> Result<Option<bool>, HeadError> {
    match value {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        "null" => Ok(None),
        _ => Err(HeadError::WrongType(name, "true or false")),
    }
}

fn count(name: &'static str, value: &str) -> Result<Option<u64>, HeadError> {
    match value.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => Ok(Some(round_up(value))),
        Some(b'n') => Ok(None),
        _ => Err(HeadError::WrongType(name, "a number")),
    }
}

/// The whole number at or above a JSON number; `u64::MAX` when it is negative or does not fit.
fn round_up(value: &str) -> u64 {
    if let Ok(whole) = value.parse() {
        return whole;
    }
    let number = value.parse::<f64>().unwrap_or(f64::INFINITY);
    if number < 0.0 {
        return u64::MAX;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` holds a float at the ends of the range, which is what is wanted"
    )]
    let whole = number.ceil() as u64;
    whole
}

/// Whether a JSON value is null or a container with nothing in it.
fn is_empty(value: &str) -> bool {
    let inside = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    value == "null" || inside.is_some_and(|inside| inside.trim().is_empty())
}
