//! The power goes while a damaged database is salvaged, a backup is put back, or one is made: whatever the disk has kept,
//! an agent starts, on all rows that there were, and the file that was there before is there still, byte for byte.
//!
//! What does it is the journal, in this program once more under a recorder: no scanner and no broker has a part in it.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use parceld::clock::Moment;
use parceld::domain::event::Event;
use parceld::journal::salvage::{self, restore::restore};
use parceld::journal::{self, Job, Journal, backup};
use parceld_tests::power_cut::record::{recorder, steps};
use parceld_tests::power_cut::{Disk, Loss, Step, What};
use parceld_tests::random::{Random, seed_or};
use parceld_tests::stored::Stored;
use parceld_tests::tempdir::TempDir;
use parceld_tests::wait;
use rusqlite::{Connection, OpenFlags};

use super::judge::{Folder, config};
use super::lives::whole;

/// Where the program that is recorded finds its directory.
const VARIABLE: &str = "PARCELD_POWER_CUT_SITE";

/// Events that are folded into the file, and those behind them in its log.
const FOLDED: usize = 300;
const IN_LOG: usize = 40;
/// Of them a backup has so many, and not the rest.
const BACKED_UP: usize = 120;

/// Images of each life.
const IMAGES: usize = 150;
/// Of a life without the fsync that matters: enough to lose something.
const IMAGES_OF_A_FAULT: usize = 150;

const DATABASE: &str = "parceld.db";
const BACKUP: &str = "backup.db";
const COPY: &str = "copy.db";

/// What is done while the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// A page of an index is damaged: every row is there, and the log goes on as it was.
    Rebuild,
    /// A page of a table is damaged that has no rows: all others are read page by page.
    Salvage,
    Restore,
    Backup,
}

/// A recorded life.
#[derive(Clone)]
struct Life {
    doing: Doing,
    site: PathBuf,
    /// The files before it began.
    before: Vec<(PathBuf, Vec<u8>)>,
    /// The log that they hold, and the backup's.
    original: Stored,
    backup: Option<Stored>,
    steps: Vec<Step>,
}

#[test]
fn a_power_cut_while_indexes_are_rebuilt_loses_nothing() {
    check(Doing::Rebuild, "exchange::a_power_cut_while_indexes_are_rebuilt_loses_nothing", ".salvage-part");
}

#[test]
fn a_power_cut_in_a_salvage_loses_nothing() {
    check(Doing::Salvage, "exchange::a_power_cut_in_a_salvage_loses_nothing", ".salvage-part");
}

#[test]
fn a_power_cut_in_a_restore_leaves_the_backup_or_what_was_there() {
    check(Doing::Restore, "exchange::a_power_cut_in_a_restore_leaves_the_backup_or_what_was_there", ".salvage-part");
}

#[test]
fn a_power_cut_in_a_backup_leaves_a_whole_one_or_none() {
    check(Doing::Backup, "exchange::a_power_cut_in_a_backup_leaves_a_whole_one_or_none", ".part");
}

/// `forced`: the end of the name of the file without whose fsync something has to be lost.
fn check(doing: Doing, test: &str, forced: &str) {
    if let Some(site) = env::var_os(VARIABLE) {
        return doing.happens(Path::new(&site));
    }
    let dir = TempDir::new("power-cut-exchange");
    let Some(life) = Life::live(doing, test, &dir) else { return };
    let seed = seed_or(super::SEED);
    let broken = life.cut(seed, IMAGES);
    assert!(broken.is_empty(), "PARCELD_SEED={seed}: {doing:?}: {}", broken.join("\n"));
    let is_forced = |step: &Step| match &step.what {
        What::Sync { path } => path.to_string_lossy().ends_with(forced),
        _ => false,
    };
    let mut unforced = life.clone();
    unforced.steps.retain(|step| !is_forced(step));
    assert!(unforced.steps.len() < life.steps.len(), "{doing:?}: {forced} is never forced to disk");
    let lost = unforced.cut(seed, IMAGES_OF_A_FAULT);
    eprintln!(
        "{doing:?}: {IMAGES} images; without the fsync {} of {IMAGES_OF_A_FAULT} have lost something",
        lost.len()
    );
    assert!(!lost.is_empty(), "{doing:?}: without the fsync of {forced} nothing is found");
}

impl Doing {
    /// In the program that is recorded.
    fn happens(self, site: &Path) {
        let database = site.join(DATABASE);
        match self {
            Self::Rebuild | Self::Salvage => {
                let (_, writing) = journal::open(config(&database), moment(1)).unwrap();
                writing.stop();
            }
            Self::Restore => {
                let backup = site.with_file_name(BACKUP);
                restore(&config(&database), &backup, &moment(1)).unwrap();
            }
            Self::Backup => {
                let (_, writing) = journal::open(config(&database), moment(1)).unwrap();
                backup::copy(&database, &site.join(COPY)).unwrap();
                writing.stop();
            }
        }
    }

    /// What an old file is called that is kept.
    fn kept(self) -> &'static str {
        match self {
            Self::Rebuild | Self::Salvage => ".damaged-",
            Self::Restore | Self::Backup => ".replaced-",
        }
    }
}

impl Life {
    fn live(doing: Doing, test: &str, dir: &TempDir) -> Option<Life> {
        let directory = fs::canonicalize(dir.path()).unwrap();
        let (site, trace) = (directory.join("site"), directory.join("trace"));
        fs::create_dir(&site).unwrap();
        make(&directory, &site);
        let database = site.join(DATABASE);
        let original = Stored::read(&copied(&directory, &site)).unwrap();
        assert!(FOLDED + IN_LOG < original.events.len(), "the start's, and all that follow");
        match doing {
            Doing::Rebuild => damage("index", &directory, &site),
            Doing::Salvage => damage("table", &directory, &site),
            Doing::Restore | Doing::Backup => {}
        }
        if matches!(doing, Doing::Rebuild | Doing::Salvage) {
            salvage::suspect(&database, "a test has damaged it").unwrap();
        }
        let files = fs::read_dir(&site).unwrap().flatten().map(|entry| entry.path());
        let before = files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();

        let words = recorder(&trace)?;
        let itself = env::current_exe().unwrap();
        let mut again = Command::new(&words[0]);
        again.args(&words[1..]).arg(itself).args([test, "--exact", "--nocapture"]).env(VARIABLE, &site);
        let child = again.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let process = child.id();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success() && said.contains("1 passed"), "{test}: {said}");
        let (steps, _) = steps(&whole(&trace, process), 0, &site, &[]);
        let steps = Disk::in_order(&steps).into_iter().map(|(_, step)| step).collect();
        let backup = Some(directory.join(BACKUP)).filter(|_| doing == Doing::Restore);
        let backup = backup.map(|backup| Stored::read(&backup).unwrap());
        Some(Life { doing, site, before, original, backup, steps })
    }

    /// Cuts the power at so many moments. What is broken on which image.
    fn cut(&self, seed: u64, images: usize) -> Vec<String> {
        let mut moments: Vec<(usize, usize)> = (0..images)
            .map(|number| (Random::stream(seed, number as u64).below(self.steps.len() + 1), number))
            .collect();
        // Where all is done, what was asked for is there.
        moments.push((self.steps.len(), images));
        moments.sort_unstable();
        let (mut disk, mut played, mut broken) = (Disk::default(), 0, Vec::new());
        self.before.iter().for_each(|(path, bytes)| disk.put(path, bytes));
        for (steps, number) in moments {
            self.steps[played..steps].iter().for_each(|step| disk.play(step));
            played = steps;
            let mut random = Random::stream(!seed, number as u64);
            let loss = Loss::any(&mut random);
            let folder = Folder::new();
            disk.cut(loss, &mut random).write(&self.site, folder.path());
            if let Err(why) = self.judge(folder.path(), steps == self.steps.len()) {
                let after = self.steps[..steps].last().map(|step| shown(&step.what));
                broken.push(format!("image {number} after {steps} steps ({after:?}), {loss:?} lost: {why}"));
            }
        }
        broken
    }

    fn judge(&self, folder: &Path, is_done: bool) -> Result<(), String> {
        if self.doing != Doing::Backup {
            self.find_original(folder)?;
        }
        let database = folder.join(DATABASE);
        let (_, writing) = journal::open(config(&database), moment(2)).map_err(|error| error.to_string())?;
        writing.stop();
        let found = read(&database)?;
        let (there, all) = (ids(&found), ids(&self.original));
        let is_put_back = self
            .backup
            .as_ref()
            .is_some_and(|backup| backup.epochs.len() < found.epochs.len() && ids(backup).is_subset(&there));
        if is_done && self.doing == Doing::Restore && !is_put_back {
            return Err("the backup was put back, and isn't there".into());
        }
        if !is_put_back && !all.is_subset(&there) {
            return Err(format!("{} of {} events are gone", all.difference(&there).count(), all.len()));
        }
        if self.doing == Doing::Rebuild && found.epochs != self.original.epochs {
            return Err("nothing was lost, and the log goes on as another one".into());
        }
        if self.doing == Doing::Backup {
            self.judge_copy(&folder.join(COPY), is_done)?;
        }
        Ok(())
    }

    /// The old database, each of its pieces under its own name or the one under which it is kept.
    fn find_original(&self, folder: &Path) -> Result<(), String> {
        let names: Vec<_> = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name()).collect();
        for piece in ["", "-wal"] {
            let name = format!("{DATABASE}{piece}");
            let was = self.before.iter().find(|(path, _)| path.file_name() == Some(OsStr::new(&name)));
            let Some((_, was)) = was.filter(|(_, bytes)| !bytes.is_empty()) else { continue };
            let (kept, end) = (format!("{DATABASE}{}", self.doing.kept()), format!("Z{piece}"));
            let mut places = names.iter().filter(|file| {
                let file = file.to_string_lossy();
                file == name || file.starts_with(&kept) && file.ends_with(&end)
            });
            if !places.any(|file| fs::read(folder.join(file)).is_ok_and(|bytes| bytes == *was)) {
                return Err(format!("{name} as it was is gone; there are {names:?}"));
            }
        }
        Ok(())
    }

    fn judge_copy(&self, copy: &Path, is_done: bool) -> Result<(), String> {
        if !copy.exists() {
            return if is_done { Err("the backup was made, and isn't there".into()) } else { Ok(()) };
        }
        let copied = read(copy)?;
        match ids(&self.original).is_subset(&ids(&copied)) {
            true => Ok(()),
            false => Err(format!("the backup has {} events", copied.events.len())),
        }
    }
}

/// A sound file's log.
fn read(database: &Path) -> Result<Stored, String> {
    let look = || {
        let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0))
    };
    match look() {
        Ok(found) if found == "ok" => Stored::read(database).map_err(|error| error.to_string()),
        Ok(found) => Err(format!("{}: {found}", database.display())),
        Err(error) => Err(format!("{}: {error}", database.display())),
    }
}

fn ids(stored: &Stored) -> BTreeSet<&str> {
    stored.events.iter().map(|event| event.id.as_str()).collect()
}

fn moment(minutes: u64) -> Moment {
    let since_start = Duration::from_secs(60 * minutes);
    let wall = jiff::Timestamp::constant(1_795_694_400, 0) + since_start;
    Moment { wall, since_start: Duration::ZERO, trusted: true }
}

/// A database as a killed agent leaves it: a part of its log isn't folded in. And an older backup of it, beside the site.
fn make(directory: &Path, site: &Path) {
    let scratch = directory.join("scratch").join(DATABASE);
    let (journal, writing) = journal::open(config(&scratch), moment(0)).unwrap();
    let record = |journal: &Journal, count: usize| {
        for number in 0..count {
            let event = Event::ScannerBack { scanner: format!("hand-{number}").as_str().into() };
            journal.submit(Job::Record { event, station: None, moment: moment(0) }).unwrap();
        }
        let (sender, done) = mpsc::channel();
        let reply = Box::new(move |()| {
            let _ = sender.send(());
        });
        journal.submit(Job::Barrier { reply }).unwrap();
        done.recv_timeout(wait::GENEROUS).unwrap();
    };
    record(&journal, BACKED_UP);
    backup::copy(&scratch, &directory.join(BACKUP)).unwrap();
    record(&journal, FOLDED - BACKED_UP);
    // An orderly stop folds the log.
    writing.stop();
    let (journal, writing) = journal::open(config(&scratch), moment(0)).unwrap();
    record(&journal, IN_LOG);
    for end in ["", "-wal", ".lock"] {
        fs::copy(beside(&scratch, end), beside(&site.join(DATABASE), end)).unwrap();
    }
    writing.stop();
}

/// A copy of the database, for looking into it without touching it.
fn copied(directory: &Path, site: &Path) -> PathBuf {
    let copy = directory.join("looked-at.db");
    for end in ["", "-wal"] {
        fs::copy(beside(&site.join(DATABASE), end), beside(&copy, end)).unwrap();
    }
    copy
}

/// Overwrites the page of an index, or of a table without rows, that is read from the file and not from its log.
fn damage(kind: &str, directory: &Path, site: &Path) {
    let conn = Connection::open(copied(directory, site)).unwrap();
    let page_bytes: u64 = conn.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    let mut all = conn.prepare("SELECT rootpage, tbl_name FROM sqlite_schema WHERE type = ?1").unwrap();
    let all = all.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let all: Vec<(u32, String)> = all.map(Result::unwrap).collect();
    let has_rows = |table: &str| {
        conn.query_row(&format!("SELECT EXISTS (SELECT 1 FROM {table})"), [], |row| row.get::<_, bool>(0)).unwrap()
    };
    let log = fs::read(site.join(format!("{DATABASE}-wal"))).unwrap();
    let frames = log.get(32..).unwrap_or_default().chunks(24 + usize::try_from(page_bytes).unwrap());
    // What an earlier round of the log has left behind its end is of no account.
    let is_newer = |frame: &&[u8]| 16 <= frame.len() && frame[8..16] == log[16..24];
    let newer: BTreeSet<u32> =
        frames.filter(is_newer).map(|frame| u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]])).collect();
    let is_fit = |(root, table): &&(u32, String)| !newer.contains(root) && !has_rows(table);
    let (root, _) = all.iter().find(is_fit).expect("one that nothing was ever added to");
    write_at(&site.join(DATABASE), u64::from(root - 1) * page_bytes, b"no page of a tree");
}

fn write_at(path: &Path, at: u64, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    fs::File::options().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// In a line.
fn shown(what: &What) -> String {
    match what {
        What::Write { path, at, bytes } => format!("{} bytes at {at:?} of {}", bytes.len(), path.display()),
        other => format!("{other:?}"),
    }
}
