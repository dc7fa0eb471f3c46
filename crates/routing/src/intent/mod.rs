//! What a request is about and how hard it is, from the latest message of the user: by counting
//! words, in memory, within microseconds. The same text always gives the same answer; nothing of
//! it is kept.
//!
//! The classes and the bounds of complexity are Sage Router's.

mod words;

use std::sync::LazyLock;

use words::WORDS;

/// The most of a text that is read, in bytes: its beginning and its end, where questions stand.
pub const MOST_READ: usize = 8 * 1024;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Programs: writing, reading, repairing.
    Code,
    /// Weighing, comparing, explaining why.
    Analysis,
    /// Stories, poems, names, slogans.
    Creative,
    /// What is the case right now.
    Realtime,
    /// Anything else.
    General,
}

/// How hard a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Complexity {
    /// Short, and nothing to weigh.
    Simple,
    /// Between.
    Medium,
    /// Long, or much to weigh.
    Complex,
}

/// What a text was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Intent {
    /// What it is about.
    pub class: Class,
    /// How hard it is.
    pub complexity: Complexity,
    /// How much spoke for the class; below [`Intent::SURE`] the class is a guess.
    pub score: u32,
}

impl Intent {
    /// From this score on, a class is more than one stray word. A slower classifier may be asked
    /// about what scores less.
    pub const SURE: u32 = 2;
}

impl Class {
    /// Its name in profiles and explanations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Analysis => "analysis",
            Self::Creative => "creative",
            Self::Realtime => "realtime",
            Self::General => "general",
        }
    }
}

impl Complexity {
    /// Its name in profiles and explanations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Medium => "medium",
            Self::Complex => "complex",
        }
    }
}

/// The classes that words speak for; of two with the same score, the earlier wins.
const SCORED: [Class; 4] = [
    Class::Code,
    Class::Analysis,
    Class::Realtime,
    Class::Creative,
];

/// How many words make a text long, and how few make it short.
const LONG: usize = 200;
const SHORT: usize = 30;

/// Reads `text`, the latest message of the user.
pub fn read(text: &str) -> Intent {
    let (first, last) = ends(text);
    let mut count = Count::default();
    count.add(&lower(first));
    count.add(&lower(last));
    count.judge(text.len() > MOST_READ)
}

/// All of a short text; of a long one its first and last half of [`MOST_READ`].
fn ends(text: &str) -> (&str, &str) {
    if text.len() <= MOST_READ {
        return (text, "");
    }
    let first = text.floor_char_boundary(MOST_READ / 2);
    let last = text.ceil_char_boundary(text.len().saturating_sub(MOST_READ / 2));
    (
        text.get(..first).unwrap_or_default(),
        text.get(last..).unwrap_or_default(),
    )
}

/// Lower case, fast for the scripts that [`WORDS`] is written in.
fn lower(text: &str) -> String {
    let mut lower = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0'..='\x7f' => lower.push(c.to_ascii_lowercase()),
            'а'..='я' | 'ß'..='ÿ' | '\u{2e80}'..='\u{d7ff}' => lower.push(c),
            'А'..='Я' => lower.push(char::from_u32(u32::from(c) + 0x20).unwrap_or(c)),
            _ => lower.extend(c.to_lowercase()),
        }
    }
    lower
}

#[derive(Debug, Default)]
struct Count {
    scores: [u32; SCORED.len()],
    words: usize,
    /// Letters of scripts that do not part words.
    letters: usize,
}

impl Count {
    fn add(&mut self, text: &str) {
        let mut before = Kind::Other;
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let kind = Kind::of(first);
            let begins = kind != before || matches!(kind, Kind::Unparted | Kind::Other);
            if begins {
                self.words += usize::from(kind == Kind::Letter);
                self.letters += usize::from(kind == Kind::Unparted);
            }
            let read = if begins && kind != Kind::Space {
                self.score(rest)
            } else {
                0
            };
            before = kind;
            // Signs are read once; letters have still to be counted.
            let skipped = if kind == Kind::Other { read } else { 0 };
            rest = rest
                .get(skipped.max(first.len_utf8())..)
                .unwrap_or_default();
        }
    }

    /// Adds what the longest entry at the beginning of `rest` weighs; says how long it is.
    fn score(&mut self, rest: &str) -> usize {
        let entries = INDEX.entries(rest.as_bytes());
        let found = entries
            .iter()
            .filter_map(|at| WORDS.get(usize::from(*at)))
            .filter(|entry| is_at(entry.0, rest))
            .max_by_key(|entry| entry.0.len());
        let Some((entry, class, weight)) = found else {
            return 0;
        };
        let place = SCORED.iter().position(|scored| scored == class);
        if let Some(score) = place.and_then(|place| self.scores.get_mut(place)) {
            *score = score.saturating_add(*weight);
        }
        entry.trim_end_matches('*').len()
    }

    fn judge(&self, is_cut: bool) -> Intent {
        let best = SCORED.iter().zip(self.scores).rev();
        let best = best.max_by_key(|(_, score)| *score);
        let (class, score) = match best {
            Some((class, score)) if score >= Intent::SURE => (*class, score),
            Some((_, score)) => (Class::General, score),
            None => (Class::General, 0),
        };
        // Two letters of Chinese or Japanese say about what a word of English says.
        let words = self.words + self.letters / 2;
        let [_, analysis, ..] = self.scores;
        let is_hard = analysis >= 6 || analysis >= 4 && words >= 35;
        let complexity = if is_cut || words > LONG || is_hard {
            Complexity::Complex
        } else if words < SHORT && score.max(analysis) < 3 {
            Complexity::Simple
        } else {
            Complexity::Medium
        };
        Intent {
            class,
            complexity,
            score,
        }
    }
}

/// Whether `rest` begins with `entry`: as a whole word, or, where the entry ends in `*`, as the
/// beginning of one.
fn is_at(entry: &str, rest: &str) -> bool {
    if let Some(stem) = entry.strip_suffix('*') {
        return rest.starts_with(stem);
    }
    let Some(after) = rest.strip_prefix(entry) else {
        return false;
    };
    let last = entry.chars().next_back().map(Kind::of);
    let next = after.chars().next().map(Kind::of);
    last != Some(Kind::Letter) || next != Some(Kind::Letter)
}

/// What a character is to words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Part of a word that spaces part from others.
    Letter,
    /// A letter of a script that writes words without spaces.
    Unparted,
    Space,
    Other,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            // ASCII, Latin, Greek, Cyrillic and Hangul; the few signs among the latter part
            // nothing.
            'a'..='z'
            | '0'..='9'
            | '_'
            | '\u{c0}'..='\u{24f}'
            | '\u{370}'..='\u{52f}'
            | '\u{ac00}'..='\u{d7a3}' => Self::Letter,
            '\0'..='\x7f' if c.is_ascii_whitespace() => Self::Space,
            '\0'..='\x7f' => Self::Other,
            '\u{0e00}'..='\u{0eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' => {
                Self::Unparted
            }
            _ if c.is_alphanumeric() => Self::Letter,
            _ if c.is_whitespace() => Self::Space,
            _ => Self::Other,
        }
    }
}

/// Which entries begin with which two bytes.
struct Index {
    buckets: Vec<Vec<u16>>,
}

const BUCKETS: usize = 4096;

impl Index {
    fn new() -> Self {
        let mut buckets = vec![Vec::new(); BUCKETS];
        for (at, (entry, ..)) in WORDS.iter().enumerate() {
            let bucket = Self::bucket(entry.as_bytes()).and_then(|at| buckets.get_mut(at));
            if let (Some(bucket), Ok(at)) = (bucket, u16::try_from(at)) {
                bucket.push(at);
            }
        }
        Self { buckets }
    }

    fn entries(&self, text: &[u8]) -> &[u16] {
        let bucket = Self::bucket(text).and_then(|at| self.buckets.get(at));
        bucket.map_or(&[], Vec::as_slice)
    }

    /// From the first three bytes, which is one letter of most scripts without spaces; no entry
    /// is shorter.
    fn bucket(text: &[u8]) -> Option<usize> {
        let (first, _) = text.split_first_chunk::<3>()?;
        let [a, b, c] = first.map(usize::from);
        Some((a * 961 + b * 31 + c) % BUCKETS)
    }
}

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

#[cfg(test)]
mod tests;
