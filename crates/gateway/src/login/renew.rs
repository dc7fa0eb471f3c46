//! One renewal at a time: who begins it, who joins it, and how long to leave an endpoint alone.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{Login, Tools, endpoint, endpoint::Refused, keep};
use crate::egress::lock;

/// The shortest and the longest rest after a renewal that did not come about.
const REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_mins(5);
/// The longest rest that an endpoint can ask for.
const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// How often, in an hour, a token is renewed because the provider refuses one that should live.
const MOST_FORCED: usize = 3;
const HOUR: u64 = 3_600_000_000_000;

/// What came of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewed {
    /// There is a new token, and it is durable.
    Fresh,
    /// The login has ended, and the row says so.
    Ended,
    /// Not now.
    Later,
}

/// A renewal under way, or one that was.
#[derive(Debug)]
pub(super) struct Flight {
    joined: watch::Receiver<Option<Renewed>>,
    /// On the clock that never goes back.
    begun: u64,
}

impl Flight {
    fn is_under_way(&self) -> bool {
        self.joined.borrow().is_none() && self.joined.has_changed().is_ok()
    }
}

/// When the endpoint may be asked again.
#[derive(Debug, Default)]
pub(super) struct Pace {
    failures: u32,
    /// On the clock that never goes back.
    rest_until: u64,
    /// When renewals were forced, the latest ones.
    forced: Vec<u64>,
}

impl Pace {
    /// How long the endpoint is still left alone.
    pub(super) fn rest(&self, now: u64) -> Option<Duration> {
        let left = self.rest_until.saturating_sub(now);
        (left > 0).then(|| Duration::from_nanos(left))
    }

    fn failed(&mut self, now: u64, asked: Option<Duration>) {
        let doubled = REST.saturating_mul(1_u32 << self.failures.min(6));
        let rest = doubled
            .min(LONGEST_REST)
            .max(asked.unwrap_or_default().min(LONGEST_ASKED));
        self.failures = self.failures.saturating_add(1);
        let nanos = u64::try_from(rest.as_nanos()).unwrap_or(u64::MAX);
        self.rest_until = now.saturating_add(nanos);
    }

    fn succeeded(&mut self) {
        self.failures = 0;
        self.rest_until = 0;
    }

    /// Whether a token that should live may be renewed now; counts it if so.
    pub(super) fn may_force(&mut self, now: u64) -> bool {
        self.forced.retain(|at| now.saturating_sub(*at) < HOUR);
        if self.rest(now).is_some() || self.forced.len() >= MOST_FORCED {
            return false;
        }
        self.forced.push(now);
        true
    }
}

/// Waits for the renewal of the token of `generation`, and begins it unless it is under way. It
/// runs in a task of its own: whoever stops waiting stops nothing.
pub(super) fn join(
    tools: &Arc<Tools>,
    login: &Arc<Login>,
    generation: i64,
) -> impl Future<Output = Renewed> + Send + use<> {
    let flight = begin(tools, login, generation);
    async move {
        let Some(mut flight) = flight else {
            return Renewed::Fresh;
        };
        match flight.wait_for(Option::is_some).await {
            Ok(renewed) => renewed.unwrap_or(Renewed::Later),
            // The task is gone without a word.
            Err(_gone) => Renewed::Later,
        }
    }
}

/// The renewal to wait for; none when the token has been renewed already.
fn begin(
    tools: &Arc<Tools>,
    login: &Arc<Login>,
    generation: i64,
) -> Option<watch::Receiver<Option<Renewed>>> {
    let mut flight = lock(&login.flight);
    if let Some(running) = flight.as_ref().filter(|flight| flight.is_under_way()) {
        return Some(running.joined.clone());
    }
    let row = login.row();
    if row.generation != generation && !row.needs_login {
        return None;
    }
    let (done, joined) = watch::channel(None);
    *flight = Some(Flight {
        joined: joined.clone(),
        begun: tools.clock.mono(),
    });
    let (tools, login) = (Arc::clone(tools), Arc::clone(login));
    tokio::spawn(async move {
        let renewed = run(&tools, &login).await;
        done.send_replace(Some(renewed));
    });
    Some(joined)
}

/// How long the renewal has been under way.
pub(super) fn under_way_for(login: &Login, now: u64) -> Duration {
    let flight = lock(&login.flight);
    let running = flight.as_ref().filter(|flight| flight.is_under_way());
    let begun = running.map_or(now, |flight| flight.begun);
    Duration::from_nanos(now.saturating_sub(begun))
}

async fn run(tools: &Tools, login: &Login) -> Renewed {
    let renewed = match renew(tools, login).await {
        Ok(renewed) => renewed,
        Err(asked) => {
            lock(&login.pace).failed(tools.clock.mono(), asked);
            return Renewed::Later;
        }
    };
    if renewed == Renewed::Fresh {
        lock(&login.pace).succeeded();
    }
    renewed
}

/// Gets new tokens and makes them durable. The error is how long the endpoint asks to be left
/// alone, if it says.
async fn renew(tools: &Tools, login: &Login) -> Result<Renewed, Option<Duration>> {
    if login.row().needs_login {
        return Ok(Renewed::Ended);
    }
    let pending = lock(&login.pending).take();
    if let Some(tokens) = pending {
        return keep::keep(tools, login, tokens).await;
    }
    let row = login.row();
    let old = Login::unseal(&tools.vault, &row).map_err(|_integrity| None)?;
    let tokens = match endpoint::ask(tools, row.id, &old).await {
        Ok(granted) => granted.after(old, tools.clock.now()),
        Err(Refused::Later(asked)) => return Err(asked),
        Err(Refused::Ended(reason)) => return keep::end(tools, login, reason).await,
    };
    keep::keep(tools, login, tokens).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn rests_double_up_to_five_minutes_and_never_undercut_what_was_asked() {
        let mut pace = Pace::default();
        assert_eq!(pace.rest(0), None);
        let mut rests = vec![];
        for _ in 0..8 {
            pace.failed(0, None);
            rests.push(pace.rest(0).unwrap().as_secs());
        }
        assert_eq!(rests, [5, 10, 20, 40, 80, 160, 300, 300]);
        pace.failed(0, Some(Duration::from_secs(1_000)));
        assert_eq!(pace.rest(SECOND).unwrap().as_secs(), 999);
        pace.failed(0, Some(Duration::MAX));
        assert_eq!(pace.rest(0), Some(LONGEST_ASKED));
        pace.succeeded();
        assert_eq!(pace.rest(0), None);
    }

    #[test]
    fn at_most_three_renewals_an_hour_are_forced() {
        let mut pace = Pace::default();
        let forced = (0..10).filter(|at| pace.may_force(at * SECOND)).count();
        assert_eq!(forced, MOST_FORCED);
        assert!(!pace.may_force(HOUR - SECOND));
        assert!(pace.may_force(HOUR));
    }
}
