//! The disk that the database lies on: what is free, what is ours, and how long that lasts.

use crate::journal::room::{directory, is_read_only};
use crate::journal::salvage;
use crate::journal::size::Growth;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A directory with more files is not the database's own, and is not looked through.
const FILES_MAX: usize = 10_000;
/// What a block of `st_blocks` is, whatever the file system's own are.
const BLOCK_BYTES: u64 = 512;

/// Room, and how it is used up. What the system doesn't tell is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Space {
    /// That the agent's user may still take.
    pub free_bytes: Option<u64>,
    pub total_bytes: Option<u64>,
    /// The database with its log, its lock and whatever else lies beside it under its name.
    pub ours_bytes: Option<u64>,
    /// Whether nothing can be written to it.
    pub read_only: Option<bool>,
    /// In use by anybody else.
    pub others_bytes: Option<u64>,
    /// At the pace of the last week of work; none before there was a day of it.
    pub growth_bytes_per_day: Option<u64>,
    /// Until nothing is free at that pace, if nothing were forgotten any more: how long the platform may be away.
    pub runway_days: Option<u64>,
    /// That the agent had written to disk since [`super::Report::today_since`].
    pub written_today_bytes: Option<u64>,
    /// That the agent had written to disk since its start.
    pub written_bytes: Option<u64>,
    /// With less free space somebody should look: `storage.low_space`.
    pub low_space_bytes: u64,
    /// What the write-ahead log holds that isn't in the file yet.
    pub log_held_bytes: u64,
    /// None until one was made.
    pub last_backup: Option<Backup>,
    /// Why the one that was due since then was not made.
    pub backup_failure: Option<String>,
    /// Damaged databases that a salvage has left beside this one, until somebody takes them away.
    pub damaged: Option<Damaged>,
}

/// Databases that were damaged, and salvaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damaged {
    pub count: usize,
    /// The newest one.
    pub path: String,
    pub at: Option<Timestamp>,
}

/// A copy of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    pub at: Timestamp,
    pub bytes: u64,
    /// It was read again, and SQLite found nothing wrong with it.
    pub verified: bool,
}

/// Looks at the file system of `database`.
#[must_use]
pub fn look(database: &Path, growth: Option<Growth>) -> Space {
    let ours_bytes = ours(database);
    let disk = rustix::fs::statvfs(directory(database)).ok();
    let bytes = |blocks: u64| disk.as_ref().map(|disk| blocks.saturating_mul(disk.f_frsize));
    let free_bytes = disk.as_ref().and_then(|disk| bytes(disk.f_bavail));
    let used_bytes = disk.as_ref().and_then(|disk| bytes(disk.f_blocks.saturating_sub(disk.f_bfree)));
    let growth_bytes_per_day = growth.map(|growth| growth.bytes_per_event.saturating_mul(growth.events_per_day));
    Space {
        free_bytes,
        read_only: is_read_only(directory(database)),
        total_bytes: disk.as_ref().and_then(|disk| bytes(disk.f_blocks)),
        ours_bytes,
        others_bytes: used_bytes.zip(ours_bytes).map(|(used, ours)| used.saturating_sub(ours)),
        growth_bytes_per_day,
        damaged: damaged(database),
        runway_days: free_bytes.zip(growth_bytes_per_day).and_then(|(free, growth)| free.checked_div(growth)),
        ..Space::default()
    }
}

fn damaged(database: &Path) -> Option<Damaged> {
    let kept = salvage::quarantine(database);
    let newest = kept.last()?;
    Some(Damaged { count: kept.len(), path: newest.display().to_string(), at: salvage::kept_at(newest) })
}

/// What the process with this `io` file has had written to disk, in bytes: what was only written into the page cache and
/// deleted again does not count.
#[must_use]
pub fn written_bytes(io: &Path) -> Option<u64> {
    let text = fs::read_to_string(io).ok()?;
    text.lines().find_map(|line| line.strip_prefix("write_bytes: "))?.trim().parse().ok()
}

/// What the database and its siblings take up.
fn ours(database: &Path) -> Option<u64> {
    let name = database.file_name()?.as_encoded_bytes();
    let is_ours = |file: &OsStr| file.as_encoded_bytes().starts_with(name);
    let files = fs::read_dir(directory(database)).ok()?.take(FILES_MAX).flatten();
    let ours = files.filter(|file| is_ours(&file.file_name())).filter_map(|file| file.metadata().ok());
    Some(ours.filter(fs::Metadata::is_file).map(|file| file.blocks().saturating_mul(BLOCK_BYTES)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn knows_what_is_ours_and_how_long_the_rest_lasts() {
        let directory = std::env::temp_dir().join(format!("parceld-disk-{}", Uuid::now_v7()));
        fs::create_dir_all(directory.join("parceld.db.d")).unwrap();
        for (name, bytes) in [("parceld.db", 40_000), ("parceld.db-wal", 20_000), ("photos", 90_000)] {
            fs::write(directory.join(name), vec![b'x'; bytes]).unwrap();
        }
        let database = directory.join("parceld.db");
        let space = look(&database, Some(Growth { bytes_per_event: 500, events_per_day: 2_000 }));
        let _ = fs::remove_dir_all(&directory);
        let (free, total) = (space.free_bytes.unwrap(), space.total_bytes.unwrap());
        assert!((60_000..90_000).contains(&space.ours_bytes.unwrap()), "{space:?}");
        assert!(free <= total && space.others_bytes.unwrap() < total, "{space:?}");
        assert_eq!(space.growth_bytes_per_day, Some(1_000_000));
        assert_eq!(space.runway_days, Some(free / 1_000_000));
    }

    #[test]
    fn says_nothing_of_a_disk_that_it_cannot_see() {
        assert_eq!(look(Path::new("/no/such/directory/parceld.db"), None), Space::default());
        assert_eq!(written_bytes(Path::new("/no/such/file")), None);
    }

    #[test]
    fn a_site_where_nothing_happens_never_fills_its_disk() {
        let growth = Some(Growth { bytes_per_event: 500, events_per_day: 0 });
        assert_eq!(look(Path::new("/tmp/parceld.db"), growth).runway_days, None);
    }

    #[test]
    fn reads_what_was_written() {
        let io = std::env::temp_dir().join(format!("parceld-io-{}", Uuid::now_v7()));
        fs::write(&io, "rchar: 1\nwrite_bytes: 38797312\ncancelled_write_bytes: 0\n").unwrap();
        assert_eq!(written_bytes(&io), Some(38_797_312));
        let _ = fs::remove_file(&io);
    }
}
