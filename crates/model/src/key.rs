//! An API key as the store keeps it: never the token, only its MAC.

use crate::{Kid, LengthPrefixed, ModelFilter, ScopeSet, TenantId, Timestamp};

/// Whose key it is; the second letter after `mrk_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// A person's.
    User,
    /// A project's.
    Project,
    /// An MCP client's.
    Mcp,
}

impl KeyKind {
    /// `u`, `p` or `m`.
    pub const fn letter(self) -> char {
        match self {
            Self::User => 'u',
            Self::Project => 'p',
            Self::Mcp => 'm',
        }
    }

    /// The kind with this letter.
    pub const fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'u' => Some(Self::User),
            b'p' => Some(Self::Project),
            b'm' => Some(Self::Mcp),
            _ => None,
        }
    }
}

/// Limits of one key. Absent means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute, input and output together.
    pub tpm: Option<u32>,
    /// Requests under way at once.
    pub concurrency: Option<u32>,
    /// Successful calls in the key's whole life.
    pub lifetime_calls: Option<u64>,
    /// Successful calls in one UTC day.
    pub daily_calls: Option<u64>,
}

/// One key's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Public id, part of the token.
    pub kid: Kid,
    /// Owner.
    pub tenant: TenantId,
    /// What the owner calls it.
    pub label: String,
    /// Whose it is.
    pub kind: KeyKind,
    /// HMAC of the token under the pepper.
    pub key_mac: [u8; 32],
    /// Version of the pepper.
    pub pepper_version: u32,
    /// What it may do.
    pub scopes: ScopeSet,
    /// Which models it may use.
    pub models: ModelFilter,
    /// Its limits.
    pub limits: KeyLimits,
    /// Not valid before.
    pub not_before: Option<Timestamp>,
    /// Not valid from this moment on.
    pub expires_at: Option<Timestamp>,
    /// Revoked at.
    pub revoked_at: Option<Timestamp>,
    /// Created at.
    pub created_at: Timestamp,
    /// Counts changes of the row.
    pub version: i64,
    /// HMAC over [`ApiKey::mac_input`]: a row that somebody else wrote does not verify.
    pub row_mac: [u8; 32],
}

impl ApiKey {
    /// Everything that decides what the key may do, as bytes for the row MAC.
    pub fn mac_input(&self) -> Vec<u8> {
        let limits = &self.limits;
        LengthPrefixed::new("key-row/v1")
            .field(self.kid.as_str().as_bytes())
            .field(self.tenant.as_bytes())
            .field(self.label.as_bytes())
            .field(&[self.kind.letter() as u8])
            .field(&self.key_mac)
            .number(self.pepper_version.into())
            .field(self.scopes.to_string().as_bytes())
            .list(self.models.globs())
            .optional(limits.rpm.map(i64::from))
            .optional(limits.tpm.map(i64::from))
            .optional(limits.concurrency.map(i64::from))
            .optional(limits.lifetime_calls.map(saturate))
            .optional(limits.daily_calls.map(saturate))
            .optional(self.not_before.map(Timestamp::as_micros))
            .optional(self.expires_at.map(Timestamp::as_micros))
            .optional(self.revoked_at.map(Timestamp::as_micros))
            .number(self.created_at.as_micros())
            .number(self.version)
            .into_bytes()
    }
}

fn saturate(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
