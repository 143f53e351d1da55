//! One account: an actor with a queue.
//!
//! Its tasks are the *io* task of `grammers`, the *pump*, which owns the update stream and only drains it, the
//! *dispatcher*, which calls handlers, the *health* task, which asks whether the line works and makes it again, the
//! *census*, which finds and fetches what the stream passed over, the *runner*, which owns the queue and in which
//! operations wait and run; and, where there is a store, the *keeper*, which writes what changes, the *resumption*,
//! which goes on with [what was held](resumed), and one for each operation that the store [keeps](kept). They share
//! nothing but ranked locks, atomics and channels. What the session needs of its manager it asks for through
//! [`Admission`].

mod admission;
mod attempt;
mod attempts;
mod census;
mod config;
mod core;
mod counts;
mod doubts;
#[cfg(test)]
pub(crate) mod fuzz;
mod given;
mod go;
mod health;
mod in_hand;
mod job;
mod keeper;
mod kept;
mod latches;
mod lifecycle;
mod live;
mod permits;
mod position;
mod progress;
mod queue;
mod reports;
mod resumed;
mod runner;
mod signal;
mod state;
mod streams;
mod tasks;
mod turn;

pub(crate) use admission::Admission;
pub use config::SessionConfig;
pub(crate) use config::{Pauses, Settings};
pub(crate) use core::Core;
pub use core::Line;
pub(crate) use kept::KeepRefusal;
pub use lifecycle::{ConnectError, Stopped};
pub(crate) use lifecycle::{Session, SubmitRefusal};
pub(crate) use permits::Permits;
pub use state::{SessionState, SessionStatus};
pub use tasks::{TaskInfo, TaskTable};
