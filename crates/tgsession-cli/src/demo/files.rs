//! Room for the connections: both ends of each are in this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::DemoError;

/// What the process needs beside the connections.
const OTHERS: u64 = 64;

/// Raises the limit of open files as far as these sessions need it.
pub(super) fn allow(sessions: usize) -> Result<(), DemoError> {
    let needed = (sessions as u64).saturating_mul(2).saturating_add(OTHERS);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|limit| limit >= needed) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(needed), maximum };
    if maximum.is_none_or(|limit| limit >= needed) && setrlimit(Resource::Nofile, raised).is_ok() {
        return Ok(());
    }
    let limit = maximum.or(current).unwrap_or(0);
    let possible = limit.saturating_sub(OTHERS) / 2;
    Err(DemoError::TooFewFiles { sessions, needed, limit, possible })
}
