//! What an exchange used: settled on finish or on drop, once, and written down as metadata.

use std::sync::Arc;

use mirk_dialect::tap::{Tapped, estimate, estimate_output};
use mirk_model::{Clock, Counted, Exchange, Operation, Outcome, Usage};
use mirk_provider::{catalog, kind::Facts};

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
    /// Bytes of the request's body and what it asks for, for an estimate of its tokens.
    asked: Option<(usize, Operation)>,
    /// Events and bytes of the answer relayed so far, for the same.
    pub(crate) answered: (u64, u64),
}

/// Which upstream served the exchange.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) provider: Arc<str>,
    pub(crate) model: Arc<str>,
    pub(crate) facts: &'static Facts,
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
            asked: None,
            answered: (0, 0),
        }
    }

    /// How much was asked, for the estimate.
    pub(crate) fn asked(&mut self, bytes: usize, operation: Operation) {
        self.asked = Some((bytes, operation));
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

    /// Milliseconds since the request arrived.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        self.elapsed() / 1_000
    }

    /// Ends the exchange with what the answer said of itself.
    pub(crate) fn finish(mut self, outcome: Outcome, tapped: &Tapped) {
        let usage = if tapped.error_in_band && tapped.events <= 1 {
            Usage::default()
        } else {
            let estimated = self.estimated(tapped.events, tapped.output_bytes);
            match tapped.usage {
                Some(usage) if usage.counted == Counted::Reported => usage,
                // Counts that were not believable: whichever is more.
                Some(usage) => Usage {
                    input: usage.input.max(estimated.input),
                    output: usage.output.max(estimated.output),
                    ..usage
                },
                None => estimated,
            }
        };
        self.settle(outcome, usage);
    }

    /// Ends the exchange without any use of a provider.
    pub(crate) fn fail(mut self) {
        self.settle(Outcome::Failed, Usage::default());
    }

    /// What passed, when the provider did not say what it counted. Counting is free.
    fn estimated(&self, events: u64, bytes: u64) -> Usage {
        let Some((asked, operation)) = self.asked.filter(|(_, operation)| !operation.is_count())
        else {
            return Usage::default();
        };
        Usage {
            input: estimate(asked as u64),
            output: estimate_output(operation, events, bytes),
            counted: Counted::Estimated,
            ..Usage::default()
        }
    }

    fn elapsed(&self) -> u64 {
        self.clock.mono().saturating_sub(self.stamp.mono) / 1_000
    }

    fn settle(&mut self, outcome: Outcome, usage: Usage) {
        let Some(reservation) = self.reservation.take() else {
            return;
        };
        reservation.settle(outcome, &usage);
        let price = |served: &Served| {
            let entry = catalog::find(served.facts.name, &served.model)?;
            entry.price_for(usage.input).map(|price| price.cost(&usage))
        };
        let cost = match usage.counted {
            Counted::Nothing => Some(mirk_model::Money::default()),
            Counted::Reported | Counted::Estimated => self.served.as_ref().and_then(price),
        };
        let (provider, model) = match self.served.take() {
            Some(served) => (served.provider, served.model),
            None => (Arc::from(""), Arc::from("")),
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
            let (events, bytes) = self.answered;
            let usage = if bytes > 0 {
                self.estimated(events, bytes)
            } else {
                Usage::default()
            };
            self.settle(Outcome::ClientClosed, usage);
        }
    }
}
