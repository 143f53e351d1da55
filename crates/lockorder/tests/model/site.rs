//! A thread that runs steps: its own, and those of the tasks on it.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use lockorder::testing::Collector;
use lockorder::{RwLockUpgradableReadGuard, RwLockWriteGuard, ViolationKind, branch};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc as tasks, oneshot};
use tokio::task::{LocalSet, spawn_local};

use crate::reference::Holder;
use crate::world::{self, Guard, How, Movable, Side};

/// One thing that a holder does. Guards are named by number.
pub(crate) enum Act {
    Acquire {
        lock: usize,
        side: Side,
        how: How,
        guard: u64,
    },
    Initialise {
        lock: usize,
        side: Side,
        how: How,
    },
    Wait {
        guard: u64,
    },
    Upgrade {
        guard: u64,
    },
    Downgrade {
        guard: u64,
    },
    Release {
        guard: u64,
    },
    Give {
        guard: u64,
        hand_over: bool,
    },
    Take {
        guard: u64,
        given: Movable,
    },
    /// Takes the first lock, and panics; the second is taken in a `drop` meanwhile.
    Panic {
        first: (usize, Side, How),
        second: (usize, Side, How),
    },
    /// Takes the locks of the keyed class at once.
    Many {
        guards: [u64; 2],
    },
    /// Waits for a task that takes a lock and releases it.
    Child {
        lock: usize,
        side: Side,
        how: How,
    },
    /// Ends the tasks of the thread; what they hold must have been released.
    Reset,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) found: Vec<ViolationKind>,
    pub(crate) got: bool,
    pub(crate) given: Option<Movable>,
}

/// A thread that runs steps: the caller's, or another.
pub(crate) enum Site {
    Here(Box<Here>),
    There { orders: mpsc::Sender<(Holder, Act)>, outcomes: mpsc::Receiver<Outcome> },
}

impl Site {
    /// Runs steps on this thread.
    pub(crate) fn here() -> Self {
        Self::Here(Box::default())
    }

    /// Runs steps on a thread of its own.
    pub(crate) fn there() -> Self {
        let (orders, received) = mpsc::channel();
        let (done, outcomes) = mpsc::channel();
        thread::spawn(move || {
            let mut here = Here::default();
            while let Ok((holder, act)) = receive(&received) {
                done.send(here.act(holder, act)).unwrap();
            }
        });
        Self::There { orders, outcomes }
    }

    pub(crate) fn act(&mut self, holder: Holder, act: Act) -> Outcome {
        match self {
            Self::Here(here) => here.act(holder, act),
            Self::There { orders, outcomes } => {
                orders.send((holder, act)).unwrap();
                receive(outcomes).expect("the step did not panic")
            }
        }
    }
}

/// The holders of this thread.
pub(crate) struct Here {
    runtime: Runtime,
    local: LocalSet,
    /// The letter boxes of each task: its own, and those of its branches.
    tasks: HashMap<usize, [Mail; 3]>,
    own: Guards,
}

impl Default for Here {
    fn default() -> Self {
        let runtime = Builder::new_current_thread().build().unwrap();
        Self { runtime, local: LocalSet::new(), tasks: HashMap::new(), own: Guards::default() }
    }
}

impl Here {
    fn act(&mut self, holder: Holder, act: Act) -> Outcome {
        let Self { runtime, local, tasks, own } = self;
        match (holder.task, act) {
            // Tasks of the next program are new ones.
            (_, Act::Reset) => {
                tasks.clear();
                *local = LocalSet::new();
                Outcome::default()
            }
            (0, act) => runtime.block_on(async { own.act(act) }),
            (task, act) => local.block_on(runtime, async {
                let (reply, outcome) = oneshot::channel();
                let mail = &tasks.entry(task).or_insert_with(start_task)[holder.branch];
                assert!(mail.send((act, reply)).is_ok(), "the task waits for mail");
                outcome.await.expect("the step did not panic")
            }),
        }
    }
}

/// Looks for a while before it sleeps: most steps take less than waking a thread does.
fn receive<T>(channel: &mpsc::Receiver<T>) -> Result<T, mpsc::RecvError> {
    for _ in 0..5_000 {
        match channel.try_recv() {
            Ok(got) => return Ok(got),
            Err(mpsc::TryRecvError::Empty) => std::hint::spin_loop(),
            Err(mpsc::TryRecvError::Disconnected) => return Err(mpsc::RecvError),
        }
    }
    channel.recv()
}

type Mail = tasks::UnboundedSender<(Act, oneshot::Sender<Outcome>)>;

fn start_task() -> [Mail; 3] {
    let [(own, mail), (first, first_mail), (second, second_mail)] =
        [(); 3].map(|()| tasks::unbounded_channel());
    spawn_local(async move {
        tokio::join!(serve(mail), branch(serve(first_mail)), branch(serve(second_mail)));
    });
    [own, first, second]
}

async fn serve(mut mail: tasks::UnboundedReceiver<(Act, oneshot::Sender<Outcome>)>) {
    let mut guards = Guards::default();
    while let Some((act, reply)) = mail.recv().await {
        let outcome = match act {
            Act::Child { lock, side, how } => child(lock, side, how).await,
            act => guards.act(act),
        };
        assert!(reply.send(outcome).is_ok());
    }
}

async fn child(lock: usize, side: Side, how: How) -> Outcome {
    let mut outcome = Outcome::default();
    let collector = Collector::new();
    let task = collector.watch(async move { world::acquire(lock, side, how).is_some() });
    outcome.got = lockorder::tokio::spawn_local(task).await.unwrap();
    outcome.found = found(&collector);
    outcome
}

/// What was reported. That a task is suspended with a blocking guard, as many here are, has tests of its own.
fn found(collector: &Collector) -> Vec<ViolationKind> {
    let found = collector.take().into_iter().map(|v| v.kind);
    found.filter(|kind| *kind != ViolationKind::HeldAcrossAwait).collect()
}

/// The guards in the hands of one holder.
#[derive(Default)]
struct Guards(HashMap<u64, Guard>);

impl Guards {
    fn act(&mut self, act: Act) -> Outcome {
        let collector = Collector::new();
        let mut outcome = Outcome::default();
        collector.run(|| self.run(act, &mut outcome));
        outcome.found = found(&collector);
        outcome
    }

    fn run(&mut self, act: Act, outcome: &mut Outcome) {
        match act {
            Act::Acquire { lock, side, how, guard } => {
                let got = world::acquire(lock, side, how);
                outcome.got = got.is_some();
                self.0.extend(got.map(|got| (guard, got)));
            }
            Act::Initialise { lock, side, how } => {
                outcome.got = world::initialise(lock, side, how);
            }
            Act::Wait { guard } => match self.0.get_mut(&guard) {
                Some(Guard::Top(guard)) => world::wait(guard),
                _ => unreachable!("only the guard of a mutex waits"),
            },
            Act::Upgrade { guard } => {
                let Some(Guard::Upgradable(inner)) = self.0.remove(&guard) else {
                    unreachable!("only an upgradable guard is upgraded")
                };
                let limit = std::time::Duration::ZERO;
                let upgraded = match RwLockUpgradableReadGuard::try_upgrade_for(inner, limit) {
                    Ok(inner) => Guard::Write(inner),
                    Err(inner) => Guard::Upgradable(inner),
                };
                outcome.got = matches!(upgraded, Guard::Write(_));
                self.0.insert(guard, upgraded);
            }
            Act::Downgrade { guard } => {
                let Some(Guard::Write(inner)) = self.0.remove(&guard) else {
                    unreachable!("only a writer's guard is downgraded")
                };
                let inner = RwLockWriteGuard::downgrade_to_upgradable(inner);
                self.0.insert(guard, Guard::Upgradable(inner));
            }
            Act::Release { guard } => drop(self.0.remove(&guard).expect("it is here")),
            Act::Give { guard, hand_over } => {
                let Some(Guard::Movable(guard)) = self.0.remove(&guard) else {
                    unreachable!("only some guards may move")
                };
                outcome.given = Some(if hand_over { guard.hand_over() } else { guard });
            }
            Act::Take { guard, given } => {
                self.0.insert(guard, Guard::Movable(given.take_over()));
            }
            Act::Panic { first, second } => panic_with(first, second),
            Act::Many { guards } => self.0.extend(guards.into_iter().zip(world::acquire_many())),
            Act::Child { .. } | Act::Reset => unreachable!("that is not for a holder"),
        }
    }
}

fn panic_with(first: (usize, Side, How), second: (usize, Side, How)) {
    struct Takes((usize, Side, How));
    impl Drop for Takes {
        fn drop(&mut self) {
            let (lock, side, how) = self.0;
            drop(world::acquire(lock, side, how));
        }
    }
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let (lock, side, how) = first;
        let _guard = world::acquire(lock, side, how);
        let _takes = Takes(second);
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(unwound.is_err());
}
