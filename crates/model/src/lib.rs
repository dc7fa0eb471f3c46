//! The nouns of Mirk: ids, secrets, keys, usage, money, problems.
//!
//! Invariant: no I/O, no async, no web; time and chance come in as [`Clock`] and [`Entropy`].

mod ask;
mod clock;
mod dialect;
mod exchange;
mod id;
mod key;
mod lp;
mod problem;
mod reference;
mod reply;
mod rows;
mod scope;
mod secret;
mod text;
mod traits;
mod usage;

pub use ask::{
    Ask, Cache, Call, CallResult, Citation, Effort, Format, Function, Json, Kept, Media, MediaKind,
    Number, Origin, Part, PartKind, Reasoning, ReasoningMode, Role, Sampling, Shown, Source, State,
    Thinking, Tool, ToolChoice, Turn,
};
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
pub use reply::{Choice, Event, Failure, Finish, Logprob, Reply};
pub use rows::{
    AuditEntry, CredentialKind, CredentialRow, KeyringRow, Mac, MacPurpose, ProviderRow, RouteRow,
};
pub use scope::{ModelFilter, Scope, ScopeSet};
pub use secret::{Secret, is_placeholder};
pub use text::Text;
pub use traits::{Thinks, Traits};
pub use usage::{Counted, Money, Price, Usage};
