//! Tokens of text, by its shape: words by their length, digits in threes, punctuation in runs,
//! other scripts by the character.
//!
//! Invariant: one pass, constant memory, and the same sum however the text is cut.

/// A hundredth of a token.
type Weight = u64;

/// Added to the whole, in hundredths: see the head of the room on what it is for.
const MARGIN: u64 = 110;

/// What a word of so many letters weighs: the means of `o200k_base` over prose and code.
const WORDS: [Weight; 13] = [
    0, 100, 101, 102, 103, 104, 106, 113, 121, 141, 146, 160, 164,
];

/// What each letter of a longer word weighs.
const LONG_WORD: Weight = 17;

/// What a word of capitals weighs for each letter, at least one token.
const CAPITAL: Weight = 38;

/// What shape a character has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Class {
    /// Nothing yet.
    #[default]
    Start,
    Lower,
    Upper,
    Digit,
    Space,
    Line,
    Mark,
    /// Everything else, which weighs what it weighs.
    Other,
}

/// Adds up the tokens of text that comes in pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter {
    sum: Weight,
    /// Tokens that are no estimate of text.
    whole: u64,
    class: Class,
    /// Characters of the run so far.
    length: u64,
    /// How many of a word's are capitals.
    capitals: u64,
    /// Spaces since the last line end in a run of white space.
    indent: u64,
    /// What stood before a run of spaces or line ends.
    before: Class,
    /// Whether a run of white space has a line end.
    has_line: bool,
}

impl Counter {
    /// Adds a piece of text.
    pub(super) fn push(&mut self, text: &str) {
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            self.character(character);
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
            // Most of any text goes on as it began.
            let is_same: fn(&u8) -> bool = match self.class {
                Class::Lower => u8::is_ascii_lowercase,
                Class::Space => |byte| *byte == b' ',
                _ => continue,
            };
            let run = rest.bytes().take_while(is_same).count();
            rest = rest.get(run..).unwrap_or_default();
            let run = u64::try_from(run).unwrap_or(u64::MAX);
            self.length = self.length.saturating_add(run);
            if self.class == Class::Space {
                self.indent = self.indent.saturating_add(run);
            }
        }
    }

    /// Adds whole tokens, apart from the text.
    pub(super) const fn add(&mut self, tokens: u64) {
        self.whole = self.whole.saturating_add(tokens);
    }

    /// Adds one character.
    pub(super) fn character(&mut self, character: char) {
        let (class, extra) = classify(character);
        self.sum = self.sum.saturating_add(extra);
        let goes_on = match (self.class, class) {
            (Class::Lower, Class::Lower)
            | (Class::Upper, Class::Upper | Class::Lower)
            | (Class::Digit, Class::Digit)
            | (Class::Mark, Class::Mark)
            | (Class::Space | Class::Line, Class::Space | Class::Line)
            | (Class::Other, Class::Other) => true,
            _ => {
                self.end_run(class);
                false
            }
        };
        self.length = if goes_on { self.length + 1 } else { 1 };
        if class == Class::Upper {
            self.capitals += 1;
        }
        match class {
            Class::Line => {
                self.has_line = true;
                self.indent = 0;
            }
            Class::Space => self.indent += 1,
            _ => {}
        }
        self.class = class;
    }

    /// Ends a run, so that what comes next is apart from it.
    pub(super) fn end(&mut self) {
        self.end_run(Class::Start);
        self.class = Class::Start;
        self.before = Class::Start;
    }

    fn end_run(&mut self, next: Class) {
        let length = self.length;
        let weight = match self.class {
            Class::Start | Class::Other => 0,
            Class::Lower | Class::Upper => word(length, self.capitals),
            Class::Digit => 100 * length.div_ceil(3),
            Class::Mark => marks(length, next),
            Class::Space | Class::Line => self.space(next),
        };
        self.before = self.class;
        self.sum = self.sum.saturating_add(weight);
        self.length = 0;
        self.capitals = 0;
        self.indent = 0;
        self.has_line = false;
    }

    /// A single space belongs to the word behind it, but not to digits; a line end belongs to the
    /// punctuation before it; what is left of an indentation is one token.
    const fn space(&self, next: Class) -> Weight {
        let line = match (self.has_line, self.before) {
            (false, _) | (true, Class::Mark) => 0,
            (true, _) => 100,
        };
        let rest = match next {
            Class::Digit if self.indent > 0 => 100,
            _ if self.indent > 1 => 100,
            _ => 0,
        };
        line + rest
    }

    /// The tokens of all that came, rounded up.
    pub(super) fn finish(mut self) -> u64 {
        self.end();
        let sum = u128::from(self.sum) * u128::from(MARGIN);
        u64::try_from(sum.div_ceil(10_000))
            .unwrap_or(u64::MAX)
            .saturating_add(self.whole)
    }
}

fn word(length: u64, capitals: u64) -> Weight {
    if capitals == length && length > 2 {
        return (CAPITAL * length).max(100);
    }
    usize::try_from(length)
        .ok()
        .and_then(|length| WORDS.get(length).copied())
        .unwrap_or(LONG_WORD.saturating_mul(length))
}

/// One mark before a word is often one token with it.
const fn marks(length: u64, next: Class) -> Weight {
    match (length, next) {
        (1, Class::Lower | Class::Upper) => 50,
        (1..=3, _) => 100,
        _ => 100 * length.div_ceil(4),
    }
}

/// The shape of a character, and what it weighs by itself.
const fn classify(character: char) -> (Class, Weight) {
    match character {
        'a'..='z' => (Class::Lower, 0),
        'A'..='Z' => (Class::Upper, 0),
        '0'..='9' => (Class::Digit, 0),
        ' ' | '\t' => (Class::Space, 0),
        '\n' | '\r' => (Class::Line, 0),
        '\0'..='\u{7f}' => (Class::Mark, 0),
        // Latin with marks: a letter that breaks up its word.
        '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => (Class::Lower, 30),
        // Greek and Cyrillic.
        '\u{370}'..='\u{52f}' => (Class::Other, 36),
        // Armenian to Khmer and Mongolian, Arabic and the scripts of India among them.
        '\u{530}'..='\u{1dff}' | '\u{a4d0}'..='\u{abff}' => (Class::Other, 48),
        // Punctuation and signs.
        '\u{80}'..='\u{36f}' | '\u{2000}'..='\u{206f}' => (Class::Other, 100),
        // Hangul.
        '\u{ac00}'..='\u{d7af}' => (Class::Other, 80),
        // Chinese and Japanese: 0.65 to 1.1 tokens a character, by tokenizer.
        '\u{2e80}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' => {
            (Class::Other, 78)
        }
        '\u{20000}'..='\u{3ffff}' | '\u{1f000}'..='\u{1faff}' => (Class::Other, 180),
        // Signs, arrows, boxes, and all that is rare.
        _ => (Class::Other, 150),
    }
}
