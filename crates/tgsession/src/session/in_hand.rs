//! The kept operations of a session that have a task.

use std::sync::Arc;

use dashmap::{DashMap, Entry};
use futures_util::FutureExt;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::runner::until;
use crate::operation::{Kept, KeptTicket, Outcome, Recipe, recalled};
use crate::store::Ended;

/// The kept operations of a session that have a task, by their keys, and when the others get one. The map's own locks
/// are held inside single statements here.
#[derive(Debug, Default)]
pub(crate) struct InHand {
    all: DashMap<String, Shown>,
    /// When to look for those that wait without one.
    look_at: watch::Sender<Option<Instant>>,
}

/// What others see of an operation in hand.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// `None` while somebody only forgets what is under the key.
    recipe: Option<Recipe>,
    pub(super) cancel: CancellationToken,
    stage: watch::Receiver<Stage>,
}

/// How far an operation in hand is.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Its row is being written, looked for, or forgotten.
    Writing,
    Waiting,
    Ended(Ended),
}

/// An operation in hand: its entry is there until this is dropped.
pub(super) struct Hand {
    in_hand: Arc<InHand>,
    pub(super) key: String,
    pub(super) cancel: CancellationToken,
    stage: watch::Sender<Stage>,
}

impl InHand {
    /// Takes an operation in hand, unless one is under its key; without a recipe whichever it is, to forget it.
    pub(super) fn take(
        self: &Arc<Self>,
        key: &str,
        recipe: Option<&Recipe>,
    ) -> Result<Hand, Shown> {
        match self.all.entry(key.to_owned()) {
            Entry::Occupied(there) => Err(there.get().clone()),
            Entry::Vacant(free) => {
                let (sender, stage) = watch::channel(Stage::Writing);
                let cancel = CancellationToken::new();
                free.insert(Shown { recipe: recipe.cloned(), cancel: cancel.clone(), stage });
                Ok(Hand { in_hand: Arc::clone(self), key: key.to_owned(), cancel, stage: sender })
            }
        }
    }

    /// Has those that wait without a task looked for then, or earlier.
    pub(super) fn look_at(&self, at: Instant) {
        self.look_at.send_modify(|next| *next = Some(next.map_or(at, |next| next.min(at))));
    }

    /// Waits until it is time to look for them.
    ///
    /// # Cancel safety
    /// Dropped before it returns, it has missed nothing.
    pub(super) async fn due(&self) {
        let mut changes = self.look_at.subscribe();
        loop {
            let next = *changes.borrow_and_update();
            tokio::select! {
                () = until(next) => {}
                // There is a sender for as long as this is there.
                _ = changes.changed() => {}
            }
            let now = Instant::now();
            if self.look_at.send_if_modified(|next| next.take_if(|at| *at <= now).is_some()) {
                return;
            }
        }
    }
}

impl Hand {
    pub(super) fn set(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }
}

impl Drop for Hand {
    /// Before those who wait for its stage hear that there will be none: they find the key free.
    fn drop(&mut self) {
        self.in_hand.all.remove(&self.key);
    }
}

impl Shown {
    /// Whether it is another operation than this one.
    pub(super) fn is_other(&self, recipe: &Recipe) -> bool {
        self.recipe.as_ref().is_some_and(|there| there != recipe)
    }

    /// Whether there is an operation, and not only somebody who forgets it.
    pub(super) fn is_operation(&self) -> bool {
        self.recipe.is_some()
    }

    /// What somebody gets who submits it again; `None` if it is not in hand any more.
    pub(super) async fn joined<T: DeserializeOwned + Send + 'static>(mut self) -> Option<Kept<T>> {
        let found = self.stage.wait_for(|stage| !matches!(stage, Stage::Writing)).await;
        let stage = found.ok()?.clone();
        match stage {
            Stage::Ended(ended) => kept(&ended),
            Stage::Writing | Stage::Waiting => Some(Kept::Waiting(self.ticket())),
        }
    }

    /// Waits until it is not in hand any more.
    pub(super) async fn gone(mut self) {
        while self.stage.changed().await.is_ok() {}
    }

    fn ticket<T: DeserializeOwned + Send + 'static>(self) -> KeptTicket<T> {
        let Self { cancel, mut stage, .. } = self;
        let outcome = async move {
            let ended = over(&mut stage).await;
            ended.and_then(|ended| recalled(&ended)).unwrap_or(Outcome::ShutDown)
        };
        KeptTicket::new(outcome.boxed(), cancel)
    }
}

/// Waits until an operation in hand has ended; `None` if it goes on later.
async fn over(stage: &mut watch::Receiver<Stage>) -> Option<Ended> {
    let found = stage.wait_for(|stage| matches!(stage, Stage::Ended(_))).await;
    match &*found.ok()? {
        Stage::Ended(ended) => Some(ended.clone()),
        Stage::Writing | Stage::Waiting => None,
    }
}

/// How it ended, for whoever submits it again.
pub(super) fn kept<T: DeserializeOwned>(ended: &Ended) -> Option<Kept<T>> {
    Some(Kept::Ended { at: ended.at, outcome: recalled(ended)? })
}
