//! Operations that the store keeps until they are done.
//!
//! Each has a row in the store, from before it is put into the queue until after it has ended, and one task, which
//! writes the row, waits for the operation like any caller, and writes what became of it. So a caller who hears that an
//! operation was taken knows that it outlives the process, and one who hears of its end hears of what is written.
//!
//! # Why it is done once
//!
//! A row is of a key, and a key has one row and one task at a time ([`InHand`]): two submissions of a key are one
//! operation. A process that takes up the session finds the rows that have not ended, and does those. One may have been
//! done already, where the process before ended between the work and the row; so only what is safe to do again is kept:
//! a message has a record of its own, with the number by which Telegram recognises it, and an export into a file ends
//! its row together with its checkpoint. Doing it again comes to nothing, and ends the row.
//!
//! What it does not promise: that a message is sent at most once where Telegram has forgotten its number, days later.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use dashmap::{DashMap, Entry};
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::core::Core;
use super::job::{Job, Load};
use super::lifecycle::{Session, SubmitRefusal};
use super::runner::Note;
use super::state::SessionState;
use crate::operation::{
    Keepable, Kept, KeptTicket, Operation, Outcome, Recipe, Restored, Ticket, ended, recalled,
};
use crate::store::{Batch, Ended, Found, KeptOperation, Lease, StoreError};

/// Why an operation was not taken to be kept.
#[derive(Debug)]
pub(crate) enum KeepRefusal {
    NoStore,
    OtherOperation,
    Submit(SubmitRefusal),
    Store(StoreError),
}

/// An operation that the last process left.
pub(crate) struct Left {
    key: String,
    recipe: Recipe,
    operation: Restored,
}

impl Left {
    pub(super) fn read(kept: KeptOperation, lease: &Lease) -> Result<Self, StoreError> {
        let KeptOperation { key, recipe, .. } = kept;
        let read = Recipe::read(recipe).and_then(|recipe| Some((recipe.clone().make()?, recipe)));
        match read {
            Some((operation, recipe)) => Ok(Self { key, recipe, operation }),
            None => Err(lease.damaged(&key)),
        }
    }
}

/// The kept operations of a session that have a task, by their keys. The map's own locks are held inside single
/// statements here.
#[derive(Debug, Default)]
pub(crate) struct InHand(DashMap<String, Shown>);

/// What others see of an operation in hand.
#[derive(Clone, Debug)]
struct Shown {
    recipe: Recipe,
    cancel: CancellationToken,
    stage: watch::Receiver<Stage>,
}

/// How far an operation in hand is.
#[derive(Clone, Debug)]
enum Stage {
    /// Its row is being written, or looked for.
    Writing,
    Waiting,
    Ended(Ended),
}

/// An operation in hand: its entry is there until this is dropped.
struct Hand {
    all: Arc<InHand>,
    key: String,
    cancel: CancellationToken,
    stage: watch::Sender<Stage>,
}

impl InHand {
    /// Takes an operation in hand, unless one is under its key.
    fn take(self: &Arc<Self>, key: &str, recipe: &Recipe) -> Result<Hand, Shown> {
        match self.0.entry(key.to_owned()) {
            Entry::Occupied(there) => Err(there.get().clone()),
            Entry::Vacant(free) => {
                let (sender, stage) = watch::channel(Stage::Writing);
                let cancel = CancellationToken::new();
                free.insert(Shown { recipe: recipe.clone(), cancel: cancel.clone(), stage });
                Ok(Hand { all: Arc::clone(self), key: key.to_owned(), cancel, stage: sender })
            }
        }
    }

    fn get(&self, key: &str) -> Option<Shown> {
        Some(self.0.get(key)?.value().clone())
    }
}

impl Hand {
    fn set(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }
}

impl Drop for Hand {
    /// Before those who wait for its stage hear that there will be none: they find the key free.
    fn drop(&mut self) {
        self.all.0.remove(&self.key);
    }
}

impl Shown {
    /// What somebody gets who submits it again; `None` if it is not in hand any more.
    async fn joined<T: DeserializeOwned + Send + 'static>(mut self) -> Option<Kept<T>> {
        let found = self.stage.wait_for(|stage| !matches!(stage, Stage::Writing)).await;
        let stage = found.ok()?.clone();
        match stage {
            Stage::Ended(ended) => kept(&ended),
            Stage::Writing | Stage::Waiting => Some(Kept::Waiting(self.ticket())),
        }
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

/// Waits until an operation in hand has ended; `None` if it goes on in the next process.
async fn over(stage: &mut watch::Receiver<Stage>) -> Option<Ended> {
    let found = stage.wait_for(|stage| matches!(stage, Stage::Ended(_))).await;
    match &*found.ok()? {
        Stage::Ended(ended) => Some(ended.clone()),
        Stage::Writing | Stage::Waiting => None,
    }
}

/// How it ended, for whoever submits it again.
fn kept<T: DeserializeOwned>(ended: &Ended) -> Option<Kept<T>> {
    Some(Kept::Ended { at: ended.at, outcome: recalled(ended)? })
}

/// The way of an operation from its row into the queue.
struct Way<O> {
    core: Arc<Core>,
    lease: Arc<Lease>,
    notes: mpsc::UnboundedSender<Note>,
    number: u64,
    load: Load,
    operation: O,
}

impl Session {
    /// Writes an operation down and puts it into the queue; or finds the one under its key.
    pub(crate) async fn submit_kept<O: Keepable>(
        &self,
        key: String,
        mut operation: O,
    ) -> Result<Kept<O::Output>, KeepRefusal> {
        let core = &self.core;
        let lease = Arc::clone(core.book.lease().ok_or(KeepRefusal::NoStore)?);
        let recipe = operation.keep(&key);
        let what = operation.what();
        let hand = loop {
            match core.in_hand.take(&key, &recipe) {
                Ok(hand) => break hand,
                Err(shown) if shown.recipe != recipe => return Err(KeepRefusal::OtherOperation),
                Err(shown) => {
                    if let Some(kept) = shown.joined().await {
                        return Ok(kept);
                    }
                }
            }
        };
        let number = self.reserve().map_err(KeepRefusal::Submit)?;
        let load = Load::new(&core.load);
        let row = KeptOperation::new(key, what, recipe.written());
        let (own, notes) = (Arc::clone(core), self.notes.clone());
        let way = Way { core: own, lease, notes, number, load, operation };
        let (answer, answered) = oneshot::channel();
        // To its end, whoever waits for it: a row is put into the queue, and what is in the queue has a row.
        core.tasks.spawn("kept operation", async move { way.begin(hand, &row, answer).await });
        let stopped = SubmitRefusal::State(SessionState::Stopped);
        answered.await.unwrap_or(Err(KeepRefusal::Submit(stopped)))
    }

    /// Goes on with what the last process left, in its order.
    pub(crate) fn take_up(&self, left: Vec<Left>) {
        if !left.is_empty() {
            info!(session = %self.core.id, operations = left.len(), "going on with what was kept");
        }
        for Left { key, recipe, operation } in left {
            match operation {
                Restored::Send(operation) => self.go_on(&key, &recipe, operation),
                Restored::Messages(operation) => self.go_on(&key, &recipe, operation),
                Restored::Members(operation) => self.go_on(&key, &recipe, operation),
            }
        }
    }

    fn go_on<O: Keepable>(&self, key: &str, recipe: &Recipe, mut operation: O) {
        let core = &self.core;
        // Somebody may have been faster who submitted it again.
        let (Some(lease), Ok(hand)) = (core.book.lease(), core.in_hand.take(key, recipe)) else {
            return;
        };
        operation.keep(key);
        // It had its place in the queue of the process before.
        core.queued.fetch_add(1, Ordering::SeqCst);
        let way = Way {
            core: Arc::clone(core),
            lease: Arc::clone(lease),
            notes: self.notes.clone(),
            number: self.jobs.fetch_add(1, Ordering::Relaxed),
            load: Load::new(&core.load),
            operation,
        };
        let (lease, ticket) = (Arc::clone(lease), way.put(&hand));
        core.tasks.spawn("kept operation", async move {
            // Whoever submits it again has a ticket of his own.
            drop(see_through::<O>(&lease, &hand, ticket).await);
        });
    }

    /// Gives up an operation that is kept, or forgets what became of it; false if there is none.
    pub(crate) async fn forget_kept(&self, key: &str) -> Result<bool, KeepRefusal> {
        let lease = self.core.book.lease().ok_or(KeepRefusal::NoStore)?;
        let shown = self.core.in_hand.get(key);
        let was_in_hand = shown.is_some();
        if let Some(mut shown) = shown {
            shown.cancel.cancel();
            over(&mut shown.stage).await;
        }
        let is_there = lease.kept(key).await.map_err(KeepRefusal::Store)?.is_some();
        if is_there {
            let mut batch = Batch::default();
            batch.forget(key);
            lease.commit(&batch).await.map_err(KeepRefusal::Store)?;
        }
        Ok(was_in_hand || is_there)
    }
}

impl<O: Keepable> Way<O> {
    /// Writes the row, says so, and sees the operation through.
    async fn begin(
        self,
        hand: Hand,
        row: &KeptOperation,
        answer: oneshot::Sender<Result<Kept<O::Output>, KeepRefusal>>,
    ) {
        if let Some(known) = write(&self.lease, &hand, row).await.transpose() {
            self.give_back();
            drop(hand);
            let _ = answer.send(known);
            return;
        }
        let lease = Arc::clone(&self.lease);
        let ticket = self.put(&hand);
        let (reply, told) = oneshot::channel();
        let outcome = async move { told.await.unwrap_or(Outcome::ShutDown) }.boxed();
        let _ = answer.send(Ok(Kept::Waiting(KeptTicket::new(outcome, hand.cancel.clone()))));
        let outcome = see_through::<O>(&lease, &hand, ticket).await;
        drop(hand);
        // Nobody may wait for it.
        let _ = reply.send(outcome);
    }

    /// Puts it into the queue.
    fn put(self, hand: &Hand) -> Ticket<O::Output> {
        let Self { core, notes, number, load, operation, .. } = self;
        hand.set(Stage::Waiting);
        queue(&core, &notes, number, load, operation)
    }

    /// It does not come into the queue.
    fn give_back(self) {
        self.core.queued.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Writes the row of an operation in hand; `None` if it waits there now.
async fn write<T: DeserializeOwned>(
    lease: &Lease,
    hand: &Hand,
    row: &KeptOperation,
) -> Result<Option<Kept<T>>, KeepRefusal> {
    let there = lease.keep(row).await.map_err(KeepRefusal::Store)?;
    let Some(found) = there else { return Ok(None) };
    if (&found.kept.key, &found.kept.recipe) != (&row.key, &row.recipe) {
        return Err(KeepRefusal::OtherOperation);
    }
    // One that waits, and that nobody had in hand, is taken up.
    let Some(ended) = found.ended else { return Ok(None) };
    let known = kept(&ended);
    hand.set(Stage::Ended(ended));
    known.map(Some).ok_or_else(|| KeepRefusal::Store(lease.damaged(&row.key)))
}

/// Puts an operation into the queue where it has its place, for as long as it takes.
fn queue<O: Operation>(
    core: &Core,
    notes: &mpsc::UnboundedSender<Note>,
    number: u64,
    load: Load,
    operation: O,
) -> Ticket<O::Output> {
    let (mut job, ticket) = Job::new(number, operation, load, &core.attention);
    job.had_turn = true;
    if notes.send(Note::Submitted(job)).is_err() {
        // The session stops: the job said so when it was dropped.
        core.queued.fetch_sub(1, Ordering::SeqCst);
    }
    ticket
}

/// Waits for the operation, and writes what became of it before anybody hears of it.
async fn see_through<O: Keepable>(
    lease: &Lease,
    hand: &Hand,
    ticket: Ticket<O::Output>,
) -> Outcome<O::Output> {
    let given_up = std::pin::pin!(hand.cancel.cancelled());
    let mut outcome = match select(ticket, given_up).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(((), ticket)) => ticket.cancel().await,
    };
    if matches!(outcome, Outcome::ShutDown) && hand.cancel.is_cancelled() {
        outcome = Outcome::Cancelled;
    }
    // One that ends itself may have been given up when it had.
    if O::ENDS_ITSELF
        && matches!(outcome, Outcome::Cancelled)
        && let Ok(Some(Found { ended: Some(ended), .. })) = lease.kept(&hand.key).await
        && let Some(done) = recalled(&ended)
    {
        hand.set(Stage::Ended(ended));
        return done;
    }
    // Else it goes on later.
    if let Some(ended) = ended::<O>(&outcome) {
        let mut batch = Batch::default();
        match &outcome {
            Outcome::Cancelled => batch.forget(&hand.key),
            _ => batch.end(&hand.key, ended.clone()),
        }
        let is_written = O::ENDS_ITSELF && outcome.is_done();
        if !is_written && let Err(error) = lease.commit(&batch).await {
            error!(key = hand.key, %error, "what became of an operation was not written");
            // What is done is done again by the next process, which comes to nothing: see above. What was cancelled is
            // still kept.
            if matches!(outcome, Outcome::Cancelled) {
                return Outcome::Failed(error.into());
            }
        }
        hand.set(Stage::Ended(ended));
    }
    outcome
}
