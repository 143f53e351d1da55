//! What every backend must do, as one suite: a second one is another test at the end.
//!
//! One that several processes share has to show more, which this one cannot: that a lease which is not renewed runs
//! out and one that is does not, that a lease that ran out is refused like one that was given back, and that of many
//! that ask at once one gets it.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;

use super::backend::{Backend, EVENTS_KEPT, EventRow, FactId, Fence, Kinds, OperationRow, Writes};
use super::{StoreError, lock, sqlite};

const ALL: Kinds = 0..=u8::MAX;

fn fact(kind: u8, id: i64) -> FactId {
    FactId { kind, id }
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_owned()
}

fn facts(changes: &[(FactId, Option<&str>)]) -> Writes {
    let facts = changes.iter().map(|(id, value)| (*id, value.map(bytes))).collect();
    Writes { facts, ..Writes::default() }
}

/// An event that says its number.
fn event(id: i64) -> EventRow {
    EventRow { id, stays: false, value: bytes(&id.to_string()) }
}

/// One that stays.
fn line(id: i64) -> EventRow {
    EventRow { stays: true, ..event(id) }
}

fn log(events: Vec<EventRow>) -> Writes {
    Writes { events, ..Writes::default() }
}

fn events(ids: impl IntoIterator<Item = i64>) -> Writes {
    log(ids.into_iter().map(event).collect())
}

fn ended(id: i64, outcome: Option<&str>) -> Writes {
    Writes { operations: vec![(id, outcome.map(bytes))], ..Writes::default() }
}

fn waiting(id: i64, value: &str) -> OperationRow {
    OperationRow { id, value: bytes(value), outcome: None }
}

async fn acquire(backend: &impl Backend, session: &str) -> Fence {
    backend.acquire(session).await.unwrap().expect("nobody has it")
}

fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    match result {
        Err(StoreError::LeaseLost(_)) => {}
        other => panic!("{other:?}"),
    }
}

/// Runs the suite on what `open` opens in a directory, again and again over the same one.
async fn conforms<B: Backend>(directory: &Path, open: impl Fn(&Path) -> B, close: impl AsyncFn(B)) {
    let backend = open(directory);
    keeps_facts(&backend).await;
    gives_each_session_out_once(&backend).await;
    queues_operations(&backend).await;
    logs_events(&backend).await;
    commits_all_or_nothing(&backend).await;
    // Not given back, as by a process that was killed.
    let dead = acquire(&backend, "dead").await;
    backend.commit(&dead, facts(&[(fact(1, 0), Some("left"))])).await.unwrap();
    backend.push(&dead, 7, bytes("left"), events([1])).await.unwrap();
    close(backend).await;

    let backend = open(directory);
    refused(backend.commit(&dead, facts(&[(fact(1, 0), Some("late"))])).await);
    let next = acquire(&backend, "dead").await;
    assert!(next.epoch > dead.epoch, "epochs outlive the process");
    assert_eq!(backend.load("dead", ALL).await.unwrap(), [(fact(1, 0), bytes("left"))]);
    assert_eq!(backend.claim(&next).await.unwrap(), [waiting(7, "left")]);
    assert_eq!(backend.events("dead").await.unwrap(), [event(1)]);
    assert_eq!(backend.last_event("dead").await.unwrap(), Some(1), "whoever is next counts on");
    assert!(backend.remove(&next).await.unwrap());
    assert_eq!(backend.names().await.unwrap(), ["a", "c"], "and nobody else's");
    assert_eq!(backend.operations("dead").await.unwrap(), []);
    assert_eq!(backend.events("dead").await.unwrap(), []);
    backend.release(&next);
    let again = acquire(&backend, "dead").await;
    assert!(again.epoch > next.epoch, "also of one that was removed");
    close(backend).await;
}

async fn keeps_facts(backend: &impl Backend) {
    assert_eq!(backend.names().await.unwrap(), [""; 0], "it begins empty");
    assert_eq!(backend.load("nobody", ALL).await.unwrap(), []);
    let nobody = acquire(backend, "nobody").await;
    assert!(!backend.remove(&nobody).await.unwrap());
    assert_eq!(backend.names().await.unwrap(), [""; 0], "a lease is no fact");

    let (a, b) = (acquire(backend, "a").await, acquire(backend, "b").await);
    let two = facts(&[(fact(4, -1), Some("x")), (fact(1, 0), Some("y"))]);
    backend.commit(&b, two).await.unwrap();
    backend.commit(&a, facts(&[(fact(1, 0), Some("z"))])).await.unwrap();
    assert_eq!(backend.names().await.unwrap(), ["a", "b"], "by name");
    let of_b = [(fact(1, 0), bytes("y")), (fact(4, -1), bytes("x"))];
    assert_eq!(backend.load("b", ALL).await.unwrap(), of_b, "by kind and number");
    assert_eq!(backend.load("b", 2..=4).await.unwrap(), of_b[1..], "of some kinds");
    assert_eq!(backend.get("b", fact(4, -1)).await.unwrap(), Some(bytes("x")));
    for (session, id) in [("b", fact(4, 1)), ("b", fact(1, -1)), ("nobody", fact(1, 0))] {
        assert_eq!(backend.get(session, id).await.unwrap(), None, "{session} {id}");
    }

    assert!(!backend.create("a", vec![(fact(1, 0), vec![9])]).await.unwrap(), "it is there");
    assert!(backend.create("d", vec![(fact(1, 0), vec![9])]).await.unwrap());
    assert_eq!(backend.load("d", ALL).await.unwrap(), [(fact(1, 0), vec![9])]);
    let d = acquire(backend, "d").await;
    assert!(backend.remove(&d).await.unwrap());

    let changes = [
        (fact(1, 0), Some("new")),
        (fact(4, -1), None),
        (fact(4, i64::MAX), Some("")),
        (fact(4, 7), None),
    ];
    backend.commit(&b, facts(&changes)).await.unwrap();
    let of_b = [(fact(1, 0), bytes("new")), (fact(4, i64::MAX), Vec::new())];
    assert_eq!(backend.load("b", ALL).await.unwrap(), of_b, "replaced, forgotten, added");
    let of_a = [(fact(1, 0), bytes("z"))];
    assert_eq!(backend.load("a", ALL).await.unwrap(), of_a, "and nobody else's");

    let c = acquire(backend, "c").await;
    let many = (0..1000).map(|n| backend.commit(&c, facts(&[(fact(4, n), Some("same"))])));
    assert!(join_all(many).await.iter().all(Result::is_ok));
    assert_eq!(backend.load("c", ALL).await.unwrap().len(), 1000, "what is written side by side");

    let hour = Duration::from_secs(3600);
    backend.forget_older(&b, ALL, hour).await.unwrap();
    assert_eq!(backend.load("b", ALL).await.unwrap(), of_b, "it is new");
    backend.forget_older(&b, 4..=4, Duration::ZERO).await.unwrap();
    assert_eq!(backend.load("b", ALL).await.unwrap(), of_b[..1], "of some kinds");
    assert!(backend.remove(&b).await.unwrap());
    for fence in [nobody, a, b, c, d] {
        backend.release(&fence);
    }
}

async fn gives_each_session_out_once(backend: &impl Backend) {
    let first = acquire(backend, "a").await;
    assert_eq!(first.session, "a");
    assert_eq!(backend.acquire("a").await.unwrap(), None, "somebody has it");
    let other = acquire(backend, "b").await;
    assert_ne!(other.epoch, first.epoch);
    backend.renew(&first).await.unwrap();
    backend.release(&first);
    let second = acquire(backend, "a").await;
    assert!(second.epoch > first.epoch);
    backend.release(&first);
    backend.renew(&second).await.unwrap();

    // Nothing of an earlier owner is done, however late it comes.
    let before = backend.load("a", ALL).await.unwrap();
    refused(backend.renew(&first).await);
    refused(backend.commit(&first, facts(&[(fact(1, 0), Some("late"))])).await);
    refused(backend.push(&first, 1, bytes("late"), events([1])).await);
    refused(backend.claim(&first).await);
    refused(backend.forget_older(&first, ALL, Duration::ZERO).await);
    refused(backend.forget_ended(&first, Duration::ZERO).await);
    refused(backend.remove(&first).await);
    let foreign = Fence { session: "a".to_owned(), epoch: other.epoch };
    refused(backend.commit(&foreign, facts(&[(fact(1, 0), Some("foreign"))])).await);
    assert_eq!(backend.load("a", ALL).await.unwrap(), before);
    assert_eq!(backend.operations("a").await.unwrap(), []);
    assert_eq!(backend.events("a").await.unwrap(), []);
    backend.release(&second);
    backend.release(&other);
}

async fn queues_operations(backend: &impl Backend) {
    let first = acquire(backend, "a").await;
    for (id, value) in [(9, "one"), (-5, "two"), (7, "three")] {
        assert_eq!(backend.push(&first, id, bytes(value), events([id])).await.unwrap(), None);
    }
    let there = backend.push(&first, 9, bytes("other"), events([99])).await.unwrap();
    assert_eq!(there, Some(waiting(9, "one")), "the one that is there");
    let logged = backend.events("a").await.unwrap();
    assert!(!logged.contains(&event(99)), "and nothing is changed");
    assert_eq!(backend.claim(&first).await.unwrap(), [], "whoever pushes has claimed");
    assert_eq!(backend.operation("a", -5).await.unwrap(), Some(waiting(-5, "two")));
    assert_eq!(backend.operation("b", -5).await.unwrap(), None, "of another session");

    backend.commit(&first, ended(9, Some("done"))).await.unwrap();
    backend.commit(&first, ended(9, Some("again"))).await.unwrap();
    let done = OperationRow { outcome: Some(bytes("done")), ..waiting(9, "one") };
    let there = backend.push(&first, 9, bytes("one"), Writes::default()).await.unwrap();
    assert_eq!(there, Some(done.clone()), "as it ended first");
    backend.release(&first);

    let second = acquire(backend, "a").await;
    let left = [waiting(-5, "two"), waiting(7, "three")];
    assert_eq!(backend.claim(&second).await.unwrap(), left, "in their order");
    assert_eq!(backend.claim(&second).await.unwrap(), [], "once");
    refused(backend.commit(&first, ended(7, Some("late"))).await);
    backend.commit(&second, ended(-5, None)).await.unwrap();
    let all = [done, waiting(7, "three")];
    assert_eq!(backend.operations("a").await.unwrap(), all, "forgotten");

    backend.forget_ended(&second, Duration::from_secs(3600)).await.unwrap();
    assert_eq!(backend.operations("a").await.unwrap(), all, "it has just ended");
    backend.forget_ended(&second, Duration::ZERO).await.unwrap();
    assert_eq!(backend.operations("a").await.unwrap(), all[1..], "and what waits stays");
    backend.commit(&second, ended(7, None)).await.unwrap();
    backend.release(&second);
}

async fn logs_events(backend: &impl Backend) {
    let fence = acquire(backend, "log").await;
    assert_eq!(backend.last_event("log").await.unwrap(), None, "it has none yet");
    backend.commit(&fence, events([5, -1])).await.unwrap();
    let changed = EventRow { value: bytes("changed"), ..event(5) };
    backend.commit(&fence, log(vec![changed])).await.unwrap();
    let there = backend.events("log").await.unwrap();
    assert_eq!(there, [event(-1), event(5)], "by number, and never changed");
    assert_eq!(backend.last_event("log").await.unwrap(), Some(5));

    backend.commit(&fence, log(vec![line(6), line(7)])).await.unwrap();
    backend.commit(&fence, events(8..=5 + EVENTS_KEPT)).await.unwrap();
    let there = backend.events("log").await.unwrap();
    assert_eq!(there[..4], [line(6), line(7), event(8), event(9)], "what is too old is forgotten");
    assert_eq!(there.len() as i64, EVENTS_KEPT);
    let last = 8 + EVENTS_KEPT;
    backend.commit(&fence, log(vec![line(last)])).await.unwrap();
    let there = backend.events("log").await.unwrap();
    assert_eq!(there[..3], [line(6), line(7), event(9)], "but not what stays");
    // However little of the rest is left.
    let last = last + 2 * EVENTS_KEPT;
    backend.commit(&fence, events([last])).await.unwrap();
    let there = backend.events("log").await.unwrap();
    assert_eq!(there, [line(6), line(7), line(8 + EVENTS_KEPT), event(last)]);
    assert_eq!(backend.last_event("log").await.unwrap(), Some(last));
    assert_eq!(backend.events("a").await.unwrap().len(), 3, "and nobody else's");
    assert!(!backend.remove(&fence).await.unwrap(), "it had no facts");
    assert_eq!(backend.events("log").await.unwrap(), []);
    assert_eq!(backend.last_event("log").await.unwrap(), None);
    backend.release(&fence);
}

async fn commits_all_or_nothing(backend: &impl Backend) {
    let fence = acquire(backend, "all").await;
    backend.push(&fence, 1, bytes("one"), Writes::default()).await.unwrap();
    let all = || Writes {
        facts: vec![(fact(1, 0), Some(bytes("reached")))],
        operations: vec![(1, Some(bytes("done")))],
        events: vec![event(1)],
    };
    let stale = Fence { epoch: fence.epoch - 1, ..fence.clone() };
    refused(backend.commit(&stale, all()).await);
    assert_eq!(backend.load("all", ALL).await.unwrap(), []);
    assert_eq!(backend.operations("all").await.unwrap(), [waiting(1, "one")]);
    assert_eq!(backend.events("all").await.unwrap(), []);
    backend.commit(&fence, all()).await.unwrap();
    assert_eq!(backend.load("all", ALL).await.unwrap(), [(fact(1, 0), bytes("reached"))]);
    let done = OperationRow { outcome: Some(bytes("done")), ..waiting(1, "one") };
    assert_eq!(backend.operations("all").await.unwrap(), [done]);
    assert_eq!(backend.events("all").await.unwrap(), [event(1)]);
    assert!(backend.remove(&fence).await.unwrap());
    backend.release(&fence);
}

#[tokio::test]
async fn sqlite_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let open = |directory: &Path| {
        let lock = lock::take(directory).unwrap();
        let database = sqlite::open(directory).unwrap();
        sqlite::take_over(&database).unwrap();
        sqlite::Sqlite::start(sqlite::Locked { database, _lock: lock })
    };
    conforms(directory.path(), open, async |backend: sqlite::Sqlite| backend.close().await).await;
}
