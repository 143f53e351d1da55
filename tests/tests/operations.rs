//! What becomes of operations: order, retries, outcomes, and what each leaves behind.
//!
//! Time is paused where something waits: pauses of seconds and minutes pass at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tgsession::{
    Balance, CallError, Custom, ExportMembers, ExportMessages, Limits, Manager, Outcome, Quota,
    Send, SubmitError,
};
use tgtest::{Fault, Method};
use tokio::sync::Notify;
use tokio::time::Instant;
use workspace_tests::{
    Hold, POSTS, STRANGERS, Stage, asks, call_error, eventually as soon, limited,
};

#[tokio::test(start_paused = true)]
async fn exports_bring_every_row_once_and_in_order() {
    let stage = Stage::new(2).await;
    let posts = stage.manager.submit(stage.sessions[0], ExportMessages::of("@room")).unwrap();
    let posts = soon(posts).await.done().unwrap();
    let ids: Vec<_> = posts.iter().map(|post| post.id).collect();
    assert_eq!(ids, (1..=POSTS as i32).collect::<Vec<_>>());
    assert_eq!(posts[0].text, "message 1 in room");

    let some =
        stage.manager.submit(stage.sessions[0], ExportMessages::of("room").limit(120)).unwrap();
    assert_eq!(soon(some).await.done().unwrap().len(), 120);

    let members = stage.manager.submit(stage.sessions[1], ExportMembers::of("room")).unwrap();
    let members = soon(members).await.done().unwrap();
    let numbers: HashSet<_> = members.iter().map(|member| member.user).collect();
    assert_eq!((members.len(), numbers.len()), (STRANGERS + 2, STRANGERS + 2));
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn members_are_exported_only_where_the_account_is_admin() {
    let stage = Stage::new(1).await;
    let export = stage.manager.submit(stage.sessions[0], ExportMembers::of("quiet")).unwrap();
    let error = call_error(soon(export).await).to_string();
    assert!(
        error.starts_with("members are exported only where the account is creator or admin"),
        "{error}"
    );
    assert_eq!(stage.calls(&[Method::GET_PARTICIPANTS]), 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_somebody_keeps_costs_no_permit() {
    let stage = Stage::new(4).await;
    // One operation lock at a time is what a task may hold: each is kept by a task of its own.
    let release = Arc::new(Notify::new());
    let mut keepers = Vec::new();
    for &id in &stage.sessions[..3] {
        let (manager, release, kept) =
            (stage.manager.clone(), Arc::clone(&release), Arc::new(Notify::new()));
        let keeps = Arc::clone(&kept);
        keepers.push(tokio::spawn(async move {
            let _paused = manager.pause(id).await.unwrap();
            keeps.notify_one();
            release.notified().await;
        }));
        kept.notified().await;
    }
    let send =
        |i: usize| stage.manager.submit(stage.sessions[i], Send::new("friend", "x")).unwrap();
    let waiting: Vec<_> = (0..3).map(send).collect();
    let begin = Instant::now();
    assert!(soon(send(3)).await.is_done());
    assert!(begin.elapsed() < Duration::from_secs(1), "three permits are free");
    release.notify_waiters();
    for outcome in soon(join_all(waiting)).await {
        assert!(outcome.is_done());
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once_and_says_how_deep_it_is() {
    let manager = Manager::builder().queue_capacity(3).build().unwrap();
    let stage = Stage::with(1, manager).await;
    let paused = stage.manager.pause(stage.sessions[0]).await.unwrap();
    let send = || stage.manager.submit(stage.sessions[0], Send::new("friend", "x"));
    // One leaves the queue and waits for the operation lock; three wait behind it.
    let first = send().unwrap();
    stage.until(0, |status| status.queued == 0).await;
    let queued: Vec<_> = (0..3).map(|_| send().unwrap()).collect();
    match send() {
        Err(SubmitError::QueueFull { depth, .. }) => assert_eq!(depth, 3),
        other => panic!("{other:?}"),
    }
    drop(paused);
    assert!(soon(first).await.is_done());
    for outcome in soon(join_all(queued)).await {
        assert!(outcome.is_done());
    }
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn by_default_a_lock_is_waited_for_30_s_and_a_hundred_wait_in_a_queue_and_no_more() {
    let stage = Stage::new(1).await;
    let session = stage.sessions[0];
    let (hold, operation) = Hold::operation();
    let held = stage.manager.submit(session, operation).unwrap();
    hold.entered().await;
    let begin = Instant::now();
    assert!(stage.manager.pause(session).await.is_err());
    assert_eq!(begin.elapsed().as_secs(), 30);

    let submit = || stage.manager.submit(session, asks());
    let queued: Vec<_> = (0..100).map(|_| submit().unwrap()).collect();
    match submit() {
        Err(SubmitError::QueueFull { depth, .. }) => assert_eq!(depth, 100),
        other => panic!("{other:?}"),
    }
    hold.release();
    assert!(soon(held).await.is_done());
    assert!(soon(join_all(queued)).await.iter().all(Outcome::is_done));
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_too_long_expires_by_itself() {
    let stage = Stage::new(1).await;
    stage.telegram.inject(Fault::silence().on(Method::GET_HISTORY));
    let endless = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    soon(stage.telegram.called(Method::GET_HISTORY, 1)).await;
    let begin = Instant::now();
    let waiting = stage.manager.submit(stage.sessions[0], Send::new("friend", "late")).unwrap();
    let Outcome::ExpiredInQueue { waited } = soon(waiting).await else {
        panic!("it did not expire")
    };
    assert_eq!(waited.as_secs(), 60);
    assert!(begin.elapsed() < Duration::from_secs(61), "{:?}", begin.elapsed());
    let Outcome::TimedOut { after } = soon(endless).await else { panic!("it did not time out") };
    assert_eq!(after, Duration::from_secs(300));
    assert_eq!(stage.texts(), [""; 0]);
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_operation_that_waits_is_never_started() {
    let stage = Stage::new(1).await;
    let paused = stage.manager.pause(stage.sessions[0]).await.unwrap();
    let send = |text| stage.manager.submit(stage.sessions[0], Send::new("friend", text)).unwrap();
    let (first, second, third, fourth) = (send("1"), send("2"), send("3"), send("4"));
    assert!(matches!(soon(second.cancel()).await, Outcome::Cancelled));
    drop(third);
    drop(paused);
    assert!(soon(first).await.is_done() && soon(fourth).await.is_done());
    assert_eq!(stage.texts(), ["1", "4"]);
    stage.assert_idle().await;
    assert_eq!(stage.manager.metrics().await.unwrap().cancelled, 2);
}

#[tokio::test(start_paused = true)]
async fn a_detached_operation_goes_on_without_its_ticket() {
    let stage = Stage::new(1).await;
    stage.manager.submit(stage.sessions[0], Send::new("friend", "alone")).unwrap().detach();
    soon(stage.telegram.called(Method::SEND_MESSAGE, 1)).await;
    assert_eq!(stage.texts(), ["alone"]);
}

#[tokio::test(start_paused = true)]
async fn exclusive_operations_of_a_session_never_overlap_and_shared_ones_do() {
    let stage = Stage::new(1).await;
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let custom = || {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        Custom::new(move |_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_secs(1)).await; // its work
                now.fetch_sub(1, Ordering::Relaxed);
                Ok::<_, CallError>(())
            }
        })
    };
    let exclusive: Vec<_> =
        (0..4).map(|_| stage.manager.submit(stage.sessions[0], custom()).unwrap()).collect();
    soon(join_all(exclusive)).await;
    assert_eq!(most.load(Ordering::Relaxed), 1);
    let shared: Vec<_> = (0..4)
        .map(|_| stage.manager.submit(stage.sessions[0], custom().shared()).unwrap())
        .collect();
    soon(join_all(shared)).await;
    assert_eq!(most.load(Ordering::Relaxed), 3, "as many as there are permits");
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_exports_run_at_once_than_there_are_permits_and_a_freed_one_is_used() {
    let limits = Limits::default().quota(Quota::PostsRead, 1000);
    let stage = Stage::with(9, limited(limits)).await;
    let scrapes = [Method::GET_HISTORY];
    let watch = stage.telegram.watch(&scrapes);
    stage.telegram.inject(Fault::delay(Duration::from_millis(100)).on(scrapes[0]).always());
    let begin = Instant::now();
    let exports: Vec<_> = (0..27)
        .map(|n| stage.manager.submit(stage.sessions[n % 9], ExportMessages::of("room")).unwrap())
        .collect();
    for outcome in soon(join_all(exports)).await {
        assert_eq!(outcome.done().unwrap().len(), POSTS);
    }
    assert_eq!(watch.most_at_once(), 5);
    // 27 exports of four pages each, five at a time.
    let least = Duration::from_millis(100) * 4 * 6;
    assert!(begin.elapsed() >= least && begin.elapsed() < least * 2, "{:?}", begin.elapsed());
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_waits_for_a_permit_does_not_block_one_that_needs_another() {
    let stage = Stage::new(6).await;
    stage.telegram.inject(Fault::silence().on(Method::GET_HISTORY).times(5));
    let export =
        |i: usize| stage.manager.submit(stage.sessions[i], ExportMessages::of("room")).unwrap();
    let holding: Vec<_> = (0..5).map(export).collect();
    soon(stage.telegram.called(Method::GET_HISTORY, 5)).await;
    let waiting = export(5);
    let begin = Instant::now();
    let send = stage.manager.submit(stage.sessions[5], Send::new("friend", "first")).unwrap();
    assert!(soon(send).await.is_done());
    assert!(begin.elapsed() < Duration::from_secs(1));
    drop(holding);
    assert!(soon(waiting).await.is_done());
}

#[tokio::test(start_paused = true)]
async fn balancing_goes_round_or_to_the_least_loaded() {
    let stage = Stage::new(3).await;
    let send = |stage: &Stage| stage.manager.submit_any(Send::new("friend", "x")).unwrap();
    let chosen: Vec<_> = (0..4).map(|_| send(&stage).0).collect();
    let [a, b, c] = stage.sessions[..] else { unreachable!("there are three") };
    assert_eq!(chosen, [a, b, c, a]);

    let manager = Manager::builder().balance(Balance::LeastLoaded).build().unwrap();
    let stage = Stage::with(2, manager).await;
    stage.telegram.inject(Fault::silence().on(Method::GET_HISTORY));
    let busy = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    for _ in 0..3 {
        let (chosen, ticket) = send(&stage);
        assert_eq!(chosen, stage.sessions[1]);
        assert!(soon(ticket).await.is_done());
    }
    drop(busy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_callers_at_once_none_is_refused_while_a_queue_has_room() {
    const SESSIONS: usize = 8;
    for balance in [Balance::RoundRobin, Balance::LeastLoaded] {
        let manager = Manager::builder()
            .queue_capacity(1)
            .operation_permits(SESSIONS)
            .balance(balance)
            .build()
            .unwrap();
        let stage = Stage::with(SESSIONS, manager).await;
        // Each is busy, so that what is submitted stays in its queue.
        let mut holds = Vec::new();
        for &session in &stage.sessions {
            let (hold, holding) = Hold::operation();
            let holding = stage.manager.submit(session, holding).unwrap();
            hold.entered().await;
            holds.push((hold, holding));
        }
        for _ in 0..100 {
            let begin = std::sync::Barrier::new(SESSIONS);
            let submit = || {
                begin.wait();
                stage.manager.submit_any(Send::new("friend", "x"))
            };
            // As many as there are places.
            let tickets: Vec<_> = std::thread::scope(|scope| {
                let callers: Vec<_> = (0..SESSIONS).map(|_| scope.spawn(submit)).collect();
                callers.into_iter().map(|caller| caller.join().unwrap().unwrap()).collect()
            });
            let chosen: HashSet<_> = tickets.iter().map(|(session, _)| *session).collect();
            assert_eq!(chosen.len(), SESSIONS, "one each");
            let one_more = stage.manager.submit_any(Send::new("friend", "x"));
            assert!(matches!(one_more, Err(SubmitError::QueueFull { depth: 1, .. })));
            for (_, ticket) in tickets {
                assert!(matches!(soon(ticket.cancel()).await, Outcome::Cancelled));
            }
            for session in 0..SESSIONS {
                stage.until(session, |status| status.queued == 0).await;
            }
        }
        for (hold, holding) in holds {
            hold.release();
            assert!(soon(holding).await.is_done());
        }
        assert_eq!(stage.texts(), [""; 0]);
        stage.assert_idle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_submission_gets_exactly_one_outcome_also_when_the_session_stops() {
    let stage = Stage::new(1).await;
    stage.telegram.inject(Fault::silence().on(Method::GET_HISTORY));
    let running = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    soon(stage.telegram.called(Method::GET_HISTORY, 1)).await;
    let queued: Vec<_> = (0..20)
        .map(|_| stage.manager.submit(stage.sessions[0], Send::new("friend", "x")).unwrap())
        .collect();
    let begin = Instant::now();
    let stopped = soon(stage.manager.remove_session(stage.sessions[0])).await.unwrap();
    assert_eq!(stopped.survivors, 0);
    assert!(begin.elapsed() <= Duration::from_secs(5), "{:?}", begin.elapsed());
    assert!(matches!(soon(running).await, Outcome::ShutDown));
    for outcome in soon(join_all(queued)).await {
        assert!(matches!(outcome, Outcome::ShutDown), "{outcome:?}");
    }
    assert!(matches!(
        stage.manager.submit(stage.sessions[0], Send::new("friend", "x")),
        Err(SubmitError::Unknown(_))
    ));
    let metrics = stage.manager.metrics().await.unwrap();
    assert_eq!((metrics.sessions, metrics.removed, metrics.shut_down), (0, 1, 21));
    soon(stage.telegram.connected(0)).await;
}

#[tokio::test(start_paused = true)]
async fn an_operation_may_finish_while_its_session_drains() {
    let stage = Stage::new(1).await;
    stage.telegram.inject(Fault::delay(Duration::from_secs(2)).on(Method::SEND_MESSAGE));
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "last")).unwrap();
    soon(stage.telegram.called(Method::SEND_MESSAGE, 1)).await;
    let (report, sent) = soon(async { tokio::join!(stage.manager.shutdown(), send) }).await;
    assert!(sent.is_done(), "{sent:?}");
    assert_eq!((report.stopped, report.survivors, report.left), (1, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_ignores_everything_is_reported_as_a_survivor() {
    let manager = Manager::builder()
        .stop_budget(Duration::from_millis(200))
        .shutdown_budget(Duration::from_millis(400))
        .build()
        .unwrap();
    let stage = Stage::with(1, manager).await;
    let entered = Arc::new(Notify::new());
    let enters = Arc::clone(&entered);
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Arc::new(std::sync::Mutex::new(Some(released)));
    let stubborn = Custom::new(move |_| {
        let (enters, released) = (Arc::clone(&enters), Arc::clone(&released));
        async move {
            // Blocks its thread: it never comes to an await at which it could be ended.
            let released = released.lock().unwrap().take().unwrap();
            enters.notify_one();
            let _ = released.recv();
            Ok::<_, CallError>(())
        }
    });
    let ticket = stage.manager.submit(stage.sessions[0], stubborn).unwrap();
    soon(entered.notified()).await;
    let report = soon(stage.manager.shutdown()).await;
    drop(release);
    // Tasks that were queued behind it on its worker survive with it.
    assert!(report.survivors >= 1, "{report:?}");
    assert_eq!((report.stopped, report.left), (1, 1));
    // It came to its end after all, and so its caller hears of it.
    assert!(soon(ticket).await.is_done());
}
