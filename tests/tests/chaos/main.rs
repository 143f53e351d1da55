//! Everything goes wrong at once, as a seed says, and at the end everything is accounted for.
//!
//! `CHAOS_SEED=7` runs one seed, in real time with `CHAOS_CLOCK=real`; `CHAOS_SEEDS=200` runs so many from 1 on. A
//! failure names its seed and its clock; on paused time it does the same again. In a process of its own: what is held
//! at the end is looked for in all of it.

mod checks;
mod heard;
mod program;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use heard::Heard;
use tgsession::{Manager, SessionId};
use tgtest::{Channel, Telegram, UserId};
use tokio::runtime::{Builder, Handle};
use workspace_tests::{End, Random, Violations, config, number, secs, tell};

const SESSIONS: usize = 50;
const SEEDS: u64 = 20;
const SEEDS_IN_REAL_TIME: u64 = 2;

/// Whose time it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// Passes when nothing else happens.
    Paused,
    /// Calls that are never answered are left out: each would take as long as an export may.
    Real,
}

impl Clock {
    /// The one that is asked for.
    fn asked() -> Self {
        match std::env::var("CHAOS_CLOCK").as_deref() {
            Ok("real") => Self::Real,
            Ok("paused") | Err(_) => Self::Paused,
            Ok(other) => panic!("CHAOS_CLOCK is real or paused, not {other}"),
        }
    }

    fn name(self) -> &'static str {
        if self == Self::Paused { "paused" } else { "real" }
    }

    fn lasts(self) -> Duration {
        secs(if self == Self::Paused { 60 } else { 10 })
    }
}

/// A world, and all that must be accounted for.
struct Chaos {
    clock: Clock,
    random: Random,
    telegram: Telegram,
    /// How many tasks the server has while nobody is connected.
    tasks: usize,
    manager: Manager,
    /// By the number of the account; `None` while it is away.
    sessions: Vec<Option<SessionId>>,
    /// Accounts that were never away.
    steady: Vec<bool>,
    heard: Arc<Heard>,
    /// What each account is to hear.
    pushed: Vec<Vec<String>>,
    answers: FuturesUnordered<BoxFuture<'static, (Option<String>, End)>>,
    submitted: usize,
    /// What became of each text.
    sent: BTreeMap<String, End>,
    counts: BTreeMap<End, usize>,
    steps: usize,
    /// Of each account that is in a black hole the step that ends it.
    holes: BTreeMap<UserId, usize>,
}

/// The tasks of this runtime that have not ended.
fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

fn name(account: usize) -> String {
    format!("a{account}")
}

impl Chaos {
    async fn new(seed: u64, clock: Clock) -> Self {
        let room = Channel::group("room").strangers(300).messages(250);
        let room = (0..SESSIONS).fold(room, |room, i| room.admin(&name(i)));
        let telegram = Telegram::builder()
            .accounts("a", SESSIONS)
            .stranger("friend")
            .channel(room)
            .start()
            .await
            .unwrap();
        let manager = Manager::builder().health_interval(secs(5)).health_timeout(secs(2));
        let mut chaos = Self {
            clock,
            random: Random::new(seed),
            telegram,
            tasks: tasks(),
            manager: manager.build().unwrap(),
            sessions: vec![None; SESSIONS],
            steady: vec![true; SESSIONS],
            heard: Arc::default(),
            pushed: vec![Vec::new(); SESSIONS],
            answers: FuturesUnordered::new(),
            submitted: 0,
            sent: BTreeMap::new(),
            counts: BTreeMap::new(),
            steps: 0,
            holes: BTreeMap::new(),
        };
        for account in 0..SESSIONS {
            chaos.add(account).await;
            assert!(chaos.sessions[account].is_some(), "nothing is wrong yet");
        }
        chaos
    }

    fn id(&self, account: usize) -> UserId {
        self.telegram.account(&name(account)).unwrap().id()
    }

    /// Adds an account, if the server lets it in.
    async fn add(&mut self, account: usize) {
        let monitor = self.heard.monitor(account, self.random.next_u64());
        let config = config(&self.telegram, &name(account)).monitor(monitor);
        self.sessions[account] = self.manager.add_session(config).await.ok();
    }

    /// Takes an answer down, and that of a text only once.
    fn note(&mut self, (text, end): (Option<String>, End)) {
        *self.counts.entry(end).or_default() += 1;
        if let Some(text) = text {
            assert_eq!(self.sent.insert(text, end), None, "answered twice");
        }
    }
}

fn run(seed: u64, clock: Clock) -> BTreeMap<End, usize> {
    let runtime = match clock {
        Clock::Paused => {
            Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
        }
        Clock::Real => Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    };
    runtime.block_on(async {
        let mut chaos = Chaos::new(seed, clock).await;
        chaos.run().await;
        chaos.settle().await
    })
}

#[test]
fn whatever_goes_wrong_everything_is_accounted_for() {
    let seeds: Vec<_> = match number("CHAOS_SEED") {
        Some(seed) => vec![(seed, Clock::asked())],
        None => (1..=number("CHAOS_SEEDS").unwrap_or(SEEDS))
            .map(|seed| (seed, Clock::Paused))
            .chain((1..=SEEDS_IN_REAL_TIME).map(|seed| (seed, Clock::Real)))
            .collect(),
    };
    let violations = Violations::noted();
    let mut all = BTreeMap::new();
    for (seed, clock) in seeds {
        let counts = std::panic::catch_unwind(AssertUnwindSafe(|| run(seed, clock)));
        let again = format!("CHAOS_SEED={seed} CHAOS_CLOCK={}", clock.name());
        let counts = counts.unwrap_or_else(|_| panic!("it failed: {again}"));
        for (end, n) in counts {
            *all.entry(end).or_insert(0) += n;
        }
        assert_eq!(violations.take(), [""; 0], "the order of locks is broken: {again}");
        assert!(lockorder::snapshot().is_empty(), "{again}: {:#?}", lockorder::snapshot());
    }
    tell(&format!("chaos: {all:?}"));
}
