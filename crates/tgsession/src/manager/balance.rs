//! Which session gets the next operation: a pure choice.

use crate::id::SessionId;

/// How [`submit_any`](super::Manager::submit_any) chooses among the sessions that are connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Balance {
    /// One after the other.
    #[default]
    RoundRobin,
    /// The one with the fewest operations; among equals, one after the other.
    LeastLoaded,
}

/// What a session has to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) session: SessionId,
    pub(super) load: usize,
    /// Whether its queue takes another operation.
    pub(super) has_room: bool,
}

impl Balance {
    /// Chooses for the `cursor`-th time, among those that have room if any has.
    pub(super) fn choose(self, sessions: &[Load], cursor: usize) -> Option<Load> {
        let is_full = !sessions.iter().any(|s| s.has_room);
        let sessions = sessions.iter().filter(|s| is_full || s.has_room);
        let least = sessions.clone().map(|s| s.load).min()?;
        let eligible: Vec<_> =
            sessions.filter(|s| self == Self::RoundRobin || s.load == least).copied().collect();
        Some(eligible[cursor % eligible.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(loads: &[usize]) -> Vec<Load> {
        // In these tests a queue has ten places.
        let session =
            |(i, &load): (u64, &usize)| Load { session: SessionId(i), load, has_room: load < 10 };
        (0..).zip(loads).map(session).collect()
    }

    fn chosen(balance: Balance, loads: &[usize], n: usize) -> Vec<u64> {
        let sessions = sessions(loads);
        (0..n)
            .filter_map(|cursor| balance.choose(&sessions, cursor))
            .map(|chosen| chosen.session.0)
            .collect()
    }

    #[test]
    fn round_robin_takes_one_after_the_other_whatever_the_load() {
        assert_eq!(chosen(Balance::RoundRobin, &[9, 0, 3], 5), [0, 1, 2, 0, 1]);
    }

    #[test]
    fn least_loaded_rotates_among_equals() {
        assert_eq!(chosen(Balance::LeastLoaded, &[1, 0, 2, 0], 4), [1, 3, 1, 3]);
    }

    #[test]
    fn whose_queue_is_full_is_passed_over_unless_all_are() {
        assert_eq!(chosen(Balance::RoundRobin, &[10, 0, 10], 3), [1, 1, 1]);
        assert_eq!(chosen(Balance::RoundRobin, &[10, 10], 3), [0, 1, 0]);
    }

    #[test]
    fn nobody_is_chosen_from_none() {
        assert_eq!(chosen(Balance::RoundRobin, &[], 3), [0; 0]);
        assert_eq!(chosen(Balance::LeastLoaded, &[], 3), [0; 0]);
    }
}
