//! The task that owns a session's queue.
//!
//! It starts operations and answers them. For each lane at most one operation waits for its permit; one that
//! got its permit and finds the session busy gives it back and returns to the queue, so that no permit is
//! held by an operation that cannot run.

use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::unconstrained;
use tokio::time::Instant;
use tracing::debug;

use super::attempt::{self, Busy, Ended, Verdict};
use super::attempts::Attempts;
use super::core::Core;
use super::counts::Counts;
use super::go;
use super::job::{End, Job};
use super::queue::{Queue, Standstill};
use crate::operation::{Failure, Lane};
use crate::retry::{Next, Spread};
use crate::telegram::CallError;

/// What the runner is told.
pub(super) enum Note {
    Submitted(Box<Job>),
    /// An operation must wait for its locks: one of another lane may ask for them.
    Waits(u64),
    /// An operation has its locks: the next of its lane may ask for a permit. Said only where there is a next: see
    /// [`Core::start`].
    Started,
    /// An operation ended by a panic outside of it.
    Panicked(Box<Ended>),
}

/// An operation that waits for its permit.
#[derive(Clone, Copy)]
struct Waiting {
    number: u64,
    passed_over: bool,
    since: Instant,
}

/// How long a session is kept free for an operation that was passed over.
const KEPT: Duration = Duration::from_secs(2);

impl Waiting {
    fn keeps(&self, now: Instant) -> bool {
        self.passed_over && now < self.since + KEPT
    }
}

pub(super) struct Runner {
    core: Arc<Core>,
    notes: mpsc::UnboundedSender<Note>,
    queue: Queue,
    /// Since when there is no line.
    offline: Option<Instant>,
    /// Who waits for a permit in each lane.
    waiting: [Option<Waiting>; Lane::ALL.len()],
    /// The one of them that has not said yet whether it must wait.
    asking: Option<u64>,
    /// Those that wait for their locks or run.
    attempts: Attempts,
}

impl Runner {
    pub(super) fn new(core: Arc<Core>, notes: mpsc::UnboundedSender<Note>) -> Self {
        Self {
            notes,
            queue: Queue::new(core.settings.queue_wait, core.settings.kinds.clone()),
            offline: None,
            waiting: [None; Lane::ALL.len()],
            asking: None,
            attempts: Attempts::default(),
            core,
        }
    }

    /// Runs until the session drains and its last operation has ended.
    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Note>) {
        let core = Arc::clone(&self.core);
        let mut attention = pin!(core.attention.notified());
        // What could not start by then is waited for, and what can start by then was started.
        let mut now = Instant::now();
        let mut answered = false;
        while !(core.draining.is_cancelled() && self.attempts.is_empty()) {
            let wake = self.next_change(now);
            let hands_over = mem::take(&mut answered) && core.admission.permits.are_free();
            tokio::select! {
                biased;
                ended = self.attempts.next() => {
                    ended.into_iter().for_each(|ended| self.on_ended(ended));
                    answered = true;
                }
                // An operation that is never done with what it has uses up what tokio gives the task for one go.
                Some(note) = unconstrained(inbox.recv()) => self.on_note(note),
                () = &mut attention => {
                    attention.set(core.attention.notified());
                    self.look_around();
                }
                () = unconstrained(until(wake)) => {}
                () = go::end(), if hands_over => {}
            }
            // What can start now has not waited for too long.
            now = Instant::now();
            self.offline = self.core.is_offline().then(|| self.offline.unwrap_or(now));
            self.launch(now);
            self.expire(now);
        }
        // From here on a submission is refused; those that came before are answered.
        inbox.close();
        while let Some(note) = inbox.recv().await {
            self.on_note(note);
        }
        self.drain();
    }

    /// When something happens by itself.
    fn next_change(&self, now: Instant) -> Option<Instant> {
        let kept = self.waiting.iter().flatten().filter(|waiting| waiting.keeps(now));
        let free = kept.map(|waiting| waiting.since + KEPT).min();
        let starts = self.queue.next_change(self.standstill(), now);
        starts.into_iter().chain(free).min()
    }

    /// Something has changed that concerns operations which wait.
    fn look_around(&mut self) {
        for job in self.queue.cancelled() {
            self.left_queue(*job, End::Cancelled);
        }
        if self.core.key_lost.is_cancelled() {
            self.refuse();
        }
        if self.core.draining.is_cancelled() {
            self.drain();
        }
    }

    fn on_note(&mut self, note: Note) {
        match note {
            Note::Submitted(job) if self.core.draining.is_cancelled() => {
                self.left_queue(*job, End::ShutDown);
            }
            Note::Submitted(job) if self.core.key_lost.is_cancelled() => {
                let end = self.lost();
                self.left_queue(*job, end);
            }
            Note::Submitted(job) if job.cancel.is_cancelled() => {
                self.left_queue(*job, End::Cancelled);
            }
            Note::Submitted(job) => self.queue.push(job),
            Note::Waits(number) => self.has_said(number),
            // They are looked for before the next is launched.
            Note::Started => {}
            Note::Panicked(ended) => {
                Counts::add(&self.core.counts.panics);
                self.on_ended(*ended);
            }
        }
    }

    fn on_ended(&mut self, Ended { job, started, verdict }: Ended) {
        if started {
            self.take_up_started();
        } else {
            let waiting = &mut self.waiting[job.terms.lane as usize];
            *waiting = waiting.filter(|waiting| waiting.number != job.number);
            self.has_said(job.number);
        }
        self.on_verdict(job, verdict);
    }

    /// Those that have their locks wait no more.
    fn take_up_started(&mut self) {
        for lane in Lane::ALL {
            let waiting = &mut self.waiting[lane as usize];
            let number = waiting.as_ref().map(|waiting| waiting.number);
            if let Some(number) = number.filter(|number| self.core.has_started(lane, *number)) {
                *waiting = None;
                self.has_said(number);
            }
        }
    }

    /// The next may ask.
    fn has_said(&mut self, number: u64) {
        if self.asking == Some(number) {
            self.asking = None;
        }
    }

    fn on_verdict(&mut self, mut job: Box<Job>, verdict: Verdict) {
        let counts = &self.core.counts;
        match verdict {
            Verdict::Busy(busy) => {
                job.passed_over = busy == Busy::Kept;
                self.requeue(job);
            }
            Verdict::Paused(pause) => {
                (job.had_turn, job.passed_over) = (true, false);
                self.requeue_after(job, pause);
            }
            Verdict::Done => {
                Counts::add(&counts.done);
                job.finish();
            }
            Verdict::Ended(end) => self.answer(*job, end),
            Verdict::Failed(Failure::Call(error)) => self.on_failed_call(job, error),
            Verdict::Failed(failure) => self.answer(*job, End::Failed(failure)),
        }
    }

    /// What it means for the account was drawn from it while the locks were held.
    fn on_failed_call(&mut self, mut job: Box<Job>, error: CallError) {
        let spread = Spread { session: self.core.id.number(), operation: job.number };
        match self.core.settings.kinds.next(job.kind(), job.attempts, spread, &error) {
            Next::After(pause) if !self.core.draining.is_cancelled() => {
                debug!(session = %self.core.id, kind = %job.kind(), %error, ?pause, "trying again");
                Counts::add(&self.core.counts.retried);
                if matches!(error, CallError::Flood { .. }) {
                    job.attempts -= 1;
                }
                // It goes on where it was, so it does not expire.
                job.had_turn = true;
                self.requeue_after(job, pause);
            }
            // It would have gone on.
            Next::After(_) => self.answer(*job, End::ShutDown),
            _ => self.answer(*job, End::Failed(error.into())),
        }
    }

    /// What has had its turn waits anew from then on: else an old one would go before the others for ever.
    fn requeue_after(&mut self, mut job: Box<Job>, pause: Duration) {
        job.not_before = Instant::now() + pause;
        job.since = job.not_before;
        self.requeue(job);
    }

    /// Back into the queue, which it has not left as far as its limit is concerned.
    fn requeue(&mut self, job: Box<Job>) {
        if job.cancel.is_cancelled() {
            return self.answer(*job, End::Cancelled);
        }
        if self.core.draining.is_cancelled() {
            return self.answer(*job, End::ShutDown);
        }
        if self.core.key_lost.is_cancelled() {
            let end = self.lost();
            return self.answer(*job, end);
        }
        self.core.queued.fetch_add(1, Ordering::SeqCst);
        self.queue.push(job);
    }

    fn standstill(&self) -> Standstill {
        Standstill { blocked: self.core.blocked(), offline: self.offline }
    }

    fn expire(&mut self, now: Instant) {
        for job in self.queue.expired(self.standstill(), now) {
            let waited = now - job.since;
            self.left_queue(*job, End::Expired(waited));
        }
    }

    /// Lets the first in rank ask for its permit; the next only when it has it or must wait for it, so that the
    /// one that can run first is the one that should.
    fn launch(&mut self, now: Instant) {
        self.take_up_started();
        let core = &self.core;
        let is_blocked = core.blocked().is_some_and(|until| until > now);
        let idle = core.draining.is_cancelled() || core.is_offline() || is_blocked;
        if self.asking.is_some() || idle {
            return;
        }
        let may = |lane| self.waiting[lane as usize].is_none();
        // Who had a permit and found the session busy finds it free when he has one again.
        // But not for long: others of the session may have permits meanwhile.
        let is_kept = self.waiting.iter().flatten().any(|waiting| waiting.keeps(now));
        let free = !core.is_busy() && !is_kept;
        if let Some(job) = self.queue.take(may, free, now) {
            self.core.queued.fetch_sub(1, Ordering::Relaxed);
            let passed_over = job.passed_over && job.terms.exclusive;
            let waiting = Waiting { number: job.number, passed_over, since: now };
            self.waiting[job.terms.lane as usize] = Some(waiting);
            self.asking = Some(job.number);
            self.core.ask(job.terms.lane);
            let exclusive = job.terms.exclusive;
            let attempt = attempt::begin(&self.core, job, self.notes.clone());
            self.attempts.push(attempt, exclusive);
        }
    }

    /// A lost key fails everything that waits.
    fn refuse(&mut self) {
        for job in self.queue.drain() {
            let end = self.lost();
            self.left_queue(*job, end);
        }
    }

    fn lost(&self) -> End {
        self.core.lost().map_or(End::ShutDown, |lost| End::Failed(lost.into()))
    }

    fn drain(&mut self) {
        for job in self.queue.drain() {
            self.left_queue(*job, End::ShutDown);
        }
    }

    fn left_queue(&self, job: Job, end: End) {
        self.core.queued.fetch_sub(1, Ordering::Relaxed);
        self.answer(job, end);
    }

    fn answer(&self, job: Job, end: End) {
        self.core.report_end(&job, &end);
        if let Some(line) = job.left(&end) {
            self.core.audit(line);
        }
        let counts = &self.core.counts;
        match &end {
            End::Failed(_) => Counts::add(&counts.failed),
            End::Expired(_) => Counts::add(&counts.expired),
            End::TimedOut(_) => Counts::add(&counts.timed_out),
            End::Cancelled => Counts::add(&counts.cancelled),
            End::ShutDown => Counts::add(&counts.shut_down),
        }
        job.end(end);
    }
}

/// Waits until then; for ever if there is no such time.
pub(super) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
