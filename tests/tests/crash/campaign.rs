//! Who kills, and what must be true afterwards.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tgsession::{OperationState, Store};
use tgtest::{Channel, Fault, Method, Telegram, UserId};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, sleep_until, timeout};
use workspace_tests::{Random, open_store};

use crate::victim;

/// No phase has a reason to take longer.
const LIMIT: Duration = Duration::from_secs(60);
const POSTS: usize = 3_000;
const SMALL: usize = 5;
/// Three pages, with the account itself.
const STRANGERS: usize = 450;

/// The loopback Telegram that all victims talk to.
pub(crate) struct Scene {
    pub(crate) telegram: Telegram,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let phases = ["pages", "files", "members", "sends", "queue", "events", "told"];
        let world = phases.iter().fold(Telegram::builder(), |world, name| world.account(name));
        let telegram = world
            .stranger("friend")
            .channel(Channel::group("room").member("pages").messages(POSTS))
            .channel(Channel::group("small").member("files").messages(SMALL))
            .channel(Channel::group("crowd").admin("members").strangers(STRANGERS))
            .start();
        Self { telegram: telegram.await.unwrap() }
    }
}

/// What came of a campaign.
pub(crate) struct Killed {
    pub(crate) of: &'static str,
    pub(crate) kills: usize,
    pub(crate) found: String,
}

/// One account, and its victims.
pub(crate) struct Campaign<'a> {
    telegram: &'a Telegram,
    phase: &'static str,
    account: UserId,
    directory: TempDir,
    kills: usize,
    random: Random,
}

/// A victim that lives.
struct Alive {
    task: String,
    child: Child,
    told: Lines<BufReader<ChildStdout>>,
}

impl Alive {
    /// Waits for what it says.
    async fn says(&mut self, what: &str) {
        let said = async {
            while let Some(line) = self.told.next_line().await.unwrap() {
                if line.strip_prefix("victim: ") == Some(what) {
                    return;
                }
            }
            panic!("{}: it ended without a word of {what:?}", self.task);
        };
        let in_time = timeout(LIMIT, said).await.is_ok();
        assert!(in_time, "{}: it never says {what:?}", self.task);
    }

    /// Kills it, if it did not end before.
    async fn kill(mut self) -> bool {
        let ended = self.child.try_wait().unwrap().is_some();
        self.child.kill().await.unwrap();
        !ended
    }

    async fn ends(mut self) {
        self.says("done").await;
        assert!(self.child.wait().await.unwrap().success());
    }
}

impl<'a> Campaign<'a> {
    pub(crate) async fn new(
        scene: &'a Scene,
        phase: &'static str,
        kills: usize,
        seed: u64,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let account = scene.telegram.account(phase).unwrap();
        let number = phase.bytes().fold(0, |sum, byte| sum * 31 + u64::from(byte));
        let random = Random::of_case(seed, number);
        let telegram = &scene.telegram;
        let campaign = Self { telegram, phase, account: account.id(), directory, kills, random };
        let store = campaign.store().await;
        store.add("a0", &account.session_data(), 1).await.unwrap();
        store.close().await.unwrap();
        campaign
    }

    async fn store(&self) -> Store {
        open_store(victim::store(self.directory.path())).await.unwrap()
    }

    fn start(&self, task: &str, from: usize, to: usize) -> Alive {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "victim", "--nocapture"])
            .env("VICTIM_TASK", task)
            .env("VICTIM_DIRECTORY", self.directory.path())
            .env("VICTIM_FROM", from.to_string())
            .env("VICTIM_TO", to.to_string())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let told = BufReader::new(child.stdout.take().unwrap()).lines();
        Alive { task: task.to_owned(), child, told }
    }

    /// Kills a victim of this phase so long after it began, at most; returns when it was killed in the middle.
    async fn kill_within(&mut self, from: usize, most: Duration) {
        loop {
            let mut victim = self.start(self.phase, from, usize::MAX);
            victim.says("ready").await;
            let micros = self.random.below(most.as_micros() as u64);
            sleep_until(Instant::now() + Duration::from_micros(micros)).await;
            if victim.kill().await {
                return;
            }
        }
    }

    async fn finish(&self, task: &str, from: usize, to: usize) {
        self.start(task, from, to).ends().await;
    }

    fn file(&self, n: usize) -> PathBuf {
        victim::file(self.directory.path(), n, self.phase)
    }

    /// How many files are whole.
    fn whole(&self) -> usize {
        (0..).take_while(|n| self.file(*n).exists()).count()
    }

    /// Every file has every row once, and there is a line of the audit for each.
    async fn check_files(&self, files: usize, posts: usize) {
        for n in 0..files {
            let text = std::fs::read_to_string(self.file(n)).unwrap();
            let id = |line: &str| line[6..line.find(',').unwrap()].parse().unwrap();
            let ids: Vec<usize> = text.lines().map(id).collect();
            assert_eq!(ids, (1..=posts).collect::<Vec<_>>(), "{}", self.file(n).display());
            assert!(!self.file(n).with_extension("jsonl.part").exists(), "nothing is left");
        }
        self.check_audit(files).await;
    }

    /// The same of files of members.
    async fn check_members(&self, files: usize) {
        for n in 0..files {
            let text = std::fs::read_to_string(self.file(n)).unwrap();
            let mut rows = text.lines();
            assert_eq!(rows.next(), Some("user,username,name"));
            let users: Vec<&str> = rows.map(|row| row.split(',').next().unwrap()).collect();
            let once: HashSet<&str> = users.iter().copied().collect();
            assert_eq!((users.len(), once.len()), (STRANGERS + 1, STRANGERS + 1));
            assert!(!self.file(n).with_extension("csv.part").exists(), "nothing is left");
        }
        self.check_audit(files).await;
    }

    async fn check_audit(&self, files: usize) {
        let store = self.store().await;
        let mut audited: Vec<_> =
            store.audit("a0").await.unwrap().into_iter().filter_map(|line| line.file).collect();
        let mut expected: Vec<_> = (0..files).map(|n| self.file(n).display().to_string()).collect();
        audited.sort();
        expected.sort();
        assert_eq!(audited, expected, "each export is audited once");
        store.close().await.unwrap();
    }

    /// Of the store too, whatever was written to it when a victim was killed, SQLite says that it is whole.
    fn end(self, of: &'static str, found: String) -> Killed {
        let path = victim::store(self.directory.path()).join("store.db");
        let database = rusqlite::Connection::open(path).unwrap();
        let check = "PRAGMA integrity_check";
        let said: String = database.query_row(check, [], |row| row.get(0)).unwrap();
        assert_eq!(said, "ok", "{of}");
        Killed { of, kills: self.kills, found }
    }

    /// In the middle of one long export after the other.
    pub(crate) async fn pages(mut self) -> Killed {
        let slow = Fault::delay(Duration::from_millis(60)).on(Method::GET_HISTORY);
        self.telegram.inject(slow.by(self.account).always());
        for _ in 0..self.kills {
            self.kill_within(self.whole(), Duration::from_millis(2500)).await;
        }
        let files = self.whole() + 1;
        self.finish("pages", 0, files).await;
        self.check_files(files, POSTS).await;
        let found = format!("{files} files of {POSTS} rows, each row once");
        self.end("a long export", found)
    }

    /// While one small export after the other begins, is synced, named and audited.
    pub(crate) async fn files(mut self) -> Killed {
        for _ in 0..self.kills {
            let whole = self.whole();
            self.kill_within(whole.saturating_sub(2), Duration::from_millis(120)).await;
        }
        let files = self.whole() + 1;
        self.finish("files", 0, files).await;
        self.check_files(files, SMALL).await;
        let found = format!("{files} files, each whole and audited once");
        self.end("the ends of exports", found)
    }

    /// While one list of members after the other is read, and its file ends.
    pub(crate) async fn members(mut self) -> Killed {
        let slow = Fault::delay(Duration::from_millis(15)).on(Method::GET_PARTICIPANTS);
        self.telegram.inject(slow.by(self.account).always());
        for _ in 0..self.kills {
            let whole = self.whole();
            self.kill_within(whole.saturating_sub(2), Duration::from_millis(200)).await;
        }
        let files = self.whole() + 1;
        self.finish("members", 0, files).await;
        self.check_members(files).await;
        let found = format!("{files} files of {} members, each once", STRANGERS + 1);
        self.end("exports of members", found)
    }

    /// While one message after the other is recorded, sent, and recorded again.
    pub(crate) async fn sends(mut self) -> Killed {
        for _ in 0..self.kills {
            let sent = self.texts().len();
            self.kill_within(sent.saturating_sub(3), Duration::from_millis(120)).await;
        }
        let messages = self.texts().len() + 1;
        self.finish("sends", 0, messages).await;
        let sent = self.texts();
        let expected: HashMap<_, _> = (0..messages).map(|n| (format!("text {n}"), 1)).collect();
        let mut counts = HashMap::new();
        sent.into_iter().for_each(|text| *counts.entry(text).or_insert(0) += 1);
        assert_eq!(counts, expected, "each message once");
        let found = format!("{messages} messages, each delivered once");
        self.end("sends", found)
    }

    /// While one message after the other is taken to be kept, sent, and ended; some are sent by processes that were not
    /// asked for them.
    pub(crate) async fn queue(mut self) -> Killed {
        for _ in 0..self.kills {
            let taken = victim::taken(self.directory.path()).len();
            self.kill_within(taken, Duration::from_millis(120)).await;
        }
        let taken = victim::taken(self.directory.path());
        self.finish("queue", taken.len(), taken.len() + 1).await;
        let mut counts = HashMap::new();
        self.texts().into_iter().for_each(|text| *counts.entry(text).or_insert(0) += 1);
        for n in taken {
            assert_eq!(counts.get(&format!("text {n}")), Some(&1), "it was taken");
        }
        // One more each time may have been taken, and its victim killed before it could say so.
        assert!(counts.values().all(|n| *n == 1), "each message once: {counts:?}");
        let store = self.store().await;
        let kept = store.operations("a0").await.unwrap();
        let is_done = |state: &OperationState| matches!(state, OperationState::Done { .. });
        assert!(kept.iter().all(|operation| is_done(&operation.state)), "{kept:?}");
        assert_eq!(kept.len(), counts.len(), "each is listed");
        store.close().await.unwrap();
        let found = format!("{} messages that were taken, each delivered once", kept.len());
        self.end("operations that are kept", found)
    }

    fn texts(&self) -> Vec<String> {
        let sent = self.telegram.sent().into_iter();
        sent.filter(|sent| sent.from == self.account).map(|sent| sent.text).collect()
    }

    /// While messages come in and are handled, and where they stand is written.
    pub(crate) async fn events(mut self) -> Killed {
        let friend = self.telegram.user("friend").unwrap();
        // An account begins with what comes after its first connection.
        self.finish("events", 0, 0).await;
        let mut pushed = 0;
        for _ in 0..self.kills {
            let mut push = async |n: usize| {
                for _ in 0..n {
                    assert!(self.telegram.push_message(self.account, friend, &pushed.to_string()));
                    pushed += 1;
                    sleep_until(Instant::now() + Duration::from_millis(7)).await;
                }
            };
            // Some while nobody listens.
            push(2).await;
            let mut victim = self.start("events", 0, usize::MAX);
            victim.says("ready").await;
            push(self.random.below(150) as usize).await;
            assert!(victim.kill().await);
        }
        self.finish("events", 0, pushed).await;
        let heard = std::fs::read_to_string(victim::heard(self.directory.path())).unwrap();
        let mut counts = vec![0; pushed];
        heard.lines().for_each(|n| counts[n.parse::<usize>().unwrap()] += 1);
        assert!(counts.iter().all(|n| *n > 0), "lost: {counts:?}");
        let again = counts.iter().filter(|n| **n > 1).count();
        let found = format!("{pushed} events handled, {again} of them again by the next process");
        self.end("events and their position", found)
    }

    /// As soon as a caller is told that his account is restricted.
    pub(crate) async fn told(self) -> Killed {
        for _ in 0..self.kills {
            let fault = Fault::rpc_error(400, "PEER_FLOOD").on(Method::SEND_MESSAGE);
            self.telegram.inject(fault.by(self.account));
            let mut victim = self.start("told", 0, 0);
            victim.says("told").await;
            assert!(victim.kill().await);
            self.finish("look", 0, 0).await;
        }
        let found = "the next process knew each time".to_owned();
        self.end("the answer that an account is restricted", found)
    }
}
