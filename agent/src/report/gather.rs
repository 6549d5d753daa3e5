//! Reading the facts from the running agent.
//!
//! What is in memory comes from watch channels; the age of the backlog, the quarantine, open work and the events come
//! from the database, over one query-only connection that is opened when somebody first looks, and disk and board from
//! the system's files. Its calls block: runtime threads go through [`Gatherer::ask`], or where a report has to come
//! whatever the disk does through [`Gatherer::ask_in_time`]: it is then made of what is known. Only [`Gatherer::note`] is
//! called while nobody looks, once a minute and together with other work.

use super::board::{self, Board, Voltage};
use super::configured::{Configured, Files, Loudness};
use super::desk::{self, Desk};
use super::disk::{self, Backup, Space};
use super::jobs::{self, Jobs};
use super::listen::Listener;
use super::log::Lines;
use super::orders::{History, OrderSeen, OrderWhole, OrdersPage, undone};
use super::samples::{Counters, Sample, Samples};
use super::wire::Sender;
use super::{About, Facts, Log, Quarantine, Work};
use crate::clock::{Clock, Moment};
use crate::domain::event::Kind;
use crate::domain::signal::Signal;
use crate::floor::status::{FloorStatus, ScannerStatus};
use crate::journal::orders::{Stretch, Which};
use crate::journal::reader::Quarantined;
use crate::journal::size::Growth;
use crate::journal::{Error, Head, Job, Journal, Place, Reader, Storage, Stored};
use crate::schedule::status::ScheduleStatus;
use crate::sync::status::{Link, SyncStatus};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Events of one order in one answer.
const HISTORY_EVENTS_MAX: usize = 500;

/// So much of the log is read in one go; in between others may ask.
const STRETCH: Place = 2_000;

/// Nobody waits longer for an order's history: a slow card reads some ten thousand events in it. The rest is asked for
/// again.
const HISTORY_WITHIN: Duration = Duration::from_secs(2);
/// A report that isn't there by then is made of what is known: whoever comes second finds the disk taken for too long.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
const _: () = assert!(desk::PATIENCE.as_millis() < ANSWERS_WITHIN.as_millis());

/// How fast the log grows is measured again after this: it is told in days.
const GROWTH_HOLDS: Duration = Duration::from_secs(600);

/// The live states of the agent's parts.
#[derive(Clone, Debug)]
pub struct Watched {
    pub floor: watch::Receiver<FloorStatus>,
    pub sync: watch::Receiver<SyncStatus>,
    pub schedule: watch::Receiver<ScheduleStatus>,
    /// The newest lines of the agent's log.
    pub lines: Lines,
    /// Which configuration runs.
    pub configured: watch::Receiver<Configured>,
    /// The files that it comes from.
    pub files: Files,
    /// How much is logged.
    pub loudness: watch::Receiver<Loudness>,
}

/// Reads the facts. One per agent; its readers share one connection.
#[derive(Debug)]
pub struct Gatherer {
    about: Mutex<Arc<About>>,
    clock: Clock,
    journal: Journal,
    head: watch::Receiver<Head>,
    storage: watch::Receiver<Storage>,
    watched: Watched,
    storage_since: Mutex<Timestamp>,
    database: Desk<Reader>,
    /// What the database has said last.
    said: Mutex<Said>,
    samples: Mutex<Samples>,
    /// When the growth was measured last, since the agent's start, and what was found.
    growth: Mutex<Option<(Duration, Option<Growth>)>>,
    last_backup: Mutex<Option<Backup>>,
    /// Why the one that was due since then was not made.
    backup_failure: Mutex<Option<String>>,
    /// The supply's voltage was seen to be too low.
    voltage_was_low: AtomicBool,
}

/// What the database says for a report.
#[derive(Clone, Debug, Default)]
struct Said {
    oldest_at: Option<Timestamp>,
    quarantine: Quarantine,
    growth: Option<Growth>,
    day_closed_at: Option<Timestamp>,
    work: Work,
    /// What the write-ahead log holds that isn't in the file yet.
    held_bytes: u64,
}

/// What has been seen of the agent's changes; made by [`Gatherer::changes`].
#[derive(Debug)]
pub struct Changes {
    head: watch::Receiver<Head>,
    storage: watch::Receiver<Storage>,
    floor: watch::Receiver<FloorStatus>,
    sync: watch::Receiver<SyncStatus>,
    configured: watch::Receiver<Configured>,
}

/// Events for whoever looks, and what is needed to say them in the contract's words.
#[derive(Debug)]
pub struct Page {
    pub events: Vec<Stored>,
    pub sender: Sender,
}

impl Gatherer {
    /// The day's figures begin here.
    #[must_use]
    pub fn new(about: About, clock: Clock, journal: Journal, watched: Watched) -> Arc<Self> {
        let moment = clock.now();
        let head = *journal.head().borrow();
        let counters = Counters { head: head.place, received: head.received, ..Counters::default() };
        let start = Sample { at: moment.wall, since_start: moment.since_start, counters };
        Arc::new(Self {
            storage_since: Mutex::new(moment.wall),
            samples: Mutex::new(Samples::new(about.rules.zone.clone(), start)),
            growth: Mutex::new(None),
            last_backup: Mutex::new(None),
            backup_failure: Mutex::new(None),
            voltage_was_low: AtomicBool::new(false),
            about: Mutex::new(Arc::new(about)),
            clock,
            head: journal.head(),
            storage: journal.storage(),
            journal,
            watched,
            database: Desk::new(),
            said: Mutex::new(Said::default()),
        })
    }

    /// Notes when the storage fails and heals; ends with the journal. Without it those times stay at the start.
    pub async fn watch_storage(self: Arc<Self>) {
        let mut storage = self.storage.clone();
        let mut failing = *storage.borrow_and_update() != Storage::Well;
        while storage.changed().await.is_ok() {
            let fails = *storage.borrow_and_update() != Storage::Well;
            if fails != failing {
                failing = fails;
                *lock(&self.storage_since) = self.clock.now().wall;
            }
        }
    }

    /// The wall clock, as the site has it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    /// What the configuration says of the agent now.
    #[must_use]
    pub fn about(&self) -> Arc<About> {
        Arc::clone(&lock(&self.about))
    }

    /// The configuration says something else from here on; of the same site and zone.
    pub fn change_to(&self, about: About) {
        *lock(&self.about) = Arc::new(about);
    }

    /// How much is logged.
    #[must_use]
    pub fn loudness(&self) -> Loudness {
        *self.watched.loudness.borrow()
    }

    /// Which configuration runs.
    #[must_use]
    pub fn configured(&self) -> Configured {
        self.watched.configured.borrow().clone()
    }

    /// Everything a report is made of. Blocks while the database is read.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let moment = self.clock.now();
        let head = *self.head.borrow();
        let (said, unreadable) = self.said(head, &moment);
        let Said { oldest_at, quarantine, growth, day_closed_at, work, held_bytes } = said;
        let floor = self.watched.floor.borrow().clone();
        let now = self.note();
        let samples = lock(&self.samples);
        let today = samples.today(&now);
        let slowest_us = floor.slowest.between(samples.midnight(moment.wall), moment.wall);
        let (today_since, scanning) = (samples.today_since(), samples.scanning(&now, slowest_us));
        let backlog = samples.backlog(&now, oldest_at);
        drop(samples);
        let space = Space {
            written_bytes: Some(now.counters.written_bytes).filter(|bytes| 0 < *bytes),
            written_today_bytes: Some(today.written_bytes).filter(|_| 0 < now.counters.written_bytes),
            last_backup: *lock(&self.last_backup),
            backup_failure: lock(&self.backup_failure).clone(),
            log_held_bytes: held_bytes,
            ..disk::look(self.journal.path(), growth)
        };
        let about = self.about();
        let configured = self.configured();
        Facts {
            now: moment.wall,
            runs_for: moment.since_start,
            configuration_changed: configured.stamps != self.watched.files.stamps(),
            configured,
            loudness: *self.watched.loudness.borrow(),
            about: About::clone(&about),
            storage: self.storage.borrow().clone(),
            storage_since: *lock(&self.storage_since),
            unreadable,
            left: self.journal.damage().left(),
            log: log(head, oldest_at),
            floor,
            sync: self.watched.sync.borrow().clone(),
            clock: self.clock.standing(),
            clock_shows: self.clock.shown().wall,
            clock_synchronized_at: board::synchronized_at(&about.system_root),
            schedule: self.watched.schedule.borrow().clone(),
            quarantine,
            today_since,
            scanning,
            backlog,
            reconnects_today: today.reconnects,
            space,
            jobs: Jobs { day_closed_at, ..jobs::ahead(&about.rules, moment.wall) },
            work,
            board: self.board(),
        }
    }

    /// What the database says, and why not all of it can be read, if so. Of a disk that doesn't answer what it said last.
    fn said(&self, head: Head, moment: &Moment) -> (Said, Option<String>) {
        let oldest = self.read(|reader| reader.time_after(head.received));
        if let Err(error @ Error::NoAnswer) = &oldest {
            return (lock(&self.said).clone(), Some(error.to_string()));
        }
        let quarantine = self.quarantine();
        let unreadable = oldest.as_ref().err().or(quarantine.as_ref().err()).map(ToString::to_string);
        let said = Said {
            oldest_at: oldest.ok().flatten(),
            quarantine: quarantine.unwrap_or_default(),
            growth: self.growth(moment),
            day_closed_at: self.day_closed_at(),
            work: self.work(),
            held_bytes: self.read(Reader::held_bytes).unwrap_or_default(),
        };
        if unreadable.is_none() {
            lock(&self.said).clone_from(&said);
        }
        (said, unreadable)
    }

    /// Takes note of how far everything is: once a minute, and whenever somebody looks. Reads two of the kernel's files,
    /// and writes nothing.
    pub fn note(&self) -> Sample {
        let moment = self.clock.now();
        if Voltage::look(&self.about().system_root).low == Some(true) {
            self.voltage_was_low.store(true, Ordering::Relaxed);
        }
        let sample = Sample { at: moment.wall, since_start: moment.since_start, counters: self.counters() };
        lock(&self.samples).note(sample);
        sample
    }

    /// Somebody has made a copy of the database.
    pub fn backup_made(&self, backup: Backup) {
        *lock(&self.last_backup) = Some(backup);
        *lock(&self.backup_failure) = None;
    }

    /// One was due, and could not be made.
    pub fn backup_failed(&self, why: String) {
        *lock(&self.backup_failure) = Some(why);
    }

    /// The last `limit` events, newest first. Blocks.
    ///
    /// # Errors
    /// The database can't be read.
    pub fn latest(&self, limit: usize) -> Result<Page, Error> {
        self.page(|reader| reader.latest(limit))
    }

    /// Up to `limit` events after `after`, in order. Blocks.
    ///
    /// # Errors
    /// The database can't be read.
    pub fn events(&self, after: Place, limit: usize) -> Result<Page, Error> {
        self.page(|reader| reader.events(after, limit))
    }

    /// Up to `limit` orders after the first `from` ones. Blocks.
    ///
    /// # Errors
    /// The database can't be read.
    pub fn orders(&self, which: &Which, from: usize, limit: usize) -> Result<OrdersPage, Error> {
        let mut orders = self.read(|reader| reader.listed(which, from, limit + 1))?;
        let next = (limit < orders.len()).then_some(from + limit);
        orders.truncate(limit);
        Ok(OrdersPage { orders: orders.iter().map(OrderSeen::from).collect(), next })
    }

    /// The order that `text` is the id or the number of. Blocks.
    ///
    /// # Errors
    /// The database can't be read.
    pub fn order(&self, text: &str) -> Result<Option<OrderWhole>, Error> {
        Ok(self.read(|reader| reader.listed_one(text))?.as_ref().map(OrderWhole::from))
    }

    /// What happened to an order before `before`, or until now, as far back as can be seen in time. Blocks.
    ///
    /// # Errors
    /// The database can't be read.
    pub fn history(&self, id: &str, number: &str, before: Option<Place>) -> Result<History, Error> {
        let head = self.head.borrow().place;
        let begun = self.clock.now().since_start;
        let mut to = before.map_or(head, |before| before.saturating_sub(1).min(head));
        let mut events: Vec<Stored> = Vec::new();
        let is_beginning = |event: &Stored| event.kind == Kind::OrderAccepted;
        while 0 < to && events.len() < HISTORY_EVENTS_MAX && !events.last().is_some_and(is_beginning) {
            let stretch = Stretch { after: to.saturating_sub(STRETCH), to };
            let room = HISTORY_EVENTS_MAX - events.len();
            let found = self.read(|reader| reader.about_order(id, number, stretch, room))?;
            let is_full = found.len() == room;
            events.extend(found);
            to = match events.last() {
                Some(last) if is_full => last.place - 1,
                Some(_) | None => stretch.after,
            };
            if HISTORY_WITHIN <= self.clock.now().since_start.saturating_sub(begun) {
                break;
            }
        }
        let begins = events.iter().position(is_beginning);
        events.truncate(begins.map_or(events.len(), |at| at + 1));
        let older = (0 < to && begins.is_none()).then_some(to + 1);
        Ok(History { undone: undone(&events), events, older, sender: self.sender()? })
    }

    /// Messages from the platform that could not be used, newest first, each with its first `payload_bytes_max`. Blocks.
    ///
    /// # Errors
    /// The database can't be read.
    pub fn quarantined(&self, payload_bytes_max: usize) -> Result<Vec<Quarantined>, Error> {
        self.read(|reader| reader.quarantine(payload_bytes_max))
    }

    /// Listens to a scanner's line; none where there is no such scanner.
    #[must_use]
    pub fn listen(&self, scanner: &str) -> Option<Listener> {
        let floor = self.watched.floor.borrow();
        floor.scanners.iter().find(|(id, _)| ***id == *scanner).map(|(_, status)| status.ear.listen())
    }

    /// Runs a blocking question away from the runtime's threads; `None` when it panicked.
    pub async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        let gatherer = Arc::clone(self);
        tokio::task::spawn_blocking(move || question(&gatherer)).await.ok()
    }

    /// The same for a question that is asked once more where it gets no answer in time: by then it is known that the disk
    /// gives none, and whoever asks gets what is known. The first one waits for the disk, and for nobody.
    pub async fn ask_in_time<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl Fn(&Self) -> T + Send + Sync + 'static,
    ) -> Option<T> {
        let question = Arc::new(question);
        let again = Arc::clone(&question);
        match tokio::time::timeout(ANSWERS_WITHIN, self.ask(move |gatherer| question(gatherer))).await {
            Ok(answer) => answer,
            Err(_) => self.ask(move |gatherer| again(gatherer)).await,
        }
    }

    /// Whether the writer takes a job and comes to it in time.
    pub async fn writer_answers(&self, within: Duration) -> bool {
        let (answered, answer) = oneshot::channel();
        let reply = Box::new(move |()| _ = answered.send(()));
        if self.journal.try_submit(Job::Barrier { reply }).is_err() {
            return false;
        }
        matches!(tokio::time::timeout(within, answer).await, Ok(Ok(())))
    }

    /// The newest lines of the agent's log.
    #[must_use]
    pub fn lines(&self) -> &Lines {
        &self.watched.lines
    }

    /// Whether scans can be stored.
    #[must_use]
    pub fn storage(&self) -> Storage {
        self.storage.borrow().clone()
    }

    /// Since when the storage is as it is.
    #[must_use]
    pub fn storage_since(&self) -> Timestamp {
        *lock(&self.storage_since)
    }

    /// Whether events get to the broker; the first attempts of a start are not yet a failure.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        let sync = self.watched.sync.borrow();
        match sync.link {
            Link::Up => true,
            Link::Connecting => sync.attempts == 0,
            Link::Down { .. } => false,
        }
    }

    /// Events that wait for the platform's receipt.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        let head = *self.head.borrow();
        head.place.saturating_sub(head.received)
    }

    /// Everything that happens from now on.
    #[must_use]
    pub fn changes(&self) -> Changes {
        let mut changes = Changes {
            head: self.head.clone(),
            storage: self.storage.clone(),
            floor: self.watched.floor.clone(),
            sync: self.watched.sync.clone(),
            configured: self.watched.configured.clone(),
        };
        changes.mark_seen();
        changes
    }

    fn page(&self, events: impl FnOnce(&Reader) -> Result<Vec<Stored>, Error>) -> Result<Page, Error> {
        Ok(Page { events: self.read(events)?, sender: self.sender()? })
    }

    /// Running time since the agent's start.
    #[must_use]
    pub fn since_start(&self) -> Duration {
        self.clock.now().since_start
    }

    fn sender(&self) -> Result<Sender, Error> {
        let about = self.about();
        Ok(Sender {
            site: about.site.id.as_str().into(),
            epochs: self.read(Reader::epochs)?,
            head: self.head.borrow().place,
            now: self.clock.now().wall,
            historical_after: about.historical_after,
        })
    }

    fn quarantine(&self) -> Result<Quarantine, Error> {
        let (count, newest_at) = self.read(Reader::quarantined)?;
        Ok(Quarantine { count, newest_at })
    }

    fn counters(&self) -> Counters {
        let head = *self.head.borrow();
        let reconnects = self.watched.sync.borrow().reconnects();
        let written_bytes = disk::written_bytes(&board::own_io(&self.about().system_root)).unwrap_or_default();
        // Scanners wait while this is held.
        let floor = self.watched.floor.borrow();
        let sum = |of: fn(&ScannerStatus) -> u64| floor.scanners.values().map(of).sum();
        Counters {
            scans: floor.times.count(),
            not_saved: floor.signals.get(Signal::NotSaved.word()).copied().unwrap_or_default(),
            unreadable: sum(|scanner| scanner.unreadable),
            scanner_losses: sum(|scanner| scanner.losses),
            reconnects,
            written_bytes,
            head: head.place,
            received: head.received,
        }
    }

    fn day_closed_at(&self) -> Option<Timestamp> {
        let closed = self.read(|reader| {
            let Some((_, place)) = reader.marks()?.day_closed else { return Ok(None) };
            reader.day_closed_after(place)
        });
        closed.ok().flatten()
    }

    fn work(&self) -> Work {
        let owned = |counts: BTreeMap<&'static str, u64>| {
            counts.into_iter().map(|(word, count)| (word.to_owned(), count)).collect()
        };
        let read = self.read(|reader| Ok((reader.open_orders()?, reader.open_promises()?)));
        read.map(|(orders, promises)| Work { orders: owned(orders), promises: owned(promises) }).unwrap_or_default()
    }

    fn board(&self) -> Board {
        let board = board::look(&self.about().system_root);
        let seen = self.voltage_was_low.load(Ordering::Relaxed);
        Board { under_voltage_seen: board.under_voltage_seen.map(|by_firmware| by_firmware || seen), ..board }
    }

    fn growth(&self, moment: &Moment) -> Option<Growth> {
        let known = *lock(&self.growth);
        match known {
            Some((at, found)) if moment.since_start.saturating_sub(at) < GROWTH_HOLDS => found,
            Some(_) | None => {
                let found = self.read(Reader::growth).ok().flatten();
                *lock(&self.growth) = Some((moment.since_start, found));
                found
            }
        }
    }

    /// A connection that has failed is thrown away: the next question opens a new one.
    fn read<T>(&self, question: impl FnOnce(&Reader) -> Result<T, Error>) -> Result<T, Error> {
        let mut desk = self.database.take(self.since_start()).ok_or(Error::NoAnswer)?;
        let reader = match desk.held.take() {
            Some(reader) => reader,
            None => self.journal.reader()?,
        };
        let answer = question(&reader);
        match &answer {
            Ok(_) => desk.held = Some(reader),
            Err(error) => self.journal.damage().suspect(error),
        }
        answer
    }
}

impl Changes {
    /// Waits until something has changed; for ever once the agent's parts are gone.
    pub async fn wait(&mut self) {
        let changed = tokio::select! {
            changed = self.head.changed() => changed,
            changed = self.storage.changed() => changed,
            changed = self.floor.changed() => changed,
            changed = self.sync.changed() => changed,
            changed = self.configured.changed() => changed,
        };
        match changed {
            Ok(()) => self.mark_seen(),
            Err(_) => std::future::pending().await,
        }
    }

    fn mark_seen(&mut self) {
        self.head.mark_unchanged();
        self.storage.mark_unchanged();
        self.floor.mark_unchanged();
        self.sync.mark_unchanged();
        self.configured.mark_unchanged();
    }
}

fn log(head: Head, oldest_at: Option<Timestamp>) -> Log {
    Log {
        epoch: Some(head.epoch.id),
        head: head.epoch.sequence(head.place),
        sent: head.epoch.sequence(head.sent),
        received: head.epoch.sequence(head.received),
        backlog: head.place.saturating_sub(head.received),
        oldest_at,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
