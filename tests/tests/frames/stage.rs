//! A server and two sessions: the victim, to whom things happen, and the witness, who is not concerned.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tgsession::{
    AddError, CallError, Custom, ExportMembers, ExportMessages, Limits, Manager, Monitor,
    Operation, Send, SessionId, SessionState,
};
use tgtest::{Channel, Fault, Method, Telegram, UpdateFault, UserId};
use tokio::time::{sleep, timeout};
use workspace_tests::{End, Random, asks, config, eventually, limited, secs};

/// How many cases one session has to bear, if it bears them.
const IN_A_ROW: usize = 8;
/// How long the answers of one case are waited for, on paused time: those that take longer come when their session is
/// removed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(400);

const VICTIM: &str = "a0";
const WITNESS: &str = "a1";

/// What came of all cases.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) ends: BTreeMap<End, usize>,
    /// How many sessions failed.
    pub(crate) failed: usize,
}

pub(crate) struct Stage {
    telegram: Telegram,
    manager: Manager,
    victim: Option<SessionId>,
    /// How many cases the victim has borne.
    borne: usize,
    witness: SessionId,
    answers: FuturesUnordered<BoxFuture<'static, End>>,
    tally: Tally,
}

impl Stage {
    pub(crate) async fn new(tally: Tally) -> Self {
        let room = Channel::group("room").admin(VICTIM).admin(WITNESS).strangers(5).messages(20);
        let telegram =
            Telegram::builder().accounts("a", 2).stranger("friend").channel(room).start();
        let telegram = telegram.await.unwrap();
        let manager = limited(Limits::none());
        let witness = manager.add_session(config(&telegram, WITNESS)).await.unwrap();
        Self {
            telegram,
            manager,
            victim: None,
            borne: 0,
            witness,
            answers: FuturesUnordered::new(),
            tally,
        }
    }

    fn id(&self, name: &str) -> UserId {
        self.telegram.account(name).unwrap().id()
    }

    /// One case. Its random numbers depend on nothing that was before.
    pub(crate) async fn case(&mut self, random: &mut Random) {
        let victim = self.connected(random).await;
        self.harm(random);
        self.push();
        self.submit_all(victim, random);
        if random.one_in(4) {
            // It may fail, which leaves the session without a line for a while.
            let _ = eventually(self.manager.reconnect(victim)).await;
        }
        self.push();
        let left = self.hear().await;
        self.telegram.heal();
        // So that a task that panics now is seen to have failed.
        sleep(secs(1)).await;
        let state = self.manager.session(victim).unwrap().state;
        self.tally.failed += usize::from(state == SessionState::Failed);
        self.borne += 1;
        if left > 0 || state != SessionState::Connected || self.borne >= IN_A_ROW {
            self.remove(victim).await;
        }
        self.assert_others_go_on().await;
    }

    /// The victim, and if there is none, another one: now and then it meets a fault while it connects.
    async fn connected(&mut self, random: &mut Random) -> SessionId {
        // These numbers are drawn in any case: so those that follow are the same, whoever is there.
        let method = random.pick(&[Method::GET_USERS, Method::GET_STATE]);
        let fault = Fault::corrupt(random.next_u64()).on(method).by(self.id(VICTIM));
        let meets_it = random.one_in(3);
        if let Some(victim) = self.victim {
            return victim;
        }
        if meets_it {
            self.telegram.inject(fault);
        }
        self.borne = 0;
        let added = eventually(self.manager.add_session(config(&self.telegram, VICTIM))).await;
        self.telegram.heal();
        let victim = match added {
            Ok(victim) => victim,
            Err(AddError::Connect(_)) => {
                let again = self.manager.add_session(config(&self.telegram, VICTIM));
                eventually(again).await.expect("nothing is wrong with the server any more")
            }
            Err(error) => panic!("{error}"),
        };
        self.victim = Some(victim);
        victim
    }

    /// Makes some of the next answers and updates wrong. The configuration is left alone: it says where the servers
    /// are, and nothing here is to connect to anywhere else.
    fn harm(&self, random: &mut Random) {
        let methods = [
            Method::GET_USERS,
            Method::GET_HISTORY,
            Method::GET_PARTICIPANT,
            Method::GET_PARTICIPANTS,
            Method::RESOLVE_USERNAME,
            Method::SEND_MESSAGE,
            Method::GET_STATE,
            Method::GET_DIFFERENCE,
            Method::GET_CHANNEL_DIFFERENCE,
            Method::GET_DIALOGS,
        ];
        let account = self.id(VICTIM);
        for _ in 0..1 + random.below(3) {
            let fault = Fault::corrupt(random.next_u64()).on(random.pick(&methods)).by(account);
            self.telegram.inject(fault.times(1 + random.below(2) as usize));
        }
        if random.one_in(2) {
            let fault = UpdateFault::corrupt(random.next_u64()).to(account);
            self.telegram.inject_update_fault(fault.after(random.below(2) as usize));
        }
        if random.one_in(3) {
            // What is missing is asked for: so differences are met too.
            self.telegram.inject_update_fault(UpdateFault::lose().to(account));
        }
    }

    fn push(&self) {
        let (victim, witness) = (self.id(VICTIM), self.id(WITNESS));
        let room = self.telegram.channel("room").unwrap();
        for text in ["one", "two"] {
            assert!(self.telegram.push_message(victim, witness, text));
            assert!(self.telegram.push_post(room, witness, text).is_some());
        }
    }

    fn submit_all(&mut self, session: SessionId, random: &mut Random) {
        let listen = Monitor::new(|event| async move {
            // What a handler does with an event, whatever it is.
            let _ = event.message().map(|message| message.text().len());
            Ok(())
        });
        self.submit(session, listen);
        self.submit(session, ExportMessages::of("room").limit(30));
        self.submit(session, ExportMembers::of("room"));
        self.submit(session, Send::new("friend", format!("{}", random.next_u64())));
        let me = Custom::new(|client| async move {
            client.get_me().await.map_err(CallError::from).map(|me| me.username().map(str::len))
        });
        self.submit(session, me.shared());
    }

    fn submit<O: Operation>(&mut self, session: SessionId, operation: O)
    where
        O::Output: std::marker::Send + 'static,
    {
        // It may have failed by now: then it says so, which is an outcome too.
        if let Ok(ticket) = self.manager.submit(session, operation) {
            self.answers.push(async move { End::of(&ticket.await) }.boxed());
        }
    }

    /// Waits for the outcomes; how many are left when nobody waits any more.
    async fn hear(&mut self) -> usize {
        let Self { answers, tally, .. } = self;
        let all = async {
            while let Some(end) = answers.next().await {
                assert_ne!(end, End::Cancelled, "nobody asks for that");
                *tally.ends.entry(end).or_default() += 1;
            }
        };
        // Who is left is counted below.
        let _ = timeout(PATIENCE, all).await;
        self.answers.len()
    }

    async fn remove(&mut self, session: SessionId) {
        let stopped = eventually(self.manager.remove_session(session)).await.unwrap();
        assert_eq!(stopped.survivors, 0);
        assert_eq!(self.hear().await, 0, "submissions without an outcome");
        self.victim = None;
    }

    async fn assert_others_go_on(&self) {
        let outcome = eventually(self.manager.submit(self.witness, asks()).unwrap()).await;
        assert!(outcome.is_done(), "{outcome:?}");
    }

    /// Lets everything come to its end.
    pub(crate) async fn end(mut self) -> Tally {
        if let Some(victim) = self.victim {
            self.remove(victim).await;
        }
        assert_eq!(self.manager.shutdown().await.survivors, 0);
        drop(self.manager);
        eventually(self.telegram.connected(0)).await;
        self.tally
    }
}
