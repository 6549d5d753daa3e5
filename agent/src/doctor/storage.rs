//! The disk and the database on it.

use super::{Check, Outcome};
use crate::journal::room::{ROOM_BYTES_MIN, directory, is_read_only};
use crate::journal::{Error, Reader, salvage};
use rustix::fs::{Access, FlockOperation};
use rustix::io::Errno;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

/// Below it, a busy hour can fill the disk, unless the site says that less is enough.
const FREE_LEAST_BYTES: u64 = 20 * 1024 * 1024;

/// A quick check reads the whole file.
const CHECKED_WITHIN: Duration = Duration::from_secs(5);

/// A magic number (statfs(2)), the file system's name, and what is wrong with it under a database.
type FileSystem = (u32, &'static str, Option<(Outcome, &'static str)>);

const FILE_SYSTEMS: [FileSystem; 13] = [
    (0xEF53, "ext4", None),
    (0x9123_683E, "btrfs", None),
    (0x5846_5342, "xfs", None),
    (0xF2F5_2010, "f2fs", None),
    (0x2FC1_2FC1, "zfs", None),
    (0x0102_1994, "tmpfs", Some((Outcome::Warning, "is memory: a power cut forgets everything"))),
    (0x794C_7630, "overlayfs", Some((Outcome::Warning, "goes away with its container: give the database a volume"))),
    (0x6573_5546, "fuse", Some((Outcome::Warning, "may not sync to the disk when asked to"))),
    (0x4D44, "vfat", Some((Outcome::Warning, "loses files at power cuts: use ext4"))),
    (0x6969, "nfs", Some((Outcome::Error, "is a network share: its locks and syncs can't be relied on"))),
    (0xFF53_4D42, "cifs", Some((Outcome::Error, "is a network share: its locks and syncs can't be relied on"))),
    (0xFE53_4D42, "smb2", Some((Outcome::Error, "is a network share: its locks and syncs can't be relied on"))),
    (0x0102_1997, "9p", Some((Outcome::Error, "is a network share: its locks and syncs can't be relied on"))),
];

/// What [`disk`] gives, in order.
pub const DISK: [&str; 3] = ["storage", "space", "lock"];

/// Whether the database's directory is there, writable, on a disk of the right kind; with room; and whose it is.
pub fn disk(database: &Path, low_bytes: u64, is_running: bool) -> Vec<Check> {
    let directory = directory(database);
    let shown = directory.display().to_string();
    let unknown = || Check::new("space", Outcome::Skipped, format!("{shown}: can't be asked"));
    let lock = lock(database, is_running);
    if !directory.is_dir() {
        let storage = Check::new("storage", Outcome::Error, format!("{shown}: there is no such directory"))
            .fix(format!("make it for the agent's user: install -d -o parceld -g parceld -m 0750 {shown}"));
        return vec![storage, unknown(), lock];
    }
    let (room, kind) = match (rustix::fs::statvfs(directory), rustix::fs::statfs(directory)) {
        (Ok(room), Ok(kind)) => (room, kind),
        (Err(error), _) | (_, Err(error)) => {
            let storage = Check::new("storage", Outcome::Error, format!("{shown}: the disk can't be asked: {error}"));
            return vec![storage.fix("look at: dmesg | tail"), unknown(), lock];
        }
    };
    let may_write = is_running || rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    let storage = match (is_read_only(directory) == Some(true), may_write) {
        (true, _) => Check::new("storage", Outcome::Error, format!("{shown}: the disk is read-only"))
            .fix("why? dmesg | tail. A card that turned read-only is worn out: replace it. Else: mount -o remount,rw"),
        (false, false) => Check::new("storage", Outcome::Error, format!("{shown}: this user may not write there"))
            .fix("run the doctor as the agent's user; if that user may not write there: chown it"),
        (false, true) => judge_kind(&shown, kind.f_type as u32),
    };
    vec![storage, judge_room(&shown, room.f_bavail.saturating_mul(room.f_frsize), low_bytes), lock]
}

/// Whether one agent, and only one, has the database.
fn lock(database: &Path, is_running: bool) -> Check {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = Path::new(&path);
    let check = |outcome, found: &str| Check::new("lock", outcome, format!("{}: {found}", path.display()));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return check(Outcome::Skipped, "not there: no agent has run on this database");
        }
        Err(error) => return check(Outcome::Skipped, &format!("can't be looked at: {error}")),
    };
    match (rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared), is_running) {
        (Err(Errno::WOULDBLOCK), true) => check(Outcome::Ok, "held by the agent that answers"),
        (Err(Errno::WOULDBLOCK), false) => check(Outcome::Warning, "an agent has the database, and none answers").fix(
            format!("fuser -v {} names it. Is it run with another configuration, or does it hang?", path.display()),
        ),
        (Ok(()), true) => check(Outcome::Warning, "the agent that answers doesn't hold it")
            .fix("does it run with another storage.path? Restart it with this configuration"),
        (Ok(()), false) => check(Outcome::Ok, "free: no agent has the database"),
        (Err(error), _) => check(Outcome::Skipped, &format!("can't be tried: {error}")),
    }
}

/// Whether the SQLite that is linked is one that can be trusted with a journal.
pub fn sqlite() -> Check {
    let version = crate::journal::sqlite_version();
    match crate::journal::is_sqlite_safe() {
        true => Check::new("sqlite", Outcome::Ok, format!("SQLite {version}")),
        false => Check::new("sqlite", Outcome::Error, format!("SQLite {version} can corrupt a journal"))
            .fix("install a parceld that was built with SQLite 3.51.3 or later"),
    }
}

/// Whether the file opens, is of a version that this one knows, and is whole.
pub fn database(path: &Path, is_running: bool) -> Check {
    let shown = path.display();
    let check = |outcome, found: String| Check::new("database", outcome, format!("{shown}: {found}"));
    if !path.exists() && !is_running {
        return check(Outcome::Skipped, "not there yet; the first run makes it".into());
    }
    let checked = Reader::open(path).and_then(|reader| {
        Ok((reader.quick_check_within(CHECKED_WITHIN)?, reader.cursors()?, reader.schema_version()?))
    });
    match checked {
        Ok((None, ..)) => check(
            Outcome::Skipped,
            format!("readable; too large to be looked through in {} s", CHECKED_WITHIN.as_secs()),
        ),
        Ok((Some(whole), cursors, schema)) if whole == "ok" => {
            let mut found = format!("whole, {} events, schema {schema}", cursors.head);
            if let Some((at, said)) = salvage::unfounded(path).last() {
                found += &format!("; thought to be damaged at {at:.0} ({said}), and read in vain");
            }
            match salvage::quarantine(path).last() {
                None => check(Outcome::Ok, found),
                Some(kept) => check(Outcome::Warning, format!("{found}; it was damaged, and has been salvaged")).fix(
                    format!("copy {} to another disk for whoever looks into it, and delete it here", kept.display()),
                ),
            }
        }
        Ok((Some(damage), ..)) => check(Outcome::Error, format!("damaged: {damage}")).fix(format!(
            "the agent salvages it when it finds that by itself, within a day; at once: sudo -u parceld touch \
                 {shown}.suspected, and restart it"
        )),
        Err(error @ Error::NewerFile { .. }) => Check::new("database", Outcome::Error, error.to_string()),
        Err(error @ Error::OlderFile { .. }) => Check::new("database", Outcome::Warning, error.to_string())
            .fix("start the agent: it brings the file to this version"),
        Err(error) => check(Outcome::Error, error.to_string())
            .fix("run the doctor as the agent's user; if it stays so, look at: dmesg | tail"),
    }
}

/// With less than `low_bytes` somebody should look.
fn judge_room(shown: &str, free_bytes: u64, low_bytes: u64) -> Check {
    let found = format!("{shown}: {} MiB free", free_bytes / (1024 * 1024));
    let least_bytes = FREE_LEAST_BYTES.min(low_bytes).max(ROOM_BYTES_MIN);
    if low_bytes.max(least_bytes) <= free_bytes {
        return Check::new("space", Outcome::Ok, found);
    }
    let outcome = if free_bytes < least_bytes { Outcome::Error } else { Outcome::Warning };
    let fix = "free space on that disk: du -xh --max-depth=2 / | sort -h | tail tells who uses it";
    Check::new("space", outcome, found).fix(fix)
}

fn judge_kind(shown: &str, magic: u32) -> Check {
    let known = FILE_SYSTEMS.iter().find(|(known, _, _)| *known == magic);
    let name = known.map_or_else(|| format!("file system {magic:#x}"), |(_, name, _)| (*name).to_owned());
    match known {
        Some((_, _, Some((outcome, fault)))) => {
            Check::new("storage", *outcome, format!("{shown}: {name} {fault}")).fix("set storage.path to a local disk")
        }
        Some((_, _, None)) | None => Check::new("storage", Outcome::Ok, format!("{shown}: {name}, can be written")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_room_and_kind_of_the_disk() {
        const MIB: u64 = 1024 * 1024;
        for (free_mib, low_mib, outcome) in [
            (8_000, 200, Outcome::Ok),
            (199, 200, Outcome::Warning),
            (19, 200, Outcome::Error),
            (5, 0, Outcome::Ok),
            (0, 0, Outcome::Error),
        ] {
            expect(&judge_room("/var/lib/parceld", free_mib * MIB, low_mib * MIB), outcome);
        }
        for (magic, outcome) in
            [(0xEF53, Outcome::Ok), (0xDEAD, Outcome::Ok), (0x0102_1994, Outcome::Warning), (0x6969, Outcome::Error)]
        {
            expect(&judge_kind("/var/lib/parceld", magic), outcome);
        }
    }

    #[test]
    fn knows_whether_an_agent_has_the_database() {
        let directory = std::env::temp_dir().join(format!("parceld-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&directory).unwrap();
        let database = directory.join("parceld.db");
        assert_eq!(lock(&database, false).outcome, Outcome::Skipped);
        let held = File::create(directory.join("parceld.db.lock")).unwrap();
        expect(&lock(&database, false), Outcome::Ok);
        expect(&lock(&database, true), Outcome::Warning);
        rustix::fs::flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
        expect(&lock(&database, true), Outcome::Ok);
        expect(&lock(&database, false), Outcome::Warning);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[track_caller]
    fn expect(check: &Check, outcome: Outcome) {
        assert_eq!(check.outcome, outcome, "{check:?}");
        assert_eq!(check.fix.is_some(), outcome != Outcome::Ok, "{check:?}");
    }
}
