//! The clock, looked after: asked about every other second, and what it was wrong by told once it is believed.

use crate::clock::{Believed, Clock};
use crate::journal::{Job, Journal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
pub struct Times {
    clock: Clock,
    /// Times may wait to be corrected: also those of an earlier start in this boot.
    owed: Arc<AtomicBool>,
    told: Option<Believed>,
    /// As [`Standing::changes`](crate::clock::Standing::changes): a clock may be doubted and believed again between two
    /// looks.
    changes: u64,
}

impl Times {
    pub fn new(clock: Clock) -> Self {
        Self { clock, owed: Arc::new(AtomicBool::new(true)), told: None, changes: 0 }
    }

    /// Asks the system what speaks for the clock, and has times corrected where that is due.
    pub fn look_after(&mut self, journal: &Journal) {
        self.clock.look();
        let standing = self.clock.standing();
        if self.told.replace(standing.believed) != Some(standing.believed) {
            let clock = self.clock.shown().wall;
            tracing::info!(believed = standing.believed.word(), since = %standing.since, %clock, "the clock");
        }
        if std::mem::replace(&mut self.changes, standing.changes) != standing.changes {
            self.owed.store(true, Ordering::Relaxed);
        }
        if standing.believed.is_trusted() && self.owed.swap(false, Ordering::Relaxed) {
            correct(journal, self.clock, &self.owed);
        }
    }
}

/// Asks for one turn, and for the next one as long as there is more; what can't be done now is owed.
fn correct(journal: &Journal, clock: Clock, owed: &Arc<AtomicBool>) {
    let (again, owing) = (journal.clone(), Arc::clone(owed));
    let reply = Box::new(move |done| match done {
        Ok(true) => correct(&again, clock, &owing),
        Ok(false) => {}
        Err(_) => owing.store(true, Ordering::Relaxed),
    });
    if journal.try_submit(Job::CorrectTimes { moment: clock.now(), reply }).is_err() {
        owed.store(true, Ordering::Relaxed);
    }
}
