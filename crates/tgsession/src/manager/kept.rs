//! Operations that outlive the process.

use super::{KeepError, Manager, SubmitError, refused};
use crate::id::SessionId;
use crate::operation::{Keepable, Kept};
use crate::session::KeepRefusal;

impl Manager {
    /// Puts an operation into the queue of a session that is [stored](crate::SessionConfig::stored), once it is written
    /// down: when this returns, the operation is done whatever becomes of the process. It waits for as long as it
    /// takes. Where the session stops first, or the account cannot do it now (it is restricted, its quota of the day is
    /// used up, its key lost, or its line breaks more often than it is tried again), the ticket says so, and the
    /// operation stays: whoever adds the session next goes on with it, in the order of the submissions, without being
    /// told to, and so does whoever submits it again. Once the restriction is [cleared](Self::clear_restriction), or
    /// the day is over, this session goes on by itself with all that stayed, in their order, whether there is room in
    /// the queue or not; submit it again for a ticket of that.
    ///
    /// The key is the operation's in this session, and it is done once under it: submitted again, also in another
    /// process, it is the one that waits, or has ended. What became of it is known for thirty days, and listed by
    /// [`Store::operations`](crate::Store::operations). One that failed is not done again either, unless it is
    /// [forgotten](Self::forget_kept) first. A message without a key of its own is sent under this one
    /// ([`Send::keyed`](crate::Send::keyed)).
    ///
    /// ```no_run
    /// use tgsession::{Kept, Manager, Send, SessionId};
    ///
    /// # async fn run(manager: Manager, session: SessionId) -> Result<(), Box<dyn std::error::Error>> {
    /// let letter = Send::new("@friend", "The autumn letter is out.");
    /// match manager.submit_kept(session, "autumn/friend", letter).await? {
    ///     Kept::Waiting(ticket) => println!("it will be sent: {:?}", ticket.await),
    ///     Kept::Ended { at, outcome } => println!("that was at {at:?}: {outcome:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such session, it has no store, it is not connected, its queue is full, or the operation cannot be
    /// written down; or if the key was used for another operation. Where the session stops meanwhile, it may be kept
    /// all the same.
    ///
    /// # Cancel safety
    /// Dropped while it waits for the operation to be written down, it submits it all the same, unless the session
    /// stops or the store fails first: submit it again for its ticket. Dropped while it waits for another call that has
    /// the key, which is writing the same operation down or forgetting it, it has submitted nothing, and that call goes
    /// on. Who cannot tell which it was submits again: the key makes that one operation.
    pub async fn submit_kept<O: Keepable>(
        &self,
        session: SessionId,
        key: impl Into<String>,
        operation: O,
    ) -> Result<Kept<O::Output>, KeepError> {
        let key = key.into();
        let found = self.0.registry.get(session).ok_or(SubmitError::Unknown(session))?;
        let submitted = found.submit_kept(key.clone(), operation).await;
        submitted.map_err(|refusal| error(session, &key, refusal))
    }

    /// Cancels an operation that is kept, or forgets what became of it, so that its key may be used again; false if
    /// there is none of this key. What was sent under the key stays known: see [`Send::keyed`](crate::Send::keyed). A
    /// submission of the key that comes meanwhile is either cancelled too or a new one: what it keeps is not touched.
    ///
    /// ```no_run
    /// # use tgsession::{KeepError, Manager, SessionId};
    /// # async fn run(manager: Manager, session: SessionId) -> Result<(), KeepError> {
    /// if manager.forget_kept(session, "autumn/friend").await? {
    ///     println!("the key may be used again");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such session, it has no store, or that cannot be written.
    ///
    /// # Cancel safety
    /// Dropped once it was polled, it cancels an operation that waits or runs all the same, and may leave what became
    /// of it.
    pub async fn forget_kept(&self, session: SessionId, key: &str) -> Result<bool, KeepError> {
        let found = self.0.registry.get(session).ok_or(SubmitError::Unknown(session))?;
        let forgotten = found.forget_kept(key).await;
        forgotten.map_err(|refusal| error(session, key, refusal))
    }
}

fn error(session: SessionId, key: &str, refusal: KeepRefusal) -> KeepError {
    match refusal {
        KeepRefusal::NoStore => KeepError::NoStore(session),
        KeepRefusal::OtherOperation => KeepError::OtherOperation(key.to_owned()),
        KeepRefusal::Submit(refusal) => refused(session, refusal).into(),
        KeepRefusal::Store(error) => error.into(),
    }
}
