//! Something that happens to a session once, and is looked at all the time.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// A [`CancellationToken`] with a flag beside it: each look at the token itself takes a lock.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    is_set: AtomicBool,
    token: CancellationToken,
}

impl Signal {
    pub(crate) fn cancel(&self) {
        self.is_set.store(true, Ordering::Release);
        self.token.cancel();
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    /// Waits until it has happened.
    pub(crate) async fn cancelled(&self) {
        self.token.cancelled().await;
    }
}
