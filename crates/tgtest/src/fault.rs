//! Faults on demand: what a client must survive.

use std::fmt;
use std::time::Duration;

use grammers_tl_types as tl;
use tl::{Identifiable, functions as f};

use crate::world::UserId;

/// A method of the Telegram API.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Method(pub(crate) u32);

impl Method {
    /// `messages.sendMessage`
    pub const SEND_MESSAGE: Self = Self(f::messages::SendMessage::CONSTRUCTOR_ID);
    /// `messages.getHistory`
    pub const GET_HISTORY: Self = Self(f::messages::GetHistory::CONSTRUCTOR_ID);
    /// `messages.getDialogs`
    pub const GET_DIALOGS: Self = Self(f::messages::GetDialogs::CONSTRUCTOR_ID);
    /// `messages.getFullChat`, which tells who is in a basic group.
    pub const GET_FULL_CHAT: Self = Self(f::messages::GetFullChat::CONSTRUCTOR_ID);
    /// `channels.getParticipants`
    pub const GET_PARTICIPANTS: Self = Self(f::channels::GetParticipants::CONSTRUCTOR_ID);
    /// `users.getUsers`, also the identity call of clients.
    pub const GET_USERS: Self = Self(f::users::GetUsers::CONSTRUCTOR_ID);
    /// `channels.getParticipant`
    pub const GET_PARTICIPANT: Self = Self(f::channels::GetParticipant::CONSTRUCTOR_ID);
    /// `updates.getState`
    pub const GET_STATE: Self = Self(f::updates::GetState::CONSTRUCTOR_ID);
    /// `updates.getDifference`
    pub const GET_DIFFERENCE: Self = Self(f::updates::GetDifference::CONSTRUCTOR_ID);
    /// `updates.getChannelDifference`
    pub const GET_CHANNEL_DIFFERENCE: Self = Self(f::updates::GetChannelDifference::CONSTRUCTOR_ID);
    /// `contacts.resolveUsername`
    pub const RESOLVE_USERNAME: Self = Self(f::contacts::ResolveUsername::CONSTRUCTOR_ID);
    /// `help.getConfig`, with which clients open a connection.
    pub const GET_CONFIG: Self = Self(f::help::GetConfig::CONSTRUCTOR_ID);

    /// The name in Telegram's schema.
    pub fn name(self) -> &'static str {
        tl::name_for_id(self.0)
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Method({self})")
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that goes wrong with calls, for as many of them as it says.
///
/// ```
/// use std::time::Duration;
/// use tgtest::{Fault, Method};
///
/// let flood = Fault::flood_wait(Duration::from_secs(3)).on(Method::SEND_MESSAGE).times(2);
/// let slow = Fault::delay(Duration::from_millis(20)).on(Method::GET_HISTORY).always();
/// ```
#[derive(Clone, Debug)]
#[must_use = "give it to `Telegram::inject`"]
pub struct Fault {
    pub(crate) effect: Effect,
    method: Option<Method>,
    account: Option<UserId>,
    spared: usize,
    left: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) enum Effect {
    Refuse { code: i32, name: String },
    Delay(Duration),
    Silence,
    DropBefore,
    DropAfter,
    Corrupt(u64),
    PackNothing,
}

impl Fault {
    /// The call is refused with 420 `FLOOD_WAIT_x`; Telegram counts in whole seconds, rounded up here.
    pub fn flood_wait(wait: Duration) -> Self {
        Self::rpc_error(420, &format!("FLOOD_WAIT_{}", whole_seconds(wait)))
    }

    /// The call is refused with this error.
    pub fn rpc_error(code: i32, name: &str) -> Self {
        Self::new(Effect::Refuse { code, name: name.to_owned() })
    }

    /// The call is executed, and answered this much later. Other calls overtake it.
    pub fn delay(delay: Duration) -> Self {
        Self::new(Effect::Delay(delay))
    }

    /// The call is executed and never answered.
    pub fn silence() -> Self {
        Self::new(Effect::Silence)
    }

    /// The connection is closed instead of executing the call.
    pub fn drop_connection() -> Self {
        Self::new(Effect::DropBefore)
    }

    /// The call is executed, and the connection closed instead of answering.
    pub fn lose_answer() -> Self {
        Self::new(Effect::DropAfter)
    }

    /// The call is executed, and what it brings is changed in a few places before it is packed and encrypted: the
    /// client takes it for what the server meant. The same seed changes the same answer in the same way. A refusal
    /// stays as it is.
    ///
    /// ```
    /// use tgtest::{Fault, Method};
    ///
    /// let garbled = Fault::corrupt(7).on(Method::GET_HISTORY);
    /// ```
    pub fn corrupt(seed: u64) -> Self {
        Self::new(Effect::Corrupt(seed))
    }

    /// The call is executed, and answered with a packed object that has nothing in it: no client expects that, and
    /// `grammers` 0.11 panics over it in the task of its connection. A refusal stays as it is.
    ///
    /// ```
    /// use tgtest::{Fault, Method};
    ///
    /// let nothing = Fault::pack_nothing().on(Method::SEND_MESSAGE);
    /// ```
    pub fn pack_nothing() -> Self {
        Self::new(Effect::PackNothing)
    }

    fn new(effect: Effect) -> Self {
        Self { effect, method: None, account: None, spared: 0, left: Some(1) }
    }

    /// Only for calls of this method.
    pub fn on(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Only for calls of this account.
    pub fn by(mut self, account: UserId) -> Self {
        self.account = Some(account);
        self
    }

    /// Spares the first so many calls.
    pub fn after(mut self, calls: usize) -> Self {
        self.spared = calls;
        self
    }

    /// For so many calls; 1 if nothing is said.
    pub fn times(mut self, n: usize) -> Self {
        self.left = Some(n);
        self
    }

    /// For every call until [`Telegram::heal`](crate::Telegram::heal).
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }

    fn concerns(&self, method: Method, account: Option<UserId>) -> bool {
        self.left != Some(0)
            && self.method.is_none_or(|m| m == method)
            && self.account.is_none_or(|a| Some(a) == account)
    }
}

/// As Telegram counts what a client must wait: rounded up.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// The faults that are waiting for their call.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What goes wrong with this call: the oldest fault that concerns it, and beside it every delay.
    pub(crate) fn strike(&mut self, method: Method, account: Option<UserId>) -> Struck {
        let mut struck = Struck { effect: None, delay: Duration::ZERO };
        for fault in self.0.iter_mut().filter(|fault| fault.concerns(method, account)) {
            if fault.spared > 0 {
                fault.spared -= 1;
                continue;
            }
            match &fault.effect {
                Effect::Delay(delay) => struck.delay += *delay,
                _ if struck.effect.is_some() => continue,
                effect => struck.effect = Some(effect.clone()),
            }
            fault.left = fault.left.map(|n| n - 1);
        }
        self.0.retain(|fault| fault.left != Some(0));
        struck
    }
}

pub(crate) struct Struck {
    pub(crate) effect: Option<Effect>,
    pub(crate) delay: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_the_calls_it_names_and_as_often_as_it_says() {
        let (alice, bob) = (UserId(1), UserId(2));
        let mut faults = Faults::default();
        faults.add(Fault::flood_wait(Duration::from_millis(1500)).by(alice).times(2));
        faults.add(Fault::delay(Duration::from_secs(1)).on(Method::GET_HISTORY).always());
        let mut strike = |method, account| {
            let struck = faults.strike(method, Some(account));
            (struck.effect.map(|effect| format!("{effect:?}")), struck.delay.as_secs())
        };
        let flood = Some("Refuse { code: 420, name: \"FLOOD_WAIT_2\" }".to_owned());
        assert_eq!(strike(Method::GET_HISTORY, bob), (None, 1));
        assert_eq!(strike(Method::GET_HISTORY, alice), (flood.clone(), 1));
        assert_eq!(strike(Method::SEND_MESSAGE, alice), (flood, 0));
        assert_eq!(strike(Method::SEND_MESSAGE, alice), (None, 0));
        assert_eq!(strike(Method::GET_HISTORY, bob), (None, 1));
    }
}
