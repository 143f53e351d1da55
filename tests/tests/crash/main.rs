//! Processes that are killed in the middle of everything: nothing is lost, nothing is done twice, and the next one
//! starts as if nothing had been.
//!
//! Each campaign has an account, a store and a phase in which its victim is killed (`kill -9`) again and again, after
//! a time by chance. The loopback Telegram lives on and is the witness. The victims are processes of this very
//! binary. `CRASH_KILLS=n` kills n times in each phase, `CRASH_SEED=n` chooses the times.

mod campaign;
mod victim;

use campaign::{Campaign, Killed, Scene};
use workspace_tests::{number, soon, tell};

/// How often each phase is killed, if nothing is said.
const KILLS: usize = 42;

/// The process that is killed. Without its orders it is no test.
#[test]
fn victim() {
    if let Some(orders) = victim::Orders::from_env() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(victim::live(orders));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_nothing_and_repeats_nothing() {
    let seed = number("CRASH_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let kills = number("CRASH_KILLS").map_or(KILLS, |n| n as usize);
    tell(&format!("CRASH_SEED={seed}"));
    let scene = Scene::new().await;
    let campaign = |phase| Campaign::new(&scene, phase, kills, seed);
    let (pages, files, members, sends, queue, events, told) = tokio::join!(
        async { campaign("pages").await.pages().await },
        async { campaign("files").await.files().await },
        async { campaign("members").await.members().await },
        async { campaign("sends").await.sends().await },
        async { campaign("queue").await.queue().await },
        async { campaign("events").await.events().await },
        async { campaign("told").await.told().await },
    );
    let phases = [pages, files, members, sends, queue, events, told];
    for phase in &phases {
        let Killed { of, kills, found } = phase;
        tell(&format!("killed {kills:3} times in the middle of {of}: {found}"));
    }
    assert!(phases.iter().all(|phase| phase.kills >= kills), "a phase was killed too rarely");
    let all = phases.iter().map(|phase| phase.kills).sum::<usize>();
    tell(&format!("killed {all} times in all; SQLite finds nothing wrong with any file"));
    soon(scene.telegram.connected(0)).await;
}
