//! When a site is told how much is stored.
//!
//! Receipts are cumulative and retained, so only the newest matters: after every [`EVENTS_MAX`] events, [`DELAY_MS`]
//! after storing the last, at once on a gap or a duplicate. The same receipt again makes a site send again, so it is
//! repeated at most every [`REPEAT_MS`].
//!
//! Memory says when an instance looks; what it says is decided in the database ([`claim`]), where all instances see
//! how far a site is and what was said. Two of them may reach the broker in the wrong order: each hears what is said, and
//! one that last heard less than it said itself says again what then is the newest.

use crate::store::{Db, Error, Row, ToValue as _, params};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

const EVENTS_MAX: i64 = 100;
const DELAY_MS: u64 = 500;
const REPEAT_MS: u64 = 200;
/// A shared subscription spreads neighbours over instances: a gap is one if it is there for longer than that takes.
const GAP_MS: u64 = 500;
/// As long as it stays it is told ever more seldom, up to every eight seconds.
const GAP_DOUBLINGS_MAX: u32 = 4;
/// The last receipt that was heard is less than what we said: by then ours should have come back.
const DOUBT_MS: u64 = 2_000;
/// Another instance works at this site, and will have finished by then.
const BUSY_MS: u64 = 20;

/// The contract says: at most a second after storing the last.
const _: () = assert!(DELAY_MS <= 1_000 && GAP_MS <= 1_000);

#[derive(Debug, Default)]
pub struct Receipts {
    sites: HashMap<(Arc<str>, Uuid), Entry>,
    shared: bool,
}

#[derive(Debug, Default)]
struct Entry {
    stored: i64,
    told: Option<Told>,
    /// The last one that came from the broker.
    heard: Option<i64>,
    /// When the first event was stored that no receipt covers.
    waits_since_ms: Option<u64>,
    /// Say it, even if it was said, from then on.
    again_from_ms: Option<u64>,
    /// The same if there still is this gap.
    gap: Option<Gap>,
    busy_until_ms: u64,
}

/// What comes next after `applied` isn't there.
#[derive(Clone, Copy, Debug)]
struct Gap {
    applied: i64,
    /// When it is told; `None` while nobody has noticed it again since.
    from_ms: Option<u64>,
    /// How often it was told.
    told: u32,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    sequence: i64,
    at_ms: u64,
}

/// Why a receipt is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    News,
    /// The event after this sequence was missing.
    Gap(i64),
    Again,
}

/// A site that may have to be told something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub site: Arc<str>,
    pub epoch: Uuid,
    pub why: Why,
}

/// What the database says about that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// "Everything up to and including this sequence is stored."
    Say(i64),
    /// Another instance has said it, or there is no gap any more.
    Said,
    /// That gap is closed, and there is another after this sequence.
    Gap(i64),
    /// It was said just now.
    Wait,
    /// Another instance works at this site.
    Busy,
}

impl Receipts {
    /// Among other instances.
    pub fn share(&mut self) {
        self.shared = true;
    }

    /// Events were stored, up to `sequence`.
    pub fn stored(&mut self, site: &Arc<str>, epoch: Uuid, sequence: i64, now_ms: u64) {
        let entry = self.entry(site, epoch);
        entry.stored = sequence;
        entry.waits_since_ms.get_or_insert(now_ms);
    }

    /// Something waits beyond a gap after `applied`.
    pub fn gap(&mut self, site: &Arc<str>, epoch: Uuid, applied: i64, now_ms: u64) {
        let first_ms = self.gap_ms();
        let known = &mut self.entry(site, epoch).gap;
        let mut gap = known.filter(|known| known.applied == applied).unwrap_or(Gap { applied, from_ms: None, told: 0 });
        gap.from_ms.get_or_insert(now_ms + (first_ms << gap.told));
        *known = Some(gap);
    }

    /// The site should hear it at once: it sent something again, or may not have heard.
    pub fn again(&mut self, site: &Arc<str>, epoch: Uuid, now_ms: u64) {
        self.entry(site, epoch).again_from_ms.get_or_insert(now_ms);
    }

    /// A receipt came from the broker.
    pub fn heard(&mut self, site: &str, epoch: Uuid, sequence: i64) {
        if let Some(entry) = self.sites.get_mut(&(Arc::from(site), epoch)) {
            entry.heard = Some(sequence);
        }
    }

    /// A newer epoch began: nobody looks at receipts of the others.
    pub fn only(&mut self, site: &Arc<str>, epoch: Uuid) {
        self.sites.retain(|(other, old), _| other != site || *old == epoch);
    }

    /// What may have to be said now.
    #[must_use]
    pub fn due(&self, now_ms: u64) -> Vec<Due> {
        let due = self.sites.iter().filter_map(|((site, epoch), entry)| {
            let why = entry.due().into_iter().flatten().filter(|(due_ms, _)| *due_ms <= now_ms).map(|(_, why)| why);
            // What is said in any case covers the rest.
            why.max_by_key(|why| why.rank()).map(|why| Due { site: Arc::clone(site), epoch: *epoch, why })
        });
        due.collect()
    }

    pub fn answered(&mut self, due: &Due, answer: Answer, now_ms: u64) {
        let from_ms = Some(now_ms + self.gap_ms());
        let Some(entry) = self.sites.get_mut(&(Arc::clone(&due.site), due.epoch)) else { return };
        let said = Entry { stored: entry.stored, told: entry.told, heard: entry.heard, ..Entry::default() };
        match answer {
            Answer::Say(sequence) => {
                let told =
                    entry.gap.map_or(0, |gap| gap.told + u32::from(gap.from_ms.is_some())).min(GAP_DOUBLINGS_MAX);
                let gap = entry.gap.map(|gap| Gap { from_ms: None, told, ..gap });
                *entry = Entry { told: Some(Told { sequence, at_ms: now_ms }), gap, ..said };
            }
            Answer::Said => *entry = said,
            Answer::Gap(applied) => *entry = Entry { gap: Some(Gap { applied, from_ms, told: 0 }), ..said },
            Answer::Wait => entry.busy_until_ms = now_ms + REPEAT_MS,
            Answer::Busy => entry.busy_until_ms = now_ms + BUSY_MS,
        }
    }

    /// The next moment at which something may have to be said.
    #[must_use]
    pub fn next_ms(&self) -> Option<u64> {
        self.sites.values().flat_map(Entry::due).flatten().map(|(due_ms, _)| due_ms).min()
    }

    fn gap_ms(&self) -> u64 {
        if self.shared { GAP_MS } else { 0 }
    }

    fn entry(&mut self, site: &Arc<str>, epoch: Uuid) -> &mut Entry {
        self.sites.entry((Arc::clone(site), epoch)).or_default()
    }
}

impl Why {
    fn rank(self) -> u8 {
        match self {
            Self::News => 0,
            Self::Gap(_) => 1,
            Self::Again => 2,
        }
    }
}

impl Entry {
    fn due(&self) -> [Option<(u64, Why)>; 4] {
        let news = self.told.is_none_or(|told| told.sequence < self.stored);
        let repeat_ms = self.told.filter(|_| !news).map_or(0, |told| told.at_ms + REPEAT_MS);
        let told = self.told.map_or(0, |told| told.sequence);
        let full = EVENTS_MAX <= self.stored - told;
        let waited = self.waits_since_ms.map(|since_ms| if full { since_ms } else { since_ms + DELAY_MS });
        let doubt = self.told.filter(|told| self.heard.is_some_and(|heard| heard < told.sequence));
        let at = |due_ms: u64, why| (due_ms.max(self.busy_until_ms), why);
        [
            waited.map(|due_ms| at(due_ms, Why::News)),
            self.gap.and_then(|gap| Some(at(gap.from_ms?.max(repeat_ms), Why::Gap(gap.applied)))),
            self.again_from_ms.map(|from_ms| at(from_ms.max(repeat_ms), Why::Again)),
            doubt.map(|told| at(told.at_ms + DOUBT_MS, Why::Again)),
        ]
    }
}

/// Decides for all instances whether receipts are said now; with the commit they count as said. An epoch that is not known
/// here gets a receipt for nothing: its site shall send all of it.
///
/// # Errors
/// The storage's.
pub fn claim(db: &Db, due: &[Due], now_ms: i64) -> Result<Vec<Answer>, Error> {
    let lock = "SELECT epochs.id, applied, told, told_ms, EXISTS (SELECT 1 FROM aside WHERE aside.epoch = epochs.id)
         FROM epochs JOIN sites ON sites.id = site WHERE name = ?1 AND epochs.epoch = ?2
         FOR UPDATE OF epochs SKIP LOCKED";
    let places: Vec<_> = due.iter().map(|due| [due.site.to_value(), due.epoch.to_value()]).collect();
    let asked: Vec<_> = places.iter().map(|place| (lock, place.as_slice())).collect();
    let found = db.many_rows(&asked)?;
    due.iter().zip(found).map(|(due, found)| decide(db, due, found.first(), now_ms)).collect()
}

fn decide(db: &Db, due: &Due, found: Option<&Row>, now_ms: i64) -> Result<Answer, Error> {
    let found = found.map(|row| {
        Ok::<_, Error>((row.get::<i64>(0)?, row.get::<i64>(1)?, row.get::<i64>(2)?, row.get(3)?, row.get::<bool>(4)?))
    });
    let found: Option<(i64, i64, i64, i64, bool)> = found.transpose()?;
    let Some((epoch, applied, told, told_ms, gap)) = found else {
        let known = db.row(
            "SELECT 1 FROM epochs JOIN sites ON sites.id = site WHERE name = ?1 AND epochs.epoch = ?2",
            &params![due.site.as_ref(), due.epoch],
            |_| Ok(()),
        )?;
        return Ok(known.map_or(Answer::Say(0), |()| Answer::Busy));
    };
    let wanted = match due.why {
        Why::News => false,
        Why::Gap(after) => gap && after == applied,
        Why::Again => true,
    };
    let just_now = (told_ms..told_ms.saturating_add(REPEAT_MS as i64)).contains(&now_ms);
    if applied <= told && !wanted {
        let moved = gap && matches!(due.why, Why::Gap(_));
        return Ok(if moved { Answer::Gap(applied) } else { Answer::Said });
    }
    if applied <= told && just_now {
        return Ok(Answer::Wait);
    }
    db.write("UPDATE epochs SET told = ?2, told_ms = ?3 WHERE id = ?1", &params![epoch, applied, now_ms])?;
    Ok(Answer::Say(applied))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::empty;

    /// Each step: `time what`, with what = `stored N`, `again`, `gap`, `heard N`, or what is expected to be said: `says
    /// N`, `silent`.
    fn check(script: &str) {
        let (site, epoch): (Arc<str>, Uuid) = ("s".into(), Uuid::nil());
        let mut receipts = Receipts { shared: script.contains("heard"), ..Receipts::default() };
        let mut stored = 0;
        for step in script.lines().map(str::trim) {
            let words: Vec<&str> = step.split_whitespace().collect();
            let now_ms: u64 = words[0].parse().unwrap();
            let sequence = words.get(2).map_or(0, |word| word.parse().unwrap());
            match words[1] {
                "stored" => {
                    stored = sequence;
                    receipts.stored(&site, epoch, sequence, now_ms);
                }
                "again" => receipts.again(&site, epoch, now_ms),
                "gap" => receipts.gap(&site, epoch, stored, now_ms),
                "heard" => receipts.heard("s", epoch, sequence),
                _ => {
                    let due = receipts.due(now_ms);
                    let said = due.first().map_or("silent".to_owned(), |_| format!("says {stored}"));
                    assert_eq!(said, words[1..].join(" "), "{step}");
                    due.iter().for_each(|due| receipts.answered(due, Answer::Say(stored), now_ms));
                }
            }
        }
    }

    #[test]
    fn stored_events_are_receipted_after_a_hundred_or_half_a_second() {
        check(
            "0    stored 1
             0    silent
             499  silent
             500  says 1
             600  silent
             700  stored 99
             710  stored 100
             710  silent
             720  stored 101
             720  says 101
             5000 silent",
        );
    }

    #[test]
    fn gaps_and_duplicates_are_told_at_once_but_not_in_a_storm() {
        check(
            "0   again
             0   says 0
             1   gap
             199 silent
             200 says 0
             201 again
             202 stored 1
             202 again
             202 says 1
             203 silent",
        );
    }

    #[test]
    fn among_instances_a_gap_is_told_when_it_stays_and_a_lower_receipt_is_overruled() {
        check(
            "0    stored 7
             500  says 7
             600  gap
             1099 silent
             1100 says 7
             1200 heard 7
             1300 gap
             2299 silent
             2300 says 7
             9000 silent
             9100 stored 8
             9600 says 8
             9601 heard 8
             9602 heard 7
             11599 silent
             11600 says 8
             11601 heard 8
             99999 silent",
        );
    }

    fn claimed(db: &mut Db, due: &Due, now_ms: i64) -> Vec<Answer> {
        db.transact(|db| claim(db, std::slice::from_ref(due), now_ms)).unwrap()
    }

    #[test]
    fn what_one_instance_has_said_no_other_says() {
        let mut db = empty();
        let epoch = Uuid::from_u128(1);
        db.run("INSERT INTO sites (id, name) VALUES (1, 's')", &[]).unwrap();
        db.run("INSERT INTO epochs (id, site, epoch, applied) VALUES (1, 1, ?1, 5)", &params![epoch]).unwrap();
        let rows = [
            (0, Why::News, Answer::Say(5)),
            (10, Why::News, Answer::Said),
            (10, Why::Gap(5), Answer::Said),
            (10, Why::Again, Answer::Wait),
            (200, Why::Again, Answer::Say(5)),
            (50, Why::Again, Answer::Say(5)),
        ];
        for (now_ms, why, expected) in rows {
            let due = Due { site: "s".into(), epoch, why };
            assert_eq!(claimed(&mut db, &due, now_ms), [expected], "{now_ms} {why:?}");
        }
        db.run("INSERT INTO aside (epoch, sequence, id, payload) VALUES (1, 7, ?1, '')", &params![epoch]).unwrap();
        let due = Due { site: "s".into(), epoch, why: Why::Gap(4) };
        assert_eq!(claimed(&mut db, &due, 9_000), [Answer::Gap(5)], "it moves");
        let due = Due { why: Why::Gap(5), ..due };
        assert_eq!(claimed(&mut db, &due, 9_000), [Answer::Say(5)]);
        let due = Due { epoch: Uuid::from_u128(2), ..due };
        assert_eq!(claimed(&mut db, &due, 9_000), [Answer::Say(0)]);
    }
}
