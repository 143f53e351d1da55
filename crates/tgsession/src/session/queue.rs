//! The order of a session's operations: a pure structure, with the time as an argument.
//!
//! The highest priority goes first, and among equals the one that came first. An operation that waits rises
//! by a priority every [`AGEING`], so that nothing waits for ever behind what keeps coming.

use std::cmp::Reverse;
use std::time::Duration;

use tokio::time::Instant;

use super::job::Job;
use crate::operation::Lane;

/// The time in which a waiting operation rises by one priority: from the lowest to the highest in 60 s.
const AGEING: Duration = Duration::from_secs(6);

#[derive(Default)]
pub(super) struct Queue {
    jobs: Vec<Job>,
}

impl Queue {
    pub(super) fn push(&mut self, job: Job) {
        self.jobs.push(job);
    }

    /// The operation to start next in a lane; exclusive ones only if the session is free for them.
    pub(super) fn take(&mut self, lane: Lane, free: bool, now: Instant) -> Option<Job> {
        let at = self.next(lane, free, now)?.0;
        Some(self.jobs.swap_remove(at))
    }

    fn next(&self, lane: Lane, free: bool, now: Instant) -> Option<(usize, &Job)> {
        self.jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| job.terms.lane == lane && job.not_before <= now)
            .filter(|(_, job)| free || !job.terms.exclusive)
            .max_by_key(|(_, job)| (rank(job, now), Reverse((job.submitted, job.number))))
    }

    /// Takes out one that is given up.
    pub(super) fn remove(&mut self, number: u64) -> Option<Job> {
        let at = self.jobs.iter().position(|job| job.number == number)?;
        Some(self.jobs.swap_remove(at))
    }

    /// The rank of what [`take`](Self::take) would bring.
    pub(super) fn rank(&self, lane: Lane, free: bool, now: Instant) -> Option<u64> {
        self.next(lane, free, now).map(|(_, job)| rank(job, now))
    }

    /// Takes out those that have waited for too long. The time that the account is blocked is no waiting.
    pub(super) fn expired(
        &mut self,
        wait: Duration,
        blocked: Option<Instant>,
        now: Instant,
    ) -> Vec<Job> {
        self.jobs.extract_if(.., |job| deadline(job, wait, blocked) <= now).collect()
    }

    /// When something happens by itself: one may start again, or expires.
    pub(super) fn next_change(
        &self,
        wait: Duration,
        blocked: Option<Instant>,
        now: Instant,
    ) -> Option<Instant> {
        let starts =
            self.jobs.iter().map(|job| job.not_before.max(blocked.unwrap_or(job.not_before)));
        let starts = starts.filter(|at| *at > now);
        starts.chain(self.jobs.iter().map(|job| deadline(job, wait, blocked))).min()
    }

    pub(super) fn drain(&mut self) -> Vec<Job> {
        std::mem::take(&mut self.jobs)
    }
}

fn rank(job: &Job, now: Instant) -> u64 {
    let waited = now.saturating_duration_since(job.submitted);
    u64::from(job.kind().priority()) + waited.as_secs() / AGEING.as_secs()
}

/// The time that an operation may not start in is not waiting in the queue.
fn deadline(job: &Job, wait: Duration, blocked: Option<Instant>) -> Instant {
    job.submitted.max(job.not_before).max(blocked.unwrap_or(job.submitted)) + wait
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::operation::{Custom, ExportMembers, Operation, Send};
    use crate::telegram::CallError;

    const WAIT: Duration = Duration::from_secs(60);

    fn job(number: u64, submitted: Instant, operation: impl Operation) -> Job {
        let (mut job, ticket) = Job::new(number, operation, &Arc::default());
        ticket.detach();
        job.submitted = submitted;
        job.not_before = submitted;
        job
    }

    fn send(number: u64, submitted: Instant) -> Job {
        job(number, submitted, Send::new("a", "x"))
    }

    fn custom() -> Custom<()> {
        Custom::new(|_| async { Ok::<_, CallError>(()) })
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn order(queue: &mut Queue, now: Instant) -> Vec<u64> {
        let next = |queue: &mut Queue| Lane::ALL.into_iter().find_map(|l| queue.take(l, true, now));
        std::iter::from_fn(|| next(queue).map(|job| job.number)).collect()
    }

    #[test]
    fn priority_goes_first_and_then_who_came_first() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(job(1, now, custom()));
        queue.push(send(2, now));
        queue.push(send(3, now));
        assert_eq!(order(&mut queue, now), [2, 3, 1]);
    }

    #[test]
    fn what_waits_rises_also_above_the_newer_of_another_lane() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(job(1, now, custom()));
        queue.push(send(2, now + secs(12)));
        queue.push(job(3, now + secs(42), ExportMembers::of("a")));
        let ranks = [Lane::Operate, Lane::Scrape].map(|l| queue.rank(l, true, now + secs(42)));
        assert!(ranks[0] > ranks[1], "{ranks:?}");
        assert_eq!(order(&mut queue, now + secs(42)), [3, 1, 2], "lane by lane");
    }

    #[test]
    fn lanes_do_not_wait_for_each_other_and_a_busy_session_takes_shared_ones() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(job(1, now, ExportMembers::of("a")));
        queue.push(job(2, now, custom().shared()));
        assert!(queue.take(Lane::Scrape, false, now).is_none());
        assert_eq!(queue.take(Lane::Operate, false, now).map(|job| job.number), Some(2));
        assert_eq!(queue.take(Lane::Scrape, true, now).map(|job| job.number), Some(1));
    }

    #[test]
    fn waiting_ends_at_its_deadline_and_a_pause_is_no_waiting() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(send(1, now));
        let mut paused = send(2, now);
        paused.not_before = now + secs(100);
        queue.push(paused);
        assert_eq!(queue.next_change(WAIT, None, now), Some(now + WAIT));
        assert_eq!(queue.expired(WAIT, None, now + WAIT).len(), 1);
        assert!(queue.take(Lane::Operate, true, now + WAIT).is_none());
        assert_eq!(queue.next_change(WAIT, None, now + WAIT), Some(now + secs(100)));
        assert_eq!(queue.expired(WAIT, None, now + secs(160)).len(), 1);
    }

    #[test]
    fn a_blocked_account_expires_nothing_and_starts_again_by_itself() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(send(1, now));
        let blocked = now + secs(3600);
        assert_eq!(queue.next_change(WAIT, Some(blocked), now), Some(blocked));
        assert_eq!(queue.expired(WAIT, Some(blocked), blocked).len(), 0);
        assert_eq!(queue.expired(WAIT, Some(blocked), blocked + WAIT).len(), 1);
    }
}
