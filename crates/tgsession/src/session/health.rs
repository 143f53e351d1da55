//! Whether the line works; and another one where it does not.
//!
//! A line that breaks says so to whoever uses it, and `grammers` makes it again for the next call. One that only
//! swallows what it is given says nothing: so each session is asked every while who it is, and where no answer
//! comes in time its line is closed, which ends what waits on it, and made anew. That is tried after 2, 4, 8 and
//! 16 s, then each minute. No operation starts meanwhile; what waits in the queue expires there.
//!
//! A line can answer and still bring no updates: a call that the update stream makes has no limit, and must not
//! be cancelled. So it is asked too how far the updates have come, and where nothing has arrived between two
//! looks although there was something, the line is made anew as well: the next one catches up. A stream that was told
//! to pass something over, and has brought nothing since, is not stuck: so each look knocks, and it says where it is.
//!
//! A line whose stream was lost to a panic is made again at once, that is after the same pauses: the first time after
//! 2 s, and if the next is lost before it was found to work, after 4 s, and so on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::warn;

use super::core::Core;
use super::live::Live;
use super::state::SessionState;
use crate::telegram::{CallError, Progress};

/// The pauses before the first attempts to make a line again.
const PAUSES: [u64; 4] = [2, 4, 8, 16];
/// The pause before each attempt after those.
const LATER: Duration = Duration::from_secs(60);

/// Looks after the line until the session ends.
pub(super) async fn watch(core: Arc<Core>) {
    tokio::select! {
        () = core.draining.cancelled() => {}
        () = core.key_lost.cancelled() => {}
        () = look_after(&core) => {}
    }
}

async fn look_after(core: &Arc<Core>) {
    let mut updates = Updates::default();
    let mut falls = core.falls.subscribe();
    // How many falls were seen to.
    let mut known = 0;
    loop {
        tokio::select! {
            () = sleep(core.settings.health_interval) => {}
            // The core has the other end.
            _ = falls.changed() => {}
        }
        // A question would be one call more.
        if core.blocked_for().is_some() {
            continue;
        }
        let fallen = *falls.borrow();
        let has_fallen = fallen > known;
        let live = core.live();
        let works = match &live {
            Some(live) if !live.is_closing() => works(core, live, &mut updates).await,
            // Closed by somebody who makes another, or could not.
            _ => !has_fallen && !core.is_offline(),
        };
        known = fallen;
        if !works {
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
async fn works(core: &Core, live: &Live, updates: &mut Updates) -> bool {
    let limit = core.settings.health_timeout;
    live.connection.knock();
    let progress = match live.connection.identify(limit).await {
        Ok(_) => {
            core.works();
            live.connection.updates(limit).await
        }
        Err(error) => Err(error),
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
            let answered = !matches!(error, CallError::Unavailable { .. });
            if !answered {
                warn!(session = %core.id, %error, "the line does not work");
            }
            answered
        }
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
        if attempt >= PAUSES.len() {
            core.set_state(SessionState::Degraded);
        }
        sleep(pause(core.id.number(), attempt)).await;
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
fn pause(session: u64, attempt: usize) -> Duration {
    let pause = PAUSES.get(attempt).map_or(LATER, |secs| Duration::from_secs(*secs));
    // The golden ratio spreads consecutive numbers well over 0 to 63 (Knuth, volume 3, 6.4).
    let share = session.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
    pause + pause.mul_f64(share as f64 / 256.0)
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
        let whole: Vec<_> = (0..6).map(|attempt| pause(0, attempt).as_secs()).collect();
        assert_eq!(whole, [2, 4, 8, 16, 60, 60]);
        let mut firsts: Vec<_> = (0..64).map(|session| pause(session, 0)).collect();
        assert!(firsts.iter().all(|p| (2.0..=2.5).contains(&p.as_secs_f64())), "{firsts:?}");
        firsts.sort();
        firsts.dedup();
        assert!(firsts.len() > 32, "{}", firsts.len());
    }
}
