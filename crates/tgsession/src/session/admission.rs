//! What an operation needs of the manager before it starts: a permit (level 2), and that nobody takes the session
//! away meanwhile (level 3). Asked for in this order by whoever runs the operation.

use std::sync::Arc;
use std::time::Duration;

use lockorder::AcquireError;
use lockorder::tokio::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::Instant;

use super::permits::{Permit, Permits};
use super::turn::Turns;
use crate::hierarchy::SessionRecord;
use crate::id::SessionId;
use crate::operation::Lane;

/// The manager's record of a session: the value that the manager's lock on the session guards.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Nobody may use it again.
    retired: bool,
}

/// Keeps the session where it is, until it is dropped: nobody removes or reconnects it meanwhile.
pub(crate) type Lease<'a> = RwLockReadGuard<'a, SessionRecord, Slot>;

/// Keeps everybody else away from the session, operations too, until it is dropped.
pub(crate) type Exclusive<'a> = RwLockWriteGuard<'a, SessionRecord, Slot>;

/// A session's end of its manager.
#[derive(Debug)]
pub(crate) struct Admission {
    session: SessionId,
    /// Which operation of the session runs.
    pub(super) turns: Arc<Turns>,
    pub(super) permits: Arc<Permits>,
    slot: RwLock<SessionRecord, Slot>,
    limit: Duration,
}

impl Admission {
    /// `limit` is how long each acquisition may take.
    pub(crate) fn new(session: SessionId, permits: Arc<Permits>, limit: Duration) -> Self {
        let turns = Arc::<Turns>::default();
        permits.enter(session, &turns);
        let slot = RwLock::keyed(session.number(), Slot::default());
        Self { session, turns, permits, slot, limit }
    }

    /// One of the manager's permits, if the lane needs one; not waited for past this time.
    pub(super) async fn permit(
        &self,
        lane: Lane,
        until: Option<Instant>,
    ) -> Result<Option<Permit<'_>>, AcquireError> {
        let rest = until.map(|until| until.saturating_duration_since(Instant::now()));
        let limit = rest.map_or(self.limit, |rest| rest.min(self.limit));
        self.permits.acquire(lane, limit).await
    }

    /// Waits until nobody has the session to himself; `None` if it is gone.
    pub(super) async fn lease(&self) -> Result<Option<Lease<'_>>, AcquireError> {
        let slot = self.slot.read_within(self.limit).await?;
        Ok((!slot.retired).then_some(slot))
    }

    /// Waits until nobody uses the session; `None` if it is gone.
    pub(crate) async fn exclude(&self) -> Result<Option<Exclusive<'_>>, AcquireError> {
        let slot = self.slot.write_within(self.limit).await?;
        Ok((!slot.retired).then_some(slot))
    }

    /// Waits until nobody uses the session, and lets nobody use it again.
    pub(crate) async fn retire(&self) -> Result<(), AcquireError> {
        self.slot.write_within(self.limit).await?.retired = true;
        Ok(())
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.permits.leave(self.session);
    }
}
