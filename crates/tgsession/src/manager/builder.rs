//! The times and sizes of a manager.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use lockorder::Hierarchy;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::check::BuildError;
use super::metrics::Metrics;
use super::registry::Registry;
use super::tasks::Tasks;
use super::{Balance, Inner, Manager};
use crate::hierarchy::Locks;
use crate::limits::Limits;
use crate::operation::Kind;
use crate::retry::Kinds;
use crate::session::{Pauses, Permits, Settings};

/// Chooses the times and sizes of a [`Manager`].
///
/// ```
/// use std::time::Duration;
/// use tgsession::{Balance, Manager};
///
/// let manager = Manager::builder()
///     // How much runs at once, and how much waits.
///     .scrape_permits(5)
///     .operation_permits(10)
///     .queue_capacity(1000)
///     .event_capacity(4096)
///     .balance(Balance::LeastLoaded)
///     // How long is waited for others.
///     .lock_timeout(Duration::from_secs(10))
///     .connect_timeout(Duration::from_secs(20))
///     .health_interval(Duration::from_secs(60))
///     .health_timeout(Duration::from_secs(20))
///     .build()?;
/// # Ok::<_, tgsession::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) settings: Settings,
    pub(super) scrape_permits: usize,
    pub(super) operation_permits: usize,
    balance: Balance,
    pub(super) shutdown_budget: Duration,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            settings: Settings {
                lock_timeout: Locks::table().timeout(),
                kinds: Kinds::default(),
                limits: Limits::default(),
                queue_capacity: 100,
                queue_wait: Duration::from_secs(60),
                connect_timeout: Duration::from_secs(10),
                health_interval: Duration::from_secs(30),
                health_timeout: Duration::from_secs(10),
                reconnects: Pauses::default(),
                stop_budget: Duration::from_secs(5),
                event_capacity: 1024,
                recover_at_most: 1000,
            },
            scrape_permits: 5,
            operation_permits: 3,
            balance: Balance::default(),
            shutdown_budget: Duration::from_secs(10),
        }
    }
}

impl Builder {
    /// How long each lock and permit is waited for; 30 s if nothing is said.
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.settings.lock_timeout = timeout;
        self
    }

    /// How many exports run at once in all; 5 if nothing is said.
    #[must_use]
    pub fn scrape_permits(mut self, n: usize) -> Self {
        self.scrape_permits = n;
        self
    }

    /// How many other operations run at once in all; 3 if nothing is said.
    #[must_use]
    pub fn operation_permits(mut self, n: usize) -> Self {
        self.operation_permits = n;
        self
    }

    /// How many operations a session's queue holds; 100 if nothing is said.
    #[must_use]
    pub fn queue_capacity(mut self, n: usize) -> Self {
        self.settings.queue_capacity = n;
        self
    }

    /// How long an operation waits in a queue before it expires; 60 s if nothing is said.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tgsession::Manager;
    ///
    /// // What has not begun by then is not begun.
    /// let manager = Manager::builder().queue_wait(Duration::from_secs(10)).build()?;
    /// # Ok::<_, tgsession::BuildError>(())
    /// ```
    #[must_use]
    pub fn queue_wait(mut self, wait: Duration) -> Self {
        self.settings.queue_wait = wait;
        self
    }

    /// How long one attempt of an operation of this kind may take: 3600 s to start a monitor, 60 s to send, 300 s
    /// for the others, if nothing is said.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tgsession::{Kind, Manager};
    ///
    /// let manager = Manager::builder().timeout(Kind::Send, Duration::from_secs(20)).build()?;
    /// # Ok::<_, tgsession::BuildError>(())
    /// ```
    #[must_use]
    pub fn timeout(mut self, kind: Kind, timeout: Duration) -> Self {
        self.settings.kinds.set_timeout(kind, timeout);
        self
    }

    /// Which operations of a session's queue go first, from 0 to 10: monitors 10, exports 5, sends 1 and custom
    /// operations 0, if nothing is said. What waits rises to 10 before it expires, so that nothing waits for ever
    /// behind what keeps coming.
    ///
    /// ```
    /// use tgsession::{Kind, Manager};
    ///
    /// // Answers before archives.
    /// let manager = Manager::builder().priority(Kind::Send, 8).build()?;
    /// # Ok::<_, tgsession::BuildError>(())
    /// ```
    #[must_use]
    pub fn priority(mut self, kind: Kind, priority: u32) -> Self {
        self.settings.kinds.priorities.set(kind, priority);
        self
    }

    /// How often an operation of this kind is tried again after a failure that may pass: exports 2 times, sends
    /// once, if nothing is said. A [`Custom`](crate::Custom) operation never is, as nobody knows what it did.
    ///
    /// ```
    /// use tgsession::{Kind, Manager};
    ///
    /// // A message that is late is worth nothing.
    /// let manager = Manager::builder().retries(Kind::Send, 0).build()?;
    /// # Ok::<_, tgsession::BuildError>(())
    /// ```
    #[must_use]
    pub fn retries(mut self, kind: Kind, retries: u32) -> Self {
        self.settings.kinds.set_retries(kind, retries);
        self
    }

    /// The pause before an operation is tried again; it doubles with each. 2 s if nothing is said.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tgsession::Manager;
    ///
    /// // 5 s before the second attempt, 10 s before the third.
    /// let manager = Manager::builder().backoff(Duration::from_secs(5)).build()?;
    /// # Ok::<_, tgsession::BuildError>(())
    /// ```
    #[must_use]
    pub fn backoff(mut self, base: Duration) -> Self {
        self.settings.kinds.base = base;
        self
    }

    /// Whether pauses differ by up to a quarter from operation to operation, so that what failed together is not
    /// tried again together. They do if nothing is said.
    ///
    /// ```
    /// use tgsession::Manager;
    ///
    /// // For tests, in which times are to be known.
    /// let manager = Manager::builder().jitter(false).build()?;
    /// # Ok::<_, tgsession::BuildError>(())
    /// ```
    #[must_use]
    pub fn jitter(mut self, jitter: bool) -> Self {
        self.settings.kinds.jitter = jitter;
        self
    }

    /// What each account allows itself; careful practice if nothing is said.
    ///
    /// ```
    /// use tgsession::{Limits, Manager, Quota};
    ///
    /// let limits = Limits::default().quota(Quota::Sends, 20);
    /// let manager = Manager::builder().limits(limits).build()?;
    /// # Ok::<_, tgsession::BuildError>(())
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// How long a session may take to connect; 10 s if nothing is said.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How often each session is asked whether its line works; every 30 s if nothing is said. The first time is
    /// after half of that to all of it, by session, so that they are not asked together.
    #[must_use]
    pub fn health_interval(mut self, interval: Duration) -> Self {
        self.settings.health_interval = interval;
        self
    }

    /// How long the answer may take before the line is made anew; 10 s if nothing is said.
    #[must_use]
    pub fn health_timeout(mut self, timeout: Duration) -> Self {
        self.settings.health_timeout = timeout;
        self
    }

    /// How long to wait before each attempt to make a line again that does not work: before the `first` attempts these,
    /// then always `later`, as a session that is [degraded](crate::SessionState::Degraded); without `first` it is that
    /// at once. 2, 4, 8 and 16 s, then a minute, if nothing is said. Each session waits for up to a quarter longer, so
    /// that they do not come back together.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tgsession::Manager;
    ///
    /// let first = [1, 5, 30].map(Duration::from_secs);
    /// let manager =
    ///     Manager::builder().reconnect_pauses(&first, Duration::from_secs(300)).build()?;
    /// # Ok::<_, tgsession::BuildError>(())
    /// ```
    #[must_use]
    pub fn reconnect_pauses(mut self, first: &[Duration], later: Duration) -> Self {
        self.settings.reconnects = Pauses { first: first.into(), later };
        self
    }

    /// How long a session may take to stop; 5 s if nothing is said. It must not be longer than the
    /// [shutdown budget](Self::shutdown_budget).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tgsession::Manager;
    ///
    /// let manager = Manager::builder().stop_budget(Duration::from_secs(2)).build()?;
    /// # Ok::<_, tgsession::BuildError>(())
    /// ```
    #[must_use]
    pub fn stop_budget(mut self, budget: Duration) -> Self {
        self.settings.stop_budget = budget;
        self
    }

    /// How long all sessions together may take to stop; 10 s if nothing is said.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tgsession::Manager;
    ///
    /// // Whoever stops this process kills it after 30 s.
    /// let manager = Manager::builder()
    ///     .stop_budget(Duration::from_secs(20))
    ///     .shutdown_budget(Duration::from_secs(25))
    ///     .build()?;
    /// # Ok::<_, tgsession::BuildError>(())
    /// ```
    #[must_use]
    pub fn shutdown_budget(mut self, budget: Duration) -> Self {
        self.shutdown_budget = budget;
        self
    }

    /// How many events of a session may wait for its handlers; 1024 if nothing is said. Of those that come while there
    /// is no room, messages are recovered later.
    #[must_use]
    pub fn event_capacity(mut self, n: usize) -> Self {
        self.settings.event_capacity = n;
        self
    }

    /// How many messages of a chat are read from its history where updates passed them over; 1000 if nothing is said.
    /// Those that are older are given up, with a warning, and count as dropped.
    ///
    /// ```
    /// use tgsession::Manager;
    ///
    /// let manager = Manager::builder().recover_at_most(10_000).build()?;
    /// # Ok::<_, tgsession::BuildError>(())
    /// ```
    #[must_use]
    pub fn recover_at_most(mut self, messages: usize) -> Self {
        self.settings.recover_at_most = messages;
        self
    }

    /// How the manager chooses a session for [`Manager::submit_any`]; one after the other if nothing is said.
    #[must_use]
    pub fn balance(mut self, balance: Balance) -> Self {
        self.balance = balance;
        self
    }

    /// Makes the manager.
    ///
    /// ```
    /// use tgsession::Manager;
    ///
    /// let error = Manager::builder().scrape_permits(0).build().unwrap_err();
    /// assert_eq!(error.to_string(), "the number of scrape permits must be at least 1");
    /// ```
    ///
    /// # Errors
    /// If a number is zero that must not be, a time is longer than a year, a priority is higher than 10, or the budgets
    /// contradict each other.
    pub fn build(self) -> Result<Manager, BuildError> {
        self.check()?;
        let Self { settings, scrape_permits, operation_permits, balance, shutdown_budget } = self;
        let registry = Arc::<Registry>::default();
        let limit = settings.lock_timeout;
        let permits = Permits::new(scrape_permits, operation_permits);
        Ok(Manager(Arc::new(Inner {
            balance,
            tasks: Tasks::new(limit),
            metrics: Metrics::new(limit),
            permits: Arc::new(permits),
            registry,
            next_id: AtomicU64::new(1),
            cursor: AtomicUsize::new(0),
            closed: CancellationToken::new(),
            adding: TaskTracker::new(),
            shutdown_budget,
            settings,
        })))
    }
}
