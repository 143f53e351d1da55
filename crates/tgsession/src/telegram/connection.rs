//! One account's line to Telegram.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use grammers_client::client::UpdateStream;
use grammers_client::{Client, tl};
use grammers_mtsender::{
    ConnectionParams, NoRetries, SenderPool, SenderPoolRunner, UpdatesConfiguration,
};
use grammers_session::types::{PeerId, UpdateState, UpdatesState};
use grammers_session::updates::UpdatesLike;
use grammers_session::{Session, SessionData};
use once_cell::sync::OnceCell;
use tokio::sync::mpsc;

use super::CallError;
use super::account::{AccountSession, Changes};
use super::inlet::{Inlet, Knocker, knock};

/// What does not fit is dropped by `grammers` without a word, so there is room.
const UPDATE_CAPACITY: NonZeroUsize = NonZeroUsize::new(4096).expect("it is not zero");

/// Who an account is, over all its connections: its session with its key, and the application that uses it.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) session: Arc<AccountSession>,
    pub(crate) api_id: i32,
}

impl Credentials {
    pub(crate) fn new(session: SessionData, api_id: i32, changes: Option<Changes>) -> Self {
        Self { session: AccountSession::new(session, changes), api_id }
    }

    /// The key in use, if there is one: two connections with one key lose it.
    pub(crate) fn key(&self) -> Option<[u8; 256]> {
        let dc = self.session.home_dc_id().ok()?;
        self.session.dc_option(dc).ok().flatten()?.auth_key
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("api_id", &self.api_id).finish_non_exhaustive()
    }
}

/// A line to Telegram. It connects with the first call, and again with the next after it broke.
pub(crate) struct Connection {
    pub(crate) client: Client,
    session: Arc<AccountSession>,
    /// To its stream, once there is one.
    knocker: OnceCell<Knocker>,
}

/// The parts of a connection that need tasks of their own.
pub(crate) struct Parts {
    pub(crate) connection: Connection,
    pub(crate) io: SenderPoolRunner,
    pub(crate) updates: mpsc::Receiver<UpdatesLike>,
}

impl Connection {
    /// Prepares a line; nothing is sent yet. `io` must run for anything to happen. The line before it must
    /// be closed to its end.
    pub(crate) fn prepare(credentials: &Credentials) -> Parts {
        let session = Arc::clone(&credentials.session);
        let pool =
            SenderPool::with_configuration(Arc::clone(&session), credentials.api_id, parameters());
        let client = Client::new(pool.handle);
        let connection = Self { client, session, knocker: OnceCell::new() };
        Parts { connection, io: pool.runner, updates: pool.updates }
    }

    /// Where the updates of an account that was never used begin: to be called before its stream exists, so that what
    /// is pushed from then on is newer than this.
    pub(crate) async fn begin(&self) -> Result<(), CallError> {
        let left = self.session.updates_state().await.map_err(|error| unreadable(&error))?;
        if left.pts == 0 {
            let tl::enums::updates::State::State(now) =
                self.client.invoke(&tl::functions::updates::GetState {}).await?;
            let state = UpdatesState {
                pts: now.pts,
                qts: now.qts,
                date: now.date,
                seq: now.seq,
                channels: Vec::new(),
            };
            let saved = self.session.set_update_state(UpdateState::All(state)).await;
            saved.map_err(|error| unreadable(&error))?;
        }
        Ok(())
    }

    /// The numbered stream of updates from where the session was left, and the inlet that must run for it to bring
    /// anything. Its `next` must not be cancelled.
    pub(crate) async fn stream(
        &self,
        updates: mpsc::Receiver<UpdatesLike>,
    ) -> Result<(UpdateStream, Inlet), CallError> {
        let (inlet, knocker, updates) = Inlet::new(updates);
        let configuration = UpdatesConfiguration { catch_up: true };
        let stream = self.client.stream_updates(updates, configuration).await;
        let stream = stream.map_err(|error| unreadable(&error))?;
        // There is one stream.
        let _ = self.knocker.set(knocker);
        Ok((stream, inlet))
    }

    /// Has the stream bring something that is nothing, so that it is known where it stands: unless it is busy, and
    /// brings something anyway.
    pub(crate) fn knock(&self) {
        if let Some(stream) = self.knocker.get().and_then(Knocker::upgrade) {
            let _ = stream.try_send(knock());
        }
    }

    /// One call that may take so long.
    pub(crate) async fn call<R: tl::RemoteCall>(
        &self,
        request: &R,
        limit: Duration,
    ) -> Result<R::Return, CallError> {
        let answer = tokio::time::timeout(limit, self.client.invoke(request)).await;
        Ok(answer.map_err(|_| no_answer(limit))??)
    }

    /// Asks Telegram who this is: the cheapest call that proves that the line works.
    pub(crate) async fn identify(&self, limit: Duration) -> Result<Identity, CallError> {
        let answer = tokio::time::timeout(limit, identify(&self.client)).await;
        answer.map_err(|_| no_answer(limit))?
    }

    /// How far Telegram's updates for the account have come, and how far those that arrived here.
    pub(crate) async fn updates(&self, limit: Duration) -> Result<Progress, CallError> {
        let answer = self.call(&tl::functions::updates::GetState {}, limit).await?;
        let tl::enums::updates::State::State(there) = answer;
        let here = self.session.updates_state().await;
        let here = here.map_err(|error| CallError::Invalid(error.to_string()))?;
        Ok(Progress { there: there.pts, here: here.pts })
    }

    /// Ends the line for good. Calls that are under way fail, executed or not.
    pub(crate) fn close(&self) {
        self.client.disconnect();
    }
}

fn unreadable(error: &dyn fmt::Display) -> CallError {
    CallError::Invalid(format!("the session cannot be read: {error}"))
}

/// The numbers of the last updates, of what there is and of what arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    there: i32,
    here: i32,
}

impl Progress {
    #[cfg(test)]
    pub(crate) fn new(there: i32, here: i32) -> Self {
        Self { there, here }
    }

    /// Whether something has arrived since an earlier look.
    pub(crate) fn has_moved_since(self, earlier: Self) -> bool {
        self.here != earlier.here
    }

    /// Whether nothing has arrived since an earlier look, although there was something by then.
    pub(crate) fn is_stuck_since(self, earlier: Self) -> bool {
        self.here == earlier.here && earlier.there > earlier.here
    }
}

/// Asks Telegram who this is. Not with `get_me` of `grammers`, which panics where the answer is not one user: the
/// callers of this are no operations, whose panics are caught.
pub(crate) async fn identify(client: &Client) -> Result<Identity, CallError> {
    let request = tl::functions::users::GetUsers { id: vec![tl::enums::InputUser::UserSelf] };
    Identity::read(&client.invoke(&request).await?)
}

fn no_answer(limit: Duration) -> CallError {
    CallError::Unavailable { reason: format!("no answer within {limit:?}"), maybe_executed: false }
}

/// The user that a session signs in as.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// Its number.
    pub user: i64,
    /// Its user name.
    pub username: Option<String>,
}

impl Identity {
    /// The only user of an answer.
    pub(super) fn read(users: &[tl::enums::User]) -> Result<Self, CallError> {
        match users {
            [tl::enums::User::User(me)] if PeerId::user(me.id).is_some() => {
                Ok(Self { user: me.id, username: me.username.clone() })
            }
            _ => Err(CallError::Unavailable {
                reason: "users.getUsers did not say who the account is".to_owned(),
                maybe_executed: false,
            }),
        }
    }
}

/// Spelled out: the default asks the system by running programs, 8 to 35 ms for each client.
fn parameters() -> ConnectionParams {
    ConnectionParams {
        device_model: "tgsession".to_owned(),
        system_version: std::env::consts::OS.to_owned(),
        app_version: env!("CARGO_PKG_VERSION").to_owned(),
        system_lang_code: "en".to_owned(),
        lang_code: "en".to_owned(),
        use_ipv6: false,
        // The default sleeps through flood waits of a call while other calls go on flooding.
        retry_policy: Box::new(NoRetries),
        updates_channel_capacity: UPDATE_CAPACITY,
        __non_exhaustive: (),
    }
}
