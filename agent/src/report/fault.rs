//! Which faults the facts show: one rule for each, none of them with words for people.

use super::{Configured, Facts, Refused};
use crate::clock::{Believed, Standing};
use crate::domain::name::StationId;
use crate::floor::status::{Garbled, Line, Obstacle, PrinterState, ScannerStatus};
use crate::journal::Storage;
use crate::journal::room::ROOM_BYTES_MIN;
use crate::sync::status::{Certificates, Denied, Link, Receipts, Unfit};
use crate::sync::{Refusal, Trouble, Validity};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    StorageFailing {
        error: String,
    },
    /// Nothing can be written, and why is seen: there is no room.
    DiskFull {
        error: String,
    },
    /// Nothing can be written, and why is seen, also where nobody has tried.
    DiskReadOnly,
    /// The page and the command line can't look into the database.
    DatabaseUnreadable {
        error: String,
    },
    /// The database was damaged, and what could be read of it goes on; the damaged file waits for somebody to look.
    DatabaseSalvaged {
        path: String,
        count: usize,
    },
    /// The database is damaged, and is worked with as long as that goes.
    DatabaseLeft {
        error: String,
    },
    /// The last backup is older than three times it may be.
    BackupOverdue {
        last: Option<Timestamp>,
        why: Option<String>,
    },
    /// The database's disk is nearly full, or is soon at the pace of the last week.
    LowSpace {
        free_bytes: u64,
        runway_days: Option<u64>,
    },
    /// Somebody has been reading the database for so long that its write-ahead log grows and grows.
    LogHeld {
        bytes: u64,
    },
    /// Scanners of one station whose line isn't open, each with the reason.
    ScannersLost {
        station: String,
        lost: Vec<(String, String)>,
        all: bool,
        /// They are there, and the agent's user may not open them.
        denied: bool,
    },
    /// What a scanner sends is no code, again and again.
    ScannerGarbled {
        scanner: String,
        reason: String,
        frames: u64,
        settings: String,
    },
    NoScanner,
    /// The scanner refused a setting that its driver needs, or did not answer.
    ScannerNotSetUp {
        scanner: String,
        reason: String,
    },
    /// Labels wait for the printer.
    PrinterFaulty {
        printer: String,
        station: String,
        reason: String,
    },
    /// No connection, and why as far as anybody knows: most reasons are faults of their own.
    BrokerDown {
        url: String,
        trouble: Option<Trouble>,
        attempts: u32,
    },
    PublishRefused {
        topic: String,
        reason: String,
        count: u64,
    },
    Certificate {
        whose: Whose,
        dates: Dates,
    },
    /// The connection is up, and could not be made again.
    NewFilesUnfit {
        trouble: Trouble,
    },
    NoSubscriber {
        count: u64,
        kept: bool,
    },
    ReceiptsNeverCame,
    ReceiptsMissing,
    ClockUntrusted {
        believed: Believed,
    },
    /// No connection because of dates that a right clock might find in order.
    ClockBlocksBroker {
        url: String,
        trouble: Trouble,
    },
    Quarantined {
        count: usize,
    },
    WeakPromise,
    /// The configuration's files are wrong: what was right last goes on.
    ConfigRefused {
        why: String,
        more: usize,
        at_start: bool,
    },
    /// Something of the files counts only after a restart.
    ConfigNeedsRestart {
        keys: Vec<String>,
    },
    /// The files were written to, and nobody had them read.
    ConfigNotRead {
        file: String,
    },
}

/// Whose certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Site,
    Broker,
    Authority,
    /// Not a certificate, but the list of those that are revoked. Old is all that can be wrong with it.
    Revocations,
}

/// What is wrong with a certificate's dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dates {
    Expired {
        at: Timestamp,
    },
    ExpiresSoon {
        at: Timestamp,
    },
    /// More often the clock is wrong than the certificate.
    NotYetValid {
        from: Timestamp,
        now: Timestamp,
    },
}

/// How bad a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Note,
    Attention,
    Stopped,
}

/// The part of the agent that a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    Storage,
    Scanners,
    Printers,
    Broker,
    Receipts,
    Clock,
    Commands,
    Configuration,
}

impl Topic {
    /// Every part.
    pub const ALL: [Self; 8] = [
        Self::Storage,
        Self::Scanners,
        Self::Printers,
        Self::Broker,
        Self::Receipts,
        Self::Clock,
        Self::Commands,
        Self::Configuration,
    ];

    /// The word for it in interfaces.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Scanners => "scanners",
            Self::Printers => "printers",
            Self::Broker => "broker",
            Self::Receipts => "receipts",
            Self::Clock => "clock",
            Self::Commands => "commands",
            Self::Configuration => "configuration",
        }
    }
}

/// A fault with its weight and its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub fault: Fault,
    pub severity: Severity,
    pub since: Option<Timestamp>,
}

/// With less room nobody could stay away for a fortnight without scans that aren't saved.
pub const RUNWAY_DAYS_MIN: u64 = 14;

/// A first connection takes a moment, and so does a port: longer than this is a fault.
const OPENING_MAX: SignedDuration = SignedDuration::from_secs(10);

/// Messages in quarantine are news for a day.
const QUARANTINE_IS_NEWS: SignedDuration = SignedDuration::from_hours(24);

/// An event that waits longer than this while the broker is there is held up by something.
const STUCK_AFTER: SignedDuration = SignedDuration::from_secs(5);

/// Enough for whoever makes certificates to be back from a holiday.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A certificate that lives shorter than three times [`EXPIRES_SOON`] is due in the last part of its life.
const LIFE_PARTS: i32 = 3;

/// Every fault that the facts show, in the order in which equally bad ones are told.
pub fn find(facts: &Facts) -> Vec<Found> {
    let mut found = Vec::new();
    found.extend(storage(facts));
    found.extend(unreadable(facts));
    found.extend(left(facts));
    found.extend(salvaged(facts));
    found.extend(low_space(facts));
    found.extend(log_held(facts));
    found.extend(backup(facts));
    found.extend(scanners(facts));
    found.extend(not_set_up(facts));
    found.extend(garbled(facts));
    found.extend(printers(facts));
    found.extend(certificates(facts));
    found.extend(unfit(facts));
    found.extend(broker(facts));
    found.extend(refused(facts));
    found.extend(no_subscriber(facts));
    found.extend(receipts(facts));
    found.extend(clock(facts));
    found.extend(quarantine(facts));
    found.extend(configuration(facts));
    found.extend(weak_promise(facts));
    found
}

impl Fault {
    /// Its name for machines.
    pub fn word(&self) -> &'static str {
        match self {
            Self::StorageFailing { .. } => "storage_failing",
            Self::DiskFull { .. } => "disk_full",
            Self::DiskReadOnly => "disk_read_only",
            Self::DatabaseUnreadable { .. } => "database_unreadable",
            Self::DatabaseSalvaged { .. } => "database_salvaged",
            Self::DatabaseLeft { .. } => "database_left",
            Self::BackupOverdue { .. } => "backup_overdue",
            Self::LowSpace { .. } => "low_space",
            Self::LogHeld { .. } => "log_held",
            Self::ScannersLost { denied: false, .. } => "scanners_lost",
            Self::ScannersLost { denied: true, .. } => "scanners_denied",
            Self::ScannerGarbled { .. } => "scanner_garbled",
            Self::NoScanner => "no_scanner",
            Self::ScannerNotSetUp { .. } => "scanner_not_set_up",
            Self::PrinterFaulty { .. } => "printer_faulty",
            Self::BrokerDown { trouble, .. } => trouble.as_ref().map_or(BROKER_DOWN, trouble_word),
            Self::PublishRefused { .. } => "publish_refused",
            Self::Certificate { dates: Dates::Expired { .. }, .. } => "certificate_expired",
            Self::Certificate { dates: Dates::ExpiresSoon { .. }, .. } => "certificate_expires_soon",
            Self::Certificate { dates: Dates::NotYetValid { .. }, .. } => "certificate_not_yet_valid",
            Self::NewFilesUnfit { .. } => "new_broker_files_unusable",
            Self::NoSubscriber { .. } => "no_subscriber",
            Self::ReceiptsNeverCame => "receipts_never_came",
            Self::ReceiptsMissing => "receipts_missing",
            Self::ClockUntrusted { .. } => "clock_untrusted",
            Self::ClockBlocksBroker { .. } => "clock_blocks_broker",
            Self::Quarantined { .. } => "quarantined",
            Self::WeakPromise => "weak_promise",
            Self::ConfigRefused { .. } => "config_refused",
            Self::ConfigNeedsRestart { .. } => "config_needs_restart",
            Self::ConfigNotRead { .. } => "config_not_read",
        }
    }

    pub fn topic(&self) -> Topic {
        match self {
            Self::StorageFailing { .. }
            | Self::DiskFull { .. }
            | Self::DiskReadOnly
            | Self::DatabaseUnreadable { .. }
            | Self::DatabaseSalvaged { .. }
            | Self::DatabaseLeft { .. }
            | Self::BackupOverdue { .. }
            | Self::LowSpace { .. }
            | Self::LogHeld { .. } => Topic::Storage,
            Self::ScannersLost { .. }
            | Self::ScannerGarbled { .. }
            | Self::NoScanner
            | Self::ScannerNotSetUp { .. } => Topic::Scanners,
            Self::PrinterFaulty { .. } => Topic::Printers,
            Self::BrokerDown { .. }
            | Self::PublishRefused { .. }
            | Self::Certificate { .. }
            | Self::NewFilesUnfit { .. }
            | Self::NoSubscriber { .. } => Topic::Broker,
            Self::ReceiptsNeverCame | Self::ReceiptsMissing | Self::WeakPromise => Topic::Receipts,
            Self::ClockUntrusted { .. } | Self::ClockBlocksBroker { .. } => Topic::Clock,
            Self::Quarantined { .. } => Topic::Commands,
            Self::ConfigRefused { .. } | Self::ConfigNeedsRestart { .. } | Self::ConfigNotRead { .. } => {
                Topic::Configuration
            }
        }
    }
}

const BROKER_DOWN: &str = "broker_down";

/// The fault's name for machines where the reason is one that has its own fix.
fn trouble_word(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::Unreachable(_) | Trouble::Busy(_) | Trouble::Broken(_) => BROKER_DOWN,
        Trouble::LoginRefused(_) => "login_refused",
        Trouble::NoPassword { .. } | Trouble::FileUnusable { .. } => "broker_file_unusable",
        Trouble::AuthorityUnknown { .. } | Trouble::OtherName { .. } | Trouble::Unusable(_) => "broker_untrusted",
        Trouble::Expired { .. } => "broker_certificate_expired",
        Trouble::NotYetValid { .. } => "broker_certificate_not_yet_valid",
        Trouble::Revoked { .. } => "broker_certificate_revoked",
        Trouble::CertificateRefused(Refusal::Revoked) => "certificate_revoked",
        Trouble::CertificateRefused(_) | Trouble::CertificateWanted => "certificate_refused",
        Trouble::NoTls(_) | Trouble::HungUp(_) => "no_tls",
        Trouble::SubscribeDenied { .. } | Trouble::PublishDenied { .. } => "topic_denied",
        Trouble::TakenOver { .. } => "session_taken_over",
        Trouble::AnotherAgent { .. } => "another_agent",
    }
}

/// What SQLite says then.
const FULL: &str = "disk is full";

fn storage(facts: &Facts) -> Option<Found> {
    let is_read_only = facts.space.read_only == Some(true);
    let has_room = facts.space.free_bytes.is_none_or(|free_bytes| ROOM_BYTES_MIN <= free_bytes);
    // Also where the room that was kept for it is free now.
    let is_full = |error: &str| !has_room || error.contains(FULL);
    let (fault, since) = match &facts.storage {
        Storage::Failing { .. } if is_read_only => (Fault::DiskReadOnly, Some(facts.storage_since)),
        Storage::Failing { error } if is_full(error) => {
            (Fault::DiskFull { error: error.clone() }, Some(facts.storage_since))
        }
        Storage::Failing { error } => (Fault::StorageFailing { error: error.clone() }, Some(facts.storage_since)),
        Storage::Well if is_read_only => (Fault::DiskReadOnly, None),
        Storage::Well => return None,
    };
    Some(Found { fault, severity: Severity::Stopped, since })
}

fn unreadable(facts: &Facts) -> Option<Found> {
    let fault = Fault::DatabaseUnreadable { error: facts.unreadable.clone()? };
    Some(Found { fault, severity: Severity::Attention, since: None })
}

/// A backup keeps less of the log from being folded, or is given up.
const LOG_HELD_BYTES_MIN: u64 = 64 << 20;

/// So many backups may fail before somebody has to look.
const BACKUPS_MISSED_MAX: i32 = 3;

fn backup(facts: &Facts) -> Option<Found> {
    let every = SignedDuration::try_from(facts.about.backup_every).ok().filter(|every| !every.is_zero())?;
    // One that is still to come is of a clock that was wrong: it says no more than that there is none.
    let last = facts.space.last_backup.map(|backup| backup.at).filter(|at| *at <= facts.now);
    let runs_for = SignedDuration::try_from(facts.runs_for).unwrap_or(SignedDuration::MAX);
    let age = last.map_or(runs_for, |at| facts.now.duration_since(at));
    let fault = Fault::BackupOverdue { last, why: facts.space.backup_failure.clone() };
    let is_overdue = every.saturating_mul(BACKUPS_MISSED_MAX) < age;
    is_overdue.then_some(Found { fault, severity: Severity::Attention, since: last })
}

fn left(facts: &Facts) -> Option<Found> {
    let left = facts.left.clone()?;
    let fault = Fault::DatabaseLeft { error: left.what };
    Some(Found { fault, severity: Severity::Attention, since: Some(left.since) })
}

/// Until the damaged file is taken away: by then somebody has looked at it.
fn salvaged(facts: &Facts) -> Option<Found> {
    let damaged = facts.space.damaged.clone()?;
    let fault = Fault::DatabaseSalvaged { path: damaged.path, count: damaged.count };
    Some(Found { fault, severity: Severity::Attention, since: damaged.at })
}

fn low_space(facts: &Facts) -> Option<Found> {
    let space = &facts.space;
    let free_bytes = space.free_bytes?;
    let is_short = space.runway_days.is_some_and(|days| days < RUNWAY_DAYS_MIN);
    let is_low = free_bytes < facts.about.low_space_bytes || is_short;
    let fault = Fault::LowSpace { free_bytes, runway_days: space.runway_days };
    is_low.then_some(Found { fault, severity: Severity::Attention, since: None })
}

fn log_held(facts: &Facts) -> Option<Found> {
    let bytes = facts.space.log_held_bytes;
    let found = Found { fault: Fault::LogHeld { bytes }, severity: Severity::Attention, since: None };
    (LOG_HELD_BYTES_MIN <= bytes).then_some(found)
}

fn scanners(facts: &Facts) -> Vec<Found> {
    let mut stations: BTreeMap<&StationId, Vec<(&str, &ScannerStatus)>> = BTreeMap::new();
    for (id, scanner) in &facts.floor.scanners {
        stations.entry(&scanner.station).or_default().push((id, scanner));
    }
    if stations.is_empty() {
        return vec![Found { fault: Fault::NoScanner, severity: Severity::Note, since: None }];
    }
    stations.into_iter().flat_map(|(station, scanners)| lost_at(station, &scanners, facts.now)).collect()
}

/// Those that are there and may not be opened are a fault of their own: another thing is to be done.
fn lost_at(station: &str, scanners: &[(&str, &ScannerStatus)], now: Timestamp) -> Vec<Found> {
    let is_lost = |scanner: &ScannerStatus| match scanner.line {
        Line::Open => false,
        Line::Opening => OPENING_MAX < now.duration_since(scanner.since),
        Line::Lost { .. } => true,
    };
    let lost: Vec<_> = scanners.iter().filter(|(_, scanner)| is_lost(scanner)).collect();
    let all = lost.len() == scanners.len();
    let severity = if all { Severity::Stopped } else { Severity::Attention };
    let named = |(id, scanner): &(&str, &ScannerStatus)| {
        let reason = match &scanner.line {
            Line::Lost { reason } => reason.clone(),
            Line::Open | Line::Opening => format!("{} does not open", scanner.port),
        };
        ((*id).to_owned(), reason)
    };
    let is_denied = |scanner: &ScannerStatus| scanner.obstacle == Some(Obstacle::Denied);
    let (denied, gone): (Vec<_>, Vec<_>) = lost.into_iter().partition(|(_, scanner)| is_denied(scanner));
    let found = [(true, denied), (false, gone)].into_iter().filter_map(|(denied, lost)| {
        let since = lost.iter().map(|(_, scanner)| scanner.since).min()?;
        let lost = lost.iter().map(&named).collect();
        let fault = Fault::ScannersLost { station: station.to_owned(), lost, all, denied };
        Some(Found { fault, severity, since: Some(since) })
    });
    found.collect()
}

fn not_set_up(facts: &Facts) -> Vec<Found> {
    let open = facts.floor.scanners.iter().filter(|(_, scanner)| scanner.line == Line::Open);
    let failed = open.filter_map(|(id, scanner)| Some((id, scanner.setup_failure.clone()?, scanner.since)));
    let found = failed.map(|(id, reason, since)| Found {
        fault: Fault::ScannerNotSetUp { scanner: id.to_string(), reason },
        severity: Severity::Attention,
        since: Some(since),
    });
    found.collect()
}

/// A finger before the glass or a worn label makes one such frame, and rarely three without a code between them.
const GARBLED_FRAMES: u64 = 3;

fn garbled(facts: &Facts) -> Vec<Found> {
    let open = facts.floor.scanners.iter().filter(|(_, scanner)| scanner.line == Line::Open);
    let found = open.filter_map(|(id, scanner)| {
        let Garbled { since, frames } = scanner.garbled.clone().filter(|garbled| GARBLED_FRAMES <= garbled.frames)?;
        let fault = Fault::ScannerGarbled {
            scanner: id.to_string(),
            reason: scanner.last_unreadable.clone().unwrap_or_default(),
            frames,
            settings: scanner.setup.settings.clone().unwrap_or_else(|| scanner.port.clone()),
        };
        Some(Found { fault, severity: Severity::Attention, since: Some(since) })
    });
    found.collect()
}

fn printers(facts: &Facts) -> Vec<Found> {
    let found = facts.floor.printers.iter().filter_map(|(id, printer)| {
        let PrinterState::Faulty { reason } = &printer.state else { return None };
        let fault =
            Fault::PrinterFaulty { printer: id.clone(), station: printer.station.to_string(), reason: reason.clone() };
        Some(Found { fault, severity: Severity::Attention, since: Some(printer.since) })
    });
    found.collect()
}

fn broker(facts: &Facts) -> Option<Found> {
    let sync = &facts.sync;
    let trouble = match &sync.link {
        Link::Up => return None,
        Link::Connecting if sync.attempts == 0 && facts.now.duration_since(sync.since) <= OPENING_MAX => return None,
        // It is told below, and stays while connections come and go.
        Link::Down { trouble: Trouble::PublishDenied { .. }, .. } if sync.denied.is_some() => return None,
        Link::Connecting => None,
        Link::Down { trouble, .. } => Some(trouble.clone()),
    };
    let url = sync.broker.clone();
    let fault = match trouble {
        Some(trouble @ (Trouble::NotYetValid { .. } | Trouble::Expired { .. }))
            if !facts.clock.believed.is_trusted() =>
        {
            Fault::ClockBlocksBroker { url, trouble }
        }
        trouble => Fault::BrokerDown { url, trouble, attempts: sync.attempts },
    };
    Some(Found { fault, severity: Severity::Attention, since: Some(sync.since) })
}

fn refused(facts: &Facts) -> Option<Found> {
    let Denied { topic, why, since } = facts.sync.denied.clone()?;
    let fault = Fault::PublishRefused { topic, reason: why, count: facts.sync.refused };
    Some(Found { fault, severity: Severity::Attention, since: Some(since) })
}

fn certificates(facts: &Facts) -> Vec<Found> {
    let Certificates { client, server, authority, revocations } = &facts.sync.certificates;
    let is_told =
        matches!(facts.sync.link, Link::Down { trouble: Trouble::Expired { .. } | Trouble::NotYetValid { .. }, .. });
    let server = server.filter(|_| !is_told);
    let all = [(Whose::Site, *client), (Whose::Broker, server), (Whose::Authority, *authority)];
    let found = all.into_iter().chain([(Whose::Revocations, *revocations)]).filter_map(|(whose, validity)| {
        let dates = dates_of(whose, validity?, facts.now)?;
        // That is told of the clock.
        if !facts.clock.believed.is_trusted() && matches!(dates, Dates::NotYetValid { .. }) {
            return None;
        }
        let since = match dates {
            Dates::Expired { at } => Some(at),
            Dates::ExpiresSoon { .. } | Dates::NotYetValid { .. } => None,
        };
        Some(Found { fault: Fault::Certificate { whose, dates }, severity: Severity::Attention, since })
    });
    found.collect()
}

/// What is new that the connection can't do with.
fn unfit(facts: &Facts) -> Option<Found> {
    let Unfit { trouble, since } = facts.sync.unfit.clone()?;
    Some(Found { fault: Fault::NewFilesUnfit { trouble }, severity: Severity::Attention, since: Some(since) })
}

/// What is wrong with the dates of what is valid then, if anything is. A list is made anew shortly before it grows old:
/// that it soon does is no news.
#[must_use]
pub fn dates_of(whose: Whose, validity: Validity, now: Timestamp) -> Option<Dates> {
    dates(validity, now).filter(|dates| whose != Whose::Revocations || matches!(dates, Dates::Expired { .. }))
}

/// What is wrong with a certificate that is valid then, if anything is.
fn dates(validity: Validity, now: Timestamp) -> Option<Dates> {
    let Validity { from, until } = validity;
    let soon = EXPIRES_SOON.min(until.duration_since(from) / LIFE_PARTS);
    if until < now {
        return Some(Dates::Expired { at: until });
    }
    if now < from {
        return Some(Dates::NotYetValid { from, now });
    }
    (until.duration_since(now) <= soon).then_some(Dates::ExpiresSoon { at: until })
}

fn no_subscriber(facts: &Facts) -> Option<Found> {
    let kept = facts.sync.receipts != Receipts::NotExpected;
    let is_up = facts.sync.link == Link::Up;
    if facts.sync.without_subscriber == 0 || !is_up || (kept && !is_stuck(facts)) {
        return None;
    }
    let fault = Fault::NoSubscriber { count: facts.sync.without_subscriber, kept };
    Some(Found { fault, severity: Severity::Attention, since: if kept { facts.log.oldest_at } else { None } })
}

/// Counters only grow, so what they count is a fault only while events don't get through.
fn is_stuck(facts: &Facts) -> bool {
    facts.log.oldest_at.is_some_and(|at| 0 < facts.log.backlog && STUCK_AFTER < facts.now.duration_since(at))
}

fn receipts(facts: &Facts) -> Option<Found> {
    let timeout = SignedDuration::try_from(facts.about.receipt_timeout).unwrap_or(SignedDuration::MAX);
    let (fault, since) = match facts.sync.receipts {
        Receipts::Missing { since } => (Fault::ReceiptsMissing, since),
        Receipts::None
            if facts.sync.link == Link::Up
                && facts.log.received < facts.log.sent
                && timeout < facts.now.duration_since(facts.sync.since) =>
        {
            (Fault::ReceiptsNeverCame, facts.sync.since)
        }
        Receipts::None | Receipts::Last { .. } | Receipts::NotExpected => return None,
    };
    Some(Found { fault, severity: Severity::Attention, since: Some(since) })
}

fn clock(facts: &Facts) -> Option<Found> {
    let Standing { believed, since, .. } = facts.clock;
    let fault = Fault::ClockUntrusted { believed };
    (!believed.is_trusted()).then_some(Found { fault, severity: Severity::Attention, since: Some(since) })
}

/// What came long ago is still there to be looked at, but somebody has had the time to.
fn quarantine(facts: &Facts) -> Option<Found> {
    let newest_at = facts.quarantine.newest_at?;
    let is_news = facts.now.duration_since(newest_at) < QUARANTINE_IS_NEWS;
    let severity = if is_news { Severity::Attention } else { Severity::Note };
    let fault = Fault::Quarantined { count: facts.quarantine.count };
    (0 < facts.quarantine.count).then_some(Found { fault, severity, since: Some(newest_at) })
}

fn configuration(facts: &Facts) -> Vec<Found> {
    let Configured { file, refused, waiting, .. } = &facts.configured;
    let refused = refused.as_ref().map(|Refused { since, why, more, at_start }| Found {
        fault: Fault::ConfigRefused { why: why.clone(), more: *more, at_start: *at_start },
        severity: Severity::Attention,
        since: Some(*since),
    });
    let waiting = waiting.as_ref().map(|(keys, since)| Found {
        fault: Fault::ConfigNeedsRestart { keys: keys.clone() },
        severity: Severity::Attention,
        since: Some(*since),
    });
    // Whoever edits knows; it is for whoever comes later.
    let not_read = facts.configuration_changed.then(|| Found {
        fault: Fault::ConfigNotRead { file: file.display().to_string() },
        severity: Severity::Note,
        since: None,
    });
    refused.into_iter().chain(waiting).chain(not_read).collect()
}

fn weak_promise(facts: &Facts) -> Option<Found> {
    let found = Found { fault: Fault::WeakPromise, severity: Severity::Note, since: None };
    facts.about.forget_on_puback.then_some(found)
}
