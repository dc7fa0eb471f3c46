//! Usage as the providers write it, brought to one form.
//!
//! Invariant: nothing an upstream writes as usage fails, overflows or lowers a count below zero;
//! what cannot be believed is left out and marks the whole as estimated.

use mirk_model::{Counted, Dialect, Usage};

use crate::json::{Limits, Walk};

/// A count above this is not believed: no answer is a million million tokens. Sums of what is
/// believed stay far from overflow.
const LARGEST: u64 = 1_000_000_000_000;

/// Counts under their own names, not yet brought together.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    cached: u64,
    cache_write: u64,
    reasoning: u64,
    tool_input: u64,
    total: u64,
}

/// What was read so far.
#[derive(Debug)]
pub(crate) struct Tally {
    dialect: Dialect,
    counts: Counts,
    was_read: bool,
    /// The usage was that of an answer that only begins.
    is_start: bool,
    is_doubtful: bool,
}

impl Tally {
    pub(crate) const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            counts: Counts {
                input: None,
                output: None,
                cached: 0,
                cache_write: 0,
                reasoning: 0,
                tool_input: 0,
                total: 0,
            },
            was_read: false,
            is_start: false,
            is_doubtful: false,
        }
    }

    /// Something stood where usage stands that is not usage.
    pub(super) const fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    /// Reads a usage object. A later one takes the place of an earlier one, but Anthropic's, which
    /// count up and may leave out what did not change.
    pub(crate) fn read(&mut self, raw: &[u8]) {
        let mut counts = Counts::default();
        if !self.read_object(raw, &mut counts) {
            self.is_doubtful = true;
            return;
        }
        if self.dialect == Dialect::Anthropic {
            counts.keep_larger(&self.counts);
        }
        self.counts = counts;
        self.was_read = true;
        self.is_start = false;
    }

    /// Reads the usage of an answer that only begins.
    pub(crate) fn read_start(&mut self, raw: &[u8]) {
        self.read(raw);
        self.is_start = true;
    }

    /// Reads a bare count of input tokens.
    pub(super) fn read_input(&mut self, raw: &[u8]) {
        self.counts.input = self.count(raw);
        self.was_read = true;
    }

    /// Reads a bare count of output tokens.
    pub(super) fn read_output(&mut self, raw: &[u8]) {
        self.counts.output = self.count(raw);
        self.was_read = true;
    }

    fn read_object(&mut self, raw: &[u8], counts: &mut Counts) -> bool {
        if std::str::from_utf8(raw).is_err() {
            return false;
        }
        let walked = Walk::new(raw, Limits::NONE).members(|key, place| {
            self.note(key, raw.get(place).unwrap_or_default(), counts);
            Ok(())
        });
        walked.is_ok()
    }

    fn note(&mut self, key: &[u8], value: &[u8], counts: &mut Counts) {
        match key {
            br#""prompt_tokens""# | br#""input_tokens""# | br#""promptTokenCount""# => {
                counts.input = self.count(value);
            }
            br#""completion_tokens""# | br#""output_tokens""# | br#""candidatesTokenCount""# => {
                counts.output = self.count(value);
            }
            br#""cached_tokens""#
            | br#""cache_read_input_tokens""#
            | br#""cachedContentTokenCount""#
            | br#""prompt_cache_hit_tokens""# => {
                counts.cached = counts.cached.max(self.count(value).unwrap_or(0));
            }
            br#""cache_creation_input_tokens""# | br#""cache_write_tokens""# => {
                counts.cache_write = counts.cache_write.max(self.count(value).unwrap_or(0));
            }
            br#""reasoning_tokens""# | br#""thinking_tokens""# | br#""thoughtsTokenCount""# => {
                counts.reasoning = counts.reasoning.max(self.count(value).unwrap_or(0));
            }
            br#""toolUsePromptTokenCount""# => {
                counts.tool_input = self.count(value).unwrap_or(0);
            }
            br#""total_tokens""# | br#""totalTokenCount""# => {
                counts.total = self.count(value).unwrap_or(0);
            }
            br#""prompt_tokens_details""#
            | br#""input_tokens_details""#
            | br#""completion_tokens_details""#
            | br#""output_tokens_details""#
                if value.starts_with(b"{") =>
            {
                self.is_doubtful |= !self.read_object(value, counts);
            }
            _ => {}
        }
    }

    /// A count, or nothing for null and for what cannot be believed. A fraction loses its part
    /// after the point.
    fn count(&mut self, raw: &[u8]) -> Option<u64> {
        let text = std::str::from_utf8(raw).unwrap_or_default();
        if text == "null" {
            return None;
        }
        if text.starts_with(|first: char| first.is_ascii_digit())
            && let Some(count) = text.parse().ok().filter(|count| *count <= LARGEST)
        {
            return Some(count);
        }
        self.is_doubtful = true;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked; the fraction is to go"
        )]
        let whole = |number: f64| number as u64;
        text.parse()
            .ok()
            .filter(|number| (0.0..1e12).contains(number))
            .map(whole)
    }

    /// The usage, if any was read. `guess` stands in for an output count that is missing, which it
    /// may be only when nothing was put out, or in the last word of Gemini (`is_whole`).
    pub(crate) fn usage(&self, guess: u64, is_whole: bool) -> Option<Usage> {
        let counts = &self.counts;
        if !self.was_read {
            return None;
        }
        let mut usage = Usage {
            input: counts.input.unwrap_or(0),
            cached: counts.cached,
            cache_write: counts.cache_write,
            output: counts.output.unwrap_or(0),
            reasoning: counts.reasoning,
            counted: Counted::Reported,
        };
        let may_lack_output = guess == 0 || (is_whole && self.dialect == Dialect::Gemini);
        let lacks_output = counts.output.is_none() && !may_lack_output;
        let mut is_doubtful =
            self.is_doubtful || self.is_start || counts.input.is_none() || lacks_output;
        match self.dialect {
            Dialect::Anthropic => usage.input += usage.cached + usage.cache_write,
            Dialect::Gemini => {
                usage.input += counts.tool_input;
                usage.output += usage.reasoning;
            }
            // Some providers (xAI) count reasoning beside the completion; their total says so.
            Dialect::OpenAiChat
                if usage.reasoning > 0
                    && counts.total == usage.input + usage.output + usage.reasoning =>
            {
                usage.output += usage.reasoning;
            }
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Ollama => {}
        }
        is_doubtful |= usage.cached + usage.cache_write > usage.input;
        is_doubtful |= usage.reasoning > usage.output;
        usage.cached = usage.cached.min(usage.input);
        usage.cache_write = usage.cache_write.min(usage.input - usage.cached);
        usage.reasoning = usage.reasoning.min(usage.output);
        if is_doubtful {
            usage.counted = Counted::Estimated;
            if counts.output.is_none() || self.is_start {
                usage.output = usage.output.max(guess);
            }
        }
        Some(usage)
    }
}

impl Counts {
    fn keep_larger(&mut self, other: &Self) {
        self.input = self.input.max(other.input);
        self.output = self.output.max(other.output);
        self.cached = self.cached.max(other.cached);
        self.cache_write = self.cache_write.max(other.cache_write);
        self.reasoning = self.reasoning.max(other.reasoning);
    }
}
