//! Whether the line works; and another one where it does not.
//!
//! A line that breaks says so to whoever uses it, and `grammers` makes it again for the next call. One that only
//! swallows what it is given says nothing: so each session is asked every while who it is, and where no answer
//! comes in time its line is closed, which ends what waits on it, and made anew. That is tried after 2, 4, 8 and
//! 16 s, then each minute. No operation starts meanwhile; what waits in the queue expires there.
//!
//! A line can answer and still bring no updates: a call that the update stream makes has no limit, and must not
//! be cancelled. So it is asked too how far the updates have come, and where nothing has arrived between two
//! looks although there was something, the line is made anew as well: the next one catches up.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tracing::warn;

use super::core::{Core, SessionState};
use super::live::Live;
use crate::telegram::{CallError, Progress};

/// The pauses before the first attempts to make a line again.
const PAUSES: [u64; 4] = [2, 4, 8, 16];
/// The pause before each attempt after those.
const LATER: Duration = Duration::from_secs(60);

/// Looks after the line until the session ends.
pub(super) async fn watch(core: Arc<Core>) {
    let (draining, key_lost) = (core.draining.clone(), core.key_lost.clone());
    tokio::select! {
        () = draining.cancelled() => {}
        () = key_lost.cancelled() => {}
        () = look_after(&core) => {}
    }
}

async fn look_after(core: &Arc<Core>) {
    let mut earlier = None;
    loop {
        sleep(core.settings.health_interval).await;
        // A question would be one call more.
        if core.blocked_for().is_none() && !works(core, &mut earlier).await {
            make_again(core).await;
        }
    }
}

/// Whether Telegram answers, whatever it says, and updates arrive.
async fn works(core: &Core, earlier: &mut Option<Progress>) -> bool {
    let Some(live) = core.live().filter(|live| !live.is_closing()) else { return false };
    let limit = core.settings.health_timeout;
    let progress = match live.connection.identify(limit).await {
        Ok(_) => {
            core.works();
            live.connection.updates(limit).await
        }
        Err(error) => Err(error),
    };
    match progress {
        Ok(now) => {
            let is_stuck = earlier.replace(now).is_some_and(|earlier| now.is_stuck_since(earlier));
            if is_stuck {
                warn!(session = %core.id, "no updates arrive, although there are some");
                // What the next line does not bring either was not to be had.
                *earlier = None;
            }
            !is_stuck
        }
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

async fn make_again(core: &Arc<Core>) {
    core.set_state(SessionState::Reconnecting);
    core.set_offline(true);
    // What runs on it ends now, and not after its own time.
    if let Some(live) = core.live() {
        live.close();
    }
    for attempt in 0.. {
        if attempt == PAUSES.len() {
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
    // Kept for one attempt only: who wants to remove the session does not wait for long.
    let exclusive = core.admission.exclude(core.id).await?;
    let Some(_exclusive) = exclusive else {
        return Err("the session is not in the register".into());
    };
    // Somebody else may have been faster.
    if core.live().is_some_and(|live| !live.is_closing()) {
        core.set_offline(false);
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
