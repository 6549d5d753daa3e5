//! How the agent is, as one value: what the page shows, `/api/v1/status` returns and `parceld status --json` prints.
//!
//! Pure but for [`gather`], which reads the facts. [`Facts`] go in, faults are found in them, and a [`Report`] comes out.
//! Its verdict is the worst of its findings; each finding has a reason, a beginning and steps, in the language that was
//! asked for. Field names and words of the report are an interface: they are added to, never changed.

mod board;
mod configured;
mod desk;
mod disk;
mod fault;
pub mod gather;
mod jobs;
pub mod listen;
pub mod log;
pub mod orders;
mod samples;
mod volume;
pub mod wire;
mod words;

pub use crate::words::Language;
pub use board::Board;
pub use configured::{ConfigurationSeen, Configured, Files, Loudness, Refused, Stamps};
pub use disk::{Backup, Damaged, Space};
pub use fault::{Dates, Fault, Severity, Topic, Whose, dates_of};
pub use gather::Gatherer;
pub use jobs::{Jobs, NextCollection};
pub use samples::{Backlog, Point, Scanning};
pub use volume::{RAISED_MAX, Volume};

use crate::clock::Standing;
use crate::contract;
use crate::domain::rules::Rules;
use crate::domain::signal::Answer;
use crate::floor::status::{Answered, FloorStatus, Line, PrinterState, PrinterStatus, ScannerSetup, ScannerStatus};
use crate::journal;
use crate::schedule::status::ScheduleStatus;
use crate::sync::status::{Certificates, Link, Receipts, SyncStatus};
use crate::sync::{Trouble, Validity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What the agent is, and what the configuration says of it.
#[derive(Clone, Debug)]
pub struct About {
    pub site: Site,
    pub version: String,
    pub started_at: Timestamp,
    /// Events are forgotten on the broker's acknowledgement: the weaker promise.
    pub forget_on_puback: bool,
    /// After so long without any receipt, receipts are missing.
    pub receipt_timeout: Duration,
    /// An event that leaves later than this after it happened is historical.
    pub historical_after: Duration,
    /// With less free space on the database's disk somebody should look.
    pub low_space_bytes: u64,
    pub rules: Arc<Rules>,
    /// The IANA name of the rules' zone.
    pub zone_name: String,
    /// How often the database is backed up; zero: only by hand.
    pub backup_every: Duration,
    /// Where the system's own files lie: `/`, but for tests.
    pub system_root: PathBuf,
}

/// The site's id, and its name for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    pub id: String,
    pub name: String,
}

/// Everything a report is made of.
#[derive(Clone, Debug)]
pub struct Facts {
    pub now: Timestamp,
    /// Since the agent started; never steps.
    pub runs_for: Duration,
    pub about: About,
    pub configured: Configured,
    /// Its files were written to since they were read.
    pub configuration_changed: bool,
    pub loudness: Loudness,
    pub storage: journal::Storage,
    pub storage_since: Timestamp,
    /// Why the database could not be looked into, where it could not.
    pub unreadable: Option<String>,
    /// Damage that is not salvaged.
    pub left: Option<journal::Left>,
    pub log: Log,
    pub floor: FloorStatus,
    pub sync: SyncStatus,
    pub clock: Standing,
    /// What the system's clock shows; `now` is that, or what is reckoned while it isn't believed.
    pub clock_shows: Timestamp,
    /// When a time server last set the clock, where that is known.
    pub clock_synchronized_at: Option<Timestamp>,
    pub schedule: ScheduleStatus,
    pub quarantine: Quarantine,
    /// Since when the day's figures are counted.
    pub today_since: Timestamp,
    pub scanning: Scanning,
    pub backlog: Backlog,
    pub reconnects_today: u64,
    pub space: Space,
    pub jobs: Jobs,
    pub work: Work,
    pub board: Board,
}

/// Open work, by the words that interfaces have for it; every word is there, also with none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Work {
    /// Orders that aren't closed, by state.
    pub orders: BTreeMap<String, u64>,
    /// Their promises, by course: `on_track`, `at_risk`, `will_miss`.
    pub promises: BTreeMap<String, u64>,
}

/// How far the log is, in sequences of its newest epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    pub epoch: Option<Uuid>,
    pub head: u64,
    pub sent: u64,
    pub received: u64,
    /// Events that wait for the platform's receipt, of every epoch.
    pub backlog: u64,
    /// When the first of them happened.
    pub oldest_at: Option<Timestamp>,
}

/// Commands that could not be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    pub count: usize,
    /// When the newest one came.
    pub newest_at: Option<Timestamp>,
}

/// The agent at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub verdict: Verdict,
    pub now: Timestamp,
    pub site: Site,
    pub version: String,
    pub started_at: Timestamp,
    pub storage: Storage,
    pub broker: Broker,
    pub log: Log,
    pub receipts: ReceiptsSeen,
    /// Events are forgotten on: `receipt` or `puback`.
    pub forget: String,
    /// In the order of their ids.
    pub scanners: Vec<Scanner>,
    /// In the order of their ids.
    #[serde(default)]
    pub printers: Vec<Printer>,
    /// Newest first.
    pub answers: Vec<AnswerGiven>,
    /// How often each signal was given since the start.
    pub signals: BTreeMap<String, u64>,
    pub clock: ClockSeen,
    pub quarantine: Quarantine,
    /// Since when the figures of today are counted: midnight in the site's zone, or the agent's start.
    #[serde(default)]
    pub today_since: Option<Timestamp>,
    #[serde(default)]
    pub scanning: Scanning,
    #[serde(default)]
    pub backlog: Backlog,
    #[serde(default)]
    pub jobs: Jobs,
    #[serde(default)]
    pub work: Work,
    #[serde(default)]
    pub board: Board,
    /// The first to expire is the first.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
    #[serde(default)]
    pub versions: Versions,
    #[serde(default)]
    pub configuration: ConfigurationSeen,
}

/// The worst of the findings, or that there are none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub state: State,
    pub what: String,
    pub reason: String,
    pub since: Option<Timestamp>,
    /// Worst first.
    pub findings: Vec<Finding>,
}

/// Whether somebody has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Well,
    /// Scanning goes on; somebody should look.
    Attention,
    /// Scans are not saved, or a station can't scan.
    Stopped,
}

/// One fault, for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The fault's name for machines.
    pub fault: String,
    pub severity: Severity,
    /// The part of the agent that it is about.
    pub topic: Topic,
    pub what: String,
    pub since: Option<Timestamp>,
    pub reason: String,
    /// What to do, in order.
    pub todo: Vec<String>,
    /// What is safe all the same.
    pub safe: Option<String>,
}

/// Whether scans can be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Storage {
    /// `well` or `failing`.
    pub state: String,
    pub error: Option<String>,
    pub since: Timestamp,
    #[serde(flatten)]
    pub space: Space,
}

/// The connection to the broker, and what it did with publishes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Broker {
    pub url: String,
    /// `connecting`, `up` or `down`.
    pub state: String,
    pub since: Timestamp,
    pub reason: Option<String>,
    pub retry_at: Option<Timestamp>,
    pub attempts: u32,
    pub in_flight: usize,
    pub refused: u64,
    pub last_refusal: Option<String>,
    pub without_subscriber: u64,
    pub rewinds: u64,
    /// None while it is not up.
    #[serde(default)]
    pub connected_since: Option<Timestamp>,
    /// From handing the last acknowledged publish to the client until the broker's acknowledgement.
    #[serde(default)]
    pub round_trip_us: Option<u64>,
    /// Connections after the first, since the start.
    #[serde(default)]
    pub reconnects: u64,
    #[serde(default)]
    pub reconnects_today: u64,
}

/// A certificate that the connection to the broker stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Whose it is: `site`, `broker` or `authority`, of which the last of several.
    pub what: String,
    pub expires_at: Timestamp,
}

/// What this build stands on, beside its own version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Versions {
    pub sqlite: String,
    /// Of the contract with the platform.
    pub contract: String,
    /// Of the database's tables.
    pub schema: i64,
}

/// What is known of the platform's receipts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ReceiptsSeen {
    /// None has ever come.
    None,
    Last {
        at: Timestamp,
        sequence: u64,
    },
    Missing {
        since: Timestamp,
    },
    NotExpected,
}

/// One scanner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scanner {
    pub id: String,
    pub station: String,
    pub port: String,
    #[serde(default)]
    pub setup: Setup,
    /// `opening`, `open` or `lost`.
    pub state: String,
    pub reason: Option<String>,
    pub since: Timestamp,
    pub last_read_at: Option<Timestamp>,
    pub reads: u64,
    pub unreadable: u64,
    pub last_unreadable: Option<String>,
    pub discarded_bytes: u64,
    pub unanswered: u64,
    /// Why it is not set up as its driver needs it.
    #[serde(default)]
    pub setup_failure: Option<String>,
    /// How often its line was lost since the start.
    #[serde(default)]
    pub losses: u64,
    /// What stands in the way of opening it: `absent`, `denied`, `held` or `other`.
    #[serde(default)]
    pub obstacle: Option<String>,
    /// So much in a row, up to now, was no code.
    #[serde(default)]
    pub garbled_frames: u64,
}

/// How a scanner is set up here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    pub driver: String,
    pub model: String,
    /// `9600 8N1`; none on TCP.
    pub settings: Option<String>,
    /// What ends a code; none where the driver's packets tell.
    pub terminator: Option<String>,
    pub idle_gap_ms: Option<u64>,
    /// Whether it is told what became of its reads.
    pub answered: bool,
}

/// One label printer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Printer {
    pub id: String,
    pub station: String,
    pub address: String,
    /// `unused`, `ready` or `faulty`.
    pub state: String,
    pub reason: Option<String>,
    pub since: Timestamp,
    pub printed: u64,
    pub dropped: u64,
}

/// One scan and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerGiven {
    pub at: Timestamp,
    pub station: String,
    pub scanner: String,
    /// As people may see it: no control characters, not too long.
    pub code: String,
    pub took_us: u64,
    #[serde(flatten)]
    pub told: Told,
}

/// An answer in the words of interfaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub signal: String,
    pub order: Option<String>,
    pub item: Option<String>,
    pub progress: Option<Progress>,
    pub reason: Option<Why>,
    /// What would have been right.
    pub expected: Vec<String>,
    /// What the next scan must be, where something was begun.
    #[serde(default)]
    pub ask: Option<Why>,
}

/// Units done of units wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub done: u32,
    pub of: u32,
}

/// A word for machines and a sentence for people: why a scan did not count, or what to scan next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    pub word: String,
    /// What is named in the sentence: a station, an order, a place, a tote, a parcel, a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    pub sentence: String,
}

/// The wall clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockSeen {
    /// Whether it is believed.
    pub trusted: bool,
    /// Whether promises are judged by it: the same. None from an agent that has not looked yet.
    #[serde(default)]
    pub believed: Option<bool>,
    /// Why: `synchronized` or `plausible`, or else `awaited`, `stepped` or `behind`.
    #[serde(default)]
    pub state: String,
    /// Since when.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// What it shows; while it isn't believed, times are reckoned without it.
    #[serde(default)]
    pub shows: Option<Timestamp>,
    /// When a time server last set it, where systemd-timesyncd keeps it.
    #[serde(default)]
    pub synchronized_at: Option<Timestamp>,
    /// The site's zone, by its IANA name.
    #[serde(default)]
    pub zone: String,
    /// The last time that it was set by a second or more since the start.
    #[serde(default)]
    pub last_step: Option<ClockStep>,
}

/// The wall clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStep {
    /// What it showed when that was noticed.
    pub at: Timestamp,
    /// Below zero: back.
    pub by_ms: i64,
}

impl Report {
    /// What the facts say, with the findings in `language`.
    #[must_use]
    pub fn new(facts: &Facts, language: Language) -> Self {
        let Facts { about, .. } = facts;
        Self {
            verdict: verdict(facts, language),
            now: facts.now,
            site: about.site.clone(),
            version: about.version.clone(),
            started_at: about.started_at,
            storage: storage(facts),
            broker: broker(facts),
            log: facts.log,
            receipts: (&facts.sync.receipts).into(),
            forget: if about.forget_on_puback { "puback" } else { "receipt" }.to_owned(),
            scanners: facts.floor.scanners.iter().map(|(id, status)| scanner(id, status)).collect(),
            printers: facts.floor.printers.iter().map(|(id, status)| printer(id, status)).collect(),
            answers: facts.floor.answers.iter().map(Into::into).collect(),
            signals: facts.floor.signals.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect(),
            clock: clock(facts),
            quarantine: facts.quarantine,
            today_since: Some(facts.today_since),
            scanning: facts.scanning.clone(),
            backlog: facts.backlog.clone(),
            jobs: Jobs { promises_judged_at: facts.schedule.judged_at, ..facts.jobs.clone() },
            work: facts.work.clone(),
            board: facts.board.clone(),
            certificates: certificates(&facts.sync.certificates),
            versions: Versions {
                sqlite: journal::sqlite_version().to_owned(),
                contract: contract::VERSION.to_owned(),
                schema: journal::SCHEMA_VERSION,
            },
            configuration: ConfigurationSeen::of(&facts.configured, facts.configuration_changed, facts.loudness),
        }
    }

    /// The worst that the findings say about one part.
    #[must_use]
    pub fn worst_about(&self, topic: Topic) -> Option<Severity> {
        self.verdict.findings.iter().filter(|finding| finding.topic == topic).map(|finding| finding.severity).max()
    }
}

impl State {
    /// The word for it in interfaces.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Attention => "attention",
            Self::Stopped => "stopped",
        }
    }
}

impl From<Severity> for State {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Note => Self::Well,
            Severity::Attention => Self::Attention,
            Severity::Stopped => Self::Stopped,
        }
    }
}

fn verdict(facts: &Facts, language: Language) -> Verdict {
    let mut found = fault::find(facts);
    found.sort_by_key(|found| std::cmp::Reverse(found.severity));
    let findings: Vec<Finding> = found.iter().map(|found| finding(found, facts, language)).collect();
    match findings.first().filter(|worst| Severity::Attention <= worst.severity) {
        Some(worst) => Verdict {
            state: worst.severity.into(),
            what: worst.what.clone(),
            reason: worst.reason.clone(),
            since: worst.since,
            findings,
        },
        None => {
            let well = words::well(facts.about.forget_on_puback, language);
            Verdict {
                state: State::Well,
                what: well.what,
                reason: well.reason,
                since: Some(well_since(facts)),
                findings,
            }
        }
    }
}

/// What to do where there is no connection because of `trouble`, in English.
#[must_use]
pub fn to_mend(trouble: &Trouble) -> String {
    let fault = Fault::BrokerDown { url: String::new(), trouble: Some(trouble.clone()), attempts: 0 };
    words::say(&fault, &Log::default(), Language::ENGLISH).todo.join(" ")
}

/// What is wrong with a certificate's dates, and what to do, in English.
#[must_use]
pub fn certificate(whose: Whose, dates: Dates) -> (String, String) {
    let said = words::say(&Fault::Certificate { whose, dates }, &Log::default(), Language::ENGLISH);
    (format!("{}: {}", said.what, said.reason), said.todo.join(" "))
}

fn finding(found: &fault::Found, facts: &Facts, language: Language) -> Finding {
    let said = words::say(&found.fault, &facts.log, language);
    Finding {
        fault: found.fault.word().to_owned(),
        severity: found.severity,
        topic: found.fault.topic(),
        what: said.what,
        since: found.since,
        reason: said.reason,
        todo: said.todo,
        safe: said.safe,
    }
}

/// The last change of anything that could have been a fault.
fn well_since(facts: &Facts) -> Timestamp {
    let scanners = facts.floor.scanners.values().map(|scanner| scanner.since);
    let printers = facts.floor.printers.values().map(|printer| printer.since);
    [facts.about.started_at, facts.storage_since, facts.sync.since]
        .into_iter()
        .chain(scanners)
        .chain(printers)
        .max()
        .unwrap_or(facts.now)
}

fn storage(facts: &Facts) -> Storage {
    let (state, error) = match &facts.storage {
        journal::Storage::Well => ("well", None),
        journal::Storage::Failing { error } => ("failing", Some(error.clone())),
    };
    let space = Space { low_space_bytes: facts.about.low_space_bytes, ..facts.space.clone() };
    Storage { state: state.to_owned(), error, since: facts.storage_since, space }
}

fn clock(facts: &Facts) -> ClockSeen {
    let Standing { believed, since, step, .. } = facts.clock;
    ClockSeen {
        trusted: believed.is_trusted(),
        believed: Some(believed.is_trusted()),
        state: believed.word().to_owned(),
        since: Some(since),
        shows: Some(facts.clock_shows),
        synchronized_at: facts.clock_synchronized_at,
        zone: facts.about.zone_name.clone(),
        last_step: step
            .map(|step| ClockStep { at: step.at, by_ms: i64::try_from(step.by.as_millis()).unwrap_or(i64::MAX) }),
    }
}

fn broker(facts: &Facts) -> Broker {
    let sync = &facts.sync;
    let (state, reason, retry_at) = match &sync.link {
        Link::Connecting => ("connecting", None, None),
        Link::Up => ("up", None, None),
        Link::Down { trouble, retry_at } => ("down", Some(trouble.to_string()), *retry_at),
    };
    Broker {
        url: sync.broker.clone(),
        state: state.to_owned(),
        since: sync.since,
        reason,
        retry_at,
        attempts: sync.attempts,
        in_flight: sync.in_flight,
        refused: sync.refused,
        last_refusal: sync.last_refusal.clone(),
        without_subscriber: sync.without_subscriber,
        rewinds: sync.rewinds,
        connected_since: (sync.link == Link::Up).then_some(sync.since),
        round_trip_us: sync.round_trip.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
        reconnects: sync.reconnects(),
        reconnects_today: facts.reconnects_today,
    }
}

fn certificates(certificates: &Certificates) -> Vec<Certificate> {
    let Certificates { client, server, authority, revocations: _ } = certificates;
    let all = [("site", client), ("broker", server), ("authority", authority)];
    let known = all.into_iter().filter_map(|(what, validity): (_, &Option<Validity>)| {
        Some(Certificate { what: what.to_owned(), expires_at: validity.as_ref()?.until })
    });
    let mut known: Vec<_> = known.collect();
    known.sort_by_key(|certificate| certificate.expires_at);
    known
}

fn scanner(id: &str, status: &ScannerStatus) -> Scanner {
    let (state, reason) = match &status.line {
        Line::Opening => ("opening", None),
        Line::Open => ("open", None),
        Line::Lost { reason } => ("lost", Some(reason.clone())),
    };
    Scanner {
        id: id.to_owned(),
        station: status.station.to_string(),
        port: status.port.clone(),
        setup: setup(&status.setup),
        state: state.to_owned(),
        reason,
        since: status.since,
        last_read_at: status.last_read_at,
        reads: status.reads,
        unreadable: status.unreadable,
        last_unreadable: status.last_unreadable.clone(),
        discarded_bytes: status.discarded_bytes,
        unanswered: status.unanswered,
        obstacle: status.obstacle.map(|obstacle| obstacle.word().to_owned()),
        garbled_frames: status.garbled.as_ref().map_or(0, |garbled| garbled.frames),
        setup_failure: status.setup_failure.clone(),
        losses: status.losses,
    }
}

fn setup(setup: &ScannerSetup) -> Setup {
    let ScannerSetup { driver, model, settings, terminator, idle_gap_ms, answered } = setup.clone();
    Setup { driver, model, settings, terminator, idle_gap_ms, answered }
}

fn printer(id: &str, status: &PrinterStatus) -> Printer {
    let (state, reason) = match &status.state {
        PrinterState::Unused => ("unused", None),
        PrinterState::Ready => ("ready", None),
        PrinterState::Faulty { reason } => ("faulty", Some(reason.clone())),
    };
    Printer {
        id: id.to_owned(),
        station: status.station.to_string(),
        address: status.address.clone(),
        state: state.to_owned(),
        reason,
        since: status.since,
        printed: status.printed,
        dropped: status.dropped,
    }
}

impl From<&Receipts> for ReceiptsSeen {
    fn from(receipts: &Receipts) -> Self {
        match *receipts {
            Receipts::None => Self::None,
            Receipts::Last { at, sequence } => Self::Last { at, sequence },
            Receipts::Missing { since } => Self::Missing { since },
            Receipts::NotExpected => Self::NotExpected,
        }
    }
}

impl From<&Answered> for AnswerGiven {
    fn from(answered: &Answered) -> Self {
        Self {
            at: answered.at,
            station: answered.station.to_string(),
            scanner: answered.scanner.to_string(),
            code: answered.code.clone(),
            took_us: answered.took_us,
            told: (&answered.answer).into(),
        }
    }
}

impl From<&Answer> for Told {
    fn from(answer: &Answer) -> Self {
        Self {
            signal: answer.signal.word().to_owned(),
            order: answer.order.as_ref().map(ToString::to_string),
            item: answer.item.as_deref().map(str::to_owned),
            progress: answer.progress.map(|(done, of)| Progress { done, of }),
            reason: answer.reason.as_ref().map(|reason| Why {
                word: reason.word().to_owned(),
                detail: reason.detail(),
                sentence: reason.sentence(),
            }),
            expected: answer.expected.iter().map(ToString::to_string).collect(),
            ask: answer.ask.as_ref().map(|ask| Why {
                word: ask.word().to_owned(),
                detail: ask.detail(),
                sentence: ask.sentence(),
            }),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
