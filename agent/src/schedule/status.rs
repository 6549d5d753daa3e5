//! What the schedule knows of the clock and of its own work, for pages and command lines.

use jiff::{SignedDuration, Timestamp};

/// The schedule at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduleStatus {
    /// Whether promises are judged by the clock; none before the first look at it.
    pub believes_clock: Option<bool>,
    /// The last time that the clock was set since the start.
    pub last_step: Option<Step>,
    /// When promises were last judged.
    pub judged_at: Option<Timestamp>,
}

/// The wall clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What the clock showed when it was noticed.
    pub at: Timestamp,
    /// By how much; below zero: back.
    pub by: SignedDuration,
}
