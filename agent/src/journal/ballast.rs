//! Room that is kept for when there is none: a file beside the database, which is given up when the disk is full.
//!
//! What is freed is for cursors, so that a full disk sends nothing again and forgets no receipt. Scans wait until the
//! ballast lies there again.

use super::Error;
use super::room::{ROOM_BYTES_MIN, directory, free_bytes};
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
        fs::remove_file(&self.path).is_ok()
    }

    /// Makes it, unless it is there, where that leaves as much again. Whether it is there, or none is wanted.
    pub fn make(&self) -> bool {
        if self.bytes == 0 {
            let _ = self.release();
            return true;
        }
        if fs::metadata(&self.path).is_ok_and(|found| found.len() == self.bytes) {
            return true;
        }
        let _ = self.release();
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
            let _ = self.release();
        }
        made.is_ok()
    }
}

/// Whether an error says that the disk is full.
pub fn is_full(error: &Error) -> bool {
    let (Error::Sqlite(error) | Error::Open { why: error, .. } | Error::Migration { why: error, .. }) = error else {
        return false;
    };
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
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
        assert!(!ballast.release(), "there is none yet");
        assert!(ballast.make() && ballast.make());
        let found = fs::metadata(directory.join("parceld.db.ballast")).unwrap();
        assert_eq!(found.len(), 1 << 20);
        assert!(1 << 20 <= std::os::unix::fs::MetadataExt::blocks(&found) * 512, "it takes the room for real");
        assert!(Ballast::of(&database, 0).make());
        assert!(!directory.join("parceld.db.ballast").exists(), "none is wanted any more");
        assert!(!Ballast::of(&database, u64::MAX / 4).make(), "there is no such room");
        fs::remove_dir_all(&directory).unwrap();
    }
}
