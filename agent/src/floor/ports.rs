//! The open ports: one for each scanner, and which of them a changed configuration closes and opens.
//!
//! What is the same goes on undisturbed. A scanner that is set up otherwise is closed before it is opened anew, since a
//! line has one owner.

use super::ear::Ear;
use super::voices::Voice;
use super::{Floor, Scanner, ScannerLine};
use crate::domain::name::ScannerId;
use crate::journal::Job;
use parceld_drivers::port::{self, Port};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The open ports; dropping them ends their threads.
#[derive(Debug)]
pub struct Ports {
    floor: Floor,
    open: Mutex<Vec<Open>>,
    /// The agent stops: nothing is opened any more.
    closes: AtomicBool,
    /// Counts what was changed.
    changes: AtomicU64,
}

/// How long a line that is to be closed may take to read nothing more, and the journal to decide what it has read: both
/// take milliseconds, but for a card that is worn out.
const CLOSES_WITHIN: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Open {
    scanner: Scanner,
    voice: Voice,
    port: Port,
}

impl Floor {
    /// Opens a port for each scanner.
    ///
    /// # Errors
    /// A thread could not be started. A port that can't be opened is no error: it is tried again all the time.
    pub fn open(&self, scanners: &[Scanner]) -> io::Result<Ports> {
        let (open, closes, changes) = Default::default();
        let ports = Ports { floor: self.clone(), open, closes, changes };
        ports.change_to(scanners)?;
        Ok(ports)
    }
}

impl Ports {
    /// Opens what is new, closes what is gone, and does both to what is set up otherwise. What such a line has read is
    /// decided and answered before it is closed. Does nothing once a stop has had them [`rest`](Self::rest).
    ///
    /// # Errors
    /// A thread could not be started: its scanner and those after it are not open.
    pub fn change_to(&self, scanners: &[Scanner]) -> io::Result<()> {
        let mut open = self.open();
        if self.closes.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (stays, goes): (Vec<Open>, Vec<Open>) = open.drain(..).partition(|known| scanners.contains(&known.scanner));
        let voices: Vec<Voice> = scanners
            .iter()
            .map(|scanner| match stays.iter().find(|known| known.scanner == *scanner) {
                Some(known) => known.voice.clone(),
                None => voice(scanner),
            })
            .collect();
        goes.iter().for_each(|known| known.port.rest());
        if !goes.iter().all(|known| known.port.rests_within(CLOSES_WITHIN)) || !self.is_decided(goes.is_empty()) {
            tracing::warn!("a scanner's line is closed before all that it read is answered");
        }
        goes.iter().for_each(|known| known.port.end());
        self.changes.fetch_add(1, Ordering::Relaxed);
        for Open { scanner, port, .. } in goes {
            port.stop();
            if !scanners.iter().any(|other| other.id == scanner.id) {
                self.floor.forget(&scanner.id);
            }
        }
        *open = stays;
        self.floor.voices.set(voices.clone());
        for (scanner, voice) in scanners.iter().zip(voices) {
            if open.iter().any(|known| known.scanner == *scanner) {
                continue;
            }
            match self.open_one(scanner, voice) {
                Ok(opened) => open.push(opened),
                Err(error) => {
                    self.floor.voices.set(open.iter().map(|known| known.voice.clone()).collect());
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn open_one(&self, scanner: &Scanner, voice: Voice) -> io::Result<Open> {
        let ear = Ear::default();
        self.floor.expect(scanner, ear.clone());
        let (floor, scanner) = (self.floor.clone(), scanner.clone());
        let mut line =
            ScannerLine { floor, scanner: scanner.clone(), voice: voice.clone(), ear: ear.clone(), lost: false };
        let port = port::spawn(scanner.port.clone(), move |event| line.event(event))?;
        let _ = voice.answerer.set(port.answerer());
        ear.belongs_to(port.tap());
        Ok(Open { scanner, voice, port })
    }

    /// Whether the journal has decided what it was handed so far; not asked where nothing depends on it.
    fn is_decided(&self, is_unasked: bool) -> bool {
        let (done, is_done) = sync_channel(1);
        let reply = Box::new(move |()| _ = done.try_send(()));
        is_unasked
            || self.floor.journal.submit(Job::Barrier { reply }).is_ok() && is_done.recv_timeout(CLOSES_WITHIN).is_ok()
    }

    /// Each scanner's thread, for whoever watches over it, and how often that was changed; none where it is as `known`, or
    /// is being changed.
    #[must_use]
    pub fn pulses(&self, known: Option<u64>) -> Option<(u64, Vec<(ScannerId, port::Pulse)>)> {
        let open = self.open.try_lock().ok()?;
        let changes = self.changes.load(Ordering::Relaxed);
        let pulses = || open.iter().map(|open| (open.scanner.id.clone(), open.port.pulse())).collect();
        (known != Some(changes)).then(|| (changes, pulses()))
    }

    /// Takes in nothing more, and opens nothing more; the lines stay open for answers. The first scanner whose thread goes on beyond `patience`.
    ///
    /// # Errors
    /// One still reads: what it hands in later is decided, and may find its line closed.
    pub fn rest(&self, patience: Duration) -> Result<(), ScannerId> {
        let open = self.open();
        self.closes.store(true, Ordering::Relaxed);
        open.iter().for_each(|open| open.port.rest());
        match open.iter().find(|open| !open.port.rests_within(patience)) {
            Some(open) => Err(open.scanner.id.clone()),
            None => Ok(()),
        }
    }

    /// Lets the last answers end, closes every line and waits for its thread.
    pub fn stop(&self) {
        self.closes.store(true, Ordering::Relaxed);
        let open: Vec<Open> = self.open().drain(..).collect();
        open.iter().for_each(|open| open.port.end());
        open.into_iter().for_each(|open| open.port.stop());
    }

    /// The scanners whose thread has ended by itself: a bug, and no scan of theirs would be heard. None while the ports
    /// are being changed.
    #[must_use]
    pub fn dead(&self) -> Vec<ScannerId> {
        let Ok(open) = self.open.try_lock() else { return Vec::new() };
        open.iter().filter(|open| !open.port.is_alive()).map(|open| open.scanner.id.clone()).collect()
    }

    fn open(&self) -> MutexGuard<'_, Vec<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn voice(scanner: &Scanner) -> Voice {
    Voice {
        scanner: scanner.id.clone(),
        station: scanner.station.clone(),
        driver: scanner.port.driver,
        speaks: scanner.speaks,
        answerer: Arc::default(),
    }
}
