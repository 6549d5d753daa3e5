//! Whether the wall clock is to be believed, and what things are labelled with while it isn't. Pure.
//!
//! A clock can't be right before the release of this program, nor before the last time at which it was believed. Past
//! that it is believed when something speaks for it, and for as long as it goes steadily from there, over restarts of the
//! agent in one boot: time servers that go away later take nothing back. A step forward of up to a month is a board that
//! learns the time, and so is any that a time server makes where none was heard before. Another that is longer is an error
//! until the clock comes back, whoever made it. A step back is believed at once where a time server made it, or else when
//! the clock has gone steadily for a while.

use super::evidence::Evidence;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// No board can be right about a wall clock before this: the year of the release.
const RELEASED_S: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z

/// Within this a clock is only set right.
const STEP_MAX: SignedDuration = SignedDuration::from_mins(5);
/// A board is not off for longer without anybody looking at its clock.
const FORWARD_MAX: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Slewing moves a clock by less than this between two looks.
const STEP_NOTED_MIN: SignedDuration = SignedDuration::from_secs(1);
/// So long a clock that went back goes steadily before it is believed.
const SETTLES: Duration = Duration::from_secs(600);

/// Both clocks at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub wall: Timestamp,
    pub since_boot: Duration,
}

/// What the log says of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The newest event.
    pub newest: Mark,
    /// The newest one that happened while the clock was believed; none where there is none near.
    pub believed: Option<Mark>,
    /// Whether a time server has vouched for the clock in this boot.
    pub vouched: bool,
}

/// When an event of the log happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its label.
    pub at: Timestamp,
    /// How long this boot had lasted; none where it happened in another.
    pub since_boot: Option<Duration>,
}

impl Mark {
    fn in_this_boot(self) -> Option<Reading> {
        Some(Reading { wall: self.at, since_boot: self.since_boot? })
    }

    /// Where it happened in another boot: the earliest that can be.
    fn earliest(self) -> Reading {
        Reading { wall: self.at, since_boot: self.since_boot.unwrap_or_default() }
    }
}

/// How far the wall clock is believed, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Believed {
    /// A time server keeps it.
    Synchronized,
    /// Nothing speaks against it, and no time server is waited for.
    #[default]
    Plausible,
    /// Not: it may be right, but a time server is waited for that has not been heard in this boot.
    Awaited,
    /// Not: it was set too far, or back and not long ago.
    Stepped,
    /// Not: it is before the release, or before what the log knew last.
    Behind,
}

impl Believed {
    /// The word for it in interfaces.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Synchronized => "synchronized",
            Self::Plausible => "plausible",
            Self::Awaited => "awaited",
            Self::Stepped => "stepped",
            Self::Behind => "behind",
        }
    }

    #[must_use]
    pub fn is_trusted(self) -> bool {
        matches!(self, Self::Synchronized | Self::Plausible)
    }
}

/// How the wall clock stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub believed: Believed,
    /// Since when, by the label of then.
    pub since: Timestamp,
    /// The last time that it was set by a second or more.
    pub step: Option<Step>,
    /// Grows with every step, and whenever it comes to be believed otherwise.
    pub changes: u64,
}

/// The wall clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it showed when that was noticed.
    pub at: Timestamp,
    /// By how much; below zero: back.
    pub by: SignedDuration,
}

/// What has been seen of the clock.
#[derive(Debug, Default)]
pub struct Judge {
    evidence: Evidence,
    known: Option<Known>,
    /// When it was first looked at.
    begun: Duration,
    seen: Option<Reading>,
    /// The last reading that was believed: what is reckoned from.
    anchor: Option<Reading>,
    /// Whether a time server has vouched for what is reckoned from.
    vouched: bool,
    /// The last reading that could be right, believed or not.
    tracked: Option<Reading>,
    doubt: Option<Doubt>,
    /// When somebody last set it.
    set_at: Option<Duration>,
    standing: Standing,
}

/// A step too far.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// When it is over, for all that happens; none while the clock is too far ahead.
    until: Option<Duration>,
}

impl Reading {
    /// How far the wall clock of `later` is ahead of what this one would show then.
    fn step_to(self, later: Self) -> SignedDuration {
        later.wall.duration_since(self.going_on(later.since_boot))
    }

    /// What this one would show then.
    fn going_on(self, since_boot: Duration) -> Timestamp {
        self.wall.saturating_add(since_boot.saturating_sub(self.since_boot)).unwrap_or(Timestamp::MAX)
    }
}

impl Judge {
    /// Begins anew from what the log knew last. A doubt of this boot goes on: what was believed before it counts.
    pub fn resume(&mut self, known: Known) {
        let believed = known.believed.and_then(Mark::in_this_boot);
        // What was reckoned from there on, so that labels go on.
        let reckoned = |believed: &Reading| {
            known.newest.in_this_boot().filter(|newest| believed.step_to(*newest).abs() <= FORWARD_MAX)
        };
        let anchor = believed.map(|believed| reckoned(&believed).unwrap_or(believed));
        let (evidence, vouched) = (self.evidence, known.vouched);
        *self = Self { evidence, known: Some(known), anchor, vouched, tracked: anchor, ..Self::default() };
    }

    /// What the system says for the clock now.
    pub fn hear(&mut self, evidence: Evidence) {
        self.evidence = evidence;
    }

    /// Whether a hardware clock's word would count.
    pub fn asks_rtc(&self) -> bool {
        self.anchor.is_none()
    }

    /// By how much the wall clock was set since it was last looked at.
    pub fn step_to(&self, reading: Reading) -> SignedDuration {
        self.seen.map_or(SignedDuration::ZERO, |seen| seen.step_to(reading))
    }

    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Takes note of a reading: its label, and whether the wall clock is believed.
    pub fn judge(&mut self, reading: Reading) -> (Timestamp, bool) {
        self.notice(reading);
        let believed = self.weigh(reading);
        let reckoned = self.reckon(reading.since_boot);
        let wall = match believed {
            Believed::Synchronized | Believed::Plausible => {
                self.anchor = Some(reading);
                self.vouched |= believed == Believed::Synchronized;
                self.label(reading.wall)
            }
            Believed::Awaited => reading.wall.max(reckoned),
            Believed::Stepped | Believed::Behind => reckoned,
        };
        if self.standing.changes == 0 || self.standing.believed != believed {
            let changes = self.standing.changes + 1;
            self.standing = Standing { believed, since: wall, changes, ..self.standing };
        }
        (wall, believed.is_trusted())
    }

    fn notice(&mut self, reading: Reading) {
        let by = self.step_to(reading);
        if self.seen.replace(reading).is_none() {
            self.begun = reading.since_boot;
        }
        if STEP_NOTED_MIN <= by.abs() {
            self.standing.step = Some(Step { at: reading.wall, by });
            self.standing.changes += 1;
            self.set_at = Some(reading.since_boot);
        }
    }

    fn weigh(&mut self, reading: Reading) -> Believed {
        if reading.wall < released() {
            return Believed::Behind;
        }
        let is_synchronized = self.evidence == Evidence::Synchronized;
        if self.anchor.is_none() && !is_synchronized {
            let is_behind = STEP_MAX < self.floor(reading.since_boot).duration_since(reading.wall);
            let set_for = self.set_at.map(|at| reading.since_boot.saturating_sub(at));
            match set_for {
                None if is_behind => return Believed::Behind,
                Some(set_for) if is_behind && set_for < SETTLES => return Believed::Stepped,
                _ if self.evidence == Evidence::Awaited => return Believed::Awaited,
                _ => {}
            }
        }
        self.follow(reading, is_synchronized);
        match (self.doubt, is_synchronized) {
            (Some(_), _) => Believed::Stepped,
            (None, true) => Believed::Synchronized,
            (None, false) => Believed::Plausible,
        }
    }

    /// Begins and ends doubts.
    fn follow(&mut self, reading: Reading, is_synchronized: bool) {
        // What was believed for want of anything better doesn't stand against a time server.
        let is_taught = is_synchronized && !self.vouched;
        let step = self.tracked.replace(reading).map_or(SignedDuration::ZERO, |last| last.step_to(reading));
        if STEP_MAX < step.abs() {
            let ahead = self.anchor.map_or(step, |anchor| anchor.step_to(reading));
            self.doubt = match ahead {
                ahead if ahead.abs() <= STEP_MAX => None,
                ahead if ahead.is_positive() && (ahead <= FORWARD_MAX || is_taught) => None,
                ahead if ahead.is_positive() => Some(Doubt { until: None }),
                _ => Some(Doubt { until: Some(reading.since_boot.saturating_add(SETTLES)) }),
            };
        }
        self.doubt.take_if(|doubt| match doubt.until {
            Some(until) => is_synchronized || until <= reading.since_boot,
            None => is_taught,
        });
    }

    /// The label of what is believed. One that nobody vouched for or set may be a little behind what the log knew: labels
    /// don't go back there.
    fn label(&self, wall: Timestamp) -> Timestamp {
        let known = self.known.and_then(|known| known.believed).filter(|_| !self.vouched && self.set_at.is_none());
        match known {
            Some(known) if known.at.duration_since(wall) <= STEP_MAX => wall.max(known.at),
            _ => wall,
        }
    }

    /// What is reckoned to be the time: from what was believed in this boot, or else from the newest event.
    fn reckon(&self, since_boot: Duration) -> Timestamp {
        let known = || Some(self.known?.newest.earliest());
        self.going_on(self.anchor.or_else(known), since_boot)
    }

    /// Before this no clock is right. What a clock showed that nobody believed says nothing.
    fn floor(&self, since_boot: Duration) -> Timestamp {
        let believed = self.known.and_then(|known| known.believed);
        self.going_on(believed.map(Mark::earliest), since_boot)
    }

    /// From the release where there is nothing to go on from.
    fn going_on(&self, from: Option<Reading>, since_boot: Duration) -> Timestamp {
        let earliest = Reading { wall: released(), since_boot: self.begun };
        let earliest = earliest.going_on(since_boot);
        from.map_or(earliest, |from| from.going_on(since_boot).max(earliest))
    }
}

fn released() -> Timestamp {
    Timestamp::constant(RELEASED_S, 0)
}

#[cfg(test)]
mod tests;
