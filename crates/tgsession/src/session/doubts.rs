//! What the session doubts: what may be missing, and when that is to be looked into.
//!
//! Doubts are noted by whoever sees a sign, or has no room for a message, and looked into by the
//! [census](super::census). So any number of them about one thing is one.

use std::collections::BTreeSet;
use std::time::Duration;

use grammers_session::types::PeerId;
use tokio::time::Instant;

use super::core::Core;
use crate::telegram::Omen;

/// How long what is under way has to come by itself.
pub(super) const SETTLE: Duration = Duration::from_secs(5);
/// A new line is doubted after a time between these, by session: lines that were made together are not doubted
/// together.
const EARLIEST: Duration = Duration::from_secs(5);
const LATEST: Duration = Duration::from_secs(60);

/// What may be missing.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// When the dialogs are to be listed.
    list_at: Option<Instant>,
    /// When these channels are to be looked at.
    channels_at: Option<Instant>,
    channels: BTreeSet<i64>,
}

/// What is to be looked into.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) list: bool,
    pub(super) channels: Vec<PeerId>,
}

impl Doubts {
    /// Whatever it is, of whichever chat.
    fn of_all(&mut self, at: Instant) {
        self.list_at = Some(self.list_at.map_or(at, |earlier| earlier.min(at)));
    }

    fn of_channel(&mut self, channel: PeerId, at: Instant) {
        self.channels.extend(channel.bot_api_dialog_id());
        self.channels_at = Some(self.channels_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// When something is to be looked into.
    pub(super) fn due(&self) -> Option<Instant> {
        self.list_at.into_iter().chain(self.channels_at).min()
    }

    /// Takes what is due. A list looks at the channels too.
    fn take(&mut self, now: Instant) -> Work {
        let list = self.list_at.take_if(|at| *at <= now).is_some();
        let is_due = self.channels_at.take_if(|at| list || *at <= now).is_some();
        let channels = if is_due { std::mem::take(&mut self.channels) } else { BTreeSet::new() };
        let channels = channels.into_iter().filter_map(PeerId::from_bot_api_dialog_id);
        Work { list, channels: channels.collect() }
    }

    /// Takes back what came to nothing, until then.
    fn again(&mut self, work: Work, at: Instant) {
        if work.list {
            self.of_all(at);
        }
        work.channels.into_iter().for_each(|channel| self.of_channel(channel, at));
    }
}

impl Core {
    /// There is a new line: what happened before it may be missing.
    pub(super) fn doubt_line(&self) {
        let at = Instant::now() + spread(self.id.number());
        self.doubts.send_modify(|doubts| doubts.of_all(at));
    }

    /// Something of the account, or nobody knows of what, is missing.
    pub(super) fn doubt_all(&self) {
        let at = Instant::now() + SETTLE;
        self.doubts.send_modify(|doubts| doubts.of_all(at));
    }

    /// Something of a channel may be missing.
    pub(super) fn doubt_channel(&self, channel: PeerId) {
        let at = Instant::now() + SETTLE;
        self.doubts.send_modify(|doubts| doubts.of_channel(channel, at));
    }

    /// Takes what there is to look into now.
    pub(super) fn take_doubts(&self) -> Work {
        let mut work = Work::default();
        self.doubts.send_modify(|doubts| work = doubts.take(Instant::now()));
        work
    }

    /// What could not be looked into is looked into later.
    pub(super) fn doubt_again(&self, work: Work, pause: Duration) {
        let at = Instant::now() + pause;
        self.doubts.send_modify(|doubts| doubts.again(work, at));
    }

    /// What comes from the connection gives cause for doubt.
    pub(super) fn on_omen(&self, omen: Omen) {
        match omen {
            Omen::Broke => self.doubt_line(),
            Omen::Lost => self.doubt_all(),
            // The stream asks for what is missing, and it is seen by that where it gets less.
            Omen::TooLong(channel) if self.position.follows(channel) => {}
            Omen::TooLong(channel) => self.doubt_channel(channel),
        }
    }
}

fn spread(session: u64) -> Duration {
    // The golden ratio spreads consecutive numbers well over 0 to 255 (Knuth, volume 3, 6.4).
    let share = session.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
    EARLIEST + (LATEST - EARLIEST).mul_f64(share as f64 / 256.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn doubts_about_one_thing_are_one_and_wait_for_the_earliest() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let room = |n| PeerId::channel(n).unwrap();
        let mut doubts = Doubts::default();
        assert_eq!(doubts.due(), None);
        doubts.of_all(now + 9 * second);
        doubts.of_all(now + 20 * second);
        doubts.of_channel(room(7), now + 5 * second);
        doubts.of_channel(room(7), now + 4 * second);
        doubts.of_channel(room(8), now + 6 * second);
        assert_eq!(doubts.due(), Some(now + 4 * second));
        assert_eq!(doubts.take(now), Work::default());
        let work = doubts.take(now + 4 * second);
        assert!(!work.list && work.channels.len() == 2, "{work:?}");
        assert_eq!(doubts.due(), Some(now + 9 * second));
        doubts.again(work, now + 30 * second);
        let work = doubts.take(now + 9 * second);
        assert!(work.list && work.channels.len() == 2, "a list looks at all: {work:?}");
        assert_eq!(doubts.due(), None);
    }

    #[test]
    fn lines_that_were_made_together_are_not_doubted_together() {
        let mut all: Vec<_> = (1..=250).map(spread).collect();
        assert!(all.iter().all(|pause| (EARLIEST..LATEST).contains(pause)));
        all.sort();
        let second = Duration::from_secs(1);
        let most =
            all.iter().map(|a| all.iter().filter(|b| *a <= **b && **b < *a + second).count());
        assert!(most.max() <= Some(12), "so many within a second");
    }
}
