//! Length-prefixed fields: the one way Mirk turns a tuple into bytes for a MAC.

/// Bytes built from fields, each behind its length as a big-endian `u32`, so that no two
/// different tuples give the same bytes.
#[derive(Clone, Debug, Default)]
pub struct LengthPrefixed(Vec<u8>);

impl LengthPrefixed {
    /// Starts with the domain, which separates one use from another.
    pub fn new(domain: &str) -> Self {
        Self::default().field(domain.as_bytes())
    }

    /// Adds one field. A field of 4 GiB or more is cut there, and its length says so.
    #[must_use]
    pub fn field(mut self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend(bytes.iter().take(length as usize));
        self
    }

    /// Adds a number, as eight big-endian bytes.
    #[must_use]
    pub fn number(self, value: i64) -> Self {
        self.field(&value.to_be_bytes())
    }

    /// Adds a number that may be absent; absent differs from every value.
    #[must_use]
    pub fn optional(self, value: Option<i64>) -> Self {
        match value {
            Some(value) => self.number(value),
            None => self.field(&[]),
        }
    }

    /// Adds a list: its length, then each item.
    #[must_use]
    pub fn list<T: AsRef<[u8]>>(mut self, items: &[T]) -> Self {
        self = self.number(i64::try_from(items.len()).unwrap_or(i64::MAX));
        for item in items {
            self = self.field(item.as_ref());
        }
        self
    }

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_byte_between_fields_changes_the_bytes() {
        let left = LengthPrefixed::new("d")
            .field(b"ab")
            .field(b"c")
            .into_bytes();
        let right = LengthPrefixed::new("d")
            .field(b"a")
            .field(b"bc")
            .into_bytes();
        assert_ne!(left, right);
        assert_ne!(
            LengthPrefixed::new("d").optional(None).into_bytes(),
            LengthPrefixed::new("d").optional(Some(0)).into_bytes()
        );
    }
}
