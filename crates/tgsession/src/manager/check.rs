//! What no manager can work with, found before there is one.

use std::time::Duration;

use thiserror::Error;

use super::builder::Builder;
use crate::operation::Kind;
use crate::session::Pauses;

/// The longest time that may be chosen: sums of times stay far from the end of the clock.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A number that no manager can work with.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// Something of which there must be at least one.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// A time that must not be zero.
    #[error("{0} must be longer than zero")]
    NoTime(&'static str),
    /// A time that no clock can be trusted to reach.
    #[error("{0} must not be longer than a year")]
    TooLong(&'static str),
    /// A priority to which what waits does not rise: it would wait for ever behind operations of this kind.
    #[error("the priority of {kind} must not be higher than 10, and is {priority}")]
    TooHigh {
        /// The kind of operation.
        kind: Kind,
        /// Its priority.
        priority: u32,
    },
    /// A session cannot take longer to stop than all of them.
    #[error("the stop budget of a session ({session:?}) exceeds the shutdown budget ({all:?})")]
    Budgets {
        /// Of one session.
        session: Duration,
        /// Of all.
        all: Duration,
    },
}

impl Builder {
    pub(super) fn check(&self) -> Result<(), BuildError> {
        let settings = &self.settings;
        let sizes = [
            ("the number of scrape permits", self.scrape_permits),
            ("the number of operation permits", self.operation_permits),
            ("the capacity of a queue", settings.queue_capacity),
            ("the capacity for events", settings.event_capacity),
        ];
        if let Some((name, _)) = sizes.into_iter().find(|(_, n)| *n == 0) {
            return Err(BuildError::Zero(name));
        }
        let times = [
            ("the lock timeout", settings.lock_timeout),
            ("the wait in a queue", settings.queue_wait),
            ("the connect timeout", settings.connect_timeout),
            ("the health interval", settings.health_interval),
            ("the health timeout", settings.health_timeout),
            ("the stop budget", settings.stop_budget),
            ("the pause before an operation is tried again", settings.kinds.base),
            ("the timeout of an operation", settings.kinds.shortest()),
        ];
        let Pauses { first, later } = &settings.reconnects;
        let pauses = first
            .iter()
            .chain(std::iter::once(later))
            .map(|pause| ("a pause before reconnecting", *pause));
        let times = || times.into_iter().chain(pauses.clone());
        if let Some((name, _)) = times().find(|(_, time)| time.is_zero()) {
            return Err(BuildError::NoTime(name));
        }
        let budget = ("the shutdown budget", self.shutdown_budget);
        if let Some((name, _)) = times().chain([budget]).find(|(_, time)| *time > YEAR) {
            return Err(BuildError::TooLong(name));
        }
        if let Some((kind, priority)) = settings.kinds.priorities.too_high() {
            return Err(BuildError::TooHigh { kind, priority });
        }
        if settings.stop_budget > self.shutdown_budget {
            return Err(BuildError::Budgets {
                session: settings.stop_budget,
                all: self.shutdown_budget,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::Manager;

    #[test]
    fn numbers_that_cannot_work_are_refused_with_their_name() {
        let error = |builder: Builder| builder.build().unwrap_err().to_string();
        let builder = Manager::builder;
        assert_eq!(
            error(builder().queue_wait(Duration::MAX)),
            "the wait in a queue must not be longer than a year"
        );
        assert_eq!(
            error(builder().scrape_permits(0)),
            "the number of scrape permits must be at least 1"
        );
        assert_eq!(
            error(builder().queue_capacity(0)),
            "the capacity of a queue must be at least 1"
        );
        assert_eq!(
            error(builder().lock_timeout(Duration::ZERO)),
            "the lock timeout must be longer than zero"
        );
        assert_eq!(
            error(builder().shutdown_budget(Duration::from_secs(1))),
            "the stop budget of a session (5s) exceeds the shutdown budget (1s)"
        );
        let second = Duration::from_secs(1);
        assert_eq!(
            error(builder().reconnect_pauses(&[second, Duration::ZERO], second)),
            "a pause before reconnecting must be longer than zero"
        );
        assert_eq!(
            error(builder().reconnect_pauses(&[second], Duration::MAX)),
            "a pause before reconnecting must not be longer than a year"
        );
        assert_eq!(
            error(builder().priority(Kind::ExportMembers, 11)),
            "the priority of export-members must not be higher than 10, and is 11"
        );
        assert!(builder().priority(Kind::Send, 10).reconnect_pauses(&[], second).build().is_ok());
    }
}
