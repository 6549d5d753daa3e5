//! Images of power cuts, an agent on each, and what it finds there.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use parceld::clock::Moment;
use parceld::domain::code::{Again, Meaning, Scan};
use parceld::domain::event::Method;
use parceld::domain::rules::{Flow, Rules};
use parceld::domain::signal::{Answer, Signal};
use parceld::domain::station::Mode;
use parceld::journal::{self, Job};
use parceld_tests::agent::AgentSetup;
use parceld_tests::net;
use parceld_tests::power_cut::{Disk, Image, Loss};
use parceld_tests::random::Random;
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::SITE;
use parceld_tests::stored::{Broken, Stored};
use parceld_tests::wait::{self, Stopwatch};

use super::lives::Lives;

/// Scanned on each image once somebody has started on it.
const AFTERWARDS: &str = "after-the-power-cut";

/// One cut in so many comes right after somebody was told something.
const ONE_AFTER_A_PROMISE_IN: usize = 3;

/// Broken images that are told of.
const SHOWN_MAX: usize = 5;

/// Who starts on an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The agent's journal, in this process.
    Journal,
    /// The program.
    Agent,
}

/// An image on which something is broken.
#[derive(Debug)]
pub struct Cut {
    pub number: usize,
    /// Steps that had been done.
    pub steps: usize,
    pub loss: Loss,
    pub broken: Broken,
    /// Where it is kept.
    pub kept: PathBuf,
}

#[derive(Debug)]
pub struct Found {
    pub images: usize,
    pub broken: Vec<Cut>,
    /// From the program's start until it answers, the longest.
    pub slowest_start: Duration,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} images, {} broken, slowest start {:.2?}", self.images, self.broken.len(), self.slowest_start)?;
        self.broken.iter().take(SHOWN_MAX).try_for_each(|Cut { number, steps, loss, broken, kept }| {
            write!(f, "\n  image {number} after {steps} steps, {loss:?} lost: {broken:?}, kept at {}", kept.display())
        })
    }
}

/// Cuts the power at so many moments, on each core at a time.
pub fn cut_everywhere(lives: &Lives, seed: u64, images: usize, by: By) -> Found {
    let mut cuts: Vec<(usize, usize)> =
        (0..images).map(|number| (moment(lives, &mut Random::stream(seed, number as u64)), number)).collect();
    cuts.sort_unstable();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let parts: Vec<Found> = thread::scope(|scope| {
        let part = |cuts: Vec<(usize, usize)>| scope.spawn(move || cut_in_order(lives, seed, &cuts, by));
        let workers: Vec<_> = cuts.chunks(images.div_ceil(cores).max(1)).map(<[_]>::to_vec).map(part).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker says what is broken")).collect()
    });
    Found {
        images,
        slowest_start: parts.iter().map(|part| part.slowest_start).max().unwrap_or_default(),
        broken: parts.into_iter().flat_map(|part| part.broken).collect(),
    }
}

/// How many steps are done when the power goes.
fn moment(lives: &Lives, random: &mut Random) -> usize {
    let anywhere = random.below(lives.entries.len() + 1);
    if !random.once_in(ONE_AFTER_A_PROMISE_IN) {
        return anywhere;
    }
    let rest = lives.entries[anywhere..].iter();
    rest.zip(anywhere + 1..).find(|(entry, _)| entry.promises.is_some()).map_or(anywhere, |(_, behind)| behind)
}

fn cut_in_order(lives: &Lives, seed: u64, cuts: &[(usize, usize)], by: By) -> Found {
    let mut disk = Disk::default();
    let mut found = Found { images: cuts.len(), broken: Vec::new(), slowest_start: Duration::ZERO };
    let mut played = 0;
    let mut scanner = VirtualScanner::new();
    for &(steps, number) in cuts {
        lives.entries[played..steps].iter().for_each(|entry| disk.play(&entry.step));
        played = steps;
        let mut random = Random::stream(!seed, number as u64);
        let loss = Loss::any(&mut random);
        let image = disk.cut(loss, &mut random);
        let folder = Folder::new();
        image.write(&lives.directory, &folder.0);
        let clock = Stopwatch::start();
        let started = match by {
            By::Journal => start_journal(&folder.0.join("parceld.db")),
            By::Agent => start_agent(&folder.0.join("parceld.db"), &mut scanner, clock).map(|took| {
                found.slowest_start = found.slowest_start.max(took);
            }),
        };
        let judged = started.and_then(|()| judge(lives, steps, &folder.0));
        if let Err(broken) = judged {
            let kept = keep(lives, &image, number);
            found.broken.push(Cut { number, steps, loss, broken, kept });
        }
    }
    found
}

fn judge(lives: &Lives, steps: usize, folder: &Path) -> Result<(), Broken> {
    let unusable = |error: rusqlite::Error| Broken::Unusable { why: error.to_string() };
    let found = Stored::read(&folder.join("parceld.db")).map_err(unusable)?;
    found.is_whole()?;
    let recorded = &lives.stored;
    let same = found.events.iter().zip(&recorded.events).take_while(|(found, was)| found.id == was.id).count();
    let promised = lives.entries[..steps].iter().filter_map(|entry| entry.promises).max().unwrap_or_default();
    if (same as u64) < promised {
        return Err(Broken::Lost { what: format!("places {} to {promised}", same + 1) });
    }
    let known: BTreeSet<&str> = recorded.events.iter().map(|event| event.id.as_str()).collect();
    if let Some(event) = found.events[same..].iter().find(|event| known.contains(event.id.as_str())) {
        return Err(Broken::Order { place: event.place });
    }
    if 0 < promised && found.epochs != recorded.epochs {
        return Err(Broken::Epochs { epochs: found.epochs });
    }
    let is_kept = |name: &str| name.contains(".damaged-") || name.contains(".suspected");
    let names = fs::read_dir(folder).expect("a folder of our own").flatten();
    if names.map(|entry| entry.file_name()).any(|name| is_kept(&name.to_string_lossy())) {
        return Err(Broken::Salvaged);
    }
    match found.refused(AFTERWARDS) {
        1 => Ok(()),
        0 => Err(Broken::Lost { what: AFTERWARDS.to_owned() }),
        _ => Err(Broken::Twice { what: AFTERWARDS.to_owned() }),
    }
}

fn start_journal(database: &Path) -> Result<(), Broken> {
    let unusable = |error: journal::Error| Broken::Unusable { why: error.to_string() };
    let wall: Timestamp = "2026-11-26T12:00:00Z".parse().expect("a time");
    let moment = Moment { wall, since_start: Duration::ZERO, trusted: true };
    let (journal, writing) = journal::open(config(database), moment).map_err(unusable)?;
    let scan = Scan {
        scanner: "scanner-1".into(),
        text: AFTERWARDS.as_bytes().into(),
        meaning: Meaning::Plain,
        again: Again::No,
        at: moment.wall,
        since_start: moment.since_start,
    };
    let (sender, answer) = mpsc::channel();
    let reply = Box::new(move |answer: Answer| drop(sender.send(answer)));
    let job = Job::Scan { station: "bench-1".into(), scan, method: Method::Scan, moment, reply };
    journal.submit(job).map_err(unusable)?;
    let answer = answer.recv_timeout(wait::GENEROUS).map_err(|error| Broken::Unusable { why: error.to_string() })?;
    writing.stop();
    match answer.signal {
        Signal::NotSaved => Err(Broken::Unusable { why: "nothing can be stored".to_owned() }),
        _ => Ok(()),
    }
}

/// From just before the program is started until it has answered a scan.
fn start_agent(database: &Path, scanner: &mut VirtualScanner, clock: Stopwatch) -> Result<Duration, Broken> {
    let nowhere = format!("mqtt://127.0.0.1:{}", net::free_port());
    let mut agent = AgentSetup::new(SITE, &nowhere)
        .station("bench-1", "pack")
        .scanner("scanner-1", "bench-1", scanner.port())
        .station("bench-2", "pack")
        .carrier("dhl")
        .set("storage.path", database.to_string_lossy().into_owned())
        .set("storage.ballast", "1MiB")
        .start();
    agent.ready();
    let answer = scanner.scan(AFTERWARDS);
    let took = clock.elapsed();
    agent.stop();
    match answer.recorded {
        true => Ok(took),
        false => Err(Broken::Unusable { why: "nothing can be stored".to_owned() }),
    }
}

pub fn config(database: &Path) -> journal::Config {
    journal::Config {
        path: database.into(),
        rules: Rules {
            site: SITE.into(),
            zone: TimeZone::UTC,
            company_prefix: "7312345".into(),
            carriers: Vec::new(),
            low_stock: 0,
            flow: Flow::SingleStep,
            operators_required: false,
            idle_sign_out: Duration::from_secs(1_200),
            bins: false,
            batch_size: 8,
            printers: Default::default(),
            notices: Default::default(),
            pledge: Default::default(),
        },
        stations: [("bench-1".into(), Mode::Pack), ("bench-2".into(), Mode::Pack), ("door-1".into(), Mode::Load)]
            .into(),
        bounce: Default::default(),
        repeating: Default::default(),
        printing: None,
        keep: Duration::from_secs(86_400),
        orders_cached: journal::ORDERS_CACHED,
        ballast_bytes: 1 << 20,
        backups: None,
        forget_on_puback: false,
        version: "0.1.0".into(),
        boot: "after".into(),
    }
}

/// Keeps an image as it was before anybody started on it.
fn keep(lives: &Lives, image: &Image, number: usize) -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("power_cut/{number}"));
    let _ = fs::remove_dir_all(&kept);
    image.write(&lives.directory, &kept);
    kept
}

/// In memory where the system has a place for that: nobody waits for a disk that is only made up.
pub struct Folder(PathBuf);

impl Folder {
    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn new() -> Folder {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = Folder(parent.join(format!("parceld-power-cut-{}-{number}", std::process::id())));
        let _ = fs::remove_dir_all(&folder.0);
        fs::create_dir_all(&folder.0).expect("a directory of our own");
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
