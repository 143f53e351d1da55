//! What `hierarchy!` builds tables from.

use super::{Class, Duration, Rank, Rows, Table};
use crate::cell::Keying;

#[derive(Clone, Copy)]
pub struct Row {
    pub name: &'static str,
    pub level: u32,
    pub docs: &'static str,
    pub keyed: bool,
}

pub const fn table(name: &'static str, timeout: Duration, classes: &'static [Class]) -> Table {
    of(name, timeout, Rows::Declared(classes))
}

pub(crate) const fn undeclared(name: &'static str, classes: &'static [Class]) -> Table {
    of(name, super::DEFAULT_TIMEOUT, Rows::Undeclared(classes))
}

const fn of(name: &'static str, timeout: Duration, rows: Rows) -> Table {
    Table {
        name,
        timeout,
        rows,
        policy: super::RwLock::new(None),
        #[cfg(any(debug_assertions, feature = "enforce"))]
        base: super::AtomicU32::new(0),
        #[cfg(any(debug_assertions, feature = "enforce"))]
        quick: super::AtomicU32::new(0),
    }
}

pub const fn class(rows: &[Row], position: usize, table: &'static Table) -> Class {
    let Row { name, level, docs, keyed } = rows[position];
    Class { name, level, position: position as u32, docs, keyed, table }
}

/// Refuses names that do not tell the classes apart.
pub const fn check(rows: &[Row]) {
    assert!(!rows.is_empty(), "a hierarchy needs at least one class");
    let mut i = 0;
    while i < rows.len() {
        assert!(!rows[i].name.is_empty(), "a class needs a name");
        assert!(position(rows, rows[i].name) == i, "two classes of a hierarchy have the same name");
        i += 1;
    }
}

/// Refuses levels that do not rise.
pub const fn check_levels(levels: &[u32]) {
    let mut i = 1;
    while i < levels.len() {
        assert!(
            levels[i - 1] < levels[i],
            "the levels of a hierarchy must rise: outermost locks first"
        );
        i += 1;
    }
}

pub const fn position(rows: &[Row], name: &str) -> usize {
    let mut i = 0;
    while i < rows.len() {
        if same(rows[i].name, name) {
            return i;
        }
        i += 1;
    }
    panic!("no such class")
}

pub const fn keyed<R: Rank>() -> bool {
    <R::Keys as Keying>::KEYED
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}
