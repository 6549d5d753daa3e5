//! What a start finds in the write-ahead log is written once more, before anybody relies on it.
//!
//! A sync that fails leaves in the system's memory what the disk may lack, and marks it as written: the next one succeeds, for
//! what has come since. Whoever starts after a program that died of that reads all of it from there, and goes on behind it. Then
//! the power goes, and the log ends where the disk lacks something, whatever was forced to it behind that.

use super::ahead::AT_ONCE_BYTES;
use super::salvage::beside;
use super::{Error, room};
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown};
use std::path::Path;

/// No page of a database is larger. A frame of the log begins with its page's number, and ends with its page:
/// <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.
const PAGE_BYTES_MAX: u64 = 65_536;

/// Puts a copy of the log, forced to disk, in its place; after an orderly stop there is nothing in it.
///
/// # Errors
/// The disk fails again.
pub fn write_log(database: &Path) -> Result<(), Error> {
    let (log, copy) = (beside(database, "-wal"), beside(database, "-wal.again"));
    write_again(&log, &copy).map_err(|why| Error::Log { path: log, why })
}

fn write_again(log: &Path, copy: &Path) -> io::Result<()> {
    let found = match fs::metadata(log) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if found.len() == 0 {
        return Ok(());
    }
    match copied(log, copy, &found) {
        // What is there already takes no room.
        Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            let _ = fs::remove_file(copy);
            over_itself(log)
        }
        done => done,
    }
}

fn copied(log: &Path, copy: &Path, found: &fs::Metadata) -> io::Result<()> {
    let file = File::create(copy)?;
    let (mut end, mut zeros_end) = (0, 0);
    // Not by the system's own ways of copying: some of those take the very blocks.
    each_piece(&mut File::open(log)?, |at, piece| {
        zeros_end = at + piece.len() as u64;
        if piece.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        end = zeros_end;
        file.write_all_at(piece, at)
    })?;
    // Zeros at its end are no part of it, but for those that end its last page.
    file.set_len(zeros_end.min(end + PAGE_BYTES_MAX))?;
    fs::set_permissions(copy, Permissions::from_mode(found.mode() & 0o7777))?;
    // As root: else the agent's user could not open it.
    let _ = chown(copy, Some(found.uid()), Some(found.gid()));
    file.sync_all()?;
    fs::rename(copy, log)?;
    File::open(room::directory(log))?.sync_all()
}

fn over_itself(log: &Path) -> io::Result<()> {
    let over = File::options().write(true).open(log)?;
    each_piece(&mut File::open(log)?, |at, piece| over.write_all_at(piece, at))?;
    over.sync_all()
}

fn each_piece(file: &mut File, mut each: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let (mut piece, mut at) = (vec![0; AT_ONCE_BYTES], 0);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            read => {
                each(at, &piece[..read])?;
                at += read as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;
    use rusqlite::config::DbConfig;
    use uuid::Uuid;

    #[test]
    fn a_log_is_another_file_afterwards_with_the_same_in_it() {
        let directory = std::env::temp_dir().join(format!("parceld-again-{}", Uuid::now_v7()));
        fs::create_dir_all(&directory).unwrap();
        let database = directory.join("parceld.db");
        write_log(&database).unwrap();
        let log = directory.join("parceld.db-wal");
        fs::write(&log, "").unwrap();
        let inode = || fs::metadata(&log).unwrap().ino();
        let empty = inode();
        write_log(&database).unwrap();
        assert_eq!(inode(), empty, "nothing is in it");
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(3 * AT_ONCE_BYTES + 7).collect();
        fs::write(&log, &bytes).unwrap();
        fs::set_permissions(&log, Permissions::from_mode(0o640)).unwrap();
        // Left by a start that was cut off.
        fs::write(directory.join("parceld.db-wal.again"), "half").unwrap();
        let before = inode();
        write_log(&database).unwrap();
        assert_ne!(inode(), before);
        assert_eq!(fs::read(&log).unwrap(), bytes);
        assert_eq!(fs::metadata(&log).unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        let lengthened = [bytes.as_slice(), &[0; 3 * AT_ONCE_BYTES]].concat();
        fs::write(&log, &lengthened).unwrap();
        write_log(&database).unwrap();
        assert!(fs::read(&log).unwrap() == lengthened, "a page may end in as many zeros");
        let lengthened = [bytes.as_slice(), &[0; 2 * PAGE_BYTES_MAX as usize]].concat();
        fs::write(&log, &lengthened).unwrap();
        write_log(&database).unwrap();
        let shortened = fs::read(&log).unwrap();
        assert!(lengthened.starts_with(&shortened));
        assert!(shortened.len() <= 4 * AT_ONCE_BYTES + PAGE_BYTES_MAX as usize, "{}", shortened.len());
        fs::write(&log, &bytes).unwrap();
        let before = inode();
        over_itself(&log).unwrap();
        assert_eq!((fs::read(&log).unwrap(), inode()), (bytes, before));
        fs::remove_dir_all(&directory).unwrap();
    }

    /// The last page of a commit may have nothing but zeros in it: the rest of a blob does.
    #[test]
    fn a_commit_that_ends_in_zeros_is_still_in_the_log() {
        for page_bytes in [512, 2_048, 4_096, 65_536] {
            let directory = std::env::temp_dir().join(format!("parceld-again-{}", Uuid::now_v7()));
            fs::create_dir_all(&directory).unwrap();
            let database = directory.join("parceld.db");
            let open = || {
                let conn = Connection::open(&database).unwrap();
                conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
                conn
            };
            open()
                .execute_batch(&format!(
                    "PRAGMA page_size = {page_bytes}; PRAGMA journal_mode = WAL; CREATE TABLE blobs (blob)"
                ))
                .unwrap();
            for blobs in 1..40 {
                open().execute("INSERT INTO blobs VALUES (zeroblob(?))", [3_000 + 300 * blobs]).unwrap();
                write_log(&database).unwrap();
                let found = open().query_row("SELECT count(*) FROM blobs", [], |row| row.get::<_, u64>(0));
                assert_eq!(found.unwrap(), blobs, "pages of {page_bytes} bytes");
            }
            fs::remove_dir_all(&directory).unwrap();
        }
    }
}
