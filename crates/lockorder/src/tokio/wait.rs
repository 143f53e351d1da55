//! The one way in which an async lock is waited for.
//!
//! The check runs when the future is first polled, by whoever polls it then. Nothing is recorded before
//! the lock is there, so a future that is dropped while it waits leaves nothing behind.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::ask::Ask;
use crate::checker::Held;
use crate::error::AcquireError;

/// Checks, waits, records.
#[inline]
pub(super) async fn forever<G>(ask: Ask, wait: impl Future<Output = G>) -> (G, Held) {
    let asked = ask.check();
    let guard = wait.await;
    (guard, ask.hold(asked))
}

/// Checks, waits for `limit` at most, records. The timer is armed only if the first poll finds the lock
/// taken, so that a free lock costs no timer and needs no time driver.
#[inline]
pub(super) async fn within<G>(
    ask: Ask,
    limit: Duration,
    wait: impl Future<Output = G>,
) -> Result<(G, Held), AcquireError> {
    let asked = ask.check();
    let mut wait = pin!(wait);
    let at_once = std::future::poll_fn(|cx| match wait.as_mut().poll(cx) {
        Poll::Ready(guard) => Poll::Ready(Some(guard)),
        Poll::Pending => Poll::Ready(None),
    });
    let guard = match at_once.await {
        Some(guard) => guard,
        None => match tokio::time::timeout(limit, wait).await {
            Ok(guard) => guard,
            Err(_) => return Err(ask.timed_out(limit)),
        },
    };
    Ok((guard, ask.hold(asked)))
}
