//! One call on its files fails, or kills the agent as it enters it, and every call of a start and of some dozen scans has
//! its turn: what was green is in the log, what was "not saved" is not, the log goes on without a gap (I1, I2), and scans
//! are stored again.
//!
//! Calls that only make the log longer have no turn of their own among the scans.
//!
//! A start makes the database, or goes on with one whose agent was killed. Calls are counted on the thread that opens the
//! database, and, once that is done, on the one that writes. What fails says EIO, ENOSPC or EROFS; the next try works.
//!
//! `PARCELD_SEED=N` chooses which calls have their turn in the short version.

use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::goods::{gtin, order};
use parceld_tests::inject::{self, Call, Fault, Strike};
use parceld_tests::net;
use parceld_tests::random::{Random, SEED_VARIABLE, seed_or};
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::{Broker, SITE, Site};
use parceld_tests::stored::{Broken, Stored};
use parceld_tests::tempdir::TempDir;
use parceld_tests::wait;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// Another seed strikes other calls.
const SEED: u64 = 20_261_126;

const SCANS: usize = 24;
const UNITS: u32 = 10_000;

/// Beyond any call that is done.
const NEVER: u32 = 60_000;
/// A call that isn't the same in every run may come a little later.
const CALLS_MORE: u32 = 5;

/// What a log is lengthened to after a start, one piece at a time.
const LOG_BYTES: u64 = (4_096 + 256) * 1_024;

/// The thread that writes.
const WRITER: &str = "journal";
/// A full disk is tried again after a second.
const HEALS_WITHIN: Duration = Duration::from_secs(15);
/// How often staff look whether the agent has died.
const LOOK_EVERY: Duration = Duration::from_millis(20);

const FAULTS: [Fault; 4] = [Fault::Kill, Fault::Error("EIO"), Fault::Error("ENOSPC"), Fault::Error("EROFS")];

/// When the fault waits for its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// At a start that makes the database.
    First,
    /// At a start after a kill.
    Again,
    /// While staff scan.
    Work,
}

/// How many calls each phase has in the short version, for each fault in the order of [`FAULTS`].
const SAMPLE: [(Phase, [usize; 4]); 3] =
    [(Phase::First, [3, 2, 1, 1]), (Phase::Again, [3, 2, 1, 1]), (Phase::Work, [6, 4, 2, 2])];

/// What a first start writes before the database has a write-ahead log. SQLite goes on without one where that fails.
const MAKES_THE_LOG: std::ops::RangeInclusive<u32> = 6..=10;

#[test]
fn whichever_call_fails_or_kills_what_was_green_is_stored() {
    let seed = seed_or(SEED);
    let mut random = Random::new(seed);
    let Some(site) = Scene::set() else { return };
    let mut cases = Vec::new();
    for (phase, samples) in SAMPLE {
        for (fault, samples) in FAULTS.into_iter().zip(samples) {
            // Of each name in turn, and from anywhere.
            let calls: Vec<(&String, &u32)> = site.calls[&phase].iter().collect();
            let first = random.below(calls.len());
            cases.extend((first..first + samples).map(|n| {
                let (name, count) = calls[n % calls.len()];
                (phase, fault, (name.clone(), 1 + random.below(*count as usize) as u32))
            }));
        }
    }
    cases.extend(MAKES_THE_LOG.map(|nth| (Phase::First, Fault::Error("ENOSPC"), ("pwrite64".to_owned(), nth))));
    eprintln!("{SEED_VARIABLE}={seed}");
    play(&site, &cases, true);
}

#[test]
#[ignore = "long"]
fn every_call_fails_and_kills_in_its_turn_and_what_was_green_is_stored() {
    let Some(site) = Scene::set() else { return };
    let mut cases = Vec::new();
    for (phase, _) in SAMPLE {
        for fault in FAULTS {
            for (name, count) in &site.calls[&phase] {
                cases.extend((1..=count + CALLS_MORE).map(|nth| (phase, fault, (name.clone(), nth))));
            }
        }
    }
    play(&site, &cases, false);
}

/// Plays all of them, on each core at a time. `all_strike`: each has to come to its call.
fn play(site: &Scene, cases: &[(Phase, Fault, Call)], all_strike: bool) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (next, struck) = (Mutex::new(cases.iter()), Mutex::new(BTreeMap::<_, usize>::new()));
    let broken: Vec<String> = thread::scope(|scope| {
        let workers = (0..cores).map(|_| {
            scope.spawn(|| {
                let (mut broken, mut scanner) = (Vec::new(), VirtualScanner::new());
                loop {
                    let Some((phase, fault, call)) = next.lock().expect("nobody panics with it").next() else {
                        return broken;
                    };
                    match site.play(*phase, *fault, call, &mut scanner) {
                        Ok(true) => {
                            *struck
                                .lock()
                                .expect("nobody panics with it")
                                .entry((*phase, format!("{fault:?}")))
                                .or_default() += 1;
                        }
                        Ok(false) if all_strike => broken.push(format!("{phase:?} {fault:?} {call:?}: no such call")),
                        Ok(false) => {}
                        Err(why) => broken.push(format!("{phase:?} {fault:?} {call:?}: {why:?}")),
                    }
                }
            })
        });
        let workers: Vec<_> = workers.collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker says what is broken")).collect()
    });
    let struck = struck.into_inner().expect("nobody has panicked");
    eprintln!("calls counted: {:?}; struck: {struck:?}", site.calls);
    assert!(broken.is_empty(), "{} of {}:\n{}", broken.len(), cases.len(), broken.join("\n"));
}

/// A database whose agent was killed over an open order, and how many calls each phase has.
struct Scene {
    before: TempDir,
    calls: BTreeMap<Phase, BTreeMap<String, u32>>,
}

impl Scene {
    /// `None` where nothing may be traced here.
    fn set() -> Option<Scene> {
        let before = TempDir::new("before");
        let database = before.join("parceld.db");
        let mut site = Site::with(Broker::embedded(), |setup| configured(setup, &database));
        site.platform.put_order(SITE, &order("o1", "dhl", &format!("{UNITS}xA {UNITS}xB")));
        site.until_accepted(1);
        site.scan(0, "O1");
        site.until_synced();
        site.agent.kill9();
        let mut scene = Scene { before, calls: BTreeMap::new() };
        for (phase, _) in SAMPLE {
            let told = TempDir::new("calls");
            let case = Case::new(&scene, phase);
            let calls = case.count(&told.join("told"))?;
            scene.calls.insert(phase, calls);
        }
        Some(scene)
    }

    fn play(&self, phase: Phase, fault: Fault, call: &Call, scanner: &mut VirtualScanner) -> Result<bool, Broken> {
        Case::new(self, phase).play(fault, call, scanner)
    }
}

fn configured(setup: AgentSetup, database: &Path) -> AgentSetup {
    setup.set("storage.path", database.to_string_lossy().into_owned()).set("storage.ballast", "1MiB")
}

/// A directory of its own in which something goes wrong.
struct Case {
    phase: Phase,
    dir: TempDir,
    files: Vec<PathBuf>,
}

/// What staff were told.
#[derive(Debug, Default)]
struct Told {
    green: Vec<String>,
    red: Vec<String>,
    unknown: Vec<String>,
}

impl Case {
    fn new(scene: &Scene, phase: Phase) -> Case {
        let dir = TempDir::new("case");
        if phase != Phase::First {
            for entry in fs::read_dir(scene.before.path()).expect("it can be listed").flatten() {
                fs::copy(entry.path(), dir.join(entry.file_name())).expect("a directory of our own takes a file");
            }
        }
        let ends = ["", "-wal", "-shm", "-journal", ".lock", ".ballast", ".config.new", ".config.toml", ".suspected"];
        let mut files: Vec<PathBuf> = ends.iter().map(|end| dir.join(format!("parceld.db{end}"))).collect();
        files.push(dir.path().to_owned());
        Case { phase, dir, files }
    }

    fn database(&self) -> PathBuf {
        self.dir.join("parceld.db")
    }

    fn agent(&self, scanner: &VirtualScanner, runner: Vec<String>) -> Agent {
        let nowhere = format!("mqtt://127.0.0.1:{}", net::free_port());
        let setup = AgentSetup::new(SITE, &nowhere).station("bench-1", "pack").carrier("dhl").through(runner);
        configured(setup, &self.database()).scanner("scanner-1", "bench-1", scanner.port()).start()
    }

    /// Until it takes scans, and nothing else is left for the thread that writes. Where the disk is slow just now that waits
    /// for scans.
    fn until_ready(&self, agent: &mut Agent, scanner: &mut VirtualScanner) {
        agent.ready();
        let log = self.dir.join("parceld.db-wal");
        let is_long = || fs::metadata(&log).is_ok_and(|log| LOG_BYTES <= log.len());
        let clock = wait::Stopwatch::start();
        for number in 0.. {
            if is_long() {
                return;
            }
            assert!(clock.elapsed() < wait::GENEROUS, "the log gets no longer");
            scanner.scan(&format!("meanwhile-{number}"));
        }
    }

    /// How many calls of each name there are.
    fn count(&self, told: &Path) -> Option<BTreeMap<String, u32>> {
        let strike = Strike { fault: Fault::Kill, call: &("fsync".into(), NEVER), files: &self.files };
        let mut scanner = VirtualScanner::new();
        if self.phase == Phase::Work {
            let mut agent = self.agent(&scanner, Vec::new());
            self.until_ready(&mut agent, &mut scanner);
            let waiting = strike.on(agent.process(), WRITER, told);
            scan(&mut scanner, &mut agent, &mut Told::default(), || false);
            waiting.lift();
            return Some(inject::counted(told, None));
        }
        let mut agent = self.agent(&scanner, strike.at_start(told)?);
        agent.ready();
        let process = agent.process().pid();
        agent.kill9();
        wait::until("all of the calls", wait::GENEROUS, || inject::has_ended(told, process).then_some(()));
        Some(inject::counted(told, Some(process)))
    }

    /// Whether the call came; what is broken then.
    fn play(&self, fault: Fault, call: &Call, scanner: &mut VirtualScanner) -> Result<bool, Broken> {
        let strike = Strike { fault, call, files: &self.files };
        let sheet = TempDir::new("told");
        let struck = sheet.join("struck");
        let mut told = Told::default();
        let mut agent;
        if self.phase == Phase::Work {
            agent = self.agent(scanner, Vec::new());
            self.until_ready(&mut agent, scanner);
            let waiting = strike.on(agent.process(), WRITER, &struck);
            scan(scanner, &mut agent, &mut told, || waiting.struck());
            if fault != Fault::Kill {
                until_green(scanner, &mut agent, &mut told)?;
            }
            waiting.lift();
        } else {
            agent = self.agent(scanner, strike.at_start(&struck).unwrap_or_default());
            if started(&mut agent) {
                scan(scanner, &mut agent, &mut told, || false);
                if fault != Fault::Kill {
                    until_green(scanner, &mut agent, &mut told)?;
                }
            }
        }
        agent.kill9();
        agent.change(|setup| setup.through(Vec::new()));
        agent.restart();
        agent.ready();
        let code = "afterwards".to_owned();
        match scanner.scan(&code).recorded {
            true => told.green.push(code),
            false => return Err(Broken::Unusable { why: "nothing can be stored".into() }),
        }
        agent.stop();
        self.judge(&told)?;
        Ok(inject::struck(&struck))
    }

    fn judge(&self, told: &Told) -> Result<(), Broken> {
        let unusable = |error: rusqlite::Error| Broken::Unusable { why: error.to_string() };
        let stored = Stored::read(&self.database()).map_err(unusable)?;
        stored.is_whole()?;
        let is_unit = |code: &&String| units().contains(code);
        let count = |codes: &[String]| codes.iter().filter(is_unit).count();
        let picked = stored.of("pick.item_picked").count();
        let (least, most) = match self.phase {
            Phase::First => (0, 0),
            _ => (count(&told.green), count(&told.green) + count(&told.unknown)),
        };
        if picked < least {
            return Err(Broken::Lost { what: format!("{} units of {least}", least - picked) });
        }
        if most < picked {
            return Err(Broken::Kept { what: format!("{} units beyond {most}", picked - most) });
        }
        for code in told.green.iter().filter(|code| !is_unit(code)) {
            match stored.refused(code) {
                0 => return Err(Broken::Lost { what: code.clone() }),
                1 => {}
                _ => return Err(Broken::Twice { what: code.clone() }),
            }
        }
        if let Some(code) = told.red.iter().filter(|code| !is_unit(code)).find(|code| 0 < stored.refused(code)) {
            return Err(Broken::Kept { what: code.clone() });
        }
        Ok(())
    }
}

fn units() -> [String; 2] {
    ['A', 'B'].map(gtin)
}

/// Scans units and what nobody knows in turn, until all are scanned, the agent has died, or nothing is to come any more.
fn scan(scanner: &mut VirtualScanner, agent: &mut Agent, told: &mut Told, is_over: impl Fn() -> bool) {
    for number in 0..SCANS {
        let code = match number % 2 {
            0 => units()[number / 2 % 2].clone(),
            _ => format!("nobody-knows-{number}"),
        };
        scan_one(scanner, agent, told, code);
        if agent.ended().is_some() || is_over() {
            return;
        }
    }
}

/// An agent that has met an error stores again by itself.
fn until_green(scanner: &mut VirtualScanner, agent: &mut Agent, told: &mut Told) -> Result<(), Broken> {
    let clock = wait::Stopwatch::start();
    for number in 0.. {
        let before = told.green.len();
        scan_one(scanner, agent, told, format!("is-it-well-{number}"));
        if before < told.green.len() {
            return Ok(());
        }
        if HEALS_WITHIN <= clock.elapsed() || agent.ended().is_some() {
            break;
        }
    }
    Err(Broken::Unusable { why: format!("it stores nothing after an error: {:?}", agent.ended()) })
}

fn scan_one(scanner: &mut VirtualScanner, agent: &mut Agent, told: &mut Told, code: String) {
    let clock = wait::Stopwatch::start();
    scanner.drain();
    scanner.send(&code);
    let answer = loop {
        let is_dead = agent.ended().is_some();
        let answer = scanner.answer(LOOK_EVERY);
        if answer.is_some() || is_dead {
            break answer;
        }
        assert!(clock.elapsed() < wait::GENEROUS, "no answer to {code}");
    };
    match answer {
        Some(answer) if answer.recorded => told.green.push(code),
        Some(_) => told.red.push(code),
        None => told.unknown.push(code),
    }
}

/// Whether the agent gets ready; it may end instead.
fn started(agent: &mut Agent) -> bool {
    wait::until("a start, or its end", wait::GENEROUS, || match agent.ended() {
        Some(_) => Some(false),
        None => agent.is_ready().then_some(true),
    })
}
