//! The way of updates from the connection into the stream of `grammers`, which swallows some signs of something
//! missing: here they are seen.
//!
//! - An `updateChannelTooLong` may say how far the channel has come. The stream believes that it is there then, and
//!   asks only for what is behind; without that number it asks for what it has not.
//! - What does not fit is dropped by the connection without a word. So where this finds its channel full, it has the
//!   stream ask for what it missed, as after a connection that broke.
//! - That the connection broke, or brought something that cannot be read, concerns more than the stream asks for: it
//!   asks for what happened in the account, and in no channel.
//!
//! And something is put in: where the stream stands is known only when it brings something, so it is made to bring
//! something that is nothing, a [`knock`].

use std::slice;

use grammers_client::tl;
use grammers_session::types::PeerId;
use grammers_session::updates::UpdatesLike;
use tl::{enums, types};
use tokio::sync::mpsc;

use super::peer::channel_of;

/// What waits here is little: the connection has room for more.
const ROOM: usize = 16;
/// The user who is nobody, of whom a knock tells.
const NOBODY: i64 = i64::MIN;

/// A sign that something may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Omen {
    /// The connection broke.
    Broke,
    /// Something was dropped, or could not be read.
    Lost,
    /// More happened in this channel than is told.
    TooLong(PeerId),
}

/// Takes updates from a connection to its stream.
pub(crate) struct Inlet {
    from: mpsc::Receiver<UpdatesLike>,
    to: mpsc::Sender<UpdatesLike>,
}

/// Who can knock, for as long as the stream is there.
pub(crate) type Knocker = mpsc::WeakSender<UpdatesLike>;

impl Inlet {
    /// An inlet of what comes from there, and what the stream takes from it.
    pub(crate) fn new(
        from: mpsc::Receiver<UpdatesLike>,
    ) -> (Self, Knocker, mpsc::Receiver<UpdatesLike>) {
        let (to, updates) = mpsc::channel(ROOM);
        let knocker = to.downgrade();
        (Self { from, to }, knocker, updates)
    }

    /// Hands on what comes until the connection is closed, and the stream ends with it.
    pub(crate) async fn run(mut self, tell: impl Fn(Omen)) {
        let mut dropped = false;
        // First the place: an update is several KiB, and so would be this future if it waited with one.
        while let Ok(place) = self.to.reserve().await {
            if dropped && self.from.is_empty() {
                dropped = false;
                tell(Omen::Lost);
                // The stream asks for what it missed then.
                place.send(UpdatesLike::ConnectionClosed);
                continue;
            }
            let Some(mut update) = self.from.recv().await else { return };
            dropped |= self.from.len() + 1 >= self.from.max_capacity();
            look(&mut update, &tell);
            place.send(update);
        }
    }
}

fn look(update: &mut UpdatesLike, tell: &impl Fn(Omen)) {
    match update {
        UpdatesLike::ConnectionClosed => tell(Omen::Broke),
        UpdatesLike::MalformedUpdates => tell(Omen::Lost),
        _ => {}
    }
    for update in updates(update) {
        if let enums::Update::ChannelTooLong(too_long) = update {
            too_long.pts = None;
            channel_of(too_long.channel_id).into_iter().for_each(|id| tell(Omen::TooLong(id)));
        }
    }
}

fn updates(update: &mut UpdatesLike) -> &mut [enums::Update] {
    match update {
        UpdatesLike::Updates(enums::Updates::Updates(all)) => &mut all.updates,
        UpdatesLike::Updates(enums::Updates::Combined(all)) => &mut all.updates,
        UpdatesLike::Updates(enums::Updates::UpdateShort(one)) => slice::from_mut(&mut one.update),
        _ => &mut [],
    }
}

/// Something that the stream brings and that is nothing. It has no date and no number, so nothing moves by it.
pub(crate) fn knock() -> UpdatesLike {
    let status = enums::UserStatus::Empty;
    let update = types::UpdateUserStatus { user_id: NOBODY, status }.into();
    UpdatesLike::Updates(enums::Updates::UpdateShort(types::UpdateShort { update, date: 0 }))
}

pub(crate) fn is_knock(update: &enums::Update) -> bool {
    matches!(update, enums::Update::UserStatus(status) if status.user_id == NOBODY)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use grammers_session::types::UpdatesState;
    use grammers_session::updates::MessageBoxes;

    use super::*;

    fn too_long() -> UpdatesLike {
        let update = types::UpdateChannelTooLong { channel_id: 5001, pts: Some(90) }.into();
        UpdatesLike::Updates(enums::Updates::UpdateShort(types::UpdateShort { update, date: 1 }))
    }

    #[tokio::test]
    async fn how_far_a_channel_has_come_is_not_told_and_everything_else_is() {
        let (send, from) = mpsc::channel(8);
        let (inlet, knocker, mut updates) = Inlet::new(from);
        knocker.upgrade().unwrap().try_send(knock()).unwrap();
        for update in [too_long(), UpdatesLike::ConnectionClosed, UpdatesLike::MalformedUpdates] {
            send.try_send(update).unwrap();
        }
        drop(send);
        let told = RefCell::new(Vec::new());
        inlet.run(|omen| told.borrow_mut().push(omen)).await;
        let room = PeerId::channel(5001).unwrap();
        assert_eq!(*told.borrow(), [Omen::TooLong(room), Omen::Broke, Omen::Lost]);
        let Some(UpdatesLike::Updates(enums::Updates::UpdateShort(knock))) = updates.recv().await
        else {
            panic!("it is the first")
        };
        assert!(is_knock(&knock.update));
        let Some(UpdatesLike::Updates(enums::Updates::UpdateShort(short))) = updates.recv().await
        else {
            panic!("it is handed on")
        };
        assert!(matches!(short.update, enums::Update::ChannelTooLong(u) if u.pts.is_none()));
        assert!(matches!(updates.recv().await, Some(UpdatesLike::ConnectionClosed)));
        assert!(matches!(updates.recv().await, Some(UpdatesLike::MalformedUpdates)));
        assert!(updates.recv().await.is_none(), "it ends with its connection");
        assert!(knocker.upgrade().is_none(), "and nobody knocks");
    }

    #[tokio::test]
    async fn what_was_dropped_is_asked_for() {
        let (send, from) = mpsc::channel(2);
        let (inlet, _, mut updates) = Inlet::new(from);
        send.try_send(knock()).unwrap();
        send.try_send(knock()).unwrap();
        assert!(send.try_send(knock()).is_err(), "it is full");
        drop(send);
        let told = RefCell::new(Vec::new());
        inlet.run(|omen| told.borrow_mut().push(omen)).await;
        assert_eq!(*told.borrow(), [Omen::Lost]);
        for _ in 0..2 {
            assert!(matches!(updates.recv().await, Some(UpdatesLike::Updates(_))));
        }
        assert!(matches!(updates.recv().await, Some(UpdatesLike::ConnectionClosed)));
    }

    #[test]
    fn a_knock_moves_nothing() {
        let state = UpdatesState { pts: 5, qts: 1, date: 9, seq: 3, channels: Vec::new() };
        let mut boxes = MessageBoxes::load(state.clone());
        let (updates, _, _) = boxes.process_updates(knock()).unwrap();
        assert!(updates.iter().all(|(update, _)| is_knock(update)) && updates.len() == 1);
        assert_eq!(boxes.session_state(), state);
    }
}
