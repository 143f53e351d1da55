//! The one way in which an async lock is waited for.
//!
//! The check runs when the future is first polled, by whoever polls it then, and again with each poll that
//! finds the lock still taken: what the caller holds may have changed. Nothing is recorded before the lock
//! is there, so a future that is dropped while it waits leaves nothing behind.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::ask::Ask;
use crate::checker::{self, Asked, Held, Place};
use crate::error::AcquireError;

/// What allows a lock to be held that was waited for.
#[derive(Clone, Copy)]
pub(super) enum Grant {
    /// It surely breaks nothing, and belongs here.
    Placed(Place),
    /// It was looked at longer.
    Asked(Asked),
}

impl Grant {
    /// Records the acquired lock.
    #[inline(always)]
    pub(super) fn hold(self, ask: &Ask) -> Held {
        match self {
            Self::Placed(place) => place.hold(ask),
            Self::Asked(asked) => ask.hold(asked),
        }
    }
}

pin_project_lite::pin_project! {
    /// Checks, waits, and makes a guard of what it got. A future of its own rather than an async block: one
    /// state machine less around the wrapped one.
    pub(super) struct Forever<W, M> {
        #[pin]
        wait: W,
        ask: Ask,
        asked: Option<Asked>,
        reported: bool,
        make: M,
    }
}

/// Waits for as long as it takes.
#[inline]
pub(super) fn forever<W, M, G>(ask: Ask, wait: W, make: M) -> Forever<W, M>
where
    W: Future,
    M: Fn(W::Output, &Ask, Grant) -> G,
{
    Forever { wait, ask, asked: None, reported: false, make }
}

impl<W, M, G> Future for Forever<W, M>
where
    W: Future,
    M: Fn(W::Output, &Ask, Grant) -> G,
{
    type Output = G;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        let this = self.project();
        let is_first = this.asked.is_none();
        if is_first {
            if let Some(place) = checker::admit(this.ask) {
                *this.asked = Some(Asked::NEVER);
                let make = |inner| (this.make)(inner, this.ask, Grant::Placed(place));
                return this.wait.poll(cx).map(make);
            }
        }
        let asked = *this.asked.get_or_insert_with(|| {
            let asked = this.ask.check();
            *this.reported = asked.was_reported();
            asked
        });
        match this.wait.poll(cx) {
            Poll::Ready(inner) => Poll::Ready((this.make)(inner, this.ask, Grant::Asked(asked))),
            Poll::Pending => {
                if !is_first && !*this.reported {
                    *this.reported = this.ask.check_again();
                }
                Poll::Pending
            }
        }
    }
}

/// Checks and waits for `limit` at most. The timer is armed only if the first poll finds the lock taken, so
/// that a free lock costs no timer and needs no time driver.
#[inline]
pub(super) async fn within<G>(
    ask: &Ask,
    limit: Duration,
    wait: impl Future<Output = G>,
) -> Result<(G, Grant), AcquireError> {
    let mut wait = pin!(wait);
    let asked = match checker::admit(ask) {
        Some(place) => match at_once(wait.as_mut()).await {
            Some(guard) => return Ok((guard, Grant::Placed(place))),
            None => Asked::NEVER,
        },
        None => ask.check(),
    };
    let granted = |guard| (guard, Grant::Asked(asked));
    if let Some(guard) = at_once(wait.as_mut()).await {
        return Ok(granted(guard));
    }
    match tokio::time::timeout(limit, checked(ask, asked, wait)).await {
        Ok(guard) => Ok(granted(guard)),
        Err(_) => Err(ask.timed_out(limit)),
    }
}

/// The lock, if it is free.
#[inline]
async fn at_once<G>(mut wait: Pin<&mut impl Future<Output = G>>) -> Option<G> {
    poll_fn(|cx| match wait.as_mut().poll(cx) {
        Poll::Ready(guard) => Poll::Ready(Some(guard)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Waits on, and repeats the check until it has something to report.
async fn checked<G>(ask: &Ask, asked: Asked, mut wait: Pin<&mut impl Future<Output = G>>) -> G {
    let mut reported = asked.was_reported();
    poll_fn(|cx| {
        let polled = wait.as_mut().poll(cx);
        if polled.is_pending() && !reported {
            reported = ask.check_again();
        }
        polled
    })
    .await
}
