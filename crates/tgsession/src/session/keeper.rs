//! The keeper: writes what changes of a session to its store.
//!
//! Changes are collected for a moment and written together, as each update brings some; but a key, a loss or
//! a limit at once. A change names what has changed, and its value is read when it is written: so any number
//! of changes of one thing is one write. What could not be written is tried again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use grammers_session::Session as _;
use grammers_session::storages::MemorySessionError;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::error;

use super::core::Core;
use crate::store::{Fact, Store, StoreError, Topic};

/// How long changes are collected.
const MOMENT: Duration = Duration::from_millis(500);
/// The pause before what failed is tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// A session's place in its store.
#[derive(Debug)]
pub(super) struct Keeper {
    store: Store,
    name: String,
    inbox: mpsc::UnboundedReceiver<Topic>,
    changed: HashSet<Topic>,
}

impl Keeper {
    pub(super) fn new(store: Store, name: String, inbox: mpsc::UnboundedReceiver<Topic>) -> Self {
        Self { store, name, inbox, changed: HashSet::new() }
    }

    /// Writes until nothing more will change, and then the rest.
    pub(super) async fn run(mut self, core: Arc<Core>) {
        let _kept = core.kept.clone().drop_guard();
        let over = core.events_over.clone();
        let mut pause = Duration::ZERO;
        while !over.is_cancelled() {
            let collect = async {
                if self.changed.is_empty() {
                    // The core has the other end.
                    self.changed.extend(self.inbox.recv().await);
                }
                match self.changed.iter().any(is_urgent) {
                    true => sleep(pause).await,
                    false => sleep(pause.max(MOMENT)).await,
                }
            };
            tokio::select! {
                () = collect => {}
                () = over.cancelled() => {}
            }
            pause = match self.write(&core).await {
                true => Duration::ZERO,
                false => PAUSE,
            };
        }
        self.write(&core).await;
    }

    /// Writes all that has changed by now; false if that did not work.
    async fn write(&mut self, core: &Core) -> bool {
        while let Ok(topic) = self.inbox.try_recv() {
            self.changed.insert(topic);
        }
        if self.changed.is_empty() {
            return true;
        }
        let facts = match facts(core, &self.changed).await {
            Ok(facts) => facts,
            Err(error) => {
                error!(session = %core.id, %error, "the session cannot be read");
                return false;
            }
        };
        match self.store.write(&self.name, &facts).await {
            Ok(()) => {
                self.changed.clear();
                true
            }
            Err(StoreError::Closed) => {
                error!(session = %core.id, "the store was closed before its session stopped");
                false
            }
            Err(error) => {
                error!(session = %core.id, %error, "the store was not written");
                false
            }
        }
    }
}

/// What a crash must not lose: everything else comes again.
fn is_urgent(topic: &Topic) -> bool {
    !matches!(topic, Topic::Updates | Topic::Peer(_))
}

async fn facts(core: &Core, topics: &HashSet<Topic>) -> Result<Vec<Fact>, MemorySessionError> {
    let (session, api_id) = (&core.credentials.session, core.credentials.api_id);
    let mut facts = Vec::with_capacity(topics.len());
    for &topic in topics {
        let fact = match topic {
            Topic::Home => Some(Fact::home(api_id, session.home_dc_id()?)),
            Topic::Dc(dc) => session.dc_option(dc)?.as_ref().map(Fact::dc),
            Topic::Updates => Some(Fact::updates(&session.updates_state().await?)),
            Topic::Peer(peer) => session.peer(peer).await?.as_ref().map(Fact::peer),
            Topic::Blocked => {
                core.blocked_for().map(|rest| Fact::blocked(SystemTime::now() + rest))
            }
            Topic::KeyLost => core.lost_name().map(Fact::key_lost),
            Topic::Restricted => core.restriction_name().as_deref().map(Fact::restricted),
        };
        facts.push(fact.unwrap_or_else(|| Fact::none(topic)));
    }
    Ok(facts)
}
