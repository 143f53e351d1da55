//! The events of locks, as a subscriber sees them.
#![cfg(any(debug_assertions, feature = "enforce"))]

mod common;

use std::io;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use common::{Inner, Many, Outer};
use lockorder::Mutex;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

#[derive(Clone, Default)]
struct Lines(Arc<StdMutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `f` logs at `level`, a line for each event.
fn lines(level: LevelFilter, f: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = fmt::Subscriber::builder()
        .with_max_level(level)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, f);
    let bytes = lines.0.lock().unwrap();
    String::from_utf8(bytes.clone()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn asked_acquired_and_released_are_debug_events_with_their_times() {
    let lock = Mutex::<Many, _>::keyed(7, ());
    let lines = lines(LevelFilter::DEBUG, || drop(lock.lock()));
    assert_eq!(lines.len(), 3, "{lines:#?}");
    let [asked, acquired, released] = &lines[..] else { unreachable!() };
    for (line, what) in [(asked, "asked"), (acquired, "acquired"), (released, "released")] {
        let start =
            format!("DEBUG lockorder: {what} class=\"many\" level=5 key=7 mode=exclusive site=");
        assert!(line.trim_start().starts_with(&start), "{line}");
        assert!(line.contains("tests/events.rs:"), "{line}");
    }
    assert!(acquired.contains(" wait_us="), "{acquired}");
    assert!(released.contains(" hold_us="), "{released}");
}

#[test]
fn nothing_is_said_above_debug() {
    let lock = Mutex::<Inner, _>::new(());
    assert_eq!(lines(LevelFilter::INFO, || drop(lock.lock())), [""; 0]);
}

#[test]
fn a_timeout_is_a_warning_that_names_the_holder() {
    let lock = Mutex::<Inner, _>::new(());
    std::thread::scope(|s| {
        let (held, wait) = std::sync::mpsc::channel();
        let (done, end) = std::sync::mpsc::channel::<()>();
        let lock = &lock;
        s.spawn(move || {
            let _guard = lock.lock();
            held.send(()).unwrap();
            let _ = end.recv();
        });
        wait.recv().unwrap();
        let lines = lines(LevelFilter::WARN, || {
            assert!(lock.lock_within(Duration::from_millis(2)).is_err());
        });
        drop(done);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(
            lines[0].contains("WARN lockorder: timed out class=\"inner\" level=6"),
            "{}",
            lines[0]
        );
        assert!(lines[0].contains("wait_us=2000"), "{}", lines[0]);
        assert!(lines[0].contains("holders=\"inner (level 6), exclusive, at "), "{}", lines[0]);
    });
}

#[test]
fn a_violation_is_a_warning_that_names_both_locks() {
    let (outer, inner) = (Mutex::<Outer, _>::new(()), Mutex::<Inner, _>::new(()));
    let lines = lines(LevelFilter::WARN, || {
        common::report(|| {
            let _inner = inner.lock();
            let _outer = outer.lock();
        });
    });
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("violation class=\"outer\" level=1"), "{}", lines[0]);
    assert!(lines[0].contains("kind=Order held_class=\"inner\" held_level=6"), "{}", lines[0]);
}

#[test]
fn a_subscriber_that_panics_takes_no_lock_down_with_it() {
    struct Panics;
    impl io::Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("the subscriber fails");
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let subscriber = fmt::Subscriber::builder()
        .with_max_level(LevelFilter::DEBUG)
        .with_writer(|| Panics)
        .finish();
    let (outer, inner) = (Mutex::<Outer, _>::new(()), Mutex::<Inner, _>::new(()));
    tracing::subscriber::with_default(subscriber, || {
        drop(inner.lock());
        drop(outer.lock());
        drop(inner.lock());
    });
}

#[test]
fn a_report_names_the_span_it_happened_in() {
    let (outer, inner) = (Mutex::<Outer, _>::new(()), Mutex::<Inner, _>::new(()));
    lines(LevelFilter::INFO, || {
        let span = tracing::info_span!("transfer").entered();
        let report = common::report(|| {
            let _inner = inner.lock();
            let _outer = outer.lock();
        });
        drop(span);
        assert!(report.contains(", span transfer"), "{report}");
    });
}
