//! A future with held locks of its own.

use std::fmt;
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
        holder: BranchHolder,
    }
}

impl<F> Branch<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future, holder: BranchHolder { of: None } }
    }
}

impl<F: Future> Future for Branch<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let future = this.future;
        match this.holder.enter() {
            Some(block) => {
                let polled = local::within(block, || future.poll(cx));
                if polled.is_ready() {
                    this.holder.end();
                }
                polled
            }
            None => future.poll(cx),
        }
    }
}

/// The block of a branch, and the base whose branch it is.
struct BranchHolder {
    of: Option<(&'static Block, &'static Block)>,
}

impl BranchHolder {
    /// The branch's block, as a branch of whoever polls it now; `None` once the thread has ended.
    fn enter(&mut self) -> Option<&'static Block> {
        let base = local::base()?;
        let block = match self.of {
            Some((block, old)) if std::ptr::eq(old, base) => block,
            Some((block, old)) => {
                old.family.leave(block);
                base.family.enter(block);
                block
            }
            None => {
                static NEXT: AtomicU64 = AtomicU64::new(1);
                let block = pool::take();
                let number = NEXT.fetch_add(1, Ordering::Relaxed) | local::BRANCH;
                block.owner.store(number, Ordering::Relaxed);
                base.family.enter(block);
                block
            }
        };
        self.of = Some((block, base));
        Some(block)
    }

    fn end(&mut self) {
        let Some((block, base)) = self.of.take() else { return };
        // What it still holds is its parent's from now on, blocking locks of this thread too: their guards
        // cannot have gone anywhere else.
        let owner = |block: &Block| block.owner.load(Ordering::Relaxed);
        let parent = block.family.parent().unwrap_or(base);
        if let Some(thread) = local::thread() {
            thread.retag(owner(block), owner(parent));
        }
        base.family.end(block).into_iter().for_each(pool::give_back);
    }
}

impl fmt::Debug for BranchHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.of.map(|(block, _)| block.owner.load(Ordering::Relaxed) ^ local::BRANCH);
        number.fmt(f)
    }
}

impl Drop for BranchHolder {
    fn drop(&mut self) {
        self.end();
    }
}
