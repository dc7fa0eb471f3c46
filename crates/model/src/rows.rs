//! Rows that the store keeps and the vault vouches for.

use std::fmt;

use crate::{CredentialId, DekId, LengthPrefixed, ProviderId, RouteId, TenantId, Timestamp};

/// Which purpose key makes a MAC. One key never serves two purposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MacPurpose {
    /// The audit chain.
    Audit,
    /// Rows that decide who may do what and where credentials go.
    Row,
    /// Short fingerprints of credentials, for showing.
    Fingerprint,
}

/// Makes MACs with keys that only the vault holds.
pub trait Mac: Send + Sync + fmt::Debug {
    /// HMAC-SHA-256 of `input` under the current key of `purpose`.
    fn mac(&self, purpose: MacPurpose, input: &[u8]) -> [u8; 32];
}

/// A configured provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRow {
    /// Id.
    pub id: ProviderId,
    /// Owner.
    pub tenant: TenantId,
    /// The name that models are addressed with: `name/model`.
    pub name: String,
    /// Which kind of provider it is, by its name in the provider table.
    pub kind: String,
    /// Where it is, in canonical form, without a slash at the end.
    pub base_url: String,
    /// Models that it is known to serve; none means any.
    pub models: Vec<String>,
    /// Whether requests may go there.
    pub enabled: bool,
    /// Created at.
    pub created_at: Timestamp,
    /// Counts changes of the row.
    pub version: i64,
    /// HMAC over [`ProviderRow::mac_input`].
    pub row_mac: [u8; 32],
}

impl ProviderRow {
    /// Everything that decides where requests go, as bytes for the row MAC.
    pub fn mac_input(&self) -> Vec<u8> {
        LengthPrefixed::new("provider-row/v1")
            .field(self.id.as_bytes())
            .field(self.tenant.as_bytes())
            .field(self.name.as_bytes())
            .field(self.kind.as_bytes())
            .field(self.base_url.as_bytes())
            .list(&self.models)
            .number(self.enabled.into())
            .number(self.created_at.as_micros())
            .number(self.version)
            .into_bytes()
    }
}

/// What kind of secret a credential is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// A provider's API key, or a token that lasts until it is replaced.
    #[default]
    Key,
    /// OAuth tokens: an access token, and what gets the next one.
    OAuth,
    /// Where another program keeps its tokens. Mirk reads them there and never renews them.
    Reference,
}

impl CredentialKind {
    /// The kind as the database and people have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::OAuth => "oauth",
            Self::Reference => "reference",
        }
    }

    /// The kind of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Key, Self::OAuth, Self::Reference]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// A provider's credential, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRow {
    /// Id.
    pub id: CredentialId,
    /// Owner.
    pub tenant: TenantId,
    /// The provider it is for.
    pub provider: ProviderId,
    /// What the owner calls it.
    pub label: String,
    /// The only origin it may be sent to: `scheme://host:port`.
    pub origin: String,
    /// Ciphertext in the format of the vault, which starts with `MRK1`.
    pub sealed: Vec<u8>,
    /// Eight hex digits of a keyed fingerprint, for showing.
    pub fingerprint: String,
    /// Counts re-seals of the secret; part of what the ciphertext is bound to.
    pub generation: i64,
    /// What kind of secret it is.
    pub kind: CredentialKind,
    /// Whether its owner has to log in again before it can be used.
    pub needs_login: bool,
    /// The UTC day on which it expires, as [`Timestamp::day`] counts, where that is known.
    pub expires_day: Option<i64>,
    /// Whether it may be used.
    pub enabled: bool,
    /// Created at.
    pub created_at: Timestamp,
    /// HMAC over [`CredentialRow::mac_input`].
    pub row_mac: [u8; 32],
}

impl CredentialRow {
    /// Everything that decides where the secret may go, as bytes for the row MAC. A key has the
    /// form it had before there was anything else.
    pub fn mac_input(&self) -> Vec<u8> {
        let is_plain =
            self.kind == CredentialKind::Key && !self.needs_login && self.expires_day.is_none();
        let fields = if is_plain {
            LengthPrefixed::new("credential-row/v1")
        } else {
            LengthPrefixed::new("credential-row/v2")
                .field(self.kind.name().as_bytes())
                .number(self.needs_login.into())
                .optional(self.expires_day)
        };
        fields
            .field(self.id.as_bytes())
            .field(self.tenant.as_bytes())
            .field(self.provider.as_bytes())
            .field(self.label.as_bytes())
            .field(self.origin.as_bytes())
            .field(&self.sealed)
            .field(self.fingerprint.as_bytes())
            .number(self.generation)
            .number(self.enabled.into())
            .number(self.created_at.as_micros())
            .into_bytes()
    }
}

/// A model alias and where it leads, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRow {
    /// Id.
    pub id: RouteId,
    /// Owner.
    pub tenant: TenantId,
    /// The name that clients ask for.
    pub alias: String,
    /// `provider/model`, tried in order.
    pub targets: Vec<String>,
    /// Created at.
    pub created_at: Timestamp,
    /// HMAC over [`RouteRow::mac_input`].
    pub row_mac: [u8; 32],
}

impl RouteRow {
    /// Everything that decides where requests go, as bytes for the row MAC.
    pub fn mac_input(&self) -> Vec<u8> {
        LengthPrefixed::new("route-row/v1")
            .field(self.id.as_bytes())
            .field(self.tenant.as_bytes())
            .field(self.alias.as_bytes())
            .list(&self.targets)
            .number(self.created_at.as_micros())
            .into_bytes()
    }
}

/// One wrapped key of the hierarchy: the installation master key, a purpose key or a tenant's DEK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyringRow {
    /// Id of the key.
    pub id: DekId,
    /// What it is for: `imk`, `mac/api-key`, `mac/audit`, `enc/dek`, …
    pub purpose: String,
    /// Version within its purpose and tenant.
    pub version: u32,
    /// Owner of a DEK; absent for keys of the installation.
    pub tenant: Option<TenantId>,
    /// The key, wrapped by the layer above.
    pub wrapped: Vec<u8>,
    /// Created at.
    pub created_at: Timestamp,
}

/// One event for the audit chain, before the store gives it its number and MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: `cli`, `system`, `key:<kid>`, `account:<id>`.
    pub actor: String,
    /// What was done, e.g. `key.create`.
    pub action: &'static str,
    /// To what: an id or a name, never a secret.
    pub object: String,
    /// How it ended: `ok` or a code.
    pub result: &'static str,
    /// Further closed fields as `name=value`, never free text of a request.
    pub details: Vec<(&'static str, String)>,
}
