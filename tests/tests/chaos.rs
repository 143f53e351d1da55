//! Everything goes wrong at once, as a seed says, and at the end everything is accounted for.
//!
//! `CHAOS_SEED=7` runs one seed, `CHAOS_SEEDS=200` so many from 1 on. A failure names its seed, which does the
//! same again. In a process of its own: what is held at the end is looked for in all of it.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use lockorder::Policy;
use tgsession::{
    CallError, Custom, ExportMembers, ExportMessages, Manager, Monitor, Outcome, Send, SessionId,
    SubmitError,
};
use tgtest::{Channel, Fault, Method, Telegram};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};
use workspace_tests::config;

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
    fn lasts(self) -> Duration {
        Duration::from_secs(if self == Self::Paused { 60 } else { 10 })
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let n = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).unwrap()
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

/// What became of one submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Done,
    Failed,
    Maybe,
    Expired,
    TimedOut,
    Cancelled,
    ShutDown,
}

fn end<T>(outcome: &Outcome<T>) -> End {
    match outcome {
        Outcome::Done(_) => End::Done,
        Outcome::Failed(_) => End::Failed,
        Outcome::MaybeExecuted(_) => End::Maybe,
        Outcome::ExpiredInQueue { .. } => End::Expired,
        Outcome::TimedOut { .. } => End::TimedOut,
        Outcome::Cancelled => End::Cancelled,
        Outcome::ShutDown => End::ShutDown,
        other => panic!("an outcome that this test does not know: {}", other.is_done()),
    }
}

/// Text by text, in the order in which the handler of an account heard them.
type Heard = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

struct Chaos {
    clock: Clock,
    random: Random,
    telegram: Telegram,
    manager: Manager,
    /// By the number of the account; `None` while it is away.
    sessions: Vec<Option<SessionId>>,
    /// Accounts that were never away.
    steady: Vec<bool>,
    heard: Heard,
    pushed: BTreeMap<String, Vec<String>>,
    answers: FuturesUnordered<BoxFuture<'static, (Option<String>, End)>>,
    submitted: usize,
    sent: BTreeMap<String, End>,
    counts: BTreeMap<End, usize>,
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
        let manager = Manager::builder()
            .health_interval(Duration::from_secs(5))
            .health_timeout(Duration::from_secs(2))
            .build()
            .unwrap();
        let mut chaos = Self {
            clock,
            random: Random(seed),
            telegram,
            manager,
            sessions: vec![None; SESSIONS],
            steady: vec![true; SESSIONS],
            heard: Heard::default(),
            pushed: BTreeMap::new(),
            answers: FuturesUnordered::new(),
            submitted: 0,
            sent: BTreeMap::new(),
            counts: BTreeMap::new(),
        };
        for account in 0..SESSIONS {
            chaos.add(account).await;
            assert!(chaos.sessions[account].is_some(), "nothing is wrong yet");
        }
        chaos
    }

    /// Adds an account, with a handler that now and then fails, panics or takes its time.
    async fn add(&mut self, account: usize) {
        let (heard, moods) = (Arc::clone(&self.heard), self.random.next());
        let monitor = Monitor::new(move |event| {
            let heard = Arc::clone(&heard);
            async move {
                let Some(message) = event.message() else { return Ok(()) };
                let text = message.text().to_owned();
                let mood = text.bytes().fold(moods, |m, b| m.wrapping_mul(31) + u64::from(b)) % 16;
                heard.lock().unwrap().entry(name(account)).or_default().push(text);
                match mood {
                    0 => panic!("a handler panics"),
                    1 => Err("a handler fails".into()),
                    2 => {
                        sleep(Duration::from_millis(700)).await;
                        Ok(())
                    }
                    _ => Ok(()),
                }
            }
        });
        let config = config(&self.telegram, &name(account)).monitor(monitor);
        self.sessions[account] = self.manager.add_session(config).await.ok();
    }

    async fn run(&mut self) {
        let begin = Instant::now();
        while begin.elapsed() < self.clock.lasts() {
            self.step().await;
            let pause = self.random.millis(1, 40);
            let over = sleep(pause);
            tokio::pin!(over);
            loop {
                tokio::select! {
                    biased;
                    Some(answer) = self.answers.next() => self.note(answer),
                    () = &mut over => break,
                }
            }
        }
    }

    async fn step(&mut self) {
        let account = self.random.index(SESSIONS);
        match self.random.below(100) {
            0..=29 => self.send(account),
            30..=44 => self.export(account),
            45..=54 => self.call(account),
            55..=74 => self.push(account),
            75..=89 => self.harm(account),
            90..=93 => {
                let account = self.telegram.account(&name(account)).unwrap().id();
                self.telegram.drop_connections(account);
            }
            94..=96 => self.reconnect(account),
            _ => self.come_or_go(account).await,
        }
    }

    /// Submits something, and gives it up now and then.
    fn submit<O: tgsession::Operation>(&mut self, account: usize, text: Option<String>, what: O)
    where
        O::Output: std::marker::Send + 'static,
    {
        let Some(session) = self.sessions[account] else { return };
        let ticket = match self.manager.submit(session, what) {
            Ok(ticket) => ticket,
            Err(SubmitError::QueueFull { .. } | SubmitError::NotConnected { .. }) => return,
            Err(error) => panic!("{error}"),
        };
        self.submitted += 1;
        let gives_up = (self.random.below(10) == 0).then(|| self.random.millis(0, 4000));
        self.answers.push(
            async move {
                let outcome = match gives_up {
                    None => ticket.await,
                    Some(after) => {
                        let mut ticket = ticket;
                        match tokio::time::timeout(after, &mut ticket).await {
                            Ok(outcome) => outcome,
                            Err(_) => ticket.cancel().await,
                        }
                    }
                };
                (text, end(&outcome))
            }
            .boxed(),
        );
    }

    fn send(&mut self, account: usize) {
        let text = format!("{} from {}", self.submitted, name(account));
        self.submit(account, Some(text.clone()), Send::new("friend", text));
    }

    fn export(&mut self, account: usize) {
        match self.random.below(2) {
            0 => self.submit(account, None, ExportMessages::of("room")),
            _ => self.submit(account, None, ExportMembers::of("room")),
        }
    }

    fn call(&mut self, account: usize) {
        let panics = self.random.below(5) == 0;
        let call = Custom::new(move |client| async move {
            assert!(!panics, "an operation panics");
            client.get_me().await.map_err(CallError::from).map(|_| ())
        });
        let call = if self.random.below(2) == 0 { call.shared() } else { call };
        self.submit(account, None, call);
    }

    fn push(&mut self, account: usize) {
        let id = |account: usize| self.telegram.account(&name(account)).unwrap().id();
        let from = (account + 1 + self.random.index(SESSIONS - 1)) % SESSIONS;
        let all = self.pushed.values().map(Vec::len).sum::<usize>();
        let text = format!("{all} for {}", name(account));
        let (to, from) = (id(account), id(from));
        self.telegram.push_message(to, from, &text);
        self.pushed.entry(name(account)).or_default().push(text);
    }

    fn harm(&mut self, account: usize) {
        let methods = [
            Method::SEND_MESSAGE,
            Method::GET_HISTORY,
            Method::GET_PARTICIPANTS,
            Method::GET_USERS,
            Method::GET_DIFFERENCE,
            Method::RESOLVE_USERNAME,
        ];
        let method = methods[self.random.index(methods.len())];
        let fault = match self.random.below(7) {
            0 => Fault::flood_wait(self.random.millis(500, 5000)),
            1 => Fault::rpc_error(500, "INTERNAL"),
            2 => Fault::rpc_error(400, "CHAT_WRITE_FORBIDDEN"),
            3 => Fault::delay(self.random.millis(10, 3000)),
            4 if self.clock == Clock::Paused => Fault::silence(),
            5 => Fault::drop_connection(),
            _ => Fault::lose_answer(),
        };
        let fault = fault.on(method).by(self.telegram.account(&name(account)).unwrap().id());
        self.telegram.inject(fault.times(1 + self.random.index(2)));
    }

    fn reconnect(&self, account: usize) {
        if let Some(session) = self.sessions[account] {
            let manager = self.manager.clone();
            // It may fail, and may be given up by the end.
            tokio::spawn(async move { manager.reconnect(session).await });
        }
    }

    async fn come_or_go(&mut self, account: usize) {
        self.steady[account] = false;
        match self.sessions[account].take() {
            Some(session) => {
                let stopped = self.manager.remove_session(session).await.unwrap();
                assert_eq!(stopped.survivors, 0);
            }
            None => self.add(account).await,
        }
    }

    fn note(&mut self, (text, end): (Option<String>, End)) {
        *self.counts.entry(end).or_default() += 1;
        if let Some(text) = text {
            assert_eq!(self.sent.insert(text, end), None, "answered twice");
        }
    }

    /// Lets everything come to its end, and looks at what is left.
    async fn settle(mut self) -> BTreeMap<End, usize> {
        self.telegram.heal();
        while !self.answers.is_empty() {
            match tokio::time::timeout(Duration::from_secs(3600), self.answers.next()).await {
                Ok(answer) => answer.into_iter().for_each(|answer| self.note(answer)),
                Err(_) => panic!("no answer in an hour: {:#?}", self.manager.sessions()),
            }
        }
        assert_eq!(self.counts.values().sum::<usize>(), self.submitted, "each is answered once");
        self.assert_sends_are_honest();
        for status in self.manager.sessions() {
            assert_eq!((status.queued, status.load), (0, 0), "{status:?}");
        }
        self.assert_steady_accounts_heard_all().await;
        let report = self.manager.shutdown().await;
        assert_eq!(report.survivors, 0);
        drop(self.manager);
        let gone = tokio::time::timeout(Duration::from_secs(600), self.telegram.connected(0));
        assert!(gone.await.is_ok(), "{} connections are left", self.telegram.connections());
        self.counts
    }

    fn assert_sends_are_honest(&self) {
        let mut seen = BTreeMap::<_, usize>::new();
        for sent in self.telegram.sent() {
            *seen.entry(sent.text).or_default() += 1;
        }
        assert!(seen.values().all(|n| *n == 1), "the server accepted a send twice: {seen:?}");
        for (text, end) in &self.sent {
            match (end, seen.contains_key(text)) {
                (End::Done, false) => panic!("{text:?} was said to be done, and was not"),
                (End::Done | End::Maybe, _) | (_, false) => {}
                (end, true) => panic!("{text:?} was said to be {end:?}, and was executed"),
            }
        }
    }

    async fn assert_steady_accounts_heard_all(&self) {
        let is_all = || {
            let heard = self.heard.lock().unwrap();
            self.pushed.iter().all(|(name, pushed)| {
                let account: usize = name[1..].parse().unwrap();
                let heard = heard.get(name).map_or(&[][..], Vec::as_slice);
                !self.steady[account] || heard.len() >= pushed.len()
            })
        };
        let begin = Instant::now();
        while !is_all() && begin.elapsed() < Duration::from_secs(120) {
            sleep(Duration::from_secs(1)).await;
        }
        let heard = self.heard.lock().unwrap();
        for (name, pushed) in &self.pushed {
            let account: usize = name[1..].parse().unwrap();
            let heard = heard.get(name).map_or(&[][..], Vec::as_slice);
            let mut once = heard.to_vec();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), heard.len(), "{name} heard something twice: {heard:?}");
            if self.steady[account] {
                let missed: Vec<_> = pushed.iter().filter(|text| !heard.contains(text)).collect();
                assert!(missed.is_empty(), "{name} missed {missed:?}, and heard {heard:?}");
            }
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
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let seeds: Vec<_> = match number("CHAOS_SEED") {
        Some(seed) => vec![(seed, Clock::Paused)],
        None => (1..=number("CHAOS_SEEDS").unwrap_or(SEEDS))
            .map(|seed| (seed, Clock::Paused))
            .chain((1..=SEEDS_IN_REAL_TIME).map(|seed| (seed, Clock::Real)))
            .collect(),
    };
    let violations = Arc::new(Mutex::new(Vec::new()));
    lockorder::set_policy(Policy::callback({
        let violations = Arc::clone(&violations);
        move |violation| violations.lock().unwrap().push(violation.to_string())
    }));
    let mut all = BTreeMap::new();
    for (seed, clock) in seeds {
        let counts = std::panic::catch_unwind(AssertUnwindSafe(|| run(seed, clock)));
        let counts = counts.unwrap_or_else(|_| panic!("seed {seed} failed: CHAOS_SEED={seed}"));
        for (end, n) in counts {
            *all.entry(end).or_insert(0) += n;
        }
        let found = std::mem::take(&mut *violations.lock().unwrap());
        assert_eq!(found, [""; 0], "seed {seed} broke the order of locks");
        assert!(lockorder::snapshot().is_empty(), "seed {seed}: {:#?}", lockorder::snapshot());
    }
    println!("{all:?}");
}
