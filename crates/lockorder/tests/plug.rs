//! Other judges than the built-in one. One test: a checker is set for the whole process.
#![cfg(any(debug_assertions, feature = "enforce"))]

mod common;

use std::sync::Arc;

use common::{Inner, Middle, Outer, kinds};
use lockorder::ViolationKind::{Order, Other};
use lockorder::{
    Acquisition, Breach, Checker, LearnedOrder, Mutex, Off, RankOrder, reset_checker, set_checker,
};

/// Lets nobody hold more than two locks, and writes down what it sees.
#[derive(Clone, Default)]
struct AtMostTwo {
    seen: Arc<std::sync::Mutex<Vec<String>>>,
}

impl AtMostTwo {
    fn note(&self, what: &str, lock: &Acquisition) {
        self.seen.lock().unwrap().push(format!("{what} {}", lock.class.name()));
    }
}

impl Checker for AtMostTwo {
    fn check(&self, wanted: &Acquisition, held: &[Acquisition]) -> Option<Breach> {
        self.note("wanted", wanted);
        // What a checker locks is not checked in turn.
        drop(Mutex::<Outer, _>::new(0).lock());
        (held.len() >= 2).then(|| Breach::new(Other("more than two locks"), 0))
    }

    fn acquired(&self, lock: &Acquisition) {
        self.note("acquired", lock);
    }

    fn released(&self, lock: &Acquisition) {
        self.note("released", lock);
    }
}

#[test]
fn another_checker_judges_and_watches_until_the_built_in_one_is_back() {
    let (outer, middle, inner) =
        (Mutex::<Outer, _>::new(0), Mutex::<Middle, _>::new(0), Mutex::<Inner, _>::new(0));
    let in_order = || drop((outer.lock(), middle.lock(), inner.lock()));
    let against = || drop((inner.lock(), outer.lock()));
    assert_eq!((kinds(in_order), kinds(against)), (vec![], vec![Order]));

    let mine = AtMostTwo::default();
    set_checker(mine.clone());
    assert_eq!(kinds(against), [], "it has no such rule");
    let seen = std::mem::take(&mut *mine.seen.lock().unwrap());
    let expected = ["wanted inner", "acquired inner", "wanted outer", "acquired outer"];
    assert_eq!(seen[..4], expected);
    let mut released = seen[4..].to_vec();
    released.sort();
    assert_eq!(released, ["released inner", "released outer"]);
    let found = lockorder::testing::violations(in_order);
    assert_eq!(found.iter().map(|v| v.kind).collect::<Vec<_>>(), [Other("more than two locks")]);
    assert!(found[0].to_string().starts_with("more than two locks: this can deadlock"));

    set_checker((mine, (RankOrder, LearnedOrder)));
    assert_eq!(kinds(in_order), [Other("more than two locks")]);
    assert_eq!(kinds(against), [Order], "the second judges what the first lets pass");

    set_checker(Off);
    assert_eq!(kinds(against), []);
    let condvar_under_outer = || {
        let _outer = outer.lock();
        let limit = std::time::Duration::ZERO;
        assert!(lockorder::Condvar::new().wait_for(&mut middle.lock(), limit).timed_out());
    };
    assert_eq!(kinds(condvar_under_outer), []);
    set_checker((AtMostTwo::default(), RankOrder));
    assert_eq!(kinds(condvar_under_outer), [lockorder::ViolationKind::CondvarWait]);
    set_checker(Off);
    let _middle = middle.lock();
    assert!(
        lockorder::snapshot().iter().any(|h| h.lock.class.name() == "middle"),
        "still recorded"
    );
    reset_checker();
    assert_eq!(kinds(|| drop(outer.lock())), [Order], "and counts from then on");
}
