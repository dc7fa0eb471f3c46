//! JSON looked at in place: one level at a time, nothing copied that has no escapes.
//!
//! Invariant: what is not looked at keeps its text, so digits, order and escapes survive; and a
//! reader that takes members out by name can see what it left.

use std::{borrow::Cow, fmt};

use mirk_model::{Kind, Problem, Text};

use super::{HeadError, Limits, Walk};

/// A JSON value as it was written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Value<'a>(&'a str);

/// What kind of value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag,
    /// A number.
    Number,
    /// A string.
    Text,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// Something was not as its dialect has it. Says where and what, never what stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// Where, such as `messages[3].content`; empty for the whole.
    pub path: String,
    /// What is wrong, such as `is not a string`.
    pub what: Cow<'static, str>,
}

impl Misread {
    /// Something wrong right here.
    pub fn here(what: impl Into<Cow<'static, str>>) -> Self {
        Self {
            path: String::new(),
            what: what.into(),
        }
    }

    /// The same, seen from the object that has it as the member `name`.
    #[must_use]
    pub fn inside(mut self, name: &str) -> Self {
        let separator = match self.path.as_bytes().first() {
            None | Some(b'[') => "",
            Some(_) => ".",
        };
        self.path = format!("{name}{separator}{}", self.path);
        self
    }

    /// The same, seen from the array that has it at `index`.
    #[must_use]
    pub fn at(self, index: usize) -> Self {
        self.inside(&format!("[{index}]"))
    }
}

impl fmt::Display for Misread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(out, "the body {}", self.what)
        } else {
            write!(out, "`{}` {}", self.path, self.what)
        }
    }
}

impl std::error::Error for Misread {}

impl From<HeadError> for Misread {
    fn from(error: HeadError) -> Self {
        Self::here(match error {
            HeadError::TooDeep => "is nested too deep",
            HeadError::NotObject => "is not an object",
            _ => "is not valid JSON",
        })
    }
}

impl From<Misread> for Problem {
    /// A request that cannot be read.
    fn from(misread: Misread) -> Self {
        let problem = Self::new(Kind::BadRequest, misread.to_string());
        if misread.path.is_empty() {
            problem
        } else {
            problem.about(misread.path)
        }
    }
}

impl<'a> Value<'a> {
    /// The value that `text` is, which must be one whole JSON value.
    ///
    /// # Errors
    /// When it is not.
    pub fn parse(text: &'a str) -> Result<Self, Misread> {
        let text = text.trim_matches([' ', '\n', '\r', '\t']);
        Walk::new(text.as_bytes(), Limits::NONE).whole()?;
        Ok(Self(text))
    }

    /// The value as it was written.
    pub const fn raw(self) -> &'a str {
        self.0
    }

    /// The value as it was written, to be kept.
    pub fn json(self) -> Text<'a> {
        Text::from(self.0)
    }

    /// What kind of value it is.
    pub fn kind(self) -> Type {
        match self.0.as_bytes().first() {
            Some(b'n') | None => Type::Null,
            Some(b't' | b'f') => Type::Flag,
            Some(b'"') => Type::Text,
            Some(b'[') => Type::Array,
            Some(b'{') => Type::Object,
            Some(_) => Type::Number,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Type::Null
    }

    /// The string, escapes decoded.
    ///
    /// # Errors
    /// When it is no string, or one that is no text (half a surrogate pair).
    pub fn text(self) -> Result<Text<'a>, Misread> {
        let inside = self
            .0
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .ok_or_else(|| Misread::here("is not a string"))?;
        if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
            return Ok(Text::from(inside));
        }
        let decoded: String = serde_json::from_str(self.0)
            .map_err(|_surrogate| Misread::here("holds an escape that is half a character"))?;
        Ok(Text::from(decoded))
    }

    /// The string, with U+FFFD for what is no text; for what a provider wrote.
    ///
    /// # Errors
    /// When it is no string.
    pub fn lossy_text(self) -> Result<Text<'a>, Misread> {
        match self.text() {
            Err(_) if self.kind() == Type::Text => {
                Ok(Text::from(super::surrogate::repaired(self.0)))
            }
            text => text,
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(self) -> Result<bool, Misread> {
        match self.0 {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Misread::here("is not true or false")),
        }
    }

    /// The number, digits as they are.
    ///
    /// # Errors
    /// When it is no number.
    pub fn number(self) -> Result<Text<'a>, Misread> {
        if self.kind() != Type::Number {
            return Err(Misread::here("is not a number"));
        }
        Ok(Text::from(self.0))
    }

    /// The number, whole and not negative. `1.0` and `1e3` are whole too.
    ///
    /// # Errors
    /// When it is none, or beyond 2⁵³.
    pub fn count(self) -> Result<u64, Misread> {
        const WORDS: &str = "is not a whole number of 0 or more";
        if self.kind() != Type::Number {
            return Err(Misread::here("is not a number"));
        }
        if let Ok(count) = self.0.parse::<u64>() {
            return if count <= 1 << 53 {
                Ok(count)
            } else {
                Err(Misread::here("is too large"))
            };
        }
        let number: f64 = self.0.parse().map_err(|_odd| Misread::here(WORDS))?;
        if number < 0.0 || number.fract() != 0.0 || number > 9_007_199_254_740_992.0 {
            return Err(Misread::here(WORDS));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and in range, checked above"
        )]
        let count = number as u64;
        Ok(count)
    }

    /// The items of an array.
    ///
    /// # Errors
    /// When it is none.
    pub fn items(self) -> Result<Vec<Self>, Misread> {
        if self.kind() != Type::Array {
            return Err(Misread::here("is not an array"));
        }
        let mut items = Vec::new();
        Walk::again(self.0.as_bytes()).items(|place| {
            items.push(Self(self.0.get(place).unwrap_or_default()));
        })?;
        Ok(items)
    }

    /// The members of an object.
    ///
    /// # Errors
    /// When it is none.
    pub fn members(self) -> Result<Members<'a>, Misread> {
        if self.kind() != Type::Object {
            return Err(Misread::here("is not an object"));
        }
        let mut members = Vec::new();
        Walk::again(self.0.as_bytes()).members(|key, place| {
            let key = std::str::from_utf8(key).unwrap_or_default();
            let name = Value(key)
                .lossy_text()
                .map_err(|_none| HeadError::NotObject)?;
            members.push((
                name.into_cow(),
                Some(Self(self.0.get(place).unwrap_or_default())),
            ));
            Ok(())
        })?;
        Ok(Members(members))
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}({} bytes)", self.kind(), self.0.len())
    }
}

/// The members of an object, to be taken out by name. `null` is as good as absent.
pub struct Members<'a>(Vec<(Cow<'a, str>, Option<Value<'a>>)>);

impl fmt::Debug for Members<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Members({})", self.0.len())
    }
}

impl<'a> Members<'a> {
    /// Takes the member called `name` out. A second one of that name is left to [`Members::rest`].
    pub fn take(&mut self, name: &str) -> Option<Value<'a>> {
        self.0
            .iter_mut()
            .find(|(key, value)| key == name && value.is_some())
            .and_then(|(_, value)| value.take())
            .filter(|value| !value.is_null())
    }

    /// The member called `name`, left where it is.
    pub fn peek(&self, name: &str) -> Option<Value<'a>> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .and_then(|(_, value)| *value)
            .filter(|value| !value.is_null())
    }

    /// Takes a member out and reads it with `read`; what goes wrong is said to be in `name`.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value<'a>) -> Result<T, Misread>,
    ) -> Result<Option<T>, Misread> {
        self.take(name)
            .map(|value| read(value).map_err(|misread| misread.inside(name)))
            .transpose()
    }

    /// As [`Members::read`], for a member that must be there.
    ///
    /// # Errors
    /// Those of `read`, and when there is no such member.
    pub fn need<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Value<'a>) -> Result<T, Misread>,
    ) -> Result<T, Misread> {
        self.read(name, read)?
            .ok_or_else(|| Misread::here("is missing").inside(name))
    }

    /// Reads every item of the array called `name`, if it is there.
    ///
    /// # Errors
    /// Those of `read`, and when it is no array.
    pub fn each(
        &mut self,
        name: &str,
        mut read: impl FnMut(Value<'a>) -> Result<(), Misread>,
    ) -> Result<(), Misread> {
        self.read(name, |value| {
            for (index, item) in value.items()?.into_iter().enumerate() {
                read(item).map_err(|misread| misread.at(index))?;
            }
            Ok(())
        })
        .map(|_found| ())
    }

    /// The names of the members that nobody took, `null` ones left out.
    pub fn rest(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(|(_, value)| value.is_some_and(|value| !value.is_null()))
            .map(|(name, _)| &**name)
    }

    /// All that is left, in order.
    pub fn into_rest(self) -> impl Iterator<Item = (Cow<'a, str>, Value<'a>)> {
        self.0
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
    }
}
