//! What a connection costs in memory, each figure in a process of its own.

use std::path::Path;
use std::time::Duration;

use tgsession::{Manager, SessionId};

use crate::managed;
use crate::measure::CROWD;
use crate::plain::Plain;
use crate::server::{self, Account};
use crate::tools::{at_once, runtime};

/// Connected before the first reading: they pay for what a process needs once.
const WARM: usize = 50;
const COUNTED: usize = 500;
pub(crate) const CONNECTED: usize = WARM + COUNTED;

const RECONNECTED: usize = CROWD;
const RECONNECTS: usize = 10;

/// No more at once after the first reading than before it.
const AT_ONCE: usize = WARM;
/// How long tasks have to end before memory is read.
const SETTLE: Duration = Duration::from_millis(500);

/// Prints the KiB that an idle client adds which takes its updates.
pub(crate) fn plain(directory: &Path) {
    let accounts = server::accounts(directory, server::PLAIN, CONNECTED);
    runtime().block_on(async {
        let connect = |account: &Account| Plain::listen(account.session_data());
        let kib = per_account(&accounts, connect).await;
        println!("{kib}");
    });
}

/// Prints the KiB that an idle session adds.
pub(crate) fn sessions(directory: &Path) {
    let accounts = server::accounts(directory, server::SESSIONS, CONNECTED);
    runtime().block_on(async {
        let manager = managed::manager();
        let connect = |account: &Account| managed::add(manager.clone(), managed::config(account));
        let kib = per_account(&accounts, connect).await;
        println!("{kib}");
    });
}

/// Prints the KiB that a session grows by when it is connected again so often.
pub(crate) fn growth(directory: &Path) {
    let accounts = server::accounts(directory, server::SESSIONS, RECONNECTED);
    runtime().block_on(async {
        let manager = managed::manager();
        let adding = accounts.iter().map(|a| managed::add(manager.clone(), managed::config(a)));
        let ids = at_once(AT_ONCE, adding).await;
        let before = resident().await;
        for _ in 0..RECONNECTS {
            at_once(AT_ONCE, ids.iter().map(|id| reconnect(manager.clone(), *id))).await;
        }
        let kib = (resident().await - before) / RECONNECTED as f64;
        println!("{kib}");
    });
}

async fn reconnect(manager: Manager, id: SessionId) {
    manager.reconnect(id).await.expect("the server lets its accounts in");
}

async fn per_account<F>(accounts: &[Account], connect: impl Fn(&Account) -> F) -> f64
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (warm, counted) = accounts.split_at(WARM);
    let _warm = at_once(AT_ONCE, warm.iter().map(&connect)).await;
    let before = resident().await;
    let _counted = at_once(AT_ONCE, counted.iter().map(&connect)).await;
    (resident().await - before) / counted.len() as f64
}

/// The KiB of memory that the process has, once it has come to rest.
async fn resident() -> f64 {
    tokio::time::sleep(SETTLE).await;
    let status = std::fs::read_to_string("/proc/self/status").expect("memory is read on Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.expect("Linux says how much memory a process has")
}
