//! The six levels: the order of every lock in this crate, and the only place where it is written.
//!
//! Locks are taken from the top of the table to the bottom. A row may be skipped, never reversed. So nothing
//! of level 1 may be asked for while a permit or a session is held: counters that change inside an operation
//! are atomics, and the metrics lock is for consistent snapshots and for what changes outside.

lockorder::hierarchy! {
    /// The locks of a manager and its sessions, outermost first. Each acquisition gives up after 30 s unless
    /// the manager was built with another time.
    pub Locks (timeout: 30 s) {
        level 1 {
            /// Guards the register of the sessions' actors: who runs, with which key, and since when.
            /// Contended by adding, removing, listing and the shutdown.
            GlobalTasks = "manager.tasks",
            /// Guards the totals that change outside of operations.
            /// Contended by adding, removing, and snapshots, which must see totals that belong together.
            GlobalMetrics = "manager.metrics",
        }
        level 2 {
            /// Permits to scrape: how many exports run at once in the whole manager.
            /// Contended by exports of all sessions.
            ScrapePermits = "manager.scrapes",
            /// Permits to operate: how many other operations run at once in the whole manager.
            /// Contended by sends and custom operations of all sessions.
            OperationPermits = "manager.operations",
        }
        level 3 {
            /// Guards the manager's record of one session. Operations read it for as long as they run, and the
            /// census for each of its calls, so that nobody takes the session away under them.
            /// Contended by operations on one side, reconnecting and removing on the other.
            SessionRecord = "manager.session" [keyed],
        }
        level 4 {
            /// Guards what a session is doing: one exclusive operation at a time.
            /// Contended by exclusive operations and by pausing.
            SessionOperation = "session.operation",
        }
        level 5 {
            /// Guards the table of a session's tasks.
            /// Contended by tasks that start, and by listing.
            SessionTasks = "session.tasks",
        }
        level 6 {
            /// Guards a session's handlers. Whoever dispatches an event reads it until the handlers are
            /// done, so a handler that was removed is not running any more.
            /// Contended by dispatching on one side, stopping monitors and taking up new ones on the other.
            SessionHandlers = "session.handlers",
        }
    }
}
