//! The peers, each as its documentation says to use it.

use std::hint::black_box;

use crate::blocking::{nest, on_two_threads};
use crate::harness::Rows;

/// Six locks that were made one by one: a class by construction site has six.
macro_rules! six {
    ($make:expr) => {
        ($make, $make, $make, $make, $make, $make)
    };
}

macro_rules! peer {
    ($rows:ident, $name:literal, $one:expr, $six:expr, $lock:ty, |$taken:ident| $take:expr) => {{
        type Six = ($lock, $lock, $lock, $lock, $lock, $lock);
        let one: $lock = $one;
        $rows.arm("one_lock", $name, move |n| {
            for _ in 0..n {
                let $taken = black_box(&one);
                black_box(&*$take);
            }
        });
        let six: Six = $six;
        $rows.arm("nest6", $name, move |n| nest!(n, &six, |$taken| $take));
        $rows.timed("nest6_two_threads", $name, |n| {
            on_two_threads(n, || -> Six { $six }, |n, locks| nest!(n, locks, |$taken| $take))
        });
    }};
}

fn leveled(value: u64, level: u32) -> lock_hierarchy::Mutex<u64> {
    lock_hierarchy::Mutex::with_level(value, level)
}

pub(crate) fn rows(rows: &mut Rows) {
    use tracing_mutex::parkinglot::tracing::Mutex as TracingMutex;

    deloxide::Deloxide::new().callback(|_| ()).start().expect("it is started once");
    peer!(
        rows,
        "tracing_mutex",
        TracingMutex::new(0),
        six!(TracingMutex::new(0)),
        TracingMutex<u64>,
        |lock| lock.lock()
    );
    peer!(
        rows,
        "lock_hierarchy",
        leveled(0, 3),
        (leveled(0, 5), leveled(0, 4), leveled(0, 3), leveled(0, 2), leveled(0, 1), leveled(0, 0)),
        lock_hierarchy::Mutex<u64>,
        |lock| lock.lock().expect("nobody panics")
    );
    peer!(
        rows,
        "no_deadlocks",
        no_deadlocks::Mutex::new(0),
        six!(no_deadlocks::Mutex::new(0)),
        no_deadlocks::Mutex<u64>,
        |lock| lock.lock().expect("nobody panics")
    );
    peer!(
        rows,
        "deloxide",
        deloxide::Mutex::new(0),
        six!(deloxide::Mutex::new(0)),
        deloxide::Mutex<u64>,
        |lock| lock.lock()
    );
    for row in ["one_lock", "nest6", "nest6_two_threads"] {
        rows.measure(row);
    }
}
