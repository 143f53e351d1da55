//! Random programs, against the rules said plainly.
//!
//! A program is steps of holders: two threads, two tasks on each, and two branches of each task. Every step
//! reference, done by the crate, and compared: what was reported, whether the lock was had, and now and then
//! all that is on the record. `LOCKORDER_PROGRAMS` says how many programs (100,000 in CI).
#![cfg(all(feature = "tokio", feature = "dashmap", any(debug_assertions, feature = "enforce")))]

mod reference;
mod site;
mod world;

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use reference::{Holder, Reference, side};
use site::{Act, Site};
use world::{FACTS, MANY, MAP, SHARED, SLOTS, Side};

const THREADS: usize = 2;
const TASKS: usize = 2;
const BRANCHES: usize = 2;

/// A step before it is known what is possible: choices are taken from what there is.
#[derive(Clone, Copy, Debug)]
struct Step {
    holder: u8,
    what: What,
    lock: u8,
    other: u8,
    side: u8,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Acquire,
    Try,
    Release,
    Initialise,
    Wait,
    Change,
    Move,
    HandOver,
    Panic,
    Many,
    Child,
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    let what = prop_oneof![
        12 => Just(What::Acquire),
        3 => Just(What::Try),
        6 => Just(What::Release),
        1 => Just(What::Initialise),
        5 => Just(What::Wait),
        5 => Just(What::Change),
        2 => Just(What::Move),
        2 => Just(What::HandOver),
        1 => Just(What::Panic),
        1 => Just(What::Many),
        2 => Just(What::Child),
        1 => Just(What::Look),
    ];
    (any::<u8>(), what, any::<u8>(), any::<u8>(), any::<u8>())
        .prop_map(|(holder, what, lock, other, side)| Step { holder, what, lock, other, side })
}

/// One of the holders that there are.
fn holder(choice: u8) -> Holder {
    let choice = usize::from(choice);
    let (thread, task) = (choice % THREADS, choice / THREADS % (TASKS + 1));
    let branch = choice / THREADS / (TASKS + 1) % (BRANCHES + 1);
    Holder { thread, task, branch: if task == 0 { 0 } else { branch } }
}

/// A guard, and in whose hands it is.
#[derive(Clone, Copy)]
struct InHand {
    id: u64,
    owner: Holder,
}

struct Run<'a> {
    sites: &'a mut [Site; THREADS],
    reference: &'a mut Reference,
    guards: Vec<InHand>,
}

impl Run<'_> {
    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let pick = |n: u8, of: usize| usize::from(n) % of;
        let holder = holder(step.holder);
        let lock = pick(step.lock, FACTS.len());
        let side = side(lock, step.side);
        let fits = |locks: &[usize]| {
            let lock = |g: &&InHand| self.reference.get(g.id).lock;
            let own = self.guards.iter().filter(|g| g.owner == holder);
            let fit: Vec<_> = own
                .filter(|g| locks.is_empty() || lock(g).is_some_and(|lock| locks.contains(&lock)))
                .collect();
            (!fit.is_empty()).then(|| *fit[pick(step.other, fit.len())])
        };
        match step.what {
            What::Acquire => self.acquire(holder, lock, side, false),
            What::Try => self.acquire(holder, lock, side, true),
            What::Initialise => self.initialise(holder, lock, side),
            What::Panic => self.panic(holder, lock, side, pick(step.other, FACTS.len()), step.side),
            What::Many => self.many(holder),
            What::Child => self.child(holder, lock, side),
            What::Look => self.look(),
            What::Release => fits(&[]).map_or(Ok(()), |guard| self.release(guard)),
            What::Wait => fits(&[0, 1]).map_or(Ok(()), |guard| self.wait(guard)),
            What::Change => fits(&[SHARED]).map_or(Ok(()), |guard| self.change(guard)),
            What::Move => {
                fits(&[5, SLOTS]).map_or(Ok(()), |guard| self.give(guard, step.lock, false))
            }
            What::HandOver => {
                fits(&[5, SLOTS]).map_or(Ok(()), |guard| self.give(guard, step.lock, true))
            }
        }
    }

    /// A map would block for good: it has no timed way.
    fn would_hang(&self, lock: usize) -> bool {
        lock == MAP && self.reference.is_held(MAP)
    }

    fn acquire(
        &mut self,
        holder: Holder,
        lock: usize,
        side: Side,
        tries: bool,
    ) -> Result<(), TestCaseError> {
        if self.would_hang(lock) {
            return Ok(());
        }
        // The only way to try a map is to ask for an entry.
        let side = if lock == MAP && tries { Side::Exclusive } else { side };
        let expected = self.reference.acquire(holder, lock, side, tries);
        let guard = expected.got.unwrap_or(0);
        let act = Act::Acquire { lock, side, how: expected.how, guard };
        let outcome = self.site(holder).act(holder, act);
        prop_assert_eq!(&outcome.found, &Vec::from_iter(expected.violation), "lock {}", lock);
        prop_assert_eq!(outcome.got, expected.got.is_some(), "lock {}", lock);
        self.guards.extend(expected.got.map(|id| InHand { id, owner: holder }));
        Ok(())
    }

    fn initialise(&mut self, holder: Holder, lock: usize, side: Side) -> Result<(), TestCaseError> {
        if self.would_hang(lock) {
            return Ok(());
        }
        let (found, inner) = self.reference.initialise(holder, lock, side);
        let act = Act::Initialise { lock, side, how: inner.how };
        let outcome = self.site(holder).act(holder, act);
        prop_assert_eq!(outcome.found, found);
        prop_assert_eq!(outcome.got, inner.got.is_some());
        Ok(())
    }

    /// Takes all locks of the keyed class at once, given in falling order.
    fn many(&mut self, holder: Holder) -> Result<(), TestCaseError> {
        if MANY.iter().any(|&lock| self.reference.is_held(lock)) {
            return Ok(());
        }
        let expected =
            MANY.map(|lock| self.reference.acquire(holder, lock, Side::Exclusive, false));
        let guards = expected.each_ref().map(|e| e.got.expect("they are free"));
        let outcome = self.site(holder).act(holder, Act::Many { guards });
        let found: Vec<_> = expected.iter().filter_map(|e| e.violation).collect();
        prop_assert_eq!(outcome.found, found);
        self.guards.extend(guards.map(|id| InHand { id, owner: holder }));
        *self.reference.counts.entry("many at once").or_default() += 1;
        Ok(())
    }

    /// Waits for a task that takes a lock and releases it.
    fn child(&mut self, holder: Holder, lock: usize, side: Side) -> Result<(), TestCaseError> {
        if holder.task == 0 || self.would_hang(lock) {
            return Ok(());
        }
        let expected = self.reference.child(holder, lock, side);
        let act = Act::Child { lock, side, how: expected.how };
        let outcome = self.site(holder).act(holder, act);
        prop_assert_eq!(&outcome.found, &Vec::from_iter(expected.violation), "lock {}", lock);
        prop_assert_eq!(outcome.got, expected.got.is_some(), "lock {}", lock);
        Ok(())
    }

    fn site(&mut self, holder: Holder) -> &mut Site {
        &mut self.sites[holder.thread]
    }

    fn wait(&mut self, guard: InHand) -> Result<(), TestCaseError> {
        let expected = self.reference.wait(guard.owner, guard.id);
        let act = Act::Wait { guard: guard.id };
        let outcome = self.site(guard.owner).act(guard.owner, act);
        prop_assert_eq!(outcome.found, Vec::from_iter(expected));
        Ok(())
    }

    fn change(&mut self, guard: InHand) -> Result<(), TestCaseError> {
        let held = self.reference.get(guard.id);
        match (held.lock, held.side) {
            (Some(SHARED), Side::Upgradable) => {
                let (expected, got) = self.reference.upgrade(guard.owner, guard.id);
                let outcome =
                    self.site(guard.owner).act(guard.owner, Act::Upgrade { guard: guard.id });
                prop_assert_eq!(outcome.found, Vec::from_iter(expected));
                prop_assert_eq!(outcome.got, got);
            }
            (Some(SHARED), Side::Exclusive) => {
                self.reference.set_side(guard.id, Side::Upgradable);
                let outcome =
                    self.site(guard.owner).act(guard.owner, Act::Downgrade { guard: guard.id });
                prop_assert_eq!(outcome.found, vec![]);
            }
            _ => {}
        }
        Ok(())
    }

    /// Passes a guard to another holder, with its record or without.
    fn give(&mut self, guard: InHand, to: u8, hand_over: bool) -> Result<(), TestCaseError> {
        let to = holder(to);
        let give = Act::Give { guard: guard.id, hand_over };
        let given = self.site(guard.owner).act(guard.owner, give).given;
        if hand_over {
            self.reference.set_holder(guard.id, None);
            self.look()?;
            self.reference.set_holder(guard.id, Some(to));
        }
        let take = Act::Take { guard: guard.id, given: given.expect("it was given") };
        self.site(to).act(to, take);
        self.guards.iter_mut().filter(|g| g.id == guard.id).for_each(|g| g.owner = to);
        *self
            .reference
            .counts
            .entry(if hand_over { "handed over" } else { "moved" })
            .or_default() += 1;
        Ok(())
    }

    fn panic(
        &mut self,
        holder: Holder,
        first: usize,
        first_side: Side,
        second: usize,
        choice: u8,
    ) -> Result<(), TestCaseError> {
        if first == MAP || second == MAP {
            return Ok(());
        }
        let second_side = side(second, choice);
        let outer = self.reference.acquire(holder, first, first_side, false);
        let inner = self.reference.acquire(holder, second, second_side, false);
        [inner.got, outer.got].into_iter().flatten().for_each(|id| self.reference.release(id));
        let act = Act::Panic {
            first: (first, first_side, outer.how),
            second: (second, second_side, inner.how),
        };
        let outcome = self.site(holder).act(holder, act);
        let expected: Vec<_> = outer.violation.into_iter().chain(inner.violation).collect();
        prop_assert_eq!(outcome.found, expected);
        *self.reference.counts.entry("panicked").or_default() += 1;
        Ok(())
    }

    fn release(&mut self, guard: InHand) -> Result<(), TestCaseError> {
        self.reference.release(guard.id);
        self.guards.retain(|g| g.id != guard.id);
        let outcome = self.site(guard.owner).act(guard.owner, Act::Release { guard: guard.id });
        prop_assert_eq!(outcome.found, vec![]);
        Ok(())
    }

    /// Compares all that is on the record.
    fn look(&mut self) -> Result<(), TestCaseError> {
        prop_assert_eq!(lockorder::snapshot().len(), self.reference.recorded());
        *self.reference.counts.entry("looked").or_default() += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<(), TestCaseError> {
        while let Some(guard) = self.guards.pop() {
            self.release(guard)?;
        }
        self.look()?;
        for (thread, site) in self.sites.iter_mut().enumerate() {
            site.act(Holder { thread, task: 0, branch: 0 }, Act::Reset);
        }
        Ok(())
    }
}

fn rand_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    now.as_nanos() as u64
}

#[test]
fn random_programs_are_judged_as_the_rules_say() {
    world::begin();
    // Arms that are suspended with a blocking guard say so outside of any step.
    lockorder::set_policy(lockorder::Policy::Ignore);
    let programs = std::env::var("LOCKORDER_PROGRAMS").ok().and_then(|n| n.parse().ok());
    let programs: u32 = programs.unwrap_or(2_000);
    let state = RefCell::new(([Site::here(), Site::there()], Reference::default()));
    let seed = std::env::var("LOCKORDER_SEED").ok().and_then(|n| n.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand_seed);
    // What was learned by the programs before is part of each: a shorter one would be another.
    let config = Config {
        cases: programs,
        failure_persistence: None,
        max_shrink_iters: 0,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let result = runner.run(&prop::collection::vec(step(), 20..40), |steps| {
        let (sites, reference) = &mut *state.borrow_mut();
        let mut run = Run { sites, reference, guards: Vec::new() };
        let result = steps.into_iter().try_for_each(|step| run.step(step));
        run.guards.reverse();
        let ended = run.end();
        result.and(ended)
    });
    if let Err(TestError::Fail(reason, steps)) = &result {
        panic!("LOCKORDER_SEED={seed}: {reason}\nby the program {steps:#?}");
    }
    result.unwrap();
    let counts = &state.borrow().1.counts;
    for (rule, count) in counts {
        println!("{count:>9}  {rule}");
    }
    let least = u64::from(programs) / 100;
    assert!(
        counts.values().all(|count| *count >= least),
        "every rule at least {least} times: {counts:?}"
    );
}
