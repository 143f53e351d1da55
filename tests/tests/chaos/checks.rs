//! What must be true when everything has come to its end.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use tokio::time::{sleep, timeout};
use workspace_tests::{End, secs};

use crate::{Chaos, Clock, SESSIONS, name, tasks};

impl Chaos {
    /// Lets everything come to its end, and looks at what is left.
    pub(crate) async fn settle(mut self) -> BTreeMap<End, usize> {
        self.telegram.heal();
        // An update that was lost is missed when the next one comes.
        (0..SESSIONS).for_each(|account| self.push(account));
        while !self.answers.is_empty() {
            match timeout(secs(3600), self.answers.next()).await {
                Ok(answer) => answer.into_iter().for_each(|answer| self.note(answer)),
                Err(_) => panic!("no answer in an hour: {:#?}", self.manager.sessions()),
            }
        }
        assert_eq!(self.counts.values().sum::<usize>(), self.submitted, "each is answered once");
        self.assert_sends_are_honest();
        for status in self.manager.sessions() {
            assert_eq!((status.queued, status.load), (0, 0), "{status:?}");
        }
        self.assert_steady_accounts_heard_all().await;
        self.assert_each_is_counted_once().await;
        let report = self.manager.shutdown().await;
        assert_eq!(report.survivors, 0);
        drop(self.manager);
        let gone = timeout(secs(600), self.telegram.connected(0));
        assert!(gone.await.is_ok(), "{} connections are left", self.telegram.connections());
        if self.clock == Clock::Paused {
            let before = self.tasks;
            let ended = timeout(secs(600), async {
                while tasks() > before {
                    sleep(secs(1)).await;
                }
            });
            assert!(ended.await.is_ok(), "{} tasks instead of {before}", tasks());
            // While there is still a runtime on which somebody could hold something.
            assert!(lockorder::snapshot().is_empty(), "{:#?}", lockorder::snapshot());
        }
        self.counts
    }

    async fn assert_each_is_counted_once(&self) {
        let n = self.manager.metrics().await.unwrap();
        let ended = n.done + n.failed + n.expired + n.timed_out + n.cancelled + n.shut_down;
        assert_eq!(ended, self.submitted as u64, "{n:?}");
    }

    fn assert_sends_are_honest(&self) {
        let mut seen = BTreeMap::<_, usize>::new();
        for sent in self.telegram.sent() {
            *seen.entry(sent.text).or_default() += 1;
        }
        assert!(seen.values().all(|n| *n == 1), "the server accepted a send twice: {seen:?}");
        for (text, end) in &self.sent {
            match (end, seen.contains_key(text)) {
                (End::Done, false) => panic!("{text:?} was said to be done, and was not"),
                (End::Done | End::Maybe, _) | (_, false) => {}
                (end, true) => panic!("{text:?} was said to be {end:?}, and was executed"),
            }
        }
    }

    async fn assert_steady_accounts_heard_all(&self) {
        let is_all = || {
            let mut steady = (0..SESSIONS).filter(|account| self.steady[*account]);
            steady.all(|account| self.heard.by(account).len() >= self.pushed[account].len())
        };
        // What is missing after that is said below.
        let _ = timeout(secs(300), self.heard.until(is_all)).await;
        for (account, pushed) in self.pushed.iter().enumerate() {
            let (name, heard) = (name(account), self.heard.by(account));
            let mut once = heard.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), heard.len(), "{name} heard something twice: {heard:?}");
            if self.steady[account] {
                let missed: Vec<_> = pushed.iter().filter(|text| !heard.contains(text)).collect();
                assert!(missed.is_empty(), "{name} missed {missed:?}, and heard {heard:?}");
            }
        }
    }
}
