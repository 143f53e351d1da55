//! What became of a call.

use std::time::Duration;

use grammers_mtsender::{InvocationError, RpcError};
use thiserror::Error;

/// Why a call to Telegram brought no result, and what follows:
///
/// | what happened | | what follows |
/// |---|---|---|
/// | the network or Telegram failed, before the call was executed or while it could be: no connection, a lost answer, codes from 500 on | [`Unavailable`](Self::Unavailable) | tried again after 2, 4, 8 s ..., as often as the kind of the operation says; then it is the outcome, and [`MaybeExecuted`](crate::Outcome::MaybeExecuted) where a message was on its way |
/// | 420 `FLOOD_WAIT_x` and others with a time | [`Flood`](Self::Flood) | all of the account waits; then the operation goes on, which uses up no retry |
/// | 420 `SLOWMODE_WAIT_x` | [`SlowMode`](Self::SlowMode) | messages for that chat wait |
/// | `PEER_FLOOD`, `USER_RESTRICTED`, `FROZEN_METHOD_INVALID` | [`Restricted`](Self::Restricted) | the account sends nothing until an operator has cleared it |
/// | `AUTH_KEY_DUPLICATED`, `AUTH_KEY_UNREGISTERED`, `AUTH_KEY_INVALID`, `SESSION_REVOKED`, `SESSION_EXPIRED`, `USER_DEACTIVATED`, `USER_DEACTIVATED_BAN` | [`KeyLost`](Self::KeyLost) | the session is over, and its key is never used again |
/// | any other refusal | [`Refused`](Self::Refused) | it is the outcome |
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
    /// Telegram or the network failed before the call was executed, or while it could be.
    #[error("Telegram cannot be reached or failed: {reason}")]
    Unavailable {
        /// What happened.
        reason: String,
        /// Whether the call may have been executed all the same.
        maybe_executed: bool,
    },
    /// Telegram restricts the account. It sends nothing more until an operator has looked into it, and has
    /// [cleared](crate::Manager::clear_restriction) it.
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
        matches!(self, Self::Flood { .. } | Self::SlowMode { .. } | Self::Unavailable { .. })
    }

    /// Whether Telegram may have executed the call although it brought no result.
    pub fn maybe_executed(&self) -> bool {
        matches!(self, Self::Unavailable { maybe_executed: true, .. })
    }

    /// Whether Telegram has answered, and will answer the same: it refused, or said something that cannot be read.
    pub(crate) fn is_answer(&self) -> bool {
        match self {
            Self::Refused { .. } => true,
            Self::Unavailable { reason, .. } => reason.starts_with(UNREADABLE),
            _ => false,
        }
    }

    pub(crate) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { name, .. } if name == wanted)
    }
}

/// How the reason begins where an answer came, and cannot be read.
const UNREADABLE: &str = "an answer cannot be read";

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
const RESTRICTIONS: [&str; 3] = ["PEER_FLOOD", "USER_RESTRICTED", "FROZEN_METHOD_INVALID"];

impl From<InvocationError> for CallError {
    fn from(error: InvocationError) -> Self {
        let unavailable =
            |reason: String, maybe_executed| Self::Unavailable { reason, maybe_executed };
        match error {
            InvocationError::Rpc(rpc) if FATAL.contains(&rpc.name.as_str()) => {
                Self::KeyLost { name: rpc.name }
            }
            InvocationError::Rpc(rpc) if RESTRICTIONS.contains(&rpc.name.as_str()) => {
                Self::Restricted { name: rpc.name }
            }
            InvocationError::Rpc(RpcError { name, value: Some(seconds), .. })
                if name == "SLOWMODE_WAIT" =>
            {
                // One that names no time would be asked again without end.
                Self::SlowMode { wait: Duration::from_secs(u64::from(seconds).max(1)) }
            }
            // Other errors have this code too, such as those of a frozen account: they name no time.
            InvocationError::Rpc(RpcError { code: 420, value: Some(seconds @ 1..), .. }) => {
                Self::Flood { wait: Duration::from_secs(seconds.into()) }
            }
            // Said of a message that was accepted before: not a failure of the server.
            InvocationError::Rpc(rpc) if rpc.name == "RANDOM_ID_DUPLICATE" => {
                Self::Refused { code: rpc.code, name: rpc.name }
            }
            InvocationError::Rpc(rpc) if rpc.code >= 500 || rpc.code < 0 => {
                unavailable(format!("{} ({})", rpc.name, rpc.code), true)
            }
            InvocationError::Rpc(rpc) => Self::Refused { code: rpc.code, name: rpc.name },
            // The connection was never made, or the request was on its way when it broke.
            InvocationError::Io(error) => unavailable(error.to_string(), true),
            InvocationError::Transport(error) => unavailable(error.to_string(), true),
            InvocationError::Dropped(why) => unavailable(why.to_owned(), true),
            InvocationError::Deserialize(error) => {
                unavailable(format!("{UNREADABLE}: {error}"), true)
            }
            other => unavailable(other.to_string(), false),
        }
    }
}
