//! What is done, and what goes wrong meanwhile: one step after the other, as the random numbers say.

use futures_util::{FutureExt, StreamExt};
use tgsession::{CallError, Custom, ExportMembers, ExportMessages, Operation, Send, SubmitError};
use tgtest::{Fault, Method, UpdateFault};
use tokio::time::{Instant, sleep, timeout};
use workspace_tests::End;

use crate::{Chaos, Clock, SESSIONS, name};

impl Chaos {
    /// Takes one step after the other, and notes the answers that come meanwhile.
    pub(crate) async fn run(&mut self) {
        let begin = Instant::now();
        while begin.elapsed() < self.clock.lasts() {
            self.step().await;
            let pause = self.random.millis(1, 40);
            let over = sleep(pause);
            tokio::pin!(over);
            loop {
                tokio::select! {
                    biased;
                    Some(answer) = self.answers.next() => self.note(answer),
                    () = &mut over => break,
                }
            }
        }
    }

    async fn step(&mut self) {
        self.steps += 1;
        self.heal_holes();
        let account = self.random.index(SESSIONS);
        match self.random.below(100) {
            0..=29 => self.send(account),
            30..=44 => self.export(account),
            45..=54 => self.call(account),
            55..=74 => self.push(account),
            75..=89 => self.harm(account),
            90..=93 => {
                self.telegram.drop_connections(self.id(account));
            }
            94..=96 => self.reconnect(account),
            _ => self.come_or_go(account).await,
        }
    }

    /// Submits something, and gives it up now and then.
    fn submit<O: Operation>(&mut self, account: usize, text: Option<String>, what: O)
    where
        O::Output: std::marker::Send + 'static,
    {
        let Some(session) = self.sessions[account] else { return };
        let ticket = match self.manager.submit(session, what) {
            Ok(ticket) => ticket,
            Err(SubmitError::QueueFull { .. } | SubmitError::NotConnected { .. }) => return,
            Err(error) => panic!("{error}"),
        };
        self.submitted += 1;
        let gives_up = self.random.one_in(10).then(|| self.random.millis(0, 4000));
        self.answers.push(
            async move {
                let outcome = match gives_up {
                    None => ticket.await,
                    Some(after) => {
                        let mut ticket = ticket;
                        match timeout(after, &mut ticket).await {
                            Ok(outcome) => outcome,
                            Err(_) => ticket.cancel().await,
                        }
                    }
                };
                (text, End::of(&outcome))
            }
            .boxed(),
        );
    }

    fn send(&mut self, account: usize) {
        let text = format!("{} from {}", self.submitted, name(account));
        self.submit(account, Some(text.clone()), Send::new("friend", text));
    }

    fn export(&mut self, account: usize) {
        match self.random.below(2) {
            0 => self.submit(account, None, ExportMessages::of("room")),
            _ => self.submit(account, None, ExportMembers::of("room")),
        }
    }

    fn call(&mut self, account: usize) {
        let panics = self.random.one_in(5);
        let call = Custom::new(move |client| async move {
            assert!(!panics, "an operation panics");
            client.get_me().await.map_err(CallError::from).map(|_| ())
        });
        let call = if self.random.one_in(2) { call.shared() } else { call };
        self.submit(account, None, call);
    }

    pub(crate) fn push(&mut self, account: usize) {
        let from = (account + 1 + self.random.index(SESSIONS - 1)) % SESSIONS;
        let all = self.pushed.iter().map(Vec::len).sum::<usize>();
        let text = format!("{all} for {}", name(account));
        self.telegram.push_message(self.id(account), self.id(from), &text);
        self.pushed[account].push(text);
    }

    fn harm(&mut self, account: usize) {
        match self.random.below(11) {
            7 => self.harm_updates(account, UpdateFault::lose()),
            8 => self.harm_updates(account, UpdateFault::duplicate()),
            9 => self.harm_updates(account, UpdateFault::swap()),
            10 => self.black_hole(account),
            _ => self.harm_calls(account),
        }
    }

    fn harm_updates(&mut self, account: usize, fault: UpdateFault) {
        let fault = fault.to(self.id(account)).times(1 + self.random.index(2));
        self.telegram.inject_update_fault(fault);
    }

    /// Some last longer than it takes to notice them.
    fn black_hole(&mut self, account: usize) {
        let id = self.id(account);
        self.telegram.black_hole(id);
        self.holes.insert(id, self.steps + 10 + self.random.index(700));
    }

    fn heal_holes(&mut self) {
        self.holes.retain(|account, heals_at| {
            let lasts = self.steps < *heals_at;
            if !lasts {
                self.telegram.heal_black_hole(*account);
            }
            lasts
        });
    }

    fn harm_calls(&mut self, account: usize) {
        let methods = [
            Method::SEND_MESSAGE,
            Method::GET_HISTORY,
            Method::GET_PARTICIPANTS,
            Method::GET_USERS,
            Method::GET_DIFFERENCE,
            Method::RESOLVE_USERNAME,
        ];
        let method = self.random.pick(&methods);
        let fault = match self.random.below(7) {
            0 => Fault::flood_wait(self.random.millis(500, 5000)),
            1 => Fault::rpc_error(500, "INTERNAL"),
            2 => Fault::rpc_error(400, "CHAT_WRITE_FORBIDDEN"),
            3 => Fault::delay(self.random.millis(10, 3000)),
            4 if self.clock == Clock::Paused => Fault::silence(),
            5 => Fault::drop_connection(),
            _ => Fault::lose_answer(),
        };
        let fault = fault.on(method).by(self.id(account));
        self.telegram.inject(fault.times(1 + self.random.index(2)));
    }

    fn reconnect(&self, account: usize) {
        if let Some(session) = self.sessions[account] {
            let manager = self.manager.clone();
            // It may fail, and may be given up by the end.
            tokio::spawn(async move { manager.reconnect(session).await });
        }
    }

    async fn come_or_go(&mut self, account: usize) {
        self.steady[account] = false;
        match self.sessions[account].take() {
            Some(session) => {
                let stopped = self.manager.remove_session(session).await.unwrap();
                assert_eq!(stopped.survivors, 0);
            }
            None => {
                // Nothing else is done while it connects, which takes as long as it may in a black hole.
                self.telegram.heal_black_hole(self.id(account));
                self.add(account).await;
            }
        }
    }
}
