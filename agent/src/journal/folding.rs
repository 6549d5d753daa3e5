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
        let is_part = counts(conn, LOOK).is_ok_and(|(_, in_log, in_file)| 0 < in_file && in_file < in_log);
        Self { part: if is_part { Part::Unforced } else { Part::None } }
    }

    /// Folds. Whether all of the log is in the file then, forced to disk, and whatever else was asked for; `None` where it could not
    /// be tried.
    pub fn fold(&mut self, conn: &Connection, how: How) -> Option<bool> {
        if self.is_in_doubt() {
            return None;
        }
        match counts(conn, how.pragma()) {
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

/// Folds nothing, and says how it stands.
pub const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";

/// What such a pragma answers: whether somebody was in the way, the pages of the log, and those of them that are in the file; below
/// 0 where it says nothing of them.
pub fn counts(conn: &Connection, pragma: &str) -> rusqlite::Result<(i64, i64, i64)> {
    conn.query_row(pragma, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
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
