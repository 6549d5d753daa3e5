//! Carriers and the collections that parcels must make, in the site's own zone.

use super::name::{CarrierId, CollectionId};
use super::pattern::Pattern;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::time::Duration;

/// A carrier that collects here.
#[derive(Clone, Debug)]
pub struct Carrier {
    pub id: CarrierId,
    pub name: Box<str>,
    pub collections: Vec<Schedule>,
    /// Days without any collection, local.
    pub holidays: Vec<Date>,
    /// How long after a collection's time nobody wonders where the courier is.
    pub grace: Duration,
    /// A parcel leaves only with the carrier's own number on it.
    pub tracking_required: bool,
    /// What the carrier's numbers look like.
    pub tracking_pattern: Option<Pattern>,
    /// Where a parcel can be followed; `{tracking}` stands for its number.
    pub tracking_url: Option<Box<str>>,
}

/// A collection that comes back on certain weekdays.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Monday first.
    pub days: [bool; 7],
    /// Local time at which the courier comes.
    pub at: Time,
    /// How long before that the last parcel must be sealed.
    pub cut_off: Duration,
}

/// One collection on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    pub id: CollectionId,
    pub at: Timestamp,
    pub cut_off: Timestamp,
}

/// How far ahead a collection is looked for: longer than any run of holidays.
const DAYS_AHEAD_MAX: i64 = 14;

impl Carrier {
    /// Whether its parcels have numbers of its own, as far as the configuration tells.
    #[must_use]
    pub fn gives_numbers(&self) -> bool {
        self.tracking_required || self.tracking_pattern.is_some() || self.tracking_url.is_some()
    }

    /// Where the parcel with this number can be followed.
    #[must_use]
    pub fn tracking_url(&self, tracking: &str) -> Option<Box<str>> {
        Some(self.tracking_url.as_ref()?.replace("{tracking}", tracking).into())
    }

    /// The next collection that comes after `now`, or none within two weeks.
    ///
    /// A time that a change to summer time skips is taken as much later; one that comes twice is the first.
    #[must_use]
    pub fn next_collection(&self, now: Timestamp, zone: &TimeZone) -> Option<Collection> {
        let today = now.to_zoned(zone.clone()).date();
        (0..=DAYS_AHEAD_MAX).find_map(|ahead| {
            let day = self.collections_on(today.checked_add(ahead.days()).ok()?, zone);
            day.filter(|collection| now < collection.at).min_by_key(|collection| collection.at)
        })
    }

    /// The last collection after `now` that comes no later than `by`, or none within two weeks.
    #[must_use]
    pub fn last_collection(&self, now: Timestamp, by: Timestamp, zone: &TimeZone) -> Option<Collection> {
        let today = now.to_zoned(zone.clone()).date();
        let days = (by.to_zoned(zone.clone()).date() - today).get_days();
        (0..=i64::from(days).clamp(0, DAYS_AHEAD_MAX)).rev().find_map(|ahead| {
            let day = self.collections_on(today.checked_add(ahead.days()).ok()?, zone);
            day.filter(|collection| now < collection.at && collection.at <= by).max_by_key(|collection| collection.at)
        })
    }

    /// Every collection after `now` within two weeks, the next first.
    #[must_use]
    pub fn upcoming(&self, now: Timestamp, zone: &TimeZone) -> Vec<Collection> {
        let today = now.to_zoned(zone.clone()).date();
        let days = (0..=DAYS_AHEAD_MAX).filter_map(|ahead| today.checked_add(ahead.days()).ok());
        let all = days.flat_map(|day| self.collections_on(day, zone));
        let mut upcoming: Vec<Collection> = all.filter(|collection| now < collection.at).collect();
        upcoming.sort_by_key(|collection| collection.at);
        upcoming
    }

    /// Every collection after `from` and no later than `until`, in order.
    #[must_use]
    pub fn between(&self, from: Timestamp, until: Timestamp, zone: &TimeZone) -> Vec<Collection> {
        let mut upcoming = self.upcoming(from, zone);
        upcoming.retain(|collection| collection.at <= until);
        upcoming
    }

    /// Whether it comes for this collection, as far as the configuration tells now.
    #[must_use]
    pub fn comes(&self, collection: &Collection, zone: &TimeZone) -> bool {
        let day = collection.at.to_zoned(zone.clone()).date();
        self.collections_on(day, zone).any(|known| known == *collection)
    }

    fn collections_on(&self, date: Date, zone: &TimeZone) -> impl Iterator<Item = Collection> {
        let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
        let holiday = self.holidays.contains(&date);
        let schedules = self.collections.iter().filter(move |schedule| !holiday && schedule.days[weekday]);
        schedules.filter_map(move |schedule| self.collection_on(date, schedule, zone))
    }

    fn collection_on(&self, date: Date, schedule: &Schedule, zone: &TimeZone) -> Option<Collection> {
        let at = zone.to_ambiguous_zoned(date.to_datetime(schedule.at)).compatible().ok()?.timestamp();
        let cut_off = at.checked_sub(schedule.cut_off).ok()?;
        let id = format!("{}@{date}T{:02}:{:02}", self.id, schedule.at.hour(), schedule.at.minute());
        Some(Collection { id: id.as_str().into(), at, cut_off })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carrier() -> Carrier {
        let weekdays = [true, true, true, true, true, false, false];
        let saturday = [false, false, false, false, false, true, false];
        Carrier {
            id: "dhl".into(),
            name: "DHL".into(),
            collections: vec![
                Schedule { days: weekdays, at: Time::constant(16, 30, 0, 0), cut_off: Duration::from_secs(900) },
                Schedule { days: weekdays, at: Time::constant(11, 0, 0, 0), cut_off: Duration::from_secs(900) },
                Schedule { days: saturday, at: Time::constant(2, 30, 0, 0), cut_off: Duration::from_secs(900) },
            ],
            holidays: vec![Date::constant(2026, 12, 25)],
            grace: Duration::from_secs(1_200),
            tracking_required: false,
            tracking_pattern: None,
            tracking_url: None,
        }
    }

    #[test]
    fn finds_the_last_collection_that_keeps_a_promise() {
        let zone = TimeZone::get("Europe/Stockholm").unwrap();
        for (now, by, expected) in [
            ("2026-11-23T09:00:00Z", "2026-11-23T15:30:00Z", Some("dhl@2026-11-23T16:30")),
            ("2026-11-23T09:00:00Z", "2026-11-23T15:29:59Z", Some("dhl@2026-11-23T11:00")),
            ("2026-11-23T10:00:00Z", "2026-11-23T15:29:59Z", None),
            ("2026-11-23T10:00:00Z", "2026-11-23T09:00:00Z", None),
            ("2026-11-28T12:00:00Z", "2026-11-30T09:00:00Z", None),
            ("2026-11-27T16:00:00Z", "2026-11-29T22:00:00Z", Some("dhl@2026-11-28T02:30")),
            ("2026-12-24T09:00:00Z", "2026-12-25T20:00:00Z", Some("dhl@2026-12-24T16:30")),
        ] {
            let found = carrier().last_collection(now.parse().unwrap(), by.parse().unwrap(), &zone);
            assert_eq!(found.as_ref().map(|found| &*found.id), expected, "{now} {by}");
        }
    }

    #[test]
    fn finds_the_next_collection() {
        let zone = TimeZone::get("Europe/Stockholm").unwrap();
        for (now, expected, at) in [
            ("2026-11-23T09:00:00Z", "dhl@2026-11-23T11:00", "2026-11-23T10:00:00Z"),
            ("2026-11-23T10:00:00Z", "dhl@2026-11-23T16:30", "2026-11-23T15:30:00Z"),
            ("2026-11-23T23:30:00Z", "dhl@2026-11-24T11:00", "2026-11-24T10:00:00Z"),
            ("2026-11-27T15:30:00Z", "dhl@2026-11-28T02:30", "2026-11-28T01:30:00Z"),
            ("2026-11-28T12:00:00Z", "dhl@2026-11-30T11:00", "2026-11-30T10:00:00Z"),
            ("2026-12-24T16:00:00Z", "dhl@2026-12-26T02:30", "2026-12-26T01:30:00Z"),
            ("2026-06-01T09:00:00Z", "dhl@2026-06-01T16:30", "2026-06-01T14:30:00Z"),
        ] {
            let found = carrier().next_collection(now.parse().unwrap(), &zone).unwrap();
            assert_eq!((&*found.id, found.at), (expected, at.parse().unwrap()), "{now}");
            assert_eq!(found.at.duration_since(found.cut_off).as_secs(), 900);
        }
    }

    #[test]
    fn a_collection_in_the_hour_that_summer_time_skips_comes_an_hour_later() {
        let zone = TimeZone::get("Europe/Stockholm").unwrap();
        let mut carrier = carrier();
        carrier.collections[2].days = [false, false, false, false, false, false, true];
        let found = carrier.next_collection("2027-03-27T20:00:00Z".parse().unwrap(), &zone).unwrap();
        assert_eq!(found.at, "2027-03-28T01:30:00Z".parse().unwrap());
    }

    #[test]
    fn a_carrier_that_never_comes_has_no_collection() {
        let carrier = Carrier { collections: Vec::new(), ..carrier() };
        assert_eq!(carrier.next_collection("2026-11-23T09:00:00Z".parse().unwrap(), &TimeZone::UTC), None);
    }
}
