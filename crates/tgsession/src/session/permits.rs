//! The permits of a manager (level 2), which all of its sessions share; and for whoever gets none in time, what is done
//! with them.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use dashmap::DashMap;
use futures_util::poll;
use lockorder::AcquireError;
use lockorder::tokio::{Semaphore, SemaphorePermit};

use super::turn::Turns;
use crate::hierarchy::{OperationPermits, ScrapePermits};
use crate::id::SessionId;
use crate::operation::Lane;

/// So many operations are named in a line of the log.
const MOST_NAMED: usize = 16;

/// The permits of a manager. The map's own locks are held inside single statements here.
#[derive(Debug)]
pub(crate) struct Permits {
    scrapes: Semaphore<ScrapePermits>,
    operations: Semaphore<OperationPermits>,
    /// How many there are of both.
    all: usize,
    /// How many operations wait for one.
    waiting: AtomicUsize,
    /// What runs on each session.
    turns: DashMap<SessionId, Arc<Turns>>,
}

/// A permit, until it is dropped.
#[expect(dead_code, reason = "they are only held")]
pub(crate) enum Permit<'a> {
    Scrape(SemaphorePermit<'a, ScrapePermits>),
    Operation(SemaphorePermit<'a, OperationPermits>),
}

/// One that waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Permits {
    pub(crate) fn new(scrapes: usize, operations: usize) -> Self {
        Self {
            scrapes: Semaphore::new(scrapes),
            operations: Semaphore::new(operations),
            all: scrapes.saturating_add(operations),
            waiting: AtomicUsize::new(0),
            turns: DashMap::new(),
        }
    }

    /// From now on this runs operations too.
    pub(super) fn enter(&self, session: SessionId, turns: &Arc<Turns>) {
        self.turns.insert(session, Arc::clone(turns));
    }

    pub(super) fn leave(&self, session: SessionId) {
        self.turns.remove(&session);
    }

    /// Whether nobody has one.
    pub(super) fn are_free(&self) -> bool {
        self.scrapes.available_permits() + self.operations.available_permits() >= self.all
    }

    /// How many operations wait for one.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The exclusive operations that run, in words; those that began first, where they are many.
    pub(super) fn running(&self) -> String {
        let all =
            self.turns.iter().filter_map(|entry| Some((*entry.key(), entry.value().running()?)));
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|(session, (_, _, since))| (std::cmp::Reverse(*since), *session));
        let mut named: Vec<_> = all
            .iter()
            .take(MOST_NAMED)
            .map(|(session, (kind, number, since))| {
                format!("session {session}: {kind}, operation {number}, for {since:?}")
            })
            .collect();
        match all.len().checked_sub(MOST_NAMED) {
            Some(more @ 1..) => named.push(format!("and {more} more")),
            _ if named.is_empty() => named.push("nothing".to_owned()),
            _ => {}
        }
        named.join("; ")
    }

    /// A permit, if the lane needs one.
    pub(crate) async fn acquire(
        &self,
        lane: Lane,
        limit: Duration,
    ) -> Result<Option<Permit<'_>>, AcquireError> {
        let mut permit = pin!(self.ask(lane, limit));
        if let Poll::Ready(permit) = poll!(permit.as_mut()) {
            return permit;
        }
        let _waiting = Waiting::of(&self.waiting);
        permit.await
    }

    async fn ask(&self, lane: Lane, limit: Duration) -> Result<Option<Permit<'_>>, AcquireError> {
        Ok(match lane {
            Lane::Free => None,
            Lane::Scrape => Some(Permit::Scrape(self.scrapes.acquire_within(limit).await?)),
            Lane::Operate => Some(Permit::Operation(self.operations.acquire_within(limit).await?)),
        })
    }
}

impl<'a> Waiting<'a> {
    fn of(all: &'a AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Kind;

    #[tokio::test(start_paused = true)]
    async fn what_runs_is_named_the_oldest_first_and_no_more_than_a_line_takes() {
        let permits = Permits::new(1, 1);
        let all: Vec<_> = (1..=18)
            .map(|number| (SessionId(number), Arc::<Turns>::default()))
            .inspect(|(session, turns)| permits.enter(*session, turns))
            .collect();
        assert_eq!(permits.running(), "nothing");
        let mut begun = Vec::new();
        for (session, turns) in &all {
            let turn = turns.take().unwrap();
            turn.begin(session.number() + 100, Kind::Send);
            begun.push(turn);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let named = permits.running();
        assert!(
            named.starts_with("session 1: send, operation 101, for 18s; session 2: "),
            "{named}"
        );
        assert!(named.ends_with("; and 2 more"), "{named}");
        permits.leave(SessionId(1));
        assert!(permits.running().starts_with("session 2: "));
    }
}
