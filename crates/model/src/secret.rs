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

/// Values that samples and other routers ship, which must never work as a secret.
const PLACEHOLDERS: &[&str] = &[
    "your-api-key",
    "your_api_key",
    "your-secret",
    "your-key-here",
    "api-key-here",
    "changeme",
    "change-me",
    "change_me",
    "password",
    "secret",
    "123456",
    "12345678",
    "router-default-secret-change-me",
    "secret-api-key",
    "endpoint-proxy-api-key-secret",
];

/// Whether `text` is one that samples use in place of a secret, so that it is known to everybody.
pub fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    PLACEHOLDERS.contains(&lower.as_str())
        || lower.starts_with("sk-xxx")
        || lower.starts_with("xxxxxxxx")
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
