//! What the owner of a block shares with guards that are dropped elsewhere, and with readers, in every order
//! that the memory model allows: `RUSTFLAGS="--cfg lockorder_loom" cargo test --release -p lockorder --lib
//! --features enforce`.

use std::panic::Location;

use loom::sync::Arc;
use loom::thread;

use super::block::Block;
use super::slot::{Record, Slot};
use crate::Rank;
use crate::ask::{Ask, Keeper};
use crate::report::Mode;

crate::hierarchy! {
    Modelled {
        level 1 { A = "a" [keyed] }
        level 2 { B = "b" [keyed] }
    }
}

/// An acquisition all of whose parts say which one it is.
fn ask(number: usize) -> Ask {
    let (class, site) = match number {
        1 => (A::class(), Location::caller()),
        2 => (B::class(), here()),
        _ => (B::class(), there()),
    };
    let (key, instance) = (number as u64, number);
    let mode = Mode::Permits(number as u32);
    Ask { class, key, instance, mode, site, keeper: Keeper::Thread }
}

fn here() -> &'static Location<'static> {
    Location::caller()
}

fn there() -> &'static Location<'static> {
    Location::caller()
}

fn fill(slot: &Slot, number: usize) -> bool {
    let ask = ask(number);
    slot.fill(&ask, super::registry::id(ask.class), number as u64, number as u64)
}

/// That all parts of a record belong together.
fn assert_whole(record: &Record) {
    let number = record.instance;
    let ask = ask(number);
    assert_eq!(record.class, ask.class);
    assert!(std::ptr::eq(record.site, ask.site));
    assert_eq!((record.key, record.mode), (ask.key, ask.mode));
    assert_eq!((record.tag, record.since), (number as u64, number as u64));
}

#[test]
fn a_reader_sees_a_whole_record_or_none() {
    loom::model(|| {
        let slot = Arc::new(Slot::default());
        assert!(fill(&slot, 1));
        let reader = thread::spawn({
            let slot = Arc::clone(&slot);
            move || slot.read().iter().for_each(assert_whole)
        });
        // The owner, who also drops the guard here.
        slot.clear();
        assert!(fill(&slot, 2));
        reader.join().unwrap();
    });
}

#[test]
fn a_slot_that_was_cleared_elsewhere_is_filled_again_and_never_before() {
    loom::model(|| {
        let slot = Arc::new(Slot::default());
        assert!(fill(&slot, 1));
        let dropper = thread::spawn({
            let slot = Arc::clone(&slot);
            move || slot.clear()
        });
        let reader = thread::spawn({
            let slot = Arc::clone(&slot);
            move || slot.read().iter().for_each(assert_whole)
        });
        let filled = fill(&slot, 2);
        if filled {
            // Whoever found it free saw that it was cleared: nothing of the first is left.
            assert_eq!(slot.read().expect("it was just filled").instance, 2);
        }
        dropper.join().unwrap();
        assert_eq!(slot.state().is_live(), filled);
        reader.join().unwrap();
    });
}

#[test]
fn a_change_of_mode_beside_a_reader_tears_nothing() {
    loom::model(|| {
        let slot = Arc::new(Slot::default());
        assert!(fill(&slot, 1));
        let reader = thread::spawn({
            let slot = Arc::clone(&slot);
            move || {
                if let Some(record) = slot.read() {
                    assert!(matches!(record.mode, Mode::Permits(1) | Mode::Shared));
                    assert_eq!((record.instance, record.key), (1, 1));
                }
            }
        });
        slot.change(Mode::Shared);
        reader.join().unwrap();
        assert_eq!(slot.read().expect("it is live").mode, Mode::Shared);
    });
}

#[test]
fn an_owner_goes_on_while_its_guards_are_dropped_elsewhere() {
    loom::model(|| {
        let block: &'static Block = Box::leak(Box::new(Block::new()));
        let first = block.place(&ask(1), super::registry::id(ask(1).class)).fill(&ask(1), 1, 1);
        let dropper = thread::spawn(move || first.clear());
        // The first counts or does not; the second has a slot of its own as long as it does.
        let (wanted, id) = (ask(2), super::registry::id(ask(2).class));
        let quick = block.admit(&wanted, id - wanted.class.position());
        let place = quick.unwrap_or_else(|| block.place(&wanted, id));
        let second = place.fill(&wanted, 2, 2);
        assert_eq!(second.read().expect("it was just filled").instance, 2);
        dropper.join().unwrap();
        let live: Vec<_> = block.records().map(|record| record.instance).collect();
        assert_eq!(live, [2]);
        second.clear();
        assert_eq!(block.records().count(), 0);
    });
}
