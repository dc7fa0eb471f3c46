//! Members of a Gemini object under either of their spellings.
//!
//! Invariant: what goes wrong is said under the spelling that the client used.

use std::borrow::Cow;

use crate::{
    json::{Members, Misread, Type, Value},
    loss::Notes,
};

/// The members of an object, to be taken out by their camelCase names; `snake_case` is read too.
/// Source: the JSON form of protocol buffers, "JSON names".
pub(super) struct Fields<'a>(Members<'a>);

impl<'a> Fields<'a> {
    pub(super) fn of(value: Value<'a>) -> Result<Self, Misread> {
        value.members().map(Self)
    }

    /// Takes `name` out, with the spelling under which it was found.
    fn find(&mut self, name: &'static str) -> Option<(Cow<'static, str>, Value<'a>)> {
        if let Some(value) = self.0.take(name) {
            return Some((Cow::Borrowed(name), value));
        }
        if !name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let snake = snake(name);
        let value = self.0.take(&snake)?;
        Some((Cow::Owned(snake), value))
    }

    pub(super) fn take(&mut self, name: &'static str) -> Option<Value<'a>> {
        self.find(name).map(|(_, value)| value)
    }

    pub(super) fn read<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value<'a>) -> Result<T, Misread>,
    ) -> Result<Option<T>, Misread> {
        self.find(name)
            .map(|(name, value)| read(value).map_err(|misread| misread.inside(&name)))
            .transpose()
    }

    pub(super) fn need<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value<'a>) -> Result<T, Misread>,
    ) -> Result<T, Misread> {
        self.read(name, read)?
            .ok_or_else(|| Misread::here("is missing").inside(name))
    }

    /// Reads every item of the array `name`; one object alone is as good as an array of it, as in
    /// the examples of Google's documents.
    pub(super) fn each(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(Value<'a>) -> Result<(), Misread>,
    ) -> Result<(), Misread> {
        self.read(name, |value| {
            if value.kind() == Type::Object {
                return read(value);
            }
            for (index, item) in value.items()?.into_iter().enumerate() {
                read(item).map_err(|misread| misread.at(index))?;
            }
            Ok(())
        })
        .map(|_found| ())
    }

    /// Names what nobody took.
    pub(super) fn name_rest(&self, prefix: &str, notes: &mut Notes) {
        for name in self.0.rest() {
            notes.dropped_field(&format!("{prefix}{name}"));
        }
    }

    /// What nobody took.
    pub(super) fn into_rest(self) -> impl Iterator<Item = (Cow<'a, str>, Value<'a>)> {
        self.0.into_rest().filter(|(_, value)| !value.is_null())
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.rest().next().is_none()
    }
}

/// `inlineData` as `inline_data`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// `inline_data` as `inlineData`.
pub(super) fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut is_next_upper = false;
    for letter in name.chars() {
        if letter == '_' {
            is_next_upper = true;
        } else if is_next_upper {
            out.push(letter.to_ascii_uppercase());
            is_next_upper = false;
        } else {
            out.push(letter);
        }
    }
    out
}
