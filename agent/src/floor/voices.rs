//! Who tells staff what became of a scan: the scanner that read it, or, where that one can't, the others of its station.

use crate::domain::name::{ScannerId, StationId};
use parceld_drivers::port::{Answerer, NotSent};
use parceld_drivers::scanner::{Driver, Feedback};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

/// A scanner's line, as far as something can be said over it.
#[derive(Clone, Debug)]
pub struct Voice {
    pub scanner: ScannerId,
    pub station: StationId,
    pub driver: Driver,
    /// Whether it is to make a sound.
    pub speaks: bool,
    /// Set when its port is there.
    pub answerer: Arc<OnceLock<Answerer>>,
}

/// All scanners' lines, and the stations where an alarm sounds.
#[derive(Debug, Default)]
pub struct Voices {
    all: RwLock<Arc<[Voice]>>,
    alarmed: Mutex<BTreeSet<StationId>>,
}

impl Voices {
    /// These are all; called before a port of a new one is opened.
    pub fn set(&self, all: Vec<Voice>) {
        *self.all.write().unwrap_or_else(PoisonError::into_inner) = all.into();
    }

    fn all(&self) -> Arc<[Voice]> {
        Arc::clone(&self.all.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers a scan over the line that read it, `own`, and lets others speak for it where it can't be heard. Never waits:
    /// the writer gives its answers here.
    ///
    /// # Errors
    /// The scanner's own line did not take its answer, or is no longer there.
    pub fn answer(&self, own: &Voice, feedback: Feedback) -> Result<(), NotSent> {
        let all = self.all();
        let line = own.answerer.get().ok_or(NotSent::Lost);
        if feedback == Feedback::NotSaved {
            self.alarmed().insert(own.station.clone());
        }
        if own.speaks && own.driver.can_answer() {
            return line?.answer(feedback);
        }
        let others = all.iter().filter(|other| other.station == own.station && other.scanner != own.scanner);
        for other in others.filter(|other| other.speaks) {
            // One that is unplugged, or not there yet, says nothing; the screen tells as well.
            let _ = other.answerer.get().map(|answerer| answerer.voice(feedback));
        }
        match feedback {
            Feedback::NotSaved => line?.answer(feedback),
            _ => line?.answer(Feedback::Silent),
        }
    }

    /// Lets every scanner of a station sound `feedback`; which of them there are, and why one did not take it.
    pub fn sound(&self, station: &str, feedback: Feedback) -> Vec<(ScannerId, Option<NotSent>)> {
        let all = self.all();
        let speaking = all.iter().filter(|voice| voice.speaks && *voice.station == *station);
        let sound = |voice: &Voice| {
            let told = voice.answerer.get().map_or(Err(NotSent::Lost), |answerer| answerer.voice(feedback));
            (voice.scanner.clone(), told.err())
        };
        speaking.map(sound).collect()
    }

    /// Has a scanner's line opened anew. Whether there is such a scanner.
    pub fn reopen(&self, scanner: &str) -> bool {
        let all = self.all();
        let found = all.iter().find(|voice| *voice.scanner == *scanner);
        if let Some(answerer) = found.and_then(|voice| voice.answerer.get()) {
            answerer.reopen();
        }
        found.is_some()
    }

    /// Sounds the alarm again wherever a scan was not saved.
    pub fn alarm(&self) {
        let stations = self.alarmed().clone();
        for voice in self.all().iter().filter(|voice| voice.speaks && stations.contains(&voice.station)) {
            if let Some(answerer) = voice.answerer.get() {
                let _ = answerer.answer(Feedback::Alarm);
            }
        }
    }

    /// The storage works again.
    pub fn all_clear(&self) {
        self.alarmed().clear();
    }

    fn alarmed(&self) -> std::sync::MutexGuard<'_, BTreeSet<StationId>> {
        self.alarmed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn a_line_that_never_came_about_holds_nobody_up() {
        for (speaks, feedback) in [(true, Feedback::Accepted), (false, Feedback::Accepted), (false, Feedback::NotSaved)]
        {
            let (scanner, station) = ("s".into(), "bench".into());
            let voice = Voice { scanner, station, driver: Driver::default(), speaks, answerer: Arc::default() };
            let voices = Voices::default();
            voices.set(vec![voice.clone()]);
            let (told, answer) = mpsc::channel();
            thread::spawn(move || told.send(voices.answer(&voice, feedback)));
            let answer = answer.recv_timeout(Duration::from_secs(10)).unwrap();
            assert_eq!(answer, Err(NotSent::Lost), "{feedback:?}");
        }
    }
}
