//! Lines that do not work: noticed, replaced, and nobody else's trouble.

use std::time::Duration;

use tgsession::{
    CallError, Custom, ExportMessages, Limits, Manager, Outcome, Pace, PacedCall, Send,
    SessionState,
};
use tgtest::{Fault, Method};
use tokio::time::Instant;
use workspace_tests::{Heard, POSTS, Stage, eventually as soon, limited, secs};

/// Waits until a session is in a state, and returns when.
async fn until(stage: &Stage, session: usize, state: SessionState) -> Instant {
    soon(async {
        while stage.manager.session(stage.sessions[session]).unwrap().state != state {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    Instant::now()
}

#[tokio::test(start_paused = true)]
async fn a_line_that_answers_nothing_is_replaced_and_nothing_is_lost() {
    let stage = Stage::new(2).await;
    let (_monitoring, mut heard) = Heard::of(&stage.manager, stage.sessions[0]).await;
    let account = stage.id(0);
    let begin = Instant::now();
    stage.telegram.inject(Fault::silence().on(Method::GET_USERS).by(account));
    let noticed = until(&stage, 0, SessionState::Reconnecting).await - begin;
    assert!(noticed > secs(30) && noticed < secs(71), "{noticed:?}");
    let back = until(&stage, 0, SessionState::Connected).await - begin - noticed;
    assert!(back < secs(5), "{back:?}");
    assert_eq!(
        stage.telegram.connections_made(),
        3,
        "one more, and the other session's is the same"
    );
    stage.push(0, "after");
    assert_eq!(heard.next().await, "after");
    assert!(heard.is_silent());
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_sender_costs_a_line_and_no_session() {
    let stage = Stage::new(2).await;
    let (_monitoring, mut heard) = Heard::of(&stage.manager, stage.sessions[0]).await;
    let panics = || Fault::pack_nothing().on(Method::GET_HISTORY).by(stage.id(0));
    let begin = Instant::now();
    stage.telegram.inject(panics().after(1));
    let export = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    assert_eq!(soon(export).await.done().unwrap().len(), POSTS, "it goes on with the next line");
    assert!(begin.elapsed() < secs(25), "and that is made at once: {:?}", begin.elapsed());
    assert_eq!(stage.telegram.connections_made(), 3, "the other session's is the same");
    let panics_of = |n: usize| stage.manager.session(stage.sessions[n]).unwrap().panics;
    assert_eq!((panics_of(0), panics_of(1)), (1, 0));
    stage.push(0, "after");
    assert_eq!(heard.next().await, "after");
    assert!(heard.is_silent());

    stage.telegram.inject(panics().always());
    let export = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    assert!(!soon(export).await.is_done(), "its retries are used up");
    stage.telegram.heal();
    // So that the last panic is seen.
    tokio::time::sleep(secs(1)).await;
    until(&stage, 0, SessionState::Connected).await;
    stage.push(0, "still there");
    assert_eq!(heard.later().await, "still there");
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "alive")).unwrap();
    assert!(soon(send).await.is_done());
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_hangs_up_costs_a_line_and_no_session() {
    let stage = Stage::new(1).await;
    let hangs_up = Custom::new(|client| async move {
        client.disconnect();
        Ok::<_, CallError>(())
    });
    assert!(soon(stage.manager.submit(stage.sessions[0], hangs_up).unwrap()).await.is_done());
    until(&stage, 0, SessionState::Reconnecting).await;
    until(&stage, 0, SessionState::Connected).await;
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "alive")).unwrap();
    assert!(soon(send).await.is_done());
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn sessions_whose_server_comes_back_do_not_come_back_together() {
    const SESSIONS: usize = 24;
    // Nobody looks at the lines: their streams see that they broke.
    let manager = Manager::builder().health_interval(secs(3600)).build().unwrap();
    let stage = Stage::with(SESSIONS, manager).await;
    soon(stage.telegram.stop()).await;
    // Long enough for several attempts of each.
    tokio::time::sleep(secs(10)).await;
    assert_eq!(stage.telegram.connections(), 0);
    soon(stage.telegram.start_again()).await.unwrap();
    let (begin, mut first) = (Instant::now(), None);
    soon(async {
        while stage.telegram.connections() < SESSIONS {
            if stage.telegram.connections() > 0 {
                first.get_or_insert_with(Instant::now);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let took = first.expect("they come one after the other").elapsed();
    assert!(took > secs(1), "they came within {took:?}");
    assert!(begin.elapsed() < secs(40), "{:?}", begin.elapsed());
    for session in 0..SESSIONS {
        until(&stage, session, SessionState::Connected).await;
    }
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_answers_and_its_line_stays_for_those_who_use_it() {
    let manager = Manager::builder().health_interval(secs(10)).build().unwrap();
    let stage = Stage::with(1, manager).await;
    for (code, name) in [(500, "INTERNAL"), (-503, "Timeout")] {
        stage.telegram.inject(Fault::rpc_error(code, name).on(Method::GET_USERS));
    }
    // It is under way while both looks fail. Not the sending itself: what it changes would be an update that is late.
    stage.telegram.inject(Fault::delay(secs(50)).on(Method::RESOLVE_USERNAME));
    let before = stage.calls(&[Method::GET_USERS]);
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "slow")).unwrap();
    let sent = soon(send).await.done().unwrap();
    assert!(stage.calls(&[Method::GET_USERS]) - before >= 2, "it was looked at");
    assert!(!sent.by_earlier_attempt);
    assert_eq!(stage.telegram.connections_made(), 1);
    assert_eq!(stage.manager.session(stage.sessions[0]).unwrap().state, SessionState::Connected);
    assert_eq!(stage.texts(), ["slow"]);
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_never_told_who_it_is_is_degraded_until_it_is() {
    let stage = Stage::new(1).await;
    let state = || stage.manager.session(stage.sessions[0]).unwrap().state;
    let begin = Instant::now();
    stage.telegram.inject(Fault::rpc_error(403, "NOT_TODAY").on(Method::GET_USERS).always());
    let noticed = until(&stage, 0, SessionState::Degraded).await - begin;
    assert!(noticed > secs(75) && noticed < secs(100), "after three looks: {noticed:?}");
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "works")).unwrap();
    assert!(soon(send).await.is_done(), "it does what it can");
    assert_eq!(state(), SessionState::Degraded, "and is not taken for well");
    stage.telegram.heal();
    until(&stage, 0, SessionState::Connected).await;
    assert_eq!(stage.telegram.connections_made(), 1, "its line works all the time");

    stage.telegram.inject(Fault::rpc_error(403, "NOT_TODAY").on(Method::GET_USERS).times(2));
    for _ in 0..100 {
        tokio::time::sleep(secs(1)).await;
        assert_eq!(state(), SessionState::Connected, "twice is nothing");
    }
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_on_a_dead_line_ends_with_it_and_goes_on_with_the_next() {
    let stage = Stage::new(1).await;
    stage.telegram.inject(Fault::silence().on(Method::GET_HISTORY).after(1));
    stage.telegram.inject(Fault::silence().on(Method::GET_USERS));
    let begin = Instant::now();
    let export = stage.manager.submit(stage.sessions[0], ExportMessages::of("room")).unwrap();
    assert_eq!(soon(export).await.done().unwrap().len(), POSTS);
    assert!(begin.elapsed() < secs(120), "and not after its 300 s: {:?}", begin.elapsed());
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn the_pauses_before_it_is_tried_again_can_be_chosen() {
    let manager = Manager::builder().reconnect_pauses(&[secs(50)], secs(300)).build().unwrap();
    let stage = Stage::with(1, manager).await;
    stage.telegram.inject(Fault::silence().on(Method::GET_USERS).always());
    let broken = until(&stage, 0, SessionState::Reconnecting).await;
    // The first pause, a quarter of it at most, and 10 s for the attempt that fails.
    let degraded = until(&stage, 0, SessionState::Degraded).await;
    let took = degraded - broken;
    assert!(took > secs(50) && took < secs(75), "{took:?}");
    stage.telegram.heal();
    let took = until(&stage, 0, SessionState::Connected).await - degraded;
    assert!(took > secs(299) && took < secs(377), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn it_is_tried_again_ever_more_slowly_and_then_each_minute() {
    let stage = Stage::new(1).await;
    stage.telegram.inject(Fault::silence().on(Method::GET_USERS).always());
    until(&stage, 0, SessionState::Degraded).await;
    let waiting = stage.manager.submit(stage.sessions[0], Send::new("friend", "x")).unwrap();
    assert!(matches!(soon(waiting).await, Outcome::ExpiredInQueue { .. }));
    assert_eq!(stage.manager.session(stage.sessions[0]).unwrap().state, SessionState::Degraded);
    let before = stage.telegram.connections_made();
    assert_eq!(before, 5, "the first, and after 2, 4, 8 and 16 s");
    tokio::time::sleep(secs(600)).await;
    let later = stage.telegram.connections_made() - before;
    assert!((6..=9).contains(&later), "each takes 10 s and is followed by a minute: {later}");
    stage.telegram.heal();
    until(&stage, 0, SessionState::Connected).await;
    let sent = stage.manager.submit(stage.sessions[0], Send::new("friend", "at last")).unwrap();
    assert!(soon(sent).await.done().is_some());
    assert_eq!(stage.texts(), ["at last"]);
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_started_is_answered_too_where_no_line_comes_back() {
    let pace = Limits::none().pace(PacedCall::Send, Pace::new(1, secs(200)));
    let stage = Stage::with(1, limited(pace)).await;
    let send = |text| stage.manager.submit(stage.sessions[0], Send::new("friend", text)).unwrap();
    let begin = Instant::now();
    assert!(soon(send("first")).await.is_done());
    // It has its turn, and goes on when it is time.
    let second = send("second");
    stage.telegram.inject(Fault::silence().on(Method::GET_USERS).always());
    let outcome = soon(second).await;
    assert!(matches!(outcome, Outcome::ExpiredInQueue { .. }), "{outcome:?}");
    let took = begin.elapsed();
    assert!(took >= secs(260) && took < secs(262), "the time that a send may take: {took:?}");
    stage.telegram.heal();
    until(&stage, 0, SessionState::Connected).await;
    assert_eq!(stage.texts(), ["first"]);
    stage.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_line_that_answers_but_brings_no_updates_is_replaced() {
    let stage = Stage::new(2).await;
    let (_monitoring, mut heard) = Heard::of(&stage.manager, stage.sessions[0]).await;
    let account = stage.id(0);
    // The stream asks for what it missed, and waits for the answer.
    stage.telegram.inject(Fault::silence().on(Method::GET_DIFFERENCE).by(account));
    stage.telegram.drop_connections(account);
    stage.push(0, "not heard at first");
    tokio::time::sleep(secs(20)).await;
    assert!(heard.is_silent(), "the line works, and is deaf");
    tokio::time::sleep(secs(80)).await;
    assert_eq!(heard.next().await, "not heard at first");
    stage.push(0, "after");
    assert_eq!(heard.next().await, "after");
    assert!(heard.is_silent());
}

#[tokio::test(start_paused = true)]
async fn an_account_that_sends_and_hears_is_left_alone() {
    let stage = Stage::new(2).await;
    let (_monitoring, mut heard) = Heard::of(&stage.manager, stage.sessions[0]).await;
    for n in 0..20 {
        let send = Send::new("friend", format!("{n}"));
        assert!(soon(stage.manager.submit(stage.sessions[0], send).unwrap()).await.is_done());
        if n % 5 == 0 {
            stage.push(0, "heard");
            assert_eq!(heard.next().await, "heard");
        }
        tokio::time::sleep(secs(20)).await;
    }
    assert_eq!(stage.telegram.connections_made(), 2, "one each");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_must_wait_is_not_asked() {
    let stage = Stage::new(1).await;
    stage.telegram.inject(Fault::flood_wait(secs(600)).on(Method::SEND_MESSAGE));
    let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "x")).unwrap();
    soon(stage.telegram.called(Method::SEND_MESSAGE, 1)).await;
    let asked = || stage.calls(&[Method::GET_USERS]);
    let before = asked();
    tokio::time::sleep(secs(500)).await;
    assert_eq!(asked(), before);
    assert!(soon(send).await.done().is_some(), "and its work is done when it may go on");
    tokio::time::sleep(secs(100)).await;
    assert!(asked() > before);
}

#[tokio::test(start_paused = true)]
async fn a_session_stops_at_once_while_its_line_is_made_again() {
    let stage = Stage::new(1).await;
    stage.telegram.inject(Fault::silence().on(Method::GET_USERS).always());
    until(&stage, 0, SessionState::Degraded).await;
    let begin = Instant::now();
    let stopped = stage.manager.remove_session(stage.sessions[0]).await.unwrap();
    assert_eq!(stopped.survivors, 0);
    assert!(begin.elapsed() <= secs(5), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn sessions_that_lose_their_lines_together_do_not_trouble_the_others() {
    let manager = Manager::builder().health_interval(secs(5)).health_timeout(secs(2));
    let stage = Stage::with(6, manager.build().unwrap()).await;
    for i in 0..3 {
        let fault = Fault::silence().on(Method::GET_USERS).by(stage.id(i));
        stage.telegram.inject(fault.always());
    }
    for i in 0..3 {
        until(&stage, i, SessionState::Degraded).await;
    }
    for i in 3..6 {
        let session = stage.sessions[i];
        assert_eq!(stage.manager.session(session).unwrap().state, SessionState::Connected);
        let export = stage.manager.submit(session, ExportMessages::of("room")).unwrap();
        assert_eq!(soon(export).await.done().unwrap().len(), POSTS);
    }
    stage.telegram.heal();
    for i in 0..3 {
        until(&stage, i, SessionState::Connected).await;
    }
    stage.assert_idle().await;
}
