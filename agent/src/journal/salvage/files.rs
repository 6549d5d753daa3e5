//! The files of an exchange: what is made, what is kept, and in which order, so that a power cut loses neither.
//!
//! The new file is complete and synced before the old one is moved, and named so: whoever starts next goes on there.

use crate::journal::Error;
use crate::journal::room::directory;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Old files of a kind that stay beside the database; of more, the oldest goes, and the log says so.
pub const KEPT_MAX: usize = 3;

/// What a database consists of.
const PIECES: [&str; 3] = ["", "-wal", "-shm"];

/// Directory entries that are looked through.
const ENTRIES_MAX: usize = 10_000;

/// Why somebody thinks that the file is damaged: written beside it, so that the next start knows.
const SUSPECTED: &str = ".suspected";
const PART: &str = ".salvage-part";

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

/// Forces what was made to disk under the name that says so.
pub fn complete(database: &Path, part: &Path, why: Why) -> Result<(), Error> {
    let whole = beside(database, why.whole());
    failing(part, File::open(part).and_then(|file| file.sync_all()))?;
    failing(&whole, fs::rename(part, &whole))?;
    sync(database)
}

/// Keeps the old file under a name of its own, and puts the new one in its place. Where the old one is now; none where
/// there is nothing to keep any more.
pub fn exchange(database: &Path, why: Why, at: Timestamp) -> Result<Option<PathBuf>, Error> {
    let whole = &beside(database, why.whole());
    let kept = match PIECES.iter().any(|piece| is_there(&beside(database, piece))) {
        true => Some(keep(database, why, at)?),
        false => None,
    };
    sync(database)?;
    if fs::rename(whole, database).is_err() {
        // A file that is mounted can't be exchanged, but written over.
        failing(database, fs::copy(whole, database).and_then(|_| File::open(database)?.sync_all()))?;
        remove(whole)?;
    }
    sync(database)?;
    remove(&beside(database, SUSPECTED))?;
    Ok(kept)
}

fn keep(database: &Path, why: Why, at: Timestamp) -> Result<PathBuf, Error> {
    let time = at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%S%6fZ").to_string();
    let kept = beside(database, &format!("{}{time}", why.kept()));
    for piece in PIECES {
        let (from, to) = (beside(database, piece), beside(&kept, piece));
        if is_there(&from) && fs::rename(&from, &to).is_err() {
            failing(&to, fs::copy(&from, &to).and_then(|_| File::open(&to)?.sync_all()))?;
            if !piece.is_empty() {
                remove(&from)?;
            }
        }
    }
    let mut all = kept_for(database, why);
    all.truncate(all.len().saturating_sub(KEPT_MAX));
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

/// The damaged files that are kept beside `database`, oldest first.
#[must_use]
pub fn quarantine(database: &Path) -> Vec<PathBuf> {
    kept_for(database, Why::Damaged)
}

fn kept_for(database: &Path, why: Why) -> Vec<PathBuf> {
    let Some(name) = database.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let beginning = format!("{name}{}", why.kept());
    let entries = fs::read_dir(directory(database)).into_iter().flatten().take(ENTRIES_MAX).flatten();
    let is_kept = |name: &str| name.starts_with(&beginning) && name.ends_with('Z');
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| is_kept(name));
    names.sort_unstable();
    names.into_iter().map(|name| directory(database).join(name)).collect()
}

/// When a file of the quarantine was put there, by its name.
#[must_use]
pub fn kept_at(kept: &Path) -> Option<Timestamp> {
    let (_, time) = kept.file_name()?.to_str()?.rsplit_once(Why::Damaged.kept())?;
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

/// Takes it back: there was nothing in it.
pub fn unsuspect(database: &Path) -> Result<(), Error> {
    remove(&beside(database, SUSPECTED))
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => failing(path, Err(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync(database: &Path) -> Result<(), Error> {
    let directory = directory(database);
    failing(directory, File::open(directory).and_then(|directory| directory.sync_all()))
}

fn failing<T>(path: &Path, done: io::Result<T>) -> Result<T, Error> {
    done.map_err(|why| Error::Salvage { path: path.into(), why })
}
