//! A journal of a test's own, and the words in which tests talk to it.

#![allow(dead_code, reason = "each test binary uses its part")]
#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

use jiff::Timestamp;
use parceld::clock::Moment;
use parceld::contract;
use parceld::contract::receipt::Receipt;
use parceld::domain::carrier::{Carrier, Schedule};
use parceld::domain::code::{Again, Meaning, Scan, Verb};
use parceld::domain::event::{Event, Kind, Method};
use parceld::domain::rules::{Flow, Rules};
use parceld::domain::signal::Answer;
use parceld::domain::station::Mode;
use parceld::journal::{
    self, CommandOutcome, Epoch, Job, Journal, NotSaved, Place, ReceiptOutcome, Reply, Stored, Writing,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// A generous deadline: nothing here waits for it unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(30);
pub const KEEP: Duration = Duration::from_secs(3_600);

/// A folder of a test's own, gone with it.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// In memory where the system has a place for that: for many steps that need no disk to wait for.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::within(memory) } else { Self::new() }
    }

    fn within(parent: &Path) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("parceld-journal-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = parent.join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn config(path: &Path) -> journal::Config {
    let every_day =
        Schedule { days: [true; 7], at: jiff::civil::Time::constant(16, 30, 0, 0), cut_off: Duration::from_secs(900) };
    let dhl = Carrier {
        grace: Duration::from_secs(1_200),
        id: "dhl".into(),
        name: "DHL".into(),
        collections: vec![every_day],
        holidays: Vec::new(),
        tracking_required: false,
        tracking_pattern: None,
        tracking_url: None,
    };
    let bounce = Duration::from_millis(150);
    journal::Config {
        path: path.into(),
        rules: Rules {
            site: "sthlm-03".into(),
            zone: jiff::tz::TimeZone::UTC,
            company_prefix: "7350053".into(),
            carriers: vec![dhl],
            low_stock: -1_000,
            flow: Flow::SingleStep,
            operators_required: false,
            idle_sign_out: Duration::from_secs(1_200),
            bins: false,
            batch_size: 8,
            printers: Default::default(),
            notices: Default::default(),
            pledge: Default::default(),
        },
        stations: [("bench".into(), Mode::Pack), ("bench-2".into(), Mode::Pack), ("door".into(), Mode::Load)].into(),
        bounce: [("bench".into(), bounce), ("bench-2".into(), bounce), ("door".into(), bounce)].into(),
        repeating: Default::default(),
        printing: None,
        keep: KEEP,
        orders_cached: journal::ORDERS_CACHED,
        backups: None,
        ballast_bytes: 0,
        forget_on_puback: false,
        version: "0.1.0".into(),
        boot: "boot".into(),
    }
}

/// A running journal and a clock of its own.
pub struct Site {
    pub journal: Journal,
    pub writing: Writing,
    pub now_ms: u64,
    pub commands: u64,
}

impl Site {
    pub fn start(path: &Path) -> Self {
        Self::start_with(config(path))
    }

    /// One that publishes what it records.
    pub fn start_with(config: journal::Config) -> Self {
        let site = Self::start_unheard(config);
        site.ask(|reply| Job::Publishing { reply }).expect("it is noted");
        site
    }

    /// One that reaches no broker.
    pub fn start_unheard(config: journal::Config) -> Self {
        let (journal, writing) = journal::open(config, at(0)).unwrap();
        let commands = 1_000_000 * journal.starts();
        Self { journal, writing, now_ms: 0, commands }
    }

    pub fn ask<T: Send + 'static>(&self, job: impl FnOnce(Reply<T>) -> Job) -> T {
        let (sender, answer) = mpsc::channel();
        self.journal.submit(job(Box::new(move |answer| drop(sender.send(answer))))).unwrap();
        answer.recv_timeout(PATIENCE).expect("no answer")
    }

    /// Scans `code` at `station` a second after the last thing that happened.
    pub fn scan(&mut self, station: &str, code: &str) -> String {
        self.now_ms += 1_000;
        self.scan_now(station, code)
    }

    pub fn scan_now(&self, station: &str, code: &str) -> String {
        let moment = at(self.now_ms);
        let (station, scan) = (station.into(), read(station, code, &moment));
        told(&self.ask(|reply| Job::Scan { station, scan, method: Method::Scan, moment, reply }))
    }

    pub fn command(&self, payload: &[u8]) -> Result<CommandOutcome, NotSaved> {
        let (payload, moment) = (payload.to_vec(), at(self.now_ms));
        self.ask(|reply| Job::Command { payload, moment, reply })
    }

    /// Sends a command with an id of its own; the reply's status and reason.
    pub fn tell(&mut self, kind: &str, data: Value) -> String {
        self.commands += 1;
        let outcome = self.command(&command(&format!("cmd-{}", self.commands), kind, data)).unwrap();
        status(&outcome)
    }

    pub fn put(&mut self, number: u32, lines: &str) -> String {
        self.tell("order.put", order(number, 1, lines))
    }

    /// Has the journal go by another configuration.
    pub fn configure(&self, change: impl FnOnce(&mut journal::Config)) -> Result<(), NotSaved> {
        let mut config = config(self.journal.path());
        change(&mut config);
        self.ask(|reply| Job::Configure { config: config.into(), reply })
    }

    pub fn receipt(&self, epoch: Epoch, sequence: u64, at_start: bool) -> ReceiptOutcome {
        self.try_receipt(epoch, sequence, at_start).unwrap()
    }

    pub fn try_receipt(&self, epoch: Epoch, sequence: u64, at_start: bool) -> Result<ReceiptOutcome, NotSaved> {
        let (receipt, moment) = (Receipt { epoch: epoch.id, sequence }, at(self.now_ms));
        self.ask(|reply| Job::Receipt { receipt, at_start, moment, reply })
    }

    /// As the file has them; those that are at hand in memory must be the same.
    pub fn events(&self) -> Vec<Stored> {
        let events = self.journal.reader().unwrap().events(0, 100_000).unwrap();
        for event in &events {
            if let Some(fresh) = self.journal.fresh(event.place - 1, 1) {
                assert_eq!(*fresh[0], *event);
            }
        }
        events
    }

    pub fn epoch(&self) -> Epoch {
        self.journal.head().borrow().epoch
    }

    /// A scan is answered before the head is told; whatever comes after it is answered with it known.
    pub fn head(&self) -> Place {
        self.settle();
        self.journal.head().borrow().place
    }

    pub fn settle(&self) {
        self.ask(|reply| Job::Barrier { reply });
    }

    /// The file as a power cut would leave it now, at `copy`.
    pub fn copy_to(&self, copy: &Path) {
        self.settle();
        for end in ["", "-wal"] {
            let name = |path: &Path| PathBuf::from(format!("{}{end}", path.display()));
            std::fs::copy(name(self.journal.path()), name(copy)).unwrap();
        }
    }

    pub fn stop_in_order(self) {
        let (event, moment) = (Event::SiteStopped, at(self.now_ms));
        self.journal.submit(Job::Record { event, station: None, moment }).unwrap();
        self.writing.stop();
    }

    pub fn stop_without_a_word(self) {
        self.writing.stop();
    }
}

pub fn at(since_start_ms: u64) -> Moment {
    let since_start = Duration::from_millis(since_start_ms);
    Moment { wall: "2026-11-22T08:00:00Z".parse::<Timestamp>().unwrap() + since_start, since_start, trusted: true }
}

pub fn read(scanner: &str, code: &str, moment: &Moment) -> Scan {
    let meaning = match Verb::named(code) {
        Some(verb) => Meaning::Verb(verb),
        None if code.len() == 1 => Meaning::Product(code.into()),
        None => Meaning::Plain,
    };
    let (scanner, text) = (scanner.into(), code.as_bytes().into());
    Scan { scanner, text, meaning, again: Again::No, at: moment.wall, since_start: moment.since_start }
}

/// An answer as tests write it: `accepted 1/3`, `wrong (not_on_order)`.
pub fn told(answer: &Answer) -> String {
    let progress = answer.progress.map(|(done, of)| format!(" {done}/{of}")).unwrap_or_default();
    let reason = answer.reason.as_ref().map(|reason| format!(" ({})", reason.word())).unwrap_or_default();
    format!("{}{progress}{reason}", answer.signal.word())
}

pub fn command(id: &str, kind: &str, data: Value) -> Vec<u8> {
    let mut command = json!({"specversion": "1.0", "id": id, "source": "/p", "type": format!("parceld.{kind}.v1")});
    command["data"] = data;
    command.to_string().into_bytes()
}

/// `2xA 1xB` as an order for DHL.
pub fn order(number: u32, revision: u32, lines: &str) -> Value {
    let line = |text: &str| {
        let (quantity, letter) = text.split_once('x').unwrap();
        let quantity: u32 = quantity.parse().unwrap();
        json!({"line": letter, "sku": letter, "name": letter, "quantity": quantity, "barcodes": [letter]})
    };
    let lines: Vec<Value> = lines.split_whitespace().map(line).collect();
    let id = format!("o-{number}");
    json!({
        "id": id, "number": number.to_string(), "revision": revision, "lines": lines,
        "delivery": "carrier", "carrier": "dhl", "notify": {"customer": "c-1", "channels": ["email"]},
    })
}

pub fn status(outcome: &CommandOutcome) -> String {
    let reply: Value = serde_json::from_str(outcome.reply.as_deref().unwrap()).unwrap();
    let (status, reason) = (&reply["data"]["status"], &reply["data"]["reason"]);
    match reason.as_str() {
        Some(reason) => format!("{} ({reason})", status.as_str().unwrap()),
        None => status.as_str().unwrap().to_owned(),
    }
}

pub fn decoded(stored: &[Stored]) -> Vec<Event> {
    stored.iter().map(|stored| contract::event::decode(stored.kind, &stored.data).unwrap()).collect()
}

pub fn of_kind(stored: &[Stored], kind: Kind) -> usize {
    stored.iter().filter(|stored| stored.kind == kind).count()
}

pub fn ssccs(stored: &[Stored]) -> Vec<String> {
    let sealed = decoded(stored).into_iter().filter_map(|event| match event {
        Event::ParcelSealed { sscc, .. } => Some(sscc.to_string()),
        _ => None,
    });
    sealed.collect()
}

/// Waits until `condition` holds.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let (_sender, nobody) = mpsc::channel::<()>();
    for _ in 0..3_000 {
        if condition() {
            return;
        }
        let _ = nobody.recv_timeout(Duration::from_millis(10));
    }
    panic!("never came true: {what}");
}

pub fn assert_gapless(stored: &[Stored]) {
    let places: Vec<Place> = stored.iter().map(|stored| stored.place).collect();
    assert_eq!(places, (1..=stored.len() as u64).collect::<Vec<_>>(), "places have gaps");
    let ids: BTreeSet<_> = stored.iter().map(|stored| stored.id).collect();
    assert_eq!(ids.len(), stored.len(), "an id stands twice");
}
