use std::sync::Arc;

use tgsession::{CallError, Custom};
use tokio::sync::Notify;

use crate::soon;

/// The other end of an operation that runs until it is let go.
#[derive(Debug)]
pub struct Hold {
    entered: Arc<Notify>,
    release: Arc<Notify>,
}

impl Hold {
    /// An exclusive operation, and what lets it go.
    pub fn operation() -> (Self, Custom<()>) {
        let (entered, release) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        let hold = Self { entered: Arc::clone(&entered), release: Arc::clone(&release) };
        let operation = Custom::new(move |_| {
            let (entered, release) = (Arc::clone(&entered), Arc::clone(&release));
            async move {
                entered.notify_one();
                release.notified().await;
                Ok::<_, CallError>(())
            }
        });
        (hold, operation)
    }

    /// Waits until it runs.
    pub async fn entered(&self) {
        soon(self.entered.notified()).await;
    }

    /// Lets it come to its end.
    pub fn release(&self) {
        self.release.notify_one();
    }
}
