//! The keeper: writes what changes of a session to its store.
//!
//! Changes are collected for a moment and written together, as each update brings some; but a key, a loss or a
//! limit at once, and the operation that taught it is answered after that. A change names what has changed, and its
//! value is read when it is written: so any number of changes of one thing is one write. What happened is written with
//! them, each by itself. What could not be written is tried again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use grammers_session::Session as _;
use grammers_session::types::UpdatesState;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::error;

use super::core::Core;
use crate::store::{Batch, Fact, Lease, StoredEvent, Topic};
use crate::telegram::AccountError;

/// How long changes are collected.
const MOMENT: Duration = Duration::from_millis(200);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// The pause before what failed is tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// A session's place in its store.
#[derive(Debug)]
pub(super) struct Keeper {
    lease: Arc<Lease>,
    inbox: mpsc::UnboundedReceiver<Topic>,
    changed: HashSet<Topic>,
    /// What happened; whoever says so says after that that something has changed.
    log: mpsc::UnboundedReceiver<StoredEvent>,
    happened: Vec<StoredEvent>,
}

impl Keeper {
    pub(super) fn new(
        lease: Arc<Lease>,
        inbox: mpsc::UnboundedReceiver<Topic>,
        log: mpsc::UnboundedReceiver<StoredEvent>,
    ) -> Self {
        Self { lease, inbox, changed: HashSet::new(), log, happened: Vec::new() }
    }

    /// Writes until nothing more will change, and then the rest. Dropped before, it gives the store what there is.
    pub(super) async fn run(self, core: Arc<Core>) {
        let _kept = core.kept.clone().drop_guard();
        let mut running = Running { keeper: self, core };
        running.run().await;
    }

    /// Collects changes until they are to be written.
    async fn collect(&mut self, pause: Duration) {
        let moment = sleep(pause.max(MOMENT));
        tokio::pin!(moment);
        if self.changed.is_empty() {
            // The core has the other end.
            self.changed.extend(self.inbox.recv().await);
        }
        while !(self.changed.iter().any(is_urgent) && pause.is_zero()) {
            tokio::select! {
                Some(topic) = self.inbox.recv() => self.changed.extend([topic]),
                () = &mut moment => return,
            }
        }
    }

    /// A process that goes on for months does not keep more than one that is started each day.
    async fn prune(&self) {
        if let Err(error) = self.lease.prune().await {
            error!(session = self.lease.name(), %error, "nothing was forgotten today");
        }
    }

    /// Writes all that has changed by now; false if that did not work.
    async fn write(&mut self, core: &Core) -> bool {
        let noted = core.noted();
        // Before what was told: what is known by then was told before, and is written with it.
        let handled = core.position.handled();
        while let Ok(topic) = self.inbox.try_recv() {
            self.changed.insert(topic);
        }
        while let Ok(event) = self.log.try_recv() {
            self.happened.push(event);
        }
        if self.changed.is_empty() && self.happened.is_empty() {
            return true;
        }
        let used = core.allowance.quotas.used();
        let facts = match facts(core, &self.changed, &handled).await {
            Ok(facts) => facts,
            Err(error) => {
                error!(session = %core.id, %error, "the session cannot be read");
                return false;
            }
        };
        // Where this is dropped while it waits, the store has them already.
        let happened = std::mem::take(&mut self.happened);
        match self.lease.commit(&Batch::new(facts, happened.clone())).await {
            Ok(()) => {
                self.changed.clear();
                // An operation may have written more meanwhile, and this less after it.
                if core.allowance.quotas.used() != used {
                    self.changed.insert(Topic::Used);
                }
                core.set_written(noted);
                true
            }
            Err(error) => {
                error!(session = %core.id, %error, "the store was not written");
                self.happened = happened;
                false
            }
        }
    }
}

/// A keeper at work.
struct Running {
    keeper: Keeper,
    core: Arc<Core>,
}

impl Running {
    async fn run(&mut self) {
        let over = self.core.settled.clone();
        let mut pause = Duration::ZERO;
        let mut prune_at = Instant::now() + DAY;
        while !over.is_cancelled() {
            tokio::select! {
                () = self.keeper.collect(pause) => {}
                () = over.cancelled() => {}
                () = sleep_until(prune_at) => {
                    prune_at += DAY;
                    self.keeper.prune().await;
                }
            }
            pause = match self.keeper.write(&self.core).await {
                true => Duration::ZERO,
                false => PAUSE,
            };
        }
        // Once more than the store should need.
        if !self.keeper.write(&self.core).await {
            sleep(MOMENT).await;
            self.keeper.write(&self.core).await;
        }
    }
}

impl Drop for Running {
    /// A session that is ended at once: the first poll hands the rest to the store, which writes it.
    fn drop(&mut self) {
        let _ = self.keeper.write(&self.core).now_or_never();
    }
}

/// What a crash must not lose: everything else comes again.
fn is_urgent(topic: &Topic) -> bool {
    !matches!(topic, Topic::Updates | Topic::Used | Topic::Peer(_) | Topic::Seen(_) | Topic::Whole)
}

async fn facts(
    core: &Core,
    topics: &HashSet<Topic>,
    handled: &UpdatesState,
) -> Result<Vec<Fact>, AccountError> {
    let (session, api_id) = (&core.credentials.session, core.credentials.api_id);
    let mut facts = Vec::with_capacity(topics.len());
    for &topic in topics {
        let fact = match topic {
            Topic::Home => Some(Fact::home(api_id, session.home_dc_id()?)),
            Topic::Dc(dc) => session.dc_option(dc)?.as_ref().map(Fact::dc),
            Topic::Updates => Some(Fact::updates(handled)),
            Topic::Peer(peer) => session.peer(peer).await?.as_ref().map(Fact::peer),
            Topic::Blocked => {
                core.blocked_for().map(|rest| Fact::blocked(SystemTime::now() + rest))
            }
            Topic::KeyLost => core.lost_name().map(Fact::key_lost),
            Topic::Used => Some(Fact::used(&core.allowance.quotas.used())),
            Topic::Restricted => core.restriction_name().as_deref().map(Fact::restricted),
            Topic::Seen(chat) => core.position.chat(chat).map(|known| Fact::seen(chat, &known)),
            Topic::Whole => Some(Fact::whole(core.position.whole())),
        };
        facts.push(fact.unwrap_or_else(|| Fact::none(topic)));
    }
    Ok(facts)
}
