//! The clock, looked after: asked about every other second, and what it was wrong by told once it is believed.

use crate::clock::{Believed, Clock};
use crate::journal::{Job, Journal};

#[derive(Debug)]
pub struct Times {
    clock: Clock,
    told: Option<Believed>,
}

impl Times {
    pub fn new(clock: Clock) -> Self {
        Self { clock, told: None }
    }

    /// Asks the system what speaks for the clock, and has times corrected where that is due: the journal says whether any
    /// wait, also those of an earlier start in this boot and those that came late. What can't be done now is due at the
    /// next look.
    pub fn look_after(&mut self, journal: &Journal) {
        self.clock.look();
        let standing = self.clock.standing();
        if self.told.replace(standing.believed) != Some(standing.believed) {
            let clock = self.clock.shown().wall;
            tracing::info!(believed = standing.believed.word(), since = %standing.since, %clock, "the clock");
        }
        let head = *journal.head().borrow();
        let vouched = standing.believed == Believed::Synchronized;
        if standing.believed.is_trusted() && (head.uncorrected || (vouched && !head.vouched)) {
            correct(journal, self.clock, vouched);
        }
    }
}

/// Asks for one turn, and for the next one as long as there is more.
fn correct(journal: &Journal, clock: Clock, vouched: bool) {
    let again = journal.clone();
    let reply = Box::new(move |done| {
        if done == Ok(true) {
            correct(&again, clock, vouched);
        }
    });
    let _ = journal.try_submit(Job::CorrectTimes { moment: clock.now(), vouched, reply });
}
