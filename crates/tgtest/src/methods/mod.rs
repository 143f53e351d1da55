//! The methods of the API: what a call does to the world and what it answers.
//!
//! A method is a function from the caller and its typed arguments to its typed result. This file finds the
//! function, writes the journal, and lets faults strike.

mod basic_groups;
mod channels;
mod dialogs;
mod help;
mod messages;
mod updates;
mod users;

use std::sync::Arc;
use std::time::{Duration, Instant};

use grammers_tl_types as tl;
use tl::{
    Cursor, Deserializable, Identifiable, RemoteCall, Serializable, enums, functions as f, types,
};

use crate::corruption::corrupt;
use crate::fault::{Effect, Method, Struck, whole_seconds};
use crate::journal::Request;
use crate::mtproto::session::{Answer, RpcError, packed};
use crate::state::{Shared, State};
use crate::world::UserId;

/// What becomes of a call.
pub(crate) enum Fate {
    /// Answered at once.
    Answered(Answer, Served),
    /// Answered later.
    AnsweredAfter(Duration, Answer, Served),
    /// Executed, never answered.
    Unanswered(Served),
    /// Its connection is closed.
    Dropped,
}

/// A call that is being answered, for the journal.
pub(crate) struct Served {
    state: Shared,
    method: Method,
    account: Option<UserId>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.state.lock().journal.end(self.method, self.account);
    }
}

/// Executes a call of the client that has this key.
pub(crate) fn call(shared: &Shared, key_id: i64, body: &[u8]) -> Fate {
    let Ok((id, arguments)) = unwrapped(body) else {
        let served = serve(shared, Method(0), None);
        return Fate::Answered(Err(malformed()), served);
    };
    let method = Method(id);
    let account = shared.lock().user_of(key_id);
    let served = serve(shared, method, account);
    let mut state = shared.lock();
    let Struck { effect, delay } = state.faults.strike(method, account);
    let mut answer = match &effect {
        Some(Effect::DropBefore) => return Fate::Dropped,
        Some(Effect::Refuse { code, name }) => refuse(*code, name),
        _ => execute(&mut state, key_id, account, id, arguments),
    };
    match (&effect, &mut answer) {
        (Some(Effect::Corrupt(seed)), Ok(result)) => corrupt(result, *seed),
        (Some(Effect::PackNothing), Ok(result)) => *result = packed(&[]),
        _ => {}
    }
    state.journal.requests.push(Request {
        account,
        method,
        at: Instant::now(),
        refused: answer.as_ref().err().map(|error| error.name.clone()),
    });
    state.changed.send_replace(());
    drop(state);
    match effect {
        Some(Effect::Silence) => Fate::Unanswered(served),
        Some(Effect::DropAfter) => Fate::Dropped,
        _ if delay.is_zero() => Fate::Answered(answer, served),
        _ => Fate::AnsweredAfter(delay, answer, served),
    }
}

fn serve(shared: &Shared, method: Method, account: Option<UserId>) -> Served {
    shared.lock().journal.begin(method, account);
    Served { state: Arc::clone(shared), method, account }
}

/// A caller who is signed in.
struct Caller<'a> {
    me: UserId,
    state: &'a mut State,
}

fn execute(
    state: &mut State,
    key_id: i64,
    account: Option<UserId>,
    id: u32,
    arguments: &[u8],
) -> Answer {
    if let Some(lost) = state.lost(key_id) {
        return Err(lost);
    }
    if let Some(me) = account {
        let admitted = state.limits.admit(Method(id), me, tokio::time::Instant::now());
        if let Err(wait) = admitted {
            return refuse(420, &format!("FLOOD_WAIT_{}", whole_seconds(wait)));
        }
    }
    match id {
        f::help::GetConfig::CONSTRUCTOR_ID => return Ok(help::config(state).to_bytes()),
        f::help::GetNearestDc::CONSTRUCTOR_ID => return Ok(help::nearest_dc().to_bytes()),
        _ => {}
    }
    let Some(me) = account else {
        return refuse(401, "AUTH_KEY_UNREGISTERED");
    };
    let mut caller = Caller { me, state };
    macro_rules! route {
        ($($method:ty => $function:path,)+) => {
            match id {
                $(<$method>::CONSTRUCTOR_ID => answer::<$method>($function, &mut caller, arguments),)+
                _ => {
                    tracing::warn!(method = tl::name_for_id(id), "not implemented");
                    refuse(400, "METHOD_INVALID")
                }
            }
        };
    }
    route! {
        f::updates::GetState => updates::get_state,
        f::updates::GetDifference => updates::get_difference,
        f::updates::GetChannelDifference => updates::get_channel_difference,
        f::users::GetUsers => users::get_users,
        f::users::GetFullUser => users::get_full_user,
        f::contacts::ResolveUsername => users::resolve_username,
        f::messages::SendMessage => messages::send_message,
        f::messages::GetHistory => messages::get_history,
        f::messages::GetDialogs => dialogs::get_dialogs,
        f::messages::GetFullChat => basic_groups::get_full_chat,
        f::messages::ReadHistory => messages::read_history,
        f::channels::GetParticipant => channels::get_participant,
        f::channels::GetParticipants => channels::get_participants,
        f::channels::GetChannels => channels::get_channels,
    }
}

/// Reads the arguments, calls the function, writes the result.
fn answer<F>(
    function: impl FnOnce(&mut Caller<'_>, &F) -> Result<F::Return, RpcError>,
    caller: &mut Caller<'_>,
    arguments: &[u8],
) -> Answer
where
    F: RemoteCall + Deserializable,
    F::Return: Serializable,
{
    let arguments = F::from_bytes(arguments).map_err(|_| malformed())?;
    function(caller, &arguments).map(|result| result.to_bytes())
}

/// The method and its arguments, without the wrappers in which clients put their first calls.
fn unwrapped(body: &[u8]) -> Result<(u32, &[u8]), tl::deserialize::Error> {
    const INVOKE_WITH_LAYER: u32 = 0xda9b_0d0d;
    const INVOKE_WITHOUT_UPDATES: u32 = 0xbf94_59b7;
    const INVOKE_AFTER_MSG: u32 = 0xcb9f_372d;
    const INVOKE_AFTER_MSGS: u32 = 0x3dc4_b4f0;
    const INIT_CONNECTION: u32 = 0xc1cd_5ea9;
    let mut cursor = Cursor::from_slice(body);
    loop {
        let id = u32::deserialize(&mut cursor)?;
        match id {
            INVOKE_WITH_LAYER => drop(i32::deserialize(&mut cursor)?),
            INVOKE_WITHOUT_UPDATES => {}
            INVOKE_AFTER_MSG => drop(i64::deserialize(&mut cursor)?),
            INVOKE_AFTER_MSGS => drop(Vec::<i64>::deserialize(&mut cursor)?),
            INIT_CONNECTION => skip_init_connection(&mut cursor)?,
            _ => return Ok((id, &body[cursor.pos()..])),
        }
    }
}

/// flags, api_id, six strings about the device, then what the flags announce.
fn skip_init_connection(cursor: &mut Cursor<'_>) -> Result<(), tl::deserialize::Error> {
    let flags = i32::deserialize(cursor)?;
    i32::deserialize(cursor)?;
    for _ in 0..6 {
        String::deserialize(cursor)?;
    }
    if flags & 1 != 0 {
        enums::InputClientProxy::deserialize(cursor)?;
    }
    if flags & 2 != 0 {
        enums::Jsonvalue::deserialize(cursor)?;
    }
    Ok(())
}

fn refuse<T>(code: i32, name: &str) -> Result<T, RpcError> {
    Err(RpcError { code, name: name.to_owned() })
}

fn malformed() -> RpcError {
    RpcError { code: 400, name: "INPUT_FETCH_ERROR".to_owned() }
}

/// The user that an input peer names: oneself, or one whose access hash the caller knows.
fn user_of(caller: &Caller<'_>, peer: &enums::InputPeer) -> Option<UserId> {
    match peer {
        enums::InputPeer::PeerSelf => Some(caller.me),
        enums::InputPeer::User(types::InputPeerUser { user_id, access_hash }) => {
            known_user(caller, *user_id, *access_hash)
        }
        _ => None,
    }
}

fn known_user(caller: &Caller<'_>, id: i64, access_hash: i64) -> Option<UserId> {
    let user = caller.state.world.users.get(&UserId(id))?;
    (user.access_hash == access_hash || user.id == caller.me).then_some(user.id)
}
