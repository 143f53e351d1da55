//! Which exclusive operation has a session. Whoever says why another one waits reads it without a lock: the one that
//! it would need is kept exactly then.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::operation::Kind;

/// More than there are kinds.
const KINDS: u64 = 8;

/// Whether an exclusive operation has its permit and runs.
#[derive(Debug)]
pub(super) struct Turns {
    taken: AtomicBool,
    /// The one that runs: its number, and beside it its kind and one. 0 if there is none.
    running: AtomicU64,
    /// When it began, in microseconds since the origin.
    begun: AtomicU64,
    origin: Instant,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            taken: AtomicBool::new(false),
            running: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            origin: Instant::now(),
        }
    }
}

impl Turns {
    pub(super) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Acquire)
    }

    /// Takes the turn; `None` if somebody has it.
    pub(super) fn take(&self) -> Option<Turn<'_>> {
        // Made only where it is: dropped, one gives the turn back.
        let was_taken = self.taken.swap(true, Ordering::AcqRel);
        (!was_taken).then(|| Turn(self))
    }

    /// The operation that runs, and for how long. At its end that may be another's time: it is for the log.
    pub(super) fn running(&self) -> Option<(Kind, u64, Duration)> {
        let running = self.running.load(Ordering::Acquire);
        let kind = Kind::ALL.get(usize::try_from(running % KINDS).ok()?.checked_sub(1)?)?;
        let begun = Duration::from_micros(self.begun.load(Ordering::Relaxed));
        Some((*kind, running / KINDS, self.origin.elapsed().saturating_sub(begun)))
    }
}

/// The session is busy until this is dropped.
pub(crate) struct Turn<'a>(&'a Turns);

impl Turn<'_> {
    /// This operation runs from now on.
    pub(super) fn begin(&self, number: u64, kind: Kind) {
        // Half a million years.
        let begun = self.0.origin.elapsed().as_micros() as u64;
        self.0.begun.store(begun, Ordering::Relaxed);
        self.0.running.store(number * KINDS + kind as u64 + 1, Ordering::Release);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.running.store(0, Ordering::Relaxed);
        self.0.taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_has_the_turn_and_is_known_until_it_is_over() {
        let turns = Turns::default();
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            let turn = turns.take().expect("nobody has it");
            assert!(turns.take().is_none() && turns.is_taken());
            assert_eq!(turns.running(), None, "it waits for its line");
            turn.begin(number as u64, kind);
            tokio::time::advance(Duration::from_secs(5)).await;
            assert_eq!(turns.running(), Some((kind, number as u64, Duration::from_secs(5))));
            drop(turn);
            assert_eq!((turns.running(), turns.is_taken()), (None, false));
        }
    }
}
