//! A copy of the running database, consistent and checked.
//!
//! `VACUUM INTO` reads in one transaction of a connection of its own, so the writer goes on. The copy gets its name only
//! when it is whole, checked and on disk.

use super::{Error, schema};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What stays free beside the copy: scanning must go on.
const SPARE_BYTES: u64 = 32 * 1024 * 1024;

/// Steps of SQLite's machine between two pauses: some hundred rows.
const STEPS_BETWEEN_PAUSES: i32 = 20_000;
/// Long enough for scans that wait for the disk, short enough for a gigabyte in some minutes.
const PAUSE: Duration = Duration::from_millis(10);

/// The newest copies that stay, of those that were named here.
const KEPT: usize = 7;

/// A copy that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    pub path: PathBuf,
    pub bytes: u64,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum NoCopy {
    #[error("{}: there is something of that name", .path.display())]
    Exists { path: PathBuf },
    #[error("{}: needs {need} bytes, and {free} are free", .path.display())]
    NoRoom { path: PathBuf, need: u64, free: u64 },
    #[error("{}: {why}", .path.display())]
    Io { path: PathBuf, why: io::Error },
    #[error("the copy is not sound: {found}")]
    Unsound { found: String },
    #[error(transparent)]
    Database(#[from] Error),
}

/// Copies the database to `to`, which must not be there yet.
///
/// # Errors
/// There is no room, the place can't be written, the database can't be read, or the copy is not sound.
pub fn copy(database: &Path, to: &Path) -> Result<Copy, NoCopy> {
    let failed = |why| NoCopy::Io { path: to.into(), why };
    if to.symlink_metadata().is_ok() {
        return Err(NoCopy::Exists { path: to.into() });
    }
    let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    need_room(database, directory)?;
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    // What an earlier attempt left behind.
    if let Err(why) = fs::remove_file(&part)
        && why.kind() != io::ErrorKind::NotFound
    {
        return Err(failed(why));
    }
    let made = make(database, &part).and_then(|bytes| {
        fs::rename(&part, to).map_err(failed)?;
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
        Ok(Copy { path: to.into(), bytes })
    });
    if made.is_err() {
        let _ = fs::remove_file(&part);
    }
    made
}

/// Copies the database into `directory` under `name`, and removes older copies of the same name's beginning up to its
/// last `-`.
///
/// # Errors
/// As [`copy`].
pub fn copy_into(database: &Path, directory: &Path, name: &str) -> Result<Copy, NoCopy> {
    fs::create_dir_all(directory).map_err(|why| NoCopy::Io { path: directory.into(), why })?;
    let beginning = name.rsplit_once('-').map_or(name, |(beginning, _)| beginning);
    for part in ours(directory, beginning, ".db.part") {
        // What a stop or a power cut left of an earlier one.
        let _ = fs::remove_file(part);
    }
    let made = copy(database, &directory.join(name))?;
    let mut copies = ours(directory, beginning, ".db");
    copies.truncate(copies.len().saturating_sub(KEPT));
    for old in copies {
        if let Err(error) = fs::remove_file(&old) {
            tracing::warn!(path = %old.display(), %error, "an old backup stays");
        }
    }
    Ok(made)
}

/// When the newest copy of `site` was made, by its name, and its size. It is whole: else it had another name.
#[must_use]
pub fn newest(directory: &Path, site: &str) -> Option<(Timestamp, u64)> {
    let newest = made(directory, site).pop()?;
    let time = newest.file_stem()?.to_str()?.rsplit_once('-')?.1;
    let at = DateTime::strptime(NAMED, time).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some((at, fs::metadata(newest).ok()?.len()))
}

/// What a copy of `site` that is made at `at` is called.
#[must_use]
pub fn name(site: &str, at: Timestamp) -> String {
    format!("{site}-{}.db", at.to_zoned(TimeZone::UTC).strftime(NAMED))
}

const NAMED: &str = "%Y%m%dT%H%M%SZ";

/// The copies of `site` that were made in `directory`, oldest first.
#[must_use]
pub fn made(directory: &Path, site: &str) -> Vec<PathBuf> {
    ours(directory, site, ".db")
}

/// The files of that beginning and end, oldest first: names sort by their time.
fn ours(directory: &Path, beginning: &str, end: &str) -> Vec<PathBuf> {
    let is_ours = |name: &str| {
        let time = name.strip_prefix(beginning).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(end));
        time.is_some_and(|time| time.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| is_ours(name));
    names.sort_unstable();
    names.into_iter().map(|name| directory.join(name)).collect()
}

fn need_room(database: &Path, directory: &Path) -> Result<(), NoCopy> {
    let failed = |path: &Path, why| NoCopy::Io { path: path.into(), why };
    let bytes = |path: &Path| fs::metadata(path).map(|found| found.len());
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    let size = bytes(database).map_err(|why| failed(database, why))? + bytes(Path::new(&log)).unwrap_or_default();
    let found = rustix::fs::statvfs(directory).map_err(|errno| failed(directory, errno.into()))?;
    let (need, free) = (size + SPARE_BYTES, found.f_bavail.saturating_mul(found.f_frsize));
    if free < need {
        return Err(NoCopy::NoRoom { path: directory.into(), need, free });
    }
    Ok(())
}

fn make(database: &Path, part: &Path) -> Result<u64, NoCopy> {
    let failed = |why| NoCopy::Io { path: part.into(), why };
    // Made here, so that it is nobody else's to read.
    File::options().write(true).create_new(true).mode(0o600).open(part).map_err(failed)?;
    let mut source = schema::open_reader(database)?;
    let written = File::options().write(true).open(part).map_err(failed)?;
    let pause = move || {
        // What isn't on disk yet would be forced there together with the next scan, which would wait for all of it.
        let _ = written.sync_data();
        std::thread::sleep(PAUSE);
        false
    };
    source.progress_handler(STEPS_BETWEEN_PAUSES, Some(pause)).map_err(Error::from)?;
    let vacuumed = source.execute_batch("PRAGMA query_only = OFF").and_then(|()| {
        let name = part.to_string_lossy();
        source.execute("VACUUM INTO ?1", [name.as_ref()])
    });
    vacuumed.map_err(Error::from)?;
    drop(source);
    check(part)?;
    let file = File::open(part).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(file.metadata().map_err(failed)?.len())
}

fn check(part: &Path) -> Result<(), NoCopy> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(part, flags).map_err(Error::from)?;
    let found: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(Error::from)?;
    if found == "ok" { Ok(()) } else { Err(NoCopy::Unsound { found }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Event;
    use crate::journal::Reader;
    use crate::report::tests::Running;

    #[tokio::test]
    async fn a_copy_holds_everything_and_the_writer_goes_on() {
        let running = Running::new();
        running.record(Event::ScannerBack { scanner: "hand".into() }).await;
        let to = running.directory.join("copy.db");
        let made = copy(&running.database(), &to).unwrap();
        assert_eq!((made.path.as_path(), made.bytes), (to.as_path(), fs::metadata(&to).unwrap().len()));
        running.record(Event::ScannerBack { scanner: "hand".into() }).await;
        let heads = [&running.database(), &to].map(|path| Reader::open(path).unwrap().cursors().unwrap().head);
        assert_eq!(heads, [3, 2]);
        assert!(matches!(copy(&running.database(), &to), Err(NoCopy::Exists { .. })));
        assert!(!running.directory.join("copy.db.part").exists());
    }

    #[test]
    fn keeps_the_newest_of_its_own() {
        let running = Running::new();
        let directory = running.directory.join("backups");
        for day in 10..20 {
            copy_into(&running.database(), &directory, &format!("sthlm-03-202611{day}T120000Z.db")).unwrap();
        }
        fs::write(directory.join("sthlm-03-before the move.db"), "by hand").unwrap();
        fs::write(directory.join("sthlm-03-20261119T130000Z.db.part"), "cut off by a stop").unwrap();
        copy_into(&running.database(), &directory, "sthlm-03-20261120T120000Z.db").unwrap();
        let mut names: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names.len(), KEPT + 1, "{names:?}");
        assert_eq!(names[0], "sthlm-03-20261114T120000Z.db");
        assert_eq!(names[KEPT], "sthlm-03-before the move.db");
        let (at, bytes) = newest(&directory, "sthlm-03").unwrap();
        assert_eq!(
            (at.to_string().as_str(), name("sthlm-03", at).as_str()),
            ("2026-11-20T12:00:00Z", "sthlm-03-20261120T120000Z.db")
        );
        assert_eq!(bytes, fs::metadata(directory.join(name("sthlm-03", at))).unwrap().len());
        assert_eq!((newest(&directory, "umea-01"), newest(Path::new("/no/such/directory"), "sthlm-03")), (None, None));
    }

    #[test]
    fn says_that_a_place_cant_be_written() {
        let running = Running::new();
        let to = running.directory.join("nowhere").join("copy.db");
        assert!(matches!(copy(&running.database(), &to), Err(NoCopy::Io { .. })));
        let file = running.directory.join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(copy_into(&running.database(), &file, "a-b.db"), Err(NoCopy::Io { .. })));
    }
}
