//! A manager of many Telegram client sessions that cannot deadlock.
//!
//! Sessions are [`grammers`](grammers_client) clients. A [`Manager`] connects them, gives them operations
//! through bounded queues, lets as many run at once as it has permits, tells handlers what happens to the
//! accounts, and stops everything within a budget. Every lock in this crate has a rank in one table of six
//! levels, [`Locks`]; in builds with checks an acquisition that breaks the order is reported before it
//! blocks, and in every build each acquisition gives up after a time and says who was in the way.
//!
//! ```no_run
//! use tgsession::{Manager, Monitor, Outcome, Send, SessionConfig};
//!
//! # async fn run(session_data: grammers_session::SessionData) -> Result<(), Box<dyn std::error::Error>> {
//! let manager = Manager::builder().build()?;
//! let session = manager.add_session(SessionConfig::new("support", session_data, 12345)).await?;
//!
//! let monitor = Monitor::new(|event| async move {
//!     println!("session {}: {:?}", event.session(), event.message().map(|m| m.text().to_owned()));
//!     Ok(())
//! });
//! let _monitoring = manager.submit(session, monitor)?.await;
//!
//! match manager.submit(session, Send::new("@friend", "hello"))?.await {
//!     Outcome::Done(sent) => println!("{sent:?}"),
//!     other => println!("not sent: {other:?}"),
//! }
//! manager.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Layers
//!
//! Everything flows one way. `hierarchy` is the table of locks. `limits` are what an account allows itself. `seen` is
//! which messages are known. `store` is what outlives the process. `telegram` opens connections, reads what updates
//! passed over, and sorts errors. `events` are what happens to accounts and the handlers that are told. `operation` is
//! what a session can be asked to do, `retry` what follows a failure. `session` is the actor of one account. `manager`
//! is many of them.
//!
//! # What it promises
//!
//! - Two exclusive operations of one session never overlap; updates keep flowing meanwhile.
//! - No more exports run at once than there are permits; what waits, backs off or is held by a flood wait
//!   holds none.
//! - Each event reaches each handler of its session once, in order, unless handlers are so slow that more
//!   wait than there is room for: of those, messages are [recovered](#recovered-messages) later, and all else is
//!   dropped, counted and logged. A handler that fails or panics concerns nobody else. A process that is killed
//!   hears again, with its store, what it had not handled.
//! - No message is missed silently, whatever the updates pass over: see [recovered messages](#recovered-messages).
//! - Each submitted operation gets exactly one [`Outcome`], when all that it held is back.
//! - A flood wait holds all work of the account, what runs too, and it is not given to another. Only a line that breaks
//!   meanwhile is made again.
//! - An operation that is [submitted to be kept](Manager::submit_kept) is done once, whatever becomes of the process.
//!
//! # Recovered messages
//!
//! Telegram does not tell a client that was away too long, or in whose channels too much happened, what it missed; it
//! says where to go on from. A session remembers, in its store over restarts too, which messages of each chat were
//! handled. Within a minute after it has connected, and whenever its updates have passed something over, it compares
//! that with the list of its dialogs, and reads what is missing from the history of the chat. Handlers hear it as
//! they hear everything, once, and [`Event::is_recovered`] says so.
//!
//! - The messages of one gap come oldest first; newer messages of the chat may come before them, as the stream of
//!   updates does not wait.
//! - Of each gap the newest 1000 messages are read ([`Builder::recover_at_most`]); older ones are given up, with a
//!   warning and a count ([`MetricsSnapshot::events_dropped`]).
//! - Only messages are recovered: not that they were edited or deleted, and nothing of bots, which have no dialogs.
//! - An account that is new begins with its first list, which is made within a minute after it has connected for the
//!   first time. A chat that appears later begins with what is not older than the list before.
//!
//! # Memory
//!
//! A connection of `grammers` has two buffers of 1 MiB, of which it touches little. Who embeds this crate in a program
//! that uses the allocator of glibc sets the environment variable `MALLOC_MMAP_THRESHOLD_` before the process starts:
//!
//! ```sh
//! MALLOC_MMAP_THRESHOLD_=8192 ./archive
//! ```
//!
//! Without it glibc raises its threshold for mappings when the first connection is closed, and from then on a process
//! keeps such buffers, touched: about 1.5 MiB for each session that has reconnected (1.4 to 1.8 MiB). With it memory
//! stays flat over any number of reconnects. glibc reads it once, at the start, so a program that is not started with
//! it has to start itself again, as the binary of `tgsession-cli` does.
//!
//! # What it will not do
//!
//! Join chats, harvest links, export members where the account is not an admin, read phone numbers, or
//! pretend to be a device that it is not.

mod events;
#[cfg(test)]
mod fuzz;
mod hierarchy;
mod id;
mod limits;
mod manager;
mod operation;
mod retry;
mod seen;
mod session;
mod store;
mod telegram;

pub use events::{Event, EventStream, HandlerError, HandlerTable};
pub use hierarchy::{
    GlobalMetrics, GlobalTasks, Locks, OperationPermits, ScrapePermits, SessionHandlers,
    SessionOperation, SessionRecord, SessionTasks,
};
pub use id::SessionId;
pub use limits::{Limits, Pace, PacedCall, Quota, QuotaExceeded};
pub use manager::{
    AddError, Balance, BuildError, Builder, GlobalTask, GlobalTaskTable, KeepError, Manager,
    MetricsSnapshot, ReconnectError, RemoveError, SessionHandle, ShutdownReport, SubmitError,
    Totals, ViewError,
};
pub use operation::{
    Custom, ExportMembers, ExportMessages, Exported, Failure, Format, Keepable, Kept, KeptTicket,
    Kind, Member, Monitor, Monitoring, Operation, Outcome, Post, Send, Sent, Ticket, ToFile,
};
pub use session::{
    ConnectError, Line, SessionConfig, SessionState, SessionStatus, Stopped, TaskInfo, TaskTable,
};
pub use store::{
    AuditLine, Happened, OpenError, OperationState, Secret, SecretError, Store, StoreError,
    StoredEvent, StoredOperation,
};
pub use telegram::{CallError, Identity, Target};
