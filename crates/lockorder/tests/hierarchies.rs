//! Two hierarchies in one process: the order between them is learned.
#![cfg(any(debug_assertions, feature = "enforce"))]

mod common;

use common::{assert_report, report};
use lockorder::Mutex;

lockorder::hierarchy! { Left { level 1 { A = "a" } level 2 { B = "b" } } }
lockorder::hierarchy! { Right { level 1 { C = "c" } level 2 { D = "d" } } }
lockorder::hierarchy! { Fourth { level 1 { P = "p" } } }
lockorder::hierarchy! { Fifth { level 1 { Q = "q" } } }
lockorder::hierarchy! { Sixth { level 1 { S = "s" } } }
lockorder::hierarchy! { Third { level 9 { E = "e" } } }

const BETWEEN: &str = "lock order violation, by what was learned";
const FILE: &str = "tests/hierarchies.rs";

#[test]
fn the_order_between_hierarchies_is_learned_and_cycles_of_any_length_are_reported() {
    let (a, b) = (Mutex::<A, _>::new(()), Mutex::<B, _>::new(()));
    let (c, d) = (Mutex::<C, _>::new(()), Mutex::<D, _>::new(()));
    let e = Mutex::<E, _>::new(());

    drop((b.lock(), c.lock())); // b -> c is learned
    drop((b.lock(), c.lock()));
    assert_report(&report(|| drop((c.lock(), b.lock()))), BETWEEN, "b", "c", FILE);
    // a -> b is declared and c -> d too, so d -> a closes a -> b -> c -> d.
    assert_report(&report(|| drop((d.lock(), a.lock()))), BETWEEN, "a", "d", FILE);

    drop((d.lock(), e.lock())); // d -> e
    assert_report(&report(|| drop((e.lock(), a.lock()))), BETWEEN, "a", "e", FILE);

    // Edges come from everything held, not from the last lock only; and other locks of the same classes
    // are as good as these.
    drop((Mutex::<A, _>::new(()).lock(), d.try_lock(), e.lock()));
    let fresh = Mutex::<E, _>::new(());
    assert_report(&report(|| drop((fresh.lock(), a.lock()))), BETWEEN, "a", "e", FILE);
}

#[test]
fn a_refused_acquisition_teaches_nothing() {
    let (p, q, r) = (Mutex::<P, _>::new(()), Mutex::<Q, _>::new(()), Mutex::<S, _>::new(()));
    drop((p.lock(), q.lock())); // p -> q
    let both = || drop((r.lock(), q.try_lock(), p.lock()));
    assert_report(&report(both), BETWEEN, "p", "q", FILE);
    drop((p.lock(), r.lock())); // r -> p was not learned
    drop(r.try_lock());
    drop((q.lock(), p.try_lock())); // and try_lock teaches nothing
    drop((p.lock(), q.lock()));
}

#[test]
fn inside_each_hierarchy_its_own_table_counts() {
    let (a, b, d) = (Mutex::<A, _>::new(()), Mutex::<B, _>::new(()), Mutex::<D, _>::new(()));
    let report = report(|| drop((b.lock(), d.try_lock(), a.lock())));
    assert_report(&report, "lock order violation\u{3a}", "a", "b", FILE);
}
