//! The disk and the database on it.

use super::{Check, Outcome};
use crate::journal::{Error, Reader};
use rustix::fs::Access;
use std::path::Path;

/// Below it, a site should be looked at before it fills up.
const FREE_LOW_BYTES: u64 = 200 * 1024 * 1024;

/// Below it, a busy hour can fill the disk.
const FREE_LEAST_BYTES: u64 = 20 * 1024 * 1024;

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

/// Whether the database's directory is there, writable, on a disk of the right kind, with room.
pub fn directory(database: &Path, is_running: bool) -> Check {
    let directory = match database.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let shown = directory.display();
    let check = |outcome, found: String| Check::new("storage", outcome, format!("{shown}: {found}"));
    if !directory.is_dir() {
        return check(Outcome::Error, "there is no such directory".into())
            .fix(format!("make it for the agent's user: install -d -o parceld -g parceld -m 0750 {shown}"));
    }
    if !is_running && rustix::fs::access(directory, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return check(Outcome::Error, "this user may not write there".into())
            .fix("run the doctor as the agent's user; if that user may not write there: chown it");
    }
    let (space, kind) = match (rustix::fs::statvfs(directory), rustix::fs::statfs(directory)) {
        (Ok(space), Ok(kind)) => (space, kind),
        (Err(error), _) | (_, Err(error)) => {
            return check(Outcome::Error, format!("the disk can't be asked: {error}")).fix("look at: dmesg | tail");
        }
    };
    judge(&shown.to_string(), space.f_bavail.saturating_mul(space.f_frsize), kind.f_type as u32)
}

/// Whether the file opens, is of a version that this one knows, and is whole.
pub fn database(path: &Path, is_running: bool) -> Check {
    let shown = path.display();
    let check = |outcome, found: String| Check::new("database", outcome, format!("{shown}: {found}"));
    if !path.exists() && !is_running {
        return check(Outcome::Skipped, "not there yet; the first run makes it".into());
    }
    let checked =
        Reader::open(path).and_then(|reader| Ok((reader.quick_check()?, reader.cursors()?, reader.schema_version()?)));
    match checked {
        Ok((whole, cursors, schema)) if whole == "ok" => {
            let sqlite = crate::journal::sqlite_version();
            check(Outcome::Ok, format!("whole, {} events, schema {schema}, SQLite {sqlite}", cursors.head))
        }
        Ok((damage, ..)) => check(Outcome::Error, format!("damaged: {damage}"))
            .fix("keep a copy of the file and its -wal before anything else, then have it looked at"),
        Err(error @ Error::NewerFile { .. }) => Check::new("database", Outcome::Error, error.to_string()),
        Err(error) => check(Outcome::Error, error.to_string())
            .fix("run the doctor as the agent's user; if it stays so, look at: dmesg | tail"),
    }
}

fn judge(shown: &str, free_bytes: u64, magic: u32) -> Check {
    let known = FILE_SYSTEMS.iter().find(|(known, _, _)| *known == magic);
    let name = known.map_or_else(|| format!("file system {magic:#x}"), |(_, name, _)| (*name).to_owned());
    let found = format!("{shown}: {name}, {} MiB free", free_bytes / (1024 * 1024));
    if free_bytes < FREE_LOW_BYTES {
        let outcome = if free_bytes < FREE_LEAST_BYTES { Outcome::Error } else { Outcome::Warning };
        let fix = "free space on that disk: du -xh --max-depth=2 / | sort -h | tail tells who uses it";
        return Check::new("storage", outcome, found).fix(fix);
    }
    match known {
        Some((_, _, Some((outcome, fault)))) => {
            Check::new("storage", *outcome, format!("{found}; {name} {fault}")).fix("set storage.path to a local disk")
        }
        Some((_, _, None)) | None => Check::new("storage", Outcome::Ok, found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_room_and_kind_of_the_disk() {
        const MIB: u64 = 1024 * 1024;
        for (free_mib, magic, outcome) in [
            (8_000, 0xEF53, Outcome::Ok),
            (8_000, 0xDEAD, Outcome::Ok),
            (199, 0xEF53, Outcome::Warning),
            (19, 0xEF53, Outcome::Error),
            (8_000, 0x0102_1994, Outcome::Warning),
            (8_000, 0x6969, Outcome::Error),
        ] {
            let check = judge("/var/lib/parceld", free_mib * MIB, magic);
            assert_eq!(check.outcome, outcome, "{check:?}");
            assert_eq!(check.fix.is_some(), outcome != Outcome::Ok, "{check:?}");
        }
    }
}
