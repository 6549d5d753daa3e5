//! Whether a clock that can be right is: it may step while the agent runs.
//!
//! A step forward of up to a month is a board without a battery that learns the time. A longer one is an error until the
//! clock comes back, and a step back makes nothing undone: until the clock has gone steadily for a while, or is back,
//! nobody is told anything by it.

use super::status::Step;
use crate::clock::Moment;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Within this a clock is only set right.
const STEP_MAX: SignedDuration = SignedDuration::from_mins(5);
/// A board is not off for longer without anybody looking at its clock.
const FORWARD_MAX: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Slewing moves a clock by less than this between two looks.
const STEP_NOTED_MIN: SignedDuration = SignedDuration::from_secs(1);
/// So long a clock that went back goes steadily before it is believed.
const SETTLES: Duration = Duration::from_secs(600);

/// What has been seen of the clock.
#[derive(Debug, Default)]
pub struct Steady {
    last: Option<Reading>,
    doubt: Option<Doubt>,
    /// The last reading, also of a clock that can't be right.
    seen: Option<Reading>,
    step: Option<Step>,
}

/// Both clocks at once.
#[derive(Clone, Copy, Debug)]
struct Reading {
    wall: Timestamp,
    since_start: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// Before the first step.
    before: Reading,
    /// When it is over, for all that happens; none while the clock is too far ahead.
    until: Option<Duration>,
}

impl Reading {
    /// How far the wall clock of `moment` is ahead of what this one would show then.
    fn step_to(self, moment: &Moment) -> SignedDuration {
        let passed = moment.since_start.saturating_sub(self.since_start);
        let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        moment.wall.duration_since(self.wall) - passed
    }
}

impl Steady {
    /// Takes note of the clock. Whether it can be believed now.
    pub fn believes(&mut self, moment: &Moment) -> bool {
        let reading = Reading { wall: moment.wall, since_start: moment.since_start };
        if let Some(seen) = self.seen.replace(reading) {
            let by = seen.step_to(moment);
            if STEP_NOTED_MIN <= by.abs() {
                self.step = Some(Step { at: moment.wall, by });
            }
        }
        if !moment.trusted {
            return false;
        }
        if let Some(last) = self.last.replace(reading) {
            let step = last.step_to(moment);
            if STEP_MAX.as_secs() < step.as_secs().abs() {
                let before = self.doubt.map_or(last, |doubt| doubt.before);
                let until = moment.since_start.saturating_add(SETTLES);
                let ahead = before.step_to(moment);
                self.doubt = match ahead.as_secs() {
                    off if off.abs() <= STEP_MAX.as_secs() => None,
                    off if FORWARD_MAX.as_secs() < off => Some(Doubt { before, until: None }),
                    off if 0 < off => None,
                    _ => Some(Doubt { before, until: Some(until) }),
                };
            }
        }
        if self.doubt.is_some_and(|doubt| doubt.until.is_some_and(|until| until <= moment.since_start)) {
            self.doubt = None;
        }
        self.doubt.is_none()
    }

    /// The last time that the clock was set while it was looked at.
    #[must_use]
    pub fn step(&self) -> Option<Step> {
        self.step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of the time since the start and what the wall clock shows, with whether that is believed.
    fn check(rows: &[(u64, &str, bool)]) {
        let mut steady = Steady::default();
        for (since_start_s, wall, believed) in rows {
            let wall: Timestamp = wall.parse().unwrap();
            let trusted = "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap() <= wall;
            let moment = Moment { wall, since_start: Duration::from_secs(*since_start_s), trusted };
            assert_eq!(steady.believes(&moment), *believed, "{since_start_s} {wall}");
        }
    }

    #[test]
    fn notes_the_last_step_of_the_clock() {
        for (rows, expected) in [
            (&[(0, "2026-11-26T10:00:00Z"), (60, "2026-11-26T10:01:00.9Z")][..], None),
            (&[(0, "2026-11-26T10:00:00Z"), (60, "2026-11-26T10:01:01Z")], Some(1_000)),
            (
                &[(0, "2026-11-26T10:00:00Z"), (60, "2026-11-26T10:00:00Z"), (120, "2026-11-26T10:01:00Z")],
                Some(-60_000),
            ),
            (&[(0, "1970-01-01T00:00:00Z"), (60, "1970-01-02T00:01:00Z")], Some(86_400_000)),
        ] {
            let mut steady = Steady::default();
            for (since_start_s, wall) in rows {
                let moment = Moment {
                    wall: wall.parse().unwrap(),
                    since_start: Duration::from_secs(*since_start_s),
                    trusted: false,
                };
                steady.believes(&moment);
            }
            assert_eq!(steady.step().map(|step| step.by.as_millis()), expected, "{rows:?}");
        }
    }

    #[test]
    fn a_board_that_learns_the_time_is_believed() {
        check(&[(0, "1970-01-01T00:00:00Z", false), (60, "2026-11-26T10:00:00Z", true)]);
        check(&[(0, "2026-11-25T18:00:00Z", true), (60, "2026-11-26T10:00:00Z", true)]);
    }

    #[test]
    fn twenty_years_ahead_is_not_believed_until_it_comes_back() {
        check(&[
            (0, "2026-11-26T10:00:00Z", true),
            (60, "2046-11-26T10:01:00Z", false),
            (7_200, "2046-11-26T12:00:00Z", false),
            (7_260, "2026-11-26T12:01:00Z", true),
        ]);
        check(&[
            (0, "2026-11-26T10:00:00Z", true),
            (60, "2046-11-26T10:01:00Z", false),
            (120, "1970-01-01T00:00:00Z", false),
            (180, "2026-11-26T10:03:00Z", true),
        ]);
    }

    #[test]
    fn a_clock_that_goes_back_is_believed_when_it_has_gone_on_for_a_while() {
        check(&[
            (0, "2026-11-26T10:00:00Z", true),
            (60, "2026-11-26T08:01:00Z", false),
            (120, "2026-11-26T08:02:00Z", false),
            (660, "2026-11-26T08:11:00Z", true),
        ]);
        check(&[
            (0, "2026-11-26T10:00:00Z", true),
            (60, "2026-11-26T08:01:00Z", false),
            (120, "2026-11-26T10:02:00Z", true),
        ]);
    }

    #[test]
    fn a_clock_that_is_only_set_right_is_believed() {
        check(&[
            (0, "2026-11-26T10:00:00Z", true),
            (60, "2026-11-26T10:05:59Z", true),
            (120, "2026-11-26T09:59:00Z", false),
        ]);
        check(&[(0, "2026-11-26T10:00:00Z", true), (60, "2026-11-26T09:57:00Z", true)]);
    }
}
