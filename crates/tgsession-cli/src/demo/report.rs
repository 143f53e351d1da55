//! What the demo found, and whether it is right.

use serde::Serialize;

/// The result, in the order of the JSON object.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) sessions: usize,
    pub(super) monitoring: usize,
    pub(super) events_pushed: usize,
    pub(super) events_handled: usize,
    pub(super) exports: usize,
    pub(super) exported_members: usize,
    pub(super) exported_messages: usize,
    pub(super) sends: usize,
    pub(super) server_saw_sends: usize,
    pub(super) max_concurrent_scrapes: usize,
    pub(super) violations: usize,
    pub(super) lock_timeouts: u64,
    pub(super) connect_ms: u128,
    pub(super) monitor_ms: u128,
    pub(super) run_ms: u128,
    pub(super) shutdown_ms: u128,
    pub(super) survivors: usize,
    #[serde(skip)]
    pub(super) expected: Expected,
}

/// What it should have found.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    pub(super) sessions: usize,
    pub(super) exports: usize,
    pub(super) members: usize,
    pub(super) messages: usize,
    pub(super) sends: usize,
    pub(super) scrape_permits: usize,
    /// Faults that were planted, and those that the clients met.
    pub(super) floods_met: u64,
    /// What went wrong on the way, in words.
    pub(super) failures: Vec<String>,
}

impl Report {
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
    }

    pub(super) fn to_table(&self) -> String {
        let rows = [
            ("sessions", format!("{} connected in {} ms", self.sessions, self.connect_ms)),
            ("monitoring", format!("{} started in {} ms", self.monitoring, self.monitor_ms)),
            ("events", format!("{} pushed, {} handled", self.events_pushed, self.events_handled)),
            (
                "exports",
                format!(
                    "{}, {} members and {} messages, {} at once at most",
                    self.exports,
                    self.exported_members,
                    self.exported_messages,
                    self.max_concurrent_scrapes
                ),
            ),
            ("sends", format!("{}, the server saw {}", self.sends, self.server_saw_sends)),
            ("faults", format!("{} flood wait, 1 dropped connection", self.expected.floods_met)),
            ("run", format!("{} ms", self.run_ms)),
            ("shutdown", format!("{} ms, {} tasks survived", self.shutdown_ms, self.survivors)),
            ("locks", format!("{} violations, {} timeouts", self.violations, self.lock_timeouts)),
        ];
        let lines: Vec<_> =
            rows.iter().map(|(name, value)| format!("{name:>12}  {value}")).collect();
        lines.join("\n")
    }

    /// What is not as it should be.
    pub(super) fn differences(&self) -> Vec<String> {
        let expected = &self.expected;
        let equal = [
            ("sessions", self.sessions, expected.sessions),
            ("sessions that monitor", self.monitoring, expected.sessions),
            ("events handled", self.events_handled, self.events_pushed),
            ("exports", self.exports, expected.exports),
            ("exported members", self.exported_members, expected.members),
            ("exported messages", self.exported_messages, expected.messages),
            ("sends", self.sends, expected.sends),
            ("sends that the server saw", self.server_saw_sends, self.sends),
            ("violations", self.violations, 0),
            ("tasks that survived", self.survivors, 0),
        ];
        let mut differences: Vec<String> = equal
            .iter()
            .filter(|(_, found, wanted)| found != wanted)
            .map(|(what, found, wanted)| format!("{what}: {found} instead of {wanted}"))
            .collect();
        if self.max_concurrent_scrapes > expected.scrape_permits {
            let (found, permits) = (self.max_concurrent_scrapes, expected.scrape_permits);
            differences.push(format!("exports at once: {found} with {permits} permits"));
        }
        if self.lock_timeouts > 0 {
            differences.push(format!("lock timeouts: {}", self.lock_timeouts));
        }
        differences.extend(expected.failures.iter().cloned());
        differences
    }
}
