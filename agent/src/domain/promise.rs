//! The promise: the collection that an order must make, and whether it will.
//!
//! `on_track → at_risk → will_miss → missed → on_track` for the next collection, or `kept`. Until the cut-off an
//! estimate says how the order stands, with room between getting worse and getting better, so that it does not flap;
//! the cut-off makes it certain. Missed it is only when the collection has ended without it. Only a trusted clock may
//! be asked.

mod judge;
pub mod offer;
pub mod pace;
mod review;
mod standing;

use std::time::Duration;

pub use judge::{Case, Verdict, judge, target, units_left};
pub use review::{Finding, Review, Work};
pub use standing::{Basis, Course, Ending, Forecast, Outlook, Queue, Standing, Target, Told, Trouble, Turn};

/// What the configuration says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pledge {
    /// Units per hour where too little was measured.
    pub pace_floor: u32,
    /// So far back the pace is looked at.
    pub pace_window: Duration,
    /// With less time than this to spare an order is at risk.
    pub at_risk_margin: Duration,
    /// When the day is closed, local.
    pub day_closes: jiff::civil::Time,
}

impl Default for Pledge {
    fn default() -> Self {
        Self {
            pace_floor: 60,
            pace_window: Duration::from_secs(14 * 24 * 3_600),
            at_risk_margin: Duration::from_secs(15 * 60),
            day_closes: jiff::civil::time(23, 30, 0, 0),
        }
    }
}

#[cfg(test)]
mod tests;
