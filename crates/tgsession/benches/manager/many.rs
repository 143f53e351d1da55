//! How many sessions one process can have.

use std::path::Path;
use std::time::Duration;

use tgsession::{AddError, Manager, SessionConfig, SessionId};
use tokio::time::timeout;

use crate::managed;
use crate::server::{self, Account};
use crate::tools::{at_once, runtime};

/// So many in all, one after the other.
const LEVELS: [usize; 3] = [1_000, 5_000, MOST];
pub(crate) const MOST: usize = 10_000;

const WITHIN: Duration = Duration::from_secs(120);
const AT_ONCE: usize = 200;
/// Sessions that have to do something, evenly spread over all: so it can be repeated.
const SAMPLES: usize = 100;

/// Prints the number of sessions at each level that is reached.
pub(crate) fn run(directory: &Path) {
    let accounts = server::accounts(directory, server::SESSIONS, MOST);
    runtime().block_on(async {
        let manager = managed::manager();
        let mut ids = Vec::new();
        for level in LEVELS {
            let growing = grow(&manager, &accounts[ids.len()..level], &mut ids);
            match timeout(WITHIN, growing).await {
                Ok(Ok(())) => println!("{level}"),
                Ok(Err(error)) => return eprintln!("{level} sessions: {error:?}"),
                Err(_) => return eprintln!("{level} sessions: not within {WITHIN:?}"),
            }
        }
    });
}

/// Adds sessions for these accounts, and has some of all sessions do something.
async fn grow(
    manager: &Manager,
    accounts: &[Account],
    ids: &mut Vec<SessionId>,
) -> Result<(), AddError> {
    let adding = accounts.iter().map(|account| add(manager.clone(), managed::config(account)));
    for added in at_once(AT_ONCE, adding).await {
        ids.push(added?);
    }
    let samples = ids.iter().step_by(ids.len() / SAMPLES);
    at_once(SAMPLES, samples.map(|id| operate(manager.clone(), *id))).await;
    Ok(())
}

/// That a session is not let in is a figure here, and no reason to panic.
async fn add(manager: Manager, config: SessionConfig) -> Result<SessionId, AddError> {
    manager.add_session(config).await
}

async fn operate(manager: Manager, id: SessionId) {
    managed::operate(&manager, id).await;
}
