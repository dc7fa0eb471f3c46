//! A validating walk over JSON text, without recursion and without building anything.
//!
//! Invariant: accepts exactly RFC 8259 in UTF-8 that the caller has checked, within the limits.
//! Lone surrogates as escapes and numbers of any size are valid JSON and pass.

use std::ops::Range;

use super::{HeadError, Limits};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The deepest level whose kind fits the bit stack.
const DEEPEST: u32 = 128;

/// Where the items of a top-level array stand.
const ITEM_DEPTH: u32 = 2;

/// What stands at the start of a value.
#[derive(PartialEq, Eq)]
enum Begun {
    /// A scalar or an empty container, now behind the cursor.
    Ended,
    /// A container; the cursor is on its first value.
    Opened,
}

/// A cursor over JSON text.
pub(crate) struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
    /// One bit a level, the innermost lowest: 1 is an object, 0 an array.
    kinds: u128,
    limits: Limits,
    elements: u32,
    items: u32,
    /// The last key of the outermost object, with its quotes.
    key: Range<usize>,
    saw_image: bool,
    /// A walk over this text, or over more around it, has found it valid.
    is_known: bool,
}

impl<'a> Walk<'a> {
    /// A walk over `text`, which is UTF-8.
    pub(crate) const fn new(text: &'a [u8], limits: Limits) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            kinds: 0,
            limits,
            elements: 0,
            items: 0,
            key: 0..0,
            saw_image: false,
            is_known: false,
        }
    }

    /// A walk over `text`, which a walk without limits has found valid: values are stepped over, not looked at
    /// again, however deep what they hold was looked at before.
    pub(crate) const fn again(text: &'a [u8]) -> Self {
        Self {
            is_known: true,
            ..Self::new(text, Limits::NONE)
        }
    }

    /// Whether a key or a string so far was one of the words that mark an image part.
    pub(crate) const fn saw_image(&self) -> bool {
        self.saw_image
    }

    /// Walks the whole text, one object, and shows each member: the key as written, with its
    /// quotes, and where the value lies.
    pub(crate) fn members(
        &mut self,
        mut member: impl FnMut(&'a [u8], Range<usize>) -> Result<(), HeadError>,
    ) -> Result<(), HeadError> {
        if self.space() != Some(b'{') {
            self.value()?;
            self.end()?;
            return Err(HeadError::NotObject);
        }
        let mut begun = self.begin()?;
        while begun == Begun::Opened {
            let key = self.text.get(self.key.clone()).unwrap_or_default();
            let start = self.at;
            self.value()?;
            member(key, start..self.at)?;
            begun = if self.advance(0)? {
                Begun::Opened
            } else {
                Begun::Ended
            };
        }
        self.end()
    }

    /// Walks the whole text, which is one value of any kind.
    pub(crate) fn whole(&mut self) -> Result<(), HeadError> {
        self.value()?;
        self.end()
    }

    /// Walks the whole text, one array, and shows where each item lies.
    pub(crate) fn items(&mut self, mut item: impl FnMut(Range<usize>)) -> Result<(), HeadError> {
        if self.space() != Some(b'[') {
            return Err(self.fault());
        }
        let mut begun = self.begin()?;
        while begun == Begun::Opened {
            self.space();
            let start = self.at;
            self.value()?;
            item(start..self.at);
            begun = if self.advance(0)? {
                Begun::Opened
            } else {
                Begun::Ended
            };
        }
        self.end()
    }

    /// Steps over white space and shows the byte after it.
    fn space(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    fn end(&mut self) -> Result<(), HeadError> {
        match self.space() {
            None => Ok(()),
            Some(_) => Err(self.fault()),
        }
    }

    const fn fault(&self) -> HeadError {
        HeadError::NotJson(self.at)
    }

    /// Walks one value, however deep, and stops behind it.
    fn value(&mut self) -> Result<(), HeadError> {
        if self.is_known {
            self.skip();
            return Ok(());
        }
        let floor = self.depth;
        loop {
            if self.begin()? == Begun::Ended && !self.advance(floor)? {
                return Ok(());
            }
        }
    }

    /// Steps over one value that is known to be valid.
    fn skip(&mut self) {
        match self.space() {
            Some(b'"') => self.skip_string(),
            Some(b'{' | b'[') => self.skip_container(),
            _ => {
                let rest = self.text.get(self.at..).unwrap_or_default();
                let is_end =
                    |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\t' | b'\r');
                self.at += rest.iter().position(is_end).unwrap_or(rest.len());
            }
        }
    }

    fn skip_container(&mut self) {
        let mut open = 0_u32;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'"' => {
                    self.skip_string();
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open = open.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return;
            }
        }
    }

    fn skip_string(&mut self) {
        self.at += 1;
        loop {
            self.plain();
            if self.text.get(self.at) != Some(&b'\\') {
                self.at += 1;
                return;
            }
            self.at += 2;
        }
    }

    fn begin(&mut self) -> Result<Begun, HeadError> {
        self.elements += 1;
        if self.elements >= self.limits.elements {
            return Err(HeadError::TooMany);
        }
        match self.space() {
            Some(b'"') => self.string().map(|_| Begun::Ended),
            Some(b'{') => self.open(1),
            Some(b'[') => self.open(0),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.fault()),
        }
    }

    /// Opens a container; `kind` is 1 for an object, 0 for an array.
    fn open(&mut self, kind: u128) -> Result<Begun, HeadError> {
        if self.depth >= self.limits.depth.min(DEEPEST) {
            return Err(HeadError::TooDeep);
        }
        self.depth += 1;
        self.kinds = self.kinds << 1 | kind;
        if self.depth == ITEM_DEPTH {
            self.items = 1;
        }
        self.at += 1;
        match (self.space(), kind) {
            (Some(b'}'), 1) | (Some(b']'), 0) => {
                self.close();
                Ok(Begun::Ended)
            }
            (_, 1) => self.key().map(|()| Begun::Opened),
            _ => Ok(Begun::Opened),
        }
    }

    const fn close(&mut self) {
        self.depth -= 1;
        self.kinds >>= 1;
        self.at += 1;
    }

    /// After a value: closes what ends here. True when another value follows above `floor`.
    fn advance(&mut self, floor: u32) -> Result<bool, HeadError> {
        while self.depth > floor {
            let is_object = self.kinds & 1 == 1;
            match self.space() {
                Some(b',') => {
                    self.at += 1;
                    self.count_item()?;
                    if is_object {
                        self.key()?;
                    }
                    return Ok(true);
                }
                Some(b'}') if is_object => self.close(),
                Some(b']') if !is_object => self.close(),
                _ => return Err(self.fault()),
            }
        }
        Ok(false)
    }

    const fn count_item(&mut self) -> Result<(), HeadError> {
        if self.depth == ITEM_DEPTH {
            self.items += 1;
            if self.items >= self.limits.items {
                return Err(HeadError::TooMany);
            }
        }
        Ok(())
    }

    /// Walks a key and its colon.
    fn key(&mut self) -> Result<(), HeadError> {
        if self.space() != Some(b'"') {
            return Err(self.fault());
        }
        let token = self.string()?;
        if self.space() != Some(b':') {
            return Err(self.fault());
        }
        self.at += 1;
        if self.depth == 1 {
            self.key = token;
        }
        self.space();
        Ok(())
    }

    /// Walks a string from its opening quote and says where it lies, quotes included.
    fn string(&mut self) -> Result<Range<usize>, HeadError> {
        let start = self.at;
        self.at += 1;
        loop {
            self.plain();
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    self.saw_image |= marks_image(self.text, start + 1..self.at - 1);
                    return Ok(start..self.at);
                }
                Some(b'\\') => self.escape()?,
                _ => return Err(self.fault()),
            }
        }
    }

    /// Steps to the next quote, backslash or control character, or to the end.
    fn plain(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let (words, tail) = rest.as_chunks::<8>();
        let mut passed = 0;
        for word in words {
            let hits = special(u64::from_le_bytes(*word));
            if hits != 0 {
                self.at += passed + (hits.trailing_zeros() / 8) as usize;
                return;
            }
            passed += 8;
        }
        let is_special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
        self.at += passed + tail.iter().position(is_special).unwrap_or(tail.len());
    }

    fn escape(&mut self) -> Result<(), HeadError> {
        let length = match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') if self.has_four_hex(self.at + 2) => 6,
            _ => return Err(self.fault()),
        };
        self.at += length;
        Ok(())
    }

    fn has_four_hex(&self, at: usize) -> bool {
        self.text
            .get(at..at + 4)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    }

    fn literal(&mut self, word: &[u8]) -> Result<Begun, HeadError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(self.fault());
        }
        self.at += word.len();
        Ok(Begun::Ended)
    }

    fn number(&mut self) -> Result<Begun, HeadError> {
        self.step_over(b"-");
        if !self.step_over(b"0") {
            self.digits()?;
        }
        if self.step_over(b".") {
            self.digits()?;
        }
        if self.step_over(b"eE") {
            self.step_over(b"+-");
            self.digits()?;
        }
        Ok(Begun::Ended)
    }

    fn step_over(&mut self, any: &[u8]) -> bool {
        let is_there = self
            .text
            .get(self.at)
            .is_some_and(|byte| any.contains(byte));
        self.at += usize::from(is_there);
        is_there
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), HeadError> {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.fault());
        }
        Ok(())
    }
}

/// The high bit of each byte that ends a plain run; exact for the lowest such byte, which is the
/// one that counts. Source: "Determine if a word has a byte less than n", Bit Twiddling Hacks.
const fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & HIGH_BITS
}

/// Whether the string at `place` is a word that image parts are written with in any dialect.
fn marks_image(text: &[u8], place: Range<usize>) -> bool {
    if text.get(place.start) != Some(&b'i') {
        return false;
    }
    matches!(
        text.get(place),
        Some(b"image" | b"images" | b"image_url" | b"input_image" | b"inlineData" | b"inline_data")
    )
}
