//! Reservation: what a request may use is taken before it is sent, and settled after.

use std::{sync::Arc, time::Duration};

use mirk_model::{ApiKey, Kind, Outcome, Problem, Timestamp, Usage};
use mirk_store::{
    Db, DbError, Store,
    counters::{self, Window},
};
use tokio::sync::oneshot;

use crate::{
    admit::Admitted,
    limits::{KeyLife, Place},
};

/// What was taken. Settled by [`Reservation::settle`]; dropped unsettled, it gives all back.
#[derive(Debug)]
pub(crate) struct Reservation {
    key: Arc<ApiKey>,
    life: Arc<KeyLife>,
    tokens: u64,
    calls: Option<Calls>,
    _place: Place,
}

/// Calls taken from lifetime and daily counts.
#[derive(Debug)]
struct Calls {
    store: Arc<Store>,
    windows: Vec<Window>,
}

/// Takes one request for the key.
pub(crate) async fn reserve(
    store: &Arc<Store>,
    admitted: &Admitted,
    (now, mono): (Timestamp, u64),
) -> Result<Reservation, Problem> {
    let (key, life) = (&admitted.key, &admitted.life);
    let place = life.enter(key.limits.concurrency).ok_or_else(|| {
        limited(
            "This key has as many requests under way as it may.",
            "concurrency",
            Duration::from_secs(1),
        )
    })?;
    if let Some(rpm) = key.limits.rpm {
        life.requests.take(1, rpm, mono).map_err(|wait| {
            limited(
                "This key has used its requests for this minute.",
                "rpm",
                wait,
            )
        })?;
    }
    let mut reservation = Reservation {
        key: Arc::clone(key),
        life: Arc::clone(life),
        tokens: 0,
        calls: None,
        _place: place,
    };
    let mut windows = Vec::new();
    windows.extend(
        key.limits
            .lifetime_calls
            .map(|most| (Window::Lifetime, most)),
    );
    windows.extend(key.limits.daily_calls.map(|most| (Window::Day(now), most)));
    if !windows.is_empty() {
        take_calls(store, key, &windows).await.map_err(|problem| {
            let midnight = Timestamp::from_day(now.day().saturating_add(1));
            let wait =
                u64::try_from(midnight.as_micros().saturating_sub(now.as_micros())).unwrap_or(0);
            let is_daily = key.limits.daily_calls.is_some() && problem.retry_after.is_none();
            if is_daily {
                problem.retry_after(Duration::from_micros(wait))
            } else {
                problem
            }
        })?;
        let windows = windows.into_iter().map(|(window, _)| window).collect();
        reservation.calls = Some(Calls {
            store: Arc::clone(store),
            windows,
        });
    }
    Ok(reservation)
}

/// Counts one call durably in every window, unless one of them is used up.
async fn take_calls(store: &Store, key: &ApiKey, windows: &[(Window, u64)]) -> Result<(), Problem> {
    let (answer, answered) = oneshot::channel();
    store.apply_then(
        counters::take(key.kid, windows),
        Box::new(move |taken| {
            // The request may be gone by now; then nobody is told.
            drop(answer.send(taken));
        }),
    );
    match answered.await {
        Ok(Ok(_applied)) => Ok(()),
        Ok(Err(DbError::Limit)) => Err(Problem::new(
            Kind::InsufficientQuota,
            "This key has used all its calls.",
        )),
        Ok(Err(_)) | Err(_) => Err(Problem::new(
            Kind::StorageUnavailable,
            "The call could not be counted, so it was not made. Try again.",
        )
        .retry_after(Duration::from_secs(5))),
    }
}

fn limited(words: &'static str, limit: &'static str, wait: Duration) -> Problem {
    Problem::new(Kind::RateLimited, words)
        .about(limit)
        .retry_after(wait)
}

impl Reservation {
    /// Takes as many tokens as the request may use.
    pub(crate) fn take_tokens(&mut self, tokens: u64, mono: u64) -> Result<(), Problem> {
        let Some(tpm) = self.key.limits.tpm else {
            return Ok(());
        };
        self.life.tokens.take(tokens, tpm, mono).map_err(|wait| {
            limited("This key has used its tokens for this minute.", "tpm", wait)
        })?;
        self.tokens = tokens;
        Ok(())
    }

    /// Replaces what was taken by what was used. Calls that did not succeed are not counted.
    pub(crate) fn settle(mut self, outcome: Outcome, usage: &Usage) {
        if let Some(tpm) = self.key.limits.tpm {
            self.life.tokens.settle(self.tokens, usage.total(), tpm);
            self.tokens = 0;
        }
        if outcome != Outcome::Failed {
            self.calls = None;
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(tpm) = self.key.limits.tpm {
            self.life.tokens.settle(self.tokens, 0, tpm);
        }
        if let Some(calls) = self.calls.take() {
            // When it cannot be written the call stays counted: never too many, perhaps too few.
            calls.store.apply_then(
                counters::give_back(self.key.kid, &calls.windows),
                Box::new(|_given| {}),
            );
        }
    }
}
