//! The kinds of operations and their terms.

use std::fmt;
use std::time::Duration;

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Starts to listen.
    Monitor,
    /// Reads who is in a chat.
    ExportMembers,
    /// Reads what was said in a chat.
    ExportMessages,
    /// Sends a message.
    Send,
    /// Whatever its author makes of it.
    Custom,
}

/// Which of the manager's permits an operation waits for. Operations of one session that wait for different
/// ones do not wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// None at all.
    Free,
    /// One to scrape.
    Scrape,
    /// One to operate.
    Operate,
}

impl Lane {
    pub(crate) const ALL: [Self; 3] = [Self::Free, Self::Scrape, Self::Operate];
}

/// How an operation is queued and run.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub(crate) kind: Kind,
    pub(crate) lane: Lane,
    pub(crate) exclusive: bool,
    /// Its own; else that of its kind.
    pub(crate) timeout: Option<Duration>,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Monitor, Self::ExportMembers, Self::ExportMessages, Self::Send, Self::Custom];

    /// The usual terms of the kind: see the table of `operation`.
    pub(crate) fn terms(self) -> Terms {
        let lane = match self {
            Self::Monitor => Lane::Free,
            Self::ExportMembers | Self::ExportMessages => Lane::Scrape,
            Self::Send | Self::Custom => Lane::Operate,
        };
        Terms { kind: self, lane, exclusive: true, timeout: None }
    }

    /// How long one attempt may take, if nobody says otherwise.
    pub(crate) fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::Monitor => 3600,
            Self::ExportMembers | Self::ExportMessages | Self::Custom => 300,
            Self::Send => 60,
        })
    }

    /// The highest priority, to which everything rises that waits.
    pub(crate) const TOP: u32 = 10;

    /// Higher goes first, if nobody says otherwise.
    pub(crate) fn priority(self) -> u32 {
        match self {
            Self::Monitor => Self::TOP,
            Self::ExportMembers | Self::ExportMessages => 5,
            Self::Send => 1,
            Self::Custom => 0,
        }
    }

    /// How often it is tried again after a failure that may pass, if nobody says otherwise.
    pub(crate) fn retries(self) -> u32 {
        match self {
            Self::ExportMembers | Self::ExportMessages => 2,
            Self::Send => 1,
            Self::Monitor | Self::Custom => 0,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Monitor => "monitor",
            Self::ExportMembers => "export-members",
            Self::ExportMessages => "export-messages",
            Self::Send => "send",
            Self::Custom => "custom",
        })
    }
}
