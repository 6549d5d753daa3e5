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
use crate::report::log::Level;
use crate::report::{Gatherer, RAISED_MAX, Volume};
use crate::sync::status::SyncStatus;
use crate::sync::{Ask, Asks};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;
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
    /// Serves the site although another agent does.
    Claim,
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
    /// Reads the configuration again.
    Reload,
    /// Logs from this level on for so many seconds.
    SetLogLevel {
        level: String,
        seconds: u64,
    },
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
    Claimed,
    NobodyElse,
    BackedUp,
    RetryAccepted,
    Dropped,
    Resending,
    GuestIn,
    Reloaded,
    ReloadedInPart,
    NothingNew,
    LogLevelSet,
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
    ConfigRefused,
    UnknownLevel,
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
    /// The site's id.
    pub site: String,
    /// Where copies of the database are kept.
    pub backups: PathBuf,
    /// Whether the platform sends receipts.
    pub receipts_expected: bool,
}

/// Does what is asked. One per agent.
#[derive(Debug)]
pub struct Actions {
    config: Mutex<Config>,
    clock: Clock,
    journal: Journal,
    floor: Floor,
    asks: Asks,
    link: watch::Receiver<SyncStatus>,
    access: Arc<Access>,
    gatherer: Arc<Gatherer>,
    volume: Arc<Volume>,
    reload: OnceLock<Weak<dyn Reload>>,
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
    pub volume: Arc<Volume>,
}

/// Reads the configuration again and has the agent go on by it.
pub trait Reload: std::fmt::Debug + Send + Sync {
    /// All of what can be taken is taken, or nothing of it. Blocks for as long as closed lines and the storage take.
    fn reload(&self) -> Reloaded;
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// Keys that count now, and those that count only after a restart.
    Taken { changed: Vec<String>, restart: Vec<String> },
    /// The first reason, with its place, and how many more there are.
    Refused { why: String, more: usize },
}

/// Keys that are named in one sentence.
const KEYS_TOLD_MAX: usize = 12;

impl Action {
    /// Every action that can be asked for by a form, by its word.
    pub const WORDS: [&'static str; 12] = [
        "test_signal",
        "test_publish",
        "reopen_scanner",
        "reconnect",
        "claim",
        "backup",
        "retry_quarantined",
        "drop_quarantined",
        "resend",
        "admit_guest",
        "reload",
        "log_level",
    ];

    /// The word for it in interfaces, and in what is recorded.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::TestSignal { .. } => "test_signal",
            Self::TestPublish => "test_publish",
            Self::ReopenScanner { .. } => "reopen_scanner",
            Self::Reconnect => "reconnect",
            Self::Claim => "claim",
            Self::Backup | Self::BackupMade { .. } => "backup",
            Self::RetryQuarantined { .. } => "retry_quarantined",
            Self::DropQuarantined { .. } => "drop_quarantined",
            Self::Resend { .. } => "resend",
            Self::AdmitGuest { .. } => "admit_guest",
            Self::NewToken => "new_token",
            Self::Reload => "reload",
            Self::SetLogLevel { .. } => "log_level",
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
            Self::SetLogLevel { level, seconds } => Some(format!("{level} for {seconds} s")),
            Self::TestPublish | Self::Reconnect | Self::Claim | Self::Backup | Self::NewToken | Self::Reload => None,
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
    pub const WORDS: [(Self, &'static str); 44] = [
        (Self::Done, "done"),
        (Self::SignalGiven, "signal_given"),
        (Self::SignalsBegun, "signals_begun"),
        (Self::ScreenOnly, "screen_only"),
        (Self::RoundTrip, "round_trip"),
        (Self::AcknowledgedOnly, "acknowledged_only"),
        (Self::Reopened, "reopened"),
        (Self::Reconnected, "reconnected"),
        (Self::Claimed, "claimed"),
        (Self::NobodyElse, "nobody_else"),
        (Self::BackedUp, "backed_up"),
        (Self::RetryAccepted, "retry_accepted"),
        (Self::Dropped, "dropped"),
        (Self::Resending, "resending"),
        (Self::GuestIn, "guest_in"),
        (Self::Reloaded, "reloaded"),
        (Self::ReloadedInPart, "reloaded_in_part"),
        (Self::NothingNew, "nothing_new"),
        (Self::LogLevelSet, "log_level_set"),
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
        (Self::ConfigRefused, "config_refused"),
        (Self::UnknownLevel, "unknown_level"),
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
        let Parts { journal, floor, asks, link, access, gatherer, volume } = parts;
        let (testing, guests, copying, reload) = Default::default();
        let config = Mutex::new(config);
        Self { config, clock, journal, floor, asks, link, access, gatherer, volume, reload, testing, guests, copying }
    }

    /// What reads the configuration again. Without it that is refused.
    pub fn reload_by(&self, reload: Weak<dyn Reload>) {
        let _ = self.reload.set(reload);
    }

    /// The configuration says something else from here on; of the same site.
    pub fn change_to(&self, config: Config) {
        *lock(&self.config) = config;
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
            Action::Reconnect => self.reconnect(Ask::Reconnect).await,
            Action::Claim => self.claim().await,
            Action::Backup => self.back_up().await,
            Action::BackupMade { path, bytes } => self.copied(path.clone(), *bytes),
            Action::RetryQuarantined { key } => self.retry(*key).await,
            Action::DropQuarantined { key } => self.discard(*key).await,
            Action::Resend { from } => self.resend(*from).await,
            Action::AdmitGuest { station } => self.admit_guest(station).await,
            Action::NewToken => self.new_token().await,
            Action::Reload => self.reload().await,
            Action::SetLogLevel { level, seconds } => self.set_log_level(level, *seconds),
            Action::BundleMade { .. } => told(Outcome::Done, []),
        };
        told.recorded = self.note(&action, told.outcome.word(), by).await.is_some();
        told
    }

    /// The stations that there are, by their ids.
    #[must_use]
    pub fn stations(&self) -> Vec<String> {
        self.floor.stations().iter().map(ToString::to_string).collect()
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

    async fn reload(&self) -> Told {
        let Some(reload) = self.reload.get().and_then(Weak::upgrade) else {
            return told(Outcome::Busy, []);
        };
        let named = |keys: &[String]| {
            let told = keys.iter().take(KEYS_TOLD_MAX).cloned().collect::<Vec<_>>().join(", ");
            match keys.len() {
                0 => "–".to_owned(),
                count if KEYS_TOLD_MAX < count => format!("{told}, … ({count})"),
                _ => told,
            }
        };
        match tokio::task::spawn_blocking(move || reload.reload()).await {
            Ok(Reloaded::Taken { changed, restart }) => match (changed.as_slice(), restart.as_slice()) {
                ([], []) => told(Outcome::NothingNew, []),
                (changed, []) => told(Outcome::Reloaded, [("changed", named(changed))]),
                (changed, restart) => {
                    told(Outcome::ReloadedInPart, [("changed", named(changed)), ("restart", named(restart))])
                }
            },
            Ok(Reloaded::Refused { why, more }) => {
                let more = if 0 < more { format!(" (+ {more})") } else { String::new() };
                told(Outcome::ConfigRefused, [("why", why), ("more", more)])
            }
            Err(error) => told(Outcome::ConfigRefused, [("why", error.to_string()), ("more", String::new())]),
        }
    }

    fn set_log_level(&self, level: &str, seconds: u64) -> Told {
        let Some(named) = Level::named(level) else {
            let known = Level::WORDS.map(|(word, _)| word).join(", ");
            return told(Outcome::UnknownLevel, [("level", level.to_owned()), ("known", known)]);
        };
        let time = Duration::from_secs(seconds).min(RAISED_MAX);
        self.volume.set_for(named, time);
        let minutes = time.as_secs().div_ceil(60).to_string();
        told(Outcome::LogLevelSet, [("level", level.to_owned()), ("minutes", minutes)])
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
