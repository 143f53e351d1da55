//! A timer that takes turns.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long one turn of one arm lasts, about.
const TURN: Duration = Duration::from_millis(4);
const ROUNDS: usize = 41;

/// One thing to time: does `n` iterations and returns what they took.
pub(crate) struct Arm {
    name: &'static str,
    run: Box<dyn FnMut(u64) -> Duration>,
}

/// The arms of each row, by the row's name.
pub(crate) struct Rows {
    row: Option<String>,
    arm: Option<String>,
    /// How often to run it, instead of measuring.
    run: Option<u64>,
    arms: BTreeMap<&'static str, Vec<Arm>>,
    medians: BTreeMap<&'static str, BTreeMap<&'static str, f64>>,
}

impl Rows {
    /// Takes in all rows and arms, or only those of this name.
    pub(crate) fn new(row: Option<String>, arm: Option<String>) -> Self {
        Self { row, arm, run: None, arms: BTreeMap::new(), medians: BTreeMap::new() }
    }

    /// Runs `n` iterations of what is measured otherwise.
    pub(crate) fn only_run(&mut self, n: u64) {
        self.run = Some(n);
    }

    /// Adds an arm that times itself.
    pub(crate) fn timed(
        &mut self,
        row: &'static str,
        name: &'static str,
        run: impl FnMut(u64) -> Duration + 'static,
    ) {
        let wants = |only: &Option<String>, name: &str| only.as_ref().is_none_or(|o| o == name);
        if wants(&self.row, row) && wants(&self.arm, name) {
            self.arms.entry(row).or_default().push(Arm { name, run: Box::new(run) });
        }
    }

    /// Adds an arm that is `n` calls in a loop of its own.
    pub(crate) fn arm(
        &mut self,
        row: &'static str,
        name: &'static str,
        mut run: impl FnMut(u64) + 'static,
    ) {
        self.timed(row, name, move |n| {
            let start = Instant::now();
            run(n);
            start.elapsed()
        });
    }

    /// Measures what was added to a row so far.
    pub(crate) fn measure(&mut self, row: &'static str) {
        let Some(mut arms) = self.arms.remove(row) else { return };
        if let Some(n) = self.run {
            arms.iter_mut().for_each(|arm| {
                let _ = (arm.run)(n);
            });
            return;
        }
        let turns: Vec<u64> = arms.iter_mut().map(iterations).collect();
        let mut times = vec![Vec::with_capacity(ROUNDS); arms.len()];
        for round in 0..ROUNDS {
            for i in 0..arms.len() {
                // Nobody is always the one behind the same neighbour.
                let i = (i + round) % arms.len();
                let took = (arms[i].run)(turns[i]);
                times[i].push(took.as_nanos() as f64 / turns[i] as f64);
            }
        }
        let medians = self.medians.entry(row).or_default();
        for (arm, mut times) in arms.into_iter().zip(times) {
            times.sort_by(f64::total_cmp);
            medians.insert(arm.name, times[ROUNDS / 2]);
        }
    }

    pub(crate) fn into_json(self) -> serde_json::Value {
        serde_json::json!(self.medians)
    }
}

/// How many iterations fill a turn.
fn iterations(arm: &mut Arm) -> u64 {
    let mut n = 1;
    loop {
        let took = (arm.run)(n);
        if took >= TURN / 2 {
            return ((n as f64 * TURN.as_secs_f64() / took.as_secs_f64()) as u64).max(1);
        }
        n *= 2;
    }
}
