//! Ranks: what the order is declared in terms of.
//!
//! A *class* is a kind of lock: "a session's task lock", not the task lock of session 17. A *rank* is the
//! type that stands for a class in a program, so that the order of a lock is a part of its type. Both come
//! from one table, see [`hierarchy!`](crate::hierarchy). The classes of [`learned`](crate::learned) locks are
//! made while the program runs, and have a table each.

use std::fmt;
#[cfg(any(debug_assertions, feature = "enforce"))]
use std::sync::OnceLock;
#[cfg(any(debug_assertions, feature = "enforce"))]
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use parking_lot::RwLock;

use crate::{Policy, cell};

/// One row of a hierarchy's table: a kind of lock and its place in the order.
///
/// Classes are made by [`hierarchy!`](crate::hierarchy) and live as long as the program.
///
/// ```
/// lockorder::hierarchy! {
///     Bank { level 1 { Ledger = "ledger" } level 2 { Account = "account" [keyed] } }
/// }
/// use lockorder::Rank;
///
/// let class = Account::class();
/// assert_eq!((class.name(), class.level(), class.is_keyed()), ("account", 2, true));
/// assert_eq!(class.to_string(), "account (level 2)"); // as in reports
/// ```
pub struct Class {
    name: &'static str,
    level: u32,
    pub(crate) position: u32,
    docs: &'static str,
    pub(crate) keyed: bool,
    pub(crate) table: &'static Table,
}

impl Class {
    /// The name given in the table; unique in its hierarchy.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The level it was declared under: outermost locks have the lowest.
    pub const fn level(&self) -> u32 {
        self.level
    }

    /// Its row in the table. Locks are taken in the order of their rows, also inside one level.
    ///
    /// ```
    /// lockorder::hierarchy! {
    ///     App { level 1 { Config = "config", Users = "users" } }
    /// }
    /// use lockorder::Rank;
    ///
    /// assert_eq!(Config::class().level(), Users::class().level());
    /// assert!(Config::class().position() < Users::class().position()); // Config is first
    /// ```
    pub const fn position(&self) -> u32 {
        self.position
    }

    /// The doc comment of its row.
    ///
    /// ```
    /// lockorder::hierarchy! {
    ///     App { level 1 { /// Read at start-up.
    ///                     Config = "config" } }
    /// }
    /// use lockorder::Rank;
    ///
    /// assert_eq!(Config::class().docs().trim(), "Read at start-up.");
    /// ```
    pub const fn docs(&self) -> &'static str {
        self.docs
    }

    /// Whether its locks carry keys, so that several may be held in rising key order.
    pub const fn is_keyed(&self) -> bool {
        self.keyed
    }

    /// The table it is a row of.
    pub const fn table(&self) -> &'static Table {
        self.table
    }

    /// Whether two locks of it have anything in common.
    pub(crate) fn is_placed(&self) -> bool {
        #[cfg(any(debug_assertions, feature = "enforce"))]
        return self.table.is_declared() || self.name != UNPLACED;
        #[cfg(not(any(debug_assertions, feature = "enforce")))]
        true
    }

    #[inline]
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        std::ptr::eq(self.table, other.table) && self.position < other.position
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Class({self})")
    }
}

/// Writes the name and level, as reports do: `bank.ledger (level 1)`; or that it has none:
/// `src/main.rs:7:5 (learned)`.
impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.table.is_declared() {
            true => write!(f, "{} (level {})", self.name, self.level),
            false => write!(f, "{} (learned)", self.name),
        }
    }
}

impl PartialEq for Class {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Class {}

/// A declared hierarchy: its classes, outermost first.
///
/// ```
/// lockorder::hierarchy! {
///     Bank (timeout: 5 s) { level 1 { Ledger = "ledger" } level 2 { Account = "account" } }
/// }
/// use lockorder::Hierarchy;
///
/// let table = Bank::table();
/// println!("{table}"); // a line for each class, outermost first
/// let names: Vec<_> = table.classes().iter().map(|class| class.name()).collect();
/// assert_eq!(names, ["ledger", "account"]);
/// ```
pub struct Table {
    name: &'static str,
    timeout: Duration,
    rows: Rows,
    pub(crate) policy: RwLock<Option<Policy>>,
    /// The number of its first class, once one of its locks was asked for.
    #[cfg(any(debug_assertions, feature = "enforce"))]
    pub(crate) base: AtomicU32,
    /// The same while blocking acquisitions need no more than a comparison, else 0.
    #[cfg(any(debug_assertions, feature = "enforce"))]
    pub(crate) quick: AtomicU32,
}

impl Table {
    /// The name of the hierarchy's type.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How long a timed acquisition waits unless its caller says otherwise.
    ///
    /// ```
    /// lockorder::hierarchy! {
    ///     Bank (timeout: 5 s) { level 1 { Ledger = "ledger" } }
    /// }
    /// use lockorder::Hierarchy;
    ///
    /// assert_eq!(Bank::table().timeout().as_secs(), 5); // of `lock_timed` and its like
    /// ```
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Its rows, outermost first.
    pub fn classes(&self) -> &[Class] {
        match &self.rows {
            Rows::Declared(classes) | Rows::Undeclared(classes) => classes,
            #[cfg(any(debug_assertions, feature = "enforce"))]
            Rows::Learned(class) => class.get().map_or(&[], std::slice::from_ref),
        }
    }

    /// Whether it was declared; the class of a lock without a rank has a table to itself, which was not.
    ///
    /// ```
    /// # lockorder::hierarchy! { App { level 1 { Config = "config" } } }
    /// use lockorder::{Hierarchy, learned};
    ///
    /// assert!(App::table().is_declared());
    /// # if lockorder::ENFORCING {
    /// assert!(!learned::class("disk").table().is_declared());
    /// # }
    /// ```
    pub const fn is_declared(&self) -> bool {
        matches!(self.rows, Rows::Declared(_))
    }
}

enum Rows {
    Declared(&'static [Class]),
    /// Of the one that stands for all classes of learned locks where nobody tells them apart.
    Undeclared(&'static [Class]),
    #[cfg(any(debug_assertions, feature = "enforce"))]
    Learned(OnceLock<Class>),
}

/// The class of a lock of which nobody knows where it was made: no order is learned with it.
#[cfg(any(debug_assertions, feature = "enforce"))]
pub(crate) const UNPLACED: &str = "unknown place";

/// The class of locks without a rank, known by name only. It lives as long as the program.
#[cfg(any(debug_assertions, feature = "enforce"))]
pub(crate) fn learned(name: &str) -> &'static Class {
    let table: &'static Table = Box::leak(Box::new(Table {
        name: "learned",
        timeout: DEFAULT_TIMEOUT,
        rows: Rows::Learned(OnceLock::new()),
        policy: RwLock::new(None),
        base: AtomicU32::new(0),
        quick: AtomicU32::new(0),
    }));
    let Rows::Learned(class) = &table.rows else { unreachable!("it was made so above") };
    class.get_or_init(|| Class {
        name: String::leak(name.to_owned()),
        level: 0,
        position: 0,
        docs: "",
        keyed: false,
        table,
    })
}

/// How long a timed acquisition waits where nobody said otherwise.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("name", &self.name)
            .field("timeout", &self.timeout)
            .field("classes", &self.classes())
            .finish()
    }
}

/// Prints the table: a line for each class with its level, name and docs.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (timeout {:?})", self.name, self.timeout)?;
        let width = self.classes().iter().map(|c| c.name.len()).max().unwrap_or(0);
        self.classes().iter().try_for_each(|c| {
            let keyed = if c.keyed { " [keyed]" } else { "" };
            writeln!(f, "{:>3}  {:width$}{keyed}  {}", c.level, c.name, c.docs.trim())
        })
    }
}

/// A type that stands for a whole table. Implemented by [`hierarchy!`](crate::hierarchy).
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Config = "config" } level 2 { Cache = "cache" } } }
/// use lockorder::Hierarchy;
///
/// fn innermost<H: Hierarchy>() -> &'static str {
///     H::table().classes().last().map_or("", |class| class.name())
/// }
///
/// assert_eq!(innermost::<App>(), "cache");
/// ```
pub trait Hierarchy: 'static {
    /// The table it was declared with.
    fn table() -> &'static Table;
}

/// A type that stands for one class. Implemented by [`hierarchy!`](crate::hierarchy).
///
/// There is no default: a lock whose place in the order nobody decided does not compile.
///
/// ```
/// # lockorder::hierarchy! { App { level 1 { Jobs = "jobs" } } }
/// use lockorder::{Mutex, Rank};
///
/// fn next<R: Rank>(count: &Mutex<R, u32>) -> u32 { // whatever its place in the order
///     let mut count = count.lock();
///     *count += 1;
///     *count
/// }
///
/// assert_eq!(next(&Mutex::<Jobs, _>::new(6)), 7);
/// assert_eq!(Jobs::class().name(), "jobs");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the rank of a lock",
    note = "declare it as a row of a `lockorder::hierarchy!`, or use the locks of `lockorder::learned`"
)]
pub trait Rank: 'static {
    /// The hierarchy it belongs to.
    type Hierarchy: Hierarchy;
    /// Whether its locks carry keys: [`Keyed`] or [`Unkeyed`].
    type Keys: Keying;
    /// The number of its row.
    #[doc(hidden)]
    const POSITION: u32;
    /// Its row in the table.
    fn class() -> &'static Class;
}

/// Whether the locks of a class carry keys. Implemented by [`Keyed`] and [`Unkeyed`] only (and by
/// that of [`learned`](crate::learned) locks).
///
/// ```
/// # lockorder::hierarchy! {
/// #     Bank { level 1 { Ledger = "ledger" } level 2 { Account = "account" [keyed] } }
/// # }
/// use std::any::TypeId;
///
/// use lockorder::{Keyed, Keying, Rank, Unkeyed};
///
/// fn keys_of<R: Rank<Keys: Keying + 'static>>() -> TypeId {
///     TypeId::of::<R::Keys>()
/// }
///
/// assert_eq!(keys_of::<Ledger>(), TypeId::of::<Unkeyed>());
/// assert_eq!(keys_of::<Account>(), TypeId::of::<Keyed>());
/// ```
pub trait Keying: cell::Keying {}

/// At most one lock of the class is held by one holder at a time.
///
/// ```
/// # lockorder::hierarchy! { Bank { level 1 { Ledger = "ledger" } } }
/// use lockorder::{Mutex, testing::violations};
///
/// let (old, new) = (Mutex::<Ledger, _>::new(1), Mutex::<Ledger, _>::new(2));
/// let found = violations(|| drop((old.lock(), new.lock()))); // two of one class
/// assert_eq!(found.len(), usize::from(lockorder::ENFORCING));
/// ```
pub enum Unkeyed {}

/// Each lock of the class has a number; one holder may hold several, taken in rising order.
///
/// ```
/// # lockorder::hierarchy! { Bank { level 1 { Account = "account" [keyed] } } }
/// use lockorder::{Mutex, testing::violations};
///
/// let (ann, bob) = (Mutex::<Account, _>::keyed(1, 100), Mutex::<Account, _>::keyed(2, 0));
/// assert!(violations(|| drop((ann.lock(), bob.lock()))).is_empty()); // 1, then 2
/// let found = violations(|| drop((bob.lock(), ann.lock())));
/// assert_eq!(found.len(), usize::from(lockorder::ENFORCING));
/// ```
pub enum Keyed {}

impl Keying for Unkeyed {}
impl Keying for Keyed {}

/// What the macro builds tables from. Not public API.
#[doc(hidden)]
pub mod table;
