//! Folding the write-ahead log into the file.
//!
//! SQLite forces the file to disk only where it has folded all of the log, and never folds anew what it has folded before. While
//! somebody reads, a part is folded and not forced. Where forcing it fails later, the system takes what was written for stored: the
//! next time nothing fails, and the log is written over, which alone had those pages. So nothing is folded from there on, and the
//! log keeps all of it for the next start, which folds it from the beginning: how far folding is stands in the log's index, and that is
//! made anew where nobody else has the database open.

use rusqlite::{Connection, Error};

/// How much of the log is to be folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// As far as those who read let it.
    AsFarAsItGoes,
    /// All of it.
    All,
    /// All of it, and the log is cut off: it begins anew.
    AllAndAnew,
}

/// How folding stands.
#[derive(Debug)]
pub struct Folding {
    part: Part,
}

/// A part that was folded while somebody read the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    None,
    Unforced,
    /// Forcing it has failed.
    InDoubt,
}

impl Folding {
    /// As the log's index has it. It is made anew where nobody else has the database open; else it may know of a part that an
    /// earlier process has folded.
    pub fn of(conn: &Connection) -> Self {
        let is_part = conn.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
            let (in_log, in_file) = (row.get::<_, i64>(1)?, row.get::<_, i64>(2)?);
            Ok(0 < in_file && in_file < in_log)
        });
        Self { part: if is_part.unwrap_or(false) { Part::Unforced } else { Part::None } }
    }

    /// Folds. Whether all of the log is in the file then, forced to disk, and whatever else was asked for; `None` where it could not
    /// be tried.
    pub fn fold(&mut self, conn: &Connection, how: How) -> Option<bool> {
        if self.is_in_doubt() {
            return None;
        }
        let counts =
            |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        match conn.query_row(how.pragma(), [], counts) {
            Ok((is_busy, in_log, in_file)) => {
                // Where somebody else is folding, nothing is said of how far.
                let is_whole = 0 <= in_log && in_log == in_file;
                self.part = if is_whole { Part::None } else { Part::Unforced };
                Some(is_whole && is_busy == 0)
            }
            Err(error) => {
                if self.part == Part::Unforced && was_not_forced(&error) {
                    self.part = Part::InDoubt;
                }
                None
            }
        }
    }

    /// Whether the file may lack pages that only the log still has.
    pub fn is_in_doubt(&self) -> bool {
        self.part == Part::InDoubt
    }
}

impl How {
    fn pragma(self) -> &'static str {
        match self {
            Self::AsFarAsItGoes => "PRAGMA wal_checkpoint(PASSIVE)",
            Self::All => "PRAGMA wal_checkpoint(FULL)",
            Self::AllAndAnew => "PRAGMA wal_checkpoint(TRUNCATE)",
        }
    }
}

/// `SQLITE_IOERR_FSYNC`.
const IOERR_FSYNC: i32 = 1_034;

fn was_not_forced(error: &Error) -> bool {
    matches!(error, Error::SqliteFailure(failure, _) if failure.extended_code == IOERR_FSYNC)
}
