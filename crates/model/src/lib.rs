//! The nouns of Mirk: ids, secrets, keys, usage, money, problems.
//!
//! Invariant: no I/O, no async, no web; time and chance come in as [`Clock`] and [`Entropy`].

mod clock;
mod dialect;
mod exchange;
mod id;
mod key;
mod lp;
mod problem;
mod reference;
mod rows;
mod scope;
mod secret;
mod usage;

pub use clock::{Clock, Entropy, Timestamp};
pub use dialect::{Dialect, Operation};
pub use exchange::{Exchange, Outcome};
pub use id::{
    AccountId, CredentialId, DekId, InstallId, Kid, ProviderId, RequestId, RouteId, TenantId,
};
pub use key::{ApiKey, KeyKind, KeyLimits};
pub use lp::LengthPrefixed;
pub use problem::{Kind, Problem};
pub use reference::{ReferenceError, SecretRef};
pub use rows::{AuditEntry, CredentialRow, KeyringRow, Mac, MacPurpose, ProviderRow, RouteRow};
pub use scope::{ModelFilter, Scope, ScopeSet};
pub use secret::{Secret, is_placeholder};
pub use usage::{Counted, Money, Price, Usage};
