//! Admission: turns a presented key into proof of who asks, or a refusal.
//!
//! Invariant: missing, malformed, unknown, wrong, revoked and expired keys get the same words.
//! Reads the plane only; never the database.

use std::sync::Arc;

use mirk_model::{ApiKey, Kind, Problem, Scope, Timestamp};
use mirk_vault::{Vault, parse};

use crate::{
    limits::KeyLife,
    plane::{Key, Plane},
};

/// Proof that a key may be used now. Only [`admit`] makes one.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    pub(crate) key: Arc<ApiKey>,
    pub(crate) life: Arc<KeyLife>,
}

/// Checks a presented key.
pub(crate) fn admit(
    plane: &Plane,
    vault: &Vault,
    presented: Option<&[u8]>,
    now: Timestamp,
) -> Result<Admitted, Problem> {
    let token = presented
        .and_then(parse)
        .ok_or_else(Problem::unauthorized)?;
    let key = plane.keys.get(&token.kid);
    // Also run for an unknown key, so that it takes as long as a wrong secret. The row's own MAC
    // was verified when the plane was built.
    let is_genuine = vault.verify_token(&token, key.map(|key| &*key.row));
    match key {
        Some(key) if is_genuine && is_current(key, now) => Ok(Admitted {
            key: Arc::clone(&key.row),
            life: Arc::clone(&key.life),
        }),
        _ => Err(Problem::unauthorized()),
    }
}

/// Whether the key is valid at `now`: from `not_before` on, until just before `expires_at`.
fn is_current(key: &Key, now: Timestamp) -> bool {
    key.row.revoked_at.is_none()
        && key.row.not_before.is_none_or(|start| start <= now)
        && key.row.expires_at.is_none_or(|end| now < end)
        && !key.life.is_revoked()
}

impl Admitted {
    /// Whether the key's scopes cover `scope`.
    pub(crate) fn may(&self, scope: Scope) -> Result<(), Problem> {
        if self.key.scopes.has(scope) {
            return Ok(());
        }
        Err(Problem::new(
            Kind::Scope,
            "This key's scopes do not cover this call.",
        ))
    }

    /// Whether the key may use a model under any of the names it goes by here.
    pub(crate) fn may_use(&self, names: &[&str]) -> Result<(), Problem> {
        if names.iter().any(|name| self.key.models.allows(name)) {
            return Ok(());
        }
        Err(Problem::new(Kind::Scope, "This key may not use this model.").about("model"))
    }
}
