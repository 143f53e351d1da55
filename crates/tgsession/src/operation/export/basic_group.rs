//! Who is in a basic group: Telegram tells all of it at once, and what each of them may do there.

use grammers_client::tl;
use grammers_session::types::PeerRef;
use tl::enums;

use super::super::{Context, Stop};
use crate::telegram::CallError;

/// What Telegram tells of the group.
pub(super) async fn read(
    context: Context<'_>,
    group: PeerRef,
) -> Result<tl::types::messages::ChatFull, Stop> {
    let request = tl::functions::messages::GetFullChat { chat_id: group.id.bare_id_unchecked() };
    let enums::messages::ChatFull::Full(full) =
        context.client.invoke(&request).await.map_err(CallError::from)?;
    Ok(full)
}

/// Who is in it; nobody if the account may not know.
pub(super) fn participants(group: &tl::types::messages::ChatFull) -> &[enums::ChatParticipant] {
    match &group.full_chat {
        enums::ChatFull::Full(tl::types::ChatFull {
            participants: enums::ChatParticipants::Participants(all),
            ..
        }) => &all.participants,
        _ => &[],
    }
}

/// Whether this user is its creator or an admin of it.
pub(crate) fn is_admin(group: &tl::types::messages::ChatFull, user: i64) -> bool {
    participants(group).iter().any(|participant| match participant {
        enums::ChatParticipant::Creator(creator) => creator.user_id == user,
        enums::ChatParticipant::Admin(admin) => admin.user_id == user,
        enums::ChatParticipant::Participant(_) => false,
    })
}
