//! Who may run: the two semaphores of level 2, and the leases of level 3.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lockorder::AcquireError;
use lockorder::tokio::Semaphore;

use super::registry::Registry;
use crate::hierarchy::{OperationPermits, ScrapePermits};
use crate::id::SessionId;
use crate::operation::Lane;
use crate::session::{Admission, Grant};

/// What sessions ask before an operation starts.
#[derive(Debug)]
pub(super) struct Gate {
    limit: Duration,
    scrapes: Arc<Semaphore<ScrapePermits>>,
    operations: Arc<Semaphore<OperationPermits>>,
    /// The registry owns the sessions, which own this.
    registry: Weak<Registry>,
}

impl Gate {
    pub(super) fn new(
        limit: Duration,
        scrapes: usize,
        operations: usize,
        registry: &Arc<Registry>,
    ) -> Self {
        Self {
            limit,
            scrapes: Arc::new(Semaphore::new(scrapes)),
            operations: Arc::new(Semaphore::new(operations)),
            registry: Arc::downgrade(registry),
        }
    }
}

impl Admission for Gate {
    fn permit(&self, lane: Lane) -> BoxFuture<'_, Result<Option<Grant>, AcquireError>> {
        async move {
            Ok(match lane {
                Lane::Free => None,
                Lane::Scrape => {
                    let permit = Arc::clone(&self.scrapes).acquire_owned_within(self.limit).await?;
                    Some(Box::new(permit) as Grant)
                }
                Lane::Operate => {
                    let permit =
                        Arc::clone(&self.operations).acquire_owned_within(self.limit).await?;
                    Some(Box::new(permit) as Grant)
                }
            })
        }
        .boxed()
    }

    fn is_free(&self, session: SessionId) -> bool {
        let record = self.registry.upgrade().and_then(|registry| registry.get(session));
        record.is_none_or(|record| !record.slot.is_locked_exclusive())
    }

    fn lease(&self, session: SessionId) -> BoxFuture<'_, Result<Option<Grant>, AcquireError>> {
        async move {
            let record = self.registry.upgrade().and_then(|registry| registry.get(session));
            match record {
                Some(record) => record.lease(self.limit).await,
                None => Ok(None),
            }
        }
        .boxed()
    }

    fn exclude(&self, session: SessionId) -> BoxFuture<'_, Result<Option<Grant>, AcquireError>> {
        async move {
            let record = self.registry.upgrade().and_then(|registry| registry.get(session));
            match record {
                Some(record) => record.exclude(self.limit).await,
                None => Ok(None),
            }
        }
        .boxed()
    }
}
