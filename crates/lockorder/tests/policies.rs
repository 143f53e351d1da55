//! Policies of one hierarchy, suppressed pairs, and what is logged. Sequential parts of one test: all of it
//! belongs to the process.
#![cfg(any(debug_assertions, feature = "enforce"))]

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex as StdMutex};

use common::{Inner, Middle, Order, Outer, report};
use lockorder::{Mutex, Policy, set_policy, set_policy_of, suppress, suppressions};

lockorder::hierarchy! {
    Other {
        level 1 { First = "first" }
        level 2 { Second = "second" }
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<StdMutex<Vec<u8>>>);

impl Lines {
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn policies_of_a_hierarchy_suppressions_and_the_log() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .with_max_level(tracing::Level::WARN)
        .finish();
    let _default = tracing::subscriber::set_default(subscriber);

    let (outer, inner) = (Mutex::<Outer, _>::new(0), Mutex::<Inner, _>::new(0));
    let (first, second) = (Mutex::<First, _>::new(0), Mutex::<Second, _>::new(0));
    let invert = || drop((inner.lock(), outer.lock()));
    let invert_other = || drop((second.lock(), first.lock()));

    // A hierarchy of its own policy does not change the others.
    set_policy_of::<Other>(Some(Policy::Ignore));
    invert_other();
    assert_eq!(lines.take().len(), 0, "ignored is not logged");
    assert!(report(invert).starts_with(common::ORDER));
    assert_eq!(lines.take().len(), 1);
    set_policy_of::<Other>(None);
    assert!(report(invert_other).starts_with(common::ORDER));
    set_policy(Policy::Log);
    set_policy_of::<Order>(Some(Policy::Panic));
    assert!(report(invert).starts_with(common::ORDER));
    set_policy_of::<Order>(None);
    lines.take();

    // In the log each pair of places is there once.
    for _ in 0..3 {
        invert();
        invert_other();
    }
    let logged = lines.take();
    assert_eq!(logged.len(), 2, "{logged:?}");
    assert!(logged.iter().all(|line| line.contains("WARN") && line.contains("violation")));
    drop((inner.lock(), outer.lock())); // the same classes in another place
    assert_eq!(lines.take().len(), 1);

    // A suppressed pair is not reported, and counted; its reverse and others are.
    set_policy(Policy::Panic);
    suppress("inner", "outer", "shown in a test");
    suppress("inner", "outer", "a second reason changes nothing");
    invert();
    invert();
    let [only] = &suppressions()[..] else { panic!("one pair") };
    assert_eq!((only.reason, only.count), ("shown in a test", 2));
    let middle = Mutex::<Middle, _>::new(0);
    assert!(report(|| drop((inner.lock(), middle.lock()))).starts_with(common::ORDER));
    assert!(report(invert_other).starts_with(common::ORDER));
}
