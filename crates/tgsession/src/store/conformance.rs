//! What every backend must do, as one suite: a second one is another line at the end.

use std::path::Path;

use super::backend::{Backend, FactId, Kinds};
use super::{lock, sqlite};

const ALL: Kinds = 0..=u8::MAX;

fn fact(kind: u8, id: i64) -> FactId {
    FactId { kind, id }
}

fn value(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_owned())
}

/// Runs the suite on what `open` opens in a directory, twice over the same one.
async fn conforms<B: Backend>(directory: &Path, open: impl Fn(&Path) -> B, close: impl AsyncFn(B)) {
    let backend = open(directory);
    assert_eq!(backend.names().await.unwrap(), [""; 0], "it begins empty");
    assert_eq!(backend.load("nobody", ALL).await.unwrap(), []);
    assert!(!backend.remove("nobody").await.unwrap());

    backend.write("b", vec![(fact(4, -1), value("x")), (fact(1, 0), value("y"))]).await.unwrap();
    backend.write("a", vec![(fact(1, 0), value("z"))]).await.unwrap();
    assert_eq!(backend.names().await.unwrap(), ["a", "b"], "by name");
    let of_b = [(fact(1, 0), b"y".to_vec()), (fact(4, -1), b"x".to_vec())];
    assert_eq!(backend.load("b", ALL).await.unwrap(), of_b, "by kind and number");

    assert_eq!(backend.load("b", 2..=4).await.unwrap(), of_b[1..], "of some kinds");
    assert_eq!(backend.get("b", fact(4, -1)).await.unwrap(), value("x"));
    for (session, id) in [("b", fact(4, 1)), ("b", fact(1, -1)), ("nobody", fact(1, 0))] {
        assert_eq!(backend.get(session, id).await.unwrap(), None, "{session} {id}");
    }

    assert!(!backend.create("a", vec![(fact(1, 0), vec![9])]).await.unwrap(), "it is there");
    assert!(backend.create("d", vec![(fact(1, 0), vec![9])]).await.unwrap());
    assert_eq!(backend.load("d", ALL).await.unwrap(), [(fact(1, 0), vec![9])]);
    assert!(backend.remove("d").await.unwrap());

    let changes = vec![
        (fact(1, 0), value("new")),
        (fact(4, -1), None),
        (fact(4, i64::MAX), Some(Vec::new())),
        (fact(4, 7), None),
    ];
    backend.write("b", changes).await.unwrap();
    let of_b = [(fact(1, 0), b"new".to_vec()), (fact(4, i64::MAX), Vec::new())];
    assert_eq!(backend.load("b", ALL).await.unwrap(), of_b, "replaced, forgotten, added");
    assert_eq!(
        backend.load("a", ALL).await.unwrap(),
        [(fact(1, 0), b"z".to_vec())],
        "and nobody else's"
    );

    let many = (0..1000).map(|n| backend.write("c", vec![(fact(4, n), value("same"))]));
    assert!(futures_util::future::join_all(many).await.iter().all(Result::is_ok));
    assert_eq!(backend.load("c", ALL).await.unwrap().len(), 1000, "what is written side by side");
    close(backend).await;

    let backend = open(directory);
    assert_eq!(backend.load("b", ALL).await.unwrap(), of_b, "it outlives who wrote it");
    assert!(backend.remove("b").await.unwrap());
    assert_eq!(backend.names().await.unwrap(), ["a", "c"]);
    close(backend).await;
}

#[tokio::test]
async fn sqlite_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let open = |directory: &Path| {
        let lock = lock::take(directory).unwrap();
        let database = sqlite::open(directory).unwrap();
        sqlite::Sqlite::start(sqlite::Locked { database, _lock: lock })
    };
    conforms(directory.path(), open, async |backend: sqlite::Sqlite| backend.close().await).await;
}
