//! How long somebody may read in one go: what is written meanwhile lengthens the write-ahead log, which can't be folded.

use super::room::{directory, free_bytes};
use std::fs;
use std::path::{Path, PathBuf};

/// What a busy site writes in an hour.
const LOG_BYTES_MAX: u64 = 48 * 1024 * 1024;
/// What has to stay free of the database's disk, or half of what was there before: so much as makes room for the ballast.
const LEFT_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// Until when a long look at `database` may go on.
#[derive(Debug)]
pub struct Limits {
    pub database: PathBuf,
    pub log_bytes_max: u64,
    pub left_bytes_min: u64,
}

/// Why not any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tight {
    /// So long is the log.
    Log { bytes: u64 },
    /// So little is left of the disk.
    Disk { free: u64 },
}

impl Limits {
    /// For a look that begins now: what is there before is no doing of it.
    pub fn of(database: &Path) -> Self {
        let left = free_bytes(directory(database)).map_or(0, |free| free / 2);
        Self {
            database: database.into(),
            log_bytes_max: LOG_BYTES_MAX.max(2 * log_bytes(database)),
            left_bytes_min: left.min(LEFT_BYTES_MIN),
        }
    }

    /// Whether it is too much now; two questions to the file system.
    pub fn exceeded(&self) -> Option<Tight> {
        let bytes = log_bytes(&self.database);
        if self.log_bytes_max < bytes {
            return Some(Tight::Log { bytes });
        }
        let free = free_bytes(directory(&self.database))?;
        (free < self.left_bytes_min).then_some(Tight::Disk { free })
    }
}

fn log_bytes(database: &Path) -> u64 {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    fs::metadata(log).map_or(0, |found| found.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_log_and_the_disk_are_limits() {
        let database = std::env::temp_dir().join(format!("parceld-tight-{}.db", Uuid::now_v7()));
        let log = PathBuf::from(format!("{}-wal", database.display()));
        fs::write(&log, [0; 100]).unwrap();
        let limits = Limits::of(&database);
        assert_eq!(limits.exceeded(), None);
        let short = Limits { log_bytes_max: 99, ..Limits::of(&database) };
        assert_eq!(short.exceeded(), Some(Tight::Log { bytes: 100 }));
        let full = Limits { left_bytes_min: u64::MAX, ..Limits::of(&database) };
        assert!(matches!(full.exceeded(), Some(Tight::Disk { .. })));
        fs::File::options().write(true).open(&log).unwrap().set_len(LOG_BYTES_MAX + 1).unwrap();
        assert!(matches!(limits.exceeded(), Some(Tight::Log { .. })));
        assert_eq!(Limits::of(&database).exceeded(), None, "one that was long before");
        fs::remove_file(log).unwrap();
    }
}
