//! A map whose references are locks.
#![cfg(all(feature = "dashmap", any(debug_assertions, feature = "enforce")))]

mod common;

use common::{Inner, LOCK, Many, Middle, Outer, assert_report, kinds, report};
use lockorder::Mutex;
use lockorder::ViolationKind::{Order, SameClass};
use lockorder::dashmap::{DashMap, Entry};

fn map() -> DashMap<Middle, u32, u32> {
    (0..8).map(|n| (n, n)).collect()
}

#[test]
fn calling_into_the_map_while_a_reference_lives_is_reported_instead_of_hanging() {
    let map = map();
    let calls: [&dyn Fn(); 13] = [
        &|| drop(map.get(&99)),
        &|| drop(map.get_mut(&1)),
        &|| drop(map.entry(1)),
        &|| assert_eq!(map.insert(1, 1), None),
        &|| assert_eq!(map.remove(&1), None),
        &|| assert!(map.contains_key(&99)),
        &|| assert_eq!(map.len(), 0),
        &|| assert!(map.is_empty()),
        &|| assert_eq!(map.capacity(), 0),
        &|| drop(map.iter()),
        &|| drop(map.iter_mut()),
        &|| map.clear(),
        &|| map.shrink_to_fit(),
    ];
    let held = map.get(&1).unwrap();
    for call in calls {
        let report = report(call);
        assert_report(&report, LOCK, "middle", "middle", "tests/dashmap.rs");
    }
    assert!(map.try_entry(1).is_none(), "which waits for nobody");
    drop(held);
    assert_eq!(map.len(), 8);
}

#[test]
fn every_kind_of_reference_is_a_held_lock_of_the_maps_class() {
    let (map, outer) = (map(), Mutex::<Outer, _>::new(0));
    let probe = || kinds(|| drop(outer.lock()));
    macro_rules! held {
        ($($reference:expr),+ $(,)?) => {$(
            let reference = $reference;
            assert_eq!(probe(), [Order], stringify!($reference));
            drop(reference);
            assert_eq!(probe(), [], stringify!($reference));
        )+};
    }
    held! {
        map.get(&1).unwrap(),
        map.get_mut(&1).unwrap(),
        map.get_mut(&1).unwrap().downgrade(),
        map.entry(1),
        map.entry(77),
        map.entry(1).and_modify(|v| *v += 1).or_insert(0),
        map.entry(78).or_default(),
        map.entry(79).insert(7),
        map.iter(),
        map.iter_mut(),
        map.iter().next().unwrap(),
        map.iter_mut().next().unwrap(),
    }
    let Entry::Occupied(entry) = map.entry(1) else { panic!("it is there") };
    assert_eq!((*entry.key(), *entry.get(), entry.remove()), (1, 2, 2));
    let Entry::Vacant(entry) = map.entry(1) else { panic!("it was removed") };
    assert_eq!((entry.into_key(), probe()), (1, vec![]));
}

#[test]
fn an_item_outlives_its_iterator_as_a_held_lock() {
    let (map, outer) = (map(), Mutex::<Outer, _>::new(0));
    let mut iter = map.iter();
    let item = iter.next().unwrap();
    drop(iter);
    assert_eq!(kinds(|| drop(outer.lock())), [Order]);
    drop(item);
    assert_eq!(kinds(|| drop(outer.lock())), []);
}

#[test]
fn an_iterator_that_goes_on_under_a_later_lock_is_reported() {
    let (map, inner) = (map(), Mutex::<Inner, _>::new(0));
    let mut iter = map.iter();
    assert_eq!(kinds(|| drop(iter.next())), []);
    let later = inner.lock();
    assert_eq!(kinds(|| drop(iter.next())), [Order]);
    drop(later);
    assert_eq!(iter.count(), 6);
}

#[test]
fn what_a_call_runs_of_the_program_is_under_the_maps_lock() {
    let (map, outer) = (map(), Mutex::<Outer, _>::new(0));
    let lock = || drop(outer.lock());
    assert_eq!(kinds(|| map.retain(|n, _| (*n == 3).then(lock).is_some())), [Order]);
    assert_eq!(kinds(|| map.alter(&3, |_, v| (lock(), v + 1).1)), [Order]);
    assert_eq!(kinds(|| map.alter_all(|_, v| (lock(), v + 1).1)), [Order]);
    assert_eq!(kinds(|| assert_eq!(map.view(&3, |_, v| (lock(), *v).1), Some(5))), [Order]);
    assert_eq!(
        kinds(|| assert_eq!(map.remove_if(&3, |_, v| (lock(), *v == 5).1), Some((3, 5)))),
        [Order]
    );
    assert_eq!(kinds(|| assert!(map.is_empty())), []);
}

#[test]
fn it_is_a_map() {
    let map = DashMap::<Many, _, _>::keyed(1);
    assert_eq!((map.insert("a", 1), map.insert("a", 2), map.insert("b", 3)), (None, Some(1), None));
    *map.get_mut("a").unwrap() += 1;
    *map.entry("b").or_insert(0) += 1;
    let a = *map.get("a").unwrap();
    assert_eq!((a, map.remove("b"), map.len()), (3, Some(("b", 4)), 1));
    map.iter_mut().for_each(|mut entry| *entry += 1);
    assert_eq!(map.iter().map(|entry| *entry.value()).sum::<u32>(), 4);
    assert_eq!((&map).into_iter().count(), 1);
    map.shrink_to_fit();
    map.clear();
    assert!(map.is_empty() && map.get("a").is_none());
    let other = DashMap::<Many, &str, u32>::keyed(0);
    let _iter = map.iter();
    assert_eq!(kinds(|| assert!(other.is_empty())), [SameClass], "against rising keys");
    assert_eq!(other.into_iter().count(), 0);
}
