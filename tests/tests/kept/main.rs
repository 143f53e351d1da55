//! Operations that a store keeps: done once, whatever becomes of the process that was asked for them.

mod held;
mod listed;
mod office;
mod once;
