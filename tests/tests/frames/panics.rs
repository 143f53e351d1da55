//! Who panics: `grammers`, over what a server says, or anybody else.

use std::backtrace::Backtrace;
use std::collections::BTreeMap;
use std::panic;
use std::sync::Mutex;

/// What panicked in this process, and where.
struct Panics {
    grammers: BTreeMap<String, usize>,
    others: Vec<String>,
}

static PANICS: Mutex<Panics> = Mutex::new(Panics { grammers: BTreeMap::new(), others: Vec::new() });

/// Notes each panic from now on, and is silent of those of `grammers`.
pub(crate) fn watch() {
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

/// The places where `grammers` panicked so far, and how often.
pub(crate) fn of_grammers() -> BTreeMap<String, usize> {
    PANICS.lock().unwrap().grammers.clone()
}

/// What anybody else said who panicked since the last time.
pub(crate) fn take_those_of_others() -> Vec<String> {
    std::mem::take(&mut PANICS.lock().unwrap().others)
}

/// Whether a panic is one of `grammers`: its place says so, and where the standard library panics for somebody, the
/// trace does.
fn is_of_grammers(place: &str) -> bool {
    whose(place).unwrap_or_else(|| {
        let trace = Backtrace::force_capture().to_string();
        let places = trace.lines().map(str::trim).filter(|line| line.starts_with("at "));
        // The hook stands in it too.
        places.filter(|line| !line.contains("frames/panics.rs")).find_map(whose).unwrap_or(false)
    })
}

/// Whether a place is in `grammers`, if it is in that or in this workspace.
fn whose(place: &str) -> Option<bool> {
    const OURS: [&str; 5] =
        ["crates/tgsession/", "crates/tgtest/", "crates/lockorder/", "tests/src/", "tests/frames/"];
    if place.contains("/grammers-") {
        return Some(true);
    }
    OURS.iter().any(|ours| place.contains(ours)).then_some(false)
}
