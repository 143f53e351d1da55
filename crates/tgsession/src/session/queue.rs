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
use crate::retry::Kinds;

/// The part of its time after which a waiting operation rises by one priority.
const STEPS: u32 = 12;

pub(super) struct Queue {
    /// How long an operation may wait.
    wait: Duration,
    kinds: Kinds,
    jobs: Vec<Box<Job>>,
    /// When each kind had its last turn, counted in turns.
    turns: [u64; Kind::ALL.len()],
    turn: u64,
}

/// What keeps all operations of a session from starting.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standstill {
    /// Until when Telegram wants the account to wait.
    pub(super) blocked: Option<Instant>,
    /// Since when there is no line.
    pub(super) offline: Option<Instant>,
}

impl Queue {
    pub(super) fn new(wait: Duration, kinds: Kinds) -> Self {
        Self { wait, kinds, jobs: Vec::new(), turns: [0; Kind::ALL.len()], turn: 0 }
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
        let priority = (u128::from(self.kinds.priorities.of(job.kind())) + steps).min(top);
        let turn = if priority == top { self.turns[job.kind() as usize] } else { 0 };
        (priority, Reverse((turn, job.since, job.number)))
    }

    /// Takes out those that were given up.
    pub(super) fn cancelled(&mut self) -> Vec<Box<Job>> {
        self.jobs.extract_if(.., |job| job.cancel.is_cancelled()).collect()
    }

    /// Takes out those that have waited for too long. The time that the account is blocked is no waiting.
    pub(super) fn expired(&mut self, still: Standstill, now: Instant) -> Vec<Box<Job>> {
        let (wait, kinds) = (self.wait, &self.kinds);
        let is_over =
            |job: &mut Box<Job>| ends(job, wait, kinds, still).is_some_and(|at| at <= now);
        self.jobs.extract_if(.., is_over).collect()
    }

    /// When something happens by itself: one may start again, or expires.
    pub(super) fn next_change(&self, still: Standstill, now: Instant) -> Option<Instant> {
        let starts = self.jobs.iter().map(|job| job.not_before.max(still.blocked.unwrap_or(now)));
        let starts = starts.filter(|at| *at > now);
        let ends = self.jobs.iter().filter_map(|job| ends(job, self.wait, &self.kinds, still));
        starts.chain(ends).min()
    }

    pub(super) fn drain(&mut self) -> Vec<Box<Job>> {
        std::mem::take(&mut self.jobs)
    }
}

/// Until when an operation waits for its first turn. The time that it may not start in is no waiting.
pub(super) fn deadline(job: &Job, wait: Duration, blocked: Option<Instant>) -> Option<Instant> {
    (!job.had_turn).then(|| begins(job, blocked) + wait)
}

fn begins(job: &Job, blocked: Option<Instant>) -> Instant {
    job.since.max(job.not_before).max(blocked.unwrap_or(job.since))
}

/// Until when an operation waits. What was started goes on when it can; but without a line it waits no longer than it
/// may run, so that it is answered, unless the store keeps it.
fn ends(job: &Job, wait: Duration, kinds: &Kinds, still: Standstill) -> Option<Instant> {
    let Some(offline) = still.offline.filter(|_| job.had_turn && !job.is_kept) else {
        return deadline(job, wait, still.blocked);
    };
    let limit = job.terms.timeout.unwrap_or_else(|| kinds.timeout(job.kind()));
    Some(begins(job, still.blocked).max(offline) + limit)
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

    /// A queue with the usual priorities.
    fn queue() -> Queue {
        Queue::new(WAIT, Kinds::default())
    }

    fn order(queue: &mut Queue, now: Instant) -> Vec<u64> {
        std::iter::from_fn(|| take(queue, now)).collect()
    }

    #[test]
    fn priority_goes_first_and_then_who_came_first() {
        let (mut queue, now) = (queue(), Instant::now());
        queue.push(job(1, now, custom()));
        queue.push(send(2, now));
        queue.push(export(3, now));
        queue.push(send(4, now));
        assert_eq!(order(&mut queue, now), [3, 2, 4, 1]);
    }

    #[test]
    fn a_priority_that_was_chosen_goes_first_and_what_waits_rises_above_it() {
        let mut kinds = Kinds::default();
        kinds.priorities.set(Kind::Send, Kind::TOP);
        let (mut queue, begin) = (Queue::new(WAIT, kinds), Instant::now());
        queue.push(export(1, begin));
        queue.push(send(2, begin));
        assert_eq!(take(&mut queue, begin), Some(2));
        // It is at the top too, where the kinds take turns.
        queue.push(send(3, begin));
        assert_eq!(order(&mut queue, begin + secs(25)), [1, 3]);
    }

    #[test]
    fn what_waits_rises_also_above_the_newer_of_another_lane() {
        let (mut queue, now) = (queue(), Instant::now());
        queue.push(job(1, now, custom()));
        queue.push(export(2, now + secs(24)));
        assert_eq!(take(&mut queue, now + secs(24)), Some(2), "5 against 4");
        queue.push(export(3, now + secs(31)));
        assert_eq!(order(&mut queue, now + secs(31)), [1, 3]);
    }

    #[test]
    fn a_send_has_its_turn_before_it_expires_behind_any_number_of_exports() {
        let (mut queue, begin) = (queue(), Instant::now());
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
        let (mut queue, begin) = (queue(), Instant::now());
        for number in 0..3 {
            queue.push(export(number, begin));
            queue.push(send(number + 10, begin));
        }
        let order = order(&mut queue, begin + secs(59));
        assert!(order == [0, 10, 1, 11, 2, 12], "{order:?}");
    }

    #[test]
    fn lanes_do_not_wait_for_each_other_and_a_busy_session_takes_shared_ones() {
        let (mut queue, now) = (queue(), Instant::now());
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
        let (mut queue, now) = (queue(), Instant::now());
        queue.push(send(1, now));
        let mut paused = send(2, now);
        paused.not_before = now + secs(100);
        queue.push(paused);
        assert_eq!(queue.next_change(Standstill::default(), now), Some(now + WAIT));
        assert_eq!(queue.expired(Standstill::default(), now + WAIT).len(), 1);
        assert!(take(&mut queue, now + WAIT).is_none());
        assert_eq!(queue.next_change(Standstill::default(), now + WAIT), Some(now + secs(100)));
        assert_eq!(queue.expired(Standstill::default(), now + secs(160)).len(), 1);
    }

    #[test]
    fn a_blocked_account_expires_nothing_and_starts_again_by_itself() {
        let (mut queue, now) = (queue(), Instant::now());
        queue.push(send(1, now));
        let blocked = now + secs(3600);
        let still = Standstill { blocked: Some(blocked), offline: None };
        assert_eq!(queue.next_change(still, now), Some(blocked));
        assert_eq!(queue.expired(still, blocked).len(), 0);
        assert_eq!(queue.expired(still, blocked + WAIT).len(), 1);
    }

    #[test]
    fn what_was_started_waits_for_a_line_as_long_as_it_may_run_and_for_ever_if_it_is_kept() {
        let (mut queue, now) = (queue(), Instant::now());
        let (mut started, mut kept) = (send(1, now), send(2, now));
        (started.had_turn, kept.had_turn, kept.is_kept) = (true, true, true);
        queue.push(started);
        queue.push(kept);
        let later = now + secs(10_000);
        assert_eq!(queue.expired(Standstill::default(), later).len(), 0);
        let still = Standstill { blocked: None, offline: Some(later) };
        let over = later + Kind::Send.timeout();
        assert_eq!(queue.next_change(still, later), Some(over));
        assert_eq!(queue.expired(still, over - secs(1)).len(), 0);
        assert_eq!(
            queue.expired(still, over).iter().map(|job| job.number).collect::<Vec<_>>(),
            [1]
        );
        assert_eq!(queue.expired(still, over + secs(10_000)).len(), 0);
    }
}
