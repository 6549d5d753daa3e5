//! What should never have been sent, kept for people: conflicts and quarantine. Both have a limit.

use crate::clock::Now;
use rusqlite::{Connection, params};
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
pub fn conflict(db: &Connection, about: About, conflict: Conflict, detail: &str, now: Now) -> rusqlite::Result<()> {
    let About { site, epoch, sequence, id } = about;
    tracing::warn!(%epoch, sequence, %id, kind = conflict.word(), detail, "conflict");
    let mut insert = db.prepare_cached(
        "INSERT OR IGNORE INTO conflicts (site, kind, epoch, sequence, event, detail, seen)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE (SELECT count(*) FROM conflicts) < ?8",
    )?;
    let (epoch, id) = (epoch.to_string(), id.to_string());
    insert.execute(params![site, conflict.word(), epoch, sequence, id, detail, stamp(now), CONFLICTS_MAX])?;
    Ok(())
}

/// Keeps a message that could not be read; the oldest make room.
pub fn quarantine(db: &Connection, topic: &str, reason: &str, payload: &[u8], now: Now) -> rusqlite::Result<()> {
    tracing::warn!(topic, reason, bytes = payload.len(), "message quarantined");
    db.prepare_cached("INSERT INTO quarantine (topic, reason, payload, seen) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![topic, reason, payload, stamp(now)])?;
    let newest = db.last_insert_rowid();
    db.prepare_cached("DELETE FROM quarantine WHERE id <= ?1")?.execute([newest - QUARANTINE_MAX])?;
    Ok(())
}

/// A moment as it is stored.
#[must_use]
pub fn stamp(now: Now) -> String {
    format!("{:.3}", now.at)
}
