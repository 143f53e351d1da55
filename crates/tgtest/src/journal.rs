//! The server's own story: what each account asked, and when.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::fault::Method;
use crate::world::UserId;

/// A call that the server received.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// The account that the connection's key belongs to.
    pub account: Option<UserId>,
    /// What it called.
    pub method: Method,
    /// When it arrived.
    pub at: Instant,
    /// The error it was refused with, such as `FLOOD_WAIT_3`.
    pub refused: Option<String>,
}

/// A message that the server accepted from an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// Who sent it.
    pub from: UserId,
    /// The number of the user, basic group or channel it went to.
    pub to: i64,
    /// Its text.
    pub text: String,
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) requests: Vec<Request>,
    pub(crate) sent: Vec<Sent>,
    /// Calls of each method and account that are being answered.
    open: HashMap<(Method, Option<UserId>), usize>,
    watched: Vec<Watch>,
}

/// Counts how many accounts are in a set of methods at once: from the arrival of a call until its answer is
/// on its way.
#[derive(Clone, Debug)]
pub struct Watch {
    methods: Vec<Method>,
    most: Arc<AtomicUsize>,
}

impl Watch {
    /// The most accounts at once so far.
    pub fn most_at_once(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }
}

impl Journal {
    pub(crate) fn watch(&mut self, methods: &[Method]) -> Watch {
        let watch = Watch { methods: methods.to_vec(), most: Arc::default() };
        self.watched.push(watch.clone());
        watch
    }

    pub(crate) fn begin(&mut self, method: Method, account: Option<UserId>) {
        *self.open.entry((method, account)).or_default() += 1;
        for watch in &self.watched {
            let mut accounts: Vec<_> = self
                .open
                .keys()
                .filter(|(method, _)| watch.methods.contains(method))
                .map(|(_, account)| account)
                .collect();
            accounts.sort_unstable();
            accounts.dedup();
            watch.most.fetch_max(accounts.len(), Ordering::Relaxed);
        }
    }

    pub(crate) fn end(&mut self, method: Method, account: Option<UserId>) {
        if let Some(open) = self.open.get_mut(&(method, account)) {
            *open -= 1;
            if *open == 0 {
                self.open.remove(&(method, account));
            }
        }
    }
}
