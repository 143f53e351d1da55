//! The table, and the file.

use serde::Serialize;

use crate::measure::Times;

/// What was found, in the order of the JSON object. What could not be found is NaN, and null there.
#[derive(Serialize)]
pub(crate) struct Figures {
    pub(crate) op_idle_ratio: f64,
    pub(crate) total_250_ratio: f64,
    pub(crate) start_p99_us: f64,
    pub(crate) connect_250_ratio: f64,
    pub(crate) kib_per_session: f64,
    pub(crate) kib_per_session_plain: f64,
    pub(crate) kib_growth_10_reconnects: f64,
    pub(crate) max_sessions: u64,
}

#[derive(Clone, Copy)]
enum Better {
    Less,
    More,
}
use Better::{Less, More};

struct Row {
    name: &'static str,
    measured: f64,
    goal: f64,
    bar: f64,
    better: Better,
}

impl Row {
    /// What was not measured meets nothing.
    fn meets(&self, limit: f64) -> bool {
        match self.better {
            Less => self.measured <= limit,
            More => self.measured >= limit,
        }
    }

    fn verdict(&self) -> &'static str {
        match (self.meets(self.goal), self.meets(self.bar)) {
            (true, _) => "ok, goal",
            (_, true) => "ok",
            _ => "SHORT",
        }
    }
}

fn rows(found: &Figures) -> [Row; 7] {
    let row = |name, measured, goal, bar, better| Row { name, measured, goal, bar, better };
    let over_plain = found.kib_per_session - found.kib_per_session_plain;
    [
        row("operation through an idle session / plain call", found.op_idle_ratio, 1.05, 1.1, Less),
        row("rate of 250 sessions / of 250 plain", found.total_250_ratio, 0.95, 0.9, More),
        row("start on an idle session, p99, us", found.start_p99_us, 20.0, 50.0, Less),
        row("connect and monitor 250 / plain connect", found.connect_250_ratio, 1.2, 1.5, Less),
        row("KiB of an idle session over plain", over_plain, 32.0, 64.0, Less),
        row("KiB of growth, 10 reconnects", found.kib_growth_10_reconnects, 0.0, 8.0, Less),
        row("sessions in one process", found.max_sessions as f64, 10_000.0, 5_000.0, More),
    ]
}

pub(crate) fn print(found: &Figures, times: &Times) {
    println!("{:<48}{:>10}{:>10}{:>10}", "row", "measured", "goal", "bar");
    for row in rows(found) {
        let Row { name, measured, goal, bar, .. } = row;
        println!("{name:<48}{measured:>10.2}{goal:>10}{bar:>10}  {}", row.verdict());
    }
    println!();
    println!("start on an idle session, p50: {:.1} us", times.start_p50_us);
    println!(
        "connect and monitor 250 / plain connect that listens to updates too: {:.2}",
        times.connect_listening_ratio
    );
    println!(
        "KiB of an idle session: {:.1}, of an idle plain client: {:.1}",
        found.kib_per_session, found.kib_per_session_plain
    );
}

/// Writes the file to where cargo builds: this program is in `<target>/release/deps`.
pub(crate) fn write(found: &Figures) {
    let this = std::env::current_exe().expect("a program knows where it is");
    let target = this.ancestors().nth(3).expect("cargo puts it three directories down");
    let path = target.join("tgsession-bench.json");
    let json = serde_json::to_string(&rounded(found)).expect("it is numbers by names");
    std::fs::write(&path, json + "\n").expect("the target directory is writable");
    println!("\n{}", path.display());
}

fn rounded(found: &Figures) -> Figures {
    let round = |x: f64| (x * 1000.0).round() / 1000.0;
    Figures {
        op_idle_ratio: round(found.op_idle_ratio),
        total_250_ratio: round(found.total_250_ratio),
        start_p99_us: round(found.start_p99_us),
        connect_250_ratio: round(found.connect_250_ratio),
        kib_per_session: round(found.kib_per_session),
        kib_per_session_plain: round(found.kib_per_session_plain),
        kib_growth_10_reconnects: round(found.kib_growth_10_reconnects),
        max_sessions: found.max_sessions,
    }
}
