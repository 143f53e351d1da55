//! The queue of a session: who goes first, who is answered, and what is left behind.

use futures_util::FutureExt;
use futures_util::future::join_all;
use tgsession::{Balance, ExportMessages, Limits, Manager, Outcome, Send};
use tgtest::{Fault, Method};
use tokio::time::Instant;
use workspace_tests::{Stage, eventually, limited, secs, soon};

/// Asserts that the session's line is free at this very moment.
fn assert_free(stage: &Stage) {
    let line = stage.manager.pause(stage.sessions[0]).now_or_never();
    assert_eq!(line.expect("nobody has it").unwrap().running(), None);
}

#[tokio::test(start_paused = true)]
async fn the_queue_holds_no_lock_while_it_is_empty() {
    let stage = Stage::new(1).await;
    let session = stage.sessions[0];
    for _ in 0..3 {
        assert_free(&stage);
        let send = stage.manager.submit(session, Send::new("friend", "x")).unwrap();
        assert!(soon(send).await.is_done());
        assert_free(&stage);
        // Whoever looks at the queue now and then has done so by now.
        for _ in 0..50 {
            tokio::time::sleep(secs(1) / 10).await;
            assert_free(&stage);
        }
        let begin = Instant::now();
        soon(stage.manager.reconnect(session)).await.unwrap();
        assert!(begin.elapsed() < secs(1), "nobody keeps the session: {:?}", begin.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn expiry_is_noticed_by_a_timer_and_not_at_dequeue() {
    let stage = Stage::with(1, Manager::builder().queue_wait(secs(10)).build().unwrap()).await;
    let line = stage.manager.pause(stage.sessions[0]).await.unwrap();
    let send = |text| stage.manager.submit(stage.sessions[0], Send::new("friend", text)).unwrap();
    // It waits for the line, so nothing is taken out of the queue.
    let first = send("first");
    stage.until(0, |status| status.queued == 0).await;
    let begin = Instant::now();
    let behind: Vec<_> = (0..3).map(|_| send("behind")).collect();
    for outcome in soon(join_all(behind)).await {
        assert!(matches!(outcome, Outcome::ExpiredInQueue { .. }), "{outcome:?}");
    }
    assert_eq!(begin.elapsed().as_secs(), 10);
    assert_eq!(stage.manager.session(stage.sessions[0]).unwrap().queued, 0);
    drop(line);
    assert!(soon(first).await.is_done());
    assert_eq!(stage.texts(), ["first"]);
}

/// Exports, and as soon as one is done the next.
async fn keep_exporting(stage: &Stage) {
    while !stage.manager.sessions().is_empty() {
        let export = ExportMessages::of("room").limit(100);
        let export = stage.manager.submit(stage.sessions[0], export).unwrap();
        assert!(soon(export).await.is_done());
    }
}

#[tokio::test(start_paused = true)]
async fn sends_do_not_starve() {
    let stage = Stage::with(1, limited(Limits::none())).await;
    let page = secs(5) / 2;
    stage.telegram.inject(Fault::delay(page).on(Method::GET_HISTORY).always());
    let send = async {
        soon(stage.telegram.called(Method::GET_HISTORY, 1)).await;
        let begin = Instant::now();
        let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "at last")).unwrap();
        (eventually(send).await, begin.elapsed())
    };
    // Two, so that one with the higher priority always waits.
    let (outcome, took) = tokio::select! {
        sent = send => sent,
        () = keep_exporting(&stage) => unreachable!("the session is there"),
        () = keep_exporting(&stage) => unreachable!("the session is there"),
    };
    assert!(outcome.is_done(), "{outcome:?}");
    assert!(took < secs(60), "{took:?}");
    assert!(took > page, "and not before all that has the priority: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_callers_operation_is_not_executed() {
    let stage = Stage::new(1).await;
    let session = stage.sessions[0];
    let line = stage.manager.pause(session).await.unwrap();
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let manager = stage.manager.clone();
            let send = Send::new("friend", "of a caller who is gone");
            tokio::spawn(async move { manager.submit(session, send).unwrap().await.is_done() })
        })
        .collect();
    // One waits for the line, the others behind it.
    stage.until(0, |status| (status.queued, status.load) == (2, 3)).await;
    for caller in callers {
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
    }
    drop(line);
    let after = stage.manager.submit(session, Send::new("friend", "after")).unwrap();
    assert!(soon(after).await.is_done());
    assert_eq!(stage.texts(), ["after"]);
    stage.assert_idle().await;
    assert_eq!(stage.manager.metrics().await.unwrap().cancelled, 3);
}

#[tokio::test(start_paused = true)]
async fn queued_callers_are_answered_when_the_manager_is_dropped() {
    let Stage { telegram, manager, sessions } = Stage::new(1).await;
    telegram.inject(Fault::silence().on(Method::SEND_MESSAGE));
    let tickets: Vec<_> = (0..20)
        .map(|n| manager.submit(sessions[0], Send::new("friend", n.to_string())).unwrap())
        .collect();
    soon(telegram.called(Method::SEND_MESSAGE, 1)).await;
    drop(manager);
    let mut outcomes = soon(join_all(tickets)).await.into_iter();
    let running = outcomes.next().unwrap();
    assert!(matches!(running, Outcome::MaybeExecuted(_)), "{running:?}");
    for outcome in outcomes {
        assert!(matches!(outcome, Outcome::ShutDown), "{outcome:?}");
    }
    soon(telegram.connected(0)).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_leaks_no_load() {
    let manager = Manager::builder().operation_permits(1).jitter(false).build().unwrap();
    let stage = Stage::with(2, manager).await;
    let send = |i: usize| {
        stage.manager.submit(stage.sessions[i], Send::new("friend", "given up")).unwrap()
    };
    stage.telegram.inject(Fault::silence().on(Method::SEND_MESSAGE));
    let running = send(0);
    soon(stage.telegram.called(Method::SEND_MESSAGE, 1)).await;
    let (queued, wants_a_permit) = (send(0), send(1));
    stage.until(1, |status| (status.queued, status.load) == (0, 1)).await;
    assert!(matches!(soon(wants_a_permit.cancel()).await, Outcome::Cancelled));
    assert!(matches!(soon(queued.cancel()).await, Outcome::Cancelled));
    assert!(matches!(soon(running.cancel()).await, Outcome::MaybeExecuted(_)));
    stage.assert_idle().await;

    stage.telegram.inject(Fault::rpc_error(500, "INTERNAL").on(Method::SEND_MESSAGE));
    let backs_off = send(0);
    soon(stage.telegram.called(Method::SEND_MESSAGE, 2)).await;
    stage.until(0, |status| status.queued == 1).await;
    assert!(matches!(soon(backs_off.cancel()).await, Outcome::MaybeExecuted(_)));
    stage.assert_idle().await;

    let begin = Instant::now();
    for i in 0..2 {
        assert!(soon(send(i)).await.is_done(), "the permit is free");
    }
    assert!(begin.elapsed() < secs(1), "{:?}", begin.elapsed());
    stage.assert_idle().await;
}

/// The sessions that four callers get at the same time.
async fn picks(balance: Balance) -> (Stage, Vec<tgsession::SessionId>) {
    let stage = Stage::with(4, Manager::builder().balance(balance).build().unwrap()).await;
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let manager = stage.manager.clone();
            tokio::spawn(async move {
                let (session, ticket) = manager.submit_any(Send::new("friend", "x")).unwrap();
                assert!(soon(ticket).await.is_done());
                session
            })
        })
        .collect();
    let mut picked: Vec<_> =
        soon(join_all(callers)).await.into_iter().map(Result::unwrap).collect();
    picked.sort_unstable();
    (stage, picked)
}

#[tokio::test(start_paused = true)]
async fn concurrent_picks_choose_different_sessions() {
    for balance in [Balance::RoundRobin, Balance::LeastLoaded] {
        let (stage, picked) = picks(balance).await;
        assert_eq!(picked, stage.sessions, "{balance:?}");
    }
}
