//! Putting a backup back in the place of the database, while no agent runs.
//!
//! A backup is an older copy, and here that is known beforehand: it begins a new epoch, its numbers jump, and its open
//! orders wait for what the platform knows of them. What was found of the old file before is no matter of the new one: an
//! exchange that was cut off is finished first, and a suspicion is dropped.

use super::files::{self, Why};
use super::{anew, heir};
use crate::clock::Moment;
use crate::journal::shelf::Shelf;
use crate::journal::{Config, Error, lock, lock_path, log, room, schema, slate};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What stays free beside the copy.
const SPARE_BYTES: u64 = 32 * 1024 * 1024;

/// What was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub events: u64,
    /// When the newest of them happened.
    pub newest: Option<Timestamp>,
    /// Open orders, which wait for the platform.
    pub orders: u64,
    /// Where the database is now whose place it has taken.
    pub kept: Option<PathBuf>,
}

/// Why nothing was put back, and the database goes on as it was; or what of it is not done.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    #[error("{}: can't be read: {why}", .path.display())]
    Unreadable { path: PathBuf, why: std::io::Error },
    #[error("{}: no backup of an agent: {why}", .path.display())]
    NoBackup { path: PathBuf, why: String },
    #[error("{}: damaged: {found}: take another backup", .path.display())]
    Damaged { path: PathBuf, found: String },
    #[error("{}: a backup of the site {theirs}, and this one is {ours}", .path.display())]
    OtherSite { path: PathBuf, theirs: String, ours: String },
    #[error("{}: is the database itself", .path.display())]
    Same { path: PathBuf },
    #[error("{}: needs {need} bytes, and {free} are free", .path.display())]
    NoRoom { path: PathBuf, need: u64, free: u64 },
    #[error("{}: can't be given to the owner of the database: {why}: run it as that user, or as root", .path.display())]
    Owner { path: PathBuf, why: std::io::Error },
    #[error("the backup is whole and waits as {}, but could not take the place of the database: {why}; the next start of the agent goes on with that", .waiting.display())]
    Waiting { waiting: PathBuf, why: Box<Error> },
    #[error("the backup is in the place of the database, but may not outlast a power cut yet: {why}")]
    Unsynced { why: Error },
    #[error(transparent)]
    Database(#[from] Error),
}

impl Unfit {
    /// Whether the backup has taken the database's place, or will take it at the next start.
    #[must_use]
    pub fn is_put_back(&self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::Unsynced { .. })
    }
}

/// The owner reads and writes, the group reads; as the agent makes its files.
const MODE: u32 = 0o640;

/// Checks `from` and puts it in the place of the database, which is kept.
///
/// # Errors
/// An agent is running, or the backup is not one that can be put back here.
pub fn restore(config: &Config, from: &Path, moment: &Moment) -> Result<Restored, Unfit> {
    let database = &config.path;
    let unreadable = |why| Unfit::Unreadable { path: from.into(), why };
    let bytes = fs::metadata(from).map_err(unreadable)?.len();
    if database.exists() && from.canonicalize().ok() == database.canonicalize().ok() {
        return Err(Unfit::Same { path: from.into() });
    }
    let directory = room::directory(database);
    fs::create_dir_all(directory).map_err(|why| Error::Directory { path: directory.into(), why })?;
    let _lock = lock(database)?;
    hand_over(database, &lock_path(database))?;
    check(from, &config.rules.site)?;
    let free = room::free_bytes(directory).unwrap_or(u64::MAX);
    if free < bytes + SPARE_BYTES {
        return Err(Unfit::NoRoom { path: directory.into(), need: bytes + SPARE_BYTES, free });
    }
    if let Some(why) = files::waiting(database) {
        tracing::warn!(?why, "an exchange of the database was cut off when it was nearly done: it is finished first");
        files::exchange(database, why, moment.wall)?;
    }
    let part = files::part(database)?;
    fs::copy(from, &part).map_err(unreadable)?;
    let log = files::beside(from, "-wal");
    if log.exists() {
        fs::copy(log, files::beside(&part, "-wal")).map_err(unreadable)?;
    }
    let (events, newest, orders) = prepare(config, &part, moment)?;
    fs::set_permissions(&part, Permissions::from_mode(MODE)).map_err(|why| Unfit::Owner { path: part.clone(), why })?;
    hand_over(database, &part)?;
    let mut is_complete = false;
    let exchanged = files::complete(database, &part, Why::Replaced).and_then(|()| {
        is_complete = true;
        // Of the file that goes.
        files::unsuspect(database)?;
        files::exchange(database, Why::Replaced, moment.wall)
    });
    match exchanged {
        Ok(kept) => Ok(Restored { events, newest, orders, kept }),
        Err(why) if files::waiting(database) == Some(Why::Replaced) => {
            Err(Unfit::Waiting { waiting: files::waits_as(database, Why::Replaced), why: why.into() })
        }
        Err(why) if is_complete => Err(Unfit::Unsynced { why }),
        Err(why) => Err(why.into()),
    }
}

/// Gives a new file to whoever the database belongs to, or where there is none its directory: as root nobody else could
/// open it.
fn hand_over(database: &Path, file: &Path) -> Result<(), Unfit> {
    let failed = |why| Unfit::Owner { path: file.into(), why };
    let owner = fs::metadata(database).or_else(|_| fs::metadata(room::directory(database))).map_err(failed)?;
    let is = fs::metadata(file).map_err(failed)?;
    if (is.uid(), is.gid()) == (owner.uid(), owner.gid()) {
        return Ok(());
    }
    match std::os::unix::fs::chown(file, Some(owner.uid()), Some(owner.gid())) {
        // Its owner can open it whatever the group.
        Err(_) if is.uid() == owner.uid() => Ok(()),
        done => done.map_err(failed),
    }
}

/// Reads all of it: a backup may have rotted since it was made.
fn check(from: &Path, site: &str) -> Result<(), Unfit> {
    let no_backup = |why: rusqlite::Error| Unfit::NoBackup { path: from.into(), why: why.to_string() };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(from, flags).map_err(no_backup)?;
    let version: i64 = copy.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(no_backup)?;
    if schema::VERSION < version {
        return Err(Error::NewerFile { path: from.into(), found: version, known: schema::VERSION }.into());
    }
    let found: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(no_backup)?;
    if found != "ok" {
        return Err(Unfit::Damaged { path: from.into(), found });
    }
    copy.query_row("SELECT count(*) FROM slate, (SELECT max(place) FROM events)", [], |_| Ok(())).map_err(no_backup)?;
    match slate::get::<String>(&copy, slate::SITE)? {
        Some(theirs) if theirs != site => Err(Unfit::OtherSite { path: from.into(), theirs, ours: site.to_owned() }),
        Some(_) | None => Ok(()),
    }
}

fn prepare(config: &Config, part: &Path, moment: &Moment) -> Result<(u64, Option<Timestamp>, u64), Error> {
    let conn = Connection::open(part).map_err(|why| Error::Open { path: part.into(), why })?;
    conn.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE")?;
    schema::migrate(&conn, part)?;
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let events: u64 = conn.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?;
    let newest = log::latest(&conn, 1)?.pop().map(|event| event.at);
    heir::fill_in_from(&conn, &config.path)?;
    anew::begin(&conn, config, moment, None)?;
    let uptime_s: u64 = conn.query_row("SELECT coalesce(max(uptime_s), 0) FROM events", [], |row| row.get(0))?;
    let mut shelf = Shelf::load(&conn, false)?;
    let orders = shelf.set_aside(&conn, uptime_s)?;
    shelf.write(&conn)?;
    conn.execute_batch("COMMIT")?;
    super::close(conn)?;
    Ok((events, newest, orders))
}
