//! One pass over a request's JSON that counts what the model will see.
//!
//! Invariant: takes any bytes; on text that is not JSON it counts something and never fails.
//! What a string is, is told by its name and by the names around it, never by what comes later.

use memchr::memchr2;
use mirk_model::{Dialect, Operation};

use super::{
    media::{self, Medium},
    text::Counter,
};

/// The deepest nesting that is followed; bodies that Mirk takes have 128 levels at most.
const DEEPEST: usize = 256;

/// What a turn costs beside its words. Source: OpenAI's cookbook, "How to count tokens with
/// tiktoken", and the examples of Anthropic's `count_tokens`.
const TURN: u64 = 4;

/// What a call of a tool costs beside its name and arguments.
const CALL: u64 = 8;

/// What Anthropic's instructions for tools cost. Source: its documents, "Tool use system prompt
/// tokens".
const ANTHROPIC_TOOLS: u64 = 346;

/// How a value is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// The request itself: only some members count.
    Top,
    /// Gemini's settings: only schemas count.
    Config,
    /// A list of turns.
    Turns,
    /// The dialect's own structure: texts count, names do not.
    Frame,
    /// The same, where strings are media.
    Media,
    /// The same, where strings are recordings.
    Audio,
    /// JSON that the model sees as it is.
    Json,
    /// What the model does not see.
    Skip,
}

/// An open object or array.
#[derive(Clone, Copy, Debug)]
struct Level {
    is_object: bool,
    mode: Mode,
    /// The mode of the value that comes next.
    next: Mode,
    /// Whether the next string is a name.
    wants_name: bool,
}

struct Body<'a> {
    text: &'a str,
    at: usize,
    levels: Vec<Level>,
    counter: Counter,
    dialect: Dialect,
    is_embedding: bool,
    images: u64,
    low_details: u64,
    /// Marks of [`Mode::Json`] since the last word.
    marks: u64,
}

/// Tokens of `body`, estimated.
pub(super) fn estimate(operation: Operation, body: &str) -> u64 {
    let mut scan = Body {
        text: body,
        at: 0,
        levels: Vec::new(),
        counter: Counter::default(),
        dialect: operation.dialect(),
        is_embedding: operation.is_embedding(),
        images: 0,
        low_details: 0,
        marks: 0,
    };
    if !body.trim_ascii_start().starts_with('{') || !scan.run() {
        return crate::tap::estimate(u64::try_from(body.len()).unwrap_or(u64::MAX));
    }
    scan.finish(operation)
}

impl Body<'_> {
    /// Whether the whole body could be followed.
    fn run(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'{' | b'[' => {
                    if self.levels.len() >= DEEPEST {
                        return false;
                    }
                    self.open(*byte == b'{');
                }
                b'}' | b']' => {
                    self.mark();
                    self.levels.pop();
                }
                b',' => {
                    self.mark();
                    if let Some(level) = self.levels.last_mut() {
                        level.wants_name = level.is_object;
                    }
                }
                b':' => self.mark(),
                b'"' => self.string(),
                b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => self.scalar(),
                _ => {}
            }
        }
        true
    }

    fn finish(mut self, operation: Operation) -> u64 {
        self.end_marks();
        let low = self.low_details.min(self.images);
        let media = (self.images - low)
            .saturating_mul(media::image(self.dialect))
            .saturating_add(low.saturating_mul(media::LOW_DETAIL));
        // OpenAI's answers begin with three tokens of the prompt's.
        let is_openai = matches!(self.dialect, Dialect::OpenAiChat | Dialect::OpenAiResponses);
        let start = if is_openai && !operation.is_embedding() {
            3
        } else {
            0
        };
        self.counter
            .finish()
            .saturating_add(media)
            .saturating_add(start)
    }

    /// The mode of the value that stands here.
    fn mode(&self) -> Mode {
        self.levels.last().map_or(Mode::Top, |level| level.next)
    }

    fn open(&mut self, is_object: bool) {
        let mode = self.mode();
        if mode == Mode::Json {
            self.marks += 1;
        }
        let in_turns = self
            .levels
            .last()
            .is_some_and(|level| level.mode == Mode::Turns);
        let inner = match mode {
            // An item of a list of turns is a turn.
            Mode::Turns if is_object => {
                if in_turns && !self.is_embedding {
                    self.counter.add(TURN);
                }
                Mode::Frame
            }
            other => other,
        };
        self.levels.push(Level {
            is_object,
            mode: inner,
            next: inner,
            wants_name: is_object,
        });
    }

    /// A mark between the values of JSON that the model sees. Some four in a row are a token.
    fn mark(&mut self) {
        if self
            .levels
            .last()
            .is_some_and(|level| level.mode == Mode::Json)
        {
            self.marks += 1;
        }
    }

    fn end_marks(&mut self) {
        self.counter.add(self.marks.div_ceil(4));
        self.marks = 0;
    }

    /// A number, `true`, `false` or `null`. Numbers in a list are ids of tokens, where they are not
    /// JSON that the model sees.
    fn scalar(&mut self) {
        let start = self.at.saturating_sub(1);
        let rest = self.text.get(start..).unwrap_or_default();
        let end = rest
            .bytes()
            .position(|byte| !(byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)))
            .unwrap_or(rest.len());
        self.at = start + end.max(1);
        let in_list = self.levels.last().is_some_and(|level| !level.is_object);
        match self.mode() {
            Mode::Json => {
                self.end_marks();
                self.counter.push(rest.get(..end).unwrap_or_default());
                self.counter.end();
            }
            Mode::Turns | Mode::Frame if in_list => self.counter.add(1),
            _ => {}
        }
    }

    /// A string; the cursor stands behind its first quote.
    fn string(&mut self) {
        let start = self.at;
        let has_escapes = self.find_end();
        let text = self.text;
        let raw = text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        let Some(level) = self.levels.last_mut().filter(|level| level.wants_name) else {
            return self.value(raw, has_escapes);
        };
        level.wants_name = false;
        level.next = named(level.mode, raw);
        let (mode, next) = (level.mode, level.next);
        match mode {
            Mode::Json if next != Mode::Skip => {
                self.end_marks();
                self.words(raw, has_escapes);
            }
            Mode::Frame if is_call(raw) => self.counter.add(CALL),
            // A file that the provider has; nobody else knows how large it is.
            Mode::Frame if raw == "file_id" => self.counter.add(media::DOCUMENT),
            Mode::Top if raw == "tools" && self.dialect == Dialect::Anthropic => {
                let rest = text.get(self.at..).unwrap_or_default();
                let is_none = rest
                    .trim_start_matches([':', ' ', '\n', '\r', '\t', '['])
                    .starts_with([']', 'n']);
                if !is_none {
                    self.counter.add(ANTHROPIC_TOOLS);
                }
            }
            _ => {}
        }
    }

    /// Moves the cursor to the quote that ends a string; whether there are escapes before it.
    fn find_end(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let mut has_escapes = false;
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            match memchr2(b'"', b'\\', rest) {
                Some(place) if rest.get(place) == Some(&b'\\') => {
                    has_escapes = true;
                    self.at += place + 2;
                }
                Some(place) => {
                    self.at += place;
                    return has_escapes;
                }
                None => {
                    self.at = bytes.len();
                    return has_escapes;
                }
            }
        }
    }

    fn value(&mut self, raw: &str, has_escapes: bool) {
        match self.mode() {
            Mode::Skip => {
                // The one setting of a picture that changes what it costs.
                self.low_details += u64::from(raw == "low" && self.is_detail());
            }
            Mode::Top | Mode::Config => {}
            Mode::Media => self.media(raw, has_escapes, false),
            Mode::Audio => self.media(raw, has_escapes, true),
            Mode::Json => {
                self.end_marks();
                self.words(raw, has_escapes);
            }
            Mode::Turns => {
                if !self.is_embedding {
                    self.counter.add(TURN);
                }
                self.words(raw, has_escapes);
            }
            Mode::Frame => self.words(raw, has_escapes),
        }
    }

    /// Whether the string that was just read stands under the name `detail`, in a picture.
    fn is_detail(&self) -> bool {
        let in_frame = self
            .levels
            .last()
            .is_some_and(|level| matches!(level.mode, Mode::Frame | Mode::Media));
        let has_name = self
            .text
            .get(..self.at)
            .and_then(|before| before.strip_suffix("\"low\""))
            .map(|before| before.trim_end_matches([' ', ':', '\n', '\t']))
            .is_some_and(|before| before.ends_with("\"detail\""));
        let is_openai = matches!(self.dialect, Dialect::OpenAiChat | Dialect::OpenAiResponses);
        in_frame && has_name && is_openai
    }

    fn media(&mut self, raw: &str, has_escapes: bool, is_audio: bool) {
        match media::of(raw, is_audio) {
            Some((Medium::Image, _)) => self.images += 1,
            Some((medium, characters)) => self.counter.add(medium.cost(characters)),
            None => self.words(raw, has_escapes),
        }
    }

    /// Counts a text that the model sees.
    fn words(&mut self, raw: &str, has_escapes: bool) {
        if has_escapes {
            unescape(raw, &mut self.counter);
        } else {
            self.counter.push(raw);
        }
        self.counter.end();
    }
}

/// Counts a JSON string with escapes.
fn unescape(raw: &str, counter: &mut Counter) {
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('\\') {
        counter.push(before);
        let mut characters = after.chars();
        match characters.next() {
            Some('n' | 'r') => counter.character('\n'),
            Some('t') => counter.character('\t'),
            Some('u') => {
                let code = after
                    .get(1..5)
                    .and_then(|digits| u32::from_str_radix(digits, 16).ok());
                if let Some(code) = code {
                    characters = after.get(5..).unwrap_or_default().chars();
                    // Halves of a pair count as they are: two of them weigh about as much as one
                    // character beyond the first plane.
                    counter.character(char::from_u32(code).unwrap_or('\u{fffd}'));
                }
            }
            Some(other) => counter.character(other),
            None => {}
        }
        rest = characters.as_str();
    }
    counter.push(rest);
}

/// Whether a name in the dialects' structure begins the arguments of a call.
fn is_call(name: &str) -> bool {
    matches!(
        name,
        "arguments" | "args" | "tool_use_id" | "call_id" | "tool_call_id"
    )
}

/// How a member called `name` is counted, in what is counted by `mode`.
fn named(mode: Mode, name: &str) -> Mode {
    match mode {
        Mode::Top => match name {
            "messages" | "contents" | "input" | "requests" | "prompt" | "system"
            | "instructions" => Mode::Turns,
            "content" | "systemInstruction" | "system_instruction" | "suffix" | "context" => {
                Mode::Frame
            }
            "images" => Mode::Media,
            "tools" | "functions" | "response_format" | "format" | "text" | "output_config"
            | "output_format" => Mode::Json,
            "generationConfig" | "generation_config" => Mode::Config,
            "generateContentRequest" | "generate_content_request" => Mode::Top,
            _ => Mode::Skip,
        },
        Mode::Config => match name {
            "responseSchema" | "responseJsonSchema" | "_responseJsonSchema" | "response_schema" => {
                Mode::Json
            }
            _ => Mode::Skip,
        },
        Mode::Turns | Mode::Frame | Mode::Media | Mode::Audio => framed(mode, name),
        Mode::Json if matches!(name, "cache_control" | "cacheControl") => Mode::Skip,
        Mode::Json | Mode::Skip => mode,
    }
}

/// How a member of the dialects' own structure is counted.
fn framed(mode: Mode, name: &str) -> Mode {
    match name {
        // Names and settings, and what only its provider can read.
        "role" | "type" | "id" | "tool_call_id" | "tool_use_id" | "call_id" | "item_id"
        | "status" | "phase" | "media_type" | "mimeType" | "mime_type" | "detail" | "format"
        | "model" | "cache_control" | "cacheControl" | "citations" | "annotations" | "logprobs"
        | "signature" | "thoughtSignature" | "thought_signature" | "metadata" | "videoMetadata"
        | "taskType" | "task_type" | "displayName" | "filename" | "file_id" | "is_error" => {
            Mode::Skip
        }
        // What a turn of Gemini's says is no list of turns; nor is what a turn of others says.
        "input" | "arguments" | "args" | "response" | "parameters" | "input_schema" | "schema"
        | "tools" => Mode::Json,
        "input_audio" | "audio" => Mode::Audio,
        "data" | "encrypted_content" | "file_data" | "url" | "image_url" | "fileUri"
        | "file_uri" | "file_url" | "images" => {
            if mode == Mode::Audio {
                Mode::Audio
            } else {
                Mode::Media
            }
        }
        _ if mode == Mode::Audio => Mode::Audio,
        _ => Mode::Frame,
    }
}
