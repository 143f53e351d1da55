//! One word that says whether an acquisition is more than a comparison.
//!
//! While it is 0, the fast path of a blocking lock looks at nothing but the block of its thread. Whoever
//! wants more sets a bit. Each table has a word of its own that follows this one, so that a lock finds all
//! that it asks for there in one.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tracing::callsite::{self, Callsite, Identifier};
use tracing::field::FieldSet;
use tracing::level_filters::LevelFilter;
use tracing::metadata::Kind;
use tracing::subscriber::{Interest, NoSubscriber};
use tracing::{Level, Metadata, dispatcher};

use super::registry;

/// Somebody listens to the events of locks, or may.
pub(super) const EVENTS: u32 = 1;
/// Tasks may hold locks: an async lock was taken, or a blocking one inside a runtime. Before, no acquisition
/// need ask tokio which task it is in; the price is that of blocking locks taken before this bit was set,
/// a task does not know which were its own.
pub(super) const TASKS: u32 = 1 << 1;
/// Another checker than the built-in one judges.
pub(super) const PLUGGED: u32 = 1 << 2;
/// Nobody asked `tracing` yet who listens.
const UNASKED: u32 = 1 << 3;

static GATE: AtomicU32 = AtomicU32::new(UNASKED);
static ASKED: AtomicBool = AtomicBool::new(false);

#[inline(always)]
pub(super) fn word() -> u32 {
    GATE.load(Ordering::Acquire)
}

#[inline]
pub(super) fn has(bit: u32) -> bool {
    word() & bit != 0
}

pub(super) fn set(bit: u32) {
    if !has(bit) {
        registry::shut_gate(|| _ = GATE.fetch_or(bit, Ordering::Release));
    }
}

pub(super) fn clear(bit: u32) {
    if has(bit) {
        registry::open_gate(|| _ = GATE.fetch_and(!bit, Ordering::Relaxed));
    }
}

/// Asks `tracing` to be told who listens, if this was not done yet. For slow paths.
pub(super) fn ask_once() {
    if has(UNASKED) && !ASKED.swap(true, Ordering::Relaxed) {
        // First: what is asked is somebody's code, and may panic.
        clear(UNASKED);
        callsite::register(&LISTENERS);
        // What `tracing` says at registration is what the caller's subscriber says. If it has none, that of
        // another thread may listen.
        let has_none = dispatcher::get_default(|default| default.is::<NoSubscriber>());
        if has_none && LevelFilter::current() >= LevelFilter::DEBUG {
            set(EVENTS);
        }
    }
}

/// Stands for all events of locks: `tracing` tells it whenever subscribers come, go or change their filter.
struct Listeners;

static LISTENERS: Listeners = Listeners;

static METADATA: Metadata<'static> = Metadata::new(
    "lock event",
    crate::event::TARGET,
    Level::DEBUG,
    None,
    None,
    None,
    FieldSet::new(&[], Identifier(&LISTENERS)),
    Kind::EVENT,
);

impl Callsite for Listeners {
    fn set_interest(&self, interest: Interest) {
        match interest.is_never() {
            true => clear(EVENTS),
            false => set(EVENTS),
        }
    }

    fn metadata(&self) -> &Metadata<'_> {
        &METADATA
    }
}
