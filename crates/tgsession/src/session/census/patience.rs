//! How often a chat could not be looked at before it is given up.

use std::collections::HashMap;

use grammers_session::types::PeerId;

use super::super::core::Core;
use super::recovery::{Recovered, recover};
use crate::seen::Hole;
use crate::telegram::CallError;

/// What Telegram has refused so often, or said so that it cannot be read, it will again.
const MOST_REFUSALS: u32 = 3;

/// How often Telegram has refused to show each chat.
#[derive(Debug, Default)]
pub(super) struct Patience(HashMap<PeerId, u32>);

/// What became of some holes.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// The chats that are to be looked at again.
    pub(super) failed: Vec<PeerId>,
    /// Why, of the first of them.
    pub(super) why: Option<CallError>,
    /// Those of which nobody knows how to ask for them.
    pub(super) unknown: Vec<PeerId>,
}

impl Looked {
    /// Whether all there was to look at in a chat was looked at.
    pub(super) fn has(&self, chat: PeerId) -> bool {
        !self.failed.contains(&chat) && !self.unknown.contains(&chat)
    }
}

impl Patience {
    /// Fills a hole, and notes in `looked` where that did not work: one chat does not keep the others waiting.
    ///
    /// # Errors
    /// If it is not about this chat: there is no line, or the account may do nothing.
    pub(super) async fn fill(
        &mut self,
        core: &Core,
        hole: Hole,
        looked: &mut Looked,
    ) -> Result<(), CallError> {
        let refusals = self.0.get(&hole.chat).copied().unwrap_or(0);
        match recover(core, hole, refusals + 1 >= MOST_REFUSALS).await {
            Ok(Recovered::Looked) => {
                self.0.remove(&hole.chat);
            }
            Ok(Recovered::Unknown) => looked.unknown.push(hole.chat),
            Err(error)
                if error.is_answer() || error.is_transient() && super::line(core).is_ok() =>
            {
                if error.is_answer() {
                    self.0.insert(hole.chat, refusals + 1);
                }
                looked.failed.push(hole.chat);
                looked.why.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
