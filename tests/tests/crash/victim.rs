//! What is killed: a process that has the store of an account and does one thing.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tgsession::{
    CallError, ExportMessages, Exported, Failure, Format, Kept, Limits, Manager, Monitor,
    OperationState, Outcome, Send, SessionConfig, SessionId, Store,
};

use crate::open;

/// What a victim is to do.
pub(crate) struct Orders {
    pub(crate) task: String,
    pub(crate) directory: PathBuf,
    /// Where it is to begin.
    pub(crate) from: usize,
    /// Where it is to end; a victim that is to be killed never comes to that.
    pub(crate) to: usize,
}

impl Orders {
    pub(crate) fn from_env() -> Option<Self> {
        let of = |name: &str| std::env::var(name).ok();
        Some(Self {
            task: of("VICTIM_TASK")?,
            directory: of("VICTIM_DIRECTORY")?.into(),
            from: of("VICTIM_FROM")?.parse().ok()?,
            to: of("VICTIM_TO")?.parse().ok()?,
        })
    }
}

/// Tells the parent, at once.
fn say(what: &str) {
    println!("victim: {what}");
    std::io::stdout().flush().unwrap();
}

struct Life {
    manager: Manager,
    store: Store,
    session: SessionId,
    directory: PathBuf,
}

pub(crate) async fn live(orders: Orders) {
    let Orders { task, directory, from, to } = orders;
    let store = open(&directory).await;
    let manager = Manager::builder().limits(Limits::none()).build().unwrap();
    let mut config = SessionConfig::stored(&store, "a").await.unwrap();
    if task == "events" {
        config = config.monitor(write_down(directory.join("heard")));
    }
    let session = manager.add_session(config).await.unwrap();
    let life = Life { manager, store, session, directory };
    say("ready");
    match &*task {
        "pages" => life.export("room", from, to).await,
        "files" => life.export("small", from, to).await,
        "sends" => life.send(from, to).await,
        "queue" => life.keep(from, to).await,
        "events" => life.listen(to).await,
        "told" => life.be_told().await,
        "look" => life.look().await,
        other => panic!("no such task: {other}"),
    }
    life.end().await;
}

/// A handler that has done its work when it returns.
fn write_down(path: PathBuf) -> Monitor {
    Monitor::new(move |event| {
        let path = path.clone();
        async move {
            let Some(message) = event.message() else { return Ok(()) };
            append(&path, message.text())?;
            Ok(())
        }
    })
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())
}

/// The operations of which a victim was told that they are kept.
pub(crate) fn taken(directory: &Path) -> Vec<usize> {
    let taken = std::fs::read_to_string(directory.join("taken")).unwrap_or_default();
    taken.lines().map(|n| n.parse().unwrap()).collect()
}

pub(crate) fn file(directory: &Path, n: usize) -> PathBuf {
    directory.join(format!("export-{n}.jsonl"))
}

impl Life {
    /// One file after the other; those that are whole are left.
    async fn export(&self, chat: &str, from: usize, to: usize) {
        for n in from..to {
            let path = file(&self.directory, n);
            let export = ExportMessages::of(chat).to_file(&path, Format::JsonLines);
            let outcome: Outcome<Exported> =
                self.manager.submit(self.session, export).unwrap().await;
            match outcome {
                Outcome::Done(_) => {}
                // It was whole, and audited, before the last one was killed.
                Outcome::Failed(Failure::File { source, .. })
                    if source.kind() == std::io::ErrorKind::AlreadyExists => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn send(&self, from: usize, to: usize) {
        for n in from..to {
            let send = Send::new("friend", format!("text {n}")).keyed(format!("key {n}"));
            let outcome = self.manager.submit(self.session, send).unwrap().await;
            assert!(outcome.is_done(), "{outcome:?}");
        }
    }

    /// Has some in its queue all the time; what an earlier victim left is there too.
    async fn keep(&self, from: usize, to: usize) {
        let mut under_way = VecDeque::new();
        for n in from..to {
            let send = Send::new("friend", format!("text {n}"));
            let kept = self.manager.submit_kept(self.session, format!("key {n}"), send).await;
            append(&self.directory.join("taken"), &n.to_string()).unwrap();
            match kept.unwrap() {
                Kept::Waiting(ticket) => under_way.push_back(ticket),
                Kept::Ended { outcome, .. } => assert!(outcome.is_done(), "{outcome:?}"),
            }
            if under_way.len() > 5 {
                let outcome = under_way.pop_front().unwrap().await;
                assert!(outcome.is_done(), "{outcome:?}");
            }
        }
        let begin = Instant::now();
        let waits = async || {
            let kept = self.store.operations("a").await.unwrap();
            kept.iter().any(|operation| operation.state == OperationState::Waiting)
        };
        while waits().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(begin.elapsed() < Duration::from_secs(30), "something is not done");
        }
    }

    /// Until so many lines are written down.
    async fn listen(&self, to: usize) {
        let lines = || match std::fs::read_to_string(self.directory.join("heard")) {
            Ok(heard) => heard.lines().map(str::to_owned).collect(),
            Err(_) => std::collections::HashSet::new(),
        };
        let begin = Instant::now();
        while lines().len() < to {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if begin.elapsed() > Duration::from_secs(30) {
                let heard = lines();
                let missing = (0..to).filter(|n| !heard.contains(&n.to_string()));
                panic!("lost: {:?}", missing.collect::<Vec<_>>());
            }
        }
    }

    /// Says what the caller of an operation was told, as soon as he was.
    async fn be_told(&self) {
        let send = Send::new("friend", "too much");
        match self.manager.submit(self.session, send).unwrap().await {
            Outcome::Failed(Failure::Call(CallError::Restricted { .. })) => say("told"),
            other => panic!("{other:?}"),
        }
        std::future::pending::<()>().await;
    }

    /// The restriction is known to the next process; it clears it.
    async fn look(&self) {
        let status = self.manager.session(self.session).unwrap();
        assert_eq!(status.restricted.as_deref(), Some("PEER_FLOOD"));
        assert!(self.manager.clear_restriction(self.session).unwrap());
    }

    async fn end(self) {
        assert_eq!(self.manager.shutdown().await.survivors, 0);
        drop(self.manager);
        self.store.close().await.unwrap();
        say("done");
    }
}
