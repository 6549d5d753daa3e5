//! What the writer works on: the connection, the log's ends, the projections. Every method runs inside a transaction.

use super::job::{CommandOutcome, ReceiptOutcome};
use super::log::{self, Epoch, Place};
use super::shelf::Shelf;
use super::{Config, Error, Head, QUARANTINE_ROWS_MAX, SITE_KEY_BYTES, schema, slate};
use crate::clock::Moment;
use crate::contract::command::{self, Body, Command, Status, Unreadable};
use crate::contract::receipt::Receipt;
use crate::domain::code::{Meaning, Scan, Verb};
use crate::domain::command::{Change, Rejection, Slot};
use crate::domain::decide::{Decision, Facts, LastScan, Subject, decide};
use crate::domain::event::{Adjustment, Event, Kind, Method, StartCause};
use crate::domain::name::{ScannerId, Sku, StationId};
use crate::domain::order::{Order, State as OrderState};
use crate::domain::signal::{Answer, Signal};
use crate::domain::sscc::Sscc;
use crate::domain::station::{Mode, Station, Work};
use crate::domain::stock::Stock;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

pub struct State {
    conn: Connection,
    config: Config,
    shelf: Shelf,
    epoch: Epoch,
    head: Place,
    /// The newest event of the running transaction: how a commit of unknown fate is recognised.
    newest: Option<(Place, Uuid)>,
    head_at_start: Place,
    sent: Place,
    received: Place,
    /// `sent` and `received` as they are in the file.
    stored: (Place, Place),
    stored_at: Duration,
    /// Since when they are ahead of the file, if they are.
    behind_since: Duration,
    /// The newest moment of any job.
    latest: Duration,
    /// The site's running time when this process started.
    uptime_base_s: u64,
    /// Something has been written in this transaction.
    wrote: bool,
    /// What only memory knows, as it was before this transaction.
    before: Memory,
    /// Memory was not read again after a failure: nothing may be decided on it.
    stale: bool,
}

/// What a transaction changes and no file can give back.
#[derive(Clone, Default)]
struct Memory {
    head_at_start: Place,
    sent: Place,
    received: Place,
    scanners: HashMap<ScannerId, LastScan>,
}

/// What of the file the rest of the agent wants to know at once.
pub struct Opened {
    pub path: PathBuf,
    pub site_key: [u8; SITE_KEY_BYTES],
    pub starts: u64,
    pub head_at_start: Place,
}

/// How far SSCC serials jump when a file turns out to be an old copy: more parcels than such a copy is behind.
const SSCC_JUMP: u64 = 10_000;

/// Rows that one turn of retention deletes, so that scans wait for milliseconds at most.
const RETAIN_ROWS_MAX: usize = 500;

impl State {
    pub fn open(config: Config, moment: Moment) -> Result<(Self, Opened), Error> {
        let conn = schema::open_writer(&config.path)?;
        conn.execute_batch("BEGIN IMMEDIATE")?;
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
        let site_key = site_key(&conn)?;
        let starts = 1 + slate::get::<u64>(&conn, slate::STARTS)?.unwrap_or_default();
        slate::set(&conn, slate::STARTS, &starts)?;
        let uptime_base_s = conn
            .query_row("SELECT uptime_s FROM events ORDER BY place DESC LIMIT 1", [], |row| row.get(0))
            .optional()?
            .unwrap_or_default();
        let sent = slate::get(&conn, slate::SENT)?.unwrap_or_default();
        let received = slate::get(&conn, slate::RECEIVED)?.unwrap_or_default();
        let mut state = Self {
            shelf: Shelf::load(&conn, cause == StartCause::Recovered)?,
            conn,
            epoch,
            head: head_at_start,
            newest: None,
            head_at_start,
            sent,
            received,
            stored: (sent, received),
            stored_at: moment.since_start,
            behind_since: moment.since_start,
            latest: moment.since_start,
            uptime_base_s,
            wrote: false,
            before: Memory::default(),
            stale: false,
            config,
        };
        state.take_configured_modes()?;
        let started = Event::SiteStarted {
            cause,
            follows: None,
            version: state.config.version.as_str().into(),
            boot: state.config.boot.as_str().into(),
        };
        state.record(&started, None, &moment)?;
        state.conn.execute_batch("COMMIT")?;
        let opened = Opened { path: state.config.path.clone(), site_key, starts, head_at_start };
        Ok((state, opened))
    }

    /// A station whose mode was changed in the configuration begins anew in it; one that is no longer there gives back
    /// what it had open.
    fn take_configured_modes(&mut self) -> Result<(), Error> {
        let gone = |station: &&Station| !self.config.stations.contains_key(&station.id);
        for station in self.shelf.stations().filter(gone).cloned().collect::<Vec<_>>() {
            self.shelf.save_station(&self.conn, &Station { work: Work::Idle, ..station })?;
        }
        for (id, mode) in self.config.stations.clone() {
            let name = format!("configured/{id}");
            let known: Option<String> = slate::get(&self.conn, &name)?;
            if known.as_deref() != Some(mode.word()) {
                slate::set(&self.conn, &name, &mode.word())?;
                self.shelf.save_station(&self.conn, &Station::idle(id, mode))?;
            }
        }
        Ok(())
    }

    pub fn head(&self) -> Head {
        Head { epoch: self.epoch, place: self.head, sent: self.sent, received: self.received }
    }

    /// Since when the file's cursors are behind, if they are.
    pub fn cursors_behind_since(&self) -> Option<Duration> {
        self.cursors_are_behind().then_some(self.behind_since)
    }

    fn cursors_are_behind(&self) -> bool {
        self.stored != (self.sent, self.received)
    }

    /// The newest moment that the writer has heard of.
    pub fn latest(&self) -> Duration {
        self.latest
    }

    pub fn begin(&mut self) -> Result<(), Error> {
        if self.stale {
            self.recover(true)?;
        }
        self.wrote = false;
        self.newest = None;
        self.before = self.memory();
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(())
    }

    fn memory(&self) -> Memory {
        Memory {
            head_at_start: self.head_at_start,
            sent: self.sent,
            received: self.received,
            scanners: self.shelf.scanners().clone(),
        }
    }

    /// Ends the transaction on disk; cursors that are behind by `behind_max` go along. Whether anything was written.
    ///
    /// A commit that fails while its frames are in the file counts as done, once they have been forced to disk.
    pub fn commit(&mut self, behind_max: Duration) -> Result<bool, Error> {
        let due = behind_max <= self.latest.saturating_sub(self.stored_at) || behind_max.is_zero();
        let cursors = (self.sent, self.received);
        let with_cursors = due && (self.stored != cursors || behind_max.is_zero());
        if with_cursors {
            slate::set(&self.conn, slate::SENT, &cursors.0)?;
            slate::set(&self.conn, slate::RECEIVED, &cursors.1)?;
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
        }
        if with_cursors {
            self.stored = cursors;
            self.stored_at = self.latest;
        }
        Ok(self.wrote)
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
        if !self.conn.is_autocommit() {
            self.conn.execute_batch("ROLLBACK")?;
        }
        if anew {
            self.conn = schema::open_writer(&self.config.path)?;
        }
        self.shelf = Shelf::load(&self.conn, false)?;
        self.head = log::head(&self.conn)?;
        self.epoch = log::epoch(&self.conn)?.unwrap_or(self.epoch);
        self.remember(self.before.clone());
        self.stale = false;
        Ok(())
    }

    fn remember(&mut self, memory: Memory) {
        self.head_at_start = memory.head_at_start;
        self.sent = memory.sent;
        self.received = memory.received;
        self.shelf.remember_scanners(memory.scanners);
    }

    /// Folds the write-ahead log into the file, as far as readers let it. Whether it could be tried.
    pub fn checkpoint(&self) -> bool {
        self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).is_ok()
    }

    /// At the end: folds all of it and leaves a short log.
    pub fn fold(&self) {
        let _ = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    /// Whether everything in the write-ahead log has reached the file, synced.
    fn force(&self) -> bool {
        let complete =
            |row: &rusqlite::Row<'_>| Ok(row.get::<_, i64>(0)? == 0 && row.get::<_, i64>(1)? == row.get::<_, i64>(2)?);
        self.conn.query_row("PRAGMA wal_checkpoint(FULL)", [], complete).unwrap_or(false)
    }

    fn uptime_s(&self, moment: &Moment) -> u64 {
        self.uptime_base_s + moment.since_start.as_secs()
    }

    pub fn record(&mut self, event: &Event, station: Option<&StationId>, moment: &Moment) -> Result<(), Error> {
        let place = self.head + 1;
        let id = log::append(&self.conn, place, moment, self.uptime_s(moment), station, event)?;
        self.head = place;
        self.newest = Some((place, id));
        self.latest = self.latest.max(moment.since_start);
        self.wrote = true;
        Ok(())
    }

    pub fn doubt(&mut self, scanner: &ScannerId) {
        self.shelf.doubt(scanner);
    }

    // Scans

    pub fn scan(&mut self, station: &StationId, scan: &Scan, method: Method, moment: &Moment) -> Result<Answer, Error> {
        let mode = self.config.stations.get(station).copied().unwrap_or(Mode::Pack);
        let context = self.shelf.station(station, &Station::idle(station.clone(), mode));
        let last = self.shelf.last_scan(&scan.scanner).cloned();
        let decision = {
            let facts = self.facts(&context, last.as_ref(), scan, method, moment)?;
            decide(&facts, scan)
        };
        if decision.answer.signal == Signal::Silent {
            self.shelf.touch_scan(&scan.scanner, scan.since_start);
            return Ok(decision.answer);
        }
        self.store(&decision, station, moment)?;
        let last = LastScan {
            text: scan.text.clone(),
            signal: decision.answer.signal,
            counted: decision.answer.signal.counts() && !decision.events.is_empty(),
            since_start: Some(scan.since_start),
            doubtful: false,
        };
        self.wrote |= last.counted;
        self.shelf.save_scan(&self.conn, scan, last)?;
        Ok(decision.answer)
    }

    fn store(&mut self, decision: &Decision, station: &StationId, moment: &Moment) -> Result<(), Error> {
        for event in &decision.events {
            self.record(event, Some(station), moment)?;
        }
        let uptime_s = self.uptime_s(moment);
        for order in &decision.orders {
            self.shelf.save_order(&self.conn, order, uptime_s)?;
        }
        if let Some((sku, stock)) = &decision.stock {
            self.shelf.save_stock(&self.conn, sku, *stock)?;
        }
        if let Some(manifest) = &decision.manifest {
            Shelf::save_manifest(&self.conn, manifest)?;
        }
        self.shelf.use_serials(&self.conn, decision.sscc_used)?;
        self.shelf.save_station(&self.conn, &decision.station)
    }

    fn facts<'a>(
        &'a mut self,
        station: &'a Station,
        last: Option<&'a LastScan>,
        scan: &Scan,
        method: Method,
        moment: &Moment,
    ) -> Result<Facts<'a>, Error> {
        let open = match &station.work {
            Work::Order(id) => self.shelf.order_by_id(&self.conn, id)?,
            Work::Idle | Work::Manifest { .. } => None,
        };
        let subject = self.subject(scan, open.as_ref())?;
        let elsewhere = match &subject {
            Subject::Order(order) => self.shelf.elsewhere(&order.terms.id, &station.id),
            Subject::Parcel { .. } | Subject::Product { .. } | Subject::Nothing => None,
        };
        let at_bench = station.mode != Mode::Load;
        let asks = |verb| scan.meaning == Meaning::Verb(verb);
        let next = match asks(Verb::Done) && at_bench && open.is_none() {
            true => self.shelf.most_urgent(&self.conn, station.put_down.as_ref())?,
            false => None,
        };
        let stock = match &subject {
            Subject::Product { sku: Some(sku), .. } if open.is_some() => self.shelf.stock(&self.conn, sku)?,
            _ => Stock::default(),
        };
        let manifest = if at_bench { None } else { self.manifest(station, &subject)? };
        let manifests = match (&manifest, &subject) {
            (None, Subject::Parcel { order, .. }) if !at_bench => self.manifests(order, moment)?,
            _ => 0,
        };
        let (loaded, left) = match &manifest {
            Some(manifest) if asks(Verb::HandOver) => {
                let mut loaded = self.shelf.loaded(&self.conn, &manifest.carrier)?;
                loaded.retain(|order| order.progress.parcels.iter().any(|p| p.manifest.as_ref() == Some(&manifest.id)));
                (loaded, Shelf::left(&self.conn, &manifest.carrier)?)
            }
            _ => (Vec::new(), 0),
        };
        Ok(Facts {
            rules: &self.config.rules,
            now: moment.wall,
            clock_trusted: moment.trusted,
            station,
            last,
            bounce: self.config.bounce.get(&scan.scanner).copied().unwrap_or_default(),
            method,
            subject,
            open,
            elsewhere,
            next,
            stock,
            sscc_serial: self.shelf.sscc_serial,
            manifest,
            manifests,
            loaded,
            left,
        })
    }

    /// What the code stands for: a parcel, then an order, then a product. A code on a line of the order that is open
    /// here is that product without looking further.
    fn subject(&mut self, scan: &Scan, open: Option<&Order>) -> Result<Subject, Error> {
        let text = match &scan.meaning {
            Meaning::Verb(_) | Meaning::Forged => return Ok(Subject::Nothing),
            Meaning::Sscc(sscc) => {
                let parcel = self.shelf.parcel(&self.conn, *sscc)?;
                return Ok(parcel.map_or(Subject::Nothing, |(order, n)| Subject::Parcel { order, n }));
            }
            Meaning::Product(code) => &**code,
            Meaning::Plain => std::str::from_utf8(&scan.text).unwrap_or_default(),
        };
        if let Some((order, line)) = open.and_then(|order| Some((order, order.line_for(text, None)?))) {
            let line = &order.terms.lines[line];
            return Ok(Subject::Product { sku: Some(line.sku.clone()), name: Some(line.name.clone()) });
        }
        let raw = std::str::from_utf8(&scan.text).unwrap_or_default();
        if let Some(sscc) = bare_sscc(raw)
            && let Some((order, n)) = self.shelf.parcel(&self.conn, sscc)?
        {
            return Ok(Subject::Parcel { order, n });
        }
        if let Some(order) = self.shelf.order_named(&self.conn, raw)? {
            return Ok(Subject::Order(order));
        }
        Ok(match Shelf::product(&self.conn, text)? {
            Some((sku, name)) => Subject::Product { sku: Some(sku), name: Some(name) },
            None => Subject::Product { sku: None, name: None },
        })
    }

    fn manifest(
        &self,
        station: &Station,
        subject: &Subject,
    ) -> Result<Option<crate::domain::manifest::Manifest>, Error> {
        if let Work::Manifest { id, .. } = &station.work
            && let Some(here) = Shelf::manifest(&self.conn, id)?.filter(|manifest| !manifest.closed)
        {
            return Ok(Some(here));
        }
        match subject {
            Subject::Parcel { order, .. } => match self.config.rules.carrier_id_of(order) {
                Some(carrier) => Shelf::open_manifest(&self.conn, carrier),
                None => Ok(None),
            },
            Subject::Order(_) | Subject::Product { .. } | Subject::Nothing => Ok(None),
        }
    }

    fn manifests(&self, order: &Order, moment: &Moment) -> Result<u32, Error> {
        let rules = &self.config.rules;
        match (rules.collection_for(order, moment.wall, moment.trusted), rules.carrier_id_of(order)) {
            (Some(collection), _) => Shelf::manifests(&self.conn, &collection.id),
            (None, Some(carrier)) => Shelf::manifests(&self.conn, carrier),
            (None, None) => Ok(0),
        }
    }

    // Commands

    pub fn command(&mut self, payload: &[u8], moment: &Moment) -> Result<CommandOutcome, Error> {
        self.latest = self.latest.max(moment.since_start);
        let command = match command::parse(payload) {
            Ok(command) => command,
            Err(unreadable) => return self.unreadable(&unreadable, payload, moment),
        };
        if let Some(reply) = self.reply_to(&command.id)? {
            return Ok(CommandOutcome { reply: Some(reply), rewind: self.rewind_of(&command)? });
        }
        if moment.trusted && command.expires_at.is_some_and(|at| at < moment.wall) {
            let outcome = self.answer(&command.id, &command.kind, Status::Expired, None, moment)?;
            return Ok(outcome);
        }
        let rewind = self.rewind_of(&command)?;
        let verdict = self.carry_out(command.body, moment)?;
        let outcome = match &verdict {
            Ok(()) => self.answer(&command.id, &command.kind, Status::Accepted, None, moment)?,
            Err(refusal) => {
                let reason = Some((refusal.reason, refusal.detail.as_str()));
                self.answer(&command.id, &command.kind, refusal.status, reason, moment)?
            }
        };
        Ok(CommandOutcome { rewind: rewind.filter(|_| verdict.is_ok()), ..outcome })
    }

    /// Puts aside a command that deciding failed on, so that the next is served.
    pub fn poisoned(&mut self, payload: &[u8], why: &str, moment: &Moment) -> Result<CommandOutcome, Error> {
        let (id, kind) = match command::parse(payload) {
            Ok(command) => (Some(command.id), command.kind),
            Err(unreadable) => (unreadable.id, unreadable.kind),
        };
        self.unreadable(&Unreadable { id, kind, reason: "failed", why: why.into() }, payload, moment)
    }

    fn unreadable(&mut self, message: &Unreadable, payload: &[u8], moment: &Moment) -> Result<CommandOutcome, Error> {
        if let Some(id) = &message.id
            && let Some(reply) = self.reply_to(id)?
        {
            return Ok(CommandOutcome { reply: Some(reply), rewind: None });
        }
        tracing::warn!(reason = message.reason, why = %message.why, "a command can't be used");
        let kept = if message.reason == command::PERSONAL_DATA { &[] } else { payload };
        self.quarantine(message.reason, &message.why, kept, moment)?;
        match &message.id {
            Some(id) => {
                let reason = Some((message.reason, message.why.as_str()));
                self.answer(id, &message.kind, Status::Rejected, reason, moment)
            }
            None => Ok(CommandOutcome { reply: None, rewind: None }),
        }
    }

    fn quarantine(&mut self, reason: &str, why: &str, payload: &[u8], moment: &Moment) -> Result<(), Error> {
        let payload = &payload[..payload.len().min(crate::contract::COMMAND_BYTES_MAX)];
        let known: Option<i64> = self
            .conn
            .prepare_cached(
                "SELECT key FROM quarantine WHERE length(payload) = length(?2) AND reason = ?1 AND payload = ?2",
            )?
            .query_row(params![reason, payload], |row| row.get(0))
            .optional()?;
        if known.is_some() && !payload.is_empty() {
            return Ok(());
        }
        self.conn
            .prepare_cached("INSERT INTO quarantine (at, reason, why, payload) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![moment.wall.as_microsecond(), reason, why, payload])?;
        self.conn
            .prepare_cached("DELETE FROM quarantine WHERE key <= ?1")?
            .execute([self.conn.last_insert_rowid() - QUARANTINE_ROWS_MAX])?;
        self.wrote = true;
        Ok(())
    }

    fn reply_to(&self, id: &str) -> Result<Option<String>, Error> {
        let mut statement = self.conn.prepare_cached("SELECT reply FROM commands WHERE id = ?1")?;
        Ok(statement.query_row([id], |row| row.get(0)).optional()?)
    }

    fn answer(
        &mut self,
        id: &str,
        kind: &str,
        status: Status,
        reason: Option<(&str, &str)>,
        moment: &Moment,
    ) -> Result<CommandOutcome, Error> {
        let reply = command::reply(&self.config.rules.site, id, kind, status, reason, moment.wall);
        self.conn
            .prepare_cached("INSERT INTO commands (id, uptime_s, reply) VALUES (?1, ?2, ?3)")?
            .execute(params![id, self.uptime_s(moment), reply])?;
        self.wrote = true;
        Ok(CommandOutcome { reply: Some(reply), rewind: None })
    }

    fn carry_out(&mut self, body: Body, moment: &Moment) -> Result<Result<(), Refusal>, Error> {
        match body {
            Body::OrderPut { terms, known } => {
                let slot = self.slot(&terms.id)?;
                let before = slot.order().cloned();
                self.change(crate::domain::command::put(&slot, *terms, known), before.as_ref(), moment)
            }
            Body::OrderCancel { order, revision, cause, notify } => {
                let slot = self.slot(&order)?;
                let change = crate::domain::command::cancel(&slot, revision, &cause, notify);
                if matches!(&change, Ok(Change { order: None, .. })) {
                    Shelf::bury(&self.conn, &order, revision, self.uptime_s(moment))?;
                }
                self.change(change, slot.order(), moment)
            }
            Body::CatalogPut { products } => {
                for product in products {
                    Shelf::save_product(&self.conn, &product.sku, &product.name, &product.codes)?;
                }
                Ok(Ok(()))
            }
            Body::StockSet { items, as_of } => self.set_stock(&items, as_of, moment),
            Body::EventsResend { epoch, from } => Ok(self.resend_from(epoch, from)?.map(|_| ())),
        }
    }

    fn slot(&mut self, id: &crate::domain::name::OrderId) -> Result<Slot, Error> {
        if let Some(order) = self.shelf.order_by_id(&self.conn, id)? {
            return Ok(Slot::Order(order));
        }
        Ok(Shelf::tombstone(&self.conn, id)?.map_or(Slot::Empty, |revision| Slot::Tombstone { revision }))
    }

    fn change(
        &mut self,
        change: Result<Change, Rejection>,
        before: Option<&Order>,
        moment: &Moment,
    ) -> Result<Result<(), Refusal>, Error> {
        let change = match change {
            Ok(change) => change,
            Err(rejection) => return Ok(Err(rejection.into())),
        };
        for event in &change.events {
            self.record(event, None, moment)?;
        }
        if let Some(order) = &change.order {
            for (sku, delta) in reserved_change(before, order) {
                let stock = self.shelf.stock(&self.conn, &sku)?;
                let stock = Stock { reserved: stock.reserved + delta, ..stock };
                self.shelf.save_stock(&self.conn, &sku, stock)?;
            }
            let uptime_s = self.uptime_s(moment);
            self.shelf.save_order(&self.conn, order, uptime_s)?;
        }
        Ok(Ok(()))
    }

    /// `stock.set`: what was counted then, and every pick of this log since.
    fn set_stock(
        &mut self,
        items: &[(Sku, i64)],
        as_of: Option<(Uuid, u64)>,
        moment: &Moment,
    ) -> Result<Result<(), Refusal>, Error> {
        let since = match as_of {
            None => self.head,
            Some((epoch, sequence)) => match self.place_of(epoch, sequence)? {
                Some(place) => place,
                None => return Ok(Err(Refusal::not_kept(sequence))),
            },
        };
        let picked = self.picked_since(since)?;
        for (sku, counted) in items {
            let stock = self.shelf.stock(&self.conn, sku)?;
            let on_hand = counted - picked.get(sku).copied().unwrap_or_default();
            let delta = on_hand - stock.on_hand;
            let stock = Stock { on_hand, ..stock };
            self.shelf.save_stock(&self.conn, sku, stock)?;
            if delta != 0 {
                let event = Event::StockAdjusted { sku: sku.clone(), delta, stock, cause: Adjustment::Set };
                self.record(&event, None, moment)?;
            }
        }
        self.wrote = true;
        Ok(Ok(()))
    }

    fn picked_since(&self, place: Place) -> Result<BTreeMap<Sku, i64>, Error> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT data ->> 'sku', count(*) FROM events WHERE ?1 < place AND kind = ?2 GROUP BY 1")?;
        let rows = statement.query_map(params![place, Kind::ItemPicked.word()], |row| {
            Ok((Sku::from(row.get::<_, String>(0)?.as_str()), row.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The place of a sequence of any epoch of this file, if every event after it is still kept.
    fn place_of(&self, epoch: Uuid, sequence: u64) -> Result<Option<Place>, Error> {
        let epochs = log::epochs(&self.conn)?;
        let Some(index) = epochs.iter().position(|known| known.id == epoch) else {
            return Ok(None);
        };
        let place = epochs[index].base.saturating_add(sequence);
        let end = epochs.get(index + 1).map_or(self.head, |next| next.base);
        let first: Option<Place> = self.conn.query_row("SELECT min(place) FROM events", [], |row| row.get(0))?;
        let kept = first.is_none_or(|first| first <= place.saturating_add(1));
        Ok(Some(place).filter(|place| kept && *place <= end))
    }

    fn resend_from(&self, epoch: Uuid, from: u64) -> Result<Result<Place, Refusal>, Error> {
        let place = self.place_of(epoch, from.saturating_sub(1))?;
        Ok(place.ok_or_else(|| Refusal::not_kept(from)))
    }

    fn rewind_of(&self, command: &Command) -> Result<Option<Place>, Error> {
        match command.body {
            Body::EventsResend { epoch, from } => Ok(self.resend_from(epoch, from)?.ok()),
            _ => Ok(None),
        }
    }

    // Cursors

    /// The broker has everything up to `place`.
    pub fn sent(&mut self, place: Place, moment: &Moment) {
        self.heard(moment);
        self.sent = place.min(self.head);
        if self.config.forget_on_puback {
            self.received = self.received.max(self.sent);
        }
    }

    pub fn receipt(&mut self, receipt: &Receipt, at_start: bool, moment: &Moment) -> Result<ReceiptOutcome, Error> {
        self.heard(moment);
        if receipt.epoch != self.epoch.id {
            return Ok(ReceiptOutcome::OtherEpoch);
        }
        let place = self.epoch.base.saturating_add(receipt.sequence);
        if at_start && self.head_at_start < place && self.epoch.base <= self.head_at_start {
            self.begin_epoch_of_old_copy(moment)?;
            return Ok(ReceiptOutcome::NewEpoch);
        }
        if self.head < place {
            return Ok(ReceiptOutcome::Beyond);
        }
        if place < self.received {
            return Ok(ReceiptOutcome::Older);
        }
        if place == self.received {
            return Ok(ReceiptOutcome::Repeated(place));
        }
        self.received = place;
        self.sent = self.sent.max(place);
        Ok(ReceiptOutcome::Advanced(place))
    }

    /// Before the cursors move.
    fn heard(&mut self, moment: &Moment) {
        self.latest = self.latest.max(moment.since_start);
        if !self.cursors_are_behind() {
            self.behind_since = self.latest;
        }
    }

    /// The platform has more of this epoch than the file had at its start: what came after it is lost here, and what
    /// was recorded since takes places in a new epoch.
    fn begin_epoch_of_old_copy(&mut self, moment: &Moment) -> Result<(), Error> {
        let base = self.head_at_start;
        let follows = (self.epoch.id.to_string().into_boxed_str(), self.epoch.sequence(base));
        self.conn.execute("UPDATE events SET place = -(place + 1) WHERE ?1 < place", [base])?;
        self.conn.execute("UPDATE events SET place = -place WHERE place < 0", [])?;
        let newest = self.head + 1;
        let started = Event::SiteStarted {
            cause: StartCause::OldCopy,
            follows: Some(follows),
            version: self.config.version.as_str().into(),
            boot: self.config.boot.as_str().into(),
        };
        self.epoch = begin_epoch(&self.conn, base, *moment)?;
        self.head = base;
        self.record(&started, None, moment)?;
        self.head = newest;
        self.sent = base;
        self.received = base;
        self.shelf.use_serials(&self.conn, SSCC_JUMP)?;
        let uptime_s = self.uptime_s(moment);
        let set_aside = self.shelf.set_aside(&self.conn, uptime_s)?;
        self.head_at_start = newest;
        tracing::warn!(
            orders = set_aside,
            "the platform has events that this database lacks: it is an older copy; a new epoch has begun"
        );
        Ok(())
    }

    // Retention

    /// Deletes what is received and has been kept long enough, a little at a time. Whether there is more.
    pub fn retain(&mut self, moment: &Moment) -> Result<bool, Error> {
        let Some(limit_s) = self.uptime_s(moment).checked_sub(self.config.keep.as_secs()) else {
            return Ok(false);
        };
        let last = self.received.min(self.head.saturating_sub(1));
        let rows: Vec<(Place, u64)> = {
            let query = "SELECT place, uptime_s FROM events WHERE place <= ?1 ORDER BY place LIMIT ?2";
            let mut statement = self.conn.prepare_cached(query)?;
            let rows = statement.query_map(params![last, RETAIN_ROWS_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        let old = rows.iter().take_while(|(_, uptime_s)| *uptime_s < limit_s);
        let (count, newest) = old.fold((0, None), |(count, _), (place, _)| (count + 1, Some(*place)));
        if let Some(newest) = newest {
            self.conn.prepare_cached("DELETE FROM events WHERE place <= ?1")?.execute([newest])?;
        }
        let orders = self.retain_orders(limit_s)?;
        for table in ["commands", "tombstones"] {
            let query =
                format!("DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE uptime_s < ?1 LIMIT ?2)");
            self.conn.prepare_cached(&query)?.execute(params![limit_s, RETAIN_ROWS_MAX])?;
        }
        self.wrote = true;
        Ok(count == RETAIN_ROWS_MAX || orders == RETAIN_ROWS_MAX)
    }

    fn retain_orders(&mut self, limit_s: u64) -> Result<usize, Error> {
        let keys: Vec<i64> = {
            let query = "SELECT key FROM progress WHERE state IN (?1, ?2) AND closed_s < ?3 LIMIT ?4";
            let mut statement = self.conn.prepare_cached(query)?;
            let closed = params![OrderState::Completed as i64, OrderState::Cancelled as i64, limit_s, RETAIN_ROWS_MAX];
            let rows = statement.query_map(closed, |row| row.get(0))?;
            rows.collect::<Result<_, _>>()?
        };
        for key in &keys {
            self.conn.prepare_cached("DELETE FROM parcels WHERE order_key = ?1")?.execute([key])?;
            self.conn.prepare_cached("DELETE FROM progress WHERE key = ?1")?.execute([key])?;
            self.conn.prepare_cached("DELETE FROM orders WHERE key = ?1")?.execute([key])?;
        }
        self.shelf.forget_orders();
        Ok(keys.len())
    }
}

/// Why a command was not carried out, in the contract's words.
struct Refusal {
    status: Status,
    reason: &'static str,
    detail: String,
}

impl Refusal {
    fn not_kept(sequence: u64) -> Self {
        let detail = format!("sequence {sequence} of that epoch is not kept here");
        Self { status: Status::Rejected, reason: "not_kept", detail }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        let duplicate = matches!(rejection, Rejection::Duplicate { .. });
        let status = if duplicate { Status::Duplicate } else { Status::Rejected };
        Self { status, reason: rejection.word(), detail: rejection.to_string() }
    }
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

/// Eighteen digits, or twenty that begin with the application identifier: an SSCC only if a parcel here has it.
fn bare_sscc(text: &str) -> Option<Sscc> {
    let digits = text.strip_prefix("00").filter(|rest| rest.len() == 18).unwrap_or(text);
    let plain = digits.len() == 18 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain).map(Sscc)
}

/// By how much each product's reservation changes with its order. One that awaits the platform holds none: it may long
/// be gone.
fn reserved_change(before: Option<&Order>, after: &Order) -> BTreeMap<Sku, i64> {
    let mut change = BTreeMap::new();
    for (order, sign) in before.into_iter().map(|order| (order, -1)).chain([(after, 1)]) {
        let state = order.progress.state;
        if state.is_closed() || state == OrderState::AwaitsPlatform {
            continue;
        }
        for (index, line) in order.terms.lines.iter().enumerate() {
            *change.entry(line.sku.clone()).or_insert(0) += sign * i64::from(order.missing(index));
        }
    }
    change.retain(|_, delta| *delta != 0);
    change
}

fn is_storage_fault(error: &Error) -> bool {
    let Error::Sqlite(rusqlite::Error::SqliteFailure(failure, _)) = error else {
        return false;
    };
    !matches!(failure.code, ErrorCode::ConstraintViolation | ErrorCode::DiskFull | ErrorCode::TypeMismatch)
}
