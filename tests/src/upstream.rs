//! What is owed while something between a site and its platform is broken, seen from outside: scanning goes on in time
//! (I7), the fault is shown (I8), and after it is mended what waits is sent (I9).

use std::time::Duration;

use serde_json::Value;

use crate::agent::Agent;
use crate::scanner::VirtualScanner;
use crate::wait;

/// From a scan to its answer, of 99 in a hundred.
const ANSWERED_WITHIN: Duration = Duration::from_millis(100);

/// What is owed beside a deadline until a fault is shown, and until it is no longer.
pub const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// The longest wait before another attempt to connect, and what that takes.
pub const BEGINS_WITHIN: Duration = Duration::from_secs(35);

/// Scans each code, and waits for its answer. How long each took.
///
/// # Panics
/// Where one is not saved.
#[track_caller]
pub fn scan_all<'a>(scanner: &mut VirtualScanner, codes: impl IntoIterator<Item = &'a str>) -> Vec<Duration> {
    let scan = |code| {
        let answer = scanner.scan(code);
        assert!(answer.recorded, "{code} was not saved");
        answer.after
    };
    codes.into_iter().map(scan).collect()
}

/// How long scans take here while nothing is broken: at least a hundred of them.
///
/// What else runs on the machine slows every scan down. A fault may make none wait for longer than I7 says, beyond a few
/// times what the machine itself makes them wait; one that waited for a network would wait for seconds.
#[derive(Debug, Clone, Copy)]
pub struct Yardstick(Duration);

/// Two stretches of time on a busy machine differ by so much.
const TIMES_BEFORE: u32 = 4;

impl Yardstick {
    #[must_use]
    #[track_caller]
    pub fn of(took: Vec<Duration>) -> Yardstick {
        Yardstick(p99(took))
    }

    /// I7. Returns what 99 in a hundred did not exceed.
    ///
    /// # Panics
    /// Where staff had to wait.
    #[track_caller]
    pub fn assert_in_time(self, took: Vec<Duration>) -> Duration {
        let (count, p99) = (took.len(), p99(took));
        let limit = ANSWERED_WITHIN + TIMES_BEFORE * self.0;
        assert!(
            p99 <= limit,
            "staff waited {p99:?} for the slowest in a hundred of {count} scans, before {:?}",
            self.0
        );
        p99
    }
}

#[track_caller]
fn p99(mut took: Vec<Duration>) -> Duration {
    assert!(100 <= took.len(), "{} scans say nothing of one in a hundred", took.len());
    took.sort_unstable();
    took[took.len() - 1 - took.len() / 100]
}

/// Waits until the agent says that something with its broker or receipts is wrong, within this and what is owed beside it.
/// Returns the fault's name.
#[track_caller]
pub fn until_shown(agent: &Agent, within: Duration) -> String {
    let patience = within.saturating_add(SHOWN_WITHIN);
    wait::until("the fault to be shown", patience, || upstream_faults(agent).into_iter().next())
}

/// Waits until the agent says that all is well again with broker and receipts.
#[track_caller]
pub fn until_well(agent: &Agent, within: Duration) {
    wait::until("the fault to be gone", within, || upstream_faults(agent).is_empty().then_some(()));
}

/// Waits until sending has begun again: more is received than `before`.
#[track_caller]
pub fn until_it_begins(agent: &Agent, before: u64) {
    wait::until("sending to begin again", BEGINS_WITHIN, || (before < received(agent)).then_some(()));
}

/// How much of the agent's log receipts cover.
#[must_use]
pub fn received(agent: &Agent) -> u64 {
    agent.status()["log"]["received"].as_u64().expect("a log has what is received")
}

fn upstream_faults(agent: &Agent) -> Vec<String> {
    let findings = agent.findings();
    let is_upstream = |finding: &&Value| finding["topic"] == "broker" || finding["topic"] == "receipts";
    let severe = findings.iter().filter(|finding| finding["severity"] != "note").filter(is_upstream);
    severe.filter_map(|finding| finding["fault"].as_str().map(str::to_owned)).collect()
}
