//! The world of one seed: time, staff, the agent's lives, line and broker, the platform, the disk; and all that breaks.
//!
//! First a phase in which anything may happen, then everything heals, and what must be true is looked at. Whatever is
//! random follows from the seed.

use super::broker::{Broker, LATENCY_MS, Message, Weather};
use super::floor::{Bench, STATIONS, serial};
use super::life::{Life, WINDOW, config};
use super::platform::{Platform, SITE};
use jiff::{SignedDuration, Timestamp};
use parceld::clock::{Clock, Evidence, Reading};
use parceld::domain::event::Event;
use parceld::domain::signal::{Answer, Signal};
use parceld::journal::backup::{self, NoCopy};
use parceld::journal::salvage::restore::restore;
use parceld::journal::{Epoch, Job, Journal, Reader, Storage, salvage};
use parceld_faultfs::{Cut, Disk, Faults, Lie};
use parceld_tests::random::Random;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// What is wrong with the agent or its system, for tests that the simulation finds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mutation {
    #[default]
    None,
    /// The journal is committed as with `synchronous = NORMAL`.
    SynchronousNormal,
    /// Staff are answered before the commit is on disk.
    AnswerBeforeCommit,
    /// Events are forgotten when the broker has acknowledged them.
    ForgetOnPuback,
}

/// The write-ahead log of all of a seed's lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// It gets as long as what is written to it: the disk was too full to make it long, or staff left no time for it.
    Grows,
    /// It is made as long as it gets as soon as nobody waits.
    IsLong,
}

impl Log {
    /// Every other seed has the one and the other.
    pub fn of(seed: u64) -> Self {
        if seed.is_multiple_of(2) { Self::IsLong } else { Self::Grows }
    }
}

/// After healing, sync tries again within this.
const BACKOFF_CAP: Duration = Duration::from_secs(30);
/// A client that has just begun to wait for a broker that says nothing, then its wait, and the way of the packets.
const DRAINING_BEGINS_WITHIN: Duration = BACKOFF_CAP.saturating_add(Duration::from_secs(20));
/// A backlog of a minute, and whatever was begun: a window at a time.
const DRAINED_WITHIN: Duration = Duration::from_secs(180);

/// So long people work on after healing.
const WORK_AFTER: Duration = Duration::from_secs(20);

/// The window, replies, and what the agent says of itself.
const IN_FLIGHT_MAX: usize = WINDOW as usize + 16 + 2;

/// So much of what was acknowledged may be sent again after a crash: the second of I3, until the journal is told, and until
/// it gets round to it.
const ACKNOWLEDGED_LATELY: Duration = Duration::from_millis(1_000 + 250 + 250);

const RETAIN_EVERY: Duration = Duration::from_secs(7);

/// More than retention leaves free, so that it gives some of it back, for some turns.
const FORGOTTEN_BYTES: usize = 3_000_000;

/// What was seen of a seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub greens: u64,
    pub lives: u64,
    pub cuts: u64,
    pub not_saved: u64,
    pub applied: u64,
    pub duplicates: u64,
    pub epochs: usize,
    pub salvages: u64,
    pub backups: u64,
    pub restores: u64,
    /// Kinds of all events, in the order in which they took effect.
    pub story: Vec<String>,
}

/// An answer that was given.
struct Told {
    bench: usize,
    serial: Option<String>,
    answer: Answer,
}

pub struct World {
    random: Random,
    now: Duration,
    disk: Disk,
    path: PathBuf,
    backups: PathBuf,
    mutation: Mutation,
    log_length: Log,
    benches: Vec<Bench>,
    broker: Broker,
    platform: Platform,
    life: Option<Life>,
    start_at: Duration,
    boots: u32,
    booted_at: Duration,
    /// What the wall clock shows beside the true time.
    wall_off: SignedDuration,
    evidence: Evidence,
    told: (Sender<Told>, Receiver<Told>),
    green: BTreeSet<String>,
    /// Every event that stood in the log when a scan was answered, by its epoch and sequence.
    log: BTreeMap<(String, u64), String>,
    seen_to: u64,
    /// For looking at the log of this life.
    reader: Option<Reader>,
    /// Events that the agent may send a second time: a window for each line that was lost, and at the end of a life also what
    /// was acknowledged of late.
    may_repeat: u64,
    /// What a rewind or a storage that fails repeats is beside that bound.
    repeats_more: bool,
    /// Something may have been forgotten since the log was looked at.
    has_retained: bool,
    /// Retention has more to do.
    retains_on: Arc<AtomicBool>,
    /// The newest copy that was made in order, and how far its log goes.
    backup: Option<(PathBuf, u64)>,
    /// Something else has taken the database's place, and the next life begins on it.
    is_replaced: bool,
    /// The newest epoch of the log.
    epoch: String,
    /// What a copy that was put back has lost, and the platform does not have.
    excused: BTreeSet<String>,
    excused_serials: BTreeSet<String>,
    copy: Option<u64>,
    fault_at: Duration,
    order_at: Duration,
    retain_at: Duration,
    /// When a fault that lasts is over.
    ends: Vec<(Duration, Ends)>,
    healed: bool,
    /// Nobody scans or orders any more.
    is_night: bool,
    seen: Seen,
    trace: bool,
}

#[derive(Clone, Copy, Debug)]
enum Ends {
    Disk,
    Weather,
    Platform,
    Clock,
}

const CUTS: [Cut; 4] = [Cut::Nothing, Cut::All, Cut::First, Cut::Some];

/// Of all events in a file.
pub fn ids(database: &Path) -> Result<BTreeSet<String>, String> {
    let events = Reader::open(database).and_then(|reader| reader.events(0, 100_000));
    let events = events.map_err(|error| format!("{}: {error}", database.display()))?;
    Ok(events.into_iter().map(|stored| stored.id.to_string()).collect())
}

/// For looking, as anybody might who is no agent.
pub fn open(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(database, flags)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(conn)
}

pub fn integrity(database: &Path) -> rusqlite::Result<String> {
    open(database)?.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
}

pub fn base() -> Timestamp {
    Timestamp::constant(1_795_420_800, 0)
}

impl World {
    pub fn new(seed: u64, folder: &Path, mutation: Mutation, log: Log, trace: bool) -> Self {
        let disk = Disk::mount(folder);
        disk.lies(match mutation {
            Mutation::SynchronousNormal => Lie::LogNotForced,
            Mutation::AnswerBeforeCommit => Lie::LogForcedLate,
            Mutation::None | Mutation::ForgetOnPuback => Lie::Never,
        });
        let second = Duration::from_secs(1);
        Self {
            random: Random::stream(seed, 0),
            now: Duration::ZERO,
            disk,
            path: folder.join("parceld.db"),
            backups: folder.join("backups"),
            mutation,
            log_length: log,
            benches: (0..STATIONS.len()).map(Bench::new).collect(),
            broker: Broker::new(),
            platform: Platform::default(),
            life: None,
            start_at: Duration::ZERO,
            boots: 0,
            booted_at: Duration::ZERO,
            wall_off: SignedDuration::ZERO,
            evidence: Evidence::Synchronized,
            told: channel(),
            green: BTreeSet::new(),
            log: BTreeMap::new(),
            seen_to: 0,
            reader: None,
            epoch: String::new(),
            has_retained: false,
            retains_on: Arc::default(),
            backup: None,
            is_replaced: false,
            may_repeat: 0,
            repeats_more: false,
            excused: BTreeSet::new(),
            excused_serials: BTreeSet::new(),
            copy: None,
            fault_at: 4 * second,
            order_at: Duration::ZERO,
            retain_at: RETAIN_EVERY,
            ends: Vec::new(),
            healed: false,
            is_night: false,
            seen: Seen::default(),
            trace,
        }
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>9.3} {}", self.now.as_secs_f64(), what());
        }
    }

    /// Plays the seed to its end.
    ///
    /// # Errors
    /// What is not as it must be.
    pub fn play(mut self) -> Result<Seen, String> {
        let safety = Duration::from_secs(20 + self.random.below(40) as u64);
        self.run_until(safety, |_| false)?;
        self.heal()?;
        let (healed_at, applied) = (self.now, self.platform.applied.len());
        let behind = !self.is_drained();
        self.run_until(healed_at + DRAINING_BEGINS_WITHIN, |world| {
            applied < world.platform.applied.len() || world.is_drained()
        })?;
        if behind && self.platform.applied.len() == applied && !self.is_drained() {
            return Err(format!("I9: {DRAINING_BEGINS_WITHIN:?} after healing nothing has come to the platform"));
        }
        self.run_until(healed_at + WORK_AFTER, |_| false)?;
        self.is_night = true;
        self.run_until(healed_at + DRAINED_WITHIN, Self::is_drained)?;
        if !self.is_drained() {
            return Err(format!(
                "I9: {DRAINED_WITHIN:?} after healing the platform is not up to date: {}",
                self.stand()
            ));
        }
        self.check()?;
        let (platform, seen) = (self.platform, self.seen);
        Ok(Seen {
            greens: self.green.len() as u64,
            applied: platform.applied.len() as u64,
            duplicates: platform.duplicates,
            epochs: platform.epochs.len(),
            story: platform.story,
            ..seen
        })
    }

    fn run_until(&mut self, end: Duration, mut is_over: impl FnMut(&Self) -> bool) -> Result<(), String> {
        while self.now < end && !is_over(self) {
            let life = self.life.as_ref().map_or(Some(self.start_at), Life::due);
            let order = (!self.is_night).then_some(self.order_at);
            let benches = self.benches.iter().filter_map(Bench::due).min().filter(|_| !self.is_night);
            let ends = self.ends.iter().map(|(at, _)| *at).min();
            let fault = (!self.healed).then_some(self.fault_at);
            let platform = self.platform.due().filter(|_| self.broker.is_heard);
            let message = (self.broker.is_heard && !self.broker.to_platform.is_empty()).then_some(self.now);
            let due = [life, benches, order, ends, fault, platform, message, self.broker.due()];
            let due = due.into_iter().flatten().chain([self.retain_at, end]).min();
            self.now = due.unwrap_or(end).max(self.now + Duration::from_millis(1));
            self.turn()?;
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<(), String> {
        self.show_time();
        if !self.healed && self.fault_at <= self.now {
            self.fault_at = self.now + Duration::from_millis(300 + self.random.below(3_500) as u64);
            self.break_something()?;
        }
        for (_, ends) in self.ends.extract_if(.., |(at, _)| *at <= self.now).collect::<Vec<_>>() {
            self.end(ends);
        }
        if self.life.is_none() && self.start_at <= self.now {
            self.start()?;
        }
        self.platform_turns();
        self.scan();
        if self.retain_at <= self.now || self.retains_on.swap(false, Ordering::Relaxed) {
            self.retain_at = self.now + RETAIN_EVERY;
            self.has_retained = true;
            let again = Arc::clone(&self.retains_on);
            self.ask(|moment| Job::Retain {
                moment,
                reply: Box::new(move |more| again.store(more, Ordering::Relaxed)),
            });
        }
        self.count_repeats()?;
        let arrived = self.broker.turn(self.now, &mut self.random);
        if let Some(life) = &mut self.life {
            life.hear(arrived, &mut self.broker, self.now, &mut self.random);
        }
        self.live()
    }

    /// Keeps account of what may come twice, and that no more is under way than may be.
    fn count_repeats(&mut self) -> Result<(), String> {
        let Some(life) = &self.life else { return Ok(()) };
        let status = life.sync.status();
        if IN_FLIGHT_MAX < status.in_flight {
            return Err(format!("I6: {} publishes are in flight", status.in_flight));
        }
        self.repeats_more |= 0 < status.rewinds;
        Ok(())
    }

    fn ask(&mut self, job: impl FnOnce(parceld::clock::Moment) -> Job) {
        if let Some(life) = &self.life {
            let _ = life.journal.try_submit(job(life.moment()));
        }
    }

    fn reading(&self) -> Reading {
        let wall = base().saturating_add(self.now).and_then(|wall| wall.saturating_add(self.wall_off));
        Reading { wall: wall.unwrap_or(Timestamp::MAX), since_boot: self.now - self.booted_at }
    }

    fn show_time(&self) {
        if let Some(life) = &self.life {
            life.clock.show(self.reading(), self.evidence);
        }
    }

    fn platform_turns(&mut self) {
        if self.order_at <= self.now && !self.is_night {
            let mean_ms = if self.healed { 4_000 } else { 1_500 };
            self.order_at = self.now + Duration::from_millis(1 + self.random.below(mean_ms) as u64);
            let expires = base() + self.now + Duration::from_secs(self.random.below(20) as u64);
            self.platform.wants(self.now, &expires.to_string(), &mut self.random);
        }
        if !self.broker.is_heard {
            return;
        }
        while let Some(message) = self.broker.to_platform.pop_front() {
            self.platform.take(&message, self.now);
        }
        for said in self.platform.turn(self.now) {
            self.broker.give(&said.topic, &said.payload, said.retain, self.now, &mut self.random);
        }
    }

    fn scan(&mut self) {
        let Self { benches, life, random, platform, told, now, is_night, .. } = self;
        if *is_night {
            return;
        }
        let Some(life) = life else {
            benches.iter_mut().for_each(|bench| bench.line_lost(*now));
            return;
        };
        let site_key = life.journal.site_key().to_vec();
        for (number, bench) in benches.iter_mut().enumerate() {
            for read in bench.turn(*now, &site_key, &platform.orders, random) {
                let (told, serial) = (told.0.clone(), serial(&read));
                let answer = move |answer: &Answer| {
                    let _ = told.send(Told { bench: number, serial, answer: answer.clone() });
                };
                life.floor.hear(&bench.station.into(), &bench.station.into(), &read, life.moment(), answer);
            }
        }
    }

    /// Lets the agent do all that it has to do now, and takes note of its answers.
    fn live(&mut self) -> Result<(), String> {
        let Some(mut life) = self.life.take() else { return Ok(()) };
        let (mut broker, mut random) = (std::mem::take(&mut self.broker), self.random.clone());
        let mut wrong = Ok(());
        let lives = life.turn(&mut broker, self.now, &mut random, |journal| {
            if self.disk.is_dead() {
                return false;
            }
            wrong = wrong.clone().and_then(|()| self.stepped(journal));
            wrong.is_ok() && journal.damage().watch().borrow().is_none()
        });
        (self.broker, self.random) = (broker, random);
        wrong?;
        let lives = lives?;
        if self.disk.is_dead() {
            drop(life);
            return self.power_goes();
        }
        let damage = life.journal.damage().watch().borrow().clone();
        match damage {
            Some(found) => {
                self.say(|| format!("damage: {found}"));
                self.seen.salvages += 1;
                salvage::suspect(&self.path, &found).map_err(|error| error.to_string())?;
                drop(life);
                self.ends_life(Duration::ZERO);
            }
            None if lives => self.life = Some(life),
            None => return Err("a life ended for no reason".into()),
        }
        Ok(())
    }

    /// After a batch of the writer: what was answered green stands in the log.
    fn stepped(&mut self, journal: &Journal) -> Result<(), String> {
        let told: Vec<Told> = self.told.1.try_iter().collect();
        let head = *journal.head().borrow();
        if self.seen_to < head.place || self.has_retained {
            self.look_at_log(journal, head.place)?;
        }
        for Told { bench, serial, answer } in told {
            self.say(|| format!("{} {serial:?}: {} {:?}", STATIONS[bench], answer.signal.word(), answer.reason));
            self.benches[bench].hear(&answer);
            self.seen.not_saved += u64::from(answer.signal == Signal::NotSaved);
            if let Some(serial) = serial.filter(|_| answer.signal.counts())
                && !self.green.insert(serial.clone())
                && !self.excused_serials.contains(&serial)
            {
                return Err(format!("{serial} was counted twice"));
            }
        }
        Ok(())
    }

    /// Notes what is new in the log, and that nothing is gone from it that the platform lacks.
    fn look_at_log(&mut self, journal: &Journal, head: u64) -> Result<(), String> {
        let reader = self.reader.take().or_else(|| journal.reader().ok());
        let Some(reader) = reader else { return Ok(()) };
        let looked = self.compare(&reader, head);
        self.reader = Some(reader);
        looked
    }

    fn compare(&mut self, reader: &Reader, head: u64) -> Result<(), String> {
        let Ok(epochs) = reader.epochs() else { return Ok(()) };
        if let Some(newest) = epochs.last().filter(|newest| newest.id.to_string() != self.epoch) {
            self.epoch_begins(&epochs, *newest);
        }
        let Ok(news) = reader.events(self.seen_to, 10_000) else { return Ok(()) };
        let key = |place: u64| {
            let epoch = epochs.iter().rev().find(|epoch| epoch.base < place)?;
            Some((epoch.id.to_string(), epoch.sequence(place)))
        };
        for stored in news.iter().filter(|stored| stored.place <= head) {
            self.seen_to = stored.place;
            let Some(key) = key(stored.place) else { continue };
            let id = stored.id.to_string();
            if let Some(before) = self.log.insert(key.clone(), id.clone()).filter(|before| *before != id) {
                return Err(format!("I1: {} of {} was {before} and is {id}", key.1, key.0));
            }
        }
        if !std::mem::take(&mut self.has_retained) {
            return Ok(());
        }
        let Ok(first) = reader.events(0, 1) else { return Ok(()) };
        let Some(first) = first.first().and_then(|first| key(first.place)) else { return Ok(()) };
        let mut forgotten = self.log.iter().filter(|((epoch, sequence), _)| *epoch == first.0 && *sequence < first.1);
        let lost = forgotten.find(|(_, id)| !self.platform.applied.contains_key(*id) && !self.excused.contains(*id));
        match lost {
            Some(((epoch, sequence), id)) => {
                Err(format!("I4: {id}, {sequence} of {epoch}, is forgotten, and the platform doesn't have it"))
            }
            None => Ok(()),
        }
    }

    /// What stood behind its beginning has other numbers from here on.
    fn epoch_begins(&mut self, epochs: &[Epoch], newest: Epoch) {
        self.epoch = newest.id.to_string();
        self.seen_to = self.seen_to.min(newest.base);
        for epoch in epochs.iter().filter(|epoch| **epoch != newest) {
            let (id, last) = (epoch.id.to_string(), epoch.sequence(newest.base));
            self.log.retain(|(of, sequence), _| *of != id || *sequence <= last);
        }
    }

    fn start(&mut self) -> Result<(), String> {
        let boot = format!("boot-{}", self.boots);
        let clock = Clock::played(&boot, self.reading(), self.evidence);
        let config = config(&self.path, &boot, self.mutation == Mutation::ForgetOnPuback);
        let begun = Life::begin(config, clock, self.log_length == Log::IsLong, self.now);
        if self.disk.is_dead() {
            drop(begun);
            return self.power_goes();
        }
        match begun {
            Ok(life) => {
                self.seen.lives += 1;
                let head = *life.journal.head().borrow();
                self.say(|| format!("start: {head:?}"));
                self.seen_to = 0;
                if std::mem::take(&mut self.is_replaced) {
                    self.excuse_what_is_gone()?;
                }
                self.life = Some(life);
            }
            Err(error) => {
                self.say(|| format!("can't start: {error}"));
                self.start_at = self.now + Duration::from_secs(1);
            }
        }
        Ok(())
    }

    fn ends_life(&mut self, rest: Duration) {
        self.may_repeat += self.broker.events_since(self.now.saturating_sub(ACKNOWLEDGED_LATELY));
        (self.life, self.reader) = (None, None);
        self.broker.hang_up();
        self.start_at = self.now + rest;
        while self.told.1.try_recv().is_ok() {}
    }

    fn power_goes(&mut self) -> Result<(), String> {
        let cut = CUTS[self.random.below(CUTS.len())];
        self.say(|| format!("power cut: {cut:?}"));
        self.seen.cuts += 1;
        let rest = Duration::from_millis(500 + self.random.below(4_000) as u64);
        self.ends_life(rest);
        let Self { disk, random, .. } = self;
        disk.back_after(cut, || random.bits() >> 8).map_err(|error| error.to_string())?;
        self.ends.retain(|(_, ends)| !matches!(ends, Ends::Disk));
        self.boots += 1;
        self.booted_at = self.now;
        if self.random.once_in(2) { self.maybe_old_copy() } else { self.maybe_restore() }
    }

    fn set(&mut self, change: impl FnOnce(&mut Faults)) {
        let mut faults = self.disk.faults();
        change(&mut faults);
        self.disk.set(faults);
    }

    /// What the world itself looks at meets no fault, and uses none up.
    fn unharmed<T>(&self, look: impl FnOnce() -> T) -> T {
        let faults = self.disk.faults();
        self.disk.set(Faults::default());
        let looked = look();
        self.disk.set(faults);
        looked
    }

    fn lasts(&mut self, ends: Ends, longest_ms: usize) {
        let at = self.now + Duration::from_millis(200 + self.random.below(longest_ms) as u64);
        self.ends.push((at, ends));
    }

    fn break_something(&mut self) -> Result<(), String> {
        let soon = self.random.below(40) as u64;
        let what = self.random.below(24);
        // Cursors that can't be written are behind for longer.
        self.repeats_more |= (3..=6).contains(&what);
        self.say(|| format!("fault {what} ({soon})"));
        match what {
            0 | 1 => self.set(|faults| faults.dies_in = Some(soon)),
            2 => {
                self.disk.die();
                if self.life.is_some() {
                    self.ends_life(Duration::from_millis(100 + 50 * soon));
                }
                self.disk.back_after_kill();
                self.ends.retain(|(_, ends)| !matches!(ends, Ends::Disk));
            }
            3 => self.set(|faults| faults.write_fails_in = Some(soon)),
            4 => self.set(|faults| faults.sync_fails_in = Some(soon / 4)),
            5 => self.set(|faults| faults.read_fails_in = Some(soon)),
            6 => {
                let room = self.disk.taken() + 1_024 * soon;
                self.set(|faults| faults.room = Some(room));
                self.lasts(Ends::Disk, 8_000);
            }
            7 => {
                if let Some(life) = &mut self.life {
                    life.lost("reset by peer", &mut self.broker, self.now, &mut self.random);
                }
            }
            8 => {
                self.broker.weather.unreachable = true;
                self.cut_line();
                self.lasts(Ends::Weather, 12_000);
            }
            9 => {
                self.broker.weather.silent = true;
                self.cut_line();
                self.lasts(Ends::Weather, 20_000);
            }
            10 => {
                self.broker.weather.vanishes = true;
                self.lasts(Ends::Weather, 20_000);
            }
            11 | 12 => {
                let which = self.random.below(4);
                let times = 2 + self.random.below(6);
                let weather = &mut self.broker.weather;
                *[&mut weather.lost, &mut weather.wrong, &mut weather.twice, &mut weather.swapped][which] = times;
                self.lasts(Ends::Weather, 10_000);
            }
            13 => {
                self.broker.weather.latency_ms = 30 + self.random.below(3_000) as u64;
                self.lasts(Ends::Weather, 10_000);
            }
            14 | 15 => {
                self.cut_line();
                let [session, receipt, queue] = [(); 3].map(|()| self.random.once_in(2));
                self.broker.restart(session, receipt, queue);
            }
            16 => {
                self.broker.is_heard = false;
                self.broker.keeps_for_platform = !self.random.once_in(3);
                self.lasts(Ends::Platform, 15_000);
            }
            17 => {
                self.wall_off = [
                    SignedDuration::from_secs(-1_795_420_800),
                    SignedDuration::from_hours(20 * 365 * 24),
                    SignedDuration::from_hours(-2),
                ][self.random.below(3)];
                self.evidence = [Evidence::Synchronized, Evidence::Plausible, Evidence::Awaited][self.random.below(3)];
                self.lasts(Ends::Clock, 15_000);
            }
            18 => {
                if let Some(life) = self.life.take() {
                    let moment = life.moment();
                    let _ = life.journal.try_submit(Job::Record { event: Event::SiteStopped, station: None, moment });
                    life.stop();
                    if !self.disk.is_dead() {
                        self.ends_life(Duration::from_millis(300));
                    }
                }
            }
            19 => self.take_copy(),
            20 | 21 => self.back_up(what == 21)?,
            _ => self.forget_much(what == 23),
        }
        Ok(())
    }

    fn cut_line(&mut self) {
        if let Some(life) = &mut self.life {
            life.lost("broken pipe", &mut self.broker, self.now, &mut self.random);
        }
    }

    fn end(&mut self, ends: Ends) {
        self.say(|| format!("ends: {ends:?}"));
        match ends {
            Ends::Disk => self.set(|faults| faults.room = None),
            Ends::Weather => {
                // Who waits for what has vanished is told that the line is gone.
                if self.broker.weather.vanishes || self.broker.weather.silent {
                    self.cut_line();
                }
                self.broker.weather = Weather { latency_ms: LATENCY_MS, ..Weather::default() };
            }
            Ends::Platform => {
                self.broker.keeps_for_platform = true;
                self.broker.platform_comes();
            }
            Ends::Clock => {
                self.wall_off = SignedDuration::ZERO;
                self.evidence = Evidence::Synchronized;
            }
        }
    }

    fn heal(&mut self) -> Result<(), String> {
        self.say(|| "everything heals".into());
        self.healed = true;
        for (_, ends) in std::mem::take(&mut self.ends) {
            self.end(ends);
        }
        self.disk.set(Faults::default());
        if self.disk.is_dead() {
            self.power_goes()?;
        }
        Ok(())
    }

    fn files(&self, end: &str) -> (PathBuf, PathBuf) {
        let file = |name: &str| PathBuf::from(format!("{}{name}{end}", self.path.display()));
        (file(""), file(".copy"))
    }

    /// Somebody copies the card while the agent runs between two writes.
    fn take_copy(&mut self) {
        if self.copy.is_some() || self.life.is_none() {
            return;
        }
        let copied = ["", "-wal"].iter().all(|end| {
            let (from, to) = self.files(end);
            std::fs::copy(from, to).is_ok()
        });
        self.copy = copied.then_some(self.seen_to);
        self.say(|| "the card is copied".into());
    }

    /// The copy comes back in place of the file, once, and only while nothing of the agent's is on its way: what is, and
    /// what the copy then gives again under the same numbers, no platform can tell apart. The broker's session is gone too:
    /// old receipts out of a long one would be taken for the platform's answer to who has just come.
    fn maybe_old_copy(&mut self) -> Result<(), String> {
        let is_quiet = self.broker.to_platform.is_empty() && !self.is_on_its_way();
        if !is_quiet || self.is_replaced || self.copy.is_none() || !self.random.once_in(2) {
            return Ok(());
        }
        self.say(|| "an older copy is put back".into());
        self.copy = None;
        for end in ["", "-wal"] {
            let (to, from) = self.files(end);
            std::fs::copy(from, to).map_err(|error| error.to_string())?;
        }
        let _ = std::fs::remove_file(self.files("-shm").0);
        self.disk.settle();
        self.excuse_what_is_gone()?;
        self.platform.has_lost_track = true;
        self.broker.restart(true, false, false);
        Ok(())
    }

    fn is_on_its_way(&self) -> bool {
        let is_event = |message: &Message| message.topic.contains("/events/");
        self.broker.to_platform.iter().any(is_event) || self.platform.epochs.iter().any(|epoch| !epoch.aside.is_empty())
    }

    /// What an older file that has taken the database's place doesn't have any more is missed by nobody.
    fn excuse_what_is_gone(&mut self) -> Result<(), String> {
        let there = self.unharmed(|| ids(&self.path))?;
        for (_, id) in self.log.extract_if(.., |_, id| !there.contains(id)) {
            if !self.platform.applied.contains_key(&id) {
                self.excused.insert(id);
            }
        }
        self.excused_serials = self.green.clone();
        Ok(())
    }

    /// Copies the running database, as the agent does at night; `is_cut_off`: the power goes in it.
    fn back_up(&mut self, is_cut_off: bool) -> Result<(), String> {
        let Some(life) = &self.life else { return Ok(()) };
        let (moment, head) = (life.moment(), life.journal.head().borrow().place);
        if is_cut_off {
            let writes = self.random.below(300) as u64;
            self.set(|faults| faults.dies_in = Some(writes));
        }
        match backup::copy_into(&self.path, &self.backups, SITE, &moment) {
            Ok(copied) => {
                self.say(|| format!("a backup of {head} events"));
                self.seen.backups += 1;
                self.backup = Some((copied.path, head));
                self.check_backup()
            }
            Err(NoCopy::Unsound { found }) => Err(format!("a backup is not sound: {found}")),
            Err(error) => {
                self.say(|| format!("no backup: {error}"));
                Ok(())
            }
        }
    }

    /// The newest backup is whole, and has what the log had that it was made of.
    fn check_backup(&self) -> Result<(), String> {
        let Some((path, head)) = &self.backup else { return Ok(()) };
        let newest = |copy: Connection| copy.query_row("SELECT max(place) FROM events", [], |row| row.get::<_, u64>(0));
        let (found, newest) = self.unharmed(|| (integrity(path), open(path).and_then(newest)));
        match (found, newest) {
            (Ok(found), Ok(newest)) if found == "ok" && newest == *head => Ok(()),
            (found, newest) => Err(format!("a backup up to place {head}: {found:?}, {newest:?}")),
        }
    }

    /// The newest backup is put back, once; the power may go in it, and then there is one of the two, whole. Never behind an
    /// older copy of the card: what that one gave out before it heard the platform has the numbers of other events.
    fn maybe_restore(&mut self) -> Result<(), String> {
        if self.is_on_its_way() || self.is_replaced || self.platform.has_lost_track || self.random.once_in(2) {
            return Ok(());
        }
        self.check_backup()?;
        let Some((from, head)) = self.backup.take() else { return Ok(()) };
        if self.random.once_in(2) {
            let writes = self.random.below(60) as u64;
            self.set(|faults| faults.dies_in = Some(writes));
        }
        let boot = format!("boot-{}", self.boots);
        let moment = Clock::played(&boot, self.reading(), self.evidence).now();
        let restored = restore(&config(&self.path, &boot, false), &from, &moment);
        self.say(|| format!("a backup of {head} events is put back: {restored:?}"));
        self.set(|faults| faults.dies_in = None);
        let is_put_back = match &restored {
            Ok(_) => true,
            Err(unfit) => unfit.is_put_back(),
        };
        if self.disk.is_dead() {
            let cut = CUTS[self.random.below(CUTS.len())];
            let Self { disk, random, .. } = self;
            disk.back_after(cut, || random.bits() >> 8).map_err(|error| error.to_string())?;
        } else if let Err(unfit) = &restored {
            return Err(format!("a sound backup can't be put back: {unfit}"));
        }
        if is_put_back {
            self.seen.restores += 1;
            self.is_replaced = true;
            self.broker.restart(true, false, false);
            return Ok(());
        }
        let there = ids(&self.path)?;
        match self.log.values().find(|id| !there.contains(*id) && !self.platform.applied.contains_key(*id)) {
            Some(id) => Err(format!("I1: a backup was not put back, and {id} is gone from the log")),
            None => Ok(()),
        }
    }

    /// A large table is gone, and retention gives its room back; `is_cut_off`: the power goes in it.
    fn forget_much(&mut self, is_cut_off: bool) {
        if self.life.is_none() {
            return;
        }
        let forgotten = open(&self.path).and_then(|conn| {
            conn.execute_batch(&format!(
                "PRAGMA wal_autocheckpoint = 0; BEGIN IMMEDIATE; DROP TABLE IF EXISTS old; CREATE TABLE old (x);
                 INSERT INTO old VALUES (zeroblob({FORGOTTEN_BYTES})); COMMIT; DROP TABLE old"
            ))
        });
        self.say(|| format!("much is forgotten: {forgotten:?}"));
        self.retain_at = self.now;
        if is_cut_off {
            let writes = self.random.below(400) as u64;
            self.set(|faults| faults.dies_in = Some(writes));
        }
    }

    fn is_drained(&self) -> bool {
        let Some(life) = &self.life else { return false };
        let head = *life.journal.head().borrow();
        // Where the agent takes its own file for an older copy, what lay beyond a gap comes again under the new epoch.
        let is_there =
            |event: &serde_json::Value| event["id"].as_str().is_some_and(|id| self.platform.applied.contains_key(id));
        let is_whole = self.platform.epochs.iter().all(|epoch| epoch.aside.values().all(is_there));
        let newest = self.platform.epochs.iter().find(|epoch| epoch.id == head.epoch.id.to_string());
        let applied = newest.map_or(0, |epoch| epoch.ids.len() as u64);
        let is_answered = self.platform.commands.is_empty();
        is_whole && is_answered && applied == head.epoch.sequence(head.place) && head.received == head.place
    }

    fn stand(&self) -> String {
        let head = self.life.as_ref().map(|life| *life.journal.head().borrow());
        let link = self.life.as_ref().map(|life| life.sync.status().link);
        let epochs: Vec<_> =
            self.platform.epochs.iter().map(|epoch| (&epoch.id, epoch.ids.len(), epoch.aside.len())).collect();
        let commands: Vec<_> = self.platform.commands.keys().collect();
        format!("{head:?}, {link:?}, platform {epochs:?}, unanswered {commands:?}")
    }

    /// What must be true in the end.
    fn check(&self) -> Result<(), String> {
        let platform = &self.platform;
        if let Some(fault) = platform.faults.first() {
            return Err(format!("I2: {fault}"));
        }
        let lost = self.log.iter().find(|(_, id)| !platform.applied.contains_key(*id));
        if let Some(((epoch, sequence), id)) = lost {
            return Err(format!("I1, I2: {id}, {sequence} of {epoch}, was in the log and is not at the platform"));
        }
        for ((epoch, sequence), id) in &self.log {
            let known = platform.epochs.iter().find(|known| known.id == *epoch);
            let at = known.and_then(|known| known.ids.get(*sequence as usize - 1));
            if at.is_some_and(|at| at != id) {
                return Err(format!("I2: {sequence} of {epoch} is {id} in the log, and {at:?} at the platform"));
            }
        }
        for serial in self.green.difference(&self.excused_serials) {
            match platform.serials.get(serial) {
                Some(1) => {}
                times => return Err(format!("I1, I3: {serial} was green and took effect {times:?} times")),
            }
        }
        if let Some((serial, times)) = platform.serials.iter().find(|(_, times)| 1 < **times)
            && !self.excused_serials.contains(serial)
        {
            return Err(format!("I3: {serial} took effect {times} times"));
        }
        let may_repeat = self.may_repeat + u64::from(WINDOW) * self.broker.lines;
        if !self.repeats_more && platform.epochs.len() == 1 && may_repeat < platform.duplicates {
            return Err(format!("I3: {} events came again, and {may_repeat} might", platform.duplicates));
        }
        let found = integrity(&self.path).map_err(|error| format!("the database can't be read: {error}"))?;
        if found != "ok" {
            return Err(format!("the database is not sound: {found}"));
        }
        let storage = self.life.as_ref().map(|life| life.journal.storage().borrow().clone());
        if storage != Some(Storage::Well) {
            return Err(format!("I8: the storage has healed and is {storage:?}"));
        }
        Ok(())
    }
}
