//! A walk over JSON that arrives in pieces, which notices a few values by their path.
//!
//! Invariant: the same bytes give the same facts however they are cut. It does not validate: on
//! text that is not JSON it finds nothing or something, and never fails. Keys are compared as they
//! are written, so a name with escapes is not found.

use memchr::memchr2;
use mirk_model::Dialect;

use super::Facts;

/// Levels whose keys are followed; nothing that is looked for lies deeper.
const LEVELS: usize = 3;

/// The longest value that is kept, in bytes.
const LONGEST_VALUE: usize = 16 << 10;

/// The longest name that is looked for is shorter.
const LONGEST_NAME: usize = 24;

/// A key that matters, or where another stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Usage,
    UsageMetadata,
    Message,
    Response,
    Type,
    Error,
    Candidates,
    FinishReason,
    PromptFeedback,
    BlockReason,
    PromptEvalCount,
    EvalCount,
    Done,
    /// An array's item.
    Item,
    Other,
}

impl Name {
    fn of(key: &[u8]) -> Self {
        match key {
            b"usage" => Self::Usage,
            b"usageMetadata" => Self::UsageMetadata,
            b"message" => Self::Message,
            b"response" => Self::Response,
            b"type" => Self::Type,
            b"error" => Self::Error,
            b"candidates" => Self::Candidates,
            b"finishReason" => Self::FinishReason,
            b"promptFeedback" => Self::PromptFeedback,
            b"blockReason" => Self::BlockReason,
            b"prompt_eval_count" => Self::PromptEvalCount,
            b"eval_count" => Self::EvalCount,
            b"done" => Self::Done,
            _ => Self::Other,
        }
    }
}

/// What a value at some path tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// A usage object; the one at the start of a message is not the last word.
    Usage,
    StartUsage,
    Kind,
    Input,
    Output,
    Error,
    Finish,
    Done,
    Response,
}

fn target(dialect: Dialect, path: &[Name]) -> Option<Target> {
    let found = match (dialect, path) {
        (_, [Name::Error]) => Target::Error,
        (Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic, [Name::Usage])
        | (Dialect::OpenAiResponses, [Name::Response, Name::Usage])
        | (Dialect::Gemini, [Name::UsageMetadata]) => Target::Usage,
        (Dialect::Anthropic, [Name::Message, Name::Usage]) => Target::StartUsage,
        (Dialect::OpenAiResponses | Dialect::Anthropic, [Name::Type]) => Target::Kind,
        (Dialect::OpenAiResponses, [Name::Response]) => Target::Response,
        (
            Dialect::Gemini,
            [Name::Candidates, Name::Item, Name::FinishReason]
            | [Name::PromptFeedback, Name::BlockReason],
        ) => Target::Finish,
        (Dialect::Ollama, [Name::PromptEvalCount]) => Target::Input,
        (Dialect::Ollama, [Name::EvalCount]) => Target::Output,
        (Dialect::Ollama, [Name::Done]) => Target::Done,
        _ => return None,
    };
    Some(found)
}

/// Where the walk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    Structure,
    Scalar,
    Key,
    Text,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    name: Name,
    is_object: bool,
}

const OUTSIDE: Level = Level {
    name: Name::Item,
    is_object: false,
};

/// A value that is being kept.
#[derive(Clone, Copy, Debug)]
struct Kept {
    target: Target,
    depth: usize,
}

/// The walk between two chunks.
pub(super) struct Probe {
    dialect: Dialect,
    depth: usize,
    /// 1 when the documents are items of one array, as Gemini streams them without SSE.
    base: usize,
    levels: [Level; LEVELS],
    inside: Inside,
    is_escaped: bool,
    wants_key: bool,
    key: Vec<u8>,
    kept: Option<Kept>,
    value: Vec<u8>,
}

impl Probe {
    pub(super) const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            depth: 0,
            base: 0,
            levels: [OUTSIDE; LEVELS],
            inside: Inside::Structure,
            is_escaped: false,
            wants_key: false,
            key: Vec::new(),
            kept: None,
            value: Vec::new(),
        }
    }

    /// Forgets the document it is in.
    pub(super) fn reset(&mut self) {
        self.depth = 0;
        self.base = 0;
        self.inside = Inside::Structure;
        self.is_escaped = false;
        self.wants_key = false;
        self.kept = None;
        self.value.clear();
    }

    /// Whether a document has begun and not ended.
    pub(super) fn is_inside(&self) -> bool {
        self.depth > 0 || self.inside != Inside::Structure
    }

    /// Walks over the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], facts: &mut Facts) {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            let length = match self.inside {
                Inside::Key | Inside::Text => self.string(rest, facts),
                Inside::Structure | Inside::Scalar if self.is_deep() => {
                    self.skip(rest, *first, facts)
                }
                Inside::Structure | Inside::Scalar => {
                    self.structure(*first, facts);
                    1
                }
            };
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// Whether nothing at this depth matters but where it ends.
    const fn is_deep(&self) -> bool {
        self.kept.is_none() && self.depth > self.base + LEVELS
    }

    /// Steps over what opens and closes nothing, or over one byte that does.
    fn skip(&mut self, rest: &[u8], first: u8, facts: &mut Facts) -> usize {
        let matters = |byte: &u8| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']');
        match rest.iter().position(matters) {
            Some(0) => {
                self.structure(first, facts);
                1
            }
            Some(length) => length,
            None => rest.len(),
        }
    }

    fn structure(&mut self, byte: u8, facts: &mut Facts) {
        if self.inside == Inside::Scalar
            && matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n')
        {
            self.inside = Inside::Structure;
            self.end_value(facts);
        }
        match byte {
            b'"' if self.wants_key => {
                self.key.clear();
                self.inside = Inside::Key;
            }
            b'"' => {
                self.start_value(byte, facts);
                self.inside = Inside::Text;
            }
            b'{' => {
                self.start_value(byte, facts);
                self.open(true);
            }
            b'[' if self.depth == 0 => {
                self.base = 1;
                self.open(false);
            }
            b'[' => {
                self.start_value(byte, facts);
                self.open(false);
            }
            b',' => self.wants_key = self.level().is_some_and(|level| level.is_object),
            b':' | b' ' | b'\t' | b'\r' | b'\n' | b'}' | b']' => {}
            _ if self.inside == Inside::Structure => {
                self.start_value(byte, facts);
                self.inside = Inside::Scalar;
            }
            _ => {}
        }
        self.keep(&[byte]);
        if matches!(byte, b'}' | b']') {
            self.close(facts);
        }
    }

    /// Walks inside a string and says how many bytes it took.
    fn string(&mut self, rest: &[u8], facts: &mut Facts) -> usize {
        if self.is_escaped {
            self.is_escaped = false;
            self.keep(rest.get(..1).unwrap_or_default());
            return 1;
        }
        let found = memchr2(b'"', b'\\', rest);
        let length = found.map_or(rest.len(), |at| at + 1);
        let taken = rest.get(..length).unwrap_or_default();
        let is_end = found.is_some() && taken.last() == Some(&b'"');
        self.is_escaped = found.is_some() && !is_end;
        self.keep(taken);
        if self.inside == Inside::Key {
            self.note_key(taken, is_end);
        } else if is_end {
            self.inside = Inside::Structure;
            self.end_value(facts);
        }
        length
    }

    /// Collects a key; one that is too long or has escapes ends as a key of no name.
    fn note_key(&mut self, taken: &[u8], is_end: bool) {
        let room = (LONGEST_NAME + 1).saturating_sub(self.key.len());
        self.key
            .extend_from_slice(taken.get(..room).unwrap_or(taken));
        if !is_end {
            return;
        }
        let name = Name::of(self.key.strip_suffix(b"\"").unwrap_or_default());
        if let Some(level) = self.level_mut() {
            level.name = name;
        }
        self.wants_key = false;
        self.inside = Inside::Structure;
    }

    const fn level_index(&self) -> Option<usize> {
        self.depth.checked_sub(self.base + 1)
    }

    fn level(&self) -> Option<&Level> {
        self.levels.get(self.level_index()?)
    }

    fn level_mut(&mut self) -> Option<&mut Level> {
        let index = self.level_index()?;
        self.levels.get_mut(index)
    }

    fn open(&mut self, is_object: bool) {
        self.depth += 1;
        self.wants_key = is_object;
        let name = Name::Item;
        if let Some(level) = self.level_mut() {
            *level = Level { name, is_object };
        }
    }

    fn close(&mut self, facts: &mut Facts) {
        let was_document = self.depth == self.base + 1;
        self.depth = self.depth.saturating_sub(1);
        self.wants_key = false;
        self.end_value(facts);
        if was_document {
            facts.end_document();
        }
        if self.depth == 0 {
            self.base = 0;
        }
    }

    /// Looks at the first byte of a value; decides by it, or starts to keep the value.
    fn start_value(&mut self, byte: u8, facts: &mut Facts) {
        let path = self.levels.map(|level| level.name);
        let length = self.depth.saturating_sub(self.base);
        let Some(path) = path.get(..length).filter(|_| self.kept.is_none()) else {
            return;
        };
        let is_kept = match target(self.dialect, path) {
            None => return,
            Some(Target::Error) => {
                facts.tapped.error_in_band |= byte != b'n';
                false
            }
            Some(Target::Finish) => {
                facts.tapped.terminal |= byte == b'"';
                false
            }
            Some(Target::Done) => {
                facts.tapped.terminal |= byte == b't';
                false
            }
            Some(Target::Response) => {
                facts.has_response |= byte == b'{';
                false
            }
            Some(Target::Usage | Target::StartUsage | Target::Input | Target::Output) => {
                byte != b'n'
            }
            Some(Target::Kind) => byte == b'"',
        };
        if is_kept && let Some(target) = target(self.dialect, path) {
            let depth = self.depth;
            self.kept = Some(Kept { target, depth });
            self.value.clear();
        }
    }

    /// Keeps `bytes` of the value, up to one byte more than is read.
    fn keep(&mut self, bytes: &[u8]) {
        if self.kept.is_some() {
            let room = (LONGEST_VALUE + 1).saturating_sub(self.value.len());
            self.value
                .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }

    /// Hands over the kept value when it is the one that ends here.
    fn end_value(&mut self, facts: &mut Facts) {
        let Some(kept) = self.kept.take_if(|kept| kept.depth == self.depth) else {
            return;
        };
        let value = self.value.as_slice();
        let tally = &mut facts.tally;
        match kept.target {
            Target::Kind => facts.note_kind(value),
            Target::Usage if value.len() <= LONGEST_VALUE => tally.read(value),
            Target::StartUsage if value.len() <= LONGEST_VALUE => tally.read_start(value),
            Target::Input => tally.read_input(value),
            Target::Output => tally.read_output(value),
            _ => tally.doubt(),
        }
    }
}
