//! Fuzzing: valid input is made, changed, and given to what reads it past decryption. That may refuse it, and never
//! panics; what it accepts is used as the program uses it.
//!
//! `FUZZ_CASES` says how many cases all targets have together (500,000 in CI), `FUZZ_SEED` where they begin. A
//! failure names its target, seed and case, which depends on nothing else: with `FUZZ_CASE` too only that one runs.

pub(crate) mod frames;
pub(crate) mod json;
pub(crate) mod mutate;

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// As many as a debug build does in a few seconds.
const CASES: u64 = 20_000;
const STACK: usize = 64 << 20;

/// The targets, and how many of a thousand cases each has. The last of the thousand goes over TCP, in `frames` of
/// the workspace's tests.
const TARGETS: [(&str, u64); 19] = [
    ("facts", 240),
    ("events", 40),
    ("kept operations", 20),
    ("sealed facts", 29),
    ("files of a store", 1),
    ("checkpoints", 60),
    ("records of sends", 40),
    ("messages.Messages", 90),
    ("channels.ChannelParticipants", 60),
    ("channels.ChannelParticipant", 50),
    ("users.User", 80),
    ("contacts.ResolvedPeer", 60),
    ("updates.State", 19),
    ("RpcError", 60),
    ("messages.Dialogs", 40),
    ("pages of holes", 30),
    ("Updates", 40),
    ("updates.Difference", 20),
    ("updates.ChannelDifference", 20),
];

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Refused,
    Accepted,
    /// It was accepted, and `grammers` panicked over it, which the session bears: see `Core::spawn_essential`.
    Foreign,
}

impl Case {
    #[expect(clippy::needless_pass_by_value, reason = "whoever parses has no other use for it")]
    pub(crate) fn of<T>(accepted: Option<T>) -> Self {
        if accepted.is_some() { Self::Accepted } else { Self::Refused }
    }
}

/// Runs the cases of a target, and says how many were accepted.
///
/// On a stack that takes what nests: `grammers` reads values inside of values without a limit, and a debug build needs
/// much for each. What a frame of 1 MiB that is nothing but nested does to a thread is not found here.
pub(crate) fn run(target: &str, case: impl FnMut(&mut Random) -> Case + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let cases = thread.spawn_scoped(scope, || run_here(target, case));
        if let Err(panic) = cases.expect("the system has a thread").join() {
            panic::resume_unwind(panic);
        }
    });
}

fn run_here(target: &str, mut case: impl FnMut(&mut Random) -> Case) {
    let share = TARGETS.iter().find(|(name, _)| *name == target).expect("it is in the table").1;
    let seed = number("FUZZ_SEED").unwrap_or(1);
    let cases = (number("FUZZ_CASES").unwrap_or(CASES) * share / 1000).max(1);
    let only = number("FUZZ_CASE");
    let (mut accepted, mut foreign) = (0_u64, 0_u64);
    for n in only.map_or(0..=cases - 1, |n| n..=n) {
        let mut random = Random::of(seed, n);
        match panic::catch_unwind(AssertUnwindSafe(|| case(&mut random))) {
            Ok(Case::Refused) => {}
            Ok(Case::Accepted) => accepted += 1,
            Ok(Case::Foreign) => (accepted, foreign) = (accepted + 1, foreign + 1),
            Err(panic) => panic!(
                "{target}: case {n} of seed {seed} panicked: {} (FUZZ_SEED={seed} FUZZ_CASE={n} does it again)",
                message(&*panic)
            ),
        }
    }
    if only.is_none() {
        let rate = accepted as f64 * 100.0 / cases as f64;
        println!(
            "{target}: {cases} cases, {accepted} accepted ({rate:.1} %), {foreign} panics of grammers"
        );
        // What is always refused tests nothing but the first check. A few cases may well be.
        assert!(accepted > 0 || cases < 100, "{target}: nothing of seed {seed} was accepted");
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

thread_local! {
    static IS_FOREIGN: Cell<bool> = const { Cell::new(false) };
}

/// Calls `grammers`, which panics over much that a server may say: `None` if it did, without a word.
pub(crate) fn foreign<T>(call: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_FOREIGN.get() {
                before(info);
            }
        }));
    });
    IS_FOREIGN.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    IS_FOREIGN.set(false);
    result.ok()
}

/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The numbers of one case: those of the next have nothing in common with them.
    pub(crate) fn of(seed: u64, case: u64) -> Self {
        let begin = Self(seed).next() ^ case;
        Self(Self(begin).next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let n = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn index(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }

    /// A number where something ends, or any.
    pub(crate) fn number(&mut self) -> i64 {
        if self.one_in(4) { self.next() as i64 } else { self.pick(&mutate::NUMBERS) }
    }
}

#[test]
fn the_shares_of_all_targets_are_a_thousand_with_that_over_tcp() {
    assert_eq!(TARGETS.iter().map(|(_, share)| share).sum::<u64>() + 1, 1000);
}

#[test]
fn a_panic_of_grammers_is_heard_of_and_its_silence_ends_with_it() {
    assert_eq!(foreign(|| 7), Some(7));
    assert_eq!(foreign(|| panic!("on purpose")), None::<()>);
    assert!(!IS_FOREIGN.get());
}
