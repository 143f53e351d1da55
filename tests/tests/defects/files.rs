//! Files: of exports, and of the store.

use std::fs;
use std::time::Duration;

use tgsession::{ExportMessages, Format, Limits, Outcome};
use tgtest::{Channel, Fault, Method, Telegram};
use workspace_tests::{POSTS, Process, Shelf, Stage, eventually, limited, secs, soon};

#[tokio::test]
async fn a_corrupt_database_is_not_an_empty_one() {
    const PAGE: usize = 4096;
    let shelf = Shelf::new(Telegram::builder().account("a0")).await;
    let mut database = fs::read(shelf.database()).unwrap();
    assert!(database.len() > PAGE, "there is more than the schema");
    database[PAGE..].fill(0xaa);
    fs::write(shelf.database(), database).unwrap();
    let accounts = match shelf.open().await {
        Ok(store) => store.names().await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let error = accounts.expect_err("it cannot know");
    assert!(error.contains("the database of the store cannot be used"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_file_is_whole_or_not_there() {
    let room = Channel::group("room").member("a0").messages(POSTS);
    let shelf = Shelf::new(Telegram::builder().account("a0").channel(room)).await;
    let (file, part) = (shelf.path("room.jsonl"), shelf.path("room.jsonl.part"));
    let start = async || shelf.start(limited(Limits::none())).await;
    let export = |process: &Process| {
        process.submit(ExportMessages::of("room").to_file(&file, Format::JsonLines))
    };
    // The first page takes so long that it is written, and the second never comes.
    let slow = Fault::delay(Duration::from_millis(1500)).on(Method::GET_HISTORY);
    shelf.telegram.inject(slow.always());
    shelf.telegram.inject(Fault::silence().on(Method::GET_HISTORY).after(1));
    let process = start().await;
    let stopped = export(&process);
    eventually(shelf.telegram.called(Method::GET_HISTORY, 2)).await;
    assert!(!file.exists(), "not while it is written");
    process.end().await;
    assert!(matches!(eventually(stopped).await, Outcome::ShutDown));
    assert!(!file.exists(), "and not when it was stopped");
    assert_eq!(fs::read_to_string(&part).unwrap().lines().count(), 100);

    shelf.telegram.heal();
    let process = start().await;
    let exported = eventually(export(&process)).await.done().unwrap();
    assert_eq!((exported.rows, exported.resumed_from), (POSTS as u64, 100));
    assert!(!part.exists());
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), POSTS);
    for (n, line) in (1..).zip(text.lines()) {
        assert!(line.starts_with(&format!("{{\"id\":{n},")), "{line}");
    }
    let audit = process.store.audit("a0").await.unwrap();
    let audit: Vec<_> = audit.iter().map(|line| (line.rows, line.whole)).collect();
    assert_eq!(audit, [(100, false), (POSTS as u64, true)]);
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_starts_like_a_formula_is_none() {
    let stage = Stage::new(1).await;
    let room = stage.telegram.channel("room").unwrap();
    let friend = stage.telegram.user("friend").unwrap();
    for text in ["=1+1", "@SUM(A1)", "1=1"] {
        assert!(stage.telegram.push_post(room, friend, text).is_some());
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("room.csv");
    let export = ExportMessages::of("room").to_file(&file, Format::Csv);
    let export = stage.manager.submit(stage.sessions[0], export).unwrap();
    assert!(eventually(export).await.is_done());
    let text = fs::read_to_string(&file).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("id,from,date,text"));
    let texts: Vec<_> = lines.filter_map(|line| line.rsplit(',').next()).collect();
    assert_eq!(texts.len(), POSTS + 3);
    assert_eq!(texts[POSTS..], ["'=1+1", "'@SUM(A1)", "1=1"]);
}

#[tokio::test(start_paused = true)]
async fn messages_are_read_from_the_oldest_on() {
    let stage = Stage::new(1).await;
    let room = stage.telegram.channel("room").unwrap();
    let friend = stage.telegram.user("friend").unwrap();
    let export = |export: ExportMessages| stage.manager.submit(stage.sessions[0], export).unwrap();
    let some = soon(export(ExportMessages::of("room").limit(120))).await.done().unwrap();
    let ids: Vec<_> = some.iter().map(|post| post.id).collect();
    assert_eq!(ids, (1..=120).collect::<Vec<_>>());

    let before = stage.calls(&[Method::GET_HISTORY]);
    stage.telegram.inject(Fault::delay(secs(1)).on(Method::GET_HISTORY));
    let all = export(ExportMessages::of("room"));
    soon(stage.telegram.called(Method::GET_HISTORY, before + 1)).await;
    assert!(stage.telegram.push_post(room, friend, "while it is read").is_some());
    let all = soon(all).await.done().unwrap();
    let ids: Vec<_> = all.iter().map(|post| post.id).collect();
    assert_eq!(ids, (1..=POSTS as i32 + 1).collect::<Vec<_>>());
    assert_eq!(all.last().unwrap().text, "while it is read");
}
