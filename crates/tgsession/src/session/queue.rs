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
    use crate::operation::{Custom, ExportMembers, Send};
    use crate::telegram::CallError;

    fn job(number: u64, operation: impl crate::operation::Operation) -> Job {
        let (job, ticket) = Job::new(number, operation, &Arc::default());
        ticket.detach();
        job
    }

    fn order(queue: &mut Queue, now: Instant) -> Vec<u64> {
        let next = |queue: &mut Queue| Lane::ALL.into_iter().find_map(|l| queue.take(l, true, now));
        std::iter::from_fn(|| next(queue).map(|job| job.number)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn priority_goes_first_and_then_who_came_first() {
        let mut queue = Queue::default();
        queue.push(job(1, Custom::new(|_| async { Ok::<_, CallError>(()) })));
        queue.push(job(2, Send::new("a", "first")));
        queue.push(job(3, Send::new("a", "second")));
        assert_eq!(order(&mut queue, Instant::now()), [2, 3, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_rises() {
        let mut queue = Queue::default();
        queue.push(job(1, Custom::new(|_| async { Ok::<_, CallError>(()) })));
        tokio::time::advance(Duration::from_secs(12)).await;
        queue.push(job(2, Send::new("a", "x")));
        assert_eq!(order(&mut queue, Instant::now()), [1, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn lanes_do_not_wait_for_each_other_and_a_busy_session_takes_shared_ones() {
        let mut queue = Queue::default();
        let now = Instant::now();
        queue.push(job(1, ExportMembers::of("a")));
        queue.push(job(2, Custom::new(|_| async { Ok::<_, CallError>(()) }).shared()));
        assert!(queue.take(Lane::Scrape, false, now).is_none());
        assert_eq!(queue.take(Lane::Operate, false, now).map(|job| job.number), Some(2));
        assert_eq!(queue.take(Lane::Scrape, true, now).map(|job| job.number), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_at_its_deadline_and_a_pause_is_no_waiting() {
        let (mut queue, now, wait) = (Queue::default(), Instant::now(), Duration::from_secs(60));
        queue.push(job(1, Send::new("a", "x")));
        let mut paused = job(2, Send::new("a", "y"));
        paused.not_before = now + Duration::from_secs(100);
        queue.push(paused);
        assert_eq!(queue.next_change(wait, None, now), Some(now + wait));
        assert_eq!(queue.expired(wait, None, now + wait).len(), 1);
        assert!(queue.take(Lane::Operate, true, now + wait).is_none());
        assert_eq!(queue.next_change(wait, None, now + wait), Some(now + Duration::from_secs(100)));
        assert_eq!(queue.expired(wait, None, now + Duration::from_secs(160)).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_blocked_account_expires_nothing_and_starts_again_by_itself() {
        let (mut queue, now, wait) = (Queue::default(), Instant::now(), Duration::from_secs(60));
        queue.push(job(1, Send::new("a", "x")));
        let blocked = now + Duration::from_secs(3600);
        assert_eq!(queue.next_change(wait, Some(blocked), now), Some(blocked));
        assert_eq!(queue.expired(wait, Some(blocked), blocked).len(), 0);
        assert_eq!(queue.expired(wait, Some(blocked), blocked + wait).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_risen_goes_before_the_newer_of_another_lane() {
        let mut queue = Queue::default();
        queue.push(job(1, Send::new("a", "x")));
        tokio::time::advance(Duration::from_secs(30)).await;
        queue.push(job(2, ExportMembers::of("a")));
        let now = Instant::now();
        let ranks = [Lane::Operate, Lane::Scrape].map(|lane| queue.rank(lane, true, now));
        assert!(ranks[0] > ranks[1], "{ranks:?}");
    }
}
