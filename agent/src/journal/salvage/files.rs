//! The files of an exchange: what is made, what is kept, and in which order, so that a power cut loses neither.
//!
//! The new file is complete and synced before the old one is moved, and named so: whoever starts next goes on there. What
//! is said of the old file is gone before that.

use crate::journal::Error;
use crate::journal::room::directory;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Old files of a kind that stay beside the database; of more, the oldest goes, and the log says so.
pub const KEPT_MAX: usize = 3;
/// Nobody has looked at one so soon: where several come within a day, all of them stay.
const KEPT_AT_LEAST: SignedDuration = SignedDuration::from_hours(24);

/// So often in such a time: it doesn't help. The card is failing, and each salvage costs more than it saves.
const OFTEN: [(usize, SignedDuration); 2] = [(3, SignedDuration::from_hours(1)), (8, SignedDuration::from_hours(24))];

/// A clock that is set back by so much was right all the same.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(1);

/// What a database consists of.
const PIECES: [&str; 3] = ["", "-wal", "-shm"];

/// Directory entries that are looked through.
const ENTRIES_MAX: usize = 10_000;

/// Why somebody thinks that the file is damaged: written beside it, so that the next start knows.
const SUSPECTED: &str = ".suspected";
/// Suspicions that came to nothing, a line each: time, and what was said.
const UNFOUNDED: &str = ".unfounded";
const UNFOUNDED_MAX: usize = 10;
const PART: &str = ".salvage-part";
/// A second name of the write-ahead log: SQLite takes the first away where a tool is the last to close the file.
const LOG_TOO: &str = ".wal-too";

/// Why a database is exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Damaged,
    /// A backup is put back.
    Replaced,
}

impl Why {
    const ALL: [Self; 2] = [Self::Damaged, Self::Replaced];

    /// The end of the name under which the new file waits.
    fn whole(self) -> &'static str {
        match self {
            Self::Damaged => ".salvaged",
            Self::Replaced => ".restored",
        }
    }

    /// What the old file's name gets, and then the time.
    fn kept(self) -> &'static str {
        match self {
            Self::Damaged => ".damaged-",
            Self::Replaced => ".replaced-",
        }
    }
}

/// The most that is read of a reason.
const REASON_BYTES_MAX: usize = 500;

/// The file of that name beside the database.
pub fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// The file that is being made, with nothing left of an earlier attempt.
pub fn part(database: &Path) -> Result<PathBuf, Error> {
    let part = beside(database, PART);
    for piece in PIECES.iter().chain(&["-journal"]) {
        remove(&beside(&part, piece))?;
    }
    Ok(part)
}

/// Why there is a file that is complete and waits to take its place, if there is one.
pub fn waiting(database: &Path) -> Option<Why> {
    Why::ALL.into_iter().find(|why| beside(database, why.whole()).is_file())
}

/// Where it waits.
pub fn waits_as(database: &Path, why: Why) -> PathBuf {
    beside(database, why.whole())
}

/// Forces what was made to disk under the name that says so.
pub fn complete(database: &Path, part: &Path, why: Why) -> Result<(), Error> {
    let whole = beside(database, why.whole());
    failing(part, File::open(part).and_then(|file| file.sync_all()))?;
    step(&whole)?;
    failing(&whole, fs::rename(part, &whole))?;
    sync(database)
}

/// Keeps the old file under a name of its own, and puts the new one in its place. Where the old one is now; none where
/// there is nothing to keep any more.
pub fn exchange(database: &Path, why: Why, at: Timestamp) -> Result<Option<PathBuf>, Error> {
    let whole = &beside(database, why.whole());
    unsuspect(database)?;
    let kept = match PIECES.iter().any(|piece| is_there(&beside(database, piece))) {
        true => Some(keep(database, why, at)?),
        false => None,
    };
    sync(database)?;
    step(database)?;
    if fs::rename(whole, database).is_err() {
        // A file that is mounted can't be exchanged, but written over.
        failing(database, fs::copy(whole, database).and_then(|_| File::open(database)?.sync_all()))?;
        remove(whole)?;
    }
    sync(database)?;
    Ok(kept)
}

fn keep(database: &Path, why: Why, at: Timestamp) -> Result<PathBuf, Error> {
    let kept = name(database, why, at);
    for piece in PIECES {
        let (from, to) = (beside(database, piece), beside(&kept, piece));
        step(&from)?;
        if is_there(&from) && fs::rename(&from, &to).is_err() {
            failing(&to, fs::copy(&from, &to).and_then(|_| File::open(&to)?.sync_all()))?;
            if !piece.is_empty() {
                remove(&from)?;
            }
        }
    }
    let mut all = kept_for(database, why);
    all.truncate(all.len().saturating_sub(KEPT_MAX));
    all.retain(|old| old_at(old, why).is_some_and(|old| KEPT_AT_LEAST <= at.duration_since(old)));
    for old in all {
        tracing::warn!(path = %old.display(), kept = KEPT_MAX, "the oldest database that was kept is deleted: newer ones stay");
        for piece in PIECES {
            if let Err(error) = remove(&beside(&old, piece)) {
                tracing::warn!(%error, "it stays");
            }
        }
    }
    Ok(kept)
}

/// Under which the old file is kept: where a start was cut off between its pieces, that of the piece that is there.
fn name(database: &Path, why: Why, at: Timestamp) -> PathBuf {
    let begun = kept_for(database, why).pop().filter(|newest| {
        let waits = |piece: &&str| is_there(&beside(database, piece)) && !is_there(&beside(newest, piece));
        !is_there(database) && is_there(newest) && PIECES[1..].iter().any(waits)
    });
    begun.unwrap_or_else(|| {
        let mut at = at;
        loop {
            let time = at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%S%6fZ").to_string();
            let kept = beside(database, &format!("{}{time}", why.kept()));
            if PIECES.iter().all(|piece| !is_there(&beside(&kept, piece))) {
                return kept;
            }
            // Two within a microsecond, by a clock that stands.
            at = at.saturating_add(SignedDuration::from_micros(1)).unwrap_or_default();
        }
    })
}

/// Whether the file was salvaged, or looked through in vain, so often before `now` that once more won't help.
#[must_use]
pub fn is_often(database: &Path, now: Timestamp) -> bool {
    let kept = quarantine(database).into_iter().filter_map(|kept| kept_at(&kept));
    let times: Vec<Timestamp> = kept.chain(unfounded(database).into_iter().map(|(at, _)| at)).collect();
    OFTEN.into_iter().any(|(often, within)| {
        // A time far in the future is of a clock that was wrong, and says nothing.
        let lately = |at: &&Timestamp| (-CLOCK_SLACK..within).contains(&now.duration_since(**at));
        often <= times.iter().filter(lately).count()
    })
}

/// The damaged files that are kept beside `database`, oldest first.
#[must_use]
pub fn quarantine(database: &Path) -> Vec<PathBuf> {
    kept_for(database, Why::Damaged)
}

fn kept_for(database: &Path, why: Why) -> Vec<PathBuf> {
    let Some(name) = database.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let beginning = format!("{name}{}", why.kept());
    let entries = fs::read_dir(directory(database)).into_iter().flatten().take(ENTRIES_MAX).flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| name.starts_with(&beginning));
    // Of a file that was lost there is no more than its log.
    let whole = |name: &String| {
        PIECES.iter().find_map(|piece| Some(name.strip_suffix(piece)?.to_owned()).filter(|name| name.ends_with('Z')))
    };
    let mut names: Vec<String> = names.iter().filter_map(whole).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| directory(database).join(name)).collect()
}

/// When a file of the quarantine was put there, by its name.
#[must_use]
pub fn kept_at(kept: &Path) -> Option<Timestamp> {
    old_at(kept, Why::Damaged)
}

fn old_at(kept: &Path, why: Why) -> Option<Timestamp> {
    let (_, time) = kept.file_name()?.to_str()?.rsplit_once(why.kept())?;
    jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S%fZ", time)
        .ok()?
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|at| at.timestamp())
}

/// Writes down why the file is thought to be damaged: the next start salvages it.
pub fn suspect(database: &Path, why: &str) -> io::Result<()> {
    let path = beside(database, SUSPECTED);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(why.as_bytes())?;
    file.sync_all()?;
    File::open(directory(database))?.sync_all()
}

/// What was written down.
pub fn suspicion(database: &Path) -> Option<String> {
    let said = fs::read(beside(database, SUSPECTED)).ok()?;
    let said = String::from_utf8_lossy(&said[..said.len().min(REASON_BYTES_MAX)]).trim().to_owned();
    Some(if said.is_empty() { "it was found to be damaged".into() } else { said })
}

/// Takes it back.
pub fn unsuspect(database: &Path) -> Result<(), Error> {
    let said = beside(database, SUSPECTED);
    if is_there(&said) {
        remove(&said)?;
        sync(database)?;
    }
    Ok(())
}

/// Takes it back, and writes down that there was nothing in it.
pub fn note_unfounded(database: &Path, said: &str, at: Timestamp) -> Result<(), Error> {
    let mut all = unfounded(database);
    all.push((at, said.replace('\n', " ")));
    let newest = &all[all.len().saturating_sub(UNFOUNDED_MAX)..];
    let text: String = newest.iter().map(|(at, said)| format!("{at} {said}\n")).collect();
    let (path, new) = (beside(database, UNFOUNDED), beside(database, ".unfounded-part"));
    failing(
        &new,
        File::create(&new).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all())),
    )?;
    failing(&path, fs::rename(&new, &path))?;
    unsuspect(database)
}

/// Suspicions that came to nothing, oldest first.
#[must_use]
pub fn unfounded(database: &Path) -> Vec<(Timestamp, String)> {
    let text = fs::read_to_string(beside(database, UNFOUNDED)).unwrap_or_default();
    let line = |line: &str| {
        let (at, said) = line.split_once(' ')?;
        Some((at.parse().ok()?, said.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

/// Gives the log its second name. Where that can't be done, a log that a tool has taken away counts as lost.
pub fn name_log_too(database: &Path) {
    let (log, too) = (beside(database, "-wal"), beside(database, LOG_TOO));
    let inode = |path: &Path| path.symlink_metadata().map(|found| (found.dev(), found.ino())).ok();
    if inode(&log) == inode(&too) {
        return;
    }
    let named = remove(&too).and_then(|()| failing(&too, fs::hard_link(&log, &too)));
    if let Err(error) = named {
        tracing::debug!(%error, "the log has no second name");
    }
}

/// The log by its second name.
pub fn log_too(database: &Path) -> Option<File> {
    File::open(beside(database, LOG_TOO)).ok()
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn remove(path: &Path) -> Result<(), Error> {
    step(path)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => failing(path, Err(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync(database: &Path) -> Result<(), Error> {
    let directory = directory(database);
    step(directory)?;
    failing(directory, File::open(directory).and_then(|directory| directory.sync_all()))
}

fn failing<T>(path: &Path, done: io::Result<T>) -> Result<T, Error> {
    done.map_err(|why| Error::Salvage { path: path.into(), why })
}

/// Where tests cut off what is done: before each change of a directory.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "tests have it fail")]
fn step(_: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(test)]
use tests::step;

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// Steps until all is cut off; none: never.
        static STEPS: Cell<Option<usize>> = const { Cell::new(None) };
    }

    pub fn step(path: &Path) -> Result<(), Error> {
        match STEPS.get() {
            Some(0) => failing(path, Err(io::Error::other("cut off"))),
            Some(steps) => {
                STEPS.set(Some(steps - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("parceld-files-{}", uuid::Uuid::now_v7()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn database(&self) -> PathBuf {
            self.0.join("parceld.db")
        }

        fn write(&self, end: &str, text: &str) {
            fs::write(beside(&self.database(), end), text).unwrap();
        }

        fn read(&self, end: &str) -> Option<String> {
            fs::read_to_string(beside(&self.database(), end)).ok()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_exchange_that_is_cut_off_at_any_step_is_finished_and_leaves_one_old_file() {
        for why in Why::ALL {
            for steps in 0.. {
                let what = format!("{why:?}, cut off after {steps} steps");
                let folder = Folder::new();
                let database = folder.database();
                for (end, text) in [("", "old"), ("-wal", "log"), ("-shm", "index"), (SUSPECTED, "why"), (PART, "new")]
                {
                    folder.write(end, text);
                }
                STEPS.set(Some(steps));
                let part = beside(&database, PART);
                let done =
                    complete(&database, &part, why).and_then(|()| exchange(&database, why, at("2026-11-22T08:00:00Z")));
                STEPS.set(None);
                if folder.read("").as_deref() == Some("old") && waiting(&database).is_none() {
                    // As if nothing had begun: what was suspected still is.
                    assert_eq!(
                        (suspicion(&database).as_deref(), folder.read("-wal").as_deref()),
                        (Some("why"), Some("log")),
                        "{what}"
                    );
                    continue;
                }
                if let Some(why) = waiting(&database) {
                    exchange(&database, why, at("2026-11-22T08:10:00Z")).unwrap();
                }
                assert_eq!((folder.read("").as_deref(), folder.read("-wal")), (Some("new"), None), "{what}");
                assert_eq!(
                    (suspicion(&database), waiting(&database)),
                    (None, None),
                    "{what}: nothing is said of the new file"
                );
                let kept = kept_for(&database, why);
                assert_eq!(kept.len(), 1, "{what}: {kept:?}");
                let piece = |end: &str| fs::read_to_string(beside(&kept[0], end)).ok();
                assert_eq!((piece("").as_deref(), piece("-wal").as_deref()), (Some("old"), Some("log")), "{what}");
                if done.is_ok() {
                    break;
                }
            }
        }
    }

    #[test]
    fn files_of_the_last_day_are_never_deleted_and_of_older_ones_the_newest_stay() {
        let folder = Folder::new();
        let database = folder.database();
        let salvage = |time: &str| {
            folder.write("", "damaged");
            folder.write(Why::Damaged.whole(), "new");
            exchange(&database, Why::Damaged, at(time)).unwrap().unwrap()
        };
        let first = salvage("2026-11-22T08:00:00Z");
        let same = salvage("2026-11-22T08:00:00Z");
        assert!(first != same && first.is_file() && same.is_file(), "a name is given once");
        for minute in 10..15 {
            salvage(&format!("2026-11-22T08:{minute}:00Z"));
        }
        assert_eq!(quarantine(&database).len(), 7);
        salvage("2026-11-23T08:11:30Z");
        let kept = quarantine(&database);
        assert_eq!(
            kept.iter().filter_map(|kept| kept_at(kept)).map(|at| at.to_string()).collect::<Vec<_>>(),
            ["2026-11-22T08:12:00Z", "2026-11-22T08:13:00Z", "2026-11-22T08:14:00Z", "2026-11-23T08:11:30Z"]
        );
    }

    #[test]
    fn three_within_an_hour_are_often_whether_there_was_damage_or_not() {
        let folder = Folder::new();
        let database = folder.database();
        let is_often = |time: &str| is_often(&database, at(time));
        folder.write(".damaged-20261122T080000000000Z", "");
        folder.write(".damaged-20261122T083000000000Z-wal", "");
        assert!(!is_often("2026-11-22T08:40:00Z"));
        folder.write(SUSPECTED, "a read failed");
        note_unfounded(&database, "a read failed", at("2026-11-22T08:50:00Z")).unwrap();
        assert_eq!(suspicion(&database), None);
        assert_eq!(unfounded(&database), [(at("2026-11-22T08:50:00Z"), "a read failed".to_owned())]);
        for (time, often) in [
            ("2026-11-22T08:55:00Z", true),
            ("2026-11-22T09:05:00Z", false),
            ("2026-11-22T07:00:00Z", false),
            ("2027-11-22T08:55:00Z", false),
        ] {
            assert_eq!(is_often(time), often, "{time}");
        }
    }
}
