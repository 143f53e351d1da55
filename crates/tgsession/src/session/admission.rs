//! What an operation needs of the manager before it starts: a permit (level 2), and that nobody takes the session
//! away meanwhile (level 3). Asked for in this order by whoever runs the operation.

use std::sync::Arc;
use std::time::Duration;

use lockorder::AcquireError;
use lockorder::tokio::{RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore, SemaphorePermit};

use crate::hierarchy::{OperationPermits, ScrapePermits, SessionRecord};
use crate::id::SessionId;
use crate::operation::Lane;

/// The permits of a manager, which all of its sessions share.
#[derive(Debug)]
pub(crate) struct Permits {
    scrapes: Semaphore<ScrapePermits>,
    operations: Semaphore<OperationPermits>,
}

/// A permit, until it is dropped.
#[expect(dead_code, reason = "they are only held")]
pub(crate) enum Permit<'a> {
    Scrape(SemaphorePermit<'a, ScrapePermits>),
    Operation(SemaphorePermit<'a, OperationPermits>),
}

impl Permits {
    pub(crate) fn new(scrapes: usize, operations: usize) -> Self {
        Self { scrapes: Semaphore::new(scrapes), operations: Semaphore::new(operations) }
    }

    /// A permit, if the lane needs one.
    pub(crate) async fn acquire(
        &self,
        lane: Lane,
        limit: Duration,
    ) -> Result<Option<Permit<'_>>, AcquireError> {
        Ok(match lane {
            Lane::Free => None,
            Lane::Scrape => Some(Permit::Scrape(self.scrapes.acquire_within(limit).await?)),
            Lane::Operate => Some(Permit::Operation(self.operations.acquire_within(limit).await?)),
        })
    }
}

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
    permits: Arc<Permits>,
    slot: RwLock<SessionRecord, Slot>,
    limit: Duration,
}

impl Admission {
    /// `limit` is how long each acquisition may take.
    pub(crate) fn new(session: SessionId, permits: Arc<Permits>, limit: Duration) -> Self {
        Self { permits, slot: RwLock::keyed(session.number(), Slot::default()), limit }
    }

    /// One of the manager's permits, if the lane needs one.
    pub(super) async fn permit(&self, lane: Lane) -> Result<Option<Permit<'_>>, AcquireError> {
        self.permits.acquire(lane, self.limit).await
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
