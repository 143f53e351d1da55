//! What became of a call.

use std::time::Duration;

use grammers_mtsender::{InvocationError, RpcError};
use thiserror::Error;

/// Why a call to Telegram brought no result, and what follows:
///
/// | what happened | | what follows |
/// |---|---|---|
/// | the network failed, before the call was executed or while it could be: no connection, one that broke (`Io`), a packet that is none or a status such as 404 and 429 (`Transport`), a lost answer (`Dropped`), none in time | [`Unavailable`](Self::Unavailable) | tried again after 2, 4, 8 s ..., as often as the kind of the operation says; then it is the outcome, and [`MaybeExecuted`](crate::Outcome::MaybeExecuted) where a message was on its way |
/// | Telegram failed, and says so: codes from 500 on and below 0, such as 500 `INTERNAL` and -503 `Timeout` | [`ServerError`](Self::ServerError) | the same; its line works |
/// | an answer that cannot be read (`Deserialize`) | [`Unreadable`](Self::Unreadable) | the same |
/// | 420 `FLOOD_WAIT_x` and others with a time | [`Flood`](Self::Flood) | all of the account waits; then the operation goes on, which uses up no retry |
/// | 420 `SLOWMODE_WAIT_x` | [`SlowMode`](Self::SlowMode) | messages for that chat wait |
/// | `PEER_FLOOD`, `USER_RESTRICTED` | [`Restricted`](Self::Restricted) | the account sends nothing until an operator has cleared it |
/// | `FROZEN_METHOD_INVALID`, `FROZEN_PARTICIPANT_MISSING` and whatever else begins with `FROZEN_` | [`Restricted`](Self::Restricted) | the account is frozen: it does nothing at all until an operator has cleared it |
/// | `AUTH_KEY_DUPLICATED`, `AUTH_KEY_UNREGISTERED`, `AUTH_KEY_INVALID`, `SESSION_REVOKED`, `SESSION_EXPIRED`, `USER_DEACTIVATED`, `USER_DEACTIVATED_BAN` | [`KeyLost`](Self::KeyLost) | the session is over, and its key is never used again |
/// | 303 `USER_MIGRATE_x`, `FILE_MIGRATE_x` and their like | [`Migrate`](Self::Migrate) | it is the outcome: what was asked for is in another datacenter |
/// | any other refusal | [`Refused`](Self::Refused) | it is the outcome |
/// | the session cannot be used from here: its state cannot be read or its key would be replaced (`Session`), it names a datacenter that is not known (`InvalidDc`), a datacenter for which it has no key makes none (`Authentication`) | [`Unusable`](Self::Unusable) | it is the outcome; what is kept goes on later; the line is made again meanwhile |
/// | what cannot work | [`Invalid`](Self::Invalid) | it is the outcome |
///
/// A [`Custom`](crate::Custom) operation is never tried again, as nobody knows what it did.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The account must wait. Everything that it does waits, and nobody else does it instead.
    #[error("Telegram asks the account to wait {wait:?}")]
    Flood {
        /// For how long.
        wait: Duration,
    },
    /// The chat is in slow mode: the account may write there again after a while. An operation of this crate waits
    /// for that, so this is for those of one's own.
    #[error("the chat is in slow mode for {wait:?}")]
    SlowMode {
        /// For how long.
        wait: Duration,
    },
    /// Telegram refuses, and would refuse again.
    #[error("Telegram refuses: {name} ({code})")]
    Refused {
        /// The kind of error, as in HTTP.
        code: i32,
        /// Telegram's name of it.
        name: String,
    },
    /// What is asked for is in another datacenter, and the same call would be refused again. An operation of this crate
    /// asks for nothing that is elsewhere, so this is for those of one's own: ask that datacenter, with
    /// `Client::invoke_in_dc`. Where the account itself is elsewhere (`USER_MIGRATE`, `PHONE_MIGRATE`), sign in again
    /// there: its session is of the wrong datacenter.
    #[error(
        "what is asked for is in datacenter {dc}: {name}; ask there, or sign in there if it is the account"
    )]
    Migrate {
        /// Telegram's name of it without the number, such as `USER_MIGRATE`.
        name: String,
        /// The number of that datacenter.
        dc: u32,
    },
    /// Telegram itself failed while it executed the call, and said so. It may have been executed.
    #[error("Telegram failed: {name} ({code})")]
    ServerError {
        /// The kind of error: from 500 on, or below 0.
        code: i32,
        /// Telegram's name of it, such as `INTERNAL`.
        name: String,
    },
    /// The session cannot be used, and no other attempt changes that: nothing was sent. Whoever runs this has to look
    /// into it, and mostly to sign in again.
    #[error("the session cannot be used: {reason}; look into it, or sign in again")]
    Unusable {
        /// What is wrong with it.
        reason: String,
    },
    /// The network failed before the call was executed, or while it could be.
    #[error("Telegram cannot be reached: {reason}")]
    Unavailable {
        /// What happened.
        reason: String,
        /// Whether the call may have been executed all the same.
        maybe_executed: bool,
    },
    /// Telegram has answered, and said something that cannot be read: the call may have been executed.
    #[error("an answer of Telegram cannot be read: {reason}")]
    Unreadable {
        /// What is wrong with it.
        reason: String,
    },
    /// Telegram restricts the account. It sends nothing more, and does nothing at all if it is frozen (`FROZEN_x`),
    /// until an operator has looked into it, and has [cleared](crate::Manager::clear_restriction) it.
    #[error("Telegram restricts the account: {name}; see to it, and clear the restriction")]
    Restricted {
        /// Telegram's name of it, such as `PEER_FLOOD`.
        name: String,
    },
    /// The account's key is dead. No call will succeed again.
    #[error("the session is lost: {name}")]
    KeyLost {
        /// Telegram's name of it, such as `AUTH_KEY_DUPLICATED`.
        name: String,
    },
    /// The operation asks for something that is not there or not allowed.
    #[error("{0}")]
    Invalid(String),
}

impl CallError {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Flood { .. } | Self::SlowMode { .. }) || self.is_failure()
    }

    /// Whether Telegram may have executed the call although it brought no result.
    pub fn maybe_executed(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { maybe_executed: true, .. }
                | Self::ServerError { .. }
                | Self::Unreadable { .. }
        )
    }

    /// Whether Telegram has answered, and will answer the same: it refused, or said something that cannot be read.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Migrate { .. } | Self::Unreadable { .. })
    }

    /// Whether Telegram or the network failed: it did not refuse.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. } | Self::ServerError { .. } | Self::Unreadable { .. }
        )
    }

    pub(crate) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { name, .. } if name == wanted)
    }
}

/// Errors of which Telegram says that the key will not work again.
const FATAL: [&str; 7] = [
    "AUTH_KEY_DUPLICATED",
    "AUTH_KEY_UNREGISTERED",
    "AUTH_KEY_INVALID",
    "SESSION_REVOKED",
    "SESSION_EXPIRED",
    "USER_DEACTIVATED",
    "USER_DEACTIVATED_BAN",
];

/// Errors that say that the account did what Telegram does not want, and is not trusted for a while.
const RESTRICTIONS: [&str; 4] =
    ["PEER_FLOOD", "USER_RESTRICTED", "FROZEN_METHOD_INVALID", "FROZEN_PARTICIPANT_MISSING"];

/// Whether it is the name of a restriction of all that the account does: its owner has to appeal, and who goes on
/// calling meanwhile speaks against himself.
pub(crate) fn is_frozen(restriction: &str) -> bool {
    restriction.starts_with("FROZEN_")
}

impl From<InvocationError> for CallError {
    /// Each variant has its arm: one that is new does not compile before somebody has thought of it.
    fn from(error: InvocationError) -> Self {
        let lost = |reason: String| Self::Unavailable { reason, maybe_executed: true };
        let unusable = |reason: String| Self::Unusable { reason };
        match error {
            InvocationError::Rpc(rpc) => rpc.into(),
            // The connection was never made, or the request was on its way when it broke.
            InvocationError::Io(error) => lost(error.to_string()),
            InvocationError::Transport(error) => lost(error.to_string()),
            InvocationError::Dropped(why) => lost(why.to_owned()),
            InvocationError::Deserialize(error) => Self::Unreadable { reason: error.to_string() },
            // What is in memory is read before anything is sent, and in each attempt the same.
            InvocationError::Session(error) => unusable(error.to_string()),
            InvocationError::InvalidDc => {
                unusable("it does not know the datacenter that it names".to_owned())
            }
            // There was no key, and no other attempt brings the account one.
            InvocationError::Authentication(error) => {
                unusable(format!("its datacenter makes no key: {error}"))
            }
        }
    }
}

impl From<RpcError> for CallError {
    fn from(rpc: RpcError) -> Self {
        let RpcError { code, name, value, .. } = rpc;
        match (code, value) {
            _ if FATAL.contains(&name.as_str()) => Self::KeyLost { name },
            _ if RESTRICTIONS.contains(&name.as_str()) || is_frozen(&name) => {
                Self::Restricted { name }
            }
            // One that names no time would be asked again without end.
            (_, Some(seconds)) if name == "SLOWMODE_WAIT" => {
                Self::SlowMode { wait: Duration::from_secs(u64::from(seconds).max(1)) }
            }
            // Other errors have this code too, such as those of a frozen account: they name no time.
            (420, Some(seconds @ 1..)) => Self::Flood { wait: Duration::from_secs(seconds.into()) },
            (303, Some(dc)) => Self::Migrate { name, dc },
            // Said of a message that was accepted before: not a failure of the server.
            _ if name == "RANDOM_ID_DUPLICATE" => Self::Refused { code, name },
            (500.. | ..0, _) => Self::ServerError { code, name },
            _ => Self::Refused { code, name },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use grammers_client::tl;
    use grammers_mtproto::{authentication, transport};

    use super::*;

    /// What follows from an error: it is tried again, the call may have been executed, it is Telegram's answer and will
    /// be the same.
    type Follows = [bool; 3];
    const AGAIN: Follows = [true, true, false];
    const PERMANENT: Follows = [false, false, false];
    const WAITS: Follows = [true, false, false];
    const REFUSED: Follows = [false, false, true];
    const UNREADABLE: Follows = [true, true, true];

    fn class(error: &CallError) -> &'static str {
        match error {
            CallError::Flood { .. } => "flood",
            CallError::SlowMode { .. } => "slow mode",
            CallError::Refused { .. } => "refused",
            CallError::Migrate { .. } => "migrate",
            CallError::ServerError { .. } => "server error",
            CallError::Unusable { .. } => "unusable",
            CallError::Unavailable { .. } => "unavailable",
            CallError::Unreadable { .. } => "unreadable",
            CallError::Restricted { .. } => "restricted",
            CallError::KeyLost { .. } => "key lost",
            CallError::Invalid(_) => "invalid",
        }
    }

    fn assert_class(error: InvocationError, wanted: &str, follows: Follows) {
        let said = format!("{error:?}");
        let error = CallError::from(error);
        assert_eq!(class(&error), wanted, "{said}");
        let found = [error.is_transient(), error.maybe_executed(), error.is_answer()];
        assert_eq!(found, follows, "{said}: transient, maybe executed, an answer");
    }

    #[test]
    fn each_error_of_a_call_has_its_class() {
        let unreadable = tl::deserialize::Error::UnexpectedEof;
        let broken = io::Error::from(io::ErrorKind::ConnectionReset);
        for (error, wanted, follows) in [
            (InvocationError::Io(broken), "unavailable", AGAIN),
            (transport::Error::BadStatus { status: 404 }.into(), "unavailable", AGAIN),
            (transport::Error::BadStatus { status: 429 }.into(), "unavailable", AGAIN),
            (InvocationError::Dropped("lost"), "unavailable", AGAIN),
            (InvocationError::Deserialize(unreadable.into()), "unreadable", UNREADABLE),
            (InvocationError::Session("unknown".into()), "unusable", PERMANENT),
            (InvocationError::InvalidDc, "unusable", PERMANENT),
            (authentication::Error::DhGenFail.into(), "unusable", PERMANENT),
        ] {
            assert_class(error, wanted, follows);
        }
    }

    #[test]
    fn each_refusal_has_its_class() {
        let rows = [
            (420, "FLOOD_WAIT_3", "flood", WAITS),
            (420, "FLOOD_PREMIUM_WAIT_3", "flood", WAITS),
            (420, "SLOWMODE_WAIT_7", "slow mode", WAITS),
            (420, "NO_TIME", "refused", REFUSED),
            (406, "FROZEN_SOMEHOW", "restricted", PERMANENT),
            (303, "USER_MIGRATE_4", "migrate", REFUSED),
            (303, "FILE_MIGRATE_2", "migrate", REFUSED),
            (303, "SEE_OTHER", "refused", REFUSED),
            (400, "PEER_ID_INVALID", "refused", REFUSED),
            (403, "CHAT_WRITE_FORBIDDEN", "refused", REFUSED),
            (500, "RANDOM_ID_DUPLICATE", "refused", REFUSED),
            (500, "INTERNAL", "server error", AGAIN),
            (-503, "Timeout", "server error", AGAIN),
        ];
        let known = RESTRICTIONS.map(|name| (400, name, "restricted", PERMANENT));
        let lost = FATAL.map(|name| (401, name, "key lost", PERMANENT));
        for (error_code, name, wanted, follows) in rows.into_iter().chain(known).chain(lost) {
            let said = tl::types::RpcError { error_code, error_message: name.to_owned() };
            assert_class(InvocationError::Rpc(said.into()), wanted, follows);
        }
    }

    #[test]
    fn who_is_sent_elsewhere_is_told_where() {
        let said = tl::types::RpcError { error_code: 303, error_message: "USER_MIGRATE_4".into() };
        let error = CallError::from(InvocationError::Rpc(said.into()));
        assert!(error.to_string().contains("datacenter 4: USER_MIGRATE"), "{error}");
    }
}
