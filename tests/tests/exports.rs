//! Exports into files: whole or not there, gone on with after a stop, and written down.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tgsession::{
    CallError, ExportMembers, ExportMessages, Exported, Failure, Format, Limits, Manager, Outcome,
    Pace, PacedCall, Quota, Secret, SessionConfig, SessionId, Store,
};
use tgtest::{Channel, Fault, Method, Telegram};
use workspace_tests::{call_error, eventually};

const POSTS: usize = 450;

/// A loopback Telegram with two chats, and a directory with a store and room for exports.
struct Archive {
    telegram: Telegram,
    directory: TempDir,
}

/// A process that has the store.
struct Process {
    manager: Manager,
    store: Store,
    session: SessionId,
}

impl Archive {
    async fn new() -> Self {
        let room = Channel::group("room").admin("a").strangers(3).messages(POSTS);
        let other = Channel::group("other").member("a").strangers(2).messages(5);
        let telegram = Telegram::builder().account("a").channel(room).channel(other).start();
        let (telegram, directory) = (telegram.await.unwrap(), tempfile::tempdir().unwrap());
        let archive = Self { telegram, directory };
        let store = archive.open().await;
        store.add("a", &archive.telegram.account("a").unwrap().session_data(), 1).await.unwrap();
        store.close().await.unwrap();
        archive
    }

    async fn open(&self) -> Store {
        let secret = Secret::passphrase("a few words".to_owned()).unwrap();
        Store::open(self.directory.path().join("store"), secret).await.unwrap()
    }

    async fn start(&self, limits: Limits) -> Process {
        let store = self.open().await;
        let manager = Manager::builder().limits(limits).build().unwrap();
        let config = SessionConfig::stored(&store, "a").await.unwrap();
        let session = manager.add_session(config).await.unwrap();
        Process { manager, store, session }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != "store").collect();
        names.sort();
        names
    }
}

impl Process {
    async fn messages(&self, chat: &str, path: &Path, format: Format) -> Outcome<Exported> {
        let export = ExportMessages::of(chat).to_file(path, format);
        eventually(self.manager.submit(self.session, export).unwrap()).await
    }

    async fn end(self) {
        assert_eq!(self.manager.shutdown().await.survivors, 0);
        drop(self.manager);
        self.store.close().await.unwrap();
    }
}

fn ids(path: &Path) -> Vec<i32> {
    let text = std::fs::read_to_string(path).unwrap();
    let id = |line: &str| -> i32 {
        let rest = line.strip_prefix("{\"id\":").unwrap();
        rest[..rest.find(',').unwrap()].parse().unwrap()
    };
    text.lines().map(id).collect()
}

fn file_error(outcome: Outcome<Exported>) -> String {
    match outcome {
        Outcome::Failed(Failure::File { path, source }) => format!("{}: {source}", path.display()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn messages_and_members_are_written_in_the_format_that_is_asked_for() {
    let archive = Archive::new().await;
    let id = |name: &str| archive.telegram.user(name).unwrap();
    let other = archive.telegram.channel("other").unwrap();
    archive.telegram.push_post(other, id("other_member0"), "=HYPERLINK(\"http://x\")");
    let process = archive.start(Limits::default()).await;
    let path = archive.path("other.csv");
    let exported = process.messages("other", &path, Format::Csv).await.done().unwrap();
    assert_eq!((exported.rows, exported.resumed_from), (6, 0));
    assert_eq!(exported.path, path);
    let csv = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines[0], "id,from,date,text");
    assert!(lines[1].starts_with("1,") && lines[1].ends_with(",message 1 in other"), "{csv}");
    assert!(lines[6].ends_with(",\"'=HYPERLINK(\"\"http://x\"\")\""), "no formula: {csv}");

    let path = archive.path("room.jsonl");
    let members = ExportMembers::of("room").to_file(&path, Format::JsonLines);
    let exported = eventually(process.manager.submit(process.session, members).unwrap()).await;
    assert_eq!(exported.done().unwrap().rows, 4);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().filter(|line| line.contains("\"username\":\"room_member")).count(), 3);
    assert!(!text.contains("phone"), "{text}");
    assert_eq!(archive.files(), ["other.csv", "room.jsonl"], "and no parts");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "what people wrote is for the owner only");
    }
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_export_that_a_limit_stopped_goes_on_in_another_process() {
    let archive = Archive::new().await;
    let path = archive.path("room.jsonl");
    let mut resumed_from = 0;
    for (a_day, rows) in [(170, 170), (300, 300), (1000, POSTS as u64)] {
        let process = archive.start(Limits::default().quota(Quota::PostsRead, a_day)).await;
        match process.messages("room", &path, Format::JsonLines).await {
            Outcome::Failed(Failure::Quota(exceeded)) => {
                assert_eq!(exceeded.quota, Quota::PostsRead);
                assert_eq!(archive.files(), ["room.jsonl.part"], "it is not whole");
                assert!(process.store.audit("a").await.unwrap().is_empty());
            }
            Outcome::Done(exported) => {
                assert_eq!((exported.rows, exported.resumed_from), (rows, resumed_from));
            }
            other => panic!("{other:?}"),
        }
        resumed_from = rows;
        process.end().await;
    }
    assert_eq!(ids(&path), (1..=POSTS as i32).collect::<Vec<_>>(), "each once");
    assert_eq!(archive.files(), ["room.jsonl"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_the_middle_loses_and_repeats_no_row() {
    let archive = Archive::new().await;
    let path = archive.path("room.jsonl");
    let process = archive.start(Limits::default()).await;
    let faults = [
        Fault::lose_answer().after(1),
        Fault::rpc_error(500, "INTERNAL").after(2),
        Fault::flood_wait(Duration::from_secs(20)).after(3),
    ];
    faults.into_iter().for_each(|f| archive.telegram.inject(f.on(Method::GET_HISTORY)));
    let exported = process.messages("room", &path, Format::JsonLines).await.done().unwrap();
    assert_eq!((exported.rows, exported.resumed_from), (POSTS as u64, 0));
    assert_eq!(ids(&path), (1..=POSTS as i32).collect::<Vec<_>>());
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cancelled_between_two_pages_goes_on_when_it_is_submitted_again() {
    let archive = Archive::new().await;
    let path = archive.path("room.jsonl");
    let pace = Limits::default().pace(PacedCall::History, Pace::new(2, Duration::from_secs(10)));
    let process = archive.start(pace).await;
    let export = ExportMessages::of("room").to_file(&path, Format::JsonLines);
    let ticket = process.manager.submit(process.session, export).unwrap();
    eventually(archive.telegram.called(Method::GET_HISTORY, 3)).await;
    assert!(matches!(eventually(ticket.cancel()).await, Outcome::Cancelled));
    let exported = process.messages("room", &path, Format::JsonLines).await.done().unwrap();
    assert!(exported.resumed_from >= 200, "{exported:?}");
    assert_eq!(ids(&path), (1..=POSTS as i32).collect::<Vec<_>>());
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn no_file_is_overwritten_and_no_two_exports_are_mixed() {
    let archive = Archive::new().await;
    let path = archive.path("other.jsonl");
    let process = archive.start(Limits::default().quota(Quota::PostsRead, 3)).await;
    std::fs::write(&path, "mine").unwrap();
    let error = file_error(process.messages("other", &path, Format::JsonLines).await);
    assert!(
        error.ends_with("other.jsonl: there is such a file: remove it, or choose another name")
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    std::fs::remove_file(&path).unwrap();

    let stopped = process.messages("other", &path, Format::JsonLines).await;
    assert!(matches!(stopped, Outcome::Failed(Failure::Quota(_))), "{stopped:?}");
    for (chat, format) in [("room", Format::JsonLines), ("other", Format::Csv)] {
        let error = call_error(process.messages(chat, &path, format).await);
        let CallError::Invalid(why) = error else { panic!("{error}") };
        assert!(why.contains("has the beginning of another export (messages of @other"), "{why}");
    }
    // Whoever removes it may begin another.
    std::fs::remove_file(archive.path("other.jsonl.part")).unwrap();
    process.end().await;
    let process = archive.start(Limits::none()).await;
    let exported = process.messages("room", &path, Format::JsonLines).await.done().unwrap();
    assert_eq!((exported.rows, exported.resumed_from), (POSTS as u64, 0));
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_is_said_with_its_place() {
    let archive = Archive::new().await;
    let process = archive.start(Limits::default()).await;
    let path = archive.path("nowhere/other.jsonl");
    let error = file_error(process.messages("other", &path, Format::JsonLines).await);
    assert!(error.contains("nowhere/other.jsonl.part: No such file or directory"), "{error}");
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn each_export_leaves_a_line_of_who_did_what_and_none_that_failed_does() {
    let archive = Archive::new().await;
    let process = archive.start(Limits::default()).await;
    let path = archive.path("other.jsonl");
    assert!(process.messages("other", &path, Format::JsonLines).await.is_done());
    let members = ExportMembers::of("other");
    let refused = eventually(process.manager.submit(process.session, members).unwrap()).await;
    assert!(call_error(refused).to_string().contains("only where the account is creator or admin"));
    let members = ExportMembers::of("room");
    assert!(eventually(process.manager.submit(process.session, members).unwrap()).await.is_done());
    let lines = process.store.audit("a").await.unwrap();
    let user = archive.telegram.account("a").unwrap().id().0;
    let told: Vec<_> = lines.iter().map(|l| (l.by, &*l.what, l.rows, l.file.clone())).collect();
    let file = Some(path.display().to_string());
    assert_eq!(told, [(user, "messages", 5, file), (user, "members", 4, None)]);
    process.end().await;
}
