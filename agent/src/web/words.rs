//! The words of the status page and of the frame around all pages.

use crate::report::{Language, State};
use crate::words::Part;
use serde::Deserialize;

/// Everything that they say by themselves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub live: &'static str,
    pub lost: &'static str,
    pub well: &'static str,
    pub attention: &'static str,
    pub stopped: &'static str,
    pub since: &'static str,
    pub so_since: &'static str,
    pub what_to_do: &'static str,
    pub also: &'static str,
    pub scanners: &'static str,
    pub connected: &'static str,
    pub unreadable: &'static str,
    pub last_scan: &'static str,
    pub gone: &'static str,
    pub opening: &'static str,
    pub never: &'static str,
    pub storage: &'static str,
    pub saves: &'static str,
    pub saves_not: &'static str,
    pub each_scan: &'static str,
    pub head: &'static str,
    pub not_saved: &'static str,
    pub backlog: &'static str,
    pub waiting: &'static str,
    pub oldest: &'static str,
    pub sent: &'static str,
    pub received: &'static str,
    pub last_receipt: &'static str,
    pub no_receipts: &'static str,
    pub missing_receipts: &'static str,
    pub no_receipts_expected: &'static str,
    pub broker: &'static str,
    pub connection_up: &'static str,
    pub connection_down: &'static str,
    pub connecting: &'static str,
    pub in_flight: &'static str,
    pub refused: &'static str,
    pub rewinds: &'static str,
    pub attempts: &'static str,
    pub retry: &'static str,
    pub agent: &'static str,
    pub running: &'static str,
    pub clock: &'static str,
    pub clock_trusted: &'static str,
    pub clock_untrusted: &'static str,
    pub quarantine: &'static str,
    pub empty: &'static str,
    pub version: &'static str,
    pub contract: &'static str,
    pub epoch: &'static str,
    pub answers: &'static str,
    pub no_answers: &'static str,
    pub events: &'static str,
    pub no_events: &'static str,
    pub unreadable_events: &'static str,
    /// Before the names of what would have been right.
    pub expected: &'static str,
    pub printers: &'static str,
    pub printer_ready: &'static str,
    pub printer_unused: &'static str,
    pub printed: &'static str,
    pub dropped: &'static str,
    pub not_set_up: &'static str,
    pub skip: &'static str,
    pub pages: &'static str,
    pub status: &'static str,
    pub orders: &'static str,
    pub more: &'static str,
    pub look: &'static str,
    pub scanning: &'static str,
    pub scans_counted: &'static str,
    pub not_counted: &'static str,
    pub unreadable_codes: &'static str,
    pub slowest: &'static str,
    pub clock_is: &'static str,
    pub now: &'static str,
    pub zone: &'static str,
    pub quarantine_is: &'static str,
}

impl Words {
    pub fn of(language: Language) -> &'static Self {
        static WORDS: Part<Words> = Part::new("page");
        WORDS.of(language)
    }

    pub fn state(&self, state: State) -> &'static str {
        match state {
            State::Well => self.well,
            State::Attention => self.attention,
            State::Stopped => self.stopped,
        }
    }
}
