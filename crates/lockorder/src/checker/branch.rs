//! A future with held locks of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use super::block::Block;
use super::{local, pool};

pin_project_lite::pin_project! {
    /// See [`branch`](crate::branch).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Branch<F> {
        #[pin]
        future: F,
        holder: Option<BranchHolder>,
    }
}

impl<F> Branch<F> {
    pub(crate) fn new(future: F) -> Self {
        Self {
            future,
            holder: None,
        }
    }
}

impl<F: Future> Future for Branch<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let holder = this.holder.get_or_insert_with(BranchHolder::new);
        local::within(holder.0, || this.future.poll(cx))
    }
}

/// Gives the block back with the branch.
struct BranchHolder(&'static Block);

impl BranchHolder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let block = pool::take();
        block.owner.store(
            NEXT.fetch_add(1, Ordering::Relaxed) | local::BRANCH,
            Ordering::Relaxed,
        );
        Self(block)
    }
}

impl std::fmt::Debug for BranchHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}",
            self.0.owner.load(Ordering::Relaxed) ^ local::BRANCH
        )
    }
}

impl Drop for BranchHolder {
    fn drop(&mut self) {
        pool::give_back(self.0);
    }
}
