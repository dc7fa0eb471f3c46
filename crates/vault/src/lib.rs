//! Secrets at rest and in hand: key hierarchy, sealed records, API keys, passwords, MACs.
//!
//! Invariant: no file, no socket, no clock, no environment; chance comes in as
//! [`mirk_model::Entropy`]. The only room that names an AEAD, a KDF or a password hash.
//! The byte formats are in `docs/formats.md`, precise enough for another implementation.

mod binding;
mod cipher;
mod entropy;
mod envelope;
mod hierarchy;
mod key;
mod login;
mod mac;
mod password;
mod policy;
mod ring;
mod root;
mod token;
mod wrap;

pub use binding::Place;
pub use entropy::SystemEntropy;
pub use envelope::{IntegrityError, MAX_PLAINTEXT_BYTES, SealError, SealKind};
pub use hierarchy::{CreateError, OpenError, Vault};
pub use login::{Login, Manner, Pointer};
pub use password::{Cost, CostError, HashError, PasswordHash};
pub use policy::{BLOCKED_WORDS, PolicyError, check_password};
pub use root::{RootError, RootKey, root_from_bytes, root_from_passphrase};
pub use token::{Realm, TOKEN_BYTES, Token, is_shaped, mint, mint_in, parse};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod vectors;
