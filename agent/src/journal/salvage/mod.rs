//! A damaged database: nothing readable of it is lost, it is never replaced without a word, and it never stops the site.
//!
//! The damaged file is read page by page by [`image`] and [`btree`], which believe nothing; [`census`] tells whose each
//! page is; [`refill`] copies rows into a new file; [`settle`] makes a state of them, and [`anew`] a new epoch. [`files`]
//! exchanges the two. All of it happens at a start, before anybody has the file open: who meets damage while the agent
//! runs writes that down, and the agent starts over. What was written down is a suspicion, and [`examine`] tells whether
//! it is true.

pub(super) mod anew;
pub mod btree;
mod census;
mod examine;
mod files;
mod heir;
pub mod image;
pub mod record;
mod refill;
pub mod restore;
mod settle;
mod table;
pub mod wal;

pub use files::{beside, is_often, kept_at, name_log_too, quarantine, unfounded};

use super::ballast::{Ballast, is_full};
use super::{Config, Error, log, schema, slate};
use crate::clock::Moment;
use crate::domain::event::{Event, Kind};
use crate::pulse::Pulse;
use btree::u32_at;
use census::Census;
use files::Why;
use image::Image;
use refill::{Saved, Wanted};
use rusqlite::{Connection, ErrorCode};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use table::Table;

/// What a salvage has led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    pub cause: String,
    /// Rows that were read, of all tables.
    pub rows: u64,
    pub events: u64,
    /// What had the place of a row, and could not be read.
    pub unreadable: u64,
    /// Where the damaged file is now.
    pub kept: Option<PathBuf>,
}

/// Looks, before SQLite does, for damage that SQLite would silently take for something else, and salvages what is
/// damaged. `was_made`: a database has been here before.
///
/// # Errors
/// The database can't be looked at, or the salvage failed: nothing has changed.
pub fn before_open(config: &Config, moment: &Moment, was_made: bool, pulse: &Pulse) -> Result<Option<Salvaged>, Error> {
    let database = &config.path;
    if let Some(why) = files::waiting(database) {
        tracing::warn!(?why, "an exchange of the database was cut off when it was nearly done: it is finished now");
        files::exchange(database, why, moment.wall)?;
        return Ok(None);
    }
    let cause = match fs::symlink_metadata(database) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let has_been = was_made || log_bytes(database).is_some();
            files::unsuspect(database)?;
            has_been.then(|| "the file is gone".to_owned())
        }
        Err(why) => return Err(Error::Unreachable { path: database.into(), why }),
        Ok(found) if found.is_dir() => Some("there is a directory in its place".to_owned()),
        Ok(found) if found.len() == 0 && was_made => Some("the file is empty".to_owned()),
        Ok(found) if found.is_file() => match damaged_log(database, pulse)? {
            Some(cause) => Some(cause),
            None => return salvage_if_damaged(config, moment, pulse),
        },
        Ok(_) => None,
    };
    match cause {
        Some(cause) => salvage(config, moment, &cause, pulse).map(Some),
        None => Ok(None),
    }
}

/// Examines a file that is thought to be damaged, and salvages it if it is.
fn salvage_if_damaged(config: &Config, moment: &Moment, pulse: &Pulse) -> Result<Option<Salvaged>, Error> {
    let database = &config.path;
    let Some(said) = files::suspicion(database) else { return Ok(None) };
    if files::is_often(database, moment.wall) {
        // It is open to SQLite, and whoever meets the damage says so again.
        tracing::error!(said, "{OFTEN}; it is worked with as it is");
        return Ok(None);
    }
    tracing::warn!(said, "the database is thought to be damaged: all of it is read");
    match examine::examine(database, pulse)? {
        Some(found) => {
            let cause = if found == said { said } else { format!("{said}; {found}") };
            salvage(config, moment, &cause, pulse).map(Some)
        }
        None => {
            tracing::warn!(
                said,
                "all of it can be read, and nothing is damaged: it stays. Does its disk lose its connection?"
            );
            files::note_unfounded(database, &said, moment.wall)?;
            Ok(None)
        }
    }
}

const OFTEN: &str = "it was salvaged, or read in vain, so often of late that once more doesn't help: replace the card";

/// SQLite takes the first bad frame of a log for its end.
fn damaged_log(database: &Path, pulse: &Pulse) -> Result<Option<String>, Error> {
    if log_bytes(database).is_none() {
        return Ok(None);
    }
    let opened = |path: &Path| File::open(path).map_err(|why| Error::Unreachable { path: path.into(), why });
    let log = opened(&files::beside(database, "-wal"))?;
    let bad = Image::new(Some(opened(database)?), Some(log), pulse).bad_frames();
    Ok((0 < bad).then(|| format!("parts of the write-ahead log can't be read: {bad}")))
}

/// How long the write-ahead log is; `None` where there is none, or nothing in it.
fn log_bytes(database: &Path) -> Option<u64> {
    let found = fs::metadata(files::beside(database, "-wal")).ok()?;
    Some(found.len()).filter(|bytes| 0 < *bytes)
}

/// Whether there is a write-ahead log, also an empty one; or all that one had is in the file: then some tool has closed it
/// in order, and taken the log away.
pub fn has_log(database: &Path) -> bool {
    files::beside(database, "-wal").exists() || is_log_in_file(database)
}

/// Whether a database that is written by way of a log has none. A restored one isn't yet.
pub fn lacks_log(database: &Path) -> bool {
    let mut header = [0; WRITTEN_BY_LOG_AT + 1];
    let read = File::open(database).and_then(|file| file.read_exact_at(&mut header, 0));
    read.is_ok() && header[WRITTEN_BY_LOG_AT] == WRITTEN_BY_LOG && !has_log(database)
}

/// Where the header of a database says it: <https://www.sqlite.org/fileformat2.html#file_format_version_numbers>.
const WRITTEN_BY_LOG_AT: usize = 18;
const WRITTEN_BY_LOG: u8 = 2;

fn is_log_in_file(database: &Path) -> bool {
    let (Ok(file), Some(log)) = (File::open(database), files::log_too(database)) else { return false };
    Image::new(Some(file), Some(log), &Pulse::default()).is_folded()
}

/// Begins a new epoch in a file that has lost its write-ahead log: whoever writes here leaves one, empty after a stop. A copy
/// of a running database has none either, and is as much behind.
pub fn miss_log(conn: &Connection, config: &Config, moment: &Moment, has_log: bool) -> Result<(), Error> {
    if slate::take::<i64>(conn, slate::ANEW)?.is_some() || has_log {
        return Ok(());
    }
    let last = log::latest(conn, 1)?.pop();
    let Some(last) = last.filter(|last| last.kind != Kind::SiteStopped) else { return Ok(()) };
    tracing::error!("the write-ahead log is missing, or an older copy was put back: a new epoch begins");
    let events: u64 = conn.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?;
    let cause = format!("the write-ahead log is missing, or this is an older copy, of {}", last.at);
    let told = |lost| Event::StorageSalvaged { events, lost, cause: cause.as_str().into() };
    anew::begin(conn, config, moment, Some(&told))?;
    slate::take::<i64>(conn, slate::ANEW)?;
    Ok(())
}

/// Whether an error says that the file itself is damaged, and not that it can't be got at.
#[must_use]
pub fn is_damage(error: &Error) -> bool {
    match error {
        Error::Sqlite(error) | Error::Open { why: error, .. } | Error::Migration { why: error, .. } => {
            is_sqlite_damage(error)
        }
        Error::Damaged(_) | Error::UnreadableLog { .. } => true,
        Error::UnknownKind { kind } => is_garbled(kind),
        _ => false,
    }
}

/// Whether a kind of event is one that is known but for some bits, or none that any version could have. Any other is a
/// newer version's.
fn is_garbled(kind: &str) -> bool {
    // What is alike at the beginning and at the end; in between lies what has changed.
    let is_near = |known: &str| {
        let same = |pair: &(u8, u8)| pair.0 == pair.1;
        let head = known.bytes().zip(kind.bytes()).take_while(same).count();
        let tail = known.bytes().rev().zip(kind.bytes().rev()).take_while(same).count();
        known.len().max(kind.len()) <= head + tail + GARBLED_BYTES_MAX
    };
    let group = kind.split_once('.').map(|(group, _)| group);
    let has_group = Kind::WORDS.iter().any(|(_, kind)| Some(kind.group()) == group);
    !has_group || Kind::WORDS.iter().any(|(known, _)| is_near(known))
}

/// Where more has changed, nobody can tell what it was.
const GARBLED_BYTES_MAX: usize = 3;

fn is_sqlite_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, text) => match failure.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => true,
            ErrorCode::SystemIoFailure => {
                failure.extended_code == IOERR_READ || failure.extended_code == IOERR_CORRUPTFS
            }
            // A schema of which a part is gone.
            ErrorCode::Unknown => text.as_deref().is_some_and(|text| text.starts_with("no such ")),
            _ => false,
        },
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => true,
        rusqlite::Error::SqlInputError { msg, .. } => msg.starts_with("no such "),
        _ => false,
    }
}

/// <https://www.sqlite.org/rescode.html>
const IOERR_READ: i32 = 266;
const IOERR_CORRUPTFS: i32 = 8458;

/// Writes down beside the database that it is damaged, so that the next start salvages it.
///
/// # Errors
/// It can't be written.
pub fn suspect(database: &Path, why: &str) -> std::io::Result<()> {
    files::suspect(database, why)
}

/// Makes a new file of what can be read of the damaged one, which is kept, and puts it in its place. Turns `pulse`.
///
/// # Errors
/// It is of a newer version, may not be read, was salvaged too often, or the new one can't be written: nothing has changed.
pub fn salvage(config: &Config, moment: &Moment, cause: &str, pulse: &Pulse) -> Result<Salvaged, Error> {
    let database = &config.path;
    if files::is_often(database, moment.wall) {
        let why = std::io::Error::other(format!("{cause}; {OFTEN}"));
        return Err(Error::Salvage { path: database.into(), why });
    }
    tracing::error!(database = %database.display(), cause, "the database is damaged: what can be read of it is saved");
    let is_rebuilt = is_of_indexes_only(database, pulse);
    let image = open(database, pulse)?;
    let new = New { version: version(&image, database)?, image, cause, is_rebuilt, pulse };
    let (part, saved) = match new.make(config, moment, Wanted::All) {
        Err(error) if is_full(&error) => {
            tracing::error!(
                "there is no room for all of it: events that the platform has stay in the damaged file alone"
            );
            Ballast::of(database, config.ballast_bytes).release();
            new.make(config, moment, Wanted::Unreceived)?
        }
        made => made?,
    };
    drop(new);
    files::complete(database, &part, Why::Damaged)?;
    let kept = files::exchange(database, Why::Damaged, moment.wall)?;
    let Saved { rows, events, unreadable } = saved;
    tracing::warn!(
        rows,
        events,
        unreadable,
        kept = kept.as_ref().map(|kept| kept.display().to_string()),
        "the database has been salvaged: keep the damaged file until somebody has looked at it"
    );
    Ok(Salvaged { cause: cause.to_owned(), rows, events, unreadable, kept })
}

/// Whether SQLite, which must be able to read the file for that, finds nothing wrong but with indexes.
fn is_of_indexes_only(database: &Path, pulse: &Pulse) -> bool {
    let look = || -> Result<bool, Error> {
        let mut conn = schema::open_reader(database)?;
        schema::turn(&mut conn, Some(pulse))?;
        let indexes: Vec<i64> = {
            let mut statement = conn.prepare("SELECT rootpage FROM sqlite_schema WHERE type = 'index'")?;
            let roots = statement.query_map([], |row| row.get(0))?;
            roots.collect::<Result<_, _>>()?
        };
        let mut statement = conn.prepare(&format!("PRAGMA quick_check({FOUND_MAX})"))?;
        let found: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let of_index = |line: &str| {
            let tree = line.strip_prefix("Tree ").and_then(|rest| rest.split(' ').next()?.parse().ok());
            // What hangs on a page of an index that can't be read seems to be of no use.
            tree.is_some_and(|root| indexes.contains(&root)) || line.contains(" index ") || line.ends_with("never used")
        };
        let lines = || found.iter().flat_map(|found| found.lines()).filter(|line| !line.starts_with("***"));
        Ok(found.len() < FOUND_MAX && 0 < lines().count() && lines().all(of_index))
    };
    look().unwrap_or(false)
}

/// Findings after which SQLite ends its check: with so many nobody looks which they are.
const FOUND_MAX: usize = 10_000;

fn open(database: &Path, pulse: &Pulse) -> Result<Option<Image>, Error> {
    let log = File::open(files::beside(database, "-wal")).ok();
    match File::open(database) {
        Ok(file) if file.metadata().is_ok_and(|found| found.is_file()) => Ok(Some(Image::new(Some(file), log, pulse))),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(log.map(|log| Image::new(None, Some(log), pulse))),
        Err(why) => Err(Error::Salvage { path: database.into(), why }),
    }
}

/// The version of the file's tables: the newest where that can't be read.
fn version(image: &Option<Image>, database: &Path) -> Result<i64, Error> {
    let header = image.as_ref().and_then(|image| image.newest(1)).filter(|page| page.starts_with(MAGIC));
    let said = header.and_then(|header| u32_at(&header, VERSION_AT)).map_or(0, i64::from);
    match said {
        1.. if said <= schema::VERSION => Ok(said),
        1.. if said < schema::VERSION + VERSIONS_AHEAD_MAX => {
            Err(Error::NewerFile { path: database.into(), found: said, known: schema::VERSION })
        }
        _ => Ok(schema::VERSION),
    }
}

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Where `user_version` stands in the file's header.
const VERSION_AT: usize = 60;
/// A version that is further ahead is no version, but damage.
const VERSIONS_AHEAD_MAX: i64 = 1_000;

/// The new file.
struct New<'a> {
    image: Option<Image>,
    /// Of the tables in the damaged one.
    version: i64,
    cause: &'a str,
    /// Only indexes are damaged, and all rows there: nothing is lost, and the epoch goes on.
    is_rebuilt: bool,
    pulse: &'a Pulse,
}

impl New<'_> {
    fn make(&self, config: &Config, moment: &Moment, wanted: Wanted) -> Result<(PathBuf, Saved), Error> {
        let part = files::part(&config.path)?;
        let mut conn = schema::make(&part, self.version)?;
        schema::turn(&mut conn, Some(self.pulse))?;
        let tables = Table::all(&conn)?;
        let (mut saved, mut is_whole) = (Saved::default(), false);
        conn.execute_batch("BEGIN IMMEDIATE")?;
        if let Some(image) = &self.image {
            let census = Census::take(image, &tables);
            saved = refill::copy(image, &census, &tables, &conn, wanted)?;
            is_whole = census.strays == 0 && saved.unreadable == 0 && wanted == Wanted::All;
        }
        conn.execute_batch("COMMIT")?;
        schema::migrate(&conn, &part)?;
        conn.execute_batch("BEGIN IMMEDIATE")?;
        if self.is_rebuilt && is_whole {
            slate::set(&conn, slate::ANEW, &1)?;
            tracing::warn!("only indexes were damaged: they are made anew, and nothing is lost");
        } else {
            let settled = settle::settle(&conn, &tables)?;
            tracing::info!(?settled, "orders that did not fit the log");
            if let Some(backups) = &config.backups {
                heir::fill_in(&conn, backups, &config.rules.site)?;
            }
            let told = |lost| Event::StorageSalvaged { events: saved.events, lost, cause: self.cause.into() };
            anew::begin(&conn, config, moment, Some(&told))?;
        }
        conn.execute_batch("COMMIT")?;
        close(conn)?;
        Ok((part, saved))
    }
}

fn close(conn: Connection) -> Result<(), Error> {
    conn.close().map_err(|(_, error)| error.into())
}

/// What the lock beside the database says once there has been one: an empty file is damage then, and no beginning.
const MADE: &[u8] = b"a database has been made here\n";

/// Whether a database has been made under this lock.
pub fn was_made(lock: &File) -> bool {
    let mut said = vec![0; MADE.len()];
    lock.read_exact_at(&mut said, 0).is_ok() && said == MADE
}

/// Notes that one is there. That it can't be noted costs no start.
pub fn note_made(lock: &File) {
    if !was_made(lock)
        && let Err(error) = lock.write_all_at(MADE, 0).and_then(|()| lock.sync_all())
    {
        tracing::warn!(%error, "the lock beside the database can't be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_bits_have_made_is_told_from_one_of_a_newer_version() {
        for (kind, garbled) in [
            ("pick.itemWpicked", true),
            ("notification.requestedb", true),
            ("ick.item_picked", true),
            ("bench", true),
            ("", true),
            ("robot.arm_moved", true),
            ("pick.tote_weighed", false),
            ("site.temperature_measured", false),
        ] {
            assert_eq!(is_garbled(kind), garbled, "{kind}");
        }
    }
}
