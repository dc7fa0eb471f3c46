//! A value that must not be printed, cloned or serialised.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// Secret bytes or text. Wiped on drop; no `Clone`, `Display` or `Serialize`; `Debug` shows nothing.
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value, for the one line that uses it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_in_debug() {
        assert_eq!(
            format!("{:?}", Secret::new(String::from("canary"))),
            "Secret(..)"
        );
    }
}
