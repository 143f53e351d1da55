//! The locks that programs take, one of each kind, and what a guard of one can do.

use std::any::Any;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::FutureExt;
use lockorder::dashmap::DashMap;
use lockorder::tokio as aio;
use lockorder::{
    Condvar, FairMutex, HandedOver, Mutex, MutexGuard, OnceCell, ReentrantMutex, RwLock,
    RwLockUpgradableReadGuard, RwLockWriteGuard, hand_over, learned, lock_many,
};

lockorder::hierarchy! {
    pub(crate) Main {
        level 1 { Top = "top" }
        level 2 { Fair = "fair", Tree = "tree" }
        level 3 { Shared = "shared" }
        level 4 { Task = "task", Table = "table" }
        level 5 { Slots = "slots" }
        level 6 { Many = "many" [keyed], Tasks = "tasks" [keyed] }
        level 7 { Cell = "cell", Map = "map" }
        level 8 { Last = "last" }
    }
}

lockorder::hierarchy! {
    pub(crate) Second {
        level 1 { X = "x" }
        level 2 { Y = "y" }
    }
}

/// What the reference knows of a lock.
pub(crate) struct Facts {
    /// Table and row; a learned class has a table to itself.
    pub(crate) class: (usize, usize),
    pub(crate) key: Option<u64>,
    pub(crate) is_async: bool,
    /// More than one way to take it.
    pub(crate) is_shared: bool,
}

const fn facts(table: usize, row: usize, key: u64, is_async: bool, is_shared: bool) -> Facts {
    let key = if key == 0 { None } else { Some(key) };
    Facts { class: (table, row), key, is_async, is_shared }
}

/// By the number of the lock.
pub(crate) const FACTS: [Facts; 20] = [
    facts(0, 0, 0, false, false),
    facts(0, 0, 0, false, false),
    facts(0, 1, 0, false, false),
    facts(0, 2, 0, false, false),
    facts(0, 3, 0, false, true),
    facts(0, 4, 0, true, false),
    facts(0, 5, 0, true, true),
    facts(0, 6, 0, true, false),
    facts(0, 7, 1, false, false),
    facts(0, 7, 2, false, false),
    facts(0, 8, 1, true, false),
    facts(0, 8, 2, true, false),
    facts(0, 10, 0, false, true),
    facts(0, 11, 0, false, false),
    facts(1, 0, 0, false, false),
    facts(1, 1, 0, true, false),
    facts(2, 0, 0, false, false),
    facts(3, 0, 0, false, true),
    facts(4, 0, 0, true, false),
    facts(5, 0, 0, true, false),
];

pub(crate) const TREE: usize = 3;
pub(crate) const SHARED: usize = 4;
pub(crate) const SLOTS: usize = 7;
pub(crate) const MAP: usize = 12;
/// The locks of the keyed class.
pub(crate) const MANY: [usize; 2] = [8, 9];
/// As many as the semaphore has.
pub(crate) const PERMITS: u32 = 2;
/// A class of which each program makes locks of its own.
pub(crate) const CELL: (usize, usize) = (0, 9);

struct World {
    top: [Mutex<Top, u32>; 2],
    fair: FairMutex<Fair, u32>,
    tree: ReentrantMutex<Tree, u32>,
    shared: RwLock<Shared, u32>,
    task: Arc<aio::Mutex<Task, u32>>,
    table: aio::RwLock<Table, u32>,
    slots: Arc<aio::Semaphore<Slots>>,
    many: [Mutex<Many, u32>; 2],
    tasks: [Arc<aio::Mutex<Tasks, u32>>; 2],
    map: DashMap<Map, u32, u32>,
    last: Mutex<Last, u32>,
    x: Mutex<X, u32>,
    y: aio::Mutex<Y, u32>,
    learned: learned::Mutex<u32>,
    learned_lock: learned::RwLock<u32>,
    learned_task: learned::tokio::Mutex<u32>,
    learned_slots: learned::tokio::Semaphore,
    condvar: Condvar,
}

static WORLD: LazyLock<World> = LazyLock::new(|| World {
    top: [Mutex::new(0), Mutex::new(0)],
    fair: FairMutex::new(0),
    tree: ReentrantMutex::new(0),
    shared: RwLock::new(0),
    task: Arc::default(),
    table: aio::RwLock::new(0),
    slots: Arc::new(aio::Semaphore::new(PERMITS as usize)),
    many: [1, 2].map(|key| Mutex::keyed(key, 0)),
    tasks: [1, 2].map(|key| Arc::new(aio::Mutex::keyed(key, 0))),
    map: [(1, 1)].into_iter().collect(),
    last: Mutex::new(0),
    x: Mutex::new(0),
    y: aio::Mutex::new(0),
    learned: learned::Mutex::named("model: mutex", 0),
    learned_lock: learned::RwLock::named("model: lock", 0),
    learned_task: learned::tokio::Mutex::named("model: async mutex", 0),
    learned_slots: learned::tokio::Semaphore::named("model: semaphore", 1),
    condvar: Condvar::new(),
});

/// A side of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Exclusive,
    Shared,
    Recursive,
    Upgradable,
    Permits(u32),
}

/// How an acquisition deals with a lock that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Waits: for a lock that is free.
    Wait,
    /// Waits for no time at all; an async one is cancelled when it has to.
    Timed,
    Try,
}

pub(crate) enum Guard {
    Top(MutexGuard<'static, Top, u32>),
    Upgradable(RwLockUpgradableReadGuard<'static, Shared, u32>),
    Write(RwLockWriteGuard<'static, Shared, u32>),
    Movable(Movable),
    Other(#[expect(dead_code, reason = "held for its drop")] Box<dyn Any>),
}

/// What may change hands.
pub(crate) enum Movable {
    Task(aio::OwnedMutexGuard<Task, u32>),
    Permits(aio::OwnedSemaphorePermit<Slots>),
    HandedTask(HandedOver<aio::OwnedMutexGuard<Task, u32>>),
    HandedPermits(HandedOver<aio::OwnedSemaphorePermit<Slots>>),
}

impl Movable {
    pub(crate) fn hand_over(self) -> Self {
        match self {
            Self::Task(guard) => Self::HandedTask(hand_over(guard)),
            Self::Permits(permits) => Self::HandedPermits(hand_over(permits)),
            handed => handed,
        }
    }

    pub(crate) fn take_over(self) -> Self {
        match self {
            Self::HandedTask(guard) => Self::Task(guard.take_over()),
            Self::HandedPermits(permits) => Self::Permits(permits.take_over()),
            owned => owned,
        }
    }
}

macro_rules! block {
    ($how:expr, $lock:expr, $wait:ident, $for:ident, $try:ident) => {
        match $how {
            How::Wait => Some($lock.$wait()),
            How::Timed => $lock.$for(Duration::ZERO),
            How::Try => $lock.$try(),
        }
    };
}

macro_rules! suspend {
    ($how:expr, $wait:expr, $try:expr) => {
        match $how {
            How::Wait | How::Timed => $wait.now_or_never(),
            How::Try => $try.ok(),
        }
    };
}

fn other<G: 'static>(guard: G) -> Guard {
    Guard::Other(Box::new(guard))
}

/// Takes a lock, as a thread or in a task as the case may be.
pub(crate) fn acquire(lock: usize, side: Side, how: How) -> Option<Guard> {
    let w = &*WORLD;
    match lock {
        0 | 1 => block!(how, w.top[lock], lock, try_lock_for, try_lock).map(Guard::Top),
        2 => block!(how, w.fair, lock, try_lock_for, try_lock).map(other),
        3 => block!(how, w.tree, lock, try_lock_for, try_lock).map(other),
        4 => match side {
            Side::Shared => block!(how, w.shared, read, try_read_for, try_read).map(other),
            Side::Recursive => {
                block!(how, w.shared, read_recursive, try_read_recursive_for, try_read_recursive)
                    .map(other)
            }
            Side::Upgradable => {
                block!(how, w.shared, upgradable_read, try_upgradable_read_for, try_upgradable_read)
                    .map(Guard::Upgradable)
            }
            _ => block!(how, w.shared, write, try_write_for, try_write).map(Guard::Write),
        },
        5 => {
            let (wait, free) = (Arc::clone(&w.task), Arc::clone(&w.task));
            let guard = suspend!(how, wait.lock_owned(), free.try_lock_owned());
            guard.map(|guard| Guard::Movable(Movable::Task(guard)))
        }
        6 => match side {
            Side::Exclusive => suspend!(how, w.table.write(), w.table.try_write()).map(other),
            _ => suspend!(how, w.table.read(), w.table.try_read()).map(other),
        },
        7 => {
            let Side::Permits(n) = side else { unreachable!("a semaphore has permits") };
            let (wait, free) = (Arc::clone(&w.slots), Arc::clone(&w.slots));
            let permits = match how {
                How::Try => free.try_acquire_many_owned(n).ok(),
                _ => wait.acquire_many_owned(n).now_or_never().map(|p| p.expect("it is open")),
            };
            permits.map(|permits| Guard::Movable(Movable::Permits(permits)))
        }
        8 | 9 => block!(how, w.many[lock - 8], lock, try_lock_for, try_lock).map(other),
        10 | 11 => {
            let lock = &*w.tasks[lock - 10];
            suspend!(how, lock.lock(), lock.try_lock()).map(other)
        }
        12 => match (how, side) {
            (How::Try, _) => w.map.try_entry(1).map(other),
            (_, Side::Exclusive) => w.map.get_mut(&1).map(other),
            _ => w.map.get(&1).map(other),
        },
        13 => block!(how, w.last, lock, try_lock_for, try_lock).map(other),
        14 => block!(how, w.x, lock, try_lock_for, try_lock).map(other),
        15 => suspend!(how, w.y.lock(), w.y.try_lock()).map(other),
        16 => block!(how, w.learned, lock, try_lock_for, try_lock).map(other),
        17 => match side {
            Side::Exclusive => {
                block!(how, w.learned_lock, write, try_write_for, try_write).map(other)
            }
            _ => block!(how, w.learned_lock, read, try_read_for, try_read).map(other),
        },
        18 => suspend!(how, w.learned_task.lock(), w.learned_task.try_lock()).map(other),
        _ => suspend!(how, w.learned_slots.acquire(), w.learned_slots.try_acquire().map(Ok))
            .map(other),
    }
}

/// Takes a lock of each table, one after the other and outside of any runtime: while no lock needs more than a
/// comparison. Then the first async one: a blocking lock that a task takes before that cannot be told from its
/// thread's, a limit of the crate that the rules do not know.
pub(crate) fn begin() {
    let w = &*WORLD;
    drop(w.top[0].lock());
    drop(w.x.lock());
    drop(w.learned.lock());
    drop(w.learned_lock.read());
    drop(w.task.try_lock());
}

/// Takes the locks of the keyed class, the last first.
pub(crate) fn acquire_many() -> [Guard; 2] {
    let [first, second] = &WORLD.many;
    let [second, first] = lock_many([second, first]).expect("they have keys");
    [other(first), other(second)]
}

/// Waits for nobody to notify.
pub(crate) fn wait(guard: &mut MutexGuard<'static, Top, u32>) {
    assert!(WORLD.condvar.wait_for(guard, Duration::ZERO).timed_out());
}

/// Makes the value of a cell of its own, with a lock in the initialiser.
pub(crate) fn initialise(lock: usize, side: Side, how: How) -> bool {
    let cell = OnceCell::<Cell, bool>::new();
    *cell.get_or_init(|| acquire(lock, side, how).is_some())
}
