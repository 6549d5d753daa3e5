//! Room that is kept for when there is none: a file beside the database, which is given up when the disk is full.
//!
//! What is freed is for cursors, so that a full disk sends nothing again and forgets no receipt. Scans wait until the
//! ballast lies there again, also over a restart: an empty file says that it was given up.

use super::Error;
use super::room::{self, ROOM_BYTES_MIN, directory, free_bytes};
use rusqlite::ErrorCode;
use rustix::fs::FallocateFlags;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub struct Ballast {
    path: PathBuf,
    bytes: u64,
}

impl Ballast {
    /// Of a database. `bytes`: 0 where none is wanted.
    pub fn of(database: &Path, bytes: u64) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push(".ballast");
        Self { path: path.into(), bytes }
    }

    /// Gives it up. Whether there was any.
    pub fn release(&self) -> bool {
        let there_was = fs::metadata(&self.path).is_ok_and(|found| 0 < found.len());
        there_was && (self.empty().is_ok() || fs::remove_file(&self.path).is_ok())
    }

    /// Whether it was given up, and could not be made again since.
    pub fn is_given_up(&self) -> bool {
        0 < self.bytes && fs::metadata(&self.path).is_ok_and(|found| found.len() == 0)
    }

    /// Makes it, unless it is there, where that leaves as much again. Whether it is there, or none is wanted.
    pub fn make(&self) -> bool {
        if self.bytes == 0 {
            let _ = fs::remove_file(&self.path);
            return true;
        }
        if fs::metadata(&self.path).is_ok_and(|found| found.len() == self.bytes) {
            return true;
        }
        let is_given_up = self.is_given_up();
        if !is_given_up {
            // None yet, or one of another size.
            let _ = fs::remove_file(&self.path);
        }
        let enough = self.bytes.saturating_mul(2).max(ROOM_BYTES_MIN);
        if free_bytes(directory(&self.path)).is_some_and(|free| free < enough) {
            return false;
        }
        let made = File::create(&self.path).and_then(|file| {
            rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, self.bytes)?;
            file.sync_all()
        });
        if let Err(error) = &made {
            tracing::warn!(%error, path = %self.path.display(), "no room is kept for a full disk");
            let _ = if is_given_up { self.empty() } else { fs::remove_file(&self.path) };
        }
        made.is_ok()
    }

    fn empty(&self) -> std::io::Result<()> {
        File::options().write(true).open(&self.path)?.set_len(0)
    }
}

/// Whether an error says that the disk is full.
pub fn is_full(error: &Error) -> bool {
    match error {
        Error::Sqlite(error) | Error::Open { why: error, .. } | Error::Migration { why: error, .. } => {
            error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        }
        Error::Log { why, .. } => room::is_full(why),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn takes_room_and_gives_it_back() {
        let directory = std::env::temp_dir().join(format!("parceld-ballast-{}", Uuid::now_v7()));
        fs::create_dir_all(&directory).unwrap();
        let database = directory.join("parceld.db");
        let ballast = Ballast::of(&database, 1 << 20);
        assert!(!ballast.release() && !ballast.is_given_up(), "there is none yet");
        assert!(ballast.make() && ballast.make() && !ballast.is_given_up());
        let found = fs::metadata(directory.join("parceld.db.ballast")).unwrap();
        assert_eq!(found.len(), 1 << 20);
        assert!(1 << 20 <= std::os::unix::fs::MetadataExt::blocks(&found) * 512, "it takes the room for real");
        assert!(Ballast::of(&database, 0).make());
        assert!(!directory.join("parceld.db.ballast").exists(), "none is wanted any more");
        let boundless = Ballast::of(&database, u64::MAX / 4);
        assert!(!boundless.make() && !boundless.is_given_up(), "there is no such room, and never was");
        assert!(ballast.make() && ballast.release() && !ballast.release() && ballast.is_given_up());
        assert!(!boundless.make() && boundless.is_given_up(), "there is no room yet");
        assert!(ballast.make() && !ballast.is_given_up(), "it lies there again");
        fs::remove_dir_all(&directory).unwrap();
    }
}
