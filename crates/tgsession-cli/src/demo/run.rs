//! The story of the demo, from the first connection to the last task.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use indicatif::ProgressBar;
use lockorder::Policy;
use tgsession::{
    ExportMembers, ExportMessages, Limits, Manager, Monitor, Monitoring, Send, SessionConfig,
    SessionId,
};
use tgtest::{Fault, Method, Telegram, Watch};
use tokio::sync::watch;

use super::DemoError;
use super::progress::Progress;
use super::report::{Expected, Report};
use super::world::{self, STRANGER, account, channel_of};
use crate::cli::Demo;

const PUSHES: usize = 10;
const EXPORTS: usize = 30;
const SENDS: usize = 100;
const SCRAPE_PERMITS: usize = 5;
const SCRAPES: [Method; 2] = [Method::GET_HISTORY, Method::GET_PARTICIPANTS];
/// As long as a page takes on the way to Telegram and back, so that exports overlap.
const PAGE: Duration = Duration::from_millis(5);
const EVENTS_WITHIN: Duration = Duration::from_secs(30);

/// Runs the demo.
pub(super) async fn run(options: &Demo) -> Result<Report, DemoError> {
    let violations = count_violations();
    let telegram = world::start(options).await?;
    let failed = |error: &dyn std::error::Error| DemoError::Manager(chain(error));
    let manager = Manager::builder()
        .scrape_permits(SCRAPE_PERMITS)
        // The server is our own.
        .limits(Limits::none())
        // Few sessions have all the work in their queues.
        .queue_capacity(EXPORTS + SENDS)
        .build()
        .map_err(|e| failed(&e))?;
    let mut stage = Stage {
        options,
        progress: Progress::new(options.json),
        scrapes: telegram.watch(&SCRAPES),
        telegram,
        manager,
        handled: watch::Sender::new(0),
        report: Report::default(),
    };
    let sessions = stage.connect().await.map_err(|e| failed(&e))?;
    let monitoring = stage.monitor(&sessions).await;
    stage.work(&sessions).await;
    stage.report.max_concurrent_scrapes = stage.scrapes.most_at_once();
    let metrics = stage.manager.metrics().await.map_err(|e| failed(&e))?;
    stage.report.lock_timeouts = metrics.lock_timeouts;
    stage.report.expected.floods_met = metrics.flood_waits;
    stage.shutdown().await;
    stage.progress.clear();
    drop(monitoring);
    stage.report.violations = violations.load(Ordering::Relaxed);
    Ok(stage.report)
}

struct Stage<'a> {
    options: &'a Demo,
    progress: Progress,
    telegram: Telegram,
    scrapes: Watch,
    manager: Manager,
    handled: watch::Sender<usize>,
    report: Report,
}

impl Stage<'_> {
    async fn connect(&mut self) -> Result<Vec<SessionId>, tgsession::AddError> {
        let bar = self.progress.bar("connected", self.options.sessions);
        let begin = Instant::now();
        let added = (0..self.options.sessions).filter_map(|i| {
            let account = self.telegram.account(&account(i))?;
            let config = SessionConfig::new(account.username(), account.session_data(), 1);
            let (manager, bar) = (self.manager.clone(), bar.clone());
            // Each is a holder of its own: they take the manager's locks one after the other.
            Some(lockorder::branch(async move {
                let added = manager.add_session(config).await;
                bar.inc(1);
                added
            }))
        });
        let sessions = join_all(added).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        self.report.connect_ms = begin.elapsed().as_millis();
        self.report.sessions = sessions.len();
        self.report.expected.sessions = self.options.sessions;
        bar.finish();
        Ok(sessions)
    }

    async fn monitor(&mut self, sessions: &[SessionId]) -> Vec<Monitoring> {
        let bar = self.progress.bar("monitoring", sessions.len());
        let begin = Instant::now();
        let tickets = sessions.iter().map(|&id| {
            let handled = self.handled.clone();
            let monitor = Monitor::new(move |event| {
                let handled = handled.clone();
                async move {
                    if event.message().is_some() {
                        handled.send_modify(|n| *n += 1);
                    }
                    Ok(())
                }
            });
            self.manager.submit(id, monitor)
        });
        let started =
            join_all(tickets.filter_map(Result::ok).map(|ticket| counted(ticket, &bar))).await;
        let monitoring: Vec<_> = started.into_iter().filter_map(tgsession::Outcome::done).collect();
        self.report.monitor_ms = begin.elapsed().as_millis();
        self.report.monitoring = monitoring.len();
        bar.finish();
        monitoring
    }

    /// Pushes, exports and sends, all at once, with a flood wait and a dropped connection on the way.
    async fn work(&mut self, sessions: &[SessionId]) {
        let begin = Instant::now();
        for method in SCRAPES {
            self.telegram.inject(Fault::delay(PAGE).on(method).always());
        }
        self.telegram.inject(Fault::flood_wait(Duration::from_secs(1)).on(Method::SEND_MESSAGE));
        self.telegram.inject(Fault::lose_answer().on(Method::GET_HISTORY));
        let bars = [("exported", EXPORTS), ("sent", SENDS), ("events", self.expected_events())]
            .map(|(what, len)| self.progress.bar(what, len));
        let [exports, sends, events] = &bars;
        let (exported, sent, pushed) =
            tokio::join!(self.export(sessions, exports), self.send(sessions, sends), self.push());
        self.report.events_pushed = pushed + self.recipients(sent.sends);
        self.await_events(self.report.events_pushed, events).await;
        let report = &mut self.report;
        report.events_handled = *self.handled.borrow();
        report.exports = exported.exports;
        report.exported_members = exported.exported_members;
        report.exported_messages = exported.exported_messages;
        report.sends = sent.sends;
        report.server_saw_sends = self.telegram.sent().len();
        report.expected = Expected {
            sessions: report.expected.sessions,
            exports: EXPORTS,
            members: exported.expected.members,
            messages: exported.expected.messages,
            sends: SENDS,
            scrape_permits: SCRAPE_PERMITS,
            failures: [exported.expected.failures, sent.expected.failures].concat(),
            ..Expected::default()
        };
        report.run_ms = begin.elapsed().as_millis();
        bars.iter().for_each(ProgressBar::finish);
    }

    /// Exports members and messages in turn, each checked against the world.
    async fn export(&self, sessions: &[SessionId], bar: &ProgressBar) -> Report {
        let mut report = Report::default();
        let outcomes = (0..EXPORTS).map(|n| async move {
            let i = n % sessions.len();
            let name = channel_of(i, self.options.channels);
            let rows = match n % 2 {
                0 => match self.manager.submit(sessions[i], ExportMembers::of(name.as_str())) {
                    Ok(ticket) => rows(counted(ticket, bar).await),
                    Err(error) => Err(error.to_string()),
                },
                _ => match self.manager.submit(sessions[i], ExportMessages::of(name.as_str())) {
                    Ok(ticket) => rows(counted(ticket, bar).await),
                    Err(error) => Err(error.to_string()),
                },
            };
            (n, name, rows)
        });
        for (n, name, rows) in join_all(outcomes).await {
            let Some(channel) = self.telegram.channel(&name) else { continue };
            let members = n % 2 == 0;
            match rows {
                Ok(rows) if members => report.exported_members += rows,
                Ok(rows) => report.exported_messages += rows,
                Err(ref failure) => {
                    report.expected.failures.push(format!("export of {name}: {failure}"));
                }
            }
            report.exports += usize::from(rows.is_ok());
            if members {
                report.expected.members += self.telegram.members(channel).len();
            } else {
                report.expected.messages += self.telegram.message_count(channel);
            }
        }
        report
    }

    async fn send(&self, sessions: &[SessionId], bar: &ProgressBar) -> Report {
        let mut report = Report::default();
        let outcomes = (0..SENDS).map(|n| async move {
            let send = Send::new(self.recipient(n), format!("message {n}"));
            match self.manager.submit(sessions[n % sessions.len()], send) {
                Ok(ticket) => match counted(ticket, bar).await {
                    tgsession::Outcome::Done(_) => Ok(()),
                    other => Err(format!("{other:?}")),
                },
                Err(error) => Err(error.to_string()),
            }
        });
        for outcome in join_all(outcomes).await {
            match outcome {
                Ok(()) => report.sends += 1,
                Err(failure) => report.expected.failures.push(format!("send: {failure}")),
            }
        }
        report
    }

    /// The next account; somebody else where there is only one.
    fn recipient(&self, n: usize) -> String {
        match self.options.sessions {
            1 => STRANGER.to_owned(),
            sessions => account((n + 1) % sessions),
        }
    }

    /// How many of so many messages went to accounts that monitor.
    fn recipients(&self, sends: usize) -> usize {
        if self.options.sessions == 1 { 0 } else { sends }
    }

    fn expected_events(&self) -> usize {
        self.options.sessions * PUSHES + self.recipients(SENDS)
    }

    /// Lets the server push messages to every account.
    async fn push(&self) -> usize {
        let Some(from) = self.telegram.user(STRANGER) else { return 0 };
        let mut pushed = 0;
        for n in 0..PUSHES {
            for to in self.telegram.accounts().map(tgtest::Account::id) {
                pushed += usize::from(self.telegram.push_message(to, from, &format!("push {n}")));
            }
            tokio::task::yield_now().await;
        }
        pushed
    }

    /// Waits until so many events were handled; longer than that nobody waits.
    async fn await_events(&self, pushed: usize, bar: &ProgressBar) {
        let mut handled = self.handled.subscribe();
        let all = handled.wait_for(|n| {
            bar.set_position(*n as u64);
            *n >= pushed
        });
        let _late = tokio::time::timeout(EVENTS_WITHIN, all).await;
    }

    async fn shutdown(&mut self) {
        let ended = self.manager.shutdown().await;
        self.report.shutdown_ms = ended.took.as_millis();
        self.report.survivors = ended.survivors;
        if ended.left > 0 {
            let failure = format!("{} sessions were not removed", ended.left);
            self.report.expected.failures.push(failure);
        }
        // What came after the count was taken came twice.
        self.report.events_handled = *self.handled.borrow();
    }
}

async fn counted<T>(ticket: tgsession::Ticket<T>, bar: &ProgressBar) -> tgsession::Outcome<T> {
    let outcome = ticket.await;
    bar.inc(1);
    outcome
}

fn rows<T: std::fmt::Debug>(outcome: tgsession::Outcome<Vec<T>>) -> Result<usize, String> {
    match outcome {
        tgsession::Outcome::Done(rows) => Ok(rows.len()),
        other => Err(format!("{other:?}")),
    }
}

/// Counts violations, and panics as the policy of tests does.
fn count_violations() -> Arc<AtomicUsize> {
    let count = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&count);
    lockorder::set_policy(Policy::callback(move |violation| {
        counter.fetch_add(1, Ordering::Relaxed);
        assert!(std::thread::panicking(), "{violation}");
    }));
    count
}

/// An error and its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
