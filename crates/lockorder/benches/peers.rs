//! What a lock costs beside plain ones and its peers, as ratios to the plain lock of the same process.
//!
//! A build has its checks on or off, so `lockorder-peers` is built and run in three ways, in turn and three
//! times over: optimised with checks off, optimised with checks on and with the peers, and without
//! optimisation as a program has it that depends on this crate. The table says how far each figure is from
//! its goal; `target/lockorder-bench.json` has the medians in nanoseconds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// Row, arm, the goal and the bar, as ratios to the plain lock.
const BARS: [(&str, &str, f64, f64); 15] = [
    ("one_lock", "off", 1.0, 1.05),
    ("nest6", "off", 1.0, 1.05),
    ("nest6_two_threads", "off", 1.0, 1.05),
    ("timed_one", "off", 1.0, 1.05),
    ("tokio_one", "off", 1.0, 1.05),
    ("tokio_nest6", "off", 1.0, 1.05),
    ("nest6", "on", 1.25, 1.35),
    ("nest6_two_threads", "on", 1.25, 1.35),
    ("learned_nest6", "on", f64::NAN, f64::NAN),
    ("timed_one", "on", 1.3, 1.5),
    ("tokio_nest6", "on", 1.12, 1.15),
    ("alive_10", "on", f64::NAN, f64::NAN),
    ("alive_100k", "on", f64::NAN, f64::NAN),
    ("tokio_fresh_task", "on", f64::NAN, f64::NAN),
    ("dev_nest6", "on", 3.5, 5.0),
];
const PEERS: [&str; 4] = ["tracing_mutex", "lock_hierarchy", "no_deadlocks", "deloxide"];
const RUNS: usize = 3;

type Rows = BTreeMap<String, BTreeMap<String, Vec<f64>>>;

fn main() {
    let target = target();
    let off = build(&target, &["--release"], "release");
    let on = build(&target, &["--profile", "peers", "--features", "enforce,peers"], "peers");
    let dev = build(&target, &["--features", "peers"], "debug");
    let mut rows = Rows::new();
    for _ in 0..RUNS {
        add(&mut rows, measure(&off, None), "off", "");
        add(&mut rows, measure(&on, None), "on", "");
        add(&mut rows, measure(&dev, Some("nest6")), "on", "dev_");
    }
    let medians = medians(rows);
    let instructions = instructions(&off);
    report(&medians, &instructions);
    let path = target.join("lockorder-bench.json");
    let text = serde_json::to_string_pretty(&json!(medians)).expect("it is numbers by names");
    std::fs::write(&path, text).expect("the target directory is writable");
    println!("\nmedians in ns: {}", path.display());
}

/// Where cargo builds: this program is in `<target>/release/deps`.
fn target() -> PathBuf {
    let this = std::env::current_exe().expect("a bench knows where it is");
    this.ancestors().nth(3).expect("cargo puts it three directories down").to_owned()
}

/// Builds the arms in one way; a copy is kept, as the next way goes to the same place.
fn build(target: &Path, how: &[&str], profile: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--package", "lockorder-peers", "--target-dir"])
        .arg(target)
        .args(how)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "building lockorder-peers failed");
    let copy = target.join(format!("lockorder-peers-{profile}"));
    std::fs::copy(target.join(profile).join("lockorder-peers"), &copy).expect("it was built");
    copy
}

fn measure(arms: &Path, row: Option<&str>) -> Value {
    let output = Command::new(arms).args(row).output().expect("it was built");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A peer greets on standard output.
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let json = text.lines().last().expect("it prints its figures last");
    serde_json::from_str(json).expect("its figures are JSON")
}

/// Adds the figures of one process, under the names of the report.
fn add(rows: &mut Rows, measured: Value, state: &str, prefix: &str) {
    let measured: BTreeMap<String, BTreeMap<String, f64>> =
        serde_json::from_value(measured).expect("it is numbers by names");
    for (row, arms) in measured {
        let row = rows.entry(format!("{prefix}{row}")).or_default();
        for (arm, ns) in arms {
            let name = match arm.as_str() {
                "ref" => format!("{state}_ref"),
                "lockorder" => format!("lockorder_{state}"),
                _ => arm,
            };
            row.entry(name).or_default().push(ns);
        }
    }
}

fn medians(rows: Rows) -> BTreeMap<String, BTreeMap<String, f64>> {
    let median = |mut ns: Vec<f64>| {
        ns.sort_by(f64::total_cmp);
        (ns[ns.len() / 2] * 100.0).round() / 100.0
    };
    let arms = |arms: BTreeMap<String, Vec<f64>>| {
        arms.into_iter().map(|(arm, ns)| (arm, median(ns))).collect()
    };
    rows.into_iter().map(|(row, of)| (row, arms(of))).collect()
}

/// Instructions for an iteration with checks off, of the plain lock and of ours; empty without valgrind.
fn instructions(off: &Path) -> BTreeMap<&'static str, [f64; 2]> {
    const ROWS: [&str; 5] = ["one_lock", "nest6", "timed_one", "tokio_one", "tokio_nest6"];
    let count = |row: &str, arm: &str, n: u64| -> Option<f64> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(off)
            .args([row, arm, &n.to_string()])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = text.lines().find_map(|line| line.split_once("Collected : "))?;
        line.1.trim().parse().ok()
    };
    let each = |row: &str, arm: &str| {
        // What a process does besides cancels out, but for the odd page or timer.
        Some(((count(row, arm, 21_000)? - count(row, arm, 1_000)?) / 20_000.0).round())
    };
    let both = |row: &'static str| Some((row, [each(row, "ref")?, each(row, "lockorder")?]));
    ROWS.into_iter().filter_map(both).collect()
}

fn report(
    rows: &BTreeMap<String, BTreeMap<String, f64>>,
    instructions: &BTreeMap<&'static str, [f64; 2]>,
) {
    println!(
        "{:<20}{:>5}{:>10}{:>10}{:>8}{:>7}{:>7}",
        "row", "", "ns", "plain", "ratio", "goal", "bar"
    );
    for (row, state, goal, bar) in BARS {
        let ns = |name: &str| rows[row][name];
        let (ours, plain) = (ns(&format!("lockorder_{state}")), ns(&format!("{state}_ref")));
        let ratio = ours / plain;
        let verdict = match (goal.is_nan(), ratio <= goal, ratio <= bar) {
            (true, ..) => "",
            (_, true, _) => "goal",
            (_, _, true) => "bar",
            _ => "SHORT",
        };
        let or_dash = |n: f64| if n.is_nan() { "-".to_owned() } else { format!("{n:.2}") };
        let (goal, bar) = (or_dash(goal), or_dash(bar));
        println!(
            "{row:<20}{state:>5}{ours:>10.1}{plain:>10.1}{ratio:>8.2}{goal:>7}{bar:>7}  {verdict}"
        );
    }
    let over = |row: &str| rows[row]["lockorder_on"] / rows[row]["on_ref"];
    let alive = over("alive_100k") / over("alive_10");
    println!("{:<45}{alive:>8.2}{:>7}{:>7}", "100,000 alive against 10", "1.00", "1.10");
    for row in ["one_lock", "nest6", "nest6_two_threads", "dev_nest6"] {
        for peer in PEERS {
            let (ns, plain) = (rows[row][peer], rows[row]["on_ref"]);
            println!("{row:<20}{ns:>15.1}{plain:>10.1}{:>8.2}  {peer}", ns / plain);
        }
    }
    for (row, [plain, ours]) in instructions {
        println!("{row:<20}{ours:>15}{plain:>10}{:>8.2}  instructions, off", ours / plain);
    }
}
