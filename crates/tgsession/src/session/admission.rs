//! What a session asks of its manager before an operation starts.

use std::any::Any;

use futures_util::future::BoxFuture;
use lockorder::AcquireError;

use crate::id::SessionId;
use crate::operation::Lane;

/// Something that is held until it is dropped.
pub(crate) type Grant = Box<dyn Any + Send>;

/// Levels 2 and 3, asked for in this order by the task that runs the operation.
pub(crate) trait Admission: Send + Sync + 'static {
    /// One of the manager's permits, if the lane needs one.
    fn permit(&self, lane: Lane) -> BoxFuture<'_, Result<Option<Grant>, AcquireError>>;

    /// Whether a lease would be given at once.
    fn is_free(&self, session: SessionId) -> bool;

    /// Keeps the session where it is: nobody removes or reconnects it meanwhile.
    fn lease(&self, session: SessionId) -> BoxFuture<'_, Result<Option<Grant>, AcquireError>>;

    /// Keeps everybody else away from the session, operations too; `None` if it is gone.
    fn exclude(&self, session: SessionId) -> BoxFuture<'_, Result<Option<Grant>, AcquireError>>;
}
