//! Faults of updates: what a client must notice by itself.

use std::collections::HashMap;
use std::sync::Arc;

use crate::corruption::corrupt;
use crate::world::UserId;

/// Something that goes wrong with the updates that are pushed to clients, for as many of them as it says.
///
/// The message stands in its mailbox or channel all the same, and is numbered: a client that looks at the
/// numbers (`pts`) misses it at the next push, and gets it by asking for the difference. Each push to an account
/// counts, whether one of its clients is connected or not; what the answer to a call brings is none.
///
/// ```
/// use tgtest::{UpdateFault, UserId};
///
/// let lost = UpdateFault::lose().to(UserId(1001)).times(2);
/// let twice = UpdateFault::duplicate().always();
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "give it to `Telegram::inject_update_fault`"]
pub struct UpdateFault {
    effect: Effect,
    account: Option<UserId>,
    spared: usize,
    left: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Lose,
    Duplicate,
    Swap,
    Corrupt(u64),
}

impl UpdateFault {
    /// The update is not sent.
    pub fn lose() -> Self {
        Self::new(Effect::Lose)
    }

    /// The update is sent twice.
    pub fn duplicate() -> Self {
        Self::new(Effect::Duplicate)
    }

    /// The update is held back until the next one to the same account was sent, which is not held back itself.
    pub fn swap() -> Self {
        Self::new(Effect::Swap)
    }

    /// The update is changed in a few places, as the seed says, before it is encrypted: the client takes it for what
    /// the server meant. The message itself stands where it stands.
    pub fn corrupt(seed: u64) -> Self {
        Self::new(Effect::Corrupt(seed))
    }

    fn new(effect: Effect) -> Self {
        Self { effect, account: None, spared: 0, left: Some(1) }
    }

    /// Only for updates that are pushed to this account.
    pub fn to(mut self, account: UserId) -> Self {
        self.account = Some(account);
        self
    }

    /// Spares the first so many updates.
    pub fn after(mut self, updates: usize) -> Self {
        self.spared = updates;
        self
    }

    /// For so many updates; 1 if nothing is said.
    pub fn times(mut self, n: usize) -> Self {
        self.left = Some(n);
        self
    }

    /// For every update until [`Telegram::heal`](crate::Telegram::heal).
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    fn concerns(&self, account: UserId, one_is_held: bool) -> bool {
        self.left != Some(0)
            && self.account.is_none_or(|a| a == account)
            && !(one_is_held && self.effect == Effect::Swap)
    }
}

/// The faults that are waiting for their update, and the updates that wait for the one after them.
#[derive(Debug, Default)]
pub(crate) struct UpdateFaults {
    faults: Vec<UpdateFault>,
    held: HashMap<UserId, Arc<Vec<u8>>>,
}

impl UpdateFaults {
    pub(crate) fn add(&mut self, fault: UpdateFault) {
        self.faults.push(fault);
    }

    /// Forgets the faults, and returns what they held back.
    pub(crate) fn clear(&mut self) -> Vec<(UserId, Arc<Vec<u8>>)> {
        self.faults.clear();
        self.held.drain().collect()
    }

    /// Forgets what is held back.
    pub(crate) fn lose_held(&mut self) {
        self.held.clear();
    }

    /// What is sent where this update would be, in its order.
    pub(crate) fn strike(&mut self, account: UserId, update: Arc<Vec<u8>>) -> Vec<Arc<Vec<u8>>> {
        let mut sent = match self.effect_on(account) {
            Some(Effect::Lose) => return Vec::new(),
            Some(Effect::Swap) => {
                self.held.insert(account, update);
                return Vec::new();
            }
            Some(Effect::Duplicate) => vec![Arc::clone(&update), update],
            Some(Effect::Corrupt(seed)) => {
                let mut update = update.to_vec();
                corrupt(&mut update, seed);
                vec![Arc::new(update)]
            }
            None => vec![update],
        };
        sent.extend(self.held.remove(&account));
        sent
    }

    /// The oldest fault that concerns an update to this account strikes.
    fn effect_on(&mut self, account: UserId) -> Option<Effect> {
        let one_is_held = self.held.contains_key(&account);
        let mut struck = None;
        for fault in self.faults.iter_mut().filter(|f| f.concerns(account, one_is_held)) {
            if fault.spared > 0 {
                fault.spared -= 1;
            } else if struck.is_none() {
                struck = Some(fault.effect);
                fault.left = fault.left.map(|n| n - 1);
            }
        }
        self.faults.retain(|fault| fault.left != Some(0));
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: UserId = UserId(1);
    const BOB: UserId = UserId(2);

    /// Which of the updates 0, 1, 2, ... to an account are sent, and in which order.
    fn sent(faults: &mut UpdateFaults, account: UserId, n: u8) -> Vec<u8> {
        let updates = (0..n).map(|i| Arc::new(vec![i]));
        updates.flat_map(|update| faults.strike(account, update)).map(|update| update[0]).collect()
    }

    fn with(fault: UpdateFault) -> UpdateFaults {
        let mut faults = UpdateFaults::default();
        faults.add(fault);
        faults
    }

    #[test]
    fn an_update_is_lost_or_doubled_as_often_as_was_said_and_only_to_the_account_it_names() {
        assert_eq!(sent(&mut with(UpdateFault::lose().after(1).times(2)), ALICE, 5), [0, 3, 4]);
        assert_eq!(sent(&mut with(UpdateFault::duplicate()), ALICE, 2), [0, 0, 1]);
        let mut always = with(UpdateFault::lose().to(BOB).always());
        assert_eq!(sent(&mut always, ALICE, 2), [0, 1]);
        assert_eq!(sent(&mut always, BOB, 2), [0; 0]);
    }

    #[test]
    fn an_update_is_changed_as_its_seed_says() {
        let valid: Arc<Vec<u8>> = Arc::new((0..40).collect());
        let struck = |seed| with(UpdateFault::corrupt(seed)).strike(ALICE, Arc::clone(&valid));
        assert_eq!(struck(3), struck(3));
        let changed = (0..100).filter(|seed| struck(*seed) != [Arc::clone(&valid)]).count();
        assert!(changed > 80, "{changed} of 100");
    }

    #[test]
    fn swapped_updates_change_places_in_pairs() {
        assert_eq!(sent(&mut with(UpdateFault::swap().times(2)), ALICE, 5), [1, 0, 3, 2, 4]);
        let mut faults = with(UpdateFault::swap());
        assert_eq!(sent(&mut faults, ALICE, 1), [0; 0]);
        assert_eq!(sent(&mut faults, BOB, 1), [0], "each account has its own order");
        faults.add(UpdateFault::lose());
        assert_eq!(sent(&mut faults, ALICE, 2), [1, 0], "one that is lost lets nothing go");
        faults.add(UpdateFault::swap());
        assert_eq!(sent(&mut faults, ALICE, 1), [0; 0]);
        assert_eq!(faults.clear().len(), 1);
    }
}
