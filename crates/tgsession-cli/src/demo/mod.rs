//! The demo: the main job of `tgsession` against a loopback Telegram.

mod files;
mod progress;
mod report;
mod run;
mod world;

use thiserror::Error;

use crate::cli::Demo;

/// Why the demo could not be started as asked. Each says in one line what to do.
#[derive(Debug, Error)]
pub(crate) enum DemoError {
    /// Exports need something to export.
    #[error("a world without channels has nothing to export: use --channels 1 or more")]
    NoChannels,
    /// The port is taken or not allowed.
    #[error(
        "cannot listen on port {port} ({reason}): use another --port, or none for any free one"
    )]
    Port {
        /// The port.
        port: u16,
        /// What the system says.
        reason: String,
    },
    /// Each session needs two open files, one for each end of its connection.
    #[error(
        "{sessions} sessions need {needed} open files, but the limit is {limit}: raise it with \
         `ulimit -n {needed}`, or use --sessions {possible} or fewer"
    )]
    TooFewFiles {
        /// The sessions that were asked for.
        sessions: usize,
        /// What they need.
        needed: u64,
        /// What the system allows.
        limit: u64,
        /// How many sessions it is enough for.
        possible: u64,
    },
    /// The runtime did not start.
    #[error("the runtime did not start ({0}): close other programs and try again")]
    Runtime(std::io::Error),
    /// The world could not be built.
    #[error("the loopback Telegram did not start: {0}")]
    World(tgtest::StartError),
    /// The manager could not be built, or a session not added.
    #[error("a session could not be connected: {0}; try fewer --sessions")]
    Manager(String),
}

/// Runs the demo; true if client and server agree and nothing went wrong.
pub(crate) fn main(options: &Demo) -> Result<bool, DemoError> {
    if options.channels == 0 {
        return Err(DemoError::NoChannels);
    }
    files::allow(options.sessions)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(DemoError::Runtime)?;
    let report = runtime.block_on(run::run(options))?;
    if options.json {
        println!("{}", report.to_json());
    } else {
        println!("{}", report.to_table());
    }
    for difference in report.differences() {
        eprintln!("wrong: {difference}");
    }
    Ok(report.differences().is_empty())
}
