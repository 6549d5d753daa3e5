//! What of the files below a folder has reached the disk, and which faults come next. One disk for each thread.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What a disk writes whole or not at all.
pub const SECTOR: u64 = 512;

/// The folder of this thread, until it is dropped.
#[derive(Debug)]
pub struct Disk(Rc<RefCell<Inner>>);

/// Faults that are still to come. Writes are writes, truncations and syncs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The power goes after so many more writes: from there on everything fails and nothing changes.
    pub dies_in: Option<u64>,
    /// The write after so many more fails.
    pub write_fails_in: Option<u64>,
    /// The sync after so many more fails, and what it was for is lost although later ones succeed.
    pub sync_fails_in: Option<u64>,
    /// The read after so many more fails.
    pub read_fails_in: Option<u64>,
    /// All files together take no more than this.
    pub room: Option<u64>,
}

/// How a disk, or what stands before it, doesn't keep its word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lie {
    #[default]
    Never,
    /// A write-ahead log is never forced to disk, as with `synchronous = NORMAL`.
    LogNotForced,
    /// It is, but only with the next write: who was answered before that was answered too early.
    LogForcedLate,
}

/// What a power cut leaves of what was not forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Nothing,
    All,
    /// What was written first.
    First,
    /// Any sectors.
    Some,
}

#[derive(Debug)]
pub(crate) struct Inner {
    root: PathBuf,
    files: HashMap<PathBuf, Kept>,
    faults: Faults,
    lie: Lie,
    late: Option<PathBuf>,
    dead: bool,
    writes: u64,
    syncs: u64,
}

/// A file as the disk has it.
#[derive(Debug)]
struct Kept {
    inode: u64,
    /// Its length when it was last forced.
    length: u64,
    /// Its sectors that are written and not forced, by their number.
    written: BTreeMap<u64, Sector>,
    order: u64,
}

#[derive(Debug)]
struct Sector {
    /// What the disk has; nothing behind the forced length.
    durable: Option<Box<[u8; SECTOR as usize]>>,
    /// When it was first written since it was forced.
    order: u64,
    /// A sync of it has failed: the system takes it for clean.
    lost: bool,
}

/// What a fault does to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Io,
    Full,
}

thread_local! {
    static MINE: RefCell<Option<Rc<RefCell<Inner>>>> = const { RefCell::new(None) };
}

/// This thread's disk, if the file is on it.
pub(crate) fn of(path: &Path) -> Option<Rc<RefCell<Inner>>> {
    let mine = MINE.with(|mine| mine.borrow().clone())?;
    let is_below = path.starts_with(&mine.borrow().root);
    is_below.then_some(mine)
}

impl Disk {
    /// What SQLite does with files below `root` on this thread goes over this disk from here on.
    ///
    /// # Panics
    /// This thread has another one.
    #[must_use]
    pub fn mount(root: &Path) -> Self {
        crate::vfs::install();
        let inner = Inner {
            root: root.to_owned(),
            files: HashMap::new(),
            faults: Faults::default(),
            lie: Lie::default(),
            late: None,
            dead: false,
            writes: 0,
            syncs: 0,
        };
        let inner = Rc::new(RefCell::new(inner));
        MINE.with(|mine| {
            let before = mine.borrow_mut().replace(Rc::clone(&inner));
            assert!(before.is_none(), "one disk for each thread");
        });
        Self(inner)
    }

    pub fn set(&self, faults: Faults) {
        self.0.borrow_mut().faults = faults;
    }

    #[must_use]
    pub fn faults(&self) -> Faults {
        self.0.borrow().faults
    }

    pub fn lies(&self, lie: Lie) {
        self.0.borrow_mut().lie = lie;
    }

    /// Whether the power has gone.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.0.borrow().dead
    }

    /// The power goes now.
    pub fn die(&self) {
        self.0.borrow_mut().dead = true;
    }

    /// Writes and syncs so far.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let inner = self.0.borrow();
        (inner.writes, inner.syncs)
    }

    /// What all files take.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.0.borrow().taken()
    }

    /// The power is back, and the files are what `cut` left of them; `random` is uniform. No connection may be open.
    ///
    /// # Errors
    /// A file can't be written.
    pub fn back_after(&self, cut: Cut, mut random: impl FnMut() -> u64) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        let mut files: Vec<_> = std::mem::take(&mut inner.files).into_iter().collect();
        files.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for (path, kept) in files {
            if fs::metadata(&path).is_ok_and(|found| found.ino() == kept.inode) {
                kept.leave(&path, cut, &mut random)?;
            }
        }
        (inner.dead, inner.late, inner.faults) = (false, None, Faults::default());
        Ok(())
    }

    /// The program was killed and the system lives on: it still has everything that was written.
    pub fn back_after_kill(&self) {
        let mut inner = self.0.borrow_mut();
        (inner.dead, inner.faults) = (false, Faults::default());
    }

    /// Takes the files as they are now for what the disk has: somebody has put them there.
    pub fn settle(&self) {
        self.0.borrow_mut().files.clear();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        MINE.with(|mine| mine.borrow_mut().take());
    }
}

/// Counts down; whether it is this time.
fn is_due(left: &mut Option<u64>) -> bool {
    match left {
        Some(0) => {
            *left = None;
            true
        }
        Some(left) => {
            *left -= 1;
            false
        }
        None => false,
    }
}

impl Inner {
    fn taken(&self) -> u64 {
        self.files.keys().map(|path| fs::metadata(path).map_or(0, |found| found.len())).sum()
    }

    pub fn opened(&mut self, path: &Path) {
        let Ok(found) = fs::metadata(path) else { return };
        let (inode, length) = (found.ino(), found.len());
        if self.files.get(path).is_none_or(|kept| kept.inode != inode) {
            self.files.insert(path.to_owned(), Kept { inode, length, written: BTreeMap::new(), order: 0 });
        }
    }

    pub fn deleted(&mut self, path: &Path) {
        self.files.remove(path);
    }

    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Whether a read may happen.
    pub fn reads(&mut self) -> Result<(), Refused> {
        if self.dead || is_due(&mut self.faults.read_fails_in) {
            return Err(Refused::Io);
        }
        Ok(())
    }

    fn changes(&mut self) -> Result<(), Refused> {
        self.dead |= is_due(&mut self.faults.dies_in);
        self.writes += 1;
        if self.dead {
            return Err(Refused::Io);
        }
        if let Some(late) = self.late.take() {
            self.forced(&late);
        }
        Ok(())
    }

    /// Before `data` is written. `read` gives a sector of the file as it is.
    pub fn writes(
        &mut self,
        path: &Path,
        at: u64,
        length: u64,
        read: impl FnMut(u64) -> [u8; SECTOR as usize],
    ) -> Result<(), Refused> {
        self.changes()?;
        if is_due(&mut self.faults.write_fails_in) {
            return Err(Refused::Io);
        }
        if let Some(room) = self.faults.room {
            let is_now = fs::metadata(path).map_or(0, |found| found.len());
            let grows = (at + length).saturating_sub(is_now);
            if 0 < grows && room < self.taken() + grows {
                return Err(Refused::Full);
            }
        }
        if let Some(kept) = self.files.get_mut(path) {
            kept.note(at, at + length, read);
        }
        Ok(())
    }

    /// Before the file is cut off behind `length`.
    pub fn truncates(
        &mut self,
        path: &Path,
        length: u64,
        read: impl FnMut(u64) -> [u8; SECTOR as usize],
    ) -> Result<(), Refused> {
        self.changes()?;
        if let Some(kept) = self.files.get_mut(path) {
            let to = kept.length.max(length);
            kept.note(length, to, read);
        }
        Ok(())
    }

    pub fn syncs(&mut self, path: &Path) -> Result<(), Refused> {
        self.changes()?;
        self.syncs += 1;
        if is_due(&mut self.faults.sync_fails_in) {
            if let Some(kept) = self.files.get_mut(path) {
                kept.written.values_mut().for_each(|sector| sector.lost = true);
            }
            return Err(Refused::Io);
        }
        let is_log = path.as_os_str().as_encoded_bytes().ends_with(b"-wal");
        match self.lie {
            Lie::LogNotForced if is_log => {}
            Lie::LogForcedLate if is_log => self.late = Some(path.to_owned()),
            Lie::Never | Lie::LogNotForced | Lie::LogForcedLate => self.forced(path),
        }
        Ok(())
    }

    fn forced(&mut self, path: &Path) {
        if let (Some(kept), Ok(found)) = (self.files.get_mut(path), fs::metadata(path)) {
            kept.length = found.len();
            kept.written.retain(|_, sector| sector.lost);
        }
    }
}

impl Kept {
    /// The sectors from `at` to `to` are about to change.
    fn note(&mut self, at: u64, to: u64, mut read: impl FnMut(u64) -> [u8; SECTOR as usize]) {
        for number in at / SECTOR..to.div_ceil(SECTOR) {
            self.order += 1;
            let (order, is_there) = (self.order, number * SECTOR < self.length);
            let mut durable = || is_there.then(|| Box::new(read(number * SECTOR)));
            let sector =
                self.written.entry(number).or_insert_with(|| Sector { durable: durable(), order, lost: false });
            sector.lost = false;
        }
    }

    fn leave(&self, path: &Path, cut: Cut, random: &mut impl FnMut() -> u64) -> io::Result<()> {
        if self.written.is_empty() {
            return Ok(());
        }
        let file = File::options().read(true).write(true).open(path)?;
        let now = file.metadata()?.len();
        let first = random() % (self.order + 1);
        let mut end = 0;
        for (number, sector) in &self.written {
            let stays = !sector.lost
                && match cut {
                    Cut::Nothing => false,
                    Cut::All => true,
                    Cut::First => sector.order <= first,
                    Cut::Some => random().is_multiple_of(2),
                };
            let at = number * SECTOR;
            match (stays, &sector.durable) {
                (true, _) => end = end.max((at + SECTOR).min(now)),
                (false, Some(durable)) => file.write_all_at(&durable[..], at)?,
                (false, None) => file.write_all_at(&[0; SECTOR as usize], at)?,
            }
        }
        let is_cut_off = now < self.length && cut != Cut::Nothing && random().is_multiple_of(2);
        file.set_len(if is_cut_off { now } else { self.length.max(end) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;
    use rusqlite::config::DbConfig;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static NEXT: AtomicU64 = AtomicU64::new(0);
            let parent = Some(PathBuf::from("/dev/shm")).filter(|memory| memory.is_dir());
            let name = format!("faultfs-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = parent.unwrap_or_else(std::env::temp_dir).join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn open(folder: &Folder) -> rusqlite::Result<Connection> {
        let conn = Connection::open(folder.0.join("it.db"))?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        conn.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE IF NOT EXISTS n (n INTEGER PRIMARY KEY, text TEXT) STRICT",
        )?;
        Ok(conn)
    }

    fn insert(conn: &Connection) -> rusqlite::Result<usize> {
        conn.execute("INSERT INTO n (text) VALUES (hex(randomblob(300)))", [])
    }

    fn count(folder: &Folder) -> u64 {
        let conn = open(folder).unwrap();
        let check: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        conn.query_row("SELECT count(*) FROM n", [], |row| row.get(0)).unwrap()
    }

    /// Numbers that look random, from a seed.
    fn random(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        }
    }

    /// Inserts until the power goes with write `dies_in`; how many were answered, and how many are there afterwards.
    fn play(lie: Lie, dies_in: u64, cut: Cut) -> (u64, u64) {
        let folder = Folder::new();
        let disk = Disk::mount(&folder.0);
        let conn = open(&folder).unwrap();
        disk.lies(lie);
        disk.set(Faults { dies_in: Some(dies_in), ..Faults::default() });
        let answered = std::iter::repeat_with(|| insert(&conn)).take_while(Result::is_ok).count();
        assert!(disk.is_dead());
        drop(conn);
        disk.back_after(cut, random(dies_in)).unwrap();
        disk.lies(Lie::Never);
        (answered as u64, count(&folder))
    }

    #[test]
    fn what_was_forced_survives_every_cut() {
        for dies_in in 0..40 {
            for cut in [Cut::Nothing, Cut::All, Cut::First, Cut::Some] {
                let (answered, there) = play(Lie::Never, dies_in, cut);
                assert!((answered..=answered + 1).contains(&there), "{dies_in} {cut:?}: {answered} {there}");
            }
        }
    }

    #[test]
    fn what_was_not_forced_is_lost() {
        let (answered, there) = play(Lie::LogNotForced, 30, Cut::Nothing);
        assert!(5 < answered && there == 0, "{answered} {there}");
        let lost = (0..40).filter(|dies_in| {
            let (answered, there) = play(Lie::LogForcedLate, *dies_in, Cut::Nothing);
            there < answered
        });
        assert!(0 < lost.count());
    }

    #[test]
    fn a_kill_loses_nothing_that_was_written_and_a_later_cut_may() {
        let folder = Folder::new();
        let disk = Disk::mount(&folder.0);
        let conn = open(&folder).unwrap();
        disk.lies(Lie::LogNotForced);
        insert(&conn).unwrap();
        disk.die();
        drop(conn);
        disk.back_after_kill();
        assert_eq!(count(&folder), 1);
        disk.back_after(Cut::Nothing, random(1)).unwrap();
        assert_eq!(count(&folder), 0);
    }

    #[test]
    fn faults_are_told_and_pass() {
        let folder = Folder::new();
        let disk = Disk::mount(&folder.0);
        let conn = open(&folder).unwrap();
        let code = |result: rusqlite::Result<usize>| result.unwrap_err().sqlite_error().unwrap().extended_code;
        insert(&conn).unwrap();
        disk.set(Faults { room: Some(disk.taken()), ..Faults::default() });
        assert_eq!(code(insert(&conn)), rusqlite::ffi::SQLITE_FULL);
        disk.set(Faults { write_fails_in: Some(0), ..Faults::default() });
        assert_eq!(code(insert(&conn)), rusqlite::ffi::SQLITE_IOERR_WRITE);
        disk.set(Faults { sync_fails_in: Some(0), ..Faults::default() });
        assert_eq!(code(insert(&conn)), rusqlite::ffi::SQLITE_IOERR_FSYNC);
        insert(&conn).unwrap();
        drop(conn);
        assert!(1 < count(&folder));
    }

    #[test]
    fn what_a_failed_sync_was_for_is_lost_although_the_next_one_succeeds() {
        let folder = Folder::new();
        let disk = Disk::mount(&folder.0);
        let file = folder.0.join("it.db");
        let conn = Connection::open(&file).unwrap();
        conn.execute_batch("PRAGMA journal_mode = MEMORY; CREATE TABLE n (n INTEGER)").unwrap();
        disk.set(Faults { sync_fails_in: Some(0), ..Faults::default() });
        assert!(conn.execute_batch("INSERT INTO n VALUES (1)").is_err());
        let kept = disk.0.borrow();
        assert!(kept.files[&file].written.values().any(|sector| sector.lost) || kept.files[&file].written.is_empty());
    }

    #[test]
    fn files_elsewhere_are_left_alone() {
        let (mine, other) = (Folder::new(), Folder::new());
        let disk = Disk::mount(&mine.0);
        disk.die();
        let conn = open(&other).unwrap();
        insert(&conn).unwrap();
        drop(conn);
        assert_eq!(count(&other), 1);
        assert_eq!(disk.counts(), (0, 0));
    }
}
