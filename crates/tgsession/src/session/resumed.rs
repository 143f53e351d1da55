//! Kept operations that the account could not do when it was their turn, and that go on by themselves.
//!
//! Such an operation is over for whoever waits for it, and nothing of it is left but its row. What holds an account
//! says when to look for those rows: an operator who clears a restriction at once, a quota when its day is over. Then
//! all that waits without a task gets one, in the order of the submissions; what still cannot be done comes to the same
//! end again.
//!
//! # Why nothing is done twice, and nothing forgotten
//!
//! A key is taken in hand before its row counts: what has a task is left alone, and what has ended since the list was
//! read is found ended. And an operation that was held says when to look only after its key is free
//! ([`Intake::see_through`]): whoever looks then finds it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info};

use super::core::Core;
use super::kept::{Intake, Left};
use super::lifecycle::Session;
use crate::operation::{Failure, Outcome};
use crate::store::StoreError;
use crate::telegram::CallError;

/// The pause before rows that could not be read are looked for again.
const PAUSE: Duration = Duration::from_secs(60);

impl Session {
    /// From now on what was held goes on when it can; nothing is, where there is no store.
    pub(super) fn resume_kept(&self) {
        if let Some(intake) = self.intake() {
            self.core.spawn_essential("resumption", watch(intake), |core| {
                core.draining.is_cancelled() || core.key_lost.is_cancelled()
            });
        }
    }
}

async fn watch(intake: Intake) {
    let core = Arc::clone(&intake.core);
    loop {
        tokio::select! {
            biased;
            () = core.draining.cancelled() => return,
            // Nothing goes on any more.
            () = core.key_lost.cancelled() => return,
            () = core.in_hand.due() => {}
        }
        if let Err(error) = intake.resume().await {
            error!(session = %core.id, %error, "what was kept does not go on yet");
            core.in_hand.look_at(Instant::now() + PAUSE);
        }
    }
}

impl Intake {
    /// Gives what waits its task, unless it has one.
    async fn resume(&self) -> Result<(), StoreError> {
        let mut resumed = 0;
        for kept in self.lease.waiting().await? {
            let Left { key, recipe, operation } = Left::read(kept, &self.lease)?;
            let Ok(hand) = self.core.in_hand.take(&key, Some(&recipe)) else { continue };
            let found = self.lease.kept(&key).await?;
            let waits = found.is_some_and(|found| {
                found.ended.is_none() && found.kept.recipe == recipe.written()
            });
            if waits {
                self.go_on(hand, operation);
                resumed += 1;
            }
        }
        if resumed > 0 {
            info!(session = %self.core.id, operations = resumed, "going on with what was held");
        }
        Ok(())
    }
}

impl Core {
    /// Says when to look for an operation that the account could not do now. To be called when its key is free.
    pub(super) fn look_again_after<T>(&self, outcome: &Outcome<T>) {
        let (Outcome::Failed(failure) | Outcome::MaybeExecuted(failure)) = outcome else { return };
        match failure {
            Failure::Quota(exceeded) => self.in_hand.look_at(Instant::now() + exceeded.renewed_in),
            // Whoever cleared it meanwhile may have looked too early; whoever does so later looks then.
            Failure::Call(CallError::Restricted { .. }) if self.restriction_name().is_none() => {
                self.in_hand.look_at(Instant::now());
            }
            _ => {}
        }
    }
}
