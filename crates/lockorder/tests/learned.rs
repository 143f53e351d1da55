//! Locks without a rank: classes by place and by name, and an order that the program shows.
#![cfg(all(feature = "tokio", any(debug_assertions, feature = "enforce")))]

mod common;

use std::sync::Arc;
use std::thread;

use common::{Inner, Many, Outer, kinds};
use lockorder::ViolationKind::{LearnedOrder, Order, SameClass, SameLock};
use lockorder::learned::{FairMutex, Lazy, Mutex, OnceCell, ReentrantMutex, RwLock, tokio as aio};
use lockorder::testing::{Collector, violations};

#[test]
fn the_first_order_seen_is_the_order() {
    static A: Mutex<u32> = Mutex::new(0);
    static B: RwLock<u32> = RwLock::new(0);
    assert_eq!(kinds(|| drop((A.lock(), B.read()))), []);
    assert_eq!(kinds(|| drop((A.lock(), B.write()))), []);
    let found = violations(|| drop((B.read(), A.lock())));
    let [violation] = &found[..] else { panic!("{found:?}") };
    assert_eq!(violation.kind, LearnedOrder);
    let [edge] = &violation.learned[..] else { panic!("{violation}") };
    let (outer, inner) = edge.seen.unwrap();
    assert_eq!((outer.line(), inner.line()), (line!() - 7, line!() - 7), "the first places");
    let text = violation.to_string();
    assert!(text.contains("learned.rs:16:28 (learned)"), "{text}");
    assert!(text.contains("decide on one, and declare it in one table"), "{text}");
}

#[test]
fn a_cycle_of_any_length_is_named_step_by_step() {
    let ring: Vec<_> = ["r0", "r1", "r2", "r3"].map(|name| Mutex::named(name, 0)).into();
    for pair in ring.windows(2) {
        assert_eq!(kinds(|| drop((pair[0].lock(), pair[1].lock()))), []);
    }
    let found = violations(|| drop((ring[3].lock(), ring[0].lock())));
    let steps: Vec<_> =
        found[0].learned.iter().map(|e| (e.before.name(), e.after.name())).collect();
    assert_eq!(steps, [("r0", "r1"), ("r1", "r2"), ("r2", "r3")]);
    // What was refused taught nothing.
    assert_eq!(kinds(|| drop((ring[0].lock(), ring[3].lock()))), []);
}

#[test]
fn edges_are_learned_from_everything_that_is_held() {
    let [a, b, c] = ["e0", "e1", "e2"].map(|name| Mutex::named(name, 0));
    drop((a.lock(), b.lock(), c.lock()));
    assert_eq!(kinds(|| drop((c.lock(), a.lock()))), [LearnedOrder]);
}

#[test]
fn only_what_is_still_held_teaches() {
    let [a, b, c] = ["s0", "s1", "s2"].map(|name| Mutex::named(name, 0));
    let first = a.lock();
    let second = b.try_lock().unwrap();
    drop(first);
    drop(c.lock());
    drop(second);
    assert_eq!(kinds(|| drop((c.lock(), a.lock()))), [], "they were never held together");
    assert_eq!(kinds(|| drop((c.lock(), b.lock()))), [LearnedOrder]);
}

#[test]
fn an_order_is_remembered_when_the_locks_are_gone() {
    let make = || (Mutex::new(0), Mutex::new(1));
    {
        let (a, b) = make();
        drop((a.lock(), b.lock()));
    }
    let (a, b) = make();
    assert_eq!(kinds(|| drop((b.lock(), a.lock()))), [LearnedOrder]);
}

#[test]
fn trying_teaches_nothing() {
    let [a, b] = ["t0", "t1"].map(|name| Mutex::named(name, 0));
    drop((a.lock(), b.try_lock().unwrap()));
    assert_eq!(kinds(|| drop((b.lock(), a.lock()))), []);
}

#[test]
fn two_locks_of_one_place_are_one_class() {
    let many: Vec<_> = (0..2).map(|n| Mutex::new(n)).collect();
    let found = violations(|| drop((many[0].lock(), many[1].lock())));
    assert_eq!(found[0].kind, SameClass);
    assert!(found[0].to_string().contains("name them apart"), "{}", found[0]);
    assert_eq!(
        kinds(|| drop((many[0].lock(), many[0].try_lock_for(Default::default())))),
        [SameLock]
    );
}

#[test]
fn ranked_locks_and_others_are_in_one_order() {
    let (outer, inner) =
        (lockorder::Mutex::<Outer, _>::new(0), lockorder::Mutex::<Inner, _>::new(0));
    let between = Mutex::named("between outer and inner", 0);
    assert_eq!(kinds(|| drop((outer.lock(), between.lock(), inner.lock()))), []);
    assert_eq!(kinds(|| drop((between.lock(), outer.lock()))), [LearnedOrder]);
    assert_eq!(kinds(|| drop((inner.lock(), between.lock()))), [LearnedOrder]);
    let found = kinds(|| drop((inner.lock(), between.try_lock().unwrap(), outer.lock())));
    assert_eq!(found, [Order], "the table comes before what was learned");
    let after = Mutex::named("after inner", 0);
    drop((inner.lock(), after.lock()));
    let many = lockorder::Mutex::<Many, _>::keyed(1, 0);
    let found = violations(|| drop((after.lock(), many.lock())));
    let steps: Vec<_> = found[0].learned.iter().map(|e| e.seen.is_some()).collect();
    assert!(steps.contains(&false), "by way of the table: {}", found[0]);
}

#[test]
fn every_type_is_learned() {
    let outermost = Mutex::named("outermost of all types", 0);
    let (fair, tree, cell) = (FairMutex::new(0), ReentrantMutex::new(0), OnceCell::new());
    drop((outermost.lock(), fair.lock()));
    drop((outermost.lock(), tree.lock()));
    drop((outermost.lock(), cell.get_or_init(|| 7)));
    assert_eq!(kinds(|| drop((fair.lock(), outermost.lock()))), [LearnedOrder]);
    assert_eq!(kinds(|| drop((tree.lock(), outermost.lock()))), [LearnedOrder]);
    let again = OnceCell::named("a cell");
    drop((outermost.lock(), again.get_or_init(|| 7)));
    let again = OnceCell::named("a cell");
    assert_eq!(kinds(|| assert_eq!(*again.get_or_init(|| *outermost.lock()), 0)), [LearnedOrder]);
    let lazy = Lazy::named("a lazy value", || *outermost.lock());
    assert_eq!(Lazy::get(&lazy), None);
    assert_eq!(kinds(|| assert_eq!(*lazy, 0)), [], "learned: the value before the lock");
    let again = Lazy::named("a lazy value", || 7);
    assert_eq!(kinds(|| drop((outermost.lock(), *again))), [LearnedOrder]);
}

#[cfg(feature = "dashmap")]
#[test]
fn a_map_is_learned() {
    use lockorder::learned::dashmap::DashMap;
    let (map, lock) = (DashMap::new(), Mutex::new(0));
    map.insert(1, 2);
    drop((map.get(&1), lock.lock()));
    assert_eq!(kinds(|| drop((lock.lock(), map.get(&1)))), [LearnedOrder]);
    assert_eq!(kinds(|| drop((map.get(&1), map.iter()))), [SameLock]);
    assert_eq!(map.into_iter().collect::<Vec<_>>(), [(1, 2)]);
    let map: DashMap<_, _> = [(1, 2)].into_iter().collect();
    assert_eq!((&map).into_iter().map(|entry| *entry.value()).sum::<i32>(), 2);
    assert!(DashMap::<u8, u8>::default().is_empty() && DashMap::<u8, u8>::named("a").is_empty());
}

#[tokio::test]
async fn async_locks_are_learned_with_the_others() {
    static SLOTS: aio::Semaphore = aio::Semaphore::new(2);
    static STATE: aio::Mutex<u32> = aio::Mutex::new(0);
    static BLOCKING: Mutex<u32> = Mutex::new(0);
    let collector = Collector::new();
    let seen = async {
        drop((SLOTS.acquire().await.unwrap(), STATE.lock().await, BLOCKING.lock()));
    };
    collector.watch(seen).await;
    assert!(collector.take().is_empty());
    collector.watch(async { drop((STATE.lock().await, SLOTS.acquire().await)) }).await;
    collector.watch(async { drop((BLOCKING.lock(), STATE.lock().await)) }).await;
    let kinds: Vec<_> = collector.take().iter().map(|v| v.kind).collect();
    assert_eq!(kinds, [LearnedOrder, LearnedOrder]);
    let owned = Arc::new(aio::RwLock::named("owned", 7));
    let guard = Arc::clone(&owned).read_owned().await;
    assert_eq!(Arc::into_inner(owned).map(aio::RwLock::into_inner), None, "the guard keeps it");
    assert_eq!(*guard, 7);
}

#[test]
fn many_threads_learn_one_order() {
    let locks: Arc<Vec<_>> =
        Arc::new((0..40).map(|i| Mutex::named(String::leak(format!("n{i}")), 0)).collect());
    let threads: Vec<_> = (0..4)
        .map(|offset| {
            let locks = Arc::clone(&locks);
            thread::spawn(move || {
                for i in 0..2000_usize {
                    let (a, b) = ((i + offset) % 40, (i * 7 + offset) % 40);
                    if a != b {
                        let found =
                            kinds(|| drop((locks[a.min(b)].lock(), locks[a.max(b)].lock())));
                        assert_eq!(found, []);
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(kinds(|| drop((locks[38].lock(), locks[0].lock()))), [LearnedOrder]);
}

#[test]
fn a_value_is_reached_without_a_lock_where_nobody_else_can_have_it() {
    let mut mutex = Mutex::new(1);
    *mutex.get_mut() += 1;
    drop(mutex.lock());
    *mutex.get_mut() += 1;
    assert_eq!(mutex.into_inner(), 3);
    assert_eq!(Mutex::from(5).into_inner() + Mutex::<u32>::default().into_inner(), 5);
    let mut keyed = lockorder::Mutex::<Many, _>::keyed(1, 1);
    drop(keyed.lock());
    *keyed.get_mut() += 1;
    assert_eq!(keyed.into_inner(), 2);
}

#[test]
fn a_lock_that_the_standard_library_made_has_no_place_and_teaches_nothing() {
    let (a, b): (Vec<_>, Vec<_>) =
        ((0..2).map(Mutex::new).collect(), ["x"; 2].into_iter().map(Mutex::new).collect());
    assert_eq!(kinds(|| drop((a[0].lock(), a[1].lock(), b[0].lock()))), []);
    assert_eq!(kinds(|| drop((b[0].lock(), a[1].lock(), a[0].lock()))), [], "they have no order");
    let again = || drop((a[0].lock(), a[0].try_lock_for(Default::default())));
    assert_eq!(kinds(again), [SameLock]);
    let (outer, inner) = (Mutex::named("around", 0), Mutex::named("within", 0));
    drop((outer.lock(), a[0].lock(), inner.lock()));
    assert_eq!(kinds(|| drop((inner.lock(), a[0].lock(), outer.lock()))), [LearnedOrder]);
}

#[test]
fn a_foreign_lock_joins_the_learned_order_by_name() {
    let disk = || lockorder::Held::acquire(lockorder::learned::class("disk"), 0);
    let cache = Mutex::named("cache over disk", 0);
    assert_eq!(kinds(|| drop((cache.lock(), disk()))), []);
    let found = violations(|| {
        let _disk = disk();
        drop(cache.lock());
    });
    assert_eq!(found[0].kind, LearnedOrder);
    assert_eq!(found[0].held.class.to_string(), "disk (learned)");
}

#[test]
fn a_cycle_is_seen_through_a_class_whose_instance_is_gone() {
    let [a, c] = ["first of three", "last of three"].map(|name| Mutex::named(name, 0));
    {
        let middle = Mutex::new(0);
        drop((a.lock(), middle.lock()));
        drop((middle.lock(), c.lock()));
    }
    let found = violations(|| drop((c.lock(), a.lock())));
    assert_eq!((found[0].kind, found[0].learned.len()), (LearnedOrder, 2));
}

#[test]
fn guards_and_condvars_go_by_their_usual_names() {
    use lockorder::learned::{Condvar, MutexGuard, RwLockReadGuard};
    fn pop(mut queue: MutexGuard<'_, Vec<u32>>) -> Option<u32> {
        queue.pop()
    }
    fn sum(values: &RwLockReadGuard<'_, Vec<u32>>) -> u32 {
        values.iter().sum()
    }
    let (queue, values, filled) = (Mutex::new(vec![7]), RwLock::new(vec![1, 2]), Condvar::new());
    let mut guard = queue.lock();
    filled.wait_while(&mut guard, |queue| queue.is_empty());
    assert_eq!((pop(guard), sum(&values.read())), (Some(7), 3));
}
