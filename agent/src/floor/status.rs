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
    /// The last answers of each station that has had one, newest first.
    pub by_station: BTreeMap<StationId, VecDeque<Answered>>,
    /// Answers since the start, without bounce: the number of the newest one.
    pub answered: u64,
    /// How often each signal was given since the start.
    pub signals: BTreeMap<&'static str, u64>,
    /// The same at each station.
    pub given: BTreeMap<StationId, BTreeMap<&'static str, u64>>,
    pub times: AnswerTimes,
    pub slowest: Slowest,
    /// The last signal that was given as a test.
    pub tested: Option<Tested>,
}

/// A signal that a technician had given at a station: no scan caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    pub station: StationId,
    pub signal: Signal,
    /// Counts tests, so that the same signal again is another one.
    pub number: u64,
}

/// Answers that are kept for looking at.
pub const ANSWERS_KEPT_MAX: usize = 20;

/// The classes that answers' times are counted in, each up to and with this; 100 ms is what a bench is promised.
pub const ANSWER_CLASSES_US: [u64; 12] =
    [500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];

/// How long answers took since the start. A scan that was the last one again gets none, and isn't counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerTimes {
    /// Answers of each class of [`ANSWER_CLASSES_US`], and those that took longer.
    pub counts: [u64; ANSWER_CLASSES_US.len() + 1],
    pub sum_us: u64,
}

/// The slowest answers of the last day, by quarters of an hour: every zone's midnight lies between two of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slowest {
    /// Quarters since 1970 with their slowest answer in microseconds, in the order of their answers.
    quarters: VecDeque<(i64, u64)>,
}

/// The longest day has 25 hours.
const QUARTERS_KEPT_MAX: usize = 100;
const QUARTER_S: i64 = 900;
/// Answers that are kept of each station: its screen shows them.
pub const STATION_ANSWERS_KEPT_MAX: usize = 5;

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
    /// How often its line was lost since the start.
    pub losses: u64,
    /// What stands in the way of opening it, where that was tried last.
    pub obstacle: Option<Obstacle>,
    /// Nothing that it sent since then was a code.
    pub garbled: Option<Garbled>,
}

/// What stands in the way of opening a scanner's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Nothing is there.
    Absent,
    /// The agent's user may not open it.
    Denied,
    /// Another program has it.
    Held,
    Other,
}

impl Obstacle {
    /// The word for it in interfaces.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Denied => "denied",
            Self::Held => "held",
            Self::Other => "other",
        }
    }
}

/// What came from a scanner since its last read, and was none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Garbled {
    pub since: Timestamp,
    pub frames: u64,
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
    /// From 1 since the start, bounce left out; 0 before it is added to the floor's.
    pub number: u64,
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
    /// Gives an answer its number and adds it, newest first; bounce has no number and is not kept.
    pub fn answered(&mut self, answered: Answered) -> Option<u64> {
        let signal = answered.answer.signal;
        *self.signals.entry(signal.word()).or_default() += 1;
        *self.given.entry(answered.station.clone()).or_default().entry(signal.word()).or_default() += 1;
        if signal == Signal::Silent {
            return None;
        }
        self.times.add(answered.took_us);
        self.slowest.add(answered.at, answered.took_us);
        self.answered += 1;
        let answered = Answered { number: self.answered, ..answered };
        self.answers.push_front(answered.clone());
        self.answers.truncate(ANSWERS_KEPT_MAX);
        let here = self.by_station.entry(answered.station.clone()).or_default();
        here.push_front(answered);
        here.truncate(STATION_ANSWERS_KEPT_MAX);
        Some(self.answered)
    }
}

impl AnswerTimes {
    fn add(&mut self, took_us: u64) {
        self.counts[ANSWER_CLASSES_US.partition_point(|class_us| *class_us < took_us)] += 1;
        self.sum_us = self.sum_us.saturating_add(took_us);
    }

    /// The classes with their answers: the most that those took, in microseconds, or none for the slowest.
    pub fn classes(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let most_us = ANSWER_CLASSES_US.into_iter().map(Some).chain([None]);
        most_us.zip(self.counts)
    }

    /// Scans that were answered since the start.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

impl Slowest {
    fn add(&mut self, at: Timestamp, took_us: u64) {
        let quarter = at.as_second().div_euclid(QUARTER_S);
        match self.quarters.back_mut() {
            Some((last, slowest_us)) if *last == quarter => *slowest_us = took_us.max(*slowest_us),
            Some(_) | None => self.quarters.push_back((quarter, took_us)),
        }
        if QUARTERS_KEPT_MAX < self.quarters.len() {
            self.quarters.pop_front();
        }
    }

    /// In microseconds, of the answers from `from` to `to`; none where there was none.
    #[must_use]
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Option<u64> {
        let [from, to] = [from, to].map(|at| at.as_second().div_euclid(QUARTER_S));
        let inside = self.quarters.iter().filter(|(quarter, _)| (from..=to).contains(quarter));
        inside.map(|(_, slowest_us)| *slowest_us).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn counts_an_answer_in_the_class_that_it_just_fits() {
        for (took_us, class) in
            [(0, 0), (500, 0), (501, 1), (100_000, 7), (100_001, 8), (5_000_001, 12), (u64::MAX, 12)]
        {
            let mut times = AnswerTimes::default();
            times.add(took_us);
            assert_eq!((times.counts[class], times.count()), (1, 1), "{took_us}");
        }
    }

    #[test]
    fn knows_the_slowest_answer_of_a_day() {
        let mut slowest = Slowest::default();
        for (time, took_us) in [
            ("2026-11-22T22:59:59Z", 90),
            ("2026-11-22T23:00:00Z", 20),
            ("2026-11-22T23:10:00Z", 30),
            ("2026-11-23T09:00:00Z", 10),
            ("2046-01-01T00:00:00Z", 99),
        ] {
            slowest.add(at(time), took_us);
        }
        let now = at("2026-11-23T09:00:00Z");
        for (from, expected) in [
            ("2026-11-22T23:00:00Z", Some(30)),
            ("2026-11-22T22:45:00Z", Some(90)),
            ("2026-11-23T08:00:00Z", Some(10)),
            ("2026-11-23T09:15:00Z", None),
        ] {
            assert_eq!(slowest.between(at(from), now), expected, "{from}");
        }
    }

    #[test]
    fn keeps_no_more_than_a_day() {
        let mut slowest = Slowest::default();
        for quarter in 0..1_000 {
            slowest.add(at("2026-11-22T00:00:00Z") + (15 * quarter).minutes(), 1);
        }
        assert_eq!(slowest.quarters.len(), QUARTERS_KEPT_MAX);
    }
}
