//! Where the updates of an account stand, as far as they were handled.
//!
//! The stream knows how far updates have *arrived*, which is what the next connection goes on from. What a new
//! process goes on from is how far they were *handled*: else one that is killed would lose what waited for its
//! handlers. So what the store has is this position. It moves in steps, each sent to the dispatcher behind the
//! events that it stands for. A step never comes before one of its events; so after a kill an event may come
//! again, and none is missing.

use grammers_session::types::{ChannelState, UpdateState, UpdatesState};

/// What has changed between two positions of one account.
#[derive(Default)]
pub(super) struct Step(Vec<UpdateState>);

impl Step {
    /// The step from one position to a later one. What a position does not speak of any more stays.
    pub(super) fn between(from: &UpdatesState, to: &UpdatesState) -> Self {
        let mut changes = Vec::new();
        if (from.pts, from.date, from.seq) != (to.pts, to.date, to.seq) {
            changes.push(UpdateState::Primary { pts: to.pts, date: to.date, seq: to.seq });
        }
        if from.qts != to.qts {
            changes.push(UpdateState::Secondary { qts: to.qts });
        }
        let new = to.channels.iter().filter(|channel| !from.channels.contains(channel));
        changes.extend(new.map(|&ChannelState { id, pts }| UpdateState::Channel { id, pts }));
        Self(changes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the step.
    pub(super) fn apply(self, position: &mut UpdatesState) {
        for change in self.0 {
            match change {
                UpdateState::All(all) => *position = all,
                UpdateState::Primary { pts, date, seq } => {
                    (position.pts, position.date, position.seq) = (pts, date, seq);
                }
                UpdateState::Secondary { qts } => position.qts = qts,
                UpdateState::Channel { id, pts } => {
                    match position.channels.iter_mut().find(|channel| channel.id == id) {
                        Some(channel) => channel.pts = pts,
                        None => position.channels.push(ChannelState { id, pts }),
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(pts: i32, qts: i32, channels: &[(i64, i32)]) -> UpdatesState {
        let channels = channels.iter().map(|&(id, pts)| ChannelState { id, pts }).collect();
        UpdatesState { pts, qts, date: pts, seq: pts, channels }
    }

    #[test]
    fn a_step_leads_from_one_position_to_the_other() {
        let positions = [
            position(1, 1, &[]),
            position(2, 1, &[(7, 1)]),
            position(2, 3, &[(7, 2), (8, 5)]),
            position(2, 3, &[(7, 2), (8, 5)]),
        ];
        let mut at = positions[0].clone();
        for pair in positions.windows(2) {
            let step = Step::between(&pair[0], &pair[1]);
            assert_eq!(step.is_empty(), pair[0] == pair[1]);
            step.apply(&mut at);
            assert_eq!(at, pair[1]);
        }
    }

    #[test]
    fn a_channel_that_is_gone_is_kept() {
        let (with, without) = (position(1, 0, &[(7, 1)]), position(1, 0, &[]));
        assert!(Step::between(&with, &without).is_empty());
    }
}
