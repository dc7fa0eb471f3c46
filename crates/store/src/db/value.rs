//! Values on their way into and out of a database.

use std::fmt;

use mirk_model::Timestamp;

use super::DbError;

/// One value. Times are microseconds, money nano-dollars, yes and no 1 and 0.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Absent.
    Null,
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl fmt::Debug for Value {
    /// Shape and size only: a value may be a password hash or a ciphertext.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => out.write_str("null"),
            Self::Int(_) => out.write_str("int"),
            Self::Text(text) => write!(out, "text of {}", text.len()),
            Self::Bytes(bytes) => write!(out, "{} bytes", bytes.len()),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u64> for Value {
    /// A count beyond the range of the database stays at its end.
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(flag.into())
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.as_micros())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<&[String]> for Value {
    /// A list, as a JSON array of texts.
    fn from(list: &[String]) -> Self {
        Self::Text(serde_json::Value::from(list).to_string())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One value that is bound where it is.
#[derive(Clone, Copy)]
pub(crate) enum Cell<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// Values of any kinds, in the order of their placeholders.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::db::Value::from($value)),*]
    };
}
pub(crate) use values;

/// One row of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(Vec<Value>);

impl Row {
    /// The row with these values.
    pub fn new(values: Vec<Value>) -> Self {
        Self(values)
    }

    /// Its values, to be taken in order.
    pub fn into_fields(self) -> Fields {
        Fields(self.0.into_iter())
    }
}

/// The values of a row, taken in the order of the columns. Each of them fails with
/// [`DbError::Malformed`] when the value is not of the kind asked for.
#[derive(Debug)]
pub struct Fields(std::vec::IntoIter<Value>);

#[expect(
    missing_docs,
    reason = "each takes the next value as what its name says"
)]
#[expect(clippy::missing_errors_doc, reason = "said once, at the type")]
impl Fields {
    pub fn value(&mut self) -> Result<Value, DbError> {
        self.0.next().ok_or(DbError::Malformed)
    }

    pub fn int(&mut self) -> Result<i64, DbError> {
        self.optional_int()?.ok_or(DbError::Malformed)
    }

    pub fn optional_int(&mut self) -> Result<Option<i64>, DbError> {
        match self.value()? {
            Value::Int(number) => Ok(Some(number)),
            Value::Null => Ok(None),
            Value::Text(_) | Value::Bytes(_) => Err(DbError::Malformed),
        }
    }

    /// A number that cannot be negative and fits `T`.
    pub fn count<T: TryFrom<i64>>(&mut self) -> Result<T, DbError> {
        self.optional_count()?.ok_or(DbError::Malformed)
    }

    pub fn optional_count<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, DbError> {
        self.optional_int()?
            .map(|number| T::try_from(number).or(Err(DbError::Malformed)))
            .transpose()
    }

    pub fn flag(&mut self) -> Result<bool, DbError> {
        match self.int()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DbError::Malformed),
        }
    }

    pub fn time(&mut self) -> Result<Timestamp, DbError> {
        self.int().map(Timestamp::from_micros)
    }

    pub fn optional_time(&mut self) -> Result<Option<Timestamp>, DbError> {
        Ok(self.optional_int()?.map(Timestamp::from_micros))
    }

    pub fn text(&mut self) -> Result<String, DbError> {
        match self.value()? {
            Value::Text(text) => Ok(text),
            Value::Null | Value::Int(_) | Value::Bytes(_) => Err(DbError::Malformed),
        }
    }

    pub fn bytes(&mut self) -> Result<Vec<u8>, DbError> {
        self.optional_bytes()?.ok_or(DbError::Malformed)
    }

    pub fn optional_bytes(&mut self) -> Result<Option<Vec<u8>>, DbError> {
        match self.value()? {
            Value::Bytes(bytes) => Ok(Some(bytes)),
            Value::Null => Ok(None),
            Value::Int(_) | Value::Text(_) => Err(DbError::Malformed),
        }
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DbError> {
        self.bytes()?.try_into().or(Err(DbError::Malformed))
    }

    /// A list, from a JSON array of texts.
    pub fn list(&mut self) -> Result<Vec<String>, DbError> {
        serde_json::from_str(&self.text()?).or(Err(DbError::Malformed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_never_shows_what_it_holds() {
        let shown = format!(
            "{:?}",
            values!["canary", &b"canary"[..], 7_i64, None::<i64>]
        );
        assert_eq!(shown, "[text of 6, 6 bytes, int, null]");
    }

    #[test]
    fn a_value_of_another_kind_is_malformed() {
        let mut fields = Row::new(values!["text", -1_i64, 2_i64, &b"ab"[..]]).into_fields();
        assert_eq!(fields.int(), Err(DbError::Malformed));
        assert_eq!(fields.count::<u32>(), Err(DbError::Malformed));
        assert_eq!(fields.flag(), Err(DbError::Malformed));
        assert_eq!(fields.array::<3>(), Err(DbError::Malformed));
        assert_eq!(fields.value(), Err(DbError::Malformed));
    }

    #[test]
    fn a_list_comes_back_as_it_went_in() {
        let list = vec!["a,b".to_owned(), "\"'; --".to_owned(), String::new()];
        let mut fields = Row::new(values![list.as_slice()]).into_fields();
        assert_eq!(fields.list(), Ok(list));
    }
}
