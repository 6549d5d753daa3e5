//! What a start finds in the write-ahead log is written once more, before anybody relies on it.
//!
//! A sync that fails leaves in the system's memory what the disk may lack, and marks it as written: the next one succeeds, for
//! what has come since. Whoever starts after a program that died of that reads all of it from there, and goes on behind it. Then
//! the power goes, and the log ends where the disk lacks something, whatever was forced to it behind that.

use super::ahead::AT_ONCE_BYTES;
use super::salvage::beside;
use super::{Error, room};
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown};
use std::path::Path;

/// No page of a database is larger. A frame of the log begins with its page's number, and ends with its page:
/// <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.
const PAGE_BYTES_MAX: u64 = 65_536;

/// Puts a copy of the log, forced to disk, in its place; after an orderly stop there is nothing in it. Where somebody else has the
/// database open it is written over itself: whoever has the log that was there goes on with that one.
///
/// # Errors
/// The disk fails again, or a part of the log can't be read.
pub fn write_log(database: &Path) -> Result<(), Error> {
    let [log, copy, index] = ["-wal", "-wal.again", "-shm"].map(|end| beside(database, end));
    // Held until the log is in its place: whoever wants to open the database meanwhile is told that it is busy.
    let index = File::options().read(true).write(true).open(index);
    let is_shared = index.as_ref().is_ok_and(is_shared);
    write_again(&log, &copy, is_shared).map_err(|failed| match failed {
        Failed::Reading(why) => Error::UnreadableLog { path: log, why },
        Failed::Writing(why) => Error::Log { path: log, why },
    })
}

/// What a copy has met.
#[derive(Debug)]
enum Failed {
    Reading(io::Error),
    Writing(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Writing(error)
    }
}

fn write_again(log: &Path, copy: &Path, is_shared: bool) -> Result<(), Failed> {
    let found = match fs::metadata(log) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if found.len() == 0 {
        return Ok(());
    }
    // Of a start that was cut off; perhaps somebody else's.
    let _ = fs::remove_file(copy);
    if is_shared {
        return over_itself(log);
    }
    match copied(log, copy, &found) {
        // What is there already takes no room.
        Err(Failed::Writing(error)) if room::is_full(&error) => {
            let _ = fs::remove_file(copy);
            over_itself(log)
        }
        done => done,
    }
}

/// Whether another process has the database open, and holds one of SQLite's locks on the log's index; else all of it is locked until
/// it is closed. No connection of this process may be open.
fn is_shared(index: &File) -> bool {
    matches!(fcntl_lock(index, FlockOperation::NonBlockingLockExclusive), Err(Errno::AGAIN | Errno::ACCESS))
}

fn copied(log: &Path, copy: &Path, found: &fs::Metadata) -> Result<(), Failed> {
    let file = File::create(copy)?;
    let (mut end, mut zeros_end) = (0, 0);
    // Not by the system's own ways of copying: some of those take the very blocks.
    each_piece(log, &mut |at, piece| {
        zeros_end = at + piece.len() as u64;
        if is_zeros(piece) {
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
    Ok(File::open(room::directory(log))?.sync_all()?)
}

fn over_itself(log: &Path) -> Result<(), Failed> {
    let over = File::options().write(true).open(log)?;
    each_piece(log, &mut |at, piece| match over.write_all_at(piece, at) {
        // What takes room is a hole, and as good as written.
        Err(error) if room::is_full(&error) && is_zeros(piece) => Ok(()),
        written => written,
    })?;
    Ok(over.sync_all()?)
}

fn is_zeros(piece: &[u8]) -> bool {
    piece.iter().all(|byte| *byte == 0)
}

fn each_piece(log: &Path, each: &mut dyn FnMut(u64, &[u8]) -> io::Result<()>) -> Result<(), Failed> {
    let mut file = File::open(log)?;
    let (mut piece, mut at) = (vec![0; AT_ONCE_BYTES], 0);
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                each(at, &piece[..read])?;
                at += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Failed::Reading(error)),
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
