//! Blocking locks: the plain one, and `lockorder`.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::Rows;
use crate::{L1, L2, L3, L4, L5, L6};

/// Locks six locks in order and lets go of them in reverse.
macro_rules! nest {
    ($n:expr, $locks:expr, |$lock:ident| $take:expr) => {
        for _ in 0..$n {
            let (a, b, c, d, e, f) = black_box($locks);
            let a = {
                let $lock = a;
                $take
            };
            let b = {
                let $lock = b;
                $take
            };
            let c = {
                let $lock = c;
                $take
            };
            let d = {
                let $lock = d;
                $take
            };
            let e = {
                let $lock = e;
                $take
            };
            let f = {
                let $lock = f;
                $take
            };
            black_box((&*a, &*f));
            drop(f);
            drop(e);
            drop(d);
            drop(c);
            drop(b);
            drop(a);
        }
    };
}
pub(crate) use nest;

type Ranked<R> = lockorder::Mutex<R, u64>;
type Learned = lockorder::learned::Mutex<u64>;
type Plain = parking_lot::Mutex<u64>;
type SixRanked = (Ranked<L1>, Ranked<L2>, Ranked<L3>, Ranked<L4>, Ranked<L5>, Ranked<L6>);
type SixPlain = (Plain, Plain, Plain, Plain, Plain, Plain);

fn six_ranked() -> SixRanked {
    (Ranked::new(0), Ranked::new(0), Ranked::new(0), Ranked::new(0), Ranked::new(0), Ranked::new(0))
}

fn six_plain() -> SixPlain {
    (Plain::new(0), Plain::new(0), Plain::new(0), Plain::new(0), Plain::new(0), Plain::new(0))
}

/// Each is of the class of its line.
#[rustfmt::skip]
fn six_learned() -> (Learned, Learned, Learned, Learned, Learned, Learned) {
    (
        Learned::new(0),
        Learned::new(0),
        Learned::new(0),
        Learned::new(0),
        Learned::new(0),
        Learned::new(0),
    )
}

pub(crate) fn rows(rows: &mut Rows) {
    one_lock(rows);
    nest6(rows);
    learned_nest6(rows);
    two_threads(rows);
    alive(rows);
    timed(rows);
    if !cfg!(feature = "peers") {
        for row in ["one_lock", "nest6", "nest6_two_threads"] {
            rows.measure(row);
        }
    }
    for row in ["learned_nest6", "alive_10", "alive_100k", "timed_one"] {
        rows.measure(row);
    }
}

fn one_lock(rows: &mut Rows) {
    let (plain, ranked) = (Plain::new(0), Ranked::<L3>::new(0));
    rows.arm("one_lock", "ref", move |n| {
        for _ in 0..n {
            black_box(&*black_box(&plain).lock());
        }
    });
    rows.arm("one_lock", "lockorder", move |n| {
        for _ in 0..n {
            black_box(&*black_box(&ranked).lock());
        }
    });
}

fn nest6(rows: &mut Rows) {
    let (plain, ranked) = (six_plain(), six_ranked());
    rows.arm("nest6", "ref", move |n| nest!(n, &plain, |lock| lock.lock()));
    rows.arm("nest6", "lockorder", move |n| nest!(n, &ranked, |lock| lock.lock()));
}

/// The same six locks without ranks: their order was learned before.
fn learned_nest6(rows: &mut Rows) {
    let (plain, learned) = (six_plain(), six_learned());
    rows.arm("learned_nest6", "ref", move |n| nest!(n, &plain, |lock| lock.lock()));
    rows.arm("learned_nest6", "lockorder", move |n| nest!(n, &learned, |lock| lock.lock()));
}

fn two_threads(rows: &mut Rows) {
    rows.timed("nest6_two_threads", "ref", |n| {
        on_two_threads(n, six_plain, |n, locks| nest!(n, locks, |lock| lock.lock()))
    });
    rows.timed("nest6_two_threads", "lockorder", |n| {
        on_two_threads(n, six_ranked, |n, locks| nest!(n, locks, |lock| lock.lock()))
    });
}

/// The time of two threads that do the same side by side, each with locks of its own.
pub(crate) fn on_two_threads<L: 'static>(n: u64, make: fn() -> L, run: fn(u64, &L)) -> Duration {
    let together = Arc::new(Barrier::new(2));
    let threads = [0, 1].map(|_| {
        let together = Arc::clone(&together);
        thread::spawn(move || {
            let locks = make();
            together.wait();
            let start = Instant::now();
            run(n, &locks);
            start.elapsed()
        })
    });
    let times = threads.map(|t| t.join().expect("a bench does not panic"));
    (times[0] + times[1]) / 2
}

/// The same ten locks, alone and with 100,000 others alive that were each acquired once.
fn alive(rows: &mut Rows) {
    for (row, others) in [("alive_10", 0), ("alive_100k", 100_000)] {
        let plain: Vec<_> = (0..10 + others).map(|_| Plain::new(0)).collect();
        let ranked: Vec<_> = (0..10 + others).map(|_| Ranked::<L3>::new(0)).collect();
        plain.iter().for_each(|lock| *lock.lock() += 1);
        ranked.iter().for_each(|lock| *lock.lock() += 1);
        rows.arm(row, "ref", move |n| {
            for _ in 0..n {
                black_box(&plain)[..10].iter().for_each(|lock| *lock.lock() += 1);
            }
        });
        rows.arm(row, "lockorder", move |n| {
            for _ in 0..n {
                black_box(&ranked)[..10].iter().for_each(|lock| *lock.lock() += 1);
            }
        });
    }
}

fn timed(rows: &mut Rows) {
    const LIMIT: Duration = Duration::from_secs(1);
    let (plain, ranked) = (Plain::new(0), Ranked::<L3>::new(0));
    rows.arm("timed_one", "ref", move |n| {
        for _ in 0..n {
            black_box(&*black_box(&plain).try_lock_for(LIMIT).expect("it is free"));
        }
    });
    rows.arm("timed_one", "lockorder", move |n| {
        for _ in 0..n {
            black_box(&*black_box(&ranked).lock_within(LIMIT).expect("it is free"));
        }
    });
}
