//! A whole salvage: of a journal with some of its bytes changed or cut off another is made, or it is said why not. The new
//! one is sound, takes what comes, and the damaged one is kept as it was.

use crate::input::Input;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use parceld::clock::Moment;
use parceld::domain::event::Event;
use parceld::domain::rules::{Flow, Rules};
use parceld::domain::station::Mode;
use parceld::journal::{self, Config, Job, salvage};
use parceld::pulse::Pulse;
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;
use uuid::Uuid;

const PIECES: [&str; 2] = ["", "-wal"];
/// What the journal has that is damaged: enough for tables of more than one page.
const EVENTS: usize = 60;
/// Changes of one input.
const HURT_MAX: usize = 24;

/// A database and its log, as a killed agent leaves them.
static SOUND: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let folder = Folder::new();
    let (journal, writing) = journal::open(config(&folder.database()), moment(0)).expect("a new journal");
    for number in 0..EVENTS {
        let event = match number % 3 {
            0 => Event::ScannerBack { scanner: "hand".into() },
            1 => Event::ScannerLost { scanner: format!("hand-{number}").as_str().into(), cause: "unplugged".into() },
            _ => Event::ScannerBack { scanner: "å".repeat(number).as_str().into() },
        };
        journal.submit(Job::Record { event, station: None, moment: moment(1) }).expect("a writer");
    }
    let put = include_bytes!("../../../contract/v1/examples/command.order.put.json").to_vec();
    journal.submit(Job::Command { payload: put, moment: moment(1), reply: Box::new(|_| {}) }).expect("a writer");
    let (sender, done) = std::sync::mpsc::channel();
    let reply = Box::new(move |()| {
        let _ = sender.send(());
    });
    journal.submit(Job::Barrier { reply }).expect("a writer");
    done.recv().expect("all of it is written");
    let pieces = PIECES.map(|piece| fs::read(folder.piece(piece)).expect("a piece"));
    writing.stop();
    pieces
});

pub fn run(bytes: &[u8]) {
    let mut pieces = SOUND.clone();
    hurt(&mut pieces, bytes);
    let folder = Folder::new();
    for (piece, content) in PIECES.iter().zip(&pieces) {
        fs::write(folder.piece(piece), content).expect("a file of our own");
    }
    let config = config(&folder.database());
    match salvage::salvage(&config, &moment(2), "a fuzzer has damaged it", &Pulse::default()) {
        Err(error) => {
            assert!(!error.to_string().is_empty());
            let is = PIECES.map(|piece| fs::read(folder.piece(piece)).unwrap_or_default());
            assert!(is == pieces, "what can't be salvaged stays as it is: {error}");
        }
        Ok(salvaged) => {
            let kept = salvaged.kept.expect("there was a file");
            assert!(fs::read(kept).is_ok_and(|kept| kept == pieces[0]), "the damaged file is kept");
            let (_, writing) = journal::open(config, moment(3)).expect("what was salvaged can be worked with");
            writing.stop();
            let conn = Connection::open(folder.database()).expect("a database");
            let found: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).expect("a check");
            assert_eq!(found, "ok");
        }
    }
}

/// Which piece, how, where and with what, as often as the input says.
fn hurt(pieces: &mut [Vec<u8>; 2], bytes: &[u8]) {
    let mut input = Input::new(bytes);
    for _ in 0..HURT_MAX {
        if input.is_empty() {
            return;
        }
        let (how, at, count) = (input.byte(), input.pair(), usize::from(input.byte()));
        let piece = &mut pieces[usize::from(how & 1)];
        let Some(at) = (usize::from(at) << (how >> 6)).checked_rem(piece.len()) else { continue };
        let end = piece.len().min(at + count);
        match (how >> 1) % 5 {
            0 => piece[at] = count as u8,
            1 => piece[at..end].fill(0),
            2 => piece.truncate(at),
            3 => {
                let new = input.take(end - at);
                piece[at..at + new.len()].copy_from_slice(new);
            }
            _ => piece[at..end].iter_mut().for_each(|byte| *byte = !*byte),
        }
    }
}

fn moment(minutes: u64) -> Moment {
    let since_start = Duration::from_secs(60 * minutes);
    Moment { wall: Timestamp::constant(1_795_356_000, 0) + since_start, since_start, trusted: true }
}

fn config(path: &Path) -> Config {
    Config {
        path: path.into(),
        rules: Rules {
            site: "sthlm-03".into(),
            zone: TimeZone::UTC,
            company_prefix: "7350053".into(),
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
        stations: [("bench-1".into(), Mode::Pack)].into(),
        bounce: Default::default(),
        repeating: Default::default(),
        printing: None,
        keep: Duration::from_secs(86_400),
        orders_cached: journal::ORDERS_CACHED,
        backups: None,
        ballast_bytes: 0,
        forget_on_puback: false,
        version: "0.1.0".into(),
        boot: "fuzz".into(),
    }
}

/// In memory where there is a place for that; gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let shared = Path::new("/dev/shm");
        let parent = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
        let folder = parent.join(format!("parceld-fuzz-{}", Uuid::now_v7()));
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn database(&self) -> PathBuf {
        self.piece("")
    }

    fn piece(&self, end: &str) -> PathBuf {
        self.0.join(format!("parceld.db{end}"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
