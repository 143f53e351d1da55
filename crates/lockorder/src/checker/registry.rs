//! Numbers for classes.
//!
//! A slot has room for a number, not for a pointer and its flags; and with numbers that rise along a table,
//! whether a held lock may be below a wanted one is a subtraction and a comparison. A table gets a run of
//! numbers when one of its locks is first asked for.

use std::sync::atomic::Ordering;

use parking_lot::RwLock;

use super::gate;
use crate::{Class, Table};

/// The number of a class; 0 is none's. Slots keep 24 bits of it.
pub(super) type Id = u32;

/// The tables that have numbers, in the order of those.
static TABLES: RwLock<Vec<&'static Table>> = RwLock::new(Vec::new());

/// The number of a class, which is given to it now if it has none.
pub(super) fn id(class: &'static Class) -> Id {
    base(class.table()) + class.position()
}

/// The number of the first class of a table.
fn base(table: &'static Table) -> Id {
    match table.base.load(Ordering::Relaxed) {
        0 => register(table),
        base => base,
    }
}

#[cold]
fn register(table: &'static Table) -> Id {
    let mut tables = TABLES.write();
    let base = match table.base.load(Ordering::Relaxed) {
        0 => tables.last().map_or(1, |last| {
            // No table is longer than its u32 positions, and nobody declares 2^24 classes.
            last.base.load(Ordering::Relaxed) + last.classes().len() as Id
        }),
        base => return base,
    };
    tables.push(table);
    table.base.store(base, Ordering::Relaxed);
    quicken(&tables[tables.len() - 1..]);
    base
}

/// Shuts the gate: whoever sees that it is shut finds no table that still says otherwise.
pub(super) fn shut_gate(shut: impl FnOnce()) {
    let tables = TABLES.write();
    tables.iter().for_each(|table| table.quick.store(0, Ordering::Relaxed));
    shut();
}

/// Opens the gate, if `open` takes away the last that kept it shut.
pub(super) fn open_gate(open: impl FnOnce()) {
    let tables = TABLES.write();
    open();
    quicken(&tables);
}

/// Makes the word of tables follow that of the gate. Under the lock, so that none is told of an old one last.
fn quicken(tables: &[&Table]) {
    if gate::word() == 0 {
        for table in tables {
            table.quick.store(table.base.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

/// The class with a number.
pub(super) fn class(id: Id) -> Option<&'static Class> {
    let tables = TABLES.read();
    let after = tables.partition_point(|table| table.base.load(Ordering::Relaxed) <= id);
    let table = tables[..after].last()?;
    table.classes().get((id - table.base.load(Ordering::Relaxed)) as usize)
}
