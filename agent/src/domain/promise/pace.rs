//! How fast goods get packed here: by the time of day over recent days, and by the last hour.
//!
//! Time counts only while work waits, so a slow hour is one in which people were slow, or not there. An hour of the day
//! about which too little is known has the configured floor.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Ten minutes: fine enough to see the last hour, coarse enough for two weeks in two thousand rows.
pub const SLOT_S: i64 = 600;

/// Of an hour of the day, so much time with work must have been seen before it is believed.
const ENOUGH_S: u64 = 3_600;

/// What the last hour says of the next ones.
const RECENT_SLOTS: i64 = 6;
/// For so long it is believed; what comes later is as on other days.
const RECENT_HOLDS: SignedDuration = SignedDuration::from_hours(2);
/// Units that should have been packed before their number says anything.
const RECENT_UNITS_MIN: f64 = 8.0;
/// One good or bad hour is not taken for more than this.
const RECENT_FACTORS: (f64, f64) = (0.1, 2.0);
/// Below this part of its usual pace the site is slow.
const SLOW: f64 = 0.7;

/// How far ahead a finish can be told.
const HORIZON_SLOTS: usize = 7 * 24 * 6;

/// What was packed in one slot, and for how long work waited in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    pub units: u32,
    /// Seconds, at most [`SLOT_S`].
    pub work_s: u32,
}

/// The number of the slot that `at` lies in.
#[must_use]
pub fn slot_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(SLOT_S)
}

/// What was measured, by the slots' numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    pub slots: BTreeMap<i64, Slot>,
}

impl Pace {
    /// Adds to a slot.
    pub fn add(&mut self, slot: i64, units: u32, work_s: u32) {
        let known = self.slots.entry(slot).or_default();
        known.units = known.units.saturating_add(units);
        known.work_s = known.work_s.saturating_add(work_s).min(SLOT_S as u32);
    }

    /// Takes one unit off a slot: it was taken out again.
    pub fn take(&mut self, slot: i64) {
        let known = self.slots.entry(slot).or_default();
        known.units = known.units.saturating_sub(1);
    }

    /// Forgets what is older than `window`.
    pub fn forget(&mut self, now: Timestamp, window: SignedDuration) {
        let first = slot_of(now.saturating_sub(window).unwrap_or(Timestamp::MIN));
        self.slots = self.slots.split_off(&first);
    }

    /// What can be packed from `now` on. `floor`: units per hour where too little is known.
    #[must_use]
    pub fn outlook(&self, now: Timestamp, zone: &TimeZone, floor: u32) -> Capacity {
        let hour_of = |slot: i64| {
            let at = Timestamp::from_second(slot.saturating_mul(SLOT_S)).unwrap_or(now);
            usize::from(at.to_zoned(zone.clone()).hour().unsigned_abs()) % 24
        };
        let this = slot_of(now);
        let first_recent = this - RECENT_SLOTS;
        let mut hours = [(0u64, 0u64); 24];
        // What is usual is told by what was before the last hour.
        for (slot, seen) in self.slots.range(..first_recent) {
            let (units, work_s) = &mut hours[hour_of(*slot)];
            *units += u64::from(seen.units);
            *work_s += u64::from(seen.work_s);
        }
        let rate = |hour: usize| match hours[hour] {
            (units, work_s) if ENOUGH_S <= work_s => units as f64 * 3_600.0 / work_s as f64,
            _ => f64::from(floor),
        };
        let recent = self.slots.range(first_recent..=this);
        let (expected, packed) = recent.fold((0.0, 0.0), |(expected, packed), (slot, seen)| {
            let usual = rate(hour_of(*slot)) * f64::from(seen.work_s) / 3_600.0;
            (expected + usual, packed + f64::from(seen.units))
        });
        let (least, most) = RECENT_FACTORS;
        let factor = if expected < RECENT_UNITS_MIN { 1.0 } else { (packed / expected).clamp(least, most) };

        let believed_until = slot_of(now.saturating_add(RECENT_HOLDS).unwrap_or(Timestamp::MAX));
        let mut packed_by = Vec::with_capacity(HORIZON_SLOTS + 1);
        let mut total = 0.0;
        packed_by.push(total);
        for ahead in 0..HORIZON_SLOTS as i64 {
            let slot = this + ahead;
            let part = match ahead {
                0 => ((this + 1) * SLOT_S - now.as_second()) as f64,
                _ => SLOT_S as f64,
            };
            let factor = if slot < believed_until { factor } else { 1.0 };
            total += rate(hour_of(slot)) * factor * part / 3_600.0;
            packed_by.push(total);
        }
        let hour = hour_of(this);
        Capacity {
            now,
            packed_by,
            per_hour: (rate(hour) * factor).round() as u32,
            measured: ENOUGH_S <= hours[hour].1,
            measured_min: (hours[hour].1 / 60) as u32,
            slow: factor < SLOW,
        }
    }
}

/// What the site can pack from now on.
#[derive(Clone, Debug)]
pub struct Capacity {
    now: Timestamp,
    /// Units packed by the end of each slot from the one that `now` lies in; the first entry is `now` itself.
    packed_by: Vec<f64>,
    /// Units per hour, now.
    pub per_hour: u32,
    /// Whether that was measured at this time of day, and over how many minutes with work.
    pub measured: bool,
    pub measured_min: u32,
    /// The last hour was clearly slower than usual.
    pub slow: bool,
}

impl Capacity {
    /// When so many units from now on are packed; none if nobody can tell.
    #[must_use]
    pub fn finish(&self, units: u32) -> Option<Timestamp> {
        self.when(f64::from(units))
    }

    /// How many units can be packed until then.
    #[must_use]
    pub fn until(&self, at: Timestamp) -> u32 {
        self.packed_until(at) as u32
    }

    /// The latest moment from which `units` can still be packed until `at`; none if it is too late already.
    #[must_use]
    pub fn latest_start(&self, units: u32, at: Timestamp) -> Option<Timestamp> {
        let begun = self.packed_until(at) - f64::from(units);
        if begun < 0.0 { None } else { self.when(begun).map(|start| start.min(at)) }
    }

    fn packed_until(&self, at: Timestamp) -> f64 {
        if at <= self.now {
            return 0.0;
        }
        let index = usize::try_from(slot_of(at) - slot_of(self.now)).unwrap_or_default();
        let Some([before, after]) = self.packed_by.get(index..index + 2) else {
            return self.packed_by.last().copied().unwrap_or_default();
        };
        let (from, to) = self.span(index);
        let part = (at.as_second() - from) as f64 / (to - from).max(1) as f64;
        before + (after - before) * part
    }

    fn when(&self, units: f64) -> Option<Timestamp> {
        let index = self.packed_by.partition_point(|packed| *packed < units);
        if index == 0 {
            return Some(self.now);
        }
        let (before, after) = (self.packed_by[index - 1], *self.packed_by.get(index)?);
        let (from, to) = self.span(index - 1);
        let part = (units - before) / (after - before);
        Timestamp::from_second(from + ((to - from) as f64 * part).ceil() as i64).ok()
    }

    /// Seconds at which the slot `index` begins and ends; the first one begins now.
    fn span(&self, index: usize) -> (i64, i64) {
        let slot = slot_of(self.now) + index as i64;
        let from = if index == 0 { self.now.as_second() } else { slot * SLOT_S };
        (from, (slot + 1) * SLOT_S)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Europe/Stockholm").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Fills `days` days before 26 November with `per_hour` units an hour in the local hours from `from` to `to`, with
    /// work waiting all the time.
    fn worked(days: i64, from: i64, to: i64, per_hour: u32) -> Pace {
        let mut pace = Pace::default();
        for day in 1..=days {
            let midnight = at("2026-11-25T23:00:00Z") - SignedDuration::from_hours(24 * day);
            for slot in 0..144 {
                let begins = midnight + SignedDuration::from_secs(slot * SLOT_S);
                let units = if (from * 6..to * 6).contains(&slot) { per_hour / 6 } else { 0 };
                pace.add(slot_of(begins), units, SLOT_S as u32);
            }
        }
        pace
    }

    #[test]
    fn an_unknown_site_packs_at_the_configured_floor() {
        let capacity = Pace::default().outlook(at("2026-11-26T09:00:00Z"), &zone(), 30);
        assert_eq!((capacity.per_hour, capacity.measured, capacity.slow), (30, false, false));
        assert_eq!(capacity.finish(0), Some(at("2026-11-26T09:00:00Z")));
        assert_eq!(capacity.finish(30), Some(at("2026-11-26T10:00:00Z")));
        assert_eq!(capacity.finish(45), Some(at("2026-11-26T10:30:00Z")));
        assert_eq!(capacity.until(at("2026-11-26T11:00:00Z")), 60);
        assert_eq!(capacity.latest_start(30, at("2026-11-26T11:00:00Z")), Some(at("2026-11-26T10:00:00Z")));
        assert_eq!(capacity.latest_start(61, at("2026-11-26T11:00:00Z")), None);
    }

    #[test]
    fn work_that_nobody_is_there_for_is_done_in_the_morning() {
        let pace = worked(3, 8, 17, 60);
        let capacity = pace.outlook(at("2026-11-25T20:00:00Z"), &zone(), 30);
        assert_eq!((capacity.per_hour, capacity.measured), (0, true));
        assert_eq!(capacity.finish(60), Some(at("2026-11-26T08:00:00Z")), "9:00 in Stockholm");
        assert_eq!(capacity.latest_start(60, at("2026-11-26T09:00:00Z")), Some(at("2026-11-26T08:00:00Z")));
    }

    #[test]
    fn a_slow_hour_slows_the_next_two_and_a_good_one_ends_that() {
        let mut pace = worked(3, 8, 17, 60);
        let now = at("2026-11-26T10:00:00Z");
        for slot in 1..=RECENT_SLOTS {
            pace.add(slot_of(now) - slot, 3, SLOT_S as u32);
        }
        let slow = pace.outlook(now, &zone(), 30);
        assert!(slow.slow && slow.per_hour < 25, "{}", slow.per_hour);
        let hour = SignedDuration::from_hours(1);
        assert!(slow.finish(60).unwrap() > now + hour * 2);
        assert!(slow.finish(80).unwrap() < now + hour * 4, "later it is as on other days");

        let later = now + hour;
        for slot in 0..RECENT_SLOTS {
            pace.add(slot_of(now) + slot, 10, SLOT_S as u32);
        }
        let back = pace.outlook(later + SignedDuration::from_secs(SLOT_S), &zone(), 30);
        assert!(!back.slow && 50 < back.per_hour, "{}", back.per_hour);
    }

    #[test]
    fn old_days_are_forgotten() {
        let mut pace = worked(10, 8, 17, 60);
        pace.forget(at("2026-11-26T00:00:00Z"), SignedDuration::from_hours(48));
        assert!(pace.slots.len() <= 2 * 144 + 1, "{}", pace.slots.len());
        assert!(pace.slots.keys().all(|slot| slot_of(at("2026-11-24T00:00:00Z")) <= *slot));
    }

    #[test]
    fn what_takes_longer_than_a_week_has_no_end_in_sight() {
        let capacity = Pace::default().outlook(at("2026-11-26T09:00:00Z"), &zone(), 1);
        assert_eq!(capacity.finish(168 + 20), None);
        assert_eq!(Pace::default().outlook(at("2026-11-26T09:00:00Z"), &zone(), 0).finish(1), None);
    }

    proptest::proptest! {
        /// Finishing and starting are each other's inverse, and more work never ends earlier.
        #[test]
        fn more_work_ends_later(floor in 1u32..200, units in 1u32..300, more in 0u32..100, second in 0i64..100_000) {
            let now = Timestamp::from_second(1_790_000_000 + second).unwrap();
            let capacity = Pace::default().outlook(now, &zone(), floor);
            if let (Some(first), Some(second)) = (capacity.finish(units), capacity.finish(units + more)) {
                assert!(first <= second);
                assert!(units <= capacity.until(first) + 1);
                let start = capacity.latest_start(units, first);
                assert!(start.is_none_or(|start| (start.as_second() - now.as_second()).abs() <= 2), "{start:?} {now}");
            }
        }
    }
}
