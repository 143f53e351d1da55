//! The life of sessions: added, reconnected, removed, shut down, whatever Telegram does meanwhile.

use std::time::Duration;

use tgsession::{
    AddError, CallError, Failure, KeepError, Manager, Outcome, ReconnectError, RemoveError, Send,
    SubmitError,
};
use tgtest::{Fault, Method};
use tokio::time::Instant;
use workspace_tests::{Heard, Stage, asks, config, eventually, soon};

#[tokio::test]
async fn the_same_key_is_not_added_twice() {
    let stage = Stage::new(1).await;
    let again = config(&stage.telegram, "a0");
    match soon(stage.manager.add_session(again)).await {
        Err(AddError::AlreadyAdded(id)) => assert_eq!(id, stage.sessions[0]),
        other => panic!("{other:?}"),
    }
    soon(stage.manager.remove_session(stage.sessions[0])).await.unwrap();
    for _ in 0..20 {
        let id = soon(stage.manager.add_session(config(&stage.telegram, "a0"))).await.unwrap();
        soon(stage.manager.remove_session(id)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_telegram_that_does_not_answer_fails_the_connection_in_time() {
    let stage = Stage::new(0).await;
    for method in [Method::GET_USERS, Method::GET_STATE] {
        stage.telegram.inject(Fault::silence().on(method));
        let begin = Instant::now();
        let Err(AddError::Connect(error)) =
            eventually(stage.manager.add_session(stage.late())).await
        else {
            panic!("it was added");
        };
        assert_eq!(error.label, "late");
        assert!(matches!(error.source, CallError::Unavailable { .. }));
        assert!(begin.elapsed() <= Duration::from_secs(11), "{:?}", begin.elapsed());
    }
    eventually(stage.telegram.connected(0)).await;
    assert!(stage.manager.tasks().await.unwrap().is_empty());
    eventually(stage.manager.add_session(stage.late())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_a_session_that_is_being_added() {
    let stage = Stage::new(1).await;
    stage.telegram.inject(Fault::silence().on(Method::GET_STATE).always());
    let (manager, late) = (stage.manager.clone(), stage.late());
    let adding = tokio::spawn(async move { manager.add_session(late).await });
    eventually(stage.telegram.called(Method::GET_STATE, 2)).await;
    let report = eventually(stage.manager.shutdown()).await;
    assert_eq!((report.stopped, report.survivors, report.left), (1, 0, 0));
    assert!(matches!(adding.await.unwrap(), Err(AddError::ShuttingDown)));
    eventually(stage.telegram.connected(0)).await;
    assert!(matches!(stage.manager.add_session(stage.late()).await, Err(AddError::ShuttingDown)));
    assert!(stage.manager.tasks().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_said_by_its_number() {
    let stage = Stage::new(1).await;
    let id = stage.sessions[0];
    soon(stage.manager.remove_session(id)).await.unwrap();
    let unknown = format!("there is no session {id}");
    let removed = stage.manager.remove_session(id).await.unwrap_err();
    assert!(matches!(removed, RemoveError::Unknown(_)) && removed.to_string() == unknown);
    let reconnected = stage.manager.reconnect(id).await.unwrap_err();
    assert!(
        matches!(reconnected, ReconnectError::Unknown(_)) && reconnected.to_string() == unknown
    );
    let nobody = stage.manager.submit_any(Send::new("friend", "x")).unwrap_err();
    assert!(matches!(nobody, SubmitError::NobodyConnected), "{nobody}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_listens_on_however_it_was_disconnected() {
    let stage = Stage::new(1).await;
    let (_monitoring, mut heard) = Heard::of(&stage.manager, stage.sessions[0]).await;
    let account = stage.id(0);
    for round in 0..30 {
        match round % 3 {
            0 => soon(stage.manager.reconnect(stage.sessions[0])).await.unwrap(),
            1 => {
                stage.telegram.drop_connections(account);
            }
            // The question for what was missed stays without an answer: only reconnecting helps.
            _ => {
                stage.telegram.inject(Fault::silence().on(Method::GET_DIFFERENCE));
                let before = stage.calls(&[Method::GET_DIFFERENCE]);
                stage.telegram.drop_connections(account);
                soon(stage.telegram.called(Method::GET_DIFFERENCE, before + 1)).await;
                soon(stage.manager.reconnect(stage.sessions[0])).await.unwrap();
                stage.telegram.heal();
            }
        }
        stage.push(0, &format!("round {round}"));
        assert_eq!(heard.next().await, format!("round {round}"));
    }
    let report = soon(stage.manager.shutdown()).await;
    assert_eq!((report.survivors, report.left), (0, 0));
}

#[tokio::test]
async fn a_dropped_manager_leaves_no_connection() {
    let Stage { telegram, manager, .. } = Stage::new(3).await;
    let other: Manager = manager.clone();
    drop(manager);
    assert_eq!(telegram.connections(), 3);
    drop(other);
    soon(telegram.connected(0)).await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_reconnect_can_be_tried_again_and_is_by_itself() {
    let stage = Stage::new(1).await;
    let (_monitoring, mut heard) = Heard::of(&stage.manager, stage.sessions[0]).await;
    for by_hand in [true, false] {
        stage.telegram.inject(Fault::silence().on(Method::GET_USERS));
        let failed = eventually(stage.manager.reconnect(stage.sessions[0])).await.unwrap_err();
        assert!(matches!(failed, ReconnectError::Call(CallError::Unavailable { .. })), "{failed}");
        let begin = Instant::now();
        let send = stage.manager.submit(stage.sessions[0], Send::new("friend", "x")).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(stage.manager.sessions()[0].queued, 1, "there is no connection: it waits");
        if by_hand {
            eventually(stage.manager.reconnect(stage.sessions[0])).await.unwrap();
        }
        assert!(eventually(send).await.is_done());
        let took = begin.elapsed().as_secs();
        assert!(if by_hand { took < 2 } else { took < 40 }, "{took} s");
    }
    stage.push(0, "again");
    assert_eq!(heard.next().await, "again");
}

#[tokio::test(start_paused = true)]
async fn a_lost_key_is_not_tried_again_and_answers_what_waits_at_once() {
    let stage = Stage::new(1).await;
    let hour = Duration::from_secs(3600);
    stage.telegram.inject(Fault::flood_wait(hour).on(Method::SEND_MESSAGE));
    let waiting = stage.manager.submit(stage.sessions[0], Send::new("friend", "x")).unwrap();
    eventually(stage.telegram.called(Method::SEND_MESSAGE, 1)).await;
    let begin = Instant::now();
    let lost = Fault::rpc_error(406, "AUTH_KEY_DUPLICATED").on(Method::GET_DIFFERENCE);
    stage.telegram.inject(lost.always());
    stage.telegram.drop_connections(stage.id(0));
    let outcome = eventually(waiting).await;
    assert!(
        matches!(outcome, Outcome::Failed(Failure::Call(CallError::KeyLost { .. }))),
        "{outcome:?}"
    );
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    stage.telegram.heal();
    let made = stage.telegram.connections_made();
    let refused = eventually(stage.manager.reconnect(stage.sessions[0])).await.unwrap_err();
    assert!(matches!(refused, ReconnectError::Call(CallError::KeyLost { .. })), "{refused}");
    assert_eq!(stage.telegram.connections_made(), made);
}

#[tokio::test(start_paused = true)]
async fn a_shared_operation_runs_while_the_session_is_paused() {
    let stage = Stage::new(1).await;
    let paused = stage.manager.pause(stage.sessions[0]).await.unwrap();
    let ticket = stage.manager.submit(stage.sessions[0], asks().shared()).unwrap();
    assert!(eventually(ticket).await.is_done());
    drop(paused);
}

#[tokio::test(start_paused = true)]
async fn an_add_that_is_given_up_leaves_nothing_behind() {
    let stage = Stage::new(0).await;
    stage.telegram.inject(Fault::silence().on(Method::GET_USERS));
    {
        let adding = stage.manager.add_session(stage.late());
        let mut adding = std::pin::pin!(adding);
        tokio::select! {
            biased;
            _ = &mut adding => panic!("nobody answered"),
            () = stage.telegram.called(Method::GET_USERS, 1) => {}
        }
    }
    eventually(stage.telegram.connected(0)).await;
    eventually(async {
        while !stage.manager.tasks().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    eventually(stage.manager.add_session(stage.late())).await.unwrap();
}

#[tokio::test]
async fn a_handle_is_its_session_until_that_is_removed() {
    let stage = Stage::new(2).await;
    let handle = stage.manager.handle(stage.sessions[1]).unwrap();
    assert_eq!(handle.id(), stage.sessions[1]);
    assert_eq!(handle.status().unwrap().label, "a1");
    assert!(soon(handle.submit(Send::new("friend", "by a handle")).unwrap()).await.is_done());
    soon(handle.reconnect()).await.unwrap();
    let kept = soon(handle.submit_kept("key", Send::new("friend", "x"))).await;
    assert!(matches!(kept, Err(KeepError::NoStore(id)) if id == handle.id()));
    let same = handle.clone();
    assert_eq!(soon(handle.remove()).await.unwrap().id, stage.sessions[1]);
    assert!(same.status().is_none() && stage.manager.handle(same.id()).is_none());
    let refused = same.submit(Send::new("friend", "too late"));
    assert!(matches!(refused, Err(SubmitError::Unknown(id)) if id == same.id()));
    assert_eq!(stage.texts(), ["by a handle"]);
    assert!(stage.manager.session(stage.sessions[0]).is_some());
}
