//! What Telegram said of the account that holds it until something happens: a flood wait until its time is over, a
//! restriction until an operator clears it, a lost key for ever. All of it outlives the process where there is a
//! store.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::core::Core;
use super::counts::Counts;
use super::state::SessionState;
use crate::store::{Happened, Topic};
use crate::telegram::{CallError, is_frozen};

/// Flood waits from this on are written down.
const LONG: Duration = Duration::from_secs(60);

impl Core {
    fn lose_key(&self, name: &str) {
        // The first loss is the one that says why.
        if self.lost.set(name.to_owned()).is_ok() {
            self.log(Happened::KeyLost { name: name.to_owned() });
        }
        self.set_state(SessionState::KeyLost);
        self.changed(Topic::KeyLost);
        self.key_lost.cancel();
        self.attention.notify_one();
    }

    /// What Telegram called the restriction of the account, if it has one.
    pub(crate) fn restriction_name(&self) -> Option<String> {
        self.restricted.borrow().clone()
    }

    /// What Telegram called the loss of the key, if it is lost.
    pub(crate) fn lost_name(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    /// An operator says that the account may send again; false if it might before. What is kept and was held goes on.
    pub(crate) fn clear_restriction(&self) -> bool {
        let before = self.restricted.send_replace(None);
        if let Some(name) = &before {
            tracing::info!(session = %self.id, name, "restriction cleared");
            self.log(Happened::RestrictionCleared { name: name.clone() });
            self.changed(Topic::Restricted);
            self.in_hand.look_at(Instant::now());
        }
        before.is_some()
    }

    /// The loss of the key, if it is lost.
    pub(crate) fn lost(&self) -> Option<CallError> {
        self.lost.get().map(|name| CallError::KeyLost { name: name.clone() })
    }

    /// Draws the conclusions for the whole account: a flood wait holds it, a lost key ends it.
    pub(crate) fn notice(&self, error: &CallError) {
        match error {
            CallError::Flood { wait } => {
                tracing::warn!(session = %self.id, ?wait, "flood wait");
                Counts::add(&self.counts.flood_waits);
                let until = Instant::now() + *wait;
                self.blocked_until.send_modify(|blocked| *blocked = (*blocked).max(Some(until)));
                self.attention.notify_one();
                if *wait >= LONG {
                    self.log(Happened::FloodWait { wait: *wait });
                }
                self.changed(Topic::Blocked);
            }
            CallError::Restricted { name } => {
                tracing::error!(session = %self.id, name, "the account is restricted");
                if self.restrict(name) {
                    self.log(Happened::Restricted { name: name.clone() });
                }
                self.changed(Topic::Restricted);
            }
            CallError::KeyLost { name } => {
                tracing::error!(session = %self.id, name, "the key is lost");
                self.lose_key(name);
            }
            _ => {}
        }
    }

    /// Telegram restricts the account; whether that is news. A frozen account stays so, whatever else is said of it.
    fn restrict(&self, name: &str) -> bool {
        self.restricted.send_if_modified(|before| {
            let said = before.as_deref();
            let is_news = said != Some(name) && (is_frozen(name) || !said.is_some_and(is_frozen));
            if is_news {
                *before = Some(name.to_owned());
            }
            is_news
        })
    }

    /// The rest of the time for which Telegram wants the account to wait.
    pub(crate) fn blocked_for(&self) -> Option<Duration> {
        let rest = self.blocked()?.saturating_duration_since(Instant::now());
        (!rest.is_zero()).then_some(rest)
    }

    /// Until when nothing may start, if Telegram wants the account to wait.
    pub(crate) fn blocked(&self) -> Option<Instant> {
        *self.blocked_until.borrow()
    }
}

/// A point in time on the clock that pauses with the tests, if it has not passed.
pub(super) fn as_instant(until: SystemTime) -> Option<Instant> {
    let rest = until.duration_since(SystemTime::now()).ok()?;
    Instant::now().checked_add(rest)
}
