//! Answers and updates past decryption that are not what they should be, to sessions over TCP: each submission has its
//! outcome, and nobody else is concerned.
//!
//! `grammers` panics over much that a server may say. A session bears that: an operation fails with it; a stream of
//! updates that is lost to it costs a line; and where it happens to the line itself, the session has failed and can be
//! removed and added again. A panic of anybody else fails this test.
//!
//! `FUZZ_CASES` and `FUZZ_SEED` are those of `tgsession`'s own targets, of which this is one more, with a thousandth of
//! the cases. In a process of its own: panics are looked for in all of it.

use std::backtrace::Backtrace;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use lockorder::Policy;
use tgsession::{
    AddError, CallError, Custom, ExportMembers, ExportMessages, Failure, Limits, Manager, Monitor,
    Operation, Outcome, Send, SessionId, SessionState,
};
use tgtest::{Channel, Fault, Method, Telegram, UpdateFault, UserId};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};
use workspace_tests::{config, eventually};

/// As many as `tgsession` has of its targets together.
const CASES: u64 = 20_000;
/// How many cases one session has to bear, if it bears them.
const IN_A_ROW: usize = 8;
/// How many cases have a runtime, and so a server, of their own: paused time must not come to be ahead by more than
/// `grammers` waits for updates.
const TOGETHER: usize = 20;
/// What is answered at all is answered by then, on paused time.
const PATIENCE: Duration = Duration::from_secs(1200);
const VICTIM: &str = "a0";
const WITNESS: &str = "a1";

/// What panicked, and where.
struct Panics {
    grammers: BTreeMap<String, usize>,
    others: Vec<String>,
}

static PANICS: Mutex<Panics> = Mutex::new(Panics { grammers: BTreeMap::new(), others: Vec::new() });

/// Notes each panic, and is silent of those of `grammers`.
fn watch_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        if is_of_grammers(&place) {
            *PANICS.lock().unwrap().grammers.entry(place).or_default() += 1;
        } else {
            before(info);
            PANICS.lock().unwrap().others.push(info.to_string());
        }
    }));
}

/// Whether a panic is one of `grammers`: its place says so, and where the standard library panics for somebody, the
/// trace does.
fn is_of_grammers(place: &str) -> bool {
    whose(place).unwrap_or_else(|| {
        let trace = Backtrace::force_capture().to_string();
        let places = trace.lines().map(str::trim).filter(|line| line.starts_with("at "));
        // The hook stands in it too.
        places.filter(|line| !line.contains("frames.rs")).find_map(whose).unwrap_or(false)
    })
}

/// Whether a place is in `grammers`, if it is in that or in this workspace.
fn whose(place: &str) -> Option<bool> {
    const OURS: [&str; 4] =
        ["crates/tgsession/", "crates/tgtest/", "crates/lockorder/", "tests/tests/"];
    if place.contains("/grammers-") {
        return Some(true);
    }
    OURS.iter().any(|ours| place.contains(ours)).then_some(false)
}

/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
struct Random(u64);

impl Random {
    fn of(seed: u64, case: u64) -> Self {
        let begin = Self(seed).next() ^ case;
        Self(Self(begin).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let n = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Done,
    Failed,
    Panicked,
    Maybe,
    TimedOut,
    Expired,
    ShutDown,
}

fn end<T>(outcome: &Outcome<T>) -> End {
    match outcome {
        Outcome::Done(_) => End::Done,
        Outcome::Failed(Failure::Panicked(_)) | Outcome::MaybeExecuted(Failure::Panicked(_)) => {
            End::Panicked
        }
        Outcome::Failed(_) => End::Failed,
        Outcome::MaybeExecuted(_) => End::Maybe,
        Outcome::TimedOut { .. } => End::TimedOut,
        Outcome::ExpiredInQueue { .. } => End::Expired,
        Outcome::ShutDown => End::ShutDown,
        _ => panic!("an outcome that nothing here asks for"),
    }
}

struct Stage {
    telegram: Telegram,
    manager: Manager,
    victim: Option<SessionId>,
    /// How many cases the victim has borne.
    borne: usize,
    witness: SessionId,
    answers: FuturesUnordered<BoxFuture<'static, End>>,
    ends: BTreeMap<End, usize>,
    failed: usize,
}

impl Stage {
    async fn new() -> Self {
        let room = Channel::group("room").admin(VICTIM).admin(WITNESS).strangers(5).messages(20);
        let telegram =
            Telegram::builder().accounts("a", 2).stranger("friend").channel(room).start();
        let telegram = telegram.await.unwrap();
        let manager = Manager::builder().limits(Limits::none()).build().unwrap();
        let witness = manager.add_session(config(&telegram, WITNESS)).await.unwrap();
        Self {
            telegram,
            manager,
            victim: None,
            borne: 0,
            witness,
            answers: FuturesUnordered::new(),
            ends: BTreeMap::new(),
            failed: 0,
        }
    }

    fn id(&self, name: &str) -> UserId {
        self.telegram.account(name).unwrap().id()
    }

    async fn case(&mut self, random: &mut Random) {
        let victim = self.connected(random).await;
        self.harm(random);
        self.push();
        self.submit_all(victim, random);
        if random.below(4) == 0 {
            // It may fail, which leaves the session without a line for a while.
            let _ = eventually(self.manager.reconnect(victim)).await;
        }
        self.push();
        let left = self.hear(PATIENCE).await;
        self.telegram.heal();
        // So that a task that panics now is seen to have failed.
        sleep(Duration::from_secs(1)).await;
        let state = self.manager.session(victim).unwrap().state;
        self.failed += usize::from(state == SessionState::Failed);
        self.borne += 1;
        if left > 0 || state != SessionState::Connected || self.borne >= IN_A_ROW {
            self.remove(victim).await;
        }
        self.assert_others_go_on().await;
    }

    /// The victim, and if there is none, another one: now and then it meets a fault while it connects.
    async fn connected(&mut self, random: &mut Random) -> SessionId {
        if let Some(victim) = self.victim {
            return victim;
        }
        if random.below(3) == 0 {
            let method = random.pick(&[Method::GET_USERS, Method::GET_STATE]);
            let fault = Fault::corrupt(random.next()).on(method).by(self.id(VICTIM));
            self.telegram.inject(fault);
        }
        self.borne = 0;
        let added = eventually(self.manager.add_session(config(&self.telegram, VICTIM))).await;
        self.telegram.heal();
        let victim = match added {
            Ok(victim) => victim,
            Err(AddError::Connect(_)) => {
                let again = self.manager.add_session(config(&self.telegram, VICTIM));
                eventually(again).await.expect("nothing is wrong with the server any more")
            }
            Err(error) => panic!("{error}"),
        };
        self.victim = Some(victim);
        victim
    }

    /// Makes some of the next answers and updates wrong. The configuration is left alone: it says where the servers
    /// are, and nothing here is to connect to anywhere else.
    fn harm(&self, random: &mut Random) {
        let methods = [
            Method::GET_USERS,
            Method::GET_HISTORY,
            Method::GET_PARTICIPANT,
            Method::GET_PARTICIPANTS,
            Method::RESOLVE_USERNAME,
            Method::SEND_MESSAGE,
            Method::GET_STATE,
            Method::GET_DIFFERENCE,
            Method::GET_CHANNEL_DIFFERENCE,
            Method::GET_DIALOGS,
        ];
        let account = self.id(VICTIM);
        for _ in 0..1 + random.below(3) {
            let fault = Fault::corrupt(random.next()).on(random.pick(&methods)).by(account);
            self.telegram.inject(fault.times(1 + random.below(2) as usize));
        }
        if random.below(2) == 0 {
            let fault = UpdateFault::corrupt(random.next()).to(account);
            self.telegram.inject_update_fault(fault.after(random.below(2) as usize));
        }
        if random.below(3) == 0 {
            // What is missing is asked for: so differences are met too.
            self.telegram.inject_update_fault(UpdateFault::lose().to(account));
        }
    }

    fn push(&self) {
        let (victim, witness) = (self.id(VICTIM), self.id(WITNESS));
        let room = self.telegram.channel("room").unwrap();
        for text in ["one", "two"] {
            assert!(self.telegram.push_message(victim, witness, text));
            assert!(self.telegram.push_post(room, witness, text).is_some());
        }
    }

    fn submit_all(&mut self, session: SessionId, random: &mut Random) {
        let listen = Monitor::new(|event| async move {
            // What a handler does with an event, whatever it is.
            let _ = event.message().map(|message| message.text().len());
            Ok(())
        });
        self.submit(session, listen);
        self.submit(session, ExportMessages::of("room").limit(30));
        self.submit(session, ExportMembers::of("room"));
        self.submit(session, Send::new("friend", format!("{}", random.next())));
        let me = Custom::new(|client| async move {
            client.get_me().await.map_err(CallError::from).map(|me| me.username().map(str::len))
        });
        self.submit(session, me.shared());
    }

    fn submit<O: Operation>(&mut self, session: SessionId, operation: O)
    where
        O::Output: std::marker::Send + 'static,
    {
        // It may have failed by now: then it says so, which is an outcome too.
        if let Ok(ticket) = self.manager.submit(session, operation) {
            self.answers.push(async move { end(&ticket.await) }.boxed());
        }
    }

    /// Waits for the outcomes; how many are left after this time.
    async fn hear(&mut self, patience: Duration) -> usize {
        let Self { answers, ends, .. } = self;
        let all = async {
            while let Some(end) = answers.next().await {
                *ends.entry(end).or_default() += 1;
            }
        };
        // Who is left is counted below.
        let _ = timeout(patience, all).await;
        self.answers.len()
    }

    async fn remove(&mut self, session: SessionId) {
        let stopped = eventually(self.manager.remove_session(session)).await.unwrap();
        assert_eq!(stopped.survivors, 0);
        assert_eq!(self.hear(PATIENCE).await, 0, "submissions without an outcome");
        self.victim = None;
    }

    async fn assert_others_go_on(&self) {
        let me = Custom::new(|client| async move {
            client.get_me().await.map_err(CallError::from).map(|_| ())
        });
        let outcome = eventually(self.manager.submit(self.witness, me).unwrap()).await;
        assert!(outcome.is_done(), "{outcome:?}");
    }

    async fn end(mut self) -> (BTreeMap<End, usize>, usize) {
        if let Some(victim) = self.victim {
            self.remove(victim).await;
        }
        assert_eq!(self.manager.shutdown().await.survivors, 0);
        drop(self.manager);
        eventually(self.telegram.connected(0)).await;
        (self.ends, self.failed)
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn whatever_a_server_answers_each_submission_has_an_outcome_and_others_go_on() {
    let seed = number("FUZZ_SEED").unwrap_or(1);
    let cases = (number("FUZZ_CASES").unwrap_or(CASES) / 1000).max(1);
    watch_panics();
    let violations = Arc::new(Mutex::new(Vec::new()));
    lockorder::set_policy(Policy::callback({
        let violations = Arc::clone(&violations);
        move |violation| violations.lock().unwrap().push(violation.to_string())
    }));
    let (mut ends, mut failed) = (BTreeMap::new(), 0);
    for begin in (0..cases).step_by(TOGETHER) {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
        let (these_ends, these_failed) = runtime.unwrap().block_on(async {
            let mut stage = Stage::new().await;
            for case in begin..cases.min(begin + TOGETHER as u64) {
                // It begins with the session that the one before left behind, so that one must run too.
                let again =
                    format!("FUZZ_SEED={seed} FUZZ_CASES={} does it again", (case + 1) * 1000);
                let mut random = Random::of(seed, case);
                let run = AssertUnwindSafe(stage.case(&mut random)).catch_unwind();
                assert!(run.await.is_ok(), "case {case} of seed {seed} failed: {again}");
                let others = std::mem::take(&mut PANICS.lock().unwrap().others);
                assert_eq!(others, [""; 0], "case {case} of seed {seed} panicked: {again}");
                let broken = std::mem::take(&mut *violations.lock().unwrap());
                assert_eq!(broken, [""; 0], "case {case} of seed {seed} broke the order: {again}");
            }
            stage.end().await
        });
        failed += these_failed;
        for (end, n) in these_ends {
            *ends.entry(end).or_insert(0) += n;
        }
    }
    assert!(lockorder::snapshot().is_empty(), "{:#?}", lockorder::snapshot());
    let all: usize = ends.values().sum();
    let done = ends.get(&End::Done).copied().unwrap_or(0);
    let rate = done as f64 * 100.0 / all as f64;
    println!(
        "frames over TCP: {cases} cases, {done} of {all} submissions done ({rate:.1} %), {failed} sessions failed"
    );
    println!("their outcomes: {ends:?}");
    println!("panics of grammers: {:#?}", PANICS.lock().unwrap().grammers);
}
