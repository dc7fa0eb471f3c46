//! What is in a file of OpenClaw's: named profiles, each of one kind.
//!
//! Fields that are not known are passed over: the file is another program's and may grow.

use std::collections::BTreeMap;

use mirk_model::{Secret, Timestamp};
use serde::{Deserialize, Deserializer};

/// One profile.
#[derive(Debug)]
pub struct Profile {
    /// Its name: `provider:who`.
    pub name: String,
    /// The provider as OpenClaw names it.
    pub provider: String,
    /// What it holds.
    pub stored: Stored,
}

/// What a profile holds.
#[derive(Debug)]
pub enum Stored {
    /// An API key.
    Key(Secret<String>),
    /// A token that lasts until it is replaced.
    Token {
        /// The token.
        access: Secret<String>,
        /// When it expires, if that is said.
        expires_at: Option<Timestamp>,
    },
    /// OAuth tokens, of which only the access token is taken: the other is OpenClaw's to use.
    OAuth {
        /// The access token.
        access: Secret<String>,
        /// When it expires, if that is said.
        expires_at: Option<Timestamp>,
    },
    /// A reference to where the secret is.
    Elsewhere,
    /// A kind that is not known.
    Unknown,
}

impl Stored {
    /// The kind, in a word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "api_key",
            Self::Token { .. } => "token",
            Self::OAuth { .. } => "oauth",
            Self::Elsewhere => "reference",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Deserialize)]
struct File {
    profiles: BTreeMap<String, Entry>,
}

/// A secret text, wiped when dropped.
struct Hidden(Secret<String>);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    provider: String,
    key: Option<Hidden>,
    token: Option<Hidden>,
    access: Option<Hidden>,
    expires: Option<f64>,
    #[serde(rename = "keyRef")]
    key_ref: Option<serde::de::IgnoredAny>,
    #[serde(rename = "tokenRef")]
    token_ref: Option<serde::de::IgnoredAny>,
}

/// Reads a file; nothing when it is not one of OpenClaw's.
pub(super) fn read(text: &[u8]) -> Option<Vec<Profile>> {
    let file: File = serde_json::from_slice(text).ok()?;
    let profiles = file.profiles.into_iter();
    Some(profiles.map(|(name, entry)| entry.named(name)).collect())
}

impl Entry {
    fn named(self, name: String) -> Profile {
        let expires_at = self.expires.and_then(millis);
        let is_elsewhere = self.key_ref.is_some() || self.token_ref.is_some();
        let full = |hidden: Option<Hidden>| {
            let secret = hidden?.0;
            let is_token = |byte: u8| byte.is_ascii_graphic();
            let text = secret.expose();
            (!text.is_empty() && text.bytes().all(is_token)).then_some(secret)
        };
        let stored = match self.kind.as_str() {
            "api_key" => full(self.key).map(Stored::Key),
            "token" => full(self.token).map(|access| Stored::Token { access, expires_at }),
            "oauth" => full(self.access).map(|access| Stored::OAuth { access, expires_at }),
            _ => None,
        };
        let otherwise = if is_elsewhere {
            Stored::Elsewhere
        } else {
            Stored::Unknown
        };
        Profile {
            name,
            provider: self.provider,
            stored: stored.unwrap_or(otherwise),
        }
    }
}

/// A moment in milliseconds since 1970; a zero is none.
fn millis(number: f64) -> Option<Timestamp> {
    let is_moment = number.is_finite() && number > 0.0 && number < 1e15;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range was looked at, and less than a microsecond does not matter"
    )]
    is_moment.then(|| Timestamp::from_micros((number * 1_000.0) as i64))
}
