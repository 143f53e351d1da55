use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use grammers_client::tl;

use super::{Context, Failure, Kind, Terms, Work};
use crate::telegram::{CallError, Target, resolve};

/// Sends a text message to one recipient.
///
/// It carries a number that stays the same over all attempts, by which Telegram recognises a message that it
/// has accepted: an attempt after a lost answer does not deliver twice. So each is for one submission.
#[derive(Debug)]
pub struct Send {
    to: Target,
    text: String,
    random_id: i64,
    /// A request is on its way, or was when its connection broke.
    on_its_way: bool,
}

/// A message that Telegram has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// Whether an earlier attempt had delivered it, whose answer was lost.
    pub by_earlier_attempt: bool,
}

impl Send {
    /// A message to send.
    ///
    /// # Panics
    /// If the system has no source of randomness, which no supported system lacks once it has started.
    pub fn new(to: impl Into<Target>, text: impl Into<String>) -> Self {
        let mut random = [0; 8];
        getrandom::fill(&mut random).expect("the system has a source of randomness");
        let random_id = i64::from_le_bytes(random);
        Self { to: to.into(), text: text.into(), random_id, on_its_way: false }
    }
}

impl Work for Send {
    type Output = Sent;

    fn terms(&self) -> Terms {
        Kind::Send.terms()
    }

    fn may_have_acted(&self) -> bool {
        self.on_its_way
    }

    fn attempt<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<Sent, Failure>> {
        async move {
            let peer = resolve(context.client, &self.to).await?;
            self.to = Target::Peer(peer);
            let request = tl::functions::messages::SendMessage {
                no_webpage: false,
                silent: false,
                background: false,
                clear_draft: false,
                noforwards: false,
                update_stickersets_order: false,
                invert_media: false,
                allow_paid_floodskip: false,
                peer: peer.into(),
                reply_to: None,
                message: self.text.clone(),
                random_id: self.random_id,
                reply_markup: None,
                entities: None,
                schedule_date: None,
                schedule_repeat_period: None,
                send_as: None,
                quick_reply_shortcut: None,
                effect: None,
                allow_paid_stars: None,
                suggested_post: None,
                rich_message: None,
            };
            let was_on_its_way = std::mem::replace(&mut self.on_its_way, true);
            match context.client.invoke(&request).await.map_err(CallError::from) {
                Ok(_) => Ok(Sent { by_earlier_attempt: false }),
                Err(error) if error.is("RANDOM_ID_DUPLICATE") => {
                    Ok(Sent { by_earlier_attempt: true })
                }
                Err(error) => {
                    // A refusal says what became of this request, and nothing of an earlier one.
                    self.on_its_way = was_on_its_way || error.maybe_executed();
                    Err(error.into())
                }
            }
        }
        .boxed()
    }
}
