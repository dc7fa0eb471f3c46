//! One client request and its answer, as the ledger keeps it. No prompt, no answer, no address.

use crate::{Kid, Money, RequestId, TenantId, Timestamp, Usage};

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The whole answer was relayed and the provider called it a success.
    Ok,
    /// The provider or Mirk refused or failed; the status says how.
    Failed,
    /// The client left before the end.
    ClientClosed,
    /// The upstream broke off in the middle.
    Incomplete,
    /// The key was revoked or expired in the middle.
    Revoked,
}

impl Outcome {
    /// As the ledger stores it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::ClientClosed => "client_closed",
            Self::Incomplete => "incomplete",
            Self::Revoked => "revoked",
        }
    }
}

/// One ledger row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Id of the request.
    pub request: RequestId,
    /// Arrival.
    pub at: Timestamp,
    /// Whose.
    pub tenant: TenantId,
    /// Which key asked.
    pub kid: Kid,
    /// Name of the provider that answered; empty when none was reached.
    pub provider: std::sync::Arc<str>,
    /// Model at the provider; empty when none was resolved.
    pub model: std::sync::Arc<str>,
    /// Status sent to the client.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Tokens.
    pub usage: Usage,
    /// Cost; absent when the model has no known price, which is not the same as free.
    pub cost: Option<Money>,
    /// Arrival to the first byte of the answer, in microseconds.
    pub first_byte_us: Option<u64>,
    /// Arrival to the last byte, in microseconds.
    pub total_us: u64,
}
