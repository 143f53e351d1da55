//! Blocks that are in use, and those that wait to be used again.
//!
//! A block goes back when its owner ends, or, if a guard of it lives on elsewhere, when a later owner looks
//! for one and finds it empty. So there are never more blocks than holders at one time, and any number of
//! short tasks leaves bounded memory.

use parking_lot::Mutex;

use super::block::Block;

struct Pool {
    /// Every block there is.
    all: Vec<&'static Block>,
    free: Vec<&'static Block>,
    /// Blocks without an owner in which something was still held when it ended.
    orphans: Vec<&'static Block>,
}

static POOL: Mutex<Pool> =
    Mutex::new(Pool { all: Vec::new(), free: Vec::new(), orphans: Vec::new() });

/// An empty block for a new owner.
pub(super) fn take() -> &'static Block {
    let mut pool = POOL.lock();
    if pool.free.is_empty() && !pool.orphans.is_empty() {
        let mut free = Vec::new();
        pool.orphans.retain(|block| {
            free.extend(block.family.clear_away());
            let empty = block.is_empty();
            if empty {
                free.push(block);
            }
            !empty
        });
        pool.free = free;
    }
    let block = pool.free.pop().unwrap_or_else(|| {
        let block: &'static Block = Box::leak(Box::new(Block::new()));
        pool.all.push(block);
        block
    });
    block.disown();
    block
}

/// Takes a block back whose owner is gone.
pub(super) fn give_back(block: &'static Block) {
    // While it is still ours: a block in the pool belongs to nobody.
    block.clear_away();
    let empty = block.is_empty();
    let mut pool = POOL.lock();
    if empty {
        pool.free.push(block);
    } else {
        pool.orphans.push(block);
    }
}

/// Every block, free ones included.
pub(super) fn all() -> Vec<&'static Block> {
    POOL.lock().all.clone()
}
