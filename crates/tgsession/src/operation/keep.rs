//! Operations that can be written down, so that another process does them.
//!
//! What is written is a [`Recipe`]: all that makes the same operation again, and nothing that it has reached. That is
//! elsewhere, under keys of its own: what was sent ([`record`](super::record)), how far a file is
//! ([`checkpoint`](super::export)). So whoever makes it again goes on where it was, and does nothing twice.

use std::error::Error;
use std::ffi::OsString;
use std::time::Duration;

use grammers_session::types::{PeerAuth, PeerId, PeerRef};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ExportMembers, ExportMessages, Failure, Format, Outcome, Send, ToFile};
use crate::store::Ended;
use crate::telegram::{CallError, Target};

/// An operation that a [`Store`](crate::Store) can keep: messages ([`Send`]) and exports into files ([`ToFile`]).
/// Implemented by these types.
pub trait Keepable: Written {}

impl<W: Written> Keepable for W {}

pub(crate) use written::Written;

mod written {
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::super::Work;
    use super::Recipe;

    /// What is written of an operation.
    pub trait Written: Work<Output: Serialize + DeserializeOwned> {
        /// Whether it writes itself that it is done, together with the last that it writes.
        #[doc(hidden)]
        const ENDS_ITSELF: bool = false;

        /// What it is, in words.
        #[doc(hidden)]
        fn what(&self) -> String;

        /// It is kept under this key from now on. What makes it again.
        #[doc(hidden)]
        fn keep(&mut self, key: &str) -> Recipe;

        /// What it brought, in words.
        #[doc(hidden)]
        fn say(output: &Self::Output) -> String;
    }
}

/// What makes an operation again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recipe {
    #[doc(hidden)]
    Send { key: String, to: Address, text: String },
    #[doc(hidden)]
    Messages { chat: Address, limit: u64, file: File },
    #[doc(hidden)]
    Members { chat: Address, file: File },
}

/// A file of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// As the system has it, which need not be text.
    pub(super) path: OsString,
    pub(super) format: Format,
}

/// A [`Target`] as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Address {
    #[doc(hidden)]
    Username(String),
    /// Without a number it is the account itself.
    #[doc(hidden)]
    Peer { id: Option<i64>, auth: i64 },
}

impl From<&Target> for Address {
    fn from(target: &Target) -> Self {
        match target {
            Target::Username(name) => Self::Username(name.clone()),
            Target::Peer(PeerRef { id, auth }) => {
                Self::Peer { id: id.bot_api_dialog_id(), auth: auth.hash() }
            }
        }
    }
}

impl Address {
    /// `None` if its number is none that a peer has.
    fn target(self) -> Option<Target> {
        Some(match self {
            Self::Username(name) => Target::Username(name),
            Self::Peer { id, auth } => {
                let id = match id {
                    Some(id) => PeerId::from_bot_api_dialog_id(id)?,
                    None => PeerId::self_user(),
                };
                Target::Peer(PeerRef { id, auth: PeerAuth::from_hash(auth) })
            }
        })
    }
}

/// An operation that was made again.
pub(crate) enum Restored {
    Send(Send),
    Messages(ToFile<ExportMessages>),
    Members(ToFile<ExportMembers>),
}

impl Recipe {
    pub(crate) fn written(&self) -> Value {
        serde_json::to_value(self).expect("text, numbers and lists of them are JSON")
    }

    /// `None` if it is no recipe.
    pub(crate) fn read(written: Value) -> Option<Self> {
        serde_json::from_value(written).ok()
    }

    /// Makes the operation again; `None` if there is none like this.
    pub(crate) fn make(self) -> Option<Restored> {
        Some(match self {
            Self::Send { key, to, text } => {
                Restored::Send(Send::new(to.target()?, text).keyed(key))
            }
            Self::Messages { chat, limit, file } => {
                let export = ExportMessages::again(chat.target()?, limit);
                Restored::Messages(export.to_file(file.path, file.format))
            }
            Self::Members { chat, file } => {
                let export = ExportMembers::of(chat.target()?);
                Restored::Members(export.to_file(file.path, file.format))
            }
        })
    }
}

/// What became of an operation, as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Recorded {
    Done(Value),
    Failed(String),
    MaybeExecuted(String),
    TimedOut(Duration),
    /// Never written: what is cancelled is not kept.
    Cancelled,
}

/// Whether an operation may be done all the same when it is tried again: its session stopped, or the account could not
/// do it at that time. What is kept is safe to do again, also where nobody knows whether it was done.
pub(crate) fn goes_on(failure: &Failure) -> bool {
    match failure {
        Failure::Stopped | Failure::Quota(_) | Failure::Lock(_) | Failure::Store(_) => true,
        Failure::Call(error) => matches!(
            error,
            CallError::Unavailable { .. }
                | CallError::ServerError { .. }
                | CallError::Unusable { .. }
                | CallError::Unreadable { .. }
                | CallError::Flood { .. }
                | CallError::Restricted { .. }
                | CallError::KeyLost { .. }
        ),
        _ => false,
    }
}

/// What is to be known of how an operation ended; `None` if it did not, and goes on later: by itself when what held the
/// account is over, else when it is submitted again or the session is added again.
pub(crate) fn ended<W: Written>(outcome: &Outcome<W::Output>) -> Option<Ended> {
    let (said, recorded) = match outcome {
        Outcome::Done(output) => return Some(done::<W>(output)),
        Outcome::Failed(failure) | Outcome::MaybeExecuted(failure) if goes_on(failure) => {
            return None;
        }
        Outcome::Failed(failure) => (in_full(failure), Recorded::Failed(in_full(failure))),
        Outcome::MaybeExecuted(failure) => {
            let why = in_full(failure);
            (format!("it may have been executed: {why}"), Recorded::MaybeExecuted(why))
        }
        Outcome::TimedOut { after } => {
            (format!("it took longer than {after:?}"), Recorded::TimedOut(*after))
        }
        Outcome::Cancelled => ("it was cancelled".to_owned(), Recorded::Cancelled),
        Outcome::ShutDown | Outcome::ExpiredInQueue { .. } => return None,
    };
    Some(Ended::now(false, said, json(&recorded)))
}

/// That an operation is done.
pub(crate) fn done<W: Written>(output: &W::Output) -> Ended {
    Ended::now(true, W::say(output), json(&Recorded::Done(json(output))))
}

/// The outcome that was written; `None` if that is none.
pub(crate) fn recalled<T: DeserializeOwned>(ended: &Ended) -> Option<Outcome<T>> {
    let recorded: Recorded = serde_json::from_value(ended.outcome.clone()).ok()?;
    Some(match recorded {
        Recorded::Done(output) => Outcome::Done(serde_json::from_value(output).ok()?),
        Recorded::Failed(why) => Outcome::Failed(Failure::Recorded(why)),
        Recorded::MaybeExecuted(why) => Outcome::MaybeExecuted(Failure::Recorded(why)),
        Recorded::TimedOut(after) => Outcome::TimedOut { after },
        Recorded::Cancelled => Outcome::Cancelled,
    })
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("numbers, text and lists of them are JSON")
}

/// An error with its causes, as nobody can ask for them later.
pub(crate) fn in_full(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::super::Sent;
    use super::*;
    use crate::store::StoreError;

    fn again(recipe: &Recipe) -> Recipe {
        let read = Recipe::read(recipe.written()).expect("it was written");
        match read.make().expect("there is one") {
            Restored::Send(mut send) => send.keep("key"),
            Restored::Messages(mut export) => export.keep("key"),
            Restored::Members(mut export) => export.keep("key"),
        }
    }

    #[test]
    fn what_is_made_again_is_what_was_written() {
        let peer = PeerId::channel(5001).unwrap();
        let peer = Target::Peer(PeerRef { id: peer, auth: PeerAuth::from_hash(-7) });
        let recipes = [
            Send::new("@friend", "Noon.").keep("key"),
            Send::new(peer.clone(), "Noon.").keyed("its own").keep("key"),
            ExportMessages::of("room").to_file("/tmp/a", Format::Csv).keep("key"),
            ExportMessages::of(peer).limit(7).to_file("b", Format::JsonLines).keep("key"),
            ExportMembers::of("room").to_file("/tmp/c", Format::Csv).keep("key"),
        ];
        for recipe in &recipes {
            assert_eq!(again(recipe), *recipe);
        }
        let key = |recipe: &Recipe| match recipe {
            Recipe::Send { key, .. } => key.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!([&recipes[0], &recipes[1]].map(key), ["key", "its own"]);
        let Recipe::Messages { file, .. } = &recipes[3] else { panic!("it is an export") };
        assert!(
            std::path::Path::new(&file.path).is_absolute(),
            "the next process may be elsewhere"
        );
    }

    #[test]
    fn a_peer_with_a_number_that_none_has_is_none() {
        let to = Address::Peer { id: Some(0), auth: 0 };
        let recipe = Recipe::Send { key: "key".to_owned(), to, text: String::new() };
        assert!(recipe.make().is_none());
    }

    #[test]
    fn an_outcome_is_read_as_it_was_written_and_a_failure_in_words() {
        let sent = || Sent { by_earlier_attempt: true };
        let done = ended::<Send>(&Outcome::Done(sent())).unwrap();
        assert!(matches!(recalled::<Sent>(&done), Some(Outcome::Done(s)) if s == sent()));
        let source = || std::io::Error::other("there is no room");
        let failure = || Failure::File { path: "room.csv".into(), source: source() };
        let failed = ended::<Send>(&Outcome::Failed(failure())).unwrap();
        assert_eq!(failed.said, "room.csv could not be used: there is no room");
        let again = recalled::<Sent>(&failed).unwrap();
        let Outcome::Failed(Failure::Recorded(why)) = again else { panic!("{again:?}") };
        assert_eq!(why, failed.said);
        let unknown = ended::<Send>(&Outcome::MaybeExecuted(failure())).unwrap();
        assert!(unknown.said.starts_with("it may have been executed: "), "{}", unknown.said);
        for failure in [Failure::Stopped, Failure::Store(StoreError::Closed)] {
            assert!(ended::<Send>(&Outcome::MaybeExecuted(failure)).is_none(), "it goes on");
        }
        assert!(ended::<Send>(&Outcome::ShutDown).is_none(), "it goes on");
    }
}
