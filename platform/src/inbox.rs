//! Each event once and in sequence: where an event stands, and what becomes of it.
//!
//! Per site and epoch everything up to `applied` is stored and applied, without a gap. The next event costs one
//! insert: the index on ids refuses what was applied before. What lies beyond a gap is kept aside, up to a limit; what
//! finds no room is let go, for the receipt makes the site send it again.
//!
//! An inbox is one transaction: cursors are read when a site is first met in it, under the lock of the site's row, and
//! written by [`Inbox::finish`]. What comes for a site that another instance is working at is put aside too, and is
//! taken by whoever has the site next ([`Inbox::settle`]).

use crate::again;
use crate::apply::{self, ApplyError};
use crate::clock::Now;
use crate::command::{Desk, Refusal};
use crate::faults::{self, About, Conflict};
use crate::store::{Db, Error, OfStorage, Row, ToValue as _, Value, params};
use crate::wire::{Agent, Envelope, Unreadable};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Events of one site that may wait beyond its gaps.
pub const ASIDE_MAX: i64 = 5_000;

/// A site's row, once nobody else has it; or only where nobody else has it.
const LOCK: &str = "SELECT id, agent, duplicates, dropped FROM sites WHERE name = ?1 FOR UPDATE";
const LOCK_IF_FREE: &str = "SELECT id, agent, duplicates, dropped FROM sites WHERE name = ?1 FOR UPDATE SKIP LOCKED";

const SITES_MAX: i64 = 10_000;
const EPOCHS_MAX: usize = 1_000;

/// The sites that one transaction is about.
#[derive(Debug)]
pub struct Inbox<'a> {
    db: &'a Db,
    now: Now,
    /// The moment on the platform's own clock.
    now_ms: i64,
    /// Something can't be stored: projections are tried one by one.
    careful: bool,
    sites: HashMap<Arc<str>, Site>,
    wrote: bool,
}

#[derive(Debug)]
pub struct Site {
    pub id: i64,
    pub name: Arc<str>,
    pub agent: Option<Agent>,
    /// Nobody else works at this site before the transaction ends.
    pub mine: bool,
    /// What was left here is still to be taken: only in its turn, for others come to the same places in the same order.
    only_met: bool,
    epochs: Vec<Epoch>,
    duplicates: i64,
    dropped: i64,
    /// One of these two has changed.
    counted: bool,
    /// Something was put aside because another instance works here.
    left: bool,
}

#[derive(Debug)]
struct Epoch {
    id: i64,
    uuid: Uuid,
    applied: i64,
    /// Epochs of a site in the order in which their first event was applied.
    began: Option<i64>,
    /// Events of it that wait beyond a gap, and the first of them.
    aside: i64,
    aside_first: Option<i64>,
    moved: bool,
    gap: bool,
    again: bool,
    renewed: bool,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Applied,
    /// Applied under an older epoch; here it only fills its place.
    Repeated,
    /// Beyond a gap.
    Aside,
    /// Stored for the instance that works at this site.
    Left,
    /// Beyond a gap and beyond the limit: the site sends it again.
    Dropped,
    Duplicate,
    Conflict,
}

/// What receipts have to know of an epoch that something came for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub site: Arc<str>,
    pub epoch: Uuid,
    pub applied: i64,
    /// It has just begun, and the site had an older one.
    pub renewed: bool,
    pub moved: bool,
    /// Something waits beyond a gap, or found no room there.
    pub gap: bool,
    /// Something came again.
    pub again: bool,
}

/// What a transaction was about.
#[derive(Debug, Default)]
pub struct Finished {
    pub heard: Vec<Heard>,
    /// Sites that another instance worked at: something was left for it, or for us.
    pub left: Vec<Arc<str>>,
    /// Commands were written.
    pub wrote: bool,
}

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Storage(#[from] Error),
}

impl OfStorage for TakeError {
    fn storage(&self) -> Option<&Error> {
        match self {
            Self::Storage(error) => Some(error),
            Self::Unreadable(_) => None,
        }
    }
}

impl<'a> Inbox<'a> {
    #[must_use]
    pub fn new(db: &'a Db, now: Now, now_ms: i64) -> Self {
        Self { db, now, now_ms, careful: false, sites: HashMap::new(), wrote: false }
    }

    /// What can't be stored costs only its own projection.
    #[must_use]
    pub fn careful(self, careful: bool) -> Self {
        Self { careful, ..self }
    }

    /// The site, new if it isn't known; waits for an instance that works there. Several sites are to be asked for in
    /// the order of their names, or two instances may wait for each other.
    ///
    /// # Errors
    /// There are too many, or the storage's.
    pub fn wait_for(&mut self, name: &str) -> Result<&mut Site, TakeError> {
        self.enter(name, LOCK)
    }

    /// Waits for all of these sites, named in order, before anything that belongs to one of them is touched: another
    /// instance that has a later one may want to leave something for an earlier one.
    ///
    /// # Errors
    /// The storage's. Those beyond the limit are left out.
    pub fn wait_for_all(&mut self, names: &[&str]) -> Result<(), TakeError> {
        for name in names {
            match self.load(name, LOCK) {
                Err(TakeError::Storage(error)) => return Err(error.into()),
                Ok(()) | Err(TakeError::Unreadable(_)) => {}
            }
        }
        Ok(())
    }

    /// The site, new if it isn't known, whether or not another instance works there.
    fn site(&mut self, name: &str) -> Result<&mut Site, TakeError> {
        self.enter(name, LOCK_IF_FREE)
    }

    /// Meets several sites at once, in the order of their names, whether or not another instance works there. What is not
    /// known yet is left to be met alone.
    ///
    /// # Errors
    /// The storage's.
    pub fn meet(&mut self, names: &[&str]) -> Result<(), TakeError> {
        let db = self.db;
        let named: Vec<_> = names.iter().map(|name| [name.to_value()]).collect();
        let locked: Vec<_> = named.iter().map(|named| (LOCK_IF_FREE, named.as_slice())).collect();
        let mut met = Vec::new();
        for (name, rows) in names.iter().zip(db.many_rows(&locked)?) {
            if let Some(row) = rows.first() {
                met.push(Site::of(name, row, true)?);
            }
        }
        self.work().learn(&mut met)?;
        self.sites.extend(met.into_iter().map(|site| (Arc::clone(&site.name), site)));
        Ok(())
    }

    /// The sites that nobody else can change now.
    pub fn mine(&self) -> impl Iterator<Item = &Site> {
        self.sites.values().filter(|site| site.mine)
    }

    /// Takes an event, which `text` says, into the open transaction. Several are to be taken by the names of their sites
    /// and in sequence, or two instances may wait for each other: each for an event that the other has left or put aside.
    ///
    /// # Errors
    /// It is not what the contract says, or the storage's.
    pub fn take(&mut self, name: &str, group: &str, event: &Envelope<'_>, text: &str) -> Result<Fate, TakeError> {
        event.check(name, group)?;
        let work = self.work();
        let site = self.site(name)?;
        let at = site.epoch(work.db, event.epoch)?;
        let waiting: i64 = site.epochs.iter().map(|epoch| epoch.aside).sum();
        let epoch = &mut site.epochs[at];
        let fate = match event.sequence.cmp(&(epoch.applied + 1)) {
            Ordering::Less => work.behind(site.id, epoch, event)?,
            _ if ASIDE_MAX <= waiting && !site.mine => Fate::Dropped,
            _ if !site.mine => work.put_aside(site.id, epoch, event, text, Fate::Left)?,
            Ordering::Equal => {
                let fate = work.next(site, at, event, text)?;
                work.close_gap(site, at)?;
                fate
            }
            Ordering::Greater if ASIDE_MAX <= waiting => Fate::Dropped,
            Ordering::Greater => work.put_aside(site.id, epoch, event, text, Fate::Aside)?,
        };
        let epoch = &mut site.epochs[at];
        epoch.gap |= matches!(fate, Fate::Aside | Fate::Dropped);
        epoch.again |= fate == Fate::Duplicate;
        site.left |= fate == Fate::Left;
        site.count(fate);
        Ok(fate)
    }

    /// Takes what was left for this site. `false` if another instance works there.
    ///
    /// # Errors
    /// The storage's.
    pub fn settle(&mut self, name: &str) -> Result<bool, TakeError> {
        let site = self.site(name)?;
        for epoch in &mut site.epochs {
            epoch.gap |= epoch.aside_first.is_some();
        }
        Ok(site.mine)
    }

    /// Writes the cursors that moved into the open transaction.
    ///
    /// # Errors
    /// The storage's.
    pub fn finish(self) -> Result<Finished, Error> {
        let (mut finished, mut moved) = (Finished { wrote: self.wrote, ..Finished::default() }, Vec::new());
        for site in self.sites.into_values() {
            if site.mine && site.counted {
                self.db.write(
                    "UPDATE sites SET duplicates = ?2, dropped = ?3 WHERE id = ?1",
                    &params![site.id, site.duplicates, site.dropped],
                )?;
            }
            for epoch in &site.epochs {
                if epoch.moved {
                    self.db.write(
                        "UPDATE epochs SET applied = ?2, began = ?3 WHERE id = ?1",
                        &params![epoch.id, epoch.applied, epoch.began],
                    )?;
                    moved.push((site.id, epoch.id, epoch.applied));
                }
                finished.wrote |= epoch.renewed;
                if epoch.moved || epoch.gap || epoch.again {
                    finished.heard.push(Heard {
                        site: Arc::clone(&site.name),
                        epoch: epoch.uuid,
                        applied: epoch.applied,
                        renewed: epoch.renewed,
                        moved: epoch.moved,
                        gap: epoch.gap,
                        again: epoch.again,
                    });
                }
            }
            if site.left {
                finished.left.push(site.name);
            }
        }
        apply::release(self.db, &moved, self.now)?;
        Ok(finished)
    }

    #[must_use]
    pub fn db(&self) -> &'a Db {
        self.db
    }

    #[must_use]
    pub fn now(&self) -> Now {
        self.now
    }

    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Commands were written, or not.
    pub fn wrote(&mut self, wrote: bool) {
        self.wrote |= wrote;
    }

    fn enter(&mut self, name: &str, locking: &str) -> Result<&mut Site, TakeError> {
        self.load(name, locking)?;
        let work = self.work();
        let site = self.sites.get_mut(name).ok_or(Unreadable::TooMany)?;
        if std::mem::take(&mut site.only_met) && site.mine {
            (0..site.epochs.len()).try_for_each(|at| work.close_gap(site, at))?;
        }
        Ok(site)
    }

    fn load(&mut self, name: &str, locking: &str) -> Result<(), TakeError> {
        if !self.sites.contains_key(name) {
            let site = self.work().load(name, locking)?;
            self.sites.insert(Arc::clone(&site.name), site);
        }
        Ok(())
    }

    fn work(&self) -> Work<'a> {
        let Self { db, now, now_ms, careful, .. } = *self;
        Work { db, now, now_ms, careful }
    }
}

impl Site {
    /// As its row says; its epochs are still to be read.
    fn of(name: &str, row: &Row, mine: bool) -> Result<Self, Error> {
        let agent: Option<String> = row.get(1)?;
        Ok(Self {
            id: row.get(0)?,
            name: name.into(),
            agent: agent.and_then(|text| serde_json::from_str(&text).ok()),
            mine,
            only_met: true,
            epochs: Vec::new(),
            duplicates: row.get(2)?,
            dropped: row.get(3)?,
            counted: false,
            left: false,
        })
    }

    /// The index of an epoch, new if it isn't known.
    fn epoch(&mut self, db: &Db, uuid: Uuid) -> Result<usize, TakeError> {
        if let Some(known) = self.epochs.iter().position(|epoch| epoch.uuid == uuid) {
            return Ok(known);
        }
        if EPOCHS_MAX <= self.epochs.len() {
            return Err(Unreadable::TooMany.into());
        }
        db.run("INSERT INTO epochs (site, epoch) VALUES (?1, ?2) ON CONFLICT DO NOTHING", &params![self.id, uuid])?;
        let row = db.row(
            "SELECT id, applied, began FROM epochs WHERE site = ?1 AND epoch = ?2",
            &params![self.id, uuid],
            |row| Ok(Epoch::new(row.get(0)?, uuid, row.get(1)?, row.get(2)?)),
        )?;
        self.epochs.push(row.ok_or(Error::Column(0))?);
        Ok(self.epochs.len() - 1)
    }

    fn count(&mut self, fate: Fate) {
        self.duplicates += i64::from(fate == Fate::Duplicate);
        self.dropped += i64::from(fate == Fate::Dropped);
        self.counted |= matches!(fate, Fate::Duplicate | Fate::Dropped);
    }
}

impl Epoch {
    fn new(id: i64, uuid: Uuid, applied: i64, began: Option<i64>) -> Self {
        Self {
            id,
            uuid,
            applied,
            began,
            aside: 0,
            aside_first: None,
            moved: false,
            gap: false,
            again: false,
            renewed: false,
        }
    }
}

/// What it takes to apply an event.
#[derive(Clone, Copy)]
struct Work<'a> {
    db: &'a Db,
    now: Now,
    now_ms: i64,
    careful: bool,
}

impl Work<'_> {
    fn load(&self, name: &str, locking: &str) -> Result<Site, TakeError> {
        let db = self.db;
        let read = |sql: &str, mine: bool| db.row(sql, &params![name], |row| Site::of(name, row, mine));
        let beside = "SELECT id, agent, duplicates, dropped FROM sites WHERE name = ?1";
        let mut site = match read(locking, true)? {
            Some(site) => site,
            None => match read(beside, false)? {
                Some(site) => site,
                None => {
                    self.add_site(name)?;
                    // Another instance may have been faster.
                    match read(locking, true)? {
                        Some(site) => site,
                        None => read(beside, false)?.ok_or(Unreadable::TooMany)?,
                    }
                }
            },
        };
        self.learn(std::slice::from_mut(&mut site))?;
        Ok(site)
    }

    /// Reads how far the sites are. To be asked for only when they are locked: what was read before could be old.
    fn learn(&self, sites: &mut [Site]) -> Result<(), Error> {
        let ids: Vec<_> = sites.iter().map(|site| [Value::Int(site.id)]).collect();
        let epochs = "SELECT id, epoch, applied, began FROM epochs WHERE site = ?1 ORDER BY id";
        let aside = "SELECT epoch, count(*), min(sequence) FROM aside
            WHERE epoch IN (SELECT id FROM epochs WHERE site = ?1) GROUP BY epoch";
        let asked: Vec<_> = ids.iter().flat_map(|id| [(epochs, id.as_slice()), (aside, id.as_slice())]).collect();
        let answers = self.db.many_rows(&asked)?;
        for (site, answers) in sites.iter_mut().zip(answers.chunks(2)) {
            let [epochs, aside] = answers else { return Err(Error::Column(answers.len())) };
            for row in epochs {
                site.epochs.push(Epoch::new(row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            }
            for row in aside {
                let id: i64 = row.get(0)?;
                if let Some(epoch) = site.epochs.iter_mut().find(|epoch| epoch.id == id) {
                    (epoch.aside, epoch.aside_first) = (row.get(1)?, row.get(2)?);
                }
            }
        }
        Ok(())
    }

    fn add_site(&self, name: &str) -> Result<(), TakeError> {
        let sites = self.db.row("SELECT count(*) FROM sites", &[], |row| row.get::<i64>(0))?;
        if SITES_MAX <= sites.unwrap_or_default() {
            return Err(Unreadable::TooMany.into());
        }
        self.db.run("INSERT INTO sites (name) VALUES (?1) ON CONFLICT DO NOTHING", &params![name])?;
        Ok(())
    }

    /// Stores and applies the event that continues its epoch.
    fn next(&self, site: &mut Site, at: usize, event: &Envelope<'_>, text: &str) -> Result<Fate, Error> {
        let epoch = &mut site.epochs[at];
        let about = About { site: site.id, epoch: event.epoch, sequence: event.sequence, id: event.id };
        let inserted = self.db.run(
            "INSERT INTO events (epoch, sequence, site, id, payload, subject) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO NOTHING",
            &params![epoch.id, event.sequence, site.id, event.id, text, event.subject()],
        )?;
        if inserted == 0 {
            return self.known(site, at, about, event.head);
        }
        (epoch.applied, epoch.moved) = (event.sequence, true);
        let apply = || apply::apply(self.db, event, epoch.id, about, self.now);
        match if self.careful { self.db.attempt(apply) } else { apply() } {
            Ok(()) => {}
            // The log keeps the event; only the projections go without it.
            Err(ApplyError::Data(why)) => self.unapplied(event, &why.to_string(), text)?,
            Err(ApplyError::Storage(why)) if self.careful && why.is_data() => {
                self.unapplied(event, &why.to_string(), text)?;
            }
            Err(ApplyError::Storage(error)) => return Err(error),
        }
        if let Some(order) = event.order() {
            let Envelope { epoch, sequence, id, .. } = event;
            let kind = event.kind().unwrap_or_default();
            tracing::info!(site = %site.name, order, event = %id, %epoch, sequence, kind, "event applied");
        }
        self.begin(site, at, event.head)?;
        Ok(Fate::Applied)
    }

    fn unapplied(&self, event: &Envelope<'_>, why: &str, text: &str) -> Result<(), Error> {
        faults::quarantine(self.db, event.kind().unwrap_or_default(), why, text.as_bytes(), self.now)
    }

    /// The next event's id has a place already: it fills this one too. Under an older epoch that is as it should be; in one
    /// epoch it is for people, and the site must not send it for ever.
    fn known(&self, site: &mut Site, at: usize, about: About, head: i64) -> Result<Fate, Error> {
        let epoch = &mut site.epochs[at];
        let elsewhere: Option<i64> = self.db.row(
            "SELECT epoch FROM events WHERE site = ?1 AND id = ?2",
            &params![about.site, about.id],
            |row| row.get(0),
        )?;
        let filled = elsewhere.is_some_and(|elsewhere| elsewhere != epoch.id)
            && 0 < self.db.run(
                "INSERT INTO repeats (epoch, sequence, id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                &params![epoch.id, about.sequence, about.id],
            )?;
        if !filled {
            let detail = "the event has another place in this epoch";
            faults::conflict(self.db, about, Conflict::EventMoved, detail, self.now)?;
        }
        (epoch.applied, epoch.moved) = (about.sequence, true);
        self.begin(site, at, head)?;
        Ok(if filled { Fate::Repeated } else { Fate::Conflict })
    }

    /// With its first event an epoch is the site's newest. One that had an older epoch has lost what was to be done, and the end
    /// of that one never comes: what was held until then waits for the newer one's, which is at `head`.
    fn begin(&self, site: &mut Site, at: usize, head: i64) -> Result<(), Error> {
        if site.epochs[at].began.is_some() {
            return Ok(());
        }
        let last = site.epochs.iter().filter_map(|epoch| epoch.began).max();
        let epoch = &mut site.epochs[at];
        epoch.began = Some(last.unwrap_or_default() + 1);
        epoch.renewed = last.is_some();
        if !epoch.renewed {
            return Ok(());
        }
        apply::hold_on(self.db, site.id, epoch.id, head)?;
        let (id, site, epoch) = (site.id, &site.name, epoch.uuid);
        match again::tell(&mut Desk::new(self.db, id, self.now, self.now_ms), epoch) {
            Ok(()) => tracing::info!(%site, %epoch, "a new epoch began: open orders and stock are put again"),
            Err(Refusal::Storage(error)) => return Err(error),
            Err(refusal) => tracing::error!(%site, %refusal, "a new epoch began: not everything is put again"),
        }
        Ok(())
    }

    /// A place that is filled, applied or aside: the same event again, or another one.
    fn behind(&self, site: i64, epoch: &Epoch, event: &Envelope<'_>) -> Result<Fate, Error> {
        let holder: Option<Uuid> = self.db.row(
            "SELECT id FROM events WHERE epoch = ?1 AND sequence = ?2
             UNION ALL SELECT id FROM repeats WHERE epoch = ?1 AND sequence = ?2
             UNION ALL SELECT id FROM aside WHERE epoch = ?1 AND sequence = ?2",
            &params![epoch.id, event.sequence],
            |row| row.get(0),
        )?;
        if holder == Some(event.id) || (holder.is_none() && self.has(site, event.id)?) {
            return Ok(Fate::Duplicate);
        }
        let about = About { site, epoch: event.epoch, sequence: event.sequence, id: event.id };
        let detail = format!("the place holds {}", holder.unwrap_or_default());
        faults::conflict(self.db, about, Conflict::PlaceTaken, &detail, self.now)?;
        Ok(Fate::Conflict)
    }

    /// Whether an event is stored, wherever.
    fn has(&self, site: i64, id: Uuid) -> Result<bool, Error> {
        let found = self
            .db
            .row("SELECT 1 FROM events WHERE site = ?1 AND id = ?2", &params![site, id], |row| row.get::<i64>(0))?;
        Ok(found.is_some())
    }

    fn put_aside(
        &self,
        site: i64,
        epoch: &mut Epoch,
        event: &Envelope<'_>,
        text: &str,
        fate: Fate,
    ) -> Result<Fate, Error> {
        let new = self.db.run(
            "INSERT INTO aside (epoch, sequence, id, payload) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            &params![epoch.id, event.sequence, event.id, text],
        )?;
        if new == 0 {
            return self.behind(site, epoch, event);
        }
        epoch.aside += 1;
        epoch.aside_first = Some(epoch.aside_first.map_or(event.sequence, |first| first.min(event.sequence)));
        Ok(fate)
    }

    /// Takes what was kept aside for as long as it continues.
    fn close_gap(&self, site: &mut Site, at: usize) -> Result<(), Error> {
        loop {
            let epoch = &site.epochs[at];
            let Some(first) = epoch.aside_first.filter(|first| *first <= epoch.applied + 1) else { return Ok(()) };
            let text: Option<String> = self.db.row(
                "DELETE FROM aside WHERE epoch = ?1 AND sequence = ?2 RETURNING payload",
                &params![epoch.id, first],
                |row| row.get(0),
            )?;
            if let Some(text) = text
                && let Ok(event) = Envelope::read(&text)
            {
                if first == epoch.applied + 1 {
                    self.next(site, at, &event, &text)?;
                } else {
                    let fate = self.behind(site.id, epoch, &event)?;
                    site.count(fate);
                }
            }
            let epoch = &mut site.epochs[at];
            epoch.aside = (epoch.aside - 1).max(0);
            epoch.aside_first = self
                .db
                .row("SELECT min(sequence) FROM aside WHERE epoch = ?1", &params![epoch.id], |row| row.get(0))?
                .flatten();
        }
    }
}

#[cfg(test)]
mod tests;
