//! The process of the server, and what the others know of it.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use grammers_session::SessionData;
use grammers_session::types::{DcOption, PeerInfo};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tgtest::Telegram;

use crate::{SERVER, many, memory, tools};

/// Accounts for plain clients. Each kind of account has a file of this name.
pub(crate) const PLAIN: &str = "plain";
/// Accounts for sessions.
pub(crate) const SESSIONS: &str = "session";

/// What the server says when it can be connected to.
const READY: &str = "ready";

/// What makes a client an account of the server.
#[derive(Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) name: String,
    home: DcOption,
    me: PeerInfo,
}

impl Account {
    fn of(account: &tgtest::Account) -> Self {
        let SessionData { home_dc, mut dc_options, peer_infos, .. } = account.session_data();
        let home = dc_options.remove(&home_dc).expect("an account knows where it is at home");
        let me = peer_infos.into_values().next().expect("an account knows itself");
        Self { name: account.username().to_owned(), home, me }
    }

    /// The same as the server would give.
    pub(crate) fn session_data(&self) -> SessionData {
        let dc = |id| DcOption { id, ..self.home.clone() };
        SessionData {
            home_dc: self.home.id,
            dc_options: (1..=5).map(|id| (id, dc(id))).collect(),
            peer_infos: [(self.me.id(), self.me.clone())].into(),
            ..SessionData::default()
        }
    }
}

/// The first `n` accounts of a kind.
pub(crate) fn accounts(directory: &Path, kind: &str, n: usize) -> Vec<Account> {
    let file = File::open(directory.join(kind)).expect("the server wrote it");
    let lines = BufReader::new(file).lines().take(n);
    let accounts: Vec<Account> = lines
        .map(|line| serde_json::from_str(&line.expect("it is text")).expect("it is an account"))
        .collect();
    assert_eq!(accounts.len(), n, "accounts of the kind {kind}");
    accounts
}

/// Serves until whoever started it closes its standard input, or ends.
pub(crate) fn run(directory: &Path) {
    let runtime = tools::runtime();
    let telegram = Telegram::builder()
        .accounts(PLAIN, memory::CONNECTED)
        .accounts(SESSIONS, many::MOST)
        .start();
    let telegram = runtime.block_on(telegram).expect("there is a free port");
    for kind in [PLAIN, SESSIONS] {
        let file = File::create(directory.join(kind)).expect("there is room for the accounts");
        let mut file = BufWriter::new(file);
        for account in telegram.accounts().filter(|a| a.username().starts_with(kind)) {
            let line = serde_json::to_string(&Account::of(account)).expect("it is plain data");
            writeln!(file, "{line}").expect("there is room for the accounts");
        }
        file.flush().expect("there is room for the accounts");
    }
    println!("{READY}");
    // However it ends, nobody needs the server any more.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
}

/// The process of the server. It ends with this.
pub(crate) struct Server {
    process: Child,
    directory: TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("there is room for the accounts");
        let mut process = this_program()
            .arg(SERVER)
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let said = process.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line).expect("it is text");
        assert_eq!(line.trim_end(), READY, "the server did not start");
        Self { process, directory }
    }

    /// The first `n` accounts of a kind.
    pub(crate) fn accounts(&self, kind: &str, n: usize) -> Arc<[Account]> {
        accounts(self.directory.path(), kind, n).into()
    }

    /// Has a process of its own find a figure, the last that it prints.
    pub(crate) fn ask(&self, role: &str) -> Option<f64> {
        let output = this_program()
            .arg(role)
            .arg(self.directory.path())
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .expect("this program can be started");
        String::from_utf8_lossy(&output.stdout).lines().last()?.parse().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Closes its standard input first. A server that failed has said why.
        let _ = self.process.wait();
    }
}

pub(crate) fn this_program() -> Command {
    Command::new(std::env::current_exe().expect("a program knows where it is"))
}
