//! Who keeps, and what is kept.

use std::time::Duration;

use tgsession::{
    KeepError, Keepable, Kept, KeptTicket, Manager, OperationState, Outcome, Send, StoredOperation,
    Ticket,
};
use tgtest::{Channel, Telegram};
use workspace_tests::{Hold, Process, Shelf, eventually};

pub(crate) const POSTS: usize = 250;
pub(crate) const DAY: i64 = 24 * 3600 * 1000;

pub(crate) async fn office() -> Shelf {
    let room = Channel::group("room").member("a0").messages(POSTS);
    Shelf::new(Telegram::builder().account("a0").stranger("friend").channel(room)).await
}

pub(crate) async fn start(shelf: &Shelf) -> Process {
    shelf.start(Manager::builder().build().unwrap()).await
}

/// Keeps the session busy: what is submitted waits.
pub(crate) async fn busy(process: &Process) -> (Hold, Ticket<()>) {
    let (hold, operation) = Hold::operation();
    let ticket = process.manager.submit(process.session, operation).unwrap();
    hold.entered().await;
    (hold, ticket)
}

pub(crate) async fn submit<O: Keepable>(
    process: &Process,
    key: &str,
    operation: O,
) -> Result<Kept<O::Output>, KeepError> {
    eventually(process.manager.submit_kept(process.session, key, operation)).await
}

pub(crate) async fn waiting<O: Keepable>(
    process: &Process,
    key: &str,
    operation: O,
) -> KeptTicket<O::Output> {
    match submit(process, key, operation).await.unwrap() {
        Kept::Waiting(ticket) => ticket,
        Kept::Ended { at, .. } => panic!("{key} has ended at {at:?}"),
    }
}

pub(crate) async fn ended<O: Keepable>(
    process: &Process,
    key: &str,
    operation: O,
) -> Outcome<O::Output> {
    match submit(process, key, operation).await.unwrap() {
        Kept::Ended { outcome, .. } => outcome,
        Kept::Waiting(_) => panic!("{key} waits"),
    }
}

pub(crate) fn noon() -> Send {
    Send::new("friend", "Noon.")
}

pub(crate) fn texts(shelf: &Shelf) -> Vec<String> {
    shelf.telegram.sent().into_iter().map(|sent| sent.text).collect()
}

pub(crate) async fn operations(process: &Process) -> Vec<StoredOperation> {
    process.store.operations("a0").await.unwrap()
}

pub(crate) fn is_waiting(operation: &StoredOperation) -> bool {
    operation.state == OperationState::Waiting
}

/// Waits until all operations have ended, of which nobody here has a ticket.
pub(crate) async fn settled(process: &Process) -> Vec<StoredOperation> {
    let settled = async {
        loop {
            let all = operations(process).await;
            if !all.iter().any(is_waiting) {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    eventually(settled).await
}
