//! A copy of the running database, consistent and checked.
//!
//! `VACUUM INTO` reads in one transaction of a connection of its own, so the writer goes on. The copy gets its name only
//! when it is whole, checked and on disk.

use super::room::directory;
use super::tight::{Limits, Tight};
use super::{Error, schema};
use crate::clock::Moment;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What stays free beside the copy: scanning must go on.
const SPARE_BYTES: u64 = 32 * 1024 * 1024;

/// Steps of SQLite's machine between two pauses: some hundred rows.
const STEPS_BETWEEN_PAUSES: i32 = 20_000;
/// Long enough for scans that wait for the disk, short enough for a gigabyte in some minutes.
const PAUSE: Duration = Duration::from_millis(10);

/// No copy was made before, and none is believed to be made later, where the clock isn't believed that says what is to come.
const NAMED_SINCE: Timestamp = Timestamp::constant(1_577_836_800, 0); // 2020-01-01
const NAMED_UNTIL: Timestamp = Timestamp::constant(2_426_803_200, 0); // 2046-11-26

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
    #[error(
        "given up: the write-ahead log can't be folded while it is read for the copy, and has grown to {bytes} bytes"
    )]
    LogGrows { bytes: u64 },
    #[error("given up: {free} bytes are left on the database's disk")]
    DiskFills { free: u64 },
    #[error("the copy is not sound: {found}")]
    Unsound { found: String },
    #[error(transparent)]
    Database(#[from] Error),
}

/// Copies the database to `to`, which must not be there yet.
///
/// # Errors
/// There is no room, or it gets scarce meanwhile; the place can't be written, the database can't be read, or the copy is not
/// sound.
pub fn copy(database: &Path, to: &Path) -> Result<Copy, NoCopy> {
    copy_within(Limits::of(database), database, to)
}

fn copy_within(limits: Limits, database: &Path, to: &Path) -> Result<Copy, NoCopy> {
    let failed = |why| NoCopy::Io { path: to.into(), why };
    if to.symlink_metadata().is_ok() {
        return Err(NoCopy::Exists { path: to.into() });
    }
    let directory = directory(to);
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
    let made = make(limits, database, &part).and_then(|bytes| {
        fs::rename(&part, to).map_err(failed)?;
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
        Ok(Copy { path: to.into(), bytes })
    });
    if made.is_err() {
        let _ = fs::remove_file(&part);
    }
    made
}

/// Copies the database of `site` into `directory`, under a name with the time of `moment`, and removes what is too many of
/// the others: those first whose time can't be right, as it can't where it is still to come; then the oldest.
///
/// # Errors
/// As [`copy`].
pub fn copy_into(database: &Path, directory: &Path, site: &str, moment: &Moment) -> Result<Copy, NoCopy> {
    fs::create_dir_all(directory).map_err(|why| NoCopy::Io { path: directory.into(), why })?;
    for part in ours(directory, site, ".db.part") {
        // What a stop or a power cut left of an earlier one.
        let _ = fs::remove_file(part);
    }
    let copied = copy(database, &directory.join(name(site, moment.wall)))?;
    let mut others = made(directory, site);
    others.retain(|other| *other != copied.path);
    let until = if moment.trusted { moment.wall } else { NAMED_UNTIL };
    let has_time = |other: &PathBuf| made_at(other).is_some_and(|at| (NAMED_SINCE..=until).contains(&at));
    // Stable: both kinds stay in the order of their names.
    others.sort_by_key(has_time);
    others.truncate((others.len() + 1).saturating_sub(KEPT));
    for old in others {
        if let Err(error) = fs::remove_file(&old) {
            tracing::warn!(path = %old.display(), %error, "an old backup stays");
        }
    }
    Ok(copied)
}

/// When the newest copy of `site` was made, by its name, and its size. It is whole: else it had another name. One whose time
/// is still to come at `now` was named by a clock that was wrong, and tells nothing.
#[must_use]
pub fn newest(directory: &Path, site: &str, now: Timestamp) -> Option<(Timestamp, u64)> {
    let made = made(directory, site);
    let (at, newest) = made.iter().rev().find_map(|copy| Some((made_at(copy).filter(|at| *at <= now)?, copy)))?;
    Some((at, fs::metadata(newest).ok()?.len()))
}

/// When a copy was made, by its name.
fn made_at(copy: &Path) -> Option<Timestamp> {
    let time = copy.file_stem()?.to_str()?.rsplit_once('-')?.1;
    Some(DateTime::strptime(NAMED, time).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
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

fn make(limits: Limits, database: &Path, part: &Path) -> Result<u64, NoCopy> {
    let failed = |why| NoCopy::Io { path: part.into(), why };
    // Made here, so that it is nobody else's to read.
    File::options().write(true).create_new(true).mode(0o600).open(part).map_err(failed)?;
    let mut source = schema::open_reader(database)?;
    let written = File::options().write(true).open(part).map_err(failed)?;
    let tight = Arc::new(OnceLock::new());
    let found = Arc::clone(&tight);
    let pause = move || {
        // What isn't on disk yet would be forced there together with the next scan, which would wait for all of it.
        let _ = written.sync_data();
        if let Some(why) = limits.exceeded() {
            return found.set(why).is_ok();
        }
        std::thread::sleep(PAUSE);
        false
    };
    source.progress_handler(STEPS_BETWEEN_PAUSES, Some(pause)).map_err(Error::from)?;
    let vacuumed = source.execute_batch("PRAGMA query_only = OFF").and_then(|()| {
        let name = part.to_string_lossy();
        source.execute("VACUUM INTO ?1", [name.as_ref()])
    });
    match (vacuumed, tight.get()) {
        (Err(_), Some(Tight::Log { bytes })) => return Err(NoCopy::LogGrows { bytes: *bytes }),
        (Err(_), Some(Tight::Disk { free })) => return Err(NoCopy::DiskFills { free: *free }),
        (vacuumed, _) => vacuumed.map_err(Error::from)?,
    };
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
            copy_into(&running.database(), &directory, "sthlm-03", &noon(&format!("2026-11-{day}"), true)).unwrap();
        }
        fs::write(directory.join("sthlm-03-before the move.db"), "by hand").unwrap();
        fs::write(directory.join("sthlm-03-20261119T130000Z.db.part"), "cut off by a stop").unwrap();
        copy_into(&running.database(), &directory, "sthlm-03", &noon("2026-11-20", true)).unwrap();
        let mut names: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names.len(), KEPT + 1, "{names:?}");
        assert_eq!(names[0], "sthlm-03-20261114T120000Z.db");
        assert_eq!(names[KEPT], "sthlm-03-before the move.db");
        let now = noon("2026-11-21", true).wall;
        let (at, bytes) = newest(&directory, "sthlm-03", now).unwrap();
        assert_eq!(
            (at.to_string().as_str(), name("sthlm-03", at).as_str()),
            ("2026-11-20T12:00:00Z", "sthlm-03-20261120T120000Z.db")
        );
        assert_eq!(bytes, fs::metadata(directory.join(name("sthlm-03", at))).unwrap().len());
        let nowhere = Path::new("/no/such/directory");
        assert_eq!((newest(&directory, "umea-01", now), newest(nowhere, "sthlm-03", now)), (None, None));
    }

    /// Noon of a day, by a clock that is believed or not.
    fn noon(day: &str, trusted: bool) -> Moment {
        Moment { since_start: Duration::ZERO, wall: format!("{day}T12:00:00Z").parse().unwrap(), trusted }
    }

    #[test]
    fn copies_of_a_clock_that_was_wrong_neither_stand_for_new_ones_nor_push_them_out() {
        let running = Running::new();
        let directory = running.directory.join("backups");
        let days = || -> Vec<String> {
            let made = made(&directory, "s");
            made.iter().map(|copy| made_at(copy).unwrap().to_string()[..10].to_owned()).collect()
        };
        let copy_on = |day: &str, trusted| {
            copy_into(&running.database(), &directory, "s", &noon(day, trusted)).unwrap();
            assert!(days().contains(&day.to_owned()), "{day} itself stays");
        };
        (1..=7).for_each(|day| copy_on(&format!("2099-01-0{day}"), true));
        let now = noon("2026-11-20", true).wall;
        assert_eq!(newest(&directory, "s", now), None, "none of them says when it was made");
        copy_on("2026-11-20", true);
        assert_eq!(newest(&directory, "s", now).unwrap().0, now);
        copy_on("1970-01-01", false);
        copy_on("1970-01-02", false);
        assert_eq!(days().first().unwrap(), "1970-01-02", "the one before was the oldest, for all that is known");
        (21..=26).for_each(|day| copy_on(&format!("2026-11-{day}"), true));
        assert!(!days().iter().any(|day| day.starts_with("2099")), "{:?}", days());
        assert!(days().contains(&"2026-11-20".to_owned()), "{:?}", days());
    }

    #[test]
    fn is_given_up_where_the_log_or_the_disk_gets_too_tight() {
        let running = Running::new();
        let database = running.database();
        let file = Connection::open(&database).unwrap();
        file.execute_batch(
            "CREATE TABLE ballast (x); INSERT INTO ballast
             WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000) SELECT n FROM n",
        )
        .unwrap();
        let to = running.directory.join("copy.db");
        for (log_bytes_max, left_bytes_min, expected) in
            [(0, 0, "given up: the write-ahead log can't be folded"), (u64::MAX, u64::MAX, "given up: ")]
        {
            let limits = Limits { log_bytes_max, left_bytes_min, ..Limits::of(&database) };
            let why = copy_within(limits, &database, &to).unwrap_err().to_string();
            assert!(why.starts_with(expected), "{why}");
            assert!(!to.exists() && !running.directory.join("copy.db.part").exists(), "nothing is left of it");
        }
        copy(&database, &to).unwrap();
    }

    #[test]
    fn says_that_a_place_cant_be_written() {
        let running = Running::new();
        let to = running.directory.join("nowhere").join("copy.db");
        assert!(matches!(copy(&running.database(), &to), Err(NoCopy::Io { .. })));
        let file = running.directory.join("file");
        fs::write(&file, "").unwrap();
        let moment = noon("2026-11-20", true);
        assert!(matches!(copy_into(&running.database(), &file, "a", &moment), Err(NoCopy::Io { .. })));
    }
}
