//! Times that were stored while the clock was not believed: by how much they are to be shifted, once it is.
//!
//! Each event knows its boot and how long that had lasted, so what the clock should have shown is exact for this boot.
//! Of another boot nobody knows how long ago it was: its times stay as they are.

use super::State;
use crate::clock::Moment;
use crate::domain::event::Event;
use crate::journal::log::{self, Place};
use crate::journal::{Error, slate};
use jiff::SignedDuration;
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;

/// Events that one turn looks at, so that scans wait for milliseconds at most.
const LOOKED_AT_MAX: usize = 2_000;

/// Times that are off by as much as others to this are shifted as one: a clock that is set right slowly.
const SAME_WITHIN_US: u64 = 100_000;

/// The time of an event, as it was stored.
#[derive(Clone, Copy, Debug)]
struct Timed {
    place: Place,
    at_us: i64,
    /// How long this boot had lasted; none for what is not to be corrected.
    since_boot_us: Option<i64>,
}

/// Times that are all off by as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: Place,
    last: Place,
    off_us: i64,
}

impl State {
    /// How long the boot has lasted.
    pub(super) fn since_boot(&self, moment: &Moment) -> Duration {
        self.config.boot.at_start.saturating_add(moment.since_start)
    }

    /// Keeps where the times begin that wait to be corrected.
    pub(super) fn owe_correction_from(&mut self, place: Option<Place>) -> Result<(), Error> {
        let name = slate::unsynced(self.boot);
        match place {
            Some(place) => slate::set(&self.conn, &name, &place)?,
            None => slate::clear(&self.conn, &name)?,
        }
        self.unsynced_from = place;
        self.wrote = true;
        Ok(())
    }

    /// Records by how much times are to be shifted, a little at a time, and that a time server has vouched for the clock.
    /// Whether there is more.
    pub fn correct_times(&mut self, moment: &Moment, vouched: bool) -> Result<bool, Error> {
        if vouched && !self.vouched {
            slate::set(&self.conn, &slate::vouched(self.boot), &1)?;
            self.vouched = true;
            self.wrote = true;
        }
        let Some(first) = self.unsynced_from.filter(|_| moment.trusted) else {
            return Ok(false);
        };
        let times = self.times_from(first)?;
        let booted_us = moment.wall.as_microsecond().saturating_sub(log::microseconds(self.since_boot(moment)));
        for Range { first, last, off_us } in ranges(&times, booted_us) {
            let offset_ms = milliseconds(off_us);
            self.conn
                .prepare_cached("INSERT INTO corrections (last, first, offset_ms) VALUES (?1, ?2, ?3)")?
                .execute(params![last, first, offset_ms])?;
            let first = first.max(self.epoch.base + 1);
            if first <= last {
                let (from, to) = (self.epoch.sequence(first), self.epoch.sequence(last));
                let boot = self.config.boot.id.as_str().into();
                self.record(&Event::ClockCorrected { boot, from, to, offset_ms }, None, moment)?;
                tracing::info!(from, to, offset_ms, "the times of events are corrected");
            }
        }
        let next = times.last().filter(|_| times.len() == LOOKED_AT_MAX).map(|last| last.place + 1);
        self.owe_correction_from(next)?;
        Ok(next.is_some())
    }

    fn times_from(&self, first: Place) -> Result<Vec<Timed>, Error> {
        let mut statement = self.conn.prepare_cached(
            "SELECT place, at, iif(synced = 0 AND boot = ?2, since_boot_us, NULL) FROM events
             WHERE ?1 <= place ORDER BY place LIMIT ?3",
        )?;
        let rows = statement.query_map(params![first, self.boot, LOOKED_AT_MAX], |row| {
            Ok(Timed { place: row.get(0)?, at_us: row.get(1)?, since_boot_us: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The key of a boot, new if it isn't known.
pub fn boot_key(conn: &Connection, id: &str) -> Result<i64, Error> {
    let known = conn.query_row("SELECT key FROM boots WHERE id = ?1", [id], |row| row.get(0)).optional()?;
    match known {
        Some(key) => Ok(key),
        None => {
            conn.execute("INSERT INTO boots (id) VALUES (?1)", [id])?;
            Ok(conn.last_insert_rowid())
        }
    }
}

/// What was not corrected in another boot never is; boots that no event is left of go too.
pub fn forget_other_boots(conn: &Connection, boot: i64) -> Result<(), Error> {
    let others = "DELETE FROM slate WHERE name LIKE ?1 || '%' AND name <> ?2";
    conn.execute(others, params![slate::UNSYNCED, slate::unsynced(boot)])?;
    conn.execute(others, params![slate::VOUCHED, slate::vouched(boot)])?;
    let oldest = "(SELECT boot FROM events ORDER BY place LIMIT 1)";
    conn.execute(&format!("DELETE FROM boots WHERE key < {oldest} AND key <> ?1"), [boot])?;
    Ok(())
}

/// What is off by as much, in one piece; `booted_us` is when the boot began by the clock that is believed now.
fn ranges(times: &[Timed], booted_us: i64) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for Timed { place, at_us, since_boot_us } in times {
        let Some(since_boot_us) = since_boot_us else { continue };
        let off_us = booted_us.saturating_add(*since_boot_us).saturating_sub(*at_us);
        match ranges.last_mut() {
            Some(range) if range.last + 1 == *place && range.off_us.abs_diff(off_us) <= SAME_WITHIN_US => {
                range.last = *place;
            }
            _ => ranges.push(Range { first: *place, last: *place, off_us }),
        }
    }
    ranges
}

/// To the nearest.
fn milliseconds(off_us: i64) -> i64 {
    let nearest =
        SignedDuration::from_micros(off_us).round(jiff::SignedDurationRound::new().smallest(jiff::Unit::Millisecond));
    nearest.map_or(off_us / 1_000, |off| off.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times as `place at since_boot`, in seconds (`-`: not to be corrected), of a boot that began at 1,000 s; the ranges
    /// as `first-last off`.
    #[track_caller]
    fn check(times: &str, expected: &[(Place, Place, f64)]) {
        let us = |text: &str| (text.parse::<f64>().unwrap() * 1e6).round() as i64;
        let times: Vec<Timed> = times
            .split(',')
            .filter(|time| !time.trim().is_empty())
            .map(|time| {
                let words: Vec<&str> = time.split_whitespace().collect();
                let since_boot_us = (words[2] != "-").then(|| us(words[2]));
                Timed { place: words[0].parse().unwrap(), at_us: us(words[1]), since_boot_us }
            })
            .collect();
        let found: Vec<_> = ranges(&times, 1_000_000_000)
            .into_iter()
            .map(|Range { first, last, off_us }| (first, last, off_us as f64 / 1e6))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn shifts_what_is_off_by_as_much_in_one_piece() {
        check("", &[]);
        check("1 30 30, 2 40 40, 3 45.5 45.5", &[(1, 3, 1_000.0)]);
        // Slewed, and stepped in between.
        check("1 30 30, 2 40 40.09, 3 50 50.2", &[(1, 2, 1_000.0), (3, 3, 1_000.2)]);
        check("1 30 30, 2 5040 40, 3 5050 50", &[(1, 1, 1_000.0), (2, 3, -4_000.0)]);
        // Right after all.
        check("7 1030 30", &[(7, 7, 0.0)]);
    }

    #[test]
    fn leaves_out_what_needs_no_correction() {
        check("1 30 30, 2 2000 -, 3 40 40", &[(1, 1, 1_000.0), (3, 3, 1_000.0)]);
        check("1 2000 -", &[]);
    }

    #[test]
    fn rounds_to_the_nearest_millisecond() {
        for (us, ms) in [(0, 0), (499, 0), (501, 1), (-499, 0), (-501, -1), (1_792_000_123_400, 1_792_000_123)] {
            assert_eq!(milliseconds(us), ms, "{us}");
        }
    }
}
