//! A future with held locks of its own.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use super::awaited::Awaited;
use super::block::Block;
use super::{local, pool, suspended};

pin_project_lite::pin_project! {
    /// See [`branch`](crate::branch).
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Cache = "cache" } } }
    /// use lockorder::{Branch, branch, tokio::Mutex};
    ///
    /// static CACHE: Mutex<Cache, u32> = Mutex::new(7);
    ///
    /// fn look() -> Branch<impl Future<Output = u32>> {
    ///     branch(async { *CACHE.lock().await })
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (a, b) = tokio::join!(look(), look());
    /// assert_eq!(a + b, 14);
    /// # }
    /// ```
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
        Self { future, holder: BranchHolder::default() }
    }

    /// The future of a task that somebody may wait for.
    pub(crate) fn awaited(future: F, awaited: &Awaited) -> Self {
        Self { future, holder: BranchHolder::awaited(awaited.clone()) }
    }
}

impl<F: Future> Future for Branch<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let future = this.future;
        match this.holder.enter() {
            Some(block) => {
                this.holder.awaited.iter().for_each(|awaited| awaited.polled(cx.waker()));
                let polled = local::within(block, || future.poll(cx));
                match polled.is_ready() {
                    true => this.holder.end(),
                    false => suspended::branch(block),
                }
                polled
            }
            None => future.poll(cx),
        }
    }
}

/// The block of a branch, and the base whose branch it is.
#[derive(Default)]
pub(super) struct BranchHolder {
    of: Option<(&'static Block, &'static Block)>,
    /// Who waits for it, if it is a task.
    awaited: Option<Awaited>,
}

impl BranchHolder {
    pub(super) fn awaited(awaited: Awaited) -> Self {
        Self { of: None, awaited: Some(awaited) }
    }

    /// The branch's block, as a branch of whoever polls it now; `None` once the thread has ended.
    pub(super) fn enter(&mut self) -> Option<&'static Block> {
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
                block.family.set_awaited(self.awaited.clone());
                base.family.enter(block);
                block
            }
        };
        self.of = Some((block, base));
        Some(block)
    }

    pub(super) fn end(&mut self) {
        let Some((block, base)) = self.of.take() else { return };
        // What it still holds is its parent's from now on, blocking locks of this thread too: their guards
        // cannot have gone anywhere else.
        let owner = |block: &Block| block.owner.load(Ordering::Relaxed);
        let parent = block.family.parent().unwrap_or(base);
        if let Some(thread) = local::thread() {
            thread.retag(owner(block), owner(parent));
        }
        if let Some(awaited) = &self.awaited {
            // Here and not when the block is used again, which is under the pool's lock: with it goes a waker.
            drop(block.family.take_awaited());
            awaited.ended();
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
