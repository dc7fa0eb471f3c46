//! What an operator or a user can do: the actions.
//!
//! Invariant: every change goes through [`Control::perform`]: permitted, validated, then written
//! in one batch together with its audit row. The command line, the dashboard, the JSON API and
//! MCP have no other way to change anything.

mod action;
#[expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every action has the same form, so that one table holds them"
)]
mod actions;
mod name;

use std::sync::Arc;

use mirk_model::{AuditEntry, Clock, Entropy, Kind, Mac, MacPurpose, Problem, TenantId};
use mirk_provider::address::{BaseUrl, Policy};
use mirk_store::{Batch, Db, DbError, Store};
use mirk_vault::Vault;
use serde_json::Value;

pub use action::{ACTIONS, Action, Permit};
pub use actions::terms;

/// Whether an address may be connected to, asked when it is saved.
pub trait Reach: Send + Sync + std::fmt::Debug {
    /// Looks the address up and vets every answer.
    ///
    /// # Errors
    /// [`Kind::SsrfBlocked`] when it is refused. A name that cannot be looked up now is not.
    fn check(&self, base: &BaseUrl) -> Result<(), Problem>;
}

/// Who acts, as the audit log names them: `cli`, `system`, `key:…`, `account:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(String);

impl Actor {
    /// The operator of this machine, at the command line.
    pub fn operator() -> Self {
        Self("cli".to_owned())
    }

    /// Mirk itself.
    pub fn system() -> Self {
        Self("system".to_owned())
    }
}

/// Everything that actions work on.
#[derive(Clone, Debug)]
pub struct Control {
    /// What survives a restart.
    pub store: Arc<Store>,
    /// Seals secrets and makes MACs.
    pub vault: Arc<Vault>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Looks addresses up.
    pub reach: Arc<dyn Reach>,
    /// Which addresses providers may have.
    pub policy: Policy,
    /// Whose things are worked on.
    pub tenant: TenantId,
    /// Live keys that one account may have.
    pub keys_per_account: u32,
}

/// One action under way: who does what.
pub(crate) struct Act<'a> {
    pub(crate) control: &'a Control,
    actor: &'a Actor,
    action: &'static str,
}

impl Control {
    /// Does one action by name. Blocks until a change is durable.
    ///
    /// # Errors
    /// When there is no such action, its input does not validate, or the change cannot be made.
    pub fn perform(&self, actor: &Actor, name: &str, input: Value) -> Result<Value, Problem> {
        let action = ACTIONS
            .iter()
            .find(|action| action.name == name)
            .ok_or_else(|| Problem::new(Kind::NotFound, "There is no such action."))?;
        (action.run)(
            &Act {
                control: self,
                actor,
                action: action.name,
            },
            input,
        )
    }

    pub(crate) fn row_mac(&self, input: &[u8]) -> [u8; 32] {
        self.vault.mac(MacPurpose::Row, input)
    }
}

impl Act<'_> {
    /// Makes the change durable together with its audit row.
    pub(crate) fn commit(
        &self,
        batch: Batch,
        object: impl Into<String>,
        details: Vec<(&'static str, String)>,
    ) -> Result<(), DbError> {
        let entry = AuditEntry {
            at: self.control.clock.now(),
            actor: self.actor.0.clone(),
            action: self.action,
            object: object.into(),
            result: "ok",
            details,
        };
        self.control
            .store
            .apply(batch.audit(entry))
            .map(|_applied| ())
    }
}
