//! The schedule without its thread and its timers: for simulations, which play the clock.
//!
//! What it reads, what it makes of it and what it asks the writer for are the thread's own. Only the day isn't closed:
//! whoever closes it waits for the writer, which here has no thread either.

use super::{Planner, Woken, planner};
use crate::clock::Clock;
use crate::domain::rules::Rules;
use crate::journal::{Error, Journal};

/// The schedule, one turn at a time.
pub struct Played(Planner);

impl Played {
    /// # Errors
    /// The journal can't be read.
    pub fn new(rules: Rules, journal: Journal, clock: Clock) -> Result<Self, Error> {
        Ok(Self(planner(rules, journal, clock)?.0))
    }

    /// Looks at what is new in the log, and at the end of a minute at all open orders. An error is told as the thread tells
    /// it, and the next turn tries again.
    pub fn turn(&mut self, is_minute: bool) {
        let Self(planner) = self;
        let moment = planner.clock.now();
        if is_minute && moment.trusted {
            planner.count_work(&moment);
            planner.doubted = true;
        }
        if let Err(error) = planner.turn(Woken::Head, &moment) {
            planner.journal.damage().suspect(&error);
        }
    }
}
