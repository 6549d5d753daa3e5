//! What is recorded: an agent's first life, in which it makes its database and is killed, one that recovers and ends in
//! order, and a third one that folds its log while staff scan.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;

use parceld_tests::binaries;
use parceld_tests::goods::{gtin, order};
use parceld_tests::power_cut::record::{recorder, steps};
use parceld_tests::power_cut::{Disk, Step, What};
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::{Broker, PATIENCE, SITE, Site};
use parceld_tests::stored::Stored;
use parceld_tests::tempdir::TempDir;
use parceld_tests::wait;

/// Units of each of the two products on an order: more than are packed.
const UNITS_EACH: usize = 1_000;
/// Units that the benches pack in a life, side by side.
const PACKED: [[usize; 2]; 3] = [[10, 10], [10, 10], [120, 120]];
/// Then the first of them works on alone, so many units at a time, and shares no commit: until the log has become as long as it
/// may, was folded, and has begun anew.
const PACKED_ALONE: usize = 20;
const PACKED_MAX: usize = 2 * UNITS_EACH - 100;
const LAST: usize = PACKED.len() - 1;
const ORDERS: [&str; 2] = ["o1", "o2"];

/// The agent's pragma, and one that is as long.
const FULL: &[u8] = b"PRAGMA synchronous = FULL;";
const NORMAL: &[u8] = b"PRAGMA synchronous=NORMAL;";

/// Of a write-ahead log's header: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.
const LOG_HEAD_BYTES: usize = 32;

/// A step, and up to which place of the log it tells somebody that something is stored.
#[derive(Debug, Clone)]
pub struct Entry {
    pub step: Step,
    pub promises: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct Lives {
    pub directory: PathBuf,
    pub entries: Vec<Entry>,
    /// Of both benches, in all lives.
    pub scans: usize,
    /// The log when all was over.
    pub stored: Stored,
}

impl Lives {
    /// Lives them. `None` where nothing may be traced here.
    pub fn live(program: Option<&Path>) -> Option<Lives> {
        let dir = TempDir::new("power-cut");
        let directory = fs::canonicalize(dir.path()).expect("it was just made").join("site");
        fs::create_dir(&directory).expect("a directory of our own takes another");
        let trace = |life: usize| dir.join(format!("life-{life}"));
        let first = recorder(&trace(0))?;
        let database = directory.join("parceld.db");
        let mut site = site(&database, first, program);
        for id in ORDERS {
            site.platform.put_order(SITE, &order(id, "dhl", &format!("{UNITS_EACH}xA {UNITS_EACH}xB")));
        }
        site.until_accepted(ORDERS.len());

        let ports = ports(&site);
        let mut scanned: [Vec<String>; 2] = [Vec::new(), Vec::new()];
        let mut recorded = Vec::new();
        let mut next = 0;
        for (life, units) in PACKED.into_iter().enumerate() {
            if 0 < life {
                restart_behind(&mut site, recorder(&trace(life))?);
            }
            let mut packed = [0, 1].map(|bench| codes(bench, life, 0..units[bench]));
            let (one, others) = site.scanners.split_at_mut(1);
            let log = thread::scope(|both| {
                both.spawn(|| scan(&mut others[0], &packed[1]));
                let (first, rest) = packed[0].split_at(1);
                scan(&mut one[0], first);
                let log = head_of_log(&database);
                scan(&mut one[0], rest);
                log
            });
            let mut so_far = units[0];
            while life == LAST && head_of_log(&database) == log {
                assert!(so_far < PACKED_MAX, "the log did not begin anew in {so_far} units");
                let more = codes(0, life, so_far..so_far + PACKED_ALONE);
                scan(&mut one[0], &more);
                packed[0].extend(more);
                so_far += PACKED_ALONE;
            }
            scanned.iter_mut().zip(packed).for_each(|(scanned, codes)| scanned.extend(codes));
            site.until_synced();
            let process = site.agent.process().pid();
            match life {
                0 => site.agent.kill9(),
                _ => assert!(site.agent.stop().is_some_and(|status| status.success())),
            }
            let text = whole(&trace(life), process);
            let (more, behind) = steps(&text, next, &directory, &ports);
            recorded.extend(more);
            next = behind;
        }
        let stored = Stored::read(&database).expect("an orderly stop leaves a file that can be read");
        assert_eq!(stored.is_whole(), Ok(()));
        let entries = entries(&recorded, &stored, &ports, &scanned);
        let scans = scanned.iter().map(Vec::len).sum();
        Some(Lives { directory, entries, scans, stored })
    }

    /// All that has to happen in lives that are worth it.
    pub fn assert_eventful(&self) {
        let count = |is: &dyn Fn(&What) -> bool| self.entries.iter().filter(|entry| is(&entry.step.what)).count();
        let on = |path: &Path, end: &str| path.to_string_lossy().ends_with(end);
        let greens = count(&|what| matches!(what, What::Green { .. }));
        assert_eq!(greens, self.scans);
        let rounds = count(&|what| matches!(what, What::Write { path, at: Some(0), .. } if on(path, "-wal")));
        assert!(3 <= rounds, "the log begins: at first, after an orderly stop, after it was folded at work: {rounds}");
        let folds = count(&|what| matches!(what, What::Sync { path } if on(path, "parceld.db")));
        assert!(4 <= folds, "made, folded at work, at two stops: {folds}");
        assert!(0 < count(&|what| matches!(what, What::Sync { path } if *path == self.directory)));
        assert!(0 < count(&|what| matches!(what, What::Remove { .. })));
        let told = self.entries.iter().filter(|entry| matches!(entry.step.what, What::Sent { .. }));
        // What an orderly stop records is told to nobody before the next start.
        let told = told.filter_map(|entry| entry.promises).max();
        assert!(told.is_some_and(|told| self.stored.events.len() as u64 <= told + 1), "{told:?}");
    }

    /// The same lives, in which some steps never happened.
    pub fn without(&self, left_out: impl Fn(&What) -> bool) -> Lives {
        let mut lives = self.clone();
        lives.entries.retain(|entry| !left_out(&entry.step.what));
        lives
    }

    /// The same lives, in which each scan is answered just before the last sync of the log that came before its answer.
    pub fn answering_before_the_commit(&self) -> Lives {
        let mut lives = self.without(|_| false);
        let mut last_sync = 0;
        for index in 0..lives.entries.len() {
            match &lives.entries[index].step.what {
                What::Sync { path } if path.to_string_lossy().ends_with("-wal") => last_sync = index,
                What::Green { .. } => {
                    lives.entries[last_sync..=index].rotate_right(1);
                    last_sync += 1;
                }
                _ => {}
            }
        }
        lives
    }
}

/// A site whose agent starts behind the words of a recorder.
pub fn site(database: &Path, recorder: Vec<String>, program: Option<&Path>) -> Site {
    Site::with(Broker::embedded(), |setup| {
        let setup = setup.set("storage.path", database.to_string_lossy().into_owned());
        let setup = setup.set("storage.ballast", "1MiB").through(recorder);
        match program {
            Some(program) => setup.program(program.to_owned()),
            None => setup,
        }
    })
}

/// The next life, behind those of another recorder.
pub fn restart_behind(site: &mut Site, recorder: Vec<String>) {
    site.agent.change(|setup| setup.through(recorder));
    site.agent.restart();
    site.agent.ready();
}

/// As the kernel has them.
pub fn ports(site: &Site) -> Vec<PathBuf> {
    site.scanners.iter().map(|scanner| fs::read_link(scanner.port()).expect("a link to a terminal")).collect()
}

/// What a bench scans in a life: its order where it isn't open yet, units of it, and between them what nobody knows. A life
/// begins with another unit than the last one ended with: after a kill that one would be asked about.
fn codes(bench: usize, life: usize, units: Range<usize>) -> Vec<String> {
    let opens = life == 0 && units.start == 0;
    let mut codes: Vec<String> = opens.then(|| ORDERS[bench].to_uppercase()).into_iter().collect();
    for unit in units {
        codes.push(gtin(if unit % 2 == 0 { 'A' } else { 'B' }));
        if unit % 2 == 0 {
            codes.push(format!("bench-{bench}-life-{life}-unit-{unit}"));
        }
    }
    codes
}

/// Of the log as it lies there; another one once it has begun anew.
fn head_of_log(database: &Path) -> [u8; LOG_HEAD_BYTES] {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    let mut head = [0; LOG_HEAD_BYTES];
    File::open(&log).and_then(|mut log| log.read_exact(&mut head)).expect("a log that was written to");
    head
}

/// Scans one after the other's answer.
fn scan(scanner: &mut VirtualScanner, codes: &[String]) {
    for code in codes {
        let answer = scanner.scan(code);
        assert!(answer.recorded, "{code}");
        let counts = !code.starts_with("bench-");
        assert_eq!(answer.beeps == 0, counts, "{code}: {} beeps", answer.beeps);
    }
}

/// A trace, once it is complete.
pub fn whole(trace: &Path, process: u32) -> String {
    wait::until("the trace's end", PATIENCE, || {
        let text = fs::read_to_string(trace).ok()?;
        let is_last = |line: &str| line.starts_with(&process.to_string()) && line.contains("+++ ");
        text.lines().rev().take(20).any(is_last).then_some(text)
    })
}

/// The steps, and what each of them promises.
pub fn entries(recorded: &[Step], stored: &Stored, ports: &[PathBuf], scanned: &[Vec<String>; 2]) -> Vec<Entry> {
    let places: HashMap<&str, u64> = stored.events.iter().map(|event| (event.id.as_str(), event.place)).collect();
    let mut scans = [0, 1].map(|bench| places_of_scans(bench, &scanned[bench], stored).into_iter());
    let promises = |what: &What| match what {
        What::Green { port } => {
            let bench = ports.iter().position(|known| known == port).expect("only our ports are recorded");
            scans.get_mut(bench).and_then(Iterator::next).expect("an answer to no scan")
        }
        What::Sent { bytes } => ids(bytes).filter_map(|id| places.get(id).copied()).max(),
        _ => None,
    };
    let mut promises = promises;
    let ordered = Disk::in_order(recorded);
    let entries = ordered.into_iter().map(|(_, step)| Entry { promises: promises(&step.what), step }).collect();
    assert!(scans.iter_mut().all(|rest| rest.next().is_none()), "each scan was answered");
    entries
}

/// Where in the log each scan of a bench stands; none for those that open an order.
fn places_of_scans(bench: usize, codes: &[String], stored: &Stored) -> Vec<Option<u64>> {
    let mut units = stored.of("pick.item_picked").filter(|event| event.order.as_deref() == Some(ORDERS[bench]));
    let is_unit = |code: &String| [gtin('A'), gtin('B')].contains(code);
    let place = |code: &String| match code {
        code if is_unit(code) => Some(units.next().expect("each unit is in the log").place),
        code if *code == ORDERS[bench].to_uppercase() => None,
        code => {
            let refused = stored.of("site.scan_refused").find(|event| event.code.as_ref() == Some(code));
            Some(refused.unwrap_or_else(|| panic!("{code} is not in the log")).place)
        }
    };
    codes.iter().map(place).collect()
}

/// What looks like an event's id in a message.
fn ids(message: &[u8]) -> impl Iterator<Item = &str> {
    const BEFORE: &[u8] = br#""id":""#;
    const ID_BYTES: usize = 36;
    let starts = message.windows(BEFORE.len()).enumerate().filter(|(_, window)| *window == BEFORE);
    starts.filter_map(|(at, _)| {
        let from = at + BEFORE.len();
        std::str::from_utf8(message.get(from..from + ID_BYTES)?).ok()
    })
}

/// A copy of the program, and its directory.
pub struct Patched(TempDir);

impl Patched {
    pub fn path(&self) -> PathBuf {
        self.0.join("parceld")
    }
}

/// The program with another word in its pragma: nothing else of it is different.
///
/// # Panics
/// Where the pragma isn't there exactly once.
pub fn with_synchronous_normal() -> Patched {
    let mut program = fs::read(binaries::workspace("parceld")).expect("the program can be read");
    let places: Vec<usize> =
        program.windows(FULL.len()).enumerate().filter(|(_, window)| *window == FULL).map(|(at, _)| at).collect();
    let [at] = places[..] else { panic!("the pragma stands {} times in the program", places.len()) };
    program[at..at + NORMAL.len()].copy_from_slice(NORMAL);
    let patched = Patched(TempDir::new("patched"));
    // A copy keeps the mode that lets it run.
    fs::copy(binaries::workspace("parceld"), patched.path()).expect("a directory of our own takes a file");
    fs::write(patched.path(), program).expect("a file of our own");
    patched
}
