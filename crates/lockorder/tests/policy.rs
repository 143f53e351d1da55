//! What a violation does under each policy. One test, because the policy belongs to the process.
#![cfg(any(debug_assertions, feature = "enforce"))]

mod common;

use std::sync::{Arc, Mutex as StdMutex};

use common::{Inner, Outer, report};
use lockorder::{Mutex, Policy, Violation, ViolationKind};

#[test]
fn a_violation_panics_is_logged_or_calls_back() {
    let (outer, inner) = (Mutex::<Outer, _>::new(()), Mutex::<Inner, _>::new(()));
    let invert = || {
        let _inner = inner.lock();
        let _outer = outer.lock();
    };
    assert!(report(invert).starts_with("lock order violation"));

    lockorder::set_policy(Policy::Log);
    invert();

    let seen = Arc::new(StdMutex::new(Vec::<Violation>::new()));
    let sink = Arc::clone(&seen);
    let (own_outer, own_inner) = (Mutex::<Outer, _>::new(()), Mutex::<Inner, _>::new(()));
    lockorder::set_policy(Policy::callback(move |violation| {
        // What a callback locks is not checked: it would call itself.
        let _inner = own_inner.lock();
        let _outer = own_outer.lock();
        sink.lock().unwrap().push(violation.clone());
    }));
    invert();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    let violation = &seen[0];
    assert_eq!(violation.kind, ViolationKind::Order);
    assert_eq!(
        (violation.wanted.as_ref().unwrap().class.name(), violation.held.class.name()),
        ("outer", "inner")
    );
    assert_eq!(violation.wanted.as_ref().unwrap().site.line(), violation.held.site.line() + 1);
    assert_eq!(violation.holder.thread.as_deref(), std::thread::current().name());

    // A callback that panics while the thread unwinds would end the process.
    drop(seen);
    lockorder::set_policy(Policy::callback(|violation| panic!("{violation}")));
    struct Inverts<'a>(&'a dyn Fn());
    impl Drop for Inverts<'_> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    let first = report(|| {
        let _inverts = Inverts(&invert);
        panic!("{}", "the first panic goes on".to_owned());
    });
    assert_eq!(first, "the first panic goes on");
    assert!(report(invert).starts_with("lock order violation"));
}
