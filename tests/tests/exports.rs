//! Exports into files: whole or not there, gone on with after a stop, and written down.

use std::path::Path;

use grammers_session::types::{PeerAuth, PeerId, PeerRef};
use tgsession::{
    CallError, ExportMembers, ExportMessages, Exported, Failure, Format, Limits, Outcome, Pace,
    PacedCall, Quota, Send,
};
use tgtest::{BasicGroup, Channel, Fault, Method, Role, Telegram};
use workspace_tests::{Process, Shelf, call_error, eventually, limited, secs};

const POSTS: usize = 450;

/// An account in two chats.
async fn archive() -> Shelf {
    let room = Channel::group("room").admin("a0").strangers(3).messages(POSTS);
    let other = Channel::group("other").member("a0").strangers(2).messages(5);
    Shelf::new(Telegram::builder().account("a0").channel(room).channel(other)).await
}

/// What is beside the store.
fn files(shelf: &Shelf) -> Vec<String> {
    let entries = std::fs::read_dir(shelf.path(".")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "store").collect();
    names.sort();
    names
}

/// Exports the messages of a chat.
async fn messages(process: &Process, chat: &str, path: &Path, format: Format) -> Outcome<Exported> {
    eventually(process.submit(ExportMessages::of(chat).to_file(path, format))).await
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
    let shelf = archive().await;
    let id = |name: &str| shelf.telegram.user(name).unwrap();
    let other = shelf.telegram.channel("other").unwrap();
    shelf.telegram.push_post(other, id("other_member0"), "=HYPERLINK(\"http://x\")");
    let process = shelf.start(limited(Limits::default())).await;
    let path = shelf.path("other.csv");
    let exported = messages(&process, "other", &path, Format::Csv).await.done().unwrap();
    assert_eq!((exported.rows, exported.resumed_from), (6, 0));
    assert_eq!(exported.path, path);
    let csv = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines[0], "id,from,date,text");
    assert!(lines[1].starts_with("1,") && lines[1].ends_with(",message 1 in other"), "{csv}");
    assert!(lines[6].ends_with(",\"'=HYPERLINK(\"\"http://x\"\")\""), "no formula: {csv}");

    let path = shelf.path("room.jsonl");
    let members = ExportMembers::of("room").to_file(&path, Format::JsonLines);
    let exported = eventually(process.submit(members)).await;
    assert_eq!(exported.done().unwrap().rows, 4);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().filter(|line| line.contains("\"username\":\"room_member")).count(), 3);
    assert!(!text.contains("phone"), "{text}");
    assert_eq!(files(&shelf), ["other.csv", "room.jsonl"], "and no parts");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "what people wrote is for the owner only");
    }
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn messages_are_exported_only_from_chats_that_the_account_is_in() {
    let square = Channel::group("square").member("friend").messages(POSTS).public();
    let world = Telegram::builder().account("a0").stranger("friend").channel(square);
    let shelf = Shelf::new(world).await;
    let process = shelf.start(limited(Limits::default())).await;
    let path = shelf.path("square.jsonl");
    match call_error(messages(&process, "square", &path, Format::JsonLines).await) {
        CallError::Invalid(why) => assert!(why.contains("join it first"), "{why}"),
        other => panic!("{other}"),
    }
    assert!(!path.exists());
    let square = shelf.telegram.channel("square").unwrap();
    assert!(shelf.telegram.set_role(
        square,
        shelf.telegram.user("a0").unwrap(),
        Some(Role::Member)
    ));
    let exported = messages(&process, "square", &path, Format::JsonLines).await.done().unwrap();
    assert_eq!(exported.rows, POSTS as u64);
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_export_that_a_limit_stopped_goes_on_in_another_process() {
    let shelf = archive().await;
    let path = shelf.path("room.jsonl");
    let mut resumed_from = 0;
    for (a_day, rows) in [(170, 170), (300, 300), (1000, POSTS as u64)] {
        let process = shelf.start(limited(Limits::default().quota(Quota::PostsRead, a_day))).await;
        match messages(&process, "room", &path, Format::JsonLines).await {
            Outcome::Failed(Failure::Quota(exceeded)) => {
                assert_eq!(exceeded.quota, Quota::PostsRead);
                assert_eq!(files(&shelf), ["room.jsonl.part"], "it is not whole");
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
    assert_eq!(files(&shelf), ["room.jsonl"]);
    let store = shelf.open().await.unwrap();
    let lines = store.audit("a0").await.unwrap();
    let told: Vec<_> = lines.iter().map(|l| (l.rows, l.whole)).collect();
    assert_eq!(told, [(170, false), (300, false), (POSTS as u64, true)], "also of what stopped");
    store.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_the_middle_loses_and_repeats_no_row() {
    let shelf = archive().await;
    let path = shelf.path("room.jsonl");
    // The page whose answer is lost counts too; and one is taken to see that there are no more.
    let limits = Limits::default().quota(Quota::PostsRead, POSTS as u32 + 101);
    let process = shelf.start(limited(limits)).await;
    let faults = [
        Fault::lose_answer().after(1),
        Fault::rpc_error(500, "INTERNAL").after(2),
        Fault::flood_wait(secs(20)).after(3),
    ];
    faults.into_iter().for_each(|f| shelf.telegram.inject(f.on(Method::GET_HISTORY)));
    let exported = messages(&process, "room", &path, Format::JsonLines).await.done().unwrap();
    assert_eq!((exported.rows, exported.resumed_from), (POSTS as u64, 0));
    assert_eq!(ids(&path), (1..=POSTS as i32).collect::<Vec<_>>());
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_server_in_the_middle_loses_and_repeats_no_row() {
    let shelf = archive().await;
    let path = shelf.path("room.jsonl");
    let process = shelf.start(limited(Limits::none())).await;
    // The third page is on its way when it happens.
    shelf.telegram.inject(Fault::delay(secs(5)).on(Method::GET_HISTORY).after(2));
    let restart = async {
        eventually(shelf.telegram.called(Method::GET_HISTORY, 3)).await;
        shelf.telegram.restart().await.unwrap();
    };
    let export = messages(&process, "room", &path, Format::JsonLines);
    let (outcome, ()) = tokio::join!(export, restart);
    assert_eq!(outcome.done().unwrap().rows, POSTS as u64);
    assert_eq!(ids(&path), (1..=POSTS as i32).collect::<Vec<_>>());
    assert_eq!(files(&shelf), ["room.jsonl"]);
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cancelled_between_two_pages_goes_on_when_it_is_submitted_again() {
    let shelf = archive().await;
    let path = shelf.path("room.jsonl");
    // What a day allows is no more than there is, and a page that was under way is read again.
    let pace = Limits::none().pace(PacedCall::History, Pace::new(2, secs(10)));
    let process = shelf.start(limited(pace)).await;
    let export = ExportMessages::of("room").to_file(&path, Format::JsonLines);
    let ticket = process.submit(export);
    eventually(shelf.telegram.called(Method::GET_HISTORY, 3)).await;
    assert!(matches!(eventually(ticket.cancel()).await, Outcome::Cancelled));
    let exported = messages(&process, "room", &path, Format::JsonLines).await.done().unwrap();
    assert!(exported.resumed_from >= 200, "{exported:?}");
    assert_eq!(ids(&path), (1..=POSTS as i32).collect::<Vec<_>>());
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cancelled_when_its_file_is_there_is_done() {
    let shelf = archive().await;
    let process = shelf.start(limited(Limits::none())).await;
    for turns in 0..24 {
        let path = shelf.path(&format!("{turns}.jsonl"));
        let ticket = process.submit(ExportMessages::of("other").to_file(&path, Format::JsonLines));
        while !path.exists() {
            tokio::task::yield_now().await;
        }
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        assert_eq!(eventually(ticket.cancel()).await.done().unwrap().rows, 5, "{turns}");
        assert!(!shelf.path(&format!("{turns}.jsonl.part")).exists());
        assert_eq!(process.store.audit("a0").await.unwrap().len(), turns + 1, "a line for each");
    }
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn no_file_is_overwritten_and_no_two_exports_are_mixed() {
    let shelf = archive().await;
    let path = shelf.path("other.jsonl");
    let process = shelf.start(limited(Limits::default().quota(Quota::PostsRead, 3))).await;
    std::fs::write(&path, "mine").unwrap();
    let error = file_error(messages(&process, "other", &path, Format::JsonLines).await);
    assert!(
        error.ends_with("other.jsonl: there is such a file: remove it, or choose another name")
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    std::fs::remove_file(&path).unwrap();

    let stopped = messages(&process, "other", &path, Format::JsonLines).await;
    assert!(matches!(stopped, Outcome::Failed(Failure::Quota(_))), "{stopped:?}");
    for (chat, format) in [("room", Format::JsonLines), ("other", Format::Csv)] {
        let error = call_error(messages(&process, chat, &path, format).await);
        let CallError::Invalid(why) = error else { panic!("{error}") };
        assert!(why.contains("has the beginning of another export (messages of @other"), "{why}");
    }
    // Whoever removes it may begin another.
    std::fs::remove_file(shelf.path("other.jsonl.part")).unwrap();
    process.end().await;
    let process = shelf.start(limited(Limits::none())).await;
    let exported = messages(&process, "room", &path, Format::JsonLines).await.done().unwrap();
    assert_eq!((exported.rows, exported.resumed_from), (POSTS as u64, 0));
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_lacks_only_its_name_gets_it_without_a_quota_or_a_call() {
    let shelf = archive().await;
    let path = shelf.path("other.jsonl");
    let members = shelf.path("members.csv");
    let process = shelf.start(limited(Limits::default())).await;
    // Somebody makes a file of that name while it is read, so that the last step fails.
    for (method, path) in [(Method::GET_HISTORY, &path), (Method::GET_PARTICIPANTS, &members)] {
        shelf.telegram.inject(Fault::delay(secs(1)).on(method));
        let export = async {
            match method {
                Method::GET_HISTORY => messages(&process, "other", path, Format::JsonLines).await,
                _ => {
                    let export = ExportMembers::of("room").to_file(path, Format::Csv);
                    eventually(process.submit(export)).await
                }
            }
        };
        let in_the_way = async {
            eventually(shelf.telegram.called(method, 1)).await;
            std::fs::write(path, "").unwrap();
        };
        let (outcome, ()) = tokio::join!(export, in_the_way);
        let error = file_error(outcome);
        assert!(error.contains("there is such a file"), "{error}");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "", "it is somebody else's");
        std::fs::remove_file(path).unwrap();
    }
    process.end().await;

    let nothing = Limits::default().quota(Quota::ChatsExported, 0).quota(Quota::PostsRead, 0);
    let process = shelf.start(limited(nothing)).await;
    let reads = [
        Method::RESOLVE_USERNAME,
        Method::GET_HISTORY,
        Method::GET_PARTICIPANT,
        Method::GET_PARTICIPANTS,
    ];
    let calls = || shelf.telegram.requests().iter().filter(|c| reads.contains(&c.method)).count();
    let before = calls();
    let exported = messages(&process, "other", &path, Format::JsonLines).await.done().unwrap();
    assert_eq!((exported.rows, exported.resumed_from), (5, 5));
    assert_eq!(ids(&path), [1, 2, 3, 4, 5]);
    let export = ExportMembers::of("room").to_file(&members, Format::Csv);
    let exported = eventually(process.submit(export)).await.done().unwrap();
    assert_eq!((exported.rows, exported.resumed_from), (4, 4));
    assert_eq!(calls(), before);
    assert_eq!(files(&shelf), ["members.csv", "other.jsonl"]);
    let lines = process.store.audit("a0").await.unwrap();
    let told: Vec<_> = lines.iter().map(|l| (&*l.what, l.rows, l.whole)).collect();
    let stopped = [("messages", 5, false), ("members", 4, false)];
    assert_eq!(told, [&stopped[..], &[("messages", 5, true), ("members", 4, true)][..]].concat());
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_is_said_with_its_place() {
    let shelf = archive().await;
    let process = shelf.start(limited(Limits::default())).await;
    let path = shelf.path("nowhere/other.jsonl");
    let error = file_error(messages(&process, "other", &path, Format::JsonLines).await);
    assert!(error.contains("nowhere/other.jsonl.part: No such file or directory"), "{error}");
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn each_export_leaves_a_line_of_who_did_what_and_none_that_failed_does() {
    let shelf = archive().await;
    let process = shelf.start(limited(Limits::default())).await;
    let path = shelf.path("other.jsonl");
    assert!(messages(&process, "other", &path, Format::JsonLines).await.is_done());
    let members = ExportMembers::of("other");
    let refused = eventually(process.submit(members)).await;
    assert!(call_error(refused).to_string().contains("only where the account is creator or admin"));
    let members = ExportMembers::of("room");
    assert!(eventually(process.submit(members)).await.is_done());
    let lines = process.store.audit("a0").await.unwrap();
    let user = shelf.telegram.account("a0").unwrap().id().0;
    let told: Vec<_> = lines.iter().map(|l| (l.by, &*l.what, l.rows, l.file.clone())).collect();
    let file = Some(path.display().to_string());
    assert_eq!(told, [(user, "messages", 5, file), (user, "members", 4, None)]);
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_messages_of_a_private_chat_are_exported_with_who_wrote_them_and_its_members_are_not() {
    let shelf = Shelf::new(Telegram::builder().account("a0").stranger("friend")).await;
    let process = shelf.start(limited(Limits::none())).await;
    for n in 0..120 {
        shelf.push(&format!("question {n}"));
        let answer = process.submit(Send::new("friend", format!("answer {n}")));
        assert!(eventually(answer).await.is_done());
    }
    let posts = eventually(process.submit(ExportMessages::of("friend"))).await.done().unwrap();
    let user = |name| shelf.telegram.user(name).unwrap().0;
    let told: Vec<_> = posts.iter().map(|post| (post.from, &*post.text)).collect();
    let texts: Vec<_> =
        (0..120).map(|n| (format!("question {n}"), format!("answer {n}"))).collect();
    let wanted: Vec<_> = texts
        .iter()
        .flat_map(|(asked, said)| [(Some(user("friend")), &**asked), (Some(user("a0")), &**said)])
        .collect();
    assert_eq!(told, wanted);
    let path = shelf.path("friend.jsonl");
    let exported = messages(&process, "friend", &path, Format::JsonLines).await.done().unwrap();
    assert_eq!((exported.rows, ids(&path).len()), (240, 240));
    let lines = process.store.audit("a0").await.unwrap();
    assert!(lines.iter().all(|line| line.chat == user("friend") && line.rows == 240), "{lines:?}");

    let refused = eventually(process.submit(ExportMembers::of("friend"))).await;
    let error = call_error(refused).to_string();
    assert!(error.contains("@friend is not a group or channel"), "{error}");
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn basic_groups_are_exported_too_and_their_members_only_by_admins() {
    let of_a0 = |title| BasicGroup::new(title).member("friend").messages(250);
    let world = Telegram::builder()
        .account("a0")
        .stranger("friend")
        .basic_group(of_a0("made").creator("a0"))
        .basic_group(of_a0("led").admin("a0"))
        .basic_group(of_a0("joined").member("a0"));
    let shelf = Shelf::new(world).await;
    let process = shelf.start(limited(Limits::none())).await;
    let group = |title| {
        let id = PeerId::chat(shelf.telegram.basic_group(title).unwrap().0).unwrap();
        PeerRef { id, auth: PeerAuth::default() }
    };
    // All that is said to the account is numbered in one row.
    for (title, begin) in [("made", 1), ("led", 251), ("joined", 501)] {
        let path = shelf.path(&format!("{title}.jsonl"));
        let export = ExportMessages::of(group(title)).to_file(&path, Format::JsonLines);
        assert_eq!(eventually(process.submit(export)).await.done().unwrap().rows, 250);
        assert_eq!(ids(&path), (begin..begin + 250).collect::<Vec<_>>());
    }
    for title in ["made", "led"] {
        let members = eventually(process.submit(ExportMembers::of(group(title)))).await;
        let members = members.done().unwrap();
        let names: Vec<_> = members.iter().filter_map(|m| m.username.as_deref()).collect();
        assert_eq!(names, ["a0", "friend"]);
    }
    let refused = eventually(process.submit(ExportMembers::of(group("joined")))).await;
    let error = call_error(refused).to_string();
    assert!(error.contains("only where the account is creator or admin"), "{error}");
    process.end().await;
}
