//! Whether the line works; and another one where it does not.
//!
//! A line that breaks says so to whoever uses it, and `grammers` makes it again for the next call. One that only
//! swallows what it is given says nothing: so each session is asked every while who it is, and where no answer
//! comes in time its line is closed, which ends what waits on it, and made anew. That is tried after 2, 4, 8 and
//! 16 s, then each minute, unless the manager was built with other pauses. No operation starts meanwhile; what waits in
//! the queue expires there, and what was started when there is no line for as long as it may run. What is kept waits.
//!
//! A refusal is an answer, and so is what Telegram says of itself when it fails: the line works. But where it is all
//! that the question is answered with, three times in a row, something is wrong with the account or with Telegram, and
//! the session is degraded until it is told who it is. It does what it can meanwhile, on the same line.
//!
//! A line can answer and still bring no updates: a call that the update stream makes has no limit, and must not
//! be cancelled. So it is asked too how far the updates have come, and where nothing has arrived between two
//! looks although there was something, the line is made anew as well: the next one catches up. A stream that was told
//! to pass something over, and has brought nothing since, is not stuck: so each look knocks, and it says where it is.
//!
//! A line that was lost to a panic of `grammers`, in its stream or in its sender, is made again at once, that is after
//! the same pauses: the first time after 2 s, and if the next is lost before it was found to work, after 4 s, and so
//! on.
//!
//! How many lines are made at once is not bounded, but they are spread by session, here and in the
//! [streams](super::streams). A bound would be a lock of all the manager (level 2 at most), asked for by who has his
//! session already (level 3); and it would bound little, as `grammers` makes a line that broke again for whichever call
//! comes next.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;
use tracing::warn;

use super::config::Pauses;
use super::core::Core;
use super::live::Live;
use super::state::SessionState;
use crate::telegram::{CallError, Progress};

/// So many looks in a row are refused before the session is degraded.
const MOST_REFUSALS: u32 = 3;

/// Looks after the line until the session ends.
pub(super) async fn watch(core: Arc<Core>) {
    tokio::select! {
        () = core.draining.cancelled() => {}
        () = core.key_lost.cancelled() => {}
        () = look_after(&core) => {}
    }
}

async fn look_after(core: &Arc<Core>) {
    let (mut updates, mut refused) = (Updates::default(), 0);
    let mut falls = core.falls.subscribe();
    // How many falls were seen to.
    let mut known = 0;
    let mut interval = first_interval(core.id.number(), core.settings.health_interval);
    loop {
        tokio::select! {
            () = sleep(interval) => {}
            // The core has the other end.
            _ = falls.changed() => {}
        }
        interval = core.settings.health_interval;
        // A question would be one call more.
        if core.blocked_for().is_some() {
            continue;
        }
        let fallen = *falls.borrow();
        let has_fallen = fallen > known;
        let live = core.live();
        let works = match &live {
            Some(live) if !live.is_closing() => works(core, live, &mut updates, &mut refused).await,
            // Closed by somebody who makes another, or could not.
            _ => !has_fallen && !core.is_offline(),
        };
        known = fallen;
        if !works {
            refused = 0;
            make_again(core, live.as_ref(), fallen.saturating_sub(1)).await;
        } else if !has_fallen {
            known = forget_falls(core, known);
        }
    }
}

/// A line was found to work: the falls that were seen to are forgotten. How many are still known.
fn forget_falls(core: &Core, mut known: u32) -> u32 {
    core.falls.send_if_modified(|falls| {
        if *falls == known {
            (*falls, known) = (0, 0);
        }
        // There is nothing to see to.
        false
    });
    known
}

/// Whether Telegram answers, whatever it says, and updates arrive.
async fn works(core: &Core, live: &Live, updates: &mut Updates, refused: &mut u32) -> bool {
    let limit = core.settings.health_timeout;
    live.connection.knock();
    let progress = match live.connection.identify(limit).await {
        Ok(_) => {
            *refused = 0;
            core.identified();
            live.connection.updates(limit).await
        }
        Err(error) => {
            if is_refusal(&error) && !live.is_closing() {
                *refused += 1;
                refused_again(core, *refused, &error);
            }
            Err(error)
        }
    };
    match progress {
        Ok(now) if updates.are_stuck(now) => {
            warn!(session = %core.id, "no updates arrive, although there are some");
            false
        }
        Ok(_) => true,
        // It was closed meanwhile: what it answered says nothing of the next.
        Err(_) if live.is_closing() => true,
        Err(error) => {
            core.notice(&error);
            let answered = is_refusal(&error) || is_about_account(&error);
            if !answered {
                warn!(session = %core.id, %error, "the line does not work");
            }
            answered
        }
    }
}

/// Whether Telegram has answered and not said what it was asked.
fn is_refusal(error: &CallError) -> bool {
    use CallError::{Migrate, Refused, Restricted, ServerError};
    matches!(error, Refused { .. } | Migrate { .. } | Restricted { .. } | ServerError { .. })
}

/// Whether Telegram has answered what the session draws its own conclusions from.
fn is_about_account(error: &CallError) -> bool {
    use CallError::{Flood, KeyLost, SlowMode};
    matches!(error, Flood { .. } | SlowMode { .. } | KeyLost { .. })
}

/// The question was refused so often in a row.
fn refused_again(core: &Core, refused: u32, error: &CallError) {
    if refused < MOST_REFUSALS {
        return;
    }
    if !core.is_unknown.swap(true, Ordering::AcqRel) {
        warn!(session = %core.id, %error, refused, "Telegram does not say who the account is");
    }
    core.set_state(SessionState::Degraded);
}

impl Core {
    /// Telegram has answered. That is not enough where it does not say who the account is.
    pub(crate) fn works(&self) {
        match self.state() {
            SessionState::Degraded if self.is_unknown.load(Ordering::Acquire) => {}
            SessionState::Reconnecting | SessionState::Degraded => {
                self.set_state(SessionState::Connected);
            }
            _ => {}
        }
    }

    /// Telegram has said who the account is.
    pub(super) fn identified(&self) {
        self.is_unknown.store(false, Ordering::Release);
        self.works();
    }
}

/// How far the updates have come, look by look.
#[derive(Default)]
struct Updates {
    earlier: Option<Progress>,
    looks: u32,
    /// How often they were stuck in a row: another line did not help, so the next is made after more looks.
    stuck: u32,
}

impl Updates {
    fn are_stuck(&mut self, now: Progress) -> bool {
        let Some(earlier) = self.earlier else {
            self.earlier = Some(now);
            return false;
        };
        if !now.is_stuck_since(earlier) {
            (self.earlier, self.looks) = (Some(now), 0);
            if now.has_moved_since(earlier) {
                self.stuck = 0;
            }
            return false;
        }
        self.looks += 1;
        let is_stuck = self.looks >= 1 << self.stuck.min(6);
        if is_stuck {
            (self.earlier, self.looks) = (None, 0);
            self.stuck += 1;
        }
        is_stuck
    }
}

/// Replaces the line that did not work, after so many before it that did not last.
async fn make_again(core: &Arc<Core>, judged: Option<&Arc<Live>>, before: u32) {
    // Somebody else may have replaced it.
    if core.live().as_ref().map(Arc::as_ptr) != judged.map(Arc::as_ptr) {
        return;
    }
    core.set_state(SessionState::Reconnecting);
    core.set_offline(true);
    // What runs on it ends now, and not after its own time.
    if let Some(live) = judged {
        live.close();
    }
    for attempt in before as usize.. {
        if core.settings.reconnects.are_over(attempt) {
            core.set_state(SessionState::Degraded);
        }
        sleep(pause(&core.settings.reconnects, core.id.number(), attempt)).await;
        if let Some(wait) = core.blocked_for() {
            sleep(wait).await;
        }
        match try_again(core).await {
            Ok(()) => return,
            Err(error) => warn!(session = %core.id, %error, attempt, "not connected again"),
        }
    }
}

async fn try_again(core: &Arc<Core>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let has_line = || !core.is_offline() && core.live().is_some_and(|live| !live.is_closing());
    // Somebody else was faster; and may be again, while the session is waited for.
    if has_line() {
        return Ok(());
    }
    // Kept for one attempt only: who wants to remove the session does not wait for long.
    let exclusive = core.admission.exclude().await?;
    let Some(_exclusive) = exclusive else {
        return Err("the session was removed".into());
    };
    if has_line() {
        return Ok(());
    }
    Ok(Live::replace(core).await?)
}

/// The pause before an attempt, up to a quarter longer by session: sessions that lost their lines together do not
/// come back together.
fn pause(pauses: &Pauses, session: u64, attempt: usize) -> Duration {
    spread(session, pauses.before(attempt))
}

/// A pause, up to a quarter longer by session.
pub(super) fn spread(session: u64, pause: Duration) -> Duration {
    pause + pause.mul_f64(share(session) / 4.0)
}

/// The time before the first look, from half of that between two on: sessions that began together are not looked at
/// together, then and later.
fn first_interval(session: u64, interval: Duration) -> Duration {
    (interval / 2).mul_f64(1.0 + share(session))
}

/// A number from 0 to 1 that differs by session.
fn share(session: u64) -> f64 {
    // The golden ratio spreads consecutive numbers well over 0 to 63 (Knuth, volume 3, 6.4).
    let share = session.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
    share as f64 / 64.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_that_stay_stuck_are_waited_for_longer_each_time() {
        let mut updates = Updates::default();
        let deaf = Progress::new(9, 5);
        let looks = |updates: &mut Updates| {
            (1..).find(|_| updates.are_stuck(deaf)).expect("it is found stuck some time")
        };
        let rounds: Vec<i32> = (0..4).map(|_| looks(&mut updates)).collect();
        assert_eq!(rounds, [2, 3, 5, 9]);
        assert!(!updates.are_stuck(Progress::new(9, 8)) && !updates.are_stuck(Progress::new(9, 9)));
        assert_eq!(looks(&mut updates), 2, "they had moved: it begins anew");
        let mut updates = Updates::default();
        assert!((0..9).all(|n| !updates.are_stuck(Progress::new(n, n))), "all of them arrive");
    }

    #[test]
    fn pauses_double_to_a_minute_and_differ_by_session() {
        let pauses = Pauses::default();
        let whole: Vec<_> = (0..6).map(|attempt| pause(&pauses, 0, attempt).as_secs()).collect();
        assert_eq!(whole, [2, 4, 8, 16, 60, 60]);
        let mut firsts: Vec<_> = (0..64).map(|session| pause(&pauses, session, 0)).collect();
        assert!(firsts.iter().all(|p| (2.0..=2.5).contains(&p.as_secs_f64())), "{firsts:?}");
        firsts.sort();
        firsts.dedup();
        assert!(firsts.len() > 32, "{}", firsts.len());
    }

    #[test]
    fn sessions_that_began_together_are_not_looked_at_together() {
        let interval = Duration::from_secs(30);
        let firsts: Vec<_> = (1..=250).map(|session| first_interval(session, interval)).collect();
        assert!(firsts.iter().all(|first| (interval / 2..interval).contains(first)), "{firsts:?}");
        let second = Duration::from_secs(1);
        let together = |first: &Duration| {
            firsts.iter().filter(|other| (*first..*first + second).contains(*other)).count()
        };
        assert!(firsts.iter().map(together).max() <= Some(24), "so many within a second");
    }
}
