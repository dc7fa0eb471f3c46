//! Grows JSON text: every spelling that the grammar allows, seeded, without a repeated name.
//!
//! A generator of its own rather than proptest's: a thousand bodies of up to a megabyte have to be
//! grown in seconds, and the seed of a failing body is enough to grow it again.
#![cfg(test)]

use std::fmt::Write as _;

/// A source of chance (splitmix64).
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub(crate) fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    fn is(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

const SPACES: &[&str] = &[
    "",
    "",
    "",
    "",
    "",
    "",
    " ",
    " ",
    "\n",
    "\t",
    "\r\n",
    "  ",
    "\n    ",
    " \t \r\n ",
];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "0.1",
    "1.0",
    "1.50",
    "1e3",
    "1E+3",
    "2e-7",
    "-0.0e0",
    "123456789012345678901234567890",
    "0.1000000000000000055511151231257827",
    "9007199254740993",
    "1e400",
    "-1E-400",
    "3.14159265358979323846",
];

/// Parts of strings, as they stand in JSON text.
const PARTS: &[&str] = &[
    "a",
    "Hello, ",
    "mirk",
    " ",
    "é",
    "ß",
    "日本語",
    "🦀",
    "\u{7f}",
    "\u{a0}",
    "\u{2028}",
    "\u{feff}",
    "\u{202e}",
    "\\n",
    "\\t",
    "\\\"",
    "\\\\",
    "\\/",
    "/",
    "\\b\\f\\r",
    "\\u0000",
    "\\u00e9",
    "\\u00E9",
    "\\ud83e\\udd80",
    "\\uD83E\\uDD80",
    "\\u2028",
    "</script>",
    "data: [DONE]",
    "\\n\\ndata: x",
    "{\\\"model\\\":\\\"x\\\"}",
    "model",
    "'",
    "e\u{301}",
];

/// One tree under growth.
#[derive(Debug)]
pub(crate) struct Grower {
    pub(crate) chance: Chance,
    pub(crate) text: String,
    /// Makes names unique in the whole text.
    names: u64,
}

impl Grower {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            chance: Chance::new(seed),
            text: String::new(),
            names: 0,
        }
    }

    pub(crate) fn space(&mut self) {
        let space = self.chance.one(SPACES);
        self.text.push_str(space);
    }

    /// An object of `members` (name and value as text), shuffled, with unknown ones between.
    pub(crate) fn object(&mut self, members: &[(String, String)], unknown: usize, depth: usize) {
        let mut order: Vec<Option<usize>> = (0..members.len()).map(Some).collect();
        order.resize(members.len() + unknown, None);
        for at in (1..order.len()).rev() {
            order.swap(at, self.chance.below(at + 1));
        }
        self.space();
        self.text.push('{');
        for (at, member) in order.into_iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            self.space();
            let known = member.map(|member| &members[member]);
            match known {
                Some((name, _)) => {
                    self.text.push('"');
                    self.text.push_str(name);
                    self.text.push('"');
                }
                None => self.name(),
            }
            self.space();
            self.text.push(':');
            self.space();
            match known {
                Some((_, value)) => self.text.push_str(value),
                None => self.value(depth),
            }
            self.space();
        }
        self.text.push('}');
        self.space();
    }

    /// A name that no other has, and no parser takes for one that Mirk reads.
    fn name(&mut self) {
        self.names += 1;
        let part = self.chance.one(PARTS);
        let number = self.names;
        write!(self.text, "\"x{number}{part}\"").unwrap();
    }

    pub(crate) fn string(&mut self, parts: usize) {
        self.text.push('"');
        for _ in 0..parts {
            let part = self.chance.one(PARTS);
            self.text.push_str(part);
        }
        self.text.push('"');
    }

    pub(crate) fn value(&mut self, depth: usize) {
        match self.chance.below(if depth == 0 { 5 } else { 8 }) {
            0 => {
                let word = self.chance.one(&["true", "false", "null"]);
                self.text.push_str(word);
            }
            1 | 2 => {
                let number = self.chance.one(NUMBERS);
                self.text.push_str(number);
            }
            3 | 4 => {
                let parts = self.chance.below(8);
                self.string(parts);
            }
            5 | 6 => self.array(depth - 1),
            _ => {
                let members = self.chance.below(4);
                self.object(&[], members, depth - 1);
            }
        }
    }

    fn array(&mut self, depth: usize) {
        self.text.push('[');
        self.space();
        for at in 0..self.chance.below(4) {
            if at > 0 {
                self.text.push(',');
                self.space();
            }
            self.value(depth);
            self.space();
        }
        self.text.push(']');
    }

    /// Nested `levels` deep, in arrays and objects by turns of chance.
    pub(crate) fn deep(&mut self, levels: usize) -> String {
        let mut ends = Vec::new();
        let mut text = String::new();
        for _ in 0..levels {
            let space = self.chance.one(SPACES);
            if self.chance.is(2) {
                text.push('[');
                text.push_str(space);
                ends.push(']');
            } else {
                write!(text, "{{{space}\"d\":").unwrap();
                ends.push('}');
            }
        }
        text.push('1');
        text.extend(ends.into_iter().rev());
        text
    }
}

/// The model's name as a JSON string, some of its letters as escapes.
pub(crate) fn spelled(name: &str, chance: &mut Chance) -> String {
    let is_plain = chance.is(2);
    let letters = name.chars().map(|letter| {
        if is_plain || !chance.is(4) {
            letter.to_string()
        } else if chance.is(2) {
            format!("\\u{:04x}", u32::from(letter))
        } else {
            format!("\\u{:04X}", u32::from(letter))
        }
    });
    format!("\"{}\"", letters.collect::<String>())
}
