//! What an account allows itself, and what Telegram allows it: how fast, how much a day, where.

use std::time::Duration;

use futures_util::future::join_all;
use tgsession::{
    ExportMembers, ExportMessages, Limits, Manager, Outcome, Pace, PacedCall, Quota, QuotaExceeded,
    Send,
};
use tgtest::{Channel, Fault, Method, Telegram};
use tokio::time::Instant;
use workspace_tests::{
    Process, STRANGERS, Shelf, Stage, call_error, config, done_and_exceeded, eventually, limited,
    quota_exceeded, secs,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(start_paused = true)]
async fn what_comes_too_fast_waits_for_its_pace_and_keeps_no_permit_meanwhile() {
    let stage = Stage::with(2, Manager::builder().operation_permits(1).build().unwrap()).await;
    let begin = Instant::now();
    let send = |session: usize, n: usize| {
        stage.manager.submit(stage.sessions[session], Send::new("friend", n.to_string())).unwrap()
    };
    let paced: Vec<_> = (0..12).map(|n| send(0, n)).collect();
    // Ten at once; while the eleventh waits, the only permit is free.
    while stage.telegram.sent().len() < 10 {
        tokio::task::yield_now().await;
    }
    assert!(eventually(send(1, 99)).await.is_done());
    assert!(begin.elapsed() < secs(1), "{:?}", begin.elapsed());
    for outcome in eventually(join_all(paced)).await {
        assert!(outcome.is_done(), "{outcome:?}");
    }
    assert_eq!(begin.elapsed().as_secs(), 6, "one more every 3 s");
    let texts = stage.texts();
    let own: Vec<_> = texts.iter().filter(|text| *text != "99").collect();
    assert_eq!(own, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_pace_of_ones_own_is_kept_to_and_none_is_none() {
    let pace = Pace::new(1, secs(10));
    let limits = Limits::none().pace(PacedCall::History, pace);
    let stage = Stage::with(1, limited(limits)).await;
    let begin = Instant::now();
    let sends = (0..30).map(|n| Send::new("friend", n.to_string()));
    let sends = sends.map(|send| stage.manager.submit(stage.sessions[0], send).unwrap());
    assert!(eventually(join_all(sends)).await.iter().all(Outcome::is_done));
    assert!(begin.elapsed() < secs(1));
    let export = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    assert!(eventually(export).await.is_done());
    assert_eq!(begin.elapsed().as_secs(), 30, "four pages, three of them late");
}

#[tokio::test(start_paused = true)]
async fn a_chat_in_slow_mode_holds_its_own_messages_and_no_others() {
    let stage = Stage::new(1).await;
    let session = stage.sessions[0];
    let begin = Instant::now();
    stage.telegram.inject(Fault::rpc_error(420, "SLOWMODE_WAIT_30").on(Method::SEND_MESSAGE));
    let slow = stage.manager.submit(session, Send::new("room", "one")).unwrap();
    eventually(stage.telegram.called(Method::SEND_MESSAGE, 1)).await;
    let also_slow = stage.manager.submit(session, Send::new("room", "two")).unwrap();
    let other = stage.manager.submit(session, Send::new("friend", "three")).unwrap();
    assert!(eventually(other).await.is_done());
    assert!(begin.elapsed() < secs(1));
    assert_eq!(stage.manager.session(session).unwrap().blocked_for, None, "the account is free");
    assert!(eventually(slow).await.is_done() && eventually(also_slow).await.is_done());
    assert_eq!(begin.elapsed().as_secs(), 30);
    assert_eq!(stage.calls(&[Method::SEND_MESSAGE]), 4, "the second was not even tried before");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_slow_takes_one_message_after_each_of_its_pauses() {
    let slow = Channel::group("slow").slow_mode(secs(10)).creator("friend").member("a0");
    let shelf =
        Shelf::new(Telegram::builder().account("a0").stranger("friend").channel(slow)).await;
    let process = shelf.start(limited(Limits::none())).await;
    let begin = Instant::now();
    let sends: Vec<_> =
        (0..3).map(|n| process.submit(Send::new("slow", format!("slow {n}")))).collect();
    assert!(eventually(process.submit(Send::new("friend", "other"))).await.is_done());
    assert!(begin.elapsed() < secs(10), "{:?}", begin.elapsed());
    assert!(eventually(join_all(sends)).await.iter().all(Outcome::is_done));
    assert!((20..=22).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    let mut texts = shelf.texts();
    texts.sort();
    assert_eq!(texts, ["other", "slow 0", "slow 1", "slow 2"]);
    let calls = shelf.telegram.requests();
    let tried = calls.iter().filter(|call| call.method == Method::SEND_MESSAGE).count();
    assert!(tried <= 6, "each that waited was refused once at most: {tried}");
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_telegram_is_broken_once_and_not_by_who_keeps_to_a_pace() {
    let world = Telegram::builder().accounts("a", 2).stranger("friend");
    let telegram = world.limit(Method::SEND_MESSAGE, 3, secs(20)).start().await.unwrap();
    let careful = Limits::none().pace(PacedCall::Send, Pace::new(1, secs(10)));
    for (name, limits) in [("a0", Limits::none()), ("a1", careful)] {
        let manager = limited(limits);
        let session = manager.add_session(config(&telegram, name)).await.unwrap();
        let send = |n: usize| {
            let text = format!("{name} {n}");
            manager.submit(session, Send::new("friend", text)).unwrap()
        };
        let sends: Vec<_> = (0..5).map(send).collect();
        assert!(eventually(join_all(sends)).await.iter().all(Outcome::is_done));
        assert_eq!(manager.shutdown().await.survivors, 0);
    }
    let mut texts: Vec<_> = telegram.sent().into_iter().map(|sent| sent.text).collect();
    texts.sort();
    texts.dedup();
    assert_eq!((texts.len(), telegram.sent().len()), (10, 10), "each once");
    let hasty = telegram.user("a0").unwrap();
    assert_eq!(telegram.broken_limits().into_iter().collect::<Vec<_>>(), [(hasty, 1)]);
}

#[tokio::test(start_paused = true)]
async fn an_endless_export_lets_a_send_go_first() {
    let stage = Stage::with(1, limited(Limits::none())).await;
    let page = Duration::from_millis(900);
    stage.telegram.inject(Fault::delay(page).on(Method::GET_HISTORY).always());
    let begin = Instant::now();
    let exports: Vec<_> = (0..50)
        .map(|_| stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap())
        .collect();
    eventually(stage.telegram.called(Method::GET_HISTORY, 1)).await;
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "hello")).unwrap();
    let outcome = eventually(send).await;
    assert!(outcome.is_done(), "within the time in its queue: {outcome:?}");
    assert!(begin.elapsed() < secs(60), "{:?}", begin.elapsed());
    let done = eventually(join_all(exports)).await;
    assert!(done.iter().any(Outcome::is_done), "{done:?}");
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_day_allows_so_many_messages_to_each_account() {
    let stage = Stage::new(2).await;
    let session = stage.sessions[0];
    let export = |session| {
        eventually(stage.manager.submit(session, ExportMessages::of("room").limit(200)).unwrap())
    };
    for _ in 0..2 {
        assert!(export(session).await.is_done());
    }
    let exceeded = quota_exceeded(export(session).await);
    assert_eq!((exceeded.quota, exceeded.limit), (Quota::PostsRead, 500));
    assert!(exceeded.to_string().contains("500 messages read of the day"), "{exceeded}");
    assert!(export(stage.sessions[1]).await.is_done(), "an account has its own");
    assert!(exceeded.renewed_in <= DAY);
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn what_telegram_refuses_does_not_count() {
    let limits = Limits::default().quota(Quota::Sends, 1);
    let stage = Stage::with(1, limited(limits)).await;
    let send = |text: &str| {
        eventually(stage.manager.submit(stage.sessions[0], Send::new("friend", text)).unwrap())
    };
    stage.telegram.inject(Fault::rpc_error(400, "MESSAGE_EMPTY").on(Method::SEND_MESSAGE));
    call_error(send("refused").await);
    stage.telegram.inject(Fault::lose_answer().on(Method::SEND_MESSAGE));
    assert!(send("accepted, and tried twice").await.is_done());
    assert_eq!(quota_exceeded(send("one too many").await).quota, Quota::Sends);
    assert_eq!(stage.texts(), ["accepted, and tried twice"]);
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_gives_nothing_does_not_count() {
    let stage = Stage::with(1, limited(Limits::default().quota(Quota::ChatsExported, 1))).await;
    let quiet = stage.telegram.channel("quiet").unwrap();
    assert!(stage.telegram.set_role(quiet, stage.id(0), None));
    let export = |chat: &str| {
        eventually(stage.manager.submit(stage.sessions[0], ExportMessages::of(chat)).unwrap())
    };
    call_error(export("quiet").await);
    assert!(export("room").await.is_done());
    // What was read counts, whatever fails after it.
    stage.telegram.inject(Fault::rpc_error(400, "PEER_ID_INVALID").on(Method::GET_HISTORY));
    call_error(export("room").await);
    assert_eq!(quota_exceeded(export("quiet").await).quota, Quota::ChatsExported);
}

#[tokio::test(start_paused = true)]
async fn members_are_read_also_where_one_call_at_a_time_is_allowed() {
    let pace = Limits::none().pace(PacedCall::Members, Pace::new(1, secs(5)));
    let stage = Stage::with(1, limited(pace)).await;
    let begin = Instant::now();
    let export = stage.manager.submit(stage.sessions[0], ExportMembers::of("room")).unwrap();
    assert_eq!(eventually(export).await.done().unwrap().len(), STRANGERS + 1);
    // For each page Telegram is asked first whether the account may.
    let took = begin.elapsed();
    assert!(took >= secs(15) && took < secs(31), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn messages_that_may_have_been_read_count() {
    let stage = Stage::with(1, limited(Limits::default().quota(Quota::PostsRead, 300))).await;
    let export = |n| ExportMessages::of("room").limit(n);
    let read = |n| eventually(stage.manager.submit(stage.sessions[0], export(n)).unwrap());
    stage.telegram.inject(Fault::rpc_error(500, "INTERNAL").on(Method::GET_HISTORY));
    assert!(read(100).await.is_done(), "what Telegram failed to do does not count");
    stage.telegram.inject(Fault::lose_answer().on(Method::GET_HISTORY));
    assert!(read(100).await.is_done());
    assert_eq!(quota_exceeded(read(100).await).quota, Quota::PostsRead);
}

const CHATS: usize = 14;

/// Exports all chats at once: how many were done, and why the others were not.
async fn export_all(process: &Process) -> (usize, Vec<QuotaExceeded>) {
    let export = |n: usize| process.submit(ExportMessages::of(format!("chat{n}")));
    let tickets: Vec<_> = (0..CHATS).map(export).collect();
    done_and_exceeded(eventually(join_all(tickets)).await)
}

#[tokio::test(start_paused = true)]
async fn a_day_allows_ten_chats_and_not_fourteen_and_a_restart_does_not_change_that() {
    let chat = |n: usize| Channel::group(&format!("chat{n}")).member("a0").messages(3);
    let world = Telegram::builder().account("a0");
    let shelf = Shelf::new((0..CHATS).map(chat).fold(world, tgtest::Builder::channel)).await;
    let process = shelf.start(limited(Limits::default())).await;
    let (done, refused) = export_all(&process).await;
    assert_eq!((done, refused.len()), (10, 4));
    assert!(refused.iter().all(|r| r.quota == Quota::ChatsExported && r.limit == 10));
    assert!(refused.iter().all(|r| r.renewed_in <= DAY));
    process.end().await;

    let process = shelf.start(limited(Limits::default())).await;
    let (done, refused) = export_all(&process).await;
    assert_eq!((done, refused.len()), (10, 4), "the ten of the day, and no others");
    let audit = process.store.audit("a0").await.unwrap();
    assert_eq!(audit.len(), 20, "a line for each that was done");
    process.end().await;
}
