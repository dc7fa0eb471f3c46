//! JSON written straight into a buffer.
//!
//! Invariant: whatever is written as raw JSON stays on one line, so it cannot break the framing
//! of an event stream or of JSON lines.

use std::fmt::Display;

/// An object being written. Members that are `None` are left out.
#[derive(Debug)]
pub struct Object<'b> {
    out: &'b mut Vec<u8>,
    has_members: bool,
}

/// An array being written.
#[derive(Debug)]
pub struct Array<'b> {
    out: &'b mut Vec<u8>,
    has_items: bool,
}

impl<'b> Object<'b> {
    /// Writes an object into `out`; `fill` writes its members.
    pub fn write(out: &'b mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        out.push(b'{');
        let mut object = Object {
            out,
            has_members: false,
        };
        fill(&mut object);
        object.out.push(b'}');
    }

    /// As [`Object::write`], where a member may turn out not to be writable.
    ///
    /// # Errors
    /// Those of `fill`; what was written by then stays.
    pub fn try_write<E>(
        out: &'b mut Vec<u8>,
        fill: impl FnOnce(&mut Object<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut result = Ok(());
        Self::write(out, |object| result = fill(object));
        result
    }

    fn name(&mut self, name: &str) {
        if self.has_members {
            self.out.push(b',');
        }
        self.has_members = true;
        text(self.out, name);
        self.out.push(b':');
    }

    /// A string.
    pub fn text(&mut self, name: &str, value: impl AsRef<str>) {
        self.name(name);
        text(self.out, value.as_ref());
    }

    /// A string, if there is one.
    pub fn maybe_text(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// JSON text as it is.
    pub fn raw(&mut self, name: &str, json: impl AsRef<str>) {
        self.name(name);
        raw(self.out, json.as_ref());
    }

    /// JSON text as it is, if there is any.
    pub fn maybe_raw(&mut self, name: &str, json: Option<impl AsRef<str>>) {
        if let Some(json) = json {
            self.raw(name, json);
        }
    }

    /// A number.
    pub fn number(&mut self, name: &str, number: impl Into<i128>) {
        self.name(name);
        display(self.out, &number.into());
    }

    /// `true` or `false`.
    pub fn flag(&mut self, name: &str, flag: bool) {
        self.name(name);
        display(self.out, &flag);
    }

    /// `null`.
    pub fn null(&mut self, name: &str) {
        self.raw(name, "null");
    }

    /// An object.
    pub fn object(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        Object::write(self.out, fill);
    }

    /// An object, some member of which may turn out not to be writable.
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn try_object<E>(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut Object<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.name(name);
        Object::try_write(self.out, fill)
    }

    /// An array.
    pub fn array(&mut self, name: &str, fill: impl FnOnce(&mut Array<'_>)) {
        self.name(name);
        Array::write(self.out, fill);
    }

    /// An array, some item of which may turn out not to be writable.
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn try_array<E>(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut Array<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut result = Ok(());
        self.array(name, |array| result = fill(array));
        result
    }
}

impl<'b> Array<'b> {
    /// Writes an array into `out`; `fill` writes its items.
    pub fn write(out: &'b mut Vec<u8>, fill: impl FnOnce(&mut Array<'_>)) {
        out.push(b'[');
        let mut array = Array {
            out,
            has_items: false,
        };
        fill(&mut array);
        array.out.push(b']');
    }

    fn next(&mut self) {
        if self.has_items {
            self.out.push(b',');
        }
        self.has_items = true;
    }

    /// Whether nothing was written yet.
    pub const fn is_empty(&self) -> bool {
        !self.has_items
    }

    /// A string.
    pub fn text(&mut self, value: impl AsRef<str>) {
        self.next();
        text(self.out, value.as_ref());
    }

    /// JSON text as it is.
    pub fn raw(&mut self, json: impl AsRef<str>) {
        self.next();
        raw(self.out, json.as_ref());
    }

    /// An object.
    pub fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        self.next();
        Object::write(self.out, fill);
    }

    /// An object, some member of which may turn out not to be writable.
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn try_object<E>(
        &mut self,
        fill: impl FnOnce(&mut Object<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.next();
        Object::try_write(self.out, fill)
    }
}

/// Writes `value` as a JSON string.
fn text(out: &mut Vec<u8>, value: &str) {
    // A vector takes every write and every string is JSON, so there is nothing to fail.
    serde_json::to_writer(out, value).unwrap_or_default();
}

/// Writes JSON text. Line ends can only stand between its tokens, where a space means the same.
fn raw(out: &mut Vec<u8>, json: &str) {
    let start = out.len();
    out.extend_from_slice(json.as_bytes());
    if memchr::memchr2(b'\n', b'\r', json.as_bytes()).is_some() {
        for byte in out.iter_mut().skip(start) {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}

fn display(out: &mut Vec<u8>, value: &impl Display) {
    out.extend_from_slice(value.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_json_on_one_line() {
        let mut out = Vec::new();
        Object::write(&mut out, |object| {
            object.text("a\n", "\"\u{2028}");
            object.maybe_text("none", None::<&str>);
            object.raw("raw", "{\r\n \"b\": 1.0}");
            object.number("number", -3);
            object.array("array", |array| {
                array.raw("true");
                array.text("x");
                array.object(|_empty| {});
            });
        });
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"a\\n\":\"\\\"\u{2028}\",\"raw\":{   \"b\": 1.0},\"number\":-3,\
             \"array\":[true,\"x\",{}]}"
        );
    }
}
