//! Which session gets the next operation: a pure choice.
//!
//! What was chosen may not be there any more when it is taken, as other callers choose at the same time: the last place
//! of a queue is one caller's. Then the next best is asked ([`Balance::place`]), and each at most once after it
//! refused: so it ends, and says that all are full only if all were.

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

/// What comes of asking the session that was chosen.
pub(super) enum Answer<T, R> {
    /// It takes the operation.
    Takes(T),
    /// It is not what it was when it was chosen: it may be chosen again.
    Changed,
    /// Its queue is full.
    Full(R),
    /// It takes no operations.
    Gone,
}

impl Balance {
    /// Asks one session after the other, the best first, until one takes the operation. Fails with what the first one
    /// that was full said, or with `None` if nobody was there.
    pub(super) fn place<T, R>(
        self,
        cursor: usize,
        loads: impl Fn() -> Vec<Load>,
        mut ask: impl FnMut(Load) -> Answer<T, R>,
    ) -> Result<T, Option<R>> {
        let (mut refused, mut full) = (Vec::new(), None);
        loop {
            let mut loads = loads();
            loads.retain(|load| !refused.contains(&load.session));
            let Some(chosen) = self.choose(&loads, cursor) else { return Err(full) };
            match ask(chosen) {
                Answer::Takes(taken) => return Ok(taken),
                Answer::Changed => continue,
                Answer::Full(why) => {
                    full.get_or_insert(why);
                }
                Answer::Gone => {}
            }
            // Chosen without room, all others had none either: to ask them all would only take time.
            if full.is_some() && !chosen.has_room {
                return Err(full);
            }
            refused.push(chosen.session);
        }
    }

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

    /// Places an operation where the sessions look like these, and answer so; with all that were asked.
    fn placed(
        balance: Balance,
        loads: &[usize],
        answer: impl Fn(u64) -> Answer<u64, u64>,
    ) -> (Result<u64, Option<u64>>, Vec<u64>) {
        let mut asked = Vec::new();
        let placed = balance.place(
            0,
            || sessions(loads),
            |chosen| {
                asked.push(chosen.session.0);
                answer(chosen.session.0)
            },
        );
        (placed, asked)
    }

    #[test]
    fn whose_last_place_another_caller_took_is_passed_over() {
        for balance in [Balance::RoundRobin, Balance::LeastLoaded] {
            let last_has_room =
                |id: u64| if id == 2 { Answer::Takes(id) } else { Answer::Full(id) };
            let (placed, asked) = placed(balance, &[9, 9, 9], last_has_room);
            assert_eq!((placed, asked), (Ok(2), vec![0, 1, 2]));
        }
        let (placed, asked) = placed(Balance::LeastLoaded, &[9, 3, 5], |id| match id {
            0 => Answer::Takes(0),
            1 => Answer::Gone,
            _ => Answer::Full(id),
        });
        assert_eq!((placed, asked), (Ok(0), vec![1, 2, 0]), "the next best first");
    }

    #[test]
    fn all_are_full_only_if_each_said_so_or_was_seen_to_be() {
        let (refused, asked) = placed(Balance::RoundRobin, &[9, 9, 9], Answer::Full);
        assert_eq!((refused, asked), (Err(Some(0)), vec![0, 1, 2]), "each once");
        let (refused, asked) = placed(Balance::RoundRobin, &[10, 10, 10], Answer::Full);
        assert_eq!((refused, asked), (Err(Some(0)), vec![0]));
        let (refused, asked) = placed(Balance::RoundRobin, &[9, 10], |_| Answer::Gone);
        assert_eq!((refused, asked), (Err(None), vec![0, 1]));
    }

    #[test]
    fn a_session_that_changed_is_chosen_again() {
        let mut times = 0;
        let placed = Balance::LeastLoaded.place(
            0,
            || sessions(&[0, 1]),
            |chosen| {
                times += 1;
                match times {
                    1 | 2 => Answer::Changed,
                    _ => Answer::<_, u64>::Takes(chosen.session.0),
                }
            },
        );
        assert_eq!((placed, times), (Ok(0), 3));
    }

    #[test]
    fn nobody_is_chosen_from_none() {
        assert_eq!(chosen(Balance::RoundRobin, &[], 3), [0; 0]);
        assert_eq!(chosen(Balance::LeastLoaded, &[], 3), [0; 0]);
    }
}
