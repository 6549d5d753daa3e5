//! What the floor looks like now, for pages and command lines.

use super::ear::Ear;
use crate::domain::name::{ScannerId, StationId};
use crate::domain::signal::{Answer, Signal};
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// The floor at one moment.
#[derive(Clone, Debug, Default)]
pub struct FloorStatus {
    /// In the order of their ids.
    pub scanners: BTreeMap<ScannerId, ScannerStatus>,
    /// By their ids.
    pub printers: BTreeMap<String, PrinterStatus>,
    /// The last answers, newest first.
    pub answers: VecDeque<Answered>,
    /// How often each signal was given since the start.
    pub signals: BTreeMap<&'static str, u64>,
}

/// Answers that are kept for looking at.
pub const ANSWERS_KEPT_MAX: usize = 20;

/// One scanner.
#[derive(Clone, Debug)]
pub struct ScannerStatus {
    pub station: StationId,
    /// Its port as configured.
    pub port: String,
    pub setup: ScannerSetup,
    /// Where its line can be listened to.
    pub ear: Ear,
    pub line: Line,
    /// Since when the line is so.
    pub since: Timestamp,
    pub reads: u64,
    /// Frames that were no codes: garbage, over-long, unterminated.
    pub unreadable: u64,
    pub last_unreadable: Option<String>,
    /// Bytes that lay in the line before it was opened, and were not taken for scans.
    pub discarded_bytes: u64,
    /// Answers that the line did not take.
    pub unanswered: u64,
    /// Why the scanner is not set up as its driver needs it.
    pub setup_failure: Option<String>,
    pub last_read_at: Option<Timestamp>,
}

/// How a scanner is set up here: it has to be set up the same itself.
#[derive(Clone, Debug, Default)]
pub struct ScannerSetup {
    /// The driver's family, and the model in it, as in the configuration.
    pub driver: String,
    pub model: String,
    /// `9600 8N1`; none on TCP.
    pub settings: Option<String>,
    /// What ends a code; none where the driver's packets tell.
    pub terminator: Option<String>,
    /// Silence that ends a code which no terminator ended.
    pub idle_gap_ms: Option<u64>,
    /// Whether it is told what became of its reads.
    pub answered: bool,
}

/// Whether a scanner's line is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Not opened yet.
    Opening,
    Open,
    /// Can't be opened or was lost; it is tried again all the time.
    Lost {
        reason: String,
    },
}

/// One label printer.
#[derive(Clone, Debug)]
pub struct PrinterStatus {
    pub station: StationId,
    pub address: String,
    pub state: PrinterState,
    /// Since when it is so.
    pub since: Timestamp,
    /// Labels that it said it had printed.
    pub printed: u64,
    /// Labels that were given up.
    pub dropped: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrinterState {
    /// Nothing has been printed since the start: nobody knows.
    Unused,
    Ready,
    /// What was asked for waits until it is mended.
    Faulty {
        reason: String,
    },
}

/// One answered scan.
#[derive(Clone, Debug)]
pub struct Answered {
    pub at: Timestamp,
    pub station: StationId,
    pub scanner: ScannerId,
    /// The code as people may see it.
    pub code: String,
    pub answer: Answer,
    /// From the last byte of the code to the answer.
    pub took_us: u64,
}

impl FloorStatus {
    /// Adds an answer, newest first.
    pub fn answered(&mut self, answered: Answered) {
        let signal = answered.answer.signal;
        *self.signals.entry(signal.word()).or_default() += 1;
        if signal == Signal::Silent {
            return;
        }
        self.answers.push_front(answered);
        self.answers.truncate(ANSWERS_KEPT_MAX);
    }
}
