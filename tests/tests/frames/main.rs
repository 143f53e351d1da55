//! Answers and updates past decryption that are not what they should be, to sessions over TCP: each submission has its
//! outcome, and nobody else is concerned.
//!
//! `grammers` panics over much that a server may say. A session bears that: an operation fails with it, and where it
//! happens in the update stream or in the sender, the line is lost and another is made. A panic of anybody else fails
//! this test.
//!
//! `FUZZ_CASES`, `FUZZ_SEED` and `FUZZ_CASE` are those of `tgsession`'s own targets, of which this is one more, with a
//! thousandth of the cases. In a process of its own: panics are looked for in all of it.
//!
//! Time is paused, and runs ahead of the real one. The update stream of `grammers` waits for up to fifteen minutes of
//! the real one: when the paused one is further ahead than that, a wait is over as soon as it begins, the stream spins,
//! and paused time stands still for ever. So the cases run on many stages, one after the other. Each is a runtime with
//! a time of its own, a server and a manager, and has few minutes.

mod panics;
mod stage;

use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use stage::{Stage, Tally};
use tokio::runtime::Builder;
use tokio::time::Instant;
use workspace_tests::{End, Random, Violations, number};

/// As many as `tgsession` has of its targets together.
const CASES: u64 = 20_000;
/// A stage begins no case after this: with the longest one, see `stage::PATIENCE`, it has less than fifteen minutes.
const STAGE: Duration = Duration::from_secs(300);

/// Asserts that since the last time nobody panicked but `grammers`, and that the order of locks was kept.
fn assert_sound(violations: &Violations, what: &str) {
    assert_eq!(panics::take_those_of_others(), [""; 0], "somebody panicked: {what}");
    assert_eq!(violations.take(), [""; 0], "the order was broken: {what}");
}

/// Runs cases on a stage of their own, until its time is over or there are no more.
fn run_some(seed: u64, cases: &mut Range<u64>, tally: Tally, violations: &Violations) -> Tally {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let tally = runtime.block_on(async {
        let (first, begin) = (cases.start, Instant::now());
        let mut stage = Stage::new(tally).await;
        while begin.elapsed() < STAGE {
            let Some(case) = cases.next() else { break };
            // It begins with the session that the one before left behind: perhaps those must run too.
            let what = format!(
                "case {case} of seed {seed}, on a stage since case {first}: FUZZ_SEED={seed} FUZZ_CASE={case} does it \
                 again, or FUZZ_SEED={seed} FUZZ_CASES={} with all before it",
                (case + 1) * 1000
            );
            let mut random = Random::of_case(seed, case);
            let run = AssertUnwindSafe(stage.case(&mut random));
            assert!(run.catch_unwind().await.is_ok(), "failed: {what}");
            assert_sound(violations, &what);
        }
        let tally = stage.end().await;
        assert_sound(violations, &format!("the end of the cases {first}..{}", cases.start));
        tally
    });
    assert!(lockorder::snapshot().is_empty(), "{:#?}", lockorder::snapshot());
    tally
}

#[test]
fn whatever_a_server_answers_each_submission_has_an_outcome_and_others_go_on() {
    let seed = number("FUZZ_SEED").unwrap_or(1);
    let all = (number("FUZZ_CASES").unwrap_or(CASES) / 1000).max(1);
    let all = number("FUZZ_CASE").map_or(0..all, |only| only..only + 1);
    panics::watch();
    let violations = Violations::noted();
    let (mut cases, mut tally, mut stages) = (all.clone(), Tally::default(), 0);
    while !cases.is_empty() {
        tally = run_some(seed, &mut cases, tally, &violations);
        stages += 1;
    }
    let Tally { ends, failed } = tally;
    let submissions: usize = ends.values().sum();
    let done = ends.get(&End::Done).copied().unwrap_or(0);
    let rate = done as f64 * 100.0 / submissions as f64;
    println!(
        "frames over TCP: {} cases on {stages} stages, {done} of {submissions} submissions done ({rate:.1} %), \
         {failed} sessions failed",
        all.end - all.start
    );
    println!("their outcomes: {ends:?}");
    println!("panics of grammers: {:#?}", panics::of_grammers());
}
