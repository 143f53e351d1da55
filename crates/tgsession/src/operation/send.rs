use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use grammers_client::tl;
use grammers_session::types::PeerRef;
use serde::{Deserialize, Serialize};

use super::keep::{Recipe, Written};
use super::record::Record;
use super::{Context, Kind, Stop, Terms, Work};
use crate::limits::{PacedCall, Reserved};
use crate::store::Fact;
use crate::telegram::{CallError, Target};

/// Sends a text message to one recipient.
///
/// It carries a number that stays the same over all attempts, by which Telegram recognises a message that it
/// has accepted: an attempt after a lost answer does not deliver twice. So each is for one submission; unless it is
/// [`keyed`](Self::keyed), which makes that hold over restarts too.
#[derive(Debug)]
pub struct Send {
    to: Target,
    text: String,
    random_id: i64,
    /// A request is on its way, or was when its connection broke.
    on_its_way: bool,
    /// One of the day's.
    reserved: Option<Reserved>,
    record: Option<Record>,
}

/// A message that Telegram has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        let (to, text) = (to.into(), text.into());
        Self { to, text, random_id, on_its_way: false, reserved: None, record: None }
    }

    /// Sends it once under this key, whatever becomes of the process: the store knows of it before it is sent, so
    /// when the same message is submitted again under its key it is not delivered again. A key is of one session;
    /// one that was used for another message is refused, also where nobody knows whether that one arrived.
    ///
    /// Where the process is killed after Telegram has accepted the message and before that is written, the next one
    /// sends it again with the number by which Telegram recognises it, for as long as it remembers it.
    ///
    /// It takes a session of a [`Store`](crate::Store), which forgets a key ninety days after it was used.
    ///
    /// ```
    /// use tgsession::Send;
    ///
    /// let send = Send::new("@friend", "The meeting is at noon.").keyed("2026-11-23/friend");
    /// ```
    #[must_use]
    pub fn keyed(mut self, key: impl Into<String>) -> Self {
        self.record = Some(Record::new(key.into(), &self.to, &self.text));
        self
    }

    /// True if it was sent before, under its key.
    async fn begin(&mut self, context: Context<'_>) -> Result<bool, Stop> {
        let Some(record) = &mut self.record else { return Ok(false) };
        // Whoever began it may have sent it.
        self.on_its_way |= record.begin(context.book, &mut self.random_id).await?;
        Ok(record.is_sent())
    }

    /// One of the day's, known to the store before it is used.
    async fn reserve(&mut self, context: Context<'_>) -> Result<(), Stop> {
        if self.reserved.is_none() {
            let reserved = context.allowance.quotas.reserve_send()?;
            let mut facts = vec![Fact::used(&context.allowance.quotas.used())];
            facts.extend(self.record.as_ref().map(Record::fact));
            context.book.write(facts).await?;
            self.reserved = Some(reserved);
            if let Some(record) = &mut self.record {
                record.is_stored();
            }
        }
        Ok(())
    }

    async fn run(&mut self, context: Context<'_>) -> Result<Sent, Stop> {
        if self.begin(context).await? {
            return Ok(Sent { by_earlier_attempt: true });
        }
        let peer = context.resolve(&mut self.to).await?;
        let chat = peer.id.bot_api_dialog_id_unchecked();
        if let Some(rest) = context.allowance.slow.rest(chat) {
            return Err(Stop::pause(rest));
        }
        context.take(PacedCall::Send)?;
        self.reserve(context).await?;
        if let Some(reserved) = &mut self.reserved {
            reserved.spend(1);
        }
        let was_on_its_way = std::mem::replace(&mut self.on_its_way, true);
        let request = self.request(peer);
        let sent = match context.client.invoke(&request).await.map_err(CallError::from) {
            Ok(_) => Sent { by_earlier_attempt: false },
            Err(error) if error.is("RANDOM_ID_DUPLICATE") => Sent { by_earlier_attempt: true },
            Err(error) => {
                // A refusal says what became of this request, and nothing of an earlier one.
                self.on_its_way = was_on_its_way || error.maybe_executed();
                if !self.on_its_way {
                    self.reserved.take().iter_mut().for_each(|reserved| reserved.refund(1));
                    if let Some(record) = &mut self.record {
                        record.forget(context.book).await;
                    }
                }
                if let CallError::SlowMode { wait } = error {
                    context.allowance.slow.hold(chat, wait);
                    return Err(Stop::pause(wait));
                }
                return Err(error.into());
            }
        };
        if let Some(record) = &mut self.record {
            record.end(context.book).await;
        }
        Ok(sent)
    }

    fn request(&self, peer: PeerRef) -> tl::functions::messages::SendMessage {
        tl::functions::messages::SendMessage {
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
        }
    }
}

/// That it was sent and that it has ended need not be written together: whoever does it again finds its record.
impl Written for Send {
    fn what(&self) -> String {
        format!("a message to {}", self.to)
    }

    /// Without a key of its own it is sent under that of the operation.
    fn keep(&mut self, key: &str) -> Recipe {
        let record =
            self.record.get_or_insert_with(|| Record::new(key.to_owned(), &self.to, &self.text));
        let key = record.key().to_owned();
        Recipe::Send { key, to: (&self.to).into(), text: self.text.clone() }
    }

    fn say(sent: &Sent) -> String {
        match sent.by_earlier_attempt {
            true => "delivered by an earlier attempt".to_owned(),
            false => "delivered".to_owned(),
        }
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

    fn attempt<'a>(&'a mut self, context: Context<'a>) -> BoxFuture<'a, Result<Sent, Stop>> {
        self.run(context).boxed()
    }
}
