//! Typed ids: 16 random bytes shown as 32 hex digits, and the public part of an API key.

use std::fmt;

use data_encoding::HEXLOWER;

use crate::{Entropy, Timestamp};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A new random id.
            pub fn random(entropy: &dyn Entropy) -> Self {
                let mut bytes = [0; 16];
                entropy.fill(&mut bytes);
                Self(bytes)
            }

            /// The id with these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Reads 32 lower-case hex digits.
            pub fn parse(text: &str) -> Option<Self> {
                let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!(stringify!($name), "({})"), self)
            }
        }
    )+};
}

ids! {
    /// One installation: the salt of its key hierarchy.
    InstallId,
    /// One tenant: whoever owns keys, credentials and usage.
    TenantId,
    /// One account of a person.
    AccountId,
    /// One configured provider.
    ProviderId,
    /// One provider credential.
    CredentialId,
    /// One route (a model alias).
    RouteId,
    /// One data encryption key.
    DekId,
}

/// One request, from arrival to the ledger. Sorts by time of arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// A request that arrives at `now`: 48 bits of milliseconds, then 80 random bits.
    pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
        let mut random = [0; 10];
        entropy.fill(&mut random);
        Self::from_parts(now, random)
    }

    /// The id made of these parts; for callers that keep a cheaper source of unique bits.
    pub fn from_parts(now: Timestamp, random: [u8; 10]) -> Self {
        let [_, _, time @ ..] = now.as_millis().to_be_bytes();
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(time.into_iter().chain(random)) {
            *to = from;
        }
        Self(bytes)
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes, which sort as the ids do.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Its text: `req_` and 32 hex digits.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(36);
        text.push_str("req_");
        HEXLOWER.encode_append(&self.0, &mut text);
        text
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RequestId({self})")
    }
}

/// The public part of an API key: 12 base62 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kid([u8; 12]);

impl Kid {
    /// Reads 12 base62 characters.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if !text.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        text.try_into().ok().map(Self)
    }

    /// The 12 characters.
    pub fn as_str(&self) -> &str {
        // Only ASCII letters and digits get in, so this never falls back.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Debug for Kid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Kid({self})")
    }
}
