//! A lock that `lockorder` does not know, in the same order as those that it knows: a spin lock.
//!
//! ```text
//! cargo run --example foreign
//! ```

use std::sync::atomic::{AtomicBool, Ordering};

use lockorder::testing::violations;
use lockorder::{Held, Mutex, Rank, Request};

lockorder::hierarchy! {
    App {
        level 1 { Queue = "queue" }
        level 2 { Spin = "spin" }
    }
}

#[derive(Default)]
struct SpinLock(AtomicBool);

struct SpinGuard<'a> {
    lock: &'a SpinLock,
    _held: Held, // ends after `drop` below has released the lock
}

impl SpinLock {
    #[track_caller]
    fn lock(&self) -> SpinGuard<'_> {
        let checked = Request::new(Spin::class()).of(self).check(); // reports before it spins
        while self.0.swap(true, Ordering::Acquire) {
            std::hint::spin_loop();
        }
        SpinGuard { lock: self, _held: checked.hold() }
    }
}

impl Drop for SpinGuard<'_> {
    fn drop(&mut self) {
        self.lock.0.store(false, Ordering::Release);
    }
}

fn main() {
    let (queue, spin) = (Mutex::<Queue, _>::new(vec![1]), SpinLock::default());
    let found = violations(|| {
        let _spin = spin.lock();
        queue.lock().push(2);
    });
    println!("{}", found[0]);
}
