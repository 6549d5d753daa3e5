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
    // Not by the system's own ways of copying: some of those take the very blocks. Zeros at its end are no part of it.
    each_piece(&mut File::open(log)?, |at, piece| match piece.iter().all(|byte| *byte == 0) {
        true => Ok(()),
        false => file.write_all_at(piece, at),
    })?;
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
        let shortened = fs::read(&log).unwrap();
        assert!(lengthened.starts_with(&shortened) && shortened.len() <= 4 * AT_ONCE_BYTES);
        fs::write(&log, &bytes).unwrap();
        let before = inode();
        over_itself(&log).unwrap();
        assert_eq!((fs::read(&log).unwrap(), inode()), (bytes, before));
        fs::remove_dir_all(&directory).unwrap();
    }
}
