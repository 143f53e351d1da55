//! The one way in which an async lock is waited for.
//!
//! The check runs when the future is first polled, by whoever polls it then, and again with each poll that
//! finds the lock still taken: what the caller holds may have changed. Nothing is recorded before the lock
//! is there, so a future that is dropped while it waits leaves nothing behind.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::coop::cooperative;

use crate::Rank;
#[cfg(not(any(debug_assertions, feature = "enforce")))]
use crate::ask::Unrecorded;
use crate::ask::{Grant, Granted, How, Want};
use crate::checker::Asked;
use crate::error::AcquireError;

pin_project_lite::pin_project! {
    /// Checks, waits, and makes a guard of what it got. A future of its own rather than an async block: one
    /// state machine less around the wrapped one, and little to write before the first poll.
    pub(super) struct Forever<R: Rank, H, N, W, G> {
        #[pin]
        wait: W,
        now: N,
        want: Want<R, H>,
        // Since the first poll.
        asked: Option<Asked>,
        guard: PhantomData<fn() -> G>,
    }
}

/// Waits for as long as it takes. `now` is the lock if it is free, which is found out faster than by `wait`.
#[inline(always)]
pub(super) fn forever<R, H, N, W, G>(want: Want<R, H>, now: N, wait: W) -> Forever<R, H, N, W, G>
where
    R: Rank,
    H: How,
    N: Fn() -> Option<W::Output>,
    W: Future,
    G: Granted<R, H, W::Output>,
{
    Forever { wait, now, want, asked: None, guard: PhantomData }
}

impl<R, H, N, W, G> Future for Forever<R, H, N, W, G>
where
    R: Rank,
    H: How,
    N: Fn() -> Option<W::Output>,
    W: Future,
    G: Granted<R, H, W::Output>,
{
    type Output = G;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        let this = self.project();
        let Some(asked) = this.asked else {
            let (grant, asked) = Grant::ask(this.want);
            let polled = match at_once(|| (this.now)(), cx) {
                Ok(polled) => polled,
                Err(Taken) => this.wait.poll(cx),
            };
            let polled = polled.map(|inner| G::granted(inner, this.want, grant));
            if polled.is_pending() {
                *this.asked = Some(asked);
            }
            return polled;
        };
        match this.wait.poll(cx) {
            Poll::Ready(inner) => Poll::Ready(G::granted(inner, this.want, Grant::Asked(*asked))),
            Poll::Pending => {
                asked.repeat(&this.want.by_task());
                Poll::Pending
            }
        }
    }
}

/// The lock is not free.
struct Taken;

/// The lock if it is free, at the price in tokio's cooperative budget that waiting for it has; pending if
/// that is spent. Nobody is overtaken: tokio hands a lock that is given back to who waits for it, so while
/// somebody does it is not free.
#[inline(always)]
fn at_once<T>(now: impl Fn() -> Option<T>, cx: &mut Context<'_>) -> Result<Poll<T>, Taken> {
    if !crate::ENFORCING {
        return Err(Taken); // There it is the wrapped lock that decides.
    }
    let mut tried = false;
    let polled = pin!(cooperative(poll_fn(|_| {
        tried = true;
        now().map_or(Poll::Pending, Poll::Ready)
    })))
    .poll(cx);
    match tried && polled.is_pending() {
        true => Err(Taken),
        false => Ok(polled),
    }
}

#[cfg(not(any(debug_assertions, feature = "enforce")))]
pin_project_lite::pin_project! {
    /// The wrapped future, with the guard around what it gives: to the instruction.
    pub(super) struct Bare<W, G> {
        #[pin]
        wait: W,
        guard: PhantomData<fn() -> G>,
    }
}

/// Waits as the wrapped lock does.
#[cfg(not(any(debug_assertions, feature = "enforce")))]
#[inline(always)]
pub(super) fn bare<W: Future, G: Unrecorded<W::Output>>(wait: W) -> Bare<W, G> {
    Bare { wait, guard: PhantomData }
}

#[cfg(not(any(debug_assertions, feature = "enforce")))]
impl<W: Future, G: Unrecorded<W::Output>> Future for Bare<W, G> {
    type Output = G;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        self.project().wait.poll(cx).map(G::unrecorded)
    }
}

pin_project_lite::pin_project! {
    /// A wait for a guard that owns its lock, with what the guard has to keep beside it.
    pub(super) struct Keeping<W, K> {
        #[pin]
        wait: W,
        keep: Option<K>,
    }
}

/// Waits, and adds `keep`.
pub(super) fn keeping<W: Future, K>(wait: W, keep: K) -> Keeping<W, K> {
    Keeping { wait, keep: Some(keep) }
}

impl<W: Future, K> Future for Keeping<W, K> {
    type Output = (W::Output, K);

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.wait.poll(cx).map(|inner| (inner, this.keep.take().expect("a future is ready once")))
    }
}

/// Checks and waits for `limit` at most. The timer is armed only if the first poll finds the lock taken, so
/// that a free lock costs no timer and needs no time driver.
#[inline]
pub(super) async fn within<R, H, W, G>(
    want: Want<R, H>,
    limit: Duration,
    wait: W,
) -> Result<G, AcquireError>
where
    R: Rank,
    H: How,
    W: Future,
    G: Granted<R, H, W::Output>,
{
    let mut wait = pin!(wait);
    let (grant, asked) = Grant::ask(&want);
    if let Some(inner) = first_poll(wait.as_mut()).await {
        return Ok(G::granted(inner, &want, grant));
    }
    match tokio::time::timeout(limit, checked(&want, asked, wait)).await {
        Ok((inner, asked)) => Ok(G::granted(inner, &want, Grant::Asked(asked))),
        Err(_) => Err(want.by_task().timed_out(limit)),
    }
}

/// The lock, if it is free.
#[inline]
async fn first_poll<G>(mut wait: Pin<&mut impl Future<Output = G>>) -> Option<G> {
    poll_fn(|cx| match wait.as_mut().poll(cx) {
        Poll::Ready(guard) => Poll::Ready(Some(guard)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Waits on, and repeats the check until it has something to report.
async fn checked<R: Rank, H: How, G>(
    want: &Want<R, H>,
    mut asked: Asked,
    mut wait: Pin<&mut impl Future<Output = G>>,
) -> (G, Asked) {
    let inner = poll_fn(|cx| {
        let polled = wait.as_mut().poll(cx);
        if polled.is_pending() {
            asked.repeat(&want.by_task());
        }
        polled
    })
    .await;
    (inner, asked)
}
