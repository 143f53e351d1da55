//! What day it is for an account, on a clock that pauses with the tests.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// The system's clock, and the runtime's from the time on at which it was made: whichever is ahead. So the tests
/// can pause it, and where the machine slept it is not behind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    since_epoch: Duration,
    begin: Instant,
    /// How long before midnight (UTC) a day begins.
    ahead: Duration,
}

impl Clock {
    /// Of days that begin at this time of the day (UTC).
    pub(super) fn new(day_begins: Duration) -> Self {
        let ahead = DAY - Duration::from_secs(day_begins.as_secs() % DAY.as_secs());
        Self { since_epoch: since_epoch(), begin: Instant::now(), ahead }
    }

    /// The time since a day began, always the same one.
    pub(super) fn now(&self) -> Duration {
        self.ahead + since_epoch().max(self.since_epoch + self.begin.elapsed())
    }
}

fn since_epoch() -> Duration {
    // A system that lives before 1970 is at its beginning.
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
