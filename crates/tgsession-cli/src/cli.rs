//! The command line.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

/// Many Telegram sessions, managed.
#[derive(Debug, Parser)]
#[command(name = "tgsession", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the whole thing against a loopback Telegram: no account needed.
    Demo(Demo),
}

/// Starts a loopback Telegram, connects sessions, monitors, exports and sends, and compares the story of the
/// clients with that of the server.
#[derive(Clone, Debug, Args)]
pub(crate) struct Demo {
    /// How many accounts to connect.
    #[arg(long, value_name = "N", default_value_t = 250, value_parser = at_least_one)]
    pub(crate) sessions: usize,
    /// How many channels the world has.
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub(crate) channels: usize,
    /// The port of 127.0.0.1 that the loopback Telegram listens on; any free one if nothing is said.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,
    /// Prints one JSON object on the last line of standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("give 1 or more".to_owned()),
        Ok(n) => Ok(n),
        Err(_) => Err("give a whole number, 1 or more".to_owned()),
    }
}

/// Says in one line what is wrong with the command line; help and version are not wrong.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Nobody reads what a closed pipe does not take.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        eprintln!("error: say what to do: `tgsession demo`, or `tgsession --help`");
        return ExitCode::from(2);
    }
    let text = error.render().to_string();
    let what = text.lines().next().unwrap_or("error: a wrong command line");
    let what = what.trim_end_matches(':');
    eprintln!("{what} (see `tgsession --help` and `tgsession demo --help`)");
    ExitCode::from(2)
}
