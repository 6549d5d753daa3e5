//! The write-ahead log is as long beforehand as it gets.
//!
//! A commit that makes a file longer has the file system note its length too, in a journal of its own and with a flush of its
//! own; one that writes over what is there costs the disk its pages. SQLite begins a folded log anew at its beginning and leaves
//! it as long as it was. So it is lengthened once after a start, with zeros, which SQLite takes for the end of it: in pieces,
//! while nobody waits. Room that was only given to it would not do: the file system notes of each block that it is written.

use super::room::{directory, free_bytes};
use super::salvage::beside;
use crate::clock::timed;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Written at once. What a file gets at once lies in one piece in the system's memory, and a commit that touches a byte of it
/// counts for all of it: such pieces are no larger than the disk's own.
pub const AT_ONCE_BYTES: usize = 4_096;

/// Forced to disk at a time. A scan that comes meanwhile waits for that, 50 ms on a slow card.
const PIECE_BYTES: u64 = 256 * 1024;

/// For each of these that a piece has taken, the writer works and comes to rest once before the next.
const PUT_OFF_BY: Duration = Duration::from_millis(10);

/// A disk with less keeps it for what has to be written.
const LEFT_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// The log of a database, and whether it is as long as it is to be.
#[derive(Debug)]
pub struct Ahead {
    log: PathBuf,
    length_bytes: u64,
    is_done: bool,
    /// What is left of what the last piece took: the slower a disk is, the more of it is left to scans.
    put_off: Duration,
}

impl Ahead {
    /// Of a log that is folded when it has `folded_bytes`, and some batches more.
    pub fn of(database: &Path, folded_bytes: u64) -> Self {
        let length_bytes = folded_bytes + PIECE_BYTES;
        Self { log: beside(database, "-wal"), length_bytes, is_done: false, put_off: Duration::ZERO }
    }

    /// Whether it is as long as it gets.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// Nobody waits: whether a piece is to be added now.
    pub fn is_due(&mut self) -> bool {
        let is_put_off = PUT_OFF_BY <= self.put_off;
        self.put_off = self.put_off.saturating_sub(PUT_OFF_BY);
        !self.is_done && !is_put_off
    }

    /// The log was cut off.
    pub fn begin_anew(&mut self) {
        self.is_done = false;
    }

    /// Adds a piece. Nobody may write to the log meanwhile. Where it fails it isn't tried again: nothing depends on it, and the
    /// next commit tells of a disk that fails.
    pub fn lengthen(&mut self) {
        let (added, took) = timed(|| self.add_piece());
        (self.is_done, self.put_off) = (added.unwrap_or(true), took);
    }

    /// Whether it was the last one, or there is no room for more.
    fn add_piece(&self) -> io::Result<bool> {
        let log = File::options().write(true).open(&self.log)?;
        let length = log.metadata()?.len();
        let has_room = free_bytes(directory(&self.log)).is_some_and(|free| LEFT_BYTES_MIN <= free);
        if self.length_bytes <= length || !has_room {
            return Ok(true);
        }
        for at in (length..length + PIECE_BYTES).step_by(AT_ONCE_BYTES) {
            log.write_all_at(&[0; AT_ONCE_BYTES], at)?;
        }
        log.sync_data()?;
        Ok(self.length_bytes <= length + PIECE_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use uuid::Uuid;

    #[test]
    fn zeros_are_added_behind_what_is_there_until_it_is_long_enough() {
        let database = std::env::temp_dir().join(format!("parceld-ahead-{}.db", Uuid::now_v7()));
        let log = beside(&database, "-wal");
        let mut ahead = Ahead::of(&database, 3 * PIECE_BYTES);
        ahead.lengthen();
        assert!(ahead.is_done && !log.exists(), "there is none");
        fs::write(&log, "frames").unwrap();
        ahead.begin_anew();
        let mut pieces = 0;
        while !ahead.is_done {
            ahead.lengthen();
            pieces += 1;
        }
        assert_eq!(pieces, 4);
        let found = fs::read(&log).unwrap();
        assert!(found.strip_prefix(b"frames").unwrap().iter().all(|byte| *byte == 0));
        assert_eq!(found.len() as u64, 6 + 4 * PIECE_BYTES);
        ahead.begin_anew();
        ahead.lengthen();
        assert!(ahead.is_done);
        assert_eq!(fs::metadata(&log).unwrap().len(), 6 + 4 * PIECE_BYTES, "long enough");
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn a_slow_disk_is_left_to_scans_in_between() {
        let mut ahead = Ahead::of(Path::new("/no/such/database"), 0);
        assert!(ahead.is_due());
        ahead.put_off = 2 * PUT_OFF_BY;
        assert_eq!([(); 4].map(|()| ahead.is_due()), [false, false, true, true]);
        ahead.is_done = true;
        assert!(!ahead.is_due());
    }
}
