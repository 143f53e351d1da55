//! What the updates of an account pass over: it is found and recovered, each message once.
//!
//! On paused time, of which no test lets more pass than `grammers` waits for updates before it asks for them.

mod once;
mod recovered;
mod scene;
mod slow;
mod sparing;
mod trouble;
