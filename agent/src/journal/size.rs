//! How fast the file grows, how long its log is, and what is open in it: for whoever looks after the board.
//!
//! Every question here is answered from an index or from a few rows, however long the log is.

use super::log::Place;
use super::reader::Reader;
use super::row::HELD;
use super::{Error, folding, log};
use crate::domain::event::Kind;
use crate::domain::order::State;
use crate::domain::promise::Course;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;

/// How fast the log grows at the pace of the last days of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Of the whole file: an event with its share of orders, parcels and indexes.
    pub bytes_per_event: u64,
    /// In a day of the agent's own time, which goes on only while it runs.
    pub events_per_day: u64,
}

/// A week has the quiet days and the busy ones.
const WINDOW_S: u64 = 7 * DAY_S;
/// From less than a day nobody can tell what a day brings.
const DAY_S: u64 = 86_400;
/// With fewer events the empty tables weigh more than the events.
const EVENTS_MIN: u64 = 1_000;

/// What the write-ahead log holds that isn't in the file yet: little, unless somebody reads for long.
pub fn held_bytes(conn: &Connection) -> Result<u64, Error> {
    let page_bytes: u64 = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let (_, log, folded) = folding::counts(conn, folding::LOOK)?;
    Ok(u64::try_from(log - folded).unwrap_or_default() * page_bytes)
}

/// Orders that nobody has anything to do about any more.
const CLOSED: [State; 2] = [State::Completed, State::Cancelled];

impl Reader {
    /// How fast the file grows; none before there is a day of work to tell it by.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn growth(&self) -> Result<Option<Growth>, Error> {
        let conn = self.connection();
        let oldest: Option<Place> = conn.query_row("SELECT min(place) FROM events", [], |row| row.get(0))?;
        let (Some(oldest), newest) = (oldest, log::head(conn)?) else { return Ok(None) };
        let end_s = self.uptime_at(newest)?.unwrap_or_default();
        let from = self.first_since(oldest, newest, end_s.saturating_sub(WINDOW_S))?;
        let span_s = end_s.saturating_sub(self.uptime_at(from)?.unwrap_or(end_s));
        let (stored, recent) = (newest - oldest + 1, newest - from);
        if span_s < DAY_S || stored < EVENTS_MIN {
            return Ok(None);
        }
        let pragma = |name: &str| conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, u64>(0));
        let used_pages = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
        Ok(Some(Growth {
            bytes_per_event: (used_pages * pragma("page_size")?).div_ceil(stored),
            events_per_day: recent.saturating_mul(DAY_S).div_ceil(span_s),
        }))
    }

    /// What the write-ahead log holds that isn't in the file yet.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn held_bytes(&self) -> Result<u64, Error> {
        held_bytes(self.connection())
    }

    /// How many orders are in each state that is not closed; those that wait for the platform are `held`.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn open_orders(&self) -> Result<BTreeMap<&'static str, u64>, Error> {
        let open = State::WORDS.iter().filter(|(_, state)| !CLOSED.contains(state));
        let known: Vec<(usize, &str)> =
            open.map(|(word, state)| (*state as usize, *word)).chain([(HELD, "held")]).collect();
        let states = known.iter().map(|(state, _)| state.to_string()).collect::<Vec<_>>().join(",");
        self.count_by(&format!("SELECT state, count(*) FROM progress WHERE state IN ({states}) GROUP BY state"), &known)
    }

    /// How many promises that are not over are on each course.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn open_promises(&self) -> Result<BTreeMap<&'static str, u64>, Error> {
        let open = Course::WORDS.iter().filter(|(_, course)| *course != Course::Over);
        let known: Vec<(usize, &str)> = open.map(|(word, course)| (*course as usize, *word)).collect();
        let over = Course::Over as usize;
        self.count_by(&format!("SELECT course, count(*) FROM promises WHERE course < {over} GROUP BY course"), &known)
    }

    /// When the day whose summary follows `place` was closed; none where no summary follows.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn day_closed_after(&self, place: Place) -> Result<Option<Timestamp>, Error> {
        let mut statement = self.connection().prepare_cached("SELECT at, kind FROM events WHERE place = ?1")?;
        let next: Option<(i64, String)> =
            statement.query_row([place + 1], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let at = next.filter(|(_, kind)| kind == Kind::DayClosed.word()).map(|(at, _)| at);
        Ok(at.and_then(|at| Timestamp::from_microsecond(at).ok()))
    }

    /// The first place from `low` to `high` whose event happened `uptime_s` or later; the log is in that order.
    fn first_since(&self, mut low: Place, mut high: Place, uptime_s: u64) -> Result<Place, Error> {
        while low < high {
            let middle = low + (high - low) / 2;
            match self.uptime_at(middle)? {
                Some(at_s) if at_s < uptime_s => low = middle + 1,
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }

    fn uptime_at(&self, place: Place) -> Result<Option<u64>, Error> {
        let mut statement = self.connection().prepare_cached("SELECT uptime_s FROM events WHERE place = ?1")?;
        Ok(statement.query_row([place], |row| row.get(0)).optional()?)
    }

    /// Every known word with its count, also those that nothing was counted for.
    fn count_by(&self, query: &str, known: &[(usize, &'static str)]) -> Result<BTreeMap<&'static str, u64>, Error> {
        let mut counts: BTreeMap<&'static str, u64> = known.iter().map(|(_, word)| (*word, 0)).collect();
        let mut statement = self.connection().prepare_cached(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let number: usize = row.get(0)?;
            if let Some((_, word)) = known.iter().find(|(known, _)| *known == number) {
                counts.insert(word, row.get(1)?);
            }
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::schema;
    use rusqlite::params;
    use std::path::PathBuf;
    use uuid::Uuid;

    struct File {
        path: PathBuf,
        conn: Connection,
    }

    impl File {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("parceld-size-{}.db", Uuid::now_v7()));
            let conn = schema::open_writer(&path).unwrap();
            Self { path, conn }
        }

        /// Events from `first` on, one each `every_s`.
        fn add(&self, first: Place, count: u64, from_s: u64, every_s: u64) {
            self.conn.execute_batch("BEGIN").unwrap();
            for n in 0..count {
                let mut insert = self
                    .conn
                    .prepare_cached(
                        "INSERT INTO events (place, id, at, uptime_s, synced, kind, data)
                         VALUES (?1, x'00', ?2, ?3, 1, 'pick.item_picked', ?4)",
                    )
                    .unwrap();
                let data = "x".repeat(300);
                insert.execute(params![first + n, 1_000_000 * n, from_s + n * every_s, data]).unwrap();
            }
            self.conn.execute_batch("COMMIT").unwrap();
        }

        fn reader(&self) -> Reader {
            Reader::open(&self.path).unwrap()
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{suffix}", self.path.display()));
            }
        }
    }

    #[test]
    fn measures_the_growth_of_the_last_week() {
        for (what, runs, expected) in [
            ("nothing", &[][..], None),
            ("an hour", &[(2_000, 0, 1)], None),
            ("few events", &[(900, 0, 200)], None),
            ("two days", &[(2_000, 0, 86)], Some(1_005)),
            ("after a month that was busier", &[(3_000, 0, 864), (700, 2_592_000 + 864, 864)], Some(100)),
        ] {
            let file = File::new();
            let mut first = 41;
            for (count, from_s, every_s) in runs {
                file.add(first, *count, *from_s, *every_s);
                first += count;
            }
            let growth = file.reader().growth().unwrap();
            assert_eq!(growth.map(|growth| growth.events_per_day), expected, "{what}");
            let bytes = growth.map_or(400, |growth| growth.bytes_per_event);
            assert!((300..600).contains(&bytes), "{what}: {bytes} bytes");
        }
    }

    #[test]
    fn counts_what_is_open() {
        let file = File::new();
        let insert = "INSERT INTO progress (state, urgency, body) VALUES (0, 0, ''), (1, 0, ''), (1, 0, ''), (4, 0, ''), (100, 0, '')";
        file.conn.execute_batch(insert).unwrap();
        file.conn.execute_batch("INSERT INTO promises (course, body) VALUES (0, ''), (2, ''), (3, '')").unwrap();
        let said = |counts: BTreeMap<&str, u64>| {
            counts.iter().filter(|(_, n)| 0 < **n).map(|(word, n)| format!("{word} {n}")).collect::<Vec<_>>().join(", ")
        };
        let (orders, promises) = (file.reader().open_orders().unwrap(), file.reader().open_promises().unwrap());
        assert!(orders.len() == 8 && !orders.contains_key("completed"), "{orders:?}");
        assert_eq!(promises.len(), 3);
        assert_eq!(
            (said(orders), said(promises)),
            ("accepted 1, held 1, packing 2".into(), "on_track 1, will_miss 1".into())
        );
    }
}
