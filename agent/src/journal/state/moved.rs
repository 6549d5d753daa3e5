//! Room for one event behind a place, where a new epoch begins: what comes after it moves on, and so does all that names a
//! place or tells a sequence.

use crate::domain::event::Kind;
use crate::journal::log::{Epoch, Place};
use crate::journal::{Error, slate};
use rusqlite::{Connection, params};

/// Leaves the place behind `base` free. `epoch` is the one in whose sequences the log has told so far.
pub fn make_room(conn: &Connection, base: Place, epoch: Epoch) -> Result<(), Error> {
    conn.execute("UPDATE events SET place = -(place + 1) WHERE ?1 < place", [base])?;
    conn.execute("UPDATE events SET place = -place WHERE place < 0", [])?;
    let marks = "UPDATE slate SET value = value + 1
                 WHERE (name IN (?2, ?3, ?4) OR name LIKE ?5 || '%') AND ?1 < value";
    conn.execute(marks, params![base, slate::COUNTED, slate::INVITED, slate::DAY_CLOSED, slate::UNSYNCED])?;
    move_corrections(conn, base)?;
    tell_anew(conn, base, epoch)
}

/// Of a range around `base` each part on its own: what comes in between is not of it.
fn move_corrections(conn: &Connection, base: Place) -> Result<(), Error> {
    conn.execute(
        "INSERT OR IGNORE INTO corrections (last, first, offset_ms)
         SELECT ?1, first, offset_ms FROM corrections WHERE first <= ?1 AND ?1 < last",
        [base],
    )?;
    let moved = "UPDATE corrections SET last = -(last + 1), first = max(first, ?1 + 1) + 1 WHERE ?1 < last";
    conn.execute(moved, [base])?;
    conn.execute("UPDATE corrections SET last = -last WHERE last < 0", [])?;
    Ok(())
}

/// Corrections that were told since, in the sequences of the epoch that begins at `base`. Of what lies before it they can
/// tell nothing any more: one that has nothing else names itself, which is right already.
fn tell_anew(conn: &Connection, base: Place, epoch: Epoch) -> Result<(), Error> {
    let mut statement = conn.prepare(
        "SELECT place, data ->> 'from', data ->> 'to' FROM events WHERE ?1 < place AND kind = ?2 ORDER BY place",
    )?;
    let told = statement.query_map(params![base, Kind::ClockCorrected.word()], |row| {
        Ok((row.get::<_, Place>(0)?, row.get::<_, u64>(1)?, row.get::<_, u64>(2)?))
    })?;
    for (place, from, to) in told.collect::<Result<Vec<_>, _>>()? {
        let last = epoch.base + to;
        let (first, last) = match base < last {
            true => ((epoch.base + from).max(base + 1) + 1, last + 1),
            false => (place, place),
        };
        let told = "UPDATE events SET data = json_set(data, '$.from', ?2, '$.to', ?3) WHERE place = ?1";
        conn.execute(told, params![place, first - base, last - base])?;
    }
    Ok(())
}
