//! How long a connection may keep us waiting: one timer, armed only when something waits.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

/// The one timer of a connection. It is set to the earliest deadline that was asked for and moved
/// back only when it fires too early, so that a busy connection does not touch it.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready once `deadline` has passed; until then the task is woken then or before.
    pub(super) fn poll_at(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

/// Too little moved for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stalled;

/// Bytes moving one way: in every span of waiting, at least a quota must move.
#[derive(Debug)]
pub(super) struct Flow {
    span: Duration,
    quota: u64,
    /// When the span began. Nothing is timed while nothing was ever waited for.
    since: Option<Instant>,
    /// When bytes last moved: what passes until the next wait is not the other end's time.
    moved_at: Option<Instant>,
    moved: u64,
}

impl Flow {
    /// At least `rate` bytes a second, measured over `span`.
    pub(super) fn new(span: Duration, rate: u64) -> Self {
        Self {
            span,
            quota: rate.saturating_mul(span.as_secs()).max(1),
            since: None,
            moved_at: None,
            moved: 0,
        }
    }

    /// Nothing is waited for any more.
    pub(super) fn clear(&mut self) {
        self.since = None;
        self.moved_at = None;
        self.moved = 0;
    }

    /// So many bytes moved.
    pub(super) fn advance(&mut self, bytes: usize) {
        if self.since.is_some() {
            self.moved = self.moved.saturating_add(bytes as u64);
            self.moved_at = Some(Instant::now());
        }
    }

    /// The other end lets us wait: pending until the span is over, then [`Stalled`] if less than
    /// the quota moved in it.
    pub(super) fn poll_wait(&mut self, cx: &mut Context<'_>, alarm: &mut Alarm) -> Poll<Stalled> {
        let now = Instant::now();
        let mut since = self.since.unwrap_or(now);
        if let Some(moved_at) = self.moved_at.take() {
            since += now.saturating_duration_since(moved_at);
        }
        while alarm.poll_at(cx, since + self.span).is_ready() {
            if self.moved < self.quota {
                return Poll::Ready(Stalled);
            }
            since = Instant::now();
            self.moved = 0;
        }
        self.since = Some(since);
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_alarm_wakes_at_the_deadline_asked_for_last() {
        let start = Instant::now();
        let mut alarm = Alarm::default();
        let far = start + Duration::from_secs(75);
        poll_fn(|cx| {
            assert!(alarm.poll_at(cx, far).is_pending());
            Poll::Ready(())
        })
        .await;
        poll_fn(|cx| alarm.poll_at(cx, start + Duration::from_secs(10))).await;
        assert_eq!(start.elapsed().as_secs(), 10);
        poll_fn(|cx| alarm.poll_at(cx, far)).await;
        assert_eq!(start.elapsed().as_secs(), 75);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flow_stalls_only_when_its_quota_is_missed() {
        let start = Instant::now();
        let mut alarm = Alarm::default();
        let mut flow = Flow::new(Duration::from_secs(30), 10);
        poll_fn(|cx| {
            assert!(flow.poll_wait(cx, &mut alarm).is_pending());
            Poll::Ready(())
        })
        .await;
        flow.advance(300);
        poll_fn(|cx| flow.poll_wait(cx, &mut alarm)).await;
        assert_eq!(start.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_waits_does_not_count() {
        let start = Instant::now();
        let mut alarm = Alarm::default();
        let mut flow = Flow::new(Duration::from_secs(30), 10);
        poll_fn(|cx| {
            assert!(flow.poll_wait(cx, &mut alarm).is_pending());
            Poll::Ready(())
        })
        .await;
        flow.advance(1);
        tokio::time::advance(Duration::from_secs(20)).await;
        poll_fn(|cx| flow.poll_wait(cx, &mut alarm)).await;
        assert_eq!(start.elapsed().as_secs(), 50);
    }
}
