//! Times, as ratios to plain clients of the same process.
//!
//! What is timed runs in tasks of the runtime, as the work of a program does.

use std::sync::Arc;
use std::time::Duration;

use grammers_client::Client;
use grammers_session::SessionData;
use tgsession::{CallError, Custom, Manager, SessionId};
use tokio::time::{Instant, sleep};

use crate::managed;
use crate::plain::Plain;
use crate::server::Account;
use crate::tools::{ALL, at_once, median, percentile};

/// How many sessions there are at once, against as many plain clients.
pub(crate) const CROWD: usize = 250;

const IDLE_ROUNDS: usize = 41;
const IDLE_CALLS: usize = 200;
const TOTAL_ROUNDS: usize = 21;
const TOTAL_CALLS: usize = 100;
const CONNECT_ROUNDS: usize = 15;
const STARTS: usize = 5_000;
const WARM_STARTS: usize = 500;

/// How long a session is idle before it is given an operation whose start is timed.
const IDLE: Duration = Duration::from_millis(1);
/// How long the server has to take notice of connections that were closed, at nobody's expense.
const SETTLE: Duration = Duration::from_millis(100);

/// What was measured.
pub(crate) struct Times {
    pub(crate) op_idle_ratio: f64,
    /// Of rates; the others are of times.
    pub(crate) total_ratio: f64,
    pub(crate) start_p50_us: f64,
    pub(crate) start_p99_us: f64,
    pub(crate) connect_ratio: f64,
    /// The same, where the plain clients listen to updates too.
    pub(crate) connect_listening_ratio: f64,
}

pub(crate) async fn all(plain: Arc<[Account]>, sessions: Arc<[Account]>) -> Times {
    let (op_idle_ratio, starts) = idle(&plain[0], &sessions[0]).await;
    let total_ratio = total(&plain, &sessions).await;
    let connect_ours = || connect_sessions(Arc::clone(&sessions));
    let connect_plain = || connect_clients(Arc::clone(&plain), Plain::connect);
    let connect_listening = || connect_clients(Arc::clone(&plain), Plain::listen);
    Times {
        op_idle_ratio,
        total_ratio,
        start_p50_us: median(starts.clone()),
        start_p99_us: percentile(starts, 99),
        connect_ratio: ratio(CONNECT_ROUNDS, connect_ours, connect_plain).await,
        connect_listening_ratio: ratio(CONNECT_ROUNDS, connect_ours, connect_listening).await,
    }
}

/// The median of what ours takes over what the plain one takes, after a round that nobody counts.
async fn ratio<O, P>(rounds: usize, ours: impl Fn() -> O, plain: impl Fn() -> P) -> f64
where
    O: Future<Output = Duration> + Send + 'static,
    P: Future<Output = Duration> + Send + 'static,
{
    let mut ratios = Vec::with_capacity(rounds);
    for round in 0..=rounds {
        // Neither is always the one that comes after the other.
        let (ours_took, plain_took) = if round % 2 == 0 {
            let ours_took = in_task(ours()).await;
            (ours_took, in_task(plain()).await)
        } else {
            let plain_took = in_task(plain()).await;
            (in_task(ours()).await, plain_took)
        };
        if round > 0 {
            ratios.push(ours_took.as_secs_f64() / plain_took.as_secs_f64());
        }
    }
    median(ratios)
}

async fn in_task<F>(future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future).await.expect("a bench does not panic")
}

/// One session against one client: calls one after the other, and how long operations take to start.
async fn idle(plain: &Account, session: &Account) -> (f64, Vec<f64>) {
    let manager = managed::manager();
    let id = managed::add(manager.clone(), managed::config(session)).await;
    let plain = Plain::connect(plain.session_data()).await;
    let ours = || operations(manager.clone(), id, IDLE_CALLS);
    let theirs = || calls(plain.client.clone(), IDLE_CALLS);
    let op_idle_ratio = ratio(IDLE_ROUNDS, ours, theirs).await;
    let starts = in_task(starts(manager.clone(), id)).await.split_off(WARM_STARTS);
    managed::shut_down(&manager).await;
    plain.disconnect().await;
    (op_idle_ratio, starts)
}

/// A crowd of sessions against a crowd of clients: the rate of all calls together.
async fn total(plain: &[Account], sessions: &[Account]) -> f64 {
    let manager = managed::manager();
    let adding = sessions.iter().map(|a| managed::add(manager.clone(), managed::config(a)));
    let ids = at_once(ALL, adding).await;
    let clients = at_once(ALL, plain.iter().map(|a| Plain::connect(a.session_data()))).await;
    let ours = || {
        let turns = ids.iter().map(|id| operations(manager.clone(), *id, TOTAL_CALLS));
        all_of(turns.collect())
    };
    let theirs = || {
        let turns = clients.iter().map(|plain| calls(plain.client.clone(), TOTAL_CALLS));
        all_of(turns.collect())
    };
    // The median of an odd number of inverses is the inverse of the median.
    let total_ratio = 1.0 / ratio(TOTAL_ROUNDS, ours, theirs).await;
    managed::shut_down(&manager).await;
    at_once(ALL, clients.into_iter().map(Plain::disconnect)).await;
    total_ratio
}

/// What all of them take together.
async fn all_of<F>(turns: Vec<F>) -> Duration
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let begin = Instant::now();
    at_once(ALL, turns).await;
    begin.elapsed()
}

async fn calls(client: Client, n: usize) -> Duration {
    let begin = Instant::now();
    for _ in 0..n {
        client.get_me().await.expect("the server answers");
    }
    begin.elapsed()
}

async fn operations(manager: Manager, id: SessionId, n: usize) -> Duration {
    let begin = Instant::now();
    for _ in 0..n {
        managed::operate(&manager, id).await;
    }
    begin.elapsed()
}

/// Microseconds from just before an operation is submitted until its function is called.
async fn starts(manager: Manager, id: SessionId) -> Vec<f64> {
    let mut waits = Vec::with_capacity(WARM_STARTS + STARTS);
    for _ in 0..WARM_STARTS + STARTS {
        sleep(IDLE).await;
        let operation = Custom::new(|_| {
            let started = Instant::now();
            async move { Ok::<_, CallError>(started) }
        });
        let begin = Instant::now();
        let ticket = manager.submit(id, operation).expect("it is connected");
        let started = ticket.await.done().expect("it cannot fail");
        waits.push((started - begin).as_secs_f64() * 1e6);
    }
    waits
}

/// Connects all sessions and has each listen. What comes after that is not timed.
async fn connect_sessions(accounts: Arc<[Account]>) -> Duration {
    let manager = managed::manager();
    let connecting: Vec<_> = accounts
        .iter()
        .map(|account| managed::monitor(manager.clone(), managed::config(account)))
        .collect();
    let begin = Instant::now();
    let monitoring = at_once(ALL, connecting).await;
    let took = begin.elapsed();
    drop(monitoring);
    managed::shut_down(&manager).await;
    sleep(SETTLE).await;
    took
}

/// Connects all clients in this way. What comes after that is not timed.
async fn connect_clients<F>(accounts: Arc<[Account]>, connect: fn(SessionData) -> F) -> Duration
where
    F: Future<Output = Plain> + Send + 'static,
{
    let connecting: Vec<_> =
        accounts.iter().map(|account| connect(account.session_data())).collect();
    let begin = Instant::now();
    let clients = at_once(ALL, connecting).await;
    let took = begin.elapsed();
    at_once(ALL, clients.into_iter().map(Plain::disconnect)).await;
    sleep(SETTLE).await;
    took
}
