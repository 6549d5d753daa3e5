//! What a technician may have done: named as data, done in one place, whoever asks.
//!
//! Pages, control socket and command line hand in an [`Action`] and get [`Told`]: an outcome and what is special about it,
//! put into words by its reader. Each is recorded as `site.action_taken` before its result is told; where the storage
//! takes no event, the result says so. Nothing here stands between a scan and its answer.

mod floor;
mod link;
mod stored;
mod words;

pub use words::{Words, in_words, words};

use crate::access::{Access, By};
use crate::clock::Clock;
use crate::domain::event::Event;
use crate::domain::signal::Signal;
use crate::floor::Floor;
use crate::journal::{Job, Journal, Place};
use crate::report::Gatherer;
use crate::sync::Asks;
use crate::sync::status::SyncStatus;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{oneshot, watch};

/// What can be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// One signal at a station, or each in turn.
    TestSignal {
        station: String,
        signal: Option<String>,
    },
    /// An event to the platform and back.
    TestPublish,
    ReopenScanner {
        scanner: String,
    },
    Reconnect,
    /// A copy of the database where copies are kept.
    Backup,
    /// The command line has made a copy itself: only recorded.
    BackupMade {
        path: String,
        bytes: u64,
    },
    RetryQuarantined {
        key: i64,
    },
    DropQuarantined {
        key: i64,
    },
    /// Sends again from this sequence of the newest epoch.
    Resend {
        from: u64,
    },
    /// Lets somebody work at a station who forgot their badge.
    AdmitGuest {
        station: String,
    },
    NewToken,
    /// A diagnostics bundle was made: only recorded.
    BundleMade {
        bytes: u64,
    },
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    SignalGiven,
    SignalsBegun,
    ScreenOnly,
    RoundTrip,
    AcknowledgedOnly,
    Reopened,
    Reconnected,
    BackedUp,
    RetryAccepted,
    Dropped,
    Resending,
    GuestIn,
    TokenMade,
    UnknownStation,
    UnknownScanner,
    UnknownSignal,
    ScannerSilent,
    AlreadyTesting,
    NotConnected,
    NotAcknowledged,
    NoReceipt,
    StaysLost,
    StaysDown,
    Busy,
    NoRoom,
    NoCopy,
    RetryRejected,
    StillUnusable,
    NothingKept,
    Absent,
    BeyondHead,
    NotKept,
    GuestRefused,
    NoToken,
    NotSaved,
}

/// An outcome and what is special this time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub outcome: Outcome,
    /// What its sentence has places for.
    pub values: BTreeMap<String, String>,
    /// Whether the action is in the log of events.
    pub recorded: bool,
}

/// What actions need to know.
#[derive(Clone, Debug)]
pub struct Config {
    pub site: String,
    /// Where copies of the database are kept.
    pub backups: PathBuf,
    /// Whether the platform sends receipts.
    pub receipts_expected: bool,
}

/// Does what is asked. One per agent.
#[derive(Debug)]
pub struct Actions {
    config: Config,
    clock: Clock,
    journal: Journal,
    floor: Floor,
    asks: Asks,
    link: watch::Receiver<SyncStatus>,
    access: Arc<Access>,
    gatherer: Arc<Gatherer>,
    /// The stations whose signals sound in turn.
    testing: Mutex<BTreeSet<String>>,
    /// Let in since the start.
    guests: AtomicU64,
    /// Held while a copy is made.
    copying: tokio::sync::Mutex<()>,
}

/// The parts of the agent that actions reach.
#[derive(Debug)]
pub struct Parts {
    pub journal: Journal,
    pub floor: Floor,
    pub asks: Asks,
    pub link: watch::Receiver<SyncStatus>,
    pub access: Arc<Access>,
    pub gatherer: Arc<Gatherer>,
}

impl Action {
    /// Every action that can be asked for by a form, by its word.
    pub const WORDS: [&'static str; 9] = [
        "test_signal",
        "test_publish",
        "reopen_scanner",
        "reconnect",
        "backup",
        "retry_quarantined",
        "drop_quarantined",
        "resend",
        "admit_guest",
    ];

    /// The word for it in interfaces, and in what is recorded.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::TestSignal { .. } => "test_signal",
            Self::TestPublish => "test_publish",
            Self::ReopenScanner { .. } => "reopen_scanner",
            Self::Reconnect => "reconnect",
            Self::Backup | Self::BackupMade { .. } => "backup",
            Self::RetryQuarantined { .. } => "retry_quarantined",
            Self::DropQuarantined { .. } => "drop_quarantined",
            Self::Resend { .. } => "resend",
            Self::AdmitGuest { .. } => "admit_guest",
            Self::NewToken => "new_token",
            Self::BundleMade { .. } => "bundle",
        }
    }

    /// What it is done to, as it is recorded.
    #[must_use]
    pub fn target(&self) -> Option<String> {
        match self {
            Self::TestSignal { station, signal: Some(signal) } => Some(format!("{station}: {signal}")),
            Self::TestSignal { station, signal: None } | Self::AdmitGuest { station } => Some(station.clone()),
            Self::ReopenScanner { scanner } => Some(scanner.clone()),
            Self::BackupMade { path, .. } => Some(path.clone()),
            Self::RetryQuarantined { key } | Self::DropQuarantined { key } => Some(key.to_string()),
            Self::Resend { from } => Some(from.to_string()),
            Self::BundleMade { bytes } => Some(format!("{bytes} bytes")),
            Self::TestPublish | Self::Reconnect | Self::Backup | Self::NewToken => None,
        }
    }
}

impl Outcome {
    /// The word for it in interfaces, and in what is recorded.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(outcome, _)| *outcome == self).map_or("", |(_, word)| word)
    }

    /// Whether what was wanted has happened.
    #[must_use]
    pub fn is_well(self) -> bool {
        self <= Self::TokenMade
    }

    /// Every outcome and its word.
    pub const WORDS: [(Self, &'static str); 36] = [
        (Self::Done, "done"),
        (Self::SignalGiven, "signal_given"),
        (Self::SignalsBegun, "signals_begun"),
        (Self::ScreenOnly, "screen_only"),
        (Self::RoundTrip, "round_trip"),
        (Self::AcknowledgedOnly, "acknowledged_only"),
        (Self::Reopened, "reopened"),
        (Self::Reconnected, "reconnected"),
        (Self::BackedUp, "backed_up"),
        (Self::RetryAccepted, "retry_accepted"),
        (Self::Dropped, "dropped"),
        (Self::Resending, "resending"),
        (Self::GuestIn, "guest_in"),
        (Self::TokenMade, "token_made"),
        (Self::UnknownStation, "unknown_station"),
        (Self::UnknownScanner, "unknown_scanner"),
        (Self::UnknownSignal, "unknown_signal"),
        (Self::ScannerSilent, "scanner_silent"),
        (Self::AlreadyTesting, "already_testing"),
        (Self::NotConnected, "not_connected"),
        (Self::NotAcknowledged, "not_acknowledged"),
        (Self::NoReceipt, "no_receipt"),
        (Self::StaysLost, "stays_lost"),
        (Self::StaysDown, "stays_down"),
        (Self::Busy, "busy"),
        (Self::NoRoom, "no_room"),
        (Self::NoCopy, "no_copy"),
        (Self::RetryRejected, "retry_rejected"),
        (Self::StillUnusable, "still_unusable"),
        (Self::NothingKept, "nothing_kept"),
        (Self::Absent, "absent"),
        (Self::BeyondHead, "beyond_head"),
        (Self::NotKept, "not_kept"),
        (Self::GuestRefused, "guest_refused"),
        (Self::NoToken, "no_token"),
        (Self::NotSaved, "not_saved"),
    ];
}

/// An outcome with its values, not recorded yet.
fn told<const N: usize>(outcome: Outcome, values: [(&str, String); N]) -> Told {
    let values = values.into_iter().map(|(place, value)| (place.to_owned(), value)).collect();
    Told { outcome, values, recorded: false }
}

impl Actions {
    #[must_use]
    pub fn new(config: Config, clock: Clock, parts: Parts) -> Self {
        let Parts { journal, floor, asks, link, access, gatherer } = parts;
        let (testing, guests, copying) = Default::default();
        Self { config, clock, journal, floor, asks, link, access, gatherer, testing, guests, copying }
    }

    /// Does it, has it recorded, and says how it went. Takes as long as it takes: seconds, for what waits for others.
    pub async fn perform(self: &Arc<Self>, action: Action, by: &By) -> Told {
        // Its event is what is sent.
        if action == Action::TestPublish {
            return self.test_publish(by).await;
        }
        let mut told = match &action {
            Action::TestSignal { station, signal } => self.test_signal(station, signal.as_deref()).await,
            Action::TestPublish => told(Outcome::Done, []),
            Action::ReopenScanner { scanner } => self.reopen(scanner).await,
            Action::Reconnect => self.reconnect().await,
            Action::Backup => self.back_up().await,
            Action::BackupMade { path, bytes } => self.copied(path.clone(), *bytes),
            Action::RetryQuarantined { key } => self.retry(*key).await,
            Action::DropQuarantined { key } => self.discard(*key).await,
            Action::Resend { from } => self.resend(*from).await,
            Action::AdmitGuest { station } => self.admit_guest(station).await,
            Action::NewToken => self.new_token().await,
            Action::BundleMade { .. } => told(Outcome::Done, []),
        };
        told.recorded = self.note(&action, told.outcome.word(), by).await.is_some();
        told
    }

    /// The stations that there are, by their ids.
    #[must_use]
    pub fn stations(&self) -> Vec<String> {
        self.floor.stations().map(ToString::to_string).collect()
    }

    /// The scanners that there are, by their ids.
    #[must_use]
    pub fn scanners(&self) -> Vec<String> {
        self.floor.status().borrow().scanners.keys().map(ToString::to_string).collect()
    }

    /// Records an action; its place in the log, once it is on disk.
    async fn note(&self, action: &Action, outcome: &str, by: &By) -> Option<Place> {
        let target = action.target();
        tracing::info!(action = action.word(), target, outcome, by = by.word(), "action");
        let event = Event::ActionTaken {
            action: action.word().into(),
            target: target.map(Into::into),
            outcome: outcome.into(),
            by: Some(by.word().into()),
        };
        let moment = self.clock.now();
        self.ask(|reply| Job::Note { event, moment, reply }).await?.ok()
    }

    /// The journal's answer to a job; none where it takes none.
    async fn ask<T: Send + 'static>(&self, job: impl FnOnce(Box<dyn FnOnce(T) + Send>) -> Job) -> Option<T> {
        let (sender, answer) = oneshot::channel();
        let reply = Box::new(move |answer: T| {
            let _ = sender.send(answer);
        });
        self.journal.try_submit(job(reply)).ok()?;
        answer.await.ok()
    }

    async fn new_token(&self) -> Told {
        match self.access.new_token().await {
            Ok(token) => told(Outcome::TokenMade, [("token", token.shown())]),
            Err(error) => told(Outcome::NoToken, [("why", error.to_string())]),
        }
    }
}

/// The signal with this word, of those that people hear.
fn signal(word: &str) -> Option<Signal> {
    audible().find(|signal| signal.word() == word)
}

/// The signals that can be tested.
pub fn audible() -> impl Iterator<Item = Signal> {
    Signal::ALL.into_iter().filter(|signal| *signal != Signal::Silent)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub mod tests;
