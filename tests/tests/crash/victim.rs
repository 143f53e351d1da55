//! What is killed: a process that has the store of an account and does one thing.

use std::collections::{HashSet, VecDeque};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use tgsession::{
    CallError, ExportMembers, ExportMessages, Exported, Failure, Format, Kept, Limits, Monitor,
    Outcome, Send, Sent,
};
use tokio::sync::mpsc;
use tokio::time::timeout;
use workspace_tests::{Process, limited, open_store, secs};

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
    process: Process,
    directory: PathBuf,
    /// The lines that the handler has written.
    written: mpsc::UnboundedReceiver<String>,
}

pub(crate) async fn live(orders: Orders) {
    let Orders { task, directory, from, to } = orders;
    let (tell, written) = mpsc::unbounded_channel();
    let monitor = (task == "events").then(|| write_down(heard(&directory), tell));
    let store = open_store(store(&directory)).await.unwrap();
    let process = Process::start(store, limited(Limits::none()), monitor).await;
    let mut life = Life { process, directory, written };
    say("ready");
    match &*task {
        "pages" => life.export("room", from, to).await,
        "files" => life.export("small", from, to).await,
        "members" => life.export_members("crowd", from, to).await,
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
fn write_down(path: PathBuf, tell: mpsc::UnboundedSender<String>) -> Monitor {
    Monitor::new(move |event| {
        let (path, tell) = (path.clone(), tell.clone());
        async move {
            let Some(message) = event.message() else { return Ok(()) };
            append(&path, message.text())?;
            tell.send(message.text().to_owned())?;
            Ok(())
        }
    })
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())
}

/// The store of the account, as parent and victim open it.
pub(crate) fn store(directory: &Path) -> PathBuf {
    directory.join("store")
}

/// Where it is written what was heard.
pub(crate) fn heard(directory: &Path) -> PathBuf {
    directory.join("heard")
}

/// The operations of which a victim was told that they are kept.
pub(crate) fn taken(directory: &Path) -> Vec<usize> {
    let taken = std::fs::read_to_string(directory.join("taken")).unwrap_or_default();
    taken.lines().map(|n| n.parse().unwrap()).collect()
}

/// The file of an export, of messages or of members.
pub(crate) fn file(directory: &Path, n: usize, phase: &str) -> PathBuf {
    let extension = if phase == "members" { "csv" } else { "jsonl" };
    directory.join(format!("export-{n}.{extension}"))
}

fn assert_whole(outcome: Outcome<Exported>) {
    match outcome {
        Outcome::Done(_) => {}
        // It was whole, and audited, before the last one was killed.
        Outcome::Failed(Failure::File { source, .. })
            if source.kind() == std::io::ErrorKind::AlreadyExists => {}
        other => panic!("{other:?}"),
    }
}

impl Life {
    /// One file after the other; those that are whole are left.
    async fn export(&self, chat: &str, from: usize, to: usize) {
        for n in from..to {
            let path = file(&self.directory, n, "messages");
            let export = ExportMessages::of(chat).to_file(&path, Format::JsonLines);
            assert_whole(self.process.submit(export).await);
        }
    }

    /// The same of members, who are read from the first on where a victim left a part.
    async fn export_members(&self, chat: &str, from: usize, to: usize) {
        for n in from..to {
            let path = file(&self.directory, n, "members");
            let export = ExportMembers::of(chat).to_file(&path, Format::Csv);
            assert_whole(self.process.submit(export).await);
        }
    }

    async fn send(&self, from: usize, to: usize) {
        for n in from..to {
            let send = Send::new("friend", format!("text {n}")).keyed(format!("key {n}"));
            let outcome = self.process.submit(send).await;
            assert!(outcome.is_done(), "{outcome:?}");
        }
    }

    /// Has some in its queue all the time; what an earlier victim left is there too.
    async fn keep(&self, from: usize, to: usize) {
        let mut under_way = VecDeque::new();
        for n in from..to {
            under_way.push_back(self.keep_one(n).await);
            append(&self.directory.join("taken"), &n.to_string()).unwrap();
            if under_way.len() > 5 {
                assert_done(under_way.pop_front().unwrap()).await;
            }
        }
        // Those of the victims before, too.
        for n in 0..to {
            assert_done(self.keep_one(n).await).await;
        }
    }

    async fn keep_one(&self, n: usize) -> Kept<Sent> {
        let Process { manager, session, .. } = &self.process;
        let send = Send::new("friend", format!("text {n}"));
        manager.submit_kept(*session, format!("key {n}"), send).await.unwrap()
    }

    /// Until so many lines are written down, with those of the victims before.
    async fn listen(&mut self, to: usize) {
        let before = std::fs::read_to_string(heard(&self.directory)).unwrap_or_default();
        let mut lines: HashSet<_> = before.lines().map(str::to_owned).collect();
        let all = async {
            while lines.len() < to {
                lines.insert(self.written.recv().await.expect("the handler is there"));
            }
        };
        if timeout(secs(30), all).await.is_err() {
            let missing = (0..to).filter(|n| !lines.contains(&n.to_string()));
            panic!("lost: {:?}, and perhaps more", missing.take(20).collect::<Vec<_>>());
        }
    }

    /// Says what the caller of an operation was told, as soon as he was.
    async fn be_told(&self) {
        let send = Send::new("friend", "too much");
        match self.process.submit(send).await {
            Outcome::Failed(Failure::Call(CallError::Restricted { .. })) => say("told"),
            other => panic!("{other:?}"),
        }
        std::future::pending::<()>().await;
    }

    /// The restriction is known to the next process; it clears it.
    async fn look(&self) {
        let Process { manager, session, .. } = &self.process;
        let status = manager.session(*session).unwrap();
        assert_eq!(status.restricted.as_deref(), Some("PEER_FLOOD"));
        assert!(manager.clear_restriction(*session).unwrap());
    }

    async fn end(self) {
        self.process.end().await;
        say("done");
    }
}

async fn assert_done(kept: Kept<Sent>) {
    let outcome = match kept {
        Kept::Waiting(ticket) => ticket.await,
        Kept::Ended { outcome, .. } => outcome,
    };
    assert!(outcome.is_done(), "{outcome:?}");
}
