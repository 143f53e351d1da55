//! Operations that the store keeps until they are done.
//!
//! Each has a row in the store, from before it is put into the queue until after it has ended, and one task, which
//! writes the row, waits for the operation like any caller, and writes what became of it. So a caller who hears that an
//! operation was taken knows that it outlives the process, and one who hears of its end hears of what is written.
//!
//! # Why it is done once
//!
//! A row is of a key, and a key has one row and one task at a time ([`in_hand`](super::in_hand)): two submissions of a
//! key are one operation. A process that takes up the session finds the rows that have not ended, and does those; and
//! so does this one with what held the account, once that is over ([`resumed`](super::resumed)). One may have been done
//! already, where the process before ended between the work and the row; so only what is safe to do again is kept: a
//! message has a record of its own, with the number by which Telegram recognises it, and an export into a file ends its
//! row together with its checkpoint. Doing it again comes to nothing, and ends the row.
//!
//! What it does not promise: that a message is sent at most once where Telegram has forgotten its number, days later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use super::core::Core;
use super::in_hand::{Hand, Stage, kept};
use super::job::{Job, Load};
use super::lifecycle::{Session, SubmitRefusal};
use super::runner::Note;
use super::state::SessionState;
use crate::operation::{
    Keepable, Kept, KeptTicket, Operation, Outcome, Recipe, Restored, Ticket, ended, recalled,
};
use crate::store::{Batch, Found, KeptOperation, Lease, StoreError};

/// Why an operation was not taken to be kept.
#[derive(Debug)]
pub(crate) enum KeepRefusal {
    NoStore,
    OtherOperation,
    Submit(SubmitRefusal),
    Store(StoreError),
}

/// An operation that waits without a task: the last process left it, or it was held.
pub(crate) struct Left {
    pub(super) key: String,
    pub(super) recipe: Recipe,
    pub(super) operation: Restored,
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

/// What puts kept operations into the queue of their session.
#[derive(Clone)]
pub(super) struct Intake {
    pub(super) core: Arc<Core>,
    pub(super) lease: Arc<Lease>,
    notes: mpsc::UnboundedSender<Note>,
    jobs: Arc<AtomicU64>,
}

/// The way of an operation from its row into the queue.
struct Way<O> {
    intake: Intake,
    number: u64,
    load: Load,
    operation: O,
}

impl Session {
    /// `None` where there is no store.
    pub(super) fn intake(&self) -> Option<Intake> {
        Some(Intake {
            lease: Arc::clone(self.core.book.lease()?),
            core: Arc::clone(&self.core),
            notes: self.notes.clone(),
            jobs: Arc::clone(&self.jobs),
        })
    }

    /// Writes an operation down and puts it into the queue; or finds the one under its key.
    pub(crate) async fn submit_kept<O: Keepable>(
        &self,
        key: String,
        mut operation: O,
    ) -> Result<Kept<O::Output>, KeepRefusal> {
        let core = &self.core;
        let intake = self.intake().ok_or(KeepRefusal::NoStore)?;
        let recipe = operation.keep(&key);
        let what = operation.what();
        let hand = loop {
            match core.in_hand.take(&key, Some(&recipe)) {
                Ok(hand) => break hand,
                Err(shown) if shown.is_other(&recipe) => return Err(KeepRefusal::OtherOperation),
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
        let way = Way { intake, number, load, operation };
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
        let Some(intake) = self.intake() else { return };
        for Left { key, recipe, operation } in left {
            // Somebody may have been faster who submitted it again.
            if let Ok(hand) = self.core.in_hand.take(&key, Some(&recipe)) {
                intake.go_on(hand, operation);
            }
        }
    }

    /// Gives up an operation that is kept, or forgets what became of it; false if there is none.
    pub(crate) async fn forget_kept(&self, key: &str) -> Result<bool, KeepRefusal> {
        let lease = self.core.book.lease().ok_or(KeepRefusal::NoStore)?;
        let mut was_in_hand = false;
        // Until its row is gone, nobody submits another under its key.
        let _hand = loop {
            match self.core.in_hand.take(key, None) {
                Ok(hand) => break hand,
                Err(shown) => {
                    was_in_hand |= shown.is_operation();
                    shown.cancel.cancel();
                    shown.gone().await;
                }
            }
        };
        let is_there = lease.kept(key).await.map_err(KeepRefusal::Store)?.is_some();
        if is_there {
            let mut batch = Batch::default();
            batch.forget(key);
            lease.commit(&batch).await.map_err(KeepRefusal::Store)?;
        }
        Ok(was_in_hand || is_there)
    }
}

impl Intake {
    /// Puts an operation that waits into the queue once more.
    pub(super) fn go_on(&self, hand: Hand, operation: Restored) {
        match operation {
            Restored::Send(operation) => self.put_again(hand, operation),
            Restored::Messages(operation) => self.put_again(hand, operation),
            Restored::Members(operation) => self.put_again(hand, operation),
        }
    }

    fn put_again<O: Keepable>(&self, hand: Hand, mut operation: O) {
        operation.keep(&hand.key);
        // It had its place in the queue before.
        self.core.queued.fetch_add(1, Ordering::SeqCst);
        let number = self.jobs.fetch_add(1, Ordering::Relaxed);
        let load = Load::new(&self.core.load);
        let ticket = Way { intake: self.clone(), number, load, operation }.put(&hand);
        let intake = self.clone();
        self.core.tasks.spawn("kept operation", async move {
            // Whoever submits it again has a ticket of his own.
            drop(intake.see_through::<O>(hand, ticket).await);
        });
    }

    /// Waits for an operation, and writes what became of it before anybody hears of it. Its key is free then.
    async fn see_through<O: Keepable>(
        &self,
        hand: Hand,
        ticket: Ticket<O::Output>,
    ) -> Outcome<O::Output> {
        let outcome = conclude::<O>(&self.lease, &hand, ticket).await;
        drop(hand);
        self.core.look_again_after(&outcome);
        outcome
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
        if let Some(known) = write(&self.intake.lease, &hand, row).await.transpose() {
            self.give_back();
            drop(hand);
            let _ = answer.send(known);
            return;
        }
        let intake = self.intake.clone();
        let ticket = self.put(&hand);
        let (reply, told) = oneshot::channel();
        let outcome = async move { told.await.unwrap_or(Outcome::ShutDown) }.boxed();
        let _ = answer.send(Ok(Kept::Waiting(KeptTicket::new(outcome, hand.cancel.clone()))));
        let outcome = intake.see_through::<O>(hand, ticket).await;
        // Nobody may wait for it.
        let _ = reply.send(outcome);
    }

    /// Puts it into the queue.
    fn put(self, hand: &Hand) -> Ticket<O::Output> {
        let Self { intake, number, load, operation } = self;
        hand.set(Stage::Waiting);
        queue(&intake.core, &intake.notes, number, load, operation)
    }

    /// It does not come into the queue.
    fn give_back(self) {
        self.intake.core.queued.fetch_sub(1, Ordering::SeqCst);
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
    (job.had_turn, job.is_kept) = (true, true);
    if notes.send(Note::Submitted(job)).is_err() {
        // The session stops: the job said so when it was dropped.
        core.queued.fetch_sub(1, Ordering::SeqCst);
    }
    ticket
}

/// Waits for an operation in hand, and writes what became of it.
async fn conclude<O: Keepable>(
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
