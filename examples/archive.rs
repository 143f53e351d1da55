//! Archives a chat into files: stopped by the quota of the day, and gone on with by the next process.
//!
//! ```text
//! cargo run --example archive
//! ```

use std::path::Path;

use tgsession::{
    ExportMessages, Format, Limits, Manager, Outcome, Quota, Secret, SessionConfig, SessionId,
    Store,
};
use tgtest::{Channel, Telegram};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How many messages the chat has.
const POSTS: usize = 250;

/// What ends with a process.
struct Process {
    store: Store,
    manager: Manager,
    session: SessionId,
}

impl Process {
    async fn start(directory: &Path, posts_a_day: u32) -> Result<Self> {
        let store = open(directory).await?;
        let limits = Limits::default().quota(Quota::PostsRead, posts_a_day);
        let manager = Manager::builder().limits(limits).build()?;
        let config = SessionConfig::stored(&store, "archive").await?;
        let session = manager.add_session(config).await?;
        Ok(Self { store, manager, session })
    }

    async fn export(&self, file: &Path, format: Format) -> Result<()> {
        let export = ExportMessages::of("@room").to_file(file, format);
        match self.manager.submit(self.session, export)?.await {
            Outcome::Done(done) => println!(
                "  {}: {} messages, {} of them written before",
                name_of(file),
                done.rows,
                done.resumed_from,
            ),
            Outcome::Failed(why) => println!("  {}: stopped, as {why}", name_of(file)),
            other => return Err(format!("{other:?}").into()),
        }
        println!("  {} is there: {}", name_of(file), file.exists());
        Ok(())
    }

    async fn end(self) -> Result<()> {
        self.manager.shutdown().await;
        drop(self.manager);
        Ok(self.store.close().await?)
    }
}

async fn open(directory: &Path) -> Result<Store> {
    // With real accounts: `Secret::from_env` or `Secret::from_file`.
    let secret = Secret::passphrase("correct horse battery staple".to_owned())?;
    Ok(Store::open(directory.join("store"), secret).await?)
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[tokio::main]
async fn main() -> Result<()> {
    let room = Channel::group("room").member("alice").strangers(3).messages(POSTS);
    let telegram = Telegram::builder().account("alice").channel(room).start().await?;
    let alice = telegram.account("alice").ok_or("she was built")?;
    let directory = tempfile::tempdir()?;
    let (json, csv) = (directory.path().join("room.jsonl"), directory.path().join("room.csv"));

    let store = open(directory.path()).await?;
    store.add("archive", &alice.session_data(), 1).await?;
    store.close().await?;

    println!("The first process may read 150 messages a day.");
    let process = Process::start(directory.path(), 150).await?;
    process.export(&json, Format::JsonLines).await?;
    process.end().await?;

    println!("The next one may read 1000, and goes on where the first one was.");
    let process = Process::start(directory.path(), 1000).await?;
    process.export(&json, Format::JsonLines).await?;
    process.export(&csv, Format::Csv).await?;
    for line in process.store.audit("archive").await? {
        let file = line.file.as_deref().map_or_else(String::new, |file| name_of(Path::new(file)));
        println!("  audit: user {} exported {} {} to {file}", line.by, line.rows, line.what);
    }
    process.end().await?;

    for file in [&json, &csv] {
        let text = std::fs::read_to_string(file)?;
        println!("{} begins:", name_of(file));
        for line in text.lines().take(2) {
            println!("  {line}");
        }
    }
    Ok(())
}
