//! Actions at the stations: signals, scanners, guests.

use super::{Actions, Outcome, Told, audible, lock, signal, told};
use crate::domain::signal::Signal;
use crate::floor::status::{Line, ScannerStatus};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Long enough to tell one signal from the next.
const BETWEEN_SIGNALS: Duration = Duration::from_secs(2);

/// A line that is there is open well before.
const REOPENED_WITHIN: Duration = Duration::from_secs(5);

/// A guest stands at the bench and waits.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

impl Actions {
    pub(super) async fn test_signal(self: &Arc<Self>, station: &str, wanted: Option<&str>) -> Told {
        let wanted = match wanted.map(|word| (word, signal(word))) {
            None => None,
            Some((_, Some(signal))) => Some(signal),
            Some((word, None)) => {
                let known: Vec<_> = audible().map(Signal::word).collect();
                return told(Outcome::UnknownSignal, [("signal", word.to_owned()), ("known", known.join(", "))]);
            }
        };
        if let Err(unknown) = self.floor.known_station(station) {
            return unknown_station(&unknown);
        }
        if wanted.is_none() && !lock(&self.testing).insert(station.to_owned()) {
            return told(Outcome::AlreadyTesting, [("station", station.to_owned())]);
        }
        let first = wanted.or_else(|| audible().next()).unwrap_or(Signal::Accepted);
        let given = self.give(station, first, wanted.is_none());
        if wanted.is_none() {
            let (actions, station) = (Arc::clone(self), station.to_owned());
            tokio::spawn(async move {
                for next in audible().skip(1) {
                    tokio::time::sleep(BETWEEN_SIGNALS).await;
                    let _ = actions.floor.test_signal(&station, next);
                }
                lock(&actions.testing).remove(&station);
            });
        }
        given
    }

    fn give(&self, station: &str, signal: Signal, is_first: bool) -> Told {
        let scanners = match self.floor.test_signal(station, signal) {
            Ok(scanners) => scanners,
            Err(unknown) => return unknown_station(&unknown),
        };
        let (sounded, silent): (Vec<_>, Vec<_>) = scanners.iter().partition(|(_, why)| why.is_none());
        let silent: Vec<_> =
            silent.iter().filter_map(|(scanner, why)| Some(format!("{scanner}: {}", why.as_ref()?))).collect();
        let station = ("station", station.to_owned());
        if sounded.is_empty() && silent.is_empty() {
            return told(Outcome::ScreenOnly, [station]);
        }
        if sounded.is_empty() {
            return told(Outcome::ScannerSilent, [station, ("why", silent.join("; "))]);
        }
        let sounded: Vec<_> = sounded.iter().map(|(scanner, _)| scanner.to_string()).collect();
        let outcome = if is_first { Outcome::SignalsBegun } else { Outcome::SignalGiven };
        told(outcome, [station, ("signal", signal.word().to_owned()), ("scanners", sounded.join(", "))])
    }

    pub(super) async fn reopen(&self, scanner: &str) -> Told {
        let mut status = self.floor.status();
        let state = |status: &ScannerStatus| (status.line.clone(), status.since);
        let seen = |floor: &crate::floor::status::FloorStatus| {
            floor.scanners.iter().find(|(id, _)| ***id == *scanner).map(|(_, status)| state(status))
        };
        let before = seen(&status.borrow_and_update());
        let named = ("scanner", scanner.to_owned());
        if !self.floor.reopen(scanner) {
            return told(Outcome::UnknownScanner, [named]);
        }
        let opened = status.wait_for(|floor| {
            let now = seen(floor);
            now != before && now.is_some_and(|(line, _)| line == Line::Open)
        });
        let is_open = tokio::time::timeout(REOPENED_WITHIN, opened).await.is_ok_and(|opened| opened.is_ok());
        if is_open {
            return told(Outcome::Reopened, [named]);
        }
        let why = match seen(&status.borrow()) {
            Some((Line::Lost { reason }, _)) => reason,
            _ => format!("nothing within {} s", REOPENED_WITHIN.as_secs()),
        };
        told(Outcome::StaysLost, [named, ("why", why)])
    }

    /// A guest's id is never given twice: it is the start of the agent and their number in it.
    pub(super) async fn admit_guest(self: &Arc<Self>, station: &str) -> Told {
        let number = self.guests.fetch_add(1, Ordering::Relaxed) + 1;
        let operator = format!("guest-{}-{number}", self.journal.starts());
        let (actions, at, id) = (Arc::clone(self), station.to_owned(), operator.clone());
        let asked = tokio::task::spawn_blocking(move || actions.floor.sign_in(&at, &id)).await;
        let answer = match asked {
            Ok(Ok(answer)) => tokio::time::timeout(ANSWERED_WITHIN, answer).await,
            Ok(Err(unknown)) => return unknown_station(&unknown),
            Err(_) => return told(Outcome::NotSaved, []),
        };
        let values = [("station", station.to_owned()), ("operator", operator)];
        match answer {
            Ok(Ok(answer)) if answer.signal == Signal::Opened => told(Outcome::GuestIn, values),
            Ok(Ok(answer)) if answer.signal != Signal::NotSaved => {
                told(Outcome::GuestRefused, [("station", station.to_owned()), ("why", answer.signal.word().to_owned())])
            }
            Ok(_) | Err(_) => told(Outcome::NotSaved, []),
        }
    }
}

fn unknown_station(unknown: &crate::floor::UnknownStation) -> Told {
    told(Outcome::UnknownStation, [("station", unknown.asked.clone()), ("known", unknown.known.join(", "))])
}
