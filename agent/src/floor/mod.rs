//! The floor: scanners' reads in, the journal's decisions out as answers.
//!
//! A read goes from its port's thread straight to the journal's queue, and the answer from the journal's thread
//! straight to the line: two threads, no network, nothing in between. Status is what others may look at; nothing here
//! waits for it. Printers have threads and queues of their own.

pub mod barcode;
pub mod ear;
pub mod meaning;
mod ports;
pub mod printing;
pub mod status;
mod voices;

use crate::clock::{Clock, Moment};
use crate::domain::code::{Again, Meaning, Scan};
use crate::domain::decide::command_line;
use crate::domain::event::{Event, Method};
use crate::domain::name::{ScannerId, StationId};
use crate::domain::signal::{Answer, Reason, Signal};
use crate::journal::{Job, Journal};
use ear::{Ear, What};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use parceld_drivers::port::{self, Repeat, Unreadable};
use parceld_drivers::scanner::{Family, Feedback};
use parceld_drivers::symbology::{self, Symbology};
pub use ports::Ports;
use status::{Answered, FloorStatus, Garbled, Line, Obstacle, ScannerSetup, ScannerStatus, Tested};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{broadcast, oneshot, watch};
use voices::{Voice, Voices};

/// Dates on goods are of no century before this one, whatever a clock says that has not been set.
const YEAR_MIN: i16 = 2026;

const LOGGED_BYTES_MAX: usize = 200;

/// Answers that wait for a screen which reads slowly: more than a busy site gives in ten seconds.
const ANSWERS_WAITING_MAX: usize = 64;

/// A scanner of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Scanner {
    pub id: ScannerId,
    pub station: StationId,
    pub port: port::Config,
    /// Whether it is to make a sound.
    pub speaks: bool,
}

/// The stations' common part: whatever reads a code hands it in here.
#[derive(Clone, Debug)]
pub struct Floor {
    journal: Journal,
    clock: Clock,
    stations: Arc<RwLock<BTreeSet<StationId>>>,
    voices: Arc<Voices>,
    status: Arc<watch::Sender<FloorStatus>>,
    answers: broadcast::Sender<Arc<Answered>>,
}

/// A station that the configuration does not have.
#[derive(Debug, thiserror::Error)]
#[error("there is no station {asked:?}; there are: {}", .known.join(", "))]
pub struct UnknownStation {
    pub asked: String,
    pub known: Vec<String>,
}

impl Floor {
    #[must_use]
    pub fn new(journal: Journal, clock: Clock, stations: impl IntoIterator<Item = StationId>) -> Self {
        let (status, _) = watch::channel(FloorStatus::default());
        Self {
            journal,
            clock,
            stations: Arc::new(RwLock::new(stations.into_iter().collect())),
            voices: Arc::default(),
            status: Arc::new(status),
            answers: broadcast::Sender::new(ANSWERS_WAITING_MAX),
        }
    }

    /// Every answer but bounce from now on, in order, each after it was given. Who reads too slowly loses the oldest.
    #[must_use]
    pub fn answers(&self) -> broadcast::Receiver<Arc<Answered>> {
        self.answers.subscribe()
    }

    /// The stations that there are.
    #[must_use]
    pub fn stations(&self) -> Vec<StationId> {
        self.stations.read().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// These are the stations from here on.
    pub fn set_stations(&self, stations: impl IntoIterator<Item = StationId>) {
        *self.stations.write().unwrap_or_else(PoisonError::into_inner) = stations.into_iter().collect();
    }

    /// The floor as it looks, now and whenever that changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<FloorStatus> {
        self.status.subscribe()
    }

    /// Gives `signal` at a station as a test: its scanners sound it, its screen shows it, and nothing is counted. The
    /// scanners that can sound, and why one did not.
    ///
    /// # Errors
    /// There is no such station.
    pub fn test_signal(
        &self,
        station: &str,
        signal: Signal,
    ) -> Result<Vec<(ScannerId, Option<String>)>, UnknownStation> {
        let station = self.known_station(station)?;
        let sounded = self.voices.sound(&station, feedback(signal));
        self.status.send_modify(|status| {
            let number = status.tested.as_ref().map_or(1, |tested| tested.number + 1);
            status.tested = Some(Tested { station, signal, number });
        });
        Ok(sounded.into_iter().map(|(scanner, why)| (scanner, why.map(|why| why.to_string()))).collect())
    }

    /// Has a scanner's line closed and opened anew. Whether there is such a scanner.
    #[must_use]
    pub fn reopen(&self, scanner: &str) -> bool {
        self.voices.reopen(scanner)
    }

    /// Signs an operator in at a station, as their badge would.
    ///
    /// # Errors
    /// There is no such station.
    pub fn sign_in(&self, station: &str, operator: &str) -> Result<oneshot::Receiver<Answer>, UnknownStation> {
        self.scan(station, &barcode::text(&format!("OP:{operator}"), self.journal.site_key()))
    }

    /// The station with this id, or a refusal that names those that there are.
    ///
    /// # Errors
    /// There is none.
    pub fn known_station(&self, id: &str) -> Result<StationId, UnknownStation> {
        let stations = self.stations.read().unwrap_or_else(PoisonError::into_inner);
        stations.get(id).cloned().ok_or_else(|| {
            let known = stations.iter().map(ToString::to_string).collect();
            UnknownStation { asked: id.to_owned(), known }
        })
    }

    /// Sounds the alarm again wherever a scan was not saved; until [`all_clear`](Self::all_clear).
    pub fn alarm(&self) {
        self.voices.alarm();
    }

    /// The storage works again: no more alarm.
    pub fn all_clear(&self) {
        self.voices.all_clear();
    }

    /// Gives out `count` numbers for labels that are printed beforehand; the first, once that is on disk.
    #[must_use]
    pub fn reserve_labels(&self, count: u32) -> oneshot::Receiver<Option<u64>> {
        let (sender, receiver) = oneshot::channel();
        let reply = Box::new(move |first: Result<u64, _>| {
            let _ = sender.send(first.ok());
        });
        if self.journal.submit(Job::ReserveSerials { count, reply }).is_err() {
            tracing::error!("no numbers for labels: the journal has ended");
        }
        receiver
    }

    /// A code that a person typed or sent, as if a scanner of `station` had read it.
    ///
    /// # Errors
    /// There is no such station.
    pub fn scan(&self, station: &str, code: &str) -> Result<oneshot::Receiver<Answer>, UnknownStation> {
        let station = self.known_station(station)?;
        let (sender, receiver) = oneshot::channel();
        let moment = self.clock.now();
        let (symbology, payload) = symbology::identify(code.as_bytes());
        let scan = self.read(command_line(), symbology, payload, Again::No, &moment);
        self.submit(station, scan, Method::Manual, moment, move |answer| {
            let _ = sender.send(answer.clone());
        });
        Ok(receiver)
    }

    /// A touch on the screen of `station`: what a barcode with `text` and this meaning would do there. Touch screens have
    /// no bounce, and memories of their own for repeats.
    ///
    /// # Errors
    /// There is no such station.
    pub fn tap(
        &self,
        station: &str,
        meaning: Meaning,
        text: &str,
    ) -> Result<oneshot::Receiver<Answer>, UnknownStation> {
        let station = self.known_station(station)?;
        let (sender, receiver) = oneshot::channel();
        let moment = self.clock.now();
        let scanner = ScannerId::from(format!("touch/{station}").as_str());
        let (text, at, since_start) = (text.as_bytes().into(), moment.wall, moment.since_start);
        let scan = Scan { scanner, text, meaning, again: Again::No, at, since_start };
        self.submit(station, scan, Method::Manual, moment, move |answer| {
            let _ = sender.send(answer.clone());
        });
        Ok(receiver)
    }

    /// A scanner's read at a station: decided and stored at `moment`. `answer` is called after the commit, before anybody
    /// else hears of it.
    pub fn hear(
        &self,
        scanner: &ScannerId,
        station: &StationId,
        read: &port::Read,
        moment: Moment,
        answer: impl FnOnce(&Answer) + Send + 'static,
    ) {
        let scan = self.read(scanner.clone(), read.symbology, &read.payload, again(read.repeat), &moment);
        self.submit(station.clone(), scan, Method::Scan, moment, answer);
    }

    fn read(&self, scanner: ScannerId, symbology: Symbology, payload: &[u8], again: Again, moment: &Moment) -> Scan {
        let year = moment.wall.to_zoned(TimeZone::UTC).year().max(YEAR_MIN);
        let meaning = meaning::of(symbology, payload, year, self.journal.site_key());
        Scan { scanner, text: payload.into(), meaning, again, at: moment.wall, since_start: moment.since_start }
    }

    /// `answer` is called after the commit, before anybody else hears of it.
    fn submit(
        &self,
        station: StationId,
        scan: Scan,
        method: Method,
        moment: Moment,
        answer: impl FnOnce(&Answer) + Send + 'static,
    ) {
        let floor = self.clone();
        let (scanner, code, at) = (scan.scanner.clone(), scan.shown(), station.clone());
        let logged = tracing::enabled!(tracing::Level::DEBUG).then(|| logged(&scan.text));
        let reply = Box::new(move |decided: Answer| {
            answer(&decided);
            if let Some(code) = logged {
                let reason = decided.reason.as_ref().map(Reason::word);
                tracing::debug!(station = %at, scanner = %scanner, %code, signal = decided.signal.word(), reason, "scan");
            }
            let took = floor.clock.now().since_start.saturating_sub(moment.since_start);
            let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let mut answered =
                Answered { number: 0, at: moment.wall, station: at, scanner, code, answer: decided, took_us };
            let mut number = None;
            floor.status.send_modify(|status| number = status.answered(answered.clone()));
            if let Some(number) = number {
                answered.number = number;
                // Nobody looks: nobody is woken.
                let _ = floor.answers.send(Arc::new(answered));
            }
        });
        let job = Job::Scan { station, scan, method, moment, reply };
        if self.journal.submit(job).is_err() {
            tracing::error!("a scan could not be stored: the journal has ended");
        }
    }

    fn expect(&self, scanner: &Scanner, ear: Ear) {
        let status = ScannerStatus {
            station: scanner.station.clone(),
            port: scanner.port.address.to_string(),
            setup: setup(scanner),
            ear,
            line: Line::Opening,
            since: self.clock.now().wall,
            reads: 0,
            unreadable: 0,
            last_unreadable: None,
            discarded_bytes: 0,
            unanswered: 0,
            setup_failure: None,
            last_read_at: None,
            losses: 0,
            obstacle: None,
            garbled: None,
        };
        self.status.send_modify(|floor| {
            floor.scanners.insert(scanner.id.clone(), status);
        });
    }

    fn forget(&self, scanner: &ScannerId) {
        self.status.send_modify(|floor| _ = floor.scanners.remove(scanner));
    }

    fn update(&self, scanner: &ScannerId, change: impl FnOnce(&mut ScannerStatus)) {
        self.status.send_modify(|floor| {
            if let Some(status) = floor.scanners.get_mut(scanner) {
                change(status);
            }
        });
    }
}

fn setup(scanner: &Scanner) -> ScannerSetup {
    let port::Config { address, driver, framing, .. } = &scanner.port;
    let is_framed = driver.family() != Family::Ssi;
    ScannerSetup {
        driver: driver.family().word().to_owned(),
        model: driver.model().to_owned(),
        settings: match address {
            port::Address::Serial { settings, .. } => Some(settings.to_string()),
            port::Address::Tcp { .. } => None,
        },
        terminator: is_framed.then(|| framing.terminator.word().to_owned()),
        idle_gap_ms: is_framed.then_some(framing.gap_ms),
        answered: scanner.speaks && driver.can_answer(),
    }
}

/// Every byte of a code as visible ASCII, as far as anybody wants to read: a log is looked at in a terminal.
fn logged(code: &[u8]) -> String {
    format!("\"{}\"", code[..code.len().min(LOGGED_BYTES_MAX)].escape_ascii())
}

/// One scanner's line, on its port's thread.
struct ScannerLine {
    floor: Floor,
    scanner: Scanner,
    voice: Voice,
    ear: Ear,
    lost: bool,
}

impl ScannerLine {
    fn event(&mut self, event: port::Event) {
        let moment = self.floor.clock.now();
        self.ear.hear(moment.wall, || what(&event));
        match event {
            // Only for whoever listens.
            port::Event::Bytes(_) => {}
            port::Event::Opened { discarded_bytes } => self.opened(discarded_bytes, moment),
            port::Event::Read(read) => self.read(&read, moment),
            port::Event::Unreadable { reason, bytes } => {
                let words = format!("{reason} ({bytes} bytes)");
                tracing::warn!(scanner = %self.scanner.id, reason = %words, "unreadable");
                self.floor.update(&self.scanner.id, |status| {
                    status.unreadable += 1;
                    status.last_unreadable = Some(words);
                    if is_garbage(reason) {
                        let garbled = status.garbled.get_or_insert(Garbled { since: moment.wall, frames: 0 });
                        garbled.frames += 1;
                    }
                });
            }
            port::Event::SetupFailed(failure) => {
                tracing::warn!(scanner = %self.scanner.id, reason = %failure, "scanner not set up");
                self.floor.update(&self.scanner.id, |status| status.setup_failure = Some(failure.to_string()));
            }
            port::Event::SetUp => {
                tracing::info!(scanner = %self.scanner.id, "scanner set up");
                self.floor.update(&self.scanner.id, |status| status.setup_failure = None);
            }
            port::Event::OpenFailed { reason, obstacle } => {
                tracing::warn!(scanner = %self.scanner.id, reason, "scanner can't be opened");
                self.is_lost(reason, moment.wall);
                self.floor.update(&self.scanner.id, |status| status.obstacle = Some(stands_in_the_way(obstacle)));
            }
            port::Event::Lost { reason } => {
                tracing::warn!(scanner = %self.scanner.id, reason, "scanner lost");
                self.lost = true;
                self.is_lost(reason.clone(), moment.wall);
                self.floor.update(&self.scanner.id, |status| status.losses += 1);
                let event = Event::ScannerLost { scanner: self.scanner.id.clone(), cause: reason.into() };
                self.record(event, moment);
            }
        }
    }

    fn opened(&mut self, discarded_bytes: usize, moment: Moment) {
        tracing::info!(scanner = %self.scanner.id, discarded_bytes, "scanner open");
        self.floor.update(&self.scanner.id, |status| {
            status.line = Line::Open;
            status.setup_failure = None;
            status.obstacle = None;
            status.garbled = None;
            status.since = moment.wall;
            status.discarded_bytes += discarded_bytes as u64;
        });
        if std::mem::take(&mut self.lost) {
            self.record(Event::ScannerBack { scanner: self.scanner.id.clone() }, moment);
        }
    }

    fn read(&self, read: &port::Read, moment: Moment) {
        let id = self.scanner.id.clone();
        self.floor.update(&id, |status| {
            status.reads += 1;
            status.garbled = None;
            status.last_read_at = Some(moment.wall);
        });
        // Set as soon as this thread is there: it is this thread that waits for it, and not the writer.
        self.voice.answerer.wait();
        let (floor, voice) = (self.floor.clone(), self.voice.clone());
        let patience = self.scanner.port.driver.answer_within();
        self.floor.hear(&self.scanner.id, &self.scanner.station, read, moment, move |answer| {
            let told = floor.voices.answer(&voice, feedback(answer.signal));
            let took = floor.clock.now().since_start.saturating_sub(moment.since_start);
            let late = patience.is_some_and(|patience| patience <= took);
            // Where every answer is late, a question that is asked again for that would be asked for ever.
            let is_settled = told.is_ok() && answer.reason == Some(Reason::PerhapsCounted);
            let reason = match told {
                Ok(()) if late => "it came too late".to_owned(),
                Ok(()) => return,
                Err(reason) => reason.to_string(),
            };
            tracing::warn!(scanner = %id, reason, signal = answer.signal.word(), "the scanner did not get its answer");
            floor.update(&id, |status| status.unanswered += 1);
            if !is_settled && floor.journal.try_submit(Job::Unanswered { scanner: id.clone() }).is_err() {
                tracing::warn!(scanner = %id, "and can't be asked about its next scan");
            }
        });
    }

    fn is_lost(&self, reason: String, since: Timestamp) {
        self.floor.update(&self.scanner.id, |status| {
            if !matches!(status.line, Line::Lost { .. }) {
                status.since = since;
            }
            status.line = Line::Lost { reason };
        });
    }

    fn record(&self, event: Event, moment: Moment) {
        let station = Some(self.scanner.station.clone());
        if self.floor.journal.submit(Job::Record { event, station, moment }).is_err() {
            tracing::error!("the journal has ended");
        }
    }
}

fn what(event: &port::Event) -> What {
    match event {
        port::Event::Bytes(bytes) => What::Bytes(bytes.as_slice().into()),
        port::Event::Opened { discarded_bytes } => What::Opened { discarded_bytes: *discarded_bytes },
        port::Event::Read(read) => {
            What::Read { symbology: format!("{:?}", read.symbology).into(), payload: read.payload.as_slice().into() }
        }
        port::Event::Unreadable { reason, bytes } => {
            What::Unreadable { reason: reason.to_string().into(), bytes: *bytes }
        }
        port::Event::SetupFailed(failure) => What::NotSetUp(failure.to_string().into()),
        port::Event::SetUp => What::SetUp,
        port::Event::Lost { reason } | port::Event::OpenFailed { reason, .. } => What::Lost(reason.as_str().into()),
    }
}

/// What a wrong baud rate or parity makes of codes. A trigger that found none, and what was sent before the port was
/// open, say nothing about the line.
fn is_garbage(reason: Unreadable) -> bool {
    match reason {
        Unreadable::TooLong
        | Unreadable::NotText
        | Unreadable::Unterminated
        | Unreadable::BadChecksum
        | Unreadable::NotPacket => true,
        Unreadable::Stale | Unreadable::Empty | Unreadable::NoRead => false,
    }
}

fn stands_in_the_way(obstacle: port::Obstacle) -> Obstacle {
    match obstacle {
        port::Obstacle::Absent => Obstacle::Absent,
        port::Obstacle::Denied => Obstacle::Denied,
        port::Obstacle::Held => Obstacle::Held,
        port::Obstacle::Other => Obstacle::Other,
    }
}

fn again(repeat: Repeat) -> Again {
    match repeat {
        Repeat::No => Again::No,
        Repeat::Surely => Again::Surely,
        Repeat::Perhaps => Again::Perhaps,
    }
}

fn feedback(signal: Signal) -> Feedback {
    match signal {
        Signal::Accepted => Feedback::Accepted,
        Signal::Completed => Feedback::Completed,
        Signal::Opened => Feedback::Opened,
        Signal::Wrong => Feedback::Wrong,
        Signal::Over => Feedback::Over,
        Signal::Already => Feedback::Already,
        Signal::Unknown => Feedback::Unknown,
        Signal::Refused => Feedback::Refused,
        Signal::NotSaved => Feedback::NotSaved,
        Signal::Silent => Feedback::Silent,
    }
}
