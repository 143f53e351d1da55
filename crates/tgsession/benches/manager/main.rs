//! What a manager costs beside plain `grammers` clients on the same server, in the same run.
//!
//! The loopback Telegram runs in a process of its own, as Telegram does. Times are measured in this process,
//! sessions and plain clients in turn, round by round; memory in a process for each figure, in which nothing
//! else happened before. All processes have the same settings of the allocator, and the locks are checked:
//! the dev-dependency on `lockorder` has its feature `enforce`.
//!
//! The table says how far each figure is from its goal; `target/tgsession-bench.json` has the figures.

mod managed;
mod many;
mod measure;
mod memory;
mod plain;
mod report;
mod server;
mod tools;

use std::path::Path;

use lockorder::Policy;
use report::Figures;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::Server;

const _: () = assert!(lockorder::ENFORCING, "what is measured checks the order of its locks");

/// What a process of this program does. Without a role it is the one that measures times and reports.
const SERVER: &str = "server";
const MEMORY_PLAIN: &str = "memory-plain";
const MEMORY_SESSIONS: &str = "memory-sessions";
const GROWTH: &str = "growth";
const MANY: &str = "many";

/// Open files that a process needs for its end of the most connections.
const FILES: u64 = 16_384;

fn main() {
    settle_allocator();
    raise_file_limit();
    lockorder::set_policy(Policy::Log);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [SERVER, directory] => server::run(Path::new(directory)),
        [MEMORY_PLAIN, directory] => memory::plain(Path::new(directory)),
        [MEMORY_SESSIONS, directory] => memory::sessions(Path::new(directory)),
        [GROWTH, directory] => memory::growth(Path::new(directory)),
        [MANY, directory] => many::run(Path::new(directory)),
        _ if arguments.contains(&"--bench") => compare(),
        // `cargo test --benches` starts it too, in a build that nobody wants to hear the figures of.
        _ => println!("measured by `cargo bench -p tgsession --bench manager`"),
    }
}

fn compare() {
    let server = Server::start();
    let plain = server.accounts(server::PLAIN, measure::CROWD);
    let sessions = server.accounts(server::SESSIONS, measure::CROWD);
    // The runtime ends here, and with it every connection: the other processes use the accounts again.
    let times = tools::runtime().block_on(measure::all(plain, sessions));
    let ask = |role| server.ask(role).unwrap_or(f64::NAN);
    let figures = Figures {
        op_idle_ratio: times.op_idle_ratio,
        total_250_ratio: times.total_ratio,
        start_p99_us: times.start_p99_us,
        connect_250_ratio: times.connect_ratio,
        kib_per_session: ask(MEMORY_SESSIONS),
        kib_per_session_plain: ask(MEMORY_PLAIN),
        kib_growth_10_reconnects: ask(GROWTH),
        // Without an answer it is 0.
        max_sessions: ask(MANY) as u64,
    };
    report::print(&figures, &times);
    report::write(&figures);
}

/// Starts the program again with glibc's threshold for mappings fixed, and all other processes inherit it:
/// otherwise figures of memory say more of glibc than of sessions. `tgsession-cli` does the same, and its
/// `memory.rs` says why.
fn settle_allocator() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::os::unix::process::CommandExt;
        const THRESHOLD: &str = "MALLOC_MMAP_THRESHOLD_";
        if std::env::var_os(THRESHOLD).is_some() {
            return;
        }
        // On success this does not return: the process goes on as the new program.
        let failed =
            server::this_program().args(std::env::args_os().skip(1)).env(THRESHOLD, "8192").exec();
        eprintln!("figures of memory will be too large, the allocator is not settled: {failed}");
    }
}

/// The processes that are started inherit it. Where it is not enough, fewer sessions connect.
fn raise_file_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(FILES, |most| most.min(FILES));
    if current.is_some_and(|limit| limit < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            eprintln!("the limit of open files is not raised: {error}");
        }
    }
}
