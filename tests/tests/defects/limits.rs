//! What an account allows itself, when everything is asked for at once.

use std::time::Duration;

use futures_util::future::join_all;
use tgsession::{ExportMessages, Limits, Pace, PacedCall, Quota, Send};
use tgtest::{Fault, Method, Telegram};
use tokio::time::Instant;
use workspace_tests::{Process, Shelf, Stage, done_and_exceeded, eventually, limited, secs};

#[tokio::test(start_paused = true)]
async fn a_quota_is_reserved_and_not_only_looked_at() {
    let limits = Limits::none().quota(Quota::Sends, 10).quota(Quota::PostsRead, 120);
    let stage = Stage::with(1, limited(limits)).await;
    let session = stage.sessions[0];
    let slow = Fault::delay(Duration::from_millis(100));
    stage.telegram.inject(slow.clone().on(Method::SEND_MESSAGE).always());
    stage.telegram.inject(slow.on(Method::GET_HISTORY).always());
    let sends: Vec<_> = (0..14)
        .map(|n| stage.manager.submit(session, Send::new("friend", n.to_string())).unwrap())
        .collect();
    let export = || ExportMessages::of("room").limit(50);
    let exports: Vec<_> =
        (0..4).map(|_| stage.manager.submit(session, export()).unwrap()).collect();
    let (done, refused) = done_and_exceeded(eventually(join_all(sends)).await);
    assert_eq!((done, refused.len(), stage.texts().len()), (10, 4, 10));
    assert!(refused.iter().all(|r| (r.quota, r.limit) == (Quota::Sends, 10)), "{refused:?}");
    let (done, refused) = done_and_exceeded(eventually(join_all(exports)).await);
    assert_eq!((done, refused.len()), (2, 2), "fifty, fifty, and twenty of the third");
    assert!(refused.iter().all(|r| r.quota == Quota::PostsRead), "{refused:?}");
    assert_eq!(stage.calls(&[Method::GET_HISTORY]), 3);
}

#[tokio::test(start_paused = true)]
async fn a_pace_lets_one_through_in_each_window() {
    let limits = Limits::none().pace(PacedCall::Send, Pace::new(1, secs(10)));
    let stage = Stage::with(1, limited(limits)).await;
    let begin = Instant::now();
    let sends = (0..4).map(|n| {
        let send = Send::new("friend", n.to_string());
        let ticket = stage.manager.submit(stage.sessions[0], send).unwrap();
        async move { (ticket.await.is_done(), begin.elapsed().as_secs()) }
    });
    let ends = eventually(join_all(sends)).await;
    assert_eq!(ends, [(true, 0), (true, 10), (true, 20), (true, 30)]);
    assert_eq!(stage.calls(&[Method::SEND_MESSAGE]), 4);
}

#[tokio::test(start_paused = true)]
async fn a_quota_outlives_the_process() {
    let shelf = Shelf::new(Telegram::builder().account("a0").stranger("friend")).await;
    let limits = Limits::none().quota(Quota::Sends, 3);
    let start = async || shelf.start(limited(limits.clone())).await;
    let send = async |process: &Process, text: &str| {
        eventually(process.submit(Send::new("friend", text))).await
    };
    let process = start().await;
    assert!(send(&process, "one").await.is_done() && send(&process, "two").await.is_done());
    process.end().await;
    let process = start().await;
    assert!(send(&process, "three").await.is_done());
    process.end().await;
    let process = start().await;
    let (done, refused) = done_and_exceeded(vec![send(&process, "four").await]);
    assert_eq!((done, refused[0].quota), (0, Quota::Sends));
    process.end().await;
    assert_eq!(shelf.texts().len(), 3);
}
