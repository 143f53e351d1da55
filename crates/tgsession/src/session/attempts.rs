//! The attempts of a session that are under way.
//!
//! Those that keep the session to themselves are few, one for each lane and the one that runs, and are polled by the
//! runner's own waker whenever it is polled. The others may be many. A set of futures, with a waker for each, is what
//! they need, and would be wrong for the few: it has its task polled once more for each future that it polls first, and
//! that wakes a second thread of the runtime, which costs more than all else that the manager does for an operation.

use std::future::poll_fn;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::attempt::{Attempt, Ended};

#[derive(Default)]
pub(super) struct Attempts {
    exclusive: Vec<Attempt>,
    shared: FuturesUnordered<Attempt>,
}

impl Attempts {
    pub(super) fn push(&mut self, attempt: Attempt, exclusive: bool) {
        match exclusive {
            true => self.exclusive.push(attempt),
            false => self.shared.push(attempt),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exclusive.is_empty() && self.shared.is_empty()
    }

    /// Waits until one has ended; `None` if it panicked. For ever if there is none.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it loses nothing.
    pub(super) async fn next(&mut self) -> Option<Ended> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ended>> {
        for at in 0..self.exclusive.len() {
            if let Poll::Ready(ended) = self.exclusive[at].poll_unpin(cx) {
                drop(self.exclusive.swap_remove(at));
                return Poll::Ready(ended);
            }
        }
        // An empty set would be asked, and take the waker, all the same.
        if self.shared.is_empty() {
            return Poll::Pending;
        }
        self.shared.poll_next_unpin(cx).map(Option::flatten)
    }
}
