//! Looking without writing: connections of their own, query-only, short transactions.

use super::log::{self, Epoch, Place, Stored};
use super::tight::Limits;
use super::{Error, SITE_KEY_BYTES, row, schema, slate};
use crate::clock::Known;
use crate::domain::name::Sku;
use crate::domain::order::Order;
use crate::domain::stock::Stock;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

const ORDERS: &str = "SELECT o.terms, p.state, p.body FROM orders o JOIN progress p USING (key)";

/// Steps of SQLite's machine between two looks whether the log gets too long: some pages.
const STEPS_BETWEEN_LOOKS: i32 = 20_000;

/// The order of a row that begins with terms, state and body.
pub(super) fn order(row: &Row<'_>) -> Result<Order, Error> {
    Ok(row::order(&row.get::<_, String>(0)?, row.get(1)?, &row.get::<_, String>(2)?)?)
}

/// A query-only connection.
#[derive(Debug)]
pub struct Reader {
    conn: Connection,
}

/// How far the log and its cursors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursors {
    pub epoch: Option<Epoch>,
    pub head: Place,
    pub sent: Place,
    pub received: Place,
}

/// A message that could not be used.
#[derive(Clone, Debug)]
pub struct Quarantined {
    pub key: i64,
    pub at: Timestamp,
    pub reason: String,
    pub why: String,
    /// Its beginning, as far as it was asked for.
    pub payload: Vec<u8>,
    /// Of all of it.
    pub bytes: usize,
}

impl Reader {
    /// # Errors
    /// The file isn't there, can't be opened, or is of another version than this one's.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let conn = schema::open_reader(path)?;
        schema::refuse_older(&conn, path)?;
        Ok(Self { conn })
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Up to `limit` events after `after`, in order.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn events(&self, after: Place, limit: usize) -> Result<Vec<Stored>, Error> {
        log::read(&self.conn, after, limit)
    }

    /// The last `limit` events, newest first.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn latest(&self, limit: usize) -> Result<Vec<Stored>, Error> {
        log::latest(&self.conn, limit)
    }

    /// What the log says of the time, seen from `boot`; none in an empty log.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn known(&self, boot: &str) -> Result<Option<Known>, Error> {
        log::known(&self.conn, boot)
    }

    /// Every epoch of the file, oldest first.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn epochs(&self) -> Result<Vec<Epoch>, Error> {
        log::epochs(&self.conn)
    }

    /// # Errors
    /// The file can't be read.
    pub fn cursors(&self) -> Result<Cursors, Error> {
        Ok(Cursors {
            epoch: log::epoch(&self.conn)?,
            head: log::head(&self.conn)?,
            sent: slate::get(&self.conn, slate::SENT)?.unwrap_or_default(),
            received: slate::get(&self.conn, slate::RECEIVED)?.unwrap_or_default(),
        })
    }

    /// The key that command barcodes are checked with; none before the first start.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn site_key(&self) -> Result<Option<[u8; SITE_KEY_BYTES]>, Error> {
        slate::get(&self.conn, slate::SITE_KEY)
    }

    /// The order that `text` is the id or the number of; of several with one number the newest.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn order(&self, text: &str) -> Result<Option<Order>, Error> {
        let query = format!("{ORDERS} WHERE o.id = ?1 OR o.number = ?1 ORDER BY o.key DESC LIMIT 1");
        let mut statement = self.conn.prepare_cached(&query)?;
        let mut rows = statement.query_and_then([text], order)?;
        rows.next().transpose()
    }

    /// Up to `limit` orders, those first that somebody still has to do something about, the newest of both first.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn orders(&self, limit: usize) -> Result<Vec<Order>, Error> {
        let query = format!("{ORDERS} ORDER BY p.closed_s IS NOT NULL, o.key DESC LIMIT ?1");
        let mut statement = self.conn.prepare_cached(&query)?;
        let rows = statement.query_and_then([limit], order)?;
        rows.collect()
    }

    /// The stock of every product that has one.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn stock(&self) -> Result<BTreeMap<Sku, Stock>, Error> {
        let mut statement = self.conn.prepare_cached("SELECT sku, on_hand, reserved FROM stock")?;
        let rows = statement.query_map([], |row| {
            let stock = Stock { on_hand: row.get(1)?, reserved: row.get(2)? };
            Ok((Sku::from(row.get::<_, String>(0)?.as_str()), stock))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the first event after `place` happened.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn time_after(&self, place: Place) -> Result<Option<Timestamp>, Error> {
        let mut statement =
            self.conn.prepare_cached("SELECT at FROM events WHERE ?1 < place ORDER BY place LIMIT 1")?;
        let at: Option<i64> = statement.query_row([place], |row| row.get(0)).optional()?;
        Ok(at.and_then(|at| Timestamp::from_microsecond(at).ok()))
    }

    /// Messages that could not be used, newest first, each with no more than so many bytes of it: there may be a thousand, and
    /// each as long as a message can be.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn quarantine(&self, payload_bytes_max: usize) -> Result<Vec<Quarantined>, Error> {
        let mut statement = self.conn.prepare_cached(
            "SELECT key, at, reason, why, ifnull(substr(payload, 1, ?1), x''), length(payload)
             FROM quarantine ORDER BY key DESC",
        )?;
        let rows = statement.query_map([i64::try_from(payload_bytes_max).unwrap_or(i64::MAX)], |row| {
            Ok(Quarantined {
                key: row.get(0)?,
                at: Timestamp::from_microsecond(row.get(1)?).unwrap_or(Timestamp::UNIX_EPOCH),
                reason: row.get(2)?,
                why: row.get(3)?,
                payload: row.get(4)?,
                bytes: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many messages are in quarantine, and when the newest came.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn quarantined(&self) -> Result<(usize, Option<Timestamp>), Error> {
        let mut statement = self.conn.prepare_cached("SELECT count(*), max(at) FROM quarantine")?;
        let (count, newest): (usize, Option<i64>) = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((count, newest.and_then(|at| Timestamp::from_microsecond(at).ok())))
    }

    /// The schema that the file has; this build writes [`SCHEMA_VERSION`](super::SCHEMA_VERSION).
    ///
    /// # Errors
    /// The file can't be read.
    pub fn schema_version(&self) -> Result<i64, Error> {
        Ok(self.conn.query_row("PRAGMA user_version", [], |row| row.get(0))?)
    }

    /// SQLite's own check of the file's structure: `ok`, or what is wrong.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn quick_check(&self) -> Result<String, Error> {
        Ok(self.conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?)
    }

    /// The tables that the file should have.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn tables(&self) -> Result<Vec<String>, Error> {
        let mut statement =
            self.conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rootpage")?;
        let tables = statement.query_map([], |row| row.get(0))?;
        Ok(tables.collect::<Result<_, _>>()?)
    }

    /// The same check of one table and its indexes: shorter, so that the write-ahead log can be folded in between.
    ///
    /// # Errors
    /// The file can't be read; or the log has grown too long meanwhile, or the disk too full.
    pub fn quick_check_of(&mut self, table: &str) -> Result<String, Error> {
        if let Some(limits) = self.conn.path().map(|path| Limits::of(Path::new(path))) {
            self.conn.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || limits.exceeded().is_some()))?;
        }
        Ok(self.conn.query_row("SELECT quick_check FROM pragma_quick_check(?1)", [table], |row| row.get(0))?)
    }

    /// The same, for no longer than `limit`; none where that was too short.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn quick_check_within(&self, limit: Duration) -> Result<Option<String>, Error> {
        let (interrupt, (done, waiting)) = (self.conn.get_interrupt_handle(), sync_channel::<()>(0));
        std::thread::scope(|both| {
            both.spawn(move || {
                if waiting.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                    interrupt.interrupt();
                }
            });
            let checked = self.quick_check();
            drop(done);
            match checked {
                Err(Error::Sqlite(error)) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                    Ok(None)
                }
                checked => checked.map(Some),
            }
        })
    }
}
