//! Each event once and in sequence: where an event stands, and what becomes of it.
//!
//! Per site and epoch everything up to `applied` is stored and applied, without a gap. The next event costs one
//! insert: the index on ids refuses what was applied before. What lies beyond a gap is kept aside, up to a limit; what
//! finds no room is let go, for the receipt makes the site send it again. Memory holds only cursors: they are written
//! once per transaction by [`Inbox::flush`], and after a failed commit the inbox is loaded anew.

use crate::apply::{self, ApplyError};
use crate::clock::Now;
use crate::faults::{self, About, Conflict};
use crate::wire::{Agent, Envelope, Unreadable};
use rusqlite::{Connection, OptionalExtension, params};
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use uuid::Uuid;

/// Events of one site that may wait beyond its gaps.
pub const ASIDE_MAX: usize = 5_000;

const SITES_MAX: usize = 10_000;
const EPOCHS_MAX: usize = 1_000;

/// Cursors of all sites.
#[derive(Debug, Default)]
pub struct Inbox {
    sites: HashMap<Arc<str>, Site>,
    /// Sites and epochs whose cursors differ from the file's.
    touched: Vec<(Arc<str>, Uuid)>,
    /// Epochs that have begun, of all sites.
    begun: i64,
}

#[derive(Debug)]
pub struct Site {
    pub id: i64,
    pub name: Arc<str>,
    pub agent: Option<Agent>,
    /// The epoch that began last.
    pub current: Option<Uuid>,
    epochs: HashMap<Uuid, Epoch>,
    aside: usize,
    duplicates: i64,
    dropped: i64,
}

#[derive(Debug)]
struct Epoch {
    id: i64,
    applied: i64,
    began: Option<i64>,
    aside: BTreeSet<i64>,
    touched: bool,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Applied,
    /// Applied under an older epoch; here it only fills its place.
    Repeated,
    /// Beyond a gap.
    Aside,
    /// Beyond a gap and beyond the limit: the site sends it again.
    Dropped,
    Duplicate,
    Conflict,
}

/// What a receipt has to know of it.
#[derive(Debug)]
pub struct Taken {
    pub fate: Fate,
    pub site: Arc<str>,
    pub site_id: i64,
    pub epoch: Uuid,
    pub applied: i64,
    /// Whether the site looks at receipts of this epoch: it is the newest, or hasn't begun here.
    pub receipted: bool,
    /// A newer epoch has just begun of a site that had an older one.
    pub renewed: bool,
}

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Storage(#[from] rusqlite::Error),
}

impl Inbox {
    /// The cursors as the file has them.
    ///
    /// # Errors
    /// The storage's.
    pub fn load(db: &Connection) -> rusqlite::Result<Self> {
        let mut inbox = Self::default();
        let mut names = HashMap::new();
        let mut sites = db.prepare("SELECT id, name, agent, duplicates, dropped FROM sites")?;
        let mut rows = sites.query([])?;
        while let Some(row) = rows.next()? {
            let (id, name): (i64, Arc<str>) = (row.get(0)?, row.get(1)?);
            let agent: Option<String> = row.get(2)?;
            let agent = agent.and_then(|text| serde_json::from_str(&text).ok());
            let site = Site { agent, duplicates: row.get(3)?, dropped: row.get(4)?, ..Site::new(id, &name) };
            names.insert(id, Arc::clone(&name));
            inbox.sites.insert(name, site);
        }
        let mut epochs = db.prepare("SELECT id, site, epoch, applied, began FROM epochs ORDER BY began")?;
        let mut aside = db.prepare("SELECT sequence FROM aside WHERE epoch = ?1")?;
        let mut rows = epochs.query([])?;
        while let Some(row) = rows.next()? {
            let (id, site, uuid): (i64, i64, [u8; 16]) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let Some(site) = names.get(&site).and_then(|name| inbox.sites.get_mut(name)) else { continue };
            let began: Option<i64> = row.get(4)?;
            let uuid = Uuid::from_bytes(uuid);
            if let Some(rank) = began {
                site.current = Some(uuid);
                inbox.begun = inbox.begun.max(rank);
            }
            let aside: BTreeSet<i64> = aside.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
            site.aside += aside.len();
            site.epochs.insert(uuid, Epoch { id, applied: row.get(3)?, began, aside, touched: false });
        }
        Ok(inbox)
    }

    pub fn sites(&self) -> impl Iterator<Item = &Site> {
        self.sites.values()
    }

    /// The site, new if it isn't known.
    ///
    /// # Errors
    /// There are too many, or the storage's.
    pub fn site(&mut self, db: &Connection, name: &str) -> Result<&mut Site, TakeError> {
        enter(&mut self.sites, db, name)
    }

    /// Takes an event into the open transaction.
    ///
    /// # Errors
    /// It is not what the contract says, or the storage's.
    pub fn take(&mut self, db: &Connection, name: &str, group: &str, text: &str, now: Now) -> Result<Taken, TakeError> {
        let event = Envelope::read(text)?;
        event.check(name, group)?;
        let Self { sites, touched, begun } = self;
        let site = enter(sites, db, name)?;
        let had_epoch = site.current.is_some();
        if !site.epochs.contains_key(&event.epoch) {
            site.meet(db, event.epoch)?;
        }
        let Site { id: site_id, name, current, epochs, aside, duplicates, dropped, .. } = site;
        let Some(epoch) = epochs.get_mut(&event.epoch) else { return Err(Unreadable::TooMany.into()) };
        if !epoch.touched {
            epoch.touched = true;
            touched.push((Arc::clone(name), event.epoch));
        }
        let fate = match event.sequence.cmp(&(epoch.applied + 1)) {
            Ordering::Equal => {
                let fate = epoch.next(db, *site_id, &event, text, now)?;
                *aside -= epoch.close_gap(db, *site_id, now)?;
                fate
            }
            Ordering::Less => epoch.behind(db, *site_id, &event, now)?,
            Ordering::Greater if epoch.aside.contains(&event.sequence) => epoch.behind(db, *site_id, &event, now)?,
            Ordering::Greater if *aside < ASIDE_MAX => {
                epoch.put_aside(db, &event, text)?;
                *aside += 1;
                Fate::Aside
            }
            Ordering::Greater => Fate::Dropped,
        };
        *duplicates += i64::from(fate == Fate::Duplicate);
        *dropped += i64::from(fate == Fate::Dropped);
        let begins = epoch.began.is_none() && 0 < epoch.applied;
        if begins {
            *begun += 1;
            epoch.began = Some(*begun);
            *current = Some(event.epoch);
        }
        Ok(Taken {
            fate,
            site: Arc::clone(name),
            site_id: *site_id,
            epoch: event.epoch,
            applied: epoch.applied,
            receipted: epoch.began.is_none() || *current == Some(event.epoch),
            renewed: begins && had_epoch,
        })
    }

    /// Writes the cursors that moved into the open transaction.
    ///
    /// # Errors
    /// The storage's.
    pub fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        for (name, uuid) in self.touched.drain(..) {
            let Some(site) = self.sites.get_mut(&name) else { continue };
            db.prepare_cached("UPDATE sites SET duplicates = ?2, dropped = ?3 WHERE id = ?1")?.execute([
                site.id,
                site.duplicates,
                site.dropped,
            ])?;
            let Some(epoch) = site.epochs.get_mut(&uuid) else { continue };
            db.prepare_cached("UPDATE epochs SET applied = ?2, began = ?3 WHERE id = ?1")?.execute(params![
                epoch.id,
                epoch.applied,
                epoch.began
            ])?;
            epoch.touched = false;
        }
        Ok(())
    }
}

impl Site {
    fn new(id: i64, name: &Arc<str>) -> Self {
        Self {
            id,
            name: Arc::clone(name),
            agent: None,
            current: None,
            epochs: HashMap::new(),
            aside: 0,
            duplicates: 0,
            dropped: 0,
        }
    }

    /// How far an epoch is applied; none if it isn't known.
    #[must_use]
    pub fn applied(&self, epoch: Uuid) -> Option<i64> {
        self.epochs.get(&epoch).map(|epoch| epoch.applied)
    }

    fn meet(&mut self, db: &Connection, uuid: Uuid) -> Result<(), TakeError> {
        if EPOCHS_MAX <= self.epochs.len() {
            return Err(Unreadable::TooMany.into());
        }
        db.prepare_cached("INSERT INTO epochs (site, epoch) VALUES (?1, ?2)")?
            .execute(params![self.id, uuid.as_bytes()])?;
        let id = db.last_insert_rowid();
        self.epochs.insert(uuid, Epoch { id, applied: 0, began: None, aside: BTreeSet::new(), touched: false });
        Ok(())
    }
}

impl Epoch {
    /// Stores and applies the event that continues this epoch.
    fn next(
        &mut self,
        db: &Connection,
        site: i64,
        event: &Envelope<'_>,
        text: &str,
        now: Now,
    ) -> rusqlite::Result<Fate> {
        let about = About { site, epoch: event.epoch, sequence: event.sequence, id: event.id };
        let inserted = db
            .prepare_cached(
                "INSERT INTO events (epoch, sequence, site, id, payload) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![self.id, event.sequence, site, event.id.as_bytes(), text])?;
        if inserted == 0 {
            return self.known(db, about, now);
        }
        self.applied = event.sequence;
        match apply::apply(db, event, self.id, about, now) {
            Ok(()) => {}
            Err(ApplyError::Storage(error)) => return Err(error),
            // The log keeps the event; only the projections go without it.
            Err(ApplyError::Data(why)) => {
                faults::quarantine(db, event.kind().unwrap_or_default(), &why.to_string(), text.as_bytes(), now)?;
            }
        }
        Ok(Fate::Applied)
    }

    /// The next event's id has a place already: under an older epoch it fills this one too.
    fn known(&mut self, db: &Connection, about: About, now: Now) -> rusqlite::Result<Fate> {
        let id = about.id.as_bytes();
        let elsewhere: Option<i64> = db
            .prepare_cached("SELECT epoch FROM events WHERE site = ?1 AND id = ?2")?
            .query_row(params![about.site, id], |row| row.get(0))
            .optional()?;
        let filled = elsewhere.is_some_and(|epoch| epoch != self.id)
            && 0 < db
                .prepare_cached("INSERT OR IGNORE INTO repeats (epoch, sequence, id) VALUES (?1, ?2, ?3)")?
                .execute(params![self.id, about.sequence, id])?;
        if !filled {
            faults::conflict(db, about, Conflict::EventMoved, "the event has another place in this epoch", now)?;
            return Ok(Fate::Conflict);
        }
        self.applied = about.sequence;
        Ok(Fate::Repeated)
    }

    /// A place that is filled, applied or aside: the same event again, or another one.
    fn behind(&self, db: &Connection, site: i64, event: &Envelope<'_>, now: Now) -> rusqlite::Result<Fate> {
        let holder: Option<[u8; 16]> = db
            .prepare_cached(
                "SELECT id FROM events WHERE epoch = ?1 AND sequence = ?2
                 UNION ALL SELECT id FROM repeats WHERE epoch = ?1 AND sequence = ?2
                 UNION ALL SELECT id FROM aside WHERE epoch = ?1 AND sequence = ?2",
            )?
            .query_row(params![self.id, event.sequence], |row| row.get(0))
            .optional()?;
        let holder = holder.map(Uuid::from_bytes);
        if holder == Some(event.id) {
            return Ok(Fate::Duplicate);
        }
        let about = About { site, epoch: event.epoch, sequence: event.sequence, id: event.id };
        let detail = format!("the place holds {}", holder.unwrap_or_default());
        faults::conflict(db, about, Conflict::PlaceTaken, &detail, now)?;
        Ok(Fate::Conflict)
    }

    fn put_aside(&mut self, db: &Connection, event: &Envelope<'_>, text: &str) -> rusqlite::Result<()> {
        db.prepare_cached("INSERT INTO aside (epoch, sequence, id, payload) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![self.id, event.sequence, event.id.as_bytes(), text])?;
        self.aside.insert(event.sequence);
        Ok(())
    }

    /// Takes what was kept aside for as long as it continues. Returns how many were.
    fn close_gap(&mut self, db: &Connection, site: i64, now: Now) -> rusqlite::Result<usize> {
        let mut taken = 0;
        while self.aside.first() == Some(&(self.applied + 1)) {
            let sequence = self.applied + 1;
            let text: String = db
                .prepare_cached("DELETE FROM aside WHERE epoch = ?1 AND sequence = ?2 RETURNING payload")?
                .query_row([self.id, sequence], |row| row.get(0))?;
            self.aside.pop_first();
            taken += 1;
            let Ok(event) = Envelope::read(&text) else { break };
            self.next(db, site, &event, &text, now)?;
        }
        Ok(taken)
    }
}

fn enter<'a>(sites: &'a mut HashMap<Arc<str>, Site>, db: &Connection, name: &str) -> Result<&'a mut Site, TakeError> {
    if !sites.contains_key(name) {
        if SITES_MAX <= sites.len() {
            return Err(Unreadable::TooMany.into());
        }
        db.prepare_cached("INSERT INTO sites (name) VALUES (?1)")?.execute([name])?;
        let name: Arc<str> = name.into();
        sites.insert(Arc::clone(&name), Site::new(db.last_insert_rowid(), &name));
    }
    sites.get_mut(name).ok_or_else(|| Unreadable::TooMany.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;
    use jiff::Timestamp;
    use serde_json::json;

    const NOW: Now = Now { ms: 0, at: Timestamp::UNIX_EPOCH };

    /// An event `id` (a letter) at `place` (`epoch/sequence`, the epoch a digit).
    fn event(place: &str, id: &str) -> (String, Uuid, i64) {
        let (epoch, sequence) = place.split_once('/').unwrap();
        let epoch = Uuid::from_u128(epoch.parse().unwrap());
        let sequence: i64 = sequence.parse().unwrap();
        let text = json!({
            "specversion": "1.0", "id": Uuid::from_u128(u128::from(id.as_bytes()[0])), "source": "/sites/s",
            "type": "parceld.stock.adjusted.v1", "time": "2026-11-22T14:03:11.482Z", "epoch": epoch,
            "sequence": sequence, "head": 99, "something": "new",
            "data": {"sku": id, "delta": 1, "on_hand": sequence, "reserved": 0, "available": sequence},
        });
        (text.to_string(), epoch, sequence)
    }

    /// Each row: place, id, and what becomes of it with how far the epoch is applied then. Every row is played on an
    /// inbox that was read from the file anew, so that no cursor lives in memory only.
    fn check(rows: &str) -> Connection {
        let db = store::in_memory();
        for row in rows.lines().map(str::trim) {
            let words: Vec<&str> = row.split_whitespace().collect();
            let mut inbox = Inbox::load(&db).unwrap();
            let (text, ..) = event(words[0], words[1]);
            let taken = inbox.take(&db, "s", "stock", &text, NOW).unwrap();
            inbox.flush(&db).unwrap();
            let mut told = format!("{:?} {}", taken.fate, taken.applied).to_lowercase();
            if taken.renewed {
                told.push_str(" renewed");
            }
            if !taken.receipted {
                told.push_str(" old");
            }
            assert_eq!(told, words[2..].join(" "), "{row}");
        }
        db
    }

    fn count(db: &Connection, sql: &str) -> i64 {
        db.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn events_are_applied_once_and_in_sequence() {
        let db = check(
            "1/1 a applied 1
             1/2 b applied 2
             1/2 b duplicate 2
             1/4 d aside 2
             1/4 d duplicate 2
             1/6 f aside 2
             1/3 c applied 4
             1/5 e applied 6
             1/1 a duplicate 6
             1/7 g applied 7",
        );
        assert_eq!(count(&db, "SELECT count(*) FROM events"), 7);
        assert_eq!(count(&db, "SELECT count(*) FROM aside"), 0);
        assert_eq!(count(&db, "SELECT on_hand FROM stock WHERE sku = 'd'"), 4);
        assert_eq!(count(&db, "SELECT duplicates FROM sites"), 3);
    }

    #[test]
    fn a_site_first_heard_in_the_middle_has_a_gap_from_the_start() {
        check(
            "1/3 c aside 0
             1/2 b aside 0
             1/1 a applied 3",
        );
    }

    #[test]
    fn two_events_for_one_place_are_a_conflict_and_change_nothing() {
        let db = check(
            "1/1 a applied 1
             1/1 x conflict 1
             1/1 x conflict 1
             1/3 c aside 1
             1/3 y conflict 1
             1/2 b applied 3",
        );
        assert_eq!(count(&db, "SELECT count(*) FROM conflicts WHERE kind = 'place_taken'"), 2);
        assert_eq!(count(&db, "SELECT count(*) FROM stock WHERE sku IN ('x', 'y')"), 0);
    }

    #[test]
    fn one_event_at_two_places_of_an_epoch_is_a_conflict() {
        let db = check(
            "1/1 a applied 1
             1/2 a conflict 1
             1/3 a aside 1
             1/2 b applied 2
             1/3 c applied 3",
        );
        assert_eq!(count(&db, "SELECT count(*) FROM conflicts WHERE kind = 'event_moved'"), 2);
    }

    #[test]
    fn a_newer_epoch_starts_at_one_and_applies_nothing_twice() {
        let db = check(
            "1/1 a applied 1
             1/2 b applied 2
             2/2 b aside 0
             2/1 c applied 2 renewed
             2/3 d applied 3
             1/3 e applied 3 old
             1/4 d repeated 4 old
             2/2 b duplicate 3
             2/4 b conflict 3
             2/4 f applied 4
             3/1 g applied 1 renewed
             2/5 h applied 5 old",
        );
        assert_eq!(count(&db, "SELECT on_hand FROM stock WHERE sku = 'b'"), 2, "applied under the older epoch only");
        assert_eq!(count(&db, "SELECT count(*) FROM events"), 8);
    }

    #[test]
    fn what_finds_no_room_beyond_a_gap_is_let_go() {
        let db = store::in_memory();
        let mut inbox = Inbox::default();
        inbox.site(&db, "s").unwrap().aside = ASIDE_MAX;
        let (text, ..) = event("1/2", "b");
        let taken = inbox.take(&db, "s", "stock", &text, NOW).unwrap();
        assert_eq!((taken.fate, taken.applied), (Fate::Dropped, 0));
        assert_eq!(count(&db, "SELECT count(*) FROM aside"), 0);
    }

    #[test]
    fn what_is_not_the_contract_is_not_taken() {
        let db = store::in_memory();
        let mut inbox = Inbox::default();
        let (good, ..) = event("1/1", "a");
        let rows = [
            ("/sites/s", "/sites/t", "source"),
            ("stock.adjusted", "pick.item_picked", "group"),
            ("\"sequence\":1", "\"sequence\":0", "the first is 1"),
            ("\"sequence\":1", "\"sequence\":18446744073709551615", "expected i64"),
            ("\"data\":{", "\"data\":", "expected"),
            ("2026-11-22", "yesterday", "year"),
        ];
        for (from, to, expected) in rows {
            assert!(good.contains(from), "{from}");
            let error = inbox.take(&db, "s", "stock", &good.replace(from, to), NOW).unwrap_err();
            assert!(matches!(&error, TakeError::Unreadable(_)), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert_eq!(inbox.take(&db, "s", "stock", &good, NOW).unwrap().fate, Fate::Applied);
    }
}
