//! What is said: decided from the request alone, so that the same request gets the same words.

use data_encoding::HEXLOWER;
use serde_json::Value;
use serde_json::value::RawValue;

use super::ask::{Ask, Tool};
use super::behave::Behaviour;
use super::usage::{Usage, tokens};

/// What is said when nothing else is asked for.
const DEFAULT: &str = "Hello from the simulated provider.";
/// What is thought when thinking is asked for.
pub(super) const THOUGHT: &str = "The simulated provider is thinking.";
/// The proof that a thought is the provider's own (base64).
pub(super) const SIGNATURE: &str = "c2ltdWxhdGVkIHByb3ZpZGVyOiB0aGlzIHRob3VnaHQgaXMgbWluZQ==";
/// The moment every answer claims to have been made, in seconds since 1970, plus its number.
const CREATED: u64 = 1_795_305_600;
/// The bytes of `sim-big`.
const BIG: usize = 1024 * 1024;
/// The most deltas an answer is split into; `sim-big` sends fewer.
const MAX_PIECES: usize = 2000;

/// One tool call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) tool: Tool,
    /// The arguments exactly as the user wrote them.
    pub(super) arguments: String,
}

impl Call {
    /// The arguments as a value.
    pub(super) fn value(&self) -> Value {
        serde_json::from_str(&self.arguments).unwrap_or(Value::Null)
    }

    /// The arguments in the fragments they are streamed in.
    pub(super) fn fragments(&self) -> Vec<String> {
        Self::fragments_of(&self.arguments)
    }

    /// Any words of a call in fragments of the same size.
    pub(super) fn fragments_of(said: &str) -> Vec<String> {
        by_chars(said, 10)
    }
}

/// Why an answer stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Natural,
    Sequence(String),
    Length,
    Tools,
}

/// One request with what is said to it.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) ask: Ask,
    pub(super) behaviour: Behaviour,
    pub(super) sequence: usize,
    pub(super) text: String,
    pub(super) calls: Vec<Call>,
    pub(super) stop: Stop,
    pub(super) usage: Usage,
}

impl Scene {
    /// Decides what is said.
    pub(super) fn new(ask: Ask, behaviour: Behaviour, sequence: usize) -> Self {
        let calls = if ask.tool_result.is_some() {
            Vec::new()
        } else {
            wanted_calls(&ask)
        };
        let (text, stop) = if calls.is_empty() {
            match behaviour {
                Behaviour::Big => ("0123456789abcde ".repeat(BIG / 16), Stop::Natural),
                Behaviour::Many => (numbers(100), Stop::Natural),
                _ => cut(&ask, wanted_text(&ask)),
            }
        } else {
            (String::new(), Stop::Tools)
        };
        let usage = count(&ask, behaviour, &text, &calls);
        Self {
            ask,
            behaviour,
            sequence,
            text,
            calls,
            stop,
            usage,
        }
    }

    /// The text in the deltas it is streamed in.
    pub(super) fn pieces(&self) -> Vec<String> {
        if self.behaviour == Behaviour::Big {
            return by_chars(&self.text, 16 * 1024);
        }
        split(&self.text)
    }

    /// The thought, when there is one.
    pub(super) fn thought(&self) -> Option<&'static str> {
        self.ask.thinks.then_some(THOUGHT)
    }

    /// An identifier of this answer.
    pub(super) fn id(&self, kind: Kind, at: usize) -> String {
        id(kind, self.sequence, at)
    }

    /// When the answer claims to have been made, in seconds since 1970.
    pub(super) fn created(&self) -> u64 {
        CREATED.saturating_add(self.sequence as u64)
    }
}

/// The numbers below `end`, each a delta of its own.
fn numbers(end: u32) -> String {
    (0..end)
        .flat_map(|number| [number.to_string(), " ".to_owned()])
        .collect()
}

fn wanted_text(ask: &Ask) -> String {
    if let Some(result) = &ask.tool_result {
        return format!("The tool said: {result}");
    }
    quoted(&ask.user_text).unwrap_or_else(|| DEFAULT.to_owned())
}

/// The TEXT of `reply with "TEXT"`, read as a JSON string when it is one.
fn quoted(user_text: &str) -> Option<String> {
    let (_, rest) = user_text.rsplit_once("reply with \"")?;
    let literal = format!("\"{rest}");
    let parsed = serde_json::Deserializer::from_str(&literal)
        .into_iter::<String>()
        .next();
    match parsed {
        Some(Ok(text)) => Some(text),
        _ => rest.split_once('"').map(|(text, _)| text.to_owned()),
    }
}

/// Every `use tool NAME {json}` whose tool the request declares.
fn wanted_calls(ask: &Ask) -> Vec<Call> {
    ask.user_text
        .split("use tool ")
        .skip(1)
        .filter_map(|order| {
            let (name, rest) = order.split_once([' ', '\n'])?;
            let tool = ask.tools.iter().find(|tool| tool.name == name)?;
            let arguments = serde_json::Deserializer::from_str(rest)
                .into_iter::<&RawValue>()
                .next()?
                .ok()?;
            let is_fit = tool.is_freeform || arguments.get().starts_with('{');
            is_fit.then(|| Call {
                tool: tool.clone(),
                arguments: arguments.get().to_owned(),
            })
        })
        .collect()
}

/// Applies the stop sequences, then the limit on tokens.
fn cut(ask: &Ask, text: String) -> (String, Stop) {
    let stop = ask
        .stops
        .iter()
        .filter(|stop| !stop.is_empty())
        .filter_map(|stop| {
            text.split_once(stop.as_str())
                .map(|(before, _)| (before, stop))
        })
        .min_by_key(|(before, _)| before.len());
    let (text, stop) = match stop {
        Some((before, stop)) => (before.to_owned(), Stop::Sequence(stop.clone())),
        None => (text, Stop::Natural),
    };
    let limit = ask.max_tokens.map_or(usize::MAX, |tokens| {
        usize::try_from(tokens.saturating_mul(4)).unwrap_or(usize::MAX)
    });
    if text.len() <= limit {
        return (text, stop);
    }
    let kept = text
        .char_indices()
        .take_while(|(at, found)| at + found.len_utf8() <= limit);
    (kept.map(|(_, found)| found).collect(), Stop::Length)
}

fn count(ask: &Ask, behaviour: Behaviour, text: &str, calls: &[Call]) -> Usage {
    let input = tokens(ask.prompt_bytes);
    let (cached, cache_write) = if ask.marks_cache {
        (input / 2, input / 4)
    } else if input >= 1024 {
        // OpenAI and Gemini cache long prompts unasked, in steps of 128 tokens.
        (input / 2 / 128 * 128, 0)
    } else {
        (0, 0)
    };
    let called: usize = calls
        .iter()
        .map(|call| call.tool.name.len() + call.arguments.len())
        .sum();
    let spoken = tokens((text.len() + called) as u64).saturating_mul(ask.choices.max(1));
    let reasoning = if ask.thinks {
        tokens(THOUGHT.len() as u64)
    } else {
        0
    };
    let output = spoken.saturating_add(reasoning);
    Usage {
        input,
        cached,
        cache_write,
        output,
        reasoning,
        honesty: behaviour.honesty(),
    }
}

/// Words as deltas; long words in pieces of eight characters.
fn split(text: &str) -> Vec<String> {
    let pieces: Vec<String> = text
        .split_inclusive(' ')
        .flat_map(|word| {
            if word.len() > 16 {
                by_chars(word, 8)
            } else {
                vec![word.to_owned()]
            }
        })
        .collect();
    if pieces.len() <= MAX_PIECES {
        return pieces;
    }
    by_chars(text, text.chars().count().div_ceil(MAX_PIECES))
}

fn by_chars(text: &str, size: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters
        .chunks(size.max(1))
        .map(|chunk| chunk.iter().collect())
        .collect()
}

/// The things that carry an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ChatCompletion,
    Completion,
    Response,
    ResponseMessage,
    ResponseReasoning,
    ResponseCall,
    ResponseCustomCall,
    OpenAiCall,
    AnthropicMessage,
    AnthropicCall,
    GeminiResponse,
    GeminiCall,
    Request,
}

/// An identifier that looks like the provider's and depends only on the answer's number.
pub(super) fn id(kind: Kind, sequence: usize, at: usize) -> String {
    let (prefix, length) = match kind {
        Kind::ChatCompletion => ("chatcmpl-", 29),
        Kind::Completion => ("cmpl-", 29),
        Kind::Response => ("resp_", 48),
        Kind::ResponseMessage => ("msg_", 48),
        Kind::ResponseReasoning => ("rs_", 48),
        Kind::ResponseCall => ("fc_", 48),
        Kind::ResponseCustomCall => ("ctc_", 48),
        Kind::OpenAiCall => ("call_", 24),
        Kind::AnthropicMessage => ("msg_01", 22),
        Kind::AnthropicCall => ("toolu_01", 22),
        Kind::GeminiResponse => ("", 22),
        Kind::GeminiCall => ("", 16),
        Kind::Request => ("req_", 24),
    };
    let mut state = (sequence as u64)
        .wrapping_mul(1_000_003)
        .wrapping_add(at as u64);
    let mut digits = String::new();
    while digits.len() < length {
        state = mix(state.wrapping_add(kind as u64));
        digits.push_str(&HEXLOWER.encode(&state.to_be_bytes()));
    }
    digits.truncate(length);
    format!("{prefix}{digits}")
}

/// One step of splitmix64: spreads small numbers over all bits.
pub(super) fn mix(seed: u64) -> u64 {
    let mut value = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
