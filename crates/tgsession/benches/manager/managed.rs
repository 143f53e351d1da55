//! The arm that is measured: sessions of a manager.

use tgsession::{CallError, Custom, Manager, Monitor, Monitoring, SessionConfig, SessionId};

use crate::measure::CROWD;
use crate::server::Account;

/// A manager that lets the whole crowd operate at once, as plain clients do.
pub(crate) fn manager() -> Manager {
    Manager::builder().operation_permits(CROWD).build().expect("its numbers are right")
}

pub(crate) fn config(account: &Account) -> SessionConfig {
    SessionConfig::new(account.name.as_str(), account.session_data(), 1)
}

/// Connects a session.
pub(crate) async fn add(manager: Manager, config: SessionConfig) -> SessionId {
    manager.add_session(config).await.expect("the server lets its accounts in")
}

/// Connects a session and starts to listen.
pub(crate) async fn monitor(manager: Manager, config: SessionConfig) -> Monitoring {
    let id = add(manager.clone(), config).await;
    let ticket = manager.submit(id, Monitor::new(|_| async { Ok(()) }));
    ticket.expect("it is connected").await.done().expect("the server answers")
}

/// One call to Telegram as an operation, which keeps the session to itself.
pub(crate) async fn operate(manager: &Manager, id: SessionId) {
    let call = Custom::new(|client| async move {
        client.get_me().await?;
        Ok::<_, CallError>(())
    });
    let outcome = manager.submit(id, call).expect("it is connected").await;
    assert!(outcome.is_done(), "session {id}: {outcome:?}");
}

/// Returns when all connections are closed: others with the same keys may be opened.
pub(crate) async fn shut_down(manager: &Manager) {
    let report = manager.shutdown().await;
    assert_eq!((report.survivors, report.left), (0, 0), "{report:?}");
}
