//! A worker of tokio polls the task that was just woken at once, but only three one after the other: what the third of
//! them wakes goes to the end of its queue, and another worker is woken to take it from there.
//!
//! An answer of Telegram that ends an operation wakes the connection, the runner, the caller; who submits the next
//! operation wakes the runner, the connection: one task too many. So for each operation a second thread would be woken,
//! to find one task and nothing else to do: 5 to 10 us, more than all else that a manager does for it. Where the runner
//! ends its go, with the share that tokio gives it used up, the caller begins a new one on the same worker.

use std::future::{pending, poll_fn};
use std::task::Poll;

use tokio::task::coop::{has_budget_remaining, poll_proceed};

/// What a task may use in one go at most. One that may use any amount is not stopped by it.
const SHARE: usize = 128;

/// Uses up the share of this go: whoever was woken in it is polled in a go of his own. Never returns: the task that
/// waits for this has nothing else to do now.
pub(super) async fn end() {
    poll_fn(|cx| {
        for _ in 0..SHARE {
            // It must not be asked for more than there is: it would have the task polled again.
            if !has_budget_remaining() {
                break;
            }
            if let Poll::Ready(used) = poll_proceed(cx) {
                used.made_progress();
            }
        }
        Poll::Ready(())
    })
    .await;
    pending::<()>().await;
}
