//! What an exchange used: settled on finish or on drop, once, and written down as metadata.

use std::sync::Arc;

use mirk_dialect::tap::{Tapped, estimate};
use mirk_model::{Clock, Counted, Exchange, Outcome, Price, Usage};

use crate::{arrive::Stamp, reserve::Reservation};

/// Takes finished exchanges. Never blocks and never fails.
pub trait Ledger: Send + Sync + std::fmt::Debug {
    /// Writes one exchange down.
    fn record(&self, exchange: Exchange);

    /// Whether so many rows wait that no new request should be let in.
    fn is_full(&self) -> bool;
}

/// Counts one exchange from admission to its end.
#[derive(Debug)]
pub(crate) struct Meter {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    stamp: Stamp,
    reservation: Option<Reservation>,
    served: Option<Served>,
    status: u16,
    first_byte: Option<u64>,
    /// Bytes of the request's body, for an estimate of its tokens.
    asked_bytes: usize,
    /// Bytes of answer text relayed so far, for the same.
    pub(crate) answered_bytes: u64,
    is_count: bool,
}

/// Which upstream served the exchange.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) provider: Arc<str>,
    pub(crate) model: Arc<str>,
    pub(crate) price: Option<Price>,
}

impl Meter {
    pub(crate) fn new(
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        stamp: Stamp,
        reservation: Reservation,
    ) -> Self {
        Self {
            ledger,
            clock,
            stamp,
            reservation: Some(reservation),
            served: None,
            status: 499,
            first_byte: None,
            asked_bytes: 0,
            answered_bytes: 0,
            is_count: false,
        }
    }

    /// How much was asked, for the estimate.
    pub(crate) fn asked(&mut self, bytes: usize, is_count: bool) {
        self.asked_bytes = bytes;
        self.is_count = is_count;
    }

    /// Who answers, and with which status.
    pub(crate) fn served(&mut self, served: Served, status: u16) {
        self.served = Some(served);
        self.status = status;
    }

    /// Which status the client gets when no upstream answers.
    pub(crate) fn status(&mut self, status: u16) {
        self.status = status;
    }

    /// The first byte of the answer is on its way.
    pub(crate) fn first_byte(&mut self) {
        if self.first_byte.is_none() {
            self.first_byte = Some(self.elapsed());
        }
    }

    /// Ends the exchange with what the answer said of itself.
    pub(crate) fn finish(mut self, outcome: Outcome, tapped: &Tapped) {
        let usage = if tapped.error_in_band && tapped.output_bytes == 0 {
            Usage::default()
        } else {
            tapped.usage.unwrap_or_else(|| self.estimated(tapped.output_bytes))
        };
        self.settle(outcome, usage);
    }

    /// Ends the exchange without any use of a provider.
    pub(crate) fn fail(mut self) {
        self.settle(Outcome::Failed, Usage::default());
    }

    /// What passed, when the provider did not say what it counted.
    fn estimated(&self, output_bytes: u64) -> Usage {
        if self.is_count {
            return Usage::default();
        }
        Usage {
            input: estimate(self.asked_bytes as u64),
            output: estimate(output_bytes),
            counted: Counted::Estimated,
            ..Usage::default()
        }
    }

    fn elapsed(&self) -> u64 {
        self.clock.mono().saturating_sub(self.stamp.mono) / 1_000
    }

    fn settle(&mut self, outcome: Outcome, usage: Usage) {
        let Some(reservation) = self.reservation.take() else { return };
        reservation.settle(outcome, &usage);
        let (provider, model, price) = match self.served.take() {
            Some(served) => (served.provider, served.model, served.price),
            None => (Arc::from(""), Arc::from(""), None),
        };
        let cost = match usage.counted {
            Counted::Nothing => Some(mirk_model::Money::default()),
            _ => price.map(|price| price.cost(&usage)),
        };
        self.ledger.record(Exchange {
            request: self.stamp.id,
            at: self.stamp.at,
            tenant: self.stamp.tenant,
            kid: self.stamp.kid,
            provider,
            model,
            status: self.status,
            outcome,
            usage,
            cost,
            first_byte_us: self.first_byte,
            total_us: self.elapsed(),
        });
    }
}

impl Drop for Meter {
    /// The client left: what was relayed until then is what was used.
    fn drop(&mut self) {
        if self.reservation.is_some() {
            let usage = if self.first_byte.is_some() && self.answered_bytes > 0 {
                self.estimated(self.answered_bytes)
            } else {
                Usage::default()
            };
            self.settle(Outcome::ClientClosed, usage);
        }
    }
}
