//! Reading the configuration again while people work.
//!
//! All of it is read and checked first. What is wrong is refused whole, and what was right last goes on. What is right is
//! taken by each part, the journal first: the writer takes it between two scans, and only where it can't does nothing
//! change. What counts only after a restart stays as it runs, and is named. Nothing here stands between a scan and its
//! answer: ports that are the same are not touched.

use super::logging::Logging;
use super::settings;
use super::turn::Turns;
use crate::access::Access;
use crate::action::{Actions, Reload, Reloaded};
use crate::clock::Clock;
use crate::config::{self, Config, Loaded, Shown, Stack, Start};
use crate::domain::name::StationId;
use crate::floor::{Floor, Ports, printing};
use crate::journal::{Job, Journal, PrintJob};
use crate::report::{Configured, Files, Gatherer, Refused};
use crate::web::{Pages, Stations};
use crate::{schedule, sync};
use jiff::Timestamp;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What runs, for whoever has to know. All clones are the same.
#[derive(Clone, Debug)]
pub struct Running {
    stack: Stack,
    loaded: Arc<Mutex<Arc<Loaded>>>,
    configured: watch::Sender<Configured>,
}

impl Running {
    /// What the agent starts on.
    pub fn new(start: Start, now: Timestamp) -> Self {
        let Start { stack, loaded, refused } = start;
        let refused = refused.map(|(error, _)| {
            let (why, more) = error.in_short();
            Refused { since: now, why, more, at_start: true }
        });
        let configured = Configured {
            file: stack.path.clone(),
            read_at: now,
            refused,
            waiting: None,
            stamps: files(&stack).stamps(),
            shown: as_json(&loaded),
        };
        let loaded = Arc::new(Mutex::new(Arc::new(loaded)));
        Self { stack, loaded, configured: watch::Sender::new(configured) }
    }

    pub fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&lock(&self.loaded))
    }

    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    pub fn configured(&self) -> watch::Receiver<Configured> {
        self.configured.subscribe()
    }

    pub fn files(&self) -> Files {
        files(&self.stack)
    }

    /// Keeps what runs, for a start with files that are wrong.
    pub fn keep(&self) {
        if let Err(error) = config::keep(&self.stack, &self.loaded().config) {
            tracing::warn!(%error, "the configuration can't be kept for a start with a wrong one");
        }
    }
}

fn files(stack: &Stack) -> Files {
    let stack = stack.clone();
    Files::new(move || stack.files())
}

fn as_json(loaded: &Loaded) -> Arc<str> {
    serde_json::to_string(&Shown::of(loaded)).unwrap_or_default().into()
}

/// The parts of the agent that go by the configuration.
#[derive(Debug)]
pub struct Parts {
    pub journal: Journal,
    pub floor: Floor,
    pub ports: Arc<Ports>,
    pub printing: printing::Changer,
    /// Where the journal puts labels, where there is a printer.
    pub prints: SyncSender<PrintJob>,
    pub scheduling: schedule::Changer,
    pub syncing: sync::Changer,
    pub gatherer: Arc<Gatherer>,
    pub access: Arc<Access>,
    pub actions: Arc<Actions>,
    pub pages: Arc<Pages>,
    pub logging: Logging,
}

/// Reads the configuration again, one time after the other.
#[derive(Debug)]
pub struct Reloading {
    running: Running,
    parts: Parts,
    clock: Clock,
    started_at: Timestamp,
    turns: Turns,
    /// A part could not take what all others have taken.
    is_torn: AtomicBool,
}

impl Reload for Reloading {
    fn reload(&self) -> Reloaded {
        let Some(_turn) = self.turns.take() else {
            return Reloaded::Refused { why: "the agent stops".into(), more: 0 };
        };
        let stamps = self.running.files().stamps();
        let now = self.clock.now().wall;
        let loaded = match self.running.stack.load() {
            Ok(loaded) => loaded,
            Err(error) => {
                let (why, more) = error.in_short();
                return self.refuse(why, more, |configured| configured.stamps = stamps);
            }
        };
        let before = self.running.loaded();
        let live = loaded.config.as_far_as_live(&before.config);
        let changed = config::differences(&before.config, &live);
        let restart = config::differences(&live, &loaded.config);
        if !changed.is_empty()
            && let Err(why) = self.take(&before.config, &live, &changed)
        {
            return self.refuse(why, 0, |_| {});
        }
        let origins = loaded.origins.with_old(&before.origins, &restart);
        let runs = Loaded { config: live, origins };
        let shown = as_json(&runs);
        *lock(&self.running.loaded) = Arc::new(runs);
        self.running.configured.send_modify(|configured| {
            let since = configured.waiting.as_ref().map_or(now, |(_, since)| *since);
            configured.waiting = Some((restart.clone(), since)).filter(|(keys, _)| !keys.is_empty());
            (configured.refused, configured.read_at, configured.stamps, configured.shown) = (None, now, stamps, shown);
        });
        tracing::info!(changed = changed.join(" "), needs_restart = restart.join(" "), "configuration read again");
        self.running.keep();
        Reloaded::Taken { changed, restart }
    }
}

impl Reloading {
    pub fn new(running: Running, parts: Parts, clock: Clock, started_at: Timestamp) -> Self {
        Self { running, parts, clock, started_at, turns: Turns::default(), is_torn: AtomicBool::new(false) }
    }

    /// Refuses from here on, and waits for what is under way: no part is changed behind the back of a stop. Whether that
    /// has ended within `patience`.
    pub fn close(&self, patience: Duration) -> bool {
        self.turns.close(patience)
    }

    /// Whether a part could not take what all others have taken: only a new start makes one of them again.
    pub fn is_torn(&self) -> bool {
        self.is_torn.load(Ordering::Relaxed)
    }

    fn refuse(&self, why: String, more: usize, note: impl FnOnce(&mut Configured)) -> Reloaded {
        tracing::error!(%why, more, "the configuration is refused: what was right last goes on");
        let now = self.clock.now().wall;
        self.running.configured.send_modify(|configured| {
            let before = configured.refused.as_ref();
            let since = before.map_or(now, |refused| refused.since);
            let at_start = before.is_some_and(|refused| refused.at_start);
            configured.refused = Some(Refused { since, why: why.clone(), more, at_start });
            note(configured);
        });
        Reloaded::Refused { why, more }
    }

    /// Has every part go by `new`.
    fn take(&self, old: &Config, new: &Config, changed: &[String]) -> Result<(), String> {
        let parts = &self.parts;
        let printing = Some(parts.prints.clone()).filter(|_| !new.printers.is_empty());
        let (reply, taken) = sync_channel(1);
        let config = Arc::new(settings::journal(new, printing, self.clock));
        let job = Job::Configure { config, reply: Box::new(move |outcome| _ = reply.send(outcome)) };
        parts.journal.submit(job).map_err(|error| error.to_string())?;
        // However long it takes: whether it was taken has to be known.
        if !matches!(taken.recv(), Ok(Ok(()))) {
            return Err("the storage takes nothing now, so that nothing could be changed".into());
        }
        parts.floor.set_stations(new.stations.iter().map(|station| StationId::from(station.id.as_str())));
        if let Err(error) = parts.ports.change_to(&settings::scanners(new)) {
            self.tear("a scanner's thread can't be started", &error);
        }
        if let Err(error) = parts.printing.change_to(&settings::printers(new), settings::wording(new)) {
            self.tear("a printer's thread can't be started", &error);
        }
        parts.scheduling.change_to(settings::rules(new));
        parts.syncing.change_to(settings::sync(new));
        parts.gatherer.change_to(settings::about(new, self.started_at));
        parts.access.change_to(settings::access(new));
        if parts.access.lacks_token() {
            tracing::warn!("no token opens the page's actions any more: parceld token new makes one");
        } else if let Err(error) = parts.access.check_file() {
            tracing::error!(%error, "web.token_file gives no token: nobody can sign in to the page");
        }
        parts.actions.change_to(settings::actions(new));
        if changed.iter().any(|path| is_on_pages(path)) {
            let (rules, seats) = (settings::rules(new), settings::seats(new));
            let stations = Stations::new(parts.floor.clone(), parts.journal.clone(), self.clock, rules, seats);
            parts.pages.change_to(&settings::web(new), Arc::new(stations));
        }
        if old.log != new.log {
            parts.logging.change_to(&new.log);
        }
        Ok(())
    }

    fn tear(&self, what: &str, error: &std::io::Error) {
        tracing::error!(%error, "{what}");
        self.is_torn.store(true, Ordering::Relaxed);
    }
}

/// Whether pages show something else, or to somebody else, when this key changes.
fn is_on_pages(path: &str) -> bool {
    !["log.", "broker.", "sync.", "storage."].iter().any(|table| path.starts_with(table))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
