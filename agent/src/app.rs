//! The composition root: the only part that builds and connects everything, and takes it down in order.

mod backups;
mod health;
mod how;
mod logging;
pub mod notify;
mod reload;
mod settings;
mod stall;
mod starting;
mod stop;
mod times;
mod turn;
mod watchdog;

use crate::access::{Access, By};
use crate::action::{self, Action, Actions};
use crate::bundle::{self, FromAgent, Secrets};
use crate::clock::Clock;
use crate::config::{self, Shown, Start};
use crate::control;
use crate::domain::event::Event;
use crate::floor::printing::{self, Printing};
use crate::floor::{Floor, Ports};
use crate::journal::salvage::restore::{self, Restored, Unfit};
use crate::journal::{self, Job, Journal, Storage, room};
use crate::pulse::Pulse;
use crate::report::gather::Watched;
use crate::report::log::{Lines, Wanted};
use crate::report::{Gatherer, Language, Report};
use crate::schedule::{self, Scheduling};
use crate::sync::{self, Syncing};
use crate::web::{self, Pages, Stations};
use anyhow::Context;
use reload::{Reloading, Running};
use rustix::fs::Mode;
use stall::Stall;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Weak};
use std::time::Duration;
use stop::Stopping;
use times::Times;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use watchdog::{Part, Watchdog};

/// The owner writes, the group reads.
const UMASK: u32 = 0o027;

/// This build's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How often disk and clock are looked at, so that their faults show where nobody scans; no write. All other looks are had
/// at some of these: each timer more would wake a processor that has nothing to do.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// After how many looks the log is looked through for what may be forgotten: each hour.
const RETAIN_LOOKS: u64 = 1_800;
/// After how many looks idle stations are looked for, and how far everything is: to the minute is near enough for somebody
/// who went away.
const SIGN_OUT_LOOKS: u64 = 30;
/// After how many looks threads are looked after.
const LOOK_AFTER_LOOKS: u64 = 5;
/// How often the alarm sounds while scans are not saved.
const ALARM_EVERY: Duration = Duration::from_secs(3);
/// How often a disk that looks bad is tried by writing, while that goes well.
const TRY_DISK_EVERY: Duration = Duration::from_secs(10);
/// How long after a failed attempt the page's address and the control socket are tried again.
const BIND_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// A signal that has come is at hand at once.
const SIGNAL_HEARD_WITHIN: Duration = Duration::from_millis(10);
/// How long a stop waits for the scanners' threads to take in nothing more: what they do in between takes milliseconds.
const REST_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a stop waits for a configuration that is being taken: what that waits for itself is less, but for the disk.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a stop waits for the journal, for each thing that it asks of it.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the agent until it is told to stop, or until a part that it can't do without has ended.
///
/// # Errors
/// What kept it from starting.
pub fn run(start: Start) -> anyhow::Result<ExitCode> {
    // The database holds the key of the command barcodes: what is made from here on is not for everybody.
    rustix::process::umask(Mode::from_raw_mode(UMASK));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // First of all: a start can take minutes, and what is asked meanwhile is done when it is over.
    let signals = Signals::catch(&runtime).context("signals can't be caught")?;
    let clock = Clock::start();
    let lines = Lines::default();
    let logging = logging::start(&start.loaded.config.log, lines.keeper(clock), clock);
    if let Some((error, copy)) = &start.refused {
        let (why, more) = error.in_short();
        tracing::error!(%why, more, copy = %copy.display(), "the configuration is wrong: started on the last one that was right");
    }
    let (labels_wanted, prints) = printing::queue();
    let printing = Some(labels_wanted.clone()).filter(|_| !start.loaded.config.printers.is_empty());
    let settings = settings::journal(&start.loaded.config, printing, clock);
    if let Some(known) = journal::known(&settings.path, &settings.boot) {
        clock.resume(known);
    }
    let started_at = clock.now().wall;
    let is_as_written = start.refused.is_none();
    let running = Running::new(start, started_at);
    let loaded = running.loaded();
    let config = &loaded.config;
    let starting = Pulse::default();
    let told = starting::watch(starting.clone()).context("the start can't be watched over")?;
    let opened = journal::open_with(settings, clock.now(), &starting);
    if let Some(told) = told {
        told.end();
    }
    let (journal, writing) = opened.context("the journal can't be opened")?;
    tracing::info!(database = %journal.path().display(), start = journal.starts(), "journal open");
    let floor = Floor::new(journal.clone(), clock, config.stations.iter().map(|station| station.id.as_str().into()));
    let labels = floor
        .open_printers(&settings::printers(config), settings::wording(config), prints)
        .context("a printer's thread can't be started")?;
    let ports = Arc::new(floor.open(&settings::scanners(config)).context("a scanner's thread can't be started")?);
    let scheduling =
        schedule::spawn(settings::rules(config), journal.clone(), clock).context("the schedule can't be started")?;
    let syncing = sync::spawn(settings::sync(config), journal.clone(), scheduling.offer(), clock)
        .context("sync can't be started")?;
    let about = settings::about(config, started_at);
    let access = Arc::new(Access::new(settings::access(config), journal.clone(), clock));
    let watched = Watched {
        floor: floor.status(),
        sync: syncing.status(),
        schedule: scheduling.status(),
        lines,
        configured: running.configured(),
        files: running.files(),
        loudness: logging.volume.loudness(),
    };
    let gatherer = Gatherer::new(about, clock, journal.clone(), watched);
    let actions = action::Parts {
        journal: journal.clone(),
        floor: floor.clone(),
        asks: syncing.asks(),
        link: syncing.status(),
        access: Arc::clone(&access),
        gatherer: Arc::clone(&gatherer),
        volume: Arc::clone(&logging.volume),
    };
    let actions = Arc::new(Actions::new(settings::actions(config), clock, actions));
    let (rules, seats) = (settings::rules(config), settings::seats(config));
    let reached = web::Parts {
        gatherer: Arc::clone(&gatherer),
        access: Arc::clone(&access),
        actions: Arc::clone(&actions),
        bundle: bundles(&running, &gatherer, clock),
        stations: Arc::new(Stations::new(floor.clone(), journal.clone(), clock, rules, seats)),
    };
    let pages = Arc::new(Pages::new(&settings::web(config), reached));
    let volume = Arc::clone(&logging.volume);
    let taking = reload::Parts {
        journal: journal.clone(),
        floor: floor.clone(),
        ports: Arc::clone(&ports),
        printing: labels.changer(),
        prints: labels_wanted,
        scheduling: scheduling.changer(),
        syncing: syncing.changer(),
        gatherer: Arc::clone(&gatherer),
        access: Arc::clone(&access),
        actions: Arc::clone(&actions),
        pages: Arc::clone(&pages),
        logging,
    };
    let reloading = Arc::new(Reloading::new(running.clone(), taking, clock, started_at));
    let reload: Weak<Reloading> = Arc::downgrade(&reloading);
    actions.reload_by(reload);
    // Files that are wrong are not kept for a start with wrong ones.
    if is_as_written {
        running.keep();
    }

    let pulse = Pulse::default();
    let (ended, stopping, signals) = runtime.block_on(async {
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(Arc::clone(&gatherer).watch_storage());
        tokio::spawn(sound_alarm(journal.storage(), floor.clone()));
        tokio::spawn(show_first_token(access));
        tokio::spawn(volume.keep_time());
        tokio::spawn(health::look_through(journal.clone()));
        tokio::spawn(backups::keep(config.storage.backup_every, Arc::clone(&actions), Arc::clone(&gatherer)));
        let Signals { mut terminate, mut interrupt, hangup } = signals;
        tokio::spawn(read_again_on_hangup(hangup, Arc::clone(&actions)));
        let page = tokio::spawn(show_page(settings::web(config), pages, stopped.clone()));
        let socket = control::path(config.control.socket.as_deref(), &config.storage.path);
        let door = answer_technicians(socket, floor.clone(), Arc::clone(&gatherer), actions, stopped);
        let door = tokio::spawn(door);
        let parts = Parts {
            journal: &journal,
            ports: &ports,
            scheduling: &scheduling,
            syncing: &syncing,
            printing: &labels,
            gatherer: &gatherer,
            pulse: &pulse,
            reloading: &reloading,
        };
        let seen = how::Seen {
            storage: journal.storage(),
            head: journal.head(),
            floor: floor.status(),
            sync: syncing.status(),
        };
        // Page and socket are bound before others are told that the agent is there.
        tokio::task::yield_now().await;
        notify::ready();
        let watchdog = parts.watchdog(seen, clock);
        let ended = watch_over(&parts, &mut terminate, &mut interrupt, clock).await;
        let stopping = match ended {
            Ended::Damaged => Stopping::to_start_over(),
            Ended::Stopped(_) => Stopping::begin(),
        };
        if let Some(watchdog) = watchdog {
            watchdog.stop();
        }
        let _ = stop.send(true);
        let _ = tokio::join!(page, door);
        (ended, stopping, [terminate, interrupt])
    });
    // A backup that is under way holds no stop up: the next one clears away what is left of it.
    runtime.shutdown_background();
    stopping.part("a configuration that is being read", || close(&reloading));
    // Nobody asks for labels any more but the journal.
    drop(reloading);

    let all_answered = stopping.part("the journal's queue", || answer_what_was_scanned(&ports, &journal));
    stopping.part("a scanner's line", || ports.stop());
    stopping.part("the schedule", || scheduling.stop());
    if all_answered {
        stopping.part("the journal's last event", || record_stop(&journal, clock));
    }
    stopping.part("sync", || syncing.stop());
    stopping.part("the journal", || writing.stop());
    stopping.part("the printers", || labels.stop());
    stopping.finish();
    tracing::info!("stopped");
    match ended {
        Ended::Stopped(code) => Ok(code),
        Ended::Damaged if has_come(signals) => Ok(ExitCode::SUCCESS),
        Ended::Damaged => Ok(health::start_over()),
    }
}

/// Whether one of these signals has come: the start that follows in this process would never hear of it.
fn has_come([mut terminate, mut interrupt]: [Signal; 2]) -> bool {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return false };
    runtime.block_on(async {
        tokio::select! {
            _ = terminate.recv() => true,
            _ = interrupt.recv() => true,
            () = tokio::time::sleep(SIGNAL_HEARD_WITHIN) => false,
        }
    })
}

/// Puts a backup in the place of the database of `config`, while no agent runs.
///
/// # Errors
/// What is in the way; the database is as it was.
pub fn restore(config: &config::Config, from: &Path) -> Result<Restored, Unfit> {
    let clock = Clock::start();
    restore::restore(&settings::journal(config, None, clock), from, &clock.now())
}

/// Why the agent has ended.
enum Ended {
    Stopped(ExitCode),
    /// The database is damaged, and that is written down: the next start begins with a salvage.
    Damaged,
}

/// What the system asks of the agent.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// From here on none of them ends the process by itself.
    fn catch(runtime: &Runtime) -> io::Result<Self> {
        let _within = runtime.enter();
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// Serves until a signal comes or a critical part dies.
async fn watch_over(parts: &Parts<'_>, terminate: &mut Signal, interrupt: &mut Signal, clock: Clock) -> Ended {
    let journal = parts.journal;
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut looks: u64 = 0;
    let (mut disk_tried_at, mut stall) = (None, Stall::default());
    let mut times = Times::new(clock);
    let mut damaged = std::pin::pin!(health::damaged(journal, clock));
    loop {
        parts.pulse.turned();
        tokio::select! {
            _ = terminate.recv() => return Ended::Stopped(ExitCode::SUCCESS),
            _ = interrupt.recv() => return Ended::Stopped(ExitCode::SUCCESS),
            () = &mut damaged => return Ended::Damaged,
            () = parts.pulse.asked() => {}
            _ = look.tick() => {
                times.look_after(journal);
                disk_tried_at = try_disk(journal, disk_tried_at, clock);
                if stall.look(journal.at_work(), clock.now().since_start) {
                    journal.says_nothing();
                }
                if looks.is_multiple_of(LOOK_AFTER_LOOKS)
                    && let Some(dead) = parts.dead()
                {
                    tracing::error!(part = dead, "has ended by itself: stopping, so that the service is started anew");
                    return Ended::Stopped(ExitCode::FAILURE);
                }
                if looks.is_multiple_of(SIGN_OUT_LOOKS) {
                    // A busy journal is used by people who are here; the next turn asks again.
                    let _ = journal.try_submit(Job::SignOutIdle { moment: clock.now() });
                    parts.gatherer.note();
                }
                if looks.is_multiple_of(RETAIN_LOOKS) {
                    forget_old(journal, clock);
                }
                looks += 1;
            }
        }
    }
}

/// Has a disk that looks bad tried by the writer, who then says what is wrong. When it was tried, if it looks so.
fn try_disk(journal: &Journal, tried_at: Option<Duration>, clock: Clock) -> Option<Duration> {
    if room::has_room(journal.path()) {
        return None;
    }
    let now = clock.now().since_start;
    match tried_at {
        Some(at) if now < at + TRY_DISK_EVERY => Some(at),
        // A busy journal finds out by itself.
        Some(_) | None => journal.try_submit(Job::Try).is_ok().then_some(now),
    }
}

/// While scans can't be saved, whoever scanned hears it again and again.
async fn sound_alarm(mut storage: watch::Receiver<Storage>, floor: Floor) {
    loop {
        let well = *storage.borrow_and_update() == Storage::Well;
        if well {
            floor.all_clear();
            if storage.changed().await.is_err() {
                return;
            }
        } else {
            match tokio::time::timeout(ALARM_EVERY, storage.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => floor.alarm(),
            }
        }
    }
}

/// The token of the very first start goes to stderr and to nothing that keeps log lines.
async fn show_first_token(access: Arc<Access>) {
    match access.first_token().await {
        Ok(Some(token)) => eprintln!(
            "parceld: this device's token, which opens actions on its page and is shown this once: {}\n\
             parceld: `parceld token new` makes another in its place",
            token.shown()
        ),
        Ok(None) => {
            if let Err(error) = access.check_file() {
                tracing::error!(%error, "web.token_file gives no token: nobody can sign in to the page");
            }
        }
        Err(error) => tracing::error!(%error, "no token for the page: parceld token new makes one"),
    }
}

/// The status page. Scanning does not depend on it: an address that is taken is tried again.
async fn show_page(config: web::Config, pages: Arc<Pages>, mut stop: watch::Receiver<bool>) {
    loop {
        match web::bind(&config).await {
            Ok(listener) => {
                tracing::info!(url = format!("http://{}/", config.listen), "status page");
                return web::serve(listener, pages, stop).await;
            }
            Err(error) => {
                tracing::error!(listen = %config.listen, %error, "no status page there: is another program using it?");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(BIND_AGAIN_AFTER) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Has the configuration read again whenever the system says so, one time after the other: what came meanwhile is one.
async fn read_again_on_hangup(mut hangup: Signal, actions: Arc<Actions>) {
    while hangup.recv().await.is_some() {
        notify::reloading();
        actions.perform(Action::Reload, &By::CommandLine).await;
        notify::ready();
    }
}

/// Makes diagnostics bundles of this agent, from within it.
fn bundles(running: &Running, gatherer: &Arc<Gatherer>, clock: Clock) -> bundle::Maker {
    let (running, gatherer) = (running.clone(), Arc::clone(gatherer));
    bundle::Maker::new(move || {
        let loaded = running.loaded();
        let config = Arc::new(loaded.config.clone());
        let (for_report, for_log) = (Arc::clone(&gatherer), Arc::clone(&gatherer));
        let from_agent = FromAgent {
            report: Box::new(move || {
                let report = Report::new(&for_report.facts(), Language::ENGLISH);
                serde_json::to_string_pretty(&report).map_err(|error| error.to_string())
            }),
            log: Box::new(move || {
                let lines = for_log.lines().read(&Wanted::default());
                Ok(lines.iter().rev().map(|line| format!("{line}\n")).collect())
            }),
            configuration: Box::new(move || Ok(Shown::of(&loaded))),
        };
        let pieces = bundle::pieces(running.stack(), &config, from_agent, clock);
        bundle::make(pieces, &Secrets::known(&config), &bundle::folder(&config, clock), clock)
    })
}

/// The control socket. Scanning does not depend on it either.
async fn answer_technicians(
    path: std::path::PathBuf,
    floor: Floor,
    gatherer: Arc<Gatherer>,
    actions: Arc<Actions>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        match control::bind(&path) {
            Ok(socket) => return control::serve(socket, Arc::new(floor), gatherer, actions, stop).await,
            Err(error) => tracing::error!(%error, "no control socket: the command line can't reach this agent"),
        }
        tokio::select! {
            () = tokio::time::sleep(BIND_AGAIN_AFTER) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

fn close(reloading: &Reloading) {
    if !reloading.close(RELOAD_TIMEOUT) {
        tracing::warn!("a configuration is still being taken: the agent stops all the same");
    }
}

/// Has the scanners read no more, and waits until what they read before is decided and answered. Whether all of it is.
fn answer_what_was_scanned(ports: &Ports, journal: &Journal) -> bool {
    let rested = ports.rest(REST_TIMEOUT);
    if let Err(scanner) = &rested {
        tracing::warn!(%scanner, "still reads: what it hands in now may get no answer");
    }
    notify::resting();
    let is_done = is_done(journal);
    if !is_done {
        tracing::error!("what was scanned last is not decided: it gets no answer, and the next start asks about it");
    }
    rested.is_ok() && is_done
}

/// The next start knows by it that every answer was given.
fn record_stop(journal: &Journal, clock: Clock) {
    let stopped = Job::Record { event: Event::SiteStopped, station: None, moment: clock.now() };
    if journal.submit(stopped).is_err() || !is_done(journal) {
        tracing::error!("the stop could not be recorded");
    }
}

/// Waits until the writer has done what it was asked so far. Whether it has.
fn is_done(journal: &Journal) -> bool {
    let (done, is_done) = std::sync::mpsc::sync_channel(1);
    let barrier = Job::Barrier {
        reply: Box::new(move |()| {
            let _ = done.try_send(());
        }),
    };
    journal.submit(barrier).is_ok() && is_done.recv_timeout(STOP_TIMEOUT).is_ok()
}

/// What the agent can't do without.
struct Parts<'a> {
    journal: &'a Journal,
    ports: &'a Arc<Ports>,
    scheduling: &'a Scheduling,
    syncing: &'a Syncing,
    printing: &'a Printing,
    gatherer: &'a Gatherer,
    /// The runtime's.
    pulse: &'a Pulse,
    reloading: &'a Reloading,
}

impl Parts<'_> {
    /// The thread that tells the service manager that all of them move; none where there is no service manager.
    fn watchdog(&self, seen: how::Seen, clock: Clock) -> Option<Watchdog> {
        let of = |name: &str, pulse: Pulse| {
            let asked = pulse.clone();
            let (turns, ask) = (Box::new(move || pulse.turns()), Box::new(move || asked.ask()));
            Part { name: name.to_owned(), turns, ask }
        };
        let (journal, ports) = (self.journal.clone(), Arc::clone(self.ports));
        let others = [("sync", self.syncing.pulse()), ("the schedule", self.scheduling.pulse())];
        let others = others.into_iter().chain([("the runtime", self.pulse.clone())]).collect::<Vec<_>>();
        let list = Box::new(move |known| {
            let (number, pulses) = ports.pulses(known)?;
            let (counted, asked) = (journal.clone(), journal.clone());
            let (turns, ask) = (Box::new(move || counted.turns()), Box::new(move || asked.ask_for_a_turn()));
            // The journal first: whoever waits for it hangs too.
            let mut parts = vec![Part { name: "the journal".to_owned(), turns, ask }];
            parts.extend(pulses.into_iter().map(|(scanner, pulse)| {
                let asked = pulse.clone();
                let (turns, ask) = (Box::new(move || pulse.turns()), Box::new(move || asked.ask()));
                Part { name: format!("scanner {scanner}"), turns, ask }
            }));
            parts.extend(others.iter().map(|(name, pulse)| of(name, pulse.clone())));
            Some((number, parts))
        });
        let started = watchdog::spawn(list, move || seen.line(), clock);
        started.unwrap_or_else(|error| {
            tracing::error!(%error, "no thread for the watchdog: the service manager hears nothing");
            None
        })
    }

    /// One that has ended by itself.
    fn dead(&self) -> Option<&'static str> {
        if self.journal.head().has_changed().is_err() {
            return Some("the journal");
        }
        if !self.scheduling.is_alive() {
            return Some("the schedule");
        }
        if !self.syncing.is_alive() {
            return Some("sync");
        }
        if !self.printing.is_alive() {
            return Some("the printers");
        }
        if self.reloading.is_torn() {
            return Some("a part that could not take the new configuration");
        }
        (!self.ports.dead().is_empty()).then_some("a scanner's thread")
    }
}

/// Asks for one turn of retention, and for the next one as long as there is more.
fn forget_old(journal: &Journal, clock: Clock) {
    let again = journal.clone();
    let reply = Box::new(move |more| {
        if more {
            forget_old(&again, clock);
        }
    });
    if journal.try_submit(Job::Retain { moment: clock.now(), reply }).is_err() {
        tracing::debug!("the journal is busy: retention waits");
    }
}
