//! What the writer works on: the connection, the log's ends, the projections. Every method runs inside a transaction.

use super::folding::{Folding, How};
use super::fresh::Fresh;
use super::job::PrintJob;
use super::log::{self, By, Epoch, Place, Stored, When};
use super::shelf::Shelf;
use super::{Config, Error, Head, SITE_KEY_BYTES, room, salvage, schema, size, slate};
use crate::clock::Moment;
use crate::domain::decide::LastScan;
use crate::domain::dispatch::Gone;
use crate::domain::event::{Event, Kind, StartCause};
use crate::domain::name::{OrderId, ScannerId, StationId};
use crate::domain::station::Station;
use crate::pulse::Pulse;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use uuid::Uuid;

mod commands;
mod cursors;
mod duties;
mod moved;
mod quarantine;
mod report;
mod retention;
mod scans;
pub(in crate::journal) mod times;

pub struct State {
    conn: Connection,
    folding: Folding,
    /// Pages in the write-ahead log, as of the last commit.
    log_pages: Arc<AtomicU32>,
    page_bytes: u64,
    config: Arc<Config>,
    shelf: Shelf,
    /// The couriers that came early.
    gone: Gone,
    epoch: Epoch,
    head: Place,
    /// The newest event of the running transaction: how a commit of unknown fate is recognised.
    newest: Option<(Place, Uuid)>,
    /// What the platform has beyond it, while this file has published nothing of its own, tells that this is an older copy.
    unpublished_from: Place,
    sent: Place,
    received: Place,
    /// Up to where the platform is sent events once more.
    again_to: Option<Place>,
    /// What of these is in the file.
    stored: Cursors,
    stored_at: Duration,
    /// Since when they are ahead of the file, if they are.
    behind_since: Duration,
    /// The newest moment of any job.
    latest: Duration,
    /// The site's running time when this process started.
    uptime_base_s: u64,
    /// This boot's key in the file.
    boot: i64,
    /// The first event of this boot whose time waits to be corrected.
    unsynced_from: Option<Place>,
    /// A time server has vouched for the clock in this boot.
    vouched: bool,
    /// Something has been written in this transaction.
    wrote: bool,
    /// What only memory knows, as it was before this transaction.
    before: Memory,
    /// Memory was not read again after a failure: nothing may be decided on it.
    stale: bool,
    /// What this transaction has recorded, and where it goes once it is on disk.
    recorded: Vec<Stored>,
    fresh: Fresh,
    /// What this transaction has to print, once it is on disk.
    prints: Vec<PrintJob>,
    /// The stations that go on in another mode than the configured one, until their count is written.
    modes_wait: HashSet<StationId>,
    /// The stations that wait for a carrier's label, with its order and parcel; the last ones only.
    labels_wanted: VecDeque<(OrderId, u32, StationId)>,
}

/// More labels than a site waits for at once.
const LABELS_WANTED_MAX: usize = 1_000;

/// `sent`, `received` and `again_to`.
type Cursors = (Place, Place, Option<Place>);

/// What a transaction changes and no file can give back.
#[derive(Clone, Default)]
struct Memory {
    unpublished_from: Place,
    sent: Place,
    received: Place,
    again_to: Option<Place>,
    scanners: HashMap<ScannerId, LastScan>,
    modes_wait: HashSet<StationId>,
    config: Option<Arc<Config>>,
}

/// What of the file the rest of the agent wants to know at once.
pub struct Opened {
    pub path: PathBuf,
    pub site_key: [u8; SITE_KEY_BYTES],
    pub token_digest: Option<[u8; 32]>,
    pub starts: u64,
    pub head_at_start: Place,
    pub unpublished_from: Place,
}

impl State {
    /// Opens the file and brings it to this version, which turns `pulse`. `has_log`: before anybody had opened it.
    pub fn open(config: Arc<Config>, moment: Moment, has_log: bool, pulse: &Pulse) -> Result<(Self, Opened), Error> {
        let mut conn = schema::open_writer_at_start(&config.path, pulse)?;
        let log_pages = Arc::default();
        count_log(&mut conn, &log_pages)?;
        let page_bytes = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        let folding = Folding::of(&conn);
        conn.execute_batch("BEGIN IMMEDIATE")?;
        salvage::miss_log(&conn, &config, &moment, has_log)?;
        let head_at_start = log::head(&conn)?;
        let last = log::latest(&conn, 1)?.pop();
        let cause = match last.as_ref().map(|last| last.kind) {
            None => StartCause::New,
            Some(Kind::SiteStopped) => StartCause::Restarted,
            Some(_) => StartCause::Recovered,
        };
        let epoch = match log::epoch(&conn)? {
            Some(epoch) => epoch,
            None => begin_epoch(&conn, head_at_start, moment)?,
        };
        let unpublished_from = slate::get::<Place>(&conn, slate::UNPUBLISHED_FROM)?.filter(|from| epoch.base <= *from);
        let unpublished_from = unpublished_from.unwrap_or(head_at_start).min(head_at_start);
        slate::set(&conn, slate::UNPUBLISHED_FROM, &unpublished_from)?;
        let site_key = site_key(&conn)?;
        let token_digest = slate::get(&conn, slate::TOKEN)?;
        let site = config.rules.site.as_ref();
        if slate::get::<String>(&conn, slate::SITE)?.as_deref() != Some(site) {
            slate::set(&conn, slate::SITE, &site)?;
        }
        let starts = 1 + slate::get::<u64>(&conn, slate::STARTS)?.unwrap_or_default();
        slate::set(&conn, slate::STARTS, &starts)?;
        let uptime_s: Option<u64> = conn
            .query_row("SELECT uptime_s FROM events ORDER BY place DESC LIMIT 1", [], |row| row.get(0))
            .optional()?;
        let uptime_base_s = uptime_s.unwrap_or_default().saturating_sub(moment.since_start.as_secs());
        let boot = times::boot_key(&conn, &config.boot.id)?;
        times::forget_other_boots(&conn, boot)?;
        let unsynced_from = slate::get(&conn, &slate::unsynced(boot))?;
        let vouched = slate::get::<i64>(&conn, &slate::vouched(boot))?.is_some();
        let sent = slate::get(&conn, slate::SENT)?.unwrap_or_default();
        let received = slate::get(&conn, slate::RECEIVED)?.unwrap_or_default();
        let again_to = slate::get(&conn, slate::AGAIN_TO)?;
        let mut state = Self {
            shelf: Shelf::load(&conn, cause == StartCause::Recovered)?.with_orders(config.orders_cached),
            gone: Shelf::gone(&conn)?,
            conn,
            folding,
            log_pages,
            page_bytes,
            epoch,
            head: head_at_start,
            newest: None,
            unpublished_from,
            sent,
            received,
            again_to,
            stored: (sent, received, again_to),
            stored_at: moment.since_start,
            behind_since: moment.since_start,
            latest: moment.since_start,
            uptime_base_s,
            boot,
            unsynced_from,
            vouched,
            wrote: false,
            before: Memory::default(),
            stale: false,
            recorded: Vec::new(),
            fresh: Fresh::default(),
            prints: Vec::new(),
            modes_wait: HashSet::new(),
            labels_wanted: VecDeque::new(),
            config,
        };
        state.take_configured_modes()?;
        state.tell_uncounted();
        let started = Event::SiteStarted {
            cause,
            follows: None,
            version: state.config.version.as_str().into(),
            boot: state.config.boot.id.as_str().into(),
        };
        state.record(&started, None, &moment)?;
        state.shelf.write(&state.conn)?;
        state.conn.execute_batch("COMMIT")?;
        let path = state.config.path.clone();
        Ok((state, Opened { path, site_key, token_digest, starts, head_at_start, unpublished_from }))
    }

    /// Decides by `config` from here on. Whatever is not another one's stays as it is: what is open, what was begun.
    pub fn configure(&mut self, config: &Arc<Config>) -> Result<(), Error> {
        self.config = Arc::clone(config);
        self.take_configured_modes()?;
        self.tell_uncounted();
        Ok(())
    }

    /// A station whose mode was changed in the configuration begins anew in it; one that is no longer there gives back
    /// what it had open. What is counted and not written stands nowhere else, and staff were told that it counts: such a
    /// station keeps it, and its mode until it is written or dropped.
    fn take_configured_modes(&mut self) -> Result<(), Error> {
        self.modes_wait.clear();
        let gone = |station: &&Station| !self.config.stations.contains_key(&station.id) && !station.has_unwritten();
        for station in self.shelf.stations().filter(gone).cloned().collect::<Vec<_>>() {
            let mut laid_down = station.clone();
            laid_down.lay_down();
            self.wrote |= laid_down != station;
            self.shelf.save_station(&laid_down);
        }
        for (id, mode) in self.config.stations.clone() {
            let name = format!("configured/{id}");
            let known: Option<String> = slate::get(&self.conn, &name)?;
            if known.as_deref() == Some(mode.word()) {
                continue;
            }
            let before = self.shelf.station(&id, &Station::idle(id.clone(), mode));
            if before.has_unwritten() {
                self.modes_wait.insert(id);
                continue;
            }
            self.wrote = true;
            slate::set(&self.conn, &name, &mode.word())?;
            self.shelf.save_station(&before.anew_in(mode));
        }
        Ok(())
    }

    /// A station whose count has just been written or dropped goes on in the mode that waited for that.
    fn take_mode_that_waits(&mut self, station: &Station) -> Result<(), Error> {
        match self.modes_wait.contains(&station.id) && !station.has_unwritten() {
            true => self.take_configured_modes(),
            false => Ok(()),
        }
    }

    fn tell_uncounted(&self) {
        for station in self.shelf.stations().filter(|station| station.has_unwritten()) {
            if !self.config.stations.contains_key(&station.id) {
                tracing::warn!(station = %station.id, "is gone with a count that is not written: it waits for the station to be configured again");
            } else if self.modes_wait.contains(&station.id) {
                tracing::warn!(station = %station.id, mode = station.mode.word(), "keeps its mode until its count is written with DONE, or dropped with CANCEL");
            }
        }
    }

    pub fn head(&self) -> Head {
        Head {
            epoch: self.epoch,
            place: self.head,
            sent: self.sent,
            received: self.received,
            again_to: self.again_to,
            uncorrected: self.unsynced_from.is_some(),
            vouched: self.vouched,
        }
    }

    /// The newest events, as far as they are on disk.
    pub fn fresh(&self) -> Fresh {
        self.fresh.clone()
    }

    /// Since when the file's cursors are behind, if they are.
    pub fn cursors_behind_since(&self) -> Option<Duration> {
        self.cursors_are_behind().then_some(self.behind_since)
    }

    fn cursors_are_behind(&self) -> bool {
        self.stored != self.cursors()
    }

    fn cursors(&self) -> Cursors {
        (self.sent, self.received, self.again_to)
    }

    /// The newest moment that the writer has heard of.
    pub fn latest(&self) -> Duration {
        self.latest
    }

    /// Time has passed, whatever becomes of what was asked.
    pub fn hear(&mut self, moment: &Moment) {
        self.latest = self.latest.max(moment.since_start);
    }

    pub fn begin(&mut self) -> Result<(), Error> {
        if self.stale {
            self.recover(true)?;
        }
        self.wrote = false;
        self.prints.clear();
        self.recorded.clear();
        self.newest = None;
        self.before = self.memory();
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(())
    }

    fn memory(&self) -> Memory {
        Memory {
            unpublished_from: self.unpublished_from,
            sent: self.sent,
            received: self.received,
            again_to: self.again_to,
            scanners: self.shelf.scanners().clone(),
            modes_wait: self.modes_wait.clone(),
            config: Some(Arc::clone(&self.config)),
        }
    }

    /// Ends the transaction on disk; cursors that are behind by `behind_max` go along. Whether anything was written.
    ///
    /// A commit that fails while its frames are in the file counts as done, once they have been forced to disk.
    pub fn commit(&mut self, behind_max: Duration) -> Result<bool, Error> {
        let due = behind_max <= self.latest.saturating_sub(self.stored_at) || behind_max.is_zero();
        let cursors = self.cursors();
        let with_cursors = due && (self.stored != cursors || behind_max.is_zero());
        if self.wrote || with_cursors {
            self.shelf.owe_doubts();
        }
        self.shelf.write(&self.conn)?;
        if with_cursors {
            slate::set(&self.conn, slate::SENT, &cursors.0)?;
            slate::set(&self.conn, slate::RECEIVED, &cursors.1)?;
            match cursors.2 {
                Some(again_to) => slate::set(&self.conn, slate::AGAIN_TO, &again_to)?,
                None if self.stored.2.is_some() => slate::clear(&self.conn, slate::AGAIN_TO)?,
                None => {}
            }
            self.wrote = true;
        }
        let committed = self.conn.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        if let Err(error) = committed {
            let error = Error::from(error);
            let after = self.memory();
            self.roll_back(&error)?;
            let newest = self.newest;
            let survived = newest.is_some_and(|(place, id)| log::id_at(&self.conn, place).ok().flatten() == Some(id));
            if !survived || !self.force() {
                return Err(error);
            }
            self.remember(after);
            tracing::warn!(%error, "a commit failed and was found in the file: it has been forced to disk");
        } else {
            self.fresh.add(self.recorded.drain(..));
        }
        if with_cursors {
            self.stored = cursors;
            self.stored_at = self.latest;
        }
        self.print();
        Ok(self.wrote)
    }

    /// Whether the database's disk looks as if it took a scan.
    pub fn has_room(&self) -> bool {
        room::has_room(&self.config.path)
    }

    fn print(&mut self) {
        for job in self.prints.drain(..) {
            if let Some(printing) = &self.config.printing
                && printing.try_send(job).is_err()
            {
                tracing::error!("the printers have too much to do: a label was dropped, REPRINT asks for it again");
            }
        }
    }

    /// The carrier's label for this parcel goes to this station.
    fn want_label(&mut self, order: &OrderId, parcel: u32, station: &StationId) {
        self.labels_wanted.retain(|(of, n, _)| of != order || *n != parcel);
        if LABELS_WANTED_MAX <= self.labels_wanted.len() {
            self.labels_wanted.pop_front();
        }
        self.labels_wanted.push_back((order.clone(), parcel, station.clone()));
    }

    /// The station that waits for a carrier's label, or else the one that closed the parcel last.
    fn label_wanted_at(&self, order: &OrderId, parcel: u32) -> Option<StationId> {
        let asked = self.labels_wanted.iter().rfind(|(of, n, _)| of == order && *n == parcel);
        let sealed = || self.shelf.stations().find(|station| station.sealed == Some((order.clone(), parcel)));
        asked.map(|(.., station)| station.clone()).or_else(|| sealed().map(|station| station.id.clone()))
    }

    /// Gives the transaction up and forgets everything that memory knew of it.
    ///
    /// After an I/O error the connection is opened anew: what a failed fsync left in a cache must not be trusted.
    pub fn roll_back(&mut self, why: &Error) -> Result<(), Error> {
        self.stale = true;
        self.recover(is_storage_fault(why))
    }

    /// Reads memory again from the file; until that has succeeded no transaction begins.
    fn recover(&mut self, anew: bool) -> Result<(), Error> {
        self.recorded.clear();
        self.fresh.clear();
        if !self.conn.is_autocommit() {
            self.conn.execute_batch("ROLLBACK")?;
        }
        if anew {
            self.conn = schema::open_writer(&self.config.path)?;
            count_log(&mut self.conn, &self.log_pages)?;
        }
        self.shelf = Shelf::load(&self.conn, false)?.with_orders(self.config.orders_cached);
        self.gone = Shelf::gone(&self.conn)?;
        self.head = log::head(&self.conn)?;
        self.epoch = log::epoch(&self.conn)?.unwrap_or(self.epoch);
        self.unsynced_from = slate::get(&self.conn, &slate::unsynced(self.boot))?;
        self.vouched = slate::get::<i64>(&self.conn, &slate::vouched(self.boot))?.is_some();
        self.remember(self.before.clone());
        self.stale = false;
        Ok(())
    }

    fn remember(&mut self, memory: Memory) {
        self.unpublished_from = memory.unpublished_from;
        self.sent = memory.sent;
        self.received = memory.received;
        self.again_to = memory.again_to;
        self.shelf.remember_scanners(memory.scanners);
        self.modes_wait = memory.modes_wait;
        if let Some(config) = memory.config {
            self.config = config;
        }
    }

    /// Folds the write-ahead log into the file, as far as readers let it. Whether it could be tried.
    pub fn checkpoint(&mut self) -> bool {
        self.folding.fold(&self.conn, How::AsFarAsItGoes).is_some()
    }

    /// Whether the file may lack pages that only the log still has: nothing is folded any more.
    pub fn is_folding_in_doubt(&self) -> bool {
        self.folding.is_in_doubt()
    }

    /// What the write-ahead log holds, that included which is in the file already: the first commit after all of it is there
    /// begins anew.
    pub fn log_bytes(&self) -> u64 {
        u64::from(self.log_pages.load(Ordering::Relaxed)) * self.page_bytes
    }

    /// Folds all of the log and begins it anew, with nothing behind its end; waits for no reader. Whether that was possible.
    pub fn restart_log(&mut self) -> bool {
        let waits = self.conn.busy_timeout(Duration::ZERO).is_err();
        let is_anew = !waits && self.folding.fold(&self.conn, How::AllAndAnew) == Some(true);
        self.conn.busy_timeout(schema::BUSY_TIMEOUT).is_ok() && is_anew
    }

    /// Does `work` while nobody can write to the database.
    pub fn alone(&self, work: impl FnOnce()) -> Result<(), Error> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        work();
        Ok(self.conn.execute_batch("ROLLBACK")?)
    }

    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.config.path
    }

    /// What the write-ahead log holds that isn't in the file yet.
    pub fn held_bytes(&self) -> u64 {
        size::held_bytes(&self.conn).unwrap_or_default()
    }

    /// At the end: folds all of it and leaves a short log.
    pub fn fold(&mut self) {
        let _ = self.folding.fold(&self.conn, How::AllAndAnew);
    }

    /// Whether everything in the write-ahead log has reached the file, synced.
    fn force(&mut self) -> bool {
        self.folding.fold(&self.conn, How::All) == Some(true)
    }

    fn uptime_s(&self, moment: &Moment) -> u64 {
        self.uptime_base_s + moment.since_start.as_secs()
    }

    pub fn record(&mut self, event: &Event, station: Option<&StationId>, moment: &Moment) -> Result<(), Error> {
        self.record_by(event, By { station, operator: None }, moment)
    }

    fn record_by(&mut self, event: &Event, by: By<'_>, moment: &Moment) -> Result<(), Error> {
        let place = self.head + 1;
        let when = When {
            wall: moment.wall,
            trusted: moment.trusted,
            uptime_s: self.uptime_s(moment),
            boot: self.boot,
            since_boot: self.since_boot(moment),
        };
        let stored = log::append(&self.conn, place, &when, by, event)?;
        if !moment.trusted && self.unsynced_from.is_none_or(|from| place < from) {
            self.owe_correction_from(Some(place))?;
        }
        self.head = place;
        self.newest = Some((place, stored.id));
        self.recorded.push(stored);
        self.latest = self.latest.max(moment.since_start);
        self.wrote = true;
        Ok(())
    }

    /// Gives out `count` numbers for parcels; the first of them.
    pub fn reserve_serials(&mut self, count: u32) -> Result<u64, Error> {
        let first = self.shelf.sscc_serial;
        self.shelf.use_serials(&self.conn, u64::from(count))?;
        self.wrote = true;
        Ok(first)
    }

    /// Keeps the digest of the page's token.
    pub fn keep_token(&mut self, digest: &[u8; 32]) -> Result<(), Error> {
        slate::set(&self.conn, slate::TOKEN, digest)?;
        self.wrote = true;
        Ok(())
    }

    pub fn doubt(&mut self, scanner: &ScannerId) {
        self.shelf.doubt(scanner);
    }
}

/// Notes at each commit how many pages the write-ahead log has.
fn count_log(conn: &mut Connection, log_pages: &Arc<AtomicU32>) -> Result<(), Error> {
    let log_pages = Arc::clone(log_pages);
    let count = move |_: &mut Wal, pages| {
        log_pages.store(u32::try_from(pages).unwrap_or_default(), Ordering::Relaxed);
        Ok(())
    };
    Ok(conn.wal_hook(Some(count))?)
}

fn begin_epoch(conn: &Connection, base: Place, moment: Moment) -> Result<Epoch, Error> {
    let epoch = Epoch { id: log::mint(moment.wall), base };
    conn.execute("INSERT INTO epochs (id, base) VALUES (?1, ?2)", params![epoch.id.as_bytes(), base])?;
    Ok(epoch)
}

/// Made at the first start, kept in the file and its backups.
fn site_key(conn: &Connection) -> Result<[u8; SITE_KEY_BYTES], Error> {
    if let Some(key) = slate::get(conn, slate::SITE_KEY)? {
        return Ok(key);
    }
    let key: [u8; SITE_KEY_BYTES] = conn.query_row("SELECT randomblob(?1)", [SITE_KEY_BYTES], |row| row.get(0))?;
    slate::set(conn, slate::SITE_KEY, &key)?;
    Ok(key)
}

/// Whether the disk is at fault, and it isn't only full.
pub fn is_storage_fault(error: &Error) -> bool {
    let Error::Sqlite(rusqlite::Error::SqliteFailure(failure, _)) = error else {
        return false;
    };
    !matches!(failure.code, ErrorCode::ConstraintViolation | ErrorCode::DiskFull | ErrorCode::TypeMismatch)
}
