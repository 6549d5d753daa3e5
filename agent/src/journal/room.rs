//! What the disk of the database looks like, without writing to it.

use rustix::fs::{StatVfsMountFlags, major, minor};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A disk with less has no room for the pages of one scan.
pub const ROOM_BYTES_MIN: u64 = 64 * 1024;

/// What Linux from 6.15 on says of a file system that errors have made read-only, beside the flag that it had before.
const EMERGENCY: &str = "emergency_ro";

/// The directory that a file lies in.
#[must_use]
pub fn directory(file: &Path) -> &Path {
    file.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What the agent's user may still take of a disk; none where it can't be looked at.
#[must_use]
pub fn free_bytes(directory: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Whether an error says that a disk, or what a user may have of it, is full.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Whether the disk of `database` looks as if it took a scan; it does too where it can't be looked at.
#[must_use]
pub fn has_room(database: &Path) -> bool {
    let Ok(disk) = rustix::fs::statvfs(directory(database)) else { return true };
    ROOM_BYTES_MIN <= disk.f_bavail.saturating_mul(disk.f_frsize) && is_read_only(directory(database)) != Some(true)
}

/// Whether nothing can be written to the file system of `directory`, by its own will or after errors.
#[must_use]
pub fn is_read_only(directory: &Path) -> Option<bool> {
    let flags = rustix::fs::statvfs(directory).ok()?.f_flag;
    let device = std::fs::metadata(directory).ok()?.dev();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    Some(flags.contains(StatVfsMountFlags::RDONLY) || is_emergency(&mounts, major(device), minor(device)))
}

/// `mounts` as proc_pid_mountinfo(5) has them: the third field is the device, the last one the file system's options.
fn is_emergency(mounts: &str, major: u32, minor: u32) -> bool {
    let device = format!("{major}:{minor}");
    let mut options = mounts.lines().filter_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        (mount.split(' ').nth(2)? == device).then(|| system.rsplit(' ').next()).flatten()
    });
    options.any(|options| options.split(',').any(|option| option == EMERGENCY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_file_system_that_errors_have_made_read_only() {
        let mounts = "63 43 7:0 / /m rw,relatime - ext4 /dev/loop0 rw,abort,errors=remount-ro,emergency_ro\n\
                      64 43 7:1 / /emergency_ro rw,relatime - ext4 /dev/loop1 rw\n";
        assert!(is_emergency(mounts, 7, 0));
        assert!(!is_emergency(mounts, 7, 1));
        assert!(!is_emergency("", 7, 0));
    }

    #[test]
    fn this_machine_can_be_written_to() {
        assert_eq!(is_read_only(&std::env::temp_dir()), Some(false));
        assert_eq!(is_read_only(Path::new("/no/such/directory")), None);
        assert!(has_room(&std::env::temp_dir().join("parceld.db")) && has_room(Path::new("/no/such/directory/file")));
    }
}
