//! The order of a session's operations: a pure structure, with the time as an argument.
//!
//! The highest priority goes first, and among equals the one that came first. An operation that waits rises by a
//! priority with each twelfth of the time for which it may wait, up to the highest that there is: so everything
//! is at the top before it expires, and there the kinds take turns. One that has had its turn and goes on later
//! begins to wait anew. So nothing waits for ever behind what keeps coming, nor behind what never ends.

#![expect(clippy::vec_box, reason = "an operation is passed on often, and moved as a pointer")]

use std::cmp::Reverse;
use std::time::Duration;

use tokio::time::Instant;

use super::job::Job;
use crate::operation::{Kind, Lane};

/// The part of its time after which a waiting operation rises by one priority.
const STEPS: u32 = 12;

pub(super) struct Queue {
    /// How long an operation may wait.
    wait: Duration,
    jobs: Vec<Box<Job>>,
    /// When each kind had its last turn, counted in turns.
    turns: [u64; Kind::ALL.len()],
    turn: u64,
}

impl Queue {
    pub(super) fn new(wait: Duration) -> Self {
        Self { wait, jobs: Vec::new(), turns: [0; Kind::ALL.len()], turn: 0 }
    }

    pub(super) fn push(&mut self, job: Box<Job>) {
        self.jobs.push(job);
    }

    /// The operation to start next, of the lanes that may; exclusive ones only if the session is free for them.
    pub(super) fn take(
        &mut self,
        may: impl Fn(Lane) -> bool,
        free: bool,
        now: Instant,
    ) -> Option<Box<Job>> {
        let ready = self.jobs.iter().enumerate().filter(|(_, job)| {
            may(job.terms.lane) && job.not_before <= now && (free || !job.terms.exclusive)
        });
        let (at, job) = ready.max_by_key(|(_, job)| self.rank(job, now))?;
        self.turn += 1;
        self.turns[job.kind() as usize] = self.turn;
        Some(self.jobs.swap_remove(at))
    }

    /// The higher goes first.
    fn rank(&self, job: &Job, now: Instant) -> impl Ord + use<> {
        let waited = now.saturating_duration_since(job.since);
        let step = (self.wait / STEPS).max(Duration::from_nanos(1));
        let steps = waited.as_nanos() / step.as_nanos();
        let top = u128::from(Kind::TOP);
        let priority = (u128::from(job.kind().priority()) + steps).min(top);
        let turn = if priority == top { self.turns[job.kind() as usize] } else { 0 };
        (priority, Reverse((turn, job.since, job.number)))
    }

    /// Takes out those that were given up.
    pub(super) fn cancelled(&mut self) -> Vec<Box<Job>> {
        self.jobs.extract_if(.., |job| job.cancel.is_cancelled()).collect()
    }

    /// Takes out those that have waited for too long. The time that the account is blocked is no waiting.
    pub(super) fn expired(&mut self, blocked: Option<Instant>, now: Instant) -> Vec<Box<Job>> {
        let wait = self.wait;
        let is_over = |job: &mut Box<Job>| deadline(job, wait, blocked).is_some_and(|at| at <= now);
        self.jobs.extract_if(.., is_over).collect()
    }

    /// When something happens by itself: one may start again, or expires.
    pub(super) fn next_change(&self, blocked: Option<Instant>, now: Instant) -> Option<Instant> {
        let starts =
            self.jobs.iter().map(|job| job.not_before.max(blocked.unwrap_or(job.not_before)));
        let starts = starts.filter(|at| *at > now);
        starts.chain(self.jobs.iter().filter_map(|job| deadline(job, self.wait, blocked))).min()
    }

    pub(super) fn drain(&mut self) -> Vec<Box<Job>> {
        std::mem::take(&mut self.jobs)
    }
}

/// The time that an operation may not start in is not waiting in the queue. What was started goes on when it can.
fn deadline(job: &Job, wait: Duration, blocked: Option<Instant>) -> Option<Instant> {
    let begins = job.since.max(job.not_before).max(blocked.unwrap_or(job.since));
    (!job.had_turn).then(|| begins + wait)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::job::Load;
    use super::*;
    use crate::operation::{Custom, ExportMembers, Operation, Send};
    use crate::telegram::CallError;

    const WAIT: Duration = Duration::from_secs(60);

    fn job(number: u64, submitted: Instant, operation: impl Operation) -> Box<Job> {
        let (mut job, ticket) =
            Job::new(number, operation, Load::new(&Arc::default()), &Arc::default());
        ticket.detach();
        (job.submitted, job.since, job.not_before) = (submitted, submitted, submitted);
        job
    }

    fn send(number: u64, submitted: Instant) -> Box<Job> {
        job(number, submitted, Send::new("a", "x"))
    }

    fn export(number: u64, submitted: Instant) -> Box<Job> {
        job(number, submitted, ExportMembers::of("a"))
    }

    fn custom() -> Custom<()> {
        Custom::new(|_| async { Ok::<_, CallError>(()) })
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn take(queue: &mut Queue, now: Instant) -> Option<u64> {
        queue.take(|_| true, true, now).map(|job| job.number)
    }

    fn order(queue: &mut Queue, now: Instant) -> Vec<u64> {
        std::iter::from_fn(|| take(queue, now)).collect()
    }

    #[test]
    fn priority_goes_first_and_then_who_came_first() {
        let (mut queue, now) = (Queue::new(WAIT), Instant::now());
        queue.push(job(1, now, custom()));
        queue.push(send(2, now));
        queue.push(export(3, now));
        queue.push(send(4, now));
        assert_eq!(order(&mut queue, now), [3, 2, 4, 1]);
    }

    #[test]
    fn what_waits_rises_also_above_the_newer_of_another_lane() {
        let (mut queue, now) = (Queue::new(WAIT), Instant::now());
        queue.push(job(1, now, custom()));
        queue.push(export(2, now + secs(24)));
        assert_eq!(take(&mut queue, now + secs(24)), Some(2), "5 against 4");
        queue.push(export(3, now + secs(31)));
        assert_eq!(order(&mut queue, now + secs(31)), [1, 3]);
    }

    #[test]
    fn a_send_has_its_turn_before_it_expires_behind_any_number_of_exports() {
        let (mut queue, begin) = (Queue::new(WAIT), Instant::now());
        for number in 0..100 {
            queue.push(export(number, begin));
        }
        queue.push(send(100, begin));
        // Each keeps the session for 3 s, and comes back.
        let mut now = begin;
        loop {
            let number = take(&mut queue, now).unwrap();
            if number == 100 {
                break;
            }
            now += secs(3);
            queue.push(export(number, now));
            assert!(now < begin + WAIT, "it has expired");
        }
        assert!(now > begin + secs(30), "and not before exports, which have the priority");
    }

    #[test]
    fn at_the_top_the_kinds_take_turns() {
        let (mut queue, begin) = (Queue::new(WAIT), Instant::now());
        for number in 0..3 {
            queue.push(export(number, begin));
            queue.push(send(number + 10, begin));
        }
        let order = order(&mut queue, begin + secs(59));
        assert!(order == [0, 10, 1, 11, 2, 12], "{order:?}");
    }

    #[test]
    fn lanes_do_not_wait_for_each_other_and_a_busy_session_takes_shared_ones() {
        let (mut queue, now) = (Queue::new(WAIT), Instant::now());
        queue.push(export(1, now));
        queue.push(job(2, now, custom().shared()));
        let only = |lane| move |asked| asked == lane;
        assert!(queue.take(only(Lane::Scrape), false, now).is_none());
        let next = queue.take(only(Lane::Operate), false, now);
        assert_eq!(next.map(|job| job.number), Some(2));
        assert_eq!(queue.take(only(Lane::Scrape), true, now).map(|job| job.number), Some(1));
    }

    #[test]
    fn waiting_ends_at_its_deadline_and_a_pause_is_no_waiting() {
        let (mut queue, now) = (Queue::new(WAIT), Instant::now());
        queue.push(send(1, now));
        let mut paused = send(2, now);
        paused.not_before = now + secs(100);
        queue.push(paused);
        assert_eq!(queue.next_change(None, now), Some(now + WAIT));
        assert_eq!(queue.expired(None, now + WAIT).len(), 1);
        assert!(take(&mut queue, now + WAIT).is_none());
        assert_eq!(queue.next_change(None, now + WAIT), Some(now + secs(100)));
        assert_eq!(queue.expired(None, now + secs(160)).len(), 1);
    }

    #[test]
    fn a_blocked_account_expires_nothing_and_starts_again_by_itself() {
        let (mut queue, now) = (Queue::new(WAIT), Instant::now());
        queue.push(send(1, now));
        let blocked = now + secs(3600);
        assert_eq!(queue.next_change(Some(blocked), now), Some(blocked));
        assert_eq!(queue.expired(Some(blocked), blocked).len(), 0);
        assert_eq!(queue.expired(Some(blocked), blocked + WAIT).len(), 1);
    }
}
