//! Retention: what is received and old goes, a little at a time.

use super::State;
use crate::clock::Moment;
use crate::domain::order::State as OrderState;
use crate::journal::Error;
use crate::journal::log::Place;
use rusqlite::params;

/// Pages that one turn gives back: each may move another one, so that scans wait for some milliseconds at most.
const GIVEN_BACK_MAX: u64 = 64;
/// Free pages are written again instead of new ones: giving all of them back would only move rows about.
const FREE_PAGES_KEPT: u64 = 1_024;
const FREE_PART_KEPT: u64 = 8;

/// All but each carrier's last one, which tells when its courier came. Those of carriers without collections stay: their
/// number is in the next one's name.
const OLD_MANIFESTS: &str = "DELETE FROM manifests WHERE id IN (
    SELECT id FROM manifests AS old WHERE closed = 1 AND instr(id, '@') AND body ->> 'closed_s' < ?1
    AND EXISTS (SELECT 1 FROM manifests AS newer WHERE newer.carrier = old.carrier AND newer.closed = 1
        AND instr(newer.id, '@') AND old.id < newer.id) LIMIT ?2)";

/// Rows that one turn of retention deletes, so that scans wait for milliseconds at most.
const RETAIN_ROWS_MAX: usize = 500;

impl State {
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
            self.conn.prepare_cached("DELETE FROM corrections WHERE last <= ?1")?.execute([newest])?;
        }
        let orders = self.retain_orders(limit_s)?;
        let returns = "DELETE FROM returns WHERE id IN (SELECT id FROM returns WHERE closed_s < ?1 LIMIT ?2)";
        self.conn.prepare_cached(returns)?.execute(params![limit_s, RETAIN_ROWS_MAX])?;
        for (table, key) in [("commands", "id"), ("tombstones", "id"), ("quarantine", "key"), ("duties", "name")] {
            let query =
                format!("DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE uptime_s < ?1 LIMIT ?2)");
            self.conn.prepare_cached(&query)?.execute(params![limit_s, RETAIN_ROWS_MAX])?;
        }
        self.conn.prepare_cached(OLD_MANIFESTS)?.execute(params![limit_s, RETAIN_ROWS_MAX])?;
        self.wrote = true;
        let more = count == RETAIN_ROWS_MAX || orders == RETAIN_ROWS_MAX;
        Ok(more || self.give_back()?)
    }

    /// Gives pages that hold nothing back to the file system, a few at a time. Whether there are more of them than the
    /// next days need.
    fn give_back(&self) -> Result<bool, Error> {
        let count = |name: &str| self.conn.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, u64>(0));
        let (free, pages) = (count("freelist_count")?, count("page_count")?);
        let kept = FREE_PAGES_KEPT.max(pages / FREE_PART_KEPT);
        let spare = free.saturating_sub(kept).min(GIVEN_BACK_MAX);
        if spare == 0 {
            return Ok(false);
        }
        // Each step of the statement gives one back.
        let mut giving = self.conn.prepare(&format!("PRAGMA incremental_vacuum({spare})"))?;
        let mut given = giving.query([])?;
        while given.next()?.is_some() {}
        let left = count("freelist_count")?;
        Ok(kept < left && left < free)
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
            // A key is given again: whatever still named the old order would name another.
            self.conn.prepare_cached("DELETE FROM labels WHERE order_key = ?1")?.execute([key])?;
            self.conn.prepare_cached("DELETE FROM totes WHERE order_key = ?1")?.execute([key])?;
            self.conn.prepare_cached("DELETE FROM parcels WHERE order_key = ?1")?.execute([key])?;
            self.conn.prepare_cached("DELETE FROM promises WHERE order_key = ?1")?.execute([key])?;
            self.conn.prepare_cached("DELETE FROM progress WHERE key = ?1")?.execute([key])?;
            self.conn.prepare_cached("DELETE FROM orders WHERE key = ?1")?.execute([key])?;
        }
        self.shelf.forget_orders(&self.conn)?;
        Ok(keys.len())
    }
}
