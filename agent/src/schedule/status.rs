//! What the schedule knows of its own work, for pages and command lines.

use jiff::Timestamp;

/// The schedule at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduleStatus {
    /// When promises were last judged.
    pub judged_at: Option<Timestamp>,
}
