//! What happened to an account that its operator asks about after a month.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::{AuditLine, parse};
use crate::limits::Quota;

/// Something that happened to an account, as its store has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoredEvent {
    /// When.
    pub at: SystemTime,
    /// What it was.
    pub what: Happened,
}

/// What happened to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Happened {
    /// Something was exported.
    Exported(AuditLine),
    /// Telegram does not accept its key any more.
    KeyLost {
        /// Telegram's name of it.
        name: String,
    },
    /// Telegram restricts it: it sends nothing until that is cleared.
    Restricted {
        /// Telegram's name of it.
        name: String,
    },
    /// An operator has cleared its restriction.
    RestrictionCleared {
        /// What it was.
        name: String,
    },
    /// Telegram wanted it to wait for a minute or more.
    FloodWait {
        /// How long.
        wait: Duration,
    },
    /// It has done what a day allows; said once a day by each process.
    QuotaUsedUp {
        /// Of what.
        quota: Quota,
        /// How much of it a day allows.
        limit: u32,
    },
    /// An operation was submitted to be kept.
    OperationKept {
        /// Its key.
        key: String,
        /// What it is, in words.
        what: String,
    },
    /// An operation that was kept is done.
    OperationDone {
        /// Its key.
        key: String,
        /// What it brought, in words.
        said: String,
    },
    /// An operation that was kept failed.
    OperationFailed {
        /// Its key.
        key: String,
        /// Why, in words.
        why: String,
    },
    /// An operation that was kept was cancelled, or what became of it forgotten.
    OperationForgotten {
        /// Its key.
        key: String,
    },
}

impl StoredEvent {
    pub(crate) fn now(what: Happened) -> Self {
        Self { at: now(), what }
    }

    /// An export, when it was done.
    pub(crate) fn exported(line: AuditLine) -> Self {
        Self { at: line.at, what: Happened::Exported(line) }
    }

    /// Whether it is kept for as long as its session is: who exported what is asked after years.
    pub(super) fn stays(&self) -> bool {
        matches!(self.what, Happened::Exported(_))
    }

    /// As it is written; lines of the audit were written by themselves once.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        parse(value).or_else(|| parse(value).map(Self::exported))
    }
}

/// Before 1970 there is no time that can be written.
pub(super) fn now() -> SystemTime {
    SystemTime::now().max(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use grammers_session::SessionData;

    use super::super::{Batch, Secret, Store};
    use super::*;

    #[test]
    fn a_line_of_the_audit_is_read_as_it_was_written_and_as_it_is() {
        let line = AuditLine::now(1, "messages", 5001, 7, None);
        let exported = StoredEvent::exported(line.clone());
        for written in [serde_json::to_vec(&line), serde_json::to_vec(&exported)] {
            assert_eq!(StoredEvent::parse(&written.unwrap()), Some(exported.clone()));
        }
        assert_eq!(StoredEvent::parse(b"{}"), None);
    }

    #[tokio::test]
    async fn events_are_in_the_order_in_which_they_were_written_whatever_the_clock_said() {
        let directory = tempfile::tempdir().unwrap();
        let secret = Secret::passphrase("a few words".to_owned()).unwrap();
        let store = Store::open(directory.path(), secret).await.unwrap();
        store.add("a0", &SessionData::default(), 12345).await.unwrap();
        let year = Duration::from_secs(365 * 24 * 3600);
        let lost = |years: u32| StoredEvent {
            at: SystemTime::UNIX_EPOCH + years * year,
            what: Happened::KeyLost { name: years.to_string() },
        };
        let all = [90, 56, 0, 55].map(lost);
        // Each pair under a lease of its own.
        for pair in all.chunks(2) {
            let lease = store.lease("a0").await.unwrap();
            for event in pair {
                lease.commit(&Batch::new(Vec::new(), vec![event.clone()])).await.unwrap();
            }
        }
        assert_eq!(store.events("a0").await.unwrap(), all);
        store.close().await.unwrap();
    }
}
