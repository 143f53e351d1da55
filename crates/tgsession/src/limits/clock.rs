//! What day it is, on a clock that pauses with the tests.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The system's clock, and the runtime's from the time on at which it was made: whichever is ahead. So the tests
/// can pause it, and where the machine slept it is not behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    since_epoch: Duration,
    begin: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { since_epoch: since_epoch(), begin: Instant::now() }
    }

    /// The time since the beginning of 1970.
    pub(crate) fn now(&self) -> Duration {
        since_epoch().max(self.since_epoch + self.begin.elapsed())
    }
}

fn since_epoch() -> Duration {
    // A system that lives before 1970 is at its beginning.
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
