//! From a tokio task to the block of its async locks, wherever the task runs.
//!
//! Tokio has no hook for the end of a task and no room of ours in its header, so blocks are found by task
//! id. Each thread keeps the block of the last task that locked something on it, which makes the usual
//! look-up two comparisons. The table is touched only when another task takes over.
//!
//! A block has one writer. Its `stamp` says which: the thread whose cached copy is equal to it. Stamps are
//! unique, and change only under the table's lock for the block's task: on adoption by a thread that polls
//! the task, and to 0 when a thread turns to another task and leaves a block behind in which something is
//! held. A task runs on one thread at a time, so while a thread polls a task with a current stamp nobody
//! can change it: an adopter would have to poll the same task, and a sweep takes only blocks stamped 0.
//!
//! A block in which nothing is held goes on with the thread to its next task. What is left behind by tasks
//! that never lock again (their guards were dropped elsewhere) is swept up when the table has doubled.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::runtime::{self, Handle};

use super::block::Block;
use super::local::{Local, Tag};
use super::{pool, suspended};

/// The block of a task, as a thread remembers it.
#[derive(Clone, Copy)]
pub(super) struct Cached {
    id: Tag,
    stamp: u64,
    block: &'static Block,
    runtime: Option<runtime::Id>,
}

/// The number of the task that is being polled.
#[inline(always)]
pub(super) fn current() -> Option<Tag> {
    tokio::task::try_id().map(|id| {
        let mut number = Number::default();
        id.hash(&mut number);
        number.0
    })
}

impl Cached {
    /// The block, if it is that of this task and still ours.
    #[inline(always)]
    pub(super) fn block_of(self, id: Tag) -> Option<&'static Block> {
        let is_ours = self.id == id && self.block.stamp.load(Ordering::Relaxed) == self.stamp;
        is_ours.then_some(self.block)
    }
}

/// The block of the task being polled; `None` once the thread has ended.
#[inline]
pub(super) fn block(local: &Local, id: Tag) -> Option<&'static Block> {
    let cached = local.task.get();
    cached.and_then(|cached| cached.block_of(id)).or_else(|| switch(local, cached, id))
}

/// Turns this thread to another task.
#[cold]
#[inline(never)]
fn switch(local: &Local, cached: Option<Cached>, id: Tag) -> Option<&'static Block> {
    if local.has_ended() {
        return None;
    }
    let runtime = Handle::try_current().ok().map(|runtime| runtime.id());
    let spare = cached.and_then(retire);
    let (block, stamp, spare) = adopt(id, spare);
    local.task.set(Some(Cached { id, stamp, block, runtime }));
    spare.into_iter().for_each(pool::give_back);
    sweep_if_grown();
    if let Some(last) = cached.filter(|last| last.id != id && last.runtime == runtime) {
        suspended::task(last.id);
    }
    Some(block)
}

/// Ends a thread's claim on the block of a task, and returns the block if nothing is held in it.
pub(super) fn retire(cached: Cached) -> Option<&'static Block> {
    let mut tasks = shard(cached.id).lock();
    if cached.block.stamp.load(Ordering::Relaxed) != cached.stamp {
        return None; // The task has moved on to another thread, which has it now.
    }
    cached.block.stamp.store(0, Ordering::Relaxed);
    cached.block.clear_away();
    if !cached.block.is_empty() {
        return None; // The task is suspended with locks held: whoever polls it next finds them.
    }
    tasks.remove(&cached.id);
    LEN.fetch_sub(1, Ordering::Relaxed);
    Some(cached.block)
}

/// Finds the block of a task or makes it one, of `spare` if there is one; returns what is left over.
fn adopt(id: Tag, spare: Option<&'static Block>) -> (&'static Block, u64, Option<&'static Block>) {
    let stamp = NEXT_STAMP.fetch_add(1, Ordering::Relaxed);
    let mut tasks = shard(id).lock();
    if let Some(&block) = tasks.get(&id) {
        block.stamp.store(stamp, Ordering::Relaxed);
        return (block, stamp, spare);
    }
    let block = spare.unwrap_or_else(pool::take);
    block.owner.store(id, Ordering::Relaxed);
    block.stamp.store(stamp, Ordering::Relaxed);
    tasks.insert(id, block);
    LEN.fetch_add(1, Ordering::Relaxed);
    (block, stamp, None)
}

/// Takes back the blocks of tasks that left locks held and never came back for others.
fn sweep_if_grown() {
    if LEN.load(Ordering::Relaxed) < SWEEP_AT.load(Ordering::Relaxed) {
        return;
    }
    for shard in &TASKS {
        let mut left = Vec::new();
        shard.lock().retain(|_, block| {
            block.clear_away();
            let over = block.stamp.load(Ordering::Relaxed) == 0 && block.is_empty();
            if over {
                left.push(*block);
            }
            !over
        });
        LEN.fetch_sub(left.len(), Ordering::Relaxed);
        left.into_iter().for_each(pool::give_back);
    }
    SWEEP_AT.store((LEN.load(Ordering::Relaxed) * 2).max(MIN_SWEEP), Ordering::Relaxed);
}

const SHARDS: usize = 16;
const MIN_SWEEP: usize = 256;

type Tasks = HashMap<Tag, &'static Block, BuildHasherDefault<Number>>;

static TASKS: [Mutex<Tasks>; SHARDS] =
    [const { Mutex::new(HashMap::with_hasher(BuildHasherDefault::new())) }; SHARDS];
static LEN: AtomicUsize = AtomicUsize::new(0);
static SWEEP_AT: AtomicUsize = AtomicUsize::new(MIN_SWEEP);
static NEXT_STAMP: AtomicU64 = AtomicU64::new(1);

fn shard(id: Tag) -> &'static Mutex<Tasks> {
    let hash = BuildHasherDefault::<Number>::default().hash_one(id);
    // Fewer than 2^32 shards: the remainder is small.
    &TASKS[(hash % SHARDS as u64) as usize]
}

/// Hashes a number to itself: task ids are counted up, so they spread well over shards and buckets. Also
/// how the number comes out of a [`tokio::task::Id`], which offers it to a hasher only.
#[derive(Default)]
struct Number(u64);

impl Hasher for Number {
    fn finish(&self) -> u64 {
        // The table takes its control byte from the top bits: fill them.
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32) ^ self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |n, b| (n << 8) | u64::from(*b));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}
