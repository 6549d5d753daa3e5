//! What should never have been sent, kept for people: conflicts and quarantine. Both have a limit.

use crate::clock::Now;
use crate::store::{Db, Error, params};
use uuid::Uuid;

/// Two events that can't both be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// This place has another event.
    PlaceTaken,
    /// This event has another place in the same epoch.
    EventMoved,
    /// This SSCC belongs to another parcel.
    SsccTwice,
}

impl Conflict {
    fn word(self) -> &'static str {
        match self {
            Self::PlaceTaken => "place_taken",
            Self::EventMoved => "event_moved",
            Self::SsccTwice => "sscc_twice",
        }
    }
}

/// Which event a conflict is about.
#[derive(Clone, Copy, Debug)]
pub struct About {
    pub site: i64,
    pub epoch: Uuid,
    pub sequence: i64,
    pub id: Uuid,
}

const CONFLICTS_MAX: i64 = 10_000;
const QUARANTINE_MAX: i64 = 1_000;

/// Keeps a conflict; the same one again changes nothing.
pub fn conflict(db: &Db, about: About, conflict: Conflict, detail: &str, now: Now) -> Result<(), Error> {
    let About { site, epoch, sequence, id } = about;
    tracing::warn!(%epoch, sequence, %id, kind = conflict.word(), detail, "conflict");
    let kept = db.row("SELECT count(*) FROM conflicts", &[], |row| row.get::<i64>(0))?;
    if CONFLICTS_MAX <= kept.unwrap_or_default() {
        return Ok(());
    }
    db.run(
        "INSERT INTO conflicts (site, kind, epoch, sequence, event, detail, seen)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        &params![site, conflict.word(), epoch.to_string(), sequence, id.to_string(), detail, stamp(now)],
    )?;
    Ok(())
}

/// Keeps a message that could not be read; the oldest make room.
pub fn quarantine(db: &Db, topic: &str, reason: &str, payload: &[u8], now: Now) -> Result<(), Error> {
    tracing::warn!(topic, reason, bytes = payload.len(), "message quarantined");
    let newest: Option<i64> = db.row(
        "INSERT INTO quarantine (topic, reason, payload, seen) VALUES (?1, ?2, ?3, ?4) RETURNING id",
        &params![topic, reason, payload, stamp(now)],
        |row| row.get(0),
    )?;
    trim(db, "quarantine", newest.unwrap_or_default() - QUARANTINE_MAX)
}

/// Deletes the rows of `table` up to the id `last`. Those that another instance is deleting are left to it: whoever
/// waited for it might be what it waits for.
pub fn trim(db: &Db, table: &str, last: i64) -> Result<(), Error> {
    let old = format!("SELECT id FROM {table} WHERE id <= ?1 ORDER BY id FOR UPDATE SKIP LOCKED");
    let delete = format!("DELETE FROM {table} WHERE id = ?1");
    for id in db.rows(&old, &params![last], |row| row.get::<i64>(0))? {
        db.run(&delete, &params![id])?;
    }
    Ok(())
}

/// A moment as it is stored.
#[must_use]
pub fn stamp(now: Now) -> String {
    format!("{:.3}", now.at)
}
